//! HTTP/1.1 on a blocking socket: read one request, write one response.
//!
//! Written by hand above `httparse` because the faults need the socket itself: half an answer, a reset, a
//! close between reading and answering. Framing that can be read in two ways is refused.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::options::Limits;
use crate::params;

const MAX_HEADERS: usize = 100;
/// A chunk's size line with its extensions; nobody needs more.
const MAX_CHUNK_LINE: usize = 1024;

/// A request as it came, names of headers in lower case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query, not decoded.
    pub(crate) path: String,
    /// What follows the `?`, not decoded.
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) keep_alive: bool,
}

impl Request {
    /// The first header of that (lower-case) name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The media type of the body, without parameters, in lower case.
    pub(crate) fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The path's segments, percent-decoded. A segment that is not UTF-8 can name nothing here.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|part| !part.is_empty()).map(params::decode_path).collect()
    }
}

/// An answer. Length, date and connection headers are added when it is written.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", body.to_string())
    }

    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type".into(), content_type.into())], body: body.into() }
    }

    /// Sets a header, in place of one of the same name.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// The bytes on the wire. `length` can differ from the body's to promise more than is sent.
    pub(crate) fn to_bytes(&self, length: usize, head_only: bool, keep_alive: bool) -> Vec<u8> {
        // Writing to a String does not fail.
        let mut out = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            let _ = write!(out, "{name}: {value}\r\n");
        }
        let _ = write!(out, "date: {}\r\n", params::http_date(params::now_ms()));
        // 204 and 304 have no body by definition; a length would make some clients wait for one.
        if !matches!(self.status, 204 | 304) {
            let _ = write!(out, "content-length: {length}\r\n");
        }
        out.push_str(if keep_alive { "connection: keep-alive\r\n\r\n" } else { "connection: close\r\n\r\n" });
        let mut bytes = out.into_bytes();
        if !head_only && !matches!(self.status, 204 | 304) {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// Why there is no request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// The client is gone, or said nothing for too long between requests: close without a word.
    Closed,
    /// What came is not a request that can be served: answer and close.
    Refused { status: u16, why: &'static str },
}

fn refused(status: u16, why: &'static str) -> ReadError {
    ReadError::Refused { status, why }
}

enum Framing {
    None,
    Length(usize),
    Chunked,
}

/// One connection's reading side: the socket and what was read ahead.
pub(crate) struct Reader<'a> {
    stream: &'a TcpStream,
    buffer: Vec<u8>,
    limits: &'a Limits,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(stream: &'a TcpStream, limits: &'a Limits) -> Self {
        Self { stream, buffer: Vec::new(), limits }
    }

    /// The next request, complete with its body.
    pub(crate) fn next_request(&mut self) -> Result<Request, ReadError> {
        if self.buffer.is_empty() {
            let idle = after(self.limits.idle_timeout);
            self.fill(idle).map_err(|_| ReadError::Closed)?;
        }
        let deadline = after(self.limits.head_timeout);
        let (mut request, framing) = loop {
            if let Some(head) = self.parse_head()? {
                break head;
            }
            if self.buffer.len() >= self.limits.head_bytes {
                return Err(refused(431, "the request line and headers are too long"));
            }
            self.fill(deadline).map_err(|end| end.in_request("the head did not arrive in time"))?;
        };
        if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
            && !matches!(framing, Framing::None)
        {
            write(self.stream, b"HTTP/1.1 100 Continue\r\n\r\n", self.limits.write_timeout)
                .map_err(|_| ReadError::Closed)?;
        }
        let deadline = after(self.limits.body_timeout);
        request.body = match framing {
            Framing::None => Vec::new(),
            Framing::Length(length) => self.take(length, deadline)?,
            Framing::Chunked => self.take_chunks(deadline)?,
        };
        Ok(request)
    }

    /// Parses the head if it is complete, and takes it off the buffer.
    fn parse_head(&mut self) -> Result<Option<(Request, Framing)>, ReadError> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        let length = match parsed.parse(&self.buffer) {
            Ok(httparse::Status::Partial) => return Ok(None),
            Ok(httparse::Status::Complete(length)) => length,
            Err(httparse::Error::TooManyHeaders) => return Err(refused(431, "there are too many headers")),
            Err(_) => return Err(refused(400, "this is not an HTTP/1.1 request")),
        };
        if length > self.limits.head_bytes {
            return Err(refused(431, "the request line and headers are too long"));
        }
        let mut request = Request {
            method: parsed.method.unwrap_or_default().to_owned(),
            headers: Vec::with_capacity(parsed.headers.len()),
            ..Request::default()
        };
        (request.path, request.query) = split_target(parsed.path.unwrap_or_default())?;
        for header in parsed.headers.iter() {
            let value = String::from_utf8_lossy(header.value).trim().to_owned();
            request.headers.push((header.name.to_ascii_lowercase(), value));
        }
        let is_1_1 = parsed.version == Some(1);
        let hosts = request.headers.iter().filter(|(name, _)| name == "host").count();
        if hosts > 1 || (is_1_1 && hosts == 0) {
            return Err(refused(400, "HTTP/1.1 asks for exactly one Host header"));
        }
        request.keep_alive = keeps_alive(&request, is_1_1);
        let framing = framing(&request, self.limits.body_bytes)?;
        self.buffer.drain(..length);
        Ok(Some((request, framing)))
    }

    fn take(&mut self, length: usize, deadline: Instant) -> Result<Vec<u8>, ReadError> {
        while self.buffer.len() < length {
            self.fill(deadline).map_err(|end| end.in_request("the body did not arrive in time"))?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn take_chunks(&mut self, deadline: Instant) -> Result<Vec<u8>, ReadError> {
        let mut body = Vec::new();
        loop {
            let size = self.chunk_size(deadline)?;
            if size == 0 {
                self.skip_trailers(deadline)?;
                return Ok(body);
            }
            let room = self.limits.body_bytes - body.len();
            let size = usize::try_from(size).ok().filter(|size| *size <= room);
            let Some(size) = size else { return Err(refused(413, "the body is too long")) };
            body.extend_from_slice(&self.take(size, deadline)?);
            if self.take(2, deadline)? != b"\r\n" {
                return Err(refused(400, "a chunk is longer than its size says"));
            }
        }
    }

    fn chunk_size(&mut self, deadline: Instant) -> Result<u64, ReadError> {
        loop {
            match httparse::parse_chunk_size(&self.buffer) {
                Ok(httparse::Status::Complete((used, size))) => {
                    self.buffer.drain(..used);
                    return Ok(size);
                }
                Ok(httparse::Status::Partial) if self.buffer.len() < MAX_CHUNK_LINE => {
                    self.fill(deadline).map_err(|end| end.in_request("the body did not arrive in time"))?;
                }
                _ => return Err(refused(400, "a chunk's size can not be read")),
            }
        }
    }

    /// Trailers are read to find the end of the request, and mean nothing here.
    fn skip_trailers(&mut self, deadline: Instant) -> Result<(), ReadError> {
        let mut skipped = 0;
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                self.buffer.drain(..end + 2);
                skipped += end + 2;
                if end == 0 {
                    return Ok(());
                }
                continue;
            }
            if skipped + self.buffer.len() >= self.limits.head_bytes {
                return Err(refused(431, "the trailers are too long"));
            }
            self.fill(deadline).map_err(|end| end.in_request("the body did not arrive in time"))?;
        }
    }

    /// Reads what there is, waiting for the first byte until the deadline.
    fn fill(&mut self, deadline: Instant) -> Result<(), FillEnd> {
        let mut chunk = [0; 8192];
        let mut stream = self.stream;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(FillEnd::TimedOut);
            }
            self.stream.set_read_timeout(Some(left)).map_err(|_| FillEnd::Closed)?;
            match stream.read(&mut chunk) {
                Ok(0) => return Err(FillEnd::Closed),
                Ok(count) => {
                    self.buffer.extend_from_slice(&chunk[..count]);
                    return Ok(());
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Err(FillEnd::TimedOut),
                    _ => return Err(FillEnd::Closed),
                },
            }
        }
    }
}

/// A day from now at most: the sum of an instant and any duration may not exist.
fn after(timeout: Duration) -> Instant {
    Instant::now() + timeout.min(Duration::from_secs(24 * 60 * 60))
}

enum FillEnd {
    Closed,
    TimedOut,
}

impl FillEnd {
    fn in_request(self, why: &'static str) -> ReadError {
        match self {
            Self::Closed => ReadError::Closed,
            Self::TimedOut => refused(408, why),
        }
    }
}

/// Origin form, or the absolute form that a client behind a proxy sends.
fn split_target(target: &str) -> Result<(String, String), ReadError> {
    let rest = ["http://", "https://"].iter().find_map(|scheme| target.strip_prefix(scheme));
    let target = match rest {
        Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    if !target.starts_with('/') {
        return Err(refused(400, "the request target must be a path or an http address"));
    }
    let target = target.split('#').next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok((path.to_owned(), query.to_owned()))
}

fn keeps_alive(request: &Request, is_1_1: bool) -> bool {
    let asks = |word: &str| {
        let values = request.headers.iter().filter(|(name, _)| name == "connection");
        values.flat_map(|(_, value)| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    if is_1_1 { !asks("close") } else { asks("keep-alive") }
}

fn framing(request: &Request, body_bytes: usize) -> Result<Framing, ReadError> {
    let values = |wanted: &str| -> Vec<&str> {
        let named = request.headers.iter().filter(|(name, _)| name == wanted);
        named.map(|(_, value)| value.as_str()).collect()
    };
    let lengths = values("content-length");
    match values("transfer-encoding")[..] {
        [] => {}
        // A request that gives both can be read in two ways, so it is not read at all (RFC 9112, 6.3).
        _ if !lengths.is_empty() => return Err(refused(400, "a body has one length, not two")),
        [coding] if coding.eq_ignore_ascii_case("chunked") => return Ok(Framing::Chunked),
        _ => return Err(refused(501, "the only transfer coding known here is chunked")),
    }
    let Some(first) = lengths.first() else { return Ok(Framing::None) };
    if lengths.iter().any(|length| length != first)
        || first.is_empty()
        || !first.bytes().all(|b| b.is_ascii_digit())
    {
        return Err(refused(400, "Content-Length must be one number"));
    }
    // Digits that do not fit are a number all the same, only too large.
    match first.parse::<usize>().ok().filter(|length| *length <= body_bytes) {
        Some(0) => Ok(Framing::None),
        Some(length) => Ok(Framing::Length(length)),
        None => Err(refused(413, "the body is too long")),
    }
}

/// Writes all bytes or fails within the time limit of each write.
pub(crate) fn write(mut stream: &TcpStream, bytes: &[u8], timeout: Duration) -> io::Result<()> {
    // No time at all would be an error of its own.
    stream.set_write_timeout(Some(timeout.max(Duration::from_millis(1))))?;
    stream.write_all(bytes)?;
    stream.flush()
}

/// Closes after an answer that was given before the request was read to its end.
///
/// Closing a socket with unread bytes makes the kernel send a reset, and a reset can overtake the answer.
/// So the rest is read and thrown away, for a short while.
pub(crate) fn close_politely(mut stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let deadline = Instant::now() + Duration::from_millis(500);
    let mut sink = [0; 8192];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match stream.read(&mut sink) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        507 => "Insufficient Storage",
        // A phrase may be empty (RFC 9112, 4).
        _ => "",
    }
}
