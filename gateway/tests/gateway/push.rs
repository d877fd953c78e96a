//! The push surface, asked as OneAll's published client libraries ask: plain HTTP/1.1 with Basic credentials and
//! the type that their HTTP client sets for any POST, nothing of this gateway's own.
//!
//! Planted faults that these tests were seen to catch: the draft of a refused Send left behind, an outcome that
//! nobody knows answered as a refusal, a page that is not the account's let through, `post_location` left out, a
//! repeated request sent again, the keys not looked at.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, Caller, LISTENERS, Program, ask, configuration, plugins};

pub(crate) const TOKEN: &str = "923843ec-1749-4cc1-988f-d6963f3b1baa";
pub(crate) const PAGE: &str = "449156051903439";
pub(crate) const KEYS: (&str, &str) = ("demo-public-key", "demo-private-key");

/// What came back.
pub(crate) struct Pushed {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Pushed {
    pub(crate) fn info(&self) -> &str {
        self.body["response"]["request"]["status"]["info"].as_str().expect("words")
    }

    pub(crate) fn data(&self) -> &Value {
        &self.body["response"]["result"]["data"]
    }
}

/// A request in the form of the published libraries, on a connection of its own.
pub(crate) fn push_with(program: &Program, keys: (&str, &str), path: &str, more: &str, body: &str) -> Pushed {
    let authorization = Caller::basic(keys.0, keys.1).authorization().expect("credentials");
    let mut stream = TcpStream::connect(program.address()).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {authorization}\r\nUser-Agent: SDK\r\nAccept: */*\r\n\
         Content-Length: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n{more}\r\n{body}",
        program.address(),
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    Pushed { status, head: head.to_lowercase(), body }
}

pub(crate) fn push(program: &Program, endpoint: &str, root: &str, fields: &Value) -> Pushed {
    let body = json!({ "request": { "push": { root: fields } } }).to_string();
    let path = format!("/push/identities/{TOKEN}/{endpoint}.json");
    let pushed = push_with(program, KEYS, &path, "", &body);
    // Whatever it is, its form is the document's.
    let response = &pushed.body["response"];
    assert_eq!(response["request"]["resource"], path);
    assert_eq!(response["request"]["status"]["code"], pushed.status);
    let flag = if pushed.status < 300 { "success" } else { "error" };
    assert_eq!(response["request"]["status"]["flag"], flag, "{}", pushed.body);
    assert_eq!(response.get("result").is_some(), flag == "success", "{}", pushed.body);
    pushed
}

/// The sandbox of a demonstration.
pub(crate) fn sandbox(program: &Program) -> String {
    let (_, rest) = program.ready_line.split_once("sandbox on ").expect("a sandbox");
    rest.split('/').take(3).collect::<Vec<_>>().join("/")
}

pub(crate) fn posts(sandbox: &str) -> Vec<Value> {
    let answer = ask(&format!("{sandbox}/_sandbox/posts"), &Caller::nobody(), "GET", None);
    answer.json().as_array().cloned().expect("a list")
}

pub(crate) fn arm(sandbox: &str, fault: &Value) {
    let answer =
        ask(&format!("{sandbox}/_sandbox/faults"), &Caller::nobody(), "POST", Some(&fault.to_string()));
    assert_eq!(answer.status, 201, "{}", answer.text);
}

/// What is told of a push once it is settled.
pub(crate) fn settled(status_uri: &str, keys: &Caller, patience: Duration) -> Answer {
    let deadline = Instant::now() + patience;
    loop {
        let told = ask(status_uri, keys, "GET", None);
        if told.status != 202 {
            return told;
        }
        assert!(Instant::now() < deadline, "{}", told.text);
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The states of what the agent of the identity has on a channel.
pub(crate) fn open_states(program: &Program, collection: &str) -> Vec<String> {
    let listed = program.get(&program.log_in("a1"), &format!("/api/v2/me/{collection}?fields=*")).json();
    let member = if collection == "tweets" { "tweets" } else { collection };
    let listed = listed[member].as_array().cloned().expect("a list");
    listed.iter().map(|one| one["state"].as_str().expect("a state").to_owned()).collect()
}

/// A gateway with all five channels, which reach that sandbox, and one identity.
pub(crate) fn all_channels(sandbox: &str, more: &str) -> Program {
    Program::serve(all_channels_folder(sandbox, more))
}

pub(crate) fn all_channels_folder(sandbox: &str, more: &str) -> TempDir {
    let plugin = plugins().join("libstrowger_oneall.so");
    let folder = configuration(
        LISTENERS,
        &format!(
            r#"
[[channel]]
plugin = "{}"
[channel.config]
name = "channel-oneall"
base_url = "{sandbox}"
public_key = "public"
private_key = "private"
accounts = [
  {{ name = "brand", channel = "linkedin", identity_token = "t-1" }},
  {{ name = "company", channel = "linkedin", identity_token = "t-1", company = "1234" }},
  {{ name = "brand", channel = "pinterest", identity_token = "t-1" }},
  {{ name = "brand", channel = "youtube", identity_token = "t-1" }},
]

[push]
public_key = "{}"
private_key = "{}"
{more}
[[push.identity]]
token = "{TOKEN}"
agent = "a1"
queue = "/queues/social"
accounts = {{ twitter = "vitaliy_onv", facebook = "vitaliy_onv", linkedin = "brand", pinterest = "brand", youtube = "brand" }}

[[push.identity]]
token = "company"
agent = "a1"
queue = "/queues/social"
accounts = {{ linkedin = "company" }}
"#,
            plugin.display(),
            KEYS.0,
            KEYS.1
        ),
    );
    for channel in ["twitter", "facebook"] {
        let file = folder.path().join(format!("{channel}.json"));
        let config = fs::read_to_string(&file).expect("a configuration");
        let config = config.replace("http://127.0.0.1:9", sandbox);
        // An answer that was lost is looked for soon.
        let config = config.replace("\"user_id\"", "\"settle_ms\": 100, \"user_id\"");
        fs::write(&file, config).expect("written");
    }
    folder
}

#[test]
fn the_published_request_gets_the_published_answer() {
    let program = Program::demo();
    let fields = json!({ "message": "Hello World!", "location": "Paris FRANCE",
                         "attachments": ["910890718352281600"] });
    let pushed = push(&program, "twitter/post", "post", &fields);
    assert_eq!(pushed.status, 200, "{}", pushed.body);
    let date = pushed.body["response"]["request"]["date"].as_str().expect("a date");
    // As `Thu, 21 Sep 2017 15:56:59 +0000`.
    let parts: Vec<_> = date.split(' ').collect();
    assert_eq!((parts.len(), date.len(), parts[0].len(), parts[5]), (6, 31, 4, "+0000"), "{date}");
    let made = posts(&sandbox(&program));
    let made = made.last().expect("a post");
    assert_eq!(made["text"], "Hello World!");
    let id = made["id"].as_str().expect("an id");
    let expected = json!({ "response": {
        "request": { "date": date, "resource": format!("/push/identities/{TOKEN}/twitter/post.json"),
                     "status": { "flag": "success", "code": 200,
                                 "info": "Your request has been processed successfully" } },
        "result": { "data": { "provider": "twitter", "object": "post", "post_id": id,
                              "post_location": format!("https://x.com/vitaliy_onv/status/{id}") } } } });
    assert_eq!(pushed.body, expected);
}

#[test]
fn each_of_the_twenty_endpoints_is_served_or_refused_before_anything_is_created() {
    let demo = Program::demo();
    let sandbox = sandbox(&demo);
    let program = all_channels(&sandbox, "wait_ms = 10000");
    let address = "https://example.org/a";
    let picture = json!({ "url": address, "description": "A cat" });
    let group = |more: Value| {
        let mut fields = json!({ "id": "77" });
        fields.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        fields
    };
    let page = |more: Value| {
        let mut fields = group(more);
        fields["id"] = json!(PAGE);
        fields
    };
    // The endpoint, its root, the fields; the status; and of a refusal its words, else the text that was
    // published.
    let rows = [
        ("facebook/post", "post", json!({ "message": "m" }), 403, "pages"),
        ("facebook/picture", "picture", picture.clone(), 403, "pages"),
        ("facebook/video", "video", picture.clone(), 403, "pages"),
        ("facebook/group/post", "group", group(json!({ "message": "m" })), 403, "removed its Groups API"),
        ("facebook/group/picture", "group", group(picture.clone()), 403, "removed its Groups API"),
        ("facebook/group/video", "group", group(picture.clone()), 403, "removed its Groups API"),
        (
            "facebook/page/post",
            "page",
            page(json!({ "message": "On the page", "link": address })),
            200,
            "On the page",
        ),
        ("facebook/page/picture", "page", page(picture.clone()), 200, "A cat"),
        (
            "facebook/page/video",
            "page",
            page(json!({ "url": address, "description": "A dog" })),
            200,
            "A dog",
        ),
        ("linkedin/post", "post", json!({ "link": address, "message": "In a link" }), 200, "In a link"),
        ("linkedin/company/post", "post", json!({ "company": "9", "link": address }), 403, "`company`"),
        (
            "pinterest/board/b1/pin",
            "pin",
            json!({ "board": "b1", "description": "A pin", "picture": address }),
            200,
            "A pin",
        ),
        ("pinterest/board", "board", json!({ "name": "Boards", "description": "A board" }), 200, "A board"),
        ("twitter/post", "post", json!({ "message": "A tweet" }), 200, "A tweet"),
        ("twitter/picture", "picture", picture.clone(), 400, "does not fetch"),
        ("twitter/video", "video", json!({ "video_url": address }), 400, "does not fetch"),
        // Asynchronous there too: it is looked up in a list until it shows.
        ("youtube/video", "video", json!({ "video_url": address, "title": "A film" }), 202, "A film"),
        ("youtube/playlist/p1/video", "video", json!({ "id": "v1" }), 200, ""),
        ("youtube/playlist", "playlist", json!({ "title": "A list" }), 200, "A list"),
        ("youtube/channel/section", "section", json!({ "type": "popular" }), 200, ""),
    ];
    assert_eq!(rows.len(), 20);
    for (endpoint, root, fields, status, words) in rows {
        let before = posts(&sandbox);
        let pushed = push(&program, endpoint, root, &fields);
        let may_be = if status == 202 { vec![200, 202] } else { vec![status] };
        assert!(may_be.contains(&pushed.status), "{endpoint}: {}", pushed.body);
        if status == 200 || status == 202 {
            // A picture is there before the post that shows it, and has no text.
            let made = posts(&sandbox);
            let made = made.iter().filter(|post| !before.contains(post));
            let made = made.filter(|post| post["text"].as_str().is_some_and(|text| text.contains(words)));
            assert_eq!(made.count(), 1, "{endpoint}: it is published once");
            assert_eq!(pushed.data()["provider"], endpoint.split('/').next().expect("a provider"));
            assert_eq!(pushed.data()["object"], root);
        }
        if pushed.status == 200 {
            assert!(pushed.data()["post_id"].as_str().is_some_and(|id| !id.is_empty()), "{}", pushed.body);
            assert!(pushed.data().get("post_location").is_some(), "{}", pushed.body);
        }
        if status >= 400 {
            assert!(pushed.info().contains(words), "{endpoint}: {}", pushed.info());
            assert_eq!(posts(&sandbox).len(), before.len(), "{endpoint}");
        }
    }
    for collection in ["tweets", "facebook", "linkedin", "pinterest"] {
        assert_eq!(open_states(&program, collection), [""; 0], "{collection}: nothing is left behind");
    }
    // An account of a company posts for it, and for nobody else.
    let body = |fields: Value| json!({ "request": { "push": { "post": fields } } }).to_string();
    let company = |path: &str, fields: Value| {
        push_with(
            &program,
            KEYS,
            &format!("/push/identities/company/linkedin/{path}.json"),
            "",
            &body(fields),
        )
        .status
    };
    assert_eq!(company("company/post", json!({ "company": "1234", "link": address, "message": "c" })), 200);
    assert_eq!(company("company/post", json!({ "company": "1235", "link": address, "message": "c" })), 403);
    assert_eq!(company("post", json!({ "link": address, "message": "d" })), 403);
}

#[test]
fn what_is_wrong_is_refused_in_the_documents_form() {
    let program = Program::demo();
    let sandbox = sandbox(&program);
    let before = posts(&sandbox);
    let drafts = open_states(&program, "tweets");
    for (endpoint, root, fields, status, words) in [
        ("twitter/post", "post", json!({}), 400, "`message`"),
        ("twitter/post", "post", json!({ "message": "m", "link": "https://x.org" }), 400, "`link`"),
        ("twitter/post", "post", json!({ "message": 7 }), 400, "`message`"),
        ("twitter/post", "page", json!({ "message": "m" }), 400, "`post`"),
        ("twitter/post", "post", json!({ "message": "x".repeat(300) }), 400, "280"),
        ("twitter/post", "post", json!({ "message": "m", "location": "Atlantis" }), 400, "`location`"),
        (
            "twitter/video",
            "video",
            json!({ "video_url": "https://x.org/v", "callback_url": "https://x.org" }),
            400,
            "`callback_url`",
        ),
        ("twitter/thread", "post", json!({ "message": "m" }), 404, "resource"),
        ("linkedin/post", "post", json!({ "link": "https://x.org" }), 404, "linkedin"),
        ("facebook/page/post", "page", json!({ "id": "1", "message": "m" }), 403, "`id`"),
        (
            "facebook/page/picture",
            "page",
            json!({ "id": PAGE, "url": "https://x.org/p" }),
            400,
            "`description`",
        ),
    ] {
        let pushed = push(&program, endpoint, root, &fields);
        assert_eq!(pushed.status, status, "{endpoint} {fields}: {}", pushed.body);
        assert!(pushed.info().contains(words), "{endpoint} {fields}: {}", pushed.info());
    }
    let path = format!("/push/identities/{TOKEN}/twitter/post.json");
    let body = r#"{"request":{"push":{"post":{"message":"m"}}}}"#;
    for keys in
        [("demo-public-key", "wrong"), ("a1", "a1"), ("", "demo-private-key"), ("demo-public-key", "")]
    {
        let pushed = push_with(&program, keys, &path, "", body);
        assert_eq!(pushed.status, 401, "{keys:?}");
        assert!(pushed.head.contains("www-authenticate: basic"), "{}", pushed.head);
        assert_eq!(pushed.body["response"]["request"]["status"]["flag"], "error");
    }
    let elsewhere = push_with(&program, KEYS, "/push/identities/other/twitter/post.json", "", body);
    assert_eq!(elsewhere.status, 404);
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(300 << 10));
    assert_eq!(push_with(&program, KEYS, &path, "", &long).status, 413);
    assert_eq!(posts(&sandbox), before, "nothing was published");
    assert_eq!(open_states(&program, "tweets"), drafts, "and no draft is left");
}

#[test]
fn what_the_platform_refuses_is_refused_in_its_words_and_leaves_no_draft() {
    let program = Program::demo();
    let sandbox = sandbox(&program);
    let drafts = open_states(&program, "tweets");
    let fields = json!({ "message": "Twice" });
    assert_eq!(push(&program, "twitter/post", "post", &fields).status, 200);
    let again = push(&program, "twitter/post", "post", &fields);
    assert!((400..500).contains(&again.status), "{}", again.body);
    assert!(again.info().contains("duplicate"), "{}", again.info());
    assert_eq!(open_states(&program, "tweets"), drafts);
    assert_eq!(posts(&sandbox).iter().filter(|post| post["text"] == "Twice").count(), 1);
}

#[test]
fn what_is_not_settled_in_time_is_answered_with_its_address_and_goes_on() {
    let demo = Program::demo();
    let sandbox = sandbox(&demo);
    let program = all_channels(&sandbox, "wait_ms = 400");
    // Performed, and its answer lost: it is looked for, which takes longer than is waited.
    arm(&sandbox, &json!({ "method": "POST", "path": "/2/tweets", "fault": "close-after" }));
    arm(&sandbox, &json!({ "method": "GET", "path": "/2/users/", "fault": "slow", "ms": 2000 }));
    let begun = Instant::now();
    let pushed = push(&program, "twitter/post", "post", &json!({ "message": "Lost" }));
    assert_eq!(pushed.status, 202, "{}", pushed.body);
    assert!(begun.elapsed() < Duration::from_secs(5));
    let uri = pushed.data()["uri"].as_str().expect("an address");
    let status_uri = pushed.data()["status_uri"].as_str().expect("an address");
    assert!(pushed.head.contains(&format!("location: {}\r\n", status_uri.to_lowercase())), "{}", pushed.head);
    assert_eq!(pushed.data()["post_id"], Value::Null);
    // It is found, and nothing is published again.
    let keys = Caller::basic(KEYS.0, KEYS.1);
    let told = ask(status_uri, &keys, "GET", None);
    assert_eq!(
        (told.status, &told.json()["response"]["result"]["data"]["status_uri"]),
        (202, &json!(status_uri))
    );
    let told = settled(status_uri, &keys, Duration::from_secs(30));
    let made = posts(&sandbox);
    let made = made.iter().find(|post| post["text"] == "Lost").expect("a post");
    let data = json!({ "provider": "twitter", "object": "post", "post_id": made["id"],
                       "post_location": format!("https://x.com/vitaliy_onv/status/{}", made["id"].as_str().expect("an id")) });
    assert_eq!((told.status, &told.json()["response"]["result"]["data"]), (200, &data), "{}", told.text);
    let a1 = program.log_in("a1");
    assert_eq!(ask(uri, &a1, "GET", None).json()["twitter"]["state"], "Completed");
    // Who has no keys is told nothing, and the keys open nothing else.
    assert_eq!(ask(status_uri, &Caller::nobody(), "GET", None).status, 401);
    assert_eq!(ask(status_uri, &Caller::basic("a1", "a1"), "GET", None).status, 401);
    assert_eq!(ask(uri, &keys, "GET", None).status, 401);
    assert_eq!(posts(&sandbox).iter().filter(|post| post["text"] == "Lost").count(), 1);
}

#[test]
fn what_nobody_can_tell_is_no_refusal_and_stays_with_its_agent() {
    let demo = Program::demo();
    let sandbox = sandbox(&demo);
    let program = all_channels(&sandbox, "wait_ms = 20000");
    // Performed, its answer lost, and the timeline can't be read.
    arm(&sandbox, &json!({ "method": "POST", "path": "/2/tweets", "fault": "close-after" }));
    arm(
        &sandbox,
        &json!({ "method": "GET", "path": "/2/users/", "fault": "status-before", "status": 403,
                           "times": 100 }),
    );
    let pushed = push(&program, "twitter/post", "post", &json!({ "message": "Perhaps" }));
    assert_eq!(pushed.status, 202, "{}", pushed.body);
    assert!(pushed.info().contains("Nobody can tell"), "{}", pushed.info());
    assert_eq!(open_states(&program, "tweets"), ["Composing"], "its agent decides");
    assert_eq!(posts(&sandbox).iter().filter(|post| post["text"] == "Perhaps").count(), 1);
}

#[test]
fn a_full_outbox_is_a_503_that_may_be_repeated() {
    // Nobody listens at the platform's address: what is sent stays on its way.
    let folder = all_channels_folder("http://127.0.0.1:9", "wait_ms = 100");
    let file = folder.path().join("gateway.toml");
    let text = fs::read_to_string(&file).expect("a configuration");
    fs::write(&file, format!("[engine.limits]\noutbox = 2\n{text}")).expect("written");
    let program = Program::serve(folder);
    let send = |message: &str| push(&program, "twitter/post", "post", &json!({ "message": message }));
    assert_eq!(send("1").status, 202);
    assert_eq!(send("2").status, 202);
    let full = send("3");
    assert_eq!(full.status, 503, "{}", full.body);
    assert!(full.head.contains("retry-after: "), "{}", full.head);
    assert_eq!(open_states(&program, "tweets"), ["Sent", "Sent"], "its draft was taken back");
}

#[test]
fn a_request_that_names_itself_may_be_repeated() {
    let program = Program::demo();
    let sandbox = sandbox(&program);
    let path = format!("/push/identities/{TOKEN}/twitter/post.json");
    let body = r#"{"request":{"push":{"post":{"message":"Once"}}}}"#;
    let named = |key: &str, body: &str| {
        push_with(&program, KEYS, &path, &format!("Idempotency-Key: {key}\r\n"), body)
    };
    let at_once: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..4).map(|_| scope.spawn(|| named("k1", body))).collect();
        asking.into_iter().map(|asked| asked.join().expect("an answer")).collect()
    });
    let first = at_once[0].data()["post_id"].clone();
    assert!(first.is_string(), "{}", at_once[0].body);
    for pushed in &at_once {
        assert_eq!((pushed.status, &pushed.data()["post_id"]), (200, &first), "{}", pushed.body);
    }
    let other = named("k1", r#"{"request":{"push":{"post":{"message":"Other"}}}}"#);
    assert_eq!(other.status, 409, "{}", other.body);
    assert_eq!(named("", body).status, 400);
    let texts: Vec<_> = posts(&sandbox).iter().map(|post| post["text"].clone()).collect();
    assert_eq!(texts.iter().filter(|text| **text == "Once").count(), 1);
    assert!(!texts.contains(&json!("Other")));
}

#[test]
fn a_restarted_gateway_does_not_send_again_what_named_itself() {
    let demo = Program::demo();
    let sandbox = sandbox(&demo);
    let folder = all_channels_folder(&sandbox, "");
    let file = folder.path().join("gateway.toml");
    let text = fs::read_to_string(&file).expect("a configuration");
    fs::write(&file, format!("[engine.store]\nkind = \"sqlite\"\npath = \"kept.db\"\n{text}"))
        .expect("written");
    let path = format!("/push/identities/{TOKEN}/twitter/post.json");
    let body = r#"{"request":{"push":{"post":{"message":"Kept"}}}}"#;
    let named = |program: &Program| push_with(program, KEYS, &path, "Idempotency-Key: k1\r\n", body);
    let mut program = Program::serve_in(folder.path());
    assert_eq!(named(&program).status, 200);
    program.signal(rustix::process::Signal::TERM);
    assert_eq!(program.wait(Duration::from_secs(20)), Some(0));
    let program = Program::serve_in(folder.path());
    let again = named(&program);
    assert_eq!(again.status, 409, "{}", again.body);
    assert!(again.info().contains("Idempotency-Key"), "{}", again.info());
    assert_eq!(posts(&sandbox).iter().filter(|post| post["text"] == "Kept").count(), 1);
    assert_eq!(open_states(&program, "tweets"), [""; 0]);
}
