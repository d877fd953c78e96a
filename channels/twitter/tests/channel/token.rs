use serde_json::{Value, json};
use strowger_channel::testing::{self, TestHost, broken, field, header, json as json_answer, not_sent, play};
use strowger_channel::{Exchange, Job, Outcome, Plugin, Step, StepResult, abi};
use strowger_twitter::Twitter;

use crate::{NOW_MS, SECRETS, job, sample};

const MINE: [&str; 6] = [
    "client-s3cret",
    "refresh-0-s3cret",
    "refresh-1-s3cret",
    "access-1-s3cret",
    "access-0",
    "access-2-s3cret",
];
const CREATED: &str = r#"{"data":{"id":"9","text":"t"}}"#;

fn config(auth: Value) -> Value {
    let mut auth = auth;
    auth["kind"] = json!("oauth2");
    let mut config = sample();
    config["accounts"][1]["auth"] = auth;
    config
}

fn brand(auth: Value) -> (Twitter, TestHost) {
    let host = TestHost::at(NOW_MS);
    let plugin = Twitter::create(host.host(), &config(auth).to_string()).expect("right");
    (plugin, host)
}

fn confidential() -> Value {
    json!({ "client_id": "app id", "client_secret": MINE[0], "refresh_token": MINE[1] })
}

fn refreshed(access: &str, refresh: &str) -> Exchange {
    let body = json!({ "token_type": "bearer", "expires_in": 7200, "access_token": access, "refresh_token": refresh });
    json_answer(200, &body.to_string())
}

fn publish() -> Job {
    job("publish", json!({ "account": "support" }))
}

fn assert_discreet(played: &testing::Played, host: &TestHost) {
    played.assert_discreet(host, &MINE);
    played.assert_discreet(host, &SECRETS);
}

#[test]
fn a_token_is_had_kept_and_used_until_it_grows_old() {
    let (plugin, host) = brand(confidential());
    let exchanges = [refreshed(MINE[3], MINE[2]), json_answer(201, CREATED)];
    let played = play(&plugin, &host, publish(), exchanges);
    assert!(matches!(played.report.outcome, Outcome::Published { .. }), "{played:?}");
    assert_eq!(played.kept, ["refresh_token"]);
    let [refresh, post] = played.requests.as_slice() else { panic!("{played:?}") };
    assert!(!refresh.marked && post.marked);
    assert_eq!(refresh.request.url, "https://api.x.com/2/oauth2/token");
    assert_eq!(field(&refresh.request, "grant_type"), Some("refresh_token"));
    assert_eq!(field(&refresh.request, "refresh_token"), Some(MINE[1]));
    assert_eq!(field(&refresh.request, "client_id"), None);
    // "app%20id:client-s3cret" in base64.
    assert_eq!(header(&refresh.request, "authorization"), Some("Basic YXBwJTIwaWQ6Y2xpZW50LXMzY3JldA=="));
    assert_eq!(header(&post.request, "authorization"), Some("Bearer access-1-s3cret"));
    assert_discreet(&played, &host);
    assert!(!format!("{plugin:?}").contains("s3cret"));

    // The next one finds it; two hours later another is needed, from the token that came with the first.
    let played = play(&plugin, &host, publish(), [json_answer(201, CREATED)]);
    assert_eq!(played.requests.len(), 1);
    host.advance(7_200_000 - 9 * 60_000);
    let exchanges = [refreshed(MINE[5], MINE[2]), json_answer(201, CREATED)];
    let played = play(&plugin, &host, publish(), exchanges);
    assert_eq!(field(&played.requests[0].request, "refresh_token"), Some(MINE[2]));
    assert!(played.kept.is_empty(), "the refresh token is the one that is kept already");
}

#[test]
fn a_public_client_names_itself_and_a_given_token_is_used_first() {
    let auth = json!({ "client_id": "app", "refresh_token": MINE[1], "access_token": MINE[4],
                       "expires_at": NOW_MS / 1000 + 3600 });
    let (plugin, host) = brand(auth);
    let played = play(&plugin, &host, publish(), [json_answer(201, CREATED)]);
    assert_eq!(header(&played.requests[0].request, "authorization"), Some("Bearer access-0"));
    host.advance(3_600_000);
    let exchanges = [refreshed(MINE[3], MINE[2]), json_answer(201, CREATED)];
    let played = play(&plugin, &host, publish(), exchanges);
    assert_eq!(field(&played.requests[0].request, "client_id"), Some("app"));
    assert_eq!(header(&played.requests[0].request, "authorization"), None);
}

/// Every way in which there is no token, for a message and for a look back.
#[test]
fn without_a_token_nothing_is_published_and_nothing_is_in_doubt() {
    let spent = r#"{"error":"invalid_request","error_description":"the token refresh-0-s3cret was invalid"}"#;
    let class = |exchange: Exchange| {
        let (plugin, host) = brand(confidential());
        let played = play(&plugin, &host, publish(), [exchange.clone()]);
        assert_discreet(&played, &host);
        let look = job("reconcile", json!({ "account": "support" }));
        let looked = play(&plugin, &host, look, [exchange]);
        assert!(matches!(looked.report.outcome, Outcome::CannotTell { .. }), "{looked:?}");
        played.report.outcome
    };
    for exchange in [json_answer(400, spent), json_answer(401, "{}"), json_answer(403, "{}")] {
        assert!(matches!(class(exchange), Outcome::NeedsLogin { .. }));
    }
    for exchange in [
        json_answer(404, "{}"),
        json_answer(500, "{}"),
        json_answer(200, "{}"),
        json_answer(200, "<html>"),
        json_answer(200, r#"{"access_token":"a\r\nb"}"#),
        broken(),
        not_sent(),
    ] {
        assert!(matches!(class(exchange), Outcome::NotSent { .. }));
    }
    assert!(matches!(class(json_answer(429, "{}")), Outcome::RateLimited { .. }));
}

#[test]
fn a_refused_token_needs_a_login_and_is_not_used_again() {
    let (plugin, host) = brand(confidential());
    let exchanges =
        [refreshed(MINE[3], MINE[2]), json_answer(401, r#"{"detail":"Unauthorized access-1-s3cret"}"#)];
    let played = play(&plugin, &host, publish(), exchanges);
    assert!(matches!(played.report.outcome, Outcome::NeedsLogin { .. }));
    assert_discreet(&played, &host);
    let exchanges = [refreshed(MINE[5], MINE[2]), json_answer(201, CREATED)];
    assert_eq!(play(&plugin, &host, publish(), exchanges).requests.len(), 2);
}

/// Planted fault: were the lease not given back when a conversation is dropped, the third one would wait for
/// ever.
#[test]
fn one_refreshes_and_the_others_wait() {
    let (plugin, host) = brand(confidential());
    let (mut first, step) = plugin.begin(publish());
    assert!(matches!(step, Step::Request { marked: false, .. }));
    let (mut second, step) = plugin.begin(publish());
    assert_eq!(step, Step::Wait { ms: 250 });
    assert_eq!(plugin.resume(&mut second, StepResult::Waited), Step::Wait { ms: 250 });

    // X answered; until the new refresh token is kept, nobody goes on.
    let step = plugin.resume(&mut first, StepResult::Exchange(refreshed(MINE[3], MINE[2])));
    assert!(
        matches!(&step, Step::KeepSecret { name, value } if name == "refresh_token" && value.expose() == MINE[2])
    );
    assert_eq!(plugin.resume(&mut second, StepResult::Waited), Step::Wait { ms: 250 });

    // It could not be kept: the conversation is dropped, and the next one tries that before anything else.
    drop(first);
    let step = plugin.resume(&mut second, StepResult::Waited);
    assert!(matches!(&step, Step::KeepSecret { value, .. } if value.expose() == MINE[2]));
    assert!(matches!(plugin.resume(&mut second, StepResult::Kept), Step::Request { marked: true, .. }));

    let played = play(&plugin, &host, publish(), [json_answer(201, CREATED)]);
    assert_eq!(played.requests.len(), 1);
}

#[test]
fn the_configuration_is_read_strictly() {
    for (auth, path) in [
        (json!({ "refresh_token": "r" }), "accounts[1].auth.client_id"),
        (json!({ "client_id": "c" }), "accounts[1].auth.refresh_token"),
        (json!({ "client_id": "c", "refresh_token": "" }), "accounts[1].auth.refresh_token"),
        (
            json!({ "client_id": "c", "refresh_token": "r", "access_token": "a" }),
            "accounts[1].auth.expires_at",
        ),
        (json!({ "client_id": "c", "refresh_token": "r", "expires_at": 1 }), "accounts[1].auth.access_token"),
        (json!({ "client_id": "c", "refresh_token": "r", "surplus": 1 }), "accounts[1].auth.surplus"),
    ] {
        let error = Twitter::create(TestHost::at(NOW_MS).host(), &config(auth).to_string()).expect_err(path);
        assert_eq!(error.path, path);
    }
    let poor = TestHost::at(NOW_MS).without(abi::STROWGER_CHANNEL_FEATURE_KEEP_SECRET);
    let error = Twitter::create(poor.host(), &config(confidential()).to_string()).expect_err("no store");
    assert_eq!(error.path, "accounts[1].auth.kind");
    assert!(Twitter::create(poor.host(), &sample().to_string()).is_ok(), "other accounts need no store");
}
