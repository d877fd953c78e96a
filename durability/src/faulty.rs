//! A store whose commits fail now and then.

use std::sync::Arc;

use parking_lot::Mutex;
use strowger::{
    AccountPause, AgentId, AgentRecord, Commit, CommitError, Delivery, DeliveryId, Interaction,
    InteractionId, KeptReply, LastAgent, NoteLog, Prune, Pruned, QueuePath, RequestKey, SmolStr, Store,
    StoreError,
};

use crate::Chance;

/// Refuses so many commits in a hundred, and makes none of their changes.
pub struct Faulty<S> {
    store: S,
    chance: Mutex<Chance>,
    percent: Mutex<u64>,
}

impl<S: Store> Faulty<S> {
    /// A store that fails never, until it is told to.
    pub fn new(store: S, seed: u64) -> Self {
        Self { store, chance: Mutex::new(Chance::new(seed)), percent: Mutex::new(0) }
    }

    /// From now on so many commits in a hundred fail.
    pub fn fail(&self, percent: u64) {
        *self.percent.lock() = percent;
    }

    fn drawn(&self) -> Result<(), StoreError> {
        let fails = self.chance.lock().percent(*self.percent.lock());
        if fails { Err(StoreError::new("drawn")) } else { Ok(()) }
    }
}

macro_rules! readings {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $kind),*) -> Result<$answer, StoreError> {
            self.store.$name($($argument),*)
        })*
    };
}

impl<S: Store> Store for Faulty<S> {
    readings! {
        interaction(id: InteractionId) -> Option<Arc<Interaction>>;
        owned(agent: &AgentId, channel: &str) -> Vec<Arc<Interaction>>;
        queue(queue: &QueuePath) -> Vec<Arc<Interaction>>;
        waiting(queue: &QueuePath, limit: usize) -> Vec<Arc<Interaction>>;
        external(channel: &str, external_id: &str) -> Option<InteractionId>;
        contact(channel: &str, address: &str) -> Option<SmolStr>;
        last_agent(contact_id: &str, channel: &str) -> Option<LastAgent>;
        agent(id: &AgentId) -> Option<AgentRecord>;
        notes(agent: &AgentId, after: u64) -> NoteLog;
        delivery(id: DeliveryId) -> Option<Arc<Delivery>>;
        unsettled() -> Vec<Arc<Delivery>>;
        published(channel: &str, account: &str, since_ms: i64) -> Vec<String>;
        reply(key: &RequestKey) -> Option<KeptReply>;
        highest_number() -> u64;
        pauses() -> Vec<AccountPause>;
    }

    fn prune(&self, prune: &Prune) -> Result<Pruned, CommitError> {
        self.drawn()?;
        self.store.prune(prune)
    }

    fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.drawn()?;
        self.store.commit(commit)
    }
}
