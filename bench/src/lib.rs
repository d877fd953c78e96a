//! Measures of the engine, each beside its floor or its peer, in one run.
//!
//! `cargo bench -p strowger-bench` times; `cargo run -p strowger-bench -- instructions` counts instructions,
//! which do not wobble on a busy machine.

pub mod beside;
pub mod built;
pub mod drafts;
pub mod measures;
pub mod row;
