//! Every fault of the sandbox × everything that the plugins do × every transport: each ends in the right class,
//! nothing is on the platform twice, and no secret is in what anybody sees.
//!
//! After each fault the test goes on as the engine does: what is unknown is read back, and only what is certainly
//! not there, or never left, is done again. Nothing is sampled: [`the_matrix_is_complete`] fails as soon as the
//! sandbox has a fault or an endpoint, or a plugin an operation, without a row.
//!
//! Planted faults that were seen to fail: a 503 taken for "not sent"; an answer without an id taken for a success; a
//! look back that takes a page it can't read for an empty one.

#[path = "common/built.rs"]
mod built;
mod common;
#[path = "matrix/deeds.rs"]
mod deeds;
#[path = "matrix/faults.rs"]
mod faults;
#[path = "matrix/play.rs"]
mod play;
#[path = "common/twitter.rs"]
mod twitter;

use std::collections::BTreeSet;

use strowger::channel::{Channel, JobKind};
use strowger_sandbox::endpoints;

use deeds::{Deed, Via, deeds};
use faults::LIMIT;
use play::{each, kind, load, refused};
use twitter::{logged_bytes, sandbox};

const TRANSPORTS: [Via; 5] =
    [Via::Twitter, Via::TwitterOverOneAll, Via::Facebook, Via::FacebookOverOneAll, Via::OneAll];

/// Endpoints of the sandbox that change something, and that no plugin uses: why.
const UNUSED: &[(&str, &str, &str)] = &[
    ("DELETE", "/2/tweets/{id}", "there is no operation that deletes"),
    ("DELETE", "/2/users/{id}/retweets/{tweet}", "there is no operation that takes a retweet back"),
    ("POST", "/{object}/likes", "there is no operation that likes"),
    ("DELETE", "/{object}/likes", "there is no operation that likes"),
    ("POST", "/{object}", "there is no operation that hides or edits"),
    ("DELETE", "/{object}", "there is no operation that deletes"),
    (
        "POST",
        "/push/identities/{token}/twitter/picture.json",
        "a post's pictures are named by X's ids of them",
    ),
    ("POST", "/push/identities/{token}/twitter/video.json", "the same"),
];

/// Requests whose faults are tried in tests/tokens.rs: each needs a process of its own.
const ELSEWHERE: &[(&str, &str)] = &[("POST", "/2/oauth2/token")];

#[test]
fn the_matrix_is_complete() {
    faults::assert_complete();

    let all: Vec<Deed> = TRANSPORTS.into_iter().flat_map(deeds).collect();
    let played: BTreeSet<(String, String)> = all
        .iter()
        .flat_map(|deed| deed.before.iter().chain([&deed.request]))
        .map(|(method, path)| ((*method).to_owned(), whole(path)))
        .collect();
    for endpoint in endpoints().into_iter().filter(strowger_sandbox::Endpoint::writes) {
        let has_row = played.iter().any(|(method, path)| endpoint.covers(method, path));
        let known = (endpoint.method, endpoint.path.as_str());
        let excused = UNUSED.iter().any(|unused| (unused.0, unused.1) == known) || ELSEWHERE.contains(&known);
        assert!(has_row != excused, "{endpoint:?}: has a row: {has_row}, is excused: {excused}");
    }

    // What the loaded plugins say that they can do.
    for via in TRANSPORTS {
        let deeds = deeds(via);
        for deed in &deeds {
            let channel = load(deed, &sandbox(), LIMIT);
            let manifests = channel.manifests();
            let accounts = manifests.iter().flat_map(|manifest| manifest.accounts.iter());
            let offered: BTreeSet<&str> =
                accounts.flat_map(|account| account.operations.iter()).map(String::as_str).collect();
            let rows: BTreeSet<&str> = deeds.iter().filter_map(|deed| deed.operation).collect();
            assert_eq!(offered, rows, "{via:?}: every operation has a row");
        }
    }
}

/// A pattern of a deed as a path.
fn whole(pattern: &str) -> String {
    let push = pattern.strip_prefix("*/").map(|rest| format!("/push/identities/1/{rest}"));
    push.unwrap_or_else(|| pattern.replacen("/*/", "/v26.0/", usize::from(pattern.starts_with("/*/"))))
        .replace('*', "1")
}

fn play(via: Via) {
    each(via, |stage| {
        stage.publishing();
        stage.preparing();
        stage.looking_back();
    });
    assert!(
        logged_bytes() > 10_000,
        "the exchanges are in the log: one that is empty holds no secrets either"
    );
}

#[test]
fn twitter_direct() {
    play(Via::Twitter);
}

#[test]
fn twitter_over_oneall() {
    play(Via::TwitterOverOneAll);
}

#[test]
fn facebook_direct() {
    play(Via::Facebook);
}

#[test]
fn facebook_over_oneall() {
    play(Via::FacebookOverOneAll);
}

#[test]
fn linkedin_pinterest_and_youtube() {
    play(Via::OneAll);
}

#[test]
fn where_nobody_listens_nothing_is_sent() {
    for via in TRANSPORTS {
        for deed in deeds(via) {
            play::Stage::new(deed).unreachable();
        }
    }
}

#[test]
fn a_configuration_that_is_refused_shows_none_of_its_secrets() {
    for via in TRANSPORTS {
        let usual = via.config("http://127.0.0.1:9", &deeds(via)[0].account);
        for place in ["/accounts/0", "/accounts/0/auth", "/accounts/0/transport"] {
            for (name, value) in [("surplus", "s3cret-surplus"), ("settle_ms", "s3cret-number")] {
                let mut config = usual.clone();
                let Some(part) = config.pointer_mut(place) else { continue };
                part[name] = value.into();
                let error = play::try_load(via, &config, LIMIT).expect_err("a member too many, or no number");
                twitter::assert_discreet(&format!("{error} {error:?}"));
            }
        }
    }
}

/// OneAll carries new posts: whatever else would become one is refused before anything is sent.
#[test]
fn what_a_transport_can_not_carry_is_refused_before_anything_is_sent() {
    let is_carried = |deed: &Deed| match deed.via {
        Via::Twitter => matches!(deed.name, "post" | "picture that X has"),
        _ => matches!(deed.name, "post" | "post with a link" | "video"),
    };
    for (direct, over) in [(Via::Twitter, Via::TwitterOverOneAll), (Via::Facebook, Via::FacebookOverOneAll)] {
        let refusals: Vec<Deed> = deeds(direct).into_iter().filter(|deed| !is_carried(deed)).collect();
        assert!(refusals.iter().any(|deed| kind(deed) == JobKind::Publish));
        for deed in &refusals {
            refused(over, deed);
        }
    }
}
