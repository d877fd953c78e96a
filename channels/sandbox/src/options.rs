//! What a sandbox can be told at its start.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How a sandbox behaves. `Options::default()` suits most tests.
#[derive(Clone)]
pub struct Options {
    /// X token (bearer, or OAuth 1.0a `oauth_token`) → user id. Other tokens are still accepted.
    pub x_accounts: BTreeMap<String, String>,
    /// When not empty, OAuth 1.0a requests must come from one of these and their signatures are verified.
    pub oauth1_secrets: Vec<OAuth1Secrets>,
    /// How much one account may call one X endpoint. Default: 100,000 in 15 minutes.
    pub x_rate: RateLimit,
    /// How long X refuses the same text of the same account. Zero: never. Default: one hour.
    pub duplicate_window: Duration,
    /// Facebook access token → page id. Other tokens are still accepted.
    pub facebook_accounts: BTreeMap<String, String>,
    /// When set, every Graph request must carry the right `appsecret_proof`.
    pub facebook_app_secret: Option<String>,
    /// How much one token may call Graph; shown in per cent by the usage headers. Default: 100,000 in an hour.
    pub facebook_rate: RateLimit,
    /// Whether an address that is not loopback may be listened on. The control endpoints ask nobody for
    /// credentials, so the default is no.
    pub allow_remote: bool,
    /// Bounds and time limits.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            x_accounts: BTreeMap::new(),
            oauth1_secrets: Vec::new(),
            x_rate: RateLimit { requests: 100_000, window: Duration::from_secs(15 * 60) },
            duplicate_window: Duration::from_secs(60 * 60),
            facebook_accounts: BTreeMap::new(),
            facebook_app_secret: None,
            facebook_rate: RateLimit { requests: 100_000, window: Duration::from_secs(60 * 60) },
            allow_remote: false,
            limits: Limits::default(),
        }
    }
}

/// Shows how many credentials there are, never one of them.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("x_accounts", &self.x_accounts.len())
            .field("oauth1_secrets", &self.oauth1_secrets.len())
            .field("x_rate", &self.x_rate)
            .field("duplicate_window", &self.duplicate_window)
            .field("facebook_accounts", &self.facebook_accounts.len())
            .field("facebook_app_secret", &self.facebook_app_secret.is_some())
            .field("facebook_rate", &self.facebook_rate)
            .field("allow_remote", &self.allow_remote)
            .field("limits", &self.limits)
            .finish()
    }
}

/// The four values of an OAuth 1.0a user context.
#[derive(Clone)]
pub struct OAuth1Secrets {
    /// The application's key.
    pub consumer_key: String,
    /// The application's secret.
    pub consumer_secret: String,
    /// The account's token.
    pub token: String,
    /// The account's token secret.
    pub token_secret: String,
}

impl fmt::Debug for OAuth1Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth1Secrets").field("consumer_key", &self.consumer_key).finish_non_exhaustive()
    }
}

/// So many requests in a window that starts with the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests that are let through in one window.
    pub requests: u32,
    /// Length of the window.
    pub window: Duration,
}

/// Bounds and time limits. Reaching a bound is an answer that says so, never growth.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once; one more is answered 503. Default 256.
    pub connections: usize,
    /// Bytes of request line and headers; more is answered 431. Default 32 KiB.
    pub head_bytes: usize,
    /// Bytes of a request body; more is answered 413. Default 4 MiB.
    pub body_bytes: usize,
    /// From the first byte of a request to the end of its head; then 408. Default 10 s.
    pub head_timeout: Duration,
    /// From the end of the head to the end of the body; then 408. Default 30 s.
    pub body_timeout: Duration,
    /// How long a connection may wait for its next request before it is closed. Default 60 s.
    pub idle_timeout: Duration,
    /// How long one write of an answer may block. Default 30 s.
    pub write_timeout: Duration,
    /// Posts and relations kept; then publishing is answered 507. Default 100,000 each.
    pub posts: usize,
    /// Bytes of published texts and what came with them; then publishing is answered 507. Default 256 MiB.
    pub posts_bytes: usize,
    /// Requests kept; then the oldest is forgotten. Default 10,000.
    pub requests: usize,
    /// Bytes of requests kept, heads and bodies; then the oldest request is forgotten. Default 64 MiB.
    pub requests_bytes: usize,
    /// Faults armed at once. Default 1,000.
    pub faults: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            head_bytes: 32 << 10,
            body_bytes: 4 << 20,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            posts: 100_000,
            posts_bytes: 256 << 20,
            requests: 10_000,
            requests_bytes: 64 << 20,
            faults: 1_000,
        }
    }
}
