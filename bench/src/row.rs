//! A line of the table: a measure, what it is held against, and whether it reaches that.

use std::fmt;

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is measured, as `Send, notified`.
    pub what: String,
    /// Our figure, with its unit.
    pub ours: String,
    /// What it is held against, and that figure: `serde_json alone: 1.2 µs`.
    pub beside: String,
    /// What is judged: a ratio, or a figure in the bound's unit.
    pub judged: f64,
    /// What it must reach.
    pub bound: Bound,
}

/// What a figure must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// It must not be higher, in this unit; a ratio has none.
    AtMost(f64, &'static str),
    /// It must not be lower, in this unit; a ratio has none.
    AtLeast(f64, &'static str),
}

impl Row {
    /// Whether it is reached.
    pub fn holds(&self) -> bool {
        match self.bound {
            Bound::AtMost(limit, _) => self.judged <= limit,
            Bound::AtLeast(limit, _) => self.judged >= limit,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, limit, unit) = match self {
            Self::AtMost(limit, unit) => ('≤', limit, unit),
            Self::AtLeast(limit, unit) => ('≥', limit, unit),
        };
        let space = if unit.is_empty() { "" } else { " " };
        write!(formatter, "{sign} {limit}{space}{unit}")
    }
}

/// The table's head.
pub const HEAD: &str = "| measure | ours | beside | judged | must be | |\n|---|---:|---:|---:|---:|---|\n";

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, ours, beside, judged, bound } = self;
        let verdict = if self.holds() { "ok" } else { "**falls short**" };
        write!(formatter, "| {what} | {ours} | {beside} | {judged:.2} | {bound} | {verdict} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_reached_from_its_own_side() {
        let row =
            |judged, bound| Row { what: "w".into(), ours: "o".into(), beside: "b".into(), judged, bound };
        assert!(row(1.4, Bound::AtMost(1.4, "")).holds() && !row(1.41, Bound::AtMost(1.4, "")).holds());
        assert!(row(1.8, Bound::AtLeast(1.8, "")).holds() && !row(1.79, Bound::AtLeast(1.8, "")).holds());
        assert_eq!(
            row(2.5, Bound::AtMost(2.0, "µs")).to_string(),
            "| w | o | b | 2.50 | ≤ 2 µs | **falls short** |"
        );
    }
}
