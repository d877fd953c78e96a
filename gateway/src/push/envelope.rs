//! Answers, member for member as OneAll gives them.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// What became of a push that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) provider: &'static str,
    pub(super) object: &'static str,
    pub(super) outcome: Outcome,
    /// The interaction's id and address.
    pub(super) id: String,
    pub(super) uri: String,
}

/// How far it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The platform has it.
    Published { post_id: Option<String>, location: Option<String> },
    /// It is on its way, or nobody can tell.
    Open { why: &'static str },
}

/// Why nothing is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: u16,
    pub(super) info: String,
    pub(super) retry_after: Option<Duration>,
}

impl Problem {
    pub(super) fn new(status: u16, info: impl Into<String>) -> Self {
        Self { status, info: info.into(), retry_after: None }
    }

    #[must_use]
    pub(super) fn retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }
}

/// `Thu, 21 Sep 2017 15:56:59 +0000`.
const DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] +0000"
);

/// `status_uri`: where the same is told later.
pub(super) fn answer(resource: &str, answer: &Answer, status_uri: &str) -> Response<Body> {
    let Answer { provider, object, outcome, uri, .. } = answer;
    let mut data = json!({ "provider": provider, "object": object, "post_id": null, "post_location": null });
    let (status, info) = match outcome {
        Outcome::Published { post_id, location } => {
            data["post_id"] = json!(post_id);
            data["post_location"] = json!(location);
            (200, "Your request has been processed successfully")
        }
        Outcome::Open { why } => {
            data["uri"] = json!(uri);
            data["status_uri"] = json!(status_uri);
            (202, *why)
        }
    };
    let mut response = respond(resource, "success", status, info, Some(data));
    if status == 202
        && let Ok(status_uri) = HeaderValue::from_str(status_uri)
    {
        response.headers_mut().insert(LOCATION, status_uri);
    }
    response
}

pub(super) fn refuse(resource: &str, problem: &Problem) -> Response<Body> {
    let mut response = respond(resource, "error", problem.status, &problem.info, None);
    let headers = response.headers_mut();
    if problem.status == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"push\", charset=\"UTF-8\""));
    }
    if let Some(after) = problem.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    response
}

fn respond(resource: &str, flag: &str, code: u16, info: &str, data: Option<Value>) -> Response<Body> {
    // Only a component that the description can't print fails, and a date and time has all of these.
    let date = OffsetDateTime::now_utc().format(DATE).unwrap_or_default();
    let status = json!({ "flag": flag, "code": code, "info": info });
    let mut response = json!({ "request": { "date": date, "resource": resource, "status": status } });
    if let Some(data) = data {
        response["result"] = json!({ "data": data });
    }
    crate::http::json(code, json!({ "response": response }).to_string())
}
