use serde_json::json;
use strowger_channel::Plugin;
use strowger_channel::testing::TestHost;
use strowger_twitter::Twitter;

use crate::{NOW_MS, sample, twitter};

#[test]
fn the_manifest_of_the_sample_configuration() {
    let (plugin, _) = twitter();
    let manifest = serde_json::to_value(plugin.manifest()).expect("JSON");
    let post = json!({ "from": "optional" });
    let user = json!({ "twitterUserId": "required", "from": "required" });
    assert_eq!(
        manifest,
        json!({ "channels": [ {
            "channel": "twitter", "collections": ["tweets", "twitter"], "listMember": "tweets",
            "resource": "twitter", "uriPath": "tweet", "topic": "/v2/me/twitter",
            "messageType": "TwitterStateChangeMessage", "savedType": "TwitterSaved",
            "directionMember": "twitterType", "operationResponseType": "TwitterOperationResponse",
            "replyUserData": { "To": "{parent._twitterFromAddr}",
                               "_twitterInReplyToStatusId": "{parent._twitterMsgId}",
                               "_twitterMsgType": "status", "_umsChannel": "channel-twitter" },
            "replyNeeds": ["_twitterMsgId"],
            "replyParameters": [ { "name": "isRetweet", "kind": "boolean", "userData": "_twitterIsRetweet" } ],
            "mirrorFrom": "FromAddress",
            "operations": [
                { "name": "Retweet", "in": ["Processing"], "parameters": post },
                { "name": "MarkFavorite", "in": ["Processing"], "parameters": post },
                { "name": "RemoveFavorite", "in": ["Processing"], "parameters": post },
                { "name": "Follow", "in": ["collection"], "parameters": user },
                { "name": "Unfollow", "in": ["collection"], "parameters": user } ],
            "limits": { "attachments": 4 },
            "accounts": [
                { "name": "vitaliy_onv",
                  "operations": ["Retweet", "MarkFavorite", "RemoveFavorite", "Follow", "Unfollow"],
                  "sendUserData": {
                      "_umsInboundIxnSubmittedBy": "{engine.name}", "_umsChannel": "channel-twitter",
                      "_umsMediaAccount": "1258948171", "_twitterUserId": "1258948171",
                      "_twitterUserName": "Vitaliy", "_twitterUserScreenName": "vitaliy_onv",
                      "_twitterUserImageURL": "http://pbs.twimg.com/profile_images/1_normal.png" },
                  "sendDefaults": { "_twitterMsgType": "Status", "_twitterContactIsFollower": "false",
                                    "_twitterContactIsFriend": "false" },
                  "onUnknown": "ask" },
                { "name": "support", "operations": [],
                  "sendUserData": {
                      "_umsInboundIxnSubmittedBy": "{engine.name}", "_umsChannel": "channel-twitter",
                      "_umsMediaAccount": "22", "_twitterUserId": "22" },
                  "sendDefaults": { "_twitterMsgType": "Status", "_twitterContactIsFollower": "false",
                                    "_twitterContactIsFriend": "false" },
                  "onUnknown": "resend" } ] } ] })
    );
}

#[test]
fn only_operations_that_some_account_can_do_are_listed() {
    let mut config = sample();
    config["accounts"][0]["operations"] = json!(["Follow"]);
    let plugin = Twitter::create(TestHost::at(NOW_MS).host(), &config.to_string()).expect("right");
    let names: Vec<_> = plugin.manifest().channels[0].operations.iter().map(|o| o.name.clone()).collect();
    assert_eq!(names, ["Follow"]);
}
