//! The Twitter plugin, loaded, on connections that fail at each place in turn, directly and through a proxy, with TLS
//! under a private authority: what was certainly not sent is called so, and nothing else is. Limits, proxy and
//! certificates come from the configuration.
//!
//! Planted faults that were seen to fail: a CONNECT that counts as the request; a limit that is not handed on; a
//! `ca_file` that is added to the public authorities' and not read.

#[path = "common/built.rs"]
mod built;
mod common;
#[path = "common/twitter.rs"]
mod twitter;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strowger::channel::{Channel, JobKind, Outcome};
use strowger_loader::{Http, HttpRequest, HttpResult, LoadError, LoadedChannel, Options, Plugin};
use tempfile::TempDir;

use common::Point;
use twitter::{Impatient, Told, assert_discreet, listen};

const CREATED: &str = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 47\r\n\r\n\
                       {\"data\":{\"id\":\"1455952740635586573\",\"text\":\"\"}}";
const SILENCE: Duration = Duration::from_secs(20);

fn empty(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
}

/// Serves every connection with `serve`. Ends with the test's process.
fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    port
}

/// A port that nobody listens on.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

/// Reads one request and gives its head.
fn read_request(stream: &mut impl Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return String::new();
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().expect("a number"))];
    let _ = stream.read_exact(&mut body);
    head
}

/// What a server does once it has a request.
#[derive(Clone, Copy, Debug)]
enum Then {
    Says(&'static str),
    Status(&'static str),
    Closes,
    IsSilent,
}

impl Then {
    fn to(self, stream: &mut impl Write) {
        let text = match self {
            Self::Says(text) => text.to_owned(),
            Self::Status(status) => empty(status),
            Self::Closes => return,
            Self::IsSilent => return thread::sleep(SILENCE),
        };
        let _ = stream.write_all(text.as_bytes());
        let _ = stream.flush();
    }
}

/// A private authority's server: its certificate for `localhost`, and the file that a host trusts.
struct Authority {
    config: Arc<rustls::ServerConfig>,
    directory: TempDir,
}

impl Authority {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .expect("a certificate");
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("ca.pem"), made.cert.pem()).expect("a file");
        Self { config: Arc::new(config), directory }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// What serves a connection behind TLS.
    fn serve(&self, then: Option<Then>) -> impl Fn(TcpStream) + Send + Sync + 'static {
        let config = Arc::clone(&self.config);
        move |mut stream: TcpStream| {
            let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).expect("a connection");
            while connection.is_handshaking() {
                if connection.complete_io(&mut stream).is_err() {
                    return;
                }
            }
            let Some(then) = then else { return };
            let mut stream = rustls::StreamOwned::new(connection, stream);
            read_request(&mut stream);
            then.to(&mut stream);
        }
    }
}

fn try_load(base_url: &str, connection: &Value, options: &Options) -> Result<LoadedChannel, LoadError> {
    load_account(&twitter::account(), base_url, connection, options)
}

fn load_account(
    account: &Value,
    base_url: &str,
    connection: &Value,
    options: &Options,
) -> Result<LoadedChannel, LoadError> {
    static LIBRARY: OnceLock<(PathBuf, TempDir)> = OnceLock::new();
    listen();
    let (library, _) = LIBRARY.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let built = built::built("strowger-twitter-plugin", "libstrowger_twitter.so");
        (built::installed(&built, directory.path()), directory)
    });
    let config = json!({ "name": "channel-twitter", "base_url": base_url, "accounts": [account],
                         "connection": connection });
    Plugin::load(library, &config.to_string(), options)
}

fn publish(channel: &LoadedChannel) -> Outcome {
    let mut point = Point::default();
    let report = channel.converse(&Told::default().job(JobKind::Publish), &mut point);
    assert_eq!((point.crossed, channel.faults()), (1, 0));
    assert_discreet(&format!("{report:?}"));
    report.outcome
}

/// What publishing over such a connection ends in.
fn class(base_url: &str, connection: &Value) -> &'static str {
    let options = Options { clock: Arc::new(Impatient), ..Options::default() };
    let channel = try_load(base_url, connection, &options).expect("the plugin loads");
    match publish(&channel) {
        Outcome::Published { .. } => "published",
        Outcome::NotSent { .. } => "not-sent",
        Outcome::Unknown { .. } => "unknown",
        outcome => panic!("{outcome:?}"),
    }
}

#[test]
fn only_what_was_never_written_is_called_not_sent() {
    let plain = |port: u16| format!("http://127.0.0.1:{port}");
    let tls = |port: u16| format!("https://localhost:{port}");
    let authority = Authority::new();
    let trust = json!({ "ca_file": authority.file(), "resolve_ms": 2_000 });
    let after = |then| {
        server(move |mut stream| {
            read_request(&mut stream);
            Then::to(then, &mut stream);
        })
    };
    for (case, base_url, expected) in [
        ("nobody listens", plain(closed_port()), "not-sent"),
        ("the name can't be resolved", "https://no-such-host.invalid".into(), "not-sent"),
        ("no TLS is spoken", tls(server(|mut stream| Then::Status("400 Bad").to(&mut stream))), "not-sent"),
        ("closed during the handshake", tls(server(drop)), "not-sent"),
        ("closed after the handshake", tls(server(authority.serve(None))), "unknown"),
        ("closed before it is read", plain(server(drop)), "unknown"),
        ("closed when it is read", plain(after(Then::Closes)), "unknown"),
        ("closed when it is read, TLS", tls(server(authority.serve(Some(Then::Closes)))), "unknown"),
        ("half an answer", plain(after(Then::Says("HTTP/1.1 201 Crea"))), "unknown"),
        ("half a body", plain(after(Then::Says(&CREATED[..CREATED.len() - 9]))), "unknown"),
        ("an answer", plain(after(Then::Says(CREATED))), "published"),
        ("an answer, TLS", tls(server(authority.serve(Some(Then::Says(CREATED))))), "published"),
    ] {
        assert_eq!(class(&base_url, &trust), expected, "{case}");
    }
    // Without the private authority the handshake is where it ends.
    let good = tls(server(authority.serve(Some(Then::Says(CREATED)))));
    assert_eq!(class(&good, &json!({})), "not-sent");
}

/// A proxy that answers CONNECT with `connect`, and then is the platform behind TLS, if it goes so far.
fn proxy(authority: &Authority, connect: Then, inside: Then) -> u16 {
    let serve = authority.serve(Some(inside));
    server(move |mut stream| {
        let head = read_request(&mut stream);
        assert!(head.starts_with("connect localhost:8443 http/1.1\r\n"), "{head}");
        // "user:s3cret-pass" in base64.
        assert!(head.contains("proxy-authorization: basic dxnlcjpzm2nyzxqtcgfzcw=="), "{head}");
        connect.to(&mut stream);
        if matches!(connect, Then::Says(_)) {
            serve(stream);
        }
    })
}

#[test]
fn a_proxy_that_refuses_sends_nothing_and_one_that_fails_later_leaves_doubt() {
    const THROUGH: Then = Then::Says("HTTP/1.1 200 Connection established\r\n\r\n");
    let authority = Authority::new();
    for (connect, inside, expected) in [
        (Then::Status("407 Proxy Authentication Required"), Then::Closes, "not-sent"),
        (Then::Status("403 Forbidden"), Then::Closes, "not-sent"),
        (Then::Status("502 Bad Gateway"), Then::Closes, "not-sent"),
        (Then::Status("504 Gateway Timeout"), Then::Closes, "not-sent"),
        (Then::Closes, Then::Closes, "not-sent"),
        (Then::IsSilent, Then::Closes, "not-sent"),
        (THROUGH, Then::Status("407 Proxy Authentication Required"), "not-sent"),
        (THROUGH, Then::Status("502 Bad Gateway"), "unknown"),
        (THROUGH, Then::Status("504 Gateway Timeout"), "unknown"),
        (THROUGH, Then::Closes, "unknown"),
        (THROUGH, Then::Says(CREATED), "published"),
    ] {
        let port = proxy(&authority, connect, inside);
        let mut connection = json!({ "proxy": format!("http://user:s3cret-pass@127.0.0.1:{port}"),
                                     "ca_file": authority.file() });
        if let Then::IsSilent = connect {
            connection["connect_ms"] = json!(2_000);
        }
        let case = format!("CONNECT {connect:?}, then {inside:?}");
        let begun = Instant::now();
        assert_eq!(class("https://localhost:8443", &connection), expected, "{case}");
        assert!(begun.elapsed() < SILENCE / 2, "{case}: {:?}", begun.elapsed());
    }
    let nobody = json!({ "proxy": format!("http://127.0.0.1:{}", closed_port()) });
    assert_eq!(class("https://localhost:8443", &nobody), "not-sent");
}

/// Each limit on its own ends the wait that it is for, long before the others would.
#[test]
fn every_limit_of_the_configuration_is_held() {
    let silent = || {
        server(|mut stream| {
            read_request(&mut stream);
            Then::IsSilent.to(&mut stream);
        })
    };
    let deaf = || server(|_stream| thread::sleep(SILENCE));
    let dripping = || {
        server(|mut stream| {
            read_request(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n");
            while stream.write_all(b" ").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        })
    };
    for (name, base_url, expected) in [
        ("connect_ms", format!("https://localhost:{}", deaf()), "not-sent"),
        ("receive_ms", format!("http://127.0.0.1:{}", silent()), "unknown"),
        ("request_ms", format!("http://127.0.0.1:{}", silent()), "unknown"),
        ("request_ms", format!("http://127.0.0.1:{}", dripping()), "unknown"),
    ] {
        let mut connection = json!({});
        connection[name] = json!(500);
        let begun = Instant::now();
        assert_eq!(class(&base_url, &connection), expected, "{name}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{name}: {:?}", begun.elapsed());
    }

    // A look back that would first wait for longer than a conversation may last makes no request.
    let mut account = twitter::account();
    account["settle_ms"] = json!(60_000);
    let (base_url, connection) =
        (format!("http://127.0.0.1:{}", silent()), json!({ "conversation_ms": 1_000 }));
    let channel = load_account(&account, &base_url, &connection, &Options::default()).expect("it loads");
    let begun = Instant::now();
    let report = channel.converse(&Told::default().job(JobKind::Reconcile), &mut Point::default());
    let Outcome::CannotTell { message } = &report.outcome else { panic!("{report:?}") };
    assert!(message.contains("longer than its 1 s"), "{message}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

/// A function of the host's own.
struct Own;

impl Http for Own {
    fn exchange(&self, _: &HttpRequest) -> HttpResult {
        HttpResult::NotSent { message: "there is no network here".into() }
    }
}

#[test]
fn a_connection_that_makes_no_sense_is_refused_by_name_and_without_its_values() {
    let refused = |connection: Value, options: &Options| {
        let error = try_load("http://127.0.0.1:9", &connection, options).map(drop).expect_err("refused");
        assert_discreet(&format!("{error} {error:?}"));
        error.to_string()
    };
    let usual = Options::default();
    for (connection, word) in [
        (json!({ "connect": 5 }), "connect_ms"),
        (json!({ "connect_ms": 0 }), "connection.connect_ms"),
        (json!({ "send_ms": 3_600_001 }), "connection.send_ms"),
        (json!({ "receive_ms": "s3cret-text" }), "receive_ms"),
        (json!({ "s3cret-name": 1 }), "ca_file"),
        (json!("s3cret-whole"), "connection"),
        (json!({ "proxy": "socks5://user:s3cret-pass@h:1" }), "proxy"),
        (json!({ "proxy": { "env": "STROWGER_NO_SUCH_VARIABLE" } }), "connection.proxy"),
        (json!({ "ca_file": "ca.pem" }), "absolute"),
        (json!({ "ca_file": "/no/such/file.pem" }), "connection.ca_file"),
        (json!({ "ca_file": "/dev/null" }), "PEM"),
    ] {
        let error = refused(connection.clone(), &usual);
        assert!(error.contains(word), "{connection}: {error}");
    }
    let own = Options { http: Some(Arc::new(Own)), ..Options::default() };
    assert!(refused(json!({ "connect_ms": 5 }), &own).contains("makes the requests itself"));
    try_load("http://127.0.0.1:9", &json!({ "request_ms": 5 }), &own).expect("that limit is the driver's");
}
