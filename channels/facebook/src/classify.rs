//! What the Graph API's answers mean. The part that all platforms share is `strowger_channel::answer`; here are
//! the Graph API's own codes, compared as integers, and its usage headers.

use serde_json::Value;
use strowger_channel::answer::{self, Answer};
use strowger_channel::rate::{self, Usage};
use strowger_channel::{Exchange, Host, Outcome, Report, Response};

use crate::config::Account;
use crate::publish::is_id;

/// How long to leave an account alone after a refusal that does not say: 15 minutes. The windows of the Graph
/// API roll, so there is no moment at which all is well again.
const PAUSE_MS: i64 = 15 * 60_000;
const USAGE_HEADERS: [&str; 3] = ["x-app-usage", "x-page-usage", "x-business-use-case-usage"];

/// What became of a post or comment.
pub(crate) fn published(exchange: &Exchange, account: &Account, host: &Host) -> Report {
    let outcome = match answer::read(exchange) {
        Answer::Success(body) => match body["id"].as_str().filter(|id| is_id(id)) {
            Some(id) => {
                let location = body["permalink_url"].as_str().map(str::to_owned);
                Outcome::Published { id: Some(id.to_owned()), location }
            }
            None => Outcome::unknown("Facebook answered with success, but without an id"),
        },
        Answer::NeedsLogin(body) => {
            let words = words(body.as_ref(), account);
            Outcome::NeedsLogin { message: if words.is_empty() { "HTTP 401".to_owned() } else { words } }
        }
        Answer::RateLimited(_) => limited(exchange, host),
        Answer::Refused { status, body } => refused(status, body.as_ref(), exchange, account, host),
        Answer::NotSent(why) => Outcome::not_sent(blotted(&why, account)),
        Answer::Unknown(why) => Outcome::unknown(blotted(&why, account)),
    };
    Report::from(outcome).with_throttle(throttle(exchange, host))
}

/// Until when the account is to be left alone, if an allowance is nearly used up.
pub(crate) fn throttle(exchange: &Exchange, host: &Host) -> Option<i64> {
    Usage::read(response(exchange)?, &USAGE_HEADERS).slow_until_ms(host.now_ms())
}

/// An error in Facebook's words, fit for an outcome.
pub(crate) fn words(body: Option<&Value>, account: &Account) -> String {
    let error = body.map_or(&Value::Null, |body| &body["error"]);
    let text = ["error_user_msg", "message"].into_iter().find_map(|member| error[member].as_str());
    answer::words(text.unwrap_or_default(), &account.auth.secrets())
}

/// A message of the host, fit for an outcome: it may quote the request.
pub(crate) fn blotted(why: &str, account: &Account) -> String {
    answer::words(why, &account.auth.secrets())
}

/// What a code of the Graph API means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A failure of the platform: it may have acted on the request.
    Unknown,
    /// Too many requests.
    RateLimited,
    /// The credentials were not accepted.
    NeedsLogin,
    /// Refused, under this name if it has one.
    Rejected(Option<&'static str>),
}

pub(crate) fn meaning(code: i64) -> Meaning {
    match code {
        1 | 2 => Meaning::Unknown,
        4 | 17 | 32 | 341 | 613 | 80_000..=80_014 => Meaning::RateLimited,
        102 | 190 => Meaning::NeedsLogin,
        10 | 200..=299 => Meaning::Rejected(Some("permission")),
        100 | 1_609_005 => Meaning::Rejected(Some("content")),
        368 => Meaning::Rejected(Some("policy")),
        506 => Meaning::Rejected(Some("duplicate")),
        _ => Meaning::Rejected(None),
    }
}

/// The code of an error body.
pub(crate) fn code(body: Option<&Value>) -> Option<i64> {
    body?["error"]["code"].as_i64()
}

fn refused(
    status: u16,
    body: Option<&Value>,
    exchange: &Exchange,
    account: &Account,
    host: &Host,
) -> Outcome {
    let words = words(body, account);
    let words = if words.is_empty() { format!("HTTP {status}") } else { words };
    let Some(code) = code(body) else { return Outcome::rejected(format!("http-{status}"), words) };
    match meaning(code) {
        Meaning::Unknown => Outcome::unknown(words),
        Meaning::RateLimited => limited(exchange, host),
        Meaning::NeedsLogin => Outcome::NeedsLogin { message: words },
        Meaning::Rejected(name) => {
            Outcome::rejected(name.map_or_else(|| code.to_string(), str::to_owned), words)
        }
    }
}

fn limited(exchange: &Exchange, host: &Host) -> Outcome {
    let now_ms = host.now_ms();
    let announced = response(exchange).and_then(|response| {
        let minutes = Usage::read(response, &USAGE_HEADERS).regain_minutes;
        let regained = (minutes > 0).then(|| now_ms.saturating_add(minutes.saturating_mul(60_000)));
        regained.or_else(|| rate::retry_after_ms(response, now_ms))
    });
    let until_ms = announced.unwrap_or(now_ms.saturating_add(PAUSE_MS));
    Outcome::RateLimited { until_ms: rate::sensible_until_ms(until_ms, now_ms) }
}

fn response(exchange: &Exchange) -> Option<&Response> {
    match exchange {
        Exchange::Response(response) => Some(response),
        _ => None,
    }
}
