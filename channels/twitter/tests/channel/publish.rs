use serde_json::json;
use strowger_channel::testing::{self, answer, header, play};
use strowger_channel::{Body, Outcome, Plugin};
use strowger_twitter::Twitter;

use crate::{NOW_MS, assert_discreet, job, sample, twitter};

const CREATED: &str = r#"{"data":{"id":"1234567890123456789","text":"Hello Twitter!"}}"#;

#[test]
fn a_post_is_one_signed_marked_request() {
    let (plugin, host) = twitter();
    let played = play(&plugin, &host, job("publish", json!({})), [testing::json(201, CREATED)]);
    assert_eq!(
        played.report.outcome,
        Outcome::Published {
            id: Some("1234567890123456789".into()),
            location: Some("https://x.com/vitaliy_onv/status/1234567890123456789".into())
        }
    );
    let made = &played.requests[0];
    assert!(made.marked);
    assert_eq!((made.request.method, made.request.url.as_str()), ("POST", "https://api.x.com/2/tweets"));
    assert_eq!(made.request.body, Body::Json(json!({ "text": "Hello Twitter!" })));
    let authorization = header(&made.request, "authorization").expect("signed");
    for part in [
        "OAuth oauth_consumer_key=\"ck\"",
        "oauth_nonce=\"000102030405060708090a0b0c0d0e0f\"",
        "oauth_signature_method=\"HMAC-SHA1\"",
        "oauth_timestamp=\"1795224589\"",
        "oauth_token=\"tk\"",
        "oauth_version=\"1.0\"",
        "oauth_signature=\"",
    ] {
        assert!(authorization.contains(part), "{authorization}");
    }
    assert_discreet(&played, &host);
}

#[test]
fn a_bearer_token_goes_into_the_header_and_a_base_address_may_end_in_a_slash() {
    let mut config = sample();
    config["base_url"] = json!("https://api.x.com/");
    let host = testing::TestHost::at(NOW_MS);
    let plugin = Twitter::create(host.host(), &config.to_string()).expect("right");
    let support = job("publish", json!({ "account": "support" }));
    let played = play(&plugin, &host, support, [testing::json(201, CREATED)]);
    let request = &played.requests[0].request;
    assert_eq!(request.url, "https://api.x.com/2/tweets");
    assert_eq!(header(request, "authorization"), Some("Bearer bearer-s3cret"));
    // Without a handle in the configuration the address still leads there.
    assert!(matches!(
        played.report.outcome,
        Outcome::Published { location: Some(location), .. }
            if location == "https://x.com/i/status/1234567890123456789"
    ));
}

#[test]
fn replies_quotes_and_media_have_their_members() {
    let (plugin, host) = twitter();
    let target = json!({ "_twitterInReplyToStatusId": "63493545", "_twitterMsgType": "status" });
    let quote = json!({ "_twitterInReplyToStatusId": 63_493_545, "_twitterIsRetweet": "true" });
    let parent = json!({ "id": "P", "userData": {} });
    for (more, body) in [
        (
            json!({ "userData": target, "parent": parent }),
            json!({ "reply": { "in_reply_to_tweet_id": "63493545" } }),
        ),
        (json!({ "userData": quote, "parent": parent }), json!({ "quote_tweet_id": "63493545" })),
        (json!({ "extras": { "inReplyTo": "7" } }), json!({ "reply": { "in_reply_to_tweet_id": "7" } })),
        (
            json!({ "extras": { "attachments": ["5"], "location": "df51dec6f4ee2b2c" } }),
            json!({ "media": { "media_ids": ["5"] }, "geo": { "place_id": "df51dec6f4ee2b2c" } }),
        ),
    ] {
        let played = play(&plugin, &host, job("publish", more), [testing::json(201, CREATED)]);
        let mut expected = json!({ "text": "Hello Twitter!" });
        expected.as_object_mut().expect("an object").extend(body.as_object().expect("an object").clone());
        assert_eq!(played.requests[0].request.body, Body::Json(expected));
    }
}

#[test]
fn what_cannot_be_published_is_rejected_before_any_request() {
    let (plugin, host) = twitter();
    let parent = json!({ "id": "P", "userData": { "_twitterMsgId": "63493545" } });
    for (more, code) in [
        (json!({ "parent": parent }), "no-target"),
        (json!({ "userData": { "_twitterIsRetweet": "true" } }), "no-target"),
        (json!({ "userData": { "_twitterInReplyToStatusId": "../1" } }), "no-target"),
        (json!({ "userData": { "_twitterMsgType": "Carrier pigeon" } }), "unsupported"),
        (json!({ "message": " " }), "empty"),
        (json!({ "extras": { "attachments": [{ "url": "http://a" }] } }), "extras"),
        (json!({ "account": "nobody" }), "no-account"),
    ] {
        let played = play(&plugin, &host, job("publish", more), []);
        assert!(
            matches!(&played.report.outcome, Outcome::Rejected { code: given, .. } if given == code),
            "{played:?}"
        );
    }
    let played = play(&plugin, &host, job("poll", json!({ "handle": "h" })), []);
    assert!(matches!(played.report.outcome, Outcome::Rejected { .. }));
}

#[test]
fn the_rest_of_a_partial_success_goes_to_the_log() {
    let (plugin, host) = twitter();
    let body =
        r#"{"data":{"id":"9","text":"t"},"errors":[{"title":"Not Found","detail":"one media is gone"}]}"#;
    let played = play(&plugin, &host, job("publish", json!({})), [answer(201, &[], body)]);
    assert!(matches!(played.report.outcome, Outcome::Published { .. }));
    assert!(host.log_lines()[0].1.contains("one media is gone"));
}
