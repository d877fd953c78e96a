//! What has ended is forgotten as the configuration says, and nothing that is still needed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use strowger::channel::Outcome;
use strowger::{
    API_MULTIMEDIA, Agent, Clock, Config, Engine, Environment, Inbound, Limits, MemoryStore, Pruned, Reply,
    Retention, SqliteStore, Store, SystemRandom,
};
use strowger_durability::{manifest, scratch};

const X: &str = "x";
const HOUR_MS: i64 = 60 * 60 * 1_000;

struct Stepped(AtomicI64);

impl Clock for Stepped {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct House {
    engine: Engine,
    agent: Agent,
    clock: Arc<Stepped>,
    store: Arc<dyn Store>,
}

/// A house on each of the stores.
fn houses(folder: &Path, retention: Retention) -> [House; 2] {
    let limits = Limits::default();
    let stores: [Arc<dyn Store>; 2] = [
        Arc::new(MemoryStore::new(&limits)),
        Arc::new(SqliteStore::open(&folder.join("store.db"), &limits).unwrap()),
    ];
    stores.map(|store| {
        let clock = Arc::new(Stepped(AtomicI64::new(1_700_000_000_000)));
        let environment = Environment::new(clock.clone(), Arc::new(SystemRandom));
        let config = Config { manifests: vec![manifest()], retention, ..Config::default() };
        let engine = Engine::open_on(&config, environment, store.clone()).unwrap();
        let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
        House { engine, agent, clock, store }
    })
}

impl House {
    fn ask(&self, id: Option<&str>, body: &Value) {
        let reply = self.agent.perform(X, id, body.to_string().as_bytes()).unwrap();
        assert!(matches!(reply, Reply::Accepted { .. }), "{body}: {reply:?}");
    }

    fn wait(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    fn newest(&self) -> String {
        let listed: Value = serde_json::from_str(self.agent.list(X).unwrap().last().unwrap()).unwrap();
        listed["id"].as_str().unwrap().to_owned()
    }

    fn inbound(external_id: &str) -> Inbound {
        let inbound =
            json!({ "from": "c", "message": "m", "queuePath": "/queues/in", "externalId": external_id });
        Inbound::parse(&inbound.to_string()).unwrap()
    }

    fn processing(&self, external_id: &str) -> String {
        let id = self.engine.receive(X, &Self::inbound(external_id)).unwrap().to_string();
        self.engine.offer(&id, "a1").unwrap();
        self.ask(Some(&id), &json!({ "operationName": "Accept" }));
        id
    }

    fn completed(&self, external_id: &str) -> String {
        let id = self.processing(external_id);
        self.complete(&id);
        id
    }

    fn complete(&self, id: &str) {
        self.ask(Some(id), &json!({ "operationName": "Complete", "saveLAR": true }));
    }

    fn canceled(&self) -> String {
        self.ask(None, &json!({ "operationName": "Create" }));
        let id = self.newest();
        self.ask(Some(&id), &json!({ "operationName": "Cancel" }));
        id
    }

    fn send(&self, id: &str, text: &str) {
        self.ask(
            Some(id),
            &json!({ "operationName": "Send", "queuePath": "/queues/out",
                     "post": { "from": "desk1", "message": text } }),
        );
    }

    /// Publishes what is due.
    fn publish(&self, post: &str) -> String {
        let delivery = self.engine.delivery_next(X, Duration::ZERO).unwrap().unwrap();
        let outcome = Outcome::Published { id: Some(post.into()), location: None };
        self.engine.settle(delivery.delivery_id.as_str(), &outcome).unwrap();
        delivery.delivery_id.to_string()
    }

    fn has(&self, id: &str) -> bool {
        let held = self.engine.interaction(id).unwrap().is_some();
        let read = self.agent.read(X, id).unwrap().is_some();
        assert_eq!(held, read, "what is forgotten can't be read");
        held
    }

    fn prune(&self) -> Pruned {
        self.engine.prune(1_000).unwrap()
    }
}

#[test]
fn by_count_the_first_that_ended_goes_first() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    for house in houses(folder.path(), Retention { count: Some(2), ..Retention::default() }) {
        let begun_first = house.processing("e0");
        let ids = [house.completed("e1"), house.canceled(), house.completed("e2")];
        assert_eq!(ids.each_ref().map(|id| house.has(id)), [false, true, true], "with the last one's end");
        house.wait(1);
        house.complete(&begun_first);
        assert_eq!(ids.each_ref().map(|id| house.has(id)), [false, false, true]);
        assert!(house.has(&begun_first), "it ended last");
        // What it was about stays.
        let contact = house.engine.interaction(&begun_first).unwrap().unwrap().contact_id.clone().unwrap();
        assert!(house.engine.last_agent(&contact, X).unwrap().is_some());
        assert!(house.prune().is_empty());
    }
}

#[test]
fn by_age_what_ended_goes_with_deliveries_and_calls() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let hour = Retention { age_ms: Some(HOUR_MS.unsigned_abs()), ..Retention::default() };
    for house in houses(folder.path(), hour) {
        let old: Vec<_> = (0..100).map(|number| house.completed(&format!("e{number}"))).collect();
        house.wait(HOUR_MS);
        let young = house.completed("young");
        assert!(old.iter().all(|id| house.has(id)), "an hour is not more than an hour");
        house.wait(1);
        let living = house.processing("living");
        // A few with each end, some with each delivery, the rest when the host asks.
        let count = || old.iter().filter(|id| house.has(id)).count();
        house.canceled();
        assert_eq!(count(), 92);
        house.engine.deliver(1, Duration::ZERO).unwrap();
        assert_eq!(count(), 28);
        house.engine.deliver(1, Duration::ZERO).unwrap();
        assert_eq!(count(), 28, "not all the time");
        assert_eq!(house.engine.prune(5).unwrap().interactions, 5);
        assert_eq!(house.prune().interactions, 23);
        assert!(house.has(&young) && house.has(&living));
    }
}

#[test]
fn what_is_still_needed_stays() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    for house in houses(folder.path(), Retention { count: Some(0), ..Retention::default() }) {
        let parent = house.processing("e1");
        house.ask(Some(&parent), &json!({ "operationName": "Reply", "queuePath": "/queues/out" }));
        let answer = house.newest();
        house.complete(&parent);
        assert!(house.has(&parent), "an answer to it is being written");
        house.send(&answer, "text");
        house.wait(1_000 * HOUR_MS);
        house.prune();
        assert!(house.has(&parent), "an answer to it is on its way");
        let delivery = house.engine.delivery_next(X, Duration::ZERO).unwrap().unwrap();
        assert!(delivery.parent.is_some());
        house.prune();
        assert!(house.has(&answer));
        let outcome = Outcome::Published { id: Some("p1".into()), location: None };
        house.engine.settle(delivery.delivery_id.as_str(), &outcome).unwrap();
        assert!(!house.has(&answer) && !house.has(&parent));
        assert_eq!(house.store.unsettled().unwrap(), []);
    }
}

#[test]
fn a_completed_one_that_was_placed_in_a_queue_is_history_too() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    for house in houses(folder.path(), Retention { age_ms: Some(0), ..Retention::default() }) {
        let id = house.processing("e1");
        house.ask(Some(&id), &json!({ "operationName": "Complete", "queuePath": "/queues/done" }));
        house.wait(1);
        house.prune();
        assert!(!house.has(&id));
        assert_eq!(house.engine.queue("/queues/done").unwrap(), []);
    }
}

/// Fails if either goes with its interaction: then a repeated webhook makes a second interaction, and an
/// earlier post is taken for one that is in doubt.
#[test]
fn what_was_published_and_received_is_remembered_for_its_time() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    for house in houses(folder.path(), Retention { age_ms: Some(0), ..Retention::default() }) {
        let inbound = house.completed("e1");
        house.ask(None, &json!({ "operationName": "Create" }));
        let outbound = house.newest();
        house.send(&outbound, "text");
        let delivery = house.publish("p1");
        house.wait(1);
        assert_eq!(house.prune(), Pruned { interactions: 2, ..Pruned::default() });
        assert!(!house.has(&inbound) && !house.has(&outbound));

        let again = || house.engine.receive(X, &House::inbound("e1")).unwrap().to_string();
        let published = || house.store.published(X, "desk1", 0).unwrap();
        let known = Outcome::Published { id: Some("p1".into()), location: None };
        house.wait(Retention::POSTS_MS);
        assert!(house.prune().is_empty());
        assert_eq!(published(), ["p1"]);
        house.engine.settle(&delivery, &known).unwrap();
        house.wait(1);
        assert_eq!(house.prune(), Pruned { deliveries: 1, ..Pruned::default() });
        assert_eq!(published(), [""; 0]);
        assert!(house.engine.settle(&delivery, &known).is_err(), "it is forgotten");

        house.wait(Retention::EXTERNAL_IDS_MS - Retention::POSTS_MS - 1);
        assert!(house.prune().is_empty());
        assert_eq!(again(), inbound, "it came before");
        house.wait(1);
        assert_eq!(house.prune(), Pruned { external_ids: 1, ..Pruned::default() });
        assert_ne!(again(), inbound);
    }
}

#[test]
fn without_a_retention_everything_stays() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    for house in houses(folder.path(), Retention::default()) {
        let ids: Vec<_> = (0..20).map(|number| house.completed(&format!("e{number}"))).collect();
        house.wait(10_000 * HOUR_MS);
        house.engine.deliver(1, Duration::ZERO).unwrap();
        assert!(house.prune().is_empty());
        assert!(ids.iter().all(|id| house.has(id)));
    }
}

#[test]
fn the_configuration_names_both() {
    let config = Config::parse(r#"{"retention": {"age_ms": 2592000000, "count": 100000}}"#).unwrap();
    assert_eq!(config.retention, Retention { age_ms: Some(2_592_000_000), count: Some(100_000) });
    let wrong = Config::parse(r#"{"retention": {"days": 30}}"#).unwrap_err();
    assert!(wrong.to_string().contains("days"), "{wrong}");
}
