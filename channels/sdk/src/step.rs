//! What a conversation asks of the host, and what it is handed back.

use std::fmt;

use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strowger_channel_line::{Reader, write};

use crate::{Outcome, Report, Secret};

/// The next thing that the host is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Make an HTTP request.
    Request {
        /// Whether this is the request that publishes: the point of no return. One per conversation.
        marked: bool,
        /// The request.
        request: Request,
    },
    /// Come back after a while.
    Wait {
        /// Milliseconds.
        ms: u64,
    },
    /// Store a secret durably (a refreshed token) before the conversation goes on. Needs the host feature
    /// `STROWGER_CHANNEL_FEATURE_KEEP_SECRET`.
    KeepSecret {
        /// The name under which the configuration refers to it.
        name: String,
        /// The secret.
        value: Secret,
    },
    /// Tell how long a file is and what it holds. Needs the host feature
    /// `STROWGER_CHANNEL_FEATURE_FILE_FACTS`. A file that can't be read ends the conversation as `rejected`.
    StatFile {
        /// The file, as the job's extras name it.
        file: String,
    },
    /// Get what a public address leads to, and tell what it is. Needs the host feature
    /// `STROWGER_CHANNEL_FEATURE_FETCH`. What can't be had for good ends the conversation as `rejected`.
    FetchFile {
        /// The address, `https`.
        url: String,
        /// How long it may be, in bytes.
        max_bytes: u64,
    },
    /// The conversation is over.
    Outcome(Report),
}

impl Step {
    /// A request that publishes or changes something: the point of no return.
    pub fn marked(request: Request) -> Self {
        Self::Request { marked: true, request }
    }

    /// A request that only reads: it may be repeated.
    pub fn read(request: Request) -> Self {
        Self::Request { marked: false, request }
    }

    /// The step's document.
    pub fn to_json(&self) -> Value {
        // Maps and texts of ours become JSON whatever they hold.
        self.written().ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
    }

    /// The step's document as it goes to the host, secrets included.
    pub(crate) fn written(&self) -> Result<Vec<u8>, serde_json::Error> {
        // Room for most steps, so that it need not grow.
        let mut json = Vec::with_capacity(1_024);
        let out = &mut json;
        match self {
            Self::Request { marked, request } => {
                let marked = if *marked { "true" } else { "false" };
                write::literal(out, "{\"step\":\"request\",\"marked\":");
                write::literal(out, marked);
                write::literal(out, ",\"request\":");
                request.write(out)?;
            }
            Self::Wait { ms } => {
                write::literal(out, "{\"step\":\"wait\",\"ms\":");
                write::number(out, *ms);
            }
            Self::KeepSecret { name, value } => {
                write::member(out, "{\"step\":\"keep-secret\",\"name\":", name);
                write::member(out, ",\"value\":", value.expose());
            }
            Self::StatFile { file } => write::member(out, "{\"step\":\"stat-file\",\"file\":", file),
            Self::FetchFile { url, max_bytes } => {
                write::member(out, "{\"step\":\"fetch-file\",\"url\":", url);
                write::literal(out, ",\"maxBytes\":");
                write::number(out, *max_bytes);
            }
            Self::Outcome(Report { outcome, user_data, throttle_until_ms }) => {
                write::literal(out, "{\"step\":\"outcome\",\"outcome\":");
                outcome.write(out)?;
                if !user_data.is_empty() {
                    write::literal(out, ",\"userData\":");
                    write::value(out, user_data)?;
                }
                if let Some(until_ms) = throttle_until_ms {
                    write::literal(out, ",\"throttle\":{\"untilMs\":");
                    write::number(out, *until_ms);
                    write::literal(out, "}");
                }
            }
        }
        write::literal(out, "}");
        Ok(json)
    }
}

impl From<Outcome> for Step {
    fn from(outcome: Outcome) -> Self {
        Self::Outcome(outcome.into())
    }
}

impl From<Report> for Step {
    fn from(report: Report) -> Self {
        Self::Outcome(report)
    }
}

/// An HTTP request for the host to make. It goes only to the base addresses of the plugin's configuration,
/// is never redirected and never repeated.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// The HTTP method.
    pub method: &'static str,
    /// The absolute address. Never put a credential into it.
    pub url: String,
    /// Header names, in lower case, and values.
    pub headers: Vec<(String, FieldValue)>,
    /// How long the whole exchange may take, in milliseconds.
    pub timeout_ms: u64,
    /// The body.
    pub body: Body,
}

impl Request {
    /// How long an exchange may take unless the plugin says otherwise: 30 s.
    pub const TIMEOUT_MS: u64 = 30_000;

    /// A request without headers and body.
    pub fn new(method: &'static str, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), timeout_ms: Self::TIMEOUT_MS, body: Body::None }
    }

    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A DELETE.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header; its name in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<FieldValue>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, json: Value) -> Self {
        self.body = Body::Json(json);
        self
    }

    /// With a form body (`application/x-www-form-urlencoded`).
    #[must_use]
    pub fn form(mut self, fields: Vec<(String, FieldValue)>) -> Self {
        self.body = Body::Form(fields);
        self
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        let Self { method, url, headers, timeout_ms, body } = self;
        write::member(out, "{\"method\":", method);
        write::member(out, ",\"url\":", url);
        write::literal(out, ",\"headers\":");
        write::pairs(out, exposed(headers));
        write::literal(out, ",\"timeoutMs\":");
        write::number(out, *timeout_ms);
        write::literal(out, ",\"body\":");
        body.write(out)?;
        write::literal(out, "}");
        Ok(())
    }
}

/// Names and values as they go to the platform.
fn exposed(fields: &[(String, FieldValue)]) -> impl Iterator<Item = (&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.expose()))
}

impl fmt::Debug for Request {
    /// Without the query, which may hold a signature; header and form values mask secrets themselves.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url.split('?').next().unwrap_or_default())
            .field("headers", &self.headers)
            .field("timeout_ms", &self.timeout_ms)
            .field("body", &self.body)
            .finish()
    }
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// None.
    None,
    /// JSON.
    Json(Value),
    /// A JSON object to which the host adds pieces of files in base64. Needs the host feature
    /// `STROWGER_CHANNEL_FEATURE_FILE_FACTS`.
    JsonWithFiles(Value, Vec<FileMember>),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, FieldValue)>),
    /// `multipart/form-data`.
    Multipart(Vec<Part>),
}

impl Body {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        match self {
            Self::None => write::literal(out, "{\"kind\":\"none\""),
            Self::Json(json) => {
                write::literal(out, "{\"kind\":\"json\",\"json\":");
                write::json(out, json)?;
            }
            Self::JsonWithFiles(json, files) => {
                write::literal(out, "{\"kind\":\"json\",\"json\":");
                write::json(out, json)?;
                write::literal(out, ",\"files\":");
                write::value(out, files)?;
            }
            Self::Form(fields) => {
                write::literal(out, "{\"kind\":\"form\",\"fields\":");
                write::pairs(out, exposed(fields));
            }
            Self::Multipart(parts) => {
                write::literal(out, "{\"kind\":\"multipart\",\"parts\":");
                write::value(out, parts)?;
            }
        }
        write::literal(out, "}");
        Ok(())
    }
}

/// A member of a JSON body that holds a piece of a file in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileMember {
    /// The member's name.
    pub member: String,
    /// The file, as the job's extras name it.
    pub file: String,
    /// Where the piece begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
}

/// One part of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Part {
    /// A plain field.
    Text {
        /// The field's name.
        name: String,
        /// Its value.
        text: FieldValue,
    },
    /// A piece of a file that the host reads. Needs the host feature `STROWGER_CHANNEL_FEATURE_FILES`.
    File {
        /// The field's name.
        name: String,
        /// The file, as the job's extras name it.
        file: String,
        /// Where the piece begins, in bytes.
        offset: u64,
        /// How long it is, in bytes.
        length: u64,
        /// The file name that the platform is told.
        filename: String,
        /// The media type.
        content_type: String,
    },
}

/// The value of a header or form field: in the open, or secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// In the open.
    Plain(String),
    /// Secret: masked wherever it is printed.
    Secret(Secret),
}

impl FieldValue {
    /// The text as it goes to the platform.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }
}

impl Serialize for FieldValue {
    /// As it goes to the platform: only step documents are made of it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        Self::Plain(text.to_owned())
    }
}

impl From<String> for FieldValue {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

impl From<Secret> for FieldValue {
    fn from(secret: Secret) -> Self {
        Self::Secret(secret)
    }
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// Of a request: what came of the exchange.
    Exchange(Exchange),
    /// Of a wait: the time has passed.
    Waited,
    /// Of a secret: it is stored.
    Kept,
    /// Of a question about a file.
    File(FileFacts),
}

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// How long it is, in bytes.
    pub size: u64,
    /// Its media type, as its first bytes show it; `None` if they are those of no known one.
    pub content_type: Option<String>,
    /// Of a file that was fetched: its name for the rest of the conversation.
    pub file: Option<String>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// An answer.
    Response(Response),
    /// No byte of the request was written.
    NotSent {
        /// What went wrong.
        message: String,
    },
    /// Any later failure: the platform may have acted on the request.
    Broken {
        /// What went wrong.
        message: String,
    },
}

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Header names and values, as they came.
    pub headers: Vec<(String, String)>,
    /// The body's bytes, at most 4 MiB.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the first header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

impl StepResult {
    /// Reads a result document; `body` holds the bytes of a response. `None` if it is not one.
    pub fn parse(json: &str, body: &[u8]) -> Option<Self> {
        /// Of all kinds at once: a tagged enum would read into a tree first, which takes longer than all else.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Document {
            result: Kind,
            status: Option<u16>,
            #[serde(default)]
            headers: Vec<(String, String)>,
            #[serde(default)]
            message: String,
            size: Option<u64>,
            content_type: Option<String>,
            file: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Kind {
            Response,
            NotSent,
            Broken,
            Waited,
            Kept,
            File,
        }
        if let Some((status, headers)) = response(json) {
            return Some(Self::Exchange(Exchange::Response(Response {
                status,
                headers,
                body: body.to_vec(),
            })));
        }
        let Document { result, status, headers, message, size, content_type, file } =
            serde_json::from_str(json).ok()?;
        Some(match result {
            Kind::Response => {
                Self::Exchange(Exchange::Response(Response { status: status?, headers, body: body.to_vec() }))
            }
            Kind::NotSent => Self::Exchange(Exchange::NotSent { message }),
            Kind::Broken => Self::Exchange(Exchange::Broken { message }),
            Kind::Waited => Self::Waited,
            Kind::Kept => Self::Kept,
            Kind::File => Self::File(FileFacts { size: size?, content_type, file }),
        })
    }
}

/// Status and headers of a response, if it looks as the engine's own host writes it.
fn response(json: &str) -> Option<(u16, Vec<(String, String)>)> {
    let mut json = Reader::new(json);
    json.literal("{\"result\":\"response\",\"status\":")?;
    let status = json.number()?;
    json.literal(",\"headers\":")?;
    // Room for those of most answers.
    let headers = json.pairs(16)?;
    json.literal("}")?;
    json.end()?;
    Some((status, headers))
}

/// What a conversation waits for: kept beside it, so that it is handed no other kind of result, and marks
/// one request at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expectation {
    due: Due,
    marked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Exchange,
    Waited,
    Kept,
    File,
    Nothing,
}

/// A second marked request in one conversation: a fault of the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SecondMark;

impl Expectation {
    /// Before the first step.
    pub(crate) const fn new() -> Self {
        Self { due: Due::Nothing, marked: false }
    }

    /// Takes note of the step that is about to be emitted.
    pub(crate) fn note(&mut self, step: &Step) -> Result<(), SecondMark> {
        self.due = match step {
            Step::Request { marked, .. } => {
                if *marked && self.marked {
                    return Err(SecondMark);
                }
                self.marked |= marked;
                Due::Exchange
            }
            Step::Wait { .. } => Due::Waited,
            Step::KeepSecret { .. } => Due::Kept,
            Step::StatFile { .. } | Step::FetchFile { .. } => Due::File,
            Step::Outcome(_) => Due::Nothing,
        };
        Ok(())
    }

    /// Whether `result` is what the last step asked for.
    pub(crate) fn admits(self, result: &StepResult) -> bool {
        matches!(
            (self.due, result),
            (Due::Exchange, StepResult::Exchange(_))
                | (Due::Waited, StepResult::Waited)
                | (Due::Kept, StepResult::Kept)
                | (Due::File, StepResult::File(_))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn steps_have_the_documents_of_the_contract() {
        let request = Request::post("https://example.org/x")
            .header("authorization", Secret::new("Bearer abc"))
            .form(vec![("k".into(), "v".into())]);
        assert_eq!(
            Step::marked(request).to_json(),
            json!({ "step": "request", "marked": true, "request": {
                "method": "POST", "url": "https://example.org/x", "headers": [["authorization", "Bearer abc"]],
                "timeoutMs": 30000, "body": { "kind": "form", "fields": [["k", "v"]] } } })
        );
        assert_eq!(Step::Wait { ms: 2000 }.to_json(), json!({ "step": "wait", "ms": 2000 }));
        assert_eq!(
            Step::KeepSecret { name: "n".into(), value: Secret::new("v") }.to_json(),
            json!({ "step": "keep-secret", "name": "n", "value": "v" })
        );
        let report = Report::from(Outcome::published("1")).with_user_data("k", "v").with_throttle(Some(7));
        assert_eq!(
            Step::from(report).to_json(),
            json!({ "step": "outcome", "outcome": { "outcome": "published", "id": "1" },
                    "userData": { "k": "v" }, "throttle": { "untilMs": 7 } })
        );
        let body = |body: Body| {
            let mut out = Vec::new();
            body.write(&mut out).unwrap();
            serde_json::from_slice::<Value>(&out).unwrap()
        };
        let file = Part::File {
            name: "media".into(),
            file: "a.png".into(),
            offset: 0,
            length: 9,
            filename: "a.png".into(),
            content_type: "image/png".into(),
        };
        assert_eq!(
            body(Body::Multipart(vec![file])),
            json!({ "kind": "multipart", "parts": [ { "name": "media", "file": "a.png", "offset": 0, "length": 9,
                    "filename": "a.png", "contentType": "image/png" } ] })
        );
        let piece = FileMember { member: "media".into(), file: "a.png".into(), offset: 0, length: 9 };
        assert_eq!(
            body(Body::JsonWithFiles(json!({ "a": 1 }), vec![piece])),
            json!({ "kind": "json", "json": { "a": 1 },
                    "files": [ { "member": "media", "file": "a.png", "offset": 0, "length": 9 } ] })
        );
        assert_eq!(
            Step::StatFile { file: "a.png".into() }.to_json(),
            json!({ "step": "stat-file", "file": "a.png" })
        );
        assert_eq!(
            Step::FetchFile { url: "https://example.org/a".into(), max_bytes: 9 }.to_json(),
            json!({ "step": "fetch-file", "url": "https://example.org/a", "maxBytes": 9 })
        );
        assert_eq!(
            Step::read(Request::get("https://example.org")).to_json()["request"]["body"],
            json!({ "kind": "none" })
        );
    }

    /// Planted fault: a text or a member's value that is written as it stands.
    #[test]
    fn whatever_a_step_holds_its_document_is_json() {
        let odd = "a\"b\\\n\u{1}ü";
        let request = Request::post(odd)
            .header(odd, Secret::new(odd))
            .header("b", odd)
            .form(vec![(odd.into(), odd.into()), ("k".into(), Secret::new(odd).into())]);
        assert_eq!(
            Step::read(request).to_json(),
            json!({ "step": "request", "marked": false, "request": {
                "method": "POST", "url": odd, "headers": [[odd, odd], ["b", odd]], "timeoutMs": 30000,
                "body": { "kind": "form", "fields": [[odd, odd], ["k", odd]] } } })
        );
        assert_eq!(
            Step::KeepSecret { name: odd.into(), value: Secret::new(odd) }.to_json(),
            json!({ "step": "keep-secret", "name": odd, "value": odd })
        );
        for (id, location) in [(None, None), (Some(odd), None), (None, Some(odd)), (Some("1"), Some(odd))] {
            let outcome = Outcome::Published { id: id.map(Into::into), location: location.map(Into::into) };
            let document = serde_json::to_value(&outcome).unwrap();
            assert_eq!(Step::from(outcome).to_json(), json!({ "step": "outcome", "outcome": document }));
        }
        let rejected = Outcome::rejected("c", odd);
        assert_eq!(
            Step::from(rejected).to_json()["outcome"],
            json!({ "outcome": "rejected", "code": "c", "message": odd })
        );
    }

    /// Planted faults: a header that is left out; a status that is cut to fit.
    #[test]
    fn an_answer_is_read_the_same_whether_it_looks_as_usual_or_not() {
        let usual = r#"{"result":"response","status":201,"headers":[["X-A","b"],["c","\"d\u00e4"]]}"#;
        let spaced =
            r#" { "headers" : [ ["X-A","b"], ["c","\"dä"] ], "status" : 201, "result" : "response" } "#;
        assert!(response(usual).is_some() && response(spaced).is_none());
        assert!(StepResult::parse(usual, b"x").is_some());
        assert_eq!(StepResult::parse(usual, b"x"), StepResult::parse(spaced, b"x"));
        for json in [
            r#"{"result":"response","status":65537,"headers":[]}"#,
            r#"{"result":"response","status":-1,"headers":[]}"#,
            r#"{"result":"response","status":0201,"headers":[]}"#,
            r#"{"result":"response","status":201,"headers":[["a"]]}"#,
            r#"{"result":"response","status":201,"headers":[["a","b"],]}"#,
            r#"{"result":"response","status":201,"headers":[]"#,
            r#"{"result":"response","status":201,"headers":[]}}"#,
            r#"{"result":"response","status":201,"headers":[],"status":202}"#,
            r#"{"result":"response","headers":[]}"#,
        ] {
            assert_eq!(StepResult::parse(json, b"x"), None, "{json}");
        }
        let later = r#"{"result":"response","status":201,"headers":[],"later":1}"#;
        assert!(response(later).is_none() && StepResult::parse(later, b"").is_some());
    }

    #[test]
    fn results_are_read_from_their_documents() {
        let read = |json| StepResult::parse(json, b"{}");
        assert!(matches!(
            read(r#"{"result":"response","status":201,"headers":[["X-A","b"]]}"#),
            Some(StepResult::Exchange(Exchange::Response(response)))
                if response.status == 201 && response.header("x-a") == Some("b") && response.body == b"{}"
        ));
        assert!(matches!(
            read(r#"{"result":"not-sent","message":"no route"}"#),
            Some(StepResult::Exchange(Exchange::NotSent { message })) if message == "no route"
        ));
        assert!(matches!(
            read(r#"{"result":"broken","message":"timeout"}"#),
            Some(StepResult::Exchange(Exchange::Broken { .. }))
        ));
        assert_eq!(read(r#"{"result":"waited"}"#), Some(StepResult::Waited));
        assert_eq!(read(r#"{"result":"kept"}"#), Some(StepResult::Kept));
        assert_eq!(
            read(r#"{"result":"file","size":9,"contentType":"image/png"}"#),
            Some(StepResult::File(FileFacts { size: 9, content_type: Some("image/png".into()), file: None }))
        );
        assert_eq!(read(r#"{"result":"danced"}"#), None);
    }

    #[test]
    fn printing_a_request_shows_neither_secrets_nor_the_query() {
        let request = Request::get("https://example.org/x?proof=s3cret")
            .header("authorization", Secret::new("s3cret"))
            .form(vec![("proof".into(), Secret::new("s3cret").into())]);
        assert!(!format!("{request:?}").contains("s3cret"));
    }
}
