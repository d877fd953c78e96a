//! Contests: the same work done by us and by what it is held against. Criterion's groups, the counts of instructions
//! and rows of the table are all made from one list, so that they are about the same work.

use std::time::{Duration, Instant};

use crate::beside::beside;
use crate::row::{Bound, Row};
use crate::{floor, subjects, transition};

/// Work that is ready to be done.
pub trait Prepared {
    /// Does it: this is what is timed, or counted.
    fn play(&mut self);

    /// Panics unless what was done is what was to be done.
    fn check(&self);
}

/// Who does the work.
#[derive(Clone, Copy, Debug)]
pub struct Contestant {
    /// As tables and records name it.
    pub name: &'static str,
    /// Prepares so many rounds.
    pub prepare: fn(rounds: usize) -> Box<dyn Prepared>,
}

/// What we are held against.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Who it is.
    pub contestant: Contestant,
    /// Ours may take at most so many times as long.
    pub at_most: f64,
    /// Whether that holds for instructions as well. Not where the machine's own speed decides: how long a
    /// lock takes no count tells.
    pub judges_counts: bool,
}

/// The same work done by us and by others.
#[derive(Clone, Copy, Debug)]
pub struct Contest {
    /// As tables, groups and records name it.
    pub name: &'static str,
    /// How many of what is told make a round: four transitions, one request.
    pub units: u32,
    /// How many rounds are prepared and done in one go.
    pub rounds: usize,
    /// Who does it for us.
    pub ours: Contestant,
    /// The others.
    pub peers: &'static [Peer],
}

/// Every contest, by measure.
pub const CONTESTS: &[&[Contest]] = &[transition::CONTESTS, PERFORM];

/// The reference's requests beside what `serde_json` alone needs for them. Somebody is subscribed.
pub const PERFORM: &[Contest] = &[
    Contest {
        name: "Send on a fresh draft",
        units: 1,
        rounds: 1_000,
        ours: Contestant { name: "ours", prepare: subjects::prepare_sends },
        peers: &[Peer {
            contestant: Contestant { name: "serde_json alone", prepare: floor::prepare_sends },
            at_most: 1.4,
            judges_counts: false,
        }],
    },
    Contest {
        name: "Complete with all user data",
        units: 1,
        rounds: 1_000,
        ours: Contestant { name: "ours", prepare: subjects::prepare_completes },
        peers: &[Peer {
            contestant: Contestant { name: "serde_json alone", prepare: floor::prepare_completes },
            at_most: 0.6,
            judges_counts: false,
        }],
    },
];

impl Contestant {
    /// How long so many rounds take.
    pub fn time(&self, rounds: usize) -> Duration {
        let mut prepared = (self.prepare)(rounds);
        let started = Instant::now();
        prepared.play();
        let took = started.elapsed();
        prepared.check();
        took
    }
}

impl Contest {
    /// Everybody, ourselves first.
    pub fn contestants(&self) -> impl Iterator<Item = &Contestant> {
        std::iter::once(&self.ours).chain(self.peers.iter().map(|peer| &peer.contestant))
    }

    /// A row beside each peer, from so many pairs of goes.
    pub fn rows(&self, pairs: usize) -> Vec<Row> {
        let row = |Peer { contestant: peer, at_most, .. }: &Peer| {
            let timed = beside(pairs, || self.ours.time(self.rounds), || peer.time(self.rounds));
            Row {
                what: self.name.into(),
                ours: self.told(timed.ours),
                beside: format!("{}: {}", peer.name, self.told(timed.other)),
                judged: timed.ratio,
                bound: Bound::AtMost(*at_most, ""),
            }
        };
        self.peers.iter().map(row).collect()
    }

    /// The time of one unit.
    fn told(&self, go: Duration) -> String {
        #[allow(clippy::cast_precision_loss, reason = "a few millions")]
        let units = self.rounds as f64 * f64::from(self.units);
        let nanoseconds = go.as_secs_f64() * 1e9 / units;
        if nanoseconds < 100.0 { format!("{nanoseconds:.2} ns") } else { format!("{nanoseconds:.0} ns") }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Planted faults: a contestant whose work is left undone, two contests of one name.
    #[test]
    fn everybody_does_the_work() {
        let mut names = HashSet::new();
        for contest in CONTESTS.iter().copied().flatten() {
            assert!(names.insert(contest.name), "{} is there twice", contest.name);
            let contestants: HashSet<_> = contest.contestants().map(|contestant| contestant.name).collect();
            assert_eq!(contestants.len(), 1 + contest.peers.len(), "{}", contest.name);
            for contestant in contest.contestants() {
                let mut prepared = (contestant.prepare)(10);
                prepared.play();
                prepared.check();
            }
        }
    }

    /// Planted fault: [`Prepared::check`] of one of them empty.
    #[test]
    fn work_left_undone_is_found() {
        for contestant in CONTESTS.iter().copied().flatten().flat_map(Contest::contestants) {
            let undone = (contestant.prepare)(10);
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| undone.check()));
            assert!(checked.is_err(), "{}", contestant.name);
        }
    }
}
