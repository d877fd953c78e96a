//! A raw HTTP client: what it sends is what the test wrote, what it gets is what was on the wire.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A user id that the token below names by itself.
pub(crate) const USER: &str = "1258948171";
pub(crate) const PAGE: &str = "449156051903439";

pub(crate) const OAUTH: &str = "OAuth oauth_consumer_key=\"key\", oauth_nonce=\"n\", \
    oauth_signature=\"Ls93hJiZbQ3akF3HF3x1Bz8%2FzU4%3D\", oauth_signature_method=\"HMAC-SHA1\", \
    oauth_timestamp=\"1318622958\", oauth_token=\"1258948171-secret\", oauth_version=\"1.0\"";

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    read_ahead: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("the sandbox listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        Self { stream, read_ahead: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the sandbox reads");
    }

    /// One answer; an error when the connection ends before it does.
    pub(crate) fn answer(&mut self) -> io::Result<Answer> {
        let end = loop {
            if let Some(at) = self.read_ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.fill()?;
        };
        let head = String::from_utf8(self.read_ahead.drain(..end).collect()).expect("an ASCII head");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer { status: status.parse().expect("a number"), headers, body: Vec::new() };
        let length: usize = answer.header("content-length").parse().unwrap_or(0);
        while self.read_ahead.len() < length {
            self.fill()?;
        }
        answer.body = self.read_ahead.drain(..length).collect();
        Ok(answer)
    }

    /// What is left when the other side has closed.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.read_ahead);
        self.stream.read_to_end(&mut rest)?;
        Ok(rest)
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.read_ahead.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }
}

/// The bytes of a request.
pub(crate) fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut out = format!("{method} {target} HTTP/1.1\r\nhost: sandbox.test\r\n");
    for (name, value) in headers {
        write!(out, "{name}: {value}\r\n").expect("memory");
    }
    if !body.is_empty() {
        write!(out, "content-length: {}\r\n", body.len()).expect("memory");
    }
    out + "\r\n" + body
}

/// One request on a connection of its own.
pub(crate) fn ask(
    addr: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Answer> {
    let mut client = Client::connect(addr);
    client.send(request(method, target, headers, body));
    client.answer()
}

/// A JSON request with the OAuth 1.0a header above.
pub(crate) fn x(addr: SocketAddr, method: &str, target: &str, body: &str) -> Answer {
    try_x(addr, method, target, body).expect("an answer")
}

pub(crate) fn try_x(addr: SocketAddr, method: &str, target: &str, body: &str) -> io::Result<Answer> {
    let headers = [("authorization", OAUTH), ("content-type", "application/json")];
    ask(addr, method, target, &headers, body)
}

pub(crate) fn tweet(addr: SocketAddr, text: &str) -> Answer {
    x(addr, "POST", "/2/tweets", &serde_json::json!({ "text": text }).to_string())
}

/// A JSON request with a bearer token.
pub(crate) fn graph(addr: SocketAddr, method: &str, target: &str, body: &str) -> Answer {
    let headers = [("authorization", "Bearer page-token"), ("content-type", "application/json")];
    ask(addr, method, target, &headers, body).expect("an answer")
}

pub(crate) fn control(addr: SocketAddr, method: &str, target: &str, body: &str) -> Answer {
    ask(addr, method, target, &[], body).expect("an answer")
}
