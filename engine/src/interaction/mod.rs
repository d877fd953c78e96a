//! The record of an interaction, and how clients see it.

mod id;
mod user_data;
mod view;

pub use id::{AgentId, DeliveryId, Id, InteractionId, InvalidAgentId, InvalidId};
pub use user_data::{Additions, UserData, UserDataError};
pub(crate) use view::{Resource, Seen};

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::lifecycle::{Direction, Source, State};
use crate::operation::QueuePath;

/// An interaction as it is stored. Texts are shared, so a copy is cheap.
#[derive(Clone, Debug)]
pub struct Interaction {
    /// Its name, unique among those that are kept.
    pub id: InteractionId,
    /// Counts its changes; a commit names the version that it read.
    pub version: u64,
    /// Counts interactions in the order they came to be.
    pub number: u64,
    /// The channel's name.
    pub channel: Arc<str>,
    /// Who began it.
    pub direction: Direction,
    /// Where it stands.
    pub state: State,
    /// The agent who has it, or is invited to.
    pub owner: Option<AgentId>,
    /// Inbound: who wrote it. Outbound: the account that sends it.
    pub from: Option<Arc<str>>,
    /// The text.
    pub message: Option<Arc<str>>,
    /// Whether the text is only the parent's: then it can't be sent before the agent has given one.
    pub message_is_parents: bool,
    /// The agents' comment.
    pub comment: Option<Arc<str>>,
    /// The contact on the other side.
    pub contact_id: Option<Arc<str>>,
    /// The interaction that this one answers.
    pub parent_id: Option<InteractionId>,
    /// When the customer wrote, as clients see it.
    pub received_date: Option<Arc<str>>,
    /// The agent whom a Transfer went to.
    pub assigned_to: Option<AgentId>,
    /// The agent who transferred a draft that nobody has accepted yet.
    pub transferred_by: Option<AgentId>,
    /// Inbound: the account it came to, where that is known.
    pub account: Option<Arc<str>>,
    /// What hosts and agents attached.
    pub user_data: UserData,
    /// What Save or Send carried beside `from` and `message`: an object.
    pub extras: Option<Arc<RawValue>>,
    /// The queue that the work is accounted to.
    pub queue_path: Option<QueuePath>,
    /// The place in a queue: where it waits, or where it came from.
    pub placement: Option<Placement>,
    /// The delivery under way, while it is Sent.
    pub delivery: Option<DeliveryId>,
    /// When it came to be: Unix time in milliseconds.
    pub created_ms: i64,
    /// When it ended, if it did: Unix time in milliseconds. What ended before this was kept has none.
    pub ended_ms: Option<i64>,
}

/// A place in a queue. Who goes back keeps the place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placement {
    /// The queue.
    pub queue: QueuePath,
    /// Since when: Unix time in milliseconds.
    pub since_ms: i64,
    /// Counts placements, so that those of one millisecond keep their order.
    pub number: u64,
}

impl Interaction {
    /// A record with nothing in it yet.
    pub(crate) fn blank(channel: Arc<str>, direction: Direction, state: State, created_ms: i64) -> Self {
        Self {
            id: InteractionId::UNNAMED,
            version: 0,
            number: 0,
            channel,
            direction,
            state,
            owner: None,
            from: None,
            message: None,
            message_is_parents: false,
            comment: None,
            contact_id: None,
            parent_id: None,
            received_date: None,
            assigned_to: None,
            transferred_by: None,
            account: None,
            user_data: UserData::empty(),
            extras: None,
            queue_path: None,
            placement: None,
            delivery: None,
            created_ms,
            ended_ms: None,
        }
    }

    /// Where it stands in the table.
    pub fn source(&self) -> Source {
        Source::At(self.direction, self.state)
    }

    /// Whether it stands in its queue now: it waits there, or was placed there when it was completed.
    pub fn is_in_queue(&self) -> bool {
        self.placement.is_some() && matches!(self.state, State::Queued | State::Completed)
    }

    /// Whether it is history: Completed or Canceled.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Completed | State::Canceled)
    }

    /// When it became history; where that was not kept, when it came to be.
    pub(crate) fn history_since_ms(&self) -> Option<i64> {
        self.has_ended().then(|| self.ended_ms.unwrap_or(self.created_ms))
    }

    /// Whether a listing shows it to its owner.
    pub fn is_listed(&self) -> bool {
        matches!(self.state, State::Invited | State::Composing | State::Processing | State::Sent)
    }

    /// Derived from the message: itself if it is short, else its beginning.
    pub fn subject(&self) -> Option<std::borrow::Cow<'_, str>> {
        self.message.as_deref().map(subject)
    }

    /// The address that stands for the other side: whom a draft goes to, or else who it is from.
    pub(crate) fn contact_address(&self) -> Option<Arc<str>> {
        let to = match self.direction {
            Direction::Outbound => self.user_data.text("To").filter(|to| !to.is_empty()),
            Direction::Inbound => None,
        };
        to.map(Into::into).or_else(|| self.from.clone())
    }
}

/// The longest message that is its own subject, in characters.
const SUBJECT_CHARACTERS: usize = 40;
const ELLIPSIS: &str = "...";

fn subject(message: &str) -> std::borrow::Cow<'_, str> {
    if message.chars().nth(SUBJECT_CHARACTERS).is_none() {
        return message.into();
    }
    let kept: String = message.chars().take(SUBJECT_CHARACTERS - ELLIPSIS.len()).collect();
    (kept + ELLIPSIS).into()
}

#[cfg(test)]
mod tests {
    use super::subject;

    #[test]
    fn subjects_count_characters() {
        let forty = "ä".repeat(40);
        assert_eq!(subject(&forty), forty);
        assert_eq!(subject(&"ä".repeat(41)), "ä".repeat(37) + "...");
        assert_eq!(
            subject("On 12:58:9 11/5/2013, P created a post saying hello world!."),
            "On 12:58:9 11/5/2013, P created a pos..."
        );
    }
}
