//! Measures of the engine, each beside its floor or its peer, in one run.
//!
//! * `cargo bench -p strowger-bench` times the small ones with criterion, in groups, and then makes the table of
//!   all measures.
//! * `cargo bench -p strowger-bench --bench measures -- --write` makes the table alone and writes it to
//!   `BENCHMARKS.md`.
//! * `cargo run -p strowger-bench -- instructions` counts instructions, which do not wobble on a busy machine.
//!
//! # How to add a measure
//!
//! A file in [`measures`] with `pub(super) fn run() -> Rows`, and its entry in [`measures::MEASURES`]. Whatever
//! it takes to judge the engine goes into a [`row::Row`]; [`beside::beside`] times two things in turns.
//!
//! # How to add a contest
//!
//! Small work that somebody else does as well (a `match`, `serde_json`, the same plugin linked in) is a
//! [`contest::Contest`]: each contestant prepares so many rounds, does them, and checks what it did.
//!
//! ```
//! use strowger_bench::contest::{Contest, Contestant, Peer, Prepared};
//!
//! struct Sum(Vec<u64>, Option<u64>);
//!
//! impl Prepared for Sum {
//!     fn play(&mut self) {
//!         self.1 = Some(self.0.iter().sum());
//!     }
//!
//!     fn check(&self) {
//!         assert_eq!(self.1, Some(self.0.len() as u64));
//!     }
//! }
//!
//! fn prepare(rounds: usize) -> Box<dyn Prepared> {
//!     Box::new(Sum(vec![1; rounds], None))
//! }
//!
//! const CONTESTS: &[Contest] = &[Contest {
//!     name: "a sum",
//!     units: 1,
//!     rounds: 1_000,
//!     ours: Contestant { name: "ours", prepare },
//!     peers: &[Peer {
//!         contestant: Contestant { name: "the other", prepare },
//!         at_most: 2.0,
//!         judges_counts: true,
//!     }],
//! }];
//! assert_eq!(CONTESTS[0].rows(3)[0].what, "a sum");
//! ```
//!
//! A constant slice of them, named in [`contest::CONTESTS`], is all it takes: criterion's groups and the record
//! of instructions follow that list, and a measure's `run` is
//! `Ok(CONTESTS.iter().flat_map(|contest| contest.rows(PAIRS)).collect())`. A new contest's counts are recorded
//! with `cargo run -p strowger-bench -- instructions --record`.
#![allow(
    clippy::missing_panics_doc,
    reason = "a measure whose subject is not as it should be is to stop at once"
)]

pub mod beside;
pub mod built;
pub mod contest;
pub mod drafts;
pub mod floor;
pub mod machine;
pub mod measures;
pub mod report;
pub mod row;
pub mod subjects;
pub mod transition;
