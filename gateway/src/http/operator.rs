//! What an operator's instruments ask for.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response};

use super::json;
use crate::gateway::Gateway;

/// The process answers.
pub(super) async fn health() -> Response<Body> {
    json(200, r#"{"status":"up"}"#)
}

/// Requests should be sent here: not any more once a stop has begun.
pub(super) async fn ready(State(gateway): State<Arc<Gateway>>) -> Response<Body> {
    if gateway.stopping.has_begun() {
        return json(503, r#"{"status":"stopping"}"#);
    }
    json(200, r#"{"status":"ready"}"#)
}

/// The figures, as Prometheus reads them.
pub(super) async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response<Body> {
    let mut response = Response::new(gateway.metrics.text(&gateway).into());
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
