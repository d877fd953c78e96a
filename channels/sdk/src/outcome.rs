//! How a conversation ends.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use strowger_channel_line::write;

/// How one attempt, or one look at an earlier attempt, ended. The classes are honest: what may have been
/// published is `Unknown`, never `NotSent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// The platform has it.
    Published {
        /// The platform's id. Missing only where a look back proved publication without finding the id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Its address, if it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
    },
    /// The platform works on it; ask again later with the handle.
    Accepted {
        /// What a later poll needs.
        handle: Value,
    },
    /// Refused for good; nothing was published.
    Rejected {
        /// A short code, the platform's or the channel's.
        code: String,
        /// The platform's words, or the channel's.
        message: String,
    },
    /// The platform did not accept the account's credentials; nothing was published.
    NeedsLogin {
        /// The platform's words.
        message: String,
    },
    /// Nothing was published; not before this time again.
    RateLimited {
        /// Unix time in milliseconds.
        until_ms: i64,
    },
    /// Nothing was published; safe to try again.
    NotSent {
        /// What went wrong.
        message: String,
        /// Not before this many milliseconds have passed, if given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// It may or may not have been published.
    Unknown {
        /// What went wrong.
        message: String,
    },
    /// A look back found, with certainty, that it was not published.
    Absent,
    /// A look back could not tell.
    CannotTell {
        /// Why not.
        message: String,
    },
    /// An operation such as Follow was done.
    Done,
}

impl Outcome {
    /// [`Outcome::Published`] with an id and no address.
    pub fn published(id: impl Into<String>) -> Self {
        Self::Published { id: Some(id.into()), location: None }
    }

    /// [`Outcome::Rejected`].
    pub fn rejected(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Rejected { code: code.into(), message: message.into() }
    }

    /// [`Outcome::NotSent`], to be tried again when the engine sees fit.
    pub fn not_sent(message: impl Into<String>) -> Self {
        Self::NotSent { message: message.into(), retry_after_ms: None }
    }

    /// [`Outcome::Unknown`].
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::Unknown { message: message.into() }
    }

    /// [`Outcome::CannotTell`].
    pub fn cannot_tell(message: impl Into<String>) -> Self {
        Self::CannotTell { message: message.into() }
    }
}

impl Outcome {
    /// Writes the outcome's document.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        // By hand what a conversation should end in.
        let Self::Published { id, location } = self else { return write::value(out, self) };
        write::literal(out, "{\"outcome\":\"published\"");
        if let Some(id) = id {
            write::member(out, ",\"id\":", id);
        }
        if let Some(location) = location {
            write::member(out, ",\"location\":", location);
        }
        write::literal(out, "}");
        Ok(())
    }
}

/// What a conversation reports at its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What became of it.
    pub outcome: Outcome,
    /// User data to merge into the interaction.
    pub user_data: Map<String, Value>,
    /// The account is to be left alone until this Unix time in milliseconds.
    pub throttle_until_ms: Option<i64>,
}

impl Report {
    /// Merges a user-data key into the interaction.
    #[must_use]
    pub fn with_user_data(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.user_data.insert(key.to_owned(), value.into());
        self
    }

    /// Leaves the account alone until that Unix time in milliseconds, if there is one.
    #[must_use]
    pub fn with_throttle(mut self, until_ms: Option<i64>) -> Self {
        self.throttle_until_ms = self.throttle_until_ms.max(until_ms);
        self
    }
}

impl From<Outcome> for Report {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, user_data: Map::new(), throttle_until_ms: None }
    }
}
