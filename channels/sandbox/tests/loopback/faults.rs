//! Every fault: what the client sees, and what really happened.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use strowger_sandbox::{Answer, Effect, Fault, Options, Sandbox, endpoints, fault_names};

use crate::client::{Client, OAUTH, graph, request, try_x, tweet};
use crate::start;

fn with(effect: Effect) -> Sandbox {
    let sandbox = start(Options::default());
    sandbox.inject(Fault::new(effect).method("POST").path("/2/tweets")).expect("a good fault");
    sandbox
}

fn post(addr: SocketAddr) -> io::Result<crate::client::Answer> {
    try_x(addr, "POST", "/2/tweets", r#"{"text":"Hello"}"#)
}

/// What every fault has in common: it is over after its one request.
fn is_over(sandbox: &Sandbox) {
    assert_eq!(tweet(sandbox.addr(), "Afterwards").status, 201);
}

#[test]
fn close_before_and_after() {
    let sandbox = with(Effect::CloseBefore);
    assert_eq!(post(sandbox.addr()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert!(sandbox.posts().is_empty());
    assert_eq!(sandbox.requests().len(), 1, "it was read all the same");
    is_over(&sandbox);

    let sandbox = with(Effect::CloseAfter);
    assert_eq!(post(sandbox.addr()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(sandbox.posts().len(), 1);
    is_over(&sandbox);
}

#[test]
fn reset_before_and_after() {
    for (effect, published) in [(Effect::ResetBefore, 0), (Effect::ResetAfter, 1)] {
        let sandbox = with(effect);
        assert_eq!(post(sandbox.addr()).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(sandbox.posts().len(), published);
        is_over(&sandbox);
    }
}

#[test]
fn refuse_closes_before_anything_is_read() {
    let sandbox = start(Options::default());
    let mut kept = Client::connect(sandbox.addr());
    // An answer proves that this connection was accepted before the fault was armed.
    kept.send(request("GET", "/_sandbox", &[], ""));
    kept.answer().unwrap();
    sandbox.inject(Fault::new(Effect::Refuse).times(2)).unwrap();
    for _ in 0..2 {
        let mut refused = Client::connect(sandbox.addr());
        assert_eq!(refused.rest().unwrap(), b"");
    }
    assert!(sandbox.requests().is_empty());
    kept.send(request("GET", "/_sandbox/posts", &[], ""));
    assert_eq!(kept.answer().unwrap().status, 200, "an open connection is left alone");
    is_over(&sandbox);
}

#[test]
fn slow_publishes_at_once_and_answers_later() {
    let sandbox = with(Effect::Slow(Duration::from_millis(600)));
    let started = Instant::now();
    let mut client = Client::connect(sandbox.addr());
    let headers = [("authorization", OAUTH), ("content-type", "application/json")];
    client.send(request("POST", "/2/tweets", &headers, r#"{"text":"Hello"}"#));
    client.stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(client.answer().is_err(), "a client with less patience gives up");
    assert_eq!(sandbox.posts().len(), 1, "and it was published");
    client.stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(client.answer().unwrap().status, 201);
    assert!(started.elapsed() >= Duration::from_millis(600));
    is_over(&sandbox);
}

#[test]
fn late_publishes_after_the_client_has_gone() {
    let sandbox = with(Effect::Late(Duration::from_millis(400)));
    let mut client = Client::connect(sandbox.addr());
    let headers = [("authorization", OAUTH), ("content-type", "application/json")];
    client.send(request("POST", "/2/tweets", &headers, r#"{"text":"Hello"}"#));
    let deadline = Instant::now() + Duration::from_secs(10);
    while sandbox.requests().is_empty() {
        assert!(Instant::now() < deadline, "the request arrives");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(sandbox.posts().is_empty(), "not yet");
    drop(client);
    while sandbox.posts().is_empty() {
        assert!(Instant::now() < deadline, "it is published in the end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn drip_sends_byte_by_byte() {
    let sandbox = with(Effect::Drip(Duration::from_millis(1)));
    let started = Instant::now();
    let answer = post(sandbox.addr()).unwrap();
    assert_eq!(answer.status, 201);
    assert!(started.elapsed() >= Duration::from_millis(200), "some hundred bytes, a millisecond each");
    assert_eq!(sandbox.posts().len(), 1);
    is_over(&sandbox);
}

#[test]
fn status_before_and_after_speak_as_the_platform() {
    let sandbox = with(Effect::StatusBefore(Answer::status(429)));
    let answer = post(sandbox.addr()).unwrap();
    assert_eq!((answer.status, answer.header("x-rate-limit-remaining")), (429, "0"));
    assert_eq!(answer.json()["type"], "about:blank");
    assert!(sandbox.posts().is_empty());
    is_over(&sandbox);

    let sandbox = with(Effect::StatusAfter(Answer::status(503)));
    assert_eq!(post(sandbox.addr()).unwrap().json()["status"], 503);
    assert_eq!(sandbox.posts().len(), 1);
    is_over(&sandbox);

    let sandbox = start(Options::default());
    for (status, code) in [(401, 190), (403, 200), (429, 4), (500, 2), (400, 100)] {
        let effect = Effect::StatusBefore(Answer::status(status));
        sandbox.inject(Fault::new(effect).path("/v*/feed")).unwrap();
        let answer = graph(sandbox.addr(), "POST", "/v26.0/1/feed", r#"{"message":"m"}"#);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &json!(code)));
    }
    assert!(sandbox.posts().is_empty());
}

#[test]
fn status_takes_a_body_and_headers_of_ones_own() {
    let body = json!({"error": {"message": "m", "code": 80001}});
    let headers = vec![("X-Rate-Limit-Reset".to_owned(), "7".to_owned())];
    let sandbox =
        with(Effect::StatusBefore(Answer { body: Some(body.clone()), headers, ..Answer::status(400) }));
    let answer = post(sandbox.addr()).unwrap();
    assert_eq!((answer.status, answer.json()), (400, body));
    let resets: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "x-rate-limit-reset").collect();
    assert_eq!(resets.len(), 1, "in place of the platform's");
    assert_eq!(resets[0].1, "7");
    let plain = Answer { body: Some(json!("plain words")), ..Answer::status(502) };
    sandbox.inject(Fault::new(Effect::StatusAfter(plain))).unwrap();
    assert_eq!(post(sandbox.addr()).unwrap().text(), "plain words");
    assert_eq!(sandbox.posts().len(), 1);
}

#[test]
fn malformed_and_truncated_bodies() {
    for perform in [true, false] {
        let sandbox = with(Effect::Malformed { perform });
        let answer = post(sandbox.addr()).unwrap();
        assert_eq!(answer.status, if perform { 201 } else { 200 });
        assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err());
        assert_eq!(sandbox.posts().len(), usize::from(perform));
        is_over(&sandbox);

        let sandbox = with(Effect::Truncated { perform });
        assert_eq!(post(sandbox.addr()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(sandbox.posts().len(), usize::from(perform));
        is_over(&sandbox);
    }
    // What was on the wire: a whole head that promises more than came.
    let sandbox = with(Effect::Truncated { perform: true });
    let mut client = Client::connect(sandbox.addr());
    let headers = [("authorization", OAUTH), ("content-type", "application/json")];
    client.send(request("POST", "/2/tweets", &headers, r#"{"text":"Hello"}"#));
    let wire = String::from_utf8(client.rest().unwrap()).unwrap();
    let (head, body) = wire.split_once("\r\n\r\n").unwrap();
    let promised: usize =
        head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    assert!(!body.is_empty() && body.len() < promised, "{wire}");
}

#[test]
fn html_wrong_type_and_redirect() {
    for (status, perform) in [(502, false), (200, false), (502, true)] {
        let sandbox = with(Effect::Html { status, perform });
        let answer = post(sandbox.addr()).unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (status, "text/html; charset=utf-8"));
        assert!(answer.text().contains("<html>"));
        assert_eq!(sandbox.posts().len(), usize::from(perform));
        is_over(&sandbox);
    }
    let sandbox = with(Effect::WrongContentType { content_type: "text/plain".into(), perform: true });
    let answer = post(sandbox.addr()).unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (201, "text/plain"));
    assert!(answer.json()["data"]["id"].is_string());
    assert_eq!(sandbox.posts().len(), 1);

    let sandbox = with(Effect::Redirect { status: 307, location: None, perform: false });
    let answer = post(sandbox.addr()).unwrap();
    assert_eq!((answer.status, answer.header("location")), (307, "/2/tweets"));
    assert!(sandbox.posts().is_empty());
    let location = Some("https://elsewhere.example/".to_owned());
    sandbox.inject(Fault::new(Effect::Redirect { status: 302, location, perform: true })).unwrap();
    assert_eq!(post(sandbox.addr()).unwrap().header("location"), "https://elsewhere.example/");
    assert_eq!(sandbox.posts().len(), 1);
}

#[test]
fn a_fault_hits_its_path_and_method_so_many_times_after_so_many() {
    let sandbox = start(Options::default());
    let effect = Effect::StatusBefore(Answer::status(500));
    sandbox.inject(Fault::new(effect).method("POST").path("/2/tweets").skip(1).times(2)).unwrap();
    assert_eq!(try_x(sandbox.addr(), "GET", "/2/users/me", "").unwrap().status, 200);
    assert_eq!(crate::client::control(sandbox.addr(), "GET", "/_sandbox", "").status, 200);
    let statuses: Vec<u16> = (0..4).map(|n| tweet(sandbox.addr(), &format!("{n}")).status).collect();
    assert_eq!(statuses, [201, 500, 500, 201]);
}

/// None is left out: a fault that an endpoint does not play, or an endpoint that no fault reaches, fails here.
#[test]
fn every_fault_hits_every_endpoint_and_speaks_as_its_platform() {
    let sandbox = start(Options::default());
    let basic = "Basic cHVibGljOnByaXZhdGU=";
    for endpoint in endpoints() {
        let filled: String = endpoint
            .path
            .split('/')
            .skip(1)
            .map(|part| if part.starts_with('{') { "/123".to_owned() } else { format!("/{part}") })
            .collect();
        let authorization = match endpoint.platform {
            "OneAll" => basic,
            "X API v2" => OAUTH,
            _ => "Bearer token",
        };
        // `refuse` comes before there is a path.
        for name in fault_names().filter(|name| *name != "refuse") {
            let case = format!("{name} at {} {}", endpoint.method, endpoint.path);
            let mut document = json!({ "fault": name, "path": filled, "method": endpoint.method });
            if ["slow", "late", "drip"].contains(&name) {
                document["ms"] = json!(0);
            }
            sandbox.inject(Fault::from_json(&document).expect("a fault")).expect("a fault");
            let mut client = Client::connect(sandbox.addr());
            let headers = [("authorization", authorization), ("content-type", "application/json")];
            client.send(request(endpoint.method, &filled, &headers, "{}"));
            let answer = client.answer();
            let recorded = sandbox.requests().pop().expect("it arrived");
            assert_eq!(recorded.fault.as_deref(), Some(name), "{case}");
            if name.starts_with("close") || name.starts_with("reset") {
                assert!(answer.is_err(), "{case}");
            }
            if name.starts_with("status") {
                let answer = answer.expect(&case);
                let said = match endpoint.platform {
                    "X API v2" => answer.json()["status"].clone(),
                    "OneAll" => answer.json()["response"]["request"]["status"]["code"].clone(),
                    // Graph's own code for a failure on its side.
                    _ => json!(if answer.json()["error"]["code"] == 2 { answer.status } else { 0 }),
                };
                assert_eq!(said, json!(answer.status), "{case}");
                assert_eq!(answer.status, if name == "status-before" { 503 } else { 500 }, "{case}");
            }
        }
    }
    assert_eq!(crate::client::control(sandbox.addr(), "GET", "/_sandbox/faults", "").json(), json!([]));
}

#[test]
fn an_answered_fault_leaves_the_connection_open() {
    let sandbox = with(Effect::Html { status: 502, perform: false });
    let mut client = Client::connect(sandbox.addr());
    let headers = [("authorization", OAUTH), ("content-type", "application/json")];
    for expected in [502, 201] {
        client.send(request("POST", "/2/tweets", &headers, r#"{"text":"Hello"}"#));
        assert_eq!(client.answer().unwrap().status, expected);
    }
}
