//! What an outcome means for a delivery. A pure function: the one place that decides whether something
//! may be tried again.

use serde_json::Value;

use super::backoff::backoff_ms;
use super::{Delivery, GIVE_UP_AFTER_MS, Stage, Work};
use crate::channel::{OnUnknown, Outcome};
use crate::environment::Random;

/// What becomes of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// The platform has it.
    Confirmed { id: Option<String>, location: Option<String> },
    /// An operation was done.
    Done,
    /// It is over, and the agent is told why.
    Refused { code: String, message: String },
    /// Goes on, in this stage.
    Goes(Stage),
}

/// The first question after an `accepted`.
const FIRST_POLL_MS: i64 = 1_000;

const NOT_DELIVERED: &str = "not-delivered";
const OUTCOME_UNKNOWN: &str = "outcome-unknown";
const NEEDS_LOGIN: &str = "needs-login";
const REJECTED: &str = "rejected";

/// Judges the outcome of an attempt, of a look back, or of a question, whichever the delivery's stage
/// says was under way.
pub(crate) fn judge(
    delivery: &Delivery,
    outcome: &Outcome,
    now_ms: i64,
    on_unknown: OnUnknown,
    random: &dyn Random,
) -> Verdict {
    let verdict = match (&delivery.stage, &delivery.work) {
        (Stage::Doubtful { .. }, _) => looked_back(delivery, outcome, now_ms, on_unknown, random),
        (Stage::Awaiting { handle, .. }, _) => asked(delivery, handle, outcome, now_ms, random),
        (_, Work::Operation { .. }) => operated(delivery, outcome, now_ms, random),
        (_, Work::Publish) => attempted(delivery, outcome, now_ms, random),
    };
    remembering(delivery, verdict)
}

/// Whether a delivery whose last attempt is in doubt is tried again without an answer to that.
pub(crate) fn leaves_unresolved(delivery: &Delivery, outcome: &Outcome, verdict: &Verdict) -> bool {
    matches!(delivery.stage, Stage::Doubtful { .. })
        && matches!(verdict, Verdict::Goes(Stage::Pending { .. }))
        && *outcome != Outcome::Absent
}

/// Whatever ended the last attempt: an earlier one may be out there, and its agent must know that.
fn remembering(delivery: &Delivery, verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Refused { code, message } if delivery.unresolved && code != OUTCOME_UNKNOWN => {
            unknown(&worded(&code, &message))
        }
        other => other,
    }
}

fn attempted(delivery: &Delivery, outcome: &Outcome, now_ms: i64, random: &dyn Random) -> Verdict {
    match outcome {
        Outcome::Published { id: Some(id), location } if !id.is_empty() => {
            Verdict::Confirmed { id: Some(id.clone()), location: location.clone() }
        }
        Outcome::Accepted { handle } => {
            Verdict::Goes(Stage::Awaiting { handle: handle.clone(), due_ms: now_ms + FIRST_POLL_MS })
        }
        Outcome::NotSent { .. } | Outcome::RateLimited { .. } => try_again(delivery, outcome, now_ms, random),
        Outcome::Rejected { .. } | Outcome::NeedsLogin { .. } => refused(outcome),
        // Publication without an id is no proof, and the rest are not answers to an attempt: whether the
        // message is out there must be looked up.
        Outcome::Published { .. }
        | Outcome::Unknown { .. }
        | Outcome::Absent
        | Outcome::CannotTell { .. }
        | Outcome::Done => Verdict::Goes(Stage::Doubtful { due_ms: now_ms }),
    }
}

fn operated(delivery: &Delivery, outcome: &Outcome, now_ms: i64, random: &dyn Random) -> Verdict {
    match outcome {
        Outcome::Done | Outcome::Published { .. } => Verdict::Done,
        Outcome::Accepted { handle } => {
            Verdict::Goes(Stage::Awaiting { handle: handle.clone(), due_ms: now_ms + FIRST_POLL_MS })
        }
        Outcome::NotSent { .. } | Outcome::RateLimited { .. } => try_again(delivery, outcome, now_ms, random),
        Outcome::Rejected { .. } | Outcome::NeedsLogin { .. } => refused(outcome),
        Outcome::Unknown { message } | Outcome::CannotTell { message } => unknown(message),
        Outcome::Absent => unknown(""),
    }
}

fn looked_back(
    delivery: &Delivery,
    outcome: &Outcome,
    now_ms: i64,
    on_unknown: OnUnknown,
    random: &dyn Random,
) -> Verdict {
    // It keeps its place before those that waited for its fate.
    let again = Verdict::Goes(Stage::Pending { due_ms: delivery.accepted_ms });
    match outcome {
        // Here alone publication without an id is believed: the look back proved it.
        Outcome::Published { id, location } => {
            let id = id.clone().filter(|id| !id.is_empty());
            Verdict::Confirmed { id, location: location.clone() }
        }
        Outcome::Absent => again,
        // The platform could not be asked at all: that says nothing, so it is asked later.
        Outcome::NotSent { .. } | Outcome::RateLimited { .. }
            if now_ms - delivery.accepted_ms < GIVE_UP_AFTER_MS =>
        {
            Verdict::Goes(Stage::Doubtful { due_ms: later(delivery.looks, outcome, now_ms, random) })
        }
        _ if on_unknown == OnUnknown::Resend => again,
        Outcome::CannotTell { message }
        | Outcome::Unknown { message }
        | Outcome::NeedsLogin { message }
        | Outcome::Rejected { message, .. }
        | Outcome::NotSent { message, .. } => unknown(message),
        Outcome::RateLimited { .. } | Outcome::Accepted { .. } | Outcome::Done => unknown(""),
    }
}

fn asked(
    delivery: &Delivery,
    handle: &Value,
    outcome: &Outcome,
    now_ms: i64,
    random: &dyn Random,
) -> Verdict {
    match outcome {
        Outcome::Done | Outcome::Published { .. } if delivery.work != Work::Publish => Verdict::Done,
        Outcome::Published { id: Some(id), location } if !id.is_empty() => {
            Verdict::Confirmed { id: Some(id.clone()), location: location.clone() }
        }
        Outcome::Rejected { .. } => refused(outcome),
        _ if now_ms - delivery.accepted_ms >= GIVE_UP_AFTER_MS => {
            unknown("the platform took the message, and did not say within a day what became of it")
        }
        // Asking changes nothing on the platform: whatever went wrong, it can be asked again.
        _ => {
            let handle = if let Outcome::Accepted { handle } = outcome { handle } else { handle };
            let due_ms = later(delivery.looks, outcome, now_ms, random);
            Verdict::Goes(Stage::Awaiting { handle: handle.clone(), due_ms })
        }
    }
}

/// A delivery that waited for its account's credentials as long as anything waits.
pub(crate) fn given_up(delivery: &Delivery) -> Verdict {
    const WHY: &str = "the platform does not accept the account's credentials";
    let verdict = match delivery.stage {
        // The platform may have published it by now: nobody could look.
        Stage::Intended | Stage::Doubtful { .. } | Stage::Awaiting { .. } => unknown(WHY),
        Stage::Pending { .. } | Stage::Settled => {
            Verdict::Refused { code: NOT_DELIVERED.into(), message: WHY.into() }
        }
    };
    remembering(delivery, verdict)
}

/// Nothing was sent: safe to try again, within a day.
fn try_again(delivery: &Delivery, outcome: &Outcome, now_ms: i64, random: &dyn Random) -> Verdict {
    if let Outcome::NotSent { message, .. } = outcome
        && now_ms - delivery.accepted_ms >= GIVE_UP_AFTER_MS
    {
        return Verdict::Refused {
            code: NOT_DELIVERED.into(),
            message: worded("the message could not be sent for a day", message),
        };
    }
    Verdict::Goes(Stage::Pending { due_ms: later(delivery.attempts.max(1), outcome, now_ms, random) })
}

fn later(tries: u32, outcome: &Outcome, now_ms: i64, random: &dyn Random) -> i64 {
    match outcome {
        Outcome::RateLimited { until_ms } => (*until_ms).max(now_ms),
        Outcome::NotSent { retry_after_ms: Some(wait_ms), .. } => {
            now_ms.saturating_add(i64::try_from(*wait_ms).unwrap_or(i64::MAX))
        }
        _ => now_ms.saturating_add(backoff_ms(tries, random)),
    }
}

fn refused(outcome: &Outcome) -> Verdict {
    let (code, message) = match outcome {
        Outcome::Rejected { code, message } if !code.is_empty() => (code.as_str(), message.as_str()),
        Outcome::NeedsLogin { message } => (
            NEEDS_LOGIN,
            if message.is_empty() {
                "the platform did not accept the account's credentials"
            } else {
                message
            },
        ),
        Outcome::Rejected { message, .. } => (REJECTED, message.as_str()),
        _ => (REJECTED, ""),
    };
    Verdict::Refused { code: code.into(), message: message.into() }
}

fn unknown(message: &str) -> Verdict {
    Verdict::Refused {
        code: OUTCOME_UNKNOWN.into(),
        message: worded(
            "it is not known whether the platform published this; look before you send it again",
            message,
        ),
    }
}

fn worded(what: &str, why: &str) -> String {
    if why.is_empty() { what.to_owned() } else { format!("{what} ({why})") }
}
