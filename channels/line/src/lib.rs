//! The documents between the engine and a channel plugin, written and read quickly on both sides: by the loader
//! and by the SDK.
//!
//! Two calls of a plugin publish a message, and most of what they cost is JSON. So a document is written member by
//! member ([`mod@write`]), and a [`Reader`] takes one that looks as such a writer makes it: in that order, without
//! spaces, but for user data, which is the text that clients sent. Any other form is JSON as well, and may come at any
//! time, from a plugin in C, say: the reader gives up, and `serde_json` reads the document from its beginning. What
//! the two make of a document is the same.
#![forbid(unsafe_code)]

mod plain;
mod reader;
pub mod write;

pub use reader::Reader;
