//! Testing a plugin without a socket: a host whose clock stands still, and a player that runs a conversation
//! from recorded exchanges.
//!
//! ```
//! # use strowger_channel::{testing::*, *};
//! # struct Echo;
//! # impl Plugin for Echo {
//! #     const NAME: &'static str = "echo";
//! #     const VERSION: &'static str = "1";
//! #     type Conversation = ();
//! #     fn create(_: Host, _: &str) -> Result<Self, config::ConfigError> { Ok(Self) }
//! #     fn manifest(&self) -> manifest::Manifests { manifest::Manifests { channels: vec![] } }
//! #     fn check(&self, _: &Outgoing<'_>) -> Result<(), Refusal> { Ok(()) }
//! #     fn begin(&self, job: Job) -> ((), Step) {
//! #         ((), Step::marked(Request::post("https://example.org/").json(job.message.into())))
//! #     }
//! #     fn resume(&self, (): &mut (), _: StepResult) -> Step { Outcome::published("1").into() }
//! # }
//! let host = TestHost::at(1_700_000_000_000);
//! let plugin = Echo::create(host.host(), "{}").unwrap();
//! let job = job(r#"{"kind":"publish","deliveryId":"d1","channel":"echo","account":"a","message":"hi",
//!                   "attempt":{"number":1,"startedMs":1700000000000}}"#);
//! let played = play(&plugin, &host, job, [json(201, r#"{"id":"1"}"#)]);
//! assert_eq!(played.report.outcome, Outcome::published("1"));
//! assert!(played.requests[0].marked);
//! ```

pub mod exchange;

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::step::Expectation;
use crate::{
    Exchange, FieldValue, FileFacts, Host, HostServices, Job, Level, Outcome, Plugin, Report, Request,
    Response, Step, StepResult,
};

/// A host for tests: its clock moves only when told to or by the waits that [`play`] does, its random bytes
/// count up, its log is kept.
#[derive(Clone)]
pub struct TestHost(Arc<Mutex<State>>);

struct State {
    now_ms: i64,
    random: u8,
    log: Vec<(Level, String)>,
    features: u64,
    files: HashMap<String, FileFacts>,
}

impl TestHost {
    /// A host at that Unix time in milliseconds.
    pub fn at(now_ms: i64) -> Self {
        Self(Arc::new(Mutex::new(State {
            now_ms,
            random: 0,
            log: Vec::new(),
            features: u64::MAX,
            files: HashMap::new(),
        })))
    }

    /// The same host, but without these features; a new one offers all there are.
    #[must_use]
    pub fn without(self, features: u64) -> Self {
        self.with(|state| state.features &= !features);
        self
    }

    /// Puts a file into the attachments directory, or, under an `https` address as its name, onto the web.
    pub fn put_file(&self, name: &str, size: u64, content_type: Option<&str>) {
        let facts = FileFacts { size, content_type: content_type.map(str::to_owned), file: None };
        self.with(|state| state.files.insert(name.to_owned(), facts));
    }

    /// The host as a plugin gets it.
    pub fn host(&self) -> Host {
        Host::new(self.clone())
    }

    /// Moves the clock on.
    pub fn advance(&self, ms: u64) {
        self.with(|state| state.now_ms = state.now_ms.saturating_add_unsigned(ms));
    }

    /// What was logged so far.
    pub fn log_lines(&self) -> Vec<(Level, String)> {
        self.with(|state| state.log.clone())
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HostServices for TestHost {
    fn now_ms(&self) -> i64 {
        self.with(|state| state.now_ms)
    }

    fn random(&self, out: &mut [u8]) {
        self.with(|state| {
            for byte in out {
                *byte = state.random;
                state.random = state.random.wrapping_add(1);
            }
        });
    }

    fn log(&self, level: Level, message: &str) {
        self.with(|state| state.log.push((level, message.to_owned())));
    }

    fn features(&self) -> u64 {
        self.with(|state| state.features)
    }
}

/// A request that a conversation made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// Whether it was marked as the point of no return.
    pub marked: bool,
    /// The request.
    pub request: Request,
}

/// A conversation that was played to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// The requests, in order.
    pub requests: Vec<Made>,
    /// The waits, in milliseconds.
    pub waits: Vec<u64>,
    /// The names of the secrets that were kept.
    pub kept: Vec<String>,
    /// How it ended.
    pub report: Report,
}

impl Played {
    /// Everything about the conversation that anyone may see: how it ended, and its `Debug` texts. Tests look
    /// for secrets in it.
    pub fn visible(&self) -> String {
        let mut text = Step::Outcome(self.report.clone()).to_json().to_string();
        // Writing to a string does not fail.
        let _ = write!(text, "\n{self:?}");
        text
    }

    /// Fails if one of these secrets shows in what anyone may see of the conversation, or in the host's log.
    ///
    /// # Panics
    ///
    /// If one does.
    pub fn assert_discreet(&self, host: &TestHost, secrets: &[&str]) {
        let seen = format!("{}{:?}", self.visible(), host.log_lines());
        for secret in secrets {
            assert!(!seen.contains(secret), "{seen}");
        }
    }
}

/// A plugin with that configuration, and its host at that Unix time in milliseconds.
///
/// # Panics
///
/// If the plugin refuses the configuration.
pub fn created<P: Plugin>(now_ms: i64, config: &Value) -> (P, TestHost) {
    let host = TestHost::at(now_ms);
    match P::create(host.host(), &config.to_string()) {
        Ok(plugin) => (plugin, host),
        Err(error) => panic!("{error}"),
    }
}

/// The requests of a conversation, in order, each answered as `answer` says. Waits pass, secrets are kept, and
/// every file is a picture of 3 MiB.
pub fn requests<P: Plugin>(
    plugin: &P,
    job: Job,
    mut answer: impl FnMut(&Request) -> Exchange,
) -> Vec<Request> {
    const PICTURE: u64 = 3 << 20;
    let (mut conversation, mut step) = plugin.begin(job);
    let mut requests = Vec::new();
    loop {
        let result = match step {
            Step::Outcome(_) => return requests,
            Step::Wait { .. } => StepResult::Waited,
            Step::KeepSecret { .. } => StepResult::Kept,
            Step::StatFile { .. } | Step::FetchFile { .. } => StepResult::File(FileFacts {
                size: PICTURE,
                content_type: Some("image/png".into()),
                file: None,
            }),
            Step::Request { request, .. } => {
                let answer = answer(&request);
                requests.push(request);
                StepResult::Exchange(answer)
            }
        };
        step = plugin.resume(&mut conversation, result);
    }
}

/// A job from a document over which `more` is laid, member by member.
///
/// # Panics
///
/// If one of them is no object, or the result is no job.
pub fn job_with(mut document: Value, more: Value) -> Job {
    let (Some(members), Value::Object(more)) = (document.as_object_mut(), more) else {
        panic!("a job is an object");
    };
    members.extend(more);
    job(&document.to_string())
}

/// A job from its document.
///
/// # Panics
///
/// If it is not one.
pub fn job(json: &str) -> Job {
    match Job::parse(json) {
        Ok(job) => job,
        Err(error) => panic!("{error}"),
    }
}

/// An answer with a JSON body and no further headers.
pub fn json(status: u16, body: &str) -> Exchange {
    answer(status, &[], body)
}

/// An answer with headers and a body.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Exchange {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Exchange::Response(Response { status, headers, body: body.as_bytes().to_vec() })
}

/// A failure before any byte of the request was written.
pub fn not_sent() -> Exchange {
    Exchange::NotSent { message: "connection refused".to_owned() }
}

/// A failure after that.
pub fn broken() -> Exchange {
    Exchange::Broken { message: "the connection was closed".to_owned() }
}

/// Runs a conversation from recorded exchanges, one for each request, in order. Waits move the clock on; files
/// are those that the host was given ([`TestHost::put_file`]), and a missing one ends the conversation as it does
/// in a real host.
///
/// # Panics
///
/// If the conversation marks a second request, asks for more exchanges than were recorded or fewer, or does
/// not end within a thousand steps.
pub fn play<P: Plugin>(
    plugin: &P,
    host: &TestHost,
    job: Job,
    exchanges: impl IntoIterator<Item = Exchange>,
) -> Played {
    let mut exchanges = exchanges.into_iter();
    let (mut requests, mut waits, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let mut expectation = Expectation::new();
    let (mut conversation, mut step) = plugin.begin(job);
    for _ in 0..1000 {
        assert!(expectation.note(&step).is_ok(), "a second marked request: {step:?}");
        let result = match step {
            Step::Request { marked, request } => {
                let Some(exchange) = exchanges.next() else {
                    panic!("no exchange was recorded for request {}: {request:?}", requests.len() + 1)
                };
                requests.push(Made { marked, request });
                StepResult::Exchange(exchange)
            }
            Step::Wait { ms } => {
                host.advance(ms);
                waits.push(ms);
                StepResult::Waited
            }
            Step::KeepSecret { name, .. } => {
                kept.push(name);
                StepResult::Kept
            }
            Step::StatFile { file: name } | Step::FetchFile { url: name, .. } => {
                let Some(mut facts) = host.with(|state| state.files.get(&name).cloned()) else {
                    let outcome = Outcome::rejected("attachment", format!("there is no file `{name}`"));
                    return Played { requests, waits, kept, report: outcome.into() };
                };
                facts.file = name.starts_with("https://").then(|| format!("fetched from {name}"));
                StepResult::File(facts)
            }
            Step::Outcome(report) => {
                let left = exchanges.count();
                assert_eq!(left, 0, "{left} recorded exchanges were not asked for; it ended in {report:?}");
                return Played { requests, waits, kept, report };
            }
        };
        step = plugin.resume(&mut conversation, result);
    }
    panic!("the conversation does not end")
}

/// The value of a header of a request, secrets included.
pub fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.expose())
}

/// The value of a form field of a request, secrets included.
pub fn field<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    match &request.body {
        crate::Body::Form(fields) => {
            fields.iter().find(|(field, _)| field == name).map(|(_, value)| FieldValue::expose(value))
        }
        _ => None,
    }
}
