//! The Facebook channel, tested from recorded exchanges: no socket, a clock that stands still.

mod check;
mod classify;
mod config;
mod ingest;
mod manifest;
mod publish;
mod reconcile;
mod transport;
mod upload;

use serde_json::{Value, json};
use strowger_channel::testing::{self, TestHost};
use strowger_facebook::Facebook;

/// Whole seconds, so that what is written as seconds comes back unchanged.
const NOW_MS: i64 = 1_795_224_589_000;
/// The token, the app's secret, and the proof that is made of both.
const SECRETS: [&str; 3] = [
    "what-do-ya-want-s3cret",
    "Jefe-s3cret",
    "fa3b6437d1b4fe16dd4af4acfa89d4a3573f9c72b42ee2923d73bba637a0e2d8",
];

/// The sample configuration.
fn sample() -> Value {
    json!({
        "name": "channel-facebook",
        "base_url": "https://graph.facebook.com", "version": "v26.0",
        "accounts": [
            { "name": "vitaliy_onv", "page_id": "449156051903439", "page_name": "Cloud App HTCC",
              "actor_id": "1010528695643593", "actor_name": "Vitaliy Onischenko",
              "auth": { "access_token": SECRETS[0], "app_secret": SECRETS[1] } },
        ],
    })
}

fn facebook() -> (Facebook, TestHost) {
    testing::created(NOW_MS, &sample())
}

/// A job for `vitaliy_onv`; `more` is laid over it.
fn job(kind: &str, more: Value) -> strowger_channel::Job {
    let document = json!({
        "kind": kind, "deliveryId": "d1", "interactionId": "01QQQG2MU214P06D", "channel": "facebook",
        "account": "vitaliy_onv", "agentId": "a1", "message": "Hello Facebook!", "extras": {},
        "userData": { "_facebookSubmitType": "post" },
        "attempt": { "number": 1, "startedMs": NOW_MS - 30_000, "endedMs": NOW_MS },
    });
    testing::job_with(document, more)
}

/// Fails if a secret shows in what anyone may see.
fn assert_discreet(played: &testing::Played, host: &TestHost) {
    played.assert_discreet(host, &SECRETS);
}
