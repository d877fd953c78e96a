//! The Twitter channel, tested from recorded exchanges: no socket, a clock that stands still.

mod check;
mod classify;
mod config;
#[path = "../../../sdk/tests/conformance/escape.rs"]
mod escape;
mod length;
mod manifest;
mod message;
mod operations;
mod publish;
mod reconcile;
mod token;
mod transport;
mod upload;
mod webhook;

use serde_json::{Value, json};
use strowger_channel::testing::{self, TestHost};
use strowger_twitter::Twitter;

/// Whole seconds, so that what is written as seconds comes back unchanged.
const NOW_MS: i64 = 1_795_224_589_000;
const SECRETS: [&str; 4] = ["consumer-s3cret", "token-s3cret", "bearer-s3cret", "webhook-s3cret"];

/// The sample configuration, without what this version refuses.
fn sample() -> Value {
    json!({
        "name": "channel-twitter",
        "base_url": "https://api.x.com",
        "accounts": [
            { "name": "vitaliy_onv", "user_id": "1258948171", "screen_name": "vitaliy_onv",
              "display_name": "Vitaliy", "image_url": "http://pbs.twimg.com/profile_images/1_normal.png",
              "max_weighted_length": 280, "on_unknown": "ask",
              "operations": ["Retweet", "MarkFavorite", "RemoveFavorite", "Follow", "Unfollow"],
              "auth": { "kind": "oauth1", "consumer_key": "ck", "consumer_secret": SECRETS[0], "token": "tk",
                        "token_secret": SECRETS[1] },
              "webhook": { "secret": SECRETS[3], "queue": "/queues/twitter-in" } },
            { "name": "support", "user_id": "22", "on_unknown": "resend",
              "auth": { "kind": "bearer", "token": SECRETS[2] } },
        ],
    })
}

fn twitter() -> (Twitter, TestHost) {
    testing::created(NOW_MS, &sample())
}

/// A job for `vitaliy_onv`; `more` is laid over it.
fn job(kind: &str, more: Value) -> strowger_channel::Job {
    let document = json!({
        "kind": kind, "deliveryId": "d1", "interactionId": "01QQQG2MU214P06D", "channel": "twitter",
        "account": "vitaliy_onv", "agentId": "a1", "message": "Hello Twitter!", "extras": {},
        "userData": { "_twitterMsgType": "Status" },
        "attempt": { "number": 1, "startedMs": NOW_MS - 30_000, "endedMs": NOW_MS },
    });
    testing::job_with(document, more)
}

/// Fails if a secret shows in what anyone may see.
fn assert_discreet(played: &testing::Played, host: &TestHost) {
    played.assert_discreet(host, &SECRETS);
}
