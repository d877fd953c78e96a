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

use std::io;
use std::path::{Path, PathBuf};

/// A folder for a store, in memory where the system has such a place: these tests flush all the time, and
/// ask nothing of the disk but that.
pub fn scratch() -> &'static Path {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory } else { Path::new("/tmp") }
}

/// Copies the files of a store that is open, and that nobody writes to meanwhile, as a process that is killed now
/// would leave them; gives the copy's path.
pub fn left_behind(store: &Path, copy: &Path) -> io::Result<PathBuf> {
    for ending in ["", "-wal"] {
        let beside = |path: &Path| PathBuf::from(format!("{}{ending}", path.display()));
        std::fs::copy(beside(store), beside(copy))?;
    }
    Ok(copy.to_owned())
}
