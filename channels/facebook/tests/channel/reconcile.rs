use serde_json::{Value, json};
use strowger_channel::testing::{Played, broken, json as json_answer, play};
use strowger_channel::{Exchange, Outcome, clock};

use crate::{NOW_MS, SECRETS, assert_discreet, facebook, job};

fn shown(id: &str, message: &str, more: Value) -> Value {
    let created = clock::rfc3339(NOW_MS - 29_000).replace('Z', "+0000");
    let mut post = json!({ "id": id, "message": message, "created_time": created,
                           "permalink_url": "https://www.facebook.com/p" });
    let Value::Object(more) = more else { panic!("an object") };
    post.as_object_mut().expect("an object").extend(more);
    post
}

fn page(posts: &[Value], next: Option<&str>) -> Exchange {
    let mut body = json!({ "data": posts });
    if let Some(next) = next {
        body["paging"] =
            json!({ "cursors": { "before": "b", "after": next }, "next": "https://evil.example/" });
    }
    json_answer(200, &body.to_string())
}

fn look(more: Value, exchanges: Vec<Exchange>) -> Played {
    let (plugin, host) = facebook();
    let played = play(&plugin, &host, job("reconcile", more), exchanges);
    assert!(played.requests.iter().all(|made| !made.marked), "reading back publishes nothing");
    assert_discreet(&played, &host);
    played
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
    let other = shown("1_1", "something else", json!({}));
    let ours = shown("1_2", "Hello Facebook!", json!({ "from": { "id": "449156051903439" } }));
    let played = look(json!({}), vec![page(&[other], Some("n2")), page(&[ours], None)]);
    assert_eq!(
        played.report.outcome,
        Outcome::Published { id: Some("1_2".into()), location: Some("https://www.facebook.com/p".into()) }
    );
    let address = &played.requests[0].request.url;
    assert!(address.starts_with("https://graph.facebook.com/v26.0/449156051903439/feed?fields=id%2Cmessage"));
    assert!(address.contains(&format!("since={}", (NOW_MS - 150_000) / 1000)), "{address}");
    assert!(address.contains(&format!("appsecret_proof={}", SECRETS[2])), "{address}");
    assert!(!address.contains(SECRETS[0]), "{address}");
    let second = &played.requests[1].request.url;
    assert!(second.starts_with("https://graph.facebook.com/") && second.contains("after=n2"), "{second}");
}

/// Planted fault: were another author's words ignored, a page that the platform shows under an id of its own would
/// publish everything twice that was once in doubt.
#[test]
fn the_same_words_under_another_name_leave_it_open() {
    let theirs = shown("1_2", "Hello Facebook!", json!({ "from": { "id": "5" } }));
    let played = look(json!({}), vec![page(std::slice::from_ref(&theirs), None), page(&[theirs], None)]);
    assert!(matches!(played.report.outcome, Outcome::CannotTell { .. }), "{played:?}");
    assert!(is_absent(json!({}), &shown("1_2", "other words", json!({ "from": { "id": "5" } }))));
}

#[test]
fn a_comment_is_looked_for_beneath_what_it_answers() {
    let comment = json!({ "userData": { "_facebookSubmitType": "comment", "_facebookPostId": "1_2" } });
    let played = look(comment, vec![page(&[shown("2_9", "Hello Facebook!", json!({}))], None)]);
    assert!(matches!(played.report.outcome, Outcome::Published { .. }));
    assert!(played.requests[0].request.url.starts_with("https://graph.facebook.com/v26.0/1_2/comments?"));
}

#[test]
fn absent_after_two_complete_reads() {
    let played = look(json!({}), vec![page(&[], None), page(&[], None)]);
    assert_eq!((played.report.outcome, played.waits), (Outcome::Absent, vec![5_000, 5_000]));
    let text = "Hello Facebook!";
    assert!(is_absent(json!({ "known": ["1_2"] }), &shown("1_2", text, json!({}))));
    assert!(is_absent(json!({}), &shown("1_2", text, json!({ "message": null }))));
    let early = clock::rfc3339(NOW_MS - 151_000).replace('Z', "+0000");
    assert!(is_absent(json!({}), &shown("1_2", text, json!({ "created_time": early }))));
}

#[test]
fn less_than_two_complete_reads_is_cannot_tell() {
    for exchange in [
        json_answer(403, r#"{"error":{"code":10,"message":"no"}}"#),
        json_answer(400, r#"{"error":{"code":190,"message":"no"}}"#),
        json_answer(401, "{}"),
        json_answer(429, "{}"),
        json_answer(200, "{}"),
        json_answer(200, r#"{"data":[],"error":{"code":1}}"#),
        json_answer(200, r#"{"data":[],"paging":{"next":"https://graph.facebook.com/"}}"#),
        page(&[json!({ "id": "1_2", "message": "Hello Facebook!" })], None),
    ] {
        assert!(cannot_tell(json!({}), vec![exchange.clone()]), "{exchange:?}");
        assert!(cannot_tell(json!({}), vec![page(&[], None), exchange]));
    }
    // What may pass is read again, a few times.
    let passing = || json_answer(400, r#"{"error":{"code":2,"message":"try again"}}"#);
    assert!(cannot_tell(json!({}), vec![broken(), json_answer(503, ""), passing()]));
    let played = look(json!({}), vec![passing(), page(&[], None), broken(), page(&[], None)]);
    assert_eq!(played.report.outcome, Outcome::Absent);
    assert!(cannot_tell(json!({ "operation": { "name": "Like" } }), vec![]));
    assert!(cannot_tell(json!({ "account": "nobody" }), vec![]));
}

#[test]
fn a_video_is_looked_for_among_the_videos_by_its_description() {
    let mut video = shown("88", "", json!({ "description": "Hello Facebook!", "message": null }));
    video["permalink_url"] = json!("/p/videos/88/");
    let more = json!({ "extras": { "video_url": "https://example.org/v.mp4" } });
    let played = look(more, vec![page(&[video], None)]);
    assert_eq!(
        played.report.outcome,
        Outcome::Published {
            id: Some("88".into()),
            location: Some("https://www.facebook.com/p/videos/88/".into())
        }
    );
    assert!(played.requests[0].request.url.contains("/449156051903439/videos?fields=id%2Cdescription"));
}
