//! From a file to an instance: opening, loading, negotiation, configuration.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value};
use strowger::channel::Manifest;
use strowger_channel_abi::{
    ENTRY_SYMBOL, EntryFn, STROWGER_CHANNEL_BROKEN, STROWGER_CHANNEL_DONE, STROWGER_CHANNEL_FEATURE_FETCH,
    STROWGER_CHANNEL_FEATURE_FILE_FACTS, STROWGER_CHANNEL_FEATURE_FILES, STROWGER_CHANNEL_FEATURE_HTTP,
    STROWGER_CHANNEL_FEATURE_KEEP_SECRET, STROWGER_CHANNEL_PANICKED, STROWGER_CHANNEL_REFUSED,
};
use zeroize::Zeroizing;

use crate::attachment::Attachments;
use crate::base::{self, Base};
use crate::blot::Blotter;
use crate::channel::{LoadedChannel, emitted_message, status_words};
use crate::connection;
use crate::driver::Driver;
use crate::error::LoadError;
use crate::fetch::Fetcher;
use crate::file::{self, PluginFile};
use crate::http::{ConnectionLimits, Http, HttpClient};
use crate::options::{ConversationLimits, Options};
use crate::raw::{self, Answer, Descriptor, Instance, Services};
use crate::secret;

/// A plugin whose descriptor was read and understood: instances can be made of it.
#[derive(Clone, Debug)]
pub struct Plugin {
    descriptor: Descriptor,
    /// Whose descriptor it is, in errors: the path.
    library: String,
}

/// Entry functions by device and inode. A library without one stays loaded as well, so it is remembered too.
type Loaded = HashMap<(u64, u64), Option<EntryFn>>;

/// What this process loaded. `None` until the first load: a hash map can't be made in a constant.
static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

/// What a plugin's configuration says.
struct Configuration {
    /// All but what is the loader's.
    document: Map<String, Value>,
    /// The same, for the plugin.
    text: Zeroizing<String>,
    connection: ConnectionLimits,
    limits: ConversationLimits,
}

impl Plugin {
    /// Loads the plugin at `path` and makes an instance with this configuration: [`Plugin::open`] and
    /// [`Plugin::instance`] in one.
    pub fn load(
        path: impl AsRef<Path>,
        config_json: &str,
        options: &Options,
    ) -> Result<LoadedChannel, LoadError> {
        Self::open(path, options.directory.as_deref())?.instance(config_json, options)
    }

    /// Loads the plugin at `path`: an absolute path, or the name of a file in `directory`, which is an
    /// absolute path itself.
    ///
    /// The file must be a regular one (not a link), owned by root or by the process's effective user, not
    /// writable by others, and by a group only if it is the process's own. What was examined is what gets
    /// loaded. A library is loaded once and never unloaded; the same file again gives the same library.
    ///
    /// A plugin runs with the host's rights: load only what you would link.
    pub fn open(path: impl AsRef<Path>, directory: Option<&Path>) -> Result<Self, LoadError> {
        let file = file::open(path.as_ref(), directory)?;
        let library = file.path.display().to_string();
        match entry_of(file)? {
            Some(entry) => Self::from_entry(entry, library),
            None => Err(LoadError::NoSymbol { library, symbol: ENTRY_SYMBOL }),
        }
    }

    pub(crate) fn from_entry(entry: EntryFn, library: String) -> Result<Self, LoadError> {
        let descriptor = raw::read_descriptor(entry, &library)?;
        Ok(Self { descriptor, library })
    }

    /// The plugin's name, as `twitter`.
    pub fn name(&self) -> &str {
        &self.descriptor.name
    }

    /// The plugin's own version.
    pub fn version(&self) -> &str {
        &self.descriptor.version
    }

    /// Who made it, in its own words.
    pub fn origin(&self) -> &str {
        &self.descriptor.origin
    }

    /// Makes an instance. An empty `config_json` is an empty object.
    ///
    /// Objects `{"env": "NAME"}` and `{"file": "path"}` in the configuration are replaced by what they
    /// refer to before the plugin sees it, and secrets by those that were kept since ([`SecretStore::latest`]).
    ///
    /// [`SecretStore::latest`]: crate::SecretStore::latest
    pub fn instance(&self, config_json: &str, options: &Options) -> Result<LoadedChannel, LoadError> {
        let plugin = || self.descriptor.name.clone();
        let features = features(options);
        self.accept(features, options)?;

        let blotter = Arc::new(Blotter::default());
        let Configuration { document: config, text: config_json, connection, limits } =
            self.configuration(config_json, options, &blotter)?;
        let mut bases = base::configured(&config).map_err(|fault| self.base_error(fault))?;
        let attachments = match &options.attachments_dir {
            None => None,
            Some(path) => Some(
                Attachments::open(path)
                    .map_err(|problem| LoadError::Option { option: "attachments_dir", problem })?,
            ),
        };
        let fetcher = options
            .fetch
            .as_ref()
            .map(|limits| Fetcher::new(limits, &connection))
            .transpose()
            .map_err(|problem| LoadError::Option { option: "fetch", problem })?;
        let http: Arc<dyn Http> =
            match &options.http {
                Some(http) => Arc::clone(http),
                None => Arc::new(HttpClient::new(&connection).map_err(|error| LoadError::Option {
                    option: "connection",
                    problem: error.to_string(),
                })?),
            };

        let services = Services {
            plugin: plugin(),
            clock: Arc::clone(&options.clock),
            random: Arc::clone(&options.random),
            blotter: Arc::clone(&blotter),
        };
        let (answer, instance) = Instance::create(&self.descriptor, services, features, &config_json);
        let instance = match (instance, answer.status) {
            (Some(instance), _) => instance,
            (None, STROWGER_CHANNEL_REFUSED) => {
                let message = emitted_message(&answer).unwrap_or_else(|| "it gives no reason".into());
                return Err(LoadError::Refused {
                    plugin: plugin(),
                    message: blotter.scrub(&message).into_owned(),
                });
            }
            (None, STROWGER_CHANNEL_DONE) => {
                return Err(self.failure("`create` says it is done, but wrote no instance"));
            }
            (None, status) => {
                let mut message = format!("`create` returned {}", status_words(status));
                if let Some(more) = emitted_message(&answer) {
                    message = format!("{message}: {}", blotter.scrub(&more));
                }
                return Err(self.failure(message));
            }
        };

        let document = self.manifest_document(&instance)?;
        let manifests = Manifest::parse_document(&document)
            .map_err(|source| LoadError::Manifest { plugin: plugin(), source })?;
        if manifests.is_empty() {
            return Err(self.failure("its manifest lists no channel"));
        }
        let plain = config.get("allow_plain_http") == Some(&Value::Bool(true));
        bases.extend(self.own_bases(&document, plain)?);
        for manifest in &manifests {
            blotter.learn_names(manifest.secrets.iter().map(String::as_str));
        }
        blotter.learn_members(&Value::Object(config));

        let driver = Driver {
            http,
            clock: Arc::clone(&options.clock),
            random: Arc::clone(&options.random),
            secrets: options.secrets.clone(),
            attachments,
            fetcher,
            bases,
            limits,
            blotter,
        };
        Ok(LoadedChannel::new(&self.descriptor, instance, manifests, driver))
    }

    /// The rest of the negotiation, which depends on the host: features, then the name.
    fn accept(&self, features: u64, options: &Options) -> Result<(), LoadError> {
        let missing = self.descriptor.needs & !features;
        if missing != 0 {
            return Err(LoadError::Features {
                library: self.library.clone(),
                missing: feature_names(missing),
            });
        }
        match &options.expected_name {
            Some(expected) if *expected != self.descriptor.name => Err(LoadError::Name {
                library: self.library.clone(),
                expected: expected.clone(),
                found: self.descriptor.name.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The configuration with its secrets in place.
    fn configuration(
        &self,
        config_json: &str,
        options: &Options,
        blotter: &Blotter,
    ) -> Result<Configuration, LoadError> {
        let plugin = || self.descriptor.name.clone();
        let problem = |problem: String| LoadError::Config { plugin: plugin(), problem };
        let text = if config_json.trim().is_empty() { "{}" } else { config_json };
        // serde_json tells the position and what it expected here; of a syntax error it quotes nothing.
        let mut config: Value = serde_json::from_str(text).map_err(|error| problem(error.to_string()))?;
        if !config.is_object() {
            return Err(problem("write {…}".into()));
        }
        let folder = options.config_dir.as_deref().unwrap_or(Path::new(""));
        let mut values = secret::resolve(&mut config, folder).map_err(|unresolved| LoadError::Secret {
            plugin: plugin(),
            member: unresolved.member,
            source: unresolved.source,
        })?;
        if let Some(store) = &options.secrets {
            values.extend(secret::renew(&mut config, &self.descriptor.name, &**store));
        }
        for value in &values {
            blotter.learn_value(value);
        }
        blotter.learn_members(&config);
        let Value::Object(mut config) = config else {
            return Err(problem("the whole of it is a reference to a secret".into()));
        };
        let is_changed = !values.is_empty() || config.contains_key(connection::MEMBER);
        let (connection, limits) = connection::take(&mut config, options, blotter)
            .map_err(|problem| LoadError::Option { option: "connection", problem })?;
        // A configuration of which nothing was replaced or taken reaches the plugin as the operator wrote it.
        let text = if is_changed {
            serde_json::to_string(&config).map_err(|error| problem(error.to_string()))?
        } else {
            text.to_owned()
        };
        Ok(Configuration { document: config, text: Zeroizing::new(text), connection, limits })
    }

    fn manifest_document(&self, instance: &Instance) -> Result<String, LoadError> {
        let answer = instance.manifest();
        if matches!(answer.status, STROWGER_CHANNEL_PANICKED | STROWGER_CHANNEL_BROKEN) {
            instance.give_up();
        }
        match answer {
            Answer { unfit: Some(problem), .. } => Err(self.failure(format!("`manifest` {problem}"))),
            Answer { status: STROWGER_CHANNEL_DONE, document: Some(document), .. } => Ok(document),
            Answer { status: STROWGER_CHANNEL_DONE, .. } => Err(self.failure("`manifest` emitted nothing")),
            Answer { status, .. } => {
                Err(self.failure(format!("`manifest` returned {}", status_words(status))))
            }
        }
    }

    /// Where the plugin itself says that its requests go, for a configuration that leaves `base_url` out.
    fn own_bases(&self, document: &str, allow_plain_http: bool) -> Result<Vec<Base>, LoadError> {
        #[derive(Deserialize)]
        struct Bases {
            #[serde(default)]
            bases: Vec<String>,
        }
        let Bases { bases } = serde_json::from_str(document)
            .map_err(|_| self.failure("`bases` of its manifest is no array of strings"))?;
        let parse = |(index, url): (usize, &String)| {
            Base::parse(url, allow_plain_http).map_err(|problem| {
                self.base_error(base::BaseFault { member: format!("bases[{index}]"), problem })
            })
        };
        bases.iter().enumerate().map(parse).collect()
    }

    fn failure(&self, message: impl Into<String>) -> LoadError {
        LoadError::Failed { plugin: self.descriptor.name.clone(), message: message.into() }
    }

    fn base_error(&self, fault: base::BaseFault) -> LoadError {
        LoadError::Base { plugin: self.descriptor.name.clone(), member: fault.member, problem: fault.problem }
    }
}

/// The entry function of the library in `file`, loaded now or earlier.
fn entry_of(file: PluginFile) -> Result<Option<EntryFn>, LoadError> {
    let identity = file.identity;
    let mut loaded = LOADED.lock();
    let loaded = loaded.get_or_insert_default();
    // A loaded file stays open, so nobody else can have its inode. Asking the dynamic loader again would
    // have it remember the new descriptor's name for the old library; this one is closed instead.
    if let Some(entry) = loaded.get(&identity) {
        return Ok(*entry);
    }
    let entry = raw::load_entry(file)?;
    loaded.insert(identity, entry);
    Ok(entry)
}

/// What this host offers with these options.
fn features(options: &Options) -> u64 {
    let mut features = STROWGER_CHANNEL_FEATURE_HTTP;
    if options.secrets.is_some() {
        features |= STROWGER_CHANNEL_FEATURE_KEEP_SECRET;
    }
    if options.attachments_dir.is_some() {
        features |= STROWGER_CHANNEL_FEATURE_FILES | STROWGER_CHANNEL_FEATURE_FILE_FACTS;
    }
    if options.fetch.is_some() {
        // What was fetched is looked at and sent as files are.
        features |= STROWGER_CHANNEL_FEATURE_FETCH
            | STROWGER_CHANNEL_FEATURE_FILES
            | STROWGER_CHANNEL_FEATURE_FILE_FACTS;
    }
    features
}

/// The features in `bits`, with what a host does to offer them.
fn feature_names(bits: u64) -> Vec<String> {
    (0..u64::BITS)
        .map(|shift| 1_u64 << shift)
        .filter(|bit| bits & bit != 0)
        .map(|bit| match bit {
            STROWGER_CHANNEL_FEATURE_HTTP => "requests".to_owned(),
            STROWGER_CHANNEL_FEATURE_KEEP_SECRET => {
                "a secret store (option `secrets`, or `secrets_file`)".to_owned()
            }
            STROWGER_CHANNEL_FEATURE_FILES => "files (option `attachments_dir`)".to_owned(),
            STROWGER_CHANNEL_FEATURE_FILE_FACTS => "facts of files (option `attachments_dir`)".to_owned(),
            STROWGER_CHANNEL_FEATURE_FETCH => "fetching (option `fetch`)".to_owned(),
            unknown => format!("the unknown feature {unknown:#x} (a newer host may have it)"),
        })
        .collect()
}
