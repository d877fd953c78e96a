//! What a further subscriber of the same agent costs whoever performs an operation.

use std::error::Error;
use std::sync::Arc;
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
pub const MANY: u32 = 1_000;
/// Operations in one turn. The queues hold their notes until the turn is over.
pub const OPERATIONS: u32 = 50;
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
    pub fn by(engine: &Engine, name: &str, subscriptions: u32) -> Result<Self, Box<dyn Error>> {
        let agent = engine.agent(name, &[API_MULTIMEDIA])?;
        let draft = agent.create(CHANNEL, br#"{"operationName":"Create"}"#)??.to_string();
        let subscriptions =
            (0..subscriptions).map(|_| agent.subscribe("/v2/me/twitter")).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { agent, draft, subscriptions })
    }

    /// Performs so many operations, and gives what that took.
    pub fn perform(&self, operations: u32) -> Result<Duration, Box<dyn Error>> {
        let begun = Instant::now();
        for _ in 0..operations {
            let reply = self.agent.perform(CHANNEL, Some(&self.draft), SAVE)?;
            if reply.status_code() != StatusCode::Success {
                return Err(reply.to_json().into());
            }
        }
        Ok(begun.elapsed())
    }

    /// Takes the notes of so many operations out, and makes sure that each was written once for all.
    pub fn drain(&self, operations: u32) -> Result<(), Box<dyn Error>> {
        for _ in 0..operations {
            let mut first = None;
            for subscription in &self.subscriptions {
                let Some(Notification::Note(note)) = subscription.next(Duration::ZERO) else {
                    return Err("an operation was not told to each subscription".into());
                };
                if !Arc::ptr_eq(first.get_or_insert(note.clone()), &note) {
                    return Err("a note was written more than once".into());
                }
            }
        }
        Ok(())
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
    let turn = |followed: &Followed| -> Result<f64, Box<dyn Error>> {
        let took = followed.perform(OPERATIONS)?;
        followed.drain(OPERATIONS)?;
        Ok(took.as_secs_f64() * 1e9 / f64::from(OPERATIONS))
    };
    turn(&many)?;
    turn(&one)?;
    let pairs = (0..PAIRS).map(|_| Ok((turn(&many)?, turn(&one)?)));
    let pairs = pairs.collect::<Result<Vec<(f64, f64)>, Box<dyn Error>>>()?;
    Ok(vec![Row {
        what: format!("{MANY} subscriptions, each further one"),
        ours: format!("{:.1} µs an operation", median(pairs.iter().map(|pair| pair.0)) / 1e3),
        beside: format!("one subscription: {:.1} µs", median(pairs.iter().map(|pair| pair.1)) / 1e3),
        judged: median(pairs.iter().map(|(many, one)| (many - one) / f64::from(MANY - 1))),
        bound: BOUND,
    }])
}
