//! From a webhook call of Facebook to an answer on the page: an engine, the Facebook plugin from its library, a
//! sandbox.
//!
//! Planted faults: a plugin that takes the page's own comment for a visitor's, or an engine that forgets external
//! ids, makes interactions here that are counted; one that skips the signature stores the forged comment.

#[path = "common/built.rs"]
mod built;
mod common;
#[path = "common/twitter.rs"]
mod twitter;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use strowger::channel::{WebhookReply, WebhookRequest};
use strowger::{API_MULTIMEDIA, Agent, Config, Engine};
use strowger_loader::{Options, Plugin};
use strowger_sandbox::{Effect, Fault, Kind, Sandbox};

use twitter::Impatient;

const PAGE: &str = "449156051903439";
const SECRET: &str = "s3cret-app";
const QUEUE: &str = "/queues/facebook-in";

struct World {
    sandbox: Sandbox,
    engine: Engine,
    agent: Agent,
    _directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        // A token that is the page's: what it writes is shown as the page's own.
        let facebook_accounts = [("s3cret-page".to_owned(), PAGE.to_owned())].into();
        let options = strowger_sandbox::Options { facebook_accounts, ..Default::default() };
        let sandbox = Sandbox::start("127.0.0.1:0".parse().expect("an address"), options).expect("a sandbox");
        let directory = tempfile::tempdir().expect("a directory");
        let library = built::built("strowger-facebook-plugin", "libstrowger_facebook.so");
        let library = built::installed(&library, directory.path());
        let config = json!({ "name": "channel-facebook", "base_url": format!("http://{}", sandbox.addr()),
            "accounts": [{ "name": "cloud", "page_id": PAGE, "page_name": "Cloud", "settle_ms": 0,
                "auth": { "access_token": "s3cret-page", "app_secret": SECRET },
                "webhook": { "queue_path": QUEUE, "verify_token": "s3cret-verify" } }] });
        let options = Options { clock: Arc::new(Impatient), ..Options::default() };
        let channel = Plugin::load(&library, &config.to_string(), &options).expect("the plugin loads");
        let engine = Engine::open(&Config { name: "host".into(), ..Config::default() }).expect("an engine");
        engine.add_channel(Arc::new(channel)).expect("a channel");
        let agent = engine.agent("a1", &[API_MULTIMEDIA]).expect("an agent");
        Self { sandbox, engine, agent, _directory: directory }
    }

    fn call(&self, method: &str, query: &str, signature: &str, body: &str) -> WebhookReply {
        let request = WebhookRequest {
            method: method.into(),
            path: "/hooks/facebook".into(),
            query: query.into(),
            headers: vec![("x-hub-signature-256".into(), signature.into())],
        };
        self.engine.ingest("facebook", &request, body.as_bytes()).expect("the plugin answers")
    }

    /// A call that is signed as the platform signs.
    fn report(&self, event: &Value) {
        let body = json!({ "object": "page", "entry": [event] }).to_string();
        assert_eq!(self.call("POST", "", &signature(SECRET, &body), &body).status, 200);
    }

    fn waiting(&self) -> usize {
        self.engine.queue(QUEUE).expect("a queue").len()
    }

    fn perform(&self, id: &str, request: &Value) {
        let reply =
            self.agent.perform("facebook", Some(id), request.to_string().as_bytes()).expect("a reply");
        assert_eq!(reply.http_status(), 200, "{}", reply.to_json());
    }

    fn resource(&self, id: &str) -> Value {
        let resource = self.agent.read("facebook", id).expect("an answer").expect("it is there");
        serde_json::from_str(&resource).expect("JSON")
    }

    /// An agent takes what waits, and writes an answer. Returns the inbound interaction and the answer's id.
    fn answer_next(&self, text: &str) -> (Value, String) {
        let notes = self.agent.subscribe("/v2/me/facebook").expect("a subscription");
        let id = self.engine.queue_next(QUEUE).expect("a queue").expect("one that waits").to_string();
        self.engine.offer(&id, "a1").expect("offered");
        self.perform(&id, &json!({ "operationName": "Accept" }));
        self.perform(&id, &json!({ "operationName": "Reply", "queuePath": "/queues/out" }));
        let draft = loop {
            let note = notes.next(Duration::from_secs(5)).expect("the draft is told");
            let note: Value = serde_json::from_str(&note.to_json()).expect("JSON");
            let resource = &note["data"]["facebook"];
            if resource["state"] == "Composing" {
                break resource["id"].as_str().expect("an id").to_owned();
            }
        };
        let facebook = json!({ "from": "cloud", "message": text });
        self.perform(
            &draft,
            &json!({ "operationName": "Send", "queuePath": "/queues/out", "facebook": facebook }),
        );
        (self.resource(&id), draft)
    }
}

fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(body.as_bytes());
    let mut text = String::from("sha256=");
    for byte in mac.finalize().into_bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn comment(id: &str, author: &str, text: &str) -> Value {
    json!({ "id": PAGE, "time": 1, "changes": [{ "field": "feed", "value": {
        "from": { "id": author, "name": "Ann" }, "item": "comment", "verb": "add", "comment_id": id,
        "post_id": format!("{PAGE}_5"), "parent_id": format!("{PAGE}_5"), "created_time": 1_425_299_174,
        "message": text } }] })
}

fn message(id: &str, sender: &str, recipient: &str, is_echo: bool) -> Value {
    json!({ "id": PAGE, "messaging": [{ "sender": { "id": sender }, "recipient": { "id": recipient },
        "timestamp": 1_425_299_174_250_i64, "message": { "mid": id, "text": "hello", "is_echo": is_echo } }] })
}

#[test]
fn the_platform_is_believed_only_if_it_proves_itself() {
    let world = World::new();
    let query = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=";
    let answer = world.call("GET", &format!("{query}s3cret-verify"), "", "");
    assert_eq!((answer.status, answer.body.as_str()), (200, "1158201444"));
    assert_eq!(world.call("GET", &format!("{query}guess"), "", "").status, 403);

    let body = json!({ "object": "page", "entry": [comment("5_6", "7", "Hi")] }).to_string();
    let other = format!("{body} ");
    for forged in ["", "sha256=00", &signature("guess", &body), &signature(SECRET, &other)] {
        assert_eq!(world.call("POST", "", forged, &body).status, 403, "{forged}");
    }
    assert_eq!(world.waiting(), 0, "nothing of it was stored");
}

#[test]
fn what_visitors_write_comes_in_once_and_is_answered_where_it_was_written() {
    let world = World::new();
    for _ in 0..2 {
        world.report(&comment("5_6", "7", "The tea is cold"));
    }
    assert_eq!(world.waiting(), 1, "said twice, it is one interaction");
    let (inbound, draft) = world.answer_next("Sorry! Here is another.");
    assert_eq!((&inbound["state"], &inbound["message"]), (&json!("Processing"), &json!("The tea is cold")));
    for (key, value) in [
        ("_facebookPostId", format!("{PAGE}_5").as_str()),
        ("_facebookMessageText", "The tea is cold"),
        ("_facebookCommentId", "5_6"),
        ("_facebookSourceId", PAGE),
        ("_facebookActorId", "7"),
        ("_facebookActorNickName", "Ann"),
        ("_facebookItxType", "comment"),
    ] {
        assert_eq!(inbound["userData"][key], value, "{key}");
    }
    world.engine.deliver(1, Duration::from_secs(10)).expect("delivered");
    let done = world.resource(&draft);
    let posts = world.sandbox.posts();
    let [posted] = posts.as_slice() else { panic!("{posts:?}") };
    assert_eq!((posted.kind, posted.object.as_deref()), (Kind::Comment, Some("5_6")));
    assert_eq!(
        (&done["state"], &done["userData"]["_deliveryPostId"]),
        (&json!("Completed"), &json!(posted.id))
    );

    // Its echo, and the first report once more, make nothing.
    world.report(&comment(&posted.id, PAGE, &posted.text));
    world.report(&comment("5_6", "7", "The tea is cold"));
    assert_eq!(world.waiting(), 0);

    // A message is answered with a message.
    world.report(&message("m_1", "7", PAGE, false));
    world.answer_next("It left this morning.");
    world.engine.deliver(1, Duration::from_secs(10)).expect("delivered");
    let posts = world.sandbox.posts();
    assert_eq!((posts[1].kind, posts[1].object.as_deref()), (Kind::Message, Some("7")));
    world.report(&message(&posts[1].id, PAGE, "7", true));
    assert_eq!(world.waiting(), 0);
}

/// The platform reports our comment while its own answer to it was lost: that is no visitor's, and the look back
/// finds it.
#[test]
fn an_echo_of_what_is_in_doubt_makes_no_interaction_and_the_comment_is_found() {
    let world = World::new();
    world.report(&comment("5_6", "7", "The tea is cold"));
    let (_, draft) = world.answer_next("Sorry! Here is another.");
    world.sandbox.inject(Fault::new(Effect::CloseAfter).method("POST")).expect("a fault");
    world.engine.deliver(1, Duration::ZERO).expect("delivered");
    let posted = world.sandbox.posts()[0].clone();
    assert_eq!(world.resource(&draft)["state"], "Sent", "nobody knows yet");
    world.report(&comment(&posted.id, PAGE, &posted.text));
    assert_eq!(world.waiting(), 0);
    for _ in 0..5 {
        world.engine.deliver(1, Duration::from_secs(2)).expect("delivered");
        if world.resource(&draft)["state"] == "Completed" {
            break;
        }
    }
    let done = world.resource(&draft);
    assert_eq!(
        (&done["state"], &done["userData"]["_deliveryPostId"]),
        (&json!("Completed"), &json!(posted.id))
    );
    assert_eq!(world.sandbox.posts().len(), 1);
}
