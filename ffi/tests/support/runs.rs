//! Runs of everything that is written in C and C++: what one compiler, one way to link or one instrument must
//! not spoil.

use std::path::Path;

use strowger_sandbox::{Options, Sandbox};

use super::instrument::Instrument;
use super::session::Server;
use super::{
    Linking, Toolchain, c_test, example, library, panicking_plugin, planted_library, plugin, succeed,
};

/// C tests that need nothing else.
pub const ALONE: [&str; 5] = ["nulls.c", "line.c", "callbacks.c", "threads.c", "resume.c"];
/// C tests that get the Twitter plugin.
pub const WITH_TWITTER: [&str; 2] = ["http.c", "crowd.c"];
/// C tests that get a plugin which asks for the time, and panics where it is told to.
pub const WITH_PANICKING: [&str; 2] = ["unlocked.c", "plugin_panics.c"];
/// The C test that gets the example plugin.
pub const WITH_EXAMPLE: &str = "hook.c";
/// The C test of a library in which panics can be planted.
pub const WITH_PLANTED_PANICS: &str = "panics.c";

/// Runs a program that says `ok` in the end.
fn is_ok(program: &Path, arguments: &[&Path]) {
    says_ok(Instrument::chosen().command(program), program, arguments);
}

fn says_ok(mut command: std::process::Command, program: &Path, arguments: &[&Path]) {
    let name = program.display().to_string();
    let output = succeed(command.args(arguments), &name);
    assert!(output.stdout.ends_with(b"ok\n"), "{name} ended early: {output:?}");
}

/// The C tests that run by themselves.
pub fn tests_alone(tools: &Toolchain, linking: Linking) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for name in ALONE {
        is_ok(&tools.compile(&c_test(name), library(), linking, directory.path()), &[]);
    }
}

/// The C tests with a real plugin, with one that panics, and with the example plugin.
pub fn tests_with_plugins(tools: &Toolchain, linking: Linking) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = |name: &str| tools.compile(&c_test(name), library(), linking, directory.path());
    let twitter = plugin(directory.path());
    for name in WITH_TWITTER {
        is_ok(&program(name), &[&twitter]);
    }
    let panicking = panicking_plugin(directory.path());
    for name in WITH_PANICKING {
        let program = program(name);
        let command = if name == "plugin_panics.c" {
            Instrument::chosen().command_that_keeps(&program)
        } else {
            Instrument::chosen().command(&program)
        };
        says_ok(command, &program, &[&panicking]);
    }
    is_ok(&program(WITH_EXAMPLE), &[&tools.compile_plugin(directory.path())]);
}

/// The C test that plants panics in the library.
pub fn planted_panics(tools: &Toolchain, linking: Linking) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = c_test(WITH_PLANTED_PANICS);
    is_ok(&tools.compile(&source, planted_library(), linking, directory.path()), &[]);
}

/// The examples, each as its first lines say: against a stand-in for the platform.
pub fn examples(tools: &Toolchain, linking: Linking) {
    let sandbox = sandbox();
    let platform = format!("http://{}", sandbox.addr());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let twitter = plugin(directory.path());
    let program = |name: &str| tools.compile(&example(name), library(), linking, directory.path());
    let instrument = Instrument::chosen();

    let mut minimal = instrument.command(&program("minimal.c"));
    let output = succeed(minimal.arg(&twitter).arg(&platform), "minimal");
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

    let output = succeed(&mut instrument.command(&program("desk.cpp")), "desk");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("\"state\":\"Completed\"") && text.contains("STROWGER_ERR_UNKNOWN_CHANNEL"),
        "{text}"
    );

    let server = Server::start(&program("epoll_server.c"), &twitter, &platform);
    let mut anna = server.login("anna");
    anna.sends("From the server");
    assert_eq!(anna.ask("QUIT").trim(), "OK");
    assert_eq!(server.terminate(), Some(0), "SIGTERM ends it cleanly");
    assert_eq!(sandbox.posts().len(), 2);
}

/// A stand-in for the platform.
pub fn sandbox() -> Sandbox {
    Sandbox::start("127.0.0.1:0".parse().expect("an address"), Options::default()).expect("a sandbox")
}
