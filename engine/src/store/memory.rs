//! A store in memory: gone with the process.

mod agents;
mod counts;
mod directory;
mod history;
mod index;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::SmallVec;
use smol_str::SmolStr;

use self::agents::{AgentTables, Agents};
use self::counts::Counts;
use self::directory::{Address, Directory, External};
use self::history::{History, Moved, Taken};
use self::index::Index;
use self::table::{Shards, Tables};
use super::{
    AccountPause, AgentRecord, Commit, CommitError, ContactOnChannel, ExternalId, Few, KeptReply, LastAgent,
    NoteLog, Prune, Pruned, RequestKey, Store, StoreError,
};
use crate::apart::Apart;
use crate::config::Limits;
use crate::delivery::{Delivery, Stage};
use crate::interaction::{AgentId, DeliveryId, Interaction, InteractionId};
use crate::lifecycle::State;
use crate::operation::QueuePath;

/// Keeps everything in memory. Interactions lie in shards, so that work on different ones seldom meets.
pub struct MemoryStore {
    tables: Tables,
    /// Interactions by owner and by queue.
    index: Index,
    /// What has ended, and what is still needed of it.
    history: Apart<Mutex<History>>,
    /// What is looked up by other keys. Locked by the commits that change it only.
    directory: Apart<Mutex<Directory>>,
    agents: AgentTables,
    counts: Apart<Counts>,
    limit_interactions: usize,
    limit_settled: usize,
    limit_replies: usize,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(limits: &Limits) -> Self {
        Self {
            tables: Tables::new(),
            index: Index::new(),
            history: Apart::default(),
            directory: Apart::default(),
            agents: AgentTables::new(),
            counts: Apart::default(),
            limit_interactions: limits.interactions,
            limit_settled: limits.settled,
            limit_replies: limits.replies,
        }
    }

    /// The interactions of these hashes that `is_it` knows by the number beside each.
    fn interactions(
        &self,
        named: Vec<(u64, u64)>,
        is_it: impl Fn(&Interaction, u64) -> bool,
    ) -> Vec<Arc<Interaction>> {
        let find = |(hash, number)| {
            let shard = self.tables.shard(hash).read();
            shard.interactions.find_by(hash, |interaction| is_it(interaction, number)).cloned()
        };
        named.into_iter().filter_map(find).collect()
    }

    /// What a commit changes in the history, in one turn; gives what is to be forgotten.
    fn remember(&self, moved: &[Moved], needs: &[(InteractionId, bool)], prune: Option<&Prune>) -> Taken {
        if prune.is_none() && needs.is_empty() && moved.is_empty() {
            return Taken::new();
        }
        let mut history = self.history.lock();
        for moved in moved {
            history.moved(moved);
        }
        for (id, more) in needs {
            history.needs(*id, *more);
        }
        prune.map_or_else(Taken::new, |prune| history.take(prune))
    }

    /// Forgets what was taken out of the history, with all that goes with it.
    fn forget(&self, taken: &[InteractionId], prune: &Prune) -> Pruned {
        let mut pruned = Pruned { interactions: taken.len() as u64, ..Pruned::default() };
        for id in taken {
            let hash = self.tables.hash(*id);
            let mut shard = self.tables.shard(hash).write();
            let gone = shard.interactions.remove(hash, *id);
            if let Some(gone) = &gone {
                self.counts.went();
                self.index.moved(hash, Some(gone), None);
            }
            // What another thread made takes a while to be freed: nobody waits for that.
            drop(shard);
            drop(gone);
        }
        let mut directory = self.directory.lock();
        let mut deliveries = Vec::new();
        for id in taken {
            deliveries.extend(directory.outlive(*id, prune.now_ms));
        }
        deliveries.extend(directory.forget_posts(prune));
        pruned.external_ids = directory.forget_externals(prune);
        drop(directory);
        pruned.deliveries = deliveries.len() as u64;
        self.forget_deliveries(deliveries);
        pruned
    }

    fn forget_deliveries(&self, ids: impl IntoIterator<Item = DeliveryId>) {
        for id in ids {
            let hash = self.tables.hash(id);
            self.tables.shard(hash).write().deliveries.remove(hash, id);
        }
    }
}

/// Whether an interaction has the placement of this number.
fn is_placed(interaction: &Interaction, number: u64) -> bool {
    interaction.placement.as_ref().is_some_and(|placement| placement.number == number)
}

impl Store for MemoryStore {
    fn may_wait(&self) -> bool {
        false
    }

    fn expect(&self, id: InteractionId) {
        let hash = self.tables.hash(id);
        self.tables.shard(hash).read().interactions.expect(hash);
    }

    fn approach(&self, agent: &AgentId, id: InteractionId) {
        let hash = self.tables.hash(id);
        self.tables.shard(hash).read().interactions.approach(hash);
        self.agents.expect(agent);
    }

    fn interaction(&self, id: InteractionId) -> Result<Option<Arc<Interaction>>, StoreError> {
        let hash = self.tables.hash(id);
        let found = self.tables.shard(hash).read().interactions.find(hash, id).cloned();
        if let Some(interaction) = &found {
            interaction.gather();
        }
        Ok(found)
    }

    fn owned(&self, agent: &AgentId, channel: &str) -> Result<Vec<Arc<Interaction>>, StoreError> {
        let owned = self.index.owned(agent, channel);
        Ok(self.interactions(owned, |interaction, number| interaction.number == number))
    }

    fn queue(&self, queue: &QueuePath) -> Result<Vec<Arc<Interaction>>, StoreError> {
        Ok(self.interactions(self.index.queue(queue), is_placed))
    }

    fn waiting(&self, queue: &QueuePath, limit: usize) -> Result<Vec<Arc<Interaction>>, StoreError> {
        // One that another thread took meanwhile waits no longer.
        let mut waiting = self.interactions(self.index.waiting(queue, limit), is_placed);
        waiting.retain(|interaction| interaction.state == State::Queued);
        Ok(waiting)
    }

    fn queue_next(&self, queue: &QueuePath) -> Result<Option<InteractionId>, StoreError> {
        loop {
            let first = self.index.waiting(queue, 1);
            if first.is_empty() {
                return Ok(None);
            }
            // If another thread took it meanwhile, another one is the first by now.
            if let Some(next) = self.interactions(first, is_placed).first() {
                return Ok(Some(next.id));
            }
        }
    }

    fn external(&self, channel: &str, external_id: &str) -> Result<Option<InteractionId>, StoreError> {
        let key = ExternalId { channel: channel.into(), id: external_id.into() };
        Ok(self.directory.lock().external.get(&key).map(|external| external.interaction))
    }

    fn contact(&self, channel: &str, address: &str) -> Result<Option<SmolStr>, StoreError> {
        Ok(self.directory.lock().contacts.get(&Address { channel, address }).cloned())
    }

    fn last_agent(&self, contact_id: &str, channel: &str) -> Result<Option<LastAgent>, StoreError> {
        let key = ContactOnChannel { contact_id: contact_id.into(), channel: channel.into() };
        Ok(self.directory.lock().last_agents.get(&key).cloned())
    }

    fn agent(&self, id: &AgentId) -> Result<Option<AgentRecord>, StoreError> {
        Ok(self.agents.read(id, |of_agent| of_agent.record).flatten())
    }

    fn notes(&self, agent: &AgentId, after: u64) -> Result<NoteLog, StoreError> {
        let log = self.agents.read(agent, |of_agent| {
            let notes = &of_agent.notes;
            NoteLog { notes: notes.after(after).cloned().collect(), last: notes.last().unwrap_or(0) }
        });
        Ok(log.unwrap_or_default())
    }

    fn delivery(&self, id: DeliveryId) -> Result<Option<Arc<Delivery>>, StoreError> {
        let hash = self.tables.hash(id);
        Ok(self.tables.shard(hash).read().deliveries.find(hash, id).cloned())
    }

    fn unsettled(&self) -> Result<Vec<Arc<Delivery>>, StoreError> {
        let is_unsettled = |delivery: &&Arc<Delivery>| delivery.stage != Stage::Settled;
        let mut unsettled = Vec::new();
        for shard in self.tables.all() {
            unsettled.extend(shard.read().deliveries.iter().filter(is_unsettled).cloned());
        }
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
        Ok(self.counts.highest_number())
    }

    fn pauses(&self) -> Result<Vec<AccountPause>, StoreError> {
        Ok(self.directory.lock().pauses.values().cloned().collect())
    }

    fn prune(&self, prune: &Prune) -> Result<Pruned, CommitError> {
        let taken = self.history.lock().take(prune);
        Ok(self.forget(&taken, prune))
    }

    fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        // The order of locks is the same everywhere: shards by number, the directory, agents by number, the
        // index or the history.
        let mut hashes: SmallVec<[u64; 4]> = SmallVec::new();
        for interaction in &commit.interactions {
            hashes.push(self.tables.hash(interaction.id));
        }
        for delivery in &commit.deliveries {
            hashes.push(self.tables.hash(delivery.id));
        }
        let mut shards = Shards::lock(&self.tables, &hashes);
        let (interactions, deliveries) = hashes.split_at(commit.interactions.len());
        let mut directory = changes_directory(&commit).then(|| self.directory.lock());
        let mut agents = Agents::lock(&self.agents, &commit);

        let mut new = 0;
        for (interaction, &hash) in commit.interactions.iter().zip(interactions) {
            let id = interaction.id;
            let stored = shards.of(hash).interactions.find(hash, id);
            check_version(id, interaction.version, stored.map(|stored| stored.version))?;
            new += usize::from(stored.is_none());
        }
        for (delivery, &hash) in commit.deliveries.iter().zip(deliveries) {
            let id = delivery.id;
            let stored = shards.of(hash).deliveries.find(hash, id);
            check_version(id, delivery.version, stored.map(|stored| stored.version))?;
        }
        if directory.as_ref().is_some_and(|directory| directory.contradicts(&commit)) {
            return Err(CommitError::Conflict);
        }
        if new > 0 && self.counts.interactions() + new > self.limit_interactions {
            return Err(CommitError::Full);
        }
        if agents.contradict(&commit.notes) {
            return Err(CommitError::Conflict);
        }

        self.counts.came(new);
        // What they replace takes a while to be freed: nobody waits for that.
        let (mut replaced, mut moved) = (Few::new(), Few::new());
        for (interaction, &hash) in commit.interactions.into_iter().zip(interactions) {
            let (now, before) = shards.of(hash).interactions.put(hash, interaction);
            self.counts.numbered(before.as_deref(), now);
            self.index.moved(hash, before.as_deref(), Some(now));
            moved.extend(Moved::between(before.as_deref(), now));
            replaced.push(before);
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
        let mut needs = Few::new();
        for (delivery, &hash) in commit.deliveries.into_iter().zip(deliveries) {
            let (interaction, is_at_work) = (delivery.interaction, delivery.stage != Stage::Settled);
            let (_, before) = shards.of(hash).deliveries.put(hash, delivery);
            let was_at_work = before.is_some_and(|before| before.stage != Stage::Settled);
            if let Some(id) = interaction.filter(|_| was_at_work != is_at_work) {
                needs.push((id, is_at_work));
            }
        }
        let taken = self.remember(&moved, &needs, commit.prune.as_ref());
        if let Some(change) = commit.agent {
            let record = &mut agents.of(&change.id).record;
            *record = Some(record.unwrap_or_default().changed(&change));
        }
        agents.keep(commit.notes);
        drop(agents);
        drop(directory);
        drop(shards);
        drop(replaced);
        if !forgotten.is_empty() {
            self.forget_deliveries(forgotten);
        }
        if let Some(prune) = &commit.prune {
            self.forget(&taken, prune);
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

fn check_version(id: InteractionId, next: u64, stored: Option<u64>) -> Result<(), CommitError> {
    match stored {
        Some(_) if next == 1 => Err(CommitError::Taken(id)),
        stored if next == stored.unwrap_or(0) + 1 => Ok(()),
        _ => Err(CommitError::Conflict),
    }
}
