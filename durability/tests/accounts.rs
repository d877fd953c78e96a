//! Accounts that are left alone stay so after a restart; and a channel is added whole or not at all.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use strowger::channel::{
    Channel, CheckError, Job, JobKind, Manifest, Outcome, Outgoing, PointOfNoReturn, Report,
};
use strowger::{
    API_MULTIMEDIA, AccountPause, Agent, AgentId, AgentRecord, Clock, Commit, CommitError, Config, Delivery,
    DeliveryId, Engine, Environment, Interaction, InteractionId, KeptReply, LastAgent, Limits, MemoryStore,
    NoteLog, Prune, Pruned, QueuePath, Reply, RequestKey, SmolStr, SqliteStore, Store, StoreError,
    SystemRandom,
};
use strowger_durability::{manifest, scratch};

const X: &str = "x";
const START_MS: i64 = 1_700_000_000_000;

struct Stepped(AtomicI64);

impl Clock for Stepped {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Ends every conversation as it is told to, and counts them.
struct Line {
    next: Mutex<Report>,
    jobs: AtomicU32,
}

impl Line {
    fn new() -> Arc<Self> {
        let published = Outcome::Published { id: Some("p".into()), location: None };
        Arc::new(Self { next: Mutex::new(published.into()), jobs: AtomicU32::new(0) })
    }

    fn says(&self, report: impl Into<Report>) {
        *self.next.lock() = report.into();
    }
}

impl Channel for Line {
    fn manifests(&self) -> Vec<Manifest> {
        vec![manifest()]
    }

    fn check(&self, _: &Outgoing<'_>) -> Result<(), CheckError> {
        Ok(())
    }

    fn converse(&self, job: &Job<'_>, point: &mut dyn PointOfNoReturn) -> Report {
        self.jobs.fetch_add(1, Ordering::Relaxed);
        if job.kind == JobKind::Publish {
            let _ = point.cross();
        }
        self.next.lock().clone()
    }
}

struct House {
    engine: Engine,
    agent: Agent,
    clock: Arc<Stepped>,
}

fn house(store: Arc<dyn Store>, now_ms: i64) -> House {
    let clock = Arc::new(Stepped(AtomicI64::new(now_ms)));
    let environment = Environment::new(clock.clone(), Arc::new(SystemRandom));
    let engine = Engine::open_on(&Config::default(), environment, store).unwrap();
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    House { engine, agent, clock }
}

fn open(path: &Path, line: &Arc<Line>, now_ms: i64) -> House {
    let house = house(Arc::new(SqliteStore::open(path, &Limits::default()).unwrap()), now_ms);
    house.engine.add_channel(line.clone()).unwrap();
    house
}

impl House {
    fn send(&self, account: &str) {
        let ask = |id: Option<&str>, body: serde_json::Value| {
            let reply = self.agent.perform(X, id, body.to_string().as_bytes()).unwrap();
            assert!(matches!(reply, Reply::Accepted { .. }), "{reply:?}");
        };
        ask(None, json!({ "operationName": "Create" }));
        let draft: serde_json::Value =
            serde_json::from_str(self.agent.list(X).unwrap().last().unwrap()).unwrap();
        let body = json!({ "operationName": "Send", "queuePath": "/queues/out",
                           "post": { "from": account, "message": "text" } });
        ask(draft["id"].as_str(), body);
    }

    fn deliver(&self) -> u32 {
        self.engine.deliver(100, Duration::ZERO).unwrap()
    }

    fn at(&self, now_ms: i64) {
        self.clock.0.store(now_ms, Ordering::Relaxed);
    }
}

#[test]
fn a_limited_account_waits_on_after_a_restart() {
    for by_throttle in [false, true] {
        let folder = tempfile::tempdir_in(scratch()).unwrap();
        let path = folder.path().join("store.db");
        let line = Line::new();
        let house = open(&path, &line, START_MS);
        house.send("desk1");
        let until_ms = START_MS + 900_000;
        let mut report = Report::from(Outcome::RateLimited { until_ms });
        if by_throttle {
            report = Outcome::Published { id: Some("p".into()), location: None }.into();
            report.throttle_until_ms = Some(until_ms);
        }
        line.says(report);
        assert_eq!(house.deliver(), 1);
        drop(house);

        line.says(Outcome::Published { id: Some("q".into()), location: None });
        let house = open(&path, &line, START_MS + 1_000);
        house.send("desk1");
        house.send("desk2");
        assert_eq!(house.deliver(), 1, "another account does not wait");
        house.at(until_ms - 1);
        assert_eq!(house.deliver(), 0);
        house.at(until_ms);
        assert_eq!(house.deliver(), if by_throttle { 1 } else { 2 });
    }
}

#[test]
fn a_refused_account_is_held_after_a_restart_until_it_is_resumed_for_good() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    let line = Line::new();
    let house = open(&path, &line, START_MS);
    house.send("desk1");
    line.says(Outcome::NeedsLogin { message: String::new() });
    assert_eq!(house.deliver(), 1);
    drop(house);

    line.says(Outcome::Published { id: Some("q".into()), location: None });
    let house = open(&path, &line, START_MS);
    house.send("desk1");
    assert_eq!(house.deliver(), 0, "its credentials are the same");
    house.engine.resume_account(X, "desk1").unwrap();
    drop(house);
    let house = open(&path, &line, START_MS);
    assert_eq!(house.deliver(), 1);
}

/// A store whose commits or readings fail as long as it is told to.
struct Failing {
    store: MemoryStore,
    commits: AtomicBool,
    pauses: AtomicBool,
}

fn check(fails: &AtomicBool) -> Result<(), StoreError> {
    if fails.load(Ordering::Relaxed) { Err(StoreError::new("on purpose")) } else { Ok(()) }
}

macro_rules! readings {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $kind),*) -> Result<$answer, StoreError> {
            self.store.$name($($argument),*)
        })*
    };
}

impl Store for Failing {
    readings! {
        interaction(id: InteractionId) -> Option<Arc<Interaction>>;
        owned(agent: &AgentId, channel: &str) -> Vec<Arc<Interaction>>;
        queue(queue: &QueuePath) -> Vec<Arc<Interaction>>;
        waiting(queue: &QueuePath, limit: usize) -> Vec<Arc<Interaction>>;
        external(channel: &str, external_id: &str) -> Option<InteractionId>;
        contact(channel: &str, address: &str) -> Option<SmolStr>;
        last_agent(contact_id: &str, channel: &str) -> Option<LastAgent>;
        agent(id: &AgentId) -> Option<AgentRecord>;
        delivery(id: DeliveryId) -> Option<Arc<Delivery>>;
        unsettled() -> Vec<Arc<Delivery>>;
        published(channel: &str, account: &str, since_ms: i64) -> Vec<String>;
        reply(key: &RequestKey) -> Option<KeptReply>;
        notes(agent: &AgentId, after: u64) -> NoteLog;
        highest_number() -> u64;
    }

    fn pauses(&self) -> Result<Vec<AccountPause>, StoreError> {
        check(&self.pauses)?;
        self.store.pauses()
    }

    fn prune(&self, prune: &Prune) -> Result<Pruned, CommitError> {
        self.store.prune(prune)
    }

    fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        check(&self.commits)?;
        self.store.commit(commit)
    }
}

/// Two messages of an earlier run, one of them begun. Fails if any of it is taken up by a channel that is
/// then not added: the second try would count it twice.
#[test]
fn a_channel_whose_past_can_not_be_taken_up_is_not_added() {
    let store = Arc::new(Failing {
        store: MemoryStore::new(&Limits::default()),
        commits: AtomicBool::new(false),
        pauses: AtomicBool::new(false),
    });
    let line = Line::new();
    let earlier = house(store.clone(), START_MS);
    earlier.engine.add_channel(line.clone()).unwrap();
    earlier.send("desk1");
    earlier.send("desk2");
    // The outcome can't be kept: the intent stays.
    let fails = Arc::new(Dying { store: store.clone() });
    let dying = house(store.clone(), START_MS);
    dying.engine.add_channel(fails).unwrap();
    assert!(dying.engine.deliver(1, Duration::ZERO).is_err());
    store.commits.store(false, Ordering::Relaxed);
    drop((earlier, dying));

    let later = house(store.clone(), START_MS);
    for fails in [&store.commits, &store.pauses] {
        fails.store(true, Ordering::Relaxed);
        assert!(later.engine.add_channel(line.clone()).is_err());
        fails.store(false, Ordering::Relaxed);
        assert_eq!((later.engine.channels(), later.engine.undelivered()), (Vec::<String>::new(), 0));
    }
    later.engine.add_channel(line.clone()).unwrap();
    assert_eq!(later.engine.undelivered(), 2);
    assert_eq!((later.deliver(), later.engine.undelivered()), (2, 0));
    assert!(later.engine.add_channel(line).is_err(), "it is served already");
}

/// Crosses the point of no return; then the store fails.
struct Dying {
    store: Arc<Failing>,
}

impl Channel for Dying {
    fn manifests(&self) -> Vec<Manifest> {
        vec![manifest()]
    }

    fn check(&self, _: &Outgoing<'_>) -> Result<(), CheckError> {
        Ok(())
    }

    fn converse(&self, _: &Job<'_>, point: &mut dyn PointOfNoReturn) -> Report {
        point.cross().unwrap();
        self.store.commits.store(true, Ordering::Relaxed);
        Outcome::Unknown { message: String::new() }.into()
    }
}

/// A request whose commit fails gives its number back.
#[test]
fn a_commit_that_fails_leaves_no_gap_in_the_reference_ids() {
    let store = Arc::new(Failing {
        store: MemoryStore::new(&Limits::default()),
        commits: AtomicBool::new(false),
        pauses: AtomicBool::new(false),
    });
    let house = house(store.clone(), START_MS);
    house.engine.add_channel(Line::new()).unwrap();
    let create = || house.agent.perform(X, None, br#"{"operationName": "Create"}"#).unwrap();
    assert_eq!(create(), Reply::Accepted { reference_id: 1 });
    store.commits.store(true, Ordering::Relaxed);
    assert!(matches!(create(), Reply::Refused(_)));
    store.commits.store(false, Ordering::Relaxed);
    assert_eq!(create(), Reply::Accepted { reference_id: 2 });
}
