use serde_json::json;
use strowger_channel::Plugin;

use crate::oneall;

#[test]
fn the_manifest_of_the_sample_configuration() {
    let (plugin, _) = oneall();
    let manifest = serde_json::to_value(plugin.manifest()).expect("JSON");
    let facts = json!({ "_umsInboundIxnSubmittedBy": "{engine.name}", "_umsChannel": "channel-oneall",
                        "_umsMediaAccount": "brand", "_linkedinUserName": "The Brand" });
    let company = json!({ "_umsInboundIxnSubmittedBy": "{engine.name}", "_umsChannel": "channel-oneall",
                          "_umsMediaAccount": "company", "_linkedinCompanyId": "1234" });
    assert_eq!(
        manifest["channels"][0],
        json!({
            "channel": "linkedin", "collections": ["linkedin"], "listMember": "linkedin", "resource": "linkedin",
            "uriPath": "linkedin", "topic": "/v2/me/linkedin", "messageType": "LinkedInStateChangeMessage",
            "savedType": "LinkedInSaved", "directionMember": "linkedinType",
            "replyUserData": { "_umsChannel": "channel-oneall" },
            "limits": { "attachments": 0 }, "secrets": ["identity_token", "private_key"],
            "accounts": [
                { "name": "brand", "operations": [], "sendUserData": facts, "onUnknown": "ask" },
                { "name": "company", "operations": [], "sendUserData": company, "onUnknown": "ask" } ] })
    );
    for (place, channel, title) in [(1, "pinterest", "Pinterest"), (2, "youtube", "YouTube")] {
        let one = &manifest["channels"][place];
        assert_eq!(one["channel"], channel);
        assert_eq!(one["topic"], format!("/v2/me/{channel}"));
        assert_eq!(one["messageType"], format!("{title}StateChangeMessage"));
    }
}
