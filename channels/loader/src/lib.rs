//! Loads Strowger channel plugins and drives their conversations over HTTP.
//!
//! A plugin is a shared library with one exported function (`strowger_channel.h`). [`Plugin::load`] opens
//! it, negotiates, hands it its configuration and returns a [`LoadedChannel`], which an engine takes as a
//! [`strowger::channel::Channel`]:
//!
//! ```no_run
//! use std::path::PathBuf;
//! use std::time::Duration;
//!
//! use strowger::channel::Channel;
//! use strowger_loader::{ConnectionLimits, Options, Plugin};
//!
//! # fn main() -> Result<(), strowger_loader::LoadError> {
//! let options = Options {
//!     directory: Some(PathBuf::from("/usr/lib/strowger")),
//!     expected_name: Some("twitter".into()),
//!     connection: ConnectionLimits { connect: Duration::from_secs(5), ..ConnectionLimits::default() },
//!     ..Options::default()
//! };
//! let channel = Plugin::load(
//!     "libstrowger_twitter.so",
//!     r#"{ "base_url": "https://api.x.com",
//!          "accounts": [ { "name": "support", "user_id": "1258948171",
//!                          "auth": { "kind": "bearer", "token": { "env": "X_TOKEN" } } } ] }"#,
//!     &options,
//! )?;
//! for manifest in channel.manifests() {
//!     println!("{} serves {}", channel.name(), manifest.topic);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Trust
//!
//! A plugin runs with the host's rights. What is examined (path, owner, mode) guards against accidents and
//! path tricks; it is no sandbox. Load only what you would link. A library stays loaded for the life of the
//! process.
//!
//! # What a plugin can't do
//!
//! It does no I/O itself: it answers with steps, and the driver here does them. Requests go only below the
//! base addresses, which are every string `base_url` of the configuration and the `bases` of the plugin's
//! manifest document; plain `http:` only to this machine, unless the configuration says
//! `"allow_plain_http": true` beside or around the base. There is one marked request in a conversation; it is
//! made after [`PointOfNoReturn::cross`](strowger::channel::PointOfNoReturn::cross), on a fresh connection,
//! and never again. Steps, time, documents, bodies and responses are bounded ([`ConversationLimits`]).
//!
//! Files that messages name are read beneath [`Options::attachments_dir`] alone; addresses that they name are
//! fetched only if [`Options::fetch`] says so, and only from the public internet and from servers that it names.
//!
//! # Limits, proxy and certificates
//!
//! A host sets them in [`Options::connection`] and [`Options::limits`]. An operator sets them in the plugin's
//! configuration, over the host's: the member `connection` is the loader's, and the plugin does not see it.
//!
//! ```json
//! "connection": { "resolve_ms": 10000, "connect_ms": 10000, "send_ms": 60000, "receive_ms": 60000,
//!                 "request_ms": 60000, "conversation_ms": 300000,
//!                 "proxy": "http://proxy.example.org:3128", "ca_file": "/etc/ssl/company.pem" }
//! ```
//!
//! Every limit is always set; the numbers are the defaults. `request_ms` is the whole of a request, unless the
//! plugin asks for less; `conversation_ms` is all requests and waits of one delivery. `proxy` is used by CONNECT
//! and may be given as `{"env": …}` or `{"file": …}` if it holds a password. `ca_file` is a file in PEM with the
//! authorities to trust instead of the public ones. A host with a function of its own for requests
//! ([`Options::http`]) is told so if the configuration sets more than the last two limits.
//!
//! # What a failure means
//!
//! | job | before bytes of the marked request were written | after |
//! |---|---|---|
//! | publish, operation | `not-sent` | `unknown` |
//! | poll | `accepted` with the same handle: ask again | – |
//! | reconcile | `cannot-tell` | – |
//!
//! An attachment that can't be read ends as `rejected` (code `attachment`), unless something is in doubt. A
//! plugin that claims `not-sent` after bytes were written, or a rate limit after an answer was lost, is
//! overruled: `unknown`.
//!
//! # Secrets
//!
//! References in the configuration, `{"env": "NAME"}` and `{"file": "path"}`, are resolved here, relative paths from
//! [`Options::config_dir`]. What a plugin was given anew, as a refreshed token, a [`SecretStore`] keeps for its next
//! start: [`SecretFile`] is one.
//!
//! Exchanges are traced at debug level (target `strowger_loader::driver`) without `authorization`, cookies, what the
//! manifest's `secrets` name, and the secret values that are known, wherever those turn up. Response bodies that are
//! not JSON are traced by their length alone.

#![deny(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("plugins are loaded through /proc/self/fd, which is Linux's");

mod attachment;
mod base;
mod blot;
mod body;
mod channel;
mod connection;
mod driver;
mod error;
mod fetch;
mod file;
mod http;
mod job;
mod log;
mod media_type;
mod options;
mod plugin;
#[allow(unsafe_code, reason = "the one file where raw pointers are read and foreign code is called")]
mod raw;
mod secret;
mod secret_file;
mod step;
mod talk;

/// The README's Rust program compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

pub use channel::LoadedChannel;
pub use error::{LoadError, SecretError};
pub use http::{
    ConnectionLimits, Http, HttpClient, HttpClientError, HttpRequest, HttpResponse, HttpResult,
    MAX_RESPONSE_BYTES,
};
pub use options::{
    Clock, ConfiguredSecret, ConversationLimits, KeptSecret, Options, Random, SecretStore, SecretStoreError,
    SystemClock, SystemRandom,
};
pub use plugin::Plugin;
pub use secret_file::{Purpose, SecretFile, SecretFileError};
pub use strowger::FetchLimits;
#[doc(hidden)]
pub use talk::{MeasuredStep, MeasuredTalk};
