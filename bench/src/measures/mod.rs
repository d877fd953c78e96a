//! Everything that is measured.

mod durable;

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
pub const MEASURES: &[Measure] = &[Measure { name: "durable", about: durable::ABOUT, run: durable::run }];
