//! Builds the library as users get it, and C and C++ programs against it.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(unreachable_pub, reason = "a module of several test programs, each its own crate")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The warnings that everything here must compile without.
pub const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"];

/// Finds leaks and wrong accesses.
pub const VALGRIND: [&str; 4] =
    ["--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"];

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

/// The directory with libstrowger.so and libstrowger.a, built now: `cargo test` doesn't build them.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| build(&["-p", "strowger-ffi"], &target()))
}

/// Builds with cargo, in the profile of this test, and gives the directory with the artefacts.
pub fn build(what: &[&str], target: &Path) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(own()).args(["build", "--quiet"]).args(what).arg("--target-dir").arg(target);
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
    let directory = target.join(profile);
    assert!(
        !what.contains(&"strowger-ffi") || directory.join("libstrowger.so").is_file(),
        "cargo built no libstrowger.so in {}",
        directory.display()
    );
    directory
}

/// A copy of the Twitter plugin, so that no other build replaces it while it is loaded.
pub fn plugin(directory: &Path) -> PathBuf {
    let built = build(&["-p", "strowger-twitter-plugin"], &target()).join("libstrowger_twitter.so");
    let copy = directory.join("libstrowger_twitter.so");
    fs::copy(built, &copy).expect("a copy of the plugin");
    copy
}

/// How a program gets the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linking {
    Dynamic,
    Static,
}

/// Compiles `source` (.c by cc, .cpp by c++) into a program. Gives its path, in `directory`.
pub fn compile(source: &Path, library: &Path, linking: Linking, directory: &Path) -> PathBuf {
    compile_by(("cc", "c++"), source, library, linking, directory)
}

/// The same with a C and a C++ compiler of one's choice.
pub fn compile_by(
    (c, cpp): (&str, &str),
    source: &Path,
    library: &Path,
    linking: Linking,
    directory: &Path,
) -> PathBuf {
    let is_cpp = source.extension().is_some_and(|extension| extension == "cpp");
    let (compiler, standard) = if is_cpp { (cpp, "-std=c++17") } else { (c, "-std=gnu99") };
    let stem = source.file_stem().expect("a file name").to_string_lossy();
    let program = directory.join(format!("{stem}-{linking:?}"));
    let mut command = Command::new(compiler);
    command.arg(standard).args(WARNINGS).args(["-g", "-O1", "-I"]).arg(include()).arg(source);
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
