//! A store in memory: gone with the process.

mod history;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, Hash, RandomState};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock, RwLockWriteGuard};

use self::history::History;
use super::{
    AccountPause, AgentRecord, Commit, CommitError, ContactAddress, ContactOnChannel, ExternalId, KeptNote,
    KeptReply, LastAgent, NoteLog, Prune, Pruned, RequestKey, Store, StoreError, queue_order,
};
use crate::config::{Limits, Retention};
use crate::delivery::{Delivery, Stage};
use crate::interaction::{AgentId, DeliveryId, Interaction, InteractionId};
use crate::lifecycle::State;
use crate::notify::Note;
use crate::operation::QueuePath;

/// Keeps everything in memory. Interactions lie in shards, so that work on different ones seldom meets.
pub struct MemoryStore {
    shards: Box<[RwLock<Shard>]>,
    hasher: RandomState,
    /// Interactions by owner and by queue.
    index: Mutex<Index>,
    /// What has ended, and what is still needed of it.
    history: Mutex<History>,
    /// What is looked up by other keys. Locked by the commits that change it only.
    directory: Mutex<Directory>,
    agents: Box<[Mutex<AgentShard>]>,
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
struct AgentShard {
    records: HashMap<AgentId, AgentRecord>,
    notes: HashMap<AgentId, BTreeMap<u64, Arc<Note>>>,
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
    external: HashMap<ExternalId, External>,
    external_of: HashMap<InteractionId, Vec<ExternalId>>,
    /// Settled deliveries in the order in which they were settled.
    settled: BTreeMap<u64, Settled>,
    settled_of: HashMap<InteractionId, BTreeSet<u64>>,
    last_settled: u64,
    published: HashMap<AccountKey, BTreeMap<u64, (i64, String)>>,
    /// What outlives its interaction, by when it is forgotten.
    posts_by_end: BTreeSet<(i64, DeliveryId, u64)>,
    externals_by_end: BTreeSet<(i64, ExternalId)>,
    pauses: BTreeMap<AccountKey, AccountPause>,
    replies: HashMap<RequestKey, KeptReply>,
    /// Their keys by age.
    replies_by_age: BTreeSet<(i64, RequestKey)>,
}

struct Settled {
    id: DeliveryId,
    interaction: Option<InteractionId>,
    /// The account, if something was published.
    account: Option<AccountKey>,
    /// When it is forgotten, if its interaction has gone.
    end_ms: Option<i64>,
}

struct External {
    interaction: InteractionId,
    /// When it is forgotten, if its interaction has gone.
    end_ms: Option<i64>,
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
            history: Mutex::default(),
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
        Ok(self.directory.lock().external.get(&key).map(|external| external.interaction))
    }

    fn contact(&self, address: &ContactAddress) -> Result<Option<Arc<str>>, StoreError> {
        Ok(self.directory.lock().contacts.get(address).cloned())
    }

    fn last_agent(&self, contact_id: &str, channel: &str) -> Result<Option<LastAgent>, StoreError> {
        let key = ContactOnChannel { contact_id: contact_id.into(), channel: channel.into() };
        Ok(self.directory.lock().last_agents.get(&key).cloned())
    }

    fn agent(&self, id: &AgentId) -> Result<Option<AgentRecord>, StoreError> {
        Ok(self.agents[self.shard_of(id)].lock().records.get(id).copied())
    }

    fn notes(&self, agent: &AgentId, after: u64) -> Result<NoteLog, StoreError> {
        let shard = self.agents[self.shard_of(agent)].lock();
        let Some(kept) = shard.notes.get(agent) else { return Ok(NoteLog::default()) };
        let notes = kept.range((Bound::Excluded(after), Bound::Unbounded));
        Ok(NoteLog {
            notes: notes.map(|(_, note)| note.clone()).collect(),
            last: kept.keys().next_back().copied().unwrap_or(0),
        })
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
            .flat_map(BTreeMap::values)
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

    fn pauses(&self) -> Result<Vec<AccountPause>, StoreError> {
        Ok(self.directory.lock().pauses.values().cloned().collect())
    }

    fn prune(&self, prune: &Prune) -> Result<Pruned, CommitError> {
        let taken = self.history.lock().take(prune);
        let mut pruned = Pruned { interactions: taken.len() as u64, ..Pruned::default() };
        for id in &taken {
            let mut shard = self.shards[self.shard_of(id)].write();
            if let Some(gone) = shard.interactions.remove(id) {
                self.interactions.fetch_sub(1, Ordering::Relaxed);
                self.index.lock().remove(&gone);
            }
        }
        let mut directory = self.directory.lock();
        let mut deliveries = Vec::new();
        for id in &taken {
            deliveries.extend(directory.outlive(*id, prune.now_ms));
        }
        deliveries.extend(directory.forget_posts(prune));
        pruned.external_ids = directory.forget_externals(prune);
        drop(directory);
        pruned.deliveries = deliveries.len() as u64;
        for id in deliveries {
            self.shards[self.shard_of(id)].write().deliveries.remove(&id);
        }
        Ok(pruned)
    }

    fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        // The order of locks is the same everywhere: shards by number, the directory, agents by number, the
        // history, the index.
        let mut shards = Shards::lock(self, &commit);
        let mut directory = changes_directory(&commit).then(|| self.directory.lock());
        let mut agents = Agents::lock(self, &commit);

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
        if agents.contradict(&commit.notes) {
            return Err(CommitError::Conflict);
        }

        self.interactions.fetch_add(new, Ordering::Relaxed);
        for interaction in commit.interactions {
            let placed = interaction.placement.as_ref().map_or(0, |placement| placement.number);
            self.highest_number.fetch_max(interaction.number.max(placed), Ordering::Relaxed);
            let before = shards.of(interaction.id).interactions.insert(interaction.id, interaction.clone());
            let (was, is) = (before.as_deref().and_then(history::place), history::place(&interaction));
            if was != is || before.is_none() && interaction.parent_id.is_some() {
                self.history.lock().moved(before.as_deref(), &interaction);
            }
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
            if let Some((key, id)) = commit.external {
                directory.external_of.entry(id).or_default().push(key.clone());
                directory.external.insert(key, External { interaction: id, end_ms: None });
            }
            for change in commit.pauses {
                let key = (change.channel.clone(), change.account.clone());
                match change.after(directory.pauses.get(&key)) {
                    Some(pause) => directory.pauses.insert(key, pause),
                    None => directory.pauses.remove(&key),
                };
            }
            if let Some((key, reply)) = commit.reply {
                directory.keep_reply(key, reply, self.limit_replies);
            }
            forgotten = directory.forget(self.limit_settled);
        }
        for delivery in commit.deliveries {
            let before = shards.of(delivery.id).deliveries.insert(delivery.id, delivery.clone());
            let was_at_work = before.is_some_and(|before| before.stage != Stage::Settled);
            let is_at_work = delivery.stage != Stage::Settled;
            if let Some(id) = delivery.interaction.filter(|_| was_at_work != is_at_work) {
                self.history.lock().needs(id, is_at_work);
            }
        }
        if let Some(change) = commit.agent {
            let kept = agents.of(&change.id).records.entry(change.id.clone()).or_default();
            *kept = kept.changed(&change);
        }
        for kept in &commit.notes {
            agents.of(&kept.agent).keep(kept);
        }
        for kept in &commit.notes {
            agents.of(&kept.agent).forget(kept);
        }
        drop(agents);
        drop(directory);
        drop(shards);
        for id in forgotten {
            self.shards[self.shard_of(id)].write().deliveries.remove(&id);
        }
        if let Some(prune) = commit.prune {
            self.prune(&prune)?;
        }
        Ok(())
    }
}

fn changes_directory(commit: &Commit) -> bool {
    !commit.contacts.is_empty()
        || commit.last_agent.is_some()
        || commit.external.is_some()
        || commit.reply.is_some()
        || !commit.pauses.is_empty()
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

/// The agents' shards that a commit touches, locked in the order of their numbers.
struct Agents<'a> {
    store: &'a MemoryStore,
    locked: Vec<(usize, MutexGuard<'a, AgentShard>)>,
}

impl<'a> Agents<'a> {
    fn lock(store: &'a MemoryStore, commit: &Commit) -> Self {
        let changed = commit.agent.iter().map(|change| &change.id);
        let mut numbers: Vec<_> = changed
            .chain(commit.notes.iter().map(|kept| &kept.agent))
            .map(|agent| store.shard_of(agent))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let locked = numbers.into_iter().map(|number| (number, store.agents[number].lock())).collect();
        Self { store, locked }
    }

    fn of(&mut self, agent: &AgentId) -> &mut AgentShard {
        let number = self.store.shard_of(agent);
        let at = self.locked.iter().position(|(locked, _)| *locked == number);
        &mut self.locked[at.expect("a commit locks the shards of all its agents")].1
    }

    /// Whether a number is taken.
    fn contradict(&mut self, notes: &[KeptNote]) -> bool {
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

    fn keep(&mut self, kept: &KeptNote) {
        self.notes.entry(kept.agent.clone()).or_default().insert(kept.note.sequence, kept.note.clone());
    }

    fn forget(&mut self, kept: &KeptNote) {
        let notes = self.notes.entry(kept.agent.clone()).or_default();
        while let Some(oldest) = notes.first_entry().filter(|oldest| *oldest.key() <= kept.forgotten) {
            oldest.remove();
        }
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
        self.last_settled += 1;
        let number = self.last_settled;
        let account = delivery.published_id().map(|id| {
            let account = (delivery.channel.clone(), delivery.account.clone());
            let published = self.published.entry(account.clone()).or_default();
            published.insert(number, (delivery.accepted_ms, id.to_owned()));
            account
        });
        let interaction = delivery.interaction;
        if let Some(interaction) = interaction {
            self.settled_of.entry(interaction).or_default().insert(number);
        }
        self.settled.insert(number, Settled { id: delivery.id, interaction, account, end_ms: None });
    }

    /// Forgets the oldest settled deliveries beyond `limit`.
    fn forget(&mut self, limit: usize) -> Vec<DeliveryId> {
        let mut forgotten = Vec::new();
        while self.settled.len() > limit
            && let Some((&number, _)) = self.settled.first_key_value()
        {
            forgotten.extend(self.forget_one(number));
        }
        forgotten
    }

    fn forget_one(&mut self, number: u64) -> Option<DeliveryId> {
        let Settled { id, interaction, account, end_ms } = self.settled.remove(&number)?;
        if let Some(end_ms) = end_ms {
            self.posts_by_end.remove(&(end_ms, id, number));
        }
        if let Some(account) = account
            && let Some(published) = self.published.get_mut(&account)
        {
            published.remove(&number);
            if published.is_empty() {
                self.published.remove(&account);
            }
        }
        if let Some(interaction) = interaction
            && let Some(of) = self.settled_of.get_mut(&interaction)
        {
            of.remove(&number);
            if of.is_empty() {
                self.settled_of.remove(&interaction);
            }
        }
        Some(id)
    }

    /// Lets go of what belongs to a pruned interaction: gives the deliveries that go at once.
    fn outlive(&mut self, id: InteractionId, now_ms: i64) -> Vec<DeliveryId> {
        let mut forgotten = Vec::new();
        for number in self.settled_of.get(&id).cloned().unwrap_or_default() {
            match self.settled.get_mut(&number) {
                Some(settled) if settled.account.is_some() => {
                    let end_ms = now_ms.saturating_add(Retention::POSTS_MS);
                    if let Some(before_ms) = settled.end_ms.replace(end_ms) {
                        self.posts_by_end.remove(&(before_ms, settled.id, number));
                    }
                    self.posts_by_end.insert((end_ms, settled.id, number));
                }
                _ => forgotten.extend(self.forget_one(number)),
            }
        }
        for key in self.external_of.get(&id).cloned().unwrap_or_default() {
            let Some(external) = self.external.get_mut(&key) else { continue };
            let end_ms = now_ms.saturating_add(Retention::EXTERNAL_IDS_MS);
            if let Some(before_ms) = external.end_ms.replace(end_ms) {
                self.externals_by_end.remove(&(before_ms, key.clone()));
            }
            self.externals_by_end.insert((end_ms, key));
        }
        forgotten
    }

    fn forget_posts(&mut self, prune: &Prune) -> Vec<DeliveryId> {
        let mut forgotten = Vec::new();
        for _ in 0..prune.max {
            let Some(&(end_ms, _, number)) = self.posts_by_end.first() else { break };
            if end_ms >= prune.now_ms {
                break;
            }
            forgotten.extend(self.forget_one(number));
        }
        forgotten
    }

    fn forget_externals(&mut self, prune: &Prune) -> u64 {
        let mut forgotten = 0;
        while forgotten < u64::from(prune.max)
            && self.externals_by_end.first().is_some_and(|(end_ms, _)| *end_ms < prune.now_ms)
            && let Some((_, key)) = self.externals_by_end.pop_first()
        {
            if let Some(External { interaction, .. }) = self.external.remove(&key)
                && let Some(of) = self.external_of.get_mut(&interaction)
            {
                of.retain(|other| *other != key);
                if of.is_empty() {
                    self.external_of.remove(&interaction);
                }
            }
            forgotten += 1;
        }
        forgotten
    }
}
