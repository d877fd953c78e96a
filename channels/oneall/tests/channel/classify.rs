use serde_json::{Value, json};
use strowger_channel::testing::{answer, broken, json as json_answer, not_sent, play};
use strowger_channel::{Exchange, Outcome, Report};
use strowger_oneall::PARTIAL;

use crate::{NOW_MS, SECRETS, assert_discreet, envelope, job, oneall};

fn report_of(channel: &str, extras: &Value, exchange: Exchange) -> Report {
    let (plugin, host) = oneall();
    let job = job("publish", channel, json!({ "extras": extras }));
    let played = play(&plugin, &host, job, [exchange]);
    assert_discreet(&played, &host);
    played.report
}

fn report(exchange: Exchange) -> Report {
    report_of("linkedin", &json!({ "link": "https://example.org" }), exchange)
}

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

/// The answer of the published document.
const DOCUMENT: &str = r#"{"response":{"request":{"date":"Thu, 21 Sep 2017 15:56:59  0200",
    "resource":"/push/identities/923843ec-1749-4cc1-988f-d6963f3b1baa/twitter/post.json",
    "status":{"flag":"success","code":200,"info":"Your request has been processed successfully"}},
    "result":{"data":{"provider":"twitter","object":"post","post_id":"910891858989060096",
    "post_location":"https://twitter.com/OneAll/status/910891858989060091"}}}}"#;

#[test]
fn the_id_is_the_id_and_the_address_is_opaque() {
    assert_eq!(
        report(json_answer(200, DOCUMENT)).outcome,
        Outcome::Published {
            id: Some("910891858989060096".into()),
            location: Some("https://twitter.com/OneAll/status/910891858989060091".into())
        }
    );
}

fn told(request: &Value, result: &Value) -> String {
    json!({ "response": { "request": { "status": request }, "result": result } }).to_string()
}

#[test]
fn every_row_of_the_table() {
    let ok = json!({ "flag": "success", "code": 200 });
    let error = |code: i64| json!({ "flag": "error", "code": code, "info": "why" });
    let id = json!({ "data": { "post_id": "7" } });
    let upstream = |code: i64| json!({ "status": { "flag": "error", "code": code }, "data": {} });
    for (status, body, expected) in [
        (200, told(&ok, &id), "published"),
        (201, told(&json!({ "flag": "success", "code": 201 }), &id), "published"),
        (200, told(&ok, &json!({ "data": { "post_id": 7 } })), "published"),
        (200, told(&ok, &json!({ "data": {} })), "unknown"),
        (200, told(&ok, &Value::Null), "unknown"),
        (200, "{}".into(), "unknown"),
        (200, "<html>".into(), "unknown"),
        (200, DOCUMENT[..90].into(), "unknown"),
        // Errors within a 2xx, of OneAll itself and of the platform behind.
        (200, told(&error(400), &Value::Null), "rejected content"),
        (200, told(&error(401), &Value::Null), "needs-login"),
        (200, told(&error(403), &Value::Null), "rejected permission"),
        (200, told(&error(404), &Value::Null), "rejected not-found"),
        (200, told(&error(409), &Value::Null), "rejected conflict"),
        (200, told(&error(429), &Value::Null), "rate-limited"),
        (200, told(&error(500), &Value::Null), "unknown"),
        (200, told(&json!({ "flag": "error" }), &Value::Null), "unknown"),
        (200, told(&error(200), &Value::Null), "unknown"),
        (200, told(&ok, &upstream(400)), "rejected content"),
        (200, told(&ok, &upstream(503)), "unknown"),
        (200, told(&error(400), &upstream(500)), "unknown"),
        (200, told(&error(400), &id), "unknown"),
        // Errors by the HTTP status.
        (304, String::new(), "rejected not-modified"),
        (400, told(&error(400), &Value::Null), "rejected content"),
        (400, told(&error(500), &Value::Null), "unknown"),
        (400, told(&ok, &upstream(401)), "needs-login"),
        (400, "<html>".into(), "unknown"),
        (401, told(&error(401), &Value::Null), "needs-login"),
        (403, told(&error(403), &Value::Null), "rejected permission"),
        (404, "<html>".into(), "rejected not-found"),
        (405, String::new(), "rejected http-405"),
        (407, String::new(), "not-sent"),
        (408, String::new(), "unknown"),
        (409, told(&error(409), &Value::Null), "rejected conflict"),
        (413, String::new(), "rejected http-413"),
        (429, "<html>".into(), "rate-limited"),
        (500, told(&error(400), &Value::Null), "unknown"),
        (502, "<html>".into(), "unknown"),
        (504, String::new(), "unknown"),
    ] {
        assert_eq!(class(json_answer(status, &body)), expected, "{status} {body}");
    }
    assert_eq!(class(not_sent()), "not-sent");
    assert_eq!(class(broken()), "unknown");
}

#[test]
fn what_reached_only_some_is_judged_by_the_id() {
    let status = json!({ "flag": "success", "code": 207, "info": "1 of 2 recipients" });
    let report_with = |result: Value| report(json_answer(207, &told(&status, &result)));
    let some = report_with(json!({ "data": { "post_id": "7" } }));
    assert_eq!(some.outcome, Outcome::published("7"));
    assert_eq!(some.user_data[PARTIAL], "1 of 2 recipients");
    assert!(matches!(
        report_with(json!({ "data": {} })).outcome,
        Outcome::Unknown { message } if message.contains("1 of 2")
    ));
}

#[test]
fn limits_come_from_the_headers() {
    let until = |headers: &[(&str, &str)]| match report(answer(429, headers, "{}")).outcome {
        Outcome::RateLimited { until_ms } => until_ms - NOW_MS,
        other => panic!("{other:?}"),
    };
    assert_eq!(until(&[("Retry-After", "30")]), 30_000);
    assert_eq!(until(&[]), 900_000);
}

#[test]
fn words_are_those_of_the_platform_behind_without_secrets() {
    let body = told(
        &json!({ "flag": "error", "code": 400, "info": "general" }),
        &json!({ "status": { "flag": "error", "code": 400, "info": format!("key {} is wrong", SECRETS[0]) } }),
    );
    assert_eq!(
        report(json_answer(400, &body)).outcome,
        Outcome::rejected("content", "key [secret] is wrong")
    );
}

#[test]
fn what_is_worked_on_is_accepted_and_asked_for_again() {
    let extras = json!({ "video_url": "https://example.org/v.mp4", "title": "V" });
    let taken = json_answer(202, &envelope(&json!({ "provider": "youtube", "object": "video" })));
    let Outcome::Accepted { handle } = report_of("youtube", &extras, taken).outcome else {
        panic!("accepted");
    };
    assert_eq!(handle, json!({ "endpoint": "youtube/video", "startedMs": NOW_MS - 30_000 }));

    let poll = |list: &Value| {
        let (plugin, host) = oneall();
        let more = json!({ "extras": extras, "handle": handle });
        let played = play(
            &plugin,
            &host,
            job("poll", "youtube", more),
            [json_answer(200, &envelope(list)), json_answer(200, &envelope(list))]
                .into_iter()
                .take(if list["videos"][0].is_null() { 2 } else { 1 }),
        );
        assert!(played.requests.iter().all(|made| !made.marked), "asking publishes nothing");
        assert!(played.requests[0].request.url.ends_with("/youtube/videos.json"));
        played.report.outcome
    };
    assert_eq!(poll(&json!({ "videos": [] })), Outcome::Accepted { handle: handle.clone() });
    let video = json!({ "video_id": "dQw", "title": "V", "date_creation": "2026-11-21T01:29:40Z" });
    assert_eq!(poll(&json!({ "videos": [video] })), Outcome::published("dQw"));
    // With its id at once there is nothing to wait for.
    let done = json_answer(200, &envelope(&json!({ "post_id": "dQw" })));
    assert_eq!(report_of("youtube", &extras, done).outcome, Outcome::published("dQw"));
}
