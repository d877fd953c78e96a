//! `strowger_buf`: text that the library hands out.

use std::ptr;

use crate::entry::reading;
use crate::raw;
use crate::str::strowger_str;

/// Bytes that the library hands out: read them with strowger_buf_bytes(), release them with
/// strowger_buf_free().
pub struct strowger_buf {
    text: String,
}

impl strowger_buf {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }
}

/// The bytes of a buffer.
///
/// @param buf a buffer, or NULL.
/// @return its bytes, UTF-8 text, borrowed until strowger_buf_free(); empty for NULL.
/// @par Threads: any, several at once; callbacks may call it.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_buf_bytes(buf: *const strowger_buf) -> strowger_str {
    reading(strowger_str::EMPTY, |call| {
        raw::shared(call, buf).map_or(strowger_str::EMPTY, |buf| strowger_str::of(&buf.text))
    })
}

/// Releases a buffer.
///
/// @param buf a buffer that was not released yet, or NULL, which does nothing. What strowger_buf_bytes()
///   returned for it is gone.
/// @par Threads: any, no other call on this buffer at the same time; callbacks may call it.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_buf_free(buf: *mut strowger_buf) {
    reading((), |call| drop(raw::take(call, ptr::NonNull::new(buf))));
}
