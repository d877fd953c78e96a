//! Every request that the Twitter channel can make, held against files that people can read, against X's `OpenAPI`
//! document and against the forms of OneAll.
//!
//! `*.exchange` are whole conversations, replayed without a socket; `strowger_channel::testing::exchange` tells how
//! they are written, and how they are written anew on purpose (`STROWGER_RECORD=1`).

mod generated;
#[path = "../../../oneall/tests/exchanges/oneall_judge.rs"]
mod oneall_judge;
mod x_judge;

use strowger_channel::testing::exchange::replayed;
use strowger_channel::testing::{Played, TestHost, created};
use strowger_channel::{Outcome, Request};
use strowger_twitter::Twitter;

use x_judge::Judge;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/exchanges");
/// The credentials in it are placeholders.
const CONFIG: &str = include_str!("config.json");
const NOW_MS: i64 = 1_795_224_589_000;

fn twitter() -> (Twitter, TestHost) {
    let config = serde_json::from_str(CONFIG).expect("JSON");
    created(NOW_MS, &config)
}

fn played() -> Vec<(String, Played)> {
    replayed(FOLDER, twitter)
}

fn verdict(judge: &Judge, request: &Request) -> Result<(), String> {
    if request.url.starts_with(oneall_judge::BASE) {
        return oneall_judge::verdict(request);
    }
    judge.verdict("https://api.x.com", request)
}

#[test]
fn the_conversations_are_as_they_are_written() {
    let names: Vec<String> = played().into_iter().map(|(name, _)| name).collect();
    for operation in [
        "post",
        "reply",
        "quote",
        "direct-message",
        "retweet",
        "mark-favorite",
        "remove-favorite",
        "follow",
        "unfollow",
        "reconcile-post",
        "reconcile-message",
        "oneall-post",
        "oneall-reconcile",
    ] {
        assert!(names.iter().any(|name| name == operation), "no conversation `{operation}` is written down");
    }
}

#[test]
fn every_recorded_request_is_valid() {
    let (today, former) = (Judge::of_today(), Judge::of_former_names());
    for (name, played) in played() {
        for (at, made) in played.requests.iter().enumerate() {
            // Only after X refused the newer names may a request use the former ones.
            let judge = if name.ends_with("-former-names") && at > 0 { &former } else { &today };
            let verdict = verdict(judge, &made.request);
            assert_eq!(verdict, Ok(()), "{name}, request {}: {:#?}", at + 1, made.request);
        }
    }
}

/// What each error of X means. Planted fault: were 5xx taken for a refusal, a post could be sent twice.
#[test]
fn every_error_ends_in_its_class() {
    let outcomes: Vec<(String, Outcome)> =
        played().into_iter().map(|(name, played)| (name, played.report.outcome)).collect();
    let outcome = |wanted: &str| &outcomes.iter().find(|(name, _)| name == wanted).expect(wanted).1;
    for refused in ["duplicate", "policy", "code", "list", "invalid", "media-failed"] {
        let refused = format!("error-{refused}");
        assert!(matches!(outcome(&refused), Outcome::Rejected { .. }), "{refused}");
    }
    for lost in ["error-unavailable", "error-proxy-page", "error-broken"] {
        assert!(matches!(outcome(lost), Outcome::Unknown { .. }), "{lost}");
    }
    assert!(matches!(outcome("error-login"), Outcome::NeedsLogin { .. }));
    assert!(matches!(outcome("error-rate-limit"), Outcome::RateLimited { until_ms: 1_795_225_189_000 }));
    assert!(matches!(outcome("error-not-sent"), Outcome::NotSent { .. }));
    assert!(matches!(outcome("error-partial"), Outcome::Published { .. }));
}
