//! Refusals: a stable code, and a text that names what was wrong and what would be right.

use std::fmt;

/// The `statusCode` of a reply. The numbers are for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum StatusCode {
    /// The request was accepted.
    Success = 0,
    /// A required parameter is missing.
    Missing = 1,
    /// A parameter is invalid.
    Invalid = 2,
    /// The interaction's state does not allow the operation.
    Forbidden = 3,
    /// The store or the channel failed; never the caller's mistake.
    Internal = 4,
    /// The agent lacks a feature.
    NoPermission = 5,
    /// Unknown, or another agent's.
    NotFound = 6,
    /// Some of several were done.
    PartialSuccess = 7,
    /// A value outside the valid range.
    OutOfRange = 10,
    /// A property that can't be written.
    ReadOnly = 11,
    /// An id that the host supplied is taken.
    AlreadyExists = 18,
    /// Nobody is logged in.
    NotAuthenticated = 20,
}

impl StatusCode {
    /// The number in replies.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The HTTP status that goes with it.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Success | Self::PartialSuccess => 200,
            Self::Missing | Self::Invalid | Self::OutOfRange | Self::ReadOnly => 400,
            Self::NotAuthenticated => 401,
            Self::Forbidden | Self::NoPermission => 403,
            Self::NotFound => 404,
            Self::AlreadyExists => 409,
            Self::Internal => 500,
        }
    }
}

/// Why a request was refused. Nothing was changed, and nobody was notified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    code: StatusCode,
    http_status: u16,
    message: String,
}

impl Refusal {
    /// A refusal with its text.
    pub fn new(code: StatusCode, message: impl Into<String>) -> Self {
        Self { code, http_status: code.http_status(), message: message.into() }
    }

    pub(crate) fn missing(parameter: &str, what: impl fmt::Display) -> Self {
        Self::new(StatusCode::Missing, format!("the parameter `{parameter}` is missing: expected {what}"))
    }

    pub(crate) fn invalid(parameter: &str, problem: impl fmt::Display) -> Self {
        Self::new(StatusCode::Invalid, format!("the parameter `{parameter}` {problem}"))
    }

    pub(crate) fn out_of_range(message: impl Into<String>) -> Self {
        Self::new(StatusCode::OutOfRange, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NotFound, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::Internal, message)
    }

    /// A request body over the limit.
    pub(crate) fn body_too_large(found: usize, limit: usize) -> Self {
        Self {
            http_status: 413,
            ..Self::out_of_range(format!("the request body has {found} bytes: at most {limit} are allowed"))
        }
    }

    /// No room for another delivery: the one internal refusal that a caller can wait out.
    pub(crate) fn outbox_full() -> Self {
        Self {
            http_status: 503,
            ..Self::internal("the outbox is full: try again when deliveries have drained")
        }
    }

    /// The code.
    pub fn code(&self) -> StatusCode {
        self.code
    }

    /// The HTTP status that goes with it.
    pub fn http_status(&self) -> u16 {
        self.http_status
    }

    /// What was wrong and what would be right.
    pub fn message(&self) -> &str {
        &self.message
    }
}
