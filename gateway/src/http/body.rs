//! Reads a request's body, within bounds of size and time.

use axum::body::{Body, Bytes};
use axum::http::{Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use strowger::{Refusal, StatusCode as Code};

use super::answer::refuse_as;
use crate::settings::Limits;

/// The whole body; else the answer to give.
pub(crate) async fn read_body(body: Body, limits: &Limits) -> Result<Bytes, Response<Body>> {
    let limit = limits.body_bytes;
    // What says its length is not waited for.
    if body.size_hint().lower() > limit as u64 {
        return Err(too_long(limit));
    }
    let reading = Limited::new(body, limit).collect();
    let Ok(read) = tokio::time::timeout(limits.body_timeout, reading).await else {
        let late = Refusal::new(
            Code::Invalid,
            format!("the request body did not arrive within {} s", limits.body_timeout.as_secs()),
        );
        return Err(refuse_as(StatusCode::REQUEST_TIMEOUT, &late));
    };
    match read {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if is_too_long(&*error) => Err(too_long(limit)),
        Err(_) => {
            let broken = Refusal::new(Code::Invalid, "the request body could not be read to its end");
            Err(refuse_as(StatusCode::BAD_REQUEST, &broken))
        }
    }
}

fn too_long(limit: usize) -> Response<Body> {
    let problem = format!("the request body is too long: at most {limit} bytes are allowed");
    refuse_as(StatusCode::PAYLOAD_TOO_LARGE, &Refusal::new(Code::OutOfRange, problem))
}

fn is_too_long(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    error.is::<LengthLimitError>()
        || error.source().is_some_and(<dyn std::error::Error>::is::<LengthLimitError>)
}
