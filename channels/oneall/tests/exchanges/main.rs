//! Every request that OneAll's channels and the transport can make, held against files that people can read and
//! against the request forms that OneAll publishes.
//!
//! `*.exchange` are whole conversations, replayed without a socket; `strowger_channel::testing::exchange` tells how
//! they are written, and how they are written anew on purpose (`STROWGER_RECORD=1`).

mod generated;
mod oneall_judge;
mod table;

use strowger_channel::Outcome;
use strowger_channel::testing::exchange::replayed;
use strowger_channel::testing::{Played, TestHost, created};
use strowger_oneall::OneAll;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/exchanges");
/// The credentials in it are placeholders.
const CONFIG: &str = include_str!("config.json");
const NOW_MS: i64 = 1_795_224_589_000;

fn oneall() -> (OneAll, TestHost) {
    let config = serde_json::from_str(CONFIG).expect("JSON");
    created(NOW_MS, &config)
}

fn played() -> Vec<(String, Played)> {
    replayed(FOLDER, oneall)
}

#[test]
fn the_conversations_are_as_they_are_written() {
    let names: Vec<String> = played().into_iter().map(|(name, _)| name).collect();
    for operation in [
        "linkedin-post",
        "linkedin-company-post",
        "pinterest-pin",
        "pinterest-board",
        "youtube-video",
        "youtube-playlist",
        "youtube-playlist-video",
        "youtube-channel-section",
        "poll-youtube",
        "reconcile-linkedin",
        "reconcile-linkedin-company",
        "reconcile-pinterest",
    ] {
        assert!(names.iter().any(|name| name == operation), "no conversation `{operation}` is written down");
    }
}

#[test]
fn every_recorded_request_is_valid() {
    for (name, played) in played() {
        for (at, made) in played.requests.iter().enumerate() {
            let verdict = oneall_judge::verdict(&made.request);
            assert_eq!(verdict, Ok(()), "{name}, request {}: {:#?}", at + 1, made.request);
        }
    }
}

/// What each error of OneAll means. Planted fault: were the second status not read, a refused post would count as
/// published.
#[test]
fn every_error_ends_in_its_class() {
    let outcomes: Vec<(String, Outcome)> =
        played().into_iter().map(|(name, played)| (name, played.report.outcome)).collect();
    let outcome = |wanted: &str| &outcomes.iter().find(|(name, _)| name == wanted).expect(wanted).1;
    for refused in ["error-status", "error-nested-status", "error-not-found"] {
        assert!(matches!(outcome(refused), Outcome::Rejected { .. }), "{refused}");
    }
    for lost in ["error-unavailable", "error-proxy-page", "error-broken"] {
        assert!(matches!(outcome(lost), Outcome::Unknown { .. }), "{lost}");
    }
    assert!(matches!(outcome("error-login"), Outcome::NeedsLogin { .. }));
    assert!(matches!(outcome("error-rate-limit"), Outcome::RateLimited { .. }));
    assert!(matches!(outcome("error-not-sent"), Outcome::NotSent { .. }));
    assert!(matches!(outcome("partial"), Outcome::Published { .. }));
    assert!(matches!(outcome("youtube-video"), Outcome::Accepted { .. }));
}
