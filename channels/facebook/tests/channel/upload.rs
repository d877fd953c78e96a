use serde_json::json;
use strowger_channel::testing::{broken, json as json_answer, play};
use strowger_channel::{Body, Outcome, Part};

use crate::{SECRETS, assert_discreet, facebook, job};

const CREATED: &str = r#"{"id":"449156051903439_77","permalink_url":"https://www.facebook.com/p/77"}"#;

/// A file of a form: its name at the host, its length and its type.
type Source<'a> = (&'a str, u64, &'a str);

/// The plain fields of a multipart body, and its one file.
fn parts(body: &Body) -> (Vec<(&str, &str)>, Source<'_>) {
    let Body::Multipart(parts) = body else { panic!("{body:?}") };
    let mut fields = Vec::new();
    let mut files = Vec::new();
    for part in parts {
        match part {
            Part::Text { name, text } => fields.push((name.as_str(), text.expose())),
            Part::File { name, file, offset: 0, length, content_type, .. } => {
                assert_eq!(name, "source");
                files.push((file.as_str(), *length, content_type.as_str()));
            }
            Part::File { .. } => panic!("a file goes up whole: {part:?}"),
        }
    }
    assert_eq!(files.len(), 1, "{body:?}");
    (fields, files[0])
}

/// Every file is examined before any goes up; the order of the attachments is the order of the post.
#[test]
fn files_go_up_unpublished_among_pictures_of_other_kinds() {
    let (plugin, host) = facebook();
    host.put_file("cat.png", 1_234, Some("image/png"));
    let extras = json!({ "attachments": [
        { "file": "cat.png", "alt_text": "a cat" }, "55", { "url": "https://example.org/p.png" } ] });
    let exchanges =
        [json_answer(200, r#"{"id":"66"}"#), json_answer(200, r#"{"id":"67"}"#), json_answer(200, CREATED)];
    let played = play(&plugin, &host, job("publish", json!({ "extras": extras })), exchanges);
    assert!(matches!(played.report.outcome, Outcome::Published { .. }), "{:?}", played.report);
    let marks: Vec<_> = played.requests.iter().map(|made| made.marked).collect();
    assert_eq!(marks, [false, false, true]);
    let upload = &played.requests[0].request;
    assert_eq!(upload.url, "https://graph.facebook.com/v26.0/449156051903439/photos");
    let (fields, file) = parts(&upload.body);
    let expected = [("published", "false"), ("alt_text_custom", "a cat"), ("appsecret_proof", SECRETS[2])];
    assert_eq!(fields, expected);
    assert_eq!(file, ("cat.png", 1_234, "image/png"));
    let post = &played.requests[2].request;
    for (index, id) in ["66", "55", "67"].into_iter().enumerate() {
        let expected = format!(r#"{{"media_fbid":"{id}"}}"#);
        let field = strowger_channel::testing::field(post, &format!("attached_media[{index}]"));
        assert_eq!(field, Some(expected.as_str()));
    }
    assert_discreet(&played, &host);
}

#[test]
fn a_video_that_is_a_file_goes_up_within_the_request_that_publishes() {
    let (plugin, host) = facebook();
    host.put_file("film.mp4", 9_000, Some("video/mp4"));
    let more = json!({ "extras": { "video_file": "film.mp4", "title": "V" } });
    let played = play(&plugin, &host, job("publish", more.clone()), [json_answer(200, r#"{"id":"88"}"#)]);
    assert_eq!(played.report.outcome, Outcome::Accepted { handle: json!({ "video": "88" }) });
    let made = &played.requests[0];
    assert!(made.marked && made.request.url.ends_with("/v26.0/449156051903439/videos"));
    let (fields, file) = parts(&made.request.body);
    assert_eq!(fields, [("description", "Hello Facebook!"), ("title", "V"), ("appsecret_proof", SECRETS[2])]);
    assert_eq!(file, ("film.mp4", 9_000, "video/mp4"));
    assert_discreet(&played, &host);

    let lost = play(&plugin, &host, job("publish", more), [broken()]);
    assert!(matches!(lost.report.outcome, Outcome::Unknown { .. }), "it may be there: {:?}", lost.report);
}

#[test]
fn what_facebook_would_not_take_is_rejected_before_any_request() {
    let (plugin, host) = facebook();
    host.put_file("cat.png", 10 << 20, Some("image/png"));
    host.put_file("large.png", (10 << 20) + 1, Some("image/png"));
    host.put_file("empty.png", 0, Some("image/png"));
    host.put_file("film.mp4", 60 << 20, Some("video/mp4"));
    host.put_file("large.mp4", (60 << 20) + 1, Some("video/mp4"));
    host.put_file("notes", 10, None);
    host.put_file("cat.webp", 10, Some("image/webp"));
    let picture = |file: &str| json!({ "file": file });
    for extras in [
        json!({ "attachments": [picture("cat.png"), picture("large.png")] }),
        json!({ "attachments": [picture("empty.png")] }),
        json!({ "attachments": [picture("film.mp4")] }),
        json!({ "attachments": [picture("notes")] }),
        json!({ "attachments": [picture("cat.webp")] }),
        json!({ "attachments": [picture("nowhere")] }),
        json!({ "video_file": "large.mp4" }),
        json!({ "video_file": "cat.png" }),
    ] {
        let played = play(&plugin, &host, job("publish", json!({ "extras": extras })), []);
        assert!(
            matches!(&played.report.outcome, Outcome::Rejected { code, .. } if code == "attachment"),
            "{extras}: {:?}",
            played.report
        );
    }
}
