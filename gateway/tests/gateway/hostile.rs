//! Callers who mean harm: clear refusals, steady memory, and everybody else is served.
//!
//! Planted faults that these tests were seen to catch: no time limit for heads, none for bodies, no bound of
//! sessions, a line that is cut without a word.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Caller, LISTENERS, Program, ask, configuration, create};

const SHORT: &str = "[limits]\nhead_timeout_s = 1\nbody_timeout_s = 1\nconnections = 50\n";

/// Everything that comes until the connection ends.
fn rest(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    let mut bytes = Vec::new();
    // A reset ends a connection as well.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn connect(program: &Program) -> TcpStream {
    TcpStream::connect(program.address()).expect("it listens")
}

fn head(caller: &Caller, path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncookie: {}\r\nx-csrf-token: {}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n",
        caller.cookie.as_deref().expect("a cookie"),
        caller.csrf.as_deref().expect("a token")
    )
}

#[test]
fn slow_and_half_closed_connections_end() {
    let program = Program::serve(configuration(LISTENERS, SHORT));
    let a1 = program.log_in("a1");
    let begun = Instant::now();

    let mut silent = connect(&program);
    let mut slow_head = connect(&program);
    slow_head.write_all(b"GET /health HTTP/1.1\r\nhost:").expect("sent");
    let mut slow_body = connect(&program);
    slow_body.write_all(head(&a1, "/api/v2/me/tweets", 50).as_bytes()).expect("sent");
    slow_body.write_all(b"{").expect("sent");
    let mut half_closed = connect(&program);
    half_closed.write_all(head(&a1, "/api/v2/me/tweets", 50).as_bytes()).expect("sent");
    half_closed.shutdown(Shutdown::Write).expect("closed");

    assert!(!rest(&mut silent).contains("200"));
    assert!(!rest(&mut slow_head).contains("200"));
    let answered = rest(&mut slow_body);
    assert!(answered.starts_with("HTTP/1.1 408 ") && answered.contains("\"statusCode\":2"), "{answered}");
    let answered = rest(&mut half_closed);
    assert!(!answered.contains(" 200 "), "{answered}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(program.get(&a1, "/api/v2/me/tweets").json()["uris"], json!([]), "nothing came of it");
}

#[test]
fn a_request_names_one_host() {
    let program = Program::serve(configuration(LISTENERS, ""));
    for (head, status) in [
        ("HTTP/1.1\r\nhost: desk", "200"),
        ("HTTP/1.1", "400"),
        ("HTTP/1.1\r\nhost: desk\r\nhost: other", "400"),
        ("HTTP/1.0", "200"),
        ("HTTP/1.0\r\nhost: desk\r\nhost: other", "400"),
    ] {
        let mut stream = connect(&program);
        write!(stream, "GET /health {head}\r\nconnection: close\r\n\r\n").expect("sent");
        let answered = rest(&mut stream);
        let line = answered.lines().next().unwrap_or_default();
        assert_eq!(line.split(' ').nth(1), Some(status), "{head}: {answered}");
        assert!(status == "200" || answered.contains("one header Host"), "{answered}");
    }
}

#[test]
fn too_many_connections_are_turned_away_until_there_is_room() {
    let limits = "[limits]\nhead_timeout_s = 2\nconnections = 20\n";
    let program = Program::serve(configuration(LISTENERS, limits));
    let crowd: Vec<_> = (0..60).map(|_| connect(&program)).collect();
    std::thread::sleep(Duration::from_millis(300));
    let mut late = connect(&program);
    let _ = late.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(rest(&mut late), "", "closed at once");
    let metrics = ask(&format!("{}/metrics", program.operator_url()), &Caller::nobody(), "GET", None);
    let refused = metrics
        .text
        .lines()
        .find_map(|line| line.strip_prefix("strowger_gateway_refused_connections_total "));
    let refused: u64 = refused.and_then(|count| count.parse().ok()).expect("a count");
    assert!(refused >= 41, "the operator has room of its own, and sees it: {refused}");
    drop(crowd);
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let mut stream = connect(&program);
        let _ = stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        if rest(&mut stream).starts_with("HTTP/1.1 200") {
            return;
        }
        assert!(Instant::now() < deadline, "there is room again");
    }
}

#[test]
fn oversized_and_deeply_nested_requests_are_refused() {
    let program = Program::serve(configuration(LISTENERS, ""));
    let a1 = program.log_in("a1");
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(20_000), close.repeat(20_000));
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(300 << 10));
    for (path, body, status) in [
        ("/api/v2/me/tweets", deep("[", "]"), 400),
        ("/api/v2/me/tweets", deep("{\"a\":", "}"), 400),
        ("/api/v2/me", deep("[", "]"), 400),
        ("/api/v2/notifications", deep("[", "]"), 400),
        ("/api/v2/notifications", deep("{\"channel\":", "}"), 400),
        ("/api/v2/notifications", format!("[{}1]", "{},".repeat(10_000)), 400),
        ("/api/v2/notifications", "[]".to_owned(), 400),
        ("/api/v2/me/tweets", large.clone(), 413),
        ("/api/v2/me", large.clone(), 413),
        ("/api/v2/notifications", large, 413),
    ] {
        let answer = program.ask(&a1, "POST", path, Some(&body));
        assert_eq!(answer.status, status, "{path} {:.40}: {}", body, answer.text);
        assert_eq!(answer.code(), if status == 413 { 10 } else { 2 }, "{}", answer.text);
    }
    // A length that is only claimed is refused before anything is read.
    let mut stream = connect(&program);
    stream.write_all(head(&a1, "/api/v2/me/tweets", 1 << 40).as_bytes()).expect("sent");
    assert!(rest(&mut stream).starts_with("HTTP/1.1 413 "));
    // A head without end.
    let mut stream = connect(&program);
    let _ = stream.write_all(b"GET /health HTTP/1.1\r\n");
    for number in 0..4000 {
        if stream.write_all(format!("x-{number}: {}\r\n", "x".repeat(100)).as_bytes()).is_err() {
            break;
        }
    }
    let answered = rest(&mut stream);
    assert!(answered.is_empty() || answered.starts_with("HTTP/1.1 431 "), "{answered:.100}");
    assert_eq!(program.post(&a1, "/api/v2/me/tweets", &create()).status, 200);
}

#[test]
fn web_sockets_that_say_what_nobody_serves_are_closed_with_a_reason() {
    let program = Program::serve(configuration(LISTENERS, ""));
    let a1 = program.log_in("a1");
    let masked = |first: u8, length: u8, rest: &[u8]| [&[first, 0x80 | length, 0, 0, 0, 0], rest].concat();
    for (what, frame) in [
        ("a binary frame", masked(0x82, 3, b"abc")),
        ("no Bayeux messages", masked(0x81, 2, b"[]")),
        ("no text", masked(0x81, 2, b"\xff\xfe")),
        ("a frame that is not masked", b"\x81\x02[]".to_vec()),
        ("a length of a tebibyte", [&b"\x81\xff\x00\x00\x01\x00\x00\x00\x00\x00"[..], &[0; 4]].concat()),
    ] {
        let mut socket = crate::cometd::open(&program, &a1, None).expect("it is taken up");
        socket.get_mut().write_all(&frame).expect("sent");
        let heard = socket.read();
        let Ok(tungstenite::Message::Close(Some(close))) = heard else { panic!("{what}: {heard:?}") };
        assert!(close.reason.starts_with("expected"), "{what}: {close:?}");
    }
    assert_eq!(program.post(&a1, "/api/v2/me/tweets", &create()).status, 200);
}

#[test]
fn ten_thousand_handshakes_without_a_connect_take_no_more_memory_than_the_bound_allows() {
    let program = Program::serve(configuration(LISTENERS, "[cometd]\nmax_interval_ms = 60000\n"));
    let a1 = program.log_in("a1");
    let body = json!([{ "channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"] }])
        .to_string();
    let request = format!("{}{body}", head(&a1, "/api/v2/notifications", body.len()));
    let mut stream = connect(&program);
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    let shake = |stream: &mut TcpStream| {
        stream.write_all(request.as_bytes()).expect("sent");
        response(stream)
    };
    let mut refused = 0;
    let mut before = 0;
    for number in 0..10_000 {
        refused += usize::from(shake(&mut stream).contains("\"error\":\"429:"));
        if number == 1_000 {
            before = program.resident_bytes();
        }
    }
    let after = program.resident_bytes();
    eprintln!("resident: {before} bytes after 1,000 handshakes, {after} after 10,000");
    assert_eq!(refused, 10_000 - 64, "as many as one agent may have");
    assert!(after < before + (8 << 20), "{before} bytes became {after}");
}

/// One response, of a length that it tells.
fn response(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).expect("an answer");
        assert!(count > 0, "the connection stays open: {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&buffer[..count]);
        let so_far = String::from_utf8_lossy(&text);
        let Some((head, body)) = so_far.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        if body.len() >= length.parse::<usize>().expect("a number") {
            return so_far.into_owned();
        }
    }
}
