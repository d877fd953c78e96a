//! One flush for all who wait: one caller leads and writes what has gathered, and the others find their
//! result. No thread of our own.
//!
//! What the disk waits for comes first. A leader stays for a few batches, because whoever followed it would have to
//! be woken while the disk does nothing. Those of the finished flush are told at the moment in which the leader has
//! nothing left to do but to flush; until then they would only be in its way, and what they do next is done while the
//! disk works. The leader wakes one of them, the herald, who wakes all the others at once: to wake one after the other
//! costs as much as all the rest of a perform.

use std::collections::VecDeque;
use std::mem::take;
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};

use parking_lot::Mutex;

use crate::store::{CommitError, StoreError};

type Outcome = Result<(), CommitError>;

/// Commits that go to disk together.
pub(super) struct Group<C> {
    state: Mutex<State<C>>,
}

struct State<C> {
    /// What gathers while somebody leads, in order. All but the last are as large as may be.
    waiting: VecDeque<(Arc<Batch<C>>, Vec<C>)>,
    is_led: bool,
    /// Those of the last flush, if somebody is to lead the next one.
    finished: Finished<C>,
    /// A leader panicked: nobody knows in what state it left the connection.
    is_broken: bool,
}

/// Those of one flush. Each knows its place among them.
struct Batch<C> {
    turn: Mutex<Turn<C>>,
    /// The first two sleep by themselves: the one who may have to lead, and the herald.
    single: [OnceLock<Thread>; SINGLE],
    /// Where all the others sleep.
    told: OnceLock<()>,
}

/// What those of a batch have to do when they are woken.
enum Turn<C> {
    Wait,
    /// The first is to write what has gathered.
    Lead,
    /// To return with this. A commit is given back: what is left of it is freed where it was made, and not by who
    /// writes for all.
    Done(Vec<Option<(Outcome, C)>>),
}

/// Those who have their results and sleep. They are told when this is dropped, at the latest.
pub(super) struct Finished<C>(Option<Arc<Batch<C>>>);

/// The most commits of one flush: a bound on how long the first of them waits.
const MOST: usize = 256;

/// So many batches after its own a leader writes before it returns.
const STAYS: usize = 3;

const FIRST: usize = 0;
const HERALD: usize = 1;
const SINGLE: usize = 2;

impl<C> Default for Group<C> {
    fn default() -> Self {
        let (waiting, finished) = (VecDeque::new(), Finished::default());
        Self { state: Mutex::new(State { waiting, is_led: false, finished, is_broken: false }) }
    }
}

impl<C> Group<C> {
    /// Has the commit written, by this caller or by another. `write` gives one result for each commit, and tells
    /// those of the flush before as soon as nothing but its own is left to do, or when that may take long.
    pub(super) fn commit(
        &self,
        commit: C,
        write: impl FnMut(&mut [C], &mut Finished<C>) -> Vec<Outcome>,
    ) -> Outcome {
        let mut state = self.state.lock();
        if state.is_broken {
            // This commit is not begun.
            return Err(broken());
        }
        let (batch, place) = state.join(commit);
        let waits = state.is_led;
        state.is_led = true;
        drop(state);
        if waits && let Some(outcome) = batch.wait(place) {
            return outcome;
        }
        self.lead(write);
        batch.result(place).unwrap_or(Err(CommitError::Unknown))
    }

    fn lead(&self, mut write: impl FnMut(&mut [C], &mut Finished<C>) -> Vec<Outcome>) {
        let mut lead = Lead::begin(self);
        for _ in 0..=STAYS {
            if !lead.gather() {
                break;
            }
            lead.results = write(&mut lead.commits, &mut lead.finished);
            lead.finished.tell();
            lead.finish();
        }
    }
}

fn broken() -> CommitError {
    StoreError::new("an earlier write panicked: open the store again").into()
}

impl<C> State<C> {
    /// The batch that a commit belongs to, and its place in it.
    fn join(&mut self, commit: C) -> (Arc<Batch<C>>, usize) {
        if self.waiting.back().is_none_or(|(_, commits)| commits.len() >= MOST) {
            self.waiting.push_back((Arc::default(), Vec::new()));
        }
        let (batch, commits) = self.waiting.back_mut().expect("it has one");
        let place = commits.len();
        commits.push(commit);
        if let Some(single) = batch.single.get(place) {
            single.get_or_init(thread::current);
        }
        (batch.clone(), place)
    }
}

impl<C> Default for Batch<C> {
    fn default() -> Self {
        Self { turn: Mutex::new(Turn::Wait), single: Default::default(), told: OnceLock::new() }
    }
}

impl<C> Batch<C> {
    /// Waits for the result; `None` if it is this caller's turn to write.
    fn wait(&self, place: usize) -> Option<Outcome> {
        if place < SINGLE {
            loop {
                match *self.turn.lock() {
                    Turn::Done(_) => break,
                    Turn::Lead if place == FIRST => return None,
                    // Who is woken for another reason waits again.
                    Turn::Wait | Turn::Lead => {}
                }
                thread::park();
            }
        } else {
            self.told.wait();
        }
        if place == HERALD {
            // The leader, who woke this one, is about to flush: those who are woken would take its core from it.
            thread::yield_now();
            self.told.get_or_init(|| ());
            self.wake(FIRST);
        }
        self.result(place)
    }

    fn result(&self, place: usize) -> Option<Outcome> {
        let result = match &mut *self.turn.lock() {
            Turn::Done(results) => results.get_mut(place)?.take(),
            Turn::Wait | Turn::Lead => None,
        };
        result.map(|(outcome, _)| outcome)
    }

    fn set(&self, turn: Turn<C>) {
        *self.turn.lock() = turn;
    }

    /// Gives everybody a result; whoever has none is told that nobody knows.
    fn finish(self: Arc<Self>, commits: Vec<C>, results: Vec<Outcome>) -> Finished<C> {
        let results = results.into_iter().chain(std::iter::repeat(Err(CommitError::Unknown)));
        self.set(Turn::Done(results.zip(commits).map(Some).collect()));
        Finished(Some(self))
    }

    /// Wakes one of those who sleep by themselves, if there is such a one.
    fn wake(&self, place: usize) -> bool {
        let single = self.single[place].get();
        single.inspect(|thread| thread.unpark()).is_some()
    }
}

impl<C> Finished<C> {
    /// Tells them, unless it is done.
    pub(super) fn tell(&mut self) {
        if let Some(batch) = self.0.take()
            && !batch.wake(HERALD)
        {
            batch.wake(FIRST);
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
    /// Those of the flush before.
    finished: Finished<C>,
    /// What is being written.
    batch: Option<Arc<Batch<C>>>,
    commits: Vec<C>,
    results: Vec<Outcome>,
}

impl<'a, C> Lead<'a, C> {
    fn begin(group: &'a Group<C>) -> Self {
        let finished = take(&mut group.state.lock().finished);
        Self { group, finished, batch: None, commits: Vec::new(), results: Vec::new() }
    }

    /// Takes what has gathered; false if nobody waits.
    fn gather(&mut self) -> bool {
        if let Some((batch, commits)) = self.group.state.lock().waiting.pop_front() {
            (self.batch, self.commits) = (Some(batch), commits);
        }
        self.batch.is_some()
    }

    /// Puts down the results, for everybody to find when they are told.
    fn finish(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.finished = batch.finish(take(&mut self.commits), take(&mut self.results));
        }
    }
}

impl<C> Drop for Lead<'_, C> {
    fn drop(&mut self) {
        // Unless the leader panics there is nothing to finish, and whoever was finished before is told.
        if self.batch.is_some() {
            self.finished.tell();
            self.finish();
        }
        let mut state = self.group.state.lock();
        state.is_broken |= thread::panicking();
        let refused = if state.is_broken { take(&mut state.waiting) } else { VecDeque::new() };
        let next = state.waiting.front().map(|(batch, _)| batch.clone());
        state.is_led = next.is_some();
        if next.is_some() {
            state.finished = take(&mut self.finished);
        }
        drop(state);
        if let Some(next) = next {
            next.set(Turn::Lead);
            next.wake(FIRST);
        }
        self.finished.tell();
        for (batch, commits) in refused {
            let results = vec![Err(broken()); commits.len()];
            batch.finish(commits, results).tell();
        }
    }
}

#[cfg(test)]
mod tests;
