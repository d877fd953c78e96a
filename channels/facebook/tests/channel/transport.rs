use serde_json::{Value, json};
use strowger_channel::testing::{TestHost, json as json_answer, play};
use strowger_channel::{Body, Outcome, Outgoing, Plugin};
use strowger_facebook::Facebook;

use crate::{NOW_MS, job, sample};

const KEY: &str = "pr1v-s3cret";

/// The member `transport` of an account.
pub(crate) fn member() -> Value {
    json!({ "kind": "oneall", "base_url": "https://example.api.oneall.com", "public_key": "pub",
            "private_key": KEY, "identity_token": "923843ec" })
}

fn over_oneall(target: Option<&str>) -> (Facebook, TestHost) {
    let host = TestHost::at(NOW_MS);
    let mut config = sample();
    let account = config["accounts"][0].as_object_mut().expect("an object");
    account.shift_remove("auth");
    account.insert("transport".into(), member());
    if let Some(target) = target {
        account["transport"]["target"] = json!(target);
    }
    (Facebook::create(host.host(), &config.to_string()).expect("the configuration is right"), host)
}

const DONE: &str = r#"{"response":{"request":{"status":{"flag":"success","code":200}},
    "result":{"data":{"provider":"facebook","object":"post","post_id":"4_5","post_location":"https://www.facebook.com/5"}}}}"#;

#[test]
fn posts_pictures_and_videos_go_to_their_endpoints() {
    let page = "449156051903439";
    for (target, extras, path, push) in [
        (
            None,
            json!({}),
            "facebook/page/post",
            json!({ "page": { "id": page, "message": "Hello Facebook!" } }),
        ),
        (
            None,
            json!({ "link": "https://example.org", "attachments": [] }),
            "facebook/page/post",
            json!({ "page": { "id": page, "message": "Hello Facebook!", "link": "https://example.org" } }),
        ),
        (
            None,
            json!({ "attachments": ["1", "2"] }),
            "facebook/page/post",
            json!({ "page": { "id": page, "message": "Hello Facebook!", "attachments": ["1", "2"] } }),
        ),
        (
            None,
            json!({ "attachments": [{ "url": "https://example.org/p" }] }),
            "facebook/page/picture",
            json!({ "page": { "id": page, "url": "https://example.org/p", "description": "Hello Facebook!" } }),
        ),
        (
            None,
            json!({ "video_url": "https://example.org/v" }),
            "facebook/page/video",
            json!({ "page": { "id": page, "url": "https://example.org/v", "description": "Hello Facebook!" } }),
        ),
        (Some("profile"), json!({}), "facebook/post", json!({ "post": { "message": "Hello Facebook!" } })),
        (
            Some("group"),
            json!({}),
            "facebook/group/post",
            json!({ "group": { "id": page, "message": "Hello Facebook!" } }),
        ),
    ] {
        let (plugin, host) = over_oneall(target);
        let job = job("publish", json!({ "extras": extras }));
        let played = play(&plugin, &host, job, [json_answer(200, DONE)]);
        assert_eq!(
            played.report.outcome,
            Outcome::Published {
                id: Some("4_5".into()),
                location: Some("https://www.facebook.com/5".into())
            }
        );
        let made = &played.requests[0];
        assert!(made.marked);
        assert_eq!(
            made.request.url,
            format!("https://example.api.oneall.com/push/identities/923843ec/{path}.json")
        );
        assert_eq!(made.request.body, Body::Json(json!({ "request": { "push": push } })));
        let warned = host.log_lines().len();
        assert_eq!(warned, usize::from(target.is_some()), "{:?}", host.log_lines());
        assert!(!format!("{}{plugin:?}", played.visible()).contains(KEY));
    }
}

#[test]
fn what_oneall_cannot_carry_is_refused_before_anything_is_sent() {
    let (plugin, host) = over_oneall(None);
    for more in [
        json!({ "userData": { "_facebookSubmitType": "comment", "_facebookPostId": "1_2" } }),
        json!({ "userData": { "_facebookSubmitType": "message", "To": "7" } }),
        json!({ "parent": { "id": "P", "userData": {} }, "userData": {} }),
        json!({ "extras": { "attachments": ["1", { "url": "https://example.org/p" }] } }),
    ] {
        let played = play(&plugin, &host, job("publish", more.clone()), []);
        assert!(matches!(played.report.outcome, Outcome::Rejected { .. }), "{more}");
        let played = play(&plugin, &host, job("reconcile", more), []);
        assert!(matches!(played.report.outcome, Outcome::CannotTell { .. }));
    }
    for (extras, code) in [
        (json!({ "link": "https://example.org" }), None),
        (json!({ "attachments": [{ "url": "https://example.org/p", "alt_text": "x" }] }), Some(2)),
        (json!({ "video_url": "https://example.org/v", "title": "T" }), Some(2)),
    ] {
        let extras = extras.as_object().expect("an object");
        let outgoing = Outgoing { channel: "facebook", account: "vitaliy_onv", text: "hi", extras };
        assert_eq!(plugin.check(&outgoing).err().map(|refusal| refusal.code), code, "{extras:?}");
    }
}
