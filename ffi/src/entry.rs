//! The one wrapper of every exported function.
//!
//! It refuses calls from inside a callback, stops panics and poisons the handle that was in use, hands the
//! error out, and writes the log when nothing of the engine is held any more.

use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Failure, strowger_error};
use crate::host::Host;
use crate::raw::Lent;
use crate::status::{
    STROWGER_ERR_PANIC, STROWGER_ERR_POISONED, STROWGER_ERR_REENTRANT, STROWGER_OK, strowger_status,
};
use crate::{callback, log, raw};

/// One call of an exported function. What it borrows from the caller can't outlive it.
///
/// Only this file makes one, in an exported function: so whoever has one may rely on what the header asks
/// of that function's caller.
pub(crate) struct Call {
    /// Those of the handle that the call is made on.
    lent: Cell<Option<Lent>>,
    /// Those of a handle that is being made, or that may be gone before the call returns.
    own: OnceCell<Ties>,
    _only_here: (),
}

/// What a handle shares with the calls that use it.
#[derive(Clone, Default)]
pub(crate) struct Ties {
    poisoned: Arc<AtomicBool>,
    host: Option<Arc<Host>>,
}

/// A handle that calls are made on.
pub(crate) trait Handle {
    fn ties(&self) -> &Ties;
}

impl Ties {
    pub(crate) fn new(host: Option<Arc<Host>>) -> Self {
        Self { poisoned: Arc::default(), host }
    }

    /// Ties of a handle that is made from this one: the same host, a poison of its own.
    pub(crate) fn next(&self) -> Self {
        Self::new(self.host.clone())
    }
}

impl Call {
    #[inline]
    fn new() -> Self {
        Self { lent: Cell::new(None), own: OnceCell::new(), _only_here: () }
    }

    /// The call is made on this handle, unless an earlier panic left it in an unknown state.
    #[inline]
    pub(crate) fn on(&self, handle: &impl Handle, name: &str) -> Result<(), Failure> {
        let ties = handle.ties();
        // The log of a refused call belongs to its host as well.
        self.lent.set(Some(Lent::of(ties)));
        if ties.poisoned.load(Ordering::Acquire) { Err(poisoned(name)) } else { Ok(()) }
    }

    /// The call belongs to a handle that is being made, or that may be closed before the call returns.
    pub(crate) fn tie(&self, ties: &Ties) {
        // A call is made on one handle: there is nothing to overwrite.
        let _ = self.own.set(ties.clone());
        self.lent.set(None);
    }

    fn ties(&self) -> Option<&Ties> {
        self.own.get().or_else(|| self.lent.get().map(|lent| lent.ties(self)))
    }
}

#[cold]
fn poisoned(name: &str) -> Failure {
    Failure::new(
        STROWGER_ERR_POISONED,
        format!("an earlier call panicked with this `{name}`: close it and open another one"),
    )
}

/// An exported function that returns a status.
#[inline]
pub(crate) fn entry(
    error: *mut *mut strowger_error,
    body: impl FnOnce(&Call) -> Result<strowger_status, Failure>,
) -> strowger_status {
    run(error, !callback::is_running(), body)
}

/// An exported function that returns a status and is made for callbacks.
pub(crate) fn entry_for_callbacks(
    body: impl FnOnce(&Call) -> Result<strowger_status, Failure>,
) -> strowger_status {
    run(std::ptr::null_mut(), true, body)
}

/// An exported function that can't fail: it gives `otherwise` should it panic. It reads what it is handed
/// and touches nothing else, so callbacks may call it.
pub(crate) fn reading<T>(otherwise: T, body: impl FnOnce(&Call) -> T) -> T {
    let mut answer = otherwise;
    let call = Call::new();
    // What panicked is of no handle, and has nobody to tell.
    let _ = contain(&call, |call| {
        answer = body(call);
        Ok(STROWGER_OK)
    });
    answer
}

/// An exported function that reads what it is handed and does nothing that could panic or be logged.
pub(crate) fn looking<T>(body: impl FnOnce(&Call) -> T) -> T {
    body(&Call::new())
}

/// An exported function that can't say that it failed. From inside a callback it does nothing.
pub(crate) fn closing(body: impl FnOnce(&Call)) {
    let status = run(std::ptr::null_mut(), !callback::is_running(), |call| {
        body(call);
        Ok(STROWGER_OK)
    });
    if status == STROWGER_ERR_REENTRANT {
        tracing::error!("a handle was to be closed from inside a callback: it stays open");
    }
}

#[inline]
fn run(
    error: *mut *mut strowger_error,
    allowed: bool,
    body: impl FnOnce(&Call) -> Result<strowger_status, Failure>,
) -> strowger_status {
    let call = Call::new();
    let outcome = if allowed { contain(&call, body) } else { Err(reentrant()) };
    let status = match outcome {
        Ok(status) => status,
        Err(failure) => hand_out(&call, error, failure),
    };
    if log::is_gathering() && !callback::is_running() {
        write_log(&call);
    }
    status
}

#[cold]
fn hand_out(call: &Call, error: *mut *mut strowger_error, failure: Failure) -> strowger_status {
    let status = failure.status();
    raw::write_error(call, error, failure);
    status
}

fn write_log(call: &Call) {
    let host = call.ties().and_then(|ties| ties.host.as_deref());
    // A bug in here has nobody to tell, but must not unwind into C either.
    let _ = catch_unwind(AssertUnwindSafe(|| log::flush(host))).map_err(std::mem::forget);
}

#[cold]
fn reentrant() -> Failure {
    Failure::new(
        STROWGER_ERR_REENTRANT,
        "called from inside a callback: do it after the callback has returned",
    )
}

/// Turns a panic into a failure, and poisons the handle that it left behind.
#[inline]
fn contain(
    call: &Call,
    body: impl FnOnce(&Call) -> Result<strowger_status, Failure>,
) -> Result<strowger_status, Failure> {
    // Whatever the panic left half done hangs on the handle, and that is not used again.
    catch_unwind(AssertUnwindSafe(|| body(call))).unwrap_or_else(|payload| Err(panicked(call, payload)))
}

#[cold]
fn panicked(call: &Call, payload: Box<dyn Any + Send>) -> Failure {
    if let Some(ties) = call.ties() {
        ties.poisoned.store(true, Ordering::Release);
    }
    let message = words(&*payload);
    // What was thrown may throw again when it is dropped.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(payload))).map_err(std::mem::forget);
    Failure::new(STROWGER_ERR_PANIC, format!("a bug in the library, please report it: {message}"))
}

fn words(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked".to_owned())
}
