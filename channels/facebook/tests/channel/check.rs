use serde_json::{Value, json};
use strowger_channel::abi::STROWGER_CHANNEL_FEATURE_FILES;
use strowger_channel::testing::TestHost;
use strowger_channel::{Outgoing, Plugin};
use strowger_facebook::Facebook;

use crate::{NOW_MS, facebook, sample};

fn check(account: &str, text: &str, extras: &Value) -> Option<u8> {
    let (plugin, _) = facebook();
    let extras = extras.as_object().expect("an object");
    let outgoing = Outgoing { channel: "facebook", account, text, extras };
    plugin.check(&outgoing).err().map(|refusal| refusal.code)
}

#[test]
fn what_cannot_be_sent_is_refused_at_once() {
    for (extras, code) in [
        (json!({ "link": "https://example.org/a", "attachments": [], "other": 1 }), None),
        (json!({ "link": "javascript:alert(1)" }), Some(2)),
        (json!({ "link": "https://" }), Some(2)),
        (json!({ "link": 7 }), Some(2)),
        (json!({ "attachments": ["1", { "url": "https://example.org/p.png", "alt_text": "a cat" }] }), None),
        (json!({ "attachments": ["x"] }), Some(2)),
        (json!({ "attachments": [{ "url": "http://example.org/p.png" }] }), Some(2)),
        (json!({ "attachments": [{ "file": "p.png", "alt_text": "a cat" }] }), None),
        (json!({ "attachments": [{ "file": "p.png", "url": "https://example.org/p.png" }] }), Some(2)),
        (json!({ "attachments": [{ "file": "" }] }), Some(2)),
        (json!({ "attachments": [{ "file": 7 }] }), Some(2)),
        (json!({ "attachments": vec!["1"; 11] }), Some(10)),
        (json!({ "attachments": ["1"], "link": "https://example.org" }), Some(2)),
        (json!({ "video_url": "https://example.org/v.mp4", "title": "V" }), None),
        (json!({ "video_url": "http://example.org/v.mp4" }), Some(2)),
        (json!({ "video_file": "v.mp4", "title": "V" }), None),
        (json!({ "video_file": 7 }), Some(2)),
        (json!({ "video_file": "v.mp4", "video_url": "https://example.org/v.mp4" }), Some(2)),
        (json!({ "video_file": "v.mp4", "attachments": ["1"] }), Some(2)),
        (json!({ "location": "Paris" }), Some(2)),
        (json!({ "inReplyTo": "1" }), Some(2)),
    ] {
        assert_eq!(check("vitaliy_onv", "hello", &extras), code, "{extras}");
    }
    let nothing = json!({});
    assert_eq!(check("vitaliy_onv", " ", &nothing), Some(2));
    assert_eq!(check("nobody", "hello", &nothing), Some(2));
    assert_eq!(check("vitaliy_onv", &"ü".repeat(63_206), &nothing), None);
    assert_eq!(check("vitaliy_onv", &"ü".repeat(63_207), &nothing), Some(10));
}

/// What the host won't read later is not accepted now; an address is Facebook's business.
#[test]
fn files_need_a_host_that_has_some() {
    let host = TestHost::at(NOW_MS).without(STROWGER_CHANNEL_FEATURE_FILES);
    let plugin = Facebook::create(host.host(), &sample().to_string()).expect("the sample is right");
    for (extras, refused) in [
        (json!({ "attachments": ["1", { "file": "p.png" }] }), true),
        (json!({ "video_file": "v.mp4" }), true),
        (json!({ "attachments": [{ "url": "https://example.org/p.png" }] }), false),
        (json!({ "video_url": "https://example.org/v.mp4" }), false),
    ] {
        let extras_map = extras.as_object().expect("an object");
        let message =
            Outgoing { channel: "facebook", account: "vitaliy_onv", text: "hello", extras: extras_map };
        assert_eq!(plugin.check(&message).is_err(), refused, "{extras}");
    }
}
