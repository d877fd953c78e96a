use serde_json::json;
use strowger_channel::testing::{answer, broken, not_sent, play};
use strowger_channel::{Exchange, Outcome, Report};

use crate::{NOW_MS, assert_discreet, job, twitter};

fn report(exchange: Exchange) -> Report {
    let (plugin, host) = twitter();
    let played = play(&plugin, &host, job("publish", json!({})), [exchange]);
    assert_discreet(&played, &host);
    played.report
}

/// The class, and the code of a rejection.
fn class(exchange: Exchange) -> String {
    match report(exchange).outcome {
        Outcome::Published { .. } => "published".into(),
        Outcome::Rejected { code, .. } => format!("rejected {code}"),
        Outcome::NeedsLogin { .. } => "needs-login".into(),
        Outcome::RateLimited { .. } => "rate-limited".into(),
        Outcome::NotSent { .. } => "not-sent".into(),
        Outcome::Unknown { .. } => "unknown".into(),
        other => format!("{other:?}"),
    }
}

#[test]
fn every_row_of_the_table() {
    let duplicate = r#"{"type":"about:blank","title":"Forbidden","status":403,
                        "detail":"You are not allowed to create a Tweet with duplicate content."}"#;
    let policy = r#"{"type":"https://api.x.com/2/problems/client-forbidden","title":"Forbidden","status":403,
                     "detail":"replies only when mentioned"}"#;
    for (status, body, expected) in [
        (201, r#"{"data":{"id":"9","text":"t"}}"#, "published"),
        (200, r#"{"data":{"id":"9"},"errors":[{"message":"m"}]}"#, "published"),
        (201, r#"{"data":{}}"#, "unknown"),
        (201, r#"{"data":{"id":"not an id"}}"#, "unknown"),
        (200, r#"{"errors":[{"message":"m"}]}"#, "unknown"),
        (201, r#"{"data":{"id":"#, "unknown"),
        (201, "<html>", "unknown"),
        (302, "", "rejected http-302"),
        (
            400,
            r#"{"type":"https://api.twitter.com/2/problems/invalid-request","title":"Invalid Request"}"#,
            "rejected invalid-request",
        ),
        (400, r#"{"errors":[{"code":186,"message":"Tweet needs to be a bit shorter."}]}"#, "rejected 186"),
        (400, r#"{"code":324,"message":"media"}"#, "rejected 324"),
        (400, "<html>", "unknown"),
        (401, r#"{"title":"Unauthorized","detail":"Unauthorized"}"#, "needs-login"),
        (403, duplicate, "rejected duplicate"),
        (403, r#"{"errors":[{"code":187,"message":"Status is a duplicate."}]}"#, "rejected duplicate"),
        (403, policy, "rejected client-forbidden"),
        (404, "<html>", "rejected http-404"),
        (405, "", "rejected http-405"),
        (407, "", "not-sent"),
        (408, "", "unknown"),
        (413, "<html>", "rejected http-413"),
        (422, "{}", "rejected http-422"),
        (429, "", "rate-limited"),
        (500, "{}", "unknown"),
        (502, "<html>", "unknown"),
        (503, r#"{"title":"Service Unavailable"}"#, "unknown"),
        (504, "", "unknown"),
    ] {
        assert_eq!(class(answer(status, &[], body)), expected, "{status} {body}");
    }
    assert_eq!(class(not_sent()), "not-sent");
    assert_eq!(class(broken()), "unknown");
}

#[test]
fn a_rejection_carries_the_platforms_words_without_secrets() {
    let body = r#"{"errors":[{"message":"Bad token\n consumer-s3cret token-s3cret"}]}"#;
    assert_eq!(
        report(answer(400, &[], body)).outcome,
        Outcome::rejected("http-400", "Bad token [secret] [secret]")
    );
    let quoting = Exchange::Broken { message: "reset while sending token-s3cret".into() };
    assert_eq!(
        report(quoting).outcome,
        Outcome::unknown("the answer was lost: reset while sending [secret]")
    );
}

#[test]
fn limits_come_from_the_headers() {
    let seconds = |ms: i64| (ms / 1000).to_string();
    let soon = seconds(NOW_MS + 60_000);
    let late = seconds(NOW_MS + 3_600_000);
    let until = |headers: &[(&str, &str)]| match report(answer(429, headers, "")).outcome {
        Outcome::RateLimited { until_ms } => until_ms - NOW_MS,
        other => panic!("{other:?}"),
    };
    assert_eq!(until(&[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", &soon)]), 60_000);
    assert_eq!(until(&[("x-rate-limit-reset", &soon)]), 60_000);
    assert_eq!(
        until(&[
            ("x-rate-limit-remaining", "90"),
            ("x-rate-limit-reset", &soon),
            ("x-app-limit-24hour-remaining", "0"),
            ("x-app-limit-24hour-reset", &late)
        ]),
        3_600_000
    );
    assert_eq!(until(&[("retry-after", "5")]), 5_000);
    assert_eq!(until(&[]), 900_000);
    assert_eq!(until(&[("x-rate-limit-reset", "1")]), 1_000);

    let published = r#"{"data":{"id":"9"}}"#;
    let throttle = |remaining| {
        let headers = [("x-rate-limit-remaining", remaining), ("x-rate-limit-reset", soon.as_str())];
        report(answer(201, &headers, published)).throttle_until_ms
    };
    assert_eq!(throttle("1"), None);
    assert_eq!(throttle("0"), Some(NOW_MS + 60_000));
}
