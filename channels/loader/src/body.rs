//! A request step made into a request: checked, its body written out.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::attachment::Files;
use crate::http::HttpRequest;
use crate::options::{ConversationLimits, Random};
use crate::step::{Body, FileMember, FilePart, Part, RequestStep};

/// Why a request could not be made of a step.
#[derive(Debug)]
pub(crate) enum Unmade {
    /// The plugin is at fault.
    Fault(String),
    /// A file that the message names is at fault.
    Attachment(String),
}

fn fault(problem: impl Into<String>) -> Unmade {
    Unmade::Fault(problem.into())
}

/// What concerns the connection, and is the client's business. `host` would let a request leave its base.
const CLIENTS: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

/// Checks the step's head and writes its body. The address was checked before.
pub(crate) fn make(
    step: RequestStep,
    limits: &ConversationLimits,
    random: &dyn Random,
    files: &Files<'_>,
) -> Result<HttpRequest, Unmade> {
    let RequestStep { marked, method, url, mut headers, timeout_ms, body } = step;
    if !["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()) {
        return Err(fault("the method is none of GET, HEAD, POST, PUT, PATCH and DELETE"));
    }
    if matches!(method.as_str(), "GET" | "HEAD") && !matches!(body, Body::None) {
        return Err(fault(format!("a {method} has a body")));
    }
    for (name, value) in &headers {
        check_header(name, value)?;
    }
    let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let limit = limits.request_body_bytes;
    let (content_type, body) = match body {
        Body::None => (None, None),
        Body::Json(json) => (Some("application/json".to_owned()), Some(json.into_bytes())),
        Body::JsonWithFiles(members, pieces) => {
            let body = with_files(members, pieces, files, limit)?;
            (Some("application/json".to_owned()), Some(body))
        }
        Body::Form(fields) => {
            (Some("application/x-www-form-urlencoded".to_owned()), Some(form(&fields).into_bytes()))
        }
        Body::Multipart(parts) => {
            if has_type {
                return Err(fault("a multipart body has its own content-type"));
            }
            let boundary = boundary(random);
            let body = multipart(&parts, &boundary, files, limit)?;
            (Some(format!("multipart/form-data; boundary={boundary}")), Some(body))
        }
    };
    if body.as_ref().is_some_and(|body| body.len() > limit) {
        return Err(fault(format!("the body is longer than {limit} bytes")));
    }
    if let (Some(content_type), false) = (content_type, has_type) {
        headers.push(("content-type".to_owned(), content_type));
    }
    let timeout = timeout_ms.map_or(limits.request, Duration::from_millis).min(limits.request);
    if timeout.is_zero() {
        return Err(fault("the time limit is zero"));
    }
    Ok(HttpRequest { method, url, headers, body, timeout, marked })
}

/// RFC 9110, sections 5.1 and 5.5: a name is a token, a value holds no control characters but the tab. A
/// line break would begin another header, or another request.
fn check_header(name: &str, value: &str) -> Result<(), Unmade> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(fault("a header's name holds a character that names don't have"));
    }
    if !value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)) {
        return Err(fault(format!("the header `{name}` holds a line break or another control character")));
    }
    if CLIENTS.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        return Err(fault(format!("the header `{name}` is set by the host alone")));
    }
    Ok(())
}

/// The WHATWG URL standard's application/x-www-form-urlencoded: these stay, a space becomes a plus.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_').remove(b' ');

fn form(fields: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, FORM).to_string().replace(' ', "+");
    let pairs: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

/// The object with a member for each piece of a file, in base64.
fn with_files(
    mut members: Map<String, Value>,
    pieces: Vec<FileMember>,
    files: &Files<'_>,
    limit: usize,
) -> Result<Vec<u8>, Unmade> {
    let mut room = limit;
    for FileMember { member, file, offset, length } in pieces {
        if members.contains_key(&member) {
            return Err(fault("a member of a JSON body is given twice, once by a file"));
        }
        // Three bytes of a file are four of the body.
        let bytes = files.read(&file, offset, length, room / 4 * 3).map_err(Unmade::Attachment)?;
        let text = STANDARD.encode(bytes);
        room = room.saturating_sub(text.len());
        members.insert(member, Value::String(text));
    }
    Ok(Value::Object(members).to_string().into_bytes())
}

/// Long and random, so that no part holds it.
fn boundary(random: &dyn Random) -> String {
    let mut bytes = [0; 24];
    random.fill(&mut bytes);
    bytes.iter().fold("strowger-".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// RFC 7578.
fn multipart(parts: &[Part], boundary: &str, files: &Files<'_>, limit: usize) -> Result<Vec<u8>, Unmade> {
    let mut body = Vec::new();
    for part in parts {
        let (Part::Text { name, .. } | Part::File(FilePart { name, .. })) = part;
        let mut head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"", quoted(name));
        let bytes = match part {
            Part::Text { text, .. } => text.as_bytes().to_vec(),
            Part::File(FilePart { file, offset, length, filename, content_type, .. }) => {
                let content_type = content_type.as_deref().unwrap_or("application/octet-stream");
                if !content_type.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
                    return Err(fault("a part's content type holds a control character"));
                }
                let filename = filename.as_deref().unwrap_or("file");
                let _ = write!(head, "; filename=\"{}\"\r\ncontent-type: {content_type}", quoted(filename));
                let room = limit.saturating_sub(body.len());
                files.read(file, *offset, *length, room).map_err(Unmade::Attachment)?
            }
        };
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(&bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(body)
}

/// A name inside of quotes, as the WHATWG HTML standard writes it ("multipart/form-data encoding
/// algorithm").
fn quoted(name: &str) -> String {
    name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::SystemRandom;
    use crate::step::Step;

    fn request(json: &serde_json::Value) -> Result<HttpRequest, Unmade> {
        let document = serde_json::json!({"step": "request", "request": json}).to_string();
        let Step::Request(step) = Step::parse(&document).unwrap() else { panic!() };
        make(step, &ConversationLimits::default(), &SystemRandom, &Files { directory: None, fetched: &[] })
    }

    fn refusal(json: &serde_json::Value) -> String {
        match request(json) {
            Err(Unmade::Fault(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn forms_are_encoded() {
        let made = request(&serde_json::json!({"method": "POST", "url": "u",
            "body": {"kind": "form", "fields": [["a b", "ü&=~"], ["c", "*-._"]]}}))
        .unwrap();
        assert_eq!(made.body.unwrap(), b"a+b=%C3%BC%26%3D%7E&c=*-._");
        assert_eq!(made.headers, [("content-type".into(), "application/x-www-form-urlencoded".into())]);
    }

    #[test]
    fn parts_are_delimited_and_names_cannot_break_out() {
        let made = request(&serde_json::json!({"method": "POST", "url": "u",
            "body": {"kind": "multipart", "parts": [{"name": "a\"\r\nx: y", "text": "t"}]}}))
        .unwrap();
        let boundary = made.headers[0].1.strip_prefix("multipart/form-data; boundary=").unwrap();
        assert_eq!(
            String::from_utf8(made.body.unwrap()).unwrap(),
            format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"a%22%0D%0Ax: y\"\r\n\r\nt\r\n--{boundary}--\r\n"
            )
        );
    }

    #[test]
    fn injected_headers_are_refused_without_their_values() {
        for (name, value) in [
            ("a", "zz9\r\nc: d"),
            ("a", "zz9\n"),
            ("a", "zz9\0"),
            ("a\r\nb", "zz9"),
            ("a b", "zz9"),
            ("", "zz9"),
        ] {
            let message =
                refusal(&serde_json::json!({"method": "GET", "url": "u", "headers": [[name, value]]}));
            assert!(!message.contains("zz9"), "{message}");
        }
    }

    #[test]
    fn what_is_the_hosts_business_is_refused() {
        for name in ["Host", "content-LENGTH", "transfer-encoding", "Expect"] {
            let message =
                refusal(&serde_json::json!({"method": "GET", "url": "u", "headers": [[name, "x"]]}));
            assert!(message.contains(name), "{message}");
        }
        refusal(&serde_json::json!({"method": "CONNECT", "url": "u"}));
        refusal(&serde_json::json!({"method": "get", "url": "u"}));
        refusal(&serde_json::json!({"method": "GET", "url": "u", "body": {"kind": "form", "fields": []}}));
        refusal(&serde_json::json!({"method": "GET", "url": "u", "timeoutMs": 0}));
    }

    #[test]
    fn a_request_gets_no_more_time_than_the_host_allows() {
        let made =
            request(&serde_json::json!({"method": "GET", "url": "u", "timeoutMs": 3_600_000})).unwrap();
        assert_eq!(made.timeout, Duration::from_secs(60));
        let made = request(&serde_json::json!({"method": "GET", "url": "u", "timeoutMs": 5})).unwrap();
        assert_eq!(made.timeout, Duration::from_millis(5));
    }
}
