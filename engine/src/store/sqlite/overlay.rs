//! What is in the journal and not in the tables, in memory: the latest state only.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use rusqlite::Connection;
use smallvec::SmallVec;

use super::note;
use super::write::{put_agent_record, put_record};
use crate::interaction::{AgentId, Interaction, InteractionId};
use crate::store::{AgentRecord, Commit, CommitError, KeptNote, NoteLog, StoreError};

/// So long a journal is written to the tables before anything is added to it. It bounds the memory that its
/// commits take, and how long a group waits for that.
const LONGEST_BYTES: usize = 1 << 20;

/// What the commits in the journal have changed.
#[derive(Default)]
pub(super) struct Overlay {
    interactions: HashMap<InteractionId, Arc<Interaction>>,
    agents: HashMap<AgentId, AgentRecord>,
    notes: Vec<KeptNote>,
    /// The highest number of each agent that has notes here.
    last_notes: HashMap<AgentId, u64>,
    /// The journal's length.
    bytes: usize,
    /// Counts how often this was emptied: who reads the tables and this can tell that it happened in between.
    emptied: u64,
}

impl Overlay {
    pub(super) fn interaction(&self, id: InteractionId) -> Option<&Arc<Interaction>> {
        self.interactions.get(&id)
    }

    /// Of each of these whether its user data is a copy of that in the version before it, which is here.
    pub(super) fn keeping_user_data(&self, interactions: &[Arc<Interaction>]) -> SmallVec<[bool; 1]> {
        let keeps = |interaction: &Arc<Interaction>| {
            self.interaction(interaction.id).is_some_and(|before| {
                interaction.version == before.version + 1
                    && interaction.user_data.is_copy_of(&before.user_data)
            })
        };
        interactions.iter().map(keeps).collect()
    }

    /// Puts the latest versions in the place of those that the tables have.
    pub(super) fn bring_up(&self, found: &mut Vec<Arc<Interaction>>) {
        for interaction in found {
            if let Some(later) = self.interaction(interaction.id)
                && later.version > interaction.version
            {
                *interaction = later.clone();
            }
        }
    }

    pub(super) fn agent(&self, id: &AgentId) -> Option<AgentRecord> {
        self.agents.get(id).copied()
    }

    pub(super) fn last_note(&self, agent: &AgentId) -> Option<u64> {
        self.last_notes.get(agent).copied()
    }

    /// Brings an agent's notes after a number, as the tables have them, up to date. Those here mostly come later. When
    /// they have just been written to the tables and are not gone from here, they are the same; and since changes are
    /// not committed in the order of their notes, some may stand between those of the tables. If not all of these
    /// could be read, only later ones are added: what is given has no gap.
    pub(super) fn add_notes(&self, agent: &AgentId, after: u64, (log, are_all): &mut (NoteLog, bool)) {
        let Some(last) = self.last_note(agent) else { return };
        let own = || self.notes.iter().filter(|kept| kept.agent == *agent);
        let forgotten = own().map(|kept| kept.forgotten).max().unwrap_or(0);
        let after = if *are_all { after } else { log.last.max(after) };
        for note in own().map(|kept| &kept.note).filter(|note| note.sequence > after) {
            if let Err(place) = log.notes.binary_search_by_key(&note.sequence, |other| other.sequence) {
                log.notes.insert(place, note.clone());
            }
        }
        log.notes.retain(|note| note.sequence > forgotten);
        log.last = log.last.max(last);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether the journal is to be written to the tables before more is added.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= LONGEST_BYTES
    }

    pub(super) fn emptied(&self) -> u64 {
        self.emptied
    }

    /// Takes in what a commit changes; `before` is its agent's record, as the tables have it. What is replaced
    /// is left in the commit: it is freed with that, by its caller, and not while everybody waits for this.
    pub(super) fn take(&mut self, commit: &mut Commit, before: impl FnOnce() -> AgentRecord) {
        for interaction in &mut commit.interactions {
            match self.interactions.entry(interaction.id) {
                Entry::Occupied(mut kept) => std::mem::swap(kept.get_mut(), interaction),
                Entry::Vacant(place) => {
                    place.insert(interaction.clone());
                }
            }
        }
        if let Some(change) = &commit.agent {
            let record = self.agents.get(&change.id).copied().unwrap_or_else(before);
            self.agents.insert(change.id.clone(), record.changed(change));
        }
        for kept in &commit.notes {
            let last = self.last_notes.entry(kept.agent.clone()).or_default();
            *last = kept.note.sequence.max(*last);
            self.notes.push(kept.clone());
        }
    }

    /// The journal has grown by so much.
    pub(super) fn lengthen(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// All of it is in the tables.
    pub(super) fn empty(&mut self) {
        *self = Self { emptied: self.emptied + 1, ..Self::default() };
    }

    /// Writes everything to the tables. The journal is to be emptied with it.
    pub(super) fn absorb(&self, connection: &Connection) -> Result<(), StoreError> {
        self.absorb_around(connection, Err)
    }

    /// Writes to the tables what can be written of it, and gives what can't. The journal is left alone: to delete
    /// from a damaged one may damage others.
    pub(super) fn absorb_readable(&self, connection: &Connection) -> Vec<String> {
        let mut problems = Vec::new();
        let absorbed = self.absorb_around(connection, |error| {
            problems.push(format!("journal: {error}"));
            Ok(())
        });
        problems.extend(absorbed.err().map(|error| error.to_string()));
        problems
    }

    fn absorb_around(
        &self,
        connection: &Connection,
        mut wrong: impl FnMut(StoreError) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for interaction in self.interactions.values() {
            put_record(connection, interaction).or_else(&mut wrong)?;
        }
        for (id, record) in &self.agents {
            put_agent_record(connection, id, record).or_else(&mut wrong)?;
        }
        let mut forgotten: HashMap<&AgentId, &KeptNote> = HashMap::new();
        for kept in &self.notes {
            let most = forgotten.entry(&kept.agent).or_insert(kept);
            if kept.forgotten > most.forgotten {
                *most = kept;
            }
        }
        for kept in &self.notes {
            if forgotten.get(&kept.agent).is_some_and(|most| kept.note.sequence <= most.forgotten) {
                continue;
            }
            let kept = note::keep(connection, &kept.agent, &kept.note).map_err(|error| match error {
                CommitError::Failed(error) => error,
                other => StoreError::new(format!("a note of agent `{}`: {other}", kept.agent)),
            });
            kept.or_else(&mut wrong)?;
        }
        for kept in forgotten.into_values() {
            note::forget(connection, kept).or_else(&mut wrong)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Note;

    /// Fails if what was read from the tables is not left out of what is here, if what was committed late is left out
    /// as well, or if it is put before what is damaged.
    #[test]
    fn notes_that_are_in_both_places_are_given_once() {
        let agent = AgentId::parse("a1").unwrap();
        let note = |sequence| Arc::new(Note { topic: "t".into(), data: "{}".into(), sequence });
        let mut overlay = Overlay::default();
        let notes =
            [3, 4, 5].map(|sequence| KeptNote { agent: agent.clone(), note: note(sequence), forgotten: 1 });
        overlay.take(
            &mut Commit { notes: notes.into_iter().collect(), ..Commit::default() },
            AgentRecord::default,
        );
        for (in_tables, are_all, after, expected) in [
            (&[1, 2][..], true, 0, &[2, 3, 4, 5][..]),
            (&[1, 2, 3, 4], true, 0, &[2, 3, 4, 5]),
            (&[1, 2, 3, 4, 5, 6], true, 0, &[2, 3, 4, 5, 6]),
            (&[], true, 4, &[5]),
            (&[1, 2, 6], true, 0, &[2, 3, 4, 5, 6]),
            (&[4, 6], true, 3, &[4, 5, 6]),
            (&[4], false, 0, &[4, 5]),
            (&[6], false, 0, &[6]),
        ] {
            let last = in_tables.last().copied().unwrap_or(2);
            let log = NoteLog { notes: in_tables.iter().map(|&number| note(number)).collect(), last };
            let mut found = (log, are_all);
            overlay.add_notes(&agent, after, &mut found);
            let log = found.0;
            let given: Vec<_> = log.notes.iter().map(|note| note.sequence).collect();
            assert_eq!((given.as_slice(), log.last), (expected, last.max(5)), "{in_tables:?}");
        }
    }
}
