//! The log of requests, without their credentials.

use std::collections::VecDeque;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::http::Request;
use crate::options::Limits;
use crate::params;

const BLOT: &str = "[blotted]";
/// Headers that carry credentials.
const SECRET_HEADERS: &[&str] = &["authorization", "cookie", "proxy-authorization"];
/// Names of query, form and JSON members that carry credentials.
const SECRET_MEMBERS: &[&str] = &[
    "access_token",
    "appsecret_proof",
    "client_secret",
    "input_token",
    "oauth_signature",
    "oauth_token",
    "refresh_token",
];

/// A request that arrived, with its credentials blotted out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Recorded {
    /// As sent.
    pub method: String,
    /// Without the query, not decoded.
    pub path: String,
    /// What followed the `?`, not decoded; values of credentials blotted out.
    pub query: String,
    /// Names in lower case, in the order of arrival. Of `authorization` only the scheme is left.
    pub headers: Vec<(String, String)>,
    /// As text; values of credentials in forms and JSON blotted out.
    pub body: String,
    /// When it had been read, Unix milliseconds; RFC 3339 in JSON.
    #[serde(rename = "time", serialize_with = "as_iso")]
    pub time_ms: i64,
    /// The fault that hit it.
    pub fault: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
pub(crate) fn as_iso<S: Serializer>(ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&params::iso_ms(*ms))
}

/// The newest requests, as many as the limits allow.
#[derive(Debug, Default)]
pub(crate) struct Log {
    recorded: VecDeque<Recorded>,
    bytes: usize,
}

impl Log {
    pub(crate) fn push(&mut self, request: &Request, now_ms: i64, fault: Option<&str>, limits: &Limits) {
        let recorded = record(request, now_ms, fault);
        self.bytes += size(&recorded);
        self.recorded.push_back(recorded);
        while self.recorded.len() > limits.requests || self.bytes > limits.requests_bytes {
            let Some(oldest) = self.recorded.pop_front() else { break };
            self.bytes -= size(&oldest);
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn all(&self) -> Vec<Recorded> {
        self.recorded.iter().cloned().collect()
    }
}

fn size(recorded: &Recorded) -> usize {
    let headers = recorded.headers.iter().map(|(name, value)| name.len() + value.len());
    recorded.path.len() + recorded.query.len() + recorded.body.len() + headers.sum::<usize>()
}

fn record(request: &Request, now_ms: i64, fault: Option<&str>) -> Recorded {
    let header = |(name, value): &(String, String)| {
        let value = if SECRET_HEADERS.contains(&name.as_str()) { blot_header(value) } else { value.clone() };
        (name.clone(), value)
    };
    Recorded {
        method: request.method.clone(),
        path: blot_path(&request.path),
        query: blot_pairs(&request.query),
        headers: request.headers.iter().map(header).collect(),
        body: blot_body(request),
        time_ms: now_ms,
        fault: fault.map(str::to_owned),
    }
}

/// OneAll's addresses hold the token of an identity.
fn blot_path(path: &str) -> String {
    let parts: Vec<&str> = path.splitn(5, '/').collect();
    match parts.as_slice() {
        ["", api @ ("push" | "pull"), "identities", _, rest] => format!("/{api}/identities/{BLOT}/{rest}"),
        _ => path.to_owned(),
    }
}

fn blot_header(value: &str) -> String {
    value.split_once(' ').map_or_else(|| BLOT.to_owned(), |(scheme, _)| format!("{scheme} {BLOT}"))
}

fn is_secret(name: &str) -> bool {
    SECRET_MEMBERS.contains(&name)
}

fn blot_pairs(text: &str) -> String {
    let blot = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if is_secret(&params::decode_path(name)) => format!("{name}={BLOT}"),
        _ => pair.to_owned(),
    };
    text.split('&').map(blot).collect::<Vec<_>>().join("&")
}

fn blot_body(request: &Request) -> String {
    let text = String::from_utf8_lossy(&request.body);
    if request.media_type() == "application/x-www-form-urlencoded" {
        return blot_pairs(&text);
    }
    if !SECRET_MEMBERS.iter().any(|name| text.contains(name)) {
        return text.into_owned();
    }
    match serde_json::from_str::<Value>(&text) {
        Ok(mut document) => {
            blot_json(&mut document);
            document.to_string()
        }
        // What can't be read can't be blotted in part.
        Err(_) => BLOT.to_owned(),
    }
}

fn blot_json(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if is_secret(name) {
                    *member = Value::String(BLOT.to_owned());
                } else {
                    blot_json(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(blot_json),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(content_type: &str, query: &str, body: &str) -> Request {
        Request {
            headers: vec![
                ("content-type".into(), content_type.into()),
                ("authorization".into(), "Bearer hush".into()),
                ("cookie".into(), "hush".into()),
            ],
            query: query.into(),
            body: body.into(),
            ..Request::default()
        }
    }

    #[test]
    fn no_credential_is_kept_wherever_it_stands() {
        let json = r#"{"a":[{"access_token":"hush"}],"text":"hello"}"#;
        let cases = [
            request("application/json", "access_token=hush&x=1", json),
            request("application/x-www-form-urlencoded", "access%5Ftoken=hush", "access_token=hush&m=hello"),
            request("application/json", "", r#"{"access_token":"hush","text":"hello""#),
            request("multipart/form-data; boundary=x", "", "name=\"access_token\"\r\n\r\nhush"),
        ];
        let identity =
            Request { path: "/push/identities/hush/twitter/post.json".into(), ..Request::default() };
        assert_eq!(record(&identity, 0, None).path, "/push/identities/[blotted]/twitter/post.json");
        for case in cases {
            let recorded = format!("{:?}", record(&case, 0, None));
            assert!(!recorded.contains("hush"), "{recorded}");
        }
        let kept = record(&request("application/json", "access_token=hush&x=1", json), 0, None);
        assert_eq!(kept.query, "access_token=[blotted]&x=1");
        assert_eq!(kept.body, r#"{"a":[{"access_token":"[blotted]"}],"text":"hello"}"#);
        assert_eq!(kept.headers[1].1, "Bearer [blotted]");
    }

    #[test]
    fn the_oldest_go_first_by_number_and_by_bytes() {
        let mut log = Log::default();
        let limits = Limits { requests: 3, requests_bytes: 310, ..Limits::default() };
        for body in ["1", "2", "3", "4"] {
            log.push(&request("text/plain", "", body), 0, None, &limits);
        }
        assert_eq!(log.all().iter().map(|r| r.body.as_str()).collect::<Vec<_>>(), ["2", "3", "4"]);
        log.push(&request("text/plain", "", &"5".repeat(150)), 0, None, &limits);
        assert_eq!(log.all().iter().map(|r| r.body.as_str()).collect::<Vec<_>>(), ["4", &*"5".repeat(150)]);
    }
}
