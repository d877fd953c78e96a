//! The table that is printed.

use std::fmt::Write as _;

use crate::measure::MEASURES;
use crate::record::Record;

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
    text
}
