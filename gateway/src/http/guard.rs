//! Holds a request to its endpoint's row: first who is asking (401), then the session's token (403), then
//! the kind of content (415).

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use axum::middleware::Next;
use strowger::{Refusal, StatusCode as Code};

use super::Peer;
use super::answer::{refuse, refuse_as};
use crate::auth::{Admission, Denied};
use crate::gateway::Gateway;
use crate::login::{CSRF_HEADER, Login};
use crate::staff::Colleague;

/// Who is asking; in the extensions of requests to agents' endpoints.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) login: Arc<Login>,
}

impl Visitor {
    pub(crate) fn colleague(&self) -> &Arc<Colleague> {
        self.login.colleague()
    }
}

/// Lets logged-in agents through.
pub(super) async fn only_agents(
    State(gateway): State<Arc<Gateway>>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let Some(&peer) = request.extensions().get::<Peer>() else {
        return refuse(&Refusal::new(Code::Internal, "the connection's address is not known"));
    };
    let admitted = gateway.doorkeeper.admit(&gateway.logins, request.headers(), peer.address).await;
    let Admission { login, is_new } = match admitted {
        Ok(admission) => admission,
        Err(denied) => {
            match denied {
                Denied::Wrong => _ = gateway.metrics.failed_logins.inc(),
                Denied::TooMany { .. } => _ = gateway.metrics.refused_logins.inc(),
                Denied::NobodyAsked | Denied::TooOften { .. } => {}
            }
            return deny(denied, request.headers());
        }
    };
    let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = match check(&gateway, &login, &request, is_reading) {
        Ok(()) => {
            request.extensions_mut().insert(Visitor { login: login.clone() });
            next.run(request).await
        }
        Err(refused) => *refused,
    };
    let headers = response.headers_mut();
    if is_new && !login.is_over() {
        set(headers, SET_COOKIE, &login.cookie(peer.over_tls));
    }
    if is_reading && gateway.settings.csrf {
        headers.insert(HeaderName::from_static("x-csrf-header"), HeaderValue::from_static(CSRF_HEADER));
        set(headers, HeaderName::from_static("x-csrf-token"), login.csrf_token());
    }
    response
}

fn check(
    gateway: &Gateway,
    login: &Login,
    request: &Request,
    is_reading: bool,
) -> Result<(), Box<Response<Body>>> {
    if is_reading {
        return Ok(());
    }
    if gateway.settings.csrf && !login.has_token(request.headers().get(CSRF_HEADER)) {
        let refusal = Refusal::new(
            Code::Forbidden,
            format!("the header {CSRF_HEADER} with this session's token is missing: any GET answers with it"),
        );
        return Err(refuse(&refusal).into());
    }
    if !is_json(request.headers()) {
        let refusal =
            Refusal::new(Code::Invalid, "the content type is not served: expected application/json");
        return Err(refuse_as(StatusCode::UNSUPPORTED_MEDIA_TYPE, &refusal).into());
    }
    Ok(())
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn deny(denied: Denied, headers: &HeaderMap) -> Response<Body> {
    let refusal = Refusal::new(Code::NotAuthenticated, denied.to_string());
    match denied {
        Denied::NobodyAsked | Denied::Wrong => {
            let mut response = refuse(&refusal);
            // A page that asks in the background shows its own form; a browser's would cover it.
            if !headers.contains_key("x-requested-with") {
                let challenge = HeaderValue::from_static("Basic realm=\"strowger\", charset=\"UTF-8\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            response
        }
        Denied::TooOften { retry_after } => later(StatusCode::TOO_MANY_REQUESTS, &refusal, retry_after),
        Denied::TooMany { retry_after } => later(StatusCode::SERVICE_UNAVAILABLE, &refusal, retry_after),
    }
}

fn later(status: StatusCode, refusal: &Refusal, retry_after: Duration) -> Response<Body> {
    let mut response = refuse_as(status, refusal);
    set(response.headers_mut(), RETRY_AFTER, &retry_after.as_secs().max(1).to_string());
    response
}

/// Sets a header to a text of ours, which has no character that a header can't have.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
