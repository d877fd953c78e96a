//! One lock for each interaction that is being changed, lent when it is needed and taken back afterwards.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::{ArcMutexGuard, Mutex, MutexGuard, RawMutex};
use smallvec::SmallVec;

use crate::apart::Apart;
use crate::interaction::InteractionId;
use crate::near::near;

/// The locks. A shard's list is locked only to find one; who waits, waits for one interaction.
pub(super) struct Locks {
    shards: Box<[Apart<Shard>]>,
    hasher: RandomState,
}

/// So many that two threads on different interactions seldom write to the same shard.
const SHARDS: usize = 1_024;

#[derive(Default)]
struct Shard {
    /// Interactions that are being changed: hardly ever more than one of a shard.
    lent: Mutex<SmallVec<[Lent; 1]>>,
    /// For the first of them, beside the list: nothing else is to be looked up.
    first: Mutex<()>,
}

struct Lent {
    id: InteractionId,
    /// Who has it, and who waits for it.
    users: u32,
    /// `None` for the shard's own.
    lock: Option<Arc<Mutex<()>>>,
}

impl Locks {
    pub(super) fn new() -> Self {
        Self { shards: Apart::several(SHARDS), hasher: RandomState::default() }
    }

    /// Says that this interaction will be locked soon.
    pub(super) fn expect(&self, id: InteractionId) {
        let shard = self.shard(id);
        near(&shard.lent);
        near(&shard.first);
    }

    /// Waits until nobody else changes this interaction.
    pub(super) fn lock(&self, id: InteractionId) -> Guard<'_> {
        let shard = self.shard(id);
        let held = match shard.lend(id) {
            None => Held::First { _guard: shard.first.lock() },
            Some(lock) => Held::Another { _guard: lock.lock_arc() },
        };
        Guard { shard, id, held: Some(held) }
    }

    fn shard(&self, id: InteractionId) -> &Shard {
        &self.shards[usize::try_from(self.hasher.hash_one(id) % SHARDS as u64).unwrap_or(0)]
    }
}

impl Shard {
    fn lend(&self, id: InteractionId) -> Option<Arc<Mutex<()>>> {
        let mut lent = self.lent.lock();
        if let Some(lent) = lent.iter_mut().find(|lent| lent.id == id) {
            lent.users += 1;
            return lent.lock.clone();
        }
        let is_first_lent = lent.iter().any(|lent| lent.lock.is_none());
        let lock = is_first_lent.then(Arc::default);
        lent.push(Lent { id, users: 1, lock: lock.clone() });
        lock
    }

    fn take_back(&self, id: InteractionId) {
        let mut lent = self.lent.lock();
        let Some(place) = lent.iter().position(|lent| lent.id == id) else { return };
        lent[place].users -= 1;
        if lent[place].users == 0 {
            lent.swap_remove(place);
            if lent.spilled() {
                // What a burst needed goes, if what is left stands beside the lock again.
                lent.shrink_to_fit();
            }
        }
    }
}

/// Holds an interaction's lock.
pub(super) struct Guard<'a> {
    shard: &'a Shard,
    id: InteractionId,
    held: Option<Held<'a>>,
}

enum Held<'a> {
    First { _guard: MutexGuard<'a, ()> },
    Another { _guard: ArcMutexGuard<RawMutex, ()> },
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        // Let go of first: the shard's own lock is not lent to anybody else while it is still held.
        self.held = None;
        self.shard.take_back(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if a lock that somebody waits for is forgotten, or lent for another interaction of its shard.
    #[test]
    fn a_lock_excludes_and_then_is_forgotten() {
        let locks = Locks::new();
        let named = |number: u32| InteractionId::parse(&number.to_string()).unwrap();
        let shard = std::ptr::from_ref(locks.shard(named(0)));
        let ids: Vec<_> =
            (0..).map(named).filter(|id| std::ptr::eq(locks.shard(*id), shard)).take(3).collect();
        let counters = [const { Mutex::new(0_u32) }; 3];
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for call in 0..3_000 {
                        let at = call % 3;
                        let _guard = locks.lock(ids[at]);
                        let seen = *counters[at].lock();
                        std::thread::yield_now();
                        *counters[at].lock() = seen + 1;
                    }
                });
            }
        });
        assert_eq!(counters.map(|counter| *counter.lock()), [4_000; 3]);
        assert!(locks.shards.iter().all(|shard| shard.lent.lock().is_empty()));
    }

    /// Fails if a lock's shard stays locked with it, or is shared, or if what a burst needed stays: then every later
    /// call would look there.
    #[test]
    fn one_thread_holds_many_at_once() {
        let locks = Locks::new();
        let held: Vec<_> = (0..2 * SHARDS)
            .map(|number| locks.lock(InteractionId::parse(&number.to_string()).unwrap()))
            .collect();
        assert!(locks.shards.iter().any(|shard| shard.lent.lock().spilled()));
        drop(held);
        assert!(locks.shards.iter().all(|shard| shard.lent.lock().is_empty()));
        assert!(locks.shards.iter().all(|shard| !shard.lent.lock().spilled()));
    }
}
