//! The shell around the pure core: it loads, decides, commits, and then tells.
//!
//! Every call runs on its caller's thread; the engine has none of its own. Operations on different
//! interactions don't wait for each other.

mod agent;
mod announce;
mod apply;
mod channels;
mod deliver;
mod focus;
mod host;
mod locks;
mod poison;
mod prepare;
mod settle;

pub use agent::{Agent, Reply};
pub use channels::ChannelTaken;
pub use deliver::HostDelivery;
pub use host::Waiting;

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use foldhash::HashMap;
use foldhash::fast::RandomState;
use parking_lot::RwLock;

use self::channels::{Channels, Entry, Runner};
use self::focus::AgentFocus;
use self::locks::Locks;
use crate::apart::Apart;
use crate::channel::{Channel, ChannelFault, ManifestError};
use crate::config::{Config, ConfigError, Limits, Retention, StoreConfig};
use crate::delivery::{Delivery, Outbox, Stage};
use crate::environment::Environment;
use crate::interaction::{AgentId, InvalidAgentId};
use crate::lifecycle::{DiagramFormat, UnknownFormat};
use crate::near::near;
use crate::notify::Hub;
use crate::operation::{QueuePath, Refusal};
use crate::store::{AgentChange, AgentRecord, Commit, MemoryStore, OpenError, Store, StoreError};

/// The interaction engine. Any thread may call; a clone is another handle of the same engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

/// The feature without which an agent can do nothing here.
pub const API_MULTIMEDIA: &str = "api-multimedia";

struct Inner {
    name: String,
    base_uri: String,
    limits: Limits,
    queues: Option<Vec<QueuePath>>,
    environment: Environment,
    store: Arc<dyn Store>,
    channels: Channels,
    agents: Agents,
    locks: Locks,
    outbox: Apart<Outbox>,
    /// Counts interactions and placements.
    numbers: Apart<AtomicU64>,
    /// A panic broke a change off. Subscriptions look at it as well.
    poisoned: Arc<AtomicBool>,
    retention: Retention,
    /// When ended interactions were last looked through.
    swept_ms: AtomicI64,
}

/// An agent while the engine runs. The store has what lasts.
///
/// In one piece, in the order in which a call needs it: with thousands of agents none of it is in a cache.
#[repr(C)]
struct AgentState {
    id: AgentId,
    reference_id: AtomicU64,
    focus: AgentFocus,
    hub: Hub,
}

impl AgentState {
    /// Has on its way what a call needs.
    fn expect(&self) {
        near(&self.id);
        near(&self.focus);
        near(&self.hub);
    }
}

type AgentShard = RwLock<HashMap<AgentId, Arc<AgentState>>>;

/// The agents seen since the engine was opened.
struct Agents {
    shards: Box<[Apart<AgentShard>]>,
    hasher: RandomState,
}

/// Why a call of the host failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was asked for can't be done; code and text as agents would get them.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It can't be done as things stand.
    #[error("{0}")]
    Conflict(String),
    /// No channel of that name.
    #[error("there is no channel `{name}`; the channels are: {known}")]
    UnknownChannel {
        /// The name.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A channel's manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A channel is served already.
    #[error(transparent)]
    ChannelTaken(#[from] ChannelTaken),
    /// A channel failed.
    #[error("the channel failed: {0}")]
    Channel(#[from] ChannelFault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Not an agent's id.
    #[error(transparent)]
    InvalidAgentId(#[from] InvalidAgentId),
    /// Not a diagram format.
    #[error(transparent)]
    UnknownFormat(#[from] UnknownFormat),
    /// A panic broke off a change of this engine: what the store holds and what was told may differ. Every
    /// call is refused with this; open the engine again.
    #[error("a panic broke off a change of this engine: it is out of use, close it and open it again")]
    Poisoned,
}

impl Engine {
    /// Opens an engine with a real clock and real chance.
    ///
    /// Channels that the configuration names as plugins are not loaded here: `strowger-loader` does that.
    pub fn open(config: &Config) -> Result<Self, Error> {
        Self::open_with(config, Environment::default())
    }

    /// Opens an engine that takes time, names and chance from `environment`.
    pub fn open_with(config: &Config, environment: Environment) -> Result<Self, Error> {
        let store: Arc<dyn Store> = match &config.store {
            StoreConfig::Memory => Arc::new(MemoryStore::new(&config.limits)),
            #[cfg(feature = "sqlite")]
            StoreConfig::Sqlite { path, check } => {
                let store = crate::store::SqliteStore::open(path.as_ref(), &config.limits)?;
                if *check {
                    store.check()?;
                }
                Arc::new(store)
            }
            #[cfg(not(feature = "sqlite"))]
            StoreConfig::Sqlite { .. } => {
                let problem = "`sqlite` is not served: this engine was built without the feature `sqlite`";
                return Err(ConfigError::member("store.kind", problem).into());
            }
        };
        Self::open_on(config, environment, store)
    }

    /// Opens an engine on a store of the host's own.
    pub fn open_on(config: &Config, environment: Environment, store: Arc<dyn Store>) -> Result<Self, Error> {
        config.validate()?;
        let queues = config
            .queues
            .as_ref()
            .map(|queues| queues.iter().filter_map(|queue| QueuePath::parse(queue).ok()).collect());
        let engine = Self {
            inner: Arc::new(Inner {
                name: config.name.clone(),
                base_uri: config.base_uri.trim_end_matches('/').to_owned(),
                limits: config.limits.clone(),
                queues,
                environment,
                numbers: Apart::new(AtomicU64::new(store.highest_number()?)),
                store,
                channels: Channels::default(),
                agents: Agents::new(),
                locks: Locks::new(),
                outbox: Apart::default(),
                poisoned: Arc::default(),
                retention: config.retention,
                swept_ms: AtomicI64::new(i64::MIN),
            }),
        };
        engine.add(config.manifests.clone(), || Runner::Host)?;
        Ok(engine)
    }

    /// Adds a channel that carries out its deliveries in [`Engine::deliver`].
    #[allow(clippy::needless_pass_by_value, reason = "the channel is handed over")]
    pub fn add_channel(&self, channel: Arc<dyn Channel>) -> Result<(), Error> {
        let manifests = channel.manifests();
        manifests.iter().try_for_each(crate::channel::Manifest::validate)?;
        self.add(manifests, || Runner::Plugin(channel.clone()))
    }

    fn add(
        &self,
        manifests: Vec<crate::channel::Manifest>,
        runner: impl Fn() -> Runner,
    ) -> Result<(), Error> {
        let inner = &*self.inner;
        inner.sound()?;
        let now_ms = inner.now_ms();
        // Whatever can fail comes first: a channel is added whole, or not at all. What an earlier run left
        // behind is read before the channel can be used: what is accepted from now on is scheduled as it
        // comes.
        let adding = inner.channels.begin(manifests, &inner.name, &inner.base_uri, runner)?;
        let pauses = inner.store.pauses()?;
        let (left_behind, commit) = inner.left_behind(adding.entries(), now_ms)?;
        // A delivery that is looked for and not scheduled would wait for ever.
        let critical = inner.critical()?;
        if !commit.deliveries.is_empty() {
            inner.write(commit, &critical).map_err(apply::error_of)?;
        }
        let added = adding.finish();
        let entry_of = |channel: &str| added.iter().find(|entry| *entry.name == *channel);
        for pause in pauses {
            if let Some(entry) = entry_of(&pause.channel) {
                inner.outbox.take_up_pause(&pause, &entry.pool);
            }
        }
        for delivery in left_behind {
            if let Some(entry) = entry_of(&delivery.channel) {
                // What was accepted once is not refused for want of room later.
                inner.outbox.reserve(delivery.bytes, usize::MAX, usize::MAX);
                inner.outbox.schedule(&delivery, &entry.pool);
            }
        }
        Ok(())
    }

    /// An agent, made known to the engine: the `me` of the requests. Features belong to the handle, all
    /// else to the agent's id.
    pub fn agent(&self, id: &str, features: &[&str]) -> Result<Agent, Error> {
        self.inner.sound()?;
        let state = self.inner.known_agent(&AgentId::parse(id)?)?;
        Ok(Agent::new(self.inner.clone(), state, features.contains(&API_MULTIMEDIA)))
    }

    /// The names of the channels.
    pub fn channels(&self) -> Vec<String> {
        self.inner.channels.all().map(|entry| entry.name.to_string()).collect()
    }

    /// A channel's manifest.
    pub fn manifest(&self, channel: &str) -> Result<crate::channel::Manifest, Error> {
        Ok(self.inner.channel(channel)?.manifest.clone())
    }

    /// The channel that a path segment under `/api/v2/me` stands for, as `tweets`.
    pub fn channel_of_collection(&self, segment: &str) -> Option<String> {
        self.inner.channels.of_collection(segment).map(|entry| entry.name.to_string())
    }

    /// Draws a channel's lifecycle, its own operations included.
    pub fn diagram(&self, channel: &str, format: DiagramFormat) -> Result<String, Error> {
        let entry = self.inner.channel(channel)?;
        crate::failpoint::reach("drawing");
        Ok(entry.lifecycle.diagram(format))
    }

    /// Whether calls may wait for the store's disk. Where it is false, as with a store in memory, calls take
    /// microseconds (those of [`Agent::list`] and its like by the length of the list), and a host on an async
    /// runtime may make them on the threads that serve everybody. Those that wait by their nature, as
    /// [`Engine::deliver`] and [`Subscription::next`](crate::Subscription::next), do so with any store.
    pub fn may_wait(&self) -> bool {
        self.inner.store.may_wait()
    }

    /// How many deliveries are not settled.
    pub fn undelivered(&self) -> usize {
        self.inner.outbox.count()
    }

    /// Wakes everybody who waits in a subscription or for a delivery. Calls that don't wait go on
    /// working: whoever holds an agent or a subscription holds the engine.
    pub fn close(&self) {
        crate::failpoint::reach("closing");
        self.inner.wake();
    }

    /// Whether a panic broke off a change, so that every call is refused with [`Error::Poisoned`].
    pub fn is_poisoned(&self) -> bool {
        self.inner.sound().is_err()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Engine").field("name", &self.inner.name).finish_non_exhaustive()
    }
}

impl Inner {
    fn now_ms(&self) -> i64 {
        self.environment.clock.now_ms()
    }

    /// Wakes everybody who waits.
    fn wake(&self) {
        self.outbox.close();
        for shard in &self.agents.shards {
            for agent in shard.read().values() {
                agent.hub.close();
            }
        }
    }

    fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn channel(&self, name: &str) -> Result<&Arc<Entry>, Error> {
        self.sound()?;
        self.channels.find(name).ok_or_else(|| Error::UnknownChannel {
            name: name.chars().take(64).collect(),
            known: self.channels.names(),
        })
    }

    /// The agent, from now on known.
    fn known_agent(&self, id: &AgentId) -> Result<Arc<AgentState>, Error> {
        if let Some(state) = self.seen_agent(id)? {
            return Ok(state);
        }
        if self.agents.count() >= self.limits.agents {
            return Err(Refusal::internal(format!(
                "there are {} agents already: no more are allowed",
                self.limits.agents
            ))
            .into());
        }
        let commit = Commit {
            agent: Some(AgentChange { id: id.clone(), reference_id: 0, focus: None, followed_after: None }),
            ..Commit::default()
        };
        let critical = self.critical()?;
        self.write(commit, &critical).map_err(apply::error_of)?;
        Ok(self.agents.insert(id, AgentRecord::default()))
    }

    /// The agent, if it was ever seen.
    fn seen_agent(&self, id: &AgentId) -> Result<Option<Arc<AgentState>>, StoreError> {
        if let Some(state) = self.agents.find(id) {
            return Ok(Some(state));
        }
        Ok(self.store.agent(id)?.map(|record| self.agents.insert(id, record)))
    }

    /// What an earlier run left behind for channels that are being added, in its order, and what is to be
    /// committed of it first.
    fn left_behind(
        &self,
        added: &[Arc<Entry>],
        now_ms: i64,
    ) -> Result<(Vec<Arc<Delivery>>, Commit), StoreError> {
        let mut deliveries = self.store.unsettled()?;
        deliveries.retain(|delivery| added.iter().any(|entry| entry.name == delivery.channel));
        let mut commit = Commit::default();
        for delivery in &mut deliveries {
            if delivery.stage == Stage::Intended {
                // The publishing request may have been made: look before anything else is sent.
                let doubtful = Delivery {
                    stage: Stage::Doubtful { due_ms: now_ms },
                    version: delivery.version + 1,
                    ..Delivery::clone(delivery)
                };
                *delivery = Arc::new(doubtful);
                commit.deliveries.push(delivery.clone());
            }
        }
        Ok((deliveries, commit))
    }
}

impl Agents {
    const SHARDS: usize = 64;

    fn new() -> Self {
        Self { shards: Apart::several(Self::SHARDS), hasher: RandomState::default() }
    }

    fn shard(&self, id: &AgentId) -> &AgentShard {
        let number = usize::try_from(self.hasher.hash_one(id) % Self::SHARDS as u64).unwrap_or(0);
        &self.shards[number]
    }

    fn find(&self, id: &AgentId) -> Option<Arc<AgentState>> {
        self.shard(id).read().get(id).cloned()
    }

    fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    fn insert(&self, id: &AgentId, record: AgentRecord) -> Arc<AgentState> {
        let mut shard = self.shard(id).write();
        shard
            .entry(id.clone())
            .or_insert_with(|| {
                Arc::new(AgentState {
                    id: id.clone(),
                    reference_id: AtomicU64::new(record.reference_id),
                    focus: AgentFocus::new(record.focus),
                    hub: Hub::new(id.clone(), record.followed_after),
                })
            })
            .clone()
    }
}
