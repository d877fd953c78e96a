//! Death at a named place.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

static FAILPOINT: OnceLock<(String, AtomicI64)> = OnceLock::new();

/// From now on the process is killed when it reaches `NAME:COUNT` for the so-many-th time; `-` is never.
///
/// # Panics
///
/// If the count is no number.
pub fn arm(failpoint: &str) {
    if let Some((name, count)) = failpoint.split_once(':') {
        let _ = FAILPOINT.set((name.to_owned(), AtomicI64::new(count.parse().expect("a count"))));
    }
    strowger::failpoint::install(reach);
}

/// A place is reached.
pub fn reach(name: &'static str) {
    if let Some((wanted, left)) = FAILPOINT.get()
        && wanted == name
        && left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        let _ = kill_process(getpid(), Signal::KILL);
        std::thread::sleep(Duration::from_secs(60));
    }
}
