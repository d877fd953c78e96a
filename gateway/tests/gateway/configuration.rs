//! The configuration file: the committed example works, and every mistake is named with its place.
//!
//! Planted faults that these tests were seen to catch: only the first mistake told, a line counted from zero, the
//! operator's listener closed with the others when a stop begins.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Caller, LISTENERS, Program, ask, configuration, create, hash, plugins};

fn check(file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_strowger-gateway"))
        .args(["serve", "--check", "--config"])
        .arg(file)
        .env("X_TOKEN", "token")
        .env("X_CONSUMER_SECRET", "secret")
        .env("PUSH_PRIVATE_KEY", "a-private-key-of-a-site")
        .output()
        .expect("it runs")
}

/// The folder that the committed example speaks of.
fn example() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    for name in ["tls", "plugins", "secrets"] {
        fs::create_dir(at(name)).expect("a folder");
    }
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    fs::write(at("tls/certificate.pem"), certificate.cert.pem()).expect("written");
    fs::write(at("tls/key.pem"), certificate.signing_key.serialize_pem()).expect("written");
    for name in ["libstrowger_twitter.so", "libstrowger_facebook.so"] {
        fs::copy(plugins().join(name), at("plugins").join(name)).expect("copied");
    }
    fs::write(at("secrets/a2"), hash("a2")).expect("written");
    let facebook =
        include_str!("../../demo/facebook.json").replace("{sandbox}", "https://graph.facebook.com");
    fs::write(at("facebook.json"), facebook).expect("written");
    fs::write(at("gateway.toml"), include_str!("../../gateway.example.toml")).expect("written");
    folder
}

#[test]
fn the_committed_example_has_no_mistakes() {
    let folder = example();
    let output = check(&folder.path().join("gateway.toml"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!folder.path().join("strowger.db").exists(), "the check opens no store");
}

/// Planted faults: references taken from the working directory, or from the folder of the other file.
#[test]
fn a_channels_file_names_files_in_its_own_folder() {
    let folder = example();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("channels")).expect("a folder");
    let facebook = fs::read_to_string(at("facebook.json")).expect("the example");
    let facebook = facebook.replace("\"demo-page-token\"", "{ \"file\": \"token\" }");
    fs::write(at("channels/facebook.json"), facebook).expect("written");
    let text = fs::read_to_string(at("gateway.toml")).expect("the example");
    fs::write(at("gateway.toml"), text.replace("\"facebook.json\"", "\"channels/facebook.json\""))
        .expect("written");

    let output = check(&at("gateway.toml"));
    let said = String::from_utf8(output.stderr).expect("text");
    let missing = at("channels/token");
    assert!(
        said.contains("`channel[1].config_file`") && said.contains(&*missing.to_string_lossy()),
        "{said}"
    );
    fs::write(missing, "a-token\n").expect("written");
    let output = check(&at("gateway.toml"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_the_example_leaves_out_stands_at_the_default_that_it_tells() {
    // Each commented setting, taken in, is understood.
    let folder = example();
    let file = folder.path().join("gateway.toml");
    let text = fs::read_to_string(&file).expect("the example");
    let told: Vec<_> = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting)
                if setting.split(' ').nth(1) == Some("=") && !setting.starts_with("attachments") =>
            {
                setting
            }
            _ => line,
        })
        .collect();
    assert!(told.contains(&"workers = 4         # deliveries that are made at once"));
    fs::write(&file, told.join("\n")).expect("written");
    let output = check(&file);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_mistake_is_named_with_its_place() {
    let folder = example();
    let file = folder.path().join("gateway.toml");
    let wrong = r#"[[listener]]
address = "localhost"
certificate = "tls/missing.pem"
key = "tls/key.pem"

[engine]
nmae = "desk"
queues = ["/queues/q1", "nowhere"]
store = { kind = "paper" }

[engine.limits]
agents = "many"

[[agent]]
id = "a1"
password_hash = "a1"

[[agent]]
id = "a1"

[[channel]]
plugin = "plugins/missing.so"
config = {}

[[channel]]
plugin = "plugins/libstrowger_twitter.so"
config = { accounts = 7 }

[limits]
connections = 0
colour = "red"

[log]
level = "loud"

[[channel]]
plugin = "plugins/libstrowger_facebook.so"
config_file = "facebook.json"
fetch_from_own_servers = ["media.example.com"]

[[channel]]
plugin = "plugins/libstrowger_facebook.so"
config_file = "facebook.json"
fetch_attachments = true
fetch_from_own_servers = ["https://media.example.com"]

[[agent]]
id = "a2"
password_hash = "$argon2id$v=19$m=4294967295,t=1,p=1$CPwtmxxfCem0i9XHV8COrQ$+8Zu/DILlKLcEBZ5GF4r8NV9FIVTOMUCcgK5CuPsy90"

[security]
trusted_proxies = ["10.0.0.0/8", "10.0.0/8", "0.0.0.0/0"]
forwarding_header = "Via"

[engine.plugins]
attachments_dir = "/"
"#;
    fs::write(&file, wrong).expect("written");
    let output = check(&file);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).expect("text");
    let lines: Vec<_> = said.lines().collect();
    let expected = [
        (2, 11, "`listener[0].address`", "localhost"),
        (3, 15, "`listener[0].certificate`", "missing.pem"),
        (7, 8, "`engine.nmae`", "nmae"),
        (8, 25, "`engine.queues[1]`", "/queues/"),
        (9, 18, "`engine.store.kind`", "paper"),
        (12, 10, "`engine.limits.agents`", "many"),
        (16, 17, "`agent[0].password_hash`", "hash-password"),
        (18, 1, "`agent[1].password_hash`", "missing"),
        (19, 6, "`agent[1].id`", "another agent"),
        (22, 10, "`channel[0].plugin`", "missing.so"),
        (27, 10, "`channel[1].config`", "accounts"),
        (30, 15, "`limits.connections`", "from 1 to"),
        (31, 1, "`limits.colour`", "not known"),
        (34, 9, "`log.level`", "debug"),
        (39, 26, "`channel[2].fetch_from_own_servers`", "fetch_attachments"),
        (45, 26, "`channel[3].fetch_from_own_servers`", "must name servers"),
        (49, 17, "`agent[2].password_hash`", "at most 262144 KiB"),
        (52, 34, "`security.trusted_proxies[1]`", "no network"),
        (52, 46, "`security.trusted_proxies[2]`", "everybody"),
        (53, 21, "`security.forwarding_header`", "Forwarded"),
        (55, 1, "`engine.plugins`", "[secrets]"),
    ];
    for (line, column, member, words) in expected {
        let place = format!("{}:{line}:{column}: {member} ", file.display());
        let found = lines.iter().find(|said| said.starts_with(&place));
        assert!(found.is_some_and(|found| found.contains(words)), "{place}…{words}… in\n{said}");
    }
    assert_eq!(lines.len(), expected.len(), "{said}");
}

#[test]
fn every_mistake_in_what_publishes_and_routes_is_named_with_its_place() {
    let folder = example();
    let file = folder.path().join("gateway.toml");
    let text = fs::read_to_string(&file).expect("the example");
    let mut text =
        text.replace("[router]\n", "[router]\nqueues = [\"/queues/none\", \"here\"]\noffer_stands_s = 0\n");
    for (right, wrong) in [
        ("private_key = { env = \"PUSH_PRIVATE_KEY\" }", "private_key = \"short\""),
        ("agent = \"a1\"  ", "agent = \"a9\"  "),
        ("queue = \"/queues/social\"        #", "queue = \"/queues/none\"        #"),
        ("accounts = { twitter = \"support\"", "accounts = { twitter = \"nobody\", mastodon = \"m\""),
        ("places = { \"Paris FRANCE\" = \"09f6a7707f18e0b1\" }", "places = { \"Paris FRANCE\" = 7 }"),
        ("token = \"923843ec-1749-4cc1-988f-d6963f3b1baa\"", "token = \"../etc\""),
    ] {
        assert!(text.contains(right), "{right}");
        text = text.replace(right, wrong);
    }
    text.push_str("\n[[push.identity]]\ncolour = \"red\"\n");
    fs::write(&file, &text).expect("written");
    let output = check(&file);
    let said = String::from_utf8(output.stderr).expect("text");
    for (member, words) in [
        ("router.queues[0]", "/contacts/"),
        ("router.queues[1]", "no path"),
        ("router.offer_stands_s", "from 1 to"),
        ("push.private_key", "too short"),
        ("push.identity[0].agent", "no [[agent]]"),
        ("push.identity[0].queue", "engine.queues"),
        ("push.identity[0].accounts.twitter", "no account of that name"),
        ("push.identity[0].accounts.mastodon", "not configured"),
        ("push.identity[0].token", "letters"),
        ("push.places.Paris FRANCE", "must be"),
        ("push.identity[1].token", "missing"),
        ("push.identity[1].agent", "missing"),
        ("push.identity[1].queue", "missing"),
        ("push.identity[1].accounts", "missing"),
        ("push.identity[1].colour", "not known"),
    ] {
        let found = said.lines().find(|line| line.contains(&format!("`{member}` ")));
        assert!(found.is_some_and(|found| found.contains(words)), "{member} … {words} in\n{said}");
    }
    assert_eq!(said.lines().count(), 15, "{said}");
    assert!(!said.contains("short\""), "the key is not told: {said}");
}

/// Fails if what follows from a mistake is told as another.
#[test]
fn a_mistake_is_told_once_and_listeners_are_told_apart() {
    let folder = example();
    let file = folder.path().join("gateway.toml");
    let text = fs::read_to_string(&file).expect("the example");
    let said = |text: &str| {
        fs::write(&file, text).expect("written");
        let output = check(&file);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).expect("text").replace(&format!("{}:", file.display()), "")
    };
    let missing = said(&text.replace("libstrowger_twitter.so", "libstrowger_missing.so"));
    assert!(missing.contains("`channel[0].plugin` can't be loaded"), "{missing}");
    assert_eq!(missing.lines().count(), 1, "{missing}");
    let same = said(&text.replace("127.0.0.1:9464", "127.0.0.1:8443"));
    assert_eq!(same, "13:11: `listener[1].address` is that of another listener\n");
    let (_, rest) = text.split_once("[[listener]]\naddress = \"127.0.0.1:9464\"").expect("the operator's");
    let operator = said(&format!("[[listener]]\naddress = \"127.0.0.1:9464\"{rest}"));
    assert_eq!(operator, "1:1: `listener` serves the operator alone: expected one that serves agents\n");
}

#[test]
fn a_mistake_of_the_form_is_named_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gateway.toml");
    fs::write(&file, "[engine]\nname = \n").expect("written");
    let output = check(&file);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("gateway.toml:2:"), "{said}");
    let missing = check(&folder.path().join("none.toml"));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("none.toml"));
}

#[test]
fn a_listener_speaks_tls_and_its_cookie_is_secure() {
    let folder = example();
    let listeners = "[[listener]]\naddress = \"127.0.0.1:0\"\ncertificate = \"tls/certificate.pem\"\nkey = \"tls/key.pem\"\n";
    let own = configuration(listeners, "");
    fs::create_dir(own.path().join("tls")).expect("a folder");
    for name in ["tls/certificate.pem", "tls/key.pem"] {
        fs::copy(folder.path().join(name), own.path().join(name)).expect("copied");
    }
    let certificate = fs::read(own.path().join("tls/certificate.pem")).expect("a certificate");
    let program = Program::serve(own);
    assert!(program.url.starts_with("https://"), "{}", program.ready_line);
    let root = ureq::tls::Certificate::from_pem(&certificate).expect("a certificate").to_owned();
    let tls = ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::new_with_certs(&[root]))
        .unversioned_rustls_crypto_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let agent: ureq::Agent = ureq::Agent::config_builder().tls_config(tls).build().into();
    let authorization = Caller::basic("a1", "a1").authorization().expect("credentials");
    let url = program.url.replace("127.0.0.1", "localhost");
    let response = agent
        .get(format!("{url}/api/v2/me"))
        .header("authorization", authorization)
        .call()
        .expect("an answer");
    let cookie = response.headers().get("set-cookie").expect("a cookie").to_str().expect("text");
    assert!(cookie.contains("; Secure"), "{cookie}");
}

#[test]
fn a_stop_is_over_in_time_and_a_second_signal_ends_it_at_once() {
    use rustix::process::Signal;
    let mut idle = Program::serve(configuration(LISTENERS, ""));
    idle.signal(Signal::INT);
    assert_eq!(idle.wait(Duration::from_secs(10)), Some(0));

    // Somebody takes their time with a request's body: that is under way.
    let mut busy = Program::serve(configuration(LISTENERS, "[stop]\ntimeout_s = 60\n"));
    let a1 = busy.log_in("a1");
    assert_eq!(busy.post(&a1, "/api/v2/me/tweets", &create()).status, 200);
    let mut stream = std::net::TcpStream::connect(busy.address()).expect("it listens");
    let cookie = a1.cookie.clone().expect("a cookie");
    let token = a1.csrf.clone().expect("a token");
    let head = format!(
        "POST /api/v2/me/tweets HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\nx-csrf-token: {token}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    std::io::Write::write_all(&mut stream, head.as_bytes()).expect("sent");
    std::thread::sleep(Duration::from_millis(300));
    busy.signal(Signal::TERM);
    assert_eq!(busy.wait(Duration::from_secs(2)), None, "what is under way is waited for");
    // Nobody new gets in, and the operator sees why.
    assert!(std::net::TcpStream::connect(busy.address()).is_err());
    let ready = ask(&format!("{}/ready", busy.operator_url()), &Caller::nobody(), "GET", None);
    assert_eq!((ready.status, ready.json()), (503, json!({ "status": "stopping" })));
    assert_eq!(ask(&format!("{}/metrics", busy.operator_url()), &Caller::nobody(), "GET", None).status, 200);
    busy.signal(Signal::TERM);
    assert_eq!(busy.wait(Duration::from_secs(2)), Some(130));
}
