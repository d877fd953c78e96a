//! Tests of the store on disk: crashes, failing disks, damaged files, and the comparison with the store in
//! memory. What several of them use.
#![forbid(unsafe_code)]

mod chance;
pub mod failpoint;
mod faulty;
mod platform;

pub use chance::Chance;
pub use faulty::Faulty;
pub use platform::{Platform, manifest};

use std::path::Path;

/// A folder for a store, in memory where the system has such a place: these tests flush all the time, and
/// ask nothing of the disk but that.
pub fn scratch() -> &'static Path {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory } else { Path::new("/tmp") }
}
