//! What requests are performed on: an engine with interactions in memory and a channel of the Twitter plugin's
//! shape, and interactions that stand where the reference's samples begin.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use strowger::{
    API_MULTIMEDIA, Agent, Config, Engine, Inbound, InteractionId, Notification, QueuePath, Reply,
    Subscription, UserData,
};

use crate::floor::{COMPLETE_NOTIFICATION, COMPLETE_REQUEST, SEND_REQUEST};

/// The channel that all measures use.
pub const CHANNEL: &str = "twitter";
/// Its topic.
pub const TOPIC: &str = "/v2/me/twitter";
/// The queue of the reference's samples.
pub const QUEUE: &str = "/contacts/60ebbb94-3cef-4b14-95f8-5c49dbeb355d";

/// The engine's configuration, as the reference's samples want it; the store is in memory.
pub fn config() -> Config {
    let text = format!(
        r#"{{ "name": "esv_smsrv_vit", "base_uri": "http://192.168.83.25:8080", "manifests": {} }}"#,
        include_str!("../data/manifests.json")
    );
    Config::parse(&text).expect("the configuration is right")
}

/// Whether somebody is subscribed to the agent's notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// One subscription, which is polled after each request.
    Yes,
    /// None.
    No,
}

/// Interactions on each of which the same request is performed once.
pub struct Subjects {
    engine: Engine,
    agent: Agent,
    notes: Option<Subscription>,
    request: &'static str,
    ids: std::vec::IntoIter<InteractionId>,
    /// Used again for each reply.
    reply: String,
}

/// What one request gave.
#[derive(Clone, Debug)]
pub struct Done<'a> {
    /// The reply's JSON.
    pub reply: &'a str,
    /// The notification's JSON, if the agent is followed.
    pub notification: Option<Arc<str>>,
}

impl Subjects {
    /// So many fresh drafts, for the reference's Send.
    pub fn drafts(count: usize, followed: Followed) -> Self {
        let (engine, agent) = engine();
        let create = || {
            let created = agent.create(CHANNEL, br#"{"operationName":"Create"}"#);
            created.expect("the engine is sound").expect("a draft can be begun")
        };
        let ids: Vec<_> = (0..count).map(|_| create()).collect();
        Self::of(engine, agent, SEND_REQUEST, ids, followed)
    }

    /// So many inbound interactions that the agent works on, with all the user data of the reference's
    /// sample, for its Complete.
    pub fn inbound(count: usize, followed: Followed) -> Self {
        let (engine, agent) = engine();
        let inbound = reference_inbound();
        let accept = || {
            let id = engine.receive(CHANNEL, &inbound).expect("it is taken in");
            engine.offer(id.as_str(), agent.id().as_str()).expect("it waits");
            let reply = agent.perform(CHANNEL, Some(id.as_str()), br#"{"operationName":"Accept"}"#);
            assert!(matches!(reply, Ok(Reply::Accepted { .. })), "{reply:?}");
            id
        };
        let ids: Vec<_> = (0..count).map(|_| accept()).collect();
        Self::of(engine, agent, COMPLETE_REQUEST, ids, followed)
    }

    fn of(
        engine: Engine,
        agent: Agent,
        request: &'static str,
        ids: Vec<InteractionId>,
        followed: Followed,
    ) -> Self {
        let notes = match followed {
            Followed::Yes => Some(agent.subscribe(TOPIC).expect("there is the topic")),
            Followed::No => None,
        };
        Self { engine, agent, notes, request, ids: ids.into_iter(), reply: String::new() }
    }

    /// The engine that they are in.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The agent who has them.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.ids.len()
    }

    /// Performs the request on the next one: request JSON in; reply JSON and, if the agent is followed,
    /// notification JSON out. Panics when none is left, or when the request is not accepted.
    #[inline]
    pub fn perform_next(&mut self) -> Done<'_> {
        let id = self.ids.next().expect("one is left");
        let reply = self
            .agent
            .perform(CHANNEL, Some(id.as_str()), std::hint::black_box(self.request.as_bytes()))
            .expect("the engine is sound");
        assert!(matches!(reply, Reply::Accepted { .. }), "{reply:?}");
        let notification = self.notes.as_ref().map(|notes| match notes.next(Duration::ZERO) {
            Some(Notification::Note(note)) => note.data.clone(),
            other => panic!("a note was to come, not {other:?}"),
        });
        self.reply.clear();
        // A string takes everything.
        let _ = reply.write_json(&mut self.reply);
        Done { reply: &self.reply, notification }
    }
}

fn engine() -> (Engine, Agent) {
    let engine = Engine::open(&config()).expect("a store in memory opens");
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).expect("there is room for an agent");
    (engine, agent)
}

/// What a host hands in so that the reference's Complete finds what it found there.
pub fn reference_inbound() -> Inbound {
    #[derive(Deserialize)]
    struct Sample<'a> {
        #[serde(borrow)]
        twitter: Resource<'a>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Resource<'a> {
        contact_id: String,
        from: String,
        message: String,
        received_date: String,
        #[serde(borrow)]
        user_data: &'a RawValue,
    }
    let Sample { twitter } = serde_json::from_str(COMPLETE_NOTIFICATION).expect("the sample is of its type");
    Inbound {
        id: None,
        from: twitter.from,
        message: twitter.message,
        received_date: Some(twitter.received_date),
        queue_path: QueuePath::parse(QUEUE).expect("a queue"),
        user_data: UserData::parse(twitter.user_data).expect("it is an object"),
        contact_id: Some(twitter.contact_id),
        external_id: None,
        account: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Planted faults: the agent followed all the same, and an interaction that is not accepted first.
    #[test]
    fn each_subject_takes_the_request_once() {
        for mut subjects in [Subjects::drafts(3, Followed::No), Subjects::inbound(3, Followed::No)] {
            for at in 1..=3 {
                let done = subjects.perform_next();
                assert!(done.reply.starts_with(r#"{"statusCode":0,"#), "{}", done.reply);
                assert_eq!(done.notification, None);
                assert_eq!(subjects.left(), 3 - at);
            }
        }
    }
}
