use serde_json::json;
use strowger_channel::Plugin;

use crate::facebook;

#[test]
fn the_manifest_of_the_sample_configuration() {
    let (plugin, _) = facebook();
    assert_eq!(
        serde_json::to_value(plugin.manifest()).expect("JSON"),
        json!({ "channels": [ {
            "channel": "facebook", "collections": ["facebook"], "listMember": "facebook", "resource": "facebook",
            "uriPath": "facebooks", "topic": "/v2/me/facebook", "messageType": "FacebookStateChangeMessage",
            "savedType": "FacebookSaved", "directionMember": "facebookType",
            "replyUserData": { "To": "{parent._facebookActorId}", "_facebookSubmitType": "comment",
                               "_facebookPostId": "{parent._facebookPostId}",
                               "_facebookCommentId": "{parent._facebookCommentId}",
                               "_umsChannel": "channel-facebook" },
            "replyNeeds": [["_facebookCommentId", "_facebookPostId"]],
            "replyParameters": [ { "name": "commentId", "kind": "string", "userData": "_facebookCommentId" } ],
            "limits": { "attachments": 0 },
            "secrets": ["appsecret_proof"],
            "accounts": [
                { "name": "vitaliy_onv", "operations": [],
                  "sendUserData": { "_facebookSourceId": "449156051903439",
                                    "_facebookSourceNickName": "Cloud App HTCC",
                                    "_facebookActorId": "1010528695643593",
                                    "_facebookActorNickName": "Vitaliy Onischenko",
                                    "desktop_AgentEmployeeId": "{agent.id}" },
                  "sendDefaults": { "_facebookSubmitType": "post" },
                  "onUnknown": "ask" } ] } ] })
    );
}
