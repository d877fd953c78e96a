//! One lock for each interaction that is being changed, made when it is needed and gone afterwards.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use parking_lot::{ArcMutexGuard, Mutex, RawMutex};

use crate::interaction::InteractionId;

/// The locks. The table itself is locked only to find one; who waits, waits for one interaction.
pub(super) struct Locks {
    shards: Box<[Shard]>,
    hasher: RandomState,
}

type Shard = Mutex<HashMap<InteractionId, Arc<Mutex<()>>>>;

const SHARDS: usize = 64;

impl Locks {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::default()).collect(), hasher: RandomState::new() }
    }

    /// Waits until nobody else changes this interaction.
    pub(super) fn lock(&self, id: InteractionId) -> Guard<'_> {
        let lock = self.shard(id).lock().entry(id).or_default().clone();
        Guard { locks: self, id, held: Some(lock.lock_arc()) }
    }

    fn shard(&self, id: InteractionId) -> &Shard {
        let number = usize::try_from(self.hasher.hash_one(id) % SHARDS as u64).unwrap_or(0);
        &self.shards[number]
    }
}

/// Holds an interaction's lock.
pub(super) struct Guard<'a> {
    locks: &'a Locks,
    id: InteractionId,
    held: Option<ArcMutexGuard<RawMutex, ()>>,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let mut shard = self.locks.shard(self.id).lock();
        self.held = None;
        // Whoever waits holds a reference of its own, taken under the shard's lock: one reference is the
        // table's alone.
        if shard.get(&self.id).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            shard.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_excludes_and_then_is_forgotten() {
        let locks = Locks::new();
        let id = InteractionId::parse("A").unwrap();
        let counter = Mutex::new(0_u32);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        let _guard = locks.lock(id);
                        let seen = *counter.lock();
                        std::thread::yield_now();
                        *counter.lock() = seen + 1;
                    }
                });
            }
        });
        assert_eq!(*counter.lock(), 4_000);
        assert!(locks.shards.iter().all(|shard| shard.lock().is_empty()));
    }
}
