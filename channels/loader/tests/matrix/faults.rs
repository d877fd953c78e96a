//! The rows of the matrix that are faults: what each does, and what an attempt that meets it must end in.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use strowger::channel::Outcome;
use strowger_sandbox::{Answer, Effect, Fault, fault_names};

use crate::deeds::Api;

/// How long a request may take where a fault is to last longer than that.
pub(crate) const LIMIT: Duration = Duration::from_millis(1_500);
/// Longer.
const TOO_LONG: Duration = Duration::from_millis(3_500);

/// What an attempt ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Done, published, or accepted for later.
    Success,
    Rejected,
    NeedsLogin,
    RateLimited,
    NotSent,
    Unknown,
    Absent,
    CannotTell,
}

impl Class {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Published { .. } | Outcome::Accepted { .. } | Outcome::Done => Self::Success,
            Outcome::Rejected { .. } => Self::Rejected,
            Outcome::NeedsLogin { .. } => Self::NeedsLogin,
            Outcome::RateLimited { .. } => Self::RateLimited,
            Outcome::NotSent { .. } => Self::NotSent,
            Outcome::Unknown { .. } => Self::Unknown,
            Outcome::Absent => Self::Absent,
            Outcome::CannotTell { .. } => Self::CannotTell,
        }
    }
}

/// A fault of the request that publishes.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) effect: Effect,
    /// What the attempt ends in.
    pub(crate) class: Class,
    /// Whether the platform acts.
    pub(crate) acts: bool,
    /// Whether it outlasts [`LIMIT`].
    pub(crate) lasts: bool,
}

impl Row {
    /// Whether the status says that it was done, and it was not.
    pub(crate) fn lies(&self) -> bool {
        !self.acts
            && matches!(
                self.effect,
                Effect::Malformed { .. } | Effect::WrongContentType { .. } | Effect::Html { status: 200, .. }
            )
    }
}

/// Every fault, in every form that makes a difference.
pub(crate) fn rows(api: Api) -> Vec<Row> {
    rows_echoing(api, api.secrets())
}

/// As [`rows`], for an account with these secrets.
pub(crate) fn rows_echoing(api: Api, secrets: &[&str]) -> Vec<Row> {
    use Class::{NeedsLogin, RateLimited, Rejected, Success, Unknown};
    let before = |status| Effect::StatusBefore(Answer::status(status));
    let after = |status| Effect::StatusAfter(Answer::status(status));
    // A platform that repeats credentials in its words.
    let words = format!("{} are bad", secrets.join(", "));
    let echo = |status| {
        Effect::StatusBefore(Answer { body: Some(api.refusal(status, &words)), ..Answer::status(status) })
    };
    let redirect = |status, perform| Effect::Redirect { status, location: None, perform };
    let typed = |perform| Effect::WrongContentType { content_type: "text/plain".into(), perform };
    let briefly = Duration::from_millis(20);
    [
        (Effect::Refuse, Unknown, false),
        (Effect::CloseBefore, Unknown, false),
        (Effect::CloseAfter, Unknown, true),
        (Effect::ResetBefore, Unknown, false),
        (Effect::ResetAfter, Unknown, true),
        (Effect::Slow(briefly), Success, true),
        (Effect::Slow(TOO_LONG), Unknown, true),
        (Effect::Late(briefly), Success, true),
        (Effect::Late(TOO_LONG), Unknown, true),
        (Effect::Drip(Duration::from_micros(10)), Success, true),
        (Effect::Drip(briefly), Unknown, true),
        (before(400), Rejected, false),
        (echo(401), NeedsLogin, false),
        (echo(403), Rejected, false),
        (before(404), Rejected, false),
        (before(408), Unknown, false),
        (before(429), RateLimited, false),
        (echo(500), Unknown, false),
        (before(503), Unknown, false),
        (after(500), Unknown, true),
        (after(502), Unknown, true),
        (after(504), Unknown, true),
        (Effect::Malformed { perform: true }, Unknown, true),
        (Effect::Malformed { perform: false }, Unknown, false),
        (Effect::Truncated { perform: true }, Unknown, true),
        (Effect::Truncated { perform: false }, Unknown, false),
        (Effect::Html { status: 502, perform: false }, Unknown, false),
        (Effect::Html { status: 504, perform: true }, Unknown, true),
        (Effect::Html { status: 200, perform: true }, Unknown, true),
        (Effect::Html { status: 200, perform: false }, Unknown, false),
        (Effect::Html { status: 403, perform: false }, Unknown, false),
        (typed(true), Success, true),
        (typed(false), Unknown, false),
        // A redirect is a refusal, and is not followed: a second request would be a second post.
        (redirect(307, false), Rejected, false),
        (redirect(302, false), Rejected, false),
        (redirect(308, true), Rejected, true),
    ]
    .into_iter()
    .map(|(effect, class, acts)| {
        let lasts = match &effect {
            Effect::Slow(time) | Effect::Late(time) => *time == TOO_LONG,
            Effect::Drip(time) => *time == briefly,
            _ => false,
        };
        Row { effect, class, acts, lasts }
    })
    .collect()
}

/// A fault that the sandbox has and the matrix has not would go untested.
pub(crate) fn assert_complete() {
    let rows = rows(Api::X);
    let tested: BTreeSet<&str> = rows.iter().map(|row| Fault::new(row.effect.clone()).name()).collect();
    let all: BTreeSet<&str> = fault_names().collect();
    assert_eq!(tested, all, "every fault of the sandbox has a row");
    for name in ["malformed", "truncated", "html", "wrong-content-type", "redirect"] {
        let acts: BTreeSet<bool> = rows
            .iter()
            .filter(|row| Fault::new(row.effect.clone()).name() == name)
            .map(|row| row.acts)
            .collect();
        assert_eq!(acts.len(), 2, "`{name}` is tried with and without acting");
    }
}

impl Api {
    /// A refusal in the platform's form, with these words.
    fn refusal(self, status: u16, words: &str) -> Value {
        match self {
            Self::X => json!({ "title": "Refused", "detail": words }),
            Self::Graph => {
                let code = match status {
                    401 => 190,
                    403 => 200,
                    _ => 2,
                };
                json!({ "error": { "message": words, "type": "OAuthException", "code": code } })
            }
            Self::OneAll => {
                let status = json!({ "flag": "error", "code": status, "info": words });
                json!({ "response": { "request": { "status": status } } })
            }
        }
    }
}
