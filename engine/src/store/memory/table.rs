//! Interactions and deliveries, in shards.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use parking_lot::{RwLock, RwLockWriteGuard};
use smallvec::SmallVec;

use crate::apart::Apart;
use crate::delivery::Delivery;
use crate::interaction::{Id, Interaction};

/// The shards, and the hash of an id, which tells the shard and the place there.
pub(super) struct Tables {
    shards: Box<[Apart<RwLock<Shard>>]>,
    hasher: RandomState,
}

/// So many that two threads on different interactions seldom write to the same shard. A shard's table grows at
/// once; the more there are, the shorter that is.
const SHARDS: usize = 1_024;

#[derive(Default)]
pub(super) struct Shard {
    pub(super) interactions: Table<Interaction>,
    pub(super) deliveries: Table<Delivery>,
}

/// Records by their ids: each is found through the id that it has in itself, which stands nowhere else.
pub(super) struct Table<T>(HashTable<Arc<T>>);

pub(super) trait Record {
    fn id(&self) -> Id;
}

impl Tables {
    pub(super) fn new() -> Self {
        Self { shards: Apart::several(SHARDS), hasher: RandomState::default() }
    }

    pub(super) fn hash(&self, id: Id) -> u64 {
        self.hasher.hash_one(id)
    }

    pub(super) fn hasher(&self) -> &RandomState {
        &self.hasher
    }

    pub(super) fn shard(&self, hash: u64) -> &RwLock<Shard> {
        &self.shards[number(hash)]
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &RwLock<Shard>> {
        self.shards.iter().map(|shard| &**shard)
    }
}

/// Other bits than those by which a table finds its places.
fn number(hash: u64) -> usize {
    usize::try_from((hash >> 32) % SHARDS as u64).unwrap_or(0)
}

impl<T: Record> Table<T> {
    pub(super) fn find(&self, hash: u64, id: Id) -> Option<&Arc<T>> {
        self.find_by(hash, |record| record.id() == id)
    }

    pub(super) fn find_by(&self, hash: u64, is_it: impl Fn(&T) -> bool) -> Option<&Arc<T>> {
        self.0.find(hash, |record| is_it(record))
    }

    /// Puts a record in the place of the one with its id, which is given back.
    pub(super) fn put(&mut self, hash: u64, record: Arc<T>, hasher: &RandomState) -> Option<Arc<T>> {
        let id = record.id();
        match self.0.entry(hash, |other| other.id() == id, |other| hasher.hash_one(other.id())) {
            Entry::Occupied(mut entry) => Some(std::mem::replace(entry.get_mut(), record)),
            Entry::Vacant(entry) => {
                entry.insert(record);
                None
            }
        }
    }

    pub(super) fn remove(&mut self, hash: u64, id: Id) -> Option<Arc<T>> {
        self.0.find_entry(hash, |record| record.id() == id).ok().map(|entry| entry.remove().0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.iter()
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(HashTable::new())
    }
}

impl Record for Interaction {
    fn id(&self) -> Id {
        self.id
    }
}

impl Record for Delivery {
    fn id(&self) -> Id {
        self.id
    }
}

/// The numbers of shards, each once, in order.
pub(super) type Numbers = SmallVec<[usize; 4]>;

#[inline(never)]
pub(super) fn include(numbers: &mut Numbers, number: usize) {
    if let Err(place) = numbers.binary_search(&number) {
        numbers.insert(place, number);
    }
}

/// The shards that a commit touches, locked in the order of their numbers.
pub(super) struct Shards<'a> {
    locked: SmallVec<[(usize, RwLockWriteGuard<'a, Shard>); 2]>,
}

impl<'a> Shards<'a> {
    pub(super) fn lock(tables: &'a Tables, hashes: &[u64]) -> Self {
        let mut numbers = Numbers::new();
        for hash in hashes {
            include(&mut numbers, number(*hash));
        }
        let mut locked = SmallVec::new();
        for number in numbers {
            locked.push((number, tables.shards[number].write()));
        }
        Self { locked }
    }

    pub(super) fn of(&mut self, hash: u64) -> &mut Shard {
        let at = self.locked.binary_search_by_key(&number(hash), |(locked, _)| *locked);
        &mut self.locked[at.expect("a commit locks the shards of all its records")].1
    }
}
