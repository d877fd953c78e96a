//! The Twitter plugin, built, loaded and pointed at a sandbox, and a log in which secrets are looked for.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use strowger::channel::{Attempt, Job, JobKind, OperationCall};
use strowger_loader::{
    Clock, ConversationLimits, KeptSecret, LoadedChannel, Options, Plugin, SecretStore, SecretStoreError,
};
use strowger_sandbox::Sandbox;

/// X's id of the account.
pub(crate) const USER: &str = "1258948171";
/// What every secret here begins with, and what it can't be found by: tokens that the sandbox gives out, both keys
/// of OneAll's site and those of X's app as HTTP Basic writes them (`public:s3cret-private`, `app:s3cret-client`), and Facebook's proof (HMAC-SHA-256 of
/// `s3cret-page-token` with `s3cret-app`).
const MARKS: [&str; 6] = [
    "s3cret-",
    "sandbox-access-",
    "sandbox-refresh-",
    "cHVibGljOnMzY3JldC1wcml2YXRl",
    "YXBwOnMzY3JldC1jbGllbnQ",
    "0023523f2549d96d62f1e6435b2830f4c000cb63f856863cabe9d5c614c88bc2",
];

/// The library, built once for each test program.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().expect("the workspace");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "strowger-twitter-plugin"])
            .current_dir(&root)
            .output()
            .expect("cargo runs");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        target.join("debug/libstrowger_twitter.so")
    })
}

/// A sandbox that takes the same text twice: a second post shall be seen, not refused.
pub(crate) fn sandbox() -> Sandbox {
    let options = strowger_sandbox::Options { duplicate_window: Duration::ZERO, ..Default::default() };
    Sandbox::start("127.0.0.1:0".parse().expect("an address"), options).expect("the sandbox starts")
}

/// An account that signs.
pub(crate) fn account() -> Value {
    json!({ "name": "brand", "user_id": USER, "settle_ms": 0, "operations": ["Retweet"],
            "auth": { "kind": "oauth1", "consumer_key": "key", "consumer_secret": "s3cret-consumer",
                      "token": "1258948171-s3cret-access", "token_secret": "s3cret-token" } })
}

/// The plugin with that account at that sandbox.
pub(crate) fn load(
    sandbox: &Sandbox,
    account: &Value,
    limit: Duration,
    attachments_dir: Option<&Path>,
) -> LoadedChannel {
    listen();
    let config = json!({ "name": "channel-twitter", "base_url": format!("http://{}", sandbox.addr()),
                         "accounts": [account] });
    let options = Options {
        expected_name: Some("twitter".into()),
        clock: Arc::new(Impatient),
        secrets: Some(Arc::new(Store)),
        attachments_dir: attachments_dir.map(Path::to_path_buf),
        limits: ConversationLimits { request: limit, ..ConversationLimits::default() },
        ..Options::default()
    };
    Plugin::load(library(), &config.to_string(), &options).expect("the plugin loads")
}

pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the year 292,000,000")
}

/// The system's clock, but waits are over at once.
pub(crate) struct Impatient;

impl Clock for Impatient {
    fn now_ms(&self) -> i64 {
        now_ms()
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(now_ms()).expect("after 1970"))
    }
    fn sleep(&self, _: Duration) {}
}

/// Keeps nothing: what is done with kept tokens is tests/tokens.rs's matter.
pub(crate) struct Store;

impl SecretStore for Store {
    fn keep(&self, _: &KeptSecret<'_>) -> Result<(), SecretStoreError> {
        Ok(())
    }
}

/// What a job tells.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) channel: &'static str,
    pub(crate) operation: Option<&'static str>,
    pub(crate) parameters: Box<RawValue>,
    pub(crate) handle: Option<Value>,
    pub(crate) extras: Box<RawValue>,
    pub(crate) user_data: Box<RawValue>,
    pub(crate) started_ms: i64,
    pub(crate) ended_ms: Option<i64>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            channel: "twitter",
            operation: None,
            parameters: raw(&json!({})),
            handle: None,
            extras: raw(&json!({})),
            user_data: raw(&json!({})),
            started_ms: now_ms(),
            ended_ms: None,
        }
    }
}

impl Told {
    pub(crate) fn job(&self, kind: JobKind) -> Job<'_> {
        Job {
            kind,
            delivery_id: "d1",
            interaction_id: Some("i1"),
            channel: self.channel,
            account: "brand",
            agent_id: "agent",
            queue_path: "",
            message: "Tea & cake: see https://example.com/menu",
            extras: &self.extras,
            user_data: &self.user_data,
            parent: None,
            attempt: Attempt { number: 1, started_ms: self.started_ms, ended_ms: self.ended_ms },
            operation: self.operation.map(|name| OperationCall { name, parameters: &self.parameters }),
            handle: self.handle.as_ref(),
            known: (kind == JobKind::Reconcile).then(Vec::new),
        }
    }
}

pub(crate) fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).expect("JSON")
}

// ---- the log ---------------------------------------------------------------------------------------------

/// Everything that was logged and not looked through yet.
static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

static LOGGED: AtomicUsize = AtomicUsize::new(0);

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.fetch_add(bytes.len(), Ordering::Relaxed);
        LINES.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn listen() {
    static LISTENING: OnceLock<()> = OnceLock::new();
    LISTENING.get_or_init(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(|| Lines)
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("nobody else listens");
    });
}

/// How much was logged: a log that is empty holds no secrets either.
pub(crate) fn logged_bytes() -> usize {
    LOGGED.load(Ordering::Relaxed)
}

/// Fails if a secret shows in `seen` or in the log. Tokens that the sandbox gave out count as well.
pub(crate) fn assert_discreet(seen: &str) {
    let log = std::mem::take(&mut *LINES.lock().unwrap_or_else(PoisonError::into_inner));
    let log = String::from_utf8_lossy(&log);
    for text in [seen, &log] {
        for mark in MARKS {
            if let Some(at) = text.find(mark) {
                let around: String = text[..at].chars().rev().take(300).collect();
                panic!("`{mark}` after: {}", around.chars().rev().collect::<String>());
            }
        }
    }
}
