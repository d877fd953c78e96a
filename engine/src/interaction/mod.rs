//! The record of an interaction, and how clients see it.

mod details;
mod id;
mod user_data;
mod view;
mod wording;

pub use details::{Details, More, Placement};
pub use id::{AgentId, DeliveryId, Id, InteractionId, InvalidAgentId, InvalidId};
pub use user_data::{Additions, UserData, UserDataError};
pub(crate) use view::{Resource, Seen};
pub(crate) use wording::Wording;

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde_json::value::RawValue;
use smol_str::SmolStr;

use crate::lifecycle::{Direction, Source, State};
use crate::operation::QueuePath;

/// An interaction as it is stored. Texts are shared, so a copy is cheap.
///
/// There may be millions, so what most don't have stands aside, in [`Details`]; it is read and written as if it
/// stood here.
#[derive(Clone, Debug)]
pub struct Interaction {
    /// Its name, unique among those that are kept.
    pub id: InteractionId,
    /// Counts its changes; a commit names the version that it read.
    pub version: u64,
    /// Counts interactions in the order they came to be.
    pub number: u64,
    /// The channel's name: not shared, for the cores would count those who share it, and wait for each other.
    pub channel: SmolStr,
    /// Who began it.
    pub direction: Direction,
    /// Where it stands.
    pub state: State,
    /// The agent who has it, or is invited to.
    pub owner: Option<AgentId>,
    /// Inbound: who wrote it. Outbound: the account that sends it.
    pub from: Option<SmolStr>,
    /// The text.
    pub message: Option<Arc<str>>,
    /// Whether the text is only the parent's: then it can't be sent before the agent has given one.
    pub message_is_parents: bool,
    /// The contact on the other side.
    pub contact_id: Option<SmolStr>,
    /// What hosts and agents attached.
    pub user_data: UserData,
    /// What Save or Send carried beside `from` and `message`: an object.
    pub extras: Option<Arc<RawValue>>,
    /// The queue that the work is accounted to.
    pub queue_path: Option<QueuePath>,
    /// When it came to be: Unix time in milliseconds.
    pub created_ms: i64,
    /// The delivery under way, while it is Sent.
    pub delivery: Option<DeliveryId>,
    /// What most interactions don't have.
    pub more: More,
}

impl Interaction {
    /// A record with nothing in it yet.
    pub(crate) fn blank(channel: SmolStr, direction: Direction, state: State, created_ms: i64) -> Self {
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
            contact_id: None,
            user_data: UserData::empty(),
            extras: None,
            queue_path: None,
            created_ms,
            delivery: None,
            more: More::default(),
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

    /// Reads from all that a copy of it will touch, at once. Among millions none of it is in a cache, and what is
    /// read one behind the other is waited for as often.
    pub(crate) fn gather(&self) {
        let texts = [self.message.as_deref(), self.from.as_deref(), self.contact_id.as_deref()];
        let texts = texts.into_iter().flatten().chain([self.user_data.as_str()]);
        let ends = texts.map(str::as_bytes).map(|text| (text.first(), text.last()));
        std::hint::black_box(
            ends.fold(0, |read, (first, last)| {
                read ^ first.copied().unwrap_or(0) ^ last.copied().unwrap_or(0)
            }),
        );
    }

    /// The address that stands for the other side: whom a draft goes to, or else who it is from.
    pub(crate) fn contact_address(&self) -> Option<Cow<'_, str>> {
        let to = match self.direction {
            Direction::Outbound => self.user_data.text("To").filter(|to| !to.is_empty()),
            Direction::Inbound => None,
        };
        to.map(Cow::Owned).or_else(|| self.from.as_deref().map(Cow::Borrowed))
    }
}

impl Deref for Interaction {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.more
    }
}

impl DerefMut for Interaction {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.more
    }
}

/// What stands for a message in a list: itself if it is short, else its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subject<'a> {
    pub(crate) kept: &'a str,
    /// What follows it.
    pub(crate) ellipsis: &'static str,
}

impl<'a> Subject<'a> {
    /// The longest message that is its own subject, in characters.
    const CHARACTERS: usize = 40;
    const ELLIPSIS: &'static str = "...";

    pub(crate) fn of(message: &'a str) -> Self {
        let whole = Self { kept: message, ellipsis: "" };
        let kept = Self::CHARACTERS - Self::ELLIPSIS.len();
        let end = match message.as_bytes().get(..=Self::CHARACTERS) {
            None => return whole,
            // Mostly a character is a byte: then nothing needs counting.
            Some(first) if first.is_ascii() => kept,
            Some(_) => {
                let mut ends = message.char_indices().map(|(at, _)| at);
                let end = ends.nth(kept).unwrap_or(message.len());
                if ends.nth(Self::ELLIPSIS.len() - 1).is_none() {
                    return whole;
                }
                end
            }
        };
        Self { kept: &message[..end], ellipsis: Self::ELLIPSIS }
    }
}

#[cfg(test)]
mod tests {
    use super::Subject;

    #[test]
    fn subjects_count_characters() {
        let subject = |message: &str| {
            let Subject { kept, ellipsis } = Subject::of(message);
            format!("{kept}{ellipsis}")
        };
        let forty = "ä".repeat(40);
        assert_eq!(subject(&forty), forty);
        assert_eq!(subject(&"ä".repeat(41)), "ä".repeat(37) + "...");
        for (length, cut) in [(0, false), (39, false), (40, false), (41, true), (80, true)] {
            for at in 0..length {
                let message = "x".repeat(at) + "ä" + &"x".repeat(length - at - 1);
                let kept: String = message.chars().take(37).collect();
                let expected = if cut { kept + "..." } else { message.clone() };
                assert_eq!(subject(&message), expected);
                assert_eq!(subject(&message.replace('ä', "y")), expected.replace('ä', "y"));
            }
        }
        assert_eq!(
            subject("On 12:58:9 11/5/2013, P created a post saying hello world!."),
            "On 12:58:9 11/5/2013, P created a pos..."
        );
    }
}
