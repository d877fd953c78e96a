//! A channel that posts to a sandbox: what a plugin and its driver do, as short as can be.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use strowger::channel::{
    Channel, CheckError, Job, JobKind, Manifest, Outcome, Outgoing, PointOfNoReturn, Report,
};
use strowger::{Clock, SystemClock};

use crate::Chance;

/// How long a request may still be at work after the process that made it has gone.
const SETTLE_MS: i64 = 700;

/// Posts to a sandbox as accounts of X.
pub struct Platform {
    sandbox: SocketAddr,
    manifest: Manifest,
    reach: fn(&'static str),
    started_ms: i64,
    chance: Mutex<Chance>,
    unreadable_percent: u64,
}

impl Platform {
    /// The channel's name.
    pub const CHANNEL: &'static str = "x";

    /// Posts to this sandbox. `reach` is called at `mid-request` and `after-answer`. So many times in a
    /// hundred, a look back can't tell.
    pub fn new(sandbox: SocketAddr, reach: fn(&'static str), seed: u64, unreadable_percent: u64) -> Self {
        Self {
            sandbox,
            manifest: manifest(),
            reach,
            started_ms: SystemClock.now_ms(),
            chance: Mutex::new(Chance::new(seed)),
            unreadable_percent,
        }
    }

    /// The accounts' names.
    pub fn accounts() -> impl Iterator<Item = String> {
        (0..24).map(|number| format!("desk{number}"))
    }

    fn publish(&self, job: &Job<'_>, point: &mut dyn PointOfNoReturn) -> Outcome {
        let not_sent = |error: &dyn std::fmt::Display| Outcome::NotSent {
            message: error.to_string(),
            retry_after_ms: Some(10),
        };
        let mut stream = match connect(self.sandbox) {
            Ok(stream) => stream,
            Err(error) => return not_sent(&error),
        };
        if let Err(fault) = point.cross() {
            return not_sent(&fault);
        }
        let body = json!({ "text": job.message }).to_string();
        let request = request("POST", "/2/tweets", job.account, &body);
        let (first, rest) = request.split_at(request.len() - body.len() / 2);
        let answer = stream.write_all(first.as_bytes()).and_then(|()| {
            (self.reach)("mid-request");
            stream.write_all(rest.as_bytes())?;
            answer(&mut stream)
        });
        (self.reach)("after-answer");
        match answer {
            Ok((201, body)) => match body["data"]["id"].as_str() {
                Some(id) => Outcome::Published { id: Some(id.to_owned()), location: None },
                None => Outcome::Unknown { message: "no id".into() },
            },
            Ok((status @ 400..500, _)) => {
                Outcome::Rejected { code: status.to_string(), message: String::new() }
            }
            Ok((status, _)) => Outcome::Unknown { message: status.to_string() },
            Err(error) => Outcome::Unknown { message: error.to_string() },
        }
    }

    fn look_back(&self, job: &Job<'_>) -> Outcome {
        if self.chance.lock().percent(self.unreadable_percent) {
            return Outcome::CannotTell { message: "unreadable".into() };
        }
        let ended_ms = job.attempt.ended_ms.unwrap_or(self.started_ms).max(job.attempt.started_ms);
        let wait_ms = ended_ms + SETTLE_MS - SystemClock.now_ms();
        if wait_ms > 0 {
            return Outcome::NotSent {
                message: "too early".into(),
                retry_after_ms: Some(wait_ms.unsigned_abs()),
            };
        }
        for _ in 0..2 {
            match self.find(job.account, job.message) {
                Ok(Some(id)) => return Outcome::Published { id: Some(id), location: None },
                Ok(None) => {}
                Err(error) => {
                    return Outcome::NotSent { message: error.to_string(), retry_after_ms: Some(50) };
                }
            }
        }
        Outcome::Absent
    }

    /// The id of the account's post with this text, after reading all of them.
    fn find(&self, account: &str, text: &str) -> io::Result<Option<String>> {
        let mut page = String::new();
        loop {
            let target = format!("/2/users/1/tweets?max_results=100{page}");
            let mut stream = connect(self.sandbox)?;
            stream.write_all(request("GET", &target, account, "").as_bytes())?;
            let (status, body) = answer(&mut stream)?;
            if status != 200 {
                return Err(io::Error::other(status.to_string()));
            }
            let posts = body["data"].as_array().cloned().unwrap_or_default();
            if let Some(post) = posts.iter().find(|post| post["text"] == text) {
                return Ok(post["id"].as_str().map(str::to_owned));
            }
            match body["meta"]["next_token"].as_str() {
                Some(token) => page = format!("&pagination_token={token}"),
                None => return Ok(None),
            }
        }
    }
}

impl Channel for Platform {
    fn manifests(&self) -> Vec<Manifest> {
        vec![self.manifest.clone()]
    }

    fn check(&self, _: &Outgoing<'_>) -> Result<(), CheckError> {
        Ok(())
    }

    fn converse(&self, job: &Job<'_>, point: &mut dyn PointOfNoReturn) -> Report {
        match job.kind {
            JobKind::Publish => self.publish(job, point),
            JobKind::Reconcile => self.look_back(job),
            JobKind::Operation | JobKind::Poll => {
                Outcome::Rejected { code: "none".into(), message: "there is no such thing here".into() }
            }
        }
        .into()
    }
}

/// A channel's manifest with [`Platform::accounts`].
///
/// # Panics
///
/// If what stands here is no manifest.
pub fn manifest() -> Manifest {
    let accounts: Vec<_> = Platform::accounts().map(|name| json!({ "name": name })).collect();
    let manifest = json!({
        "channel": Platform::CHANNEL, "collections": ["posts"], "listMember": "posts", "resource": "post",
        "uriPath": "post", "topic": "/v2/me/x", "messageType": "PostStateChangeMessage",
        "savedType": "PostSaved", "directionMember": "postType", "accounts": accounts,
    });
    serde_json::from_value(manifest).expect("a manifest")
}

fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn request(method: &str, target: &str, account: &str, body: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nhost: sandbox\r\nauthorization: Bearer token-{account}\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn answer(stream: &mut TcpStream) -> io::Result<(u16, Value)> {
    let cut_off = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(cut_off)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut_off)?;
    let body =
        if body.is_empty() { Value::Null } else { serde_json::from_str(body).map_err(io::Error::other)? };
    Ok((status, body))
}
