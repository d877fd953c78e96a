//! What the Graph API's answers mean. The part that all platforms share is `strowger_channel::answer`; here are
//! the Graph API's own codes, compared as integers, and its usage headers.

use serde_json::{Value, json};
use strowger_channel::answer::{self, Answer};
use strowger_channel::rate::{self, Usage};
use strowger_channel::{Exchange, Host, Outcome, Report, Response};

use crate::config::Account;
use crate::publish::{Place, Post, is_id};

/// How long to leave an account alone after a refusal that does not say: 15 minutes. The windows of the Graph
/// API roll, so there is no moment at which all is well again.
const PAUSE_MS: i64 = 15 * 60_000;
const USAGE_HEADERS: [&str; 3] = ["x-app-usage", "x-page-usage", "x-business-use-case-usage"];

/// What became of a post, comment or message.
pub(crate) fn published(exchange: &Exchange, post: &Post, account: &Account, host: &Host) -> Report {
    let outcome = match read(exchange, account, host) {
        Ok(body) => match &post.place {
            Place::MessageTo(_) => match body["message_id"].as_str().filter(|id| !id.is_empty()) {
                Some(id) => Outcome::published(id),
                None => Outcome::unknown("Facebook answered with success, but without a message's id"),
            },
            Place::Page | Place::CommentOn(_) => match id_of(&body) {
                Some(id) if post.is_video() => Outcome::Accepted { handle: json!({ "video": id }) },
                Some(id) => Outcome::Published { id: Some(id), location: location(&body) },
                None => Outcome::unknown("Facebook answered with success, but without an id"),
            },
        },
        Err(outcome) => outcome,
    };
    let mut report = Report::from(outcome).with_throttle(throttle(exchange, host));
    if matches!((&post.place, &report.outcome), (Place::MessageTo(_), Outcome::Published { .. })) {
        report = report.with_user_data("_facebookSubmitType", "message");
    }
    report
}

/// The id of an unpublished picture, or how the conversation ends. Nothing is published yet, so whatever is not
/// final may be tried again.
pub(crate) fn uploaded(exchange: &Exchange, account: &Account, host: &Host) -> Result<String, Box<Report>> {
    let outcome = match read(exchange, account, host) {
        Ok(body) => match id_of(&body) {
            Some(id) => return Ok(id),
            None => Outcome::not_sent("Facebook took a picture, but gave no id"),
        },
        Err(Outcome::Unknown { message }) => {
            Outcome::not_sent(format!("a picture could not be uploaded: {message}"))
        }
        Err(outcome) => outcome,
    };
    Err(Box::new(Report::from(outcome).with_throttle(throttle(exchange, host))))
}

/// What became of a video that Facebook works on. Whatever does not say is asked again.
pub(crate) fn polled(exchange: &Exchange, handle: Value, account: &Account, host: &Host) -> Report {
    let outcome = match read(exchange, account, host) {
        Ok(body) => match body["status"]["video_status"].as_str() {
            Some("ready") => Outcome::Published {
                id: handle["video"].as_str().map(str::to_owned),
                location: location(&body),
            },
            Some("error" | "expired" | "upload_failed") => Outcome::rejected(
                "content",
                "Facebook took the video, but could not process it: nothing is to be seen of it",
            ),
            _ => Outcome::Accepted { handle },
        },
        Err(_) => Outcome::Accepted { handle },
    };
    Report::from(outcome).with_throttle(throttle(exchange, host))
}

/// The address of a post; Facebook gives those of videos without a host.
pub(crate) fn location(body: &Value) -> Option<String> {
    let address = body["permalink_url"].as_str().filter(|address| !address.is_empty())?;
    let host = if address.starts_with('/') { "https://www.facebook.com" } else { "" };
    Some(format!("{host}{address}"))
}

fn id_of(body: &Value) -> Option<String> {
    body["id"].as_str().filter(|id| is_id(id)).map(str::to_owned)
}

/// The JSON of a success, or what came instead.
fn read(exchange: &Exchange, account: &Account, host: &Host) -> Result<Value, Outcome> {
    Err(match answer::read(exchange) {
        Answer::Success(body) => return Ok(body),
        Answer::NeedsLogin(body) => {
            let words = words(body.as_ref(), account);
            Outcome::NeedsLogin { message: if words.is_empty() { "HTTP 401".to_owned() } else { words } }
        }
        Answer::RateLimited(_) => limited(exchange, host),
        Answer::Refused { status, body } => refused(status, body.as_ref(), exchange, account, host),
        // The host's words may quote the request.
        Answer::NotSent(why) => Outcome::not_sent(answer::words(&why, &account.auth.secrets())),
        Answer::Unknown(why) => Outcome::unknown(answer::words(&why, &account.auth.secrets())),
    })
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

pub(crate) fn meaning(code: i64, subcode: Option<i64>) -> Meaning {
    match (code, subcode) {
        // Subcodes that say more than their code does.
        (10, Some(2_018_278)) => return Meaning::Rejected(Some("outside-window")),
        (100, Some(33)) => return Meaning::Rejected(Some("not-found")),
        (100, Some(2_018_001)) | (551, _) | (200, Some(1_545_041)) => {
            return Meaning::Rejected(Some("no-recipient"));
        }
        (_, Some(458 | 459 | 460 | 463 | 464 | 467 | 492)) => return Meaning::NeedsLogin,
        _ => {}
    }
    match code {
        1 | 2 => Meaning::Unknown,
        4 | 17 | 32 | 341 | 613 | 80_000..=80_014 => Meaning::RateLimited,
        102 | 190 => Meaning::NeedsLogin,
        10 | 200..=299 => Meaning::Rejected(Some("permission")),
        100 | 324 | 352 | 1_609_005 => Meaning::Rejected(Some("content")),
        368 => Meaning::Rejected(Some("policy")),
        506 => Meaning::Rejected(Some("duplicate")),
        10_900 => Meaning::Rejected(Some("already-answered")),
        _ => Meaning::Rejected(None),
    }
}

/// The code of an error body.
pub(crate) fn code(body: Option<&Value>) -> Option<i64> {
    body?["error"]["code"].as_i64()
}

/// The subcode of an error body.
pub(crate) fn subcode(body: Option<&Value>) -> Option<i64> {
    body?["error"]["error_subcode"].as_i64()
}

/// Whether the platform calls an error passing: it may have acted before it failed.
fn is_transient(body: Option<&Value>) -> bool {
    body.is_some_and(|body| body["error"]["is_transient"] == true)
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
    match meaning(code, subcode(body)) {
        // A limit is passing too, but certain; anything else that is called so is a failure on their side.
        Meaning::Rejected(_) if is_transient(body) => Outcome::unknown(words),
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
