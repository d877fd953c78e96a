//! Every fault of the sandbox, against Facebook's posts and comments and OneAll's posts, through the loader and the
//! plugins' own libraries: the outcome is of the right class, nothing is published twice, what is in doubt is found
//! again where that is possible, and no secret shows.

#[path = "common/built.rs"]
mod built;
mod common;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{Point, empty_object};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use strowger::channel::{Attempt, Channel, Job, JobKind, Outcome};
use strowger_loader::{ConversationLimits, LoadedChannel, Options, Plugin};
use strowger_sandbox::{Answer, Effect, Fault, Kind, Sandbox};

/// The token and the app's secret; the site's private key, and both keys as HTTP Basic writes them; the identity.
const SECRETS: [&str; 5] = [
    "EAAB-page-token-s3cret",
    "app-s3cret-0123456789",
    "pr1vate-s3cret",
    "cHVibGljOnByMXZhdGUtczNjcmV0",
    "923843ec-1749-4cc1-988f-d6963f3b1baa",
];
const PAGE: &str = "449156051903439";
const TEXT: &str = "Hello Facebook!";
/// How long a request may take: longer than a machine under load needs, shorter than the slow faults.
const PATIENCE: Duration = Duration::from_millis(1_500);
const TOO_LONG: Duration = Duration::from_secs(3);
/// Longer than what arrives late is late.
const SETTLE_MS: u64 = 2_500;

/// What is published, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Post,
    Comment,
    PostOverOneAll,
    LinkedIn,
}

const WAYS: [Way; 4] = [Way::Post, Way::Comment, Way::PostOverOneAll, Way::LinkedIn];

impl Way {
    fn channel(self) -> &'static str {
        if self == Self::LinkedIn { "linkedin" } else { "facebook" }
    }

    fn is_oneall(self) -> bool {
        matches!(self, Self::PostOverOneAll | Self::LinkedIn)
    }

    fn config(self, base_url: &str) -> Value {
        let site = json!({ "base_url": base_url, "public_key": "public", "private_key": SECRETS[2] });
        let mut account = json!({ "name": "a", "settle_ms": SETTLE_MS });
        if self == Self::LinkedIn {
            let mut config = site;
            account["channel"] = json!("linkedin");
            account["identity_token"] = json!(SECRETS[4]);
            config["name"] = json!("channel-oneall");
            config["accounts"] = json!([account]);
            return config;
        }
        account["page_id"] = json!(PAGE);
        if self == Self::PostOverOneAll {
            account["transport"] = site;
            account["transport"]["kind"] = json!("oneall");
            account["transport"]["identity_token"] = json!(SECRETS[4]);
        } else {
            account["auth"] = json!({ "access_token": SECRETS[0], "app_secret": SECRETS[1] });
        }
        json!({ "name": "channel-facebook", "base_url": base_url, "accounts": [account] })
    }

    fn user_data(self) -> Value {
        match self {
            Self::Comment => {
                json!({ "_facebookSubmitType": "comment", "_facebookPostId": "449156051903439_7" })
            }
            Self::Post | Self::PostOverOneAll => json!({ "_facebookSubmitType": "post" }),
            Self::LinkedIn => json!({}),
        }
    }
}

/// The class that an outcome must be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Published,
    Rejected,
    NeedsLogin,
    RateLimited,
    Unknown,
    /// The connection may have broken before or after the first byte was written.
    NotSentOrUnknown,
}

impl Class {
    fn admits(self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Published { id: Some(_), .. } => self == Self::Published,
            Outcome::Rejected { .. } => self == Self::Rejected,
            Outcome::NeedsLogin { .. } => self == Self::NeedsLogin,
            Outcome::RateLimited { .. } => self == Self::RateLimited,
            Outcome::Unknown { .. } => matches!(self, Self::Unknown | Self::NotSentOrUnknown),
            Outcome::NotSent { .. } => self == Self::NotSentOrUnknown,
            _ => false,
        }
    }
}

/// Every fault, what an outcome must then be, and whether the platform has the post.
fn faults() -> Vec<(Effect, Class, bool)> {
    let status = Answer::status;
    let text = "text/plain".to_owned();
    vec![
        (Effect::Refuse, Class::NotSentOrUnknown, false),
        (Effect::CloseBefore, Class::Unknown, false),
        (Effect::CloseAfter, Class::Unknown, true),
        (Effect::ResetBefore, Class::Unknown, false),
        (Effect::ResetAfter, Class::Unknown, true),
        (Effect::Slow(Duration::from_millis(20)), Class::Published, true),
        (Effect::Slow(TOO_LONG), Class::Unknown, true),
        (Effect::Late(Duration::from_millis(20)), Class::Published, true),
        (Effect::Late(TOO_LONG), Class::Unknown, true),
        (Effect::Drip(Duration::from_millis(20)), Class::Unknown, true),
        (Effect::StatusBefore(status(400)), Class::Rejected, false),
        (Effect::StatusBefore(status(401)), Class::NeedsLogin, false),
        (Effect::StatusBefore(status(403)), Class::Rejected, false),
        (Effect::StatusBefore(status(404)), Class::Rejected, false),
        (Effect::StatusBefore(status(429)), Class::RateLimited, false),
        (Effect::StatusBefore(status(500)), Class::Unknown, false),
        (Effect::StatusBefore(status(503)), Class::Unknown, false),
        (Effect::StatusAfter(status(500)), Class::Unknown, true),
        (Effect::StatusAfter(status(504)), Class::Unknown, true),
        (Effect::Malformed { perform: true }, Class::Unknown, true),
        (Effect::Malformed { perform: false }, Class::Unknown, false),
        (Effect::Truncated { perform: true }, Class::Unknown, true),
        (Effect::Truncated { perform: false }, Class::Unknown, false),
        (Effect::Html { status: 502, perform: false }, Class::Unknown, false),
        (Effect::Html { status: 504, perform: true }, Class::Unknown, true),
        (Effect::Html { status: 200, perform: false }, Class::Unknown, false),
        (Effect::WrongContentType { content_type: text, perform: true }, Class::Published, true),
        (Effect::Redirect { status: 307, location: None, perform: false }, Class::Rejected, false),
        (Effect::Redirect { status: 302, location: None, perform: false }, Class::Rejected, false),
    ]
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn load(way: Way, libraries: &[std::path::PathBuf; 2], base_url: &str) -> LoadedChannel {
    let options = Options {
        limits: ConversationLimits { request: PATIENCE, ..ConversationLimits::default() },
        ..Options::default()
    };
    let library: &Path = if way == Way::LinkedIn { &libraries[1] } else { &libraries[0] };
    Plugin::load(library, &way.config(base_url).to_string(), &options).expect("the plugin loads")
}

/// Runs a job to its end; what anyone may see of it is added to `seen`.
fn run(
    channel: &LoadedChannel,
    way: Way,
    kind: JobKind,
    attempt: Attempt,
    seen: &mut String,
) -> (Outcome, u32) {
    let user_data: Box<RawValue> = serde_json::from_str(&way.user_data().to_string()).unwrap();
    let extras: Box<RawValue> = serde_json::from_str(r#"{"link":"https://example.org/a"}"#).unwrap();
    let job = Job {
        kind,
        delivery_id: "d1",
        interaction_id: Some("i1"),
        channel: way.channel(),
        account: "a",
        agent_id: "agent",
        queue_path: "",
        message: TEXT,
        extras: if way == Way::LinkedIn { &extras } else { empty_object() },
        user_data: &user_data,
        parent: None,
        attempt,
        operation: None,
        handle: None,
        known: (kind == JobKind::Reconcile).then(Vec::new),
    };
    let mut point = Point::default();
    let report = channel.converse(&job, &mut point);
    let _ = writeln!(seen, "{report:?}");
    (report.outcome, point.crossed)
}

/// One case. Returns what anyone may see of it.
fn play(
    way: Way,
    libraries: &[std::path::PathBuf; 2],
    effect: &Effect,
    class: Class,
    performed: bool,
) -> String {
    let case = format!("{way:?}, {effect:?}");
    let sandbox =
        Sandbox::start("127.0.0.1:0".parse().unwrap(), strowger_sandbox::Options::default()).unwrap();
    let mut fault = Fault::new(effect.clone());
    if *effect != Effect::Refuse {
        fault = fault.method("POST");
    }
    sandbox.inject(fault).unwrap();
    let channel = load(way, libraries, &format!("http://{}", sandbox.addr()));
    let mut seen = String::new();

    let started_ms = now_ms();
    let attempt = Attempt { number: 1, started_ms, ended_ms: None };
    let (outcome, crossed) = run(&channel, way, JobKind::Publish, attempt, &mut seen);
    assert!(class.admits(&outcome), "{case}: {outcome:?}");
    assert_eq!(crossed, 1, "{case}");

    if matches!(outcome, Outcome::Unknown { .. }) {
        let attempt = Attempt { number: 1, started_ms, ended_ms: Some(now_ms()) };
        let (found, crossed) = run(&channel, way, JobKind::Reconcile, attempt, &mut seen);
        assert_eq!(crossed, 0, "{case}: looking back publishes nothing");
        match (&found, performed) {
            (Outcome::Published { id: Some(id), .. }, true) => {
                assert_eq!(*id, sandbox.posts()[0].id, "{case}");
            }
            (Outcome::Absent, false) => assert!(!way.is_oneall(), "{case}: OneAll proves no absence"),
            (Outcome::CannotTell { .. }, false) => assert!(way.is_oneall(), "{case}: {found:?}"),
            _ => panic!("{case}: looked back, found {found:?}"),
        }
    }
    let posts = sandbox.posts();
    assert_eq!(posts.len(), usize::from(performed), "{case}: {posts:?}");
    assert!(posts.iter().all(|post| matches!(post.kind, Kind::Post | Kind::Comment)), "{case}: {posts:?}");
    if let (Outcome::Published { id, .. }, [post]) = (&outcome, &posts[..]) {
        assert_eq!(id.as_deref(), Some(post.id.as_str()), "{case}");
    }
    let written = sandbox.requests().iter().filter(|request| request.method != "GET").count();
    assert!(written <= 1, "{case}: {written} requests that publish");
    assert_eq!(channel.faults(), 0, "{case}: {seen}");
    seen
}

#[test]
fn no_fault_makes_two_posts_a_wrong_outcome_or_a_secret_known() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let directory = tempfile::tempdir().unwrap();
    let libraries = [
        ("strowger-facebook-plugin", "libstrowger_facebook.so"),
        ("strowger-oneall-plugin", "libstrowger_oneall.so"),
    ]
    .map(|(package, library)| built::installed(&built::built(package, library), directory.path()));

    // The cases wait more than they work: all of a way at once.
    let mut seen = String::new();
    for way in WAYS {
        let libraries = &libraries;
        std::thread::scope(|scope| {
            let cases: Vec<_> = faults()
                .into_iter()
                .map(|(effect, class, performed)| {
                    scope.spawn(move || play(way, libraries, &effect, class, performed))
                })
                .collect();
            for case in cases {
                match case.join() {
                    Ok(shown) => seen.push_str(&shown),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
        // Where nobody listens, nothing is sent.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let channel = load(way, libraries, &format!("http://127.0.0.1:{port}"));
        let attempt = Attempt { number: 1, started_ms: now_ms(), ended_ms: None };
        let (outcome, _) = run(&channel, way, JobKind::Publish, attempt, &mut seen);
        assert!(matches!(outcome, Outcome::NotSent { .. }), "{way:?}: {outcome:?}");
    }

    // A configuration that is refused must not show what it holds either.
    let mut config = Way::PostOverOneAll.config("http://127.0.0.1:9");
    config["accounts"][0]["transport"]["surplus"] = json!(SECRETS[2]);
    let error = Plugin::load(&libraries[0], &config.to_string(), &Options::default()).expect_err("refused");
    let _ = writeln!(seen, "{error} {error:?}");

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    // Without these lines the search below would find nothing because there is nothing.
    assert!(log.contains("/feed") && log.contains("/push/identities/[secret]"), "the exchanges were traced");
    for secret in SECRETS {
        for (what, text) in [("the log", &log), ("a report", &seen)] {
            let place = text.lines().find(|line| line.contains(secret));
            assert!(place.is_none(), "{secret} stands in {what}: {place:?}");
        }
    }
}
