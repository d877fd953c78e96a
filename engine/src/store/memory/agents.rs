//! What is kept of agents: their records and their latest notes.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;

use super::table::{Numbers, Table, include, number_among};
use crate::apart::Apart;
use crate::interaction::AgentId;
use crate::notify::Note;
use crate::store::{AgentRecord, Commit, Few, KeptNote};

/// The agents, in shards by the hash of their ids.
pub(super) struct AgentTables {
    shards: Box<[Apart<Mutex<Table<OfAgent>>>]>,
    hasher: RandomState,
}

const SHARDS: usize = 64;

/// What is kept of one agent.
pub(super) struct OfAgent {
    id: AgentId,
    /// `None` for one who was never seen.
    pub(super) record: Option<AgentRecord>,
    pub(super) notes: Notes,
}

/// Notes in the order of their numbers. They mostly come in it, and go in it.
#[derive(Default)]
pub(super) struct Notes(VecDeque<Arc<Note>>);

/// The agents' shards that a commit touches, locked in the order of their numbers.
pub(super) struct Agents<'a> {
    tables: &'a AgentTables,
    locked: SmallVec<[(usize, MutexGuard<'a, Table<OfAgent>>); 1]>,
}

impl AgentTables {
    pub(super) fn new() -> Self {
        Self { shards: Apart::several(SHARDS), hasher: RandomState::default() }
    }

    #[inline(never)]
    fn hash(&self, agent: &AgentId) -> u64 {
        self.hasher.hash_one(agent)
    }

    /// Has an agent's place on its way, unless somebody is at work there.
    pub(super) fn expect(&self, agent: &AgentId) {
        let hash = self.hash(agent);
        if let Some(shard) = self.shards[number(hash)].try_lock() {
            shard.expect(hash);
        }
    }

    /// What `read` finds of an agent, if anything is kept.
    pub(super) fn read<T>(&self, agent: &AgentId, read: impl FnOnce(&OfAgent) -> T) -> Option<T> {
        let hash = self.hash(agent);
        self.shards[number(hash)].lock().find_by(hash, |other| other.id == *agent).map(read)
    }
}

fn number(hash: u64) -> usize {
    number_among(SHARDS, hash)
}

impl<'a> Agents<'a> {
    pub(super) fn lock(tables: &'a AgentTables, commit: &Commit) -> Self {
        let mut numbers = Numbers::new();
        let changed = commit.agent.as_ref().map(|change| &change.id);
        if let Some(agent) = changed {
            include(&mut numbers, number(tables.hash(agent)));
        }
        // Mostly it is the same.
        for kept in commit.notes.iter().filter(|kept| changed != Some(&kept.agent)) {
            include(&mut numbers, number(tables.hash(&kept.agent)));
        }
        let mut locked = SmallVec::new();
        for number in numbers {
            locked.push((number, tables.shards[number].lock()));
        }
        Self { tables, locked }
    }

    fn shard(&mut self, hash: u64) -> &mut Table<OfAgent> {
        let at = self.locked.binary_search_by_key(&number(hash), |(locked, _)| *locked);
        &mut self.locked[at.expect("a commit locks the shards of all its agents")].1
    }

    /// What is kept of an agent from now on.
    pub(super) fn of(&mut self, agent: &AgentId) -> &mut OfAgent {
        let hash = self.tables.hash(agent);
        let make = || OfAgent { id: agent.clone(), record: None, notes: Notes::default() };
        self.shard(hash).find_or_make(hash, |other| other.id == *agent, make)
    }

    /// Whether a number is taken.
    pub(super) fn contradict(&mut self, notes: &[KeptNote]) -> bool {
        let is_same = |one: &KeptNote, other: &KeptNote| {
            (one.note.sequence, &one.agent) == (other.note.sequence, &other.agent)
        };
        notes.iter().enumerate().any(|(index, kept)| {
            let hash = self.tables.hash(&kept.agent);
            let of_agent = self.shard(hash).find_by(hash, |other| other.id == kept.agent);
            of_agent.is_some_and(|of_agent| of_agent.notes.has(kept.note.sequence))
                || notes[..index].iter().any(|earlier| is_same(earlier, kept))
        })
    }

    /// Keeps notes, and then forgets those that they leave no room for.
    pub(super) fn keep(&mut self, notes: Few<KeptNote>) {
        let are_several = notes.len() > 1;
        let mut again = Few::new();
        for KeptNote { agent, note, forgotten } in notes {
            let of_agent = &mut self.of(&agent).notes;
            of_agent.keep(note);
            of_agent.forget(forgotten);
            if are_several {
                again.push((agent, forgotten));
            }
        }
        for (agent, forgotten) in again {
            self.of(&agent).notes.forget(forgotten);
        }
    }
}

impl Notes {
    /// The latest one's number.
    pub(super) fn last(&self) -> Option<u64> {
        self.0.back().map(|note| note.sequence)
    }

    /// Those with a number above this one.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = &Arc<Note>> {
        self.0.range(self.place(number.saturating_add(1))..)
    }

    /// Where a note of this number stands, or would stand.
    fn place(&self, number: u64) -> usize {
        if self.last().is_none_or(|last| last < number) {
            return self.0.len();
        }
        self.0.partition_point(|note| note.sequence < number)
    }

    fn has(&self, number: u64) -> bool {
        self.0.get(self.place(number)).is_some_and(|note| note.sequence == number)
    }

    fn keep(&mut self, note: Arc<Note>) {
        let place = self.place(note.sequence);
        self.0.insert(place, note);
    }

    fn forget(&mut self, up_to: u64) {
        while self.0.front().is_some_and(|oldest| oldest.sequence <= up_to) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(notes: &Notes, after: u64) -> Vec<u64> {
        notes.after(after).map(|note| note.sequence).collect()
    }

    /// Planted faults: `place` without its search; `after` that includes.
    #[test]
    fn notes_stand_in_the_order_of_their_numbers() {
        let mut notes = Notes::default();
        for sequence in [5, 7, 6, u64::MAX, 1, 9] {
            assert!(!notes.has(sequence));
            notes.keep(Arc::new(Note { topic: "t".into(), data: "{}".into(), sequence }));
            assert!(notes.has(sequence));
        }
        assert_eq!(numbers(&notes, 0), [1, 5, 6, 7, 9, u64::MAX]);
        assert_eq!(numbers(&notes, 6), [7, 9, u64::MAX]);
        notes.forget(6);
        assert_eq!((numbers(&notes, 0), notes.last()), (vec![7, 9, u64::MAX], Some(u64::MAX)));
    }
}
