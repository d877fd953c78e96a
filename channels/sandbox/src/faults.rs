//! Failures on request: what they are, how they are written, which request they hit.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::http::Response;

/// No wait is longer: a test that wants for ever gets an hour.
const MAX_WAIT: Duration = Duration::from_secs(60 * 60);
/// Of a body that a fault brings along.
const MAX_BODY: usize = 1 << 20;

/// What goes wrong.
///
/// The name in each entry is the one that `POST /_sandbox/faults` takes as `fault`. "Performed" means that
/// the platform acted: a post exists, whatever the client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// `refuse`: the next connection is accepted and closed at once, nothing read. The nearest to a refused
    /// connection that a program can do while it goes on listening; a client sees a connection that closes,
    /// or a reset when it had already sent something. It comes before there is a request, so it takes
    /// neither path nor method, and hits control requests too. Not performed.
    Refuse,
    /// `close-before`: the request is read, not performed, and the connection closed without an answer.
    CloseBefore,
    /// `close-after`: performed, and the connection closed without an answer.
    CloseAfter,
    /// `reset-before`: as `close-before`, with a TCP reset.
    ResetBefore,
    /// `reset-after`: as `close-after`, with a TCP reset.
    ResetAfter,
    /// `slow` (`ms`, default 1000): performed at once, answered after a wait.
    Slow(Duration),
    /// `late` (`ms`, default 1000): performed only after the wait, even if the client has given up by then.
    /// What a platform does that is still at work when its caller's time is over.
    Late(Duration),
    /// `drip` (`ms`, default 10): performed; the answer comes byte by byte with a wait before each.
    Drip(Duration),
    /// `status-before` (`status`, default 503): an error answer in the platform's form; not performed.
    StatusBefore(Answer),
    /// `status-after` (`status`, default 500): performed, then an error answer in the platform's form.
    StatusAfter(Answer),
    /// `malformed` (`perform`, default true): the right status and type, and a body that is no JSON.
    Malformed {
        /// Whether the request is performed.
        perform: bool,
    },
    /// `truncated` (`perform`, default true): the length of the whole body, half of it, and a close.
    Truncated {
        /// Whether the request is performed.
        perform: bool,
    },
    /// `html` (`status`, default 502; `perform`, default false): the page of a proxy in between.
    Html {
        /// The status of the page; 200 is what captive portals say.
        status: u16,
        /// Whether the request is performed.
        perform: bool,
    },
    /// `wrong-content-type` (`contentType`, default `text/plain`; `perform`, default true): the right
    /// body under another type.
    WrongContentType {
        /// The type to claim.
        content_type: String,
        /// Whether the request is performed.
        perform: bool,
    },
    /// `redirect` (`status`, default 307; `location`, default the same path; `perform`, default false):
    /// an answer that leads elsewhere. A client that follows it shows up as a second request.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Where to; none is the path of the request.
        location: Option<String>,
        /// Whether the request is performed.
        perform: bool,
    },
}

/// The error answer of [`Effect::StatusBefore`] and [`Effect::StatusAfter`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status, 200 to 599.
    pub status: u16,
    /// The body, in place of the platform's usual one for that status. Text is sent as it is, any other
    /// value as JSON.
    pub body: Option<Value>,
    /// Headers to set, in place of those of the same name.
    pub headers: Vec<(String, String)>,
}

impl Answer {
    /// The platform's usual answer of that status.
    pub fn status(status: u16) -> Self {
        Self { status, body: None, headers: Vec::new() }
    }
}

/// A fault and the requests that it is meant for.
///
/// `Fault::new(effect)` hits the next request of any kind; the methods narrow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    effect: Effect,
    path: String,
    method: Option<String>,
    times: u32,
    skip: u32,
}

/// One row per fault: name, further members, what it does. Help, `--help` and the parser's complaint about
/// an unknown name are all printed from here.
const NAMES: &[(&str, &str, &str)] = &[
    (
        "refuse",
        "",
        "close the next connection before reading from it (no path or method; hits control requests too)",
    ),
    ("close-before", "", "read the request, do not perform it, close without an answer"),
    ("close-after", "", "perform the request, close without an answer"),
    ("reset-before", "", "like close-before, with a TCP reset"),
    ("reset-after", "", "like close-after, with a TCP reset"),
    ("slow", "ms=1000", "perform at once, answer after the wait"),
    ("late", "ms=1000", "wait, then perform and answer, even if the client has gone"),
    ("drip", "ms=10", "perform; answer byte by byte, waiting before each"),
    ("status-before", "status=503 body headers", "answer with the status, do not perform"),
    ("status-after", "status=500 body headers", "perform, then answer with the status"),
    ("malformed", "perform=true", "right status and type, a body that is no JSON"),
    ("truncated", "perform=true", "announce the whole body, send half of it, close"),
    ("html", "status=502 perform=false", "a proxy's HTML page"),
    ("wrong-content-type", "contentType=text/plain perform=true", "right body, another content type"),
    ("redirect", "status=307 location perform=false", "a redirect; without location, to the same path"),
];

/// The faults as a table in plain text, as `--help` and `GET /_sandbox` show it.
pub(crate) fn faults_help() -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    for (name, members, what) in NAMES {
        let _ = writeln!(out, "  {name:<19} {what}");
        if !members.is_empty() {
            let _ = writeln!(out, "  {:<19}   members: {members}", "");
        }
    }
    out
}

/// The names of all faults, for a test that wants to leave none out.
pub fn fault_names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, _, _)| *name)
}

/// Why a fault was not armed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultError {
    /// The document does not describe a fault.
    Invalid {
        /// The member at fault, or `fault` for the whole.
        member: String,
        /// What is expected there.
        expected: String,
    },
    /// As many faults are armed as [`Limits::faults`](crate::Limits::faults) allows.
    Full {
        /// That limit.
        limit: usize,
    },
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { member, expected } => write!(f, "`{member}`: expected {expected}"),
            Self::Full { limit } => {
                write!(f, "{limit} faults are armed already; disarm some with DELETE /_sandbox/faults")
            }
        }
    }
}

impl std::error::Error for FaultError {}

fn invalid(member: &str, expected: impl Into<String>) -> FaultError {
    FaultError::Invalid { member: member.to_owned(), expected: expected.into() }
}

impl Fault {
    /// That effect, once, on the next request whatever its path and method.
    pub fn new(effect: Effect) -> Self {
        Self { effect, path: "/".to_owned(), method: None, times: 1, skip: 0 }
    }

    /// Only requests whose path (without its query) starts so, or, where the text has a `*`, is so from
    /// start to end, each `*` standing for any characters.
    #[must_use]
    pub fn path(mut self, pattern: impl Into<String>) -> Self {
        self.path = pattern.into();
        self
    }

    /// Only requests of that method.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// How many matching requests are hit; at least 1.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// How many matching requests go by unharmed first.
    #[must_use]
    pub fn skip(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// Reads the document that `POST /_sandbox/faults` takes. Unknown members are an error.
    pub fn from_json(document: &Value) -> Result<Self, FaultError> {
        let Value::Object(members) = document else {
            return Err(invalid("fault", "an object with at least the member `fault`"));
        };
        let mut members = Members(members.clone());
        let name = members.text("fault")?.ok_or_else(|| invalid("fault", names()))?;
        let effect = members.effect(&name)?;
        let mut fault = Self::new(effect);
        if let Some(path) = members.text("path")? {
            fault.path = path;
        }
        fault.method = members.text("method")?;
        fault.times = members.number("times")?.unwrap_or(1);
        fault.skip = members.number("skip")?.unwrap_or(0);
        if let Some((unknown, _)) = members.0.iter().next() {
            return Err(invalid(unknown, format!("no such member for the fault `{name}`")));
        }
        fault.check()?;
        Ok(fault)
    }

    /// The document that [`Fault::from_json`] reads.
    pub fn to_json(&self) -> Value {
        let mut document = json!({ "fault": self.name(), "path": self.path });
        if let Some(method) = &self.method {
            document["method"] = json!(method);
        }
        document["times"] = json!(self.times);
        if self.skip > 0 {
            document["skip"] = json!(self.skip);
        }
        match &self.effect {
            Effect::Slow(wait) | Effect::Late(wait) | Effect::Drip(wait) => {
                document["ms"] = json!(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            }
            Effect::StatusBefore(answer) | Effect::StatusAfter(answer) => {
                document["status"] = json!(answer.status);
                if let Some(body) = &answer.body {
                    document["body"] = body.clone();
                }
                if !answer.headers.is_empty() {
                    let headers = answer.headers.iter().map(|(name, value)| (name.clone(), json!(value)));
                    document["headers"] = Value::Object(headers.collect());
                }
            }
            Effect::Malformed { perform } | Effect::Truncated { perform } => {
                document["perform"] = json!(perform);
            }
            Effect::Html { status, perform } => {
                document["status"] = json!(status);
                document["perform"] = json!(perform);
            }
            Effect::WrongContentType { content_type, perform } => {
                document["contentType"] = json!(content_type);
                document["perform"] = json!(perform);
            }
            Effect::Redirect { status, location, perform } => {
                document["status"] = json!(status);
                if let Some(location) = location {
                    document["location"] = json!(location);
                }
                document["perform"] = json!(perform);
            }
            Effect::Refuse
            | Effect::CloseBefore
            | Effect::CloseAfter
            | Effect::ResetBefore
            | Effect::ResetAfter => {}
        }
        document
    }

    /// The fault's name in documents and in the log of requests.
    pub fn name(&self) -> &'static str {
        match self.effect {
            Effect::Refuse => "refuse",
            Effect::CloseBefore => "close-before",
            Effect::CloseAfter => "close-after",
            Effect::ResetBefore => "reset-before",
            Effect::ResetAfter => "reset-after",
            Effect::Slow(_) => "slow",
            Effect::Late(_) => "late",
            Effect::Drip(_) => "drip",
            Effect::StatusBefore(_) => "status-before",
            Effect::StatusAfter(_) => "status-after",
            Effect::Malformed { .. } => "malformed",
            Effect::Truncated { .. } => "truncated",
            Effect::Html { .. } => "html",
            Effect::WrongContentType { .. } => "wrong-content-type",
            Effect::Redirect { .. } => "redirect",
        }
    }

    /// Everything that the types leave open; documents and values built in Rust both pass here.
    fn check(&self) -> Result<(), FaultError> {
        debug_assert!(fault_names().any(|name| name == self.name()), "every fault has its row in NAMES");
        if self.times == 0 {
            return Err(invalid("times", "at least 1"));
        }
        if !self.path.starts_with(['/', '*']) {
            return Err(invalid("path", "a prefix that starts with `/`, or a pattern with `*`"));
        }
        if self.path.starts_with("/_sandbox") {
            return Err(invalid("path", "a platform's path; control requests are never harmed"));
        }
        if self.effect == Effect::Refuse && (self.path != "/" || self.method.is_some()) {
            return Err(invalid("path", "none, and no method: `refuse` acts before a request is read"));
        }
        if let Some(method) = &self.method
            && (method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()))
        {
            return Err(invalid("method", "a method in capitals, such as POST"));
        }
        let status_in = |status: u16, allowed: &[u16]| allowed.contains(&status);
        match &self.effect {
            Effect::Slow(wait) | Effect::Late(wait) | Effect::Drip(wait) if *wait > MAX_WAIT => {
                Err(invalid("ms", "at most an hour"))
            }
            Effect::StatusBefore(answer) | Effect::StatusAfter(answer) => {
                if !(200..=599).contains(&answer.status) {
                    return Err(invalid("status", "a number from 200 to 599"));
                }
                if answer.body.as_ref().is_some_and(|body| body.to_string().len() > MAX_BODY) {
                    return Err(invalid("body", "at most 1 MiB"));
                }
                answer.headers.iter().try_for_each(|(name, value)| {
                    let token = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                    if name.is_empty() || !name.bytes().all(token) {
                        return Err(invalid("headers", "names of letters, digits, `-` and `_`"));
                    }
                    let framing = ["content-length", "transfer-encoding", "connection"];
                    if framing.iter().any(|known| name.eq_ignore_ascii_case(known)) {
                        return Err(invalid("headers", "none that frame the message; see `truncated`"));
                    }
                    printable("headers", value)
                })
            }
            Effect::Html { status, .. } if !(200..=599).contains(status) => {
                Err(invalid("status", "a number from 200 to 599"))
            }
            Effect::Redirect { status, .. } if !status_in(*status, &[301, 302, 303, 307, 308]) => {
                Err(invalid("status", "301, 302, 303, 307 or 308"))
            }
            Effect::Redirect { location: Some(location), .. } => printable("location", location),
            Effect::WrongContentType { content_type, .. } => printable("contentType", content_type),
            _ => Ok(()),
        }
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        self.effect != Effect::Refuse
            && self.method.as_deref().is_none_or(|wanted| wanted == method)
            && if self.path.contains('*') { glob(&self.path, path) } else { path.starts_with(&self.path) }
    }
}

/// A header's value may not end its header.
fn printable(member: &str, value: &str) -> Result<(), FaultError> {
    if value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        Ok(())
    } else {
        Err(invalid(member, "printable ASCII"))
    }
}

fn names() -> String {
    format!("one of {}", fault_names().collect::<Vec<_>>().join(", "))
}

/// `*` stands for any run of characters; everything else for itself.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        // The leftmost match leaves the most for what follows, so no other needs trying.
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// A document's members, taken one by one so that what is left over is unknown.
struct Members(Map<String, Value>);

impl Members {
    fn text(&mut self, name: &str) -> Result<Option<String>, FaultError> {
        match self.0.shift_remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid(name, "text")),
        }
    }

    fn number<T: TryFrom<u64>>(&mut self, name: &str) -> Result<Option<T>, FaultError> {
        let Some(value) = self.0.shift_remove(name) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| T::try_from(number).ok());
        number.map(Some).ok_or_else(|| invalid(name, "a whole number, not negative and not too large"))
    }

    fn perform(&mut self, default: bool) -> Result<bool, FaultError> {
        match self.0.shift_remove("perform") {
            None => Ok(default),
            Some(Value::Bool(perform)) => Ok(perform),
            Some(_) => Err(invalid("perform", "true or false")),
        }
    }

    fn wait(&mut self, default_ms: u64) -> Result<Duration, FaultError> {
        Ok(Duration::from_millis(self.number("ms")?.unwrap_or(default_ms)))
    }

    fn status(&mut self, default: u16) -> Result<u16, FaultError> {
        Ok(self.number("status")?.unwrap_or(default))
    }

    fn answer(&mut self, default: u16) -> Result<Answer, FaultError> {
        let mut answer = Answer::status(self.status(default)?);
        answer.body = self.0.shift_remove("body");
        match self.0.shift_remove("headers") {
            None => {}
            Some(Value::Object(headers)) => {
                for (name, value) in headers {
                    let Value::String(value) = value else { return Err(invalid("headers", "texts")) };
                    answer.headers.push((name, value));
                }
            }
            Some(_) => return Err(invalid("headers", "an object of texts")),
        }
        Ok(answer)
    }

    fn effect(&mut self, name: &str) -> Result<Effect, FaultError> {
        Ok(match name {
            "refuse" => Effect::Refuse,
            "close-before" => Effect::CloseBefore,
            "close-after" => Effect::CloseAfter,
            "reset-before" => Effect::ResetBefore,
            "reset-after" => Effect::ResetAfter,
            "slow" => Effect::Slow(self.wait(1000)?),
            "late" => Effect::Late(self.wait(1000)?),
            "drip" => Effect::Drip(self.wait(10)?),
            "status-before" => Effect::StatusBefore(self.answer(503)?),
            "status-after" => Effect::StatusAfter(self.answer(500)?),
            "malformed" => Effect::Malformed { perform: self.perform(true)? },
            "truncated" => Effect::Truncated { perform: self.perform(true)? },
            "html" => Effect::Html { status: self.status(502)?, perform: self.perform(false)? },
            "wrong-content-type" => Effect::WrongContentType {
                content_type: self.text("contentType")?.unwrap_or_else(|| "text/plain".to_owned()),
                perform: self.perform(true)?,
            },
            "redirect" => Effect::Redirect {
                status: self.status(307)?,
                location: self.text("location")?,
                perform: self.perform(false)?,
            },
            _ => return Err(invalid("fault", names())),
        })
    }
}

/// The armed faults, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Armed(VecDeque<Fault>);

impl Armed {
    pub(crate) fn arm(&mut self, fault: Fault, limit: usize) -> Result<(), FaultError> {
        fault.check()?;
        if self.0.len() >= limit {
            return Err(FaultError::Full { limit });
        }
        self.0.push_back(fault);
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn to_json(&self) -> Value {
        self.0.iter().map(Fault::to_json).collect()
    }

    /// The fault that hits a request, used up by one.
    pub(crate) fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        self.take_where(|fault| fault.matches(method, path))
    }

    /// Whether the connection that was just accepted is to be closed.
    pub(crate) fn take_refusal(&mut self) -> bool {
        self.take_where(|fault| fault.effect == Effect::Refuse).is_some()
    }

    fn take_where(&mut self, matches: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let at = self.0.iter().position(matches)?;
        let fault = self.0.get_mut(at)?;
        // The fault that matches first decides, also by letting the request go by.
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times = fault.times.saturating_sub(1);
        if fault.times == 0 { self.0.remove(at) } else { Some(fault.clone()) }
    }
}

/// What the connection does once the fault, or none, has had its say.
#[derive(Debug)]
pub(crate) enum Ending {
    Answer(Response),
    Drip(Response, Duration),
    Truncate(Response),
    Close,
    Reset,
}

/// Plays a fault around the performing of a request.
///
/// `perform` lets the platform act and gives its answer; `error` gives the platform's usual error of a
/// status; `wait` sleeps, and gives up early when the sandbox stops.
pub(crate) fn play(
    fault: Option<Fault>,
    path: &str,
    perform: impl FnOnce() -> Response,
    error: impl FnOnce(u16) -> Response,
    wait: impl Fn(Duration),
) -> Ending {
    let Some(fault) = fault else { return Ending::Answer(perform()) };
    match fault.effect {
        Effect::Refuse | Effect::CloseBefore => Ending::Close,
        Effect::ResetBefore => Ending::Reset,
        Effect::CloseAfter => {
            perform();
            Ending::Close
        }
        Effect::ResetAfter => {
            perform();
            Ending::Reset
        }
        Effect::Slow(time) => {
            let response = perform();
            wait(time);
            Ending::Answer(response)
        }
        Effect::Late(time) => {
            wait(time);
            Ending::Answer(perform())
        }
        Effect::Drip(time) => Ending::Drip(perform(), time),
        Effect::StatusBefore(answer) => Ending::Answer(answer.over(error)),
        Effect::StatusAfter(answer) => {
            perform();
            Ending::Answer(answer.over(error))
        }
        Effect::Malformed { perform: acts } => {
            let mut response = if acts { perform() } else { not_performed() };
            // Cut inside the first member's name, so no lenient parser finds an id in it.
            response.body = b"{\"da".to_vec();
            Ending::Answer(response)
        }
        Effect::Truncated { perform: acts } => {
            Ending::Truncate(if acts { perform() } else { not_performed() })
        }
        Effect::Html { status, perform: acts } => {
            if acts {
                perform();
            }
            let page = format!(
                "<!DOCTYPE html>\n<html><head><title>{status}</title></head>\n\
                 <body><h1>{status}</h1><p>The proxy in front of the sandbox.</p></body></html>\n"
            );
            Ending::Answer(Response::new(status, "text/html; charset=utf-8", page))
        }
        Effect::WrongContentType { content_type, perform: acts } => {
            let response = if acts { perform() } else { not_performed() };
            Ending::Answer(response.with("content-type", content_type))
        }
        Effect::Redirect { status, location, perform: acts } => {
            if acts {
                perform();
            }
            let location = location.unwrap_or_else(|| path.to_owned());
            Ending::Answer(Response::new(status, "text/plain", "").with("location", location))
        }
    }
}

/// The answer that would have come, had the platform acted: only its shape matters, for it is spoilt.
fn not_performed() -> Response {
    Response::json(200, &json!({ "data": {} }))
}

impl Answer {
    fn over(self, error: impl FnOnce(u16) -> Response) -> Response {
        let mut response = error(self.status);
        match self.body {
            None => {}
            Some(Value::String(text)) => response.body = text.into_bytes(),
            Some(body) => {
                response.set("content-type", "application/json; charset=utf-8");
                response.body = body.to_string().into_bytes();
            }
        }
        for (name, value) in self.headers {
            response.set(&name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_paths_and_prefixes_match_starts() {
        assert!(glob("/v*/1/feed", "/v26.0/1/feed"));
        assert!(glob("*", "/anything"));
        assert!(glob("/a*a", "/a-a"));
        assert!(glob("*/comments", "/v26.0/1_2/comments"));
        assert!(!glob("/a*a", "/a"), "the two ends may not overlap");
        assert!(!glob("*/comments", "/v26.0/1_2/comments/3"));
        assert!(Fault::new(Effect::CloseAfter).path("/2/tw").matches("GET", "/2/tweets"));
        assert!(!Fault::new(Effect::CloseAfter).path("/2/tw").method("POST").matches("GET", "/2/tweets"));
    }

    #[test]
    fn documents_and_faults_are_the_same_thing() {
        for (name, _, _) in NAMES {
            let fault = Fault::from_json(&json!({ "fault": name })).expect(name);
            assert_eq!(fault.name(), *name);
            assert_eq!(Fault::from_json(&fault.to_json()).expect(name), fault);
        }
        let full = json!({ "fault": "status-before", "path": "/2/*", "method": "POST", "times": 3, "skip": 1,
            "status": 429, "body": {"a": 1}, "headers": {"x-rate-limit-remaining": "0"} });
        assert_eq!(Fault::from_json(&Fault::from_json(&full).unwrap().to_json()), Fault::from_json(&full));
    }

    #[test]
    fn a_document_that_is_wrong_is_told_where() {
        let member = |document: Value| match Fault::from_json(&document) {
            Err(FaultError::Invalid { member, .. }) => member,
            other => panic!("{document} gave {other:?}"),
        };
        assert_eq!(member(json!([])), "fault");
        assert_eq!(member(json!({})), "fault");
        assert_eq!(member(json!({"fault": "explode"})), "fault");
        assert_eq!(member(json!({"fault": "slow", "status": 3})), "status");
        assert_eq!(member(json!({"fault": "slow", "ms": -1})), "ms");
        assert_eq!(member(json!({"fault": "slow", "ms": 3_600_001})), "ms");
        assert_eq!(member(json!({"fault": "slow", "times": 0})), "times");
        assert_eq!(member(json!({"fault": "slow", "method": "post"})), "method");
        assert_eq!(member(json!({"fault": "slow", "path": "2/tweets"})), "path");
        assert_eq!(member(json!({"fault": "slow", "path": "/_sandbox/posts"})), "path");
        assert_eq!(member(json!({"fault": "refuse", "path": "/2/tweets"})), "path");
        assert_eq!(member(json!({"fault": "redirect", "status": 200})), "status");
        assert_eq!(member(json!({"fault": "redirect", "location": "/\r\nx: y"})), "location");
        assert_eq!(member(json!({"fault": "status-after", "status": 100})), "status");
        assert_eq!(member(json!({"fault": "status-after", "headers": {"a b": "c"}})), "headers");
        assert_eq!(member(json!({"fault": "status-after", "headers": {"Content-Length": "9"}})), "headers");
        assert_eq!(member(json!({"fault": "html", "perform": 1})), "perform");
    }

    #[test]
    fn the_first_armed_acts_first_then_the_next() {
        let mut armed = Armed::default();
        armed.arm(Fault::new(Effect::CloseAfter).times(2).skip(1), 2).unwrap();
        armed.arm(Fault::new(Effect::ResetAfter), 2).unwrap();
        assert_eq!(armed.arm(Fault::new(Effect::ResetAfter), 2), Err(FaultError::Full { limit: 2 }));
        let taken: Vec<_> = (0..5).map(|_| armed.take("GET", "/").map(|fault| fault.name())).collect();
        assert_eq!(taken, [None, Some("close-after"), Some("close-after"), Some("reset-after"), None]);
    }
}
