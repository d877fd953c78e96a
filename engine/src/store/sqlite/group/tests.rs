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
    let results = others.into_iter().map(|other| other.join().unwrap_or(Err(CommitError::Full))).collect();
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
    assert_eq!(results.iter().filter(|result| **result == Err(CommitError::Unknown)).count(), WAITING - 1);
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
fn until(gate: &Arc<Barrier>) -> impl Fn(&mut [Commit], &mut Told) -> Vec<Outcome> + Clone + Send + 'static {
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

/// Fails if a leader that panics leaves a result behind that holds on to everybody's.
#[test]
fn a_leader_that_fails_holds_on_to_nothing() {
    let (held, group) = (Arc::new(()), Arc::new(Group::default()));
    let gate = Arc::new(Barrier::new(2));
    let commit = |write: fn(&Barrier)| {
        let (commit, group, gate) = (held.clone(), group.clone(), gate.clone());
        thread::spawn(move || {
            group.commit(commit, |commits, _| {
                write(&gate);
                vec![Ok(()); commits.len()]
            })
        })
    };
    let first = commit(|gate| {
        gate.wait();
        gate.wait();
    });
    gate.wait();
    let others: Vec<_> = (0..3).map(|_| commit(|_| panic!("on purpose"))).collect();
    while group.state.lock().waiting.len() < 3 {
        thread::yield_now();
    }
    gate.wait();
    assert_eq!(first.join().unwrap(), Ok(()));
    assert_eq!(others.into_iter().filter_map(|other| other.join().err()).count(), 1, "the leader");
    drop(group);
    assert_eq!(Arc::strong_count(&held), 1);
}
