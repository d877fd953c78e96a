//! A contact centre is killed again and again, at random moments and at every named place; each time its
//! store is opened and compared with what it had said, and at the end everything is delivered.
//!
//! `STROWGER_KILLS` sets how often (default 320), `STROWGER_SEED` the seed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use strowger::channel::Outcome;
use strowger::lifecycle::{Direction, State};
use strowger::{AgentId, Delivery, Id, Interaction, Limits, QueuePath, SqliteStore, Stage, Store as _, Work};
use strowger_durability::{Chance, Platform, scratch};
use strowger_sandbox::{Answer, Effect, Fault, Options, Sandbox};

/// Places at which the process kills itself: those of one delivery, and those of the store.
const PLACES: [&str; 10] = [
    "before-intent",
    "after-intent",
    "mid-request",
    "after-answer",
    "before-outcome",
    "after-outcome",
    "before-flush",
    "after-flush",
    "in-migration",
    "in-compaction",
];

/// Kills of one store, before everything in it is delivered and another one begins: each place once, and
/// three at random moments.
const KILLS_PER_STORE: usize = 13;

/// How often a kill at a named place must have come about, of three hundred.
const KILLS_AT_A_PLACE: usize = 8;

/// What came of it all.
#[derive(Debug, Default)]
struct Figures {
    kills: BTreeMap<&'static str, usize>,
    faults: usize,
    acknowledged: usize,
    told: usize,
    posts: usize,
}

impl Figures {
    fn add(&mut self, other: &Self) {
        for (place, count) in &other.kills {
            *self.kills.entry(place).or_default() += count;
        }
        self.faults += other.faults;
        self.acknowledged += other.acknowledged;
        self.told += other.told;
        self.posts += other.posts;
    }
}

/// What the killed processes said.
#[derive(Default)]
struct Said {
    tried: BTreeSet<String>,
    created: BTreeSet<String>,
    drafts: HashMap<String, String>,
    saved: HashMap<String, u64>,
    sent: HashMap<String, u64>,
    inbound: HashMap<String, String>,
    external: HashMap<String, String>,
    data: HashMap<String, String>,
    completed: BTreeSet<String>,
    returned: BTreeSet<String>,
    references: HashMap<String, BTreeSet<u64>>,
    heard: HashMap<String, Heard>,
    acknowledged: usize,
    told: usize,
}

/// What an agent was told, whatever process told it.
#[derive(Default)]
struct Heard {
    last: u64,
    references: BTreeSet<u64>,
}

impl Said {
    fn take(&mut self, line: &str) {
        let fact: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = |name: &str| fact[name].as_str().unwrap_or_default().to_owned();
        assert!(fact["odd"].is_null(), "{line}");
        self.acknowledged += usize::from(fact["ack"].is_string());
        self.told += usize::from(fact["told"].is_string());
        match (fact["try"].as_str(), fact["ack"].as_str(), fact["told"].as_str()) {
            (Some(_), ..) => {
                self.tried.insert(text("request"));
            }
            (_, Some("create"), _) => {
                self.created.insert(text("request"));
            }
            (_, Some("created"), _) => {
                self.drafts.insert(text("id"), text("request"));
            }
            (_, Some("save"), _) => {
                self.saved.insert(text("id"), fact["turn"].as_u64().unwrap());
            }
            (_, Some("send"), _) => {
                self.sent.insert(text("id"), fact["turn"].as_u64().unwrap());
            }
            (_, Some("receive"), _) => {
                self.external.insert(text("external"), text("id"));
                self.inbound.insert(text("id"), "Queued".into());
            }
            (_, Some("inbound"), _) => {
                self.inbound.insert(text("id"), text("state"));
            }
            (_, Some("data"), _) => {
                self.data.insert(text("id"), text("value"));
            }
            (_, _, Some("completed")) => {
                self.completed.insert(text("id"));
            }
            (_, _, Some("returned")) => {
                self.returned.insert(text("id"));
            }
            _ if fact["heard"].is_u64() => {
                let heard = self.heard.entry(text("agent")).or_default();
                let sequence = fact["heard"].as_u64().unwrap();
                assert!(sequence > heard.last, "{line}, after {}", heard.last);
                heard.last = sequence;
                heard.references.extend(fact["reference"].as_u64());
            }
            _ if fact["reference"].is_u64() => {
                self.references.entry(text("agent")).or_default().insert(fact["reference"].as_u64().unwrap());
            }
            _ => assert_eq!(fact["opened"], true, "{line}"),
        }
    }

    /// Every request that was accepted was answered by a note, though most who were to hear it were killed.
    fn was_heard(&self) {
        for (agent, references) in &self.references {
            let missed: Vec<_> = references.difference(&self.heard[agent].references).collect();
            assert_eq!(missed, [&0; 0], "{agent} never heard of these");
        }
    }

    /// Create requests whose reply was not seen.
    fn unanswered(&self) -> impl Iterator<Item = &String> {
        self.tried.difference(&self.created)
    }
}

/// Everything in a store.
struct Held {
    interactions: BTreeMap<String, std::sync::Arc<Interaction>>,
    deliveries: Vec<std::sync::Arc<Delivery>>,
    store: SqliteStore,
}

impl Held {
    fn read(path: &Path) -> Self {
        // Opened first: the log of the killed process is taken in by the store itself.
        let store = SqliteStore::open(path, &Limits::default()).expect("the store opens");
        store.check().expect("the store is sound");
        drop(store);
        let ids = |table: &str| -> Vec<Id> {
            let plain = rusqlite::Connection::open(path).unwrap();
            let mut statement = plain.prepare(&format!("SELECT id FROM {table}")).unwrap();
            let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
            rows.map(|id| Id::parse(&id.unwrap()).unwrap()).collect()
        };
        let (interactions, deliveries) = (ids("interaction"), ids("delivery"));
        let store = SqliteStore::open(path, &Limits::default()).expect("the store opens");
        Self {
            interactions: interactions
                .into_iter()
                .map(|id| (id.to_string(), store.interaction(id).unwrap().unwrap()))
                .collect(),
            deliveries: deliveries.into_iter().map(|id| store.delivery(id).unwrap().unwrap()).collect(),
            store,
        }
    }

    /// Everything that was acknowledged is there.
    fn has_all(&self, said: &Said) {
        let at = |id: &String| self.interactions.get(id).unwrap_or_else(|| panic!("{id} was acknowledged"));
        for (id, request) in &said.drafts {
            assert_eq!(at(id).user_data.text("request").as_ref(), Some(request));
        }
        for (id, turn) in said.saved.iter().chain(&said.sent) {
            let message = at(id).message.as_deref().unwrap_or_default();
            let (own, stored) = message.split_once('#').unwrap_or_else(|| panic!("{id}: `{message}`"));
            assert_eq!(own, id);
            assert!(stored.parse::<u64>().unwrap() >= *turn, "{id} was saved as {turn}, and is {stored}");
        }
        for id in said.sent.keys() {
            let state = at(id).state;
            assert!(self.deliveries_of(id).count() > 0, "{id} was sent");
            assert!(matches!(state, State::Sent | State::Completed | State::Composing), "{id}: {state:?}");
        }
        for (external, id) in &said.external {
            let stored = self.store.external(Platform::CHANNEL, external).unwrap();
            assert_eq!(stored.map(|stored| stored.to_string()).as_ref(), Some(id));
        }
        let order = ["Queued", "Invited", "Processing", "Completed"];
        let place = |name: &str| order.iter().position(|other| *other == name).unwrap();
        for (id, state) in &said.inbound {
            assert!(place(at(id).state.name()) >= place(state), "{id} was {state}");
        }
        for (id, value) in &said.data {
            assert_eq!(at(id).user_data.text("k").as_ref(), Some(value));
        }
        for id in &said.completed {
            assert_eq!(at(id).state, State::Completed, "{id}: its agent was told");
        }
        for id in &said.returned {
            assert_eq!(at(id).state, State::Composing, "{id}: its agent was told");
        }
        for (agent, references) in &said.references {
            let kept = self.store.agent(&AgentId::parse(agent).unwrap()).unwrap().unwrap();
            assert!(Some(&kept.reference_id) >= references.last(), "{agent}");
        }
    }

    /// Nothing is half there.
    fn is_whole(&self) {
        let mut requests = BTreeSet::new();
        for (id, interaction) in &self.interactions {
            let mut own = self.deliveries_of(id);
            match (interaction.direction, interaction.state) {
                (Direction::Outbound, State::Sent) => {
                    let delivery = own.next().unwrap_or_else(|| panic!("{id} is Sent without a delivery"));
                    assert_eq!(interaction.delivery, Some(delivery.id));
                    assert_ne!(delivery.stage, Stage::Settled, "{id}");
                    assert!(interaction.contact_id.is_some());
                }
                (Direction::Outbound, State::Completed) => {
                    let delivery = own.next().unwrap_or_else(|| panic!("{id} was never delivered"));
                    assert!(delivery.published_id().is_some());
                    assert_eq!(
                        interaction.user_data.text("_deliveryPostId").as_deref(),
                        delivery.published_id()
                    );
                }
                (Direction::Outbound, State::Composing) => {
                    assert!(own.all(|delivery| delivery.stage == Stage::Settled), "{id}");
                }
                (Direction::Outbound, state) => panic!("{id} is {state:?}"),
                (Direction::Inbound, _) => {
                    let external = interaction.message.as_deref().unwrap();
                    let stored = self.store.external(Platform::CHANNEL, external).unwrap();
                    assert_eq!(stored, Some(interaction.id));
                    assert!(interaction.contact_id.is_some());
                }
            }
            if let Some(request) = interaction.user_data.text("request") {
                assert!(requests.insert(request.clone()), "the request {request} was carried out twice");
            }
        }
        let waiting: Vec<_> = self.store.queue(&QueuePath::parse("/queues/in").unwrap()).unwrap();
        let queued = self.interactions.values().filter(|interaction| interaction.state == State::Queued);
        assert_eq!(waiting.len(), queued.count());
        for delivery in &self.deliveries {
            let kept = self.store.agent(&delivery.agent).unwrap().unwrap();
            assert!(kept.reference_id >= delivery.reference_id);
            assert_eq!(delivery.work, Work::Publish);
        }
    }

    /// Each record stands as its last note tells: what was changed has its note in the log, and the log has
    /// nothing that was not done. Nothing is forgotten here.
    fn has_its_notes(&self, said: &Said) {
        let mut last = HashMap::new();
        for agent in ["a1", "a2"] {
            let log = self.store.notes(&AgentId::parse(agent).unwrap(), 0).unwrap();
            let mut references = BTreeSet::new();
            for note in &log.notes {
                let data: Value = serde_json::from_str(&note.data.to_string()).unwrap();
                references.extend(data["referenceId"].as_u64());
                last.insert(data["post"]["id"].as_str().unwrap().to_owned(), data["post"].clone());
            }
            let acknowledged = said.references.get(agent).cloned().unwrap_or_default();
            assert!(references.is_superset(&acknowledged), "{agent}: {references:?}");
            assert!(log.last >= said.heard.get(agent).map_or(0, |heard| heard.last), "{agent}");
        }
        for (id, interaction) in &self.interactions {
            let Some(told) = last.remove(id) else {
                assert_eq!(interaction.state, State::Queued, "{id}: nobody was told");
                continue;
            };
            let message = interaction.message.as_deref().unwrap_or_default();
            let data: Value = serde_json::from_str(interaction.user_data.as_raw().get()).unwrap();
            assert_eq!(told["state"], interaction.state.name(), "{id}");
            assert_eq!(told["message"].as_str().unwrap_or_default(), message, "{id}");
            assert_eq!(told["userData"], data, "{id}");
        }
        assert!(last.is_empty(), "of what is not there: {last:?}");
    }

    fn deliveries_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Delivery> {
        let of = move |delivery: &&Delivery| {
            delivery.interaction.is_some_and(|interaction| interaction.as_str() == id)
        };
        self.deliveries.iter().map(|delivery| &**delivery).filter(of)
    }

    /// The platform has each message at most once, and what it has is accounted for.
    fn agrees_with(&self, sandbox: &Sandbox) {
        let mut posts = HashMap::new();
        for post in sandbox.posts() {
            let before = posts.insert(post.text.clone(), post.id.clone());
            assert!(before.is_none(), "`{}` was posted twice", post.text);
        }
        for (text, post) in &posts {
            let (id, _) = text.split_once('#').unwrap();
            let interaction = &self.interactions[id];
            assert_eq!(interaction.message.as_deref(), Some(text.as_str()));
            if interaction.state == State::Completed {
                assert_eq!(interaction.user_data.text("_deliveryPostId").as_ref(), Some(post));
            }
        }
        for interaction in self.interactions.values() {
            if interaction.direction == Direction::Outbound && interaction.state == State::Completed {
                assert!(posts.contains_key(interaction.message.as_deref().unwrap()), "{}", interaction.id);
            }
        }
    }

    /// Every message is out, or back with its agent, who knows that the platform may have it.
    fn is_over(&self, sandbox: &Sandbox) {
        let posts: BTreeSet<_> = sandbox.posts().into_iter().map(|post| post.text).collect();
        for (id, interaction) in &self.interactions {
            assert_ne!(interaction.state, State::Sent, "{id}");
            let message = interaction.message.as_deref().unwrap_or_default();
            if interaction.direction == Direction::Outbound
                && interaction.state == State::Composing
                && posts.contains(message)
            {
                let last = self.deliveries_of(id).last().and_then(|delivery| delivery.last_outcome.clone());
                assert!(matches!(last, Some(Outcome::CannotTell { .. })), "{id}: {last:?}");
            }
        }
        assert!(self.deliveries.iter().all(|delivery| delivery.stage == Stage::Settled));
    }
}

struct Desk {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Desk {
    fn start(store: &Path, sandbox: &Sandbox, seed: u64, place: &str, mode: &str, said: &Said) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_desk"))
            .arg(store)
            .args([&sandbox.addr().to_string(), &seed.to_string(), place, mode])
            .args(said.heard.iter().map(|(agent, heard)| format!("@{agent}={}", heard.last)))
            .args(said.unanswered())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// Takes what it says in for so long, or until it ends; then kills it. Gives whether it had ended.
    fn run(mut self, moment: Duration, said: &mut Said) -> bool {
        let reading = std::thread::spawn(move || -> Vec<String> {
            // What was written by halves when the process was killed was not said.
            let mut lines = Vec::new();
            let mut line = String::new();
            while self.output.read_line(&mut line).is_ok_and(|count| count > 0) {
                if line.ends_with('\n') {
                    lines.push(std::mem::take(&mut line));
                }
            }
            lines
        });
        let deadline = Instant::now() + moment;
        let mut ended = false;
        while Instant::now() < deadline && !ended {
            std::thread::sleep(Duration::from_millis(2));
            ended = self.child.try_wait().unwrap().is_some();
        }
        let _ = self.child.kill();
        let status = self.child.wait().unwrap();
        for line in reading.join().unwrap() {
            said.take(&line);
        }
        let signal = status.signal();
        assert!(signal == Some(9) || status.success(), "the program failed: {status}");
        ended
    }
}

/// Faults that leave it open whether the platform acted, and some that don't.
fn fault(chance: &mut Chance) -> Fault {
    let effect = match chance.below(6) {
        0 => Effect::CloseAfter,
        1 => Effect::ResetAfter,
        2 => Effect::StatusAfter(Answer::status(500)),
        3 => Effect::CloseBefore,
        4 => Effect::StatusBefore(Answer::status(503)),
        _ => Effect::Truncated { perform: true },
    };
    Fault::new(effect).path("/2/tweets").method("POST").skip(u32::try_from(chance.below(10)).unwrap())
}

/// One store: killed so many times, then left to deliver everything.
fn life(seed: u64, kills: usize) -> Figures {
    let mut chance = Chance::new(seed);
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    let options = Options { duplicate_window: Duration::ZERO, ..Options::default() };
    let sandbox = Sandbox::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), options).unwrap();
    let mut said = Said::default();
    let mut figures = Figures::default();
    for (turn, place) in turns(&mut chance).into_iter().cycle().take(kills).enumerate() {
        if chance.percent(50) {
            sandbox.inject(fault(&mut chance)).unwrap();
            figures.faults += 1;
        }
        let at_place = if place == Some("in-compaction") {
            compact(&path, 1 + chance.below(8))
        } else {
            // A new file has as many steps as there are formats.
            let counts = if place == Some("in-migration") { 4 } else { 12 };
            let count = 1 + chance.below(counts);
            let argument = place.map_or("-".into(), |place| format!("{place}:{count}"));
            let moment = if place.is_some() { 1_500 } else { 20 + chance.below(280) };
            let desk = Desk::start(&path, &sandbox, seed ^ (turn as u64 + 1), &argument, "work", &said);
            desk.run(Duration::from_millis(moment), &mut said)
        };
        *figures.kills.entry(place.filter(|_| at_place).unwrap_or("any")).or_default() += 1;

        let held = Held::read(&path);
        held.has_all(&said);
        held.is_whole();
        held.has_its_notes(&said);
        held.agrees_with(&sandbox);
    }
    let desk = Desk::start(&path, &sandbox, seed, "-", "drain", &said);
    assert!(desk.run(Duration::from_secs(60), &mut said), "everything is delivered within a minute");
    let held = Held::read(&path);
    held.has_all(&said);
    held.is_whole();
    held.has_its_notes(&said);
    held.agrees_with(&sandbox);
    held.is_over(&sandbox);
    said.was_heard();
    assert_eq!(said.unanswered().count(), 0);
    let drafts =
        held.interactions.values().filter(|interaction| interaction.direction == Direction::Outbound);
    assert_eq!(drafts.count(), said.tried.len(), "each draft was made once");
    figures.acknowledged = said.acknowledged;
    figures.told = said.told;
    figures.posts = sandbox.posts().len();
    figures
}

/// The kills of a life in some order, the new file's migration first.
fn turns(chance: &mut Chance) -> Vec<Option<&'static str>> {
    let mut rest: Vec<_> = PLACES.into_iter().filter(|place| *place != "in-migration").map(Some).collect();
    rest.extend([None; KILLS_PER_STORE - PLACES.len()]);
    let mut turns = vec![Some("in-migration")];
    while !rest.is_empty() {
        let which = usize::try_from(chance.below(rest.len() as u64)).unwrap();
        turns.push(rest.swap_remove(which));
    }
    turns
}

/// Compacts the store, killed on the way.
fn compact(path: &Path, count: u64) -> bool {
    // A store with little in it is compacted before it gets that far.
    for count in [count, 1] {
        let output = Command::new(env!("CARGO_BIN_EXE_caretaker"))
            .args([&format!("in-compaction:{count}"), "compact"])
            .arg(path)
            .output()
            .expect("the program starts");
        if output.status.signal() == Some(9) {
            return true;
        }
        assert!(output.status.success(), "{output:?}");
    }
    false
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_posted_twice() {
    let kills = usize::try_from(number("STROWGER_KILLS", 320)).unwrap();
    let seed = number("STROWGER_SEED", u64::from(std::process::id()) << 20);
    let lives = kills.div_ceil(KILLS_PER_STORE);
    let next = AtomicUsize::new(0);
    let run = || {
        let mut figures = Figures::default();
        loop {
            let life_number = next.fetch_add(1, Ordering::Relaxed);
            if life_number >= lives {
                return figures;
            }
            let own_seed = seed.wrapping_add(life_number as u64);
            let lived = std::panic::catch_unwind(|| life(own_seed, KILLS_PER_STORE)).unwrap_or_else(|_| {
                panic!("again with: STROWGER_KILLS={KILLS_PER_STORE} STROWGER_SEED={own_seed}")
            });
            figures.add(&lived);
        }
    };
    let figures = std::thread::scope(|scope| {
        let runs = [scope.spawn(run), scope.spawn(run)];
        let mut all = Figures::default();
        for run in runs {
            all.add(&run.join().expect("every store lives"));
        }
        all
    });
    let Figures { kills: places, faults, acknowledged, told, posts } = &figures;
    println!("{} kills: {places:?}", places.values().sum::<usize>());
    println!(
        "{faults} faults of the platform, {acknowledged} acknowledgements, {told} ends told, {posts} posts"
    );
    if kills >= 300 {
        for place in PLACES {
            let count = places.get(place).copied().unwrap_or(0);
            assert!(count >= KILLS_AT_A_PLACE, "killed {count} times at {place}");
        }
        assert!(places.values().sum::<usize>() >= 300 && *posts > 0 && *acknowledged > 0 && *faults > 0);
    }
}
