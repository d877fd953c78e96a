//! The table that is printed.

use std::fmt::Write as _;

use crate::measure::MEASURES;
use crate::record::{Record, all_contests, beside};

/// Each measure beside its peer.
pub(crate) fn of(record: &Record) -> String {
    let mut text = format!(
        "instructions of one call ({}, {}, {})\n\n| measure | from C | peer: from Rust | ratio | limit | |\n\
         |---|---:|---:|---:|---:|---|\n",
        record.rustc, record.libc, record.machine
    );
    for measure in MEASURES {
        let Some(counts) = record.instructions.get(measure.name) else { continue };
        let verdict = if measure.limit.holds(counts.rust, counts.c) { "ok" } else { "falls short" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.3} | {} | {verdict} |",
            measure.name,
            counts.c,
            counts.rust,
            counts.ratio(),
            measure.limit
        );
    }
    text.push_str("\ninstructions of one round\n\n| contest | ours | beside | ratio | limit | |\n|---|---:|---:|---:|---:|---|\n");
    for contest in all_contests() {
        for beside in record.contests.get(contest.name).into_iter().flat_map(|it| beside(contest, it)) {
            let verdict = match (beside.is_judged, beside.holds()) {
                (false, _) => "judged by time",
                (true, true) => "ok",
                (true, false) => "falls short",
            };
            let _ = writeln!(
                text,
                "| {} | {} | {}: {} | {:.3} | {:.2} | {verdict} |",
                contest.name,
                beside.ours,
                beside.peer,
                beside.theirs,
                beside.ratio(),
                beside.at_most
            );
        }
    }
    text
}
