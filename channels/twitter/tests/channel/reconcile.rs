use serde_json::{Value, json};
use strowger_channel::testing::{Played, answer, broken, json as json_answer, play};
use strowger_channel::{Exchange, Outcome, clock};

use crate::{NOW_MS, assert_discreet, job, twitter};

fn shown(id: &str, text: &str, more: Value) -> Value {
    let mut post = json!({ "id": id, "text": text, "created_at": clock::rfc3339(NOW_MS - 29_000) });
    let Value::Object(more) = more else { panic!("an object") };
    post.as_object_mut().expect("an object").extend(more);
    post
}

fn page(posts: &[Value], next: Option<&str>) -> Exchange {
    let mut meta = json!({ "result_count": posts.len() });
    if let Some(next) = next {
        meta["next_token"] = json!(next);
    }
    let body =
        if posts.is_empty() { json!({ "meta": meta }) } else { json!({ "data": posts, "meta": meta }) };
    json_answer(200, &body.to_string())
}

fn look(more: Value, exchanges: Vec<Exchange>) -> Played {
    let (plugin, host) = twitter();
    let played = play(&plugin, &host, job("reconcile", more), exchanges);
    assert!(played.requests.iter().all(|made| !made.marked), "reading back publishes nothing");
    assert_discreet(&played, &host);
    played
}

fn found(more: Value, post: Value) -> Option<String> {
    match look(more, vec![page(&[post], None)]).report.outcome {
        Outcome::Published { id, .. } => id,
        other => panic!("{other:?}"),
    }
}

fn is_absent(more: Value, post: &Value) -> bool {
    let exchanges = vec![page(std::slice::from_ref(post), None), page(std::slice::from_ref(post), None)];
    look(more, exchanges).report.outcome == Outcome::Absent
}

fn cannot_tell(more: Value, exchanges: Vec<Exchange>) -> bool {
    matches!(look(more, exchanges).report.outcome, Outcome::CannotTell { .. })
}

#[test]
fn a_post_is_found_on_whatever_page() {
    let other = shown("1", "something else", json!({}));
    let ours = shown("2", "Hello  Twitter!", json!({}));
    let played = look(json!({}), vec![page(&[other], Some("n/2")), page(&[ours], None)]);
    assert_eq!(
        played.report.outcome,
        Outcome::Published {
            id: Some("2".into()),
            location: Some("https://x.com/vitaliy_onv/status/2".into())
        }
    );
    assert_eq!(played.waits, [5_000]);
    let address = &played.requests[0].request.url;
    let start = clock::rfc3339(NOW_MS - 150_000).replace(':', "%3A");
    assert!(address.starts_with("https://api.x.com/2/users/1258948171/tweets?"), "{address}");
    assert!(address.contains(&format!("start_time={start}")), "{address}");
    assert!(address.contains("expansions=referenced_posts"), "{address}");
    assert!(played.requests[1].request.url.contains("pagination_token=n%2F2"));
}

#[test]
fn absent_after_two_complete_reads() {
    let played = look(json!({}), vec![page(&[], None), page(&[], None)]);
    assert_eq!(played.report.outcome, Outcome::Absent);
    assert_eq!(played.waits, [5_000, 5_000]);
    // An attempt that ended long ago has settled; one that has no end waits from now on.
    let attempt = json!({ "number": 1, "startedMs": NOW_MS - 60_000, "endedMs": NOW_MS - 50_000 });
    let played = look(json!({ "attempt": attempt }), vec![page(&[], None), page(&[], None)]);
    assert_eq!(played.waits, [5_000]);
}

#[test]
fn the_same_text_means_what_x_makes_of_it() {
    let long = json!({ "note_tweet": { "text": "see https://t.co/1 &amp; b" } });
    assert_eq!(
        found(json!({ "message": "see example.com & b" }), shown("2", "see https://t.co/1…", long))
            .as_deref(),
        Some("2")
    );
    let media = json!({ "extras": { "attachments": ["5"] } });
    assert_eq!(found(media, shown("2", "Hello Twitter! https://t.co/pic", json!({}))).as_deref(), Some("2"));
    assert!(is_absent(json!({}), &shown("2", "Hello Twitter! https://t.co/pic", json!({}))));
    assert!(is_absent(json!({ "known": ["2"] }), &shown("2", "Hello Twitter!", json!({}))));
    let early = json!({ "created_at": clock::rfc3339(NOW_MS - 151_000) });
    assert!(is_absent(json!({}), &shown("2", "Hello Twitter!", early)));
}

#[test]
fn the_target_must_be_the_same() {
    let reply = || json!({ "userData": { "_twitterInReplyToStatusId": "7" } });
    let quote = || json!({ "userData": { "_twitterInReplyToStatusId": "7", "_twitterIsRetweet": "true" } });
    let refers = |kind: &str, id: &str| json!({ "referenced_posts": [{ "type": kind, "id": id }] });
    let text = "Hello Twitter!";
    assert_eq!(
        found(reply(), shown("2", "@a @b Hello Twitter!", refers("replied_to", "7"))).as_deref(),
        Some("2")
    );
    assert_eq!(
        found(quote(), shown("2", "Hello Twitter! https://t.co/q", refers("quoted", "7"))).as_deref(),
        Some("2")
    );
    assert!(is_absent(reply(), &shown("2", text, refers("replied_to", "8"))));
    // X does not say that it refers to nothing: should it leave that out for every post, a reply would look so.
    let plain = || page(&[shown("2", text, json!({}))], None);
    assert!(cannot_tell(reply(), vec![plain(), plain()]));
    // Under the former names it was asked for in so many words.
    let malformed = || json_answer(400, r#"{"title":"Invalid Request","status":400}"#);
    let played = look(reply(), vec![malformed(), plain(), plain()]);
    assert_eq!(played.report.outcome, Outcome::Absent);
    assert!(played.requests[1].request.url.contains("tweet.fields=") && played.requests.len() == 3);
    assert!(cannot_tell(reply(), vec![malformed(), malformed()]));
    assert!(is_absent(quote(), &shown("2", text, refers("quoted", "8"))));
    assert!(is_absent(json!({}), &shown("2", text, refers("replied_to", "7"))));
    assert!(is_absent(json!({}), &shown("2", text, refers("retweeted", "7"))));
}

#[test]
fn less_than_two_complete_reads_is_cannot_tell() {
    let partial = r#"{"data":[],"meta":{"result_count":0},"errors":[{"detail":"gone"}]}"#;
    for exchange in [
        json_answer(403, r#"{"detail":"no"}"#),
        json_answer(401, "{}"),
        json_answer(404, "{}"),
        answer(429, &[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "1795224700")], "{}"),
        json_answer(200, partial),
        json_answer(200, "{}"),
        json_answer(200, r#"{"data":[],"meta":{"result_count":3}}"#),
        page(&[json!({ "id": "2", "text": "Hello Twitter!" })], None),
    ] {
        assert!(cannot_tell(json!({}), vec![exchange.clone()]), "{exchange:?}");
        assert!(cannot_tell(json!({}), vec![page(&[], None), exchange]));
    }
    // What may pass is read again, a few times.
    assert!(cannot_tell(json!({}), vec![broken(), json_answer(503, ""), broken()]));
    let played = look(json!({}), vec![broken(), page(&[], None), json_answer(503, ""), page(&[], None)]);
    assert_eq!(played.report.outcome, Outcome::Absent);
    assert!(cannot_tell(
        json!({ "message": "see a.nosuchtld" }),
        vec![
            page(&[shown("2", "see https://t.co/1", json!({}))], None),
            page(&[shown("2", "see https://t.co/1", json!({}))], None),
        ]
    ));
    assert!(cannot_tell(json!({ "operation": { "name": "Follow" } }), vec![]));
    assert!(cannot_tell(json!({ "account": "nobody" }), vec![]));
}
