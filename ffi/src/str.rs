//! `strowger_str`: text that C lends, and text that is lent to C.

use std::ffi::c_char;
use std::ptr;
use std::str::Utf8Error;

use serde::de::DeserializeOwned;

use crate::entry::Call;
use crate::error::Failure;
use crate::raw;
use crate::status::STROWGER_ERR_UTF8;

/// Text or bytes, borrowed, not NUL-terminated. `{NULL, 0}` is empty. Text is UTF-8. Frozen for ever.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strowger_str {
    /// The first byte; may be NULL when `len` is 0.
    pub ptr: *const c_char,
    /// The number of bytes.
    pub len: usize,
}

/// The longest name: of a channel, an agent, an interaction, a topic, a file.
const NAME_BYTES: usize = 4 << 10;
/// The longest document. Requests have their own, smaller limit in the engine, which answers with a reply.
const DOCUMENT_BYTES: usize = 64 << 20;

impl strowger_str {
    pub(crate) const EMPTY: Self = Self { ptr: ptr::null(), len: 0 };

    /// Lends `text` to C, for as long as the header says.
    pub(crate) fn of(text: &str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    /// Lends `bytes` to C, for as long as the header says.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr().cast(), len: bytes.len() }
    }

    /// The text as a name.
    #[inline]
    pub(crate) fn name<'c>(self, call: &'c Call, parameter: &str) -> Result<&'c str, Failure> {
        utf8(raw::bytes(call, self, parameter, NAME_BYTES)?, parameter)
    }

    /// The text as a JSON object, read into its type.
    pub(crate) fn object<T: DeserializeOwned>(self, call: &Call, parameter: &str) -> Result<T, Failure> {
        let document = self.document(call, parameter)?;
        if !is_object(document) {
            return Err(Failure::document(parameter, "must be a JSON object"));
        }
        serde_json::from_str(document).map_err(|error| Failure::document(parameter, error))
    }

    /// The text as a document.
    #[inline]
    pub(crate) fn document<'c>(self, call: &'c Call, parameter: &str) -> Result<&'c str, Failure> {
        utf8(self.bytes(call, parameter)?, parameter)
    }

    /// The bytes, which need not be text.
    pub(crate) fn bytes<'c>(self, call: &'c Call, parameter: &str) -> Result<&'c [u8], Failure> {
        raw::bytes(call, self, parameter, DOCUMENT_BYTES)
    }
}

/// Whether a JSON text is an object. Read into a type with named members, an array would do as well: its
/// items stand for the members in their order, which nobody means.
pub(crate) fn is_object(json: &str) -> bool {
    json.trim_start().starts_with('{')
}

#[inline]
fn utf8<'c>(bytes: &'c [u8], parameter: &str) -> Result<&'c str, Failure> {
    raw::utf8(bytes).map_err(|error| not_utf8(error, parameter))
}

#[cold]
fn not_utf8(error: Utf8Error, parameter: &str) -> Failure {
    Failure::new(STROWGER_ERR_UTF8, format!("`{parameter}` is not UTF-8: {error}"))
}
