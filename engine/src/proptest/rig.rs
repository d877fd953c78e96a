//! What performs the steps: an engine whose clock, names and chance are in the run's hands.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::world::{
    AGENTS, BIRDS, CHANNELS, FACES, FORBIDDEN_WORD, LONGEST_CHARACTERS, MAY_ACT, START_MS, config,
};
use crate::channel::{
    Channel, CheckError, Job, JobKind, Manifest, Outcome, Outgoing, PointOfNoReturn, Report,
};
use crate::engine::{API_MULTIMEDIA, Agent, Engine, Error, Reply};
use crate::environment::{Clock, Environment, Ids, Random};
use crate::inbound::Inbound;
use crate::interaction::Id;
use crate::notify::{Notification, Subscription};

/// How a host performs the steps. Every method has a default that asks the [`Rig`]'s engine directly; a
/// host puts its own code in the place of those that it has code for.
///
/// Agents, channels and queues are given by name, interactions by id, as hosts see them.
pub trait Host: Sized {
    /// A host on a fresh rig.
    fn open(rig: Rig) -> Self;

    /// The rig that the host stands on.
    fn rig(&self) -> &Rig;

    /// An agent's request: its `statusCode`, and the `referenceId` if it was accepted.
    fn perform(&self, agent: &str, channel: &str, id: Option<&str>, body: &[u8]) -> (u8, Option<u64>) {
        match self.rig().agent(agent).perform(channel, id, body) {
            Ok(Reply::Accepted { reference_id }) => (0, Some(reference_id)),
            Ok(Reply::Refused(refusal)) => (refusal.code().number(), None),
            Err(error) => panic!("the request could not be asked: {error}"),
        }
    }

    /// An interaction as an agent sees it, if it is the agent's.
    fn read(&self, agent: &str, channel: &str, id: &str) -> Option<String> {
        self.rig().agent(agent).read(channel, id).expect("a channel that exists can be read")
    }

    /// An agent's interactions on a channel.
    fn list(&self, agent: &str, channel: &str) -> Vec<String> {
        self.rig().agent(agent).list(channel).expect("a channel that exists can be listed")
    }

    /// Whether an agent may do that now.
    fn can(&self, agent: &str, channel: &str, id: Option<&str>, operation: &str) -> bool {
        self.rig().agent(agent).can(channel, id, operation).expect("a channel that exists can be asked")
    }

    /// Takes in what a customer wrote.
    fn receive(&self, channel: &str, document: &str) -> Result<String, Trouble> {
        let inbound =
            Inbound::parse(document).map_err(|refusal| Trouble::Refused(refusal.code().number()))?;
        Ok(self.rig().engine().receive(channel, &inbound)?.as_str().to_owned())
    }

    /// Offers an interaction to an agent.
    fn offer(&self, id: &str, agent: &str) -> Result<(), Trouble> {
        Ok(self.rig().engine().offer(id, agent)?)
    }

    /// Takes an offer back.
    fn revoke(&self, id: &str) -> Result<(), Trouble> {
        Ok(self.rig().engine().revoke(id)?)
    }

    /// The oldest interaction that waits in a queue.
    fn queue_next(&self, queue: &str) -> Option<String> {
        let next = self.rig().engine().queue_next(queue).expect("a declared queue can be asked");
        next.map(|id| id.as_str().to_owned())
    }

    /// At most so many of those that wait in a queue, oldest first.
    fn waiting(&self, queue: &str, limit: usize) -> Vec<String> {
        let waiting = self.rig().engine().waiting(queue, limit).expect("a declared queue can be asked");
        waiting.into_iter().map(|waits| waits.id.as_str().to_owned()).collect()
    }

    /// What stands in a queue, oldest first, and whether it can be offered.
    fn queue(&self, queue: &str) -> Vec<(String, bool)> {
        let waiting = self.rig().engine().queue(queue).expect("a declared queue can be listed");
        waiting.into_iter().map(|waits| (waits.id.as_str().to_owned(), waits.can_be_offered)).collect()
    }

    /// Works on one delivery through the plugin, which ends so: how many were worked on, and what the
    /// plugin was asked to do.
    fn deliver(&self, outcome: &Outcome, user_data: Map<String, Value>) -> (u32, Option<Assignment>) {
        self.rig().deliver(outcome, user_data)
    }

    /// Takes the next delivery that the host is to make: its id, and what is to be done.
    fn hand_out(&self) -> Option<(String, Assignment)> {
        self.rig().hand_out()
    }

    /// Reports what became of it.
    fn settle(&self, delivery: &str, outcome: &Outcome) -> Result<(), Trouble> {
        Ok(self.rig().engine().settle(delivery, outcome)?)
    }

    /// How many deliveries are not settled.
    fn undelivered(&self) -> usize {
        self.rig().engine().undelivered()
    }

    /// An account's credentials have changed.
    fn resume(&self, channel: &str, account: &str) {
        self.rig().engine().resume_account(channel, account).expect("a channel that exists can go on");
    }

    /// Who last had to do with a contact on a channel, and when.
    fn last_agent(&self, contact: &str, channel: &str) -> Option<(String, i64)> {
        let last = self.rig().engine().last_agent(contact, channel).expect("the store answers");
        last.map(|last| (last.agent.to_string(), last.at_ms))
    }

    /// Subscribes an agent to a topic; the number names the subscription.
    fn subscribe(&self, agent: &str, topic: &str) -> usize {
        self.rig().subscribe(agent, topic)
    }

    /// What waits in a subscription.
    fn hear(&self, subscription: usize) -> Vec<Heard> {
        self.rig().hear(subscription)
    }
}

/// Why a host's call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Refused, with this code.
    Refused(u8),
    /// Not as things stand.
    Conflict,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => Self::Refused(refusal.code().number()),
            Error::Conflict(_) => Self::Conflict,
            other => panic!("the host's call failed: {other}"),
        }
    }
}

/// A notification that was heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// The topic.
    pub topic: String,
    /// The agent's sequence number.
    pub sequence: u64,
    /// The notification.
    pub data: Value,
}

/// What a delivery was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The interaction's id; none for an operation on the collection.
    pub interaction: Option<String>,
    /// `publish`, `operation`, `poll` or `reconcile`.
    pub kind: &'static str,
    /// The account.
    pub account: String,
    /// The attempt, counted from 1.
    pub attempt: u32,
}

/// An engine with a plugin whose outcomes are given beforehand, and a clock that only the run moves.
pub struct Rig {
    engine: Engine,
    agents: Vec<Agent>,
    clock: Arc<HandClock>,
    script: Arc<Script>,
    subscriptions: Mutex<Vec<Subscription>>,
}

impl Default for Rig {
    fn default() -> Self {
        Self::new()
    }
}

impl Rig {
    /// A fresh engine, every agent seen.
    ///
    /// # Panics
    ///
    /// If the engine does not take the little centre's configuration, which it always does.
    pub fn new() -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(START_MS)));
        let environment = Environment {
            clock: clock.clone(),
            random: Arc::new(MiddleChance),
            ids: Arc::new(CountedIds(AtomicU64::new(0))),
        };
        let script = Arc::new(Script::default());
        let engine = Engine::open_with(&config(), environment).expect("the configuration is right");
        engine.add_channel(script.clone()).expect("the channel is right");
        let agents = AGENTS
            .iter()
            .zip(MAY_ACT)
            .map(|(agent, may_act)| {
                let features: &[&str] = if may_act { &[API_MULTIMEDIA] } else { &[] };
                engine.agent(agent, features).expect("the agents' names are right")
            })
            .collect();
        Self { engine, agents, clock, script, subscriptions: Mutex::default() }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// An agent's handle.
    ///
    /// # Panics
    ///
    /// If the agent is none of [`AGENTS`].
    pub fn agent(&self, name: &str) -> &Agent {
        let agent = self.agents.iter().find(|agent| agent.id().as_str() == name);
        agent.expect("the agent is one of the little centre's")
    }

    /// Lets time pass.
    pub fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    fn deliver(&self, outcome: &Outcome, user_data: Map<String, Value>) -> (u32, Option<Assignment>) {
        self.script.next.lock().push_back(Report {
            outcome: outcome.clone(),
            user_data,
            throttle_until_ms: None,
        });
        let worked_on = self.engine.deliver(1, Duration::ZERO).expect("the store answers");
        self.script.next.lock().clear();
        (worked_on, self.script.seen.lock().take())
    }

    fn hand_out(&self) -> Option<(String, Assignment)> {
        let delivery = self.engine.delivery_next(FACES.name, Duration::ZERO).expect("the store answers")?;
        let kind = match (&delivery.operation, delivery.unresolved) {
            (_, true) => "reconcile",
            (Some(_), _) => "operation",
            (None, _) => "publish",
        };
        let job = Assignment {
            interaction: delivery.interaction_id.map(|id| id.as_str().to_owned()),
            kind,
            account: delivery.from,
            attempt: delivery.attempt,
        };
        Some((delivery.delivery_id.as_str().to_owned(), job))
    }

    fn subscribe(&self, agent: &str, topic: &str) -> usize {
        let subscription = self.agent(agent).subscribe(topic).expect("the topic exists");
        let mut subscriptions = self.subscriptions.lock();
        subscriptions.push(subscription);
        subscriptions.len() - 1
    }

    fn hear(&self, subscription: usize) -> Vec<Heard> {
        let subscriptions = self.subscriptions.lock();
        let next = || subscriptions[subscription].next(Duration::ZERO);
        std::iter::from_fn(next)
            .map(|notification| match notification {
                Notification::Note(note) => Heard {
                    topic: note.topic.to_string(),
                    sequence: note.sequence,
                    data: serde_json::from_str(&note.data.to_string()).expect("notifications are JSON"),
                },
                Notification::Lagged { topic, sequence } => {
                    Heard { topic: topic.to_string(), sequence, data: "lagged".into() }
                }
            })
            .collect()
    }
}

impl Host for Rig {
    fn open(rig: Rig) -> Self {
        rig
    }

    fn rig(&self) -> &Rig {
        self
    }
}

struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Chance that makes a back-off neither shorter nor longer: 200 of 0 to 400.
struct MiddleChance;

impl Random for MiddleChance {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
        if let Some(low) = bytes.first_mut() {
            *low = 200;
        }
    }
}

struct CountedIds(AtomicU64);

impl Ids for CountedIds {
    fn next(&self) -> Id {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Id::parse(&format!("01QQQG2MU2{number:06}")).expect("digits and letters make an id")
    }
}

/// The plugin: it does what it was told beforehand.
#[derive(Default)]
struct Script {
    next: Mutex<VecDeque<Report>>,
    seen: Mutex<Option<Assignment>>,
}

impl Channel for Script {
    fn manifests(&self) -> Vec<Manifest> {
        CHANNELS.iter().filter(|line| line.is_plugin).map(|line| line.manifest()).collect()
    }

    fn check(&self, message: &Outgoing<'_>) -> Result<(), CheckError> {
        debug_assert_eq!(message.channel, BIRDS.name);
        if message.text.contains(FORBIDDEN_WORD) {
            return Err(CheckError::Refused { code: 2, message: "that word is not said here".into() });
        }
        if message.text.chars().count() > LONGEST_CHARACTERS {
            return Err(CheckError::Refused { code: 10, message: "that is too long".into() });
        }
        Ok(())
    }

    fn converse(&self, job: &Job<'_>, point: &mut dyn PointOfNoReturn) -> Report {
        let kind = match job.kind {
            JobKind::Publish => "publish",
            JobKind::Operation => "operation",
            JobKind::Poll => "poll",
            JobKind::Reconcile => "reconcile",
        };
        *self.seen.lock() = Some(Assignment {
            interaction: job.interaction_id.map(str::to_owned),
            kind,
            account: job.account.to_owned(),
            attempt: job.attempt.number,
        });
        let report = self.next.lock().pop_front().unwrap_or_else(|| {
            Report::from(Outcome::NotSent { message: "nothing was planned".into(), retry_after_ms: None })
        });
        let publishes = matches!(job.kind, JobKind::Publish | JobKind::Operation);
        if publishes && !matches!(report.outcome, Outcome::NotSent { .. }) {
            point.cross().expect("an attempt may publish once");
        }
        report
    }
}
