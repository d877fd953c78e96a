//! What Prometheus reads.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::gateway::Gateway;

/// The gateway's figures.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<EndpointLabels, Histogram, fn() -> Histogram>,
    /// Open connections.
    pub(crate) connections: Gauge,
    /// Connections that there was no room for.
    pub(crate) refused_connections: Counter,
    /// Passwords that were wrong.
    pub(crate) failed_logins: Counter,
    /// Passwords that waited too long to be verified.
    pub(crate) refused_logins: Counter,
    /// Deliveries that were worked on, whatever came of them.
    pub(crate) deliveries: Counter,
    /// Offers that the router made.
    pub(crate) offers: Counter,
    logins: Gauge,
    ready_agents: Gauge,
    cometd_sessions: Gauge,
    cometd_subscriptions: Gauge,
    undelivered: Gauge,
    resident_bytes: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabels {
    method: Word,
    /// The path's pattern: as many as there are endpoints.
    endpoint: Word,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: Word,
    endpoint: Word,
    status: u16,
}

/// A label's text that is known when the program is built, or a path's pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Word(std::sync::Arc<str>);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        (&*self.0).encode(encoder)
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let metrics = Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            connections: Gauge::default(),
            refused_connections: Counter::default(),
            failed_logins: Counter::default(),
            refused_logins: Counter::default(),
            deliveries: Counter::default(),
            offers: Counter::default(),
            logins: Gauge::default(),
            ready_agents: Gauge::default(),
            cometd_sessions: Gauge::default(),
            cometd_subscriptions: Gauge::default(),
            undelivered: Gauge::default(),
            resident_bytes: Gauge::default(),
            registry: Registry::with_prefix("strowger_gateway"),
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "How long requests took, those held for notifications included",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register(
            "refused_connections",
            "Connections that there was no room for",
            self.refused_connections.clone(),
        );
        registry.register("failed_logins", "Wrong passwords", self.failed_logins.clone());
        registry.register(
            "refused_logins",
            "Passwords that waited too long to be verified",
            self.refused_logins.clone(),
        );
        registry.register("deliveries", "Deliveries worked on", self.deliveries.clone());
        registry.register("offers", "Interactions offered to agents", self.offers.clone());
        registry.register("login_sessions", "Login sessions", self.logins.clone());
        registry.register("ready_agents", "Agents who are ready", self.ready_agents.clone());
        registry.register("cometd_sessions", "CometD sessions", self.cometd_sessions.clone());
        registry.register(
            "cometd_subscriptions",
            "Topics that CometD sessions are subscribed to",
            self.cometd_subscriptions.clone(),
        );
        registry.register("undelivered", "Deliveries that are not settled", self.undelivered.clone());
        registry.register_with_unit(
            "resident_memory",
            "Resident memory",
            Unit::Bytes,
            self.resident_bytes.clone(),
        );
        self
    }

    /// Counts a request that was answered.
    pub(crate) fn count_request(&self, method: &str, endpoint: &str, status: u16, took: Duration) {
        let (method, endpoint) = (Word(method.into()), Word(endpoint.into()));
        self.request_seconds
            .get_or_create(&EndpointLabels { method: method.clone(), endpoint: endpoint.clone() })
            .observe(took.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { method, endpoint, status }).inc();
    }

    /// The text that Prometheus reads.
    pub(crate) fn text(&self, gateway: &Gateway) -> String {
        let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.logins.set(whole(gateway.logins.count()));
        self.ready_agents.set(whole(gateway.board.count_ready()));
        self.cometd_sessions.set(whole(gateway.exchange.count()));
        self.cometd_subscriptions.set(whole(gateway.exchange.count_subscriptions()));
        self.undelivered.set(whole(gateway.engine.undelivered()));
        self.resident_bytes.set(resident_bytes().unwrap_or(0));
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// The process's resident memory, where the system tells.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
