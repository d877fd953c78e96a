//! Panics stop at the boundary. The library is built once more, with an entry that plants panics; it must
//! not be found in the library that users get.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use support::{Linking, VALGRIND, build, c_test, compile, has_tool, library, succeed, target};

/// In a directory of its own: the library with that entry must not be taken for the real one.
fn planted() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        build(&["-p", "strowger-ffi", "--features", "test-panics"], &target().join("test-panics"))
    })
}

#[test]
fn a_panic_is_a_status_and_poisons_what_it_left_behind() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = compile(&c_test("panics.c"), planted(), Linking::Dynamic, directory.path());
    let output = succeed(&mut Command::new(&program), "panics");
    assert!(output.stdout.ends_with(b"ok\n"));
    if has_tool("valgrind") {
        let output = succeed(Command::new("valgrind").args(VALGRIND).arg(&program), "panics under valgrind");
        assert!(output.stdout.ends_with(b"ok\n"));
    }
}

/// What gives a library away in which panics can be planted.
fn traces(library: &Path) -> Vec<String> {
    let output = succeed(Command::new("nm").arg(library), "nm");
    let symbols = String::from_utf8_lossy(&output.stdout).into_owned();
    let bytes = std::fs::read(library).expect("the library");
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let symbols =
        ["strowger_test_panic_at", "9failpoint4hook"].into_iter().filter(|name| symbols.contains(name));
    symbols.chain(["planted "].into_iter().filter(|text| holds(text))).map(str::to_owned).collect()
}

#[test]
fn nothing_of_it_is_in_what_users_get() {
    assert_eq!(traces(&library().join("libstrowger.so")), [""; 0]);
    // Planted fault: the library with that entry has all the traces.
    assert_eq!(traces(&planted().join("libstrowger.so")).len(), 3);
}
