//! HTTP itself: framing, bounds, time limits, and the end of it all.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use strowger_sandbox::{Effect, Fault, Limits, Options, Sandbox};

use crate::client::{Client, OAUTH, request, tweet};
use crate::start;

fn limited(limits: Limits) -> Sandbox {
    start(Options { limits, ..Options::default() })
}

/// Sends bytes and expects that status and then a close.
fn refused(sandbox: &Sandbox, bytes: &str, status: u16) {
    let mut client = Client::connect(sandbox.addr());
    client.send(bytes);
    let answer =
        client.answer().unwrap_or_else(|error| panic!("{status} expected, got {error}: {bytes:.200}"));
    assert_eq!(answer.status, status, "{bytes:.200}");
    assert_eq!(answer.header("connection"), "close");
    assert_eq!(client.rest().expect("a close"), b"");
}

#[test]
fn what_is_not_http_is_answered_400() {
    let sandbox = start(Options::default());
    for bytes in [
        "hello\r\n\r\n",
        "GET / HTTP/3.0\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nhost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET example.com HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\nx",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    ] {
        refused(&sandbox, bytes, 400);
    }
    refused(&sandbox, "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n", 501);
    assert!(sandbox.requests().is_empty());
}

#[test]
fn heads_and_bodies_are_bounded() {
    let sandbox = limited(Limits { head_bytes: 1024, body_bytes: 100, ..Limits::default() });
    let long = "x".repeat(2000);
    refused(&sandbox, &request("GET", &format!("/{long}"), &[], ""), 431);
    refused(&sandbox, &request("GET", "/", &[("x", &long)], ""), 431);
    refused(&sandbox, &format!("GET /{long}"), 431);
    let many: Vec<(&str, &str)> = (0..101).map(|_| ("a", "b")).collect();
    refused(&sandbox, &request("GET", "/", &many, ""), 431);
    refused(&sandbox, &request("POST", "/2/tweets", &[], &long), 413);
    refused(&sandbox, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999999\r\n\r\n", 413);
    let chunked = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    refused(&sandbox, &format!("{chunked}3c\r\n{}\r\n3c\r\n", "x".repeat(60)), 413);
    refused(&sandbox, &format!("{chunked}ffffffffffffffff\r\n"), 413);
    refused(&sandbox, &format!("{chunked}1;{long}"), 400);
    refused(&sandbox, &format!("{chunked}0\r\n{}", "a: b\r\n".repeat(300)), 431);
    assert!(sandbox.requests().is_empty());
    assert_eq!(tweet(sandbox.addr(), "Still here").status, 201);
}

#[test]
fn a_connection_serves_many_requests_however_they_are_cut() {
    let sandbox = start(Options::default());
    let mut client = Client::connect(sandbox.addr());
    let headers = [("authorization", OAUTH), ("content-type", "application/json")];
    let one = request("POST", "/2/tweets", &headers, r#"{"text":"One"}"#);
    let two = request("POST", "/2/tweets", &headers, r#"{"text":"Two"}"#);
    client.send(one + &two);
    assert_eq!([client.answer().unwrap().status, client.answer().unwrap().status], [201, 201]);
    for byte in request("POST", "/2/tweets", &headers, r#"{"text":"Three"}"#).bytes() {
        client.send([byte]);
    }
    assert_eq!(client.answer().unwrap().status, 201);
    let chunked = [headers[0], headers[1], ("transfer-encoding", "chunked")];
    client.send(request("POST", "/2/tweets", &chunked, ""));
    client.send("8;ext=1\r\n{\"text\":\r\n7\r\n\"Four\"}\r\n0\r\ntrailer: t\r\n\r\n");
    assert_eq!(client.answer().unwrap().status, 201);
    client.send(request("GET", "http://sandbox.test/_sandbox/posts?x#y", &[("connection", "close")], ""));
    assert_eq!(client.answer().unwrap().json().as_array().unwrap().len(), 4);
    assert_eq!(client.rest().unwrap(), b"", "close means close");
    let texts: Vec<String> = sandbox.posts().into_iter().map(|post| post.text).collect();
    assert_eq!(texts, ["One", "Two", "Three", "Four"]);
}

#[test]
fn older_clients_expectations_and_heads() {
    let sandbox = start(Options::default());
    let mut client = Client::connect(sandbox.addr());
    client.send("GET /_sandbox/posts HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().unwrap().header("connection"), "close");
    assert_eq!(client.rest().unwrap(), b"");

    let mut client = Client::connect(sandbox.addr());
    client.send(
        "POST /_sandbox/faults HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n",
    );
    assert_eq!(client.answer().unwrap().status, 100);
    client.send("{}");
    assert_eq!(client.answer().unwrap().status, 400);

    let mut client = Client::connect(sandbox.addr());
    client.send(request("HEAD", "/_sandbox", &[("connection", "close")], ""));
    let wire = client.rest().unwrap();
    assert!(wire.starts_with(b"HTTP/1.1 405") && wire.ends_with(b"\r\n\r\n"), "no body");
}

#[test]
fn slow_requests_end_in_408_and_idle_connections_close() {
    let short = Duration::from_millis(200);
    let limits =
        Limits { head_timeout: short, body_timeout: short, idle_timeout: short, ..Limits::default() };
    let sandbox = limited(limits);
    let mut idle = Client::connect(sandbox.addr());
    assert_eq!(idle.rest().unwrap(), b"", "no request, no answer");

    // One byte after the other, each in time, the whole not.
    let mut trickle = TcpStream::connect(sandbox.addr()).unwrap();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(5) && trickle.write_all(b"G").is_ok() {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(started.elapsed() < Duration::from_secs(5), "a trickle does not hold the connection");

    refused(&sandbox, "GET / HTTP/1.1\r\nhost: a\r\n", 408);
    refused(&sandbox, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nabc", 408);
    refused(&sandbox, "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", 408);
    assert!(sandbox.requests().is_empty());
}

#[test]
fn connections_are_bounded_and_given_back() {
    let sandbox = limited(Limits { connections: 2, ..Limits::default() });
    let ask = |client: &mut Client| {
        client.send(request("GET", "/_sandbox/posts", &[], ""));
        client.answer().map(|answer| answer.status)
    };
    let (mut one, mut two) = (Client::connect(sandbox.addr()), Client::connect(sandbox.addr()));
    assert_eq!((ask(&mut one).unwrap(), ask(&mut two).unwrap()), (200, 200));
    let mut three = Client::connect(sandbox.addr());
    assert_eq!(three.answer().unwrap().status, 503);
    drop(one);
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let mut again = Client::connect(sandbox.addr());
        // A connection that is turned away may be closed before it has sent its request.
        let _ = again.stream.write_all(request("GET", "/_sandbox/posts", &[], "").as_bytes());
        if again.answer().is_ok_and(|answer| answer.status == 200) {
            break;
        }
        assert!(Instant::now() < deadline, "the place is free again");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(ask(&mut two).unwrap(), 200);
}

#[test]
fn only_loopback_is_listened_on_unless_allowed() {
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let error = Sandbox::start(everywhere, Options::default()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    let allowed = Sandbox::start(everywhere, Options { allow_remote: true, ..Options::default() }).unwrap();
    let port = allowed.addr().port();
    assert_eq!(tweet(([127, 0, 0, 1], port).into(), "Hello").status, 201);
    drop(allowed);
    nobody_listens(([127, 0, 0, 9], port).into());
}

/// The sandbox has closed its socket, but a program that another test starts may hold a copy between its
/// fork and its exec; so a moment is granted.
fn nobody_listens(addr: SocketAddr) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(addr).is_ok() {
        assert!(Instant::now() < deadline, "{addr} still listens");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn dropping_closes_every_socket_and_ends_every_thread() {
    // An address that no other test uses: a free port of a shared one could be another's by then.
    let sandbox = Sandbox::start("127.0.0.8:0".parse().unwrap(), Options::default()).unwrap();
    let addr = sandbox.addr();
    let mut idle = Client::connect(addr);
    idle.send(request("GET", "/_sandbox/posts", &[], ""));
    idle.answer().unwrap();
    let mut half = Client::connect(addr);
    half.send("POST /2/tweets HTTP/1.1\r\n");
    // One thread sleeps in a fault for longer than the test may take.
    sandbox.inject(Fault::new(Effect::Slow(Duration::from_secs(600)))).unwrap();
    let mut waiting = Client::connect(addr);
    let headers = [("authorization", OAUTH), ("content-type", "application/json")];
    waiting.send(request("POST", "/2/tweets", &headers, r#"{"text":"Hello"}"#));
    let deadline = Instant::now() + Duration::from_secs(10);
    while sandbox.posts().is_empty() {
        assert!(Instant::now() < deadline, "the request arrives");
        std::thread::sleep(Duration::from_millis(5));
    }

    let started = Instant::now();
    drop(sandbox);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(idle.rest().unwrap(), b"");
    // A reset is an end as well: bytes of the half request may have been unread.
    assert!(half.rest().unwrap_or_default().is_empty());
    assert!(waiting.answer().is_err());
    nobody_listens(addr);
    let again = Sandbox::start(addr, Options::default());
    assert!(again.is_ok(), "the address is free: {again:?}");
}
