//! An agent's sessions: one subscription of the engine feeds them all.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use parking_lot::Mutex;
use strowger::{Agent, Notification, Subscription};
use tokio::task::AbortHandle;

use super::message::note_text;
use super::session::{EVERYTHING, Letter, Session};

/// Those who listen to an agent's notes.
pub(super) struct Audience {
    agent: Agent,
    subscription: Subscription,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    members: Vec<Arc<Session>>,
    feeding: Option<AbortHandle>,
    /// The last one left: whoever comes now needs a new audience.
    is_closed: bool,
}

/// The audience was closed: take a new one.
pub(super) struct Closed;

impl Audience {
    /// Opens one, and begins to feed it. Runs on a thread of the runtime.
    pub(super) fn open(agent: &Agent) -> Result<Arc<Self>, strowger::Error> {
        let subscription = agent.subscribe(EVERYTHING)?;
        let audience = Arc::new(Self { agent: agent.clone(), subscription, state: Mutex::default() });
        let feeding = tokio::spawn(feed(audience.clone()));
        audience.state.lock().feeding = Some(feeding.abort_handle());
        Ok(audience)
    }

    /// Subscribes a session. With `from`, the later notes that are still kept come first.
    ///
    /// No note is told while this runs; so what was told before is among those that are kept, and what is
    /// told after is above the floor: none is lost, none told twice.
    pub(super) fn join(
        &self,
        session: &Arc<Session>,
        topic: &Arc<str>,
        from: Option<u64>,
    ) -> Result<Result<(), Closed>, strowger::Error> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Ok(Err(Closed));
        }
        let missed = from.map(|from| self.missed(topic, from)).transpose()?.unwrap_or_default();
        session.subscribe(topic, &missed.letters, missed.lost, missed.floor);
        if !state.members.iter().any(|member| Arc::ptr_eq(member, session)) {
            state.members.push(session.clone());
        }
        Ok(Ok(()))
    }

    fn missed(&self, topic: &str, from: u64) -> Result<Missed, strowger::Error> {
        let kept = self.agent.subscribe_from(topic, from)?;
        let mut missed = Missed { floor: from, ..Missed::default() };
        while let Some(notification) = kept.next(Duration::ZERO) {
            match notification {
                Notification::Note(note) => {
                    missed.floor = note.sequence;
                    missed.letters.push(letter(&note));
                }
                Notification::Lagged { sequence, .. } => {
                    // Also where `from` was never given: the sequence then counts from there.
                    missed = Missed { floor: sequence, lost: Some(sequence), letters: Vec::new() };
                }
            }
        }
        Ok(missed)
    }

    /// Takes a session out that is over or listens to nothing. When it was the last one, nothing is fed
    /// any more, and the audience is closed: `true`.
    pub(super) fn leave(&self, session: &Arc<Session>) -> bool {
        let mut state = self.state.lock();
        // It may have subscribed again in the meantime.
        if session.has_subscriptions() {
            return false;
        }
        state.members.retain(|member| !Arc::ptr_eq(member, session));
        if state.members.is_empty() {
            state.is_closed = true;
            state.feeding.take().iter().for_each(AbortHandle::abort);
        }
        state.is_closed
    }

    /// Tells what the engine has told so far, so that a client that asks now gets all that came before.
    pub(super) fn catch_up(&self) {
        // What is told later wakes the one that feeds: it asked with its own waker before, or will.
        let state = self.state.lock();
        while let Some(notification) = self.subscription.next(Duration::ZERO) {
            state.tell(&notification);
        }
    }

    /// Tells what the engine tells, until there is nothing more to come.
    fn poll_feed(&self, context: &mut Context<'_>) -> Poll<()> {
        // Taken and told under one lock: in order, whoever takes it.
        let state = self.state.lock();
        while let Some(notification) = ready!(self.subscription.poll_next(context)) {
            state.tell(&notification);
        }
        Poll::Ready(())
    }
}

impl State {
    fn tell(&self, notification: &Notification) {
        match notification {
            Notification::Note(note) => {
                let letter = letter(note);
                self.members.iter().for_each(|member| member.offer(&letter));
            }
            Notification::Lagged { sequence, .. } => {
                self.members.iter().for_each(|member| member.lag(*sequence));
            }
        }
    }
}

/// What a client asks for that comes back.
#[derive(Default)]
struct Missed {
    letters: Vec<Letter>,
    lost: Option<u64>,
    floor: u64,
}

fn letter(note: &strowger::Note) -> Letter {
    Letter { topic: note.topic.clone(), sequence: note.sequence, text: note_text(note).into() }
}

async fn feed(audience: Arc<Audience>) {
    poll_fn(|context| audience.poll_feed(context)).await;
}
