//! A transition: the capability check and the step on the table.

use std::time::{Duration, Instant};

use super::Rows;
use crate::beside::beside;
use crate::row::{Bound, Row};
use crate::transition::{ByHand, Generated, INTERACTIONS, Life, SCRIPTS, Script, Table, drafts, ended, play};

/// At most so many times a `match` written by hand.
const BY_HAND: f64 = 1.0;
/// At most so many times the code that `statig` generates.
const GENERATED: f64 = 2.0;

const PAIRS: usize = 31;

/// Each script beside a `match` and beside `statig`.
pub(super) fn run() -> Rows {
    let mut rows = Vec::new();
    for script in &SCRIPTS {
        rows.push(row::<ByHand>(script, "a `match` by hand", BY_HAND));
        rows.push(row::<Generated>(script, "`statig`", GENERATED));
    }
    Ok(rows)
}

fn row<Other: Life>(script: &Script, other: &str, limit: f64) -> Row {
    let (ours, others) = (drafts::<Table>(INTERACTIONS), drafts::<Other>(INTERACTIONS));
    let timed = beside(PAIRS, || played(&ours, script), || played(&others, script));
    Row {
        what: script.name.into(),
        ours: a_transition(timed.ours),
        beside: format!("{other}: {}", a_transition(timed.other)),
        judged: timed.ratio,
        bound: Bound::AtMost(limit, ""),
    }
}

/// How long the script takes on all of them.
fn played<L: Life>(fresh: &[L], script: &Script) -> Duration {
    let mut lives = fresh.to_vec();
    let started = Instant::now();
    play(&mut lives, &script.happenings);
    let took = started.elapsed();
    assert_eq!(ended(&lives, script), lives.len(), "{}: all come to the same end", script.name);
    took
}

fn a_transition(all: Duration) -> String {
    #[allow(clippy::cast_precision_loss, reason = "a few millions")]
    let transitions = (INTERACTIONS * SCRIPTS[0].happenings.len()) as f64;
    format!("{:.2} ns", all.as_secs_f64() * 1e9 / transitions)
}
