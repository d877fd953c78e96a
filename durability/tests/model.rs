//! The store on disk and the store in memory can't be told apart: whatever is committed, both give the
//! same answers, refusals included, also after the file was closed and opened again.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::value::RawValue;
use strowger::channel::Outcome;
use strowger::lifecycle::{Direction, State};
use strowger::{
    AgentChange, AgentId, Commit, ContactAddress, ContactOnChannel, Delivery, Details, ExternalId, Few, Id,
    Interaction, KeptNote, KeptReply, LastAgent, Limits, MemoryStore, Note, Pause, PauseChange, Placement,
    Prune, QueuePath, RequestKey, SqliteStore, Stage, Store, UserData, Work,
};
use strowger_durability::{left_behind, scratch};

const INTERACTIONS: usize = 7;
const DELIVERIES: usize = 8;
const AGENTS: [&str; 2] = ["a1", "ä 2"];
const CHANNELS: [&str; 2] = ["twitter", "facebook"];
const QUEUES: [&str; 2] = ["/queues/q1", "/contacts/c"];
const REQUESTS: [&str; 5] = ["r1", "r2", "r3", "r4", "r5"];
/// Numbers of notes: few, so that they meet.
const NOTES: u64 = 24;
const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Small, so that each is reached.
fn limits() -> Limits {
    Limits { interactions: 5, settled: 3, replies: 3, ..Limits::default() }
}

/// What may be drawn for one commit. Versions are those that fit, `skew` aside.
#[derive(Clone, Debug)]
struct Draft {
    interactions: Vec<(Index, Index, Index, Index, bool, String, u8)>,
    deliveries: Vec<(Index, Index, Index, bool, u8)>,
    contact: Option<(Index, Index, u8)>,
    last_agent: Option<(Index, u8)>,
    agent: Option<(Index, u64, Focus)>,
    external: Option<(Index, u8)>,
    reply: Option<(Index, Index, i64)>,
    notes: Vec<(Index, u64, u64)>,
    follows: Option<u64>,
    pause: Option<(Index, Pause)>,
    prune: Option<Prune>,
}

#[derive(Clone, Debug)]
enum Focus {
    Stays,
    Dropped,
    Taken(Index),
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Box<Draft>),
    /// Changes what stands in interactions, and nothing that they are found by.
    Revise(Revision),
    /// Asks for the agents' notes as well.
    Listen,
    Prune(Prune),
    Reopen,
    /// Goes on with the files as a process that is killed leaves them.
    Kill,
}

/// A change of interactions, of an agent, and what is told of it.
#[derive(Clone, Debug)]
struct Revision {
    interactions: Vec<(Index, String, u8)>,
    agent: Option<(Index, u64, Focus)>,
    notes: Vec<(Index, u64, u64)>,
}

/// 0 fits; 1 is too low, 2 too high, 3 claims to be new.
fn skew() -> impl Strategy<Value = u8> {
    prop_oneof![12 => Just(0_u8), 1 => 1..4_u8]
}

fn focus() -> impl Strategy<Value = Focus> {
    prop_oneof![Just(Focus::Stays), Just(Focus::Dropped), any::<Index>().prop_map(Focus::Taken)]
}

fn draft() -> impl Strategy<Value = Draft> {
    let index = any::<Index>;
    let interaction = (index(), index(), index(), index(), any::<bool>(), "\\PC{0,12}", skew());
    let delivery = (index(), index(), index(), any::<bool>(), skew());
    (
        prop::collection::vec(interaction, 0..3),
        prop::collection::vec(delivery, 0..2),
        prop::option::weighted(0.3, (index(), index(), 0..4_u8)),
        prop::option::weighted(0.2, (index(), any::<u8>())),
        prop::option::weighted(0.3, (index(), 0..100_u64, focus())),
        prop::option::weighted(0.2, (index(), 0..4_u8)),
        prop::option::weighted(0.3, (index(), index(), 0..60_i64)),
        (prop::collection::vec((index(), 1..NOTES, 0..3_u64), 0..3), prop::option::weighted(0.2, 0..9_u64)),
        prop::option::weighted(0.3, (index(), pause())),
        prop::option::weighted(0.2, prune()),
    )
        .prop_map(|drawn| {
            let (interactions, deliveries, contact, last_agent, agent, external, reply, told, pause, prune) =
                drawn;
            let (notes, follows) = told;
            Draft {
                interactions,
                deliveries,
                contact,
                last_agent,
                agent,
                external,
                reply,
                notes,
                follows,
                pause,
                prune,
            }
        })
}

fn pause() -> impl Strategy<Value = Pause> {
    prop_oneof![(0..5_i64).prop_map(Pause::Until), Just(Pause::Held), Just(Pause::Resumed)]
}

/// Up to a time at which what outlives an interaction goes as well.
fn prune() -> impl Strategy<Value = Prune> {
    let before = prop::option::of((0..4_i64).prop_map(|days| days * DAY_MS - 1));
    (0..40_i64, before, prop::option::of(0..3_u64), 0..4_u32).prop_map(
        |(days, ended_before_ms, keep, max)| Prune { now_ms: days * DAY_MS, ended_before_ms, keep, max },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => prune().prop_map(Step::Prune),
        20 => draft().prop_map(|draft| Step::Commit(Box::new(draft))),
        30 => revision().prop_map(Step::Revise),
        4 => Just(Step::Listen),
        1 => Just(Step::Reopen),
        2 => Just(Step::Kill),
    ]
}

fn revision() -> impl Strategy<Value = Revision> {
    let index = any::<Index>;
    (
        prop::collection::vec((index(), "\\PC{0,12}", skew()), 0..3),
        prop::option::weighted(0.5, (index(), 0..100_u64, focus())),
        prop::collection::vec((index(), 1..NOTES, 0..3_u64), 0..3),
    )
        .prop_map(|(interactions, agent, notes)| Revision { interactions, agent, notes })
}

fn id(kind: &str, number: usize) -> Id {
    Id::parse(&format!("{kind}{number}")).unwrap()
}

/// Two have one, which may be there or not.
fn parent(number: usize) -> Option<Id> {
    (number < 2).then(|| id("I", number + 2))
}

fn version(stored: Option<u64>, skew: u8) -> u64 {
    let fits = stored.unwrap_or(0) + 1;
    match skew {
        1 => fits.saturating_sub(1),
        2 => fits + 1,
        3 => 1,
        _ => fits,
    }
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn pick<'a>(from: &[&'a str], index: Index) -> &'a str {
    from[index.index(from.len())]
}

/// The commit that a draft stands for, as things are.
fn commit(draft: &Draft, memory: &MemoryStore, count: u64) -> Commit {
    let mut commit = Commit::default();
    for (which, state, place, agent, is_owned, text, skew) in &draft.interactions {
        let number = which.index(INTERACTIONS);
        let id = id("I", number);
        if commit.interactions.iter().any(|other| other.id == id) {
            continue;
        }
        let stored = memory.interaction(id).unwrap();
        let agent = AgentId::parse(&pick(&AGENTS, *agent).replace(' ', "")).unwrap();
        let since_ms = i64::try_from(place.index(3)).unwrap();
        let placement = Placement {
            queue: QueuePath::parse(pick(&QUEUES, *place)).unwrap(),
            since_ms,
            number: count * 10 + number as u64,
        };
        let user_data = serde_json::to_string(&[text]).unwrap();
        commit.interactions.push(Arc::new(Interaction {
            id,
            version: version(stored.map(|stored| stored.version), *skew),
            number: number as u64 + 1,
            channel: CHANNELS[number % 2].into(),
            direction: Direction::ALL[number % 2],
            state: State::ALL[state.index(State::ALL.len())],
            owner: is_owned.then_some(agent.clone()),
            from: Some("f".into()),
            message: Some(text.as_str().into()),
            message_is_parents: *is_owned,
            contact_id: is_owned.then(|| "k".into()),
            user_data: UserData::parse(&raw(&format!("{{\"z\":1.50,\"a\":{user_data}}}"))).unwrap(),
            extras: is_owned.then(|| raw("{\"x\":12345678901234567890123}").into()),
            queue_path: None,
            created_ms: -1,
            delivery: is_owned.then_some(id),
            more: Details {
                parent_id: parent(number),
                assigned_to: Some(agent),
                placement: (place.index(4) > 0).then_some(placement),
                ended_ms: (place.index(4) > 1).then_some(since_ms * DAY_MS),
                ..Details::default()
            }
            .into(),
        }));
    }
    commit.deliveries = deliveries(draft, memory);
    if let Some((channel, address, contact)) = &draft.contact {
        let address = ContactAddress {
            channel: pick(&CHANNELS, *channel).into(),
            address: pick(&["x", "y"], *address).into(),
        };
        commit.contacts.push((address, format!("k{contact}").into()));
    }
    commit.last_agent = draft.last_agent.as_ref().map(|(channel, at)| {
        let key = ContactOnChannel { contact_id: "k".into(), channel: pick(&CHANNELS, *channel).into() };
        (key, LastAgent { agent: AgentId::parse("a1").unwrap(), at_ms: i64::from(*at) })
    });
    commit.agent = agent(draft.agent.as_ref(), draft.follows);
    commit.external = draft.external.as_ref().map(|(channel, number)| {
        let key = ExternalId { channel: pick(&CHANNELS, *channel).into(), id: format!("e{number}").into() };
        (key, id("I", usize::from(*number)))
    });
    commit.reply = draft.reply.as_ref().map(|(agent, request, hours)| {
        let key = RequestKey {
            agent: AgentId::parse(&pick(&AGENTS, *agent).replace(' ', "")).unwrap(),
            request_id: pick(&REQUESTS, *request).into(),
        };
        (key, KeptReply { fingerprint: [7; 16], reference_id: 1, at_ms: hours * HOUR_MS })
    });
    commit.notes = notes(&draft.notes, count);
    commit.pauses = draft
        .pause
        .iter()
        .map(|(account, pause)| PauseChange {
            channel: CHANNELS[0].into(),
            account: pick(&["desk", "brand"], *account).into(),
            pause: *pause,
        })
        .collect();
    commit.prune = draft.prune;
    commit
}

/// The commit that a revision stands for, as things are: of interactions that are there.
fn revised(revision: &Revision, memory: &MemoryStore, count: u64) -> Commit {
    let mut commit = Commit {
        agent: agent(revision.agent.as_ref(), None),
        notes: notes(&revision.notes, count),
        ..Commit::default()
    };
    for (which, text, skew) in &revision.interactions {
        let id = id("I", which.index(INTERACTIONS));
        let Some(stored) = memory.interaction(id).unwrap() else { continue };
        if commit.interactions.iter().any(|other| other.id == id) {
            continue;
        }
        let mut after = Interaction::clone(&stored);
        after.version = version(Some(stored.version), *skew);
        after.message = Some(text.as_str().into());
        commit.interactions.push(Arc::new(after));
    }
    commit
}

fn agent(drawn: Option<&(Index, u64, Focus)>, follows: Option<u64>) -> Option<AgentChange> {
    drawn.map(|(agent, reference_id, focus)| AgentChange {
        id: AgentId::parse(&pick(&AGENTS, *agent).replace(' ', "")).unwrap(),
        reference_id: *reference_id,
        focus: match focus {
            Focus::Stays => None,
            Focus::Dropped => Some(None),
            Focus::Taken(index) => Some(Some(id("I", index.index(INTERACTIONS)))),
        },
        followed_after: follows,
    })
}

/// The notes of a commit. Their numbers may be taken, by a note of this commit as well; they come in any
/// order, and forget up to any number below their own.
fn notes(drawn: &[(Index, u64, u64)], count: u64) -> Few<KeptNote> {
    let note = |(agent, sequence, keeps): &(Index, u64, u64)| KeptNote {
        agent: AgentId::parse(&pick(&AGENTS, *agent).replace(' ', "")).unwrap(),
        note: Arc::new(Note {
            topic: format!("/v2/me/{}", CHANNELS[0]).into(),
            data: format!("{{\"ü\":{count}}}").into(),
            sequence: *sequence,
        }),
        forgotten: sequence.saturating_sub(keeps * 4 + 1),
    };
    drawn.iter().map(note).collect()
}

/// The deliveries of a commit.
fn deliveries(draft: &Draft, memory: &MemoryStore) -> Few<Arc<Delivery>> {
    let mut deliveries = Few::new();
    for (which, stage, account, is_operation, skew) in &draft.deliveries {
        let number = which.index(DELIVERIES);
        let id = id("D", number);
        let stored = memory.delivery(id).unwrap();
        // A delivery ends once.
        if stored.as_ref().is_some_and(|stored| stored.stage == Stage::Settled) {
            continue;
        }
        deliveries.push(Arc::new(Delivery {
            id,
            version: version(stored.map(|stored| stored.version), *skew),
            interaction: (number % 2 == 0).then(|| self::id("I", number / 2)),
            channel: CHANNELS[0].into(),
            account: pick(&["desk", "brand"], *account).into(),
            agent: AgentId::parse("a1").unwrap(),
            reference_id: 4,
            work: if *is_operation {
                Work::Operation { name: "Follow".into(), parameters: raw("{\"a\":\"b\"}").into() }
            } else {
                Work::Publish
            },
            queue_path: None,
            accepted_ms: i64::try_from(number % 3).unwrap(),
            bytes: number,
            stage: match stage.index(6) {
                0 => Stage::Pending { due_ms: 5 },
                1 => Stage::Intended,
                2 => Stage::Doubtful { due_ms: 6 },
                3 => Stage::Awaiting { handle: serde_json::json!({ "h": 1 }), due_ms: 7 },
                _ => Stage::Settled,
            },
            attempts: 1,
            looks: 0,
            started_ms: 2,
            ended_ms: is_operation.then_some(3),
            last_outcome: match stage.index(3) {
                0 => None,
                1 => Some(Outcome::Absent),
                _ => Some(Outcome::Published { id: Some(format!("p{number}")), location: None }),
            },
            unresolved: *is_operation,
        }));
    }
    deliveries
}

/// The agents' notes. Whoever asks for them has the store write its journal to its tables.
fn logs(store: &dyn Store) -> Vec<String> {
    let mut logs = Vec::new();
    for agent in AGENTS {
        let agent = AgentId::parse(&agent.replace(' ', "")).unwrap();
        for after in [0, 5, NOTES, u64::MAX] {
            logs.push(format!("{:?}", store.notes(&agent, after).unwrap()));
        }
    }
    logs
}

/// Everything else that can be asked.
fn answers(store: &dyn Store) -> Vec<String> {
    let mut answers = Vec::new();
    let mut note = |answer: &dyn std::fmt::Debug| answers.push(format!("{answer:?}"));
    for number in 0..INTERACTIONS {
        note(&store.interaction(id("I", number)).unwrap());
    }
    for number in 0..DELIVERIES {
        note(&store.delivery(id("D", number)).unwrap());
    }
    for agent in AGENTS {
        let agent = AgentId::parse(&agent.replace(' ', "")).unwrap();
        note(&store.agent(&agent).unwrap());
        for channel in CHANNELS {
            note(&store.owned(&agent, channel).unwrap());
        }
        for request in REQUESTS {
            let key = RequestKey { agent: agent.clone(), request_id: request.into() };
            note(&store.reply(&key).unwrap());
        }
    }
    for queue in QUEUES {
        let queue = QueuePath::parse(queue).unwrap();
        note(&store.queue(&queue).unwrap());
        note(&store.queue_next(&queue).unwrap());
        note(&store.waiting(&queue, 2).unwrap());
    }
    for channel in CHANNELS {
        note(&store.last_agent("k", channel).unwrap());
        for number in 0..4 {
            note(&store.external(channel, &format!("e{number}")).unwrap());
        }
        for address in ["x", "y"] {
            note(&store.contact(channel, address).unwrap());
        }
    }
    note(&store.unsettled().unwrap());
    for account in ["desk", "brand"] {
        for since_ms in 0..3 {
            note(&store.published(CHANNELS[0], account, since_ms).unwrap());
        }
    }
    note(&store.pauses().unwrap());
    note(&store.highest_number().unwrap());
    answers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_give_the_same_answers(steps in prop::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir_in(scratch()).unwrap();
        let mut path = folder.path().join("store.db");
        let memory = MemoryStore::new(&limits());
        let mut disk = Some(SqliteStore::open(&path, &limits()).unwrap());
        for (step, count) in steps.iter().zip(1..) {
            match step {
                Step::Commit(draft) => {
                    let commit = commit(draft, &memory, count);
                    let result = memory.commit(commit.clone());
                    prop_assert_eq!(disk.as_ref().unwrap().commit(commit), result);
                }
                Step::Revise(revision) => {
                    let commit = revised(revision, &memory, count);
                    let result = memory.commit(commit.clone());
                    prop_assert_eq!(disk.as_ref().unwrap().commit(commit), result);
                }
                Step::Listen => prop_assert_eq!(logs(disk.as_ref().unwrap()), logs(&memory)),
                Step::Prune(prune) => {
                    let result = memory.prune(prune);
                    prop_assert_eq!(disk.as_ref().unwrap().prune(prune), result);
                }
                Step::Reopen => {
                    disk = None;
                    disk = disk.or_else(|| Some(SqliteStore::open(&path, &limits()).unwrap()));
                }
                Step::Kill => {
                    path = left_behind(&path, &folder.path().join(format!("killed{count}.db"))).unwrap();
                    disk = Some(SqliteStore::open(&path, &limits()).unwrap());
                }
            }
            prop_assert_eq!(answers(disk.as_ref().unwrap()), answers(&memory));
        }
        prop_assert_eq!(logs(disk.as_ref().unwrap()), logs(&memory));
        disk.unwrap().check().unwrap();
    }
}
