//! Everything that is measured.
#![allow(clippy::unnecessary_wraps, reason = "all measures have one signature, also those that can't fail")]

mod cores;
mod durable;
pub mod gateway;
pub mod notify;
mod number;
mod perform;
pub mod plugin;
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
        about: "A request's JSON in, reply JSON and one subscriber's notification JSON out, interactions in memory, in \
            an engine that has been at work: as many notes are kept as will be.",
        run: perform::run,
    },
    Measure { name: "cores", about: cores::ABOUT, run: cores::run },
    Measure { name: "number", about: number::ABOUT, run: number::run },
    Measure { name: "durable", about: durable::ABOUT, run: durable::run },
    Measure { name: "notify", about: notify::ABOUT, run: notify::run },
    Measure { name: "gateway", about: gateway::ABOUT, run: gateway::run },
    Measure { name: "plugin", about: plugin::ABOUT, run: plugin::run },
];
