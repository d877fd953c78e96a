//! `/api/v2/me`: the agent, its readiness, and its interactions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderValue, Response};
use serde_json::{Value, json as value};
use strowger::{Refusal, StatusCode as Code};

use super::{Visitor, json, read_body, refuse};
use crate::api::{self, Answer};
use crate::gateway::Gateway;
use crate::ready::Change;

/// Who is logged in, and what there is to work with.
pub(super) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Extension(visitor): Extension<Visitor>,
) -> Response<Body> {
    let colleague = visitor.colleague();
    let user = value!({
        "userName": &*colleague.id,
        "features": colleague.features,
        "state": gateway.board.of(&colleague.id).name(),
    });
    json(200, value!({ "statusCode": 0, "user": user, "channels": channels(&gateway) }).to_string())
}

/// The channels, with what can be done on them.
pub(super) fn channels(gateway: &Gateway) -> Vec<Value> {
    let channels = gateway.engine.channels();
    let manifests = channels.iter().filter_map(|channel| gateway.engine.manifest(channel).ok());
    manifests
        .map(|manifest| {
            value!({
                "channel": manifest.channel,
                "collection": manifest.collections.first(),
                "listMember": manifest.list_member,
                "resource": manifest.resource,
                "topic": manifest.topic,
                "directionMember": manifest.direction_member,
                "operations": manifest.operations,
                "replyParameters": manifest.reply_parameters,
                "accounts": manifest.accounts.iter().map(|account| &account.name).collect::<Vec<_>>(),
            })
        })
        .collect()
}

/// `StartContactCenterSession`, `Ready`, `NotReady`, `EndContactCenterSession`.
pub(super) async fn change_readiness(
    State(gateway): State<Arc<Gateway>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response<Body> {
    let body = match read_body(request.into_body(), &gateway.settings.limits).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let colleague = visitor.colleague();
    let changed = operation(&body)
        .and_then(|operation| Change::parse(&operation))
        .and_then(|change| {
            if colleague.has_multimedia() { Ok(change) } else { Err(api::no_multimedia(&colleague.id)) }
        })
        .and_then(|change| gateway.board.change(&colleague.id, change));
    match changed {
        Ok(_) => json(200, r#"{"statusCode":0}"#),
        Err(refusal) => refuse(&refusal),
    }
}

fn operation(body: &[u8]) -> Result<String, Refusal> {
    let body: Value = serde_json::from_slice(body).map_err(|error| {
        Refusal::new(Code::Invalid, format!("the request body must be a JSON object: {error}"))
    })?;
    if !body.is_object() {
        return Err(Refusal::new(Code::Invalid, "the request body must be a JSON object"));
    }
    match &body["operationName"] {
        Value::String(operation) => Ok(operation.clone()),
        Value::Null => Err(Refusal::new(Code::Missing, "the parameter `operationName` is missing")),
        _ => Err(Refusal::new(Code::Invalid, "the parameter `operationName` must be a string")),
    }
}

/// Ends the login session and what hangs on it.
pub(super) async fn log_out(
    State(gateway): State<Arc<Gateway>>,
    Extension(visitor): Extension<Visitor>,
) -> Response<Body> {
    gateway.log_out(&visitor.login);
    let mut response = json(200, r#"{"statusCode":0}"#);
    if let Ok(cookie) = HeaderValue::from_str(&crate::login::no_cookie()) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Lists a collection.
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Extension(visitor): Extension<Visitor>,
    Path(collection): Path<String>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    read_from(gateway, visitor, collection, None, query.unwrap_or_default()).await
}

/// Shows an interaction.
pub(super) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Extension(visitor): Extension<Visitor>,
    Path((collection, id)): Path<(String, String)>,
) -> Response<Body> {
    read_from(gateway, visitor, collection, Some(id), String::new()).await
}

/// Shows the interaction whose address is asked for, as resources have it in `uri`.
pub(super) async fn read_address(
    State(gateway): State<Arc<Gateway>>,
    Extension(visitor): Extension<Visitor>,
    Path(address): Path<String>,
) -> Response<Body> {
    if !visitor.colleague().has_multimedia() {
        return refuse(&api::no_multimedia(&visitor.colleague().id));
    }
    carry_out(gateway, true, move |gateway| {
        api::read_address(&gateway.engine, &visitor.colleague().agent, &address)
    })
    .await
}

async fn read_from(
    gateway: Arc<Gateway>,
    visitor: Visitor,
    collection: String,
    id: Option<String>,
    query: String,
) -> Response<Body> {
    if !visitor.colleague().has_multimedia() {
        return refuse(&api::no_multimedia(&visitor.colleague().id));
    }
    // A list may be long.
    let is_short = id.is_some();
    carry_out(gateway, is_short, move |gateway| {
        api::read(&gateway.engine, &visitor.colleague().agent, &collection, id.as_deref(), &query)
    })
    .await
}

/// Performs an operation on a collection or on an interaction.
pub(super) async fn perform(
    State(gateway): State<Arc<Gateway>>,
    Extension(visitor): Extension<Visitor>,
    Path(place): Path<Vec<(String, String)>>,
    request: Request,
) -> Response<Body> {
    let body = match read_body(request.into_body(), &gateway.settings.limits).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let named = |name| place.iter().find(|(segment, _)| segment == name).map(|(_, value)| value.clone());
    let (collection, id) = (named("collection").unwrap_or_default(), named("id"));
    carry_out(gateway, true, move |gateway| {
        api::perform(&gateway.engine, &visitor.colleague().agent, &collection, id.as_deref(), &body)
    })
    .await
}

/// Asks the engine: at once if that is a matter of microseconds, for the way to another thread and back would take
/// longer; else not on the threads that serve everybody.
async fn carry_out(
    gateway: Arc<Gateway>,
    is_short: bool,
    call: impl FnOnce(&Gateway) -> Answer + Send + 'static,
) -> Response<Body> {
    let answer = if is_short && !gateway.engine.may_wait() {
        // As on a thread of its own, a panic is the end of this request and of nothing else.
        catch_unwind(AssertUnwindSafe(|| call(&gateway))).map_err(|_| "it panicked".to_owned())
    } else {
        tokio::task::spawn_blocking(move || call(&gateway)).await.map_err(|error| error.to_string())
    };
    match answer {
        Ok(Answer { http_status, body }) => json(http_status, body),
        Err(error) => {
            tracing::error!(error, "a request could not be carried out");
            refuse(&Refusal::new(Code::Internal, "the request could not be carried out"))
        }
    }
}
