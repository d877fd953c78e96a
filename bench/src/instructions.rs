//! Instruction counts of a call from C and from Rust.

use std::error::Error;
use std::fs;
use std::process::Command;

use crate::drivers::{Caller, Drivers};
use crate::measure::{CALLS, MEASURES, Measure};
use crate::record::{self, Counts, Record};
use crate::table;

/// What the counts are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Show,
    Check,
    Record,
}

/// Counts, and prints the table. `false` if a check failed.
pub(crate) fn run(purpose: Purpose) -> Result<bool, Box<dyn Error>> {
    let drivers = Drivers::build()?;
    let mut fresh = Record::here()?;
    for measure in MEASURES {
        let (rust, c) = (count(&drivers, Caller::Rust, measure)?, count(&drivers, Caller::C, measure)?);
        if rust.answers != c.answers {
            return Err(format!(
                "{}: not the same work: Rust was answered {} bytes, C {}",
                measure.name, rust.answers, c.answers
            )
            .into());
        }
        fresh.instructions.insert(measure.name.to_owned(), Counts { rust: rust.per_call, c: c.per_call });
    }
    print!("{}", table::of(&fresh));
    match purpose {
        Purpose::Show => Ok(true),
        Purpose::Record => {
            record::write(&fresh)?;
            println!("\nrecorded in {}", record::path().display());
            Ok(true)
        }
        Purpose::Check => {
            let verdict = record::compare(&record::read()?, &fresh);
            println!();
            for line in verdict.remarks.iter().chain(&verdict.failures) {
                println!("{line}");
            }
            println!("{}", if verdict.failures.is_empty() { "ok" } else { "falls short" });
            Ok(verdict.failures.is_empty())
        }
    }
}

struct Counted {
    per_call: u64,
    /// The bytes of all answers: both sides must have been answered the same.
    answers: u64,
}

/// Runs a driver under callgrind.
fn count(drivers: &Drivers, caller: Caller, measure: &Measure) -> Result<Counted, Box<dyn Error>> {
    let out =
        drivers.directory.join(format!("callgrind.{}.{caller:?}", measure.name.replace([' ', ','], "_")));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=strowger_bench_measured", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(drivers.of(caller))
        .args(measure.arguments())
        // What a program does once, at its start, is no part of a call.
        .env("LD_BIND_NOW", "1")
        .output()
        .map_err(|error| format!("valgrind could not be started: {error}"))?;
    let (printed, words) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(format!("{} from {caller:?}: {} {words}", measure.name, output.status).into());
    }
    let (bytes, last) = printed.trim_end().split_once(' ').unwrap_or((printed.trim_end(), ""));
    if !last.starts_with(measure.answer) {
        return Err(format!("{} from {caller:?} was answered {last}", measure.name).into());
    }
    let total = total(&fs::read_to_string(&out)?).ok_or("callgrind's file has no total")?;
    // The call that warms up is counted as well.
    Ok(Counted { per_call: total / (CALLS as u64 + 1), answers: bytes.parse()? })
}

/// The sum over everything, in callgrind's file.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("totals: "));
    line.or_else(|| text.lines().find_map(|line| line.strip_prefix("summary: ")))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found() {
        assert_eq!(total("version: 1\nsummary: 7\n\nfn=(1)\n1 2\ntotals: 1234\n"), Some(1234));
        assert_eq!(total("version: 1\nsummary: 7\n"), Some(7));
        assert_eq!(total("totals: many\n"), None);
    }
}
