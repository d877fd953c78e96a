//! The endpoints under `/_sandbox`, and the same through the library.

use serde_json::{Value, json};
use strowger_sandbox::{Effect, Fault, Limits, Options};

use crate::client::{PAGE, USER, control, graph, request, tweet, x};
use crate::start;

#[test]
fn posts_of_both_platforms_are_listed_oldest_first() {
    let sandbox = start(Options::default());
    let addr = sandbox.addr();
    tweet(addr, "One");
    x(addr, "POST", "/2/tweets", r#"{"text":"Two","reply":{"in_reply_to_tweet_id":"42"}}"#);
    graph(addr, "POST", &format!("/v26.0/{PAGE}_5/comments"), r#"{"message":"Three"}"#);
    let listed = control(addr, "GET", "/_sandbox/posts", "").json();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(listed[0]["platform"], "twitter");
    assert_eq!(listed[0]["account"], USER);
    assert_eq!(listed[0]["text"], "One");
    assert_eq!(listed[0]["kind"], "post");
    assert!(listed[0]["time"].as_str().unwrap().ends_with('Z'));
    assert!(listed[0].get("deleted").is_none());
    assert_eq!((&listed[1]["kind"], &listed[1]["inReplyTo"]), (&json!("reply"), &json!("42")));
    assert_eq!(listed[2]["platform"], "facebook");
    assert_eq!((&listed[2]["kind"], &listed[2]["object"]), (&json!("comment"), &json!(format!("{PAGE}_5"))));

    assert_eq!(control(addr, "DELETE", "/_sandbox/posts", "").status, 204);
    assert_eq!(control(addr, "GET", "/_sandbox/posts", "").json(), json!([]));
    assert_eq!(tweet(addr, "One").status, 201, "what is forgotten is no duplicate");
}

#[test]
fn requests_are_recorded_without_their_credentials() {
    let sandbox = start(Options::default());
    let addr = sandbox.addr();
    tweet(addr, "Hello");
    graph(addr, "POST", "/v26.0/1/feed?access_token=hush-hush", r#"{"message":"m"}"#);
    let text = control(addr, "GET", "/_sandbox/requests", "").text();
    for secret in ["hush-hush", "1258948171-secret", "page-token", "Ls93"] {
        assert!(!text.contains(secret), "{text}");
    }
    let recorded: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(recorded.as_array().unwrap().len(), 2, "control requests are not recorded");
    assert_eq!((&recorded[0]["method"], &recorded[0]["path"]), (&json!("POST"), &json!("/2/tweets")));
    assert_eq!(recorded[0]["body"], r#"{"text":"Hello"}"#);
    assert!(
        recorded[0]["headers"].as_array().unwrap().contains(&json!(["authorization", "OAuth [blotted]"]))
    );
    assert_eq!(sandbox.requests().len(), 2);
    assert_eq!(control(addr, "DELETE", "/_sandbox/requests", "").status, 204);
    assert!(sandbox.requests().is_empty());
    assert_eq!(sandbox.posts().len(), 2);
}

#[test]
fn faults_are_armed_shown_used_and_disarmed() {
    let sandbox = start(Options { limits: Limits { faults: 2, ..Limits::default() }, ..Options::default() });
    let addr = sandbox.addr();
    let fault = r#"{"path":"/2/tweets","method":"POST","fault":"status-before","status":429,"times":2}"#;
    let armed = control(addr, "POST", "/_sandbox/faults", fault);
    assert_eq!(armed.status, 201);
    assert_eq!(armed.json()["times"], 2);
    assert_eq!(tweet(addr, "t").status, 429);
    let left = control(addr, "GET", "/_sandbox/faults", "").json();
    assert_eq!(left[0]["times"], 1);
    assert_eq!(sandbox.requests()[0].fault.as_deref(), Some("status-before"));

    sandbox.inject(Fault::new(Effect::CloseAfter)).unwrap();
    assert!(sandbox.inject(Fault::new(Effect::CloseAfter)).is_err(), "bounded");
    assert_eq!(control(addr, "POST", "/_sandbox/faults", fault).status, 400);
    assert_eq!(control(addr, "DELETE", "/_sandbox/faults", "").status, 204);
    assert_eq!(control(addr, "GET", "/_sandbox/faults", "").json(), json!([]));
    assert_eq!(tweet(addr, "t").status, 201);
    for bad in ["", "{", r#"{"fault":"explode"}"#, r#"{"fault":"slow","colour":1}"#] {
        let answer = control(addr, "POST", "/_sandbox/faults", bad);
        assert_eq!(answer.status, 400, "{bad}");
        assert!(!answer.json()["error"].as_str().unwrap().is_empty());
    }
}

#[test]
fn reset_forgets_everything_but_never_gives_an_id_twice() {
    let sandbox = start(Options::default());
    let addr = sandbox.addr();
    let before = tweet(addr, "t").json()["data"]["id"].as_str().unwrap().to_owned();
    x(addr, "POST", &format!("/2/users/{USER}/likes"), r#"{"tweet_id":"42"}"#);
    assert_eq!(control(addr, "GET", "/_sandbox/relations", "").json()[0]["relation"], "like");
    sandbox.inject(Fault::new(Effect::CloseAfter)).unwrap();
    sandbox.reset();
    assert!(sandbox.posts().is_empty() && sandbox.requests().is_empty() && sandbox.relations().is_empty());
    let after = tweet(addr, "t").json()["data"]["id"].as_str().unwrap().to_owned();
    assert!(after > before);
    assert_eq!(control(addr, "DELETE", "/_sandbox", "").status, 204);
    assert!(sandbox.posts().is_empty());
}

#[test]
fn help_names_every_endpoint_and_fault() {
    let sandbox = start(Options::default());
    let help = control(sandbox.addr(), "GET", "/_sandbox", "").text();
    assert!(help.ends_with(&strowger_sandbox::help()), "{help}");
    assert_eq!(control(sandbox.addr(), "GET", "/_sandbox/colours", "").status, 404);
    assert_eq!(control(sandbox.addr(), "PUT", "/_sandbox/posts", "").status, 405);
    let nowhere = control(sandbox.addr(), "GET", "/", "");
    assert_eq!(nowhere.status, 404);
    assert!(nowhere.text().contains("/_sandbox"));
}

#[test]
fn a_full_sandbox_says_so() {
    let sandbox = start(Options { limits: Limits { posts: 1, ..Limits::default() }, ..Options::default() });
    assert_eq!(tweet(sandbox.addr(), "One").status, 201);
    let second = tweet(sandbox.addr(), "Two");
    assert_eq!(second.status, 507);
    assert!(second.json()["detail"].as_str().unwrap().contains("/_sandbox/posts"));
    assert_eq!(graph(sandbox.addr(), "POST", "/v26.0/1/feed", r#"{"message":"m"}"#).status, 507);
    let few = start(Options { limits: Limits { posts_bytes: 5, ..Limits::default() }, ..Options::default() });
    assert_eq!([tweet(few.addr(), "1234").status, tweet(few.addr(), "12").status], [201, 507]);
    let likes = format!("/2/users/{USER}/likes");
    assert_eq!(x(sandbox.addr(), "POST", &likes, r#"{"tweet_id":"1"}"#).status, 200);
    assert_eq!(x(sandbox.addr(), "POST", &likes, r#"{"tweet_id":"2"}"#).status, 507);
}

#[test]
fn many_connections_at_once_lose_and_double_nothing() {
    let sandbox = start(Options::default());
    let addr = sandbox.addr();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                let mut client = crate::client::Client::connect(addr);
                for number in 0..25 {
                    let body = format!(r#"{{"text":"{thread} {number}"}}"#);
                    let headers =
                        [("authorization", crate::client::OAUTH), ("content-type", "application/json")];
                    client.send(request("POST", "/2/tweets", &headers, &body));
                    assert_eq!(client.answer().unwrap().status, 201);
                }
            });
        }
    });
    let mut ids: Vec<String> = sandbox.posts().into_iter().map(|post| post.id).collect();
    assert_eq!(ids.len(), 200);
    assert!(ids.is_sorted(), "the order of publishing is the order of ids");
    ids.dedup();
    assert_eq!(ids.len(), 200);
}
