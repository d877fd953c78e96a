//! What platforms report: handed to the channel as it came, answered as the channel says.
//!
//! The channel's plugin knows the platform's signature, and decides; nothing is kept of a request that it
//! refuses. A failure of ours is a 500, after which platforms report again: what was taken in before is known
//! by the platform's own id, and makes no second interaction.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, COOKIE, TRANSFER_ENCODING,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use strowger::channel::{WebhookReply, WebhookRequest};
use strowger::{Error, Refusal, StatusCode as Code};

use super::{read_body, refuse};
use crate::api;
use crate::gateway::Gateway;

/// Hands a platform's request to its channel.
pub(super) async fn hand_in(
    State(gateway): State<Arc<Gateway>>,
    Path(place): Path<Vec<(String, String)>>,
    request: Request,
) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let channel = place.into_iter().find(|(name, _)| name == "channel").map(|(_, channel)| channel);
    let Some(channel) = channel.filter(|channel| gateway.engine.channels().contains(channel)) else {
        return refuse(&api::nothing_at(&path));
    };
    let told = WebhookRequest {
        method: request.method().as_str().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: headers_of(request.headers()),
        path,
    };
    let body = match read_body(request.into_body(), &gateway.settings.limits).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let ingesting = tokio::task::spawn_blocking(move || {
        let answered = gateway.engine.ingest(&channel, &told, &body);
        if let Err(error) = &answered {
            tracing::error!(%error, channel, "a webhook request could not be taken in");
        }
        answered
    });
    match ingesting.await {
        Ok(Ok(reply)) => answer(reply),
        Ok(Err(Error::Refused(refusal))) if refusal.code() == Code::NotFound => refuse(&refusal),
        Ok(Err(_)) | Err(_) => {
            refuse(&Refusal::new(Code::Internal, "the report could not be taken in: report it again"))
        }
    }
}

/// The headers, but for credentials, which are no business of a channel's.
fn headers_of(headers: &HeaderMap) -> Vec<(String, String)> {
    let known = headers.iter().filter(|(name, _)| **name != COOKIE && **name != AUTHORIZATION);
    known.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect()
}

fn answer(reply: WebhookReply) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in reply.headers {
        // How the answer is framed is the server's business.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
            && ![CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(&name)
        {
            headers.insert(name, value);
        }
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
