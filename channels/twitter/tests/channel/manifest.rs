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
            "limits": { "attachments": 4 }, "secrets": ["identity_token", "private_key"],
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
fn the_channel_lists_what_it_does_and_an_account_what_it_may() {
    let mut config = sample();
    config["accounts"][0]["operations"] = json!(["Follow"]);
    let plugin = Twitter::create(TestHost::at(NOW_MS).host(), &config.to_string()).expect("right");
    let channel = &plugin.manifest().channels[0];
    let names: Vec<_> = channel.operations.iter().map(|o| o.name.clone()).collect();
    assert_eq!(names, ["Retweet", "MarkFavorite", "RemoveFavorite", "Follow", "Unfollow"]);
    assert_eq!(channel.accounts[0].operations, ["Follow"]);
}
