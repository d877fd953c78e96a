//! Every request has an id, a line in the log, and its place in the figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, Response};
use axum::middleware::Next;
use tracing::Instrument;

use super::Peer;
use super::guard::set;
use crate::gateway::Gateway;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Keeps record of a request. Neither its query, its headers nor its body are written: they may hold what
/// nobody else should read.
pub(super) async fn keep(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let begun = Instant::now();
    let id = given_id(&request)
        .unwrap_or_else(|| format!("{:x}-{:x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let method = request.method().clone();
    let path: String = request.uri().path().chars().take(128).collect();
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address);
    let span = tracing::info_span!("request", id, %method, path);
    let mut response = next.run(request).instrument(span.clone()).await;
    set(response.headers_mut(), REQUEST_ID, &id);
    let endpoint = response.extensions_mut().remove::<Served>().map_or("none".into(), |served| served.0);
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    let known = if endpoint == "none" { "other" } else { method.as_str() };
    gateway.metrics.count_request(known, &endpoint, status, took);
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let peer = peer.map(tracing::field::display);
    span.in_scope(|| tracing::info!(status, took_ms, peer, "answered"));
    response
}

/// The pattern of the endpoint that answered; in the response's extensions.
#[derive(Clone)]
struct Served(String);

/// Notes which endpoint answers.
pub(super) async fn note_endpoint(path: MatchedPath, request: Request, next: Next) -> Response<Body> {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Served(path.as_str().to_owned()));
    response
}

/// The id that the caller gave, if it is short and plain.
fn given_id(request: &Request) -> Option<String> {
    let id = request.headers().get(&REQUEST_ID)?.to_str().ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (!id.is_empty() && id.len() <= 64 && id.bytes().all(is_plain)).then(|| id.to_owned())
}
