//! Plants panics in the library and in the engine: for the tests that panics stop at the boundary.

use parking_lot::Mutex;

use crate::entry::entry;
use crate::error::strowger_error;
use crate::status::{STROWGER_OK, strowger_status};
use crate::str::strowger_str;

/// Where the next panic is planted.
static PLANTED: Mutex<Option<String>> = Mutex::new(None);

/// Whoever comes to this place next, on any thread, panics; once. An empty name plants nothing. Not in the
/// header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_test_panic_at(
    place: strowger_str,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let place = place.name(call, "place")?;
        *PLANTED.lock() = Some(place.to_owned()).filter(|place| !place.is_empty());
        ::engine::failpoint::install(reach);
        Ok(STROWGER_OK)
    })
}

/// Panics if this is the place.
pub(crate) fn reach(place: &'static str) {
    let mut planted = PLANTED.lock();
    let is_here = planted.as_deref() == Some(place);
    if is_here {
        *planted = None;
    }
    drop(planted);
    assert!(!is_here, "planted {place}");
}
