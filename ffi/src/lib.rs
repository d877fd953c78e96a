//! The C library of Strowger: `libstrowger.so` and `libstrowger.a`, declared in `include/strowger.h`.
//!
//! One file for each C type. The comments of public items are the header's text, so they are written for
//! Doxygen and in the words of C.
//!
//! * `entry`: the one wrapper of every exported function: panics, re-entrance, poison, errors, the log.
//! * `raw`: the one file where a pointer that C handed in is read or written, and where C is called.
//!
//! A test holds that no other file has an unsafe block. `unsafe` stands before the exported functions
//! because of what they ask of their callers, not because of what they do.
#![allow(non_camel_case_types, reason = "these are the C names, and cbindgen writes them as they stand")]
#![allow(clippy::doc_markdown, reason = "Doxygen links the names in these comments, unless they are quoted")]
#![allow(clippy::doc_link_with_quotes, reason = "JSON in the header's comments")]
#![allow(
    clippy::missing_safety_doc,
    reason = "what a caller must do stands at each parameter in the header's comment"
)]

#[cfg(panic = "abort")]
compile_error!("libstrowger stops panics at its boundary: build it with panic = \"unwind\"");

pub mod agent;
pub mod buf;
mod callback;
pub mod delivery;
pub mod engine;
mod entry;
pub mod error;
pub mod host;
pub mod http;
pub mod inbound;
pub mod log;
#[cfg(feature = "test-panics")]
pub mod panics;
#[cfg(not(feature = "test-panics"))]
mod panics {
    /// A place at which tests plant a panic; nothing in the library that users get.
    pub(crate) const fn reach(_name: &str) {}
}
mod raw;
pub mod status;
pub mod str;
pub mod subscription;
pub mod upkeep;
pub mod version;
