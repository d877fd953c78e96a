//! What the documentation shows compiles, and its documents are understood by the library.

mod compile;
mod extract;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use compile::{compile, is_program, write};
use extract::{Fragment, fragments};
use support::{Linking, c_test, has_tool, library, own, read, succeed};

/// Every document that a C programmer reads, discovered so that a new one is not forgotten.
fn documents() -> Vec<PathBuf> {
    let root = own().parent().expect("the workspace");
    let mut found = vec![root.join("README.md")];
    for (folder, extensions) in [("include", &["h", "hpp"][..]), ("doc", &["md", "dox"])] {
        let entries = fs::read_dir(own().join(folder)).expect("a folder");
        found.extend(entries.map(|entry| entry.expect("an entry").path()).filter(|path| {
            path.extension().is_some_and(|it| extensions.iter().any(|extension| it == *extension))
        }));
    }
    found.sort();
    found
}

fn all() -> Vec<Fragment> {
    let found = documents().into_iter().flat_map(|path| fragments(&path, &read(&path)).unwrap());
    found.collect()
}

fn of(language: &str) -> Vec<Fragment> {
    let found: Vec<_> = all().into_iter().filter(|fragment| fragment.language == language).collect();
    assert!(!found.is_empty(), "there are fragments of {language}");
    found
}

/// What a document may call a fragment. Another language needs somebody who checks it.
#[test]
fn every_fragment_is_of_a_language_that_is_checked() {
    // `rust` is compiled with the documentation of `strowger-loader`, `sh` is checked in xtask/tests/docs.rs;
    // `text` and `unparsed` are output and sketches; `cmake` is what xtask/tests/install.rs builds with.
    let checked = ["c", "cpp", "json", "rust", "sh", "cmake", "text", "unparsed"];
    for fragment in all() {
        assert!(checked.contains(&fragment.language.as_str()), "{}: {}", fragment.place, fragment.language);
    }
}

#[test]
fn c_and_cpp_compile() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let compilers =
        if has_tool("clang") { vec![("gcc", "g++"), ("clang", "clang++")] } else { vec![("gcc", "g++")] };
    for (c, cpp) in compilers {
        for fragment in of("c") {
            compile(&fragment, c, directory.path()).unwrap_or_else(|words| panic!("{words}"));
        }
        for fragment in of("cpp") {
            compile(&fragment, cpp, directory.path()).unwrap_or_else(|words| panic!("{words}"));
        }
    }
}

#[test]
fn programs_link_and_run() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let programs: Vec<_> = of("c").into_iter().filter(is_program).collect();
    assert!(!programs.is_empty(), "there is a whole program");
    for fragment in programs {
        let source = write(&fragment, directory.path());
        let program = support::compile(&source, library(), Linking::Dynamic, directory.path());
        let mut command = Command::new(program);
        if fragment.text.contains("argc") {
            // Started as its document says in xtask/tests/install.rs; without what it needs it says so.
            let output = command.output().expect("it runs");
            assert_eq!(output.status.code(), Some(2), "{}: {output:?}", fragment.place);
        } else {
            succeed(&mut command, &fragment.place);
        }
    }
}

/// A document that is shown whole is JSON, and the function that takes it understands it.
#[test]
fn documents_are_understood() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = support::compile(&c_test("documents.c"), library(), Linking::Dynamic, directory.path());
    let found = of("json");
    for fragment in &found {
        parse(fragment).unwrap();
    }
    let config = found.iter().find(|it| it.kind.as_deref() == Some("config_json")).expect("a configuration");
    for (kind, at_least) in
        [("config_json", 1), ("agent_json", 1), ("body_json", 5), ("inbound_json", 1), ("outcome_json", 9)]
    {
        let documents: Vec<_> = found.iter().filter(|it| it.kind.as_deref() == Some(kind)).collect();
        assert!(documents.len() >= at_least, "{kind}: only {} are shown", documents.len());
        for document in documents {
            succeed(&mut taking(&program, config, document), &document.place);
        }
    }
}

/// The conventions at the top of strowger.h name every member of the configuration: those that the library
/// names when it meets an unknown one.
#[test]
fn every_member_of_the_configuration_is_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = support::compile(&c_test("documents.c"), library(), Linking::Dynamic, directory.path());
    let header = read(&support::include().join("strowger.h"));
    let conventions = header.split("#ifndef STROWGER_H").next().expect("a comment").to_owned();
    for (config, at_least) in
        [(r#"{"nothing":1}"#, 8), (r#"{"limits":{"nothing":1}}"#, 15), (r#"{"retention":{"nothing":1}}"#, 2)]
    {
        let output = Command::new(&program).args(["{}", "config_json", config]).output().expect("it runs");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        let expected = words.split_once(", expected ").unwrap_or_else(|| panic!("{words}")).1;
        let names: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
        assert!(names.len() >= at_least, "{words}");
        for name in names {
            assert!(conventions.contains(name), "strowger.h does not name `{name}`");
        }
    }
}

fn parse(fragment: &Fragment) -> Result<serde_json::Value, String> {
    serde_json::from_str(&fragment.text).map_err(|error| format!("{}: {error}", fragment.place))
}

fn taking(program: &Path, config: &Fragment, document: &Fragment) -> Command {
    let mut command = Command::new(program);
    command.arg(&config.text).arg(document.kind.as_deref().expect("a kind")).arg(&document.text);
    command
}

/// Planted faults: a type, a name and an argument that are not there, a function that nobody calls.
#[test]
fn broken_code_is_found() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let fragment = |language: &str, text: &str| Fragment {
        place: "planted".into(),
        language: language.into(),
        kind: None,
        text: text.into(),
    };
    for (compiler, broken) in [
        ("gcc", fragment("c", "strowger_motor *motor = NULL;\n")),
        ("gcc", fragment("c", "strowger_agent_shut(agent);\n")),
        ("gcc", fragment("c", "strowger_agent_close(agent, NULL);\n")),
        ("gcc", fragment("c", "static int unused_function(void) { return 1; }\n")),
        ("g++", fragment("cpp", "strowger::engine engine;\n")),
    ] {
        let words = compile(&broken, compiler, directory.path()).unwrap_err();
        assert!(words.contains("error"), "{words}");
    }
    compile(&fragment("c", "strowger_agent_close(agent);\n"), "gcc", directory.path()).unwrap();
}

/// Planted faults: a document that is no JSON, and for each kind one with a member too few or too many.
#[test]
fn broken_documents_are_found() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = support::compile(&c_test("documents.c"), library(), Linking::Dynamic, directory.path());
    let document = |kind: &str, text: &str| Fragment {
        place: "planted".into(),
        language: "json".into(),
        kind: Some(kind.into()),
        text: text.into(),
    };
    parse(&document("config_json", "{\"a\": …}")).unwrap_err();
    let found = of("json");
    let config = found.iter().find(|it| it.kind.as_deref() == Some("config_json")).expect("a configuration");
    for broken in [
        document("config_json", r#"{"stores":{}}"#),
        document("agent_json", r#"{"name":"a1"}"#),
        document("body_json", r#"{"operationName":"Accomplish"}"#),
        document("inbound_json", r#"{"from":"c","message":"m"}"#),
        document("outcome_json", r#"{"outcome":"perhaps"}"#),
        document("outcome_json", r#"{"outcome":"rate-limited"}"#),
    ] {
        let output = taking(&program, config, &broken).output().expect("documents runs");
        assert_eq!(output.status.code(), Some(1), "{broken:?} {output:?}");
    }
}
