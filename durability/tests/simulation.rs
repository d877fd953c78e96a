//! Engine, store and platform in one thread under one seed: virtual time, and faults drawn from the seed.
//! Commits and readings fail, the process dies at any commit (made or not), answers get lost, channels
//! panic, accounts are paused and refused. After every step: each message is on the platform at most once,
//! and every accepted one is on its way, out, or back with its agent.
//!
//! `STROWGER_SEED` replays one seed, `STROWGER_OPERATIONS` sets how many operations the stores in memory
//! see (default 100,000).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use strowger::channel::{
    Channel, CheckError, Job, JobKind, Manifest, Outcome, Outgoing, PointOfNoReturn, Report,
};
use strowger::lifecycle::State;
use strowger::{
    API_MULTIMEDIA, AccountPause, Agent, AgentId, AgentRecord, Clock, Commit, CommitError, Config, Delivery,
    DeliveryId, Engine, Environment, Error, Inbound, Interaction, InteractionId, KeptReply, LastAgent,
    Limits, MemoryStore, NoteLog, Prune, Pruned, QueuePath, Random, Reply, RequestKey, Retention, SmolStr,
    SqliteStore, StatusCode, Store, StoreError, Subscription,
};
use strowger_durability::{Chance, manifest, scratch};

const X: &str = "x";
const AGENTS: [&str; 3] = ["a1", "a2", "a3"];
const OPERATIONS_OF_A_SEED: u64 = 1_000;

/// Everything that the seed decides.
struct World {
    now_ms: AtomicI64,
    chance: Mutex<Chance>,
    names: Mutex<Chance>,
    /// No faults for now: what is asked is asked by the test.
    is_calm: AtomicBool,
    is_dead: AtomicBool,
    /// A fault of the product's own, to prove that it is found: so many posts are right, and the next one is
    /// made twice.
    posts_twice_after: AtomicI64,
    /// A short account of the run, to compare two runs of one seed.
    trace: AtomicU64,
}

impl World {
    fn percent(&self, percent: u64) -> bool {
        !self.is_calm.load(Ordering::Relaxed) && self.chance.lock().percent(percent)
    }

    fn below(&self, bound: u64) -> u64 {
        self.chance.lock().below(bound)
    }

    fn note(&self, what: u64) {
        let trace = self.trace.load(Ordering::Relaxed);
        self.trace.store(trace.rotate_left(7) ^ what.wrapping_mul(0x9E37_79B9_7F4A_7C15), Ordering::Relaxed);
    }

    fn calmly<T>(&self, act: impl FnOnce() -> T) -> T {
        let before = self.is_calm.swap(true, Ordering::Relaxed);
        let done = act();
        self.is_calm.store(before, Ordering::Relaxed);
        done
    }
}

impl Clock for World {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }
}

impl Random for World {
    fn fill(&self, bytes: &mut [u8]) {
        let mut names = self.names.lock();
        for byte in bytes {
            *byte = names.draw().to_le_bytes()[0];
        }
    }
}

/// A store that fails.
struct Shaky {
    world: Arc<World>,
    store: Arc<dyn Store>,
}

impl Shaky {
    fn reading<T>(&self, read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let is_calm = self.world.is_calm.load(Ordering::Relaxed);
        if !is_calm
            && (self.world.is_dead.load(Ordering::Relaxed) || self.world.chance.lock().below(500) == 0)
        {
            return Err(StoreError::new("drawn"));
        }
        read()
    }
}

macro_rules! readings {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $kind),*) -> Result<$answer, StoreError> {
            self.reading(|| self.store.$name($($argument),*))
        })*
    };
}

impl Store for Shaky {
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
        let is_calm = self.world.is_calm.load(Ordering::Relaxed);
        if !is_calm && self.world.is_dead.load(Ordering::Relaxed) || self.world.percent(3) {
            return Err(StoreError::new("drawn").into());
        }
        self.store.prune(prune)
    }

    fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let died = || CommitError::Failed(StoreError::new("the process is dead"));
        if self.world.is_calm.load(Ordering::Relaxed) {
            return self.store.commit(commit);
        }
        if self.world.is_dead.load(Ordering::Relaxed) {
            return Err(died());
        }
        if self.world.percent(2) {
            // The process dies while it flushes.
            self.world.is_dead.store(true, Ordering::Relaxed);
            if self.world.percent(50) {
                self.store.commit(commit)?;
            }
            return Err(died());
        }
        if self.world.percent(3) {
            return Err(StoreError::new("drawn").into());
        }
        self.store.commit(commit)
    }
}

/// What the platform has.
struct Platform {
    world: Arc<World>,
    posts: Mutex<BTreeMap<String, String>>,
    /// What must not happen, and did. Kept aside: the engine catches a channel's panics.
    wrong: Mutex<Vec<String>>,
}

impl Platform {
    fn rule(&self, holds: bool, broken: impl FnOnce() -> String) {
        if !holds {
            self.wrong.lock().push(broken());
        }
    }

    fn perform(&self, text: &str) -> String {
        if self.world.posts_twice_after.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.posts.lock().insert(text.to_owned(), "planted".into());
        }
        let mut posts = self.posts.lock();
        let id = format!("p{}", posts.len());
        let before = posts.insert(text.to_owned(), id.clone());
        self.rule(before.is_none(), || format!("`{text}` was posted twice"));
        id
    }

    fn publish(&self, job: &Job<'_>, point: &mut dyn PointOfNoReturn) -> Outcome {
        let world = &self.world;
        let not_sent = |message: String| Outcome::NotSent { message, retry_after_ms: None };
        if world.percent(8) {
            return not_sent("no connection".into());
        }
        assert!(!world.percent(2), "drawn, before the request");
        if let Err(fault) = point.cross() {
            return not_sent(fault.to_string());
        }
        self.rule(point.cross().is_err(), || "one request for one intent".into());
        if world.is_calm.load(Ordering::Relaxed) {
            return Outcome::Published { id: Some(self.perform(job.message)), location: None };
        }
        let drawn = world.below(100);
        let message = String::new();
        match drawn {
            0..8 => Outcome::Unknown { message },
            8..12 => Outcome::Rejected { code: "403".into(), message },
            12..15 => Outcome::RateLimited { until_ms: world.now_ms() + 60_000 },
            15..16 => Outcome::NeedsLogin { message },
            16.. => {
                let id = self.perform(job.message);
                match drawn {
                    16..26 => Outcome::Unknown { message },
                    26..28 => Outcome::Published { id: None, location: None },
                    28..31 => Outcome::Accepted { handle: json!({ "id": id }) },
                    31..34 => panic!("drawn, after the request"),
                    _ => Outcome::Published { id: Some(id), location: None },
                }
            }
        }
    }

    fn look_back(&self, job: &Job<'_>) -> Outcome {
        let message = String::new();
        if self.world.percent(5) {
            return Outcome::CannotTell { message };
        }
        if self.world.percent(10) {
            return Outcome::NotSent { message, retry_after_ms: None };
        }
        match self.posts.lock().get(job.message) {
            Some(id) => {
                let is_known = job.known.as_ref().is_some_and(|known| known.contains(id));
                self.rule(!is_known, || "its own id is not another's".into());
                Outcome::Published { id: Some(id.clone()), location: None }
            }
            None => Outcome::Absent,
        }
    }
}

impl Channel for Platform {
    fn manifests(&self) -> Vec<Manifest> {
        vec![manifest()]
    }

    fn check(&self, _: &Outgoing<'_>) -> Result<(), CheckError> {
        Ok(())
    }

    fn converse(&self, job: &Job<'_>, point: &mut dyn PointOfNoReturn) -> Report {
        match job.kind {
            JobKind::Publish => self.publish(job, point),
            JobKind::Reconcile => self.look_back(job),
            JobKind::Poll if self.world.percent(30) => {
                Outcome::Accepted { handle: job.handle.cloned().unwrap_or_default() }
            }
            JobKind::Poll | JobKind::Operation => match self.posts.lock().get(job.message) {
                Some(id) => Outcome::Published { id: Some(id.clone()), location: None },
                None => Outcome::Rejected { code: String::new(), message: "it was never accepted".into() },
            },
        }
        .into()
    }
}

/// Where the truth lies between two runs of the engine.
enum Disk {
    Memory(Arc<MemoryStore>),
    File(PathBuf),
}

impl Disk {
    fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => store.clone(),
            Self::File(path) => {
                Arc::new(SqliteStore::open(path, &Limits::default()).expect("the store opens"))
            }
        }
    }
}

/// The engine while it lives.
struct Running {
    engine: Engine,
    store: Arc<dyn Store>,
    desks: Vec<(Agent, Subscription)>,
}

struct Simulation {
    world: Arc<World>,
    platform: Arc<Platform>,
    disk: Disk,
    running: Option<Running>,
    count: u64,
    /// Accepted messages of which the agent knows nothing yet, and the drafts and inbound ones of each agent.
    on_their_way: BTreeMap<InteractionId, String>,
    inbound: BTreeSet<String>,
    last_reference: [u64; AGENTS.len()],
    /// The last note that each agent heard, and the requests that were accepted and those that were answered.
    heard: [u64; AGENTS.len()],
    accepted: [BTreeSet<u64>; AGENTS.len()],
    answered: [BTreeSet<u64>; AGENTS.len()],
    completed: u64,
    returned: u64,
}

impl Simulation {
    fn new(seed: u64, disk: Disk) -> Self {
        let world = Arc::new(World {
            now_ms: AtomicI64::new(1_700_000_000_000),
            chance: Mutex::new(Chance::new(seed)),
            names: Mutex::new(Chance::new(!seed)),
            is_calm: AtomicBool::new(false),
            is_dead: AtomicBool::new(false),
            posts_twice_after: AtomicI64::new(i64::MAX),
            trace: AtomicU64::new(0),
        });
        let platform =
            Arc::new(Platform { world: world.clone(), posts: Mutex::default(), wrong: Mutex::default() });
        Self {
            world,
            platform,
            disk,
            running: None,
            count: 0,
            on_their_way: BTreeMap::new(),
            inbound: BTreeSet::new(),
            last_reference: [0; AGENTS.len()],
            heard: [0; AGENTS.len()],
            accepted: Default::default(),
            answered: Default::default(),
            completed: 0,
            returned: 0,
        }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the engine runs")
    }

    fn restart(&mut self) {
        self.running = None;
        self.world.is_dead.store(false, Ordering::Relaxed);
        let store = self.disk.open();
        let shaky = Arc::new(Shaky { world: self.world.clone(), store: store.clone() });
        let environment = Environment::new(self.world.clone(), self.world.clone());
        // What is settled in the eyes of the test goes after a while.
        let retention = Retention { age_ms: Some(600_000), count: Some(100) };
        let config = Config { retention, ..Config::default() };
        let running = self.world.calmly(|| {
            let engine = Engine::open_on(&config, environment, shaky).expect("an engine");
            engine.add_channel(self.platform.clone()).expect("a channel");
            let desks = AGENTS.iter().zip(self.heard).map(|(id, heard)| {
                let agent = engine.agent(id, &[API_MULTIMEDIA]).expect("an agent");
                let notes = agent.subscribe_from("/v2/me/*", heard).expect("a subscription");
                (agent, notes)
            });
            let desks = desks.collect();
            Running { engine, store, desks }
        });
        self.running = Some(running);
    }

    fn step(&mut self) {
        self.count += 1;
        let before =
            self.world.now_ms.fetch_add(i64::try_from(self.world.below(3_000)).unwrap(), Ordering::Relaxed);
        self.world.note(before.unsigned_abs());
        match self.world.below(100) {
            0..1 => self.restart(),
            1..45 => self.deliver(),
            45..48 => {
                let account = format!("desk{}", self.world.below(4));
                if let Err(error) = self.running().engine.resume_account(X, &account) {
                    assert!(
                        matches!(&error, Error::Refused(refusal) if refusal.code() == StatusCode::Internal),
                        "{error}"
                    );
                }
            }
            48..60 => self.receive(),
            60..75 => self.create(),
            _ => self.act(),
        }
        if self.world.is_dead.load(Ordering::Relaxed) {
            self.restart();
        }
        self.hear();
        self.check();
    }

    fn deliver(&self) {
        match self.running().engine.deliver(1, Duration::ZERO) {
            Ok(made) => self.world.note(u64::from(made)),
            Err(Error::Store(_)) => {}
            Err(Error::Refused(refusal)) => assert_eq!(refusal.code(), StatusCode::Internal, "{refusal}"),
            Err(other) => panic!("{other}"),
        }
    }

    fn receive(&mut self) {
        let external = format!("e{}", self.world.below(2 * self.count));
        let inbound = json!({ "from": format!("c{}", self.world.below(9)), "message": external,
                              "queuePath": "/queues/in", "externalId": external });
        let inbound = Inbound::parse(&inbound.to_string()).expect("an inbound document");
        let running = self.running();
        let Ok(id) = running.engine.receive(X, &inbound) else { return };
        let agent = AGENTS[usize::try_from(self.world.below(3)).unwrap()];
        // Refused where it was offered before.
        let _ = running.engine.offer(id.as_str(), agent);
        self.inbound.insert(id.to_string());
    }

    /// Asks, and asks again under the same name when the answer is an internal failure.
    fn ask(&mut self, agent: usize, id: Option<&str>, mut body: Value) -> Option<u64> {
        let named = self.world.percent(50);
        if named {
            body["requestId"] = format!("r{}", self.count).into();
        }
        let body = body.to_string();
        for turn in 0..3 {
            let reply = self.running().desks[agent].0.perform(X, id, body.as_bytes()).expect("a channel");
            match reply {
                Reply::Accepted { reference_id } => {
                    assert!(reference_id > self.last_reference[agent], "numbers go up");
                    self.last_reference[agent] = reference_id;
                    self.accepted[agent].insert(reference_id);
                    self.world.note(reference_id);
                    if named {
                        let again = self
                            .world
                            .calmly(|| self.running().desks[agent].0.perform(X, id, body.as_bytes()));
                        assert_eq!(again.expect("a channel"), reply, "the first reply again");
                    }
                    return Some(reference_id);
                }
                Reply::Refused(refusal) => {
                    self.world.note(u64::from(refusal.code().number()));
                    if refusal.code() != StatusCode::Internal || !named || turn == 2 {
                        return None;
                    }
                    if self.world.is_dead.load(Ordering::Relaxed) {
                        self.restart();
                    }
                }
            }
        }
        None
    }

    fn create(&mut self) {
        let agent = usize::try_from(self.world.below(3)).unwrap();
        self.ask(agent, None, json!({ "operationName": "Create" }));
    }

    /// Something with one of an agent's interactions.
    fn act(&mut self) {
        let agent = usize::try_from(self.world.below(3)).unwrap();
        let listed = self.world.calmly(|| self.running().desks[agent].0.list(X)).expect("a listing");
        if listed.is_empty() {
            return;
        }
        let which = usize::try_from(self.world.below(listed.len() as u64)).unwrap();
        let seen: Value = serde_json::from_str(&listed[which]).expect("JSON");
        let id = seen["id"].as_str().expect("an id").to_owned();
        let able = seen["capabilities"].as_array().cloned().unwrap_or_default();
        if able.is_empty() {
            return;
        }
        let operation = able[usize::try_from(self.world.below(able.len() as u64)).unwrap()].clone();
        let is_draft = seen["state"] == "Composing";
        let operation = if is_draft && self.world.percent(60) { json!("Send") } else { operation };
        let text = format!("{id}#{}", self.count);
        let target = if self.world.below(4) == 0 { "/queues/in" } else { "/users/a2" };
        let account = format!("desk{}", self.world.below(4));
        let body = json!({
            "operationName": operation, "post": { "from": account, "message": text }, "queuePath": "/queues/out",
            "userData": { "k": text, "To": account }, "keys": ["k"], "disposition": "d", "comment": text,
            "targetPath": target,
        });
        let accepted = self.ask(agent, Some(&id), body).is_some();
        if operation == "Send" {
            let id = InteractionId::parse(&id).expect("an id");
            let state = self.world.calmly(|| self.running().store.interaction(id)).unwrap().unwrap().state;
            // Refused, and yet there: only by a process that died.
            if accepted || state == State::Sent {
                self.on_their_way.insert(id, text);
            }
        }
    }

    /// What is told is committed, and goes on after a restart where it was: nothing twice, nothing lost.
    fn hear(&mut self) {
        let running = self.running.as_ref().expect("the engine runs");
        for (agent, (_, notes)) in running.desks.iter().enumerate() {
            while let Some(note) = notes.next(Duration::ZERO) {
                let note: Value = serde_json::from_str(&note.to_json()).expect("JSON");
                assert!(note["lagged"].is_null(), "{note}");
                let sequence = note["sequence"].as_u64().unwrap_or_default();
                assert!(sequence > self.heard[agent], "{sequence} after {}", self.heard[agent]);
                self.heard[agent] = sequence;
                self.answered[agent].extend(note["data"]["referenceId"].as_u64());
                self.world.note(note["sequence"].as_u64().unwrap_or(0));
                let seen = &note["data"]["post"];
                if seen["postType"] == "Outbound" && seen["state"] == "Completed" {
                    let id = InteractionId::parse(seen["id"].as_str().unwrap_or_default()).expect("an id");
                    let stored = self.world.calmly(|| running.store.interaction(id)).unwrap();
                    // Unless it has ended and is forgotten by now.
                    assert!(stored.is_none_or(|stored| stored.version > 1));
                }
            }
        }
    }

    /// Every accepted message is accounted for.
    fn check(&mut self) {
        assert_eq!(*self.platform.wrong.lock(), [""; 0]);
        let store = &self.running.as_ref().expect("the engine runs").store;
        let posts = self.platform.posts.lock();
        let (mut completed, mut returned) = (0, 0);
        self.on_their_way.retain(|id, text| {
            let stored = store.interaction(*id).unwrap().expect("it was accepted");
            match stored.state {
                State::Sent => {
                    let delivery = stored.delivery.and_then(|delivery| store.delivery(delivery).unwrap());
                    let delivery = delivery.expect("what is sent has a delivery");
                    assert_ne!(delivery.stage, strowger::Stage::Settled);
                    true
                }
                State::Completed => {
                    assert_eq!(stored.user_data.text("_deliveryPostId").as_ref(), posts.get(text), "{text}");
                    completed += 1;
                    false
                }
                // Back with its agent, who may have done more since.
                _ => {
                    returned += 1;
                    false
                }
            }
        });
        drop(posts);
        self.completed += completed;
        self.returned += returned;
    }

    fn run(mut self, operations: u64) -> (u64, u64, u64) {
        self.restart();
        while self.count < operations {
            self.step();
        }
        // Quiet, and everything is delivered.
        self.restart();
        self.world.is_calm.store(true, Ordering::Relaxed);
        let mut turns = 0;
        while self.running().engine.undelivered() > 0 {
            self.world.now_ms.fetch_add(400_000, Ordering::Relaxed);
            self.deliver();
            self.check();
            turns += 1;
            assert!(turns < 10_000, "everything is delivered in the end");
        }
        self.hear();
        self.check();
        assert!(self.on_their_way.is_empty());
        for (accepted, answered) in self.accepted.iter().zip(&self.answered) {
            assert_eq!(accepted.difference(answered).next(), None, "it was accepted, and never answered");
        }
        assert_eq!(self.running().store.unsettled().unwrap(), []);
        (self.world.trace.load(Ordering::Relaxed), self.completed, self.returned)
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Runs seeds of this many operations; a failure names its seed.
fn simulate(operations: u64, disk: impl Fn() -> Disk) {
    let first = number("STROWGER_SEED");
    let seeds = first.map_or(0..operations.div_ceil(OPERATIONS_OF_A_SEED), |seed| seed..seed + 1);
    let (mut completed, mut returned) = (0, 0);
    let began = std::time::Instant::now();
    // The panics that are drawn are part of it.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload().downcast_ref::<&str>();
        if !text.is_some_and(|text| text.starts_with("drawn")) {
            hook(info);
        }
    }));
    for seed in seeds {
        let run = || Simulation::new(seed, disk()).run(OPERATIONS_OF_A_SEED);
        let (_, out, back) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
            .unwrap_or_else(|_| panic!("again with: STROWGER_SEED={seed}"));
        completed += out;
        returned += back;
    }
    println!("{operations} operations in {:?}: {completed} messages out, {returned} back", began.elapsed());
    assert!(completed > 0 && (first.is_some() || returned > 0));
}

fn in_memory() -> Disk {
    Disk::Memory(Arc::new(MemoryStore::new(&Limits::default())))
}

#[test]
fn in_memory_nothing_is_lost_and_nothing_is_posted_twice() {
    simulate(number("STROWGER_OPERATIONS").unwrap_or(100_000), in_memory);
}

#[test]
fn on_disk_nothing_is_lost_and_nothing_is_posted_twice() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let count = AtomicU64::new(0);
    simulate(10_000, || {
        Disk::File(folder.path().join(format!("{}.db", count.fetch_add(1, Ordering::Relaxed))))
    });
}

/// The same failing step, with the same words, each time: found by the rule that is checked after every step.
#[test]
fn a_failing_seed_replays_exactly() {
    let failing_step = |seed: u64, disk: Disk| {
        let mut simulation = Simulation::new(seed, disk);
        simulation.world.posts_twice_after.store(20, Ordering::Relaxed);
        simulation.restart();
        while simulation.platform.wrong.lock().is_empty() {
            assert!(simulation.count < 1_000, "the planted fault is found");
            // What `step` says it says to whoever runs the test.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| simulation.step()));
        }
        let wrong = simulation.platform.wrong.lock().clone();
        (simulation.count, wrong, simulation.world.trace.load(Ordering::Relaxed))
    };
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let first = failing_step(7, in_memory());
    assert!(first.1[0].contains("posted twice"), "{first:?}");
    println!("step {}: {}", first.0, first.1[0]);
    assert_eq!(failing_step(7, in_memory()), first);
    assert_eq!(failing_step(7, Disk::File(folder.path().join("store.db"))), first);
    assert_ne!(failing_step(8, in_memory()), first);
}

#[test]
fn a_seed_replays_exactly() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let first = Simulation::new(7, in_memory()).run(500);
    assert_eq!(Simulation::new(7, in_memory()).run(500), first);
    assert_eq!(Simulation::new(7, Disk::File(folder.path().join("store.db"))).run(500), first);
    assert_ne!(Simulation::new(8, in_memory()).run(500).0, first.0);
}
