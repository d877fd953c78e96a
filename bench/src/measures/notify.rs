//! What a further subscriber of the same agent costs whoever performs an operation.

use std::error::Error;
use std::time::{Duration, Instant};

use strowger::{API_MULTIMEDIA, Agent, Config, Engine, Notification, StatusCode, Subscription};

use super::Rows;
use crate::beside::median;
use crate::row::{Bound, Row};

/// What is measured, for the table.
pub const ABOUT: &str = "An operation that is told to 1,000 subscriptions of its agent, beside the same to one \
     (agents of one engine, in turns; nobody waits, and the notes are taken out between the turns, outside of what \
     is timed). Judged: what each further subscription costs.";

/// Subscriptions of the agent with many.
pub const MANY: usize = 1_000;
/// Operations in one turn. The queues hold their notes until the turn is over.
pub const OPERATIONS: usize = 50;
const PAIRS: usize = 15;
/// Nanoseconds for each further subscription.
const BOUND: Bound = Bound::AtMost(200.0, "ns");

const CHANNEL: &str = "twitter";
const SAVE: &[u8] =
    br#"{"operationName":"Save","twitter":{"message":"Hello Twitter!","from":"vitaliy_onv"}}"#;

/// An agent with a draft, and those who follow it.
pub struct Followed {
    agent: Agent,
    draft: String,
    subscriptions: Vec<Subscription>,
}

impl Followed {
    /// An agent of that name with so many subscriptions.
    pub fn by(engine: &Engine, name: &str, subscriptions: usize) -> Result<Self, Box<dyn Error>> {
        let agent = engine.agent(name, &[API_MULTIMEDIA])?;
        let draft = agent.create(CHANNEL, br#"{"operationName":"Create"}"#)??.to_string();
        let subscriptions =
            (0..subscriptions).map(|_| agent.subscribe("/v2/me/twitter")).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { agent, draft, subscriptions })
    }

    /// Performs so many operations, and gives what that took.
    pub fn perform(&self, operations: usize) -> Duration {
        let begun = Instant::now();
        for _ in 0..operations {
            let reply = self.agent.perform(CHANNEL, Some(&self.draft), SAVE).expect("the channel is there");
            assert!(reply.status_code() == StatusCode::Success, "a draft can be saved");
        }
        begun.elapsed()
    }

    /// Takes the notes of so many operations out, and makes sure that each was written once for all.
    pub fn drain(&self, operations: usize) {
        let mut written = vec![None; operations];
        for subscription in &self.subscriptions {
            for written in &mut written {
                let Some(Notification::Note(note)) = subscription.next(Duration::ZERO) else {
                    panic!("each operation is told to each subscription");
                };
                let first = *written.get_or_insert(note.data.as_ptr());
                assert!(first == note.data.as_ptr(), "the note was written more than once");
            }
        }
    }
}

/// An engine that allows as many subscriptions.
pub fn engine() -> Result<Engine, Box<dyn Error>> {
    let config = format!(
        r#"{{ "name": "bench", "base_uri": "http://192.168.83.25:8080", "limits": {{ "subscriptions": {MANY} }},
        "manifests": [ {{ "channel": "twitter", "collections": ["tweets"], "listMember": "tweets",
            "resource": "twitter", "uriPath": "me/tweets", "topic": "/v2/me/twitter",
            "messageType": "TwitterStateChangeMessage", "savedType": "TwitterSaved",
            "directionMember": "twitterType", "accounts": [ {{ "name": "vitaliy_onv" }} ] }} ] }}"#
    );
    Ok(Engine::open(&Config::parse(&config)?)?)
}

/// Makes the measure.
pub fn run() -> Rows {
    let engine = engine()?;
    let (many, one) = (Followed::by(&engine, "many", MANY)?, Followed::by(&engine, "one", 1)?);
    let turn = |followed: &Followed| {
        let took = followed.perform(OPERATIONS);
        followed.drain(OPERATIONS);
        took.as_secs_f64() * 1e9 / OPERATIONS as f64
    };
    turn(&many);
    turn(&one);
    let pairs: Vec<(f64, f64)> = (0..PAIRS).map(|_| (turn(&many), turn(&one))).collect();
    Ok(vec![Row {
        what: format!("{MANY} subscriptions, each further one"),
        ours: format!("{:.1} µs an operation", median(pairs.iter().map(|pair| pair.0)) / 1e3),
        beside: format!("one subscription: {:.1} µs", median(pairs.iter().map(|pair| pair.1)) / 1e3),
        judged: median(pairs.iter().map(|(many, one)| (many - one) / (MANY - 1) as f64)),
        bound: BOUND,
    }])
}
