//! A transition: the capability check and the step on the table.

use super::Rows;
use crate::transition::CONTESTS;

const PAIRS: usize = 31;

/// Each script beside a `match` and beside `statig`.
pub(super) fn run() -> Rows {
    Ok(CONTESTS.iter().flat_map(|contest| contest.rows(PAIRS)).collect())
}
