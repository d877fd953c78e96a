//! The Web Services surface: collections, items, aliases, lists, codes, the order of checks.
//!
//! A planted fault that these tests were seen to catch: the check of the content type moved before that of
//! the token.

use serde_json::{Value, json};

use crate::support::{Caller, LISTENERS, Program, ask, configuration, create};

fn id_of_first(program: &Program, caller: &Caller, collection: &str) -> String {
    let listed = program.get(caller, &format!("/api/v2/me/{collection}?fields=*")).json();
    let member = if collection == "facebook" { "facebook" } else { "tweets" };
    listed[member][0]["id"].as_str().unwrap_or_else(|| panic!("nothing is listed: {listed}")).to_owned()
}

#[test]
fn collections_items_aliases_and_lists() {
    let program = Program::serve(configuration(LISTENERS, ""));
    let a1 = program.log_in("a1");
    for (number, collection) in (1..).zip(["tweets", "twitter", "facebook"]) {
        let reply = program.post(&a1, &format!("/api/v2/me/{collection}"), &create());
        assert_eq!((reply.status, reply.json()), (200, json!({ "statusCode": 0, "referenceId": number })));
    }
    assert_eq!(program.get(&a1, "/api/v2/me/tweets").json()["uris"].as_array().map(Vec::len), Some(2));
    for (collection, member) in [("tweets", "twitter"), ("twitter", "twitter"), ("facebook", "facebook")] {
        let id = id_of_first(&program, &a1, collection);
        let item = format!("/api/v2/me/{collection}/{id}");
        let shown = program.get(&a1, &item).json();
        assert_eq!(shown[member]["id"], id, "{shown}");
        assert_eq!(shown[member]["state"], "Composing");
        // A path may end in a slash.
        assert_eq!(program.get(&a1, &format!("{item}/")).json(), shown);
        let saved = program.post(&a1, &item, &json!({ "operationName": "Save" }));
        assert_eq!(saved.code(), 0, "{}", saved.text);
    }
}

#[test]
fn codes_and_their_http_statuses() {
    let program = Program::serve(configuration(LISTENERS, ""));
    let a1 = program.log_in("a1");
    program.post(&a1, "/api/v2/me/tweets", &create());
    let id = id_of_first(&program, &a1, "tweets");
    let item = format!("/api/v2/me/tweets/{id}");
    let long = "x".repeat(300);
    let send = |message: &str| {
        json!({ "operationName": "Send", "queuePath": "/queues/q1",
                "twitter": { "from": "vitaliy_onv", "message": message } })
        .to_string()
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let rows = [
        ("POST", "/api/v2/me/tweets", Some("{".to_owned()), 400, 2),
        ("POST", "/api/v2/me/tweets", Some("{}".to_owned()), 400, 1),
        ("POST", "/api/v2/me/tweets", Some(deep), 400, 2),
        ("POST", "/api/v2/me/tweets", Some(r#"{"operationName":"Fly"}"#.to_owned()), 400, 2),
        ("POST", "/api/v2/me/tweets", Some(format!("{{\"x\":\"{}\"}}", "x".repeat(256 << 10))), 413, 10),
        ("POST", &item, Some(r#"{"operationName":"Accept"}"#.to_owned()), 403, 3),
        ("POST", &item, Some(send(&long)), 400, 10),
        (
            "POST",
            "/api/v2/me/tweets/0000000000000000",
            Some(r#"{"operationName":"Save"}"#.to_owned()),
            404,
            6,
        ),
        ("GET", "/api/v2/me/tweets/0000000000000000", None, 404, 6),
        ("GET", "/api/v2/me/letters", None, 404, 6),
        ("GET", "/api/v2/me/tweets/x/y", None, 404, 6),
        ("GET", "/nothing", None, 404, 6),
        ("GET", "/metrics", None, 404, 6),
        ("GET", "/api/v2/me/tweets/%ff", None, 400, 2),
        ("PUT", "/api/v2/me", Some("{}".to_owned()), 405, 2),
        ("GET", "/api/v2/notifications", None, 426, 2),
    ];
    for (method, path, body, status, code) in rows {
        let answer = program.ask(&a1, method, path, body.as_deref());
        assert_eq!((answer.status, answer.code()), (status, code), "{method} {path}: {}", answer.text);
        assert_eq!(answer.header("content-type").as_deref(), Some("application/json"));
        let message = answer.json()["statusMessage"].as_str().unwrap_or_default().to_owned();
        assert!(!message.is_empty(), "{method} {path} says what was wrong");
    }
    let wrong_method = program.ask(&a1, "DELETE", "/api/v2/me/tweets", None);
    let mut allowed: Vec<_> = wrong_method
        .header("allow")
        .expect("Allow")
        .split(',')
        .map(|method| method.trim().to_owned())
        .collect();
    allowed.sort();
    assert_eq!((wrong_method.status, allowed), (405, vec!["GET".into(), "HEAD".into(), "POST".into()]));
}

#[test]
fn who_is_asking_comes_before_the_token_and_the_token_before_the_content() {
    let program = Program::serve(configuration(LISTENERS, ""));
    let a1 = program.log_in("a1");
    let path = "/api/v2/me/tweets";
    let plain = |caller: &Caller| Caller { content_type: "text/plain", ..caller.clone() };
    let without_token = Caller { csrf: None, ..a1.clone() };
    let wrong_token = Caller { csrf: Some("guessed".into()), ..a1.clone() };
    for (caller, status, code) in [
        (plain(&Caller::nobody()), 401, 20),
        (plain(&without_token), 403, 3),
        (plain(&wrong_token), 403, 3),
        (plain(&a1), 415, 2),
        (Caller { content_type: "Application/JSON; charset=UTF-8", ..a1.clone() }, 400, 2),
    ] {
        let answer = program.ask(&caller, "POST", path, Some("{"));
        assert_eq!((answer.status, answer.code()), (status, code), "{caller:?}: {}", answer.text);
    }
    let got = program.get(&a1, "/api/v2/me/tweets");
    assert_eq!(got.header("x-csrf-header").as_deref(), Some("X-CSRF-TOKEN"));
    assert_eq!(got.header("x-csrf-token"), a1.csrf, "the token lasts as long as the session");
    assert_eq!(program.get(&a1, path).json()["uris"], json!([]), "nothing was created");
}

#[test]
fn a_password_opens_a_session_that_its_cookie_stands_for_until_logout() {
    let program = Program::serve(configuration(LISTENERS, ""));
    let answer = program.get(&Caller::basic("a1", "a1"), "/api/v2/me");
    let cookie = answer.header("set-cookie").expect("a cookie");
    for part in ["JSESSIONID=", "; Path=/", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "not over plain HTTP: the cookie would never come back");
    let a1 = program.log_in("a1");
    let seen = program.get(&a1, "/api/v2/me");
    assert_eq!((seen.status, seen.header("set-cookie")), (200, None), "one session, one cookie");
    assert_eq!(seen.json()["user"]["userName"], "a1");

    let out = program.post(&a1, "/api/v2/logout", &json!({}));
    assert_eq!(out.status, 200, "{}", out.text);
    assert!(out.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")));
    assert_eq!(program.get(&a1, "/api/v2/me").status, 401);
}

#[test]
fn whoever_guesses_passwords_waits_and_nobody_else() {
    let limits = "[limits]\nfailures_per_agent = 3\nfailure_forgotten_s = 600\n";
    let program = Program::serve(configuration(LISTENERS, limits));
    let a1 = program.log_in("a1");
    for _ in 0..3 {
        assert_eq!(program.get(&Caller::basic("a1", "guess"), "/api/v2/me").status, 401);
    }
    let refused = program.get(&Caller::basic("a1", "another"), "/api/v2/me");
    assert_eq!(refused.status, 429, "{}", refused.text);
    let wait: u64 = refused.header("retry-after").expect("Retry-After").parse().expect("seconds");
    assert!((1..=601).contains(&wait), "{wait}");
    assert_eq!(program.get(&a1, "/api/v2/me").status, 200, "the session goes on");
    assert_eq!(program.get(&Caller::basic("a1", "a1"), "/api/v2/me").status, 200, "and a password once seen");
    assert_eq!(program.get(&Caller::basic("a2", "a2"), "/api/v2/me").status, 200);
    // Whether there is such an agent makes no difference.
    let statuses: Vec<_> =
        (0..4).map(|_| program.get(&Caller::basic("zz", "guess"), "/api/v2/me").status).collect();
    assert_eq!(statuses, [401, 401, 401, 429]);
}

#[test]
fn an_agent_says_when_it_is_ready() {
    let program = Program::serve(configuration(LISTENERS, ""));
    let a1 = program.log_in("a1");
    let change = |operation: &str| program.post(&a1, "/api/v2/me", &json!({ "operationName": operation }));
    let state = || program.get(&a1, "/api/v2/me").json()["user"]["state"].clone();
    assert_eq!(state(), "LoggedOut");
    assert_eq!((change("Ready").status, change("Ready").code()), (403, 3));
    for (operation, after) in [
        ("StartContactCenterSession", "NotReady"),
        ("Ready", "Ready"),
        ("NotReady", "NotReady"),
        ("Ready", "Ready"),
        ("EndContactCenterSession", "LoggedOut"),
    ] {
        assert_eq!(change(operation).json(), json!({ "statusCode": 0 }), "{operation}");
        assert_eq!(state(), after, "{operation}");
    }
    assert_eq!(change("Dance").code(), 2);
    assert_eq!(program.post(&a1, "/api/v2/me", &json!({})).code(), 1);
    assert_eq!(program.post(&a1, "/api/v2/me", &Value::Null).code(), 2);
}

#[test]
fn an_operator_sees_health_readiness_and_figures() {
    let program = Program::serve(configuration(LISTENERS, ""));
    let a1 = program.log_in("a1");
    program.post(&a1, "/api/v2/me/tweets", &create());
    for base in [program.url.clone(), program.operator_url()] {
        for (path, status) in [("/health", "up"), ("/ready", "ready")] {
            let answer = ask(&format!("{base}{path}"), &Caller::nobody(), "GET", None);
            assert_eq!((answer.status, answer.json()["status"].clone()), (200, json!(status)));
        }
    }
    let metrics = ask(&format!("{}/metrics", program.operator_url()), &Caller::nobody(), "GET", None);
    let counted = "strowger_gateway_http_requests_total{method=\"POST\",endpoint=\"/api/v2/me/{collection}\",status=\"200\"} 1";
    for line in [counted, "strowger_gateway_login_sessions 1", "# EOF"] {
        assert!(metrics.text.lines().any(|found| found == line), "{line} in\n{}", metrics.text);
    }
    let agents = ask(&format!("{}/api/v2/me", program.operator_url()), &a1, "GET", None);
    assert_eq!(agents.status, 404, "agents are not served there");
}

#[test]
fn the_demonstration_shows_the_published_requests_and_asks_for_no_token() {
    let program = Program::demo();
    let a1 = Caller { csrf: None, ..program.log_in("a1") };
    let tweets = program.get(&a1, "/api/v2/me/tweets?fields=*").json();
    assert_eq!(tweets["tweets"].as_array().map(Vec::len), Some(2), "two drafts were saved: {tweets}");
    assert!(tweets["tweets"][0]["uri"].as_str().is_some_and(|uri| uri.starts_with(&program.url)), "{tweets}");
    assert_eq!(program.post(&a1, "/api/v2/me/tweets", &create()).status, 200);
    assert_eq!(program.get(&a1, "/metrics").status, 200);
    assert_eq!(program.post(&program.log_in("a3"), "/api/v2/me/tweets", &create()).code(), 5);
}

#[test]
fn the_demonstration_goes_on_with_a_store_that_it_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("demo.db");
    let store = store.to_str().expect("text");
    let count = |program: &Program| {
        let a1 = program.log_in("a1");
        program.get(&a1, "/api/v2/me/tweets").json()["uris"].as_array().map(Vec::len)
    };
    let mut program = Program::demo_with(&["--store", store]);
    assert_eq!(count(&program), Some(2));
    program.signal(rustix::process::Signal::TERM);
    assert_eq!(program.wait(std::time::Duration::from_secs(20)), Some(0));
    assert_eq!(count(&Program::demo_with(&["--store", store])), Some(2), "they were not played again");
}
