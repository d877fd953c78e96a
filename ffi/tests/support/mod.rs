//! Builds the library as users get it, and C and C++ programs against it.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(unreachable_pub, reason = "a module of several test programs, each its own crate")]

pub mod instrument;
pub mod runs;
pub mod session;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use instrument::Instrument;

/// The warnings that everything here must compile without.
pub const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"];

/// What a static program needs beside libstrowger.a.
const STATIC_LIBRARIES: [&str; 5] = ["-lpthread", "-ldl", "-lm", "-lrt", "-lgcc_s"];

pub fn own() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn include() -> PathBuf {
    own().join("include")
}

/// The target directory of this very test run.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target directory").to_path_buf()
}

/// What builds the library with an entry that plants panics.
const PLANTED: [&str; 4] = ["-p", "strowger-ffi", "--features", "test-panics"];

/// The directory with libstrowger.so and libstrowger.a, built now: `cargo test` doesn't build them.
///
/// For a sanitizer it is the library in which panics can be planted as well: that is built once, not twice.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    let is_sanitized = Instrument::chosen().is_sanitizer();
    LIBRARY.get_or_init(|| build(if is_sanitized { &PLANTED } else { &PLANTED[..2] }))
}

/// The directory with a library in which panics can be planted.
pub fn planted_library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    if Instrument::chosen().is_sanitizer() {
        return library();
    }
    // In a directory of its own: it must not be taken for the real one.
    LIBRARY.get_or_init(|| build_apart(&PLANTED, &target().join("test-panics")))
}

/// Builds with cargo, in the profile of this test and for its instrument, and gives the directory with the
/// artefacts.
pub fn build(what: &[&str]) -> PathBuf {
    let mut cargo = cargo_build(what);
    let directory = Instrument::chosen().build(&mut cargo);
    build_in(cargo, what, &directory)
}

/// Where everything is built anew for a few short runs, building it takes longer than running it.
pub const UNOPTIMISED: [&str; 2] = ["--config", "profile.dev.package.\"*\".opt-level=0"];

/// The same without an instrument, in a target directory of its own.
pub fn build_apart(what: &[&str], directory: &Path) -> PathBuf {
    let mut cargo = cargo_build(what);
    cargo.arg("--target-dir").arg(directory).args(UNOPTIMISED);
    build_in(cargo, what, directory)
}

fn cargo_build(what: &[&str]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(own()).args(["build", "--quiet"]).args(what);
    // What cargo tells a test of its package, build scripts of dependencies take for a change of theirs (ring's
    // does): they and whatever is built on them would be built anew each time.
    for (name, _) in env::vars_os() {
        let words = name.to_string_lossy();
        if words.starts_with("CARGO_PKG_") || words.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

fn build_in(mut cargo: Command, what: &[&str], directory: &Path) -> PathBuf {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    if profile == "release" {
        cargo.arg("--release");
    }
    let output = cargo.output().expect("cargo runs");
    assert!(
        output.status.success(),
        "the library could not be built: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let directory = directory.join(profile);
    assert!(
        !what.contains(&"strowger-ffi") || directory.join("libstrowger.so").is_file(),
        "cargo built no libstrowger.so in {}",
        directory.display()
    );
    directory
}

/// A copy of the Twitter plugin, so that no other build replaces it while it is loaded.
pub fn plugin(directory: &Path) -> PathBuf {
    let built = build(&["-p", "strowger-twitter-plugin"]).join("libstrowger_twitter.so");
    let copy = directory.join("libstrowger_twitter.so");
    fs::copy(built, &copy).expect("a copy of the plugin");
    copy
}

/// A copy of the plugin that panics where it is told to.
pub fn panicking_plugin(directory: &Path) -> PathBuf {
    let built = build(&["-p", "strowger-channel", "--example", "panicking"]);
    let copy = directory.join("libpanicking.so");
    fs::copy(built.join("examples/libpanicking.so"), &copy).expect("a copy of the plugin");
    copy
}

/// How a program gets the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linking {
    Dynamic,
    Static,
}

pub const LINKINGS: [Linking; 2] = [Linking::Dynamic, Linking::Static];

/// The ways to link that are tried under the chosen instrument. What it looks for lies in the same code whichever
/// way that is linked, and linking takes longer than running.
pub fn linkings() -> &'static [Linking] {
    if Instrument::chosen() == Instrument::Plain { &LINKINGS } else { &LINKINGS[..1] }
}

/// A C and a C++ compiler, and the languages that they are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Toolchain {
    pub c: &'static str,
    pub cpp: &'static str,
    pub c_mode: &'static str,
    pub cpp_mode: &'static str,
    pub flags: &'static [&'static str],
}

impl Toolchain {
    /// The usual one, or the instrument's.
    pub fn ours() -> Self {
        let instrument = Instrument::chosen();
        let (c, cpp) = instrument.compilers();
        Self { c, cpp, c_mode: "c99", cpp_mode: "c++17", flags: instrument.flags() }
    }

    fn command(&self, source: &Path) -> Command {
        let is_cpp = source.extension().is_some_and(|extension| extension == "cpp");
        let (compiler, mode) = if is_cpp { (self.cpp, self.cpp_mode) } else { (self.c, self.c_mode) };
        let mut command = Command::new(compiler);
        command.arg(format!("-std={mode}")).args(WARNINGS).args(self.flags).args(["-g", "-O1", "-I"]);
        // check.h, wherever the program stands.
        command.arg(include()).arg("-I").arg(own().join("tests/c")).arg(source);
        command
    }

    /// Has the compiler read a source, and make nothing of it.
    pub fn check(&self, source: &Path) -> Result<(), String> {
        let output = self.command(source).arg("-fsyntax-only").output().expect("a compiler");
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{self:?} {}: {}", source.display(), String::from_utf8_lossy(&output.stderr)))
    }

    /// Compiles `source`, .c or .cpp, into a program. Gives its path, in `directory`.
    pub fn compile(&self, source: &Path, library: &Path, linking: Linking, directory: &Path) -> PathBuf {
        let stem = source.file_stem().expect("a file name").to_string_lossy();
        let program = directory.join(format!("{stem}-{linking:?}"));
        let mut command = self.command(source);
        match linking {
            Linking::Dynamic => {
                // The name in the program is the SONAME, as it would be after an installation.
                let soname = directory.join("libstrowger.so.0");
                if !soname.exists() {
                    std::os::unix::fs::symlink(library.join("libstrowger.so"), &soname).expect("a link");
                }
                command.arg("-L").arg(library).arg("-lstrowger").arg("-lpthread");
                command.arg(format!("-Wl,-rpath,{}", directory.display()));
            }
            Linking::Static => {
                command.arg(library.join("libstrowger.a")).args(STATIC_LIBRARIES);
            }
        }
        succeed(command.arg("-o").arg(&program), "compiling");
        program
    }

    /// Compiles the example plugin into `directory`.
    pub fn compile_plugin(&self, directory: &Path) -> PathBuf {
        let library = directory.join("libwebhook.so");
        let mut command = self.command(&example("plugin.c"));
        command.args(["-shared", "-fPIC", "-fvisibility=hidden", "-o"]).arg(&library);
        succeed(&mut command, "compiling the plugin");
        library
    }
}

/// Compiles with the usual tools, see [`Toolchain::compile`].
pub fn compile(source: &Path, library: &Path, linking: Linking, directory: &Path) -> PathBuf {
    Toolchain::ours().compile(source, library, linking, directory)
}

/// Runs a command and fails the test, with its words, if it fails.
pub fn succeed(command: &mut Command, what: &str) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{what}: {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{what}: {command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Whether a tool can be used here. With `STROWGER_REQUIRE_TOOLS=1` it must.
pub fn has_tool(name: &str) -> bool {
    let found = Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(
        found || env::var_os("STROWGER_REQUIRE_TOOLS").is_none_or(|value| value != "1"),
        "{name} is not installed, and STROWGER_REQUIRE_TOOLS=1 wants it"
    );
    found
}

/// An example of this package.
pub fn example(name: &str) -> PathBuf {
    own().join("examples").join(name)
}

/// A C test of this package.
pub fn c_test(name: &str) -> PathBuf {
    own().join("tests/c").join(name)
}

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The exported functions, as committed.
pub fn committed_symbols() -> Vec<String> {
    read(&own().join("abi/symbols.txt")).lines().map(str::to_owned).collect()
}
