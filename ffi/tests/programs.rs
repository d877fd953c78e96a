//! C and C++ programs against the library, linked both ways; under an instrument if there is one.

mod support;

use std::process::Command;

use support::instrument::Instrument;
use support::{Linking, Toolchain, compile, example, library, linkings, runs, succeed};

#[test]
fn c_tests_pass() {
    for &linking in linkings() {
        runs::tests_alone(&Toolchain::ours(), linking);
    }
}

#[test]
fn c_tests_pass_with_plugins() {
    for &linking in linkings() {
        runs::tests_with_plugins(&Toolchain::ours(), linking);
    }
}

#[test]
fn examples_do_what_they_show() {
    for &linking in linkings() {
        runs::examples(&Toolchain::ours(), linking);
    }
}

#[test]
fn the_c_example_says_how_it_is_used() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = compile(&example("minimal.c"), library(), Linking::Dynamic, directory.path());
    let run = |arguments: &[&str]| -> Command {
        let mut command = Instrument::chosen().command(&program);
        command.args(arguments);
        command
    };
    let output = succeed(&mut run(&["--help"]), "minimal --help");
    assert!(String::from_utf8_lossy(&output.stdout).contains("usage:"));
    let output = run(&[]).output().expect("minimal runs");
    assert_eq!(output.status.code(), Some(2), "without arguments it is an error");
    // It ends where it fails, with its engine open: what that leaves behind is no leak of the library's.
    if Instrument::chosen() == Instrument::Plain {
        let output = run(&["/nowhere.so", "http://127.0.0.1:1"]).output().expect("minimal");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            words.contains("STROWGER_ERR_LOAD") && words.contains("there is no file `/nowhere.so`"),
            "{words}"
        );
    }
}
