//! One flush for all who wait: the first caller writes what has gathered, and the others find their
//! result. No thread of our own.

use std::collections::HashMap;

use parking_lot::{Condvar, Mutex};

use crate::store::{Commit, CommitError, StoreError};

type Outcome = Result<(), CommitError>;

/// Commits that go to disk together.
#[derive(Default)]
pub(super) struct Group {
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Default)]
struct State {
    last_ticket: u64,
    waiting: Vec<(u64, Commit)>,
    is_led: bool,
    /// A leader panicked: nobody knows in what state it left the connection.
    is_broken: bool,
    results: HashMap<u64, Outcome>,
}

/// The most commits of one flush: a bound on how long the first of them waits.
const MOST: usize = 256;

impl Group {
    /// Has the commit written, by this caller or by another. `write` gives one result for each commit.
    pub(super) fn commit(&self, commit: Commit, write: impl FnOnce(&[Commit]) -> Vec<Outcome>) -> Outcome {
        let mut state = self.state.lock();
        state.last_ticket += 1;
        let ticket = state.last_ticket;
        state.waiting.push((ticket, commit));
        let mut write = Some(write);
        loop {
            if let Some(result) = state.results.remove(&ticket) {
                return result;
            }
            if state.is_broken {
                // This commit was not begun.
                state.waiting.retain(|(waiting, _)| *waiting != ticket);
                return Err(StoreError::new("an earlier write panicked: open the store again").into());
            }
            if state.is_led {
                self.done.wait(&mut state);
                continue;
            }
            // Who leads takes its own commit along unless more than a flush holds came before it; those
            // are then led by their own callers.
            let own = state.waiting.iter().position(|(waiting, _)| *waiting == ticket);
            let Some(write) = own.filter(|place| *place < MOST).and_then(|_| write.take()) else {
                self.done.wait(&mut state);
                continue;
            };
            state.is_led = true;
            let count = state.waiting.len().min(MOST);
            let (tickets, commits): (Vec<_>, Vec<_>) = state.waiting.drain(..count).unzip();
            drop(state);
            let mut lead = Lead { group: self, own: ticket, tickets, results: Vec::new() };
            lead.results = write(&commits);
            drop(lead);
            state = self.state.lock();
        }
    }
}

/// Gives everybody a result, also when the leader panics: who waits must not wait for ever.
struct Lead<'a> {
    group: &'a Group,
    own: u64,
    tickets: Vec<u64>,
    results: Vec<Outcome>,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut results = std::mem::take(&mut self.results).into_iter();
        let mut state = self.group.state.lock();
        state.is_broken |= std::thread::panicking();
        for ticket in self.tickets.drain(..) {
            if ticket == self.own && std::thread::panicking() {
                continue;
            }
            state.results.insert(ticket, results.next().unwrap_or(Err(CommitError::Unknown)));
        }
        state.is_led = false;
        drop(state);
        self.group.done.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier, mpsc};
    use std::thread;

    use super::*;

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
        assert!(state.results.is_empty() && state.waiting.is_empty() && !state.is_led);
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
