//! A client's session: what it subscribed to, and what waits for it, within bounds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use strowger::SmolStr;
use tokio::sync::Notify;

use super::message::lagged_text;
use crate::login::Login;
use crate::settings::CometdSettings;

/// All of an agent's topics.
pub(super) const EVERYTHING: &str = "/v2/me/*";

/// A session. Its queue is filled by its agent's audience, and emptied by whoever carries its messages.
pub(crate) struct Session {
    id: Arc<str>,
    agent: Arc<str>,
    login: Arc<Login>,
    limits: CometdSettings,
    /// The topics that there are.
    known: Arc<[Arc<str>]>,
    changed: Arc<Notify>,
    state: Mutex<State>,
}

/// A note, written once and shared by the sessions that get it.
#[derive(Clone)]
pub(super) struct Letter {
    pub(super) topic: SmolStr,
    pub(super) sequence: u64,
    pub(super) text: Arc<str>,
}

struct State {
    subscriptions: Vec<Subscribed>,
    /// What was lost, by topic: told before anything else.
    lagged: BTreeMap<Arc<str>, u64>,
    queue: VecDeque<Arc<str>>,
    /// What was handed out and must be acknowledged, for clients that do so.
    unacknowledged: Option<Unacknowledged>,
    /// Messages and bytes of the queue and of what is not acknowledged.
    messages: usize,
    bytes: usize,
    /// Counts connects: the latest is the one that holds.
    connect: u64,
    is_held: bool,
    seen: Instant,
    is_over: bool,
}

struct Subscribed {
    topic: Arc<str>,
    /// Notes up to this one are not told.
    floor: u64,
}

#[derive(Default)]
struct Unacknowledged {
    batch: u64,
    sent: VecDeque<(u64, Vec<Arc<str>>)>,
}

/// What is handed out with a connect, or beside it.
pub(super) struct Mail {
    pub(super) texts: Vec<Arc<str>>,
    /// The number to be acknowledged, for clients that do so.
    pub(super) batch: Option<u64>,
}

/// What became of a connect while it was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Something waits.
    Mail,
    /// A later connect took its place.
    Superseded,
    /// The session is over.
    Over,
}

/// What a message takes up beside its text.
const OVERHEAD_BYTES: usize = 64;

impl Session {
    pub(super) fn new(
        agent: Arc<str>,
        login: Arc<Login>,
        limits: &CometdSettings,
        known: Arc<[Arc<str>]>,
        acknowledges: bool,
    ) -> Self {
        Self {
            id: crate::chance::token().into(),
            agent,
            login,
            limits: limits.clone(),
            known,
            changed: Arc::default(),
            state: Mutex::new(State {
                subscriptions: Vec::new(),
                lagged: BTreeMap::new(),
                queue: VecDeque::new(),
                unacknowledged: acknowledges.then(Unacknowledged::default),
                messages: 0,
                bytes: 0,
                connect: 0,
                is_held: false,
                seen: Instant::now(),
                is_over: false,
            }),
        }
    }

    pub(super) fn id(&self) -> &Arc<str> {
        &self.id
    }

    pub(super) fn agent(&self) -> &Arc<str> {
        &self.agent
    }

    pub(super) fn login(&self) -> &Arc<Login> {
        &self.login
    }

    /// Tells whoever carries the messages that there is something to look at.
    pub(super) fn changed(&self) -> Arc<Notify> {
        self.changed.clone()
    }

    // ------------------------------------------------------------------------------ subscriptions

    pub(super) fn is_subscribed(&self, topic: &str) -> bool {
        self.state.lock().subscriptions.iter().any(|subscribed| *subscribed.topic == *topic)
    }

    pub(super) fn count_subscriptions(&self) -> usize {
        self.state.lock().subscriptions.len()
    }

    pub(super) fn has_subscriptions(&self) -> bool {
        self.count_subscriptions() > 0
    }

    /// Subscribes. `missed` are the notes that the client asks for anew, `floor` the last one that is
    /// among them or was lost. What another subscription tells already is not told twice.
    pub(super) fn subscribe(&self, topic: &Arc<str>, missed: &[Letter], lost: Option<u64>, floor: u64) {
        let mut state = self.state.lock();
        let told: Vec<_> = state.subscriptions.iter().map(|subscribed| subscribed.topic.clone()).collect();
        let is_told = |topic: &str| told.iter().any(|told| covers(told, topic));
        if let Some(lost) = lost {
            for known in self.known.iter().filter(|known| covers(topic, known) && !is_told(known)) {
                state.lagged.insert(known.clone(), lost);
            }
        }
        state.subscriptions.push(Subscribed { topic: topic.clone(), floor });
        for letter in missed.iter().filter(|letter| !is_told(&letter.topic)) {
            self.put(&mut state, letter);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    pub(super) fn unsubscribe(&self, topic: &str) -> bool {
        let mut state = self.state.lock();
        let before = state.subscriptions.len();
        state.subscriptions.retain(|subscribed| *subscribed.topic != *topic);
        state.subscriptions.len() < before
    }

    // ---------------------------------------------------------------------------------- the queue

    /// Takes a note in, if the client subscribed to it.
    pub(super) fn offer(&self, letter: &Letter) {
        let mut state = self.state.lock();
        let is_wanted = state
            .subscriptions
            .iter()
            .any(|subscribed| covers(&subscribed.topic, &letter.topic) && letter.sequence > subscribed.floor);
        if state.is_over || !is_wanted {
            return;
        }
        self.put(&mut state, letter);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Notes up to this one are lost to everybody.
    pub(super) fn lag(&self, sequence: u64) {
        let mut state = self.state.lock();
        self.lose(&mut state, sequence);
        drop(state);
        self.changed.notify_waiters();
    }

    fn put(&self, state: &mut State, letter: &Letter) {
        let bytes = letter.text.len() + OVERHEAD_BYTES;
        if state.messages >= self.limits.session_messages || state.bytes + bytes > self.limits.session_bytes {
            tracing::info!(agent = &*self.agent, "a client fell too far behind and is told so");
            self.lose(state, letter.sequence);
            return;
        }
        state.messages += 1;
        state.bytes += bytes;
        state.queue.push_back(letter.text.clone());
    }

    fn lose(&self, state: &mut State, sequence: u64) {
        state.queue.clear();
        if let Some(unacknowledged) = &mut state.unacknowledged {
            unacknowledged.sent.clear();
        }
        (state.messages, state.bytes) = (0, 0);
        for known in self.known.iter() {
            if state.subscriptions.iter().any(|subscribed| covers(&subscribed.topic, known)) {
                state.lagged.insert(known.clone(), sequence);
            }
        }
    }

    /// Hands out what waits.
    pub(super) fn take_mail(&self) -> Mail {
        let mut state = self.state.lock();
        let state = &mut *state;
        let lagged = std::mem::take(&mut state.lagged);
        let mut texts: Vec<Arc<str>> =
            lagged.iter().map(|(topic, sequence)| lagged_text(topic, *sequence).into()).collect();
        texts.extend(state.queue.drain(..));
        let batch = state.unacknowledged.as_mut().map(|unacknowledged| {
            if !texts.is_empty() {
                unacknowledged.batch += 1;
                unacknowledged.sent.push_back((unacknowledged.batch, texts.clone()));
            }
            unacknowledged.batch
        });
        if batch.is_none() {
            (state.messages, state.bytes) = (0, 0);
        } else {
            state.messages += lagged.len();
            state.bytes +=
                texts[..lagged.len()].iter().map(|text| text.len() + OVERHEAD_BYTES).sum::<usize>();
        }
        Mail { texts, batch }
    }

    /// Whether messages go out with connects alone, so that they can be acknowledged.
    pub(super) fn acknowledges(&self) -> bool {
        self.state.lock().unacknowledged.is_some()
    }

    // ----------------------------------------------------------------------------------- connects

    /// Begins a connect: an earlier one that is still held ends. `acknowledged` is the last batch that the
    /// client got; later ones are handed out again. `None` if the session is over.
    pub(super) fn begin_connect(self: &Arc<Self>, acknowledged: Option<u64>) -> Option<Held> {
        let mut state = self.state.lock();
        if state.is_over {
            return None;
        }
        state.connect += 1;
        state.is_held = true;
        state.seen = Instant::now();
        if let Some(acknowledged) = acknowledged {
            state.acknowledge(acknowledged);
        }
        let number = state.connect;
        drop(state);
        self.changed.notify_waiters();
        Some(Held { session: self.clone(), number })
    }

    /// Whether nobody has asked for its messages for too long.
    pub(super) fn has_expired(&self, now: Instant) -> bool {
        let state = self.state.lock();
        let unseen = now.saturating_duration_since(state.seen);
        !state.is_held && unseen > self.limits.interval + self.limits.max_interval
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.lock().is_over
    }

    /// Nothing more comes: whoever holds a connect answers it.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_over = true;
        state.queue = VecDeque::new();
        state.unacknowledged = None;
        state.subscriptions.clear();
        state.lagged.clear();
        drop(state);
        self.changed.notify_waiters();
    }
}

impl State {
    fn acknowledge(&mut self, acknowledged: u64) {
        let Some(unacknowledged) = &mut self.unacknowledged else { return };
        let mut again = Vec::new();
        for (batch, texts) in unacknowledged.sent.drain(..) {
            if batch > acknowledged {
                again.extend(texts);
            } else {
                self.messages = self.messages.saturating_sub(texts.len());
                let bytes: usize = texts.iter().map(|text| text.len() + OVERHEAD_BYTES).sum();
                self.bytes = self.bytes.saturating_sub(bytes);
            }
        }
        for text in again.into_iter().rev() {
            self.queue.push_front(text);
        }
    }
}

/// A connect that is held. Dropping it lets the time run after which the session expires.
pub(super) struct Held {
    session: Arc<Session>,
    number: u64,
}

impl Held {
    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    pub(super) fn is_first(&self) -> bool {
        self.number == 1
    }

    /// Whether there is anything to say. `None`: go on holding.
    pub(super) fn turn(&self) -> Option<Turn> {
        let state = self.session.state.lock();
        if state.is_over {
            Some(Turn::Over)
        } else if state.connect != self.number {
            Some(Turn::Superseded)
        } else {
            (!state.queue.is_empty() || !state.lagged.is_empty()).then_some(Turn::Mail)
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.session.state.lock();
        if state.connect == self.number {
            state.is_held = false;
            state.seen = Instant::now();
        }
    }
}

/// Whether a subscription to `subscribed` gets what is told on `topic`.
fn covers(subscribed: &str, topic: &str) -> bool {
    match subscribed.strip_suffix('*') {
        Some(prefix) => topic.starts_with(prefix),
        None => subscribed == topic,
    }
}
