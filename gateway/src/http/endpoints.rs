//! The one table of what is served: method, path, who may, and the handler.
//!
//! A new endpoint is a row here. Its handler is an axum handler with the state `Arc<Gateway>`; behind
//! [`Access::Agent`] it finds the [`Visitor`](super::Visitor) in the request's extensions. `strowger-gateway
//! endpoints` prints the table, and the test `gateway/tests/access.rs` fails until it has tried the new row
//! with every kind of caller.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::{Method, StatusCode, Version};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};
use strowger::{Refusal, StatusCode as Code};

use super::answer::refuse_as;
use super::{guard, me, operator, page, record, webhooks};
use crate::cometd;
use crate::gateway::Gateway;
use crate::push;

/// Who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody: there is nothing to see or to change that is anybody's.
    Anyone,
    /// A logged-in agent; a request that changes something carries the session's token where that is
    /// required.
    Agent,
    /// Whoever has keys that the endpoint knows and asks for itself: those of the push surface, or what a
    /// platform signs its reports with.
    OwnKeys,
}

impl Access {
    /// What `endpoints` prints.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Agent => "agent",
            Self::OwnKeys => "own-keys",
        }
    }
}

/// Which part of the table a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What agents and their desktops use.
    Public,
    /// What the operator's instruments use.
    Operator,
    /// What every listener has.
    Everywhere,
}

/// A row of the table.
pub(crate) struct Endpoint {
    pub(crate) method: Method,
    /// As axum reads it: `{id}` stands for a segment.
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) part: Part,
    handler: fn() -> MethodRouter<Arc<Gateway>>,
}

/// The table.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    use Access::{Agent, Anyone, OwnKeys};
    use Part::{Everywhere, Operator, Public};
    let row = |method, path, access, part, handler| Endpoint { method, path, access, part, handler };
    vec![
        row(Method::GET, "/api/v2/me", Agent, Public, || get(me::show)),
        row(Method::POST, "/api/v2/me", Agent, Public, || post(me::change_readiness)),
        row(Method::POST, "/api/v2/logout", Agent, Public, || post(me::log_out)),
        row(Method::GET, "/api/v2/me/{collection}", Agent, Public, || get(me::list)),
        row(Method::POST, "/api/v2/me/{collection}", Agent, Public, || post(me::perform)),
        row(Method::GET, "/api/v2/me/{collection}/{id}", Agent, Public, || get(me::read)),
        row(Method::POST, "/api/v2/me/{collection}/{id}", Agent, Public, || post(me::perform)),
        row(Method::POST, "/api/v2/notifications", Agent, Public, || post(cometd::long_polling)),
        row(Method::GET, "/api/v2/notifications", Agent, Public, || get(cometd::web_socket)),
        // What resources have as `uri`: `/api/v2/tweet/{id}`, `/api/v2/facebooks/{id}`, as the channels say.
        row(Method::GET, "/api/v2/{*address}", Agent, Public, || get(me::read_address)),
        // Some clients append the kind of message: `/handshake`, `/connect`, `/disconnect`.
        row(Method::POST, "/api/v2/notifications/{kind}", Agent, Public, || post(cometd::long_polling)),
        row(Method::GET, "/api/v2/notifications/{kind}", Agent, Public, || get(cometd::web_socket)),
        row(Method::GET, "/", Anyone, Public, || get(page::index)),
        row(Method::GET, "/page/{file}", Anyone, Public, || get(page::file)),
        row(Method::GET, "/page/directory", Agent, Public, || get(page::directory)),
        row(Method::GET, "/page/lifecycle/{channel}", Agent, Public, || get(page::lifecycle)),
        row(Method::POST, "/push/identities/{identity}/{*resource}", OwnKeys, Public, || post(push::publish)),
        row(Method::GET, "/push/identities/{identity}/{*resource}", OwnKeys, Public, || get(push::look_up)),
        row(Method::GET, "/webhooks/{channel}", OwnKeys, Public, || get(webhooks::hand_in)),
        row(Method::POST, "/webhooks/{channel}", OwnKeys, Public, || post(webhooks::hand_in)),
        // Where a plugin tells the webhooks of different apps apart by their paths.
        row(Method::GET, "/webhooks/{channel}/{hook}", OwnKeys, Public, || get(webhooks::hand_in)),
        row(Method::POST, "/webhooks/{channel}/{hook}", OwnKeys, Public, || post(webhooks::hand_in)),
        row(Method::GET, "/health", Anyone, Everywhere, || get(operator::health)),
        row(Method::GET, "/ready", Anyone, Everywhere, || get(operator::ready)),
        row(Method::GET, "/metrics", Anyone, Operator, || get(operator::metrics)),
    ]
}

/// The service that answers requests for those parts of the table.
pub(crate) fn router(gateway: &Arc<Gateway>, parts: &[Part]) -> Router {
    let mut router = Router::new();
    let served = endpoints()
        .into_iter()
        .filter(|endpoint| endpoint.part == Part::Everywhere || parts.contains(&endpoint.part));
    for endpoint in served {
        let handler = match endpoint.access {
            Access::Agent => {
                (endpoint.handler)().route_layer(from_fn_with_state(gateway.clone(), guard::only_agents))
            }
            Access::Anyone | Access::OwnKeys => (endpoint.handler)(),
        };
        router = router.route(endpoint.path, handler.route_layer(from_fn(record::note_endpoint)));
    }
    router
        .method_not_allowed_fallback(wrong_method)
        .fallback(nothing_there)
        .with_state(gateway.clone())
        .layer(from_fn(only_well_formed))
        .layer(from_fn_with_state(gateway.clone(), record::keep))
}

/// Refuses a path that is no text once it is decoded: handlers get texts. And a request of HTTP/1.1 that does not
/// name one host, as RFC 9112 (section 3.2) has servers do.
async fn only_well_formed(request: Request, next: Next) -> axum::response::Response {
    let hosts = request.headers().get_all(HOST).iter().count();
    if hosts > 1 || hosts == 0 && request.version() >= Version::HTTP_11 {
        return super::refuse(&Refusal::new(Code::Invalid, "the request must have one header Host"));
    }
    if percent_encoding::percent_decode_str(request.uri().path()).decode_utf8().is_err() {
        return super::refuse(&Refusal::new(
            Code::Invalid,
            "the path is malformed: expected UTF-8, percent-encoded",
        ));
    }
    next.run(request).await
}

async fn wrong_method(method: Method) -> axum::response::Response {
    let refusal = Refusal::new(
        Code::Invalid,
        format!("the method {:.16} is not served here: the header Allow says which are", method.as_str()),
    );
    refuse_as(StatusCode::METHOD_NOT_ALLOWED, &refusal)
}

async fn nothing_there(uri: axum::http::Uri) -> axum::response::Response {
    super::refuse(&crate::api::nothing_at(uri.path()))
}

/// Prints the table: method, path, access, part.
pub(crate) fn print() {
    for endpoint in endpoints() {
        let part = match endpoint.part {
            Part::Public => "public",
            Part::Operator => "operator",
            Part::Everywhere => "everywhere",
        };
        println!("{} {} {} {part}", endpoint.method, endpoint.path, endpoint.access.name());
    }
}
