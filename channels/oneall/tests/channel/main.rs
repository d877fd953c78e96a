//! OneAll's channels, tested from recorded exchanges: no socket, a clock that stands still.

mod asynchronous;
mod classify;
mod config;
mod manifest;
mod publish;
mod reconcile;

use serde_json::{Value, json};
use strowger_channel::testing::{self, TestHost};
use strowger_oneall::OneAll;

/// Whole seconds, so that what is written as seconds comes back unchanged.
const NOW_MS: i64 = 1_795_224_589_000;
const IDENTITY: &str = "923843ec-1749-4cc1-988f-d6963f3b1baa";
/// The private key, and the two keys as HTTP Basic writes them.
const SECRETS: [&str; 2] = ["pr1v-s3cret", "cHVibDEyMzpwcjF2LXMzY3JldA=="];

/// The sample configuration.
fn sample() -> Value {
    json!({
        "name": "channel-oneall", "base_url": "https://example.api.oneall.com",
        "public_key": "publ123", "private_key": SECRETS[0],
        "accounts": [
            { "name": "brand", "channel": "linkedin", "identity_token": IDENTITY, "display_name": "The Brand" },
            { "name": "company", "channel": "linkedin", "identity_token": IDENTITY, "company": "1234" },
            { "name": "brand", "channel": "pinterest", "identity_token": IDENTITY, "board": "5678" },
            { "name": "brand", "channel": "youtube", "identity_token": IDENTITY,
              "callback_url": "https://example.org/cb" },
        ],
    })
}

fn oneall() -> (OneAll, TestHost) {
    testing::created(NOW_MS, &sample())
}

/// A job for `brand`; `more` is laid over it.
fn job(kind: &str, channel: &str, more: Value) -> strowger_channel::Job {
    let document = json!({
        "kind": kind, "deliveryId": "d1", "interactionId": "01QQQG2MU214P06D", "channel": channel,
        "account": "brand", "agentId": "a1", "message": "Hello World!", "extras": {}, "userData": {},
        "attempt": { "number": 1, "startedMs": NOW_MS - 30_000, "endedMs": NOW_MS },
    });
    testing::job_with(document, more)
}

/// An answer's body in OneAll's envelope: `data` beneath `result`.
fn envelope(data: &Value) -> String {
    json!({ "response": {
        "request": { "date": "Thu, 21 Sep 2017 15:56:59 +0200", "resource": "/push/…",
                     "status": { "flag": "success", "code": 200, "info": "processed" } },
        "result": { "data": data } } })
    .to_string()
}

/// Fails if a secret shows in what anyone may see.
fn assert_discreet(played: &testing::Played, host: &TestHost) {
    played.assert_discreet(host, &SECRETS);
}
