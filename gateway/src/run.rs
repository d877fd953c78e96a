//! Runs a gateway until it is told to stop: the same for `demo` and for `serve`.

use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::deliveries::Deliveries;
use crate::gateway::Gateway;
use crate::http::{self, Door};
use crate::push;
use crate::routing;

/// Runs what a command does on a runtime of its own. When it has ended, nothing is waited for any more.
pub(crate) fn block_on<T, E: From<io::Error>>(command: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("gateway").build()?;
    let outcome = runtime.block_on(command);
    runtime.shutdown_background();
    outcome
}

/// Serves until SIGINT or SIGTERM, then finishes what is under way, for as long as the settings say. A
/// second signal ends the process at once. `announce` is called when all is ready, signals included.
pub(crate) async fn run(
    gateway: Arc<Gateway>,
    doors: Vec<Door>,
    announce: impl FnOnce(&[Door]) -> io::Result<()>,
) -> io::Result<()> {
    allow_descriptors(gateway.settings.limits.connections);
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
    if tokio::time::timeout(gateway.stopping.time_left(&gateway.settings), finishing).await.is_err() {
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

/// Takes as many descriptors as the system allows: each connection is one.
fn allow_descriptors(connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// Files, plugins, the store, connections to platforms.
    const OTHERS: u64 = 256;
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "no more descriptors could be had");
    }
    let needed = connections as u64 + OTHERS;
    if let Some(allowed) = getrlimit(Resource::Nofile).current.filter(|&allowed| allowed < needed) {
        tracing::warn!(allowed, needed, "the system allows fewer descriptors than there may be connections");
    }
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
