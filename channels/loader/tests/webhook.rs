//! From a webhook call of X to an answer on X: an engine, the Twitter plugin from its library, a sandbox. The
//! signatures of the first test's calls were made with another implementation.
//!
//! Planted faults: a plugin that takes the account's own post for a customer's makes an interaction here; an engine
//! that sends again what is in doubt makes a second post.

mod common;
#[path = "common/desk.rs"]
mod desk;
#[path = "common/twitter.rs"]
mod twitter;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use strowger::channel::{WebhookReply, WebhookRequest};
use strowger::{API_MULTIMEDIA, Agent, Config, Engine};
use strowger_sandbox::{Effect, Fault, Kind};

use desk::Desk;
use twitter::{USER, account, load, sandbox};

const MENTION: &str = r#"{"for_user_id":"1258948171","tweet_create_events":[{"id_str":"63493545","text":"@brand the tea is cold","user":{"id_str":"77","name":"Oleg","screen_name":"oleg"}}]}"#;
const MENTION_SIGNATURE: &str = "sha256=9YWn51Uq7h75ICKSwA6XfBIJXc4EbRl0x3Sk2CawmGg=";
const MESSAGE: &str = r#"{"for_user_id":"1258948171","direct_message_events":[{"type":"message_create","id":"63493546","created_timestamp":"1516403560557","message_create":{"target":{"recipient_id":"1258948171"},"sender_id":"77","message_data":{"text":"my order is 4711"}}}],"users":{"77":{"id":"77","name":"Oleg","screen_name":"oleg"}}}"#;
const MESSAGE_SIGNATURE: &str = "sha256=fwPdvyoQtZj6ZeoGHjtCPsWku4kspB3JIaq8avKodwo=";
const QUEUE: &str = "/queues/twitter-in";

fn call(engine: &Engine, method: &str, query: &str, signature: &str, body: &str) -> WebhookReply {
    let request = WebhookRequest {
        method: method.into(),
        path: "/hooks/x".into(),
        query: query.into(),
        headers: vec![("x-twitter-webhooks-signature".into(), signature.into())],
    };
    engine.ingest("twitter", &request, body.as_bytes()).expect("the plugin answers")
}

fn perform(agent: &Agent, id: &str, request: &Value) {
    let reply = agent.perform("twitter", Some(id), request.to_string().as_bytes()).expect("a reply");
    assert_eq!(reply.http_status(), 200, "{}", reply.to_json());
}

/// An agent takes what waits, answers it, and it is delivered.
fn answer_next(engine: &Engine, agent: &Agent, text: &str) {
    let notes = agent.subscribe("/v2/me/twitter").expect("a subscription");
    let id = engine.queue_next(QUEUE).expect("a queue").expect("one that waits").to_string();
    engine.offer(&id, "a1").expect("offered");
    perform(agent, &id, &json!({ "operationName": "Accept" }));
    perform(agent, &id, &json!({ "operationName": "Reply", "queuePath": "/queues/out" }));
    let draft = loop {
        let note = notes.next(Duration::from_secs(5)).expect("the draft is told");
        let note: Value = serde_json::from_str(&note.to_json()).expect("JSON");
        let resource = &note["data"]["twitter"];
        if resource["state"] == "Composing" {
            break resource["id"].as_str().expect("an id").to_owned();
        }
    };
    let twitter = json!({ "from": "brand", "message": text });
    perform(
        agent,
        &draft,
        &json!({ "operationName": "Send", "queuePath": "/queues/out", "twitter": twitter }),
    );
    engine.deliver(1, Duration::from_secs(10)).expect("delivered");
}

#[test]
fn what_customers_write_comes_in_once_and_is_answered_where_it_was_written() {
    let sandbox = sandbox();
    let mut account = account();
    account["webhook"] = json!({ "secret": "s3cret-webhook", "queue": QUEUE });
    let engine = Engine::open(&Config { name: "host".into(), ..Config::default() }).expect("an engine");
    engine.add_channel(Arc::new(load(&sandbox, &account, Duration::from_secs(10), None))).expect("a channel");
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).expect("an agent");

    let challenge = call(&engine, "GET", "crc_token=challenge", "", "");
    assert_eq!(challenge.body, r#"{"response_token":"sha256=+xtC8pT5xsnhhzPvMkFvYORoRo+uwJd66z27ImvbMgA="}"#);
    assert_eq!(call(&engine, "POST", "", MESSAGE_SIGNATURE, MENTION).status, 403);
    assert!(engine.queue(QUEUE).expect("a queue").is_empty());

    for _ in 0..2 {
        assert_eq!(call(&engine, "POST", "", MENTION_SIGNATURE, MENTION).status, 200);
    }
    assert_eq!(engine.queue(QUEUE).expect("a queue").len(), 1, "said twice, it is one interaction");
    answer_next(&engine, &agent, "Sorry! Here is another.");
    assert_eq!(call(&engine, "POST", "", MESSAGE_SIGNATURE, MESSAGE).status, 200);
    answer_next(&engine, &agent, "It left this morning.");

    let posts = sandbox.posts();
    let [reply, message] = posts.as_slice() else { panic!("{posts:?}") };
    assert_eq!((reply.kind, reply.in_reply_to.as_deref()), (Kind::Reply, Some("63493545")));
    assert_eq!((message.kind, message.object.as_deref()), (Kind::Message, Some("77")));
}

/// X reports our own post while its answer to us was lost: that is no customer's, and the look back finds it.
#[test]
fn an_echo_of_what_is_in_doubt_makes_no_interaction_and_the_post_is_found() {
    let sandbox = sandbox();
    let mut account = account();
    account["webhook"] = json!({ "secret": "s3cret-webhook", "queue": QUEUE });
    let desk = Desk::with(load(&sandbox, &account, Duration::from_secs(10), None));
    let id = desk.send("twitter", &json!({ "from": "brand", "message": "We are open today" }));
    sandbox.inject(Fault::new(Effect::CloseAfter).method("POST").path("/2/tweets")).expect("a fault");
    desk.engine.deliver(1, Duration::ZERO).expect("delivered");
    let posted = sandbox.posts()[0].clone();
    assert_eq!(desk.resource("twitter", &id)["state"], "Sent", "nobody knows yet");

    let report = |author: &str, post: &str| {
        let event = json!({ "id_str": post, "text": posted.text,
                            "user": { "id_str": author, "name": "N", "screen_name": "n" } });
        let body = json!({ "for_user_id": USER, "tweet_create_events": [event] }).to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"s3cret-webhook").expect("any length");
        mac.update(body.as_bytes());
        let signature = format!("sha256={}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(call(&desk.engine, "POST", "", &signature, &body).status, 200);
        desk.engine.queue(QUEUE).expect("a queue").len()
    };
    assert_eq!(report(USER, &posted.id), 0, "our own post");
    let done = desk.deliver_until("twitter", &id, "Completed", 5);
    assert_eq!(
        (&done["state"], &done["userData"]["_deliveryPostId"]),
        (&json!("Completed"), &json!(posted.id))
    );
    assert_eq!(report(USER, &posted.id), 0, "said again after it was found");
    assert_eq!(sandbox.posts().len(), 1);
    assert_eq!(report("77", "63493545"), 1, "the same words of somebody else are theirs");
}
