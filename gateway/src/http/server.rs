//! Connections: accepted within bounds, given up when they stall, finished when the gateway stops.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::endpoints::{Part, router};
use super::{Peer, Place};
use crate::gateway::Gateway;

/// A place where the gateway listens.
pub(crate) struct Door {
    listener: TcpListener,
    scheme: Scheme,
    parts: Vec<Part>,
}

/// How a listener is spoken to.
#[derive(Clone)]
pub(crate) enum Scheme {
    Plain,
    Tls(Arc<rustls::ServerConfig>),
}

/// An address that can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{address} can't be listened on: {error}")]
pub(crate) struct DoorError {
    address: SocketAddr,
    error: io::Error,
}

impl Door {
    /// Listens. Connections wait until [`serve`] takes them.
    pub(crate) async fn open(
        address: SocketAddr,
        scheme: Scheme,
        parts: Vec<Part>,
    ) -> Result<Self, DoorError> {
        let listener = TcpListener::bind(address).await.map_err(|error| DoorError { address, error })?;
        Ok(Self { listener, scheme, parts })
    }

    pub(crate) fn serves(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// Where it listens, as an address to look at: on all of the machine's addresses, that is `localhost`.
    pub(crate) fn url(&self) -> String {
        let scheme = if matches!(self.scheme, Scheme::Tls(_)) { "https" } else { "http" };
        let address = match self.listener.local_addr() {
            Ok(address) if address.ip().is_unspecified() => format!("localhost:{}", address.port()),
            Ok(address) => address.to_string(),
            Err(_) => "?".into(),
        };
        format!("{scheme}://{address}/")
    }
}

/// Bytes of a request's head, and of what is read ahead.
const HEAD_BYTES: usize = 32 << 10;
const TLS_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a peer may leave what was sent to it unacknowledged.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections at once on the operator's listeners: not taken from those of agents, so that instruments see
/// what happens when agents' are all taken.
const OPERATOR_CONNECTIONS: usize = 64;

/// Serves until the gateway stops, and then until what is under way has ended or the time for that is over. The
/// operator's own listeners are served on, until the process ends.
pub(crate) async fn serve(gateway: Arc<Gateway>, doors: Vec<Door>) {
    let room = Arc::new(Semaphore::new(gateway.settings.limits.connections));
    let operators_room = Arc::new(Semaphore::new(OPERATOR_CONNECTIONS));
    let mut accepting = tokio::task::JoinSet::new();
    for door in doors {
        if door.serves(Part::Public) {
            let stop = gateway.clone();
            let until_stop = accept(gateway.clone(), door, room.clone());
            accepting.spawn(async move {
                tokio::select! {
                    () = until_stop => {}
                    () = stop.stopping.wait() => {}
                }
            });
        } else {
            tokio::spawn(accept(gateway.clone(), door, operators_room.clone()));
        }
    }
    while accepting.join_next().await.is_some() {}
    let all = u32::try_from(gateway.settings.limits.connections).unwrap_or(u32::MAX);
    let finished =
        tokio::time::timeout(gateway.stopping.time_left(&gateway.settings), room.acquire_many(all)).await;
    if finished.is_err() {
        let left = gateway.settings.limits.connections - room.available_permits();
        tracing::warn!(left, "connections were still open when the time to stop was over");
    }
}

async fn accept(gateway: Arc<Gateway>, door: Door, room: Arc<Semaphore>) {
    let service = router(&gateway, &door.parts);
    let is_public = door.serves(Part::Public);
    loop {
        let (stream, address) = match door.listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, say: it passes, and must not become a busy loop.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = room.clone().try_acquire_owned() else {
            // Counted, not logged: whoever fills up the connections should not fill up the log as well.
            gateway.metrics.refused_connections.inc();
            continue;
        };
        let (service, scheme) = (service.clone(), door.scheme.clone());
        tokio::spawn(converse(gateway.clone(), service, scheme, stream, (address, is_public), place));
    }
}

async fn converse(
    gateway: Arc<Gateway>,
    service: Router,
    scheme: Scheme,
    stream: TcpStream,
    (address, is_public): (SocketAddr, bool),
    permit: OwnedSemaphorePermit,
) {
    let place = Place { _permit: Arc::new(permit) };
    gateway.metrics.connections.inc();
    if let Err(error) = set_options(&stream) {
        tracing::debug!(%error, "a socket's options could not be set");
    }
    match scheme {
        Scheme::Plain => {
            let peer = Peer { address: address.ip(), over_tls: false };
            converse_on(&gateway, service, stream, peer, place, is_public).await;
        }
        Scheme::Tls(config) => {
            let handshake = TlsAcceptor::from(config).accept(stream);
            match tokio::time::timeout(TLS_TIMEOUT, handshake).await {
                Ok(Ok(stream)) => {
                    converse_on(
                        &gateway,
                        service,
                        stream,
                        Peer { address: address.ip(), over_tls: true },
                        place,
                        is_public,
                    )
                    .await;
                }
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            }
        }
    }
    gateway.metrics.connections.dec();
}

/// Connections of agents' listeners end with the gateway's stop; those of the operator's have one request each.
async fn converse_on<S>(
    gateway: &Gateway,
    service: Router,
    stream: S,
    peer: Peer,
    place: Place,
    is_public: bool,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let proxies = &gateway.settings.proxies;
    let service = service_fn(move |mut request: Request<Incoming>| {
        let address = proxies.client(peer.address, request.headers());
        let over_tls = peer.over_tls || proxies.tells_of_tls(peer.address, request.headers());
        request.extensions_mut().insert(Peer { address, over_tls });
        request.extensions_mut().insert(place.clone());
        if let Some(plain) = without_last_slash(request.uri()) {
            *request.uri_mut() = plain;
        }
        answer(service.clone(), request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(gateway.settings.limits.head_timeout)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(is_public)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = gateway.stopping.wait(), if is_public => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

async fn answer(service: Router, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    service.oneshot(request).await
}

/// A path that ends in a slash is served as the one that does not.
fn without_last_slash(uri: &Uri) -> Option<Uri> {
    let plain = uri.path().strip_suffix('/').filter(|plain| !plain.is_empty())?;
    match uri.query() {
        Some(query) => format!("{plain}?{query}").parse().ok(),
        None => plain.parse().ok(),
    }
}

/// A peer that went away, or that reads nothing, is found out by the kernel.
fn set_options(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(SEND_TIMEOUT))?;
    socket.set_tcp_user_timeout(Some(SEND_TIMEOUT))
}
