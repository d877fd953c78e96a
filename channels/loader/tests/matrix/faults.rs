//! The faults of the sandbox, and what each leads to.

use std::time::Duration;

use serde_json::json;
use strowger::channel::Outcome;
use strowger_sandbox::{Answer, Effect};

/// Longer than a request of these tests may take.
const TOO_LONG: Duration = Duration::from_secs(4);

/// What a fault leads to where the request that publishes meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Success,
    Rejected,
    NeedsLogin,
    RateLimited,
    NotSent,
    Unknown,
    /// The connection may have gone before or after the first byte was written.
    NotSentOrUnknown,
}

impl Class {
    pub(crate) fn of(outcome: &Outcome) -> Option<Self> {
        Some(match outcome {
            Outcome::Published { id: Some(_), .. } | Outcome::Accepted { .. } | Outcome::Done => {
                Self::Success
            }
            Outcome::Rejected { .. } => Self::Rejected,
            Outcome::NeedsLogin { .. } => Self::NeedsLogin,
            Outcome::RateLimited { .. } => Self::RateLimited,
            Outcome::NotSent { .. } => Self::NotSent,
            Outcome::Unknown { .. } => Self::Unknown,
            Outcome::Published { id: None, .. } | Outcome::Absent | Outcome::CannotTell { .. } => {
                return None;
            }
        })
    }

    pub(crate) fn admits(self, class: Self) -> bool {
        self == class || (self == Self::NotSentOrUnknown && matches!(class, Self::NotSent | Self::Unknown))
    }
}

/// Each fault, the class that it ends in, and whether the platform acts. `secrets` is what a platform may repeat.
pub(crate) fn faults(secrets: &str) -> Vec<(Effect, Class, bool)> {
    use Class::{NeedsLogin, NotSentOrUnknown, RateLimited, Rejected, Success, Unknown};
    let before = |status| Effect::StatusBefore(Answer::status(status));
    let after = |status| Effect::StatusAfter(Answer::status(status));
    // A platform that repeats credentials in its words.
    let echo = |status| {
        let words = format!("{secrets} are bad");
        let body = json!({ "detail": words, "error": { "message": words },
                           "response": { "request": { "status": { "flag": "error", "code": status, "info": words } } } });
        Effect::StatusBefore(Answer { body: Some(body), ..Answer::status(status) })
    };
    let redirect = |perform| Effect::Redirect { status: 307, location: None, perform };
    let typed = |perform| Effect::WrongContentType { content_type: "text/plain".into(), perform };
    vec![
        (Effect::Refuse, NotSentOrUnknown, false),
        (Effect::CloseBefore, Unknown, false),
        (Effect::CloseAfter, Unknown, true),
        (Effect::ResetBefore, Unknown, false),
        (Effect::ResetAfter, Unknown, true),
        (Effect::Slow(Duration::from_millis(20)), Success, true),
        (Effect::Slow(TOO_LONG), Unknown, true),
        (Effect::Late(Duration::from_millis(20)), Success, true),
        (Effect::Late(TOO_LONG), Unknown, true),
        (Effect::Drip(Duration::from_micros(10)), Success, true),
        (Effect::Drip(Duration::from_millis(60)), Unknown, true),
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
        (Effect::Malformed { perform: true }, Unknown, true),
        (Effect::Malformed { perform: false }, Unknown, false),
        (Effect::Truncated { perform: true }, Unknown, true),
        (Effect::Truncated { perform: false }, Unknown, false),
        (Effect::Html { status: 502, perform: false }, Unknown, false),
        (Effect::Html { status: 504, perform: true }, Unknown, true),
        (Effect::Html { status: 200, perform: true }, Unknown, true),
        (Effect::Html { status: 200, perform: false }, Unknown, false),
        (typed(true), Success, true),
        (typed(false), Unknown, false),
        // A redirect is a refusal, and is not followed: a second request would be a second post.
        (redirect(false), Rejected, false),
        (redirect(true), Rejected, true),
    ]
}
