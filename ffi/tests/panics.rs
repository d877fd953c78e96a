//! Panics stop at the boundary. Run with `--features test-panics`: the library is built once more, with an
//! entry that panics.

mod support;

use std::process::Command;

use support::{Linking, build_apart, c_test, compile, succeed, target};

#[test]
fn a_panic_is_a_status_and_poisons_one_handle() {
    // In a directory of its own: the library with that entry must not be taken for the real one.
    let library =
        build_apart(&["-p", "strowger-ffi", "--features", "test-panics"], &target().join("test-panics"));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = compile(&c_test("panics.c"), &library, Linking::Dynamic, directory.path());
    let output = succeed(&mut Command::new(program), "panics");
    assert!(output.stdout.ends_with(b"ok\n"));
}
