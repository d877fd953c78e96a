//! Nobody gets in where they don't belong: every endpoint, with every kind of caller.
//!
//! The endpoints come from the program's own table, so a new one fails here until it has a row. Planted
//! faults that this was seen to catch: an endpoint's access set to `Anyone`, the owner's check left out of
//! `Exchange::find`, the feature's check left out of lists, the token's check left out, the keys of the push
//! surface not looked at.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Answer, Caller, LISTENERS, Program, configuration, create};

/// What an endpoint must answer.
struct Row {
    method: &'static str,
    path: &'static str,
    body: Option<Value>,
    /// To its own agent, with everything that is needed.
    own: u16,
    /// To another agent. 200 where everybody has their own there.
    other: u16,
    /// To an agent without features.
    featureless: u16,
    keys: Keys,
}

/// What gets a caller in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// An agent's password or cookie.
    Agent,
    /// Nothing is needed.
    Nobody,
    /// Something of the endpoint's own: every agent is answered as `own` says, and so is everybody else.
    Own,
}

const ID: &str = "{id}";
const CLIENT: &str = "{client}";

/// What stands in the other places of paths.
const FIXED: [(&str, &str); 5] = [
    ("{identity}", "t-1"),
    ("{*resource}", "twitter/post.json"),
    ("{channel}", "twitter"),
    ("{hook}", "app"),
    ("{file}", "main.js"),
];

const MORE: &str = r#"
[limits]
failures_per_agent = 100
failures_per_address = 10000
[push]
public_key = "public"
private_key = "private-private-private"
[[push.identity]]
token = "t-1"
agent = "a1"
queue = "/queues/q1"
accounts = { twitter = "vitaliy_onv" }
"#;

fn rows() -> Vec<Row> {
    let row = |method, path, body, own, other, featureless| Row {
        method,
        path,
        body,
        own,
        other,
        featureless,
        keys: Keys::Agent,
    };
    let open = |method, path| Row { keys: Keys::Nobody, ..row(method, path, None, 200, 200, 200) };
    let keyed = |method, path, status| {
        let body =
            (method == "POST").then(|| json!({ "request": { "push": { "post": { "message": "m" } } } }));
        Row { keys: Keys::Own, ..row(method, path, body, status, status, status) }
    };
    let connect = json!([{ "channel": "/meta/connect", "clientId": CLIENT, "connectionType": "long-polling",
                           "advice": { "timeout": 0 } }]);
    vec![
        row("GET", "/api/v2/me", None, 200, 200, 200),
        row(
            "POST",
            "/api/v2/me",
            Some(json!({ "operationName": "StartContactCenterSession" })),
            200,
            200,
            403,
        ),
        row("GET", "/api/v2/me/{collection}", None, 200, 200, 403),
        row("POST", "/api/v2/me/{collection}", Some(create()), 200, 200, 403),
        row("GET", "/api/v2/me/{collection}/{id}", None, 200, 404, 403),
        row("POST", "/api/v2/me/{collection}/{id}", Some(json!({ "operationName": "Save" })), 200, 404, 403),
        row("GET", "/api/v2/{*address}", None, 200, 404, 403),
        row("POST", "/api/v2/notifications", Some(connect.clone()), 200, 200, 200),
        row("GET", "/api/v2/notifications", None, 426, 426, 426),
        row("POST", "/api/v2/notifications/{kind}", Some(connect), 200, 200, 200),
        row("GET", "/api/v2/notifications/{kind}", None, 426, 426, 426),
        // Last: it ends the caller's session.
        row("POST", "/api/v2/logout", Some(json!({})), 200, 200, 200),
        row("GET", "/page/directory", None, 200, 200, 200),
        row("GET", "/page/lifecycle/{channel}", None, 200, 200, 200),
        open("GET", "/"),
        open("GET", "/page/{file}"),
        open("GET", "/health"),
        open("GET", "/ready"),
        // Agents' passwords are no keys of the push surface, and no signatures of a platform.
        keyed("POST", "/push/identities/{identity}/{*resource}", 401),
        keyed("GET", "/push/identities/{identity}/{*resource}", 401),
        keyed("GET", "/webhooks/{channel}", 400),
        keyed("POST", "/webhooks/{channel}", 401),
        keyed("GET", "/webhooks/{channel}/{hook}", 400),
        keyed("POST", "/webhooks/{channel}/{hook}", 401),
    ]
}

fn table_of_the_program() -> BTreeSet<(String, String)> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_strowger-gateway")).arg("endpoints").output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let words = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    words
        .filter(|words| words[3] != "operator")
        .map(|words| (words[0].to_owned(), words[1].to_owned()))
        .collect()
}

#[test]
fn every_endpoint_has_a_row() {
    let rows: BTreeSet<_> = rows().iter().map(|row| (row.method.to_owned(), row.path.to_owned())).collect();
    assert_eq!(rows, table_of_the_program());
}

#[test]
fn every_endpoint_answers_every_kind_of_caller_as_its_row_says() {
    let program = Program::serve(configuration(LISTENERS, MORE));
    let a1 = program.log_in("a1");
    assert_eq!(program.post(&a1, "/api/v2/me/tweets", &create()).status, 200);
    let listed = program.get(&a1, "/api/v2/me/tweets?fields=*").json();
    let id = listed["tweets"][0]["id"].as_str().expect("a draft").to_owned();
    let shaken = program
        .post(
            &a1,
            "/api/v2/notifications",
            &json!([{ "channel": "/meta/handshake", "version": "1.0",
                "supportedConnectionTypes": ["long-polling"] }]),
        )
        .json();
    let client = shaken[0]["clientId"].as_str().expect("a client id").to_owned();

    for row in rows() {
        let path = row.path.replace("{collection}", "tweets").replace("{kind}", "connect");
        let path = path.replace("{*address}", "tweet/{id}").replace(ID, &id);
        let path = FIXED.iter().fold(path, |path, (name, value)| path.replace(name, value));
        let body = row.body.as_ref().map(|body| body.to_string().replace(CLIENT, &client));
        let ask = |caller: &Caller| program.ask(caller, row.method, &path, body.as_deref());
        let expect = |who: &str, answer: &Answer, status: u16| {
            assert_eq!(answer.status, status, "{} {path}, {who}: {}", row.method, answer.text);
        };
        let closed = |status| if row.keys == Keys::Agent { status } else { row.own };

        expect("nobody", &ask(&Caller::nobody()), closed(401));
        expect("a wrong password", &ask(&Caller::basic("a1", "wrong")), closed(401));
        expect("an unknown agent", &ask(&Caller::basic("zz", "zz")), closed(401));
        let forged = Caller { cookie: Some("JSESSIONID=forged".into()), ..Caller::nobody() };
        expect("a forged cookie", &ask(&forged), closed(401));
        let wrong_beside_cookie =
            Caller { basic: Some(("a1".into(), "wrong".into())), ..program.log_in("a1") };
        expect("a wrong password beside a cookie", &ask(&wrong_beside_cookie), closed(401));
        if row.method == "POST" {
            let without_token = Caller { csrf: None, ..program.log_in("a1") };
            expect("no token", &ask(&without_token), closed(403));
            let anothers_token = Caller { csrf: program.log_in("a1").csrf, ..program.log_in("a1") };
            expect("another session's token", &ask(&anothers_token), closed(403));
            expect("a password and no token", &ask(&Caller::basic("a1", "a1")), closed(403));
        }
        let other = ask(&program.log_in("a2"));
        expect("another agent", &other, row.other);
        let featureless = ask(&program.log_in("a3"));
        expect("no feature", &featureless, row.featureless);
        expect("the agent", &ask(&program.log_in("a1")), row.own);

        if row.path.starts_with("/api/v2/notifications") && row.method == "POST" {
            for answer in [&other, &featureless] {
                let reply = answer.json()[0].clone();
                assert_eq!(reply["successful"], false, "a foreign client id: {reply}");
                assert!(reply["error"].as_str().is_some_and(|error| error.starts_with("402:")), "{reply}");
            }
        }
        if row.path == "/api/v2/me/{collection}" && row.method == "GET" {
            assert_eq!(other.json()["uris"], json!([]), "nothing of another agent's is listed");
        }
    }
}
