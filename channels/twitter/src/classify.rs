//! What X's answers mean. The part that all platforms share is `strowger_channel::answer`; here are X's own
//! words: three shapes of errors, its rate headers, its way to say "duplicate".

use serde_json::Value;
use strowger_channel::answer::{self, Answer};
use strowger_channel::rate::{self, Window};
use strowger_channel::{Exchange, Host, Level, Outcome, Report, Response};

use crate::config::Account;
use crate::operations::Action;
use crate::publish::is_id;

/// X's window, for a 429 that does not say when to come back: 15 minutes.
const WINDOW_MS: i64 = 15 * 60_000;

/// What became of a post.
pub(crate) fn published(exchange: &Exchange, account: &Account, host: &Host) -> Report {
    let outcome = match answer::read(exchange) {
        Answer::Success(body) => match body["data"]["id"].as_str().filter(|id| is_id(id)) {
            Some(id) => {
                tell_rest(&body, account, host);
                Outcome::Published { id: Some(id.to_owned()), location: Some(location(account, id)) }
            }
            None => Outcome::unknown("X answered with success, but without the post's id"),
        },
        other => failure(other, account, host),
    };
    Report::from(outcome).with_throttle(throttle(exchange, host))
}

/// What became of an operation.
pub(crate) fn operated(exchange: &Exchange, action: &Action, account: &Account, host: &Host) -> Report {
    let mut report = match answer::read(exchange) {
        Answer::Success(body) => match action.was_done(&body["data"]) {
            Some(true) => {
                tell_rest(&body, account, host);
                let report = Report::from(Outcome::Done);
                match action.user_data() {
                    Some((key, value)) => report.with_user_data(key, value),
                    None => report,
                }
            }
            Some(false) => {
                let why = Refusal::read(Some(&body)).words(account);
                let why = if why.is_empty() { "X answered that it did not do it".to_owned() } else { why };
                Outcome::rejected("not-done", why).into()
            }
            None => Outcome::unknown("X answered with success, but not whether it did it").into(),
        },
        other => failure(other, account, host).into(),
    };
    report = report.with_throttle(throttle(exchange, host));
    report
}

/// The address of a post.
pub(crate) fn location(account: &Account, id: &str) -> String {
    // `i` stands in for any handle.
    format!("https://x.com/{}/status/{id}", account.screen_name.as_deref().unwrap_or("i"))
}

/// Until when the account is to be left alone, if X announced that nothing is left of an allowance.
pub(crate) fn throttle(exchange: &Exchange, host: &Host) -> Option<i64> {
    let Exchange::Response(response) = exchange else { return None };
    let until_ms = exhausted_until_ms(response)?;
    Some(rate::sensible_until_ms(until_ms, host.now_ms()))
}

/// An error in X's words, fit for an outcome.
pub(crate) fn words(body: Option<&Value>, account: &Account) -> String {
    Refusal::read(body).words(account)
}

/// A message of the host, fit for an outcome: it may quote the request.
pub(crate) fn blotted(why: &str, account: &Account) -> String {
    answer::words(why, &account.auth.secrets())
}

fn failure(answer: Answer<'_>, account: &Account, host: &Host) -> Outcome {
    match answer {
        Answer::Success(_) => Outcome::unknown("an answer that nobody can read"),
        Answer::NeedsLogin(body) => {
            let words = words(body.as_ref(), account);
            Outcome::NeedsLogin { message: if words.is_empty() { "HTTP 401".to_owned() } else { words } }
        }
        Answer::RateLimited(response) => {
            let now_ms = host.now_ms();
            let until_ms = exhausted_until_ms(response)
                .or_else(|| Window::read(response, "x-rate-limit").reset_ms)
                .or_else(|| rate::retry_after_ms(response, now_ms))
                .unwrap_or(now_ms.saturating_add(WINDOW_MS));
            Outcome::RateLimited { until_ms: rate::sensible_until_ms(until_ms, now_ms) }
        }
        Answer::Refused { status, body } => {
            let refusal = Refusal::read(body.as_ref());
            let words = refusal.words(account);
            let words = if words.is_empty() { format!("HTTP {status}") } else { words };
            Outcome::rejected(refusal.code(status), words)
        }
        Answer::NotSent(why) => Outcome::not_sent(blotted(&why, account)),
        Answer::Unknown(why) => Outcome::unknown(blotted(&why, account)),
    }
}

/// The latest end of the windows of which nothing is left: of 15 minutes, and of a day for user and app.
fn exhausted_until_ms(response: &Response) -> Option<i64> {
    ["x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour"]
        .into_iter()
        .filter_map(|prefix| Window::read(response, prefix).exhausted_until_ms())
        .max()
}

/// `data` together with `errors`: what came back counts, the rest is for the log.
fn tell_rest(body: &Value, account: &Account, host: &Host) {
    if body["errors"].as_array().is_some_and(|errors| !errors.is_empty()) {
        let words = words(Some(body), account);
        host.log(Level::Warn, &format!("account `{}`: X did it, but adds: {words}", account.name));
    }
}

/// An error of X, in whichever of its three shapes it came: a problem (`type`, `title`, `detail`), `code` with
/// `message`, or a list of either in `errors`.
#[derive(Default)]
struct Refusal {
    kind: Option<String>,
    number: Option<i64>,
    text: String,
}

impl Refusal {
    fn read(body: Option<&Value>) -> Self {
        let Some(body) = body else { return Self::default() };
        let mut refusal = Self::default();
        refusal.take_in(body);
        for error in body["errors"].as_array().into_iter().flatten() {
            refusal.take_in(error);
        }
        refusal
    }

    fn take_in(&mut self, error: &Value) {
        // The last segment names a problem: the address before it has changed over the years.
        let kind = error["type"].as_str().filter(|kind| *kind != "about:blank");
        let kind = kind.and_then(|kind| kind.trim_end_matches('/').rsplit('/').next());
        self.kind = self.kind.take().or_else(|| kind.map(str::to_owned));
        self.number = self.number.or_else(|| error["code"].as_i64());
        let text = ["detail", "message", "title"].into_iter().find_map(|member| error[member].as_str());
        if let Some(text) = text.filter(|text| !self.text.contains(text)) {
            if !self.text.is_empty() {
                self.text.push_str("; ");
            }
            self.text.push_str(text);
        }
    }

    /// X's code 187 in the older shapes; in a problem only its words tell.
    fn is_duplicate(&self, status: u16) -> bool {
        self.number == Some(187)
            || (status == 403 && self.text.to_ascii_lowercase().contains("duplicate content"))
    }

    fn code(&self, status: u16) -> String {
        if self.is_duplicate(status) {
            return "duplicate".to_owned();
        }
        let number = || self.number.map(|number| number.to_string());
        self.kind.clone().or_else(number).unwrap_or_else(|| format!("http-{status}"))
    }

    fn words(&self, account: &Account) -> String {
        answer::words(&self.text, &account.auth.secrets())
    }
}
