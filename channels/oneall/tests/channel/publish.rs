use serde_json::{Value, json};
use strowger_channel::testing::{header, json as json_answer, play};
use strowger_channel::{Body, Outcome, Outgoing, Plugin};

use crate::{IDENTITY, SECRETS, assert_discreet, envelope, job, oneall};

/// The path beneath the identity, and what stands in `push`.
fn pushed(channel: &str, account: &str, extras: &Value) -> (String, Value) {
    let (plugin, host) = oneall();
    let more = json!({ "account": account, "extras": extras });
    let answer = envelope(&json!({ "provider": channel, "object": "post", "post_id": "77" }));
    let played = play(&plugin, &host, job("publish", channel, more), [json_answer(200, &answer)]);
    assert_eq!(played.report.outcome, Outcome::published("77"));
    assert_discreet(&played, &host);
    let made = &played.requests[0];
    assert!(made.marked);
    assert_eq!((made.request.method, played.requests.len()), ("POST", 1));
    assert_eq!(header(&made.request, "authorization"), Some(format!("Basic {}", SECRETS[1]).as_str()));
    let base = format!("https://example.api.oneall.com/push/identities/{IDENTITY}/");
    let Body::Json(body) = &made.request.body else { panic!("{:?}", made.request.body) };
    (made.request.url.strip_prefix(&base).expect(&base).to_owned(), body["request"]["push"].clone())
}

#[test]
fn the_endpoint_follows_from_the_account_and_the_extras() {
    let link = json!({ "link": "https://example.org/a", "title": "T", "other": 1 });
    let post = json!({ "link": "https://example.org/a", "title": "T", "message": "Hello World!" });
    assert_eq!(pushed("linkedin", "brand", &link), ("linkedin/post.json".into(), json!({ "post": post })));
    let mut post = post;
    post["company"] = json!("1234");
    assert_eq!(
        pushed("linkedin", "company", &link),
        ("linkedin/company/post.json".into(), json!({ "post": post }))
    );
    let picture = json!("https://example.org/p.png");
    assert_eq!(
        pushed("pinterest", "brand", &json!({ "picture": picture })),
        (
            "pinterest/board/5678/pin.json".into(),
            json!({ "pin": { "board": "5678", "description": "Hello World!", "picture": picture } })
        )
    );
    assert_eq!(
        pushed("pinterest", "brand", &json!({ "picture": picture, "board": "9" })).0,
        "pinterest/board/9/pin.json"
    );
    assert_eq!(
        pushed("pinterest", "brand", &json!({ "new_board": "Shoes" })),
        (
            "pinterest/board.json".into(),
            json!({ "board": { "name": "Shoes", "description": "Hello World!" } })
        )
    );
    assert_eq!(
        pushed(
            "youtube",
            "brand",
            &json!({ "video_url": "https://example.org/v.mp4", "title": "V", "picture": picture })
        ),
        (
            "youtube/video.json".into(),
            json!({ "video": { "video_url": "https://example.org/v.mp4", "title": "V",
                               "description": "Hello World!", "thumbnail_url": picture,
                               "callback_url": "https://example.org/cb" } })
        )
    );
    assert_eq!(
        pushed("youtube", "brand", &json!({ "video": "dQw", "playlist": "PL1" })),
        ("youtube/playlist/PL1/video.json".into(), json!({ "video": { "id": "dQw" } }))
    );
    assert_eq!(pushed("youtube", "brand", &json!({ "new_playlist": "Best" })).0, "youtube/playlist.json");
    assert_eq!(
        pushed("youtube", "brand", &json!({ "section": { "type": "x" } })),
        ("youtube/channel/section.json".into(), json!({ "section": { "type": "x" } }))
    );
}

#[test]
fn what_cannot_be_carried_is_refused_before_anything_is_sent() {
    let (plugin, host) = oneall();
    for (channel, extras, code) in [
        ("linkedin", json!({}), 2),
        ("linkedin", json!({ "link": "example.org" }), 2),
        ("linkedin", json!({ "link": "https://example.org", "attachments": ["1"] }), 2),
        ("linkedin", json!({ "link": "https://example.org", "video_url": "https://example.org" }), 2),
        ("linkedin", json!({ "link": "https://example.org", "inReplyTo": "1" }), 2),
        ("pinterest", json!({}), 2),
        ("pinterest", json!({ "picture": "https://example.org/p", "board": "../x" }), 2),
        ("pinterest", json!({ "picture": "https://example.org/p", "new_board": "x" }), 2),
        ("youtube", json!({ "video_url": "https://example.org/v" }), 2),
        ("youtube", json!({ "video": "1" }), 2),
        ("youtube", json!({ "playlist": "1" }), 2),
        ("youtube", json!({ "section": "x" }), 2),
        ("facebook", json!({}), 2),
    ] {
        let outgoing = Outgoing {
            channel,
            account: "brand",
            text: "hi",
            extras: extras.as_object().expect("an object"),
        };
        assert_eq!(plugin.check(&outgoing).expect_err("refused").code, code, "{channel} {extras}");
        let played = play(&plugin, &host, job("publish", channel, json!({ "extras": extras })), []);
        assert!(matches!(played.report.outcome, Outcome::Rejected { .. }), "{channel} {extras}");
    }
    let good = json!({ "link": "https://example.org" });
    let check = |text: &str| {
        let extras = good.as_object().expect("an object");
        let outgoing = Outgoing { channel: "linkedin", account: "brand", text, extras };
        plugin.check(&outgoing).err().map(|refusal| refusal.code)
    };
    assert_eq!(check("hi"), None);
    assert_eq!(check(" "), Some(2));
    assert_eq!(check(&"ü".repeat(3_000)), None);
    assert_eq!(check(&"ü".repeat(3_001)), Some(10));
}

#[test]
fn a_reply_never_becomes_a_new_post() {
    let (plugin, host) = oneall();
    let more =
        json!({ "extras": { "link": "https://example.org" }, "parent": { "id": "P", "userData": {} } });
    let played = play(&plugin, &host, job("publish", "linkedin", more), []);
    assert!(matches!(&played.report.outcome, Outcome::Rejected { code, .. } if code == "unsupported"));
    let more = json!({ "operation": { "name": "Follow", "parameters": {} } });
    let played = play(&plugin, &host, job("operation", "linkedin", more), []);
    assert!(matches!(&played.report.outcome, Outcome::Rejected { code, .. } if code == "unsupported"));
}
