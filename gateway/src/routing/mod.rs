//! Offers what waits in queues to agents who are ready.

mod floor;
mod router;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use router::Rules;

use self::floor::GatewayFloor;
use self::router::Router;
use crate::gateway::Gateway;

/// How often queues are looked at when nobody says that something changed.
const PAUSE: Duration = Duration::from_millis(250);

/// Routes until the gateway stops.
pub(crate) async fn route(gateway: Arc<Gateway>, rules: Rules) {
    let rules = Arc::new(rules);
    let mut router = Router::default();
    let mut stopping = gateway.stopping.watch();
    loop {
        let (floor, with) = (GatewayFloor(gateway.clone()), rules.clone());
        let round = tokio::task::spawn_blocking(move || {
            match router.round(&with, now_ms(), &floor) {
                Ok(made) => {
                    floor.0.metrics.offers.inc_by(made as u64);
                }
                Err(error) => tracing::error!(%error, "what waits could not be offered"),
            }
            router
        });
        router = match round.await {
            Ok(router) => router,
            Err(error) => {
                tracing::error!(%error, "a round of routing broke off");
                Router::default()
            }
        };
        tokio::select! {
            _ = stopping.wait_for(|&stopping| stopping) => return,
            () = gateway.board.changed() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

fn now_ms() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_epoch.map_or(0, |passed| i64::try_from(passed.as_millis()).unwrap_or(i64::MAX))
}
