//! Tokens that are good for one use outlast the gateway: what X gives out anew is kept, and the next process goes on
//! with it. The platform is the sandbox, which refuses a token that was used.
//!
//! Planted faults that these tests were seen to catch: a kept token that is not handed to the plugin, a kept token
//! that goes before a newly configured one, a token written to the log, a reference taken from the working directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strowger_sandbox::Sandbox;
use tempfile::TempDir;

use crate::support::{LISTENERS, Program, create, hash, plugins};

const FIRST: &str = "s3cret-first-refresh-token";
const ANEW: &str = "s3cret-refresh-token-given-anew";
const CLIENT: &str = "s3cret-of-the-client";

fn sandbox() -> Sandbox {
    let accounts = [FIRST, ANEW].map(|token| (token.to_owned(), "1258948171".to_owned())).into();
    let options = strowger_sandbox::Options {
        duplicate_window: Duration::ZERO,
        x_accounts: accounts,
        ..Default::default()
    };
    Sandbox::start("127.0.0.1:0".parse().expect("an address"), options).expect("the sandbox starts")
}

/// A gateway with its store on disk, and one account whose token stands in a file of its own.
fn folder(sandbox: &Sandbox) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("token"), FIRST).expect("written");
    let text = format!(
        r#"{LISTENERS}
[engine.store]
kind = "sqlite"
path = "desk.db"
[log]
level = "debug"
[[agent]]
id = "a1"
password_hash = "{}"
[[channel]]
plugin = "{}"
[channel.config]
name = "channel-twitter"
base_url = "http://{}"
[[channel.config.accounts]]
name = "brand"
user_id = "1258948171"
settle_ms = 0
auth = {{ kind = "oauth2", client_id = "app", client_secret = "{CLIENT}", refresh_token = {{ file = "token" }} }}
"#,
        hash("a1"),
        plugins().join("libstrowger_twitter.so").display(),
        sandbox.addr(),
    );
    fs::write(at("gateway.toml"), text).expect("written");
    folder
}

fn serve(folder: &Path) -> Program {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log"));
    Program::serve_logging(folder, log.expect("a log"))
}

/// Publishes, and waits until it is done.
fn publish(program: &Program, text: &str) {
    let a1 = program.log_in("a1");
    program.post(&a1, "/api/v2/me/tweets", &create());
    let drafts = |state: &str| -> Vec<Value> {
        let listed = program.get(&a1, "/api/v2/me/tweets?fields=*").json();
        let all = listed["tweets"].as_array().cloned().expect("a list");
        all.into_iter().filter(|one| one["state"] == state).collect()
    };
    let id = drafts("Composing")[0]["id"].as_str().expect("a draft").to_owned();
    let path = format!("/api/v2/me/tweets/{id}");
    let send = json!({ "operationName": "Send", "queuePath": "/queues/q1",
                       "twitter": { "from": "brand", "message": text } });
    assert_eq!(program.post(&a1, &path, &send).code(), 0);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let state = program.get(&a1, &path).json();
        if state.to_string().contains("\"Completed\"") {
            return;
        }
        assert!(Instant::now() < deadline, "{text} is published: {state}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn refreshes(sandbox: &Sandbox) -> usize {
    sandbox.requests().iter().filter(|request| request.path == "/2/oauth2/token").count()
}

/// The token that the file holds, which nobody but its user can read.
fn kept(folder: &Path) -> String {
    let path = folder.join("desk.db-secrets");
    assert_eq!(fs::metadata(&path).expect("it was kept").permissions().mode() & 0o777, 0o600);
    let kept: Value = serde_json::from_slice(&fs::read(path).expect("it can be read")).expect("a document");
    assert_eq!(kept["kept"].as_array().map(Vec::len), Some(1));
    kept["kept"][0]["value"].as_str().expect("a token").to_owned()
}

#[test]
fn a_refreshed_token_outlasts_the_gateway_until_another_is_configured() {
    let sandbox = sandbox();
    let folder = folder(&sandbox);
    let folder = folder.path();
    let mut tokens = vec![FIRST.to_owned(), ANEW.to_owned(), CLIENT.to_owned()];
    // Killed, each time: what was kept was kept at once.
    for round in 1..=3 {
        publish(&serve(folder), &format!("round {round}"));
        assert_eq!((sandbox.posts().len(), refreshes(&sandbox)), (round, round));
        tokens.push(kept(folder));
    }
    // Whoever lets the account in anew wants that used: the sandbox knows whose token it is.
    fs::write(folder.join("token"), format!("{ANEW}\n")).expect("written");
    for round in 4..=5 {
        publish(&serve(folder), &format!("round {round}"));
        assert_eq!((sandbox.posts().len(), refreshes(&sandbox)), (round, round));
        tokens.push(kept(folder));
    }
    let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", ANEW)];
    let again = ureq::post(format!("http://{}/2/oauth2/token", sandbox.addr())).send_form(form);
    assert!(matches!(again, Err(ureq::Error::StatusCode(400))), "the one given anew was used: {again:?}");
    tokens.dedup();
    assert_eq!(tokens.len(), 3 + 5, "each token was another");
    assert!(sandbox.posts().iter().all(|post| post.account == "1258948171"));

    let log = fs::read_to_string(folder.join("log")).expect("a log");
    assert!(log.contains("a secret was kept") && log.contains("/2/oauth2/token"), "the log tells of it");
    for token in tokens.iter().map(String::as_str).chain(["sandbox-refresh-", "sandbox-access-"]) {
        assert!(!log.contains(token), "a token is in the log");
    }
}

#[test]
fn a_file_of_secrets_that_can_not_be_used_is_named_with_its_place() {
    let sandbox = sandbox();
    let folder = folder(&sandbox);
    let folder = folder.path();
    let file = folder.join("gateway.toml");
    let start = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_strowger-gateway"))
            .args(arguments)
            .arg(&file)
            .output()
            .expect("it runs");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    let check = ["serve", "--check", "--config"];
    assert_eq!(start(&check).0, Some(0), "there need not be one");
    assert!(!folder.join("desk.db-secrets-lock").exists(), "the check leaves nothing behind");

    let program = serve(folder);
    assert_eq!(start(&check).0, Some(0), "while a gateway is at work");
    let (code, said) = start(&["serve", "--config"]);
    assert!(code == Some(1) && said.contains("another process"), "{said}");
    drop(program);

    let secrets = folder.join("desk.db-secrets");
    fs::write(&secrets, "{\"format\":1,\"kept\":[]}").expect("written");
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o640)).expect("its own file");
    for arguments in [&check[..], &["serve", "--config"]] {
        let (code, said) = start(arguments);
        let place = format!("{}:10:8: `secrets.file` ", file.display());
        assert_eq!(code, Some(1));
        assert!(said.starts_with(&place) && said.contains("mode 640") && said.contains("600"), "{said}");
    }

    let text = fs::read_to_string(&file).expect("its configuration");
    fs::write(&file, format!("{text}[secrets]\nfile = \"none/secrets\"\n")).expect("written");
    let (_, said) = start(&check);
    assert!(said.contains("`secrets.file`") && said.contains("a folder that does not exist"), "{said}");
    // Without a store and without a place for secrets the plugin says what is missing.
    fs::write(&file, text.replace("kind = \"sqlite\"\npath = \"desk.db\"", "kind = \"memory\""))
        .expect("written");
    let (_, said) = start(&check);
    assert!(said.contains("`channel[0].config`") && said.contains("store for secrets"), "{said}");
}
