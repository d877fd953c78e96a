//! What OneAll's answers mean.
//!
//! An answer says how it went up to three times: by the HTTP status, by `response.request.status`, and by
//! `response.result.status` where the platform behind was asked. Any of them being an error makes it one, and
//! the least certain of them counts: a failure of a server anywhere leaves it open what was done.
//!
//! | code | class |
//! |---|---|
//! | 200, 201 with a `post_id` | published |
//! | 200 … 202 of an asynchronous endpoint, without one | accepted |
//! | 207 (some recipients only) | published if a `post_id` came back, with the rest as user data; else unknown |
//! | 400, 403, 404, 405, 409, 3xx, 413, 422 | rejected |
//! | 401 | needs login |
//! | 429 | rate limited |
//! | 408, 5xx, an error without a code, an error together with a `post_id`, no envelope at all | unknown |

use serde_json::Value;
use strowger_channel::answer::{self, Answer};
use strowger_channel::{Exchange, Host, Outcome, Report, Response, rate};

use crate::access::Access;
use crate::push::Push;

/// How long to leave an account alone after a refusal that does not say: 15 minutes.
const PAUSE_MS: i64 = 15 * 60_000;
/// The user-data key that tells what became of the recipients that were not reached.
pub const PARTIAL: &str = "_deliveryPartial";

/// What became of a push.
pub(crate) fn pushed(
    exchange: &Exchange,
    push: &Push,
    handle: Value,
    access: &Access,
    host: &Host,
) -> Report {
    let outcome = match answer::read(exchange) {
        Answer::Success(body) => return accepted(&body, exchange, push, handle, access, host),
        Answer::NeedsLogin(body) => Outcome::NeedsLogin { message: words(body.as_ref(), 401, access) },
        Answer::RateLimited(_) => limited(exchange, host),
        Answer::Refused { status, body } => {
            let told = body.as_ref().map(Statuses::read).unwrap_or_default();
            let words = words(body.as_ref(), status, access);
            match told.worst() {
                // The answer's own words are no surer than its status, but may be less sure.
                Some(nested @ (Verdict::Unknown | Verdict::RateLimited | Verdict::NeedsLogin)) => {
                    nested.outcome(words, exchange, host)
                }
                _ => Verdict::of(i64::from(status)).outcome(words, exchange, host),
            }
        }
        // The host's words may quote the request.
        Answer::NotSent(why) => Outcome::not_sent(answer::words(&why, &access.secrets())),
        Answer::Unknown(why) => Outcome::unknown(answer::words(&why, &access.secrets())),
    };
    outcome.into()
}

/// A 2xx with JSON: what stands inside counts.
fn accepted(
    body: &Value,
    exchange: &Exchange,
    push: &Push,
    handle: Value,
    access: &Access,
    host: &Host,
) -> Report {
    let told = Statuses::read(body);
    let data = &body["response"]["result"]["data"];
    let id = id_of(data);
    let status = response(exchange).map_or(200, |response| i64::from(response.status));
    if let Some(verdict) = told.worst() {
        let words = words(Some(body), 200, access);
        return match id {
            Some(_) => Outcome::unknown(format!("OneAll reports an error together with an id: {words}")),
            None => verdict.outcome(words, exchange, host),
        }
        .into();
    }
    let partial = status == 207 || told.0.iter().any(|told| told.code == Some(207));
    match id {
        Some(id) => {
            let location = data["post_location"].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
            let report = Report::from(Outcome::Published { id: Some(id), location });
            if partial { report.with_user_data(PARTIAL, words(Some(body), 207, access)) } else { report }
        }
        None if partial => {
            Outcome::unknown(format!("only some recipients were reached: {}", words(Some(body), 207, access)))
                .into()
        }
        None if push.endpoint().asynchronous && body["response"]["request"].is_object() => {
            Outcome::Accepted { handle }.into()
        }
        None => Outcome::unknown("OneAll answered with success, but without an id").into(),
    }
}

/// The id of what was made, whatever its type. It is opaque: nothing is concluded from its form.
fn id_of(data: &Value) -> Option<String> {
    match &data["post_id"] {
        Value::String(id) if !id.trim().is_empty() => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// The statuses in an answer.
#[derive(Debug, Default)]
struct Statuses(Vec<Status>);

#[derive(Debug)]
struct Status {
    is_error: bool,
    code: Option<i64>,
}

/// What an error means, from the surest to the least sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Rejected(i64),
    NeedsLogin,
    RateLimited,
    Unknown,
}

impl Statuses {
    fn read(body: &Value) -> Self {
        let response = &body["response"];
        let status = |part: &Value| {
            let status = part.get("status")?.as_object()?;
            let code = match status.get("code") {
                Some(Value::String(text)) => text.trim().parse().ok(),
                Some(value) => value.as_i64(),
                None => None,
            };
            let flag = status.get("flag").and_then(Value::as_str);
            let is_error = flag.is_some_and(|flag| flag.eq_ignore_ascii_case("error"))
                || code.is_some_and(|code| code >= 300);
            Some(Status { is_error, code })
        };
        Self([&response["request"], &response["result"]].into_iter().filter_map(status).collect())
    }

    /// The least certain of the errors.
    fn worst(&self) -> Option<Verdict> {
        let errors = self.0.iter().filter(|status| status.is_error);
        errors.map(|status| status.code.map_or(Verdict::Unknown, Verdict::of)).max()
    }
}

impl Verdict {
    fn of(code: i64) -> Self {
        match code {
            401 => Self::NeedsLogin,
            429 => Self::RateLimited,
            408 => Self::Unknown,
            300..=499 => Self::Rejected(code),
            // An error that calls itself a success is none that can be understood.
            _ => Self::Unknown,
        }
    }

    fn outcome(self, words: String, exchange: &Exchange, host: &Host) -> Outcome {
        match self {
            Self::Unknown => Outcome::unknown(words),
            Self::RateLimited => limited(exchange, host),
            Self::NeedsLogin => Outcome::NeedsLogin { message: words },
            Self::Rejected(code) => {
                let name = match code {
                    304 => "not-modified",
                    400 | 422 => "content",
                    403 => "permission",
                    404 => "not-found",
                    409 => "conflict",
                    _ => return Outcome::rejected(format!("http-{code}"), words),
                };
                Outcome::rejected(name, words)
            }
        }
    }
}

/// OneAll's words, fit for an outcome.
pub(crate) fn words(body: Option<&Value>, status: u16, access: &Access) -> String {
    let response = body.map_or(&Value::Null, |body| &body["response"]);
    // What the platform behind said is what helps.
    let told = [&response["result"], &response["request"]]
        .into_iter()
        .filter_map(|part| part["status"]["info"].as_str())
        .find(|info| !info.trim().is_empty());
    match told {
        Some(info) => answer::words(info, &access.secrets()),
        None => format!("HTTP {status}"),
    }
}

fn limited(exchange: &Exchange, host: &Host) -> Outcome {
    let now_ms = host.now_ms();
    let announced = response(exchange).and_then(|response| rate::retry_after_ms(response, now_ms));
    let until_ms = announced.unwrap_or(now_ms.saturating_add(PAUSE_MS));
    Outcome::RateLimited { until_ms: rate::sensible_until_ms(until_ms, now_ms) }
}

fn response(exchange: &Exchange) -> Option<&Response> {
    match exchange {
        Exchange::Response(response) => Some(response),
        _ => None,
    }
}
