//! What everything that is served shares.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use strowger::Engine;
use tokio::sync::watch;

use crate::auth::Doorkeeper;
use crate::cometd::Exchange;
use crate::login::{Login, Logins};
use crate::metrics::Metrics;
use crate::push::Pushes;
use crate::ready::ReadyBoard;
use crate::settings::Settings;
use crate::staff::Staff;

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    pub(crate) doorkeeper: Doorkeeper,
    pub(crate) logins: Logins,
    pub(crate) exchange: Exchange,
    pub(crate) board: ReadyBoard,
    pub(crate) metrics: Metrics,
    pub(crate) pushes: Pushes,
    pub(crate) stopping: Stopping,
}

impl Gateway {
    pub(crate) fn new(engine: Engine, staff: Staff, settings: Settings) -> Self {
        Self {
            doorkeeper: Doorkeeper::new(staff, &settings.limits),
            logins: Logins::new(&settings.limits),
            exchange: Exchange::new(&engine, &settings.cometd),
            board: ReadyBoard::default(),
            metrics: Metrics::new(),
            pushes: Pushes::default(),
            stopping: Stopping::default(),
            engine,
            settings,
        }
    }

    /// The address of an interaction, as its resource has it in `uri`.
    pub(crate) fn address_of(&self, channel: &str, id: &str) -> String {
        let path = self.engine.manifest(channel).map(|manifest| manifest.uri_path).unwrap_or_default();
        format!("{}/api/v2/{path}/{id}", self.settings.base_uri)
    }

    /// Ends a login session, and what hangs on it.
    pub(crate) fn log_out(&self, login: &Arc<Login>) {
        self.logins.end(login);
        self.exchange.end_of_login(login);
        self.board.keep_only(|agent| self.logins.is_in(agent));
    }

    /// Clears away what has expired, until the gateway stops.
    pub(crate) async fn keep_house(&self) {
        let mut stopping = self.stopping.watch();
        while !*stopping.borrow_and_update() {
            self.logins.end_expired();
            self.board.keep_only(|agent| self.logins.is_in(agent));
            self.exchange.end_expired();
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                _ = stopping.changed() => {}
            }
        }
    }
}

/// Tells everybody that the gateway is about to stop.
pub(crate) struct Stopping {
    stopping: watch::Sender<bool>,
    since: OnceLock<Instant>,
}

impl Default for Stopping {
    fn default() -> Self {
        Self { stopping: watch::Sender::new(false), since: OnceLock::new() }
    }
}

impl Stopping {
    pub(crate) fn begin(&self) {
        self.since.get_or_init(Instant::now);
        self.stopping.send_replace(true);
    }

    pub(crate) fn has_begun(&self) -> bool {
        *self.stopping.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// How long what is under way may still take.
    pub(crate) fn time_left(&self, settings: &Settings) -> Duration {
        let spent = self.since.get().map_or(Duration::ZERO, Instant::elapsed);
        settings.stop_timeout.saturating_sub(spent)
    }

    /// Returns when the stop begins.
    pub(crate) async fn wait(&self) {
        // An error would mean that the sender is gone, and it is `self`.
        let _ = self.watch().wait_for(|&stopping| stopping).await;
    }
}
