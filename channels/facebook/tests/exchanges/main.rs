//! Every request that the Facebook channel can make, held against files that people can read, against the Graph
//! specification and against the forms of OneAll.
//!
//! `*.exchange` are whole conversations, replayed without a socket; `strowger_channel::testing::exchange` tells how
//! they are written, and how they are written anew on purpose (`STROWGER_RECORD=1`).

mod generated;
mod graph_judge;
#[path = "../../../oneall/tests/exchanges/oneall_judge.rs"]
mod oneall_judge;

use strowger_channel::testing::exchange::replayed;
use strowger_channel::testing::{Played, TestHost, created};
use strowger_channel::{Outcome, Request};
use strowger_facebook::Facebook;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/exchanges");
/// The credentials in it are placeholders.
const CONFIG: &str = include_str!("config.json");
const NOW_MS: i64 = 1_795_224_589_000;

fn facebook() -> (Facebook, TestHost) {
    let config = serde_json::from_str(CONFIG).expect("JSON");
    created(NOW_MS, &config)
}

fn played() -> Vec<(String, Played)> {
    replayed(FOLDER, facebook)
}

fn verdict(request: &Request) -> Result<(), String> {
    if request.url.starts_with(oneall_judge::BASE) {
        return oneall_judge::verdict(request);
    }
    graph_judge::verdict(request)
}

#[test]
fn the_conversations_are_as_they_are_written() {
    let names: Vec<String> = played().into_iter().map(|(name, _)| name).collect();
    for operation in [
        "post",
        "post-with-link",
        "post-with-pictures",
        "post-with-video",
        "poll-video",
        "comment",
        "comment-reply",
        "private-reply",
        "message",
        "reconcile-post",
        "reconcile-comment",
        "reconcile-video",
        "oneall-page-post",
        "oneall-page-picture",
        "oneall-page-video",
        "oneall-profile-post",
        "oneall-group-post",
        "oneall-reconcile",
    ] {
        assert!(names.iter().any(|name| name == operation), "no conversation `{operation}` is written down");
    }
}

#[test]
fn every_recorded_request_is_valid() {
    for (name, played) in played() {
        for (at, made) in played.requests.iter().enumerate() {
            let verdict = verdict(&made.request);
            assert_eq!(verdict, Ok(()), "{name}, request {}: {:#?}", at + 1, made.request);
        }
    }
}

/// What each error of the Graph means. Planted fault: were codes 1 and 2 taken for refusals, a post could be sent
/// twice.
#[test]
fn every_error_ends_in_its_class() {
    let outcomes: Vec<(String, Outcome)> =
        played().into_iter().map(|(name, played)| (name, played.report.outcome)).collect();
    let outcome = |wanted: &str| &outcomes.iter().find(|(name, _)| name == wanted).expect(wanted).1;
    for refused in ["permission", "policy", "duplicate", "content", "upload"] {
        let refused = format!("error-{refused}");
        assert!(matches!(outcome(&refused), Outcome::Rejected { .. }), "{refused}");
    }
    for lost in ["unknown", "message-unknown", "proxy-page", "broken"] {
        let lost = format!("error-{lost}");
        assert!(matches!(outcome(&lost), Outcome::Unknown { .. }), "{lost}");
    }
    assert!(matches!(outcome("error-login"), Outcome::NeedsLogin { .. }));
    let until_ms = NOW_MS + 12 * 60_000;
    assert!(
        matches!(outcome("error-rate-limit"), Outcome::RateLimited { until_ms: until } if *until == until_ms)
    );
    assert!(matches!(outcome("error-not-sent"), Outcome::NotSent { .. }));
}
