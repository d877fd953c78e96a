//! What requests are performed on: an engine with interactions in memory and a channel of the Twitter plugin's
//! shape, and interactions that stand where the reference's samples begin.

use std::hint::black_box;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use strowger::channel::Outcome;
use strowger::{
    API_MULTIMEDIA, Agent, Clock, Config, Engine, Environment, Inbound, InteractionId, Limits, Notification,
    QueuePath, Reply, Subscription, SystemClock, SystemRandom, UserData,
};

use crate::contest::Prepared;
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
        r#"{{ "name": "esv_smsrv_vit", "base_uri": "http://192.168.83.25:8080",
             "retention": {{ "age_ms": 86400000 }}, "manifests": {} }}"#,
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
    clock: Arc<Leaping>,
    notes: Option<Subscription>,
    request: &'static str,
    begin: fn(&Engine, &Agent) -> InteractionId,
    ids: std::vec::IntoIter<InteractionId>,
    /// Used again for each reply.
    reply: String,
    /// Used again for each notification.
    told: String,
}

/// What one request gave.
#[derive(Clone, Debug)]
pub struct Done<'a> {
    /// The reply's JSON.
    pub reply: &'a str,
    /// The notification's JSON, if the agent is followed.
    pub notification: Option<&'a str>,
}

/// The system's clock, but for the months that were leapt over.
#[derive(Default)]
struct Leaping(AtomicI64);

impl Leaping {
    /// Longer than anything that has ended is remembered.
    const LEAP_MS: i64 = 60 * 24 * 60 * 60 * 1_000;

    fn leap(&self) {
        self.0.fetch_add(Self::LEAP_MS, Ordering::Relaxed);
    }
}

impl Clock for Leaping {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(Ordering::Relaxed)
    }
}

impl Subjects {
    /// So many fresh drafts, for the reference's Send, in a fresh engine.
    pub fn drafts(count: usize, followed: Followed) -> Self {
        Self::of(SEND_REQUEST, draft, followed).with(count)
    }

    /// So many inbound interactions that the agent works on, with all the user data of the reference's
    /// sample, for its Complete, in a fresh engine.
    pub fn inbound(count: usize, followed: Followed) -> Self {
        Self::of(COMPLETE_REQUEST, inbound, followed).with(count)
    }

    fn of(request: &'static str, begin: fn(&Engine, &Agent) -> InteractionId, followed: Followed) -> Self {
        let clock = Arc::new(Leaping::default());
        let environment = Environment::new(clock.clone(), Arc::new(SystemRandom));
        let engine = Engine::open_with(&config(), environment).expect("a store in memory opens");
        let agent = engine.agent("a1", &[API_MULTIMEDIA]).expect("there is room for an agent");
        let notes = match followed {
            Followed::Yes => Some(agent.subscribe(TOPIC).expect("there is the topic")),
            Followed::No => None,
        };
        let (ids, reply, told) = (Vec::new().into_iter(), String::new(), String::new());
        Self { engine, agent, clock, notes, request, begin, ids, reply, told }
    }

    fn with(mut self, count: usize) -> Self {
        self.refill(count);
        self
    }

    /// The same in an engine that has been at work: as many requests were performed as an agent's notes are
    /// kept, and more.
    #[must_use]
    pub fn at_work(mut self) -> Self {
        const BATCH: usize = 200;
        for _ in 0..2 * Limits::default().kept_notes / BATCH {
            self.refill(BATCH);
            self.play();
        }
        self
    }

    /// So many new ones, in the place of all that were there: what was sent is published, what has ended is
    /// forgotten.
    pub fn refill(&mut self, count: usize) {
        let delivered = || self.engine.delivery_next(CHANNEL, Duration::ZERO).expect("the engine is sound");
        while let Some(delivery) = delivered() {
            let id = Some(delivery.delivery_id.to_string());
            let published = Outcome::Published { id, location: None };
            let settled = self.engine.settle(delivery.delivery_id.as_str(), &published);
            settled.expect("it is under way");
        }
        self.clock.leap();
        while !self.engine.prune(u32::MAX).expect("the engine is sound").is_empty() {}
        self.ids =
            (0..count).map(|_| (self.begin)(&self.engine, &self.agent)).collect::<Vec<_>>().into_iter();
        if let Some(notes) = &self.notes {
            while notes.next(Duration::ZERO).is_some() {}
        }
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
            .perform(CHANNEL, Some(id.as_str()), black_box(self.request.as_bytes()))
            .expect("the engine is sound");
        assert!(matches!(reply, Reply::Accepted { .. }), "{reply:?}");
        let notification = self.notes.as_ref().map(|notes| match notes.next(Duration::ZERO) {
            Some(Notification::Note(note)) => {
                self.told.clear();
                self.told.extend(note.data.parts());
                &*self.told
            }
            other => panic!("a note was to come, not {other:?}"),
        });
        self.reply.clear();
        // A string takes everything.
        let _ = reply.write_json(&mut self.reply);
        Done { reply: &self.reply, notification }
    }
}

/// Fresh drafts, each to be sent.
pub(crate) fn prepare_sends(rounds: usize) -> Box<dyn Prepared> {
    Box::new(Subjects::drafts(rounds, Followed::Yes))
}

/// Inbound interactions, each to be completed.
pub(crate) fn prepare_completes(rounds: usize) -> Box<dyn Prepared> {
    Box::new(Subjects::inbound(rounds, Followed::Yes))
}

impl Prepared for Subjects {
    fn play(&mut self) {
        while self.left() > 0 {
            black_box(self.perform_next());
        }
    }

    fn check(&self) {
        assert_eq!(self.left(), 0, "each takes its request");
    }
}

fn draft(_: &Engine, agent: &Agent) -> InteractionId {
    let created = agent.create(CHANNEL, br#"{"operationName":"Create"}"#);
    created.expect("the engine is sound").expect("a draft can be begun")
}

fn inbound(engine: &Engine, agent: &Agent) -> InteractionId {
    static REFERENCE: LazyLock<Inbound> = LazyLock::new(reference_inbound);
    let id = engine.receive(CHANNEL, &REFERENCE).expect("it is taken in");
    engine.offer(id.as_str(), agent.id().as_str()).expect("it waits");
    let reply = agent.perform(CHANNEL, Some(id.as_str()), br#"{"operationName":"Accept"}"#);
    assert!(matches!(reply, Ok(Reply::Accepted { .. })), "{reply:?}");
    id
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

    /// Planted faults: what was sent is not settled; nothing is forgotten.
    #[test]
    fn an_engine_at_work_remembers_no_more_than_its_present_subjects() {
        for subjects in [Subjects::drafts(0, Followed::Yes), Subjects::inbound(0, Followed::Yes)] {
            let mut subjects = subjects.at_work();
            let before = subjects.agent.list(CHANNEL).expect("the engine is sound").len();
            subjects.refill(7);
            subjects.play();
            subjects.refill(7);
            assert_eq!((subjects.engine.undelivered(), subjects.left()), (0, 7));
            assert!(before <= 200);
            assert_eq!(subjects.agent.list(CHANNEL).expect("the engine is sound").len(), 7);
            assert!(subjects.engine.queue(QUEUE).expect("the engine is sound").is_empty());
        }
    }

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
