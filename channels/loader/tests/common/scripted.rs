//! A plugin that is linked in and says what its configuration tells it to say: conversations are written
//! in the tests, step by step.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use strowger_channel_abi::{
    EntryFn, STROWGER_CHANNEL_ABI_MAJOR, STROWGER_CHANNEL_ABI_MINOR, STROWGER_CHANNEL_MAGIC,
    strowger_channel, strowger_channel_host, strowger_channel_plugin, strowger_conversation, strowger_sink,
    strowger_str,
};
use strowger_loader::{LoadError, LoadedChannel, Options, Plugin};

/// A result document and the body beside it.
type Told = (String, Vec<u8>);

/// What the conversations were told, by the configuration's `id`.
static TOLD: Mutex<Option<HashMap<String, Vec<Told>>>> = Mutex::new(None);

/// A plugin with these steps. A step that is a string is emitted as it stands; `"-1"` and the like are
/// returned as a status. `config` is merged into the configuration, `manifest` into the manifest document.
pub(crate) fn scripted(
    steps: &[Value],
    config: &Value,
    manifest: &Value,
    options: &Options,
) -> Result<(LoadedChannel, String), LoadError> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let id = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
    let mut document = json!({"channels": [{
        "channel": "tiny", "collections": ["tiny"], "listMember": "tiny", "resource": "tiny",
        "uriPath": "tiny", "topic": "/v2/me/tiny", "messageType": "T", "savedType": "S",
        "directionMember": "tinyType", "secrets": ["nip", "X-Api-Key"]}]});
    merge(&mut document, manifest);
    let mut all =
        json!({"id": id, "steps": steps, "manifest": document, "base_url": "http://127.0.0.1:9/v1"});
    merge(&mut all, config);
    let entry: EntryFn = entry;
    // SAFETY: the plugin below keeps the contract of the header.
    let plugin = unsafe { Plugin::linked(entry) }?;
    Ok((plugin.instance(&all.to_string(), options)?, id))
}

/// The results that the conversations of this plugin were handed.
pub(crate) fn told(id: &str) -> Vec<(Value, Vec<u8>)> {
    let told = TOLD.lock().unwrap();
    let told = told.as_ref().and_then(|told| told.get(id)).cloned().unwrap_or_default();
    told.into_iter().map(|(result, body)| (serde_json::from_str(&result).unwrap(), body)).collect()
}

fn merge(into: &mut Value, from: &Value) {
    for (name, value) in from.as_object().unwrap() {
        into[name] = value.clone();
    }
}

struct Script {
    host: *const strowger_channel_host,
    config: Value,
}

#[allow(clippy::cast_possible_truncation, reason = "a descriptor takes a few hundred bytes")]
static PLUGIN: strowger_channel_plugin = strowger_channel_plugin {
    magic: STROWGER_CHANNEL_MAGIC,
    struct_size: size_of::<strowger_channel_plugin>() as u32,
    abi_major: STROWGER_CHANNEL_ABI_MAJOR,
    abi_minor: STROWGER_CHANNEL_ABI_MINOR,
    needs: 0,
    name: strowger_str::borrow("scripted"),
    version: strowger_str::borrow("0"),
    origin: strowger_str::EMPTY,
    create: Some(create),
    destroy: Some(destroy),
    manifest: Some(manifest),
    check: Some(check),
    begin: Some(begin),
    resume: Some(resume),
    end: Some(end),
    ingest: Some(ingest),
};

unsafe extern "C" fn entry() -> *const strowger_channel_plugin {
    &raw const PLUGIN
}

fn bytes(text: &strowger_str) -> &[u8] {
    if text.len == 0 {
        return &[];
    }
    // SAFETY: the host lends what it passes for the length of the call.
    unsafe { std::slice::from_raw_parts(text.ptr.cast(), text.len) }
}

fn script<'a>(channel: *mut strowger_channel) -> &'a Script {
    // SAFETY: the host passes what `create` wrote, until `destroy`.
    unsafe { &*channel.cast::<Script>() }
}

fn emit(host: *const strowger_channel_host, sink: *mut strowger_sink, json: &str) {
    // SAFETY: the host struct is valid until `destroy`, the sink during this call.
    unsafe { (*host).emit.unwrap()(sink, strowger_str::borrow(json)) }
}

/// Emits the step at `index`, or returns the status that it stands for.
fn say(script: &Script, index: usize, sink: *mut strowger_sink) -> i32 {
    match &script.config["steps"][index] {
        Value::Null => 0,
        Value::String(text) => text.parse().unwrap_or_else(|_| {
            emit(script.host, sink, text);
            0
        }),
        step => {
            emit(script.host, sink, &step.to_string());
            0
        }
    }
}

unsafe extern "C" fn create(
    host: *const strowger_channel_host,
    config_json: strowger_str,
    _: *mut strowger_sink,
    out: *mut *mut strowger_channel,
) -> i32 {
    let config: Value = serde_json::from_slice(bytes(&config_json)).unwrap();
    if let Some(line) = config["log"].as_str() {
        // SAFETY: as for `emit`; `out` is the host's.
        unsafe { (*host).log.unwrap()((*host).ctx, 2, strowger_str::borrow(line)) };
    }
    // SAFETY: `out` is the host's place for the result.
    unsafe { *out = Box::into_raw(Box::new(Script { host, config })).cast() };
    0
}

unsafe extern "C" fn destroy(channel: *mut strowger_channel) {
    // SAFETY: it came from the box of `create`.
    drop(unsafe { Box::from_raw(channel.cast::<Script>()) });
}

unsafe extern "C" fn manifest(channel: *mut strowger_channel, out: *mut strowger_sink) -> i32 {
    let script = script(channel);
    emit(script.host, out, &script.config["manifest"].to_string());
    0
}

unsafe extern "C" fn check(
    _: *mut strowger_channel,
    _: strowger_str,
    _: strowger_str,
    _: strowger_str,
    _: strowger_str,
    _: *mut strowger_sink,
) -> i32 {
    0
}

unsafe extern "C" fn begin(
    channel: *mut strowger_channel,
    job_json: strowger_str,
    step: *mut strowger_sink,
    out: *mut *mut strowger_conversation,
) -> i32 {
    let _: Value = serde_json::from_slice(bytes(&job_json)).unwrap();
    if script(channel).config["no_conversation"] != true {
        // SAFETY: `out` is the host's place for the result.
        unsafe { *out = Box::into_raw(Box::new(0_usize)).cast() };
    }
    say(script(channel), 0, step)
}

unsafe extern "C" fn resume(
    channel: *mut strowger_channel,
    conversation: *mut strowger_conversation,
    result_json: strowger_str,
    body: strowger_str,
    step: *mut strowger_sink,
) -> i32 {
    let script = script(channel);
    let result = str::from_utf8(bytes(&result_json)).unwrap().to_owned();
    let id = script.config["id"].as_str().unwrap().to_owned();
    let mut told = TOLD.lock().unwrap();
    told.get_or_insert_default().entry(id).or_default().push((result, bytes(&body).to_vec()));
    // SAFETY: the host passes what `begin` wrote, on one thread at a time.
    let index = unsafe { &mut *conversation.cast::<usize>() };
    *index += 1;
    if script.config["again"] == true {
        *index = 0;
    }
    say(script, *index, step)
}

unsafe extern "C" fn end(_: *mut strowger_channel, conversation: *mut strowger_conversation) {
    // SAFETY: it came from the box of `begin`.
    drop(unsafe { Box::from_raw(conversation.cast::<usize>()) });
}

unsafe extern "C" fn ingest(
    channel: *mut strowger_channel,
    request_json: strowger_str,
    body: strowger_str,
    answer: *mut strowger_sink,
) -> i32 {
    let request: Value = serde_json::from_slice(bytes(&request_json)).unwrap();
    let body = format!("{} {} bytes", request["headers"][0][1].as_str().unwrap(), body.len);
    let document = json!({"answer": {"status": 200, "body": body}, "inbound": [{"channel": "tiny"}]});
    let text = if request["path"] == "/bad" { "{}".into() } else { document.to_string() };
    emit(script(channel).host, answer, &text);
    0
}
