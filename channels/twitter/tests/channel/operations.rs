use serde_json::json;
use strowger_channel::testing::{json as json_answer, play};
use strowger_channel::{Body, Outcome};

use crate::{assert_discreet, job, twitter};

#[test]
fn every_operation_has_its_endpoint_and_its_result() {
    let (plugin, host) = twitter();
    let post = json!({ "tweet_id": "63493545" });
    for (name, method, path, body, answer, user_data) in [
        (
            "Retweet",
            "POST",
            "retweets",
            Some(&post),
            r#"{"data":{"retweeted":true}}"#,
            json!({ "_twitterIsRetweet": "true" }),
        ),
        (
            "MarkFavorite",
            "POST",
            "likes",
            Some(&post),
            r#"{"data":{"liked":true}}"#,
            json!({ "_twitterIsFavorited": "true" }),
        ),
        (
            "RemoveFavorite",
            "DELETE",
            "likes/63493545",
            None,
            r#"{"data":{"liked":false}}"#,
            json!({ "_twitterIsFavorited": "false" }),
        ),
        (
            "Follow",
            "POST",
            "following",
            Some(&json!({ "target_user_id": "77" })),
            r#"{"data":{"following":true,"pending_follow":false}}"#,
            json!({}),
        ),
        (
            "Follow",
            "POST",
            "following",
            Some(&json!({ "target_user_id": "77" })),
            r#"{"data":{"following":false,"pending_follow":true}}"#,
            json!({}),
        ),
        ("Unfollow", "DELETE", "following/77", None, r#"{"data":{"following":false}}"#, json!({})),
    ] {
        let operation =
            json!({ "name": name, "parameters": { "twitterUserId": "77", "from": "vitaliy_onv" } });
        let user = json!({ "_twitterMsgId": "63493545" });
        let job = job("operation", json!({ "operation": operation, "userData": user }));
        let played = play(&plugin, &host, job, [json_answer(200, answer)]);
        assert_eq!(played.report.outcome, Outcome::Done, "{name}");
        assert_eq!(serde_json::Value::from(played.report.user_data.clone()), user_data);
        let made = &played.requests[0];
        assert!(made.marked);
        assert_eq!(made.request.method, method);
        assert_eq!(made.request.url, format!("https://api.x.com/2/users/1258948171/{path}"));
        assert_eq!(made.request.body, body.map_or(Body::None, |body| Body::Json(body.clone())));
        assert_discreet(&played, &host);
    }
}

#[test]
fn an_answer_that_does_not_say_so_is_not_done() {
    let (plugin, host) = twitter();
    let retweet = || {
        job("operation", json!({ "operation": { "name": "Retweet" }, "userData": { "_twitterMsgId": "1" } }))
    };
    let outcome = |answer| play(&plugin, &host, retweet(), [answer]).report.outcome;
    assert!(matches!(outcome(json_answer(200, r#"{"data":{"retweeted":false}}"#)), Outcome::Rejected { .. }));
    assert!(matches!(outcome(json_answer(200, "{}")), Outcome::Unknown { .. }));
    assert!(matches!(outcome(json_answer(503, "{}")), Outcome::Unknown { .. }));
    assert!(matches!(outcome(json_answer(401, "{}")), Outcome::NeedsLogin { .. }));
}

#[test]
fn what_cannot_be_done_is_rejected_before_any_request() {
    let (plugin, host) = twitter();
    for more in [
        json!({ "operation": { "name": "Retweet" }, "userData": {} }),
        json!({ "operation": { "name": "Follow", "parameters": { "twitterUserId": "x" } } }),
        json!({ "operation": { "name": "Fly" } }),
        json!({ "operation": { "name": "Retweet" }, "userData": { "_twitterMsgId": "1" }, "account": "support" }),
    ] {
        let played = play(&plugin, &host, job("operation", more), []);
        assert!(matches!(played.report.outcome, Outcome::Rejected { .. }), "{played:?}");
    }
}
