//! One flush for all who wait: one caller leads and writes what has gathered, and the others find their
//! result. No thread of our own.
//!
//! What the disk waits for comes first: who leads next is woken before anybody else, and those of the finished flush
//! are told by it, at the moment in which it has nothing left to do but to flush. Until then they would only be in
//! its way; what they do next is done while the disk works. Who is told wakes two others, so that nobody has to
//! wake all.

use std::mem::take;
use std::sync::Arc;
use std::thread::{self, Thread};

use parking_lot::Mutex;

use crate::store::{CommitError, StoreError};

type Outcome = Result<(), CommitError>;

/// Commits that go to disk together.
pub(super) struct Group<C> {
    state: Mutex<State<C>>,
}

struct State<C> {
    waiting: Vec<(Arc<Caller<C>>, C)>,
    is_led: bool,
    /// Those of the last flush, if somebody is to lead the next one.
    finished: Finished<C>,
    /// A leader panicked: nobody knows in what state it left the connection.
    is_broken: bool,
}

/// Somebody who waits; woken alone, since only one of many has anything to do.
struct Caller<C> {
    turn: Mutex<Turn<C>>,
    thread: Thread,
}

enum Turn<C> {
    Waits,
    /// To write what has gathered.
    Leads,
    /// To return with this.
    Done(Done<C>),
}

/// What came of a commit.
struct Done<C> {
    outcome: Outcome,
    /// Given back: what is left of it is freed where it was made, and not by who writes for all.
    _commit: C,
    place: Place<C>,
}

/// Whoever is told also tells two others.
struct Place<C> {
    callers: Arc<[Arc<Caller<C>>]>,
    at: usize,
}

/// Those who have their results and sleep. They are told when this is dropped, at the latest.
pub(super) struct Finished<C>(Option<Place<C>>);

/// The most commits of one flush: a bound on how long the first of them waits.
const MOST: usize = 256;

impl<C> Default for Group<C> {
    fn default() -> Self {
        let finished = Finished::default();
        Self { state: Mutex::new(State { waiting: Vec::new(), is_led: false, finished, is_broken: false }) }
    }
}

impl<C> Group<C> {
    /// Has the commit written, by this caller or by another. `write` gives one result for each commit, and tells
    /// those of the flush before as soon as nothing but its own is left to do, or when that may take long.
    pub(super) fn commit(
        &self,
        commit: C,
        write: impl FnOnce(&mut [C], &mut Finished<C>) -> Vec<Outcome>,
    ) -> Outcome {
        let caller = Arc::new(Caller { turn: Mutex::new(Turn::Waits), thread: thread::current() });
        let mut state = self.state.lock();
        if state.is_broken {
            // This commit is not begun.
            return Err(broken());
        }
        state.waiting.push((caller.clone(), commit));
        let waits = state.is_led;
        state.is_led = true;
        drop(state);
        if waits && let Some(outcome) = caller.wait() {
            return outcome;
        }
        let mut state = self.state.lock();
        // Whoever leads is the first of those who wait.
        let count = state.waiting.len().min(MOST);
        let (callers, commits): (Vec<_>, Vec<_>) = state.waiting.drain(..count).unzip();
        let mut finished = take(&mut state.finished);
        drop(state);
        let mut lead = Lead { group: self, callers, commits, results: Vec::new() };
        lead.results = write(&mut lead.commits, &mut finished);
        finished.tell();
        drop(lead);
        caller.wait().unwrap_or(Err(CommitError::Unknown))
    }
}

fn broken() -> CommitError {
    StoreError::new("an earlier write panicked: open the store again").into()
}

impl<C> Caller<C> {
    /// Waits for the result; `None` if it is this caller's turn to write.
    fn wait(&self) -> Option<Outcome> {
        loop {
            let turn = std::mem::replace(&mut *self.turn.lock(), Turn::Waits);
            match turn {
                // Who is woken for another reason waits again.
                Turn::Waits => thread::park(),
                Turn::Leads => return None,
                Turn::Done(Done { outcome, place, .. }) => {
                    place.tell_next();
                    return Some(outcome);
                }
            }
        }
    }

    fn set(&self, turn: Turn<C>) {
        *self.turn.lock() = turn;
    }
}

impl<C> Place<C> {
    /// Of who has nobody to tell.
    fn nobody() -> Self {
        Self { callers: Arc::new([]), at: 0 }
    }

    /// The leader has the place 0 and needs not be told. Behind it stands a tree, its root at 1.
    fn tell_next(&self) {
        let next = if self.at == 0 { 0..0 } else { 2 * self.at..2 * self.at + 2 };
        for caller in next.filter_map(|at| self.callers.get(at)) {
            caller.thread.unpark();
        }
    }
}

impl<C> Finished<C> {
    /// Tells them, unless it is done.
    pub(super) fn tell(&mut self) {
        if let Some(root) = self.0.take().and_then(|Place { callers, at }| callers.get(at).cloned()) {
            root.thread.unpark();
        }
    }
}

impl<C> Default for Finished<C> {
    fn default() -> Self {
        Self(None)
    }
}

impl<C> Drop for Finished<C> {
    fn drop(&mut self) {
        self.tell();
    }
}

/// Gives everybody a result, also when the leader panics: who waits must not wait for ever.
struct Lead<'a, C> {
    group: &'a Group<C>,
    /// The leader first.
    callers: Vec<Arc<Caller<C>>>,
    commits: Vec<C>,
    results: Vec<Outcome>,
}

impl<C> Lead<'_, C> {
    /// Puts down the results, for everybody to find when they are told.
    fn finish(callers: Vec<Arc<Caller<C>>>, commits: Vec<C>, results: Vec<Outcome>) -> Finished<C> {
        let callers: Arc<[_]> = callers.into();
        let results = results.into_iter().chain(std::iter::repeat(Err(CommitError::Unknown)));
        for (at, (commit, outcome)) in commits.into_iter().zip(results).enumerate() {
            // The leader tells nobody, and may never look: one that panics must not hold on to them all.
            let place = if at == 0 { Place::nobody() } else { Place { callers: callers.clone(), at } };
            callers[at].set(Turn::Done(Done { outcome, _commit: commit, place }));
        }
        Finished(Some(Place { callers, at: 1 }))
    }
}

impl<C> Drop for Lead<'_, C> {
    fn drop(&mut self) {
        let mut finished =
            Self::finish(take(&mut self.callers), take(&mut self.commits), take(&mut self.results));
        let mut state = self.group.state.lock();
        state.is_broken |= thread::panicking();
        let refused = if state.is_broken { take(&mut state.waiting) } else { Vec::new() };
        let next = state.waiting.first().map(|(caller, _)| caller.clone());
        state.is_led = next.is_some();
        if next.is_some() {
            state.finished = take(&mut finished);
        }
        drop(state);
        if let Some(next) = next {
            next.set(Turn::Leads);
            next.thread.unpark();
        }
        finished.tell();
        for (caller, commit) in refused {
            caller.set(Turn::Done(Done { outcome: Err(broken()), _commit: commit, place: Place::nobody() }));
            caller.thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests;
