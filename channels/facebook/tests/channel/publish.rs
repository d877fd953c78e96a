use serde_json::json;
use strowger_channel::Outcome;
use strowger_channel::testing::{broken, field, header, json as json_answer, not_sent, play};

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
        (json!({ "userData": { "_facebookSubmitType": "message" } }), "no-target"),
        (json!({ "userData": { "_facebookSubmitType": "message", "To": "../me" } }), "no-target"),
        (json!({ "userData": { "_facebookSubmitType": "message", "_facebookPostId": "1_2" } }), "no-target"),
        (
            json!({ "userData": { "_facebookSubmitType": "message", "To": "7" }, "message": "x".repeat(2001) }),
            "too-long",
        ),
        (
            json!({ "userData": { "_facebookSubmitType": "message", "To": "7" },
                    "extras": { "attachments": ["1"] } }),
            "extras",
        ),
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

#[test]
fn pictures_are_uploaded_unpublished_and_then_attached() {
    let (plugin, host) = facebook();
    let picture = "https://example.org/p.png";
    let extras =
        json!({ "attachments": [{ "url": picture, "alt_text": "a cat" }, "55", { "url": picture }] });
    let exchanges =
        [json_answer(200, r#"{"id":"66"}"#), json_answer(200, r#"{"id":"67"}"#), json_answer(200, CREATED)];
    let played = play(&plugin, &host, job("publish", json!({ "extras": extras })), exchanges);
    assert!(matches!(played.report.outcome, Outcome::Published { .. }));
    let marks: Vec<_> = played.requests.iter().map(|made| made.marked).collect();
    assert_eq!(marks, [false, false, true]);
    let upload = &played.requests[0].request;
    assert_eq!(upload.url, "https://graph.facebook.com/v26.0/449156051903439/photos");
    for (name, value) in [
        ("url", picture),
        ("published", "false"),
        ("alt_text_custom", "a cat"),
        ("appsecret_proof", SECRETS[2]),
    ] {
        assert_eq!(field(upload, name), Some(value), "{name}");
    }
    let post = &played.requests[2].request;
    for (index, id) in ["66", "55", "67"].into_iter().enumerate() {
        let expected = format!(r#"{{"media_fbid":"{id}"}}"#);
        assert_eq!(field(post, &format!("attached_media[{index}]")), Some(expected.as_str()));
    }
    assert_discreet(&played, &host);
}

#[test]
fn without_its_pictures_nothing_is_published() {
    let (plugin, host) = facebook();
    let extras = json!({ "attachments": [{ "url": "https://example.org/p.png" }] });
    let bad = r#"{"error":{"message":"no picture","code":324}}"#;
    for (exchange, expected) in [
        (json_answer(400, bad), "rejected"),
        (json_answer(401, "{}"), "needs-login"),
        (json_answer(429, "{}"), "rate-limited"),
        // Uploading publishes nothing: what is in doubt here may be tried again.
        (json_answer(500, "{}"), "not-sent"),
        (json_answer(200, "{}"), "not-sent"),
        (broken(), "not-sent"),
        (not_sent(), "not-sent"),
    ] {
        let played = play(&plugin, &host, job("publish", json!({ "extras": extras })), [exchange]);
        let outcome = serde_json::to_value(&played.report.outcome).expect("JSON");
        assert_eq!(outcome["outcome"], expected, "{outcome}");
        assert!(!played.requests[0].marked);
    }
}

#[test]
fn a_video_is_accepted_and_asked_for_until_it_is_processed() {
    let (plugin, host) = facebook();
    let extras = json!({ "extras": { "video_url": "https://example.org/v.mp4", "title": "V" } });
    let played = play(&plugin, &host, job("publish", extras), [json_answer(200, r#"{"id":"88"}"#)]);
    let Outcome::Accepted { handle } = played.report.outcome else { panic!("{:?}", played.report) };
    let made = &played.requests[0];
    assert!(made.marked && made.request.url.ends_with("/v26.0/449156051903439/videos"));
    assert_eq!(field(&made.request, "file_url"), Some("https://example.org/v.mp4"));
    assert_eq!(field(&made.request, "description"), Some("Hello Facebook!"));

    let status = |status: &str| {
        format!(r#"{{"status":{{"video_status":"{status}"}},"permalink_url":"/p/videos/88/"}}"#)
    };
    let poll = |exchange| {
        let played = play(&plugin, &host, job("poll", json!({ "handle": handle })), [exchange]);
        assert_eq!(played.requests[0].request.method, "GET");
        assert_discreet(&played, &host);
        played.report.outcome
    };
    let again = Outcome::Accepted { handle: handle.clone() };
    assert_eq!(poll(json_answer(200, &status("processing"))), again);
    assert_eq!(poll(json_answer(500, "{}")), again);
    assert_eq!(poll(broken()), again);
    assert!(matches!(poll(json_answer(200, &status("error"))), Outcome::Rejected { .. }));
    assert_eq!(
        poll(json_answer(200, &status("ready"))),
        Outcome::Published {
            id: Some("88".into()),
            location: Some("https://www.facebook.com/p/videos/88/".into())
        }
    );
}

#[test]
fn a_message_goes_to_a_person_or_to_the_writer_of_a_comment() {
    let (plugin, host) = facebook();
    let inbound =
        json!({ "id": "P", "userData": { "_facebookItxType": "message", "_facebookMessageId": "m_1" } });
    for (more, recipient) in [
        (json!({ "userData": { "_facebookSubmitType": "message", "To": "7" } }), r#"{"id":"7"}"#),
        (
            json!({ "userData": { "_facebookSubmitType": "message", "To": "7", "_facebookCommentId": "1_2" } }),
            r#"{"comment_id":"1_2"}"#,
        ),
        // The draft of a reply says `comment`, whatever it answers.
        (
            json!({ "userData": { "_facebookSubmitType": "comment", "To": "7" }, "parent": inbound }),
            r#"{"id":"7"}"#,
        ),
    ] {
        let answer = json_answer(200, r#"{"recipient_id":"7","message_id":"m_99"}"#);
        let played = play(&plugin, &host, job("publish", more), [answer]);
        assert_eq!(played.report.outcome, Outcome::published("m_99"));
        assert_eq!(played.report.user_data["_facebookSubmitType"], "message");
        let request = &played.requests[0].request;
        assert!(request.url.ends_with("/v26.0/449156051903439/messages"));
        assert_eq!(field(request, "recipient"), Some(recipient));
        assert_eq!(field(request, "messaging_type"), Some("RESPONSE"));
        assert_eq!(field(request, "message"), Some(r#"{"text":"Hello Facebook!"}"#));
        assert_discreet(&played, &host);
    }
    let message = json!({ "userData": { "_facebookSubmitType": "message", "To": "7" } });
    let unsure =
        play(&plugin, &host, job("publish", message.clone()), [json_answer(200, r#"{"recipient_id":"7"}"#)]);
    assert!(matches!(unsure.report.outcome, Outcome::Unknown { .. }));
    let looked = play(&plugin, &host, job("reconcile", message), []);
    assert!(matches!(looked.report.outcome, Outcome::CannotTell { .. }));
}
