//! What channels/README.md tells plugin authors: its fragments of C compile (those of Rust run with the documentation
//! of `strowger-channel`), it names what there is, and its way to try a plugin against the sandbox works for a
//! platform that the sandbox does not know.
//!
//! Planted faults: a name misspelt in a fragment, or an outcome left out of the tables, fails here.

#[path = "common/built.rs"]
mod built;
mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::{Point, job};
use serde_json::json;
use strowger::channel::{Channel, Job, JobKind, Outcome};
use strowger_loader::{ConversationLimits, Options, Plugin};
use strowger_sandbox::{Answer, Effect, Fault, Sandbox};

const GUIDE: &str = include_str!("../../README.md");

/// What the fragments of a plugin call, or leave to the reader.
const AROUND: &str = "
#include <strowger_channel.h>
int32_t create(const strowger_channel_host *, strowger_str, strowger_sink *, strowger_channel **);
void destroy(strowger_channel *);
int32_t manifest(strowger_channel *, strowger_sink *);
int32_t check(strowger_channel *, strowger_str, strowger_str, strowger_str, strowger_str, strowger_sink *);
int32_t begin(strowger_channel *, strowger_str, strowger_sink *, strowger_conversation **);
int32_t resume(strowger_channel *, strowger_conversation *, strowger_str, strowger_str, strowger_sink *);
void end(strowger_channel *, strowger_conversation *);
";

fn fragments(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let found: Vec<_> = GUIDE.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!found.is_empty(), "there are fragments of {language}");
    found
}

#[test]
fn the_fragments_of_c_compile() {
    let directory = tempfile::tempdir().expect("a directory");
    let source = directory.path().join("fragment.c");
    for fragment in fragments("c") {
        std::fs::write(&source, format!("{AROUND}{fragment}")).expect("the source");
        let output = Command::new("cc")
            .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wno-unused-parameter", "-Werror"])
            .args(["-fsyntax-only", "-I"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ffi/include"))
            .arg(&source)
            .output()
            .expect("a C compiler is needed: install gcc");
        assert!(output.status.success(), "{fragment}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_guide_names_every_outcome_and_every_member() {
    let outcomes = [
        Outcome::Published { id: None, location: None },
        Outcome::Accepted { handle: json!(1) },
        Outcome::Rejected { code: String::new(), message: String::new() },
        Outcome::NeedsLogin { message: String::new() },
        Outcome::RateLimited { until_ms: 0 },
        Outcome::NotSent { message: String::new(), retry_after_ms: None },
        Outcome::Unknown { message: String::new() },
        Outcome::Absent,
        Outcome::CannotTell { message: String::new() },
        Outcome::Done,
    ];
    for outcome in &outcomes {
        assert!(GUIDE.contains(&format!("`{}`", outcome.name())), "{}", outcome.name());
    }
    for kind in [JobKind::Publish, JobKind::Operation, JobKind::Poll, JobKind::Reconcile] {
        let name = serde_json::to_value(kind).expect("JSON");
        assert!(GUIDE.contains(&format!("| `{}` |", name.as_str().expect("a name"))), "{name}");
    }
    // What a manifest must and may have: the header's own list of members, word for word.
    let header = include_str!("../../../ffi/include/strowger_channel.h");
    let section =
        header.split("@section channel_manifest").nth(1).and_then(|rest| rest.split("@section").next());
    let lines = section.expect("a section").lines().filter_map(|line| line.strip_prefix(" *         \""));
    let members: Vec<_> = lines.filter_map(|line| line.split('"').next()).collect();
    assert!(members.len() >= 12, "{members:?}");
    for member in members {
        assert!(GUIDE.contains(&format!("`{member}`")), "`{member}` of the manifest");
    }
}

#[test]
fn the_faults_that_the_guide_arms_are_understood() {
    let documents = fragments("sh").into_iter().flat_map(str::lines).filter_map(|line| {
        line.split("_sandbox/faults -d '").nth(1).and_then(|rest| rest.split('\'').next())
    });
    let faults: Vec<_> = documents
        .map(|text| {
            Fault::from_json(&serde_json::from_str(text).expect(text)).unwrap_or_else(|e| panic!("{e}"))
        })
        .collect();
    assert_eq!(faults.len(), 2);
}

/// The guide's last step, done with the example: answers that the sandbox is told, and faults.
#[test]
fn a_plugin_of_another_platform_is_tried_against_the_sandbox() {
    let place = tempfile::tempdir().expect("a directory");
    let exe = std::env::current_exe().expect("the test has a path");
    let profile = exe.ancestors().nth(2).expect("the test lies in cargo's target directory");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    built::build(here, &["-p", "strowger-channel", "--example", "webhook"], profile);
    let library = built::installed(&profile.join("examples/libwebhook.so"), place.path());
    let sandbox =
        Sandbox::start("127.0.0.1:0".parse().expect("an address"), strowger_sandbox::Options::default())
            .expect("a sandbox");
    let config = json!({ "base_url": format!("http://{}/inbox", sandbox.addr()), "token": "s3cret-hook",
                         "account": "inbox" });
    let limits = ConversationLimits { request: Duration::from_millis(500), ..ConversationLimits::default() };
    let options = Options { limits, ..Options::default() };
    let channel = Plugin::load(&library, &config.to_string(), &options).expect("the plugin loads");

    let told = |status: u16, body: serde_json::Value| {
        Effect::StatusBefore(Answer { body: Some(body), ..Answer::status(status) })
    };
    let mut seen = String::new();
    for (effect, class) in [
        (told(200, json!({ "id": "7" })), "published"),
        (told(200, json!({})), "unknown"),
        (told(422, json!({ "message": "no s3cret-hook" })), "rejected"),
        (told(401, json!({})), "needs-login"),
        (told(429, json!({})), "rate-limited"),
        (told(503, json!({})), "unknown"),
        (Effect::CloseBefore, "unknown"),
        (Effect::ResetBefore, "unknown"),
        (Effect::Slow(Duration::from_secs(2)), "unknown"),
        (Effect::Html { status: 502, perform: false }, "unknown"),
        (Effect::Truncated { perform: false }, "unknown"),
    ] {
        let before = sandbox.requests().len();
        let case = format!("{effect:?}");
        sandbox.inject(Fault::new(effect).method("POST").path("/inbox")).expect("a fault");
        let mut point = Point::default();
        let publish = Job { channel: "webhook", account: "inbox", ..job(JobKind::Publish, "Hello") };
        let report = channel.converse(&publish, &mut point);
        assert_eq!(report.outcome.name(), class, "{case}: {report:?}");
        assert_eq!((point.crossed, sandbox.requests().len() - before), (1, 1), "{case}");
        let _ = write!(seen, "{report:?}");
    }
    assert_eq!(channel.faults(), 0);
    let _ = write!(seen, "{:?}", sandbox.requests());
    assert!(!seen.contains("s3cret-hook"), "{seen}");
}
