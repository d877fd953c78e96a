//! A real plugin: the C example with a stand-in for the platform, and a program with an HTTP function of its
//! own.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use strowger_sandbox::{Options, Sandbox};
use support::{Linking, VALGRIND, build, c_test, compile, has_tool, library, own, plugin, succeed, target};

#[test]
fn the_c_example_publishes() {
    let sandbox =
        Sandbox::start("127.0.0.1:0".parse().expect("an address"), Options::default()).expect("a sandbox");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = compile(&own().join("examples/minimal.c"), library(), Linking::Dynamic, directory.path());
    let base_url = format!("http://{}", sandbox.addr());
    let output = succeed(Command::new(program).arg(plugin(directory.path())).arg(base_url), "minimal");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for expected in [
        "\"state\":\"Composing\"",
        "TwitterSaved",
        "\"state\":\"Sent\"",
        "delivered 1",
        "\"state\":\"Completed\"",
    ] {
        assert!(text.contains(expected), "there is no {expected} in\n{text}");
    }
    assert_eq!(sandbox.posts().len(), 1, "{text}");
}

#[test]
fn the_hosts_own_http_function_carries_messages() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = compile(&c_test("http.c"), library(), Linking::Dynamic, directory.path());
    let plugin = plugin(directory.path());
    let output = succeed(Command::new(&program).arg(&plugin), "http");
    assert!(output.stdout.ends_with(b"ok\n"));
    if has_tool("valgrind") {
        succeed(Command::new("valgrind").args(VALGRIND).arg(program).arg(plugin), "http under valgrind");
    }
}

/// The plugin that panics where it is told to.
fn panicking(directory: &Path) -> PathBuf {
    let built = build(&["-p", "strowger-channel", "--example", "panicking"], &target());
    let plugin = directory.join("libpanicking.so");
    fs::copy(built.join("examples/libpanicking.so"), &plugin).expect("a copy of the plugin");
    plugin
}

/// Each function of the host has another thread use the engine meanwhile, and waits for it: under a lock that
/// thread would never come back.
#[test]
fn nothing_is_locked_while_the_host_s_functions_run() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let plugin = panicking(directory.path());
    let program = compile(&c_test("unlocked.c"), library(), Linking::Dynamic, directory.path());
    let output = succeed(Command::new(&program).arg(&plugin), "unlocked");
    assert!(output.stdout.ends_with(b"ok\n"));
    if has_tool("valgrind") {
        let mut valgrind = Command::new("valgrind");
        succeed(valgrind.args(VALGRIND).arg(program).arg(plugin), "unlocked under valgrind");
    }
}

/// A Rust plugin that panics in each of its functions: the channel fails as designed, and nothing else.
#[test]
fn a_panicking_plugin_breaks_its_channel_alone() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let plugin = panicking(directory.path());
    let program = compile(&c_test("plugin_panics.c"), library(), Linking::Dynamic, directory.path());
    let output = succeed(Command::new(&program).arg(&plugin), "plugin_panics");
    assert!(output.stdout.ends_with(b"ok\n"));
    if has_tool("valgrind") {
        // Broken instances are left alone for good, so leaks are not looked for.
        let options = ["--quiet", "--error-exitcode=9", "--leak-check=no"];
        let mut valgrind = Command::new("valgrind");
        succeed(valgrind.args(options).arg(program).arg(plugin), "plugin_panics under valgrind");
    }
}
