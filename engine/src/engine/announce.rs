//! What agents are told of a change: written and numbered before it is committed, because it is part of
//! the commit, and handed out after.

use std::ops::Deref;
use std::sync::Arc;

use smallvec::SmallVec;

use super::apply::Committed;
use super::channels::Entry;
use super::{AgentState, Inner};
use crate::decide::{About, Telling};
use crate::interaction::{AgentId, Interaction, InteractionId, Seen};
use crate::notify::{Announcement, NoteText, Told};
use crate::store::{Few, KeptNote, StoreError};

/// An agent who is to be told something, and what the agent looks at.
pub(super) struct Listener<'a> {
    telling: &'a Telling,
    agent: Known<'a>,
    focus: Option<InteractionId>,
}

/// An agent who was seen.
enum Known<'a> {
    Asking(&'a AgentState),
    Another(Arc<AgentState>),
}

impl Deref for Known<'_> {
    type Target = AgentState;

    fn deref(&self) -> &AgentState {
        match self {
            Self::Asking(agent) => agent,
            Self::Another(agent) => agent,
        }
    }
}

/// Seldom more than two: who had it, and who gets it.
pub(super) type Listeners<'a> = SmallVec<[Listener<'a>; 2]>;

impl Inner {
    /// Who is told, mostly the one who asks: whoever was ever seen. The caller holds no agent's focus.
    pub(super) fn listeners<'a>(
        &self,
        told: &'a [Telling],
        asking: Option<&'a Arc<AgentState>>,
    ) -> Result<Listeners<'a>, StoreError> {
        let mut listeners = Listeners::new();
        for telling in told {
            let agent = match asking.filter(|asking| asking.id == telling.to) {
                Some(asking) => Some(Known::Asking(asking)),
                None => self.seen_agent(&telling.to)?.map(Known::Another),
            };
            if let Some(agent) = agent {
                let focus = agent.focus.get();
                listeners.push(Listener { telling, agent, focus });
            }
        }
        Ok(listeners)
    }
}

/// What a change's notes are made of.
#[derive(Clone, Copy)]
pub(super) struct News<'a> {
    pub(super) engine: &'a Inner,
    pub(super) entry: &'a Entry,
    pub(super) committed: &'a Committed,
    pub(super) reference_id: Option<u64>,
}

/// A change's notes. Dropped without being told, they are abandoned.
pub(super) struct Announced<'a> {
    news: News<'a>,
    notes: SmallVec<[(Announcement<'a>, Shown<'a>); 2]>,
}

/// What a note shows.
#[derive(Clone, Copy)]
struct Shown<'a> {
    telling: &'a Telling,
    interaction: &'a Interaction,
    in_focus: bool,
}

impl<'a> News<'a> {
    /// Numbers the notes; `kept` gets what belongs into the commit. `moved` is the focus of an agent as the change
    /// leaves it.
    pub(super) fn announce(
        self,
        listeners: &'a [Listener<'a>],
        moved: Option<(&AgentId, Option<InteractionId>)>,
        kept: &mut Few<KeptNote>,
    ) -> Result<Announced<'a>, StoreError> {
        let Inner { store, limits, .. } = self.engine;
        let mut notes = SmallVec::new();
        for Listener { telling, agent, focus } in listeners {
            let record = match telling.about {
                About::After => &self.committed.after,
                About::Created => &self.committed.created,
            };
            let Some(interaction) = record else { continue };
            let focus = moved.filter(|(mover, _)| **mover == agent.id).map_or(*focus, |(_, to)| to);
            let in_focus = telling.seen == Seen::AsItStands && focus == Some(interaction.id);
            let shown = Shown { telling, interaction, in_focus };
            let write = || self.written(shown);
            let (announcement, note) = agent.hub.announce(&self.entry.topic, limits, &**store, write)?;
            kept.extend(note);
            notes.push((announcement, shown));
        }
        Ok(Announced { news: self, notes })
    }

    fn written(&self, shown: Shown<'_>) -> NoteText {
        let Shown { telling, interaction, in_focus } = shown;
        let resource = self.entry.resource(interaction, telling.seen, true, in_focus);
        let reference_id = self.reference_id.filter(|_| telling.is_answer);
        Told { kind: &telling.kind, resource, reference_id }.text()
    }
}

impl Announced<'_> {
    /// The change was made.
    pub(super) fn tell(self) {
        for (announcement, shown) in self.notes {
            crate::failpoint::reach("telling");
            announcement.tell(|| self.news.written(shown));
        }
    }
}
