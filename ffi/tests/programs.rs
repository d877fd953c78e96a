//! C and C++ programs against the library, linked both ways, and under valgrind.

mod support;

use std::process::Command;

use support::{Linking, VALGRIND, c_test, compile, compile_by, has_tool, library, own, succeed};

const PROGRAMS: [&str; 5] = ["nulls.c", "line.c", "callbacks.c", "threads.c", "resume.c"];

/// Compiles a C test and runs it under `runner`, which may be empty.
fn run(name: &str, linking: Linking, runner: &[&str]) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = compile(&c_test(name), library(), linking, directory.path());
    let mut command = match runner {
        [] => Command::new(&program),
        [tool, arguments @ ..] => {
            let mut command = Command::new(tool);
            command.args(arguments).arg(&program);
            command
        }
    };
    let output = succeed(&mut command, name);
    assert!(output.stdout.ends_with(b"ok\n"), "{name} ended early: {output:?}");
}

#[test]
fn bad_arguments_are_statuses() {
    run("nulls.c", Linking::Dynamic, &[]);
}

#[test]
fn the_main_line_works() {
    run("line.c", Linking::Dynamic, &[]);
}

#[test]
fn callbacks_are_called_and_can_t_call_back() {
    run("callbacks.c", Linking::Dynamic, &[]);
}

#[test]
fn threads_share_handles_and_close_them_in_any_order() {
    run("threads.c", Linking::Dynamic, &[]);
}

/// Fails if the sequence begins anew in another process, or if a note is kept in memory alone.
#[test]
fn who_comes_back_to_another_process_gets_what_was_missed() {
    run("resume.c", Linking::Dynamic, &[]);
}

#[test]
fn programs_link_statically() {
    for name in PROGRAMS {
        run(name, Linking::Static, &[]);
    }
}

/// What the other compiler makes of headers and programs works as well.
#[test]
fn programs_run_when_clang_has_compiled_them() {
    if !has_tool("clang") {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let sources = PROGRAMS.map(c_test).into_iter().chain([own().join("examples/desk.cpp")]);
    for source in sources {
        let linking = Linking::Dynamic;
        let program = compile_by(("clang", "clang++"), &source, library(), linking, directory.path());
        succeed(&mut Command::new(program), &source.display().to_string());
    }
    for example in ["minimal.c", "epoll_server.c"] {
        let source = own().join("examples").join(example);
        compile_by(("clang", "clang++"), &source, library(), Linking::Dynamic, directory.path());
    }
}

#[test]
fn nothing_leaks_and_nothing_is_read_after_it_was_freed() {
    if !has_tool("valgrind") {
        return;
    }
    for name in PROGRAMS {
        run(name, Linking::Dynamic, &[&["valgrind"], &VALGRIND[..]].concat());
    }
}

/// Planted fault: a buffer that is not freed is a leak that the options above find.
#[test]
fn a_planted_leak_is_found() {
    if !has_tool("valgrind") {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = directory.path().join("leak.c");
    std::fs::write(
        &source,
        "#include <strowger.h>\nint main(void) {\n  strowger_error *error = NULL;\n  \
         strowger_engine_open(STROWGER_STR(\"[\"), NULL, &error);\n  error = NULL;\n  return 0;\n}\n",
    )
    .expect("the program");
    let program = compile(&source, library(), Linking::Dynamic, directory.path());
    let output = Command::new("valgrind").args(VALGRIND).arg(program).output().expect("valgrind runs");
    assert_eq!(output.status.code(), Some(9), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_cpp_example_runs() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for linking in [Linking::Dynamic, Linking::Static] {
        let program = compile(&own().join("examples/desk.cpp"), library(), linking, directory.path());
        let output = succeed(&mut Command::new(program), "desk");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            text.contains("\"state\":\"Completed\"") && text.contains("STROWGER_ERR_UNKNOWN_CHANNEL"),
            "{text}"
        );
    }
}

#[test]
fn the_c_example_says_how_it_is_used() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = compile(&own().join("examples/minimal.c"), library(), Linking::Dynamic, directory.path());
    let output = succeed(Command::new(&program).arg("--help"), "minimal --help");
    assert!(String::from_utf8_lossy(&output.stdout).contains("usage:"));
    let output = Command::new(&program).output().expect("minimal runs");
    assert_eq!(output.status.code(), Some(2), "without arguments it is an error");
    let output =
        Command::new(&program).args(["/nowhere.so", "http://127.0.0.1:1"]).output().expect("minimal");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        words.contains("STROWGER_ERR_LOAD") && words.contains("there is no file `/nowhere.so`"),
        "{words}"
    );
}
