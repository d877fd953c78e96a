//! A host on a disk that fails: it does one thing after another, and each again until it is done.
//!
//! `stubborn STORE TRIES work|migrate|compact`
//!
//! What a failure may look like is checked here: code 4, nothing changed, nobody told. Gives up after so
//! many tries of one thing, and says `gave up`; every `ack` line must outlast it.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use strowger::channel::{
    Channel, CheckError, Job, JobKind, Manifest, Outcome, Outgoing, PointOfNoReturn, Report,
};
use strowger::{
    API_MULTIMEDIA, Agent, Clock, Config, Engine, Environment, Error, Inbound, Limits, OpenError, Reply,
    SqliteStore, StatusCode, StoreError, StoreFile, Subscription, SystemRandom,
};
use strowger_durability::{Platform, manifest};

/// A clock that goes on when it is told to.
struct Stepped(AtomicI64);

impl Clock for Stepped {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Publishes into memory.
#[derive(Default)]
struct Book {
    posts: Mutex<Vec<String>>,
}

impl Channel for Book {
    fn manifests(&self) -> Vec<Manifest> {
        vec![manifest()]
    }

    fn check(&self, _: &Outgoing<'_>) -> Result<(), CheckError> {
        Ok(())
    }

    fn converse(&self, job: &Job<'_>, point: &mut dyn PointOfNoReturn) -> Report {
        let place = self.posts.lock().iter().position(|post| post == job.message);
        let outcome = match (job.kind, place) {
            (JobKind::Publish, _) => match point.cross() {
                Ok(()) => {
                    let mut posts = self.posts.lock();
                    posts.push(job.message.to_owned());
                    Outcome::Published { id: Some(posts.len().to_string()), location: None }
                }
                Err(fault) => Outcome::NotSent { message: fault.to_string(), retry_after_ms: None },
            },
            (_, Some(place)) => Outcome::Published { id: Some((place + 1).to_string()), location: None },
            (_, None) => Outcome::Absent,
        };
        outcome.into()
    }
}

struct GaveUp;

struct Host {
    engine: Engine,
    agent: Agent,
    notes: Subscription,
    clock: Arc<Stepped>,
    tries: u32,
    failures: AtomicU32,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [store, tries, mode] = arguments.as_slice() else {
        panic!("usage: stubborn STORE TRIES work|migrate|compact")
    };
    let tries = tries.parse().expect("a number");
    let done = match mode.as_str() {
        "work" => work(store, tries),
        "migrate" => open_until(tries, "migrate", || SqliteStore::open(store.as_ref(), &Limits::default())),
        "compact" => open_until(tries, "compact", || StoreFile::compact(store.as_ref())),
        other => panic!("`{other}` is no mode"),
    };
    match done {
        Ok(()) => println!("done"),
        Err(GaveUp) => println!("gave up"),
    }
    ExitCode::SUCCESS
}

/// Something with a whole file, again until it succeeds.
fn open_until<T>(
    tries: u32,
    what: &str,
    mut act: impl FnMut() -> Result<T, OpenError>,
) -> Result<(), GaveUp> {
    for _ in 0..tries {
        match act() {
            Ok(_) => {
                println!("ack {what}");
                return Ok(());
            }
            Err(OpenError::Unusable { .. }) => {}
            Err(other) => panic!("{what}: {other}"),
        }
    }
    Err(GaveUp)
}

/// A channel that the host delivers itself.
fn by_hand() -> Manifest {
    let mut document = serde_json::to_value(manifest()).expect("a manifest is JSON");
    for (member, value) in [
        ("channel", json!(BY_HAND)),
        ("collections", json!(["letters"])),
        ("listMember", json!("letters")),
        ("topic", json!("/v2/me/letters")),
    ] {
        document[member] = value;
    }
    serde_json::from_value(document).expect("a manifest")
}

const BY_HAND: &str = "letters";
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const KEPT_DAYS: i64 = 100;

fn work(store: &str, tries: u32) -> Result<(), GaveUp> {
    let clock = Arc::new(Stepped(AtomicI64::new(1_700_000_000_000)));
    let book = Arc::new(Book::default());
    let config = json!({ "store": { "kind": "sqlite", "path": store, "check": true },
                         "retention": { "age_ms": KEPT_DAYS * DAY_MS } });
    let mut config = Config::parse(&config.to_string()).expect("a configuration");
    config.manifests = vec![by_hand()];
    let environment = Environment::new(clock.clone(), Arc::new(SystemRandom));
    let engine = (0..tries)
        .find_map(|_| match Engine::open_with(&config, environment.clone()) {
            Ok(engine) => Some(engine),
            Err(Error::Open(_) | Error::Store(_)) => None,
            Err(other) => panic!("the engine was not opened: {other}"),
        })
        .ok_or(GaveUp)?;
    (0..tries).find_map(|_| engine.add_channel(book.clone()).ok()).ok_or(GaveUp)?;
    let agent = (0..tries)
        .find_map(|_| match engine.agent("a1", &[API_MULTIMEDIA]) {
            Ok(agent) => Some(agent),
            Err(Error::Refused(refusal)) => {
                assert_eq!(refusal.code(), StatusCode::Internal, "{refusal}");
                None
            }
            Err(Error::Store(_)) => None,
            Err(other) => panic!("there was no agent: {other}"),
        })
        .ok_or(GaveUp)?;
    let notes = (0..tries)
        .find_map(|_| match agent.subscribe("/v2/me/*") {
            Ok(notes) => Some(notes),
            Err(Error::Store(_)) => None,
            Err(other) => panic!("there was no subscription: {other}"),
        })
        .ok_or(GaveUp)?;
    let host = Host { engine, agent, notes, clock, tries, failures: AtomicU32::new(0) };

    let inbound = json!({ "from": "c", "message": "m", "queuePath": "/queues/in", "externalId": "e1" });
    let inbound = Inbound::parse(&inbound.to_string()).expect("an inbound document");
    let id = host.until("receive", None, 0, || host.engine.receive(Platform::CHANNEL, &inbound))?.to_string();
    host.until("offer", Some(&id), 1, || host.engine.offer(&id, "a1"))?;
    host.ask(Some(&id), &json!({ "operationName": "Accept" }))?;
    host.ask(
        Some(&id),
        &json!({ "operationName": "AttachUserData", "userData": { "k": "v".repeat(20_000) } }),
    )?;
    host.ask(Some(&id), &json!({ "operationName": "Complete", "saveLAR": true }))?;
    let inbound = json!({ "from": "c", "message": "m", "queuePath": "/queues/in", "externalId": "e2" });
    let inbound = Inbound::parse(&inbound.to_string()).expect("an inbound document");
    let id = host.until("receive", None, 0, || host.engine.receive(Platform::CHANNEL, &inbound))?.to_string();
    host.until("offer", Some(&id), 1, || host.engine.offer(&id, "a1"))?;
    host.ask(Some(&id), &json!({ "operationName": "Accept" }))?;
    host.ask(Some(&id), &json!({ "operationName": "Transfer", "targetPath": "/queues/in" }))?;
    host.ask(None, &json!({ "operationName": "Create", "requestId": "r1" }))?;
    let listed = host.agent.list(Platform::CHANNEL).expect("a listing");
    let draft: serde_json::Value = serde_json::from_str(&listed[0]).expect("JSON");
    let draft = draft["id"].as_str().expect("an id").to_owned();
    host.ask(Some(&draft), &json!({ "operationName": "Save", "post": { "from": "desk1", "message": "s" } }))?;
    host.ask(
        Some(&draft),
        &json!({ "operationName": "Send", "queuePath": "/queues/out", "post": { "message": "text" } }),
    )?;
    host.deliver()?;
    assert_eq!(*book.posts.lock(), ["text"], "it is published once");
    host.by_hand()?;
    // Everything that has ended, in one go.
    host.clock.0.fetch_add((KEPT_DAYS + 1) * DAY_MS, Ordering::Relaxed);
    let pruned = host.until("prune", None, 0, || host.engine.prune(100))?;
    assert_eq!(pruned.interactions, 3);
    Ok(())
}

impl Host {
    /// Does something until it succeeds.
    fn until<T>(
        &self,
        what: &str,
        id: Option<&str>,
        notes: usize,
        mut act: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, GaveUp> {
        let stored = || id.map(|id| format!("{:?}", self.engine.interaction(id)));
        let before = stored();
        for _ in 0..self.tries {
            match act() {
                Ok(done) => {
                    let told = std::iter::from_fn(|| self.notes.next(Duration::ZERO)).count();
                    assert_eq!(told, notes, "{what} is told once");
                    println!("ack {what}");
                    return Ok(done);
                }
                Err(Error::Refused(refusal)) => assert_eq!(refusal.code(), StatusCode::Internal, "{refusal}"),
                // An intent that can't be kept is the channel's failure.
                Err(Error::Store(_) | Error::Channel(_)) => {}
                Err(other) => panic!("{what}: {other}"),
            }
            self.failures.fetch_add(1, Ordering::Relaxed);
            assert_eq!(self.notes.next(Duration::ZERO), None, "{what} failed, and somebody was told");
            assert_eq!(stored(), before, "{what} failed, and something was changed");
            self.clock.0.fetch_add(2_000, Ordering::Relaxed);
        }
        Err(GaveUp)
    }

    fn ask(&self, id: Option<&str>, body: &serde_json::Value) -> Result<(), GaveUp> {
        self.ask_on(Platform::CHANNEL, id, body)
    }

    fn ask_on(&self, channel: &str, id: Option<&str>, body: &serde_json::Value) -> Result<(), GaveUp> {
        let what = body["operationName"].as_str().unwrap_or_default();
        let body = body.to_string();
        self.until(what, id, 1, || match self.agent.perform(channel, id, body.as_bytes())? {
            Reply::Accepted { .. } => Ok(()),
            Reply::Refused(refusal) => Err(refusal.into()),
        })
    }

    /// A message that the host itself delivers.
    fn by_hand(&self) -> Result<(), GaveUp> {
        self.ask_on(BY_HAND, None, &json!({ "operationName": "Create" }))?;
        let listed = self.agent.list(BY_HAND).expect("a listing");
        let draft: serde_json::Value = serde_json::from_str(&listed[0]).expect("JSON");
        let draft = draft["id"].as_str().expect("an id");
        self.ask_on(
            BY_HAND,
            Some(draft),
            &json!({ "operationName": "Send", "queuePath": "/queues/out",
                     "post": { "from": "desk1", "message": "text" } }),
        )?;
        let delivery = self.until("hand over", Some(draft), 0, || {
            let next = self.engine.delivery_next(BY_HAND, Duration::ZERO)?;
            // Put back by a failure, for a moment.
            next.ok_or_else(|| StoreError::new("nothing is due").into())
        })?;
        let outcome = Outcome::Published { id: Some("l1".into()), location: None };
        self.until("settle", Some(draft), 1, || self.engine.settle(delivery.delivery_id.as_str(), &outcome))
    }

    fn deliver(&self) -> Result<(), GaveUp> {
        let mut told = Vec::new();
        for _ in 0..10 * self.tries {
            match self.engine.deliver(1, Duration::ZERO) {
                Ok(_) | Err(Error::Store(_)) => {}
                Err(Error::Refused(refusal)) => assert_eq!(refusal.code(), StatusCode::Internal, "{refusal}"),
                Err(other) => panic!("the delivery failed: {other}"),
            }
            told.extend(std::iter::from_fn(|| self.notes.next(Duration::ZERO)));
            self.clock.0.fetch_add(400_000, Ordering::Relaxed);
            if self.engine.undelivered() == 0 {
                assert_eq!(told.len(), 1, "{told:?}");
                assert!(told[0].to_json().contains("Completed"), "{told:?}");
                println!("ack delivered");
                return Ok(());
            }
        }
        Err(GaveUp)
    }
}
