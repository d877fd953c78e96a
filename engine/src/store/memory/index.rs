//! Interactions by owner and by queue.
//!
//! Both name an interaction by the hash of its id and by a number of its own: with these it is found in its table,
//! and they take a third of the room that the id takes.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::apart::Apart;
use crate::interaction::{AgentId, Interaction};
use crate::lifecycle::State;
use crate::operation::QueuePath;
use crate::store::queue_order;

pub(super) struct Index {
    owned: Box<[Apart<Mutex<OwnedShard>>]>,
    queues: Mutex<HashMap<QueuePath, BTreeMap<Order, Queued>, RandomState>>,
    hasher: RandomState,
}

const SHARDS: usize = 64;

type OwnedShard = HashMap<AgentId, Owned, RandomState>;

/// What an agent has, channel by channel: hashes by interactions' numbers. There are few channels.
type Owned = SmallVec<[(SmolStr, BTreeMap<u64, u64>); 1]>;

/// Since when, and the placement's number.
type Order = (i64, u64);

#[derive(Clone, Copy)]
struct Queued {
    hash: u64,
    waits: bool,
}

impl Index {
    pub(super) fn new() -> Self {
        Self { owned: Apart::several(SHARDS), queues: Mutex::default(), hasher: RandomState::default() }
    }

    /// The hashes and numbers of an agent's interactions on a channel, oldest first.
    pub(super) fn owned(&self, agent: &AgentId, channel: &str) -> Vec<(u64, u64)> {
        let shard = self.shard(agent).lock();
        let mut of_agent = shard.get(agent).into_iter().flatten();
        let owned = of_agent.find(|(name, _)| name == channel);
        owned
            .map(|(_, owned)| owned.iter().map(|(number, hash)| (*hash, *number)).collect())
            .unwrap_or_default()
    }

    /// The hashes and placements of what stands in a queue, oldest first.
    pub(super) fn queue(&self, queue: &QueuePath) -> Vec<(u64, u64)> {
        self.queues
            .lock()
            .get(queue)
            .into_iter()
            .flatten()
            .map(|(order, queued)| (queued.hash, order.1))
            .collect()
    }

    /// The same of what waits there, at most so many.
    pub(super) fn waiting(&self, queue: &QueuePath, limit: usize) -> Vec<(u64, u64)> {
        let queues = self.queues.lock();
        let waiting = queues.get(queue).into_iter().flatten().filter(|(_, queued)| queued.waits);
        waiting.take(limit).map(|(order, queued)| (queued.hash, order.1)).collect()
    }

    /// An interaction stands differently now, is new, or has gone.
    pub(super) fn moved(&self, hash: u64, before: Option<&Interaction>, now: Option<&Interaction>) {
        let (was, is) = (before.and_then(listed), now.and_then(listed));
        if was != is {
            if let Some(was) = was {
                self.disown(was);
            }
            if let Some((agent, channel, number)) = is {
                let mut shard = self.shard(agent).lock();
                let of_agent = shard.entry(agent.clone()).or_default();
                let at = of_agent.iter().position(|(name, _)| name == channel).unwrap_or_else(|| {
                    of_agent.push((channel.into(), BTreeMap::new()));
                    of_agent.len() - 1
                });
                of_agent[at].1.insert(number, hash);
            }
        }
        let (was, is) = (before.and_then(placed), now.and_then(placed));
        if was != is {
            let mut queues = self.queues.lock();
            if let Some((queue, order, _)) = was
                && let Some(queued) = queues.get_mut(queue)
            {
                queued.remove(&order);
                if queued.is_empty() {
                    queues.remove(queue);
                }
            }
            if let Some((queue, order, waits)) = is {
                queues.entry(queue.clone()).or_default().insert(order, Queued { hash, waits });
            }
        }
    }

    fn disown(&self, (agent, channel, number): Listed<'_>) {
        let mut shard = self.shard(agent).lock();
        let Some(of_agent) = shard.get_mut(agent) else { return };
        if let Some(at) = of_agent.iter().position(|(name, _)| name == channel) {
            of_agent[at].1.remove(&number);
            if of_agent[at].1.is_empty() {
                of_agent.swap_remove(at);
            }
        }
        if of_agent.is_empty() {
            shard.remove(agent);
        }
    }

    fn shard(&self, agent: &AgentId) -> &Mutex<OwnedShard> {
        &self.owned[usize::try_from(self.hasher.hash_one(agent) % SHARDS as u64).unwrap_or(0)]
    }
}

/// An owner, a channel and an interaction's number.
type Listed<'a> = (&'a AgentId, &'a str, u64);

fn listed(interaction: &Interaction) -> Option<Listed<'_>> {
    let owner = interaction.owner.as_ref().filter(|_| interaction.is_listed())?;
    Some((owner, &interaction.channel, interaction.number))
}

/// A queue, the place there, and whether it waits.
fn placed(interaction: &Interaction) -> Option<(&QueuePath, Order, bool)> {
    let placement = interaction.placement.as_ref().filter(|_| interaction.is_in_queue())?;
    Some((&placement.queue, queue_order(placement), interaction.state == State::Queued))
}
