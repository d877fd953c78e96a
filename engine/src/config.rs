//! What an engine is opened with.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::channel::Manifest;
use crate::operation::QueuePath;
use crate::store::Prune;

/// An engine's configuration. Unknown members of its JSON form are an error that names them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where interactions are kept.
    pub store: StoreConfig,
    /// The engine's name, written to `_umsInboundIxnSubmittedBy`.
    pub name: String,
    /// What stands before `/api/v2/…` in every `uri`.
    pub base_uri: String,
    /// Plugins to load. The engine itself loads none: its host does, with `strowger-loader`.
    pub channels: Vec<PluginConfig>,
    /// What the plugins may use.
    pub plugins: PluginsConfig,
    /// Channels that the host delivers itself.
    pub manifests: Vec<Manifest>,
    /// The queues, if only these exist; else any queue does.
    pub queues: Option<Vec<String>>,
    /// Bounds.
    pub limits: Limits,
    /// How long ended interactions are kept.
    pub retention: Retention,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: StoreConfig::Memory,
            name: "strowger".into(),
            base_uri: "http://localhost:8080".into(),
            channels: Vec::new(),
            plugins: PluginsConfig::default(),
            manifests: Vec::new(),
            queues: None,
            limits: Limits::default(),
            retention: Retention::default(),
        }
    }
}

/// Where interactions are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum StoreConfig {
    /// In memory: gone with the process.
    Memory,
    /// In an `SQLite` file. Needs the feature `sqlite`.
    Sqlite {
        /// The file; it is made if there is none. Beside it stand files of the same name with the endings
        /// `-wal`, `-shm` and `-lock`.
        path: String,
        /// Reads the whole file when it is opened, and refuses it if anything in it is damaged. Takes time
        /// in proportion to the file's size.
        #[serde(default)]
        check: bool,
    },
}

/// A plugin to load.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginConfig {
    /// The library's absolute path.
    pub path: String,
    /// The plugin's configuration document.
    pub config: Box<RawValue>,
}

/// What plugins may use, for hosts that load them with `strowger-loader`: `Options::of` has it from here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginsConfig {
    /// The file in which tokens are kept that platforms give out anew; it is made if there is none, readable by its
    /// user alone. By default it stands beside a store on disk, with the ending `-secrets`; with a store in memory
    /// there is none, and plugins that need it are refused.
    pub secrets_file: Option<String>,
    /// The directory, an absolute path, beneath which messages may name files. By default no file is ever read.
    pub attachments_dir: Option<String>,
    /// Whether, and how much, may be fetched from the public addresses (https) that messages name. By default none
    /// is ever fetched.
    pub fetch: Option<FetchLimits>,
}

/// Bounds of what is fetched from the addresses that messages name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FetchLimits {
    /// How long a file may be, in bytes. Default: 64 MiB.
    pub bytes: u64,
    /// How long it may take, in milliseconds. Default: 60,000.
    pub time_ms: u64,
    /// Servers that may be in the host's own network, as `media.example.com` or `media.example.com:8443`. Whoever
    /// writes messages can have anything published that such a server gives without a login. Default: none.
    pub own_servers: Vec<String>,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self { bytes: 64 << 20, time_ms: 60_000, own_servers: Vec::new() }
    }
}

/// Bounds of everything that could grow. Reaching one is a refusal with a reason.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// A request body, in bytes.
    pub body_bytes: usize,
    /// An interaction's user data, in bytes of JSON.
    pub user_data_bytes: usize,
    /// An interaction's user data, in keys.
    pub user_data_keys: usize,
    /// A message or a comment, in bytes.
    pub message_bytes: usize,
    /// Notes that wait in one subscription.
    pub subscription_notes: usize,
    /// Bytes of the notes that wait in one subscription.
    pub subscription_bytes: usize,
    /// The latest notes of an agent that are kept for subscribers who come back, in number. They are kept
    /// in the store from the agent's first subscription on; the latest one is kept whatever the limit.
    pub kept_notes: usize,
    /// The same, in bytes of the notes' JSON. The room that a store needs for them is at most this for each
    /// agent who was ever followed.
    pub kept_bytes: usize,
    /// Subscriptions of one agent.
    pub subscriptions: usize,
    /// Agents that were ever seen.
    pub agents: usize,
    /// Interactions in the store, finished ones included.
    pub interactions: usize,
    /// Deliveries that are not settled.
    pub outbox: usize,
    /// Bytes of the texts and user data that wait for delivery.
    pub outbox_bytes: usize,
    /// Settled deliveries that are remembered, so that a repeated outcome is recognised.
    pub settled: usize,
    /// Replies to requests that named themselves: the oldest are forgotten first, also within their 24
    /// hours.
    pub replies: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 << 10,
            user_data_bytes: 64 << 10,
            user_data_keys: 512,
            message_bytes: 64 << 10,
            subscription_notes: 10_000,
            subscription_bytes: 4 << 20,
            kept_notes: 1_000,
            kept_bytes: 1 << 20,
            subscriptions: 1_000,
            agents: 1_000_000,
            interactions: 10_000_000,
            outbox: 1_000_000,
            outbox_bytes: 2 << 30,
            settled: 1_000_000,
            replies: 1_000_000,
        }
    }
}

/// How long ended interactions (Completed or Canceled) are kept. By default they stay, up to
/// [`Limits::interactions`].
///
/// The ones that ended first are forgotten first, a completed one that was placed in a queue as well; never
/// one with a delivery under way, and none that an unfinished one answers. With it go its deliveries; what
/// these published is remembered for [`Retention::POSTS_MS`] more, for it is not to be taken for another
/// message that is in doubt. The platform's id of an inbound one is remembered for
/// [`Retention::EXTERNAL_IDS_MS`] more, so that a webhook that comes again makes no second interaction.
/// Contacts and their last agents stay, and so do the notes that tell of it: as long as the bounds of their own
/// allow, [`Limits::kept_notes`] and [`Limits::kept_bytes`].
///
/// There is no thread for it: a few are forgotten with each commit that ends an interaction and in
/// [`Engine::deliver`](crate::Engine::deliver), more by [`Engine::prune`](crate::Engine::prune).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// What ended longer ago goes, in milliseconds: 2,592,000,000 is 30 days.
    pub age_ms: Option<u64>,
    /// At most so many ended interactions are kept.
    pub count: Option<u64>,
}

impl Retention {
    /// How much longer than its interaction the platform's id of something published is remembered, in
    /// milliseconds: four days, twice as long as anything can be in doubt.
    pub const POSTS_MS: i64 = 4 * 24 * 60 * 60 * 1_000;
    /// How much longer than its interaction the platform's id of something received is remembered, in
    /// milliseconds: 30 days, where platforms repeat a webhook for a day or two.
    pub const EXTERNAL_IDS_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

    /// What is to be forgotten now, at most `max` interactions; `None` if everything is kept.
    pub(crate) fn prune(self, now_ms: i64, max: u32) -> Option<Prune> {
        (self != Self::default()).then(|| Prune {
            now_ms,
            ended_before_ms: self.age_ms.map(|age_ms| now_ms.saturating_sub_unsigned(age_ms)),
            keep: self.count,
            max,
        })
    }
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A member that is missing, unknown, or of the wrong kind.
    #[error("configuration, at `{path}`: {problem}")]
    Member {
        /// Where: `.` is the document itself.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A text that is no JSON.
    #[error("the configuration is not a JSON object: {0}")]
    Json(String),
}

impl ConfigError {
    pub(crate) fn member(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Member { path: path.into(), problem: problem.into() }
    }
}

impl Config {
    /// Reads the JSON form.
    ///
    /// ```
    /// let config = strowger::Config::parse(r#"{"store": {"kind": "memory"}, "name": "desk"}"#)?;
    /// assert_eq!(config.name, "desk");
    /// let wrong = strowger::Config::parse(r#"{"nmae": "desk"}"#).unwrap_err();
    /// assert!(wrong.to_string().contains("nmae"));
    /// # Ok::<(), strowger::ConfigError>(())
    /// ```
    pub fn parse(json: &str) -> Result<Self, ConfigError> {
        // An array would be read as the members in their order.
        if !json.trim_start().starts_with('{') {
            return Err(ConfigError::Json("expected an object".into()));
        }
        let mut unknown = Vec::new();
        let mut reader = serde_json::Deserializer::from_str(json);
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
        // Manifests tolerate members that a later engine knows when a plugin emits them; what an operator
        // wrote must be understood to the letter.
        let config: Self = serde_ignored::deserialize(tracked, |path| unknown.push(path.to_string()))
            .map_err(|error: serde_json::Error| match error.classify() {
                serde_json::error::Category::Data => {
                    ConfigError::member(track.path().to_string(), error.to_string())
                }
                _ => ConfigError::Json(error.to_string()),
            })?;
        reader.end().map_err(|error| ConfigError::Json(error.to_string()))?;
        if let Some(path) = unknown.first() {
            return Err(ConfigError::member(path, "is not a member that is known here"));
        }
        config.validate()?;
        Ok(config)
    }

    /// Checks what the form can't hold.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (index, path) in self.queues.iter().flatten().enumerate() {
            QueuePath::parse(path)
                .map_err(|error| ConfigError::member(format!("queues[{index}]"), error.to_string()))?;
        }
        for (index, manifest) in self.manifests.iter().enumerate() {
            manifest
                .validate()
                .map_err(|error| ConfigError::member(format!("manifests[{index}]"), error.to_string()))?;
        }
        Ok(())
    }
}
