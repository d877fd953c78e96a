//! An engine on a store that outlasts it: what was accepted goes on where it stood. And requests that
//! name themselves, on both stores.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use strowger::channel::Outcome;
use strowger::{
    API_MULTIMEDIA, Agent, Clock, Config, Engine, Environment, HostDelivery, Inbound, Limits, MemoryStore,
    Reply, SqliteStore, StatusCode, Store, SystemRandom,
};
use strowger_durability::{manifest, scratch};

const X: &str = "x";
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

struct Stepped(AtomicI64);

impl Clock for Stepped {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn open(path: &Path) -> Engine {
    let config = json!({ "store": { "kind": "sqlite", "path": path }, "manifests": [manifest()] });
    Engine::open(&Config::parse(&config.to_string()).unwrap()).unwrap()
}

fn ask(agent: &Agent, id: Option<&str>, body: &Value) -> Reply {
    agent.perform(X, id, body.to_string().as_bytes()).unwrap()
}

fn accepted(reply: Reply) -> u64 {
    match reply {
        Reply::Accepted { reference_id } => reference_id,
        Reply::Refused(refusal) => panic!("{refusal}"),
    }
}

fn resource(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A draft of this agent, sent.
fn sent(agent: &Agent, text: &str) -> String {
    accepted(ask(agent, None, &json!({ "operationName": "Create" })));
    let drafts = agent.list(X).unwrap();
    let id = resource(drafts.last().unwrap())["id"].as_str().unwrap().to_owned();
    let body = json!({ "operationName": "Send", "queuePath": "/queues/out",
                       "post": { "from": "desk1", "message": text } });
    accepted(ask(agent, Some(&id), &body));
    id
}

fn next(engine: &Engine) -> Option<HostDelivery> {
    engine.delivery_next(X, Duration::ZERO).unwrap()
}

#[test]
fn everything_is_there_after_reopening() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    let inbound = r#"{"from": "c", "message": "m", "queuePath": "/queues/in", "externalId": "e",
                      "userData": {"b": 1.50, "a": {"x": [1, 2]}}}"#;
    let inbound = Inbound::parse(inbound).unwrap();

    let engine = open(&path);
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    engine.agent("a2", &[API_MULTIMEDIA]).unwrap();
    let first = engine.receive(X, &inbound).unwrap().to_string();
    engine.offer(&first, "a1").unwrap();
    accepted(ask(&agent, Some(&first), &json!({ "operationName": "Accept", "saveLAR": true })));
    let focused = accepted(ask(&agent, Some(&first), &json!({ "operationName": "SetInFocus" })));
    let before = agent.read(X, &first).unwrap();
    assert!(before.as_ref().unwrap().contains(r#""userData":{"b":1.50,"a":{"x":[1,2]}}"#), "{before:?}");
    assert!(before.as_ref().unwrap().contains(r#""inFocus":true"#));
    drop((agent, engine));

    let engine = open(&path);
    assert_eq!(engine.receive(X, &inbound).unwrap().to_string(), first, "it came before");
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    assert_eq!(agent.read(X, &first).unwrap(), before);
    let transfer = json!({ "operationName": "Transfer", "targetPath": "/users/a2" });
    assert_eq!(accepted(ask(&agent, Some(&first), &transfer)), focused + 1, "an agent of an earlier run");
}

#[test]
fn a_delivery_under_way_comes_back_to_the_host_as_unresolved() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    let engine = open(&path);
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    let ids = ["intended", "accepted", "waiting"].map(|text| sent(&agent, text));
    let begun = next(&engine).unwrap();
    let taken = next(&engine).unwrap();
    assert_eq!((begun.message.as_str(), begun.unresolved), ("intended", false));
    let handle = json!({ "job": 7 });
    engine.settle(taken.delivery_id.as_str(), &Outcome::Accepted { handle }).unwrap();
    drop((agent, engine));

    let engine = open(&path);
    assert_eq!(engine.undelivered(), 3);
    let mut seen: Vec<_> = std::iter::from_fn(|| next(&engine)).collect();
    seen.sort_by_key(|delivery| delivery.message.clone());
    let unresolved: Vec<_> = seen
        .iter()
        .map(|delivery| (delivery.message.as_str(), delivery.unresolved, delivery.attempt))
        .collect();
    // What the platform works on waits for its time; the rest is here at once.
    assert_eq!(unresolved, [("intended", true, 1), ("waiting", false, 1)]);
    std::thread::sleep(Duration::from_millis(1_100));
    let taken_again = next(&engine).unwrap();
    assert_eq!((taken_again.message.as_str(), taken_again.unresolved), ("accepted", true));

    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    let notes = agent.subscribe("/v2/me/*").unwrap();
    for (delivery, number) in seen.iter().chain([&taken_again]).zip(1..) {
        let outcome = Outcome::Published { id: Some(format!("p{number}")), location: None };
        engine.settle(delivery.delivery_id.as_str(), &outcome).unwrap();
        assert!(notes.next(Duration::ZERO).unwrap().to_json().contains("Completed"));
    }
    assert_eq!(engine.undelivered(), 0);
    for id in ids {
        assert_eq!(resource(&agent.read(X, &id).unwrap().unwrap())["state"], "Completed");
    }
}

#[test]
fn a_repeated_request_gets_its_first_reply_for_a_day() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let limits = Limits::default();
    let stores: [Arc<dyn Store>; 2] = [
        Arc::new(MemoryStore::new(&limits)),
        Arc::new(SqliteStore::open(&folder.path().join("store.db"), &limits).unwrap()),
    ];
    for store in stores {
        let clock = Arc::new(Stepped(AtomicI64::new(1_000_000)));
        let environment = Environment::new(clock.clone(), Arc::new(SystemRandom));
        let config = Config { manifests: vec![manifest()], ..Config::default() };
        let engine = Engine::open_on(&config, environment, store).unwrap();
        let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
        let other = engine.agent("a2", &[API_MULTIMEDIA]).unwrap();
        let notes = agent.subscribe("/v2/me/*").unwrap();
        let code = |reply: &Reply| reply.status_code();
        let drafts = || agent.list(X).unwrap().len();

        let create = json!({ "operationName": "Create", "requestId": "r1" });
        let first = ask(&agent, None, &create);
        assert_eq!(ask(&agent, None, &create), first);
        assert_eq!(drafts(), 1);
        assert!(notes.next(Duration::ZERO).is_some());
        assert_eq!(notes.next(Duration::ZERO), None, "a repetition tells nobody");

        // Another body, another path, another agent.
        let changed = json!({ "operationName": "Create", "requestId": "r1", "userData": {} });
        assert_eq!(code(&ask(&agent, None, &changed)), StatusCode::Invalid);
        let id = resource(&agent.list(X).unwrap()[0])["id"].as_str().unwrap().to_owned();
        assert_eq!(code(&ask(&agent, Some(&id), &create)), StatusCode::Invalid);
        accepted(ask(&other, None, &create));
        for wrong in [json!(7), json!(""), json!("x".repeat(129))] {
            let body = json!({ "operationName": "Create", "requestId": wrong });
            assert_eq!(code(&ask(&agent, None, &body)), StatusCode::Invalid, "{wrong}");
        }

        // A Send that is repeated after the state has moved on; a refused request may be tried again.
        let send = json!({ "operationName": "Send", "requestId": "r2", "queuePath": "/queues/out",
                           "post": { "from": "desk1", "message": "text" } });
        let missing = json!({ "operationName": "Send", "requestId": "r2" });
        assert_eq!(code(&ask(&agent, Some(&id), &missing)), StatusCode::Missing);
        let sent = ask(&agent, Some(&id), &send);
        accepted(sent.clone());
        assert_eq!(ask(&agent, Some(&id), &send), sent);
        assert_eq!(engine.undelivered(), 1);

        // Two at the same time.
        let twice = json!({ "operationName": "Create", "requestId": "r3" });
        let replies = std::thread::scope(|scope| {
            [scope.spawn(|| ask(&agent, None, &twice)), scope.spawn(|| ask(&agent, None, &twice))]
                .map(|asked| asked.join().unwrap())
        });
        assert_eq!(replies[0], replies[1]);
        assert_eq!(drafts(), 2);

        clock.0.fetch_add(DAY_MS, Ordering::Relaxed);
        assert_eq!(ask(&agent, None, &create), first, "for 24 hours");
        clock.0.fetch_add(1, Ordering::Relaxed);
        assert_ne!(ask(&agent, None, &create), first, "and then no more");
    }
}
