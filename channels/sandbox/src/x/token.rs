//! OAuth 2.0: a refresh token, good for one use, becomes an access token and the next refresh token.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::{anonymous_id, set_rate};
use crate::http::{Request, Response};
use crate::options::Options;
use crate::params;
use crate::state::State;

/// More than a test refreshes.
const MAX_TOKENS: usize = 10_000;
/// How long an access token lives.
const LIFE_MS: i64 = 7_200_000;

/// The tokens that were given out.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    /// Access token → account, and when it expires.
    access: HashMap<String, (String, i64)>,
    /// Refresh token → account.
    refresh: HashMap<String, String>,
    spent: HashSet<String>,
}

impl Tokens {
    /// The account of an access token that was given out here, unless it has expired.
    pub(super) fn bearer(&self, token: &str, now_ms: i64) -> Option<Result<String, &'static str>> {
        let (account, expires_ms) = self.access.get(token)?;
        Some(if now_ms < *expires_ms { Ok(account.clone()) } else { Err("the access token has expired") })
    }
}

pub(super) fn answer(request: &Request, state: &mut State, options: &Options, now_ms: i64) -> Response {
    let used = state.count(format!("x token {}", request.method), options.x_rate, now_ms);
    let mut response = if request.method != "POST" {
        refusal(405, "invalid_request", "this path takes POST")
    } else if used.exceeded() {
        refusal(429, "rate_limited", "too many requests")
    } else {
        refresh(request, state, options, now_ms)
    };
    set_rate(&mut response, used);
    response
}

fn refresh(request: &Request, state: &mut State, options: &Options, now_ms: i64) -> Response {
    if request.media_type() != "application/x-www-form-urlencoded" {
        return refusal(400, "invalid_request", "the body must be a form");
    }
    let fields = params::pairs(&String::from_utf8_lossy(&request.body));
    let field = |name: &str| {
        let found = fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let is_confidential = request.header("authorization").is_some_and(|value| value.starts_with("Basic "));
    if !is_confidential && field("client_id").is_none() {
        return refusal(400, "invalid_request", "Missing required parameter [client_id].");
    }
    if field("grant_type") != Some("refresh_token") {
        return refusal(400, "unsupported_grant_type", "the sandbox knows refresh_token alone");
    }
    let Some(old) = field("refresh_token") else {
        return refusal(400, "invalid_request", "Missing required parameter [refresh_token].");
    };
    if state.tokens.spent.contains(old) {
        return refusal(400, "invalid_request", "Value passed for the token was invalid.");
    }
    if state.tokens.spent.len() >= MAX_TOKENS {
        return refusal(507, "server_error", "the sandbox is full; empty it with DELETE /_sandbox/posts");
    }
    // One that was not given out here is somebody's first: its owner is who the options say, or its hash.
    let account = state.tokens.refresh.remove(old);
    let account =
        account.or_else(|| options.x_accounts.get(old).cloned()).unwrap_or_else(|| anonymous_id(old));
    let number = state.next_id(now_ms);
    let (access, next) = (format!("sandbox-access-{number}"), format!("sandbox-refresh-{number}"));
    let tokens = &mut state.tokens;
    tokens.spent.insert(old.to_owned());
    tokens.access.insert(access.clone(), (account.clone(), now_ms.saturating_add(LIFE_MS)));
    tokens.refresh.insert(next.clone(), account);
    let body = json!({ "token_type": "bearer", "expires_in": LIFE_MS / 1000, "access_token": access,
                       "refresh_token": next, "scope": "tweet.read tweet.write users.read offline.access" });
    Response::json(200, &body)
}

fn refusal(status: u16, error: &str, description: &str) -> Response {
    Response::json(status, &json!({ "error": error, "error_description": description }))
}
