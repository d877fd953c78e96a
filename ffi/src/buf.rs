//! `strowger_buf`: text that the library hands out.

use std::ptr;

use ::engine::Reply;

use crate::entry::{looking, reading};
use crate::raw::{self, Room};
use crate::str::strowger_str;

/// Bytes that the library hands out: read them with strowger_buf_bytes(), release them with
/// strowger_buf_free().
pub struct strowger_buf {
    text: Text,
}

#[allow(clippy::large_enum_variant, reason = "in a box, the short ones would cost another allocation")]
enum Text {
    /// Stands in the buffer itself: one allocation for the replies that nearly every request gets.
    Short(Room<SHORT_BYTES>),
    Long(String),
}

/// Enough for an acceptance, and for a refusal in a sentence or two.
const SHORT_BYTES: usize = 240;

impl strowger_buf {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: Text::Long(text.into()) }
    }

    /// The reply to a request, written where it will be read.
    #[inline]
    pub(crate) fn reply(reply: &Reply) -> Box<Self> {
        let mut buf = Box::new(Self { text: Text::Short(Room::new()) });
        let fits = match &mut buf.text {
            Text::Short(room) => reply.write_json(room).is_ok(),
            Text::Long(_) => false,
        };
        if !fits {
            buf.text = Text::Long(reply.to_json());
        }
        buf
    }

    fn bytes(&self) -> &[u8] {
        match &self.text {
            Text::Short(room) => room.bytes(),
            Text::Long(text) => text.as_bytes(),
        }
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
