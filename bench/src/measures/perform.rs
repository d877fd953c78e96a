//! A request's JSON in, the reply's JSON and one subscriber's notification out, beside what `serde_json` alone
//! needs for them.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::Rows;
use crate::beside::{Beside, beside};
use crate::floor::Floor;
use crate::row::{Bound, Row};
use crate::subjects::{Followed, Subjects};

/// How many requests make a turn, each on an interaction of its own: so few that what they are made of lies as near
/// as what the floor is made of.
const REQUESTS: u32 = 20;
const PAIRS: usize = 1_001;

/// Makes the measure.
#[allow(clippy::unnecessary_wraps, reason = "other measures can fail")]
pub(super) fn run() -> Rows {
    Ok(vec![
        row("Send on a fresh draft, notified", 1.4, Floor::send(), Subjects::drafts(0, Followed::Yes)),
        row(
            "Complete with all user data, notified",
            0.6,
            Floor::complete(),
            Subjects::inbound(0, Followed::Yes),
        ),
    ])
}

fn row(what: &str, limit: f64, mut floor: Floor, subjects: Subjects) -> Row {
    let mut subjects = subjects.at_work();
    let ours = || {
        subjects.refill(REQUESTS as usize);
        each(|| {
            black_box(subjects.perform_next());
        })
    };
    let Beside { ours, other, ratio } = beside(PAIRS, ours, || {
        each(|| {
            black_box(floor.round());
        })
    });
    Row {
        what: what.to_owned(),
        ours: format!("{} ns", ours.as_nanos()),
        beside: format!("serde_json alone: {} ns", other.as_nanos()),
        judged: ratio,
        bound: Bound::AtMost(limit, ""),
    }
}

/// What one of many takes.
fn each(mut one: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..REQUESTS {
        one();
    }
    start.elapsed() / REQUESTS
}
