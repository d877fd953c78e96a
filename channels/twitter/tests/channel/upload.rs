use serde_json::{Value, json};
use strowger_channel::testing::{Played, TestHost, answer, broken, json as json_answer, not_sent, play};
use strowger_channel::{Body, Exchange, FileMember, Outcome, Outgoing, Part, Plugin, abi};
use strowger_twitter::Twitter;

use crate::{NOW_MS, assert_discreet, job, sample, twitter};

const BEGUN: &str = r#"{"data":{"id":"71","media_key":"3_71","expires_after_secs":86400}}"#;
const ENDED: &str = r#"{"data":{"id":"71","size":9}}"#;
const CREATED: &str = r#"{"data":{"id":"9","text":"t"}}"#;

fn attached(attachments: &Value) -> Value {
    json!({ "extras": { "attachments": attachments } })
}

fn publish(files: &[(&str, u64, Option<&str>)], more: Value, exchanges: Vec<Exchange>) -> Played {
    let (plugin, host) = twitter();
    for (name, size, content_type) in files {
        host.put_file(name, *size, *content_type);
    }
    let played = play(&plugin, &host, job("publish", more), exchanges);
    assert_discreet(&played, &host);
    for (at, made) in played.requests.iter().enumerate() {
        let publishes = made.request.url.ends_with("/2/tweets") || made.request.url.ends_with("/messages");
        assert_eq!(made.marked, publishes, "request {at}: only what publishes is marked");
    }
    played
}

fn ok() -> Exchange {
    json_answer(200, r#"{"data":{"expires_at":1}}"#)
}

#[test]
fn a_picture_is_uploaded_described_and_published() {
    let attachments = json!([{ "file": "dir/a.png", "alt_text": "A cat" }, "5"]);
    let exchanges = vec![
        json_answer(200, BEGUN),
        answer(204, &[], ""),
        json_answer(200, ENDED),
        json_answer(200, r#"{"data":{"id":"71","associated_metadata":{}}}"#),
        json_answer(201, CREATED),
    ];
    let played = publish(&[("dir/a.png", 1000, Some("image/png"))], attached(&attachments), exchanges);
    let requests: Vec<_> = played.requests.iter().map(|made| &made.request).collect();
    let addresses: Vec<_> =
        requests.iter().map(|request| request.url.trim_start_matches("https://api.x.com")).collect();
    assert_eq!(
        addresses,
        [
            "/2/media/upload/initialize",
            "/2/media/upload/71/append",
            "/2/media/upload/71/finalize",
            "/2/media/metadata",
            "/2/tweets"
        ]
    );
    assert_eq!(
        requests[0].body,
        Body::Json(
            json!({ "media_type": "image/png", "total_bytes": 1000, "media_category": "tweet_image" })
        )
    );
    assert_eq!(
        requests[1].body,
        Body::Multipart(vec![
            Part::Text { name: "segment_index".into(), text: "0".into() },
            Part::File {
                name: "media".into(),
                file: "dir/a.png".into(),
                offset: 0,
                length: 1000,
                filename: "media".into(),
                content_type: "application/octet-stream".into()
            },
        ])
    );
    assert_eq!(requests[2].body, Body::None);
    assert_eq!(
        requests[3].body,
        Body::Json(json!({ "id": "71", "metadata": { "alt_text": { "text": "A cat" } } }))
    );
    assert_eq!(
        requests[4].body,
        Body::Json(json!({ "text": "Hello Twitter!", "media": { "media_ids": ["71", "5"] } }))
    );
}

#[test]
fn a_video_goes_in_pieces_and_is_waited_for() {
    let piece = 2 << 20;
    let pending = |state: &str| {
        json_answer(
            200,
            &json!({ "data": { "id": "71",
            "processing_info": { "state": state, "check_after_secs": 7 } } })
            .to_string(),
        )
    };
    let exchanges = vec![
        json_answer(200, BEGUN),
        ok(),
        ok(),
        ok(),
        pending("pending"),
        pending("in_progress"),
        pending("succeeded"),
        json_answer(201, r#"{"data":{"dm_conversation_id":"1-2","dm_event_id":"3"}}"#),
    ];
    let more = json!({ "extras": { "to": "77", "attachments": [{ "file": "v.bin" }] } });
    let played = publish(&[("v.bin", 2 * piece + 5, Some("video/mp4"))], more, exchanges);
    assert_eq!(played.waits, [7000, 7000]);
    assert!(
        matches!(&played.requests[0].request.body, Body::Json(body) if body["media_category"] == "dm_video")
    );
    let pieces: Vec<_> = played.requests[1..4]
        .iter()
        .map(|made| match &made.request.body {
            Body::Multipart(parts) => match &parts[..] {
                [Part::Text { text, .. }, Part::File { offset, length, .. }] => {
                    (text.clone(), *offset, *length)
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(pieces, [("0".into(), 0, piece), ("1".into(), piece, piece), ("2".into(), 2 * piece, 5)]);
    assert!(played.requests[5].request.url.ends_with("/2/media/upload?command=STATUS&media_id=71"));
    assert!(matches!(played.report.outcome, Outcome::Published { .. }));
}

#[test]
fn pieces_can_go_as_json() {
    let mut config = sample();
    config["accounts"][0]["media_encoding"] = json!("json");
    let host = TestHost::at(NOW_MS);
    host.put_file("a.gif", 9, Some("image/gif"));
    let plugin = Twitter::create(host.host(), &config.to_string()).expect("right");
    let exchanges = [json_answer(200, BEGUN), ok(), json_answer(200, ENDED), json_answer(201, CREATED)];
    let more = attached(&json!([{ "file": "a.gif" }]));
    let played = play(&plugin, &host, job("publish", more), exchanges);
    let piece = FileMember { member: "media".into(), file: "a.gif".into(), offset: 0, length: 9 };
    assert_eq!(
        played.requests[1].request.body,
        Body::JsonWithFiles(json!({ "segment_index": 0 }), vec![piece])
    );
}

#[test]
fn what_an_address_leads_to_is_fetched_first() {
    let url = "https://example.org/cat";
    let exchanges = vec![json_answer(200, BEGUN), ok(), json_answer(200, ENDED), json_answer(201, CREATED)];
    let played = publish(&[(url, 9, Some("image/webp"))], attached(&json!([{ "url": url }])), exchanges);
    let Body::Multipart(parts) = &played.requests[1].request.body else { panic!("{played:?}") };
    assert!(matches!(&parts[1], Part::File { file, .. } if file == "fetched from https://example.org/cat"));
    let played = publish(&[], attached(&json!([{ "url": url }])), vec![]);
    assert!(matches!(&played.report.outcome, Outcome::Rejected { code, .. } if code == "attachment"));
}

#[test]
fn what_x_does_not_take_is_rejected_before_any_request() {
    let picture = |name| (name, 1000, Some("image/jpeg"));
    let files = [
        picture("1"),
        picture("2"),
        ("gif", 9, Some("image/gif")),
        ("mp4", 9, Some("video/mp4")),
        ("text", 9, None),
        ("html", 9, Some("text/html")),
        ("empty", 0, Some("image/png")),
        ("large", (5 << 20) + 1, Some("image/png")),
    ];
    for attachments in [
        json!([{ "file": "missing" }]),
        json!([{ "file": "text" }]),
        json!([{ "file": "html" }]),
        json!([{ "file": "empty" }]),
        json!([{ "file": "large" }]),
        json!([{ "file": "1" }, { "file": "gif" }]),
        json!([{ "file": "mp4" }, { "file": "gif" }]),
        json!(["5", { "file": "mp4" }]),
        json!([{ "file": "mp4", "alt_text": "words" }]),
    ] {
        let played = publish(&files, attached(&attachments), vec![]);
        assert!(
            matches!(&played.report.outcome, Outcome::Rejected { code, .. } if code == "attachment"),
            "{attachments}: {played:?}"
        );
    }
}

#[test]
fn an_upload_that_fails_leaves_nothing_in_doubt() {
    let files = [("a", 1000, Some("image/png"))];
    let more = || attached(&json!([{ "file": "a" }]));
    let begun = || json_answer(200, BEGUN);
    let failed = r#"{"data":{"id":"71","processing_info":{"state":"failed","error":{"name":"InvalidMedia","message":"no"}}}}"#;
    for exchanges in [
        vec![broken()],
        vec![json_answer(500, "")],
        vec![json_answer(200, "{}")],
        vec![not_sent()],
        vec![begun(), broken(), broken(), json_answer(503, "")],
        vec![begun(), ok(), broken()],
        vec![begun(), ok(), json_answer(200, r#"{"data":{"processing_info":{"state":"asleep"}}}"#)],
    ] {
        let played = publish(&files, more(), exchanges);
        assert!(matches!(played.report.outcome, Outcome::NotSent { .. }), "{played:?}");
    }
    let played = publish(&files, more(), vec![begun(), ok(), json_answer(200, failed)]);
    assert!(matches!(&played.report.outcome, Outcome::Rejected { code, .. } if code == "media"));
    let played = publish(&files, more(), vec![begun(), json_answer(400, r#"{"detail":"bad"}"#)]);
    assert!(matches!(played.report.outcome, Outcome::Rejected { .. }));
    let played = publish(&files, more(), vec![json_answer(401, "{}")]);
    assert!(matches!(played.report.outcome, Outcome::NeedsLogin { .. }));
    let limits = [("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "1795224700")];
    let played = publish(&files, more(), vec![answer(429, &limits, "{}")]);
    assert_eq!(played.report.outcome, Outcome::RateLimited { until_ms: 1_795_224_700_000 });
    // A piece that got through at the third attempt, and the post after it.
    let exchanges = vec![
        begun(),
        broken(),
        json_answer(502, ""),
        ok(),
        json_answer(200, ENDED),
        json_answer(201, CREATED),
    ];
    let played = publish(&files, more(), exchanges);
    assert_eq!(played.waits, [1000, 2000]);
    assert!(matches!(played.report.outcome, Outcome::Published { .. }));
}

#[test]
fn attachments_are_judged_before_they_are_accepted() {
    let check = |host: TestHost, attachments: Value| {
        let plugin = Twitter::create(host.host(), &sample().to_string()).expect("right");
        let extras = json!({ "attachments": attachments }).as_object().expect("an object").clone();
        plugin
            .check(&Outgoing { channel: "twitter", account: "vitaliy_onv", text: "t", extras: &extras })
            .map_err(|refusal| refusal.code)
    };
    let host = || TestHost::at(NOW_MS);
    assert_eq!(check(host(), json!([{ "file": "a.png", "alt_text": "words" }, "5"])), Ok(()));
    assert_eq!(
        check(host().without(abi::STROWGER_CHANNEL_FEATURE_FILES), json!([{ "file": "a.png" }])),
        Err(2)
    );
    let url = json!([{ "url": "https://example.org/a.png" }]);
    assert_eq!(check(host(), url.clone()), Ok(()));
    assert_eq!(check(host().without(abi::STROWGER_CHANNEL_FEATURE_FETCH), url), Err(2));
    for (attachments, code) in [
        (json!([{ "url": "http://example.org/a.png" }]), 2),
        (json!([{ "url": "https://example.org/a.png", "file": "a.png" }]), 2),
        (json!([{ "file": "" }]), 2),
        (json!([{ "file": 7 }]), 2),
        (json!([{ "alt_text": "words" }]), 2),
        (json!([{ "file": "a", "size": 7 }]), 2),
        (json!([{ "file": "a", "alt_text": "w".repeat(1001) }]), 10),
        (json!([7]), 2),
        (json!(["1", "2", "3", "4", "5"]), 10),
    ] {
        assert_eq!(check(host(), attachments.clone()), Err(code), "{attachments}");
    }
}

/// Fails if the upload is followed by a post, as one of a message is.
#[test]
fn what_is_only_uploaded_is_not_published() {
    let extras = |more: Value| {
        let mut extras =
            json!({ "upload_only": true, "attachments": [{ "file": "a.png", "alt_text": "A cat" }] });
        let Value::Object(more) = more else { panic!("an object") };
        extras.as_object_mut().expect("an object").extend(more);
        json!({ "extras": extras, "message": "x".repeat(10_000) })
    };
    let exchanges = vec![json_answer(200, BEGUN), ok(), json_answer(200, ENDED), ok()];
    let played = publish(&[("a.png", 1000, Some("image/png"))], extras(json!({})), exchanges);
    assert_eq!(played.report.outcome, Outcome::Published { id: Some("71".into()), location: None });
    assert_eq!(played.requests.len(), 4, "begun, sent, ended, described, and no post");
    assert!(played.requests.iter().all(|made| !made.marked));

    // A failure leaves nothing in doubt: the upload may be made again.
    let played = publish(&[("a.png", 1000, Some("image/png"))], extras(json!({})), vec![broken()]);
    assert!(matches!(played.report.outcome, Outcome::NotSent { .. }), "{:?}", played.report);
    let (plugin, host) = twitter();
    let look = json!({ "known": [] });
    let mut asked = extras(json!({}));
    asked.as_object_mut().expect("an object").extend(look.as_object().cloned().expect("an object"));
    assert_eq!(play(&plugin, &host, job("reconcile", asked), []).report.outcome, Outcome::Absent);
}

#[test]
fn only_one_new_attachment_is_only_uploaded() {
    let host = TestHost::at(NOW_MS);
    let offered = abi::STROWGER_CHANNEL_FEATURE_FILES | abi::STROWGER_CHANNEL_FEATURE_FILE_FACTS;
    let plugin = Twitter::create(host.host(), &sample().to_string()).expect("the sample is right");
    assert!(host.host().offers(offered));
    let one = json!([{ "file": "a.png" }]);
    for (extras, refused) in [
        (json!({ "upload_only": true, "attachments": one }), None),
        (json!({ "upload_only": false }), None),
        (json!({ "upload_only": "yes", "attachments": one }), Some("`upload_only` must be")),
        (json!({ "upload_only": true }), Some("one attachment")),
        (json!({ "upload_only": true, "attachments": ["71"] }), Some("one attachment")),
        (json!({ "upload_only": true, "attachments": [one[0], one[0]] }), Some("one attachment")),
        (json!({ "upload_only": true, "attachments": one, "to": "77" }), Some("one attachment")),
        (json!({ "upload_only": true, "attachments": one, "inReplyTo": "77" }), Some("one attachment")),
    ] {
        let carried = extras.as_object().expect("an object");
        let outgoing = Outgoing { channel: "twitter", account: "vitaliy_onv", text: "note", extras: carried };
        match (plugin.check(&outgoing), refused) {
            (Ok(()), None) => {}
            (Err(refusal), Some(words)) => assert!(refusal.message.contains(words), "{extras}: {refusal:?}"),
            other => panic!("{extras}: {other:?}"),
        }
    }
}
