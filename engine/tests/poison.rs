//! A panic in the middle of a change takes the engine out of use, and wakes who waits. Elsewhere it does not.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::json;
use strowger::channel::{Outcome, WebhookRequest};
use strowger::lifecycle::DiagramFormat;
use strowger::{
    API_MULTIMEDIA, AccountPause, AgentId, AgentRecord, Clock, Commit, CommitError, Config, Delivery,
    DeliveryId, Engine, Environment, Error, Inbound, Interaction, InteractionId, KeptReply, LastAgent,
    Limits, MemoryStore, NoteLog, Prune, Pruned, QueuePath, RequestKey, Retention, SmolStr, Store,
    StoreError,
};
use support::{Desk, QUEUE, config, facebook, tweet, twitter};

const FOREVER: Duration = Duration::from_secs(3_600);

/// A store, and a clock, with something planted in them.
struct Planted {
    store: MemoryStore,
    fault: AtomicU8,
}

const SOUND: u8 = 0;
/// The commit is made, and then it panics.
const PANICS_AFTER: u8 = 1;
/// The commit is made, and the store says that nobody knows.
const SAYS_UNKNOWN: u8 = 2;
/// The clock panics.
const CLOCK_PANICS: u8 = 3;

impl Planted {
    fn plant(&self, fault: u8) {
        self.fault.store(fault, Ordering::SeqCst);
    }

    /// Whether this fault is due; it comes once.
    fn is_due(&self, fault: u8) -> bool {
        self.fault.compare_exchange(fault, SOUND, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Planted {
    /// After a change of the store.
    fn planted(&self) -> Result<(), CommitError> {
        assert!(!self.is_due(PANICS_AFTER), "planted");
        if self.is_due(SAYS_UNKNOWN) { Err(CommitError::Unknown) } else { Ok(()) }
    }
}

impl Clock for Planted {
    fn now_ms(&self) -> i64 {
        assert!(!self.is_due(CLOCK_PANICS), "planted");
        support::START_MS
    }
}

macro_rules! readings {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $kind),*) -> Result<$answer, StoreError> {
            self.store.$name($($argument),*)
        })*
    };
}

impl Store for Planted {
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
        pauses() -> Vec<AccountPause>;
    }

    fn prune(&self, prune: &Prune) -> Result<Pruned, CommitError> {
        let pruned = self.store.prune(prune)?;
        self.planted().map(|()| pruned)
    }

    fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.store.commit(commit)?;
        self.planted()
    }
}

fn open() -> (Engine, Arc<Planted>) {
    let planted =
        Arc::new(Planted { store: MemoryStore::new(&Limits::default()), fault: AtomicU8::new(SOUND) });
    let environment = Environment::new(planted.clone(), Environment::default().random);
    let retention = Retention { age_ms: Some(0), count: None };
    let config = Config { manifests: vec![twitter()], retention, ..config() };
    (Engine::open_on(&config, environment, planted.clone()).expect("the engine opens"), planted)
}

/// Every call is refused, and typed.
fn assert_poisoned(engine: &Engine, desk: &Desk) {
    let poisoned = |what: &str, refused: Result<(), Error>| {
        assert!(matches!(refused, Err(Error::Poisoned)), "{what}: {refused:?}");
    };
    assert!(engine.is_poisoned() && desk.subscription.is_poisoned());
    let Desk { agent, subscription } = desk;
    poisoned("perform", agent.perform("twitter", None, br#"{"operationName":"Create"}"#).map(drop));
    poisoned("read", agent.read("twitter", "X").map(drop));
    poisoned("list", agent.list("twitter").map(drop));
    poisoned("uris", agent.uris("twitter").map(drop));
    poisoned("can", agent.can("twitter", None, "Create").map(drop));
    poisoned("subscribe", agent.subscribe("/v2/me/*").map(drop));
    poisoned("subscribe_from", agent.subscribe_from("/v2/me/*", 0).map(drop));
    assert_eq!(subscription.next(FOREVER), None);

    let inbound = Inbound::parse(&tweet().to_string()).expect("an inbound document");
    let request: WebhookRequest =
        serde_json::from_value(json!({"method": "GET", "path": "/"})).expect("a webhook request");
    poisoned("agent", engine.agent("a1", &[API_MULTIMEDIA]).map(drop));
    poisoned("add_channel", engine.add_channel(Arc::new(support::Scripted::new(vec![facebook()]))));
    poisoned("manifest", engine.manifest("twitter").map(drop));
    poisoned("diagram", engine.diagram("twitter", DiagramFormat::Dot).map(drop));
    poisoned("receive", engine.receive("twitter", &inbound).map(drop));
    poisoned("offer", engine.offer("X", "a1"));
    poisoned("revoke", engine.revoke("X"));
    poisoned("queue_next", engine.queue_next(QUEUE).map(drop));
    poisoned("queue", engine.queue(QUEUE).map(drop));
    poisoned("last_agent", engine.last_agent("c", "twitter").map(drop));
    poisoned("interaction", engine.interaction("X").map(drop));
    poisoned("ingest", engine.ingest("twitter", &request, b"").map(drop));
    poisoned("prune", engine.prune(1).map(drop));
    poisoned("resume_account", engine.resume_account("twitter", "a"));
    poisoned("deliver", engine.deliver(1, FOREVER).map(drop));
    poisoned("delivery_next", engine.delivery_next("twitter", FOREVER).map(drop));
    poisoned("settle", engine.settle("X", &Outcome::Done));
}

/// Planted fault: without the guard around the commit the engine goes on, and the waiting threads wait on.
#[test]
fn a_change_that_breaks_off_poisons_the_engine_and_wakes_who_waits() {
    for fault in [PANICS_AFTER, SAYS_UNKNOWN] {
        let (engine, planted) = open();
        let desk = Desk::of(engine.agent("a1", &[API_MULTIMEDIA]).expect("an agent"));
        // Swept now, and not again at this hour: what is planted is met by the change alone.
        engine.deliver(1, Duration::ZERO).expect("nothing to deliver");
        std::thread::scope(|scope| {
            let note = scope.spawn(|| desk.subscription.next(FOREVER));
            let deliver = scope.spawn(|| engine.deliver(1, FOREVER));
            let delivery = scope.spawn(|| engine.delivery_next("twitter", FOREVER));
            planted.plant(fault);
            let create = || desk.agent.perform("twitter", None, br#"{"operationName":"Create"}"#);
            match catch_unwind(AssertUnwindSafe(create)) {
                Err(_) => assert_eq!(fault, PANICS_AFTER),
                Ok(refused) => assert!(matches!(refused, Err(Error::Poisoned)), "{refused:?}"),
            }
            assert_eq!(note.join().expect("it ends"), None);
            assert!(matches!(deliver.join().expect("it ends"), Err(Error::Poisoned)));
            assert!(matches!(delivery.join().expect("it ends"), Err(Error::Poisoned)));
        });
        assert_poisoned(&engine, &desk);
        engine.close();
    }
}

/// What is written beside the operations of agents. Planted fault: without the guard in `forget`, and in
/// `resume_account`, the engine goes on.
#[test]
fn upkeep_that_breaks_off_poisons_the_engine() {
    type Upkeep = fn(&Engine) -> Result<(), Error>;
    let upkeeps: [(&str, Upkeep); 3] = [
        ("prune", |engine| engine.prune(1).map(drop)),
        ("the sweep in deliver", |engine| engine.deliver(1, Duration::ZERO).map(drop)),
        ("resume_account", |engine| engine.resume_account("twitter", "desk")),
    ];
    for (name, upkeep) in upkeeps {
        for fault in [PANICS_AFTER, SAYS_UNKNOWN] {
            let (engine, planted) = open();
            let desk = Desk::of(engine.agent("a1", &[API_MULTIMEDIA]).expect("an agent"));
            planted.plant(fault);
            match catch_unwind(AssertUnwindSafe(|| upkeep(&engine))) {
                Err(_) => assert_eq!(fault, PANICS_AFTER, "{name}"),
                Ok(refused) => assert!(matches!(refused, Err(Error::Poisoned)), "{name}: {refused:?}"),
            }
            assert_poisoned(&engine, &desk);
        }
    }
}

#[test]
fn a_panic_that_changes_nothing_leaves_the_engine_as_it_was() {
    let (engine, planted) = open();
    let desk = Desk::of(engine.agent("a1", &[API_MULTIMEDIA]).expect("an agent"));
    let id = desk.draft();
    planted.plant(CLOCK_PANICS);
    let save = json!({"operationName": "AddComment", "comment": "c"}).to_string();
    catch_unwind(AssertUnwindSafe(|| desk.agent.perform("twitter", Some(&id), save.as_bytes())))
        .expect_err("it is planted");
    assert!(!engine.is_poisoned());
    // The very same interaction: nothing is left locked.
    desk.does(&id, &json!({"operationName": "AddComment", "comment": "c"}));
    assert_eq!(desk.note()["notificationType"], "PropertiesUpdated");
}
