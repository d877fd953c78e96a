use serde_json::{Value, json};
use strowger_channel::{Outgoing, Plugin};

use crate::twitter;

fn check(text: &str, extras: &Value) -> Result<(), (u8, String)> {
    let (plugin, _) = twitter();
    let extras = extras.as_object().expect("an object");
    plugin
        .check(&Outgoing { channel: "twitter", account: "vitaliy_onv", text, extras })
        .map_err(|refusal| (refusal.code, refusal.message))
}

#[test]
fn a_text_is_measured_as_x_measures_it() {
    assert_eq!(check(&"x".repeat(280), &json!({})), Ok(()));
    let (code, message) = check(&"x".repeat(281), &json!({})).expect_err("too long");
    assert_eq!(code, 10);
    assert!(message.contains("281") && message.contains("280"), "{message}");
    let address = format!("https://example.com/{}", "a".repeat(300));
    assert_eq!(check(&format!("{} {address}", "x".repeat(256)), &json!({})), Ok(()));
    assert_eq!(check(&"語".repeat(141), &json!({})).expect_err("too long").0, 10);
    assert_eq!(check(" \n", &json!({})).expect_err("empty").0, 2);
    assert_eq!(check("a\u{FFFF}", &json!({})).expect_err("invalid").0, 2);
}

#[test]
fn what_cannot_be_sent_is_refused_at_once() {
    for (extras, code) in [
        (json!({ "attachments": ["1", "2", "3", "4"], "other": 1, "link": null }), None),
        (json!({ "attachments": ["1", "2", "3", "4", "5"] }), Some(10)),
        (json!({ "attachments": [{ "url": "http://example.org/a.png" }] }), Some(2)),
        (json!({ "attachments": ["a/b"] }), Some(2)),
        (json!({ "attachments": "1" }), Some(2)),
        (json!({ "location": "Paris FRANCE" }), Some(2)),
        (json!({ "location": "df51dec6f4ee2b2c" }), None),
        (json!({ "inReplyTo": "1234" }), None),
        (json!({ "inReplyTo": "https://x.com/1" }), Some(2)),
        (json!({ "link": "https://example.org" }), Some(2)),
    ] {
        assert_eq!(check("hello", &extras).err().map(|(code, _)| code), code, "{extras}");
    }
}

#[test]
fn an_unknown_account_is_refused() {
    let (plugin, _) = twitter();
    let extras = serde_json::Map::new();
    let outgoing = Outgoing { channel: "twitter", account: "nobody", text: "hello", extras: &extras };
    assert_eq!(plugin.check(&outgoing).expect_err("unknown").code, 2);
}
