//! `strowger_engine`: opening, closing, plugins, the host's side of routing.

use std::ptr::NonNull;
use std::sync::Arc;

use ::engine::channel::WebhookRequest;
use ::engine::{Config, Engine, PluginsConfig, StoreConfig};
use parking_lot::Mutex;
use strowger_loader::{LoadError, LoadedChannel, Options, Plugin};

use crate::buf::strowger_buf;
use crate::entry::{Call, Handle, Ties, closing, entry};
use crate::error::{Failure, strowger_error};
use crate::host::{self, Host, strowger_host};
use crate::raw;
use crate::status::{STROWGER_ERR_CONFIG, STROWGER_OK, strowger_status};
use crate::str::{is_object, strowger_str};

/// An engine. Any thread may call with it; close it with strowger_engine_close().
pub struct strowger_engine {
    pub(crate) engine: Engine,
    plugins: Plugins,
    ties: Ties,
}

/// How plugins are loaded.
struct Plugins {
    config: PluginsConfig,
    store: StoreConfig,
    host: Option<Arc<Host>>,
    /// Known with the first plugin: an engine without any leaves the file of kept secrets alone.
    options: Mutex<Option<Options>>,
}

impl Plugins {
    fn load(&self, path: &str, config_json: &str) -> Result<Arc<LoadedChannel>, LoadError> {
        Ok(Arc::new(Plugin::load(path, config_json, &self.options()?)?))
    }

    fn options(&self) -> Result<Options, LoadError> {
        let mut options = self.options.lock();
        match &mut *options {
            Some(options) => Ok(options.clone()),
            none => {
                let known = host::options(self.host.as_ref(), Options::of(&self.config, &self.store)?);
                Ok(none.insert(known).clone())
            }
        }
    }
}

impl Handle for strowger_engine {
    fn ties(&self) -> &Ties {
        &self.ties
    }
}

/// Opens an engine.
///
/// @param config_json the configuration, see the conventions at the top; an empty string is an empty
///   object. Plugins that it names are loaded, in order.
/// @param out where the engine is put; close it with strowger_engine_close().
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_CONFIG, STROWGER_ERR_MANIFEST, STROWGER_ERR_CHANNEL_TAKEN,
///   STROWGER_ERR_LOAD, STROWGER_ERR_STORE or one of the errors of every call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_engine_open(
    config_json: strowger_str,
    out: *mut *mut strowger_engine,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let out = raw::out(call, out, "out")?;
        out.hand_over(open(call, config_json, None)?);
        Ok(STROWGER_OK)
    })
}

/// Opens an engine that takes its time, randomness, HTTP or log from the program.
///
/// @param config_json as for strowger_engine_open().
/// @param host the program's functions; copied. What `user_data` points at must live until `drop` is
///   called, or, without one, until every handle of the engine is closed.
/// @param out where the engine is put; close it with strowger_engine_close().
/// @param error where an error is put; may be NULL.
/// @return as strowger_engine_open(); STROWGER_ERR_HOST if `host` can't be used. On failure nothing of the
///   host is kept, and `drop` is not called.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_engine_open_with(
    config_json: strowger_str,
    host: *const strowger_host,
    out: *mut *mut strowger_engine,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let out = raw::out(call, out, "out")?;
        let host = Host::read(call, host)?;
        let engine = open(call, config_json, Some(&host))?;
        host.own();
        out.hand_over(engine);
        Ok(STROWGER_OK)
    })
}

fn open(
    call: &Call,
    config_json: strowger_str,
    host: Option<&Arc<Host>>,
) -> Result<strowger_engine, Failure> {
    let ties = Ties::new(host.cloned());
    call.tie(&ties);
    let config_json = config_json.document(call, "config_json")?;
    let config = if config_json.is_empty() { "{}" } else { config_json };
    if !is_object(config) {
        return Err(Failure::new(STROWGER_ERR_CONFIG, "the configuration must be a JSON object"));
    }
    let config = Config::parse(config).map_err(::engine::Error::from)?;
    let engine = Engine::open_with(&config, host::environment(host))?;
    let plugins = Plugins {
        config: config.plugins,
        store: config.store,
        host: host.cloned(),
        options: Mutex::default(),
    };
    for plugin in &config.channels {
        engine.add_channel(plugins.load(&plugin.path, plugin.config.get())?)?;
    }
    Ok(strowger_engine { engine, plugins, ties })
}

/// Closes an engine handle. What is accepted is in the store, and whoever waits in
/// strowger_subscription_next(), strowger_deliver() or strowger_delivery_next() is woken. Agents and
/// subscriptions keep the engine itself alive and go on working, though none of them waits any more;
/// handles may be closed in any order.
///
/// @param engine an engine that was not closed yet, or NULL, which does nothing. No call with this handle
///   may begin any more, and none may be under way, except that threads may wait in strowger_deliver() and
///   strowger_delivery_next().
/// @par Threads: any. From inside a callback it does nothing.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_engine_close(engine: *mut strowger_engine) {
    closing(|call| {
        if let Some(handle) = raw::take(call, NonNull::new(engine)) {
            call.tie(&handle.ties);
            handle.engine.close();
        }
    });
}

/// Loads a channel plugin. Plugins run with the program's rights and are never unloaded: load only what
/// you would link.
///
/// @param engine the engine.
/// @param path the plugin's absolute path: a regular file, not a link, owned by root or by this process's
///   user, not writable by others.
/// @param config_json the plugin's configuration document; an empty string is an empty object.
/// @param error where an error is put; may be NULL. Its message has the exact reason.
/// @return STROWGER_OK; STROWGER_ERR_LOAD, STROWGER_ERR_MANIFEST, STROWGER_ERR_CHANNEL_TAKEN,
///   STROWGER_ERR_STORE or one of the errors of every call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_channel_load(
    engine: *mut strowger_engine,
    path: strowger_str,
    config_json: strowger_str,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, engine, "engine")?;
        let (path, config) = (path.name(call, "path")?, config_json.document(call, "config_json")?);
        handle.engine.add_channel(handle.plugins.load(path, config)?)?;
        Ok(STROWGER_OK)
    })
}

/// Draws a channel's lifecycle: its states, and the operations that lead from one to another.
///
/// @param engine the engine.
/// @param channel the channel's name.
/// @param format "mermaid", "dot" or "scxml".
/// @param text where the diagram is put; free it with strowger_buf_free().
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_UNKNOWN_CHANNEL, STROWGER_ERR_INVALID for another format, or one of
///   the errors of every call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_diagram(
    engine: *const strowger_engine,
    channel: strowger_str,
    format: strowger_str,
    text: *mut *mut strowger_buf,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, engine, "engine")?;
        let (channel, format) = (channel.name(call, "channel")?, format.name(call, "format")?);
        let text = raw::out(call, text, "text")?;
        let format = format.parse().map_err(::engine::Error::UnknownFormat)?;
        text.hand_over(strowger_buf::new(handle.engine.diagram(channel, format)?));
        Ok(STROWGER_OK)
    })
}

/// Hands a platform's webhook request to its channel, and takes in the interactions that it reports.
///
/// @param engine the engine.
/// @param channel the name of a channel that a plugin runs.
/// @param request_json {"method","path","query"?,"headers"?:[["name","value"],…]}, as it came in.
/// @param body the request's raw bytes, which need not be text: signatures are over bytes.
/// @param answer_json where the HTTP answer for the platform is put: {"status","headers","body"}; free it
///   with strowger_buf_free(). A bad signature is an answer (401 or 403), not an error.
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_DOCUMENT, STROWGER_ERR_UNKNOWN_CHANNEL, STROWGER_ERR_CHANNEL if the
///   channel failed or takes no webhooks, or one of the errors of every call and of strowger_receive().
///   After an error the platform should be answered with a 5xx, so that it comes again.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_ingest(
    engine: *mut strowger_engine,
    channel: strowger_str,
    request_json: strowger_str,
    body: strowger_str,
    answer_json: *mut *mut strowger_buf,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, engine, "engine")?;
        let channel = channel.name(call, "channel")?;
        let request: WebhookRequest = request_json.object(call, "request_json")?;
        let body = body.bytes(call, "body")?;
        let out = raw::out(call, answer_json, "answer_json")?;
        let answer = handle.engine.ingest(channel, &request, body)?;
        let answer =
            serde_json::to_string(&answer).map_err(|error| Failure::document("answer_json", error))?;
        out.hand_over(strowger_buf::new(answer));
        Ok(STROWGER_OK)
    })
}
