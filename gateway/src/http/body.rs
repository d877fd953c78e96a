//! Reads a request's body, within bounds of size and time.

use axum::body::{Body, Bytes};
use axum::http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use strowger::{Refusal, StatusCode as Code};

use super::answer::refuse_as;
use crate::settings::Limits;

/// How much of a body that is too long is read and thrown away: a client that still writes when its
/// connection ends may never see the answer.
const THROWN_AWAY: usize = 1 << 20;

/// The whole body; else the answer to give.
pub(crate) async fn read_body(body: Body, limits: &Limits) -> Result<Bytes, Response<Body>> {
    let limit = limits.body_bytes;
    // What says that it goes beyond that is not waited for.
    if body.size_hint().lower() > limit.saturating_add(THROWN_AWAY) as u64 {
        return Err(too_long(limit));
    }
    match tokio::time::timeout(limits.body_timeout, read(body, limit)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes.into()),
        Ok(Ok(None)) => Err(too_long(limit)),
        Ok(Err(_)) => {
            let broken = Refusal::new(Code::Invalid, "the request body could not be read to its end");
            Err(refuse_as(StatusCode::BAD_REQUEST, &broken))
        }
        Err(_) => {
            let late = Refusal::new(
                Code::Invalid,
                format!("the request body did not arrive within {} s", limits.body_timeout.as_secs()),
            );
            Err(refuse_as(StatusCode::REQUEST_TIMEOUT, &late))
        }
    }
}

/// The bytes; none if there are more than allowed.
async fn read(mut body: Body, limit: usize) -> Result<Option<Vec<u8>>, axum::Error> {
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        length += data.len();
        if length <= limit {
            bytes.extend_from_slice(&data);
        } else {
            bytes = Vec::new();
        }
        if length > limit.saturating_add(THROWN_AWAY) {
            break;
        }
    }
    Ok((length <= limit).then_some(bytes))
}

fn too_long(limit: usize) -> Response<Body> {
    let problem = format!("the request body is too long: at most {limit} bytes are allowed");
    refuse_as(StatusCode::PAYLOAD_TOO_LARGE, &Refusal::new(Code::OutOfRange, problem))
}
