//! Published CometD clients, unmodified: the `cometd` library of npm, and one of `PyPI` that shares no code with
//! it. Each shakes hands, subscribes, is told what happens, and goes on after the gateway was restarted.
//!
//! They are installed into the build's folder, in the versions of `tests/clients`. A planted fault that these
//! tests were seen to catch: the advice left out of an unknown client's refusal.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Caller, Program, create, has_tool};

const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

/// A client at work.
struct Client {
    child: Child,
    events: Receiver<Value>,
}

impl Client {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the client starts");
        let stdout = child.stdout.take().expect("a pipe");
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|_| json!({ "event": line }));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Self { child, events }
    }

    /// The next event that is of interest.
    fn wait_for(&self, wanted: impl Fn(&Value) -> bool, what: &str) -> Value {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut seen = Vec::new();
        while let Ok(event) = self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if wanted(&event) {
                return event;
            }
            seen.push(event);
        }
        panic!("{what} did not come; instead: {seen:?}");
    }

    fn wait_for_subscriptions(&self) {
        for topic in ["/v2/me/twitter", "/v2/me/facebook"] {
            let event = self.wait_for(|event| event["topic"] == topic, topic);
            assert_eq!(event["successful"], true, "{event}");
        }
    }

    /// The notes of an agent's draft, from its creation on: nothing is missing, nothing comes twice.
    fn follow_a_draft(&self, program: &Program) {
        let a1 = program.log_in("a1");
        let created = program.post(&a1, "/api/v2/me/tweets", &create()).json();
        let reference_id = created["referenceId"].as_u64().expect("a reference");
        let is_note = |event: &Value| event["event"] == "message";
        let note = self.wait_for(is_note, "the note of a draft")["message"].clone();
        assert_eq!(note["channel"], "/v2/me/twitter");
        assert_eq!(note["data"]["referenceId"], reference_id, "{note}");
        assert_eq!(note["data"]["messageType"], "TwitterStateChangeMessage");
        assert_eq!(note["data"]["twitter"]["state"], "Composing");
        let id = note["data"]["twitter"]["id"].as_str().expect("an id").to_owned();
        let message = format!("Hello, it is {:?}", Instant::now());
        let send = json!({ "operationName": "Send", "queuePath": "/queues/q1",
                           "twitter": { "from": "vitaliy_onv", "message": message } });
        let sent = program.post(&a1, &format!("/api/v2/me/tweets/{id}"), &send);
        assert_eq!(sent.code(), 0, "{}", sent.text);
        let mut sequence = note["ext"]["sequence"].as_u64().expect("a sequence");
        for state in ["Sent", "Completed"] {
            let note = self.wait_for(is_note, state)["message"].clone();
            assert_eq!(note["data"]["twitter"]["state"], state, "{note}");
            assert_eq!(note["data"]["referenceId"], reference_id + 1);
            sequence += 1;
            assert_eq!(note["ext"]["sequence"], sequence);
        }
    }

    /// The client says goodbye.
    fn end(mut self) {
        drop(self.child.stdin.take());
        let event = self.wait_for(|event| event["event"] == "disconnected", "the end");
        assert_eq!(event["successful"], true);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Follows a draft, restarts the gateway, and follows another. With `store`, sequences go on where they were.
fn tell_and_tell_again(store: &[&str], start: impl Fn(&Program) -> Client) {
    let program = Program::demo_with(store);
    let address = program.address().to_owned();
    let client = start(&program);
    client.wait_for(|event| event["event"] == "handshake" && event["successful"] == true, "a handshake");
    client.wait_for_subscriptions();
    client.follow_a_draft(&program);

    drop(program);
    std::thread::sleep(Duration::from_millis(500));
    let program = Program::demo_with(&[&["--listen", &address], store].concat());
    client.wait_for_subscriptions_again(&program);
    client.follow_a_draft(&program);
    client.end();
}

impl Client {
    /// Waits until the gateway has a session with a subscription again. What the client prints differs: one
    /// library leaves it to its user to subscribe again, the other does it by itself.
    fn wait_for_subscriptions_again(&self, program: &Program) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if self.events.try_iter().any(|event| event["topic"] == "/v2/me/facebook") {
                return;
            }
            let figures = program.get(&Caller::nobody(), "/metrics").text;
            if figures.lines().any(|line| line == "strowger_gateway_cometd_subscriptions 2") {
                return;
            }
            assert!(Instant::now() < deadline, "the client did not come back:\n{figures}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// A folder with the libraries of npm and the programs that use them.
pub(crate) fn node() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tools().join("node");
        std::fs::create_dir_all(&folder).expect("a folder");
        for name in [
            "package.json",
            "package-lock.json",
            "cometd.mjs",
            "desk.mjs",
            "inbound.mjs",
            "looks.mjs",
            "page.mjs",
        ] {
            std::fs::copy(Path::new(CLIENTS).join(name), folder.join(name)).expect("copied");
        }
        let installed = run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder));
        installed.then_some(folder)
    });
    has_tool("what npm installs", folder.is_some()).then_some(folder.as_deref())?
}

fn python() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let folder = tools().join("python");
        let program = folder.join("bin/python");
        let requirements = Path::new(CLIENTS).join("requirements.txt");
        let installed = run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            && run(Command::new(&program).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements));
        installed.then_some(program)
    });
    has_tool("the CometD client of PyPI", program.is_some()).then_some(program.as_deref())?
}

fn tools() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients")
}

fn run(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn with_npm(transport: &str, acknowledges: &str) {
    let Some(folder) = node() else { return };
    tell_and_tell_again(&[], |program| {
        let url = format!("http://a1:a1@{}/api/v2/notifications", program.address());
        let mut command = Command::new("node");
        Client::start(command.arg(folder.join("cometd.mjs")).args([&url, transport, acknowledges]))
    });
}

fn with_pypi(transport: &str) {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("demo.db");
    tell_and_tell_again(&["--store", store.to_str().expect("text")], |program| {
        let url = format!("{}/api/v2/notifications", program.url);
        let mut command = Command::new(python);
        Client::start(command.arg(Path::new(CLIENTS).join("cometd.py")).args([&url, transport, "a1", "a1"]))
    });
}

#[test]
fn cometd_of_npm_over_long_polling() {
    with_npm("long-polling", "plain");
}

#[test]
fn cometd_of_npm_over_long_polling_with_acknowledgements() {
    with_npm("long-polling", "ack");
}

#[test]
fn cometd_of_npm_over_web_socket() {
    with_npm("websocket", "plain");
}

#[test]
fn cometd_of_npm_over_web_socket_with_acknowledgements() {
    with_npm("websocket", "ack");
}

#[test]
fn the_client_of_pypi_over_long_polling() {
    with_pypi("long-polling");
}

#[test]
fn the_client_of_pypi_over_web_socket() {
    with_pypi("websocket");
}
