//! The agents' page: its files, which are part of this program, and what it has to know of the house.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response, Uri};
use serde_json::json as value;
use strowger::lifecycle::DiagramFormat;
use strowger::{Refusal, StatusCode as Code};

use super::{Visitor, json, refuse};
use crate::api;
use crate::gateway::Gateway;

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! scripts {
    ($($name:literal),*) => { [$(($name, SCRIPT, include_str!(concat!("../../page/", $name)))),*] };
}

const INDEX: &str = include_str!("../../page/index.html");
const STYLE: (&str, &str, &str) =
    ("page.css", "text/css; charset=utf-8", include_str!("../../page/page.css"));
const SCRIPTS: [(&str, &str, &str); 11] = scripts![
    "bayeux.js",
    "compose.js",
    "diagram.js",
    "dom.js",
    "interactions.js",
    "log.js",
    "main.js",
    "operations.js",
    "session.js",
    "view.js",
    "weigh.js"
];

/// Nothing comes from elsewhere, nothing goes elsewhere, and nobody frames it.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'; object-src 'none'";

pub(super) async fn index() -> Response<Body> {
    text("text/html; charset=utf-8", INDEX)
}

pub(super) async fn file(Path(name): Path<String>, uri: Uri) -> Response<Body> {
    match SCRIPTS.iter().chain([&STYLE]).find(|(file, ..)| *file == name) {
        Some((_, kind, content)) => text(kind, *content),
        None => refuse(&api::nothing_at(uri.path())),
    }
}

/// The channels with what can be done on them, the queues, and the agents one can transfer to.
pub(super) async fn directory(State(gateway): State<Arc<Gateway>>) -> Response<Body> {
    let known = value!({
        "statusCode": 0,
        "channels": super::me::channels(&gateway),
        "queues": gateway.settings.queues,
        "agents": gateway.doorkeeper.staff().directory(),
    });
    json(200, known.to_string())
}

/// The lifecycle of a channel's interactions, as a state chart.
pub(super) async fn lifecycle(
    State(gateway): State<Arc<Gateway>>,
    Extension(_): Extension<Visitor>,
    Path(channel): Path<String>,
) -> Response<Body> {
    match gateway.engine.diagram(&channel, DiagramFormat::Scxml) {
        Ok(chart) => text("application/scxml+xml; charset=utf-8", chart),
        Err(_) => refuse(&Refusal::new(Code::NotFound, format!("there is no channel `{channel:.64}`"))),
    }
}

fn text(kind: &'static str, content: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(content.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
