//! Everything that is measured.

mod perform;
mod transition;

use std::error::Error;

use crate::row::Row;

/// What a measure gives, or why it could not be made.
pub type Rows = Result<Vec<Row>, Box<dyn Error>>;

/// A measure: its name on the command line, and what makes it. Order is that of the table.
pub struct Measure {
    /// As the command line names it.
    pub name: &'static str,
    /// Says in a sentence what is measured, for the table.
    pub about: &'static str,
    /// Makes it.
    pub run: fn() -> Rows,
}

/// Every measure.
pub const MEASURES: &[Measure] = &[
    Measure {
        name: "transition",
        about: "The capability check and the step on the table, four times on each of 1,000,000 interactions.",
        run: transition::run,
    },
    Measure {
        name: "perform",
        about: "A request's JSON in, reply JSON and one subscriber's notification JSON out, interactions in memory.",
        run: perform::run,
    },
];
