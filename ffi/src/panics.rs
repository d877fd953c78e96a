//! An entry that panics: for the test that panics stop at the boundary.

use crate::engine::strowger_engine;
use crate::entry::entry;
use crate::error::strowger_error;
use crate::raw;
use crate::status::strowger_status;

/// Panics with the engine's handle in use. Not in the header.
#[allow(clippy::missing_panics_doc, reason = "no caller ever sees it: that is the point")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_test_panic(
    engine: *mut strowger_engine,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let _handle = raw::handle(call, engine, "engine")?;
        panic!("as the test wants it");
    })
}
