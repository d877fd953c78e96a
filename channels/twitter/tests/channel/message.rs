use serde_json::{Value, json};
use strowger_channel::testing::{self, Played, json as json_answer, play};
use strowger_channel::{Body, Exchange, Outcome, Outgoing, Plugin, clock};

use crate::{NOW_MS, assert_discreet, job, twitter};

const SENT: &str = r#"{"data":{"dm_conversation_id":"77-1258948171","dm_event_id":"1234567890123456789"}}"#;

fn inbound_message() -> Value {
    json!({ "id": "P", "from": "oleg(Oleg Witcher)", "userData": {
        "_twitterMsgType": "DirectMessage", "_twitterMsgId": "63493545", "_twitterFromUserId": "77" } })
}

fn sent(more: Value) -> Played {
    let (plugin, host) = twitter();
    let played = play(&plugin, &host, job("publish", more), [testing::json(201, SENT)]);
    assert_discreet(&played, &host);
    played
}

#[test]
fn a_direct_message_is_one_marked_request_to_its_participant() {
    let typed = |data: Value| {
        let mut user_data = json!({ "_twitterMsgType": "DirectMessage" });
        user_data.as_object_mut().expect("an object").extend(data.as_object().expect("an object").clone());
        user_data
    };
    for more in [
        json!({ "userData": typed(json!({ "_twitterToUserId": "77" })) }),
        json!({ "extras": { "to": "77" } }),
        json!({ "userData": typed(json!({})), "parent": inbound_message() }),
        // A post is answered in private, to its author.
        json!({ "userData": typed(json!({ "_twitterInReplyToStatusId": "9" })),
                "parent": { "id": "P", "userData": { "_twitterMsgType": "Status", "_twitterFromUserId": "77" } } }),
    ] {
        let played = sent(more);
        let made = &played.requests[0];
        assert!(made.marked);
        assert_eq!(made.request.url, "https://api.x.com/2/dm_conversations/with/77/messages");
        assert_eq!(made.request.body, Body::Json(json!({ "text": "Hello Twitter!" })));
        assert_eq!(
            played.report.outcome,
            Outcome::Published {
                id: Some("1234567890123456789".into()),
                location: Some("https://x.com/messages/77-1258948171".into())
            }
        );
    }
    let played = sent(json!({ "extras": { "to": "77", "attachments": ["5"] } }));
    assert_eq!(
        played.requests[0].request.body,
        Body::Json(json!({ "text": "Hello Twitter!", "attachments": [{ "media_id": "5" }] }))
    );
}

/// The draft of a reply says `status` whatever it answers. Planted fault: were the parent not looked at, this
/// would go out as a public reply.
#[test]
fn what_was_written_in_private_is_never_answered_in_public() {
    let draft = json!({ "_twitterMsgType": "status", "_twitterInReplyToStatusId": "63493545" });
    let played = sent(json!({ "userData": draft, "parent": inbound_message() }));
    assert!(played.requests[0].request.url.contains("/dm_conversations/with/77/"));
}

#[test]
fn a_message_that_cannot_be_sent_is_rejected_before_any_request() {
    let (plugin, host) = twitter();
    let direct = json!({ "_twitterMsgType": "directmessage" });
    for (more, code) in [
        (json!({ "userData": direct }), "no-target"),
        (
            json!({ "userData": { "_twitterMsgType": "DirectMessage", "_twitterToUserId": "oleg" } }),
            "no-target",
        ),
        (json!({ "userData": direct, "message": " " }), "empty"),
        (json!({ "userData": direct, "extras": { "attachments": ["1", "2"] } }), "extras"),
        (json!({ "userData": direct, "extras": { "to": "../1" } }), "extras"),
        (json!({ "extras": { "to": "77", "inReplyTo": "9" } }), "extras"),
    ] {
        let played = play(&plugin, &host, job("publish", more), []);
        assert!(
            matches!(&played.report.outcome, Outcome::Rejected { code: given, .. } if given == code),
            "{played:?}"
        );
    }
    let liked = json!({ "operation": { "name": "MarkFavorite" }, "userData": { "_twitterMsgType": "DirectMessage",
                        "_twitterMsgId": "9" } });
    let played = play(&plugin, &host, job("operation", liked), []);
    assert!(matches!(&played.report.outcome, Outcome::Rejected { code, .. } if code == "no-target"));
}

#[test]
fn a_long_message_is_accepted_where_it_is_known_to_be_direct() {
    let (plugin, _) = twitter();
    let check = |text: &str, extras: Value| {
        let extras = extras.as_object().expect("an object").clone();
        plugin.check(&Outgoing { channel: "twitter", account: "vitaliy_onv", text, extras: &extras })
    };
    assert!(check(&"a".repeat(300), json!({ "to": "77" })).is_ok());
    assert_eq!(check(&"a".repeat(300), json!({})).expect_err("too long").code, 10);
    assert_eq!(check(&"a".repeat(10_001), json!({ "to": "77" })).expect_err("too long").code, 10);
    // Known by its user data alone, as an interaction that was created as a direct message.
    let direct = json!({ "userData": { "_twitterMsgType": "DirectMessage", "_twitterToUserId": "77" } });
    assert!(check(&"a".repeat(10_000), direct.clone()).is_ok());
    assert_eq!(check(&"a".repeat(10_001), direct).expect_err("too long").code, 10);
    let status = json!({ "userData": { "_twitterMsgType": "Status" } });
    assert_eq!(check(&"a".repeat(300), status).expect_err("too long").code, 10);
    assert_eq!(check("a", json!({ "to": "oleg" })).expect_err("no id").code, 2);
    assert_eq!(
        check("a", json!({ "to": "77", "location": "df51dec6f4ee2b2c" })).expect_err("a place").code,
        2
    );
}

fn event(id: &str, sender: &str, text: &str, before_ms: i64) -> Value {
    json!({ "id": id, "sender_id": sender, "text": text, "event_type": "MessageCreate",
            "created_at": clock::rfc3339(NOW_MS - before_ms) })
}

fn page(events: &[Value], next: Option<&str>) -> Exchange {
    let mut body = json!({ "data": events, "meta": { "result_count": events.len() } });
    if let Some(next) = next {
        body["meta"]["next_token"] = json!(next);
    }
    json_answer(200, &body.to_string())
}

fn look(more: &Value, exchanges: Vec<Exchange>) -> Played {
    let (plugin, host) = twitter();
    let mut document = json!({ "extras": { "to": "77" } });
    document.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    play(&plugin, &host, job("reconcile", document), exchanges)
}

#[test]
fn a_lost_message_is_looked_for_in_its_conversation() {
    let ours = event("2", "1258948171", "Hello Twitter!", 29_000);
    let played = look(&json!({}), vec![page(std::slice::from_ref(&ours), None)]);
    assert_eq!(played.report.outcome, Outcome::published("2"));
    let address = &played.requests[0].request.url;
    assert!(address.starts_with("https://api.x.com/2/dm_conversations/with/77/dm_events?"), "{address}");

    let theirs = event("3", "77", "Hello Twitter!", 29_000);
    let early = event("1", "1258948171", "Hello Twitter!", 900_000);
    // The window is covered by the first page that goes beyond it, whatever follows.
    let whole = page(&[theirs, early], Some("more"));
    let played = look(&json!({}), vec![whole.clone(), whole]);
    assert_eq!(played.report.outcome, Outcome::Absent);

    let played = look(&json!({}), vec![json_answer(403, r#"{"detail":"dm.read is missing"}"#)]);
    assert!(matches!(played.report.outcome, Outcome::CannotTell { .. }));
    let month = 30 * 86_400_000;
    let attempt = json!({ "number": 1, "startedMs": NOW_MS - month, "endedMs": NOW_MS - month });
    assert!(matches!(
        look(&json!({ "attempt": attempt }), vec![]).report.outcome,
        Outcome::CannotTell { .. }
    ));
}
