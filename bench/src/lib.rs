//! Measures of the engine, each beside its floor or its peer, in one run.
//!
//! `cargo bench -p strowger-bench` times; `cargo run -p strowger-bench -- instructions` counts instructions,
//! which do not wobble on a busy machine.
#![allow(
    clippy::missing_panics_doc,
    reason = "a measure whose subject is not as it should be is to stop at once"
)]

pub mod beside;
pub mod floor;
pub mod measures;
pub mod row;
pub mod subjects;
pub mod transition;
