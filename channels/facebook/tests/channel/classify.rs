use serde_json::json;
use strowger_channel::testing::{answer, broken, not_sent, play};
use strowger_channel::{Exchange, Outcome, Report};

use crate::{NOW_MS, assert_discreet, facebook, job};

fn report(exchange: Exchange) -> Report {
    let (plugin, host) = facebook();
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
fn every_code_of_the_table() {
    for (code, expected) in [
        (1, "unknown"),
        (2, "unknown"),
        (4, "rate-limited"),
        (17, "rate-limited"),
        (32, "rate-limited"),
        (341, "rate-limited"),
        (613, "rate-limited"),
        (80_000, "rate-limited"),
        (80_014, "rate-limited"),
        (80_015, "rejected 80015"),
        (10, "rejected permission"),
        (200, "rejected permission"),
        (299, "rejected permission"),
        (300, "rejected 300"),
        (102, "needs-login"),
        (190, "needs-login"),
        (368, "rejected policy"),
        (506, "rejected duplicate"),
        (100, "rejected content"),
        (1_609_005, "rejected content"),
        (803, "rejected 803"),
    ] {
        // The digits of other codes stand in the text: they must not matter.
        let body = json!({ "error": { "message": "id 190 of 4", "type": "OAuthException", "code": code } });
        assert_eq!(class(answer(400, &[], &body.to_string())), expected, "{code}");
        // After a failure of the server no code makes it certain again.
        assert_eq!(class(answer(500, &[], &body.to_string())), "unknown", "{code}");
    }
}

#[test]
fn every_row_of_the_table() {
    for (status, body, expected) in [
        (200, r#"{"id":"1_2"}"#, "published"),
        (200, "{}", "unknown"),
        (200, r#"{"id":7}"#, "unknown"),
        (200, r#"{"error":{"code":100}}"#, "unknown"),
        (200, r#"{"id":"1_"#, "unknown"),
        (200, "<html>", "unknown"),
        (302, "", "rejected http-302"),
        (400, "{}", "rejected http-400"),
        (400, "<html>", "unknown"),
        (401, "{}", "needs-login"),
        (403, r#"{"error":{"code":"190"}}"#, "rejected http-403"),
        (404, "<html>", "rejected http-404"),
        (405, "", "rejected http-405"),
        (407, "", "not-sent"),
        (408, "", "unknown"),
        (413, "", "rejected http-413"),
        (429, "<html>", "rate-limited"),
        (502, "<html>", "unknown"),
        (504, "", "unknown"),
    ] {
        assert_eq!(class(answer(status, &[], body)), expected, "{status} {body}");
    }
    assert_eq!(class(not_sent()), "not-sent");
    assert_eq!(class(broken()), "unknown");
}

#[test]
fn a_rejection_carries_the_platforms_words_without_secrets() {
    let body = r#"{"error":{"message":"Malformed access token what-do-ya-want-s3cret","code":190}}"#;
    assert_eq!(
        report(answer(400, &[], body)).outcome,
        Outcome::NeedsLogin { message: "Malformed access token [secret]".into() }
    );
}

#[test]
fn limits_come_from_the_headers() {
    let business =
        r#"{"449156051903439":[{"type":"pages","call_count":100,"estimated_time_to_regain_access":7}]}"#;
    let limited = r#"{"error":{"message":"slow down","code":32}}"#;
    let until = |headers: &[(&str, &str)]| match report(answer(400, headers, limited)).outcome {
        Outcome::RateLimited { until_ms } => until_ms - NOW_MS,
        other => panic!("{other:?}"),
    };
    assert_eq!(until(&[("X-Business-Use-Case-Usage", business)]), 420_000);
    assert_eq!(until(&[("Retry-After", "30")]), 30_000);
    assert_eq!(until(&[]), 900_000);

    let throttle =
        |usage| report(answer(200, &[("X-App-Usage", usage)], r#"{"id":"1_2"}"#)).throttle_until_ms;
    assert_eq!(throttle(r#"{"call_count":90,"total_time":1,"total_cputime":1}"#), None);
    assert_eq!(throttle(r#"{"call_count":91,"total_time":1,"total_cputime":1}"#), Some(NOW_MS + 60_000));
}
