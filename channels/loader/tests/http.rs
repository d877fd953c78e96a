//! The built-in client against raw sockets: when may it say that nothing was sent?

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use strowger_loader::{ConnectionLimits, Http, HttpClient, HttpClientError, HttpRequest, HttpResult};

/// Serves every connection with `serve` and tells when one came. Ends with the test's process.
fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> (u16, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (came, connections) = mpsc::channel();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _ = came.send(());
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    (port, connections)
}

/// Reads one request, head and body, and returns it.
fn read_request(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.trim().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    bytes.extend(body);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn request(url: String) -> HttpRequest {
    HttpRequest {
        method: "POST".into(),
        url,
        headers: vec![("x-test".into(), "1".into())],
        body: Some(b"hello".to_vec()),
        timeout: Duration::from_secs(5),
        marked: true,
    }
}

fn client() -> HttpClient {
    HttpClient::new(&ConnectionLimits::default()).unwrap()
}

fn exchange(url: String) -> HttpResult {
    client().exchange(&request(url))
}

fn not_sent(result: HttpResult) -> String {
    let HttpResult::NotSent { message } = result else { panic!("{result:?}") };
    message
}

fn broken(result: HttpResult) -> String {
    let HttpResult::Broken { message } = result else { panic!("{result:?}") };
    message
}

fn answer(stream: &mut impl Write, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_response_arrives_whole() {
    let (port, _) = server(|mut stream| {
        let request = read_request(&mut stream);
        let head = request.to_lowercase();
        assert!(head.starts_with("post /p?q=1 http/1.1\r\n"), "{head}");
        assert!(head.contains("x-test: 1\r\n") && head.contains("content-length: 5\r\n"), "{head}");
        assert!(request.ends_with("hello"));
        answer(&mut stream, "HTTP/1.1 403 No\r\nContent-Length: 4\r\nX-A: b\r\nX-A: c\r\n\r\nbody");
    });
    let HttpResult::Response(response) = exchange(format!("http://127.0.0.1:{port}/p?q=1")) else { panic!() };
    assert_eq!((response.status, response.body.as_slice()), (403, &b"body"[..]));
    let named = |name: &str| response.headers.iter().filter(|(n, _)| n == name).count();
    assert_eq!(named("x-a"), 2);
}

#[test]
fn every_method_goes_out_as_it_is() {
    let (port, _) = server(|mut stream| {
        let request = read_request(&mut stream);
        let line = request.lines().next().unwrap().to_owned();
        let body = request.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned();
        let text = if line.starts_with("HEAD") { String::new() } else { format!("{line}|{body}") };
        answer(&mut stream, &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()));
    });
    for (method, body) in [
        ("GET", None),
        ("HEAD", None),
        ("DELETE", None),
        ("DELETE", Some("x")),
        ("POST", None),
        ("POST", Some("x")),
        ("PUT", Some("x")),
        ("PATCH", Some("x")),
    ] {
        let result = client().exchange(&HttpRequest {
            method: method.into(),
            body: body.map(|body| body.as_bytes().to_vec()),
            ..request(format!("http://127.0.0.1:{port}/"))
        });
        let HttpResult::Response(response) = result else { panic!("{method}: {result:?}") };
        let text = String::from_utf8(response.body).unwrap();
        if method != "HEAD" {
            assert_eq!(text, format!("{method} / HTTP/1.1|{}", body.unwrap_or_default()));
        }
    }
}

#[test]
fn without_a_connection_nothing_is_sent() {
    // A port that was free a moment ago, and that nobody listens on now.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    not_sent(exchange(format!("http://127.0.0.1:{port}/")));
    not_sent(exchange("http://no-such-host.invalid/".into()));
    not_sent(exchange("http://".into()));
}

#[test]
fn a_server_that_closes_before_reading_leaves_doubt() {
    // The connection stood and bytes were written: whether they were read can't be known.
    let (port, _) = server(drop);
    broken(exchange(format!("http://127.0.0.1:{port}/")));
}

#[test]
fn a_server_that_closes_after_reading_leaves_doubt() {
    let (port, connections) = server(|mut stream| {
        read_request(&mut stream);
    });
    broken(exchange(format!("http://127.0.0.1:{port}/")));
    thread::sleep(Duration::from_millis(100));
    assert_eq!(connections.try_iter().count(), 1, "nothing is repeated");
}

#[test]
fn half_an_answer_is_none() {
    for half in [
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        "garbage\r\n\r\n",
    ] {
        let (port, _) = server(move |mut stream| {
            read_request(&mut stream);
            answer(&mut stream, half);
        });
        let message = broken(exchange(format!("http://127.0.0.1:{port}/")));
        assert!(!message.contains("half"), "{message}");
    }
}

#[test]
fn silence_ends_at_the_time_limit() {
    let (port, _) = server(|mut stream| {
        read_request(&mut stream);
        thread::sleep(Duration::from_secs(30));
    });
    let mut slow = request(format!("http://127.0.0.1:{port}/"));
    slow.timeout = Duration::from_millis(300);
    let start = Instant::now();
    let message = broken(client().exchange(&slow));
    assert!(message.contains("time limit"), "{message}");
    assert!(start.elapsed() < Duration::from_secs(5));

    // The client's own limit holds as well.
    let limits = ConnectionLimits { receive: Duration::from_millis(300), ..ConnectionLimits::default() };
    let start = Instant::now();
    broken(HttpClient::new(&limits).unwrap().exchange(&request(format!("http://127.0.0.1:{port}/"))));
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_server_that_does_not_read_ends_at_the_limit_for_sending() {
    let (port, _) = server(|_stream| thread::sleep(Duration::from_secs(30)));
    let limits = ConnectionLimits { send: Duration::from_millis(300), ..ConnectionLimits::default() };
    let mut large = request(format!("http://127.0.0.1:{port}/"));
    // More than the buffers in between take.
    large.body = Some(vec![b'x'; 32 << 20]);
    large.timeout = Duration::from_secs(20);
    let start = Instant::now();
    let message = broken(HttpClient::new(&limits).unwrap().exchange(&large));
    assert!(message.contains("time limit"), "{message}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_body_that_drips_ends_at_the_time_limit() {
    let (port, _) = server(|mut stream| {
        read_request(&mut stream);
        answer(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let mut slow = request(format!("http://127.0.0.1:{port}/"));
    slow.timeout = Duration::from_millis(400);
    let start = Instant::now();
    broken(client().exchange(&slow));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_response_that_is_too_large_is_broken() {
    let (port, _) = server(|mut stream| {
        read_request(&mut stream);
        let body = vec![b'x'; (4 << 20) + 1];
        answer(&mut stream, &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
        let _ = stream.write_all(&body);
    });
    assert!(broken(exchange(format!("http://127.0.0.1:{port}/"))).contains("4194304"));
}

#[test]
fn redirects_are_answers_and_cookies_are_not_kept() {
    let (port, connections) = server(|mut stream| {
        for _ in 0..2 {
            let request = read_request(&mut stream).to_lowercase();
            assert!(!request.contains("cookie:"), "{request}");
            answer(
                &mut stream,
                "HTTP/1.1 307 Over there\r\nLocation: /elsewhere\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n",
            );
        }
    });
    let client = client();
    for _ in 0..2 {
        let result = client.exchange(&request(format!("http://127.0.0.1:{port}/")));
        assert!(matches!(result, HttpResult::Response(ref response) if response.status == 307), "{result:?}");
    }
    assert_eq!(connections.try_iter().count(), 2);
}

#[test]
fn marked_requests_never_share_a_connection() {
    let (port, connections) = server(|mut stream| {
        loop {
            if read_request(&mut stream).is_empty() {
                return;
            }
            answer(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let client = client();
    let go = |marked| {
        let url = format!("http://127.0.0.1:{port}/");
        let result = client.exchange(&HttpRequest { marked, ..request(url) });
        assert!(matches!(result, HttpResult::Response(_)), "{result:?}");
        connections.try_iter().count()
    };
    assert_eq!(go(false), 1);
    assert_eq!(go(false), 0, "unmarked ones share");
    assert_eq!(go(true), 1);
    assert_eq!(go(true), 1);
    assert_eq!(go(false), 0);
}

#[test]
fn a_tls_handshake_that_fails_sends_nothing() {
    let (port, _) = server(|mut stream| {
        let mut hello = [0; 16];
        let _ = stream.read(&mut hello);
        let _ = stream.write_all(b"HTTP/1.1 400 This is no TLS\r\n\r\n");
    });
    assert!(not_sent(exchange(format!("https://127.0.0.1:{port}/"))).contains("TLS"));
    let (port, _) = server(drop);
    not_sent(exchange(format!("https://127.0.0.1:{port}/")));
    let (port, _) = server(|_stream| thread::sleep(Duration::from_secs(30)));
    let limits = ConnectionLimits { connect: Duration::from_millis(300), ..ConnectionLimits::default() };
    let client = HttpClient::new(&limits).unwrap();
    let message = not_sent(client.exchange(&request(format!("https://127.0.0.1:{port}/"))));
    assert!(message.contains("time limit"), "{message}");
}

/// A server certificate and its key, both made here.
fn certificate() -> (rcgen::CertifiedKey<rcgen::KeyPair>, ConnectionLimits) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let limits = ConnectionLimits {
        root_certificates_pem: Some(made.cert.pem().into_bytes()),
        ..ConnectionLimits::default()
    };
    (made, limits)
}

fn tls_config(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Arc<rustls::ServerConfig> {
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    Arc::new(config)
}

#[test]
fn behind_tls_the_same_rules_hold() {
    let (made, limits) = certificate();
    let config = tls_config(&made);
    let (port, _) = server(move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        let request = read_request(&mut stream);
        if request.starts_with("POST /good") {
            answer(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            let _ = stream.flush();
        }
    });
    let client = HttpClient::new(&limits).unwrap();
    let result = client.exchange(&request(format!("https://localhost:{port}/good")));
    assert!(matches!(result, HttpResult::Response(ref response) if response.status == 200), "{result:?}");
    broken(client.exchange(&request(format!("https://localhost:{port}/closes"))));
    // An authority that isn't trusted: the handshake is where it ends.
    let message = not_sent(exchange(format!("https://localhost:{port}/good")));
    assert!(message.contains("TLS"), "{message}");
}

/// The handshake is complete, then the server goes: now a byte may have been read.
#[test]
fn behind_tls_a_close_after_the_handshake_leaves_doubt() {
    let (made, limits) = certificate();
    let config = tls_config(&made);
    let (port, _) = server(move |mut stream| {
        let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        while connection.is_handshaking() {
            if connection.complete_io(&mut stream).is_err() {
                return;
            }
        }
    });
    let client = HttpClient::new(&limits).unwrap();
    broken(client.exchange(&request(format!("https://localhost:{port}/"))));
}

#[test]
fn a_proxy_that_refuses_sends_nothing() {
    for refusal in [
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        "",
    ] {
        let (port, _) = server(move |mut stream| {
            let request = read_request(&mut stream);
            assert!(request.starts_with("CONNECT api.invalid:443 "), "{request}");
            answer(&mut stream, refusal);
        });
        let limits = ConnectionLimits {
            proxy: Some(format!("http://user:pass-word@127.0.0.1:{port}")),
            ..ConnectionLimits::default()
        };
        let client = HttpClient::new(&limits).unwrap();
        let message = not_sent(client.exchange(&request("https://api.invalid/".into())));
        assert!(!message.contains("pass-word"), "{message}");
        assert!(!format!("{limits:?}").contains("pass-word"));
    }
}

/// The proxy lets the request through and then closes: what follows CONNECT is the request.
#[test]
fn a_tunnel_that_breaks_leaves_doubt() {
    let (port, _) = server(|mut stream| {
        read_request(&mut stream);
        answer(&mut stream, "HTTP/1.1 200 OK\r\n\r\n");
        let request = read_request(&mut stream);
        if request.starts_with("POST /good") {
            answer(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let limits =
        ConnectionLimits { proxy: Some(format!("http://127.0.0.1:{port}")), ..ConnectionLimits::default() };
    let client = HttpClient::new(&limits).unwrap();
    let result = client.exchange(&request("http://api.invalid/good".into()));
    assert!(matches!(result, HttpResult::Response(_)), "{result:?}");
    broken(client.exchange(&request("http://api.invalid/".into())));
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let limits = |proxy: &str| ConnectionLimits { proxy: Some(proxy.into()), ..ConnectionLimits::default() };
    for proxy in ["", "socks5://h:1", "h:1"] {
        assert_eq!(HttpClient::new(&limits(proxy)).unwrap_err(), HttpClientError::Proxy, "{proxy}");
    }
    for pem in ["", "no certificate"] {
        let limits = ConnectionLimits {
            root_certificates_pem: Some(pem.as_bytes().to_vec()),
            ..ConnectionLimits::default()
        };
        assert_eq!(HttpClient::new(&limits).unwrap_err(), HttpClientError::Certificates);
    }
}

#[test]
fn debug_forms_hold_no_secrets() {
    let mut secret = request("https://h/p?token=s3cret".into());
    secret.headers = vec![("authorization".into(), "s3cret".into())];
    secret.body = Some(b"s3cret".to_vec());
    let text = format!("{secret:?}");
    assert!(!text.contains("s3cret") && text.contains("authorization"), "{text}");
}
