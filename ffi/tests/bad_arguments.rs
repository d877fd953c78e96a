//! Every function of the header with every pointer NULL, one at a time and all at once, and with every string
//! empty, too long, not UTF-8, with a NUL inside, and NULL with a length: a status each time, no crash, and no
//! output written.
//!
//! The calls are written from the header itself, so no function and no parameter can be forgotten: one whose
//! name is not in the tables below fails the test. What a status has to be in detail is in tests/c/nulls.c.

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Output;

use support::instrument::Instrument;
use support::{Linking, c_test, committed_symbols, compile, include, library, read};

/// What stands for a parameter in a call that is good, by its type. Outputs and handles are as the prelude
/// names them.
const GOOD_POINTERS: [(&str, &str); 16] = [
    ("strowger_engine *", "engine"),
    ("const strowger_engine *", "engine"),
    ("strowger_agent *", "agent"),
    ("strowger_subscription *", "subscription"),
    ("const strowger_subscription *", "subscription"),
    ("const strowger_host *", "&host"),
    ("strowger_engine **", "&engine_out"),
    ("strowger_agent **", "&agent_out"),
    ("strowger_subscription **", "&subscription_out"),
    ("strowger_buf **", "&buf_out"),
    ("bool *", "&bool_out"),
    ("uint32_t *", "&count_out"),
    ("strowger_error **", "&error"),
    ("strowger_log_fn", "swallow"),
    ("void *", "UNWRITTEN"),
    ("void (*)(void *)", "let_go"),
];

/// Pointers that have no good value here: what is handed out is released, and an answer exists only inside of
/// the HTTP function (tests/c/http.c looks at it there).
const ONLY_NULL: [&str; 5] = [
    "strowger_error *",
    "const strowger_error *",
    "strowger_buf *",
    "const strowger_buf *",
    "strowger_http_answer *",
];

const NUMBERS: [&str; 3] = ["uint32_t", "uint64_t", "strowger_status"];

/// What a string is checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// UTF-8, at most 4 KiB.
    Name,
    /// UTF-8, at most 64 MiB.
    Document,
    /// At most 64 MiB.
    Bytes,
    /// Of a function that is called with NULL alone.
    Unread,
}

/// Good strings by their names, and what they are checked for.
const STRINGS: [(&str, Kind, &str); 23] = [
    ("channel", Kind::Name, "notes"),
    ("account", Kind::Name, "desk"),
    ("id", Kind::Name, "X"),
    ("topic", Kind::Name, "/v2/me/*"),
    ("agent_id", Kind::Name, "a1"),
    ("queue_path", Kind::Name, "/queues/q"),
    ("contact_id", Kind::Name, "c"),
    ("delivery_id", Kind::Name, "X"),
    ("format", Kind::Name, "dot"),
    ("operation", Kind::Name, "Create"),
    ("path", Kind::Name, "/nowhere.so"),
    ("config_json", Kind::Document, "{}"),
    ("agent_json", Kind::Document, r#"{\"id\":\"a1\"}"#),
    ("body_json", Kind::Document, "{}"),
    ("inbound_json", Kind::Document, r#"{\"from\":\"f\",\"message\":\"m\",\"queuePath\":\"/queues/q\"}"#),
    ("outcome_json", Kind::Document, r#"{\"outcome\":\"done\"}"#),
    ("request_json", Kind::Document, r#"{\"method\":\"GET\",\"path\":\"/\"}"#),
    ("body", Kind::Bytes, "x"),
    ("text", Kind::Unread, ""),
    ("name", Kind::Unread, ""),
    ("value", Kind::Unread, ""),
    ("bytes", Kind::Unread, ""),
    ("message", Kind::Unread, ""),
];

struct Function {
    returns: String,
    name: String,
    /// Types and names.
    parameters: Vec<(String, String)>,
}

/// The functions that a header declares.
fn functions(header: &str) -> Vec<Function> {
    let mut text = String::new();
    for (at, part) in header.split("/*").enumerate() {
        text += if at == 0 { part } else { part.split_once("*/").expect("a comment's end").1 };
    }
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let text = lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    // A declaration begins behind the last brace or semicolon.
    text.split(['{', '}', ';'])
        .filter_map(|declaration| {
            let declaration = declaration.trim();
            if declaration.starts_with("typedef") {
                return None;
            }
            let (head, parameters) = declaration.split_once('(')?;
            let name = head.rsplit([' ', '*']).next().filter(|name| name.starts_with("strowger_"))?;
            let parameters = parameters.strip_suffix(')')?;
            Some(Function {
                returns: head.strip_suffix(name)?.trim().to_owned(),
                name: name.to_owned(),
                parameters: parameters
                    .split(',')
                    .map(str::trim)
                    .filter(|one| *one != "void")
                    .map(parameter)
                    .collect(),
            })
        })
        .collect()
}

fn parameter(text: &str) -> (String, String) {
    if let Some((before, rest)) = text.split_once("(*") {
        let (name, _) = rest.split_once(')').expect("a function pointer's name");
        return (format!("{before}(*)(void *)"), name.to_owned());
    }
    let name = text.rsplit([' ', '*']).next().expect("a name");
    (text.strip_suffix(name).expect("a type").trim().to_owned(), name.to_owned())
}

/// The good value of a parameter, or what is missing in the tables.
fn good((kind, name): &(String, String)) -> Result<String, String> {
    if let Some((_, value)) = GOOD_POINTERS.iter().find(|(known, _)| known == kind) {
        return Ok((*value).to_owned());
    }
    if ONLY_NULL.contains(&kind.as_str()) {
        return Ok("NULL".to_owned());
    }
    if NUMBERS.contains(&kind.as_str()) {
        return Ok("0".to_owned());
    }
    let known = STRINGS.iter().find(|(known, ..)| kind == "strowger_str" && known == name);
    let (_, _, value) = known.ok_or_else(|| format!("the tables lack `{kind} {name}`"))?;
    Ok(format!("text(\"{value}\")"))
}

fn is_pointer(kind: &str) -> bool {
    GOOD_POINTERS.iter().any(|(known, _)| *known == kind) || ONLY_NULL.contains(&kind)
}

/// The calls of one function.
fn calls(function: &Function) -> Result<String, String> {
    let Function { returns, name, parameters } = function;
    let values = parameters
        .iter()
        .map(good)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|lack| format!("{name}: {lack}"))?;
    let mut text = String::new();
    let mut call = |what: &str, wanted: &str, changes: &[(usize, &str)]| {
        let mut values = values.clone();
        for (at, value) in changes {
            (*value).clone_into(&mut values[*at]);
        }
        let call = format!("{name}({})", values.join(", "));
        // Writing to a string can't fail.
        let _ = match returns.as_str() {
            "strowger_status" if wanted != "void" => {
                writeln!(text, "  TRY(\"{name}\", \"{what}\", {wanted}, {call});")
            }
            _ => writeln!(text, "  (void){call};\n  calls++;"),
        };
    };

    let pointers: Vec<_> = (0..parameters.len()).filter(|&at| is_pointer(&parameters[at].0)).collect();
    let errors = pointers.iter().copied().find(|&at| parameters[at].0 == "strowger_error **");
    let takes_pointers = pointers.iter().any(|&at| Some(at) != errors);
    let only_null = parameters.iter().any(|(kind, _)| ONLY_NULL.contains(&kind.as_str()));
    let nulls = |at: &[usize]| at.iter().map(|&at| (at, "NULL")).collect::<Vec<_>>();
    // Reading an error that is not there is no error.
    let null = if name == "strowger_error_status" { "STROWGER_OK" } else { "STROWGER_ERR_NULL" };
    if !takes_pointers {
        call("as it is", "void", &[]);
        return Ok(text);
    }
    let mut all: Vec<_> = nulls(&pointers);
    all.extend(
        (0..parameters.len()).filter(|&at| parameters[at].0 == "strowger_str").map(|at| (at, "nothing")),
    );
    call("all NULL", null, &all);
    for &at in pointers.iter().filter(|&&at| Some(at) != errors) {
        call(&format!("{} NULL", parameters[at].1), null, &nulls(&[at]));
        if let Some(errors) = errors {
            call(&format!("{} and error NULL", parameters[at].1), null, &nulls(&[at, errors]));
        }
    }

    for at in (0..parameters.len()).filter(|&at| parameters[at].0 == "strowger_str") {
        let name = &parameters[at].1;
        let kind =
            STRINGS.iter().find(|(known, ..)| known == name).map_or(Kind::Unread, |(_, kind, _)| *kind);
        if (kind == Kind::Unread) != only_null {
            return Err(format!("{}: `{name}` is {kind:?}", function.name));
        }
        let expected = |status: &'static str| if only_null { "STROWGER_ERR_NULL" } else { status };
        let mut bad = |what: &str, wanted: &'static str, value: &str| {
            call(&format!("{name} {what}"), expected(wanted), &[(at, value)]);
        };
        bad("NULL with a length", "STROWGER_ERR_NULL", "null_and_1");
        bad("NULL with the largest length", "STROWGER_ERR_TOO_LONG", "null_and_all");
        bad("empty", "ANY", "empty");
        bad("empty and NULL", "ANY", "nothing");
        bad("with a NUL", "ANY", "with_nul");
        bad(
            "longer than a request may be",
            if kind == Kind::Name { "STROWGER_ERR_TOO_LONG" } else { "ANY" },
            "beyond_body",
        );
        bad(
            "of several MiB",
            if kind == Kind::Name { "STROWGER_ERR_TOO_LONG" } else { "ANY" },
            "several_mib",
        );
        bad(
            "longer than a name",
            if kind == Kind::Name { "STROWGER_ERR_TOO_LONG" } else { "ANY" },
            "beyond_name",
        );
        bad("longer than a document", "STROWGER_ERR_TOO_LONG", "beyond_document");
        for number in 0..6 {
            let wanted = if kind == Kind::Bytes { "ANY" } else { "STROWGER_ERR_UTF8" };
            bad("not UTF-8", wanted, &format!("not_utf8[{number}]"));
        }
    }
    Ok(text)
}

/// Writes, compiles and runs the calls, `planted` before them.
fn run(header: &str, planted: &str, directory: &Path) -> Result<Output, String> {
    let mut program = format!("#include \"bad_arguments.h\"\n{planted}\nint main(void) {{\n  begin();\n");
    for function in functions(header) {
        program += &calls(&function)?;
    }
    program += "  end();\n  return 0;\n}\n";
    let source = directory.join("bad.c");
    fs::write(&source, program).expect("the program");
    for header in ["check.h", "bad_arguments.h"] {
        fs::copy(c_test(header), directory.join(header)).expect("a header");
    }
    let program = compile(&source, library(), Linking::Dynamic, directory);
    Ok(Instrument::chosen().command(&program).output().expect("the program runs"))
}

#[test]
fn every_bad_argument_of_every_function_is_a_status() {
    let header = read(&include().join("strowger.h"));
    let mut names: Vec<_> = functions(&header).into_iter().map(|function| function.name).collect();
    names.sort();
    assert_eq!(names, committed_symbols(), "the header was not understood");

    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = run(&header, "", directory.path()).expect("every parameter is known");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let calls: usize =
        text.split_once(" calls\nok\n").and_then(|(calls, _)| calls.parse().ok()).expect("a number");
    assert!(calls > 500, "only {calls} calls were made");
}

/// Planted faults: a new function whose parameter has no row, one that forgets to check its output, and one
/// that writes it and then fails.
#[test]
fn what_is_forgotten_is_found() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let header = read(&include().join("strowger.h"));
    let more = "strowger_status strowger_new(strowger_engine *engine, strowger_str surprise, strowger_error **error);";
    let problem = run(&format!("{header}\n{more}"), "", directory.path()).unwrap_err();
    assert_eq!(problem, "strowger_new: the tables lack `strowger_str surprise`");

    let planted = |body: &str| {
        format!(
            "static strowger_status planted(strowger_agent *agent_, strowger_str channel, strowger_buf **out, \
             strowger_error **error_) {{ {body} }}\n#define strowger_list planted"
        )
    };
    let unchecked = "return out == NULL ? STROWGER_OK : strowger_list(agent_, channel, out, error_);";
    let early = "if (out != NULL) { *out = NULL; } return strowger_list(agent_, channel, out, error_);";
    for (body, problem) in [(unchecked, "another status"), (early, "an output that was written")] {
        let output = run(&header, &planted(body), directory.path()).expect("every parameter is known");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && words.contains("strowger_list, ") && words.contains(problem),
            "{words}"
        );
    }
}
