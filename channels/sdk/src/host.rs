//! What the host does for a plugin.

use std::fmt;
use std::sync::Arc;

use strowger_channel_abi as abi;

/// How grave a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// Something failed that should not.
    Error = abi::STROWGER_CHANNEL_LOG_ERROR,
    /// Something that an operator should look at.
    Warn = abi::STROWGER_CHANNEL_LOG_WARN,
    /// Something worth knowing.
    Info = abi::STROWGER_CHANNEL_LOG_INFO,
    /// Detail for finding faults.
    Debug = abi::STROWGER_CHANNEL_LOG_DEBUG,
}

/// The services behind a [`Host`]: those of the C struct, or a stand-in for tests.
pub trait HostServices: Send + Sync {
    /// Unix time in milliseconds.
    fn now_ms(&self) -> i64;
    /// Fills `out` with bytes fit for nonces.
    fn random(&self, out: &mut [u8]);
    /// Writes a line to the host's log.
    fn log(&self, level: Level, message: &str);
}

/// The host of a plugin instance: clock, random bytes and log. Cheap to clone; any thread may use it, from
/// inside a call that the host makes.
#[derive(Clone)]
pub struct Host(Arc<dyn HostServices>);

impl Host {
    /// A host with these services.
    pub fn new(services: impl HostServices + 'static) -> Self {
        Self(Arc::new(services))
    }

    /// Unix time in milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }

    /// Fills `out` with bytes fit for nonces.
    pub fn random(&self, out: &mut [u8]) {
        self.0.random(out);
    }

    /// Writes a line to the host's log. Never pass a secret.
    pub fn log(&self, level: Level, message: &str) {
        self.0.log(level, message);
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}
