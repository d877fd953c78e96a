//! What a measure runs or loads and cargo would not build for it: other packages' programs and libraries.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds these packages of the workspace as this program is built, and gives the folder where their
/// programs and libraries are.
pub fn packages(names: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
    let exe = std::env::current_exe()?;
    // …/target/<profile>/deps/<program>, or a folder less.
    let folder = exe.ancestors().skip(1).find(|folder| folder.file_name().is_some_and(|name| name != "deps"));
    let folder = folder.ok_or("the program does not lie in cargo's target directory")?;
    let target = folder.parent().ok_or("a profile's directory lies in the target directory")?;
    let mut command = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    command.args(["build", "--quiet", "--target-dir"]).arg(target);
    command.args(names.iter().flat_map(|name| ["-p", name])).current_dir(env!("CARGO_MANIFEST_DIR"));
    if folder.ends_with("release") {
        command.arg("--release");
    }
    // What cargo tells this program of its package, some build scripts take for a change: what stands on them
    // would be built anew each time.
    for (name, _) in std::env::vars_os() {
        let words = name.to_string_lossy();
        if words.starts_with("CARGO_PKG_") || words.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    let status = command.status()?;
    if !status.success() {
        return Err(format!("{} could not be built", names.join(", ")).into());
    }
    Ok(folder.to_path_buf())
}

/// A copy of a plugin's library that the rules of loading like, whatever the umask was.
pub fn installed(library: &Path, folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    use std::os::unix::fs::PermissionsExt;
    let copy = folder.join(library.file_name().ok_or("a library has a name")?);
    std::fs::copy(library, &copy).map_err(|error| format!("{}: {error}", library.display()))?;
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755))?;
    Ok(copy)
}
