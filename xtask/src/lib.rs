//! Development chores, as a library so that tests can hold what they write.

pub mod docs;
pub mod facts;
pub mod headers;
pub mod install;
