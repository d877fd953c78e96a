use serde_json::json;
use strowger_channel::Outcome;
use strowger_channel::testing::{field, header, json as json_answer, play};

use crate::{SECRETS, assert_discreet, facebook, job};

const CREATED: &str =
    r#"{"id":"449156051903439_77","permalink_url":"https://www.facebook.com/449156051903439/posts/77"}"#;

#[test]
fn a_post_is_one_marked_request_with_the_token_in_a_header() {
    let (plugin, host) = facebook();
    let more = json!({ "extras": { "link": "https://example.org/a" } });
    let played = play(&plugin, &host, job("publish", more), [json_answer(200, CREATED)]);
    assert_eq!(
        played.report.outcome,
        Outcome::Published {
            id: Some("449156051903439_77".into()),
            location: Some("https://www.facebook.com/449156051903439/posts/77".into())
        }
    );
    let made = &played.requests[0];
    assert!(made.marked);
    assert_eq!(made.request.method, "POST");
    assert_eq!(made.request.url, "https://graph.facebook.com/v26.0/449156051903439/feed");
    let token = format!("Bearer {}", SECRETS[0]);
    assert_eq!(header(&made.request, "authorization"), Some(token.as_str()));
    for (name, value) in [
        ("message", "Hello Facebook!"),
        ("fields", "id,permalink_url"),
        ("link", "https://example.org/a"),
        ("appsecret_proof", SECRETS[2]),
    ] {
        assert_eq!(field(&made.request, name), Some(value), "{name}");
    }
    assert_discreet(&played, &host);
}

#[test]
fn a_comment_goes_beneath_what_it_answers() {
    let (plugin, host) = facebook();
    let parent = json!({ "id": "P", "userData": {} });
    for (user_data, target) in [
        (json!({ "_facebookSubmitType": "comment", "_facebookPostId": "1_2" }), "1_2"),
        (
            json!({ "_facebookSubmitType": "comment", "_facebookPostId": "1_2", "_facebookCommentId": "2_3" }),
            "2_3",
        ),
        (json!({ "_facebookCommentId": "2_3" }), "2_3"),
    ] {
        let more = json!({ "userData": user_data, "parent": parent });
        let played = play(&plugin, &host, job("publish", more), [json_answer(200, r#"{"id":"2_4"}"#)]);
        assert_eq!(played.report.outcome, Outcome::published("2_4"));
        let address = &played.requests[0].request.url;
        assert_eq!(address, &format!("https://graph.facebook.com/v26.0/{target}/comments"));
    }
}

#[test]
fn what_cannot_be_published_is_rejected_before_any_request() {
    let (plugin, host) = facebook();
    let parent = json!({ "id": "P", "userData": { "_facebookPostId": "1_2" } });
    for (more, code) in [
        (json!({ "userData": { "_facebookSubmitType": "comment" } }), "no-target"),
        (json!({ "userData": {}, "parent": parent }), "no-target"),
        (
            json!({ "userData": { "_facebookSubmitType": "comment", "_facebookPostId": "../me" } }),
            "no-target",
        ),
        (json!({ "parent": parent }), "not-a-post"),
        (json!({ "userData": { "_facebookSubmitType": "post", "_facebookPostId": "1_2" } }), "not-a-post"),
        (json!({ "userData": { "_facebookSubmitType": "message" } }), "unsupported"),
        (json!({ "userData": { "_facebookSubmitType": "dance" } }), "unsupported"),
        (json!({ "message": "" }), "empty"),
        (
            json!({ "userData": { "_facebookSubmitType": "comment", "_facebookPostId": "1" }, "message": "x".repeat(8001) }),
            "too-long",
        ),
        (
            json!({ "userData": { "_facebookSubmitType": "comment", "_facebookPostId": "1" },
                    "extras": { "link": "https://example.org" } }),
            "extras",
        ),
        (json!({ "account": "nobody" }), "no-account"),
    ] {
        let played = play(&plugin, &host, job("publish", more), []);
        assert!(
            matches!(&played.report.outcome, Outcome::Rejected { code: given, .. } if given == code),
            "{code}: {played:?}"
        );
    }
    for (kind, more) in
        [("poll", json!({ "handle": 1 })), ("operation", json!({ "operation": { "name": "Like" } }))]
    {
        let played = play(&plugin, &host, job(kind, more), []);
        assert!(matches!(played.report.outcome, Outcome::Rejected { .. }));
    }
}
