use serde_json::{Value, json};
use strowger_channel::testing::{TestHost, json as json_answer, play};
use strowger_channel::{Body, Outcome, Outgoing, Plugin};
use strowger_twitter::Twitter;

use crate::{NOW_MS, job};

const KEY: &str = "pr1v-s3cret";

fn over_oneall() -> (Twitter, TestHost) {
    let host = TestHost::at(NOW_MS);
    let config = json!({
        "name": "channel-twitter",
        "accounts": [{ "name": "vitaliy_onv", "user_id": "1258948171",
            "transport": { "kind": "oneall", "base_url": "https://example.api.oneall.com", "public_key": "pub",
                           "private_key": KEY, "identity_token": "923843ec" } }] });
    (Twitter::create(host.host(), &config.to_string()).expect("the configuration is right"), host)
}

const DONE: &str = r#"{"response":{"request":{"status":{"flag":"success","code":200}},
    "result":{"data":{"provider":"twitter","object":"post","post_id":"910891858989060096"}}}}"#;

#[test]
fn a_post_is_the_push_of_the_published_document() {
    let (plugin, host) = over_oneall();
    let extras = json!({ "location": "Paris FRANCE", "attachments": ["910890718352281600"] });
    let played = play(&plugin, &host, job("publish", json!({ "extras": extras })), [json_answer(200, DONE)]);
    assert_eq!(played.report.outcome, Outcome::published("910891858989060096"));
    let made = &played.requests[0];
    assert!(made.marked);
    assert_eq!(made.request.url, "https://example.api.oneall.com/push/identities/923843ec/twitter/post.json");
    let Body::Json(body) = &made.request.body else { panic!("{:?}", made.request) };
    let post = &body["request"]["push"]["post"];
    assert_eq!(post["location"], "Paris FRANCE");
    assert_eq!(post["attachments"], json!(["910890718352281600"]));
    assert!(!format!("{}{plugin:?}", played.visible()).contains(KEY));
}

#[test]
fn what_is_no_new_post_is_refused_before_anything_is_sent() {
    let (plugin, host) = over_oneall();
    for (kind, more) in [
        ("publish", json!({ "parent": { "id": "P", "userData": {} } })),
        ("publish", json!({ "userData": { "_twitterInReplyToStatusId": "1" } })),
        ("publish", json!({ "userData": { "_twitterIsRetweet": "true" } })),
        ("publish", json!({ "userData": { "_twitterMsgType": "DirectMessage" } })),
        ("publish", json!({ "extras": { "inReplyTo": "1" } })),
        ("publish", json!({ "extras": { "upload_only": true, "attachments": ["1"] } })),
        ("publish", json!({ "extras": { "attachments": ["1", "2", "3", "4", "5"] } })),
        ("operation", json!({ "operation": { "name": "Follow", "parameters": { "twitterUserId": "1" } } })),
    ] {
        let played = play(&plugin, &host, job(kind, more.clone()), []);
        assert!(matches!(played.report.outcome, Outcome::Rejected { .. }), "{more}");
    }
    let check = |extras: Value| {
        let extras = extras.as_object().expect("an object").clone();
        let outgoing = Outgoing { channel: "twitter", account: "vitaliy_onv", text: "hi", extras: &extras };
        plugin.check(&outgoing).err().map(|refusal| refusal.code)
    };
    assert_eq!(check(json!({ "location": "Paris" })), None);
    assert_eq!(check(json!({ "attachments": [{ "url": "https://example.org/p" }] })), Some(2));
    assert_eq!(check(json!({ "link": "https://example.org" })), Some(2));
}

#[test]
fn a_lost_answer_is_looked_for_in_the_list_of_tweets() {
    let (plugin, host) = over_oneall();
    // The id tells its own time: twenty seconds before now.
    let id = (NOW_MS - 20_000 - 1_288_834_974_657) << 22;
    let list = json!({ "response": { "result": { "data": { "tweets": [
        { "tweet_id": id.to_string(), "text": job("reconcile", json!({})).message } ] } } } });
    let played = play(&plugin, &host, job("reconcile", json!({})), [json_answer(200, &list.to_string())]);
    assert_eq!(played.report.outcome, Outcome::published(id.to_string()));
    assert!(played.requests[0].request.url.ends_with("/twitter/tweets.json?num_tweets=50"));
}
