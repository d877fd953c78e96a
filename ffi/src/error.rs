//! `strowger_error`: what went wrong, in words.

use std::ptr;

use ::engine::{Error, Refusal};
use strowger_loader::LoadError;

use crate::entry::reading;
use crate::raw;
use crate::status::{
    STROWGER_ERR_DOCUMENT, STROWGER_ERR_LOAD, STROWGER_OK, of_error, of_refusal, strowger_status,
};
use crate::str::strowger_str;

/// Why a call failed. Release it with strowger_error_free().
pub struct strowger_error {
    failure: Failure,
}

/// A status and its words. One word long: every argument that is read could be one.
#[derive(Debug)]
pub(crate) struct Failure(Box<Reason>);

#[derive(Debug)]
struct Reason {
    status: strowger_status,
    message: String,
}

impl Failure {
    pub(crate) fn new(status: strowger_status, message: impl Into<String>) -> Self {
        Self(Box::new(Reason { status, message: message.into() }))
    }

    /// A document that is not what it must be.
    pub(crate) fn document(parameter: &str, problem: impl std::fmt::Display) -> Self {
        Self::new(STROWGER_ERR_DOCUMENT, format!("`{parameter}`: {problem}"))
    }

    pub(crate) fn status(&self) -> strowger_status {
        self.0.status
    }
}

impl From<Failure> for strowger_error {
    fn from(failure: Failure) -> Self {
        Self { failure }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(of_error(&error), error.to_string())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(of_refusal(&refusal), refusal.message())
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::new(STROWGER_ERR_LOAD, error.to_string())
    }
}

/// What went wrong: what was expected, what came, and what to do. For people and logs, not for programs.
///
/// @param error an error, or NULL.
/// @return the text, borrowed until strowger_error_free(); empty for NULL.
/// @par Threads: any, several at once; callbacks may call it.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_error_message(error: *const strowger_error) -> strowger_str {
    reading(strowger_str::EMPTY, |call| {
        raw::shared(call, error)
            .map_or(strowger_str::EMPTY, |error| strowger_str::of(&error.failure.0.message))
    })
}

/// The status that the failed call returned.
///
/// @param error an error, or NULL.
/// @return the status; STROWGER_OK for NULL.
/// @par Threads: any, several at once; callbacks may call it.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_error_status(error: *const strowger_error) -> strowger_status {
    reading(STROWGER_OK, |call| raw::shared(call, error).map_or(STROWGER_OK, |error| error.failure.0.status))
}

/// Releases an error.
///
/// @param error an error that was not released yet, or NULL, which does nothing.
/// @par Threads: any, no other call on this error at the same time; callbacks may call it.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_error_free(error: *mut strowger_error) {
    reading((), |call| drop(raw::take(call, ptr::NonNull::new(error))));
}
