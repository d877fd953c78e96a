//! Conversations: each step, each limit, and what every failure means for the message.

mod common;
#[path = "common/scripted.rs"]
mod scripted;

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Point, job};
use scripted::{scripted, told};
use serde_json::{Value, json};
use strowger::channel::{Channel, JobKind, Outcome, Report, WebhookRequest};
use strowger_loader::{
    Clock, ConversationLimits, FetchLimits, Http, HttpRequest, HttpResponse, HttpResult, KeptSecret,
    LoadError, Options, SecretStore, SecretStoreError,
};

/// Answers requests from a list and keeps them.
#[derive(Default)]
struct Scene {
    answers: Mutex<Vec<HttpResult>>,
    requests: Mutex<Vec<HttpRequest>>,
    now_ms: AtomicU64,
    kept: Mutex<Vec<String>>,
    store_fails: bool,
}

impl Http for Scene {
    fn exchange(&self, request: &HttpRequest) -> HttpResult {
        self.requests.lock().unwrap().push(request.clone());
        self.now_ms.fetch_add(1000, Ordering::Relaxed);
        self.answers.lock().unwrap().remove(0)
    }
}

impl Clock for Scene {
    fn now_ms(&self) -> i64 {
        1_700_000_000_000
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.now_ms.load(Ordering::Relaxed))
    }
    fn sleep(&self, duration: Duration) {
        self.now_ms.fetch_add(u64::try_from(duration.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl SecretStore for Scene {
    fn keep(&self, secret: &KeptSecret<'_>) -> Result<(), SecretStoreError> {
        if self.store_fails {
            return Err(SecretStoreError { message: "the disk is full".into() });
        }
        let KeptSecret { plugin, channel, account, name, value } = *secret;
        self.kept.lock().unwrap().push(format!("{plugin}/{channel}/{account}/{name}={value}"));
        Ok(())
    }
}

/// A conversation to run: the script, the answers, and what differs from the defaults.
struct Play {
    steps: Vec<Value>,
    config: Value,
    manifest: Value,
    scene: Scene,
    options: Options,
    kind: JobKind,
    point: Point,
    handle: Value,
}

/// What came of it.
struct Played {
    report: Report,
    requests: Vec<HttpRequest>,
    told: Vec<(Value, Vec<u8>)>,
    crossed: u32,
    kept: Vec<String>,
    elapsed_ms: u64,
    faults: u64,
}

impl Play {
    fn new(steps: impl Into<Vec<Value>>, answers: impl Into<Vec<HttpResult>>) -> Self {
        Self {
            steps: steps.into(),
            config: json!({}),
            manifest: json!({}),
            scene: Scene { answers: Mutex::new(answers.into()), ..Scene::default() },
            options: Options::default(),
            kind: JobKind::Publish,
            point: Point::default(),
            handle: json!({"video": 7}),
        }
    }

    fn of(mut self, kind: JobKind) -> Self {
        self.kind = kind;
        self
    }

    fn run(self) -> Played {
        let Self { steps, config, manifest, scene, mut options, kind, mut point, handle } = self;
        let scene = Arc::new(scene);
        options.http = Some(Arc::clone(&scene) as _);
        options.clock = Arc::clone(&scene) as _;
        let (channel, id) = scripted(&steps, &config, &manifest, &options).unwrap();
        let mut job = job(kind, "hello");
        if kind == JobKind::Poll {
            job.handle = Some(&handle);
        }
        let report = channel.converse(&job, &mut point);
        Played {
            report,
            requests: std::mem::take(&mut scene.requests.lock().unwrap()),
            told: told(&id),
            crossed: point.crossed,
            kept: std::mem::take(&mut scene.kept.lock().unwrap()),
            elapsed_ms: scene.now_ms.load(Ordering::Relaxed),
            faults: channel.faults(),
        }
    }
}

fn request(marked: bool) -> Value {
    json!({"step": "request", "marked": marked,
           "request": {"method": "POST", "url": "http://127.0.0.1:9/v1/posts", "body": {"kind": "json", "json": {"a": 1}}}})
}

fn outcome(outcome: &Value) -> Value {
    json!({"step": "outcome", "outcome": outcome})
}

fn published() -> Value {
    outcome(&json!({"outcome": "published", "id": "p1"}))
}

fn proxy_login() -> HttpResult {
    HttpResult::Response(HttpResponse { status: 407, headers: Vec::new(), body: Vec::new() })
}

fn created() -> HttpResult {
    HttpResult::Response(HttpResponse {
        status: 201,
        headers: vec![("content-type".into(), "text/plain".into())],
        body: b"\x00\xffraw".to_vec(),
    })
}

fn not_sent() -> HttpResult {
    HttpResult::NotSent { message: "refused".into() }
}

fn broken() -> HttpResult {
    HttpResult::Broken { message: "reset".into() }
}

fn message(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::NotSent { message, .. }
        | Outcome::Unknown { message }
        | Outcome::CannotTell { message }
        | Outcome::Rejected { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_is_published() {
    let played = Play::new(
        [
            request(false),
            json!({"step": "wait", "ms": 2000}),
            request(true),
            json!({"step": "outcome", "outcome": {"outcome": "published", "id": "p1", "location": "l"},
                   "userData": {"k": "v"}, "throttle": {"untilMs": 17}}),
        ],
        [created(), created()],
    )
    .run();
    assert_eq!(
        played.report.outcome,
        Outcome::Published { id: Some("p1".into()), location: Some("l".into()) }
    );
    assert_eq!(played.report.user_data["k"], "v");
    assert_eq!(played.report.throttle_until_ms, Some(17));
    assert_eq!((played.crossed, played.faults), (1, 0));
    assert_eq!(played.elapsed_ms, 2000 + 2 * 1000);
    let marked: Vec<_> = played.requests.iter().map(|request| request.marked).collect();
    assert_eq!(marked, [false, true]);
    assert_eq!(played.requests[1].body.as_deref(), Some(&br#"{"a":1}"#[..]));
    let response = json!({"result": "response", "status": 201, "headers": [["content-type", "text/plain"]]});
    assert_eq!(played.told[0], (response, b"\x00\xffraw".to_vec()));
    assert_eq!(played.told[1], (json!({"result": "waited"}), Vec::new()));
}

#[test]
fn the_plugin_is_told_what_became_of_a_request() {
    let played = Play::new([request(false), request(false), published()], [not_sent(), broken()]).run();
    assert_eq!(played.told[0].0, json!({"result": "not-sent", "message": "refused"}));
    assert_eq!(played.told[1].0, json!({"result": "broken", "message": "reset"}));
}

#[test]
fn an_outcome_may_come_at_once_without_a_conversation() {
    let mut play = Play::new([outcome(&json!({"outcome": "rejected", "code": "c", "message": "m"}))], []);
    play.config = json!({"no_conversation": true});
    let played = play.run();
    assert_eq!(played.report.outcome, Outcome::Rejected { code: "c".into(), message: "m".into() });

    let mut play = Play::new([request(true)], [created()]);
    play.config = json!({"no_conversation": true});
    let played = play.run();
    assert!(matches!(played.report.outcome, Outcome::NotSent { .. }));
    assert!(played.requests.is_empty());
}

/// Each way to fail, before and after the point of no return.
#[test]
fn a_failure_is_not_sent_before_the_marked_request_and_unknown_after() {
    let other = |url: &str| json!({"step": "request", "request": {"method": "GET", "url": url}});
    let failures = [
        json!("-1"),
        json!("-2"),
        json!("-3"),
        json!("77"),
        json!("garbage"),
        json!({"step": "dance"}),
        json!({"step": "wait", "ms": 300_000}),
        json!({"step": "keep-secret", "name": "n", "value": "v"}),
        outcome(&json!({"outcome": "done"})),
        outcome(&json!({"outcome": "no such"})),
        other("http://127.0.0.1:9/v2"),
        other("http://127.0.0.1:10/v1/x"),
        other("https://127.0.0.1:9/v1/x"),
        other("http://127.0.0.1:9/v1/../x"),
        other("http://evil.example/v1/x"),
        other("not an address"),
        json!({"step": "request", "request": {"method": "GET", "url": "http://127.0.0.1:9/v1", "headers": [["a", "b\r\nc: d"]]}}),
        Value::Null,
    ];
    for failure in failures {
        let played = Play::new([request(false), failure.clone()], [created()]).run();
        assert!(matches!(played.report.outcome, Outcome::NotSent { .. }), "{failure}: {:?}", played.report);
        assert_eq!((played.crossed, played.requests.len()), (0, 1), "{failure}");

        for answer in [created(), broken()] {
            let played = Play::new([request(true), failure.clone()], [answer]).run();
            assert!(
                matches!(played.report.outcome, Outcome::Unknown { .. }),
                "{failure}: {:?}",
                played.report
            );
            assert_eq!((played.crossed, played.requests.len()), (1, 1), "{failure}");
        }

        // No byte was written, so nothing is in doubt.
        let played = Play::new([request(true), failure.clone()], [not_sent()]).run();
        assert!(matches!(played.report.outcome, Outcome::NotSent { .. }), "{failure}: {:?}", played.report);
    }
}

#[test]
fn a_look_that_fails_says_only_that() {
    for failure in [json!("-1"), request(true), outcome(&json!({"outcome": "not-sent"})), Value::Null] {
        let played = Play::new([failure.clone()], [created()]).of(JobKind::Reconcile).run();
        assert!(
            matches!(played.report.outcome, Outcome::CannotTell { .. }),
            "{failure}: {:?}",
            played.report
        );
        assert_eq!((played.crossed, played.requests.len()), (0, 0));

        let played = Play::new([failure.clone()], [created()]).of(JobKind::Poll).run();
        assert_eq!(played.report.outcome, Outcome::Accepted { handle: json!({"video": 7}) }, "{failure}");
        assert_eq!((played.crossed, played.requests.len()), (0, 0));
    }
}

/// The table of plugin-line.md, whole.
#[test]
fn a_job_ends_in_what_its_kind_allows() {
    let all = [
        json!({"outcome": "published", "id": "1"}),
        json!({"outcome": "accepted", "handle": 1}),
        json!({"outcome": "rejected", "message": "m"}),
        json!({"outcome": "needs-login"}),
        json!({"outcome": "rate-limited", "untilMs": 1}),
        json!({"outcome": "not-sent"}),
        json!({"outcome": "unknown"}),
        json!({"outcome": "absent"}),
        json!({"outcome": "cannot-tell"}),
        json!({"outcome": "done"}),
    ];
    let allowed = [
        (JobKind::Publish, "published accepted rejected needs-login rate-limited not-sent unknown"),
        (JobKind::Operation, "rejected needs-login rate-limited not-sent unknown done"),
        (JobKind::Poll, "published accepted rejected"),
        (JobKind::Reconcile, "published absent cannot-tell"),
    ];
    for (kind, names) in allowed {
        for document in &all {
            let name = document["outcome"].as_str().unwrap();
            let played = Play::new([outcome(document)], []).of(kind).run();
            let is_allowed = names.split(' ').any(|allowed| allowed == name);
            assert_eq!(played.faults, u64::from(!is_allowed), "{kind:?} {name}");
            assert!(!is_allowed || played.report.outcome.name() == name, "{kind:?} {name}");
        }
    }
}

/// Planted faults: outcomes after which the engine would send again, though it may have been published.
#[test]
fn a_plugin_cannot_talk_doubt_away() {
    let limited = json!({"outcome": "rate-limited", "untilMs": 1});
    let unsent = json!({"outcome": "not-sent"});
    for (answer, claim, is_taken) in [
        (created(), &unsent, false),
        // A proxy that wants a login has passed nothing on.
        (proxy_login(), &unsent, true),
        (broken(), &unsent, false),
        (not_sent(), &unsent, true),
        (created(), &limited, true),
        (broken(), &limited, false),
        (not_sent(), &limited, true),
    ] {
        let played = Play::new([request(true), outcome(claim)], [answer.clone()]).run();
        let expected = if is_taken { claim["outcome"].as_str().unwrap() } else { "unknown" };
        assert_eq!(played.report.outcome.name(), expected, "{answer:?} {claim}");
    }
}

#[test]
fn there_is_one_marked_request() {
    let played = Play::new([request(true), request(true), published()], [created(), created()]).run();
    assert!(matches!(played.report.outcome, Outcome::Unknown { .. }));
    assert_eq!((played.crossed, played.requests.len(), played.faults), (1, 1, 1));
    let played = Play::new([request(true), request(true), published()], [not_sent(), created()]).run();
    assert!(matches!(played.report.outcome, Outcome::NotSent { .. }));
    assert_eq!((played.crossed, played.requests.len()), (1, 1));
}

#[test]
fn without_a_recorded_intent_the_request_is_not_made() {
    let mut play = Play::new([request(true), published()], [created()]);
    play.point.refuse = true;
    let played = play.run();
    assert!(message(&played.report.outcome).contains("the disk is full"));
    assert!(matches!(played.report.outcome, Outcome::NotSent { .. }));
    assert!(played.requests.is_empty());
}

#[test]
fn a_request_that_cannot_be_made_does_not_cross_the_point() {
    let mut step = request(true);
    step["request"]["headers"] = json!([["host", "evil.example"]]);
    let played = Play::new([step], [created()]).run();
    assert_eq!((played.crossed, played.requests.len()), (0, 0));
    assert!(matches!(played.report.outcome, Outcome::NotSent { .. }));
}

#[test]
fn steps_are_counted() {
    let mut play = Play::new([json!({"step": "wait", "ms": 0})], []);
    play.config = json!({"again": true});
    let played = play.run();
    assert!(message(&played.report.outcome).contains("1000 steps"), "{:?}", played.report);
    assert_eq!(played.told.len(), 1000);
}

#[test]
fn time_is_counted() {
    let mut play = Play::new([json!({"step": "wait", "ms": 900})], []);
    play.config = json!({"again": true});
    play.options.limits =
        ConversationLimits { duration: Duration::from_secs(10), ..ConversationLimits::default() };
    let played = play.run();
    assert!(message(&played.report.outcome).contains("longer than its 10 s"), "{:?}", played.report);
    assert_eq!(played.elapsed_ms, 9900, "no wait is begun that would end too late");
}

#[test]
fn secrets_are_kept_before_the_conversation_goes_on() {
    let keep = json!({"step": "keep-secret", "name": "refresh", "value": "t0ken"});
    let scene = Arc::new(Scene::default());
    let options = Options { secrets: Some(Arc::clone(&scene) as _), ..Options::default() };
    let mut play = Play::new([keep.clone(), published()], []);
    play.options = options;
    let played = play.run();
    assert_eq!(played.told[0].0, json!({"result": "kept"}));
    assert_eq!(*scene.kept.lock().unwrap(), ["scripted/tiny/a/refresh=t0ken"]);
    assert!(played.kept.is_empty());

    let mut play = Play::new([keep.clone(), published()], []);
    play.options.secrets = Some(Arc::new(Scene { store_fails: true, ..Scene::default() }));
    let played = play.run();
    assert!(message(&played.report.outcome).contains("the disk is full"));
    assert!(played.told.is_empty());

    let played = Play::new([keep, published()], []).run();
    let message = message(&played.report.outcome);
    assert!(message.contains("option `secrets`") && !message.contains("t0ken"), "{message}");
}

#[test]
fn attachments_are_read_or_the_message_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.png"), b"0123456789").unwrap();
    let step = |file: &str| {
        json!({"step": "request", "marked": true, "request": {"method": "POST", "url": "http://127.0.0.1:9/v1",
            "body": {"kind": "multipart", "parts": [
                {"name": "media", "file": file, "offset": 2, "length": 3, "filename": "b.png", "contentType": "image/png"}]}}})
    };
    let mut play = Play::new([step("a.png"), published()], [created()]);
    play.options.attachments_dir = Some(directory.path().to_path_buf());
    let played = play.run();
    let body = String::from_utf8(played.requests[0].body.clone().unwrap()).unwrap();
    assert!(
        body.contains(
            "form-data; name=\"media\"; filename=\"b.png\"\r\ncontent-type: image/png\r\n\r\n234\r\n--"
        ),
        "{body}"
    );

    for (file, directory) in
        [("missing.png", Some(&directory)), ("../a.png", Some(&directory)), ("a.png", None)]
    {
        let mut play = Play::new([step(file)], [created()]);
        play.options.attachments_dir = directory.map(|directory| directory.path().to_path_buf());
        let played = play.run();
        let Outcome::Rejected { code, message } = &played.report.outcome else {
            panic!("{:?}", played.report)
        };
        assert!(code == "attachment" && message.contains(file), "{message}");
        assert_eq!((played.crossed, played.requests.len()), (0, 0));
    }
}

#[test]
fn files_are_described_and_written_into_json() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.txt"), b"GIF89a0123").unwrap();
    let stat = |file: &str| json!({"step": "stat-file", "file": file});
    let step = |member: &str| {
        json!({"step": "request", "request": {"method": "POST", "url": "http://127.0.0.1:9/v1",
            "body": {"kind": "json", "json": {"segment_index": 0},
                     "files": [{"member": member, "file": "a.txt", "offset": 6, "length": 4}]}}})
    };
    let mut play = Play::new([stat("a.txt"), step("media"), published()], [created()]);
    play.options.attachments_dir = Some(directory.path().to_path_buf());
    let played = play.run();
    assert_eq!(played.told[0].0, json!({"result": "file", "size": 10, "contentType": "image/gif"}));
    assert_eq!(
        played.requests[0].body.as_deref().unwrap(),
        br#"{"segment_index":0,"media":"MDEyMw=="}"#,
        "the bytes 0123 in base64"
    );
    assert!(played.requests[0].headers.contains(&("content-type".into(), "application/json".into())));

    // A member that is there already, and files that are not.
    let mut play = Play::new([step("segment_index"), published()], [created()]);
    play.options.attachments_dir = Some(directory.path().to_path_buf());
    let played = play.run();
    assert!(matches!(played.report.outcome, Outcome::NotSent { .. }), "{:?}", played.report);
    assert_eq!((played.requests.len(), played.faults), (0, 1));
    for (file, directory) in [("missing", Some(&directory)), ("../a.txt", Some(&directory)), ("a.txt", None)]
    {
        let mut play = Play::new([stat(file), published()], []);
        play.options.attachments_dir = directory.map(|directory| directory.path().to_path_buf());
        let outcome = play.run().report.outcome;
        assert!(
            matches!(&outcome, Outcome::Rejected { code, message } if code == "attachment" && message.contains(file)),
            "{outcome:?}"
        );
    }
}

/// What is got when there is something to get is tested beside the code: here it could only be this machine.
#[test]
fn addresses_are_fetched_only_where_the_host_says_so_and_never_from_its_own_network() {
    for (fetch, words) in [(None, "option `fetch`"), (Some(FetchLimits::default()), "not public")] {
        let step = json!({"step": "fetch-file", "url": "https://localhost:9/a?token=b", "maxBytes": 9});
        let mut play = Play::new([step, published()], []);
        play.options.fetch = fetch;
        let outcome = play.run().report.outcome;
        assert!(
            matches!(&outcome, Outcome::Rejected { code, message } if code == "attachment" && message.contains(words)),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_manifest_may_name_its_own_bases() {
    let step =
        json!({"step": "request", "request": {"method": "GET", "url": "https://api.example.com/v2/me"}});
    let mut play = Play::new([step.clone(), published()], [created()]);
    play.manifest = json!({"bases": ["https://api.example.com/v2"]});
    assert_eq!(play.run().requests.len(), 1);
    assert_eq!(Play::new([step, published()], [created()]).run().requests.len(), 0);

    let load = |config: Value, bases: Value| {
        scripted(&[], &config, &json!({"bases": bases}), &Options::default()).map(|_| ())
    };
    let error = load(json!({}), json!(["https://a", "http://b"])).unwrap_err();
    let LoadError::Base { member, .. } = &error else { panic!("{error}") };
    assert_eq!(member, "bases[1]");
    load(json!({"allow_plain_http": true}), json!(["http://b"])).unwrap();
    assert!(matches!(load(json!({}), json!("https://a")), Err(LoadError::Failed { .. })));
}

#[test]
fn a_hosts_own_client_is_held_to_the_limits_too() {
    let huge = HttpResult::Response(HttpResponse {
        status: 200,
        headers: vec![],
        body: vec![b'x'; strowger_loader::MAX_RESPONSE_BYTES + 1],
    });
    let played = Play::new([request(true), outcome(&json!({"outcome": "not-sent"}))], [huge]).run();
    assert_eq!(played.told[0].0["result"], "broken");
    assert!(matches!(played.report.outcome, Outcome::Unknown { .. }));
}

#[test]
fn webhooks_reach_the_plugin() {
    let (channel, _) = scripted(&[], &json!({}), &json!({}), &Options::default()).unwrap();
    let mut request = WebhookRequest {
        method: "POST".into(),
        path: "/hook".into(),
        query: "a=b".into(),
        headers: vec![("x-signature".into(), "sig".into())],
    };
    let answer = channel.ingest(&request, b"\xff\x00").unwrap();
    assert_eq!((answer.answer.status, answer.answer.body.as_str()), (200, "sig 2 bytes"));
    assert_eq!(answer.inbound[0]["channel"], "tiny");
    request.path = "/bad".into();
    assert!(channel.ingest(&request, b"").unwrap_err().to_string().contains("ingest"));
}
