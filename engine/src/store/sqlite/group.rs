//! One flush for all who wait: one caller leads and writes what has gathered, and the others find their
//! result. Who leads next is named before the results are handed out, so that the disk is never idle while
//! somebody waits. No thread of our own.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::store::{CommitError, StoreError};

type Outcome = Result<(), CommitError>;

/// Commits that go to disk together.
pub(super) struct Group<C> {
    state: Mutex<State<C>>,
}

struct State<C> {
    waiting: Vec<(Arc<Caller>, C)>,
    is_led: bool,
    /// A leader panicked: nobody knows in what state it left the connection.
    is_broken: bool,
}

/// Somebody who waits; woken alone, since only one of many has anything to do.
#[derive(Default)]
struct Caller {
    turn: Mutex<Turn>,
    came: Condvar,
}

#[derive(Default)]
enum Turn {
    #[default]
    Waits,
    /// To write what has gathered.
    Leads,
    /// To return with this.
    Done(Outcome),
}

/// The most commits of one flush: a bound on how long the first of them waits.
const MOST: usize = 256;

impl<C> Default for Group<C> {
    fn default() -> Self {
        Self { state: Mutex::new(State { waiting: Vec::new(), is_led: false, is_broken: false }) }
    }
}

impl<C> Group<C> {
    /// Has the commit written, by this caller or by another. `write` gives one result for each commit.
    pub(super) fn commit(&self, commit: C, write: impl FnOnce(&[C]) -> Vec<Outcome>) -> Outcome {
        let caller = Arc::<Caller>::default();
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
        drop(state);
        let mut lead = Lead { group: self, callers, results: Vec::new() };
        lead.results = write(&commits);
        drop(lead);
        caller.wait().unwrap_or(Err(CommitError::Unknown))
    }
}

fn broken() -> CommitError {
    StoreError::new("an earlier write panicked: open the store again").into()
}

impl Caller {
    /// Waits for the result; `None` if it is this caller's turn to write.
    fn wait(&self) -> Option<Outcome> {
        let mut turn = self.turn.lock();
        loop {
            match std::mem::take(&mut *turn) {
                Turn::Waits => self.came.wait(&mut turn),
                Turn::Leads => return None,
                Turn::Done(outcome) => return Some(outcome),
            }
        }
    }

    fn wake(&self, turn: Turn) {
        *self.turn.lock() = turn;
        self.came.notify_one();
    }
}

/// Gives everybody a result, also when the leader panics: who waits must not wait for ever.
struct Lead<'a, C> {
    group: &'a Group<C>,
    /// The leader first.
    callers: Vec<Arc<Caller>>,
    results: Vec<Outcome>,
}

impl<C> Drop for Lead<'_, C> {
    fn drop(&mut self) {
        let mut state = self.group.state.lock();
        state.is_broken |= std::thread::panicking();
        let refused = if state.is_broken { std::mem::take(&mut state.waiting) } else { Vec::new() };
        let next = state.waiting.first().map(|(caller, _)| caller.clone());
        state.is_led = next.is_some();
        drop(state);
        if let Some(next) = next {
            next.wake(Turn::Leads);
        }
        let mut results = std::mem::take(&mut self.results).into_iter();
        for caller in self.callers.drain(..) {
            caller.wake(Turn::Done(results.next().unwrap_or(Err(CommitError::Unknown))));
        }
        for (caller, _) in refused {
            caller.wake(Turn::Done(Err(broken())));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier, mpsc};
    use std::thread;

    use super::*;
    use crate::store::Commit;

    /// Several callers wait while a leader writes; gives the sizes of the flushes and everybody's results.
    fn gather(write: impl Fn(&[Commit]) -> Vec<Outcome> + Send + Sync + Copy + 'static) -> Vec<Outcome> {
        const WAITING: usize = 5;
        let group = Arc::new(Group::default());
        let (go, gone) = mpsc::channel::<()>();
        let leads = Arc::new(Barrier::new(2));
        let leader = thread::spawn({
            let (group, leads) = (group.clone(), leads.clone());
            move || {
                group.commit(Commit::default(), |commits| {
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
                thread::spawn(move || group.commit(Commit::default(), write))
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
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 4);
    }

    #[test]
    fn a_leader_that_fails_wakes_its_waiters_with_an_error() {
        // Panics in the leader alone; the panic itself is caught by its thread.
        let results = gather(|_| panic!("on purpose"));
        assert_eq!(results.iter().filter(|result| **result == Err(CommitError::Full)).count(), 1);
        assert_eq!(results.iter().filter(|result| **result == Err(CommitError::Unknown)).count(), 4);
    }

    #[test]
    fn nothing_is_written_after_a_leader_has_failed() {
        let group = Arc::new(Group::default());
        let leader = thread::spawn({
            let group = group.clone();
            move || group.commit(Commit::default(), |_| panic!("on purpose"))
        });
        leader.join().unwrap_err();
        let result = group.commit(Commit::default(), |_| unreachable!("the connection is in doubt"));
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
                            group.commit(Commit::default(), |commits| vec![Ok(()); commits.len()]),
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
}
