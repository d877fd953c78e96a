//! Knows whether this thread is inside a function of the host, where the library must not be called.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// Whether any thread ever was inside one: most programs have no functions that could be called, and looking at a
/// thread's own variable takes a shared library a while.
static EVER: AtomicBool = AtomicBool::new(false);

/// Whether the host's code was called by the library on this thread and has not returned.
#[inline]
pub(crate) fn is_running() -> bool {
    // Relaxed: it matters where this very thread has set it.
    EVER.load(Ordering::Relaxed) && is_running_here()
}

fn is_running_here() -> bool {
    // A thread that is past its thread-locals runs destructors, not callbacks.
    RUNNING.try_with(Cell::get).unwrap_or(false)
}

/// Runs `call`, which calls a function of the host.
pub(crate) fn during<T>(call: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = RUNNING.try_with(|running| running.set(self.0));
        }
    }
    EVER.store(true, Ordering::Relaxed);
    let _restore = Restore(RUNNING.try_with(|running| running.replace(true)).unwrap_or(false));
    call()
}
