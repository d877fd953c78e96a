//! Subscribers who come back, also to another process: they get exactly what they missed, or hear that
//! something is lost. What must be told is reckoned here, from the replies alone.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use strowger::channel::{Manifest, Outcome};
use strowger::{
    API_MULTIMEDIA, Agent, Config, Engine, Environment, Inbound, Limits, MemoryStore, Note, Notification,
    Reply, SqliteStore, Store, Subscription,
};
use strowger_durability::{Chance, Faulty, manifest, scratch};

const AGENTS: [&str; 2] = ["a1", "a2"];
/// Two channels; the second has an operation that is answered by a response of its own.
const CHANNELS: [&str; 2] = ["x", "y"];
const TOPICS: [&str; 3] = ["/v2/me/x", "/v2/me/y", "/v2/me/*"];
const KEPT_NOTES: usize = 6;
const KEPT_BYTES: usize = 6_000;

fn limits() -> Limits {
    Limits { kept_notes: KEPT_NOTES, kept_bytes: KEPT_BYTES, ..Limits::default() }
}

fn manifests() -> Vec<Manifest> {
    let follow: Value =
        json!({ "name": "Follow", "in": ["collection"], "parameters": { "from": "required" } });
    let mut second = serde_json::to_value(manifest()).unwrap();
    for (member, value) in [
        ("channel", json!("y")),
        ("topic", json!("/v2/me/y")),
        ("collections", json!(["boards"])),
        ("listMember", json!("boards")),
        ("uriPath", json!("board")),
        ("operations", json!([follow])),
        ("operationResponseType", json!("BoardOperationResponse")),
        ("accounts", json!([{ "name": "desk1", "operations": ["Follow"] }])),
    ] {
        second[member] = value;
    }
    vec![manifest(), serde_json::from_value(second).unwrap()]
}

fn engine_on(store: Arc<dyn Store>, limits: Limits) -> Engine {
    let config = Config { manifests: manifests(), limits, ..Config::default() };
    Engine::open_on(&config, Environment::default(), store).unwrap()
}

fn waiting(subscription: &Subscription) -> Vec<Notification> {
    std::iter::from_fn(|| subscription.next(Duration::ZERO)).collect()
}

fn parsed(note: &Note) -> Value {
    serde_json::from_str(&note.data.to_string()).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Create {
        agent: Index,
        channel: Index,
        size: usize,
    },
    Attach {
        agent: Index,
        which: Index,
        size: usize,
    },
    Transfer {
        agent: Index,
        which: Index,
    },
    Offer {
        agent: Index,
    },
    Send {
        agent: Index,
        which: Index,
        is_published: bool,
    },
    Follow {
        agent: Index,
    },
    Subscribe {
        agent: Index,
    },
    Resume {
        agent: Index,
        topic: Index,
        from: Index,
    },
    /// The next commits fail.
    Fail,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    // Notes of a few hundred bytes, and some that fill the log alone.
    let size = || prop_oneof![6 => 0..200_usize, 2 => 500..2_500_usize, 1 => Just(7_000_usize)];
    prop_oneof![
        4 => (index(), index(), size())
            .prop_map(|(agent, channel, size)| Step::Create { agent, channel, size }),
        4 => (index(), index(), size()).prop_map(|(agent, which, size)| Step::Attach { agent, which, size }),
        2 => (index(), index()).prop_map(|(agent, which)| Step::Transfer { agent, which }),
        2 => index().prop_map(|agent| Step::Offer { agent }),
        2 => (index(), index(), any::<bool>())
            .prop_map(|(agent, which, is_published)| Step::Send { agent, which, is_published }),
        1 => index().prop_map(|agent| Step::Follow { agent }),
        2 => index().prop_map(|agent| Step::Subscribe { agent }),
        6 => (index(), index(), index()).prop_map(|(agent, topic, from)| Step::Resume { agent, topic, from }),
        1 => Just(Step::Fail),
        2 => Just(Step::Restart),
    ]
}

/// A subscription and what it must still hear.
struct Listening {
    agent: usize,
    topic: &'static str,
    subscription: Subscription,
    /// How many of the agent's notes lie behind it.
    place: usize,
}

/// What an agent was told so far.
#[derive(Default)]
struct Told {
    /// Since somebody follows the agent.
    notes: Vec<Arc<Note>>,
    is_followed: bool,
    /// How many numbers were given before that, in the process in which it began.
    begins: u64,
    /// Hears everything of this process.
    witness: Option<Subscription>,
    /// What must be told next: the `referenceId`, where the reply tells it, and the channel.
    due: Vec<(Option<u64>, &'static str)>,
}

impl Told {
    fn last(&self) -> u64 {
        self.notes.last().map_or(self.begins, |note| note.sequence)
    }

    /// The place of the first note that the limits leave room for.
    fn kept(&self) -> usize {
        let (mut count, mut bytes) = (0, 0);
        for note in self.notes.iter().rev() {
            bytes += note.data.len();
            if count > 0 && (count == KEPT_NOTES || bytes > KEPT_BYTES) {
                break;
            }
            count += 1;
        }
        self.notes.len() - count
    }

    fn after(&self, place: usize, topic: &str) -> Vec<Notification> {
        let is_of = |note: &&Arc<Note>| topic.ends_with('*') || *note.topic == *topic;
        self.notes[place..].iter().filter(is_of).cloned().map(Notification::Note).collect()
    }
}

struct Run {
    path: PathBuf,
    store: Option<Arc<Faulty<SqliteStore>>>,
    engine: Option<Engine>,
    agents: Vec<Agent>,
    told: Vec<Told>,
    listening: Vec<Listening>,
    count: usize,
    /// A commit failed: the log may have made room for a note that never came.
    has_failed: bool,
}

impl Run {
    fn new(path: &Path) -> Self {
        let told = AGENTS.iter().map(|_| Told::default()).collect();
        let mut run = Self {
            path: path.to_owned(),
            store: None,
            engine: None,
            agents: Vec::new(),
            told,
            listening: Vec::new(),
            count: 0,
            has_failed: false,
        };
        run.restart();
        run
    }

    fn restart(&mut self) {
        self.listening.clear();
        self.told.iter_mut().for_each(|told| told.witness = None);
        self.agents.clear();
        self.engine = None;
        self.store = None;
        let store = Arc::new(Faulty::new(SqliteStore::open(&self.path, &limits()).unwrap(), 1));
        let engine = engine_on(store.clone(), limits());
        self.agents = AGENTS.iter().map(|id| engine.agent(id, &[API_MULTIMEDIA]).unwrap()).collect();
        (self.store, self.engine) = (Some(store), Some(engine));
        for (agent, told) in self.agents.iter().zip(&mut self.told) {
            told.witness = told.is_followed.then(|| agent.subscribe("/v2/me/*").unwrap());
            // Nobody was given a number of an agent whom nobody follows.
            told.begins = if told.is_followed { told.begins } else { 0 };
        }
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    fn is_accepted(&mut self, agent: usize, channel: &'static str, id: Option<&str>, body: &Value) -> bool {
        match self.agents[agent].perform(channel, id, body.to_string().as_bytes()).unwrap() {
            Reply::Accepted { reference_id } => {
                if body["operationName"] != "Follow" {
                    self.told[agent].due.push((Some(reference_id), channel));
                }
                true
            }
            Reply::Refused(_) => false,
        }
    }

    /// One of the agent's interactions.
    fn one(&self, agent: usize, which: Index) -> Option<(&'static str, String)> {
        let listed: Vec<_> = CHANNELS
            .into_iter()
            .flat_map(|channel| {
                let listed = self.agents[agent].list(channel).unwrap();
                listed.into_iter().map(move |text| (channel, text))
            })
            .collect();
        let (channel, text) = listed.get(which.index(listed.len().max(1)))?;
        let resource: Value = serde_json::from_str(text).unwrap();
        Some((channel, resource["id"].as_str().unwrap().to_owned()))
    }

    fn take(&mut self, step: &Step) {
        self.count += 1;
        match step {
            Step::Create { agent, channel, size } => {
                let body = json!({ "operationName": "Create", "userData": { "k": "v".repeat(*size) } });
                let channel = CHANNELS[channel.index(CHANNELS.len())];
                self.is_accepted(agent.index(AGENTS.len()), channel, None, &body);
            }
            Step::Attach { agent, which, size } => {
                let agent = agent.index(AGENTS.len());
                let Some((channel, id)) = self.one(agent, *which) else { return };
                let data = json!({ "k": "w".repeat(*size), "n": self.count });
                let body = json!({ "operationName": "UpdateUserData", "userData": data });
                self.is_accepted(agent, channel, Some(&id), &body);
            }
            Step::Transfer { agent, which } => {
                let agent = agent.index(AGENTS.len());
                let Some((channel, id)) = self.one(agent, *which) else { return };
                let target = format!("/users/{}", AGENTS[1 - agent]);
                let body = json!({ "operationName": "Transfer", "targetPath": target });
                if self.is_accepted(agent, channel, Some(&id), &body) {
                    self.told[1 - agent].due.push((None, channel));
                }
            }
            Step::Offer { agent } => {
                let agent = agent.index(AGENTS.len());
                let inbound = json!({ "from": "c", "message": "m", "queuePath": "/queues/in" });
                let inbound = Inbound::parse(&inbound.to_string()).unwrap();
                let Ok(id) = self.engine().receive("x", &inbound) else { return };
                if self.engine().offer(id.as_str(), AGENTS[agent]).is_ok() {
                    self.told[agent].due.push((None, "x"));
                }
                self.is_accepted(agent, "x", Some(id.as_str()), &json!({ "operationName": "Accept" }));
            }
            Step::Send { agent, which, is_published } => {
                self.send(agent.index(AGENTS.len()), *which, *is_published);
            }
            Step::Follow { agent } => self.follow(agent.index(AGENTS.len())),
            Step::Subscribe { agent } => self.subscribe(agent.index(AGENTS.len())),
            Step::Resume { agent, topic, from } => {
                self.resume(agent.index(AGENTS.len()), TOPICS[topic.index(TOPICS.len())], *from);
            }
            Step::Fail => {
                self.has_failed = true;
                self.store.as_ref().unwrap().fail(100);
                for agent in 0..AGENTS.len() {
                    self.told[agent].begins += u64::from(!self.told[agent].is_followed);
                    let body = json!({ "operationName": "Create", "userData": { "k": "v".repeat(900) } });
                    assert!(!self.is_accepted(agent, "x", None, &body));
                }
                self.store.as_ref().unwrap().fail(0);
            }
            Step::Restart => self.restart(),
        }
    }

    /// A message that goes out or comes back, told by whoever settles it; or an operation on the collection.
    fn send(&mut self, agent: usize, which: Index, is_published: bool) {
        let (channel, id) = match self.one(agent, which) {
            Some((channel, id)) => (channel, Some(id)),
            None => ("y", None),
        };
        let body = match &id {
            Some(_) => json!({ "operationName": "Send", "queuePath": "/queues/out",
                               "post": { "from": "desk1", "message": "text" } }),
            None => json!({ "operationName": "Follow", "from": "desk1" }),
        };
        if !self.is_accepted(agent, channel, id.as_deref(), &body) {
            return;
        }
        let delivery = self.engine().delivery_next(channel, Duration::ZERO).unwrap().unwrap();
        let outcome = match (is_published, &id) {
            (true, Some(_)) => Outcome::Published { id: Some("p".into()), location: None },
            (true, None) => Outcome::Done,
            (false, _) => Outcome::Rejected { code: "1".into(), message: "no".into() },
        };
        self.engine().settle(delivery.delivery_id.as_str(), &outcome).unwrap();
        self.told[agent].due.push((None, channel));
    }

    fn follow(&mut self, agent: usize) {
        let told = &mut self.told[agent];
        if !told.is_followed {
            told.is_followed = true;
            told.witness = Some(self.agents[agent].subscribe("/v2/me/*").unwrap());
        }
    }

    fn subscribe(&mut self, agent: usize) {
        self.follow(agent);
        let subscription = self.agents[agent].subscribe("/v2/me/*").unwrap();
        let place = self.told[agent].notes.len();
        self.listening.push(Listening { agent, topic: "/v2/me/*", subscription, place });
    }

    fn resume(&mut self, agent: usize, topic: &'static str, from: Index) {
        self.follow(agent);
        let told = &self.told[agent];
        // Every number that was given, and some that were not.
        let from = from.index(usize::try_from(told.last()).unwrap() + 4) as u64;
        let subscription = self.agents[agent].subscribe_from(topic, from).unwrap();
        let heard = waiting(&subscription);

        let (missed, kept) = (told.notes.partition_point(|note| note.sequence <= from), told.kept());
        let must_lag = from > told.last() || from < told.begins || missed < kept;
        // Numbers that came to nothing before the first kept note can't be told from those of lost ones.
        let first = told.notes.get(kept).map_or(told.begins + 1, |first| first.sequence);
        let may_lag = must_lag || from + 1 < first || self.has_failed;
        if let [Notification::Lagged { topic: lagged, sequence }] = &heard[..] {
            assert!(may_lag, "all after {from} are kept");
            assert_eq!(&**lagged, topic);
            assert!(*sequence <= told.last(), "{sequence} was never given");
        } else {
            assert!(!must_lag, "some after {from} are gone, and nobody said so: {heard:?}");
            assert_eq!(heard, told.after(missed, topic));
        }
        let place = told.notes.len();
        self.listening.push(Listening { agent, topic, subscription, place });
    }

    /// Whoever listens has heard everything, in order, each once.
    fn check(&mut self) {
        for told in &mut self.told {
            let Some(witness) = &told.witness else {
                told.begins += told.due.drain(..).count() as u64;
                continue;
            };
            let heard = waiting(witness);
            let due = std::mem::take(&mut told.due);
            assert_eq!(heard.len(), due.len(), "{heard:?}");
            for (note, (reference_id, channel)) in heard.into_iter().zip(due) {
                let Notification::Note(note) = note else { panic!("{note:?}") };
                assert!(note.sequence > told.last(), "{} after {}", note.sequence, told.last());
                assert_eq!(*note.topic, *format!("/v2/me/{channel}"));
                if reference_id.is_some() {
                    assert_eq!(parsed(&note)["referenceId"].as_u64(), reference_id);
                }
                told.notes.push(note);
            }
        }
        for listening in &mut self.listening {
            let told = &self.told[listening.agent];
            assert_eq!(waiting(&listening.subscription), told.after(listening.place, listening.topic));
            listening.place = told.notes.len();
        }
    }
}

/// Before anybody of the new process comes back: an offer, a request, an outcome, a response of its own. Fails if an
/// agent counts as followed only in the process in which somebody subscribed.
#[test]
fn what_happens_between_a_restart_and_the_agents_return_is_kept() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    let open = || engine_on(Arc::new(SqliteStore::open(&path, &limits()).unwrap()), limits());
    let ask = |agent: &Agent, channel: &str, id: Option<&str>, body: Value| {
        let reply = agent.perform(channel, id, body.to_string().as_bytes()).unwrap();
        assert!(matches!(reply, Reply::Accepted { .. }), "{reply:?}");
    };
    let engine = open();
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    let live = agent.subscribe("/v2/me/*").unwrap();
    ask(&agent, "x", None, json!({ "operationName": "Create" }));
    let heard = waiting(&live);
    let [Notification::Note(created)] = &heard[..] else { panic!("{heard:?}") };
    let id = parsed(created)["post"]["id"].as_str().unwrap().to_owned();
    let send = json!({ "operationName": "Send", "queuePath": "/queues/out",
                       "post": { "from": "desk1", "message": "text" } });
    ask(&agent, "x", Some(&id), send);
    ask(&agent, "y", None, json!({ "operationName": "Follow", "from": "desk1" }));
    let last = waiting(&live).last().unwrap().sequence();
    drop((engine, agent, live));

    let engine = open();
    let inbound = Inbound::parse(r#"{"from": "c", "message": "m", "queuePath": "/queues/in"}"#).unwrap();
    let offered = engine.receive("x", &inbound).unwrap();
    engine.offer(offered.as_str(), "a1").unwrap();
    for (channel, outcome) in [
        ("x", Outcome::Published { id: Some("p".into()), location: None }),
        ("y", Outcome::Rejected { code: "1".into(), message: "no".into() }),
    ] {
        let delivery = engine.delivery_next(channel, Duration::ZERO).unwrap().unwrap();
        engine.settle(delivery.delivery_id.as_str(), &outcome).unwrap();
    }
    drop(engine);

    let engine = open();
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    let back = agent.subscribe_from("/v2/me/*", last).unwrap();
    ask(&agent, "x", Some(offered.as_str()), json!({ "operationName": "Accept" }));
    let heard: Vec<_> = waiting(&back)
        .into_iter()
        .map(|note| match note {
            Notification::Note(note) => (note.sequence - last, parsed(&note)),
            lagged @ Notification::Lagged { .. } => panic!("{lagged:?}"),
        })
        .collect();
    assert_eq!(heard.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let told =
        |place: usize, member: &str| heard[place].1["post"][member].as_str().unwrap_or_default().to_owned();
    assert_eq!((told(0, "state"), told(0, "id")), ("Invited".to_owned(), offered.to_string()));
    assert_eq!((told(1, "state"), told(1, "id")), ("Completed".to_owned(), id));
    assert_eq!(heard[2].1["messageType"], "BoardOperationResponse");
    assert_eq!((&heard[2].1["success"], &heard[2].1["errorCode"]), (&json!("false"), &json!("1")));
    assert_eq!(told(3, "state"), "Processing");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    /// Fails if the sequence begins anew in a new process, if a note is not in the commit of its change, or
    /// if what is forgotten is not what is told to be.
    #[test]
    fn who_comes_back_gets_what_was_missed_or_hears_that_it_is_lost(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let folder = tempfile::tempdir_in(scratch()).unwrap();
        let mut run = Run::new(&folder.path().join("store.db"));
        for step in &steps {
            run.take(step);
            run.check();
        }
    }
}

/// Threads work on the same agent's interactions while commits fail; some that listen come and go. Fails
/// if a note overtakes an earlier number, if one is told of a change that was not made, or if an abandoned
/// number holds up those behind it.
fn many_at_once(store: impl Store + 'static, seed: u64) {
    const INTERACTIONS: u64 = 5;
    const THREADS: u64 = 8;
    const EACH: usize = 120;
    let store = Arc::new(Faulty::new(store, seed));
    let engine = engine_on(store.clone(), Limits { kept_notes: 10_000, ..Limits::default() });
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    let live = agent.subscribe("/v2/me/*").unwrap();
    let create = json!({ "operationName": "Create" }).to_string();
    let ids: Vec<_> = (0..INTERACTIONS)
        .map(|_| {
            agent.perform("x", None, create.as_bytes()).unwrap();
            let Some(Notification::Note(note)) = live.next(Duration::ZERO) else { panic!("a note") };
            parsed(&note)["post"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let begins = INTERACTIONS;

    store.fail(15);
    let is_over = AtomicBool::new(false);
    let (accepted, resumed) = std::thread::scope(|scope| {
        let working = (0..THREADS).map(|thread| {
            let (agent, ids) = (agent.clone(), &ids);
            scope.spawn(move || {
                let mut chance = Chance::new(seed ^ thread << 8);
                let mut accepted = BTreeSet::new();
                for turn in 0..EACH {
                    let id = &ids[usize::try_from(chance.below(INTERACTIONS)).unwrap()];
                    let key = format!("{thread}-{turn}");
                    let body = json!({ "operationName": "AttachUserData", "userData": { key: 1 } });
                    let reply = agent.perform("x", Some(id), body.to_string().as_bytes()).unwrap();
                    if let Reply::Accepted { reference_id } = reply {
                        accepted.insert(reference_id);
                    }
                }
                accepted
            })
        });
        let working: Vec<_> = working.collect();
        let resuming = scope.spawn(|| {
            let mut chance = Chance::new(!seed);
            let mut resumed = Vec::new();
            let mut last = begins;
            while !is_over.load(Ordering::Relaxed) {
                let from = begins + chance.below(last - begins + 1);
                let subscription = agent.subscribe_from("/v2/me/*", from).unwrap();
                let heard: Vec<_> =
                    std::iter::from_fn(|| subscription.next(Duration::from_millis(2))).take(200).collect();
                last = heard.iter().map(Notification::sequence).max().unwrap_or(last).max(last);
                resumed.push((from, heard));
            }
            resumed
        });
        let accepted: BTreeSet<_> = working.into_iter().flat_map(|working| working.join().unwrap()).collect();
        is_over.store(true, Ordering::Relaxed);
        (accepted, resuming.join().unwrap())
    });
    store.fail(0);

    let told = waiting(&live);
    assert!(told.is_sorted_by(|one, next| one.sequence() < next.sequence()));
    let mut keys = HashMap::<_, BTreeSet<String>>::new();
    let mut references = BTreeSet::new();
    for note in &told {
        let Notification::Note(note) = note else { panic!("{note:?}") };
        let data = parsed(note);
        let before = keys.entry(data["post"]["id"].to_string()).or_default();
        let now: BTreeSet<_> = data["post"]["userData"].as_object().unwrap().keys().cloned().collect();
        assert!(now.is_superset(before) && now.len() == before.len() + 1, "one change after the other");
        *before = now;
        references.insert(data["referenceId"].as_u64().unwrap());
    }
    assert_eq!((references.len(), &references), (told.len(), &accepted));
    assert!(accepted.len() < EACH * usize::try_from(THREADS).unwrap(), "some failed");

    assert!(resumed.len() > 3);
    for (from, heard) in resumed {
        // Everything after the number, up to where it went away.
        let place = told.partition_point(|note| note.sequence() <= from);
        assert_eq!(heard, told[place..][..heard.len()], "after {from}");
    }
    let all = agent.subscribe_from("/v2/me/*", begins).unwrap();
    assert_eq!(waiting(&all), told, "the log is what was told");
}

#[test]
fn notes_of_many_threads_come_in_order_whatever_fails() {
    for seed in 1..=4 {
        many_at_once(MemoryStore::new(&Limits::default()), seed);
        let folder = tempfile::tempdir_in(scratch()).unwrap();
        many_at_once(SqliteStore::open(&folder.path().join("store.db"), &Limits::default()).unwrap(), seed);
    }
}
