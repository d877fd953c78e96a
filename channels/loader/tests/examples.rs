//! The example plugins, in Rust and in C, loaded and put through the same exchanges. Whoever writes a fourth channel
//! starts from them.

#[path = "common/built.rs"]
mod built;
mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use common::{Point, job};
use serde_json::{Value, json};
use strowger::channel::{Channel, CheckError, Job, JobKind, Outcome, Outgoing};
use strowger_loader::{
    Http, HttpRequest, HttpResponse, HttpResult, LoadError, LoadedChannel, Options, Plugin,
};

const TOKEN: &str = "hook-s3cret";
const TEXT: &str = "line one\nsays \"hello\" to \\ Größe {[,]}";

fn rust() -> PathBuf {
    let exe = std::env::current_exe().expect("the test has a path");
    let profile = exe.ancestors().nth(2).expect("the test lies in cargo's target directory").to_owned();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    built::build(here, &["-p", "strowger-channel", "--example", "webhook"], &profile);
    profile.join("examples/libwebhook.so")
}

fn c(directory: &Path) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = directory.join("libwebhook_c.so");
    let output = Command::new("cc")
        .args([
            "-std=c99",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Wconversion",
            "-Werror",
            "-shared",
            "-fPIC",
            "-fvisibility=hidden",
        ])
        .arg("-I")
        .arg(here.join("../../ffi/include"))
        .arg("-o")
        .arg(&library)
        .arg(here.join("../../ffi/examples/plugin.c"))
        .output()
        .expect("a C compiler is needed: install gcc");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}

/// Answers with what the test put there, and keeps what it was asked.
struct Recorded(Mutex<(Option<HttpResult>, Vec<HttpRequest>)>);

impl Http for Recorded {
    fn exchange(&self, request: &HttpRequest) -> HttpResult {
        let mut recorded = self.0.lock().unwrap();
        recorded.1.push(request.clone());
        recorded.0.take().expect("an answer was recorded")
    }
}

fn config() -> Value {
    json!({ "base_url": "https://hooks.example.org/inbox", "token": TOKEN, "account": "inbox" })
}

fn load(library: &Path, config: &Value) -> Result<(LoadedChannel, Arc<Recorded>), LoadError> {
    let http = Arc::new(Recorded(Mutex::new((None, Vec::new()))));
    let options =
        Options { expected_name: Some("webhook".into()), http: Some(http.clone()), ..Options::default() };
    Ok((Plugin::load(library, &config.to_string(), &options)?, http))
}

fn answer(status: u16, body: &str) -> HttpResult {
    HttpResult::Response(HttpResponse { status, headers: Vec::new(), body: body.as_bytes().to_vec() })
}

/// The class of the outcome of a publication that is answered so, and its code if it is rejected.
fn class(channel: &LoadedChannel, http: &Recorded, result: HttpResult) -> String {
    http.0.lock().unwrap().0 = Some(result);
    let mut point = Point::default();
    let publish = Job { channel: "webhook", account: "inbox", ..job(JobKind::Publish, TEXT) };
    let report = channel.converse(&publish, &mut point);
    assert_eq!(point.crossed, 1, "the request is marked");
    assert!(!format!("{report:?}").contains(TOKEN), "{report:?}");
    match report.outcome {
        Outcome::Published { id, .. } => format!("published {}", id.unwrap_or_default()),
        Outcome::Rejected { code, .. } => format!("rejected {code}"),
        Outcome::NeedsLogin { .. } => "needs-login".into(),
        Outcome::RateLimited { .. } => "rate-limited".into(),
        Outcome::NotSent { .. } => "not-sent".into(),
        Outcome::Unknown { .. } => "unknown".into(),
        other => format!("{other:?}"),
    }
}

fn tour(library: &Path) {
    let (channel, http) = load(library, &config()).expect("the example loads");
    let manifests = channel.manifests();
    assert_eq!((manifests.len(), manifests[0].topic.as_str()), (1, "/v2/me/webhook"));
    assert_eq!(manifests[0].accounts[0].name, "inbox");

    let check = |text: &str| {
        let outgoing = Outgoing { channel: "webhook", account: "inbox", text, extras_json: "{}" };
        match channel.check(&outgoing) {
            Ok(()) => 0,
            Err(CheckError::Refused { code, .. }) => code,
            Err(fault) => panic!("{fault:?}"),
        }
    };
    assert_eq!((check("hello"), check(""), check(" \n")), (0, 2, 2));
    assert_eq!((check(&"x".repeat(4096)), check(&"x".repeat(4097))), (0, 10));

    for (status, body, expected) in [
        (200, r#"{"id":"77"}"#, "published 77"),
        (201, r#" {"seen":{"id":"1","a":["}"]},"id":"7\"8"}"#, "published 7\"8"),
        (200, "{}", "unknown"),
        (200, r#"{"id":"7"#, "unknown"),
        (200, "ok", "unknown"),
        (204, "", "unknown"),
        (302, "", "rejected http-302"),
        (400, r#"{"message":"no"}"#, "rejected http-400"),
        (400, "<html>", "unknown"),
        (401, "", "needs-login"),
        (404, "<html>", "rejected http-404"),
        (407, "", "not-sent"),
        (408, "", "unknown"),
        (422, "{}", "rejected http-422"),
        (429, "", "rate-limited"),
        (500, "{}", "unknown"),
        (502, "<html>", "unknown"),
    ] {
        assert_eq!(class(&channel, &http, answer(status, body)), expected, "{status} {body}");
    }
    assert_eq!(class(&channel, &http, HttpResult::NotSent { message: "no route".into() }), "not-sent");
    assert_eq!(class(&channel, &http, HttpResult::Broken { message: "lost".into() }), "unknown");

    let request = http.0.lock().unwrap().1[0].clone();
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://hooks.example.org/inbox"));
    assert!(request.headers.contains(&("authorization".to_owned(), format!("Bearer {TOKEN}"))));
    let body: Value = serde_json::from_slice(request.body.as_deref().unwrap_or_default()).expect("JSON");
    assert_eq!(body, json!({ "deliveryId": "d1", "agentId": "agent", "message": TEXT }));

    let mut point = Point::default();
    let reconcile = Job { channel: "webhook", account: "inbox", ..job(JobKind::Reconcile, TEXT) };
    assert!(matches!(channel.converse(&reconcile, &mut point).outcome, Outcome::CannotTell { .. }));
    assert_eq!((point.crossed, channel.faults()), (0, 0));

    for (member, value) in [
        ("surplus", json!(TOKEN)),
        ("base_url", json!("ftp://hook-s3cret")),
        ("token", json!("hook-s3cret two")),
        ("token", json!("")),
        ("account", json!(7)),
    ] {
        let mut wrong = config();
        wrong[member] = value;
        let error = load(library, &wrong).map(drop).expect_err(member);
        assert!(!format!("{error} {error:?}").contains("hook-s3cret"), "{error}");
    }
}

#[test]
fn the_rust_example_is_a_plugin() {
    let directory = tempfile::tempdir().unwrap();
    tour(&built::installed(&rust(), directory.path()));
}

#[test]
fn the_c_example_is_a_plugin() {
    let directory = tempfile::tempdir().unwrap();
    tour(&c(directory.path()));
}
