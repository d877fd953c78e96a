//! The documents of a conversation: steps from the plugin, results for it.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use strowger::channel::Outcome;
use strowger_channel_line::write;

mod usual;

/// What a plugin wants done next.
#[derive(Debug)]
pub(crate) enum Step {
    Request(RequestStep),
    Wait { ms: u64 },
    KeepSecret { name: String, value: String },
    StatFile { file: String },
    FetchFile { url: String, max_bytes: u64 },
    Outcome(OutcomeStep),
}

/// Make a request.
#[derive(Debug)]
pub(crate) struct RequestStep {
    pub(crate) marked: bool,
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) body: Body,
}

/// The conversation is over.
#[derive(Debug)]
pub(crate) struct OutcomeStep {
    pub(crate) outcome: Outcome,
    pub(crate) user_data: Map<String, Value>,
    pub(crate) throttle_until_ms: Option<i64>,
}

/// A request's body.
#[derive(Debug)]
pub(crate) enum Body {
    None,
    /// As the plugin wrote it: a signature may be over these very bytes, and no number is rounded.
    Json(String),
    /// An object that gets pieces of files as further members.
    JsonWithFiles(Map<String, Value>, Vec<FileMember>),
    Form(Vec<(String, String)>),
    Multipart(Vec<Part>),
}

/// A member that holds a piece of a file in base64.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileMember {
    pub(crate) member: String,
    pub(crate) file: String,
    #[serde(default)]
    pub(crate) offset: u64,
    pub(crate) length: Option<u64>,
}

/// A part of a multipart body.
#[derive(Debug)]
pub(crate) enum Part {
    Text { name: String, text: String },
    File(FilePart),
}

/// A part that is read from a file.
#[derive(Debug)]
pub(crate) struct FilePart {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) offset: u64,
    pub(crate) length: Option<u64>,
    pub(crate) filename: Option<String>,
    pub(crate) content_type: Option<String>,
}

/// What became of a step.
#[derive(Debug, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub(crate) enum StepResult<'a> {
    Response {
        status: u16,
        headers: &'a [(String, String)],
    },
    NotSent {
        message: &'a str,
    },
    Broken {
        message: &'a str,
    },
    Waited,
    Kept,
    #[serde(rename_all = "camelCase")]
    File {
        size: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        content_type: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<&'a str>,
    },
}

impl StepResult<'_> {
    /// The result's document.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let Self::Response { status, headers } = self else { return serde_json::to_vec(self) };
        // With the quotes, commas and brackets around a name and its value, and some room for escapes.
        let length: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 12).sum();
        let mut json = Vec::with_capacity(64 + length);
        write::literal(&mut json, "{\"result\":\"response\",\"status\":");
        write::number(&mut json, *status);
        write::literal(&mut json, ",\"headers\":");
        write::pairs(&mut json, headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        write::literal(&mut json, "}");
        Ok(json)
    }
}

impl Step {
    /// Reads a step. The error says what is wrong without quoting values.
    ///
    /// The kind first: serde's tagged enums buffer their content, which would round numbers and lose the bytes
    /// of a JSON body.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Kind<'a> {
            #[serde(borrow)]
            step: Cow<'a, str>,
        }
        if let Some(step) = usual::step(json) {
            return Ok(step);
        }
        let step = match first_text(json, "step") {
            Some(step) => step.into(),
            None => parse::<Kind<'_>>("a step", json)?.step,
        };
        match &*step {
            "request" => RequestDocument::read(json).map(Self::Request),
            "wait" => {
                let WaitDocument { ms, .. } = parse("a step `wait`", json)?;
                Ok(Self::Wait { ms })
            }
            "keep-secret" => {
                let KeepSecretDocument { name, value, .. } = parse("a step `keep-secret`", json)?;
                Ok(Self::KeepSecret { name, value })
            }
            "stat-file" => {
                let StatFileDocument { file, .. } = parse("a step `stat-file`", json)?;
                Ok(Self::StatFile { file })
            }
            "fetch-file" => {
                let FetchFileDocument { url, max_bytes, .. } = parse("a step `fetch-file`", json)?;
                Ok(Self::FetchFile { url, max_bytes })
            }
            "outcome" => {
                let OutcomeDocument { outcome, user_data, throttle, .. } = parse("a step `outcome`", json)?;
                Ok(Self::Outcome(OutcomeStep {
                    outcome,
                    user_data: user_data.unwrap_or_default(),
                    throttle_until_ms: throttle.map(|throttle| throttle.until_ms),
                }))
            }
            _ => Err("a step is `request`, `wait`, `keep-secret`, `stat-file`, `fetch-file` or `outcome`, not what was emitted".into()),
        }
    }
}

/// The text of a document's first member, if it has that name and is written without escapes: what says of which
/// kind the document is, found without reading the whole of it. It is read as that kind afterwards, so whatever
/// else is wrong with it shows then.
fn first_text<'a>(json: &'a str, member: &str) -> Option<&'a str> {
    let rest = json.strip_prefix("{\"")?.strip_prefix(member)?.strip_prefix("\":\"")?;
    let (text, _) = rest.split_once('"')?;
    (!text.contains('\\')).then_some(text)
}

/// `serde_json` quotes what it found in some messages, and that may be a secret: of those only what was
/// expected is told.
fn parse<'a, T: Deserialize<'a>>(what: &str, json: &'a str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| {
        let words = error.to_string();
        if ["invalid type", "invalid value", "unknown variant"].iter().any(|kind| words.starts_with(kind)) {
            let expected = words.rsplit_once("expected ").map_or("something else", |(_, rest)| rest);
            format!("{what} holds a value of the wrong kind: expected {expected}")
        } else {
            format!("{what} is not of the expected form: {words}")
        }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitDocument {
    #[serde(rename = "step")]
    _step: IgnoredAny,
    ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeepSecretDocument {
    #[serde(rename = "step")]
    _step: IgnoredAny,
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FetchFileDocument {
    #[serde(rename = "step")]
    _step: IgnoredAny,
    url: String,
    max_bytes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatFileDocument {
    #[serde(rename = "step")]
    _step: IgnoredAny,
    file: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OutcomeDocument {
    #[serde(rename = "step")]
    _step: IgnoredAny,
    outcome: Outcome,
    user_data: Option<Map<String, Value>>,
    throttle: Option<ThrottleDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ThrottleDocument {
    until_ms: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestDocument<'a> {
    #[serde(rename = "step")]
    _step: IgnoredAny,
    #[serde(default)]
    marked: bool,
    #[serde(borrow)]
    request: RequestMember<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RequestMember<'a> {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    timeout_ms: Option<u64>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

impl RequestDocument<'_> {
    fn read(json: &str) -> Result<RequestStep, String> {
        let RequestDocument { marked, request, .. } = parse("a step `request`", json)?;
        let RequestMember { method, url, headers, timeout_ms, body } = request;
        let body = body.map_or(Ok(Body::None), |body| Body::parse(body.get()))?;
        Ok(RequestStep { marked, method, url, headers, timeout_ms, body })
    }
}

impl Body {
    fn parse(json: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Kind<'a> {
            #[serde(borrow)]
            kind: Cow<'a, str>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct NoneDocument {
            #[serde(rename = "kind")]
            _kind: IgnoredAny,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct JsonDocument<'a> {
            #[serde(rename = "kind")]
            _kind: IgnoredAny,
            #[serde(borrow)]
            json: &'a RawValue,
            #[serde(default)]
            files: Vec<FileMember>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct FormDocument {
            #[serde(rename = "kind")]
            _kind: IgnoredAny,
            fields: Vec<(String, String)>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct MultipartDocument {
            #[serde(rename = "kind")]
            _kind: IgnoredAny,
            parts: Vec<PartDocument>,
        }
        let kind = match first_text(json, "kind") {
            Some(kind) => kind.into(),
            None => parse::<Kind<'_>>("a body", json)?.kind,
        };
        match &*kind {
            "none" => parse::<NoneDocument>("a body `none`", json).map(|_| Self::None),
            "json" => {
                let JsonDocument { json, files, .. } = parse("a body `json`", json)?;
                if files.is_empty() {
                    return Ok(Self::Json(json.get().to_owned()));
                }
                let members = parse("the object that files are added to", json.get())?;
                Ok(Self::JsonWithFiles(members, files))
            }
            "form" => parse::<FormDocument>("a body `form`", json).map(|body| Self::Form(body.fields)),
            "multipart" => {
                let MultipartDocument { parts, .. } = parse("a body `multipart`", json)?;
                parts.into_iter().map(PartDocument::read).collect::<Result<_, _>>().map(Self::Multipart)
            }
            _ => Err("a body is `none`, `json`, `form` or `multipart`, not what was emitted".into()),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PartDocument {
    name: String,
    text: Option<String>,
    file: Option<String>,
    offset: Option<u64>,
    length: Option<u64>,
    filename: Option<String>,
    content_type: Option<String>,
}

impl PartDocument {
    fn read(self) -> Result<Part, String> {
        let Self { name, text, file, offset, length, filename, content_type } = self;
        match (text, file) {
            (Some(text), None)
                if offset.is_none() && length.is_none() && filename.is_none() && content_type.is_none() =>
            {
                Ok(Part::Text { name, text })
            }
            (None, Some(file)) => Ok(Part::File(FilePart {
                name,
                file,
                offset: offset.unwrap_or(0),
                length,
                filename,
                content_type,
            })),
            _ => Err("a part has `name` and `text`, or `name`, `file` and what describes the file".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_kept_byte_for_byte() {
        let Step::Request(step) = Step::parse(
            r#"{"step":"request","request":{"method":"POST","url":"u","body":{"kind":"json","json":{"a": 12345678901234567890123, "b":1.0e5}}}}"#,
        )
        .unwrap() else {
            panic!()
        };
        let Body::Json(json) = step.body else { panic!() };
        assert_eq!(json, r#"{"a": 12345678901234567890123, "b":1.0e5}"#);
        assert!(!step.marked);
    }

    /// Planted fault: a kind that is taken from wherever the first text stands.
    #[test]
    fn the_kind_may_stand_anywhere() {
        for json in [
            r#"{"step":"wait","ms":7}"#,
            r#" { "step" : "wait", "ms" : 7 } "#,
            r#"{"ms":7,"step":"wait"}"#,
            r#"{"\u0073tep":"w\u0061it","ms":7}"#,
            r#"{"step":"w\u0061it","ms":7}"#,
        ] {
            assert!(matches!(Step::parse(json), Ok(Step::Wait { ms: 7 })), "{json}");
        }
        for json in
            [r#"{"step":"wait","ms":7,"step":"wait"}"#, r#"{"step":"wait","ms":7"#, r#"{"step":"wait"#, "{}"]
        {
            assert!(Step::parse(json).is_err(), "{json}");
        }
    }

    #[test]
    fn unknown_members_are_named() {
        for (json, name) in [
            (r#"{"step":"wait","ms":1,"extra":1}"#, "extra"),
            (r#"{"step":"request","Marked":true,"request":{"method":"GET","url":"u"}}"#, "Marked"),
            (r#"{"step":"request","request":{"method":"GET","url":"u","body":{"kind":"none","x":1}}}"#, "x"),
            (r#"{"step":"outcome","outcome":{"outcome":"done"},"throttle":{"until":1}}"#, "until"),
        ] {
            let error = Step::parse(json).unwrap_err();
            assert!(error.contains(&format!("`{name}`")), "{error}");
        }
    }

    #[test]
    fn errors_quote_no_values() {
        for json in [
            r#"{"step":"keep-secret","name":"n","value":{"s3cret":1}}"#,
            r#"{"step":"wait","ms":"s3cret"}"#,
            r#"{"step":"s3cret"}"#,
            r#"{"step":"request","request":{"method":"POST","url":"u","body":{"kind":"json","json":"s3cret","files":[{"member":"m","file":"f"}]}}}"#,
            r#"{"step":"outcome","outcome":{"outcome":"s3cret"}}"#,
            r#"{"step":"request","request":{"method":"GET","url":"u","body":{"kind":"s3cret"}}}"#,
        ] {
            let error = Step::parse(json).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn results_are_as_the_header_says() {
        let json = |result: &StepResult<'_>| String::from_utf8(result.to_json().unwrap()).unwrap();
        let headers = [("a".to_owned(), "b".to_owned())];
        assert_eq!(
            json(&StepResult::Response { status: 201, headers: &headers }),
            r#"{"result":"response","status":201,"headers":[["a","b"]]}"#
        );
        let headers = [("a".to_owned(), "\"b\n".to_owned()), (String::new(), "ü".to_owned())];
        let response = StepResult::Response { status: 99, headers: &headers };
        assert_eq!(json(&response), serde_json::to_string(&response).unwrap());
        assert_eq!(json(&StepResult::NotSent { message: "m" }), r#"{"result":"not-sent","message":"m"}"#);
        assert_eq!(json(&StepResult::Broken { message: "m" }), r#"{"result":"broken","message":"m"}"#);
        assert_eq!(json(&StepResult::Waited), r#"{"result":"waited"}"#);
        assert_eq!(json(&StepResult::Kept), r#"{"result":"kept"}"#);
        assert_eq!(
            json(&StepResult::File { size: 9, content_type: Some("image/png"), file: None }),
            r#"{"result":"file","size":9,"contentType":"image/png"}"#
        );
        let unknown = StepResult::File { size: 9, content_type: None, file: None };
        assert_eq!(json(&unknown), r#"{"result":"file","size":9}"#);
    }
}
