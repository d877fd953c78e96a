//! Agents' records and notes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::MutexGuard;
use smallvec::SmallVec;

use super::MemoryStore;
use crate::interaction::AgentId;
use crate::notify::Note;
use crate::store::{AgentChange, AgentRecord, Commit, KeptNote};

#[derive(Default)]
pub(super) struct AgentShard {
    pub(super) records: HashMap<AgentId, AgentRecord, RandomState>,
    pub(super) notes: HashMap<AgentId, BTreeMap<u64, Arc<Note>>, RandomState>,
}

/// The agents' shards that a commit touches, locked in the order of their numbers.
pub(super) struct Agents<'a> {
    store: &'a MemoryStore,
    locked: SmallVec<[(usize, MutexGuard<'a, AgentShard>); 1]>,
}

impl<'a> Agents<'a> {
    pub(super) fn lock(store: &'a MemoryStore, commit: &Commit) -> Self {
        let changed = commit.agent.iter().map(|change| &change.id);
        let mut numbers: SmallVec<[usize; 2]> = changed
            .chain(commit.notes.iter().map(|kept| &kept.agent))
            .map(|agent| store.shard_of_agent(agent))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let locked = numbers.into_iter().map(|number| (number, store.agents[number].lock())).collect();
        Self { store, locked }
    }

    pub(super) fn of(&mut self, agent: &AgentId) -> &mut AgentShard {
        // Mostly there is one.
        let at = if self.locked.len() == 1 {
            Some(0)
        } else {
            let number = self.store.shard_of_agent(agent);
            self.locked.iter().position(|(locked, _)| *locked == number)
        };
        &mut self.locked[at.expect("a commit locks the shards of all its agents")].1
    }

    /// Whether a number is taken.
    pub(super) fn contradict(&mut self, notes: &[KeptNote]) -> bool {
        let is_same = |one: &KeptNote, other: &KeptNote| {
            (one.note.sequence, &one.agent) == (other.note.sequence, &other.agent)
        };
        notes.iter().enumerate().any(|(index, kept)| {
            self.of(&kept.agent).has(kept) || notes[..index].iter().any(|earlier| is_same(earlier, kept))
        })
    }
}

impl AgentShard {
    fn has(&self, kept: &KeptNote) -> bool {
        self.notes.get(&kept.agent).is_some_and(|notes| notes.contains_key(&kept.note.sequence))
    }

    pub(super) fn change(&mut self, change: AgentChange) {
        if let Some(kept) = self.records.get_mut(&change.id) {
            *kept = kept.changed(&change);
        } else {
            let first = AgentRecord::default().changed(&change);
            self.records.insert(change.id, first);
        }
    }

    pub(super) fn keep(&mut self, kept: &KeptNote) {
        self.notes.entry(kept.agent.clone()).or_default().insert(kept.note.sequence, kept.note.clone());
    }

    pub(super) fn forget(&mut self, kept: &KeptNote) {
        let notes = self.notes.entry(kept.agent.clone()).or_default();
        while let Some(oldest) = notes.first_entry().filter(|oldest| *oldest.key() <= kept.forgotten) {
            oldest.remove();
        }
    }
}
