//! One lock for each interaction that is being changed, lent when it is needed and taken back afterwards.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::{ArcMutexGuard, Mutex, RawMutex};
use smallvec::SmallVec;

use crate::apart::Apart;
use crate::interaction::InteractionId;

/// The locks. A shard itself is locked only to find one; who waits, waits for one interaction.
pub(super) struct Locks {
    shards: Box<[Apart<Mutex<Shard>>]>,
    hasher: RandomState,
}

/// So many that two threads on different interactions seldom write to the same shard.
const SHARDS: usize = 1_024;

/// One that is at hand saves making it; what a burst needed goes.
const SPARE: usize = 1;

#[derive(Default)]
struct Shard {
    /// Interactions that are being changed: hardly ever more than one of a shard.
    lent: SmallVec<[Lent; 1]>,
    /// Locks that nobody has.
    spare: SmallVec<[Arc<Mutex<()>>; SPARE]>,
}

struct Lent {
    id: InteractionId,
    lock: Arc<Mutex<()>>,
    /// Who has it, and who waits for it.
    users: usize,
}

impl Locks {
    pub(super) fn new() -> Self {
        Self { shards: Apart::several(SHARDS), hasher: RandomState::default() }
    }

    /// Waits until nobody else changes this interaction.
    pub(super) fn lock(&self, id: InteractionId) -> Guard<'_> {
        let shard = &*self.shards[usize::try_from(self.hasher.hash_one(id) % SHARDS as u64).unwrap_or(0)];
        let lock = shard.lock().lend(id);
        Guard { shard, id, held: Some(lock.lock_arc()) }
    }
}

impl Shard {
    fn lend(&mut self, id: InteractionId) -> Arc<Mutex<()>> {
        if let Some(lent) = self.lent.iter_mut().find(|lent| lent.id == id) {
            lent.users += 1;
            return lent.lock.clone();
        }
        let lock = self.spare.pop().unwrap_or_default();
        self.lent.push(Lent { id, lock: lock.clone(), users: 1 });
        lock
    }

    fn take_back(&mut self, id: InteractionId) {
        let Some(place) = self.lent.iter().position(|lent| lent.id == id) else { return };
        self.lent[place].users -= 1;
        if self.lent[place].users == 0 {
            let Lent { lock, .. } = self.lent.swap_remove(place);
            if self.spare.len() < SPARE {
                self.spare.push(lock);
            }
        }
    }
}

/// Holds an interaction's lock.
pub(super) struct Guard<'a> {
    shard: &'a Mutex<Shard>,
    id: InteractionId,
    held: Option<ArcMutexGuard<RawMutex, ()>>,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        // Let go of first: nobody else gets a lock as a spare one that is still held.
        self.held = None;
        self.shard.lock().take_back(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if a lock that somebody waits for goes back to the spare ones.
    #[test]
    fn a_lock_excludes_and_then_is_forgotten() {
        let locks = Locks::new();
        let ids = ["A", "B"].map(|id| InteractionId::parse(id).unwrap());
        let counters = [Mutex::new(0_u32), Mutex::new(0_u32)];
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for call in 0..1_000 {
                        let at = call % 2;
                        let _guard = locks.lock(ids[at]);
                        let seen = *counters[at].lock();
                        std::thread::yield_now();
                        *counters[at].lock() = seen + 1;
                    }
                });
            }
        });
        assert_eq!(counters.map(|counter| *counter.lock()), [2_000; 2]);
        assert!(
            locks
                .shards
                .iter()
                .all(|shard| shard.lock().lent.is_empty() && shard.lock().spare.len() <= SPARE)
        );
    }

    /// Fails if a lock's shard stays locked with it, or is shared.
    #[test]
    fn one_thread_holds_many_at_once() {
        let locks = Locks::new();
        let held: Vec<_> = (0..2 * SHARDS)
            .map(|number| locks.lock(InteractionId::parse(&number.to_string()).unwrap()))
            .collect();
        drop(held);
        assert!(locks.shards.iter().all(|shard| shard.lock().lent.is_empty()));
    }
}
