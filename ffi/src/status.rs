//! `strowger_status`: numbers that are for ever.

use ::engine::{Error, Refusal, StatusCode};

use crate::entry::reading;
use crate::str::strowger_str;

/// How a call ended: 0 or 1 for success, a negative number for an error. The numbers are for ever; more
/// may be added, so a switch over them needs a default.
pub type strowger_status = i32;

/// Done; the outputs are written.
pub const STROWGER_OK: strowger_status = 0;
/// Nothing there, or nothing came in time. No output is written.
pub const STROWGER_DONE: strowger_status = 1;

/// A pointer that must not be NULL is NULL, or a string has a NULL pointer and a length.
pub const STROWGER_ERR_NULL: strowger_status = -1;
/// A string is not UTF-8.
pub const STROWGER_ERR_UTF8: strowger_status = -2;
/// A string is longer than anything that makes sense in its place.
pub const STROWGER_ERR_TOO_LONG: strowger_status = -3;
/// A JSON document is malformed, lacks a member, or holds one that is unknown or of the wrong kind.
pub const STROWGER_ERR_DOCUMENT: strowger_status = -4;
/// The engine's configuration is wrong.
pub const STROWGER_ERR_CONFIG: strowger_status = -5;
/// There is no channel of that name.
pub const STROWGER_ERR_UNKNOWN_CHANNEL: strowger_status = -6;
/// It can't be done as things stand: offered twice, settled otherwise, a channel that somebody else runs.
pub const STROWGER_ERR_CONFLICT: strowger_status = -7;
/// The store failed. Nobody was told of a change that may be lost.
pub const STROWGER_ERR_STORE: strowger_status = -8;
/// A channel failed.
pub const STROWGER_ERR_CHANNEL: strowger_status = -9;
/// A plugin was not loaded; the error's message has the exact reason.
pub const STROWGER_ERR_LOAD: strowger_status = -10;
/// A channel's manifest is wrong.
pub const STROWGER_ERR_MANIFEST: strowger_status = -11;
/// The channel, its topic or its collection is served already.
pub const STROWGER_ERR_CHANNEL_TAKEN: strowger_status = -12;
/// The host struct can't be used.
pub const STROWGER_ERR_HOST: strowger_status = -13;
/// Called from inside a callback. Nothing was done.
pub const STROWGER_ERR_REENTRANT: strowger_status = -14;
/// A bug in the library. The handle of the call is poisoned, or the whole engine: close it.
pub const STROWGER_ERR_PANIC: strowger_status = -15;
/// An earlier call with this handle ended with STROWGER_ERR_PANIC, or one of this engine in the middle of a
/// change.
pub const STROWGER_ERR_POISONED: strowger_status = -16;

/// Refused as a request with statusCode 1 is: something required is missing.
pub const STROWGER_ERR_MISSING: strowger_status = -101;
/// Refused as a request with statusCode 2 is: a value is invalid.
pub const STROWGER_ERR_INVALID: strowger_status = -102;
/// Refused as a request with statusCode 3 is: the interaction's state does not allow it.
pub const STROWGER_ERR_FORBIDDEN: strowger_status = -103;
/// Refused as a request with statusCode 4 is: an internal failure, or no room.
pub const STROWGER_ERR_INTERNAL: strowger_status = -104;
/// Refused as a request with statusCode 5 is: the agent lacks a feature.
pub const STROWGER_ERR_NO_PERMISSION: strowger_status = -105;
/// Refused as a request with statusCode 6 is: unknown, or another agent's.
pub const STROWGER_ERR_NOT_FOUND: strowger_status = -106;
/// Refused as a request with statusCode 10 is: outside the valid range.
pub const STROWGER_ERR_OUT_OF_RANGE: strowger_status = -110;
/// Refused as a request with statusCode 11 is: it can't be written.
pub const STROWGER_ERR_READ_ONLY: strowger_status = -111;
/// Refused as a request with statusCode 18 is: an id that the host supplied is taken.
pub const STROWGER_ERR_ALREADY_EXISTS: strowger_status = -118;
/// Refused as a request with statusCode 20 is: nobody is logged in.
pub const STROWGER_ERR_NOT_AUTHENTICATED: strowger_status = -120;

/// The name of a status, as "STROWGER_ERR_NULL".
///
/// @param status any number.
/// @return the constant's name; "STROWGER_ERR_?" for a number that this version of the library does not
///   know. Static: never freed.
/// @par Threads: any; callbacks may call it.
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strowger_status_name(status: strowger_status) -> strowger_str {
    reading(strowger_str::EMPTY, |_| strowger_str::of(name(status)))
}

fn name(status: strowger_status) -> &'static str {
    match status {
        STROWGER_OK => "STROWGER_OK",
        STROWGER_DONE => "STROWGER_DONE",
        STROWGER_ERR_NULL => "STROWGER_ERR_NULL",
        STROWGER_ERR_UTF8 => "STROWGER_ERR_UTF8",
        STROWGER_ERR_TOO_LONG => "STROWGER_ERR_TOO_LONG",
        STROWGER_ERR_DOCUMENT => "STROWGER_ERR_DOCUMENT",
        STROWGER_ERR_CONFIG => "STROWGER_ERR_CONFIG",
        STROWGER_ERR_UNKNOWN_CHANNEL => "STROWGER_ERR_UNKNOWN_CHANNEL",
        STROWGER_ERR_CONFLICT => "STROWGER_ERR_CONFLICT",
        STROWGER_ERR_STORE => "STROWGER_ERR_STORE",
        STROWGER_ERR_CHANNEL => "STROWGER_ERR_CHANNEL",
        STROWGER_ERR_LOAD => "STROWGER_ERR_LOAD",
        STROWGER_ERR_MANIFEST => "STROWGER_ERR_MANIFEST",
        STROWGER_ERR_CHANNEL_TAKEN => "STROWGER_ERR_CHANNEL_TAKEN",
        STROWGER_ERR_HOST => "STROWGER_ERR_HOST",
        STROWGER_ERR_REENTRANT => "STROWGER_ERR_REENTRANT",
        STROWGER_ERR_PANIC => "STROWGER_ERR_PANIC",
        STROWGER_ERR_POISONED => "STROWGER_ERR_POISONED",
        STROWGER_ERR_MISSING => "STROWGER_ERR_MISSING",
        STROWGER_ERR_INVALID => "STROWGER_ERR_INVALID",
        STROWGER_ERR_FORBIDDEN => "STROWGER_ERR_FORBIDDEN",
        STROWGER_ERR_INTERNAL => "STROWGER_ERR_INTERNAL",
        STROWGER_ERR_NO_PERMISSION => "STROWGER_ERR_NO_PERMISSION",
        STROWGER_ERR_NOT_FOUND => "STROWGER_ERR_NOT_FOUND",
        STROWGER_ERR_OUT_OF_RANGE => "STROWGER_ERR_OUT_OF_RANGE",
        STROWGER_ERR_READ_ONLY => "STROWGER_ERR_READ_ONLY",
        STROWGER_ERR_ALREADY_EXISTS => "STROWGER_ERR_ALREADY_EXISTS",
        STROWGER_ERR_NOT_AUTHENTICATED => "STROWGER_ERR_NOT_AUTHENTICATED",
        _ => "STROWGER_ERR_?",
    }
}

/// The status of an error of the engine.
pub(crate) fn of_error(error: &Error) -> strowger_status {
    match error {
        Error::Refused(refusal) => of_refusal(refusal),
        Error::Conflict(_) => STROWGER_ERR_CONFLICT,
        Error::UnknownChannel { .. } => STROWGER_ERR_UNKNOWN_CHANNEL,
        Error::Config(_) => STROWGER_ERR_CONFIG,
        Error::Manifest(_) => STROWGER_ERR_MANIFEST,
        Error::ChannelTaken(_) => STROWGER_ERR_CHANNEL_TAKEN,
        Error::Channel(_) => STROWGER_ERR_CHANNEL,
        Error::Store(_) | Error::Open(_) => STROWGER_ERR_STORE,
        Error::Poisoned => STROWGER_ERR_POISONED,
        Error::InvalidAgentId(_) | Error::UnknownFormat(_) => STROWGER_ERR_INVALID,
        // An engine that is newer than this table.
        _ => STROWGER_ERR_INTERNAL,
    }
}

/// The status of a refusal: -100 less its code.
pub(crate) fn of_refusal(refusal: &Refusal) -> strowger_status {
    match refusal.code() {
        StatusCode::Missing => STROWGER_ERR_MISSING,
        StatusCode::Invalid => STROWGER_ERR_INVALID,
        StatusCode::Forbidden => STROWGER_ERR_FORBIDDEN,
        StatusCode::NoPermission => STROWGER_ERR_NO_PERMISSION,
        StatusCode::NotFound => STROWGER_ERR_NOT_FOUND,
        StatusCode::OutOfRange => STROWGER_ERR_OUT_OF_RANGE,
        StatusCode::ReadOnly => STROWGER_ERR_READ_ONLY,
        StatusCode::AlreadyExists => STROWGER_ERR_ALREADY_EXISTS,
        StatusCode::NotAuthenticated => STROWGER_ERR_NOT_AUTHENTICATED,
        // Success is no refusal; if it is one all the same, something inside is wrong.
        StatusCode::Internal | StatusCode::Success | StatusCode::PartialSuccess => STROWGER_ERR_INTERNAL,
    }
}
