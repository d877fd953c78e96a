//! OneAll's Push and Pull API.

use serde_json::{Value, json};
use strowger_sandbox::{Answer as FaultAnswer, Effect, Fault, Kind, Options, Platform, Sandbox};

use crate::client::{Answer, ask};
use crate::start;

/// `public:private`.
const KEYS: (&str, &str) = ("authorization", "Basic cHVibGljOnByaXZhdGU=");
const JSON: (&str, &str) = ("content-type", "application/json");

fn push(sandbox: &Sandbox, path: &str, push: &Value) -> Answer {
    let body = json!({ "request": { "push": push } }).to_string();
    let path = format!("/push/identities/923843ec/{path}.json");
    ask(sandbox.addr(), "POST", &path, &[KEYS, JSON], &body).unwrap()
}

fn pull(sandbox: &Sandbox, path: &str) -> Value {
    let path = format!("/pull/identities/923843ec/{path}");
    ask(sandbox.addr(), "GET", &path, &[KEYS], "").unwrap().json()["response"]["result"]["data"].clone()
}

#[test]
fn all_twenty_endpoints_publish() {
    let sandbox = start(Options::default());
    let (url, text) = ("https://example.org/f", "words");
    let place = json!({ "id": "44", "message": text });
    let file = json!({ "id": "44", "url": url, "description": text });
    let link = json!({ "link": url, "message": text });
    let mut company = link.clone();
    company["company"] = json!("12");
    let endpoints = [
        ("facebook/post", json!({ "post": { "message": text } }), Platform::Facebook, Kind::Post),
        (
            "facebook/picture",
            json!({ "picture": { "url": url, "create_post": true } }),
            Platform::Facebook,
            Kind::Picture,
        ),
        ("facebook/video", json!({ "video": { "url": url } }), Platform::Facebook, Kind::Video),
        ("facebook/group/post", json!({ "group": place }), Platform::Facebook, Kind::Post),
        ("facebook/group/picture", json!({ "group": file }), Platform::Facebook, Kind::Picture),
        ("facebook/group/video", json!({ "group": file }), Platform::Facebook, Kind::Video),
        ("facebook/page/post", json!({ "page": place }), Platform::Facebook, Kind::Post),
        ("facebook/page/picture", json!({ "page": file }), Platform::Facebook, Kind::Picture),
        ("facebook/page/video", json!({ "page": file }), Platform::Facebook, Kind::Video),
        ("linkedin/post", json!({ "post": link }), Platform::LinkedIn, Kind::Post),
        ("linkedin/company/post", json!({ "post": company }), Platform::LinkedIn, Kind::Post),
        (
            "pinterest/board/7/pin",
            json!({ "pin": { "board": "7", "description": text, "picture": url } }),
            Platform::Pinterest,
            Kind::Post,
        ),
        ("pinterest/board", json!({ "board": { "name": "b" } }), Platform::Pinterest, Kind::Board),
        (
            "twitter/post",
            json!({ "post": { "message": text, "location": "Paris FRANCE", "attachments": ["1"] } }),
            Platform::Twitter,
            Kind::Post,
        ),
        ("twitter/picture", json!({ "picture": { "url": url } }), Platform::Twitter, Kind::Picture),
        ("twitter/video", json!({ "video": { "video_url": url } }), Platform::Twitter, Kind::Video),
        (
            "youtube/video",
            json!({ "video": { "video_url": url, "title": "t" } }),
            Platform::YouTube,
            Kind::Video,
        ),
        ("youtube/playlist/PL1/video", json!({ "video": { "id": "v" } }), Platform::YouTube, Kind::Entry),
        ("youtube/playlist", json!({ "playlist": { "title": "t" } }), Platform::YouTube, Kind::Playlist),
        ("youtube/channel/section", json!({ "section": { "any": 1 } }), Platform::YouTube, Kind::Section),
    ];
    for (path, body, platform, kind) in &endpoints {
        let answer = push(&sandbox, path, body);
        let response = &answer.json()["response"];
        assert_eq!(
            (answer.status, &response["request"]["status"]["flag"]),
            (200, &json!("success")),
            "{path}"
        );
        let post = sandbox.posts().pop().unwrap();
        assert_eq!((post.platform, post.kind), (*platform, *kind), "{path}");
        let is_asynchronous = matches!(*path, "twitter/video" | "youtube/video");
        let id = if is_asynchronous { Value::Null } else { json!(post.id) };
        assert_eq!(response["result"]["data"]["post_id"], id, "{path}");
    }
    assert_eq!(sandbox.posts().len(), 20);
    assert_eq!(pull(&sandbox, "twitter/tweets.json?num_tweets=5")["tweets"][0]["message"], text);
    assert_eq!(pull(&sandbox, "facebook/page/44/posts.json")["posts"].as_array().unwrap().len(), 3);
    assert_eq!(
        pull(&sandbox, "facebook/page/44/posts.json?num_posts=2&page=2")["posts"].as_array().unwrap().len(),
        1
    );
    assert_eq!(pull(&sandbox, "youtube/videos.json")["videos"][0]["title"], "t");
    assert_eq!(pull(&sandbox, "pinterest/board/7/pins.json")["pins"][0]["description"], text);
}

#[test]
fn what_oneall_would_not_take_is_an_error_in_its_envelope() {
    let sandbox =
        start(Options { oneall_keys: Some(("public".into(), "private".into())), ..Options::default() });
    for (path, body) in [
        ("twitter/post", json!({})),
        ("twitter/post", json!({ "tweet": { "message": "m" } })),
        ("twitter/post", json!({ "post": { "message": "m", "text": "m" } })),
        ("twitter/post", json!({ "post": { "message": "" } })),
        ("twitter/post", json!({ "post": { "message": "m", "attachments": ["1", "2", "3", "4", "5"] } })),
        ("facebook/page/post", json!({ "page": { "id": "1" } })),
        ("linkedin/post", json!({ "post": { "message": "m" } })),
    ] {
        let answer = push(&sandbox, path, &body);
        assert_eq!(answer.status, 400, "{path} {body}");
        assert_eq!(answer.json()["response"]["request"]["status"]["flag"], "error");
    }
    assert_eq!(push(&sandbox, "myspace/post", &json!({ "post": {} })).status, 404);
    let path = "/push/identities/923843ec/twitter/post.json";
    let body = r#"{"request":{"push":{"post":{"message":"m"}}}}"#;
    let wrong = ("authorization", "Basic b3RoZXI6a2V5cw==");
    assert_eq!(ask(sandbox.addr(), "POST", path, &[wrong, JSON], body).unwrap().status, 401);
    assert_eq!(ask(sandbox.addr(), "POST", path, &[JSON], body).unwrap().status, 401);
    assert_eq!(ask(sandbox.addr(), "GET", path, &[KEYS], "").unwrap().status, 405);
    assert!(sandbox.posts().is_empty());
}

#[test]
fn a_duplicate_is_refused_by_the_platform_behind() {
    let sandbox = start(Options::default());
    let tweet = json!({ "post": { "message": "m" } });
    assert_eq!(push(&sandbox, "twitter/post", &tweet).status, 200);
    let again = push(&sandbox, "twitter/post", &tweet);
    assert_eq!((again.status, &again.json()["response"]["result"]["status"]["code"]), (200, &json!(403)));
    assert_eq!(sandbox.posts().len(), 1);
}

#[test]
fn faults_speak_as_oneall_does() {
    let sandbox = start(Options::default());
    sandbox.inject(Fault::new(Effect::StatusBefore(FaultAnswer::status(429))).path("/push/")).unwrap();
    let answer = push(&sandbox, "twitter/post", &json!({ "post": { "message": "m" } }));
    assert_eq!((answer.status, &answer.json()["response"]["request"]["status"]["code"]), (429, &json!(429)));
}
