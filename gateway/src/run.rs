//! Runs a gateway until it is told to stop: the same for `demo` and for `serve`.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::deliveries::Deliveries;
use crate::gateway::Gateway;
use crate::http::{self, Door};
use crate::push;
use crate::routing;

/// A runtime for a gateway.
pub(crate) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("gateway").build()
}

/// Serves until SIGINT or SIGTERM, then finishes what is under way, for as long as the settings say. A
/// second signal ends the process at once. `announce` is called when all is ready, signals included.
pub(crate) async fn run(
    gateway: Arc<Gateway>,
    doors: Vec<Door>,
    announce: impl FnOnce(&[Door]) -> io::Result<()>,
) -> io::Result<()> {
    let deliveries = Deliveries::begin(&gateway)?;
    let housekeeping = tokio::spawn({
        let gateway = gateway.clone();
        async move { gateway.keep_house().await }
    });
    let routing =
        gateway.settings.routing.clone().map(|rules| tokio::spawn(routing::route(gateway.clone(), rules)));
    push::listen(&gateway).map_err(io::Error::other)?;
    let signals = stop_signals()?;
    tokio::spawn({
        let gateway = gateway.clone();
        async move { stop_on(signals, &gateway).await }
    });
    announce(&doors)?;
    http::serve(gateway.clone(), doors).await;
    let finishing = tokio::task::spawn_blocking(move || deliveries.finish());
    if tokio::time::timeout(gateway.settings.stop_timeout, finishing).await.is_err() {
        tracing::warn!("deliveries were still under way when the time to stop was over");
    }
    housekeeping.abort();
    if let Some(routing) = routing {
        // It ends by itself; what it was about to offer is offered.
        let _ = routing.await;
    }
    gateway.engine.close();
    tracing::info!("stopped");
    Ok(())
}

type Signals = (tokio::signal::unix::Signal, tokio::signal::unix::Signal);

fn stop_signals() -> io::Result<Signals> {
    Ok((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
}

async fn next(signals: &mut Signals) {
    tokio::select! {
        _ = signals.0.recv() => {}
        _ = signals.1.recv() => {}
    }
}

async fn stop_on(mut signals: Signals, gateway: &Gateway) {
    next(&mut signals).await;
    tracing::info!("stopping: what is under way is finished");
    gateway.stopping.begin();
    next(&mut signals).await;
    tracing::warn!("stopped at once, by a second signal");
    std::process::exit(130);
}
