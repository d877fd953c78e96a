//! What a gateway can be told, apart from whom and what it serves. `config` reads it from a file; each
//! default is what the example configuration says.

use std::time::Duration;

use crate::http::TrustedProxies;
use crate::push::PushRules;
use crate::routing::Rules;

/// How the gateway behaves.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Whether a request that changes something must carry its session's token.
    pub(crate) csrf: bool,
    /// What stands before every address that is handed out, without the last slash.
    pub(crate) base_uri: String,
    /// Who is believed when it tells for whom it asks.
    pub(crate) proxies: TrustedProxies,
    /// The queues that agents are shown.
    pub(crate) queues: Vec<String>,
    /// How what waits in queues is offered to ready agents; `None`: the host has a router of its own.
    pub(crate) routing: Option<Rules>,
    /// Whose pushes are taken; `None`: there is no push surface.
    pub(crate) push: Option<PushRules>,
    /// Threads that make deliveries.
    pub(crate) delivery_workers: usize,
    /// How long a stop waits for what is under way.
    pub(crate) stop_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) cometd: CometdSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            csrf: true,
            base_uri: String::new(),
            proxies: TrustedProxies::default(),
            queues: Vec::new(),
            routing: None,
            push: None,
            delivery_workers: 4,
            stop_timeout: Duration::from_secs(20),
            limits: Limits::default(),
            cometd: CometdSettings::default(),
        }
    }
}

/// Bounds of what clients can take up. Reaching one is an answer that says so.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Connections at once, on all listeners that serve agents.
    pub(crate) connections: usize,
    /// A request's body, in bytes.
    pub(crate) body_bytes: usize,
    /// How long the head of a request may take, and how long a connection may be idle.
    pub(crate) head_timeout: Duration,
    /// How long a request's body may take.
    pub(crate) body_timeout: Duration,
    /// Login sessions of one agent; the one that was longest unused makes room.
    pub(crate) logins_per_agent: usize,
    /// How long a login session lasts unused.
    pub(crate) login_idle: Duration,
    /// How long a login session lasts in all.
    pub(crate) login_lifetime: Duration,
    /// Wrong passwords in a row for one agent's name before more are refused for a while.
    pub(crate) failures_per_agent: u32,
    /// The same, from one address.
    pub(crate) failures_per_address: u32,
    /// How long it takes until one wrong password is forgotten.
    pub(crate) failure_forgotten: Duration,
    /// Passwords that are verified at once: each takes a core, and the memory that its hash asks for.
    pub(crate) passwords_at_once: usize,
    /// How long a password waits until it is verified.
    pub(crate) password_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            body_bytes: 256 << 10,
            head_timeout: Duration::from_secs(20),
            body_timeout: Duration::from_secs(20),
            logins_per_agent: 64,
            login_idle: Duration::from_secs(30 * 60),
            login_lifetime: Duration::from_secs(12 * 60 * 60),
            failures_per_agent: 10,
            failures_per_address: 50,
            failure_forgotten: Duration::from_secs(10),
            passwords_at_once: half_of_the_cores(),
            password_wait: Duration::from_secs(10),
        }
    }
}

/// Whoever is logged in already goes on while others log in.
fn half_of_the_cores() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).clamp(1, 8)
}

/// Notifications over CometD.
#[derive(Clone, Debug)]
pub(crate) struct CometdSettings {
    /// How long a connect is held when there is nothing to say.
    pub(crate) timeout: Duration,
    /// How long a client waits between two connects.
    pub(crate) interval: Duration,
    /// How long a session lasts without a connect.
    pub(crate) max_interval: Duration,
    /// Sessions in all.
    pub(crate) sessions: usize,
    /// Sessions of one agent.
    pub(crate) sessions_per_agent: usize,
    /// Messages that wait in one session.
    pub(crate) session_messages: usize,
    /// Bytes of the messages that wait in one session.
    pub(crate) session_bytes: usize,
    /// Messages in one request.
    pub(crate) batch: usize,
}

impl Default for CometdSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            interval: Duration::ZERO,
            max_interval: Duration::from_secs(15),
            sessions: 10_000,
            sessions_per_agent: 64,
            session_messages: 1_000,
            session_bytes: 1 << 20,
            batch: 64,
        }
    }
}
