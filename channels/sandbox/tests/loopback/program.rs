//! The binary: its one line, its flags, its complaints.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Output, Stdio};

use crate::client::{Client, control, request, tweet};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_strowger-sandbox"))
}

fn run(arguments: &[&str]) -> (Running, SocketAddr) {
    let mut child = command().args(arguments).stdout(Stdio::piped()).spawn().expect("the binary runs");
    let out = child.stdout.take().expect("a pipe");
    let running = Running(child);
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line).expect("a line");
    let addr = line.trim_end().strip_prefix("strowger-sandbox listening on http://");
    let addr = addr.unwrap_or_else(|| panic!("unexpected line {line:?}")).parse().expect("an address");
    (running, addr)
}

fn output(arguments: &[&str]) -> Output {
    command().args(arguments).output().expect("the binary runs")
}

#[test]
fn it_says_where_it_listens_and_serves() {
    let (_running, addr) = run(&["--listen", "127.0.0.1:0"]);
    assert_ne!(addr.port(), 0);
    assert_eq!(tweet(addr, "Hello").status, 201);
    assert_eq!(control(addr, "GET", "/_sandbox/posts", "").json()[0]["text"], "Hello");
}

#[test]
fn flags_reach_the_sandbox() {
    let (_running, addr) = run(&[
        "--x-account",
        "to=ken=77",
        "--x-rate-limit",
        "1",
        "--duplicate-window-s",
        "0",
        "--max-body-bytes",
        "50",
        "--fault",
        r#"{"fault":"status-before","path":"/2/tweets","status":418}"#,
    ]);
    let mut client = Client::connect(addr);
    client.send(request("GET", "/2/users/me", &[("authorization", "Bearer to=ken")], ""));
    let answer = client.answer().unwrap();
    assert_eq!(answer.json()["data"]["id"], "77");
    assert_eq!(answer.header("x-rate-limit-limit"), "1");
    assert_eq!(tweet(addr, "Hello").status, 418);
    assert_eq!(tweet(addr, &"x".repeat(50)).status, 413);
}

#[test]
fn help_describes_every_flag_endpoint_and_fault() {
    let output = output(&["--help"]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for word in
        ["--listen", "--x-oauth1", "Exit codes", "base_url", "/_sandbox/faults", "never makes a second"]
    {
        assert!(help.contains(word), "{word} is missing in\n{help}");
    }
    // Planted: a row of either table that help leaves out.
    let lines: Vec<Vec<&str>> = help.lines().map(|line| line.split_whitespace().collect()).collect();
    for endpoint in strowger_sandbox::endpoints() {
        let shown = lines.iter().any(|words| words.starts_with(&[endpoint.method, &endpoint.path]));
        assert!(shown, "{endpoint:?} is missing in\n{help}");
    }
    for name in strowger_sandbox::fault_names() {
        assert!(lines.iter().any(|words| words.first() == Some(&name)), "{name} is missing in\n{help}");
    }
}

#[test]
fn wrong_arguments_are_told_and_end_in_2_without_showing_credentials() {
    for (arguments, word) in [
        (&["--listen", "nowhere"][..], "--listen"),
        (&["--colour"][..], "--colour"),
        (&["--x-account", "hush=abc"][..], "1 to 19 digits"),
        (&["--x-oauth1", "hush:hush"][..], "four values"),
        (&["--fault", "{}"][..], "`fault`"),
        (&["--fault", "{"][..], "no JSON"),
    ] {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(word), "{arguments:?} gave {error}");
        assert!(!error.contains("hush"), "{arguments:?} gave {error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn an_address_that_can_not_be_had_ends_in_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for listen in [addr.as_str(), "0.0.0.0:0"] {
        let output = output(&["--listen", listen]);
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(listen), "{error}");
        assert!(output.stdout.is_empty());
    }
}
