//! What a host gives to the plugins that it loads, and the limits that it holds them to.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use strowger::{FetchLimits, PluginsConfig, StoreConfig};
use zeroize::Zeroizing;

use crate::error::LoadError;
use crate::http::{ConnectionLimits, Http};
use crate::secret_file::{Purpose, SecretFile};

/// How plugins are loaded and run. Everything has a default; see each member.
#[derive(Clone)]
pub struct Options {
    /// The directory, an absolute path, in which a plugin that is given by its file name alone is looked
    /// for. Default: none, so every plugin is given by its absolute path.
    pub directory: Option<PathBuf>,
    /// The name that the plugin must have in its descriptor. Default: any.
    pub expected_name: Option<String>,
    /// The directory in which relative paths of the configuration's references to files begin. Default: the
    /// process's working directory.
    pub config_dir: Option<PathBuf>,
    /// What makes the requests. Default: the built-in client with the limits of
    /// [`Options::connection`].
    pub http: Option<Arc<dyn Http>>,
    /// Limits, certificates and proxy of the built-in client; without effect on a host's own
    /// [`Options::http`].
    pub connection: ConnectionLimits,
    /// Time, for plugins and for waiting. Default: the system's.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for plugins' nonces and for multipart boundaries. Default: the system's.
    pub random: Arc<dyn Random>,
    /// Where plugins keep refreshed tokens. Default: none; a plugin that needs it is refused, and a step
    /// `keep-secret` ends its conversation.
    pub secrets: Option<Arc<dyn SecretStore>>,
    /// The directory, an absolute path, beneath which request bodies may name files. Default: none, so no
    /// file is ever read.
    pub attachments_dir: Option<PathBuf>,
    /// Whether, and how much, may be fetched from the public addresses that messages name as attachments.
    /// Default: none, so no address is ever fetched. It is done by the built-in client with the limits and
    /// certificates of [`Options::connection`], and not through a proxy.
    pub fetch: Option<FetchLimits>,
    /// Bounds of a conversation.
    pub limits: ConversationLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            directory: None,
            expected_name: None,
            config_dir: None,
            http: None,
            connection: ConnectionLimits::default(),
            clock: Arc::new(SystemClock::default()),
            random: Arc::new(SystemRandom),
            secrets: None,
            attachments_dir: None,
            fetch: None,
            limits: ConversationLimits::default(),
        }
    }
}

impl Options {
    /// What an engine's configuration says of its plugins, and the defaults for all else. Opens the file of kept
    /// secrets, by default the one beside a store on disk: no other process may use it as long as these options, or a
    /// channel that was loaded with them, are there.
    pub fn of(plugins: &PluginsConfig, store: &StoreConfig) -> Result<Self, LoadError> {
        let beside_store = || match store {
            StoreConfig::Sqlite { path, .. } => Some(SecretFile::beside_store(path)),
            StoreConfig::Memory => None,
        };
        let secrets = match plugins.secrets_file.as_ref().map(PathBuf::from).or_else(beside_store) {
            Some(path) => Some(open_secrets(path)?),
            None => None,
        };
        let attachments_dir = plugins.attachments_dir.as_ref().map(PathBuf::from);
        Ok(Self { secrets, attachments_dir, fetch: plugins.fetch.clone(), ..Self::default() })
    }
}

fn open_secrets(path: PathBuf) -> Result<Arc<dyn SecretStore>, LoadError> {
    let shown = path.display().to_string();
    let file = SecretFile::open(path, Purpose::Serve).map_err(|error| LoadError::Option {
        option: "secrets_file",
        problem: format!("`{shown}` {error}"),
    })?;
    Ok(Arc::new(file))
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("directory", &self.directory)
            .field("expected_name", &self.expected_name)
            .field("config_dir", &self.config_dir)
            .field("own_http", &self.http.is_some())
            .field("connection", &self.connection)
            .field("secrets", &self.secrets.is_some())
            .field("attachments_dir", &self.attachments_dir)
            .field("fetch", &self.fetch)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Bounds of one conversation: a plugin that goes round in circles is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConversationLimits {
    /// How many steps a conversation may take. Default: 1,000.
    pub steps: u32,
    /// How long a conversation may last, waits included. Default: 5 minutes. A request that has begun is
    /// left its own time limit, so that no doubt arises from this one.
    pub duration: Duration,
    /// The time limit of a request that names none, and the most that one may name. Default: 60 seconds.
    pub request: Duration,
    /// The largest request body, in bytes. Default: 64 MiB.
    pub request_body_bytes: usize,
}

impl Default for ConversationLimits {
    fn default() -> Self {
        Self {
            steps: 1_000,
            duration: Duration::from_secs(300),
            request: Duration::from_secs(60),
            request_body_bytes: 64 << 20,
        }
    }
}

/// Time. Tests put a virtual one in its place and never sleep.
pub trait Clock: Send + Sync {
    /// The time of day: Unix time in milliseconds.
    fn now_ms(&self) -> i64;

    /// Time since some fixed moment, which never runs backwards: for limits.
    fn monotonic(&self) -> Duration;

    /// Returns after `duration`.
    fn sleep(&self, duration: Duration);
}

/// The system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        // A clock before 1970 is a clock that was never set.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// Randomness fit for nonces.
pub trait Random: Send + Sync {
    /// Fills `out`. There is no way to fail: a nonce that may repeat is worse than none, so an
    /// implementation that has no randomness must panic, which ends the process if a plugin asked.
    fn fill(&self, out: &mut [u8]);
}

/// The system's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, out: &mut [u8]) {
        getrandom::fill(out).expect("the system has random numbers");
    }
}

/// Keeps secrets that a plugin was given by a platform, as refreshed tokens. It is the one place where a
/// secret is kept.
///
/// A plugin that keeps a secret under a name finds it again in the member of that name of the account's `auth`: the
/// loader asks for the latest one of each of these.
pub trait SecretStore: Send + Sync {
    /// Stores `value` durably before it returns.
    fn keep(&self, secret: &KeptSecret<'_>) -> Result<(), SecretStoreError>;

    /// The secret that was kept last in the place of a configured one, if it comes from that one: whoever configures
    /// another wants that used. Default: none, for hosts whose configurations have the latest ones.
    fn latest(&self, _configured: &ConfiguredSecret<'_>) -> Option<Zeroizing<String>> {
        None
    }
}

/// A member of the `auth` of an account in a plugin's configuration. Its `Debug` form shows no value.
#[derive(Clone, Copy)]
pub struct ConfiguredSecret<'a> {
    /// The plugin's name.
    pub plugin: &'a str,
    /// The account's channel, where the account says which it is of.
    pub channel: Option<&'a str>,
    /// The account.
    pub account: &'a str,
    /// The member.
    pub name: &'a str,
    /// What the configuration has, references resolved. Not every member is a secret.
    pub value: &'a str,
}

impl std::fmt::Debug for ConfiguredSecret<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfiguredSecret")
            .field("plugin", &self.plugin)
            .field("channel", &self.channel)
            .field("account", &self.account)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A secret to keep. Its `Debug` form shows no value.
#[derive(Clone, Copy)]
pub struct KeptSecret<'a> {
    /// The plugin's name.
    pub plugin: &'a str,
    /// The channel.
    pub channel: &'a str,
    /// The account.
    pub account: &'a str,
    /// The secret's name, chosen by the plugin.
    pub name: &'a str,
    /// The secret.
    pub value: &'a str,
}

impl std::fmt::Debug for KeptSecret<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptSecret")
            .field("plugin", &self.plugin)
            .field("channel", &self.channel)
            .field("account", &self.account)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A secret could not be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret could not be kept: {message}")]
pub struct SecretStoreError {
    /// The reason, without the secret.
    pub message: String,
}
