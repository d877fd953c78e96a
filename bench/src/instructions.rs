//! Instruction counts: of a call from C and from Rust, and of contests.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use strowger_bench::contest::{CONTESTS, Contest, Contestant};

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
    for contest in CONTESTS.iter().copied().flatten() {
        let counts = contest
            .contestants()
            .map(|contestant| Ok((contestant.name.to_owned(), rounds(&drivers, contest, contestant)?)));
        let counts: Result<_, Box<dyn Error>> = counts.collect();
        fresh.contests.insert(contest.name.to_owned(), counts?);
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

/// Counts what a call costs.
fn count(drivers: &Drivers, caller: Caller, measure: &Measure) -> Result<Counted, Box<dyn Error>> {
    let name = format!("{} from {caller:?}", measure.name);
    let (total, printed) = counted(drivers, &name, drivers.of(caller), &measure.arguments())?;
    let (bytes, last) = printed.trim_end().split_once(' ').unwrap_or((printed.trim_end(), ""));
    if !last.starts_with(measure.answer) {
        return Err(format!("{name} was answered {last}").into());
    }
    // The call that warms up is counted as well.
    Ok(Counted { per_call: total / (CALLS as u64 + 1), answers: bytes.parse()? })
}

/// Counts what a contestant's round costs.
fn rounds(drivers: &Drivers, contest: &Contest, contestant: &Contestant) -> Result<u64, Box<dyn Error>> {
    let name = format!("{}, {}", contest.name, contestant.name);
    let arguments = [contest.name, contestant.name, &CALLS.to_string()].map(str::to_owned);
    let (total, _) = counted(drivers, &name, &drivers.contest, &arguments)?;
    Ok(total / CALLS as u64)
}

/// Runs a program under callgrind: the instructions of what is measured, and what the program printed.
fn counted(
    drivers: &Drivers,
    name: &str,
    program: &Path,
    arguments: &[String],
) -> Result<(u64, String), Box<dyn Error>> {
    let file: String = name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '_' }).collect();
    let out = drivers.directory.join(format!("callgrind.{file}"));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=strowger_bench_measured", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(arguments)
        // What a program does once, at its start, is no part of a call.
        .env("LD_BIND_NOW", "1")
        .output()
        .map_err(|error| format!("valgrind could not be started: {error}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name}: {} {words}", output.status).into());
    }
    let total = total(&fs::read_to_string(&out)?).filter(|total| *total > 0);
    let total = total.ok_or_else(|| format!("{name}: callgrind has counted nothing"))?;
    Ok((total, String::from_utf8_lossy(&output.stdout).into_owned()))
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
