//! The C ABI between the Strowger engine and a channel plugin: types and constants, nothing else.
//!
//! A plugin is a shared library with one exported function, [`ENTRY_SYMBOL`], that returns a static
//! [`strowger_channel_plugin`]. A host negotiates (magic, size, version, features) before it calls
//! anything else. The documents that cross this line are JSON; their shapes are described in the
//! generated header `strowger_channel.h` and in the rustdoc of the crate `strowger-channel`.
//!
//! ABI 1.1. Structs grow at their end only; `struct_size` says how much of one is there.
#![no_std]
#![allow(non_camel_case_types, reason = "these are the C names, and cbindgen writes them as they stand")]

use core::ffi::{c_char, c_void};

/// The first word of every descriptor: the bytes `STRWCHAN`, read as a big-endian integer.
pub const STROWGER_CHANNEL_MAGIC: u64 = 0x5354_5257_4348_414E;
/// The ABI's major version. A host and a plugin that differ in it do not work together.
pub const STROWGER_CHANNEL_ABI_MAJOR: u16 = 1;
/// The ABI's minor version: counts what was appended since the major.
pub const STROWGER_CHANNEL_ABI_MINOR: u16 = 1;

/// Host feature: the steps `request` and `wait` (every host has it).
pub const STROWGER_CHANNEL_FEATURE_HTTP: u64 = 1 << 0;
/// Host feature: the step `keep-secret` stores a value durably before the conversation goes on.
pub const STROWGER_CHANNEL_FEATURE_KEEP_SECRET: u64 = 1 << 1;
/// Host feature: request bodies may hold parts that are read from files.
pub const STROWGER_CHANNEL_FEATURE_FILES: u64 = 1 << 2;
/// Host feature, since 1.1: the step `stat-file`, and JSON bodies that hold pieces of files in base64.
pub const STROWGER_CHANNEL_FEATURE_FILE_FACTS: u64 = 1 << 3;
/// Host feature, since 1.1: the step `fetch-file`.
pub const STROWGER_CHANNEL_FEATURE_FETCH: u64 = 1 << 4;

/// Plugin status: done.
pub const STROWGER_CHANNEL_DONE: i32 = 0;
/// Plugin status: refused; a document that says why was emitted.
pub const STROWGER_CHANNEL_REFUSED: i32 = 1;
/// Plugin status: internal failure. Unknown values count as this one.
pub const STROWGER_CHANNEL_FAILED: i32 = -1;
/// Plugin status: a document from the host was not understood.
pub const STROWGER_CHANNEL_BAD_DOCUMENT: i32 = -2;
/// Plugin status: the plugin panicked; the instance is broken from here on.
pub const STROWGER_CHANNEL_PANICKED: i32 = -3;
/// Plugin status: the instance was broken by an earlier panic.
pub const STROWGER_CHANNEL_BROKEN: i32 = -4;

/// Log level of [`strowger_channel_host::log`]: an error.
pub const STROWGER_CHANNEL_LOG_ERROR: i32 = 1;
/// Log level of [`strowger_channel_host::log`]: a warning.
pub const STROWGER_CHANNEL_LOG_WARN: i32 = 2;
/// Log level of [`strowger_channel_host::log`]: information.
pub const STROWGER_CHANNEL_LOG_INFO: i32 = 3;
/// Log level of [`strowger_channel_host::log`]: detail for debugging.
pub const STROWGER_CHANNEL_LOG_DEBUG: i32 = 4;

/// The name of the one exported function.
pub const ENTRY_SYMBOL: &str = "strowger_channel_entry_v1";

/// The type of the one exported function. It has no side effects and may be called on any thread.
pub type EntryFn = unsafe extern "C" fn() -> *const strowger_channel_plugin;

/// Text or bytes, borrowed for the length of the call, not NUL-terminated. `{NULL, 0}` is empty.
/// Text is UTF-8. Frozen for ever.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strowger_str {
    /// The first byte; may be NULL when `len` is 0.
    pub ptr: *const c_char,
    /// The number of bytes.
    pub len: usize,
}

impl strowger_str {
    /// The empty string.
    pub const EMPTY: Self = Self { ptr: core::ptr::null(), len: 0 };

    /// Borrows `text`. The result must not outlive it; nothing here can hold that.
    pub const fn borrow(text: &str) -> Self {
        Self::borrow_bytes(text.as_bytes())
    }

    /// Borrows `bytes`. The result must not outlive them; nothing here can hold that.
    pub const fn borrow_bytes(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr().cast(), len: bytes.len() }
    }
}

// SAFETY: a `strowger_str` is an address and a length; whoever makes one guarantees that what it points
// at may be read by the threads that it hands it to (in a descriptor: static data).
unsafe impl Send for strowger_str {}
// SAFETY: as above; nothing is written through it.
unsafe impl Sync for strowger_str {}

/// Where a call of the plugin puts its document: made by the host, valid during the call only.
#[repr(C)]
pub struct strowger_sink {
    _opaque: [u8; 0],
}

/// An instance of a plugin: made by `create`, the plugin's own type behind it.
#[repr(C)]
pub struct strowger_channel {
    _opaque: [u8; 0],
}

/// A conversation with a platform: made by `begin`, ended by `end`.
#[repr(C)]
pub struct strowger_conversation {
    _opaque: [u8; 0],
}

/// What the host gives a plugin at `create`, valid until `destroy`. Any thread may call its functions,
/// from inside a call that the host makes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strowger_channel_host {
    /// `sizeof` of this struct at the host.
    pub struct_size: u32,
    /// The host's [`STROWGER_CHANNEL_ABI_MAJOR`].
    pub abi_major: u16,
    /// The host's [`STROWGER_CHANNEL_ABI_MINOR`].
    pub abi_minor: u16,
    /// What the host can do: `STROWGER_CHANNEL_FEATURE_…` bits.
    pub features: u64,
    /// Passed back to the functions below that take it.
    pub ctx: *mut c_void,
    /// Hands a document to the host, at most once per call that has a sink. Copies before it returns.
    pub emit: Option<unsafe extern "C" fn(sink: *mut strowger_sink, json: strowger_str)>,
    /// The time: milliseconds since 1970-01-01T00:00:00Z.
    pub now_ms: Option<unsafe extern "C" fn(ctx: *mut c_void) -> i64>,
    /// Fills `out` with `len` bytes fit for nonces.
    pub random: Option<unsafe extern "C" fn(ctx: *mut c_void, out: *mut u8, len: usize)>,
    /// Writes a line to the host's log. Never pass a secret.
    pub log: Option<unsafe extern "C" fn(ctx: *mut c_void, level: i32, message: strowger_str)>,
}

/// A plugin's descriptor: static, without side effects, returned by `strowger_channel_entry_v1`.
///
/// The functions of one instance may be called on several threads at once; those of one conversation on
/// one thread at a time, not always the same. A plugin does no I/O, reads no clock and keeps no thread.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strowger_channel_plugin {
    /// [`STROWGER_CHANNEL_MAGIC`].
    pub magic: u64,
    /// `sizeof` of this struct at the plugin.
    pub struct_size: u32,
    /// The plugin's [`STROWGER_CHANNEL_ABI_MAJOR`].
    pub abi_major: u16,
    /// The plugin's [`STROWGER_CHANNEL_ABI_MINOR`].
    pub abi_minor: u16,
    /// The host features without which the plugin can't work: `STROWGER_CHANNEL_FEATURE_…` bits.
    pub needs: u64,
    /// The plugin's name, as `twitter`.
    pub name: strowger_str,
    /// The plugin's own version, as `0.1.0`.
    pub version: strowger_str,
    /// Who made it: for logs.
    pub origin: strowger_str,
    /// Makes an instance from a configuration document. On refusal emits `{"message"}` into `error`, and
    /// leaves `out` alone. Mandatory.
    pub create: Option<
        unsafe extern "C" fn(
            host: *const strowger_channel_host,
            config_json: strowger_str,
            error: *mut strowger_sink,
            out: *mut *mut strowger_channel,
        ) -> i32,
    >,
    /// Ends an instance; no call on it may be under way. NULL does nothing. Mandatory.
    pub destroy: Option<unsafe extern "C" fn(channel: *mut strowger_channel)>,
    /// Emits the manifest document. Mandatory.
    pub manifest:
        Option<unsafe extern "C" fn(channel: *mut strowger_channel, out: *mut strowger_sink) -> i32>,
    /// Judges a message before it is accepted: 0, or emits `{"code", "message"}` (codes of the agents'
    /// replies: 2 invalid, 10 out of range). `extras_json` holds what the request carried and, as `userData`, the
    /// interaction's user data. Mandatory.
    pub check: Option<
        unsafe extern "C" fn(
            channel: *mut strowger_channel,
            channel_name: strowger_str,
            account: strowger_str,
            text: strowger_str,
            extras_json: strowger_str,
            refusal: *mut strowger_sink,
        ) -> i32,
    >,
    /// Begins a conversation for a job document and emits its first step. Mandatory.
    pub begin: Option<
        unsafe extern "C" fn(
            channel: *mut strowger_channel,
            job_json: strowger_str,
            step: *mut strowger_sink,
            out: *mut *mut strowger_conversation,
        ) -> i32,
    >,
    /// Goes on with the result of the last step and emits the next one. Mandatory.
    pub resume: Option<
        unsafe extern "C" fn(
            channel: *mut strowger_channel,
            conversation: *mut strowger_conversation,
            result_json: strowger_str,
            body: strowger_str,
            step: *mut strowger_sink,
        ) -> i32,
    >,
    /// Ends a conversation, finished or not. NULL does nothing. Mandatory.
    pub end: Option<
        unsafe extern "C" fn(channel: *mut strowger_channel, conversation: *mut strowger_conversation),
    >,
    /// Reads a webhook request of the platform and emits an answer document. May be NULL.
    pub ingest: Option<
        unsafe extern "C" fn(
            channel: *mut strowger_channel,
            request_json: strowger_str,
            body: strowger_str,
            answer: *mut strowger_sink,
        ) -> i32,
    >,
}
