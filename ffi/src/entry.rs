//! The one wrapper of every exported function.
//!
//! It refuses calls from inside a callback, stops panics and poisons the handle that was in use, hands the
//! error out, and writes the log when nothing of the engine is held any more.

use std::any::Any;
use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Failure, strowger_error};
use crate::host::Host;
use crate::status::{
    STROWGER_ERR_PANIC, STROWGER_ERR_POISONED, STROWGER_ERR_REENTRANT, STROWGER_OK, strowger_status,
};
use crate::{callback, log, raw};

/// One call of an exported function. What it borrows from the caller can't outlive it.
///
/// Only this file makes one, in an exported function: so whoever has one may rely on what the header asks
/// of that function's caller.
pub(crate) struct Call {
    ties: OnceCell<Ties>,
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
    /// The call is made on this handle, unless an earlier panic left it in an unknown state.
    pub(crate) fn on(&self, handle: &impl Handle, name: &str) -> Result<(), Failure> {
        let ties = handle.ties();
        // The log of a refused call belongs to its host as well.
        self.tie(ties);
        if ties.poisoned.load(Ordering::Acquire) {
            return Err(Failure::new(
                STROWGER_ERR_POISONED,
                format!("an earlier call panicked with this `{name}`: close it and open another one"),
            ));
        }
        Ok(())
    }

    /// The call belongs to a handle that is being made.
    pub(crate) fn tie(&self, ties: &Ties) {
        // A call is made on one handle: there is nothing to overwrite.
        let _ = self.ties.set(ties.clone());
    }
}

/// An exported function that returns a status.
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
    let call = Call { ties: OnceCell::new(), _only_here: () };
    // What panicked is of no handle, and has nobody to tell.
    let _ = contain(&call, |call| {
        answer = body(call);
        Ok(STROWGER_OK)
    });
    answer
}

/// An exported function that reads what it is handed and does nothing that could panic or be logged.
pub(crate) fn looking<T>(body: impl FnOnce(&Call) -> T) -> T {
    body(&Call { ties: OnceCell::new(), _only_here: () })
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

fn run(
    error: *mut *mut strowger_error,
    allowed: bool,
    body: impl FnOnce(&Call) -> Result<strowger_status, Failure>,
) -> strowger_status {
    let call = Call { ties: OnceCell::new(), _only_here: () };
    let outcome = if allowed { contain(&call, body) } else { Err(reentrant()) };
    let status = match outcome {
        Ok(status) => status,
        Err(failure) => {
            let status = failure.status();
            raw::write_error(&call, error, failure);
            status
        }
    };
    if log::is_gathering() && !callback::is_running() {
        let host = call.ties.get().and_then(|ties| ties.host.as_deref());
        // A bug in here has nobody to tell, but must not unwind into C either.
        let _ = catch_unwind(AssertUnwindSafe(|| log::flush(host))).map_err(std::mem::forget);
    }
    status
}

fn reentrant() -> Failure {
    Failure::new(
        STROWGER_ERR_REENTRANT,
        "called from inside a callback: do it after the callback has returned",
    )
}

/// Turns a panic into a failure, and poisons the handle that it left behind.
fn contain(
    call: &Call,
    body: impl FnOnce(&Call) -> Result<strowger_status, Failure>,
) -> Result<strowger_status, Failure> {
    // Whatever the panic left half done hangs on the handle, and that is not used again.
    catch_unwind(AssertUnwindSafe(|| body(call))).unwrap_or_else(|payload| {
        if let Some(ties) = call.ties.get() {
            ties.poisoned.store(true, Ordering::Release);
        }
        let message = words(&*payload);
        // What was thrown may throw again when it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(payload))).map_err(std::mem::forget);
        Err(Failure::new(STROWGER_ERR_PANIC, format!("a bug in the library, please report it: {message}")))
    })
}

fn words(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked".to_owned())
}
