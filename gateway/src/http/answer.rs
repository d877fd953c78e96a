//! Answers as clients of the Web Services API get them.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response, StatusCode};
use strowger::Refusal;

use crate::api::Answer;

/// An answer in JSON that nobody keeps.
pub(crate) fn json(status: u16, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A refusal, with the HTTP status that goes with its code.
pub(crate) fn refuse(refusal: &Refusal) -> Response<Body> {
    let Answer { http_status, body } = Answer::refused(refusal);
    json(http_status, body)
}

/// A refusal of the HTTP layer, with a status that says more than the code does.
pub(crate) fn refuse_as(status: StatusCode, refusal: &Refusal) -> Response<Body> {
    json(status.as_u16(), Answer::refused(refusal).body)
}
