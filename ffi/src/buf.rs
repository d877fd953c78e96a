//! `strowger_buf`: text that the library hands out.

use std::fmt;
use std::ptr;

use ::engine::Reply;

use crate::entry::{looking, reading};
use crate::raw;
use crate::str::strowger_str;

/// Bytes that the library hands out: read them with strowger_buf_bytes(), release them with
/// strowger_buf_free().
pub struct strowger_buf {
    text: Text,
}

enum Text {
    /// Stands in the buffer itself: one allocation for the reply that nearly every request gets.
    Short(Short),
    Long(String),
}

impl strowger_buf {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: Text::Long(text.into()) }
    }

    /// The reply to a request.
    pub(crate) fn reply(reply: &Reply) -> Self {
        let mut short = Short { len: 0, bytes: [0; SHORT_BYTES] };
        let is_short = matches!(reply, Reply::Accepted { .. }) && reply.write_json(&mut short).is_ok();
        if is_short { Self { text: Text::Short(short) } } else { Self::new(reply.to_json()) }
    }

    fn bytes(&self) -> &[u8] {
        match &self.text {
            Text::Short(short) => short.bytes.get(..usize::from(short.len)).unwrap_or_default(),
            Text::Long(text) => text.as_bytes(),
        }
    }
}

/// Room for an acceptance, whatever its number.
const SHORT_BYTES: usize = 55;

struct Short {
    len: u8,
    bytes: [u8; SHORT_BYTES],
}

impl fmt::Write for Short {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let from = usize::from(self.len);
        let room = self.bytes.get_mut(from..from + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = u8::try_from(from + text.len()).map_err(|_| fmt::Error)?;
        Ok(())
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
    looking(|call| {
        raw::shared(call, buf).map_or(strowger_str::EMPTY, |buf| strowger_str::of_bytes(buf.bytes()))
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
