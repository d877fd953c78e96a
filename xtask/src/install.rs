//! Installs the C library, its headers, what finds them, the plugins and the programs.
//!
//! ```text
//! PREFIX/include/             strowger.h strowger_channel.h strowger.hpp
//! PREFIX/lib/                 libstrowger.so → .so.0 → .so.0.x.y, libstrowger.a
//! PREFIX/lib/pkgconfig/       strowger.pc
//! PREFIX/lib/cmake/Strowger/  StrowgerConfig.cmake, StrowgerConfigVersion.cmake
//! PREFIX/lib/strowger/        the channel plugins
//! PREFIX/bin/                 strowger-gateway strowger-sandbox
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What goes where, and from where.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The folder to install into.
    pub prefix: PathBuf,
    /// Stands before every path that is written, for packagers; it is part of no installed file.
    pub destdir: Option<PathBuf>,
    /// Install what a debug build made.
    pub debug: bool,
}

/// Why nothing, or not everything, was installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The build failed, or cargo could not be started.
    #[error("the build failed: {0}")]
    Build(String),
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// The prefix must be absolute: installed links and searches depend on it.
    #[error("the prefix must be an absolute path, not `{0}`")]
    RelativePrefix(PathBuf),
}

/// The major version of the library's binary interface, as in its SONAME.
const ABI_MAJOR: u32 = 0;
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What a program that links the static library needs beside it.
const SYSTEM_LIBRARIES: [&str; 5] = ["gcc_s", "rt", "pthread", "m", "dl"];
const HEADERS: [&str; 3] = ["strowger.h", "strowger_channel.h", "strowger.hpp"];
/// The packages that are built, with the files that they make and where those go.
const BUILT: [(&str, &[&str], &str); 6] = [
    ("strowger-ffi", &["libstrowger.a"], "lib"),
    ("strowger-twitter-plugin", &["libstrowger_twitter.so"], "lib/strowger"),
    ("strowger-facebook-plugin", &["libstrowger_facebook.so"], "lib/strowger"),
    ("strowger-oneall-plugin", &["libstrowger_oneall.so"], "lib/strowger"),
    ("strowger-gateway", &["strowger-gateway"], "bin"),
    ("strowger-sandbox", &["strowger-sandbox"], "bin"),
];

/// Builds, and installs. Gives the files and links that were written.
pub fn install(installation: &Installation) -> Result<Vec<PathBuf>, InstallError> {
    if !installation.prefix.is_absolute() {
        return Err(InstallError::RelativePrefix(installation.prefix.clone()));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let built = build(root, installation.debug)?;
    let mut writer = Writer { prefix: installation.target(), written: Vec::new() };

    for header in HEADERS {
        writer.copy(&root.join("ffi/include").join(header), "include", header, 0o644)?;
    }
    for (_, files, folder) in BUILT {
        for file in files {
            let mode = if Path::new(file).extension().is_some_and(|extension| extension == "a") {
                0o644
            } else {
                0o755
            };
            writer.copy(&built.join(file), folder, file, mode)?;
        }
    }
    let library = format!("libstrowger.so.{VERSION}");
    let soname = format!("libstrowger.so.{ABI_MAJOR}");
    writer.copy(&built.join("libstrowger.so"), "lib", &library, 0o755)?;
    writer.link(&library, "lib", &soname)?;
    writer.link(&soname, "lib", "libstrowger.so")?;

    for (template, folder, name) in [
        ("strowger.pc.in", "lib/pkgconfig", "strowger.pc"),
        ("StrowgerConfig.cmake.in", "lib/cmake/Strowger", "StrowgerConfig.cmake"),
        ("StrowgerConfigVersion.cmake.in", "lib/cmake/Strowger", "StrowgerConfigVersion.cmake"),
    ] {
        writer.fill(&root.join("ffi/packaging").join(template), folder, name)?;
    }
    Ok(writer.written)
}

impl Installation {
    fn target(&self) -> PathBuf {
        match &self.destdir {
            Some(destdir) => destdir.join(self.prefix.strip_prefix("/").unwrap_or(&self.prefix)),
            None => self.prefix.clone(),
        }
    }
}

/// Builds what is installed; gives the folder that it is in.
fn build(root: &Path, debug: bool) -> Result<PathBuf, InstallError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.arg("build").current_dir(root);
    if !debug {
        command.arg("--release");
    }
    // What cargo tells this program of its package, ring's build script takes for a change: it, and whatever is
    // built on it, would be built anew each time.
    for (name, _) in std::env::vars_os() {
        let words = name.to_string_lossy();
        if words.starts_with("CARGO_PKG_") || words.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    for (package, ..) in BUILT {
        command.args(["-p", package]);
    }
    let status = command.status().map_err(|error| InstallError::Build(error.to_string()))?;
    if !status.success() {
        return Err(InstallError::Build(status.to_string()));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join(if debug { "debug" } else { "release" }))
}

struct Writer {
    prefix: PathBuf,
    written: Vec<PathBuf>,
}

impl Writer {
    fn copy(&mut self, from: &Path, folder: &str, name: &str, mode: u32) -> Result<(), InstallError> {
        let bytes = at(from, fs::read(from))?;
        self.write(&bytes, folder, name, mode)
    }

    fn fill(&mut self, template: &Path, folder: &str, name: &str) -> Result<(), InstallError> {
        let text = at(template, fs::read_to_string(template))?;
        let mut numbers = VERSION.split('.');
        let mut number = || numbers.next().unwrap_or("0");
        let text = text
            .replace("@VERSION@", VERSION)
            .replace("@VERSION_MAJOR@", number())
            .replace("@VERSION_MINOR@", number())
            .replace("@ABI_MAJOR@", &ABI_MAJOR.to_string())
            .replace("@SYSTEM_LIBRARIES@", &SYSTEM_LIBRARIES.map(|name| format!("-l{name}")).join(" "))
            .replace("@SYSTEM_LIBRARIES_LIST@", &SYSTEM_LIBRARIES.join(";"));
        self.write(text.as_bytes(), folder, name, 0o644)
    }

    /// Writes beside the old file and puts the new one in its place: programs that run go on with theirs.
    fn write(&mut self, bytes: &[u8], folder: &str, name: &str, mode: u32) -> Result<(), InstallError> {
        let path = self.place(folder, name)?;
        let fresh = path.with_file_name(format!(".{name}.new"));
        at(&fresh, fs::write(&fresh, bytes))?;
        at(&fresh, fs::set_permissions(&fresh, fs::Permissions::from_mode(mode)))?;
        at(&path, fs::rename(&fresh, &path))?;
        self.written.push(path);
        Ok(())
    }

    fn link(&mut self, target: &str, folder: &str, name: &str) -> Result<(), InstallError> {
        let path = self.place(folder, name)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return at(&path, Err(error)),
            _ => {}
        }
        at(&path, symlink(target, &path))?;
        self.written.push(path);
        Ok(())
    }

    fn place(&self, folder: &str, name: &str) -> Result<PathBuf, InstallError> {
        let folder = self.prefix.join(folder);
        at(&folder, fs::create_dir_all(&folder))?;
        Ok(folder.join(name))
    }
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, InstallError> {
    result.map_err(|error| InstallError::File { path: path.to_path_buf(), error })
}
