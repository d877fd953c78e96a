//! A small world to test in: time, names and chance that the test sets, a channel that follows a script,
//! and desks: agents with their notes.
#![allow(dead_code, reason = "each test file uses its part of this")]

mod channel;
mod environment;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use strowger::channel::Manifest;
use strowger::{
    API_MULTIMEDIA, Agent, Config, Engine, Environment, Inbound, Notification, Reply, Subscription,
};

#[allow(unused_imports, reason = "each test file uses its part of this")]
pub(crate) use channel::{Scripted, Turn};
#[allow(unused_imports, reason = "each test file uses its part of this")]
pub(crate) use environment::{FakeClock, FakeIds, FakeRandom};

pub(crate) const QUEUE: &str = "/contacts/60ebbb94-3cef-4b14-95f8-5c49dbeb355d";
pub(crate) const ACCOUNT: &str = "vitaliy_onv";
/// 2015-03-02 12:26:14 in a zone two hours east of Greenwich.
pub(crate) const START_MS: i64 = 1_425_291_974_000;

pub(crate) const OUT9: [&str; 9] = [
    "Cancel",
    "Send",
    "AddComment",
    "AttachUserData",
    "UpdateUserData",
    "DeleteUserData",
    "SetDisposition",
    "SetInFocus",
    "Transfer",
];
pub(crate) const IN9: [&str; 9] = [
    "Reply",
    "Transfer",
    "AddComment",
    "AttachUserData",
    "UpdateUserData",
    "DeleteUserData",
    "SetDisposition",
    "SetInFocus",
    "Complete",
];

pub(crate) fn twitter() -> Manifest {
    serde_json::from_str(include_str!("../data/twitter-manifest.json")).expect("a manifest")
}

pub(crate) fn facebook() -> Manifest {
    serde_json::from_str(include_str!("../data/facebook-manifest.json")).expect("a manifest")
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub(crate) fn config() -> Config {
    Config { name: "esv_smsrv_vit".into(), base_uri: "http://192.168.83.25:8080".into(), ..Config::default() }
}

/// An engine and everything around it.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) random: Arc<FakeRandom>,
    pub(crate) ids: Arc<FakeIds>,
    /// Delivers both channels, unless the host does.
    pub(crate) channel: Arc<Scripted>,
}

impl World {
    /// Twitter and Facebook, delivered by a scripted channel.
    pub(crate) fn new() -> Self {
        Self::with(&config())
    }

    pub(crate) fn with(config: &Config) -> Self {
        let world = Self::bare(config);
        world.engine.add_channel(world.channel.clone()).expect("the channels can be added");
        world
    }

    /// Twitter and Facebook, delivered by the host.
    pub(crate) fn host_run() -> Self {
        Self::bare(&Config { manifests: vec![twitter(), facebook()], ..config() })
    }

    fn bare(config: &Config) -> Self {
        let clock = Arc::new(FakeClock::new(START_MS));
        let random = Arc::new(FakeRandom::default());
        let ids = Arc::new(FakeIds::default());
        let environment = Environment { clock: clock.clone(), random: random.clone(), ids: ids.clone() };
        let engine = Engine::open_with(config, environment).expect("the engine opens");
        let channel = Arc::new(Scripted::new(vec![twitter(), facebook()]));
        Self { engine, clock, random, ids, channel }
    }

    pub(crate) fn desk(&self, id: &str) -> Desk {
        Desk::of(self.engine.agent(id, &[API_MULTIMEDIA]).expect("an agent"))
    }

    pub(crate) fn desk_without_feature(&self, id: &str) -> Desk {
        Desk::of(self.engine.agent(id, &["api-voice"]).expect("an agent"))
    }

    /// Something that a customer wrote.
    pub(crate) fn receive(&self, inbound: &Value) -> String {
        self.receive_on("twitter", inbound)
    }

    pub(crate) fn receive_on(&self, channel: &str, inbound: &Value) -> String {
        let inbound = Inbound::parse(&inbound.to_string()).expect("an inbound document");
        self.engine.receive(channel, &inbound).expect("it is received").as_str().to_owned()
    }

    /// A tweet from a customer, which waits in [`QUEUE`].
    pub(crate) fn tweet(&self) -> String {
        self.receive(&tweet())
    }

    /// A tweet from a customer that `desk` was offered and has accepted.
    pub(crate) fn processing(&self, desk: &Desk) -> String {
        let id = self.tweet();
        self.engine.offer(&id, desk.id()).expect("it can be offered");
        desk.does(&id, &json!({"operationName": "Accept"}));
        desk.forget();
        id
    }

    /// A tweet on its way, accounted to `account`.
    pub(crate) fn sent(desk: &Desk, account: &str, text: &str) -> String {
        let id = desk.draft();
        desk.does(&id, &send(account, text));
        desk.forget();
        id
    }

    /// Makes every delivery that is due.
    pub(crate) fn deliver(&self) -> u32 {
        self.engine.deliver(1_000, Duration::ZERO).expect("deliveries can be made")
    }

    pub(crate) fn state(&self, id: &str) -> &'static str {
        self.engine.interaction(id).expect("the store works").expect("it exists").state.name()
    }
}

pub(crate) fn tweet() -> Value {
    json!({"from": "oleg(Oleg Witcher)", "message": "saying hello world!", "queuePath": QUEUE,
           "userData": {"_twitterMsgId": "63493545", "_twitterFromAddr": "oleg"}})
}

pub(crate) fn send(account: &str, text: &str) -> Value {
    json!({"operationName": "Send", "queuePath": QUEUE, "twitter": {"from": account, "message": text}})
}

/// An agent and its notes on all topics.
pub(crate) struct Desk {
    pub(crate) agent: Agent,
    pub(crate) subscription: Subscription,
}

impl Desk {
    pub(crate) fn of(agent: Agent) -> Self {
        let subscription = agent.subscribe("/v2/me/*").expect("the topic exists");
        Self { agent, subscription }
    }

    pub(crate) fn id(&self) -> &str {
        self.agent.id().as_str()
    }

    /// Asks for something on Twitter, on an interaction or (empty id) on the collection.
    pub(crate) fn asks(&self, id: &str, body: &Value) -> Reply {
        self.asks_on("twitter", id, body)
    }

    pub(crate) fn asks_on(&self, channel: &str, id: &str, body: &Value) -> Reply {
        let id = (!id.is_empty()).then_some(id);
        self.agent.perform(channel, id, body.to_string().as_bytes()).expect("the channel exists")
    }

    /// Asks for something that must be accepted; gives the `referenceId`.
    pub(crate) fn does(&self, id: &str, body: &Value) -> u64 {
        self.does_on("twitter", id, body)
    }

    pub(crate) fn does_on(&self, channel: &str, id: &str, body: &Value) -> u64 {
        match self.asks_on(channel, id, body) {
            Reply::Accepted { reference_id } => reference_id,
            Reply::Refused(refusal) => panic!("{body} was refused: {refusal}"),
        }
    }

    /// Asks for something that must be refused; gives the code and the message.
    pub(crate) fn refused(&self, id: &str, body: &Value) -> (u8, String) {
        refusal(self.asks(id, body), &body.to_string())
    }

    /// A new draft, its notification taken.
    pub(crate) fn draft(&self) -> String {
        self.draft_on("twitter")
    }

    pub(crate) fn draft_on(&self, channel: &str) -> String {
        self.forget();
        self.does_on(channel, "", &json!({"operationName": "Create"}));
        id_of(&self.note())
    }

    /// What waits, in order: the notifications themselves.
    pub(crate) fn notes(&self) -> Vec<Value> {
        std::iter::from_fn(|| self.subscription.next(Duration::ZERO)).map(|note| data(&note)).collect()
    }

    /// The one notification that waits.
    pub(crate) fn note(&self) -> Value {
        let mut notes = self.notes();
        assert_eq!(notes.len(), 1, "one notification was expected: {notes:#?}");
        notes.remove(0)
    }

    pub(crate) fn hears_nothing(&self) {
        let notes = self.notes();
        assert!(notes.is_empty(), "{} heard {notes:#?}", self.id());
    }

    pub(crate) fn forget(&self) {
        self.notes();
    }

    pub(crate) fn reads(&self, id: &str) -> Option<Value> {
        self.reads_on("twitter", id)
    }

    pub(crate) fn reads_on(&self, channel: &str, id: &str) -> Option<Value> {
        self.agent.read(channel, id).expect("the channel exists").map(|text| json(&text))
    }

    /// The interaction, which this agent must be able to see.
    pub(crate) fn sees(&self, id: &str) -> Value {
        self.reads(id).unwrap_or_else(|| panic!("{} does not see {id}", self.id()))
    }

    /// The ids that a listing shows.
    pub(crate) fn list(&self) -> Vec<String> {
        let list = self.agent.list("twitter").expect("the channel exists");
        list.iter().map(|text| text_of(&json(text), "id")).collect()
    }
}

/// The code and message of a reply that must be a refusal, and whose JSON must hold them and nothing else.
pub(crate) fn refusal(reply: Reply, asked: &str) -> (u8, String) {
    let document = json(&reply.to_json());
    let Reply::Refused(refusal) = reply else { panic!("{asked:.200} was accepted") };
    let (code, message) = (refusal.code().number(), refusal.message().to_owned());
    assert_eq!(document, json!({"statusCode": code, "statusMessage": message}));
    (code, message)
}

/// The notification inside the envelope.
pub(crate) fn data(notification: &Notification) -> Value {
    let envelope = json(&notification.to_json());
    envelope.get("data").unwrap_or(&envelope).clone()
}

/// The resource that a notification is about.
pub(crate) fn resource(note: &Value) -> &Value {
    note.get("twitter").or_else(|| note.get("facebook")).unwrap_or_else(|| panic!("no resource in {note:#}"))
}

pub(crate) fn id_of(note: &Value) -> String {
    text_of(resource(note), "id")
}

pub(crate) fn text_of(object: &Value, member: &str) -> String {
    object[member].as_str().unwrap_or_else(|| panic!("no text `{member}` in {object:#}")).to_owned()
}
