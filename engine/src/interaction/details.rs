//! What most interactions don't have.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use smol_str::SmolStr;

use super::{AgentId, InteractionId};
use crate::operation::QueuePath;

/// What most interactions, or most of their lives, don't have.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// The agents' comment.
    pub comment: Option<Arc<str>>,
    /// The interaction that this one answers.
    pub parent_id: Option<InteractionId>,
    /// When the customer wrote, as clients see it.
    pub received_date: Option<Arc<str>>,
    /// The agent whom a Transfer went to.
    pub assigned_to: Option<AgentId>,
    /// The agent who transferred a draft that nobody has accepted yet.
    pub transferred_by: Option<AgentId>,
    /// Inbound: the account it came to, where that is known.
    pub account: Option<SmolStr>,
    /// The place in a queue: where it waits, or where it came from.
    pub placement: Option<Placement>,
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

/// [`Details`], if there are any; else all of them are missing. A copy shares them until it changes one.
#[derive(Clone, Debug, Default)]
pub struct More(Option<Arc<Details>>);

static NONE: Details = Details {
    comment: None,
    parent_id: None,
    received_date: None,
    assigned_to: None,
    transferred_by: None,
    account: None,
    placement: None,
    ended_ms: None,
};

impl From<Details> for More {
    fn from(details: Details) -> Self {
        Self(Some(details.into()))
    }
}

impl Deref for More {
    type Target = Details;

    fn deref(&self) -> &Details {
        self.0.as_deref().unwrap_or(&NONE)
    }
}

/// From then on there are some: look before you write.
impl DerefMut for More {
    fn deref_mut(&mut self) -> &mut Details {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if a change is made in what others share.
    #[test]
    fn a_copy_changes_alone() {
        let mut before = More::default();
        assert_eq!(before.ended_ms, None);
        before.ended_ms = Some(1);
        let mut after = before.clone();
        after.ended_ms = Some(2);
        after.comment = Some("c".into());
        assert_eq!((before.ended_ms, &before.comment, after.ended_ms), (Some(1), &None, Some(2)));
    }
}
