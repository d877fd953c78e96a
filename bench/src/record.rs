//! The record of counts in the tree, and the comparison with it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use strowger_bench::contest::{CONTESTS, Contest};
use strowger_bench::machine;

use crate::drivers::own;
use crate::measure::MEASURES;

/// How much a count may grow before somebody must change the record on purpose.
const GROWTH: f64 = 1.05;

/// Counts, and what made them: other compilers and C libraries count otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// As `rustc --version` says.
    pub(crate) rustc: String,
    /// As `getconf GNU_LIBC_VERSION` says.
    pub(crate) libc: String,
    /// The processor's kind, as far as the C library's choice of code depends on it.
    pub(crate) machine: String,
    /// By the measure's name: instructions of one call.
    pub(crate) instructions: BTreeMap<String, Counts>,
    /// By the contest's name, and then the contestant's: instructions of one round.
    #[serde(default)]
    pub(crate) contests: BTreeMap<String, BTreeMap<String, u64>>,
}

/// The instructions of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    /// Through the Rust interface.
    pub(crate) rust: u64,
    /// Through the C interface.
    pub(crate) c: u64,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// What should be known, and is no failure.
    pub(crate) remarks: Vec<String>,
    /// What falls short.
    pub(crate) failures: Vec<String>,
}

impl Counts {
    /// How much more the call costs from C.
    pub(crate) fn ratio(self) -> f64 {
        ratio(self.c, self.rust)
    }
}

/// Our count beside a peer's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside {
    /// Who the peer is.
    pub(crate) peer: &'static str,
    /// Our count of a round.
    pub(crate) ours: u64,
    /// The peer's.
    pub(crate) theirs: u64,
    /// How many times the peer's ours may be.
    pub(crate) at_most: f64,
    /// Whether counts are held to that.
    pub(crate) is_judged: bool,
}

impl Beside {
    /// Ours to theirs.
    pub(crate) fn ratio(self) -> f64 {
        ratio(self.ours, self.theirs)
    }

    /// Whether it is reached, or is not to be judged by counts.
    pub(crate) fn holds(self) -> bool {
        !self.is_judged || self.ratio() <= self.at_most
    }
}

/// Every contest.
pub(crate) fn all_contests() -> impl Iterator<Item = &'static Contest> {
    CONTESTS.iter().copied().flatten()
}

/// Our count beside each peer's. A contestant without a count has 0, which nothing is below.
pub(crate) fn beside(
    contest: &'static Contest,
    counts: &BTreeMap<String, u64>,
) -> impl Iterator<Item = Beside> {
    let of = |name: &str| counts.get(name).copied().unwrap_or(0);
    contest.peers.iter().map(move |peer| Beside {
        peer: peer.contestant.name,
        ours: of(contest.ours.name),
        theirs: of(peer.contestant.name),
        at_most: peer.at_most,
        is_judged: peer.judges_counts,
    })
}

#[allow(clippy::cast_precision_loss, reason = "counts of one call are far below 2^52")]
fn ratio(ours: u64, theirs: u64) -> f64 {
    ours as f64 / theirs.max(1) as f64
}

impl Record {
    /// An empty record of this machine.
    pub(crate) fn here() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            rustc: machine::rustc()?,
            libc: machine::said("getconf", "GNU_LIBC_VERSION")?,
            machine: kind(),
            instructions: BTreeMap::new(),
            contests: BTreeMap::new(),
        })
    }

    /// Every count by what it is of.
    fn flat(&self) -> BTreeMap<String, u64> {
        let calls = self.instructions.iter().flat_map(|(name, counts)| {
            [(format!("{name} from Rust"), counts.rust), (format!("{name} from C"), counts.c)]
        });
        let contests = self.contests.iter().flat_map(|(name, counts)| {
            counts.iter().map(move |(contestant, count)| (format!("{name}, {contestant}"), *count))
        });
        calls.chain(contests).collect()
    }

    fn is_comparable(&self, other: &Self) -> bool {
        (&self.rustc, &self.libc, &self.machine) == (&other.rustc, &other.libc, &other.machine)
    }
}

/// Where the record stands.
pub(crate) fn path() -> PathBuf {
    own().join("instructions.json")
}

pub(crate) fn read() -> Result<Record, Box<dyn Error>> {
    let path = path();
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?)
}

pub(crate) fn write(record: &Record) -> Result<(), Box<dyn Error>> {
    Ok(fs::write(path(), serde_json::to_string_pretty(record)? + "\n")?)
}

/// Holds fresh counts against their limits, and against the record where both were made alike.
pub(crate) fn compare(recorded: &Record, fresh: &Record) -> Verdict {
    let mut verdict = Verdict::default();
    for measure in MEASURES {
        let Some(counts) = fresh.instructions.get(measure.name) else {
            verdict.failures.push(format!("{}: was not counted", measure.name));
            continue;
        };
        if !measure.limit.holds(counts.rust, counts.c) {
            verdict.failures.push(format!(
                "{}: {} instructions from C, {} from Rust ({:.3} times): the limit is {}",
                measure.name,
                counts.c,
                counts.rust,
                counts.ratio(),
                measure.limit
            ));
        }
    }
    for contest in all_contests() {
        let Some(counts) = fresh.contests.get(contest.name) else {
            verdict.failures.push(format!("{}: was not counted", contest.name));
            continue;
        };
        for beside in beside(contest, counts).filter(|beside| !beside.holds()) {
            verdict.failures.push(format!(
                "{}: {} instructions, {} of {} ({:.3} times): the limit is {:.2}",
                contest.name,
                beside.ours,
                beside.theirs,
                beside.peer,
                beside.ratio(),
                beside.at_most
            ));
        }
    }
    if !recorded.is_comparable(fresh) {
        verdict.remarks.push(format!(
            "only ratios are held: the record was made with {}, {}, {}; here are {}, {}, {}",
            recorded.rustc, recorded.libc, recorded.machine, fresh.rustc, fresh.libc, fresh.machine
        ));
        return verdict;
    }
    let (now, then) = (fresh.flat(), recorded.flat());
    for (name, &now) in &now {
        let Some(&then) = then.get(name) else {
            verdict.failures.push(format!("{name}: is not recorded; {ANEW}"));
            continue;
        };
        let growth = ratio(now, then);
        let words = format!("{name}: {now} instructions, {then} are recorded ({growth:.3} times)");
        if growth > GROWTH {
            verdict.failures.push(format!("{words}; if that is meant, {ANEW}"));
        } else if growth < 1.0 / GROWTH {
            verdict.remarks.push(format!("{words}; to keep what was gained, {ANEW}"));
        }
    }
    for name in then.keys().filter(|name| !now.contains_key(*name)) {
        verdict.failures.push(format!("{name}: is recorded, and no measure any more; {ANEW}"));
    }
    verdict
}

const ANEW: &str = "run `cargo run -p strowger-bench -- instructions --record` and commit the result";

/// The architecture, and the extension by which the C library picks how it copies and compares.
fn kind() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        let extension = if std::is_x86_feature_detected!("avx2") { " with avx2" } else { "" };
        format!("x86_64{extension}")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        std::env::consts::ARCH.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Limit;

    fn record(rust: u64, c: u64) -> Record {
        Record {
            rustc: "rustc 1.90.0".into(),
            libc: "glibc 2.36".into(),
            machine: "x86_64".into(),
            instructions: MEASURES.iter().map(|it| (it.name.to_owned(), Counts { rust, c })).collect(),
            contests: contests(rust / 2, rust),
        }
    }

    /// We are as good as asked, by these counts.
    fn contests(ours: u64, theirs: u64) -> BTreeMap<String, BTreeMap<String, u64>> {
        let counts = |contest: &Contest| {
            let peers = contest.peers.iter().map(|peer| (peer.contestant.name.to_owned(), theirs));
            peers.chain([(contest.ours.name.to_owned(), ours)]).collect()
        };
        all_contests().map(|contest| (contest.name.to_owned(), counts(contest))).collect()
    }

    /// Planted faults: a peer is beaten by less than asked, and the limit not looked at; a peer's count missing.
    #[test]
    fn a_contest_that_falls_short_is_found_with_any_compiler() {
        let judged = all_contests().flat_map(|contest| contest.peers).filter(|peer| peer.judges_counts);
        let judged = judged.count();
        assert!(judged > 0);
        let good = record(1_000, 1_030);
        let dear = Record { rustc: "rustc 1.99.0".into(), contests: contests(2_001, 1_000), ..good.clone() };
        assert_eq!(compare(&good, &dear).failures.len(), judged);
        let mut lacking = Record { rustc: "rustc 1.99.0".into(), ..good.clone() };
        lacking.contests.values_mut().for_each(|counts| counts.retain(|name, _| name == "ours"));
        assert_eq!(compare(&good, &lacking).failures.len(), judged);
        lacking.contests.clear();
        assert_eq!(compare(&good, &lacking).failures.len(), all_contests().count());
    }

    #[test]
    fn what_is_as_recorded_passes() {
        let verdict = compare(&record(1_000, 1_030), &record(1_020, 1_060));
        assert!(verdict.failures.is_empty() && verdict.remarks.is_empty(), "{verdict:?}");
    }

    /// Planted faults: each side grown by 6 %, the ratio kept.
    #[test]
    fn growth_is_found() {
        let verdict = compare(&record(1_000, 1_030), &record(1_060, 1_092));
        let contestants: usize = all_contests().map(|contest| contest.contestants().count()).sum();
        assert_eq!(verdict.failures.len(), 2 * MEASURES.len() + contestants, "{verdict:?}");
        assert!(verdict.failures[0].contains("--record"), "{verdict:?}");
    }

    /// Planted fault: a dearer call from C is found on any machine, though its counts are not comparable.
    #[test]
    fn a_ratio_above_its_limit_is_found_with_any_compiler() {
        let dear = record(1_000, 2_000);
        for fresh in [dear.clone(), Record { rustc: "rustc 1.99.0".into(), ..dear }] {
            let verdict = compare(&record(1_000, 2_000), &fresh);
            assert_eq!(verdict.failures.len(), MEASURES.len(), "{verdict:?}");
        }
    }

    /// Planted faults: room above the limit; a limit that must not be reached.
    #[test]
    fn a_limit_is_what_it_says() {
        let times = |verdict: Verdict| verdict.failures.iter().filter(|line| line.ends_with("1.05")).count();
        let held = MEASURES.iter().filter(|measure| measure.limit == Limit::Times(1.05)).count();
        assert!(held > 0);
        for (c, failures) in [(10_500, 0), (10_501, held)] {
            let counts = record(10_000, c);
            assert_eq!(times(compare(&counts, &counts)), failures, "{c}");
        }
    }

    #[test]
    fn counts_of_another_compiler_are_not_compared_and_that_is_said() {
        let fresh = Record { rustc: "rustc 1.99.0".into(), ..record(2_000, 2_020) };
        let verdict = compare(&record(1_000, 1_030), &fresh);
        assert!(verdict.failures.is_empty(), "{verdict:?}");
        assert!(verdict.remarks[0].contains("only ratios are held"), "{verdict:?}");
    }

    /// Planted faults: a measure that nobody recorded, and one that is gone.
    #[test]
    fn the_record_has_every_measure_and_no_other() {
        let mut recorded = record(1_000, 1_030);
        let counts = recorded.instructions.remove(MEASURES[0].name).expect("the measure");
        recorded.instructions.insert("former".into(), counts);
        let verdict = compare(&recorded, &record(1_000, 1_030));
        assert_eq!(verdict.failures.len(), 4, "each from Rust and from C: {verdict:?}");
    }

    #[test]
    fn the_committed_record_can_be_read() {
        let recorded = read().expect("instructions.json");
        let names: Vec<_> = recorded.instructions.keys().map(String::as_str).collect();
        let mut wanted: Vec<_> = MEASURES.iter().map(|measure| measure.name).collect();
        wanted.sort_unstable();
        assert_eq!(names, wanted);
        let counted = |record: &Record| -> Vec<_> {
            let contests = record.contests.iter();
            contests
                .map(|(name, counts)| (name.clone(), counts.keys().cloned().collect::<Vec<_>>()))
                .collect()
        };
        assert_eq!(counted(&recorded), counted(&record(1_000, 1_030)));
    }
}
