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
            let place = Place { callers: callers.clone(), at };
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
            let place = Place { callers: Arc::new([]), at: 0 };
            caller.set(Turn::Done(Done { outcome: Err(broken()), _commit: commit, place }));
            caller.thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier, mpsc};
    use std::thread::{self, JoinHandle};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::store::Commit;

    /// So many that they are told in several steps.
    const WAITING: usize = 20;

    /// Several callers wait while a leader writes; gives the sizes of the flushes and everybody's results.
    fn gather(write: impl Fn(&[Commit]) -> Vec<Outcome> + Send + Sync + Copy + 'static) -> Vec<Outcome> {
        let group = Arc::new(Group::default());
        let (go, gone) = mpsc::channel::<()>();
        let leads = Arc::new(Barrier::new(2));
        let leader = thread::spawn({
            let (group, leads) = (group.clone(), leads.clone());
            move || {
                group.commit(Commit::default(), |commits, _| {
                    leads.wait();
                    gone.recv().unwrap();
                    vec![Ok(()); commits.len()]
                })
            }
        });
        leads.wait();
        let others: Vec<_> = (0..WAITING)
            .map(|_| {
                let group = group.clone();
                thread::spawn(move || group.commit(Commit::default(), |commits, _| write(commits)))
            })
            .collect();
        while group.state.lock().waiting.len() < WAITING {
            thread::yield_now();
        }
        go.send(()).unwrap();
        assert_eq!(leader.join().unwrap(), Ok(()));
        let results =
            others.into_iter().map(|other| other.join().unwrap_or(Err(CommitError::Full))).collect();
        let state = group.state.lock();
        assert!(state.waiting.is_empty() && !state.is_led);
        results
    }

    #[test]
    fn who_waits_shares_one_flush_and_each_gets_its_own_result() {
        static FLUSHES: AtomicUsize = AtomicUsize::new(0);
        let results = gather(|commits| {
            FLUSHES.fetch_add(1, Ordering::Relaxed);
            let mut results = vec![Ok(()); commits.len()];
            results[1] = Err(CommitError::Conflict);
            results
        });
        assert_eq!(FLUSHES.load(Ordering::Relaxed), 1);
        assert_eq!(results.iter().filter(|result| **result == Err(CommitError::Conflict)).count(), 1);
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), WAITING - 1);
    }

    #[test]
    fn a_leader_that_fails_wakes_its_waiters_with_an_error() {
        // Panics in the leader alone; the panic itself is caught by its thread.
        let results = gather(|_| panic!("on purpose"));
        assert_eq!(results.iter().filter(|result| **result == Err(CommitError::Full)).count(), 1);
        assert_eq!(
            results.iter().filter(|result| **result == Err(CommitError::Unknown)).count(),
            WAITING - 1
        );
    }

    #[test]
    fn nothing_is_written_after_a_leader_has_failed() {
        let group = Arc::new(Group::default());
        let leader = thread::spawn({
            let group = group.clone();
            move || group.commit(Commit::default(), |_, _| panic!("on purpose"))
        });
        leader.join().unwrap_err();
        let result = group.commit(Commit::default(), |_, _| unreachable!("the connection is in doubt"));
        assert!(matches!(result, Err(CommitError::Failed(_))), "{result:?}");
        assert!(group.state.lock().waiting.is_empty());
    }

    #[test]
    fn more_than_a_flush_holds_are_written_by_several() {
        let group = Arc::new(Group::default());
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let group = group.clone();
                thread::spawn(move || {
                    for _ in 0..500 {
                        assert_eq!(
                            group.commit(Commit::default(), |commits, _| vec![Ok(()); commits.len()]),
                            Ok(())
                        );
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }

    type Told = Finished<Commit>;

    /// Callers who wait while somebody leads.
    fn line_up(
        group: &Arc<Group<Commit>>,
        count: usize,
        write: impl Fn(&mut [Commit], &mut Told) -> Vec<Outcome> + Clone + Send + 'static,
    ) -> Vec<JoinHandle<Outcome>> {
        while !group.state.lock().waiting.is_empty() {
            thread::yield_now();
        }
        let caller = |_| {
            let (group, write) = (group.clone(), write.clone());
            thread::spawn(move || group.commit(Commit::default(), write))
        };
        let callers = (0..count).map(caller).collect();
        while group.state.lock().waiting.len() < count {
            thread::yield_now();
        }
        callers
    }

    /// A flush that lasts until somebody else comes to the gate.
    fn until(
        gate: &Arc<Barrier>,
    ) -> impl Fn(&mut [Commit], &mut Told) -> Vec<Outcome> + Clone + Send + 'static {
        let gate = gate.clone();
        move |commits, finished| {
            finished.tell();
            gate.wait();
            vec![Ok(()); commits.len()]
        }
    }

    /// What callers were told, who need nobody else for that.
    fn told(callers: Vec<JoinHandle<Outcome>>) -> Vec<Outcome> {
        let latest = Instant::now() + Duration::from_secs(60);
        while !callers.iter().all(JoinHandle::is_finished) {
            assert!(Instant::now() < latest, "somebody was not told");
            thread::yield_now();
        }
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    }

    /// A flush with many, and behind it another one with a few, which `write`.
    fn two_flushes(
        write: impl Fn(&mut [Commit], &mut Told) -> Vec<Outcome> + Clone + Send + 'static,
    ) -> (Vec<Outcome>, Vec<JoinHandle<Outcome>>) {
        let group = Arc::new(Group::default());
        let [begun, first, second] = [(); 3].map(|()| Arc::new(Barrier::new(2)));
        let leader = thread::spawn({
            let (group, begun, lasts) = (group.clone(), begun.clone(), until(&first));
            move || {
                group.commit(Commit::default(), |commits, finished| {
                    begun.wait();
                    lasts(commits, finished)
                })
            }
        });
        begun.wait();
        let many = line_up(&group, WAITING, until(&second));
        first.wait();
        assert_eq!(leader.join().unwrap(), Ok(()));
        let few = line_up(&group, 3, write);
        second.wait();
        (told(many), few)
    }

    /// Fails if a leader does not tell those of the flush before, or only once its own is done, or if somebody who
    /// is told does not tell all that are next.
    #[test]
    fn those_of_a_flush_are_told_while_the_next_one_lasts() {
        let third = Arc::new(Barrier::new(2));
        let (many, few) = two_flushes(until(&third));
        assert_eq!(many, vec![Ok(()); WAITING]);
        assert!(!few.iter().any(JoinHandle::is_finished));
        third.wait();
        assert_eq!(told(few), vec![Ok(()); 3]);
    }

    /// Fails if what a leader took over is not told when it panics before it has come to that.
    #[test]
    fn those_of_a_flush_are_told_also_when_the_next_leader_fails() {
        let (many, few) = two_flushes(|_, _| panic!("on purpose"));
        assert_eq!(many, vec![Ok(()); WAITING]);
        let results = few.into_iter().map(|caller| caller.join().unwrap_or(Err(CommitError::Full)));
        let mut results: Vec<_> = results.collect();
        results.sort_by_key(|result| *result == Err(CommitError::Full));
        assert_eq!(results, [Err(CommitError::Unknown), Err(CommitError::Unknown), Err(CommitError::Full)]);
    }

    /// Fails if a leader gathers others before it writes, or hands what it has finished to a next one that is not
    /// there.
    #[test]
    fn one_caller_waits_for_nobody() {
        let group = Group::default();
        for _ in 0..3 {
            let result = group.commit(Commit::default(), |commits, finished| {
                assert!(finished.0.is_none());
                assert_eq!(commits.len(), 1);
                vec![Err(CommitError::Conflict)]
            });
            assert_eq!(result, Err(CommitError::Conflict));
            assert!(group.state.lock().finished.0.is_none());
        }
    }
}
