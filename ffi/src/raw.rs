//! Every pointer that C hands in is read and written here, and every function of C is called here. Nothing
//! outside of this file is unsafe.
//!
//! What can be checked is checked: NULL, lengths, sizes. The rest is the caller's word, given by calling
//! an exported function at all. "The caller guarantees" below means what the header's conventions ask of
//! every caller: a handle is one that this library made and that was not closed; a string's pointer and
//! length describe memory that stays as it is until the function returns; an output is memory that can be
//! written. The functions here are reached only with a [`Call`], which only the wrapper of exported
//! functions makes, and only with what C handed to that very function: that is their safety contract, and
//! the reason why they need not be marked `unsafe` one by one. What they lend lives no longer than the call.

use std::ffi::c_void;
use std::fmt;
use std::mem::{MaybeUninit, offset_of, size_of};
use std::ptr::{self, NonNull};
use std::slice;
use std::str::{self, Utf8Error};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::callback;
use crate::entry::{Call, Handle, Ties};
use crate::error::{Failure, strowger_error};
use crate::host::strowger_host;
use crate::http::{strowger_http_answer, strowger_http_request};
use crate::log::strowger_log_fn;
use crate::status::{STROWGER_ERR_HOST, STROWGER_ERR_NULL, STROWGER_ERR_TOO_LONG};
use crate::str::strowger_str;

// ---- What comes in -----------------------------------------------------------------------------------

/// A handle that a call is made on: not NULL, not poisoned.
#[inline]
pub(crate) fn handle<'c, T: Handle>(
    call: &'c Call,
    pointer: *const T,
    parameter: &str,
) -> Result<&'c T, Failure> {
    let handle = shared(call, pointer).ok_or_else(|| null(parameter))?;
    call.on(handle, parameter)?;
    Ok(handle)
}

/// What a handle shares with the calls that use it, lent to the call that is made on it.
#[derive(Clone, Copy)]
pub(crate) struct Lent(NonNull<Ties>);

impl Lent {
    /// Lends what stands in a handle that a call is made on.
    pub(crate) fn of(ties: &Ties) -> Self {
        Self(NonNull::from(ties))
    }

    /// What was lent.
    pub(crate) fn ties(self, _call: &Call) -> &Ties {
        // SAFETY: it stands in the handle that the call is made on, and is only ever shared. The caller guarantees
        // that nobody closes that handle during the call; where the header allows it all the same, the call has
        // tied itself to a copy (`Call::tie`), and this is not asked for any more.
        unsafe { self.0.as_ref() }
    }
}

/// A value that the library made, shared with other calls. `None` for NULL.
pub(crate) fn shared<T>(_call: &Call, pointer: *const T) -> Option<&T> {
    // SAFETY: not NULL, or nothing is read. The caller guarantees that it is a handle of this type from this
    // library, which made it with `Box::into_raw`, and that nobody closes it during the call. Handles are
    // only ever shared: what changes in them does so behind locks and atomics.
    unsafe { pointer.as_ref() }
}

/// A value that the library made and now takes back. `None` for NULL.
pub(crate) fn take<T>(_call: &Call, pointer: Option<NonNull<T>>) -> Option<Box<T>> {
    // SAFETY: the caller guarantees that it is a handle of this type from this library, which made it with
    // `Box::into_raw`, that it was not closed before, and that no other call uses it now or later.
    let taken = unsafe { Box::from_raw(pointer?.as_ptr()) };
    crate::panics::reach("taking");
    Some(taken)
}

/// The bytes of a string, at most `limit` of them.
#[inline]
pub(crate) fn bytes<'c>(
    _call: &'c Call,
    text: strowger_str,
    parameter: &str,
    limit: usize,
) -> Result<&'c [u8], Failure> {
    if text.len == 0 {
        return Ok(&[]);
    }
    if text.len > limit || text.ptr.is_null() {
        return Err(unreadable(text, parameter, limit));
    }
    // SAFETY: not NULL, and at most `limit` bytes, which is less than `isize::MAX`. The caller guarantees
    // that `len` bytes can be read there, and that nobody writes to them before the call returns.
    Ok(unsafe { slice::from_raw_parts(text.ptr.cast(), text.len) })
}

#[cold]
fn unreadable(text: strowger_str, parameter: &str, limit: usize) -> Failure {
    let len = text.len;
    if len > limit {
        let problem = format!("`{parameter}` has {len} bytes: at most {limit} are allowed");
        return Failure::new(STROWGER_ERR_TOO_LONG, problem);
    }
    Failure::new(STROWGER_ERR_NULL, format!("`{parameter}` has a NULL pointer and {len} bytes"))
}

/// The bytes as text. Most names and documents are ASCII, which is seen many bytes at a time.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Utf8Error> {
    if bytes.is_ascii() {
        // SAFETY: `is_ascii` guarantees that every byte is below 128, so each is a whole character of UTF-8.
        return Ok(unsafe { str::from_utf8_unchecked(bytes) });
    }
    str::from_utf8(bytes)
}

// ---- What goes out -----------------------------------------------------------------------------------

/// Where a result is to be written: known not to be NULL before anything is done, written last.
pub(crate) struct Out<'c, T> {
    place: NonNull<T>,
    _call: &'c Call,
}

/// An output parameter.
pub(crate) fn out<'c, T>(call: &'c Call, place: *mut T, parameter: &str) -> Result<Out<'c, T>, Failure> {
    Ok(Out { place: NonNull::new(place).ok_or_else(|| null(parameter))?, _call: call })
}

impl<T: Copy> Out<'_, T> {
    /// Writes the result.
    pub(crate) fn set(self, value: T) {
        // SAFETY: the caller guarantees that a `T` can be written there, aligned as C aligns it; what was
        // there before is not read.
        unsafe { self.place.write(value) }
    }
}

impl<T> Out<'_, *mut T> {
    /// Hands a value over: it is the caller's to close or free.
    pub(crate) fn hand_over(self, value: impl Into<Box<T>>) {
        self.set(Box::into_raw(value.into()));
    }
}

/// Room for a short text in what is handed out. It costs nothing before something is written to it.
pub(crate) struct Room<const BYTES: usize> {
    /// So many bytes were written, from the beginning.
    written: usize,
    bytes: [MaybeUninit<u8>; BYTES],
}

impl<const BYTES: usize> Room<BYTES> {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { written: 0, bytes: [const { MaybeUninit::uninit() }; BYTES] }
    }

    /// What was written.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `write_str`, which alone changes `written`, guarantees that every byte before that place was
        // written to, and that there are so many.
        unsafe { slice::from_raw_parts(self.bytes.as_ptr().cast(), self.written) }
    }
}

impl<const BYTES: usize> fmt::Write for Room<BYTES> {
    /// Fails, and writes nothing, if there is no room for the whole text.
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = self.bytes.get_mut(self.written..).and_then(|free| free.get_mut(..text.len()));
        let free = free.ok_or(fmt::Error)?;
        // SAFETY: both are `text.len()` bytes long; the borrow of `self` guarantees that nobody else reads or writes
        // `free`, of which the text can be no part.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), free.as_mut_ptr().cast(), text.len()) };
        self.written += text.len();
        Ok(())
    }
}

/// Hands an error out, if the caller wants one.
pub(crate) fn write_error(call: &Call, place: *mut *mut strowger_error, failure: Failure) {
    if let Ok(out) = out(call, place, "error") {
        out.hand_over(strowger_error::from(failure));
    }
}

#[cold]
fn null(parameter: &str) -> Failure {
    Failure::new(STROWGER_ERR_NULL, format!("`{parameter}` is NULL"))
}

// ---- The host's functions ----------------------------------------------------------------------------

/// What the host's functions are called with. Dropped with the last thing that could call one of them.
pub(crate) struct UserData {
    pointer: *mut c_void,
    drop: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
    /// Whether it belongs to the library: a call that failed has taken nothing.
    is_owned: AtomicBool,
}

// SAFETY: an address that is handed back to the host's functions and never read here. The host guarantees,
// by the header, that its functions may be called with it on any thread.
unsafe impl Send for UserData {}
// SAFETY: as above, on several threads at once.
unsafe impl Sync for UserData {}

impl UserData {
    fn new(pointer: *mut c_void, drop: Option<unsafe extern "C" fn(*mut c_void)>) -> Arc<Self> {
        Arc::new(Self { pointer, drop, is_owned: AtomicBool::new(false) })
    }

    /// From now on the library calls `drop` when it is done with it.
    pub(crate) fn own(&self) {
        self.is_owned.store(true, Ordering::Release);
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let (Some(drop), true) = (self.drop, self.is_owned.load(Ordering::Acquire)) {
            // SAFETY: the host guarantees that this function may be called once with its own pointer, on any
            // thread; it is called nowhere else, and nothing that could use the pointer is left.
            callback::during(|| unsafe { drop(self.pointer) });
        }
    }
}

/// The host's log function.
pub(crate) struct LogFunction {
    function: unsafe extern "C" fn(user_data: *mut c_void, level: i32, message: strowger_str),
    user_data: Arc<UserData>,
}

impl LogFunction {
    /// The function with its user data, which is owned from here on. `None` if there is no function.
    pub(crate) fn new(
        _call: &Call,
        function: strowger_log_fn,
        user_data: *mut c_void,
        drop: Option<unsafe extern "C" fn(*mut c_void)>,
    ) -> Option<Self> {
        let user_data = UserData::new(user_data, drop);
        user_data.own();
        function.map(|function| Self { function, user_data })
    }

    /// Writes a line.
    pub(crate) fn write(&self, level: i32, message: &str) {
        // SAFETY: the host guarantees a function of this type that may be called with its own pointer on any
        // thread; the message lives until it returns.
        callback::during(|| unsafe {
            (self.function)(self.user_data.pointer, level, strowger_str::of(message));
        });
    }
}

/// What a program serves to its engine: a copy of its strowger_host.
pub(crate) struct Services {
    host: strowger_host,
    user_data: Arc<UserData>,
}

// SAFETY: function addresses, which are the same on every thread, and a pointer that is never read here
// (`UserData`). The host guarantees, by the header, that its functions may be called on any thread.
unsafe impl Send for Services {}
// SAFETY: as above, on several threads at once.
unsafe impl Sync for Services {}

/// How far a host struct of a later version may reach before its size is taken for a mistake.
const LARGEST_HOST_BYTES: usize = 4 << 10;

impl Services {
    /// Copies the host struct, as far as both sides know it.
    pub(crate) fn read(_call: &Call, host: *const strowger_host) -> Result<Self, Failure> {
        const KNOWN: usize = size_of::<strowger_host>();
        let unusable = |problem: String| Failure::new(STROWGER_ERR_HOST, format!("`host`: {problem}"));
        if host.is_null() {
            return Err(null("host"));
        }
        // SAFETY: not NULL. The caller guarantees that at least `struct_size` can be read there, aligned:
        // it is the struct's first member in every version.
        let size = unsafe { host.byte_add(offset_of!(strowger_host, struct_size)).cast::<u32>().read() };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if !(KNOWN..=LARGEST_HOST_BYTES).contains(&size) {
            return Err(unusable(format!(
                "its struct_size is {size}: set it to sizeof(strowger_host), which is {KNOWN} or more"
            )));
        }
        // SAFETY: the caller guarantees `struct_size` readable bytes, and there are as many as this version
        // of the struct has. Every bit pattern that C can put into its members is a value of theirs.
        let known = unsafe { host.read() };
        // SAFETY: the caller guarantees `struct_size` readable bytes; these are the ones behind the known
        // part.
        let rest = unsafe { slice::from_raw_parts(host.cast::<u8>().add(KNOWN), size - KNOWN) };
        if rest.iter().any(|&byte| byte != 0) {
            return Err(unusable(format!(
                "it has members behind the first {KNOWN} bytes that this version of the library does not \
                 know: leave them NULL, or use a newer library"
            )));
        }
        let user_data = UserData::new(known.user_data, known.drop);
        Ok(Self { host: known, user_data })
    }

    /// The user data, to be owned once the call has succeeded.
    pub(crate) fn user_data(&self) -> &UserData {
        &self.user_data
    }

    /// The log function, if there is one.
    pub(crate) fn log(&self) -> Option<LogFunction> {
        self.host.log.map(|function| LogFunction { function, user_data: self.user_data.clone() })
    }

    pub(crate) fn has_clock(&self) -> bool {
        self.host.now_ms.is_some()
    }

    pub(crate) fn has_random(&self) -> bool {
        self.host.random.is_some()
    }

    pub(crate) fn has_http(&self) -> bool {
        self.host.http.is_some()
    }

    /// The host's time; `None` if it has no clock.
    pub(crate) fn now_ms(&self) -> Option<i64> {
        let now_ms = self.host.now_ms?;
        // SAFETY: the host guarantees a function of this type that may be called with its own pointer on any
        // thread.
        Some(callback::during(|| unsafe { now_ms(self.user_data.pointer) }))
    }

    /// Fills `bytes`; `false` if the host has no such function.
    pub(crate) fn fill(&self, bytes: &mut [u8]) -> bool {
        let Some(random) = self.host.random else { return false };
        // SAFETY: as for the clock; the function writes to the `len` bytes that are lent to it until it
        // returns, and they were initialised before.
        callback::during(|| unsafe { random(self.user_data.pointer, bytes.as_mut_ptr(), bytes.len()) });
        true
    }

    /// Makes a request; `None` if the host has no such function.
    pub(crate) fn exchange(
        &self,
        request: &strowger_http_request,
        answer: &mut strowger_http_answer,
    ) -> Option<i32> {
        let http = self.host.http?;
        let answer: *const strowger_http_answer = ptr::from_mut(answer);
        // SAFETY: as for the clock; the request and what it points at live until the function returns. The
        // answer is only shared while it runs (`strowger_http_answer_…`), and not kept by the host.
        Some(callback::during(|| unsafe { http(self.user_data.pointer, request, answer.cast_mut()) }))
    }
}
