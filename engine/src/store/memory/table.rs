//! Interactions and deliveries, in shards.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::{RwLock, RwLockWriteGuard};
use smallvec::SmallVec;

use crate::apart::Apart;
use crate::delivery::Delivery;
use crate::interaction::{Id, Interaction};
use crate::near::near;

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
    pub(super) interactions: Table<Arc<Interaction>>,
    pub(super) deliveries: Table<Arc<Delivery>>,
}

/// Records by their ids, in an open table: a record stands at the place that its hash names, or else behind it, with
/// none free between. Among millions a look into one place is what takes time, so there is only one: the hash stands
/// beside the record, and the record itself is not looked at before it is the one.
pub(super) struct Table<T> {
    /// A power of two of them, or none.
    places: Box<[Place<T>]>,
    count: usize,
}

type Place<T> = Option<(u64, T)>;

pub(super) trait Record {
    fn id(&self) -> Id;

    /// Has what a reader looks at on its way.
    fn approach(&self) {}
}

impl Tables {
    pub(super) fn new() -> Self {
        Self { shards: Apart::several(SHARDS), hasher: RandomState::default() }
    }

    #[inline(never)]
    pub(super) fn hash(&self, id: Id) -> u64 {
        self.hasher.hash_one(id)
    }

    pub(super) fn shard(&self, hash: u64) -> &RwLock<Shard> {
        &self.shards[number(hash)]
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &RwLock<Shard>> {
        self.shards.iter().map(|shard| &**shard)
    }
}

fn number(hash: u64) -> usize {
    number_among(SHARDS, hash)
}

/// The shard of a hash among so many, by other bits than those by which a table finds its places.
pub(super) fn number_among(shards: usize, hash: u64) -> usize {
    usize::try_from((hash >> 32) % shards as u64).unwrap_or(0)
}

impl<R: Record> Table<Arc<R>> {
    pub(super) fn find(&self, hash: u64, id: Id) -> Option<&Arc<R>> {
        self.find_by(hash, |record| record.id() == id)
    }

    /// Has the record of this hash on its way before anybody asks for it.
    pub(super) fn approach(&self, hash: u64) {
        if let Some(record) = self.find_by(hash, |_| true) {
            record.approach();
        }
    }

    /// Puts a record in the place of the one with its id, which is given back.
    pub(super) fn put(&mut self, hash: u64, record: Arc<R>) -> (&Arc<R>, Option<Arc<R>>) {
        let id = record.id();
        let (at, before) = match self.seek(hash, |other| other.id() == id) {
            Ok(at) => (at, self.places[at].replace((hash, record)).map(|(_, before)| before)),
            Err(free) => (self.add(free, hash, record), None),
        };
        let (_, now) = self.places[at].as_ref().expect("somebody stands there");
        (now, before)
    }

    pub(super) fn remove(&mut self, hash: u64, id: Id) -> Option<Arc<R>> {
        let mut free = self.seek(hash, |record| record.id() == id).ok()?;
        let (_, removed) = self.places[free].take()?;
        self.count -= 1;
        // Whoever stands behind it and could not be found over the gap moves up.
        let mut at = self.next(free);
        while let Some((hash, _)) = &self.places[at] {
            let home = self.home(*hash);
            if self.distance(home, at) >= self.distance(free, at) {
                self.places[free] = self.places[at].take();
                free = at;
            }
            at = self.next(at);
        }
        Some(removed)
    }
}

impl<T> Table<T> {
    pub(super) fn find_by(&self, hash: u64, is_it: impl Fn(&T) -> bool) -> Option<&T> {
        let at = self.seek(hash, is_it).ok()?;
        self.places[at].as_ref().map(|(_, record)| record)
    }

    /// The record, made if there is none.
    pub(super) fn find_or_make(
        &mut self,
        hash: u64,
        is_it: impl Fn(&T) -> bool,
        make: impl FnOnce() -> T,
    ) -> &mut T {
        let at = self.seek(hash, is_it).unwrap_or_else(|free| self.add(free, hash, make()));
        let (_, record) = self.places[at].as_mut().expect("somebody stands there");
        record
    }

    /// Has the place of this hash on its way before anybody looks there, all of it where it is a long one.
    pub(super) fn expect(&self, hash: u64) {
        let home = self.home(hash);
        for place in self.places.get(home..).unwrap_or_default().iter().take(2) {
            near(place);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten().map(|(_, record)| record)
    }

    /// Puts a record where none is; tells where it stands now.
    fn add(&mut self, free: usize, hash: u64, record: T) -> usize {
        // A quarter stays free, so that places are found soon.
        let at = if self.count < self.places.len() / 4 * 3 { free } else { self.grow(hash) };
        self.places[at] = Some((hash, record));
        self.count += 1;
        at
    }

    /// Where the record stands, or else the place where it could.
    fn seek(&self, hash: u64, is_it: impl Fn(&T) -> bool) -> Result<usize, usize> {
        let mut at = self.home(hash);
        while let Some(Some((other, record))) = self.places.get(at) {
            if *other == hash && is_it(record) {
                return Ok(at);
            }
            at = self.next(at);
        }
        Err(at)
    }

    /// Makes room, and tells the first free place of a hash there.
    fn grow(&mut self, hash: u64) -> usize {
        let larger = (2 * self.places.len()).max(4);
        let before = std::mem::replace(&mut self.places, (0..larger).map(|_| None).collect());
        for (hash, record) in before.into_iter().flatten() {
            let at = self.seek(hash, |_| false).unwrap_or_else(|free| free);
            self.places[at] = Some((hash, record));
        }
        self.seek(hash, |_| false).unwrap_or_else(|free| free)
    }

    fn home(&self, hash: u64) -> usize {
        usize::try_from(hash & self.mask() as u64).unwrap_or(0)
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & self.mask()
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.mask()
    }

    fn mask(&self) -> usize {
        self.places.len().wrapping_sub(1)
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { places: Box::default(), count: 0 }
    }
}

impl Record for Interaction {
    fn id(&self) -> Id {
        self.id
    }

    /// With some of its fields that lie about a line of a cache apart come all.
    fn approach(&self) {
        near(&self.owner);
        near(&self.contact_id);
        near(&self.id);
        near(&self.version);
        near(&self.channel);
        near(&self.direction);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Named(Id, u64);

    impl Record for Named {
        fn id(&self) -> Id {
            self.0
        }
    }

    /// Fails if `remove` leaves a gap in front of a record that stands behind its place, if `grow` loses one, or if
    /// equal hashes are taken for equal ids.
    #[test]
    fn records_that_want_the_same_places_are_found() {
        let mut table = Table::<Arc<Named>>::default();
        let mut model = BTreeMap::new();
        let mut chance = 1_u64;
        for step in 0..6_000 {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = (chance >> 33) % 40;
            let id = Id::parse(&number.to_string()).unwrap();
            // Near both ends of a table of any size, and each twice.
            let hash = (number / 2 % 7).wrapping_sub(3);
            let (before, expected) = if chance >> 63 == 0 {
                (table.put(hash, Arc::new(Named(id, step))).1, model.insert(number, (id, hash, step)))
            } else {
                (table.remove(hash, id), model.remove(&number))
            };
            assert_eq!(before.map(|record| record.1), expected.map(|(.., step)| step));
            table.expect(hash);
            table.approach(hash);
            for (id, hash, step) in model.values() {
                assert_eq!(table.find(*hash, *id).map(|record| record.1), Some(*step));
            }
            assert_eq!(table.iter().count(), model.len());
        }
        assert!(table.places.len() >= 16, "it grew");
    }

    /// Fails if one is made twice, if equal hashes are taken for equal ids, or if growing loses one.
    #[test]
    fn a_record_is_made_once() {
        let mut table = Table::<(u64, u64)>::default();
        for turn in 0..3 {
            for number in 0..100 {
                let made =
                    table.find_or_make(number % 7, |(other, _)| *other == number, || (number, number * turn));
                assert_eq!(*made, (number, 0));
                table.expect(number % 7);
            }
            assert_eq!(table.iter().count(), 100);
        }
    }
}
