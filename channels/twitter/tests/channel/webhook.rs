use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use strowger_channel::testing::TestHost;
use strowger_channel::{Plugin, WebhookAnswer, WebhookRequest};
use strowger_twitter::Twitter;

use crate::{NOW_MS, SECRETS, sample, twitter};

fn call(plugin: &Twitter, method: &str, query: &str, headers: &[(&str, &str)], body: &str) -> WebhookAnswer {
    let request = WebhookRequest {
        method: method.into(),
        path: "/hooks/x".into(),
        query: query.into(),
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
    };
    Twitter::INGEST.expect("webhooks are read")(plugin, &request, body.as_bytes())
}

fn sign(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(body.as_bytes());
    format!("sha256={}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn reported(report: &Value) -> Vec<Value> {
    let (plugin, _) = twitter();
    let body = report.to_string();
    let signature = sign(SECRETS[3], &body);
    let answer = call(&plugin, "POST", "", &[("X-Twitter-Webhooks-Signature", &signature)], &body);
    assert_eq!(answer.answer.status, 200);
    answer.inbound
}

fn user(id: &str, handle: &str, name: &str) -> Value {
    json!({ "id": id.parse::<u64>().expect("a number"), "id_str": id, "name": name, "screen_name": handle,
            "created_at": "Tue Nov 05 06:56:43 +0000 2013", "followers_count": 0, "friends_count": 7,
            "statuses_count": 2, "following": false,
            "profile_image_url_https": "https://abs.twimg.com/1_normal.png" })
}

fn post(id: &str, author: &Value, text: &str) -> Value {
    json!({ "created_at": "Tue Nov 05 10:58:12 +0000 2013", "id": 63_493_545, "id_str": id, "text": text,
            "source": "<a href=\"http://example.org\" rel=\"nofollow\">App</a>", "user": author,
            "favorited": false, "retweeted": false, "retweet_count": 0,
            "in_reply_to_status_id_str": "55", "in_reply_to_user_id_str": "1258948171" })
}

/// The value was computed with another implementation.
#[test]
fn the_challenge_is_answered() {
    let (plugin, _) = twitter();
    let answer = call(&plugin, "GET", "nonce=1&crc_token=challenge%20%2B%2F%3D", &[], "");
    assert_eq!(answer.answer.status, 200);
    let body: Value = serde_json::from_str(&answer.answer.body).expect("JSON");
    assert_eq!(body, json!({ "response_token": "sha256=1J/R1V7WlgOP4JT/MnnGc0x82ff/KnYAzP85o6v/EMc=" }));
    assert_eq!(call(&plugin, "GET", "", &[], "").answer.status, 400);
    assert_eq!(call(&plugin, "PUT", "", &[], "").answer.status, 405);
}

#[test]
fn what_is_not_signed_makes_no_interaction() {
    let (plugin, host) = twitter();
    let body = json!({ "for_user_id": "1258948171",
                       "tweet_create_events": [post("9", &user("77", "oleg", "Oleg"), "hi")] })
    .to_string();
    let right = sign(SECRETS[3], &body);
    let other = sign("another", &body);
    let hex = format!("sha256={}", "0".repeat(64));
    for (headers, body, status) in [
        (vec![], body.clone(), 401),
        (vec![("x-twitter-webhooks-signature", "s3cret")], body.clone(), 401),
        (vec![("x-twitter-webhooks-signature", other.as_str())], body.clone(), 403),
        (vec![("x-twitter-webhooks-signature", hex.as_str())], body.clone(), 403),
        (vec![("x-twitter-webhooks-signature", "sha256=")], body.clone(), 403),
        // The same JSON in other bytes.
        (vec![("x-twitter-webhooks-signature", right.as_str())], format!("{body} "), 403),
    ] {
        let answer = call(&plugin, "POST", "", &headers, &body);
        assert_eq!((answer.answer.status, answer.inbound), (status, vec![]), "{headers:?}");
        assert!(!answer.answer.body.contains("s3cret"));
    }
    let garbage = sign(SECRETS[3], "{");
    let answer = call(&plugin, "POST", "", &[("x-twitter-webhooks-signature", &garbage)], "{");
    assert_eq!(answer.answer.status, 400);
    assert!(host.log_lines().is_empty());

    let mut config = sample();
    config["accounts"][0].as_object_mut().expect("an object").remove("webhook");
    let plugin = Twitter::create(TestHost::at(NOW_MS).host(), &config.to_string()).expect("right");
    let answer = call(&plugin, "POST", "", &[("x-twitter-webhooks-signature", &right)], &body);
    assert_eq!(answer.answer.status, 404);
}

#[test]
fn the_path_tells_apps_apart() {
    let mut config = sample();
    config["accounts"][0]["webhook"]["path"] = json!("/hooks/x");
    config["accounts"][1]["webhook"] =
        json!({ "secret": "other-app", "queue": "/queues/q", "path": "/hooks/y" });
    let plugin = Twitter::create(TestHost::at(NOW_MS).host(), &config.to_string()).expect("right");
    let body = json!({ "for_user_id": "22", "tweet_create_events": [] }).to_string();
    let signature = sign("other-app", &body);
    let answer = call(&plugin, "POST", "", &[("x-twitter-webhooks-signature", &signature)], &body);
    assert_eq!(answer.answer.status, 403);
}

/// Member for member what the Web Services API Reference shows of an inbound tweet, as far as X tells it.
#[test]
fn a_mention_has_the_user_data_of_the_reference() {
    let author = user("2175525290", "witcher", "Oleg Witcher");
    let mentions = reported(&json!({ "for_user_id": "1258948171", "user_has_blocked": false,
                                     "tweet_create_events": [post("63493545", &author, "@vitaliy_onv a &amp;lt; b")] }));
    assert_eq!(
        mentions,
        [json!({
            "channel": "twitter", "account": "vitaliy_onv", "externalId": "63493545",
            "from": "witcher(Oleg Witcher)", "message": "@vitaliy_onv a &lt; b",
            "queuePath": "/queues/twitter-in",
            "userData": {
                "FromAddress": "witcher(Oleg Witcher)",
                "_twitterCreatedAt": "2013-11-05T10:58:12Z", "_twitterFromAddr": "witcher",
                "_twitterFromUserId": "2175525290", "_twitterInReplyToStatusId": "55",
                "_twitterIsFavorited": "false", "_twitterIsRetweet": "false",
                "_twitterMsgId": "63493545", "_twitterMsgPlainText": "@vitaliy_onv a &lt; b",
                "_twitterMsgType": "Status", "_twitterRetweetCount": "0",
                "_twitterSource": "<a href=\"http://example.org\" rel=\"nofollow\">App</a>",
                "_twitterToAddr": "vitaliy_onv", "_twitterUserCreatedAt": "2013-11-05T06:56:43Z",
                "_twitterUserFollowersCount": "0", "_twitterUserFriendsCount": "7",
                "_twitterUserId": "2175525290",
                "_twitterUserImageURL": "https://abs.twimg.com/1_normal.png",
                "_twitterUserIsFriend": "false", "_twitterUserName": "Oleg Witcher",
                "_twitterUserScreenName": "witcher", "_twitterUserStatusesCount": "2",
                "_umsChannel": "channel-twitter",
                "_umsChannelInfo": { "_twitterUserId": "1258948171",
                    "_twitterUserImageURL": "http://pbs.twimg.com/profile_images/1_normal.png",
                    "_twitterUserName": "Vitaliy", "_twitterUserScreenName": "vitaliy_onv" },
                "_umsChatPossible": "false", "_umsFromAddr": "witcher", "_umsMediaAccount": "1258948171",
                "_umsMediaType": "twitter", "_umsMsgPlainText": "@vitaliy_onv a &lt; b" } })]
    );
}

#[test]
fn a_direct_message_comes_in_with_its_sender() {
    let message = |sender: &str, text: &str| {
        json!({ "type": "message_create", "id": "954491830116155396", "created_timestamp": "1516403560557",
                "message_create": { "target": { "recipient_id": "1258948171" }, "sender_id": sender,
                                    "message_data": { "text": text, "entities": {} } } })
    };
    let typing = json!({ "type": "message_typing" });
    let users = json!({ "77": { "id": "77", "created_timestamp": "1422556069340", "name": "Oleg",
                                "screen_name": "oleg", "followers_count": 4 } });
    let inbound = reported(&json!({ "for_user_id": "1258948171", "users": users,
        "direct_message_events": [message("77", "hi &gt; there"), typing, message("1258948171", "an echo")] }));
    let [inbound] = inbound.as_slice() else { panic!("{inbound:?}") };
    assert_eq!(inbound["externalId"], "954491830116155396");
    assert_eq!((&inbound["from"], &inbound["message"]), (&json!("oleg(Oleg)"), &json!("hi > there")));
    for (key, value) in [
        ("_twitterMsgType", "DirectMessage"),
        ("_twitterFromUserId", "77"),
        ("_twitterMsgId", "954491830116155396"),
        ("_twitterCreatedAt", "2018-01-19T23:12:40Z"),
        ("_twitterUserCreatedAt", "2015-01-29T18:27:49Z"),
        ("_umsMediaAccount", "1258948171"),
    ] {
        assert_eq!(inbound["userData"][key], value, "{key}");
    }
    // Of a sender who is not described the id is left.
    let inbound =
        reported(&json!({ "for_user_id": "1258948171", "direct_message_events": [message("78", "hi")] }));
    assert_eq!(inbound[0]["from"], "78");
}

#[test]
fn echoes_repeats_of_others_and_reports_on_strangers_make_no_interaction() {
    let oleg = user("77", "oleg", "Oleg");
    let mut repeated = post("9", &oleg, "RT @vitaliy_onv: hello");
    repeated["retweeted_status"] = post("8", &user("1258948171", "vitaliy_onv", "Vitaliy"), "hello");
    for event in [
        post("9", &user("1258948171", "vitaliy_onv", "Vitaliy"), "our own"),
        post("9", &user("22", "support", "Support"), "our other account's"),
        repeated,
        json!({}),
        json!({ "id_str": "9" }),
        json!("text"),
        post("../1", &oleg, "hi"),
    ] {
        let report = json!({ "for_user_id": "1258948171", "tweet_create_events": [event] });
        assert_eq!(reported(&report), Vec::<Value>::new(), "{report}");
    }
    assert!(
        reported(&json!({ "for_user_id": "99", "tweet_create_events": [post("9", &oleg, "hi")] })).is_empty()
    );
    assert!(
        reported(&json!({ "for_user_id": "22", "tweet_create_events": [post("9", &oleg, "hi")] })).is_empty()
    );
    assert!(reported(&json!({ "for_user_id": "1258948171", "favorite_events": [{}] })).is_empty());
    let mut long = post("9", &oleg, "cut…");
    long["extended_tweet"] = json!({ "full_text": "all of it" });
    let inbound = reported(&json!({ "for_user_id": "1258948171", "tweet_create_events": [long] }));
    assert_eq!(inbound[0]["message"], "all of it");
}
