//! A store in memory: gone with the process.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock, RwLockWriteGuard};

use super::{
    AgentRecord, Commit, CommitError, ContactAddress, ContactOnChannel, ExternalId, KeptReply, LastAgent,
    RequestKey, Store, StoreError, queue_order,
};
use crate::config::Limits;
use crate::delivery::{Delivery, Stage};
use crate::interaction::{AgentId, DeliveryId, Interaction, InteractionId};
use crate::lifecycle::State;
use crate::operation::QueuePath;

/// Keeps everything in memory. Interactions lie in shards, so that work on different ones seldom meets.
pub struct MemoryStore {
    shards: Box<[RwLock<Shard>]>,
    hasher: RandomState,
    /// Interactions by owner and by queue.
    index: Mutex<Index>,
    /// What is looked up by other keys. Locked by the commits that change it only.
    directory: Mutex<Directory>,
    agents: Box<[Mutex<HashMap<AgentId, AgentRecord>>]>,
    interactions: AtomicUsize,
    highest_number: AtomicU64,
    limit_interactions: usize,
    limit_settled: usize,
    limit_replies: usize,
}

const SHARDS: usize = 64;

#[derive(Default)]
struct Shard {
    interactions: HashMap<InteractionId, Arc<Interaction>>,
    deliveries: HashMap<DeliveryId, Arc<Delivery>>,
}

#[derive(Default)]
struct Index {
    owned: HashMap<(AgentId, Arc<str>), BTreeMap<u64, InteractionId>>,
    queues: HashMap<QueuePath, BTreeMap<(i64, u64), Queued>>,
}

#[derive(Clone, Copy)]
struct Queued {
    id: InteractionId,
    waits: bool,
}

#[derive(Default)]
struct Directory {
    contacts: HashMap<ContactAddress, Arc<str>>,
    last_agents: HashMap<ContactOnChannel, LastAgent>,
    external: HashMap<ExternalId, InteractionId>,
    /// Settled deliveries, the oldest first, with the account of those that published something.
    settled: VecDeque<(DeliveryId, Option<AccountKey>)>,
    published: HashMap<AccountKey, VecDeque<(i64, String)>>,
    replies: HashMap<RequestKey, KeptReply>,
    /// Their keys by age.
    replies_by_age: BTreeSet<(i64, RequestKey)>,
}

/// A channel's name and an account's.
type AccountKey = (Arc<str>, Arc<str>);

impl MemoryStore {
    /// An empty store.
    pub fn new(limits: &Limits) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            index: Mutex::default(),
            directory: Mutex::default(),
            agents: (0..SHARDS).map(|_| Mutex::default()).collect(),
            interactions: AtomicUsize::new(0),
            highest_number: AtomicU64::new(0),
            limit_interactions: limits.interactions,
            limit_settled: limits.settled,
            limit_replies: limits.replies,
        }
    }

    fn shard_of(&self, key: impl Hash) -> usize {
        usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0)
    }

    fn read<T>(&self, id: InteractionId, find: impl FnOnce(&Shard) -> Option<T>) -> Option<T> {
        find(&self.shards[self.shard_of(id)].read())
    }

    fn interactions(&self, ids: impl IntoIterator<Item = InteractionId>) -> Vec<Arc<Interaction>> {
        ids.into_iter().filter_map(|id| self.read(id, |shard| shard.interactions.get(&id).cloned())).collect()
    }
}

impl Store for MemoryStore {
    fn interaction(&self, id: InteractionId) -> Result<Option<Arc<Interaction>>, StoreError> {
        Ok(self.read(id, |shard| shard.interactions.get(&id).cloned()))
    }

    fn owned(&self, agent: &AgentId, channel: &str) -> Result<Vec<Arc<Interaction>>, StoreError> {
        let key = (agent.clone(), channel.into());
        let ids: Vec<_> = self
            .index
            .lock()
            .owned
            .get(&key)
            .map(|owned| owned.values().copied().collect())
            .unwrap_or_default();
        Ok(self.interactions(ids))
    }

    fn queue(&self, queue: &QueuePath) -> Result<Vec<Arc<Interaction>>, StoreError> {
        let ids: Vec<_> = self
            .index
            .lock()
            .queues
            .get(queue)
            .map(|queue| queue.values().map(|queued| queued.id).collect())
            .unwrap_or_default();
        Ok(self.interactions(ids))
    }

    fn waiting(&self, queue: &QueuePath, limit: usize) -> Result<Vec<Arc<Interaction>>, StoreError> {
        let ids: Vec<_> = {
            let index = self.index.lock();
            let queued = index.queues.get(queue).into_iter().flat_map(|queue| queue.values());
            queued.filter(|queued| queued.waits).take(limit).map(|queued| queued.id).collect()
        };
        // One that another thread took meanwhile waits no longer.
        let mut waiting = self.interactions(ids);
        waiting.retain(|interaction| interaction.state == State::Queued);
        Ok(waiting)
    }

    fn queue_next(&self, queue: &QueuePath) -> Result<Option<InteractionId>, StoreError> {
        let index = self.index.lock();
        let waiting = index.queues.get(queue).and_then(|queue| queue.values().find(|queued| queued.waits));
        Ok(waiting.map(|queued| queued.id))
    }

    fn external(&self, channel: &str, external_id: &str) -> Result<Option<InteractionId>, StoreError> {
        let key = ExternalId { channel: channel.into(), id: external_id.into() };
        Ok(self.directory.lock().external.get(&key).copied())
    }

    fn contact(&self, address: &ContactAddress) -> Result<Option<Arc<str>>, StoreError> {
        Ok(self.directory.lock().contacts.get(address).cloned())
    }

    fn last_agent(&self, contact_id: &str, channel: &str) -> Result<Option<LastAgent>, StoreError> {
        let key = ContactOnChannel { contact_id: contact_id.into(), channel: channel.into() };
        Ok(self.directory.lock().last_agents.get(&key).cloned())
    }

    fn agent(&self, id: &AgentId) -> Result<Option<AgentRecord>, StoreError> {
        Ok(self.agents[self.shard_of(id)].lock().get(id).copied())
    }

    fn delivery(&self, id: DeliveryId) -> Result<Option<Arc<Delivery>>, StoreError> {
        Ok(self.read(id, |shard| shard.deliveries.get(&id).cloned()))
    }

    fn unsettled(&self) -> Result<Vec<Arc<Delivery>>, StoreError> {
        let mut unsettled: Vec<_> = self
            .shards
            .iter()
            .flat_map(|shard| shard.read().deliveries.values().cloned().collect::<Vec<_>>())
            .filter(|delivery| delivery.stage != Stage::Settled)
            .collect();
        unsettled.sort_by_key(|delivery| (delivery.accepted_ms, delivery.id));
        Ok(unsettled)
    }

    fn published(&self, channel: &str, account: &str, since_ms: i64) -> Result<Vec<String>, StoreError> {
        let directory = self.directory.lock();
        let published = directory.published.get(&(channel.into(), account.into()));
        Ok(published
            .into_iter()
            .flatten()
            .filter(|(accepted_ms, _)| *accepted_ms >= since_ms)
            .map(|(_, id)| id.clone())
            .collect())
    }

    fn reply(&self, key: &RequestKey) -> Result<Option<KeptReply>, StoreError> {
        Ok(self.directory.lock().replies.get(key).copied())
    }

    fn highest_number(&self) -> Result<u64, StoreError> {
        Ok(self.highest_number.load(Ordering::Relaxed))
    }

    fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        // The order of locks is the same everywhere: shards by number, the directory, the index, an agent.
        let mut shards = Shards::lock(self, &commit);
        let mut directory = changes_directory(&commit).then(|| self.directory.lock());

        let mut new = 0;
        for interaction in &commit.interactions {
            let stored = shards.of(interaction.id).interactions.get(&interaction.id);
            check_version(interaction.id, interaction.version, stored.map(|stored| stored.version))?;
            new += usize::from(stored.is_none());
        }
        for delivery in &commit.deliveries {
            let stored = shards.of(delivery.id).deliveries.get(&delivery.id);
            check_version(delivery.id, delivery.version, stored.map(|stored| stored.version))?;
        }
        if directory.as_ref().is_some_and(|directory| directory.contradicts(&commit)) {
            return Err(CommitError::Conflict);
        }
        if new > 0 && self.interactions.load(Ordering::Relaxed) + new > self.limit_interactions {
            return Err(CommitError::Full);
        }

        self.interactions.fetch_add(new, Ordering::Relaxed);
        for interaction in commit.interactions {
            let placed = interaction.placement.as_ref().map_or(0, |placement| placement.number);
            self.highest_number.fetch_max(interaction.number.max(placed), Ordering::Relaxed);
            let before = shards.of(interaction.id).interactions.insert(interaction.id, interaction.clone());
            if before.as_deref().is_none_or(|before| Indexed::of(before) != Indexed::of(&interaction)) {
                let mut index = self.index.lock();
                if let Some(before) = before {
                    index.remove(&before);
                }
                index.insert(&interaction);
            }
        }
        let mut forgotten = Vec::new();
        if let Some(directory) = &mut directory {
            // A delivery ends once: its last commit has this stage, and no other follows.
            for delivery in commit.deliveries.iter().filter(|delivery| delivery.stage == Stage::Settled) {
                directory.settle(delivery);
            }
            directory.contacts.extend(commit.contacts);
            directory.last_agents.extend(commit.last_agent);
            directory.external.extend(commit.external);
            if let Some((key, reply)) = commit.reply {
                directory.keep_reply(key, reply, self.limit_replies);
            }
            forgotten = directory.forget(self.limit_settled);
        }
        for delivery in commit.deliveries {
            shards.of(delivery.id).deliveries.insert(delivery.id, delivery);
        }
        if let Some(change) = commit.agent {
            let mut agents = self.agents[self.shard_of(&change.id)].lock();
            let kept = agents.entry(change.id.clone()).or_default();
            *kept = kept.changed(&change);
        }
        drop(directory);
        drop(shards);
        for id in forgotten {
            self.shards[self.shard_of(id)].write().deliveries.remove(&id);
        }
        Ok(())
    }
}

fn changes_directory(commit: &Commit) -> bool {
    !commit.contacts.is_empty()
        || commit.last_agent.is_some()
        || commit.external.is_some()
        || commit.reply.is_some()
        || commit.deliveries.iter().any(|delivery| delivery.stage == Stage::Settled)
}

/// The shards that a commit touches, locked in the order of their numbers.
struct Shards<'a> {
    store: &'a MemoryStore,
    locked: Vec<(usize, RwLockWriteGuard<'a, Shard>)>,
}

impl<'a> Shards<'a> {
    fn lock(store: &'a MemoryStore, commit: &Commit) -> Self {
        let mut numbers: Vec<_> = commit
            .interactions
            .iter()
            .map(|interaction| interaction.id)
            .chain(commit.deliveries.iter().map(|delivery| delivery.id))
            .map(|id| store.shard_of(id))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let locked = numbers.into_iter().map(|number| (number, store.shards[number].write())).collect();
        Self { store, locked }
    }

    fn of(&mut self, id: InteractionId) -> &mut Shard {
        let number = self.store.shard_of(id);
        let at = self.locked.iter().position(|(locked, _)| *locked == number);
        &mut self.locked[at.expect("a commit locks the shards of all its records")].1
    }
}

fn check_version(id: InteractionId, next: u64, stored: Option<u64>) -> Result<(), CommitError> {
    match stored {
        Some(_) if next == 1 => Err(CommitError::Taken(id)),
        stored if next == stored.unwrap_or(0) + 1 => Ok(()),
        _ => Err(CommitError::Conflict),
    }
}

/// What the index knows of an interaction.
#[derive(PartialEq)]
struct Indexed<'a> {
    owner: Option<&'a AgentId>,
    place: Option<(&'a QueuePath, (i64, u64), bool)>,
}

impl<'a> Indexed<'a> {
    fn of(interaction: &'a Interaction) -> Self {
        Self {
            owner: interaction.owner.as_ref().filter(|_| interaction.is_listed()),
            place: interaction.placement.as_ref().filter(|_| interaction.is_in_queue()).map(|placement| {
                let waits = interaction.state == crate::lifecycle::State::Queued;
                (&placement.queue, queue_order(placement), waits)
            }),
        }
    }
}

impl Index {
    fn insert(&mut self, interaction: &Interaction) {
        let indexed = Indexed::of(interaction);
        if let Some(owner) = indexed.owner {
            let key = (owner.clone(), interaction.channel.clone());
            self.owned.entry(key).or_default().insert(interaction.number, interaction.id);
        }
        if let Some((queue, order, waits)) = indexed.place {
            self.queues.entry(queue.clone()).or_default().insert(order, Queued { id: interaction.id, waits });
        }
    }

    fn remove(&mut self, interaction: &Interaction) {
        let indexed = Indexed::of(interaction);
        if let Some(owner) = indexed.owner {
            let key = (owner.clone(), interaction.channel.clone());
            if let Some(owned) = self.owned.get_mut(&key) {
                owned.remove(&interaction.number);
                if owned.is_empty() {
                    self.owned.remove(&key);
                }
            }
        }
        if let Some((queue, order, _)) = indexed.place
            && let Some(queued) = self.queues.get_mut(queue)
        {
            queued.remove(&order);
            if queued.is_empty() {
                self.queues.remove(queue);
            }
        }
    }
}

impl Directory {
    fn contradicts(&self, commit: &Commit) -> bool {
        commit.contacts.iter().any(|(address, _)| self.contacts.contains_key(address))
            || commit.external.as_ref().is_some_and(|(key, _)| self.external.contains_key(key))
            || commit.reply.as_ref().is_some_and(|(key, reply)| {
                self.replies.get(key).is_some_and(|kept| !kept.is_forgotten_at(reply.at_ms))
            })
    }

    fn keep_reply(&mut self, key: RequestKey, reply: KeptReply, limit: usize) {
        self.forget_replies(|oldest, _| oldest.is_forgotten_at(reply.at_ms));
        self.replies_by_age.insert((reply.at_ms, key.clone()));
        self.replies.insert(key, reply);
        self.forget_replies(|_, count| count > limit);
    }

    fn forget_replies(&mut self, is_over: impl Fn(&KeptReply, usize) -> bool) {
        while let Some((_, key)) = self.replies_by_age.first()
            && self.replies.get(key).is_none_or(|kept| is_over(kept, self.replies.len()))
            && let Some((_, key)) = self.replies_by_age.pop_first()
        {
            self.replies.remove(&key);
        }
    }

    fn settle(&mut self, delivery: &Delivery) {
        let account = delivery.published_id().map(|id| {
            let account = (delivery.channel.clone(), delivery.account.clone());
            let published = self.published.entry(account.clone()).or_default();
            published.push_back((delivery.accepted_ms, id.to_owned()));
            account
        });
        self.settled.push_back((delivery.id, account));
    }

    /// Forgets the oldest settled deliveries beyond `limit`.
    fn forget(&mut self, limit: usize) -> Vec<DeliveryId> {
        let mut forgotten = Vec::new();
        while self.settled.len() > limit {
            let Some((id, account)) = self.settled.pop_front() else { break };
            forgotten.push(id);
            // An account's ids stand in the order in which its deliveries were settled.
            if let Some(account) = account
                && let Some(published) = self.published.get_mut(&account)
            {
                published.pop_front();
                if published.is_empty() {
                    self.published.remove(&account);
                }
            }
        }
        forgotten
    }
}
