use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::*;
use crate::store::Commit;

/// So many that they are told in several steps.
const WAITING: usize = 20;

/// How many wait.
fn waiting<C>(group: &Group<C>) -> usize {
    group.state.lock().waiting.iter().map(|(_, commits)| commits.len()).sum()
}

/// Several callers wait while a leader writes, and share what the leader does next; gives its result, and theirs.
/// Who panics is told `Full` here.
fn gather(
    write: impl Fn(&[Commit]) -> Vec<Outcome> + Send + Sync + Copy + 'static,
) -> (Outcome, Vec<Outcome>) {
    let group = Arc::new(Group::default());
    let (go, gone) = mpsc::channel::<()>();
    let leads = Arc::new(Barrier::new(2));
    let leader = thread::spawn({
        let (group, leads) = (group.clone(), leads.clone());
        let mut is_first = true;
        move || {
            group.commit(Commit::default(), |commits, _| {
                if !take(&mut is_first) {
                    return write(commits);
                }
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
    while waiting(&group) < WAITING {
        thread::yield_now();
    }
    go.send(()).unwrap();
    let result = |thread: JoinHandle<Outcome>| thread.join().unwrap_or(Err(CommitError::Full));
    let results = (result(leader), others.into_iter().map(result).collect());
    let state = group.state.lock();
    assert!(state.waiting.is_empty() && !state.is_led);
    results
}

#[test]
fn who_waits_shares_one_flush_and_each_gets_its_own_result() {
    static FLUSHES: AtomicUsize = AtomicUsize::new(0);
    let (leader, results) = gather(|commits| {
        FLUSHES.fetch_add(1, Ordering::Relaxed);
        let mut results = vec![Ok(()); commits.len()];
        results[1] = Err(CommitError::Conflict);
        results
    });
    assert_eq!(leader, Ok(()));
    assert_eq!(FLUSHES.load(Ordering::Relaxed), 1);
    assert_eq!(results.iter().filter(|result| **result == Err(CommitError::Conflict)).count(), 1);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), WAITING - 1);
}

/// Fails if those are forgotten whom a leader writes for after its own batch.
#[test]
fn a_leader_that_fails_wakes_its_waiters_with_an_error() {
    // Panics in the leader alone; the panic itself is caught by its thread.
    let (leader, results) = gather(|_| panic!("on purpose"));
    assert_eq!(leader, Err(CommitError::Full));
    assert_eq!(results, vec![Err(CommitError::Unknown); WAITING]);
}

/// Fails if a batch takes in more than it may.
#[test]
fn who_comes_too_late_for_a_batch_begins_the_next_one() {
    let group = Group::default();
    let mut state = group.state.lock();
    let places: Vec<_> = (0..MOST + 2).map(|_| state.join(()).1).collect();
    assert_eq!(places[MOST - 1..], [MOST - 1, 0, 1]);
    assert_eq!(state.waiting.len(), 2);
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
    while waiting(group) > 0 {
        thread::yield_now();
    }
    let caller = |_| {
        let (group, write) = (group.clone(), write.clone());
        thread::spawn(move || group.commit(Commit::default(), write))
    };
    let callers = (0..count).map(caller).collect();
    while waiting(group) < count {
        thread::yield_now();
    }
    callers
}

/// Flushes that each last until somebody else comes to its gate, whoever leads them; behind them, `write` does.
fn gated(
    gates: &[Arc<Barrier>],
    write: impl Fn(&mut [Commit], &mut Told) -> Vec<Outcome> + Clone + Send + 'static,
) -> impl Fn(&mut [Commit], &mut Told) -> Vec<Outcome> + Clone + Send + 'static {
    let (gates, begun) = (gates.to_vec(), Arc::new(AtomicUsize::new(0)));
    move |commits, finished| {
        let Some(gate) = gates.get(begun.fetch_add(1, Ordering::Relaxed)) else {
            return write(commits, finished);
        };
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

/// Who leads the flush behind the one with many.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leads {
    /// Who led that one.
    TheSame,
    /// One of those it writes for, since who led before has stayed as long as may be.
    Another,
}

/// A flush with many, and behind it another one with a few, which `write`. Gives also who has led first.
fn two_flushes(
    leads: Leads,
    write: impl Fn(&mut [Commit], &mut Told) -> Vec<Outcome> + Clone + Send + 'static,
) -> (Vec<Outcome>, JoinHandle<Outcome>, Vec<JoinHandle<Outcome>>) {
    let before = if leads == Leads::TheSame { 1 } else { STAYS };
    let gates: Vec<_> = (0..=before).map(|_| Arc::new(Barrier::new(2))).collect();
    let (group, write) = (Arc::new(Group::default()), gated(&gates, write));
    let line_up = |count| line_up(&group, count, write.clone());
    let mut first = vec![thread::spawn({
        let (group, write) = (group.clone(), write.clone());
        move || group.commit(Commit::default(), write)
    })];
    while !group.state.lock().is_led {
        thread::yield_now();
    }
    for gate in &gates[..before - 1] {
        let next = line_up(1);
        gate.wait();
        first.extend(next);
    }
    let many = line_up(WAITING);
    gates[before - 1].wait();
    let few = line_up(3);
    gates[before].wait();
    let leader = first.remove(0);
    assert_eq!(told(first), vec![Ok(()); before - 1]);
    (told(many), leader, few)
}

/// Fails if a leader does not tell those of the flush before, or only once its own is done, if not all that sleep
/// are woken, or if a leader stays longer than it may.
#[test]
fn those_of_a_flush_are_told_while_the_next_one_lasts() {
    for leads in [Leads::TheSame, Leads::Another] {
        let third = Arc::new(Barrier::new(2));
        let gate = third.clone();
        let (many, leader, few) = two_flushes(leads, move |commits, finished| {
            finished.tell();
            gate.wait();
            vec![Ok(()); commits.len()]
        });
        assert_eq!(many, vec![Ok(()); WAITING]);
        assert!(!few.iter().any(JoinHandle::is_finished));
        if leads == Leads::TheSame {
            assert!(!leader.is_finished());
            third.wait();
            assert_eq!(told(vec![leader]), [Ok(())]);
        } else {
            assert_eq!(told(vec![leader]), [Ok(())]);
            third.wait();
        }
        assert_eq!(told(few), vec![Ok(()); 3], "{leads:?}");
    }
}

/// Fails if what a leader took over is not told when it panics before it has come to that.
#[test]
fn those_of_a_flush_are_told_also_when_the_next_leader_fails() {
    for leads in [Leads::TheSame, Leads::Another] {
        let (many, leader, few) = two_flushes(leads, |_, _| panic!("on purpose"));
        assert_eq!(many, vec![Ok(()); WAITING]);
        let result = |thread: JoinHandle<Outcome>| thread.join().unwrap_or(Err(CommitError::Full));
        let mut results: Vec<_> = few.into_iter().map(result).collect();
        results.sort_by_key(|result| *result == Err(CommitError::Full));
        let (unknown, panicked) = (Err(CommitError::Unknown), Err(CommitError::Full));
        if leads == Leads::TheSame {
            assert_eq!((result(leader), results), (panicked, vec![unknown; 3]));
        } else {
            assert_eq!((result(leader), results), (Ok(()), vec![unknown.clone(), unknown, panicked]));
        }
    }
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
    let commit = |mut is_first: bool| {
        let (commit, group, gate) = (held.clone(), group.clone(), gate.clone());
        thread::spawn(move || {
            group.commit(commit, |commits, _| {
                assert!(take(&mut is_first), "on purpose");
                gate.wait();
                gate.wait();
                vec![Ok(()); commits.len()]
            })
        })
    };
    let first = commit(true);
    gate.wait();
    let others: Vec<_> = (0..3).map(|_| commit(false)).collect();
    while waiting(&group) < 3 {
        thread::yield_now();
    }
    gate.wait();
    first.join().unwrap_err();
    for other in others {
        assert_eq!(other.join().unwrap(), Err(CommitError::Unknown));
    }
    drop(group);
    assert_eq!(Arc::strong_count(&held), 1);
}
