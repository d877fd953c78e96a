//! The shared libraries of plugins that cargo builds: `cargo test` does not build other packages' libraries, so
//! the tests do.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds that package of this workspace as the tests are built, and gives its library's path.
pub(crate) fn built(package: &str, library: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("the test has a path");
    // …/target/<profile>/deps/<test>
    let profile = exe.ancestors().nth(2).expect("the test lies in cargo's target directory");
    build(Path::new(env!("CARGO_MANIFEST_DIR")), &["-p", package], profile);
    profile.join(library)
}

/// Builds what `arguments` name, from `directory`, into the target directory that `profile` belongs to.
pub(crate) fn build(directory: &Path, arguments: &[&str], profile: &Path) {
    let target = profile.parent().expect("a profile's directory lies in the target directory");
    let mut command = Command::new(env!("CARGO"));
    command.arg("build").args(arguments).arg("--target-dir").arg(target).current_dir(directory);
    // What cargo tells this program of its package, ring's build script takes for a change: it, and whatever is
    // built on it, would be built anew each time.
    for (name, _) in std::env::vars_os() {
        let words = name.to_string_lossy();
        if words.starts_with("CARGO_PKG_") || words.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    if profile.ends_with("release") {
        command.arg("--release");
    }
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A copy that the load rules like, whatever the umask and the owner of the target directory.
pub(crate) fn installed(library: &Path, directory: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let copy = directory.join(library.file_name().expect("a library has a name"));
    std::fs::copy(library, &copy).unwrap_or_else(|error| panic!("{}: {error}", library.display()));
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).expect("the mode can be set");
    copy
}
