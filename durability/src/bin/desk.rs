//! A small contact centre that is there to be killed: agents write and send, two threads deliver.
//!
//! `desk STORE SANDBOX SEED FAILPOINT:COUNT|- drain|work [@AGENT=SEQUENCE…] [REQUEST-ID…]`
//!
//! Every line of its output is a fact that must outlast it: what it says was acknowledged, or told to an
//! agent, before the line was written. `try` lines come before the act. `FAILPOINT:COUNT` kills the
//! process when it reaches that place for the so-many-th time. Agents go on hearing after the number of the
//! last note that was heard. The request ids are those of Create requests of earlier runs whose reply was
//! not seen: they are repeated first.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strowger::{API_MULTIMEDIA, Agent, Config, Engine, Inbound, Reply, Subscription};
use strowger_durability::{Chance, Platform, failpoint};

fn say(fact: &Value) {
    println!("{fact}");
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [store, sandbox, seed, place, mode, repeated @ ..] = arguments.as_slice() else {
        panic!("usage: desk STORE SANDBOX SEED FAILPOINT:COUNT|- drain|work [@AGENT=N…] [REQUEST-ID…]");
    };
    let (heard, repeated): (Vec<_>, Vec<_>) = repeated.iter().partition(|argument| argument.starts_with('@'));
    failpoint::arm(place);
    let sandbox: SocketAddr = sandbox.parse().expect("an address");
    let seed: u64 = seed.parse().expect("a seed");

    // Whoever was away for long is not to lag: then nobody could say what is missing.
    let limits = json!({ "kept_notes": 1_000_000, "kept_bytes": 1 << 30 });
    let config = json!({ "store": { "kind": "sqlite", "path": store }, "name": "desk", "limits": limits });
    let config = config.to_string();
    let engine = Engine::open(&Config::parse(&config).expect("a configuration")).expect("an engine");
    engine.add_channel(Arc::new(Platform::new(sandbox, failpoint::reach, seed, 5))).expect("a channel");
    say(&json!({ "opened": true }));

    let heard = |id: &str| {
        let said = heard.iter().find_map(|said| said.strip_prefix('@')?.strip_prefix(id)?.strip_prefix('='));
        said.map_or(0, |sequence| sequence.parse().expect("a sequence"))
    };
    let agents: Vec<_> = ["a1", "a2"].iter().map(|id| Desk::new(&engine, id, heard(id), seed)).collect();
    for request_id in repeated {
        let desk = agents.iter().find(|desk| request_id.starts_with(desk.agent.id().as_str()));
        desk.expect("the request's agent").create(request_id);
    }
    let is_drain = mode == "drain";
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    if is_drain && engine.undelivered() == 0 {
                        break;
                    }
                    engine.deliver(4, Duration::from_millis(20)).expect("deliveries are made");
                }
            });
        }
        for (desk, number) in agents.iter().zip(0_u64..).filter(|_| !is_drain) {
            let engine = &engine;
            scope.spawn(move || {
                let mut chance = Chance::new(seed ^ number << 32);
                loop {
                    desk.work(engine, &mut chance);
                    desk.hear();
                }
            });
        }
    });
    agents.iter().for_each(Desk::hear);
}

struct Desk {
    agent: Agent,
    notes: Subscription,
    seed: u64,
    count: AtomicU64,
}

impl Desk {
    fn new(engine: &Engine, id: &str, heard: u64, seed: u64) -> Self {
        let agent = engine.agent(id, &[API_MULTIMEDIA]).expect("an agent");
        let notes = agent.subscribe_from("/v2/me/*", heard).expect("a subscription");
        Self { agent, notes, seed, count: AtomicU64::new(0) }
    }

    fn perform(&self, id: Option<&str>, body: &Value) -> u64 {
        let reply =
            self.agent.perform(Platform::CHANNEL, id, body.to_string().as_bytes()).expect("a channel");
        match reply {
            Reply::Accepted { reference_id } => {
                say(&json!({ "agent": self.agent.id(), "reference": reference_id }));
                reference_id
            }
            Reply::Refused(refusal) => {
                say(&json!({ "odd": refusal.message(), "body": body }));
                0
            }
        }
    }

    /// Says what the agent was told; gives the interaction of the answer to `reference_id`.
    fn hear_until(&self, reference_id: Option<u64>) -> Option<String> {
        let deadline = Instant::now() + Duration::from_secs(5);
        let wait = if reference_id.is_some() { Duration::from_millis(100) } else { Duration::ZERO };
        loop {
            let Some(note) = self.notes.next(wait) else {
                if reference_id.is_none() || Instant::now() > deadline {
                    return None;
                }
                continue;
            };
            let note: Value = serde_json::from_str(&note.to_json()).expect("a note is JSON");
            let data = &note["data"];
            say(
                &json!({ "heard": note["sequence"], "agent": self.agent.id(), "reference": data["referenceId"],
                         "odd": note.get("lagged") }),
            );
            let (id, state) = (&data["post"]["id"], &data["post"]["state"]);
            if state == "Completed" && data["post"]["postType"] == "Outbound" {
                say(&json!({ "told": "completed", "id": id }));
            } else if data["notificationType"] == "Error" {
                say(&json!({ "told": "returned", "id": id }));
            }
            if reference_id.is_some() && data["referenceId"].as_u64() == reference_id {
                return id.as_str().map(str::to_owned);
            }
        }
    }

    fn hear(&self) {
        self.hear_until(None);
    }

    fn create(&self, request_id: &str) -> u64 {
        say(&json!({ "try": "create", "request": request_id }));
        let body = json!({ "operationName": "Create", "requestId": request_id,
                           "userData": { "request": request_id } });
        let reference_id = self.perform(None, &body);
        say(&json!({ "ack": "create", "request": request_id }));
        reference_id
    }

    fn work(&self, engine: &Engine, chance: &mut Chance) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{number}", self.agent.id(), self.seed);
        if chance.percent(70) {
            self.write(&name, chance);
        } else {
            self.answer(engine, &name, chance);
        }
        std::thread::sleep(Duration::from_micros(chance.below(4_000)));
    }

    /// A draft, saved a few times, and sent.
    fn write(&self, name: &str, chance: &mut Chance) {
        let Some(id) = self.create_new(name) else { return };
        let account = format!("desk{}", chance.below(Platform::accounts().count() as u64));
        let saves = chance.below(3);
        for turn in 1..=saves {
            let message = format!("{id}#{turn}");
            let body = json!({ "operationName": "Save", "post": { "from": account, "message": message } });
            self.perform(Some(&id), &body);
            say(&json!({ "ack": "save", "id": id, "turn": turn }));
        }
        if chance.percent(90) {
            let message = format!("{id}#{}", saves + 1);
            let body = json!({ "operationName": "Send", "queuePath": "/queues/out",
                               "post": { "from": account, "message": message } });
            self.perform(Some(&id), &body);
            say(&json!({ "ack": "send", "id": id, "turn": saves + 1 }));
        }
    }

    fn create_new(&self, request_id: &str) -> Option<String> {
        let reference_id = self.create(request_id);
        let id = self.hear_until(Some(reference_id));
        match &id {
            Some(id) => say(&json!({ "ack": "created", "id": id, "request": request_id })),
            None => say(&json!({ "odd": "nobody was told of a draft", "request": request_id })),
        }
        id
    }

    /// What a customer wrote, worked on.
    fn answer(&self, engine: &Engine, name: &str, chance: &mut Chance) {
        let inbound = json!({ "from": format!("customer{}", chance.below(5)), "message": name,
                              "queuePath": "/queues/in", "externalId": name });
        let inbound = Inbound::parse(&inbound.to_string()).expect("an inbound document");
        let id = engine.receive(Platform::CHANNEL, &inbound).expect("it is received");
        say(&json!({ "ack": "receive", "id": id, "external": name }));
        let id = id.to_string();
        engine.offer(&id, self.agent.id().as_str()).expect("it is offered");
        let ack = |state: &str| say(&json!({ "ack": "inbound", "id": id, "state": state }));
        ack("Invited");
        self.perform(Some(&id), &json!({ "operationName": "Accept" }));
        ack("Processing");
        self.perform(Some(&id), &json!({ "operationName": "AttachUserData", "userData": { "k": name } }));
        say(&json!({ "ack": "data", "id": id, "value": name }));
        if chance.percent(70) {
            self.perform(Some(&id), &json!({ "operationName": "Complete", "saveLAR": true }));
            ack("Completed");
        }
    }
}
