//! The programs whose instructions are counted: built in the release profile, as what is installed.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who makes the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Rust,
    C,
}

/// The built programs.
pub(crate) struct Drivers {
    rust: PathBuf,
    c: PathBuf,
    /// Does the work of a contestant.
    pub(crate) contest: PathBuf,
    /// Where counts may be written.
    pub(crate) directory: PathBuf,
}

/// Why there are no programs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// A tool could not be started.
    #[error("{tool} could not be started: {error}")]
    Start {
        /// Its name.
        tool: String,
        /// The reason.
        error: io::Error,
    },
    /// A tool has failed; it has said why.
    #[error("{0} failed")]
    Failed(String),
    /// A file could not be made.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

/// The directory of this package.
pub(crate) fn own() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Drivers {
    /// Builds the library and the programs.
    pub(crate) fn build() -> Result<Self, BuildError> {
        let root = own().parent().unwrap_or(own());
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let target = std::path::absolute(&target).unwrap_or(target);
        let (release, directory) = (target.join("release"), target.join("bench"));
        // One command for all: so they share the very same engine, with the same features.
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(root).args(["build", "--quiet", "--release", "-p", "strowger-ffi", "-p"]);
        // What cargo tells this program of its package, ring's build script takes for a change: it, and whatever is
        // built on it, would be built anew each time.
        for (name, _) in std::env::vars_os() {
            let words = name.to_string_lossy();
            if words.starts_with("CARGO_PKG_") || words.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(&name);
            }
        }
        run(cargo
            .args([
                "strowger-bench",
                "--lib",
                "--bin",
                "strowger-bench-driver",
                "--bin",
                "strowger-bench-contest",
            ])
            .arg("--target-dir")
            .arg(&target))?;
        let file = |path: &Path, error| BuildError::File { path: path.to_path_buf(), error };
        fs::create_dir_all(&directory).map_err(|error| file(&directory, error))?;
        // The name in the program is the library's SONAME, as it would be after an installation.
        let soname = directory.join("libstrowger.so.0");
        match fs::remove_file(&soname) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file(&soname, error)),
            _ => symlink(release.join("libstrowger.so"), &soname).map_err(|error| file(&soname, error))?,
        }
        let c = directory.join("driver");
        let mut cc = Command::new("cc");
        cc.args(["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"]);
        cc.arg(root.join("ffi/include")).arg(own().join("drivers/driver.c")).arg("-o").arg(&c);
        cc.arg("-L").arg(&release).arg("-lstrowger").arg(format!("-Wl,-rpath,{}", directory.display()));
        run(&mut cc)?;
        let [rust, contest] =
            ["strowger-bench-driver", "strowger-bench-contest"].map(|name| release.join(name));
        Ok(Self { rust, c, contest, directory })
    }

    /// The program of that caller.
    pub(crate) fn of(&self, caller: Caller) -> &Path {
        match caller {
            Caller::Rust => &self.rust,
            Caller::C => &self.c,
        }
    }
}

fn run(command: &mut Command) -> Result<(), BuildError> {
    let tool = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(BuildError::Failed(tool)),
        Err(error) => Err(BuildError::Start { tool, error }),
    }
}
