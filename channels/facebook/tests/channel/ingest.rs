use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use strowger_channel::testing::TestHost;
use strowger_channel::{Plugin, WebhookAnswer, WebhookRequest};
use strowger_facebook::Facebook;

use crate::{NOW_MS, SECRETS, sample};

const PAGE: &str = "449156051903439";
const VERIFY: &str = "verify-s3cret";

fn ingest(request: &WebhookRequest, body: &[u8]) -> WebhookAnswer {
    let mut config = sample();
    config["accounts"][0]["webhook"] = json!({ "queue_path": "/queues/social", "verify_token": VERIFY });
    let mut other = config["accounts"][0].clone();
    other["name"] = json!("other");
    other["page_id"] = json!("77");
    other["webhook"] = json!({ "queue_path": "/queues/other", "secret": "another" });
    config["accounts"].as_array_mut().expect("an array").push(other);
    let plugin = Facebook::create(TestHost::at(NOW_MS).host(), &config.to_string()).expect("it is right");
    let answer = Facebook::INGEST.expect("webhooks are read")(&plugin, request, body);
    let seen = format!("{answer:?}{plugin:?}");
    assert!(![SECRETS[0], SECRETS[1], VERIFY].iter().any(|secret| seen.contains(secret)), "{seen}");
    answer
}

fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(body);
    let mut text = String::from("sha256=");
    for byte in mac.finalize().into_bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn post(signature: &str) -> WebhookRequest {
    WebhookRequest {
        method: "POST".into(),
        path: "/webhooks/facebook".into(),
        query: String::new(),
        headers: vec![("X-Hub-Signature-256".into(), signature.into())],
    }
}

/// What a signed body of these entries brings in.
fn inbound(entries: &Value) -> Vec<Value> {
    let body = json!({ "object": "page", "entry": entries }).to_string();
    let answer = ingest(&post(&signature(SECRETS[1], body.as_bytes())), body.as_bytes());
    assert_eq!(answer.answer.status, 200);
    answer.inbound
}

fn change(value: Value) -> Value {
    let mut all = json!({
        "from": { "id": "1010", "name": "Ann" }, "item": "comment", "verb": "add", "post_id": "449156051903439_5",
        "comment_id": "5_6", "parent_id": "449156051903439_5", "created_time": 1_425_299_174, "message": "Hi <3",
    });
    let Value::Object(value) = value else { panic!("an object") };
    all.as_object_mut().expect("an object").extend(value);
    json!([{ "id": PAGE, "time": 1, "changes": [{ "field": "feed", "value": all }] }])
}

#[test]
fn a_comment_comes_in_with_the_keys_of_the_reference() {
    assert_eq!(
        inbound(&change(json!({}))),
        [json!({
            "channel": "facebook", "from": "Ann", "message": "Hi <3", "queuePath": "/queues/social",
            "externalId": "5_6", "account": "vitaliy_onv",
            "userData": {
                "_facebookItxType": "comment", "_facebookMessageText": "Hi <3", "_facebookSourceId": PAGE,
                "_facebookSourceNickName": "Cloud App HTCC", "_facebookActorId": "1010",
                "_facebookActorNickName": "Ann", "_umsChannel": "channel-facebook", "_umsMediaType": "facebook",
                "_umsMediaAccount": PAGE, "_facebookPostId": "449156051903439_5", "_facebookCommentId": "5_6",
                "_facebookParentId": "449156051903439_5" },
            "receivedDate": "2015-03-02 12:26:14.000+0000" })]
    );
}

#[test]
fn posts_and_messages_come_in() {
    let posts = inbound(&change(json!({ "item": "status", "comment_id": null })));
    assert_eq!(posts[0]["externalId"], "449156051903439_5");
    assert_eq!(posts[0]["userData"]["_facebookItxType"], "post");
    assert_eq!(posts[0]["userData"]["_facebookNComments"], "0");
    let photo =
        inbound(&change(json!({ "item": "photo", "message": null, "link": "https://example.org/p" })));
    assert_eq!(photo[0]["message"], "https://example.org/p");

    let event = |message: Value| {
        json!([{ "id": PAGE, "messaging": [{ "sender": { "id": "7" }, "recipient": { "id": PAGE },
                 "timestamp": 1_425_299_174_250_i64, "message": message }] }])
    };
    let messages = inbound(&event(json!({ "mid": "m_1", "text": "hello" })));
    assert_eq!(messages[0]["externalId"], "m_1");
    assert_eq!(messages[0]["from"], "7");
    assert_eq!(messages[0]["receivedDate"], "2015-03-02 12:26:14.250+0000");
    assert_eq!(messages[0]["userData"]["_facebookItxType"], "message");
    assert_eq!(messages[0]["userData"]["_facebookActorId"], "7");
    let picture = json!([{ "type": "image", "payload": { "url": "https://example.org/i" } }]);
    assert_eq!(
        inbound(&event(json!({ "mid": "m_1", "attachments": picture })))[0]["message"],
        "https://example.org/i"
    );
    assert!(inbound(&event(json!({ "mid": "m_1", "text": "ours", "is_echo": true }))).is_empty());
}

#[test]
fn echoes_edits_and_strangers_make_nothing() {
    for entries in [
        change(json!({ "from": { "id": PAGE, "name": "Cloud App HTCC" } })),
        change(json!({ "verb": "edited" })),
        change(json!({ "verb": "remove" })),
        change(json!({ "item": "reaction" })),
        change(json!({ "from": null })),
        json!([{ "id": "999", "changes": change(json!({}))[0]["changes"] }]),
        // Another account's page, whose secret did not sign this.
        json!([{ "id": "77", "changes": change(json!({}))[0]["changes"] }]),
        json!([{ "id": PAGE, "messaging": [{ "sender": { "id": "7" }, "delivery": {} }] }]),
        json!("nonsense"),
    ] {
        assert!(inbound(&entries).is_empty(), "{entries}");
    }
}

#[test]
fn what_is_not_signed_is_not_believed() {
    let body = json!({ "object": "page", "entry": change(json!({})) }).to_string();
    let right = signature(SECRETS[1], body.as_bytes());
    for wrong in [
        signature("wrong", body.as_bytes()),
        right.replace("sha256=", "sha1="),
        right[..60].to_owned(),
        format!("{right}00"),
        "sha256=zz".into(),
        String::new(),
    ] {
        let answer = ingest(&post(&wrong), body.as_bytes());
        assert_eq!((answer.answer.status, answer.inbound.len()), (403, 0), "{wrong}");
    }
    // The signature is over bytes: the same JSON in another form is another body.
    let spaced = format!("{body} ");
    assert_eq!(ingest(&post(&right), spaced.as_bytes()).answer.status, 403);
    let junk = b"\xff{";
    assert_eq!(ingest(&post(&signature(SECRETS[1], junk)), junk).answer.status, 400);
    let put = WebhookRequest { method: "PUT".into(), ..post(&right) };
    assert_eq!(ingest(&put, body.as_bytes()).answer.status, 405);
}

#[test]
fn the_handshake_repeats_the_challenge_to_whoever_knows_the_token() {
    let answer = |query: &str| {
        let request = WebhookRequest { method: "GET".into(), query: query.into(), ..post("") };
        let WebhookAnswer { answer, inbound } = ingest(&request, b"");
        assert!(inbound.is_empty());
        (answer.status, answer.body)
    };
    assert_eq!(
        answer("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify%2Ds3cret"),
        (200, "1158201444".into())
    );
    for query in [
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong",
        "hub.mode=subscribe&hub.challenge=1",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=",
        "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=verify-s3cret",
        "hub.mode=subscribe&hub.verify_token=verify-s3cret",
        "hub.mode=subscribe&hub.challenge=a%0d%0ab&hub.verify_token=verify-s3cret",
        "",
    ] {
        assert_eq!(answer(query), (403, String::new()), "{query}");
    }
}
