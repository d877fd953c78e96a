//! The outbox: what was accepted and is on its way, and the rules by which an attempt's outcome moves it.

mod backoff;
mod judge;
mod outbox;

pub(crate) use judge::{Verdict, given_up, judge, leaves_unresolved};
pub(crate) use outbox::{Claim, Outbox, Pool};

use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;
use smol_str::SmolStr;

use crate::channel::Outcome;
use crate::interaction::{AgentId, DeliveryId, InteractionId};
use crate::operation::QueuePath;

/// After so long without a byte sent, a message goes back to its agent.
const GIVE_UP_AFTER_MS: i64 = 24 * 60 * 60 * 1_000;

/// Something accepted for delivery: a message, or an operation such as Follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its name.
    pub id: DeliveryId,
    /// Counts its changes; a commit names the version that it read.
    pub version: u64,
    /// The interaction; none for an operation on the collection.
    pub interaction: Option<InteractionId>,
    /// The channel's name.
    pub channel: SmolStr,
    /// The account that does it.
    pub account: SmolStr,
    /// The agent who asked for it.
    pub agent: AgentId,
    /// The `referenceId` of that request.
    pub reference_id: u64,
    /// What is to be done.
    pub work: Work,
    /// The queue it is accounted to.
    pub queue_path: Option<QueuePath>,
    /// When it was accepted: Unix time in milliseconds.
    pub accepted_ms: i64,
    /// How many bytes wait with it.
    pub bytes: usize,
    /// How far it is.
    pub stage: Stage,
    /// Attempts made; the present one included.
    pub attempts: u32,
    /// Looks at the platform since the last attempt that found nothing out.
    pub looks: u32,
    /// When the last attempt began, 0 before the first: Unix time in milliseconds.
    pub started_ms: i64,
    /// When the last attempt ended, if it did: Unix time in milliseconds.
    pub ended_ms: Option<i64>,
    /// The last outcome that was reported.
    pub last_outcome: Option<Outcome>,
    /// An earlier attempt's fate was never found out, and it is tried again by the operator's choice: if
    /// nothing comes of that either, the platform may still have it.
    pub unresolved: bool,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Work {
    /// Publish the interaction's message.
    Publish,
    /// Do an operation of the channel.
    Operation {
        /// Its name.
        name: Arc<str>,
        /// Its parameters: an object of strings.
        parameters: Arc<RawValue>,
    },
}

impl PartialEq for Work {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Publish, Self::Publish) => true,
            (
                Self::Operation { name, parameters },
                Self::Operation { name: other_name, parameters: other_parameters },
            ) => name == other_name && parameters.get() == other_parameters.get(),
            _ => false,
        }
    }
}

/// How far a delivery is.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// To be tried, not before `due_ms`.
    Pending {
        /// Unix time in milliseconds.
        due_ms: i64,
    },
    /// The publishing request is being made: from here on only the platform knows.
    Intended,
    /// The answer was lost: to be looked up, not before `due_ms`; never to be tried again by guessing.
    Doubtful {
        /// Unix time in milliseconds.
        due_ms: i64,
    },
    /// The platform works on it: to be asked again, not before `due_ms`.
    Awaiting {
        /// What to ask with.
        handle: Value,
        /// Unix time in milliseconds.
        due_ms: i64,
    },
    /// Over.
    Settled,
}

impl Delivery {
    /// The platform's id, if the delivery was published with one.
    pub fn published_id(&self) -> Option<&str> {
        match (&self.stage, &self.last_outcome) {
            (Stage::Settled, Some(Outcome::Published { id, .. })) => id.as_deref(),
            _ => None,
        }
    }

    /// What a change of it must lock: its interaction, or else itself.
    pub(crate) fn lock_id(&self) -> InteractionId {
        self.interaction.unwrap_or(self.id)
    }
}
