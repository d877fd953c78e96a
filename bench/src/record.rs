//! The record of counts in the tree, and the comparison with it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde::{Deserialize, Serialize};

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
    #[allow(clippy::cast_precision_loss, reason = "counts of one call are far below 2^52")]
    pub(crate) fn ratio(self) -> f64 {
        self.c as f64 / self.rust.max(1) as f64
    }
}

impl Record {
    /// An empty record of this machine.
    pub(crate) fn here() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            rustc: said(&std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into()), "--version")?,
            libc: said("getconf", "GNU_LIBC_VERSION")?,
            machine: machine(),
            instructions: BTreeMap::new(),
        })
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
    if !recorded.is_comparable(fresh) {
        verdict.remarks.push(format!(
            "only ratios are held: the record was made with {}, {}, {}; here are {}, {}, {}",
            recorded.rustc, recorded.libc, recorded.machine, fresh.rustc, fresh.libc, fresh.machine
        ));
        return verdict;
    }
    for (name, now) in &fresh.instructions {
        let Some(then) = recorded.instructions.get(name) else {
            verdict.failures.push(format!("{name}: is not recorded; {ANEW}"));
            continue;
        };
        for (side, now, then) in [("Rust", now.rust, then.rust), ("C", now.c, then.c)] {
            let growth = Counts { rust: then, c: now }.ratio();
            let words =
                format!("{name} from {side}: {now} instructions, {then} are recorded ({growth:.3} times)");
            if growth > GROWTH {
                verdict.failures.push(format!("{words}; if that is meant, {ANEW}"));
            } else if growth < 1.0 / GROWTH {
                verdict.remarks.push(format!("{words}; to keep what was gained, {ANEW}"));
            }
        }
    }
    for name in recorded.instructions.keys().filter(|name| !fresh.instructions.contains_key(*name)) {
        verdict.failures.push(format!("{name}: is recorded, and no measure any more; {ANEW}"));
    }
    verdict
}

const ANEW: &str = "run `cargo run -p strowger-bench -- instructions --record` and commit the result";

/// What a tool says in its first line.
fn said(tool: &str, argument: &str) -> Result<String, Box<dyn Error>> {
    let output =
        Command::new(tool).arg(argument).output().map_err(|error| format!("{tool} {argument}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().filter(|_| output.status.success());
    Ok(line.ok_or_else(|| format!("{tool} {argument} says nothing"))?.to_owned())
}

/// The architecture, and the extension by which the C library picks how it copies and compares.
fn machine() -> String {
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

    fn record(rust: u64, c: u64) -> Record {
        Record {
            rustc: "rustc 1.90.0".into(),
            libc: "glibc 2.36".into(),
            machine: "x86_64".into(),
            instructions: MEASURES.iter().map(|it| (it.name.to_owned(), Counts { rust, c })).collect(),
        }
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
        assert_eq!(verdict.failures.len(), 2 * MEASURES.len(), "{verdict:?}");
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
        assert_eq!(verdict.failures.len(), 2, "{verdict:?}");
    }

    #[test]
    fn the_committed_record_can_be_read() {
        let recorded = read().expect("instructions.json");
        let names: Vec<_> = recorded.instructions.keys().map(String::as_str).collect();
        let mut wanted: Vec<_> = MEASURES.iter().map(|measure| measure.name).collect();
        wanted.sort_unstable();
        assert_eq!(names, wanted);
    }
}
