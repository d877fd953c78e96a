use serde_json::{Value, json};
use strowger_channel::testing::{Played, broken, json as json_answer, play};
use strowger_channel::{Exchange, Outcome};

use crate::{IDENTITY, assert_discreet, envelope, job, oneall};

fn list(entries: &Value) -> Exchange {
    json_answer(200, &envelope(&json!({ "posts": entries })))
}

fn look(more: Value, exchanges: Vec<Exchange>) -> Played {
    let (plugin, host) = oneall();
    let mut all = json!({ "extras": { "link": "https://example.org/a" } });
    let Value::Object(more) = more else { panic!("an object") };
    all.as_object_mut().expect("an object").extend(more);
    let played = play(&plugin, &host, job("reconcile", "linkedin", all), exchanges);
    assert!(played.requests.iter().all(|made| !made.marked), "reading back publishes nothing");
    assert_discreet(&played, &host);
    played
}

fn cannot_tell(more: Value, exchanges: Vec<Exchange>) -> bool {
    matches!(look(more, exchanges).report.outcome, Outcome::CannotTell { .. })
}

#[test]
fn a_post_is_found_in_the_list_by_its_text_and_time() {
    let other = json!({ "post_id": "1", "message": "else", "date_creation": "2026-11-21T01:29:40Z" });
    let ours = json!({ "post_id": "2", "message": "Hello  World!", "date_creation": "2026-11-21T01:29:40+0000",
                       "post_location": "https://www.linkedin.com/x" });
    let played = look(json!({}), vec![list(&json!([other, ours]))]);
    assert_eq!(
        played.report.outcome,
        Outcome::Published { id: Some("2".into()), location: Some("https://www.linkedin.com/x".into()) }
    );
    assert_eq!(
        played.requests[0].request.url,
        format!(
            "https://example.api.oneall.com/pull/identities/{IDENTITY}/linkedin/user/posts.json?num_posts=50&page=1"
        )
    );
    assert_eq!(played.waits, [5_000]);
}

#[test]
fn nothing_found_proves_nothing() {
    let text = "Hello World!";
    for entries in [
        json!([]),
        json!([{ "post_id": "2", "message": "else", "date_creation": "2026-11-21T01:29:40Z" }]),
        // Before the window, without a time, without an id.
        json!([{ "post_id": "2", "message": text, "date_creation": "2026-11-21T01:20:00Z" }]),
        json!([{ "post_id": "2", "message": text, "date_creation": "a while ago" }]),
        json!([{ "message": text, "date_creation": "2026-11-21T01:29:40Z" }]),
    ] {
        assert!(cannot_tell(json!({}), vec![list(&entries), list(&entries)]), "{entries}");
    }
    let ours = json!([{ "post_id": "2", "message": text, "date_creation": 1_795_224_580 }]);
    assert!(cannot_tell(json!({ "known": ["2"] }), vec![list(&ours), list(&ours)]));
    assert_eq!(look(json!({}), vec![list(&ours)]).report.outcome, Outcome::published("2"));
}

#[test]
fn what_cannot_be_read_is_cannot_tell() {
    for exchange in [
        json_answer(401, "{}"),
        json_answer(403, "{}"),
        json_answer(404, ""),
        json_answer(429, ""),
        json_answer(200, "{}"),
        json_answer(200, &envelope(&json!({}))),
    ] {
        assert!(cannot_tell(json!({}), vec![exchange.clone()]), "{exchange:?}");
    }
    assert!(cannot_tell(json!({}), vec![broken(), json_answer(503, ""), broken()]));
    // Lists that OneAll does not have, and what was never sent.
    let (plugin, host) = oneall();
    for (channel, extras) in [
        ("youtube", json!({ "video": "1", "playlist": "2" })),
        ("youtube", json!({ "section": { "a": 1 } })),
        ("linkedin", json!({})),
    ] {
        let played = play(&plugin, &host, job("reconcile", channel, json!({ "extras": extras })), []);
        assert!(matches!(played.report.outcome, Outcome::CannotTell { .. }), "{channel}");
    }
    assert!(cannot_tell(json!({ "operation": { "name": "Like" } }), vec![]));
    assert!(cannot_tell(json!({ "account": "nobody" }), vec![]));
}
