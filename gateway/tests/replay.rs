//! `replay` as a user runs it: the built program, the built plugins, the sandbox inside.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Builds the plugins (a test of this package alone would not) and gives the folder they are in.
fn plugins() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_strowger-gateway"));
    let folder = program.parent().expect("a program is in a folder").to_path_buf();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "-p", "strowger-twitter-plugin", "-p", "strowger-facebook-plugin"]);
    if folder.file_name().is_some_and(|name| name == "release") {
        build.arg("--release");
    }
    let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
    assert!(built.success(), "the plugins could not be built");
    folder
}

fn replay(plugins: &Path, script: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_strowger-gateway"))
        .args(["replay", "-", "--plugins"])
        .arg(plugins)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("the script is read");
    child.wait_with_output().expect("the program ends")
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("the output is text");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

fn seeds() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/demo/seeds.jsonl")).expect("the seeds are there")
}

#[test]
fn the_seeds_come_out_member_for_member_and_in_order() {
    let output = replay(&plugins(), &seeds());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = lines(&output);

    let expected = include_str!("data/seeds.notifications.jsonl");
    let mut expected = expected.lines().map(|line| serde_json::from_str::<Value>(line).expect("valid"));
    let mut requests = 0;
    let mut ids = HashMap::new();
    for line in &printed {
        if line.get("statusCode").is_some() {
            requests += 1;
            assert_eq!(line["statusCode"], 0, "{line}");
            assert!(line["referenceId"].is_u64(), "{line}");
            assert_eq!(line.as_object().map(serde_json::Map::len), Some(2), "{line}");
            continue;
        }
        let expected = expected.next().unwrap_or_else(|| panic!("more than expected: {line}"));
        assert_matches(&expected, line, "", &mut ids);
    }
    assert_eq!(expected.next(), None, "a notification is missing");
    assert_eq!(requests, 10, "each request has a reply");
    assert_eq!(ids.len(), 5, "five interactions were told of");
}

/// Compares member for member. `<…>` in the expectation stands for what differs from run to run.
fn assert_matches(expected: &Value, found: &Value, at: &str, ids: &mut HashMap<String, usize>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let names = |members: &serde_json::Map<String, Value>| {
                let mut names: Vec<_> = members.keys().cloned().collect();
                names.sort();
                names
            };
            assert_eq!(names(expected), names(found), "the members at {at}");
            for (name, expected) in expected {
                assert_matches(expected, &found[name], &format!("{at}/{name}"), ids);
            }
        }
        (Value::String(placeholder), found) if placeholder.starts_with('<') && placeholder.ends_with('>') => {
            let text = found.as_str().unwrap_or_default();
            let fits = match placeholder.as_str() {
                "<reference>" => found.as_u64().is_some_and(|number| number > 0),
                "<id>" => {
                    *ids.entry(text.to_owned()).or_default() += 1;
                    text.len() == 16
                        && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
                }
                "<uri>" => ids.keys().any(|id| {
                    text.ends_with(&format!("/api/v2/tweet/{id}"))
                        || text.ends_with(&format!("/api/v2/facebooks/{id}"))
                }),
                "<contact>" | "<post-id>" => !text.is_empty(),
                "<post-location>" => text.starts_with("http"),
                _ => expected == found,
            };
            assert!(fits, "at {at}: expected {placeholder}, found {found}");
        }
        _ => assert_eq!(expected, found, "at {at}"),
    }
}

#[test]
fn a_missing_plugin_is_named_with_its_path() {
    let empty = tempfile::tempdir().expect("a folder");
    let output = replay(empty.path(), &seeds());
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    let path = empty.path().join("libstrowger_twitter.so");
    assert!(error.contains(&path.display().to_string()), "{error}");
}

#[test]
fn refusals_are_printed_as_clients_get_them_and_readings_too() {
    let script = r#"
{"agent":"a3","path":"/api/v2/me/tweets","body":{"operationName":"Create"}}
{"agent":"a1","path":"api/v2/me/twitter","body":{"operationName":"Create"},"as":"draft"}
{"agent":"a2","path":"/api/v2/me/tweets/{draft}","body":{"operationName":"Cancel"}}
{"agent":"a1","method":"GET","path":"/api/v2/me/tweets/{draft}"}
{"agent":"a1","method":"GET","path":"/api/v2/me/tweets"}
{"agent":"a1","method":"GET","path":"/api/v2/me/tweets?fields=*"}
{"agent":"a1","method":"GET","path":"/api/v2/me/letters"}
"#;
    let output = replay(&plugins(), script);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let replies: Vec<_> =
        lines(&output).into_iter().filter(|line| line.get("statusCode").is_some()).collect();
    let codes: Vec<_> = replies.iter().map(|reply| reply["statusCode"].as_u64().unwrap_or(99)).collect();
    assert_eq!(codes, [5, 0, 6, 0, 0, 0, 6]);
    assert_eq!(replies[3]["twitter"]["state"], "Composing");
    assert_eq!(replies[4]["uris"].as_array().map(Vec::len), Some(1));
    assert_eq!(replies[5]["tweets"][0]["id"], replies[3]["twitter"]["id"]);
}

#[test]
fn a_line_that_is_no_step_is_named_by_its_number() {
    for (script, problem) in [
        ("\n{\"agent\":\"a1\"}\n", "line 2: expected a request"),
        ("{\"agent\":\"a1\",\"path\":\"/x\",\"bdoy\":1}", "line 1: unknown field `bdoy`"),
        ("{\"agent\":\"zz\",\"path\":\"/api/v2/me/tweets\"}", "line 1: there is no agent `zz`"),
    ] {
        let output = replay(&plugins(), script);
        assert_eq!(output.status.code(), Some(1), "{script}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn the_real_plugin_judges_the_text_before_it_is_accepted() {
    let send = |text: &str, from: &str| {
        let twitter = serde_json::json!({ "from": from, "message": text });
        let body =
            serde_json::json!({ "operationName": "Send", "queuePath": "/queues/q1", "twitter": twitter });
        serde_json::json!({ "agent": "a1", "path": "/api/v2/me/tweets/{draft}", "body": body }).to_string()
    };
    let script = [
        r#"{"agent":"a1","path":"/api/v2/me/tweets","body":{"operationName":"Create"},"as":"draft"}"#
            .to_owned(),
        send(&"x".repeat(281), "vitaliy_onv"),
        // 141 characters of East Asia count 282.
        send(&"語".repeat(141), "vitaliy_onv"),
        send("hello", "nobody"),
        send(&"x".repeat(280), "vitaliy_onv"),
    ];
    let output = replay(&plugins(), &script.join("\n"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let replies: Vec<_> =
        lines(&output).into_iter().filter(|line| line.get("statusCode").is_some()).collect();
    let codes: Vec<_> = replies.iter().map(|reply| reply["statusCode"].as_u64().unwrap_or(99)).collect();
    assert_eq!(codes, [0, 10, 10, 2, 0]);
    for (reply, words) in [(1, ["281", "280"]), (2, ["282", "280"]), (3, ["nobody", "vitaliy_onv"])] {
        let message = replies[reply]["statusMessage"].as_str().unwrap_or_default();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}
