//! What became of a delivery: honest classes, so that nothing is ever posted twice by guessing.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How one attempt, or one look at an earlier attempt, ended.
///
/// None of the platforms has an idempotency key, so a publishing request whose answer was lost is never
/// made again: it ends as [`Outcome::Unknown`], and the platform is read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// The platform has it.
    Published {
        /// The platform's id. Missing only where a look back proved publication without finding the id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Its address, if the platform told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
    },
    /// The platform works on it; ask again later with the handle.
    Accepted {
        /// What a later `poll` needs.
        handle: Value,
    },
    /// The platform refused it for good; nothing was published.
    Rejected {
        /// A short code, the platform's or the channel's.
        #[serde(default)]
        code: String,
        /// The platform's words.
        message: String,
    },
    /// The platform did not accept the account's credentials; nothing was published.
    NeedsLogin {
        /// The platform's words.
        #[serde(default)]
        message: String,
    },
    /// Nothing was published; not before this time again.
    RateLimited {
        /// Unix time in milliseconds.
        until_ms: i64,
    },
    /// No byte of the request was written; safe to try again.
    NotSent {
        /// What went wrong.
        #[serde(default)]
        message: String,
        /// Not before this many milliseconds have passed, if given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// It may or may not have been published.
    Unknown {
        /// What went wrong.
        #[serde(default)]
        message: String,
    },
    /// A look back found, with certainty, that it was not published.
    Absent,
    /// A look back could not tell.
    CannotTell {
        /// Why not.
        #[serde(default)]
        message: String,
    },
    /// An operation such as Follow was done.
    Done,
}

impl Outcome {
    /// The class's name, as it stands in documents.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Published { .. } => "published",
            Self::Accepted { .. } => "accepted",
            Self::Rejected { .. } => "rejected",
            Self::NeedsLogin { .. } => "needs-login",
            Self::RateLimited { .. } => "rate-limited",
            Self::NotSent { .. } => "not-sent",
            Self::Unknown { .. } => "unknown",
            Self::Absent => "absent",
            Self::CannotTell { .. } => "cannot-tell",
            Self::Done => "done",
        }
    }
}

/// What a channel reports at the end of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What became of it.
    pub outcome: Outcome,
    /// User data to merge into the interaction.
    pub user_data: Map<String, Value>,
    /// The account is to be left alone until this Unix time in milliseconds.
    pub throttle_until_ms: Option<i64>,
}

impl From<Outcome> for Report {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, user_data: Map::new(), throttle_until_ms: None }
    }
}
