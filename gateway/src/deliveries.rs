//! The threads that make deliveries.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::gateway::Gateway;

/// Threads at work; they end when the gateway stops, each after the delivery that it is making.
pub(crate) struct Deliveries {
    threads: Vec<JoinHandle<()>>,
}

/// How long a thread waits for a delivery before it looks whether the gateway stops.
const WAIT: Duration = Duration::from_millis(500);
/// How long it rests after the store failed.
const REST: Duration = Duration::from_secs(1);

impl Deliveries {
    pub(crate) fn begin(gateway: &Arc<Gateway>) -> io::Result<Self> {
        let threads = (1..=gateway.settings.delivery_workers)
            .map(|number| {
                let gateway = gateway.clone();
                thread::Builder::new().name(format!("deliver-{number}")).spawn(move || work(&gateway))
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { threads })
    }

    /// Waits for the deliveries that are being made.
    pub(crate) fn finish(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread that made deliveries had panicked");
            }
        }
    }
}

fn work(gateway: &Gateway) {
    while !gateway.stopping.has_begun() {
        match gateway.engine.deliver(1, WAIT) {
            Ok(made) => {
                gateway.metrics.deliveries.inc_by(made.into());
            }
            Err(error) => {
                tracing::error!(%error, "a delivery could not be worked on");
                thread::sleep(REST);
            }
        }
    }
}
