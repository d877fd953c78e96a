use serde_json::{Value, json};
use strowger_channel::{Outgoing, Plugin};

use crate::facebook;

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
        (json!({ "attachments": ["1"] }), Some(2)),
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
