//! Whatever is written: what goes out is valid, or nothing does.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use strowger_channel::Request;
use strowger_channel::testing::{self, json as json_answer};

use crate::oneall_judge::verdict;
use crate::{NOW_MS, oneall};

/// What stands beneath a name: mostly what belongs there.
fn value(name: &str) -> impl Strategy<Value = Value> + use<> {
    let right = match name {
        "link" | "picture" | "video_url" => {
            "https://example\\.org/[a-z%&=?#/]{0,12}".prop_map(Value::from).boxed()
        }
        "board" | "video" | "playlist" => "[A-Za-z0-9_-]{1,20}".prop_map(Value::from).boxed(),
        "section" => Just(json!({ "type": "x" })).boxed(),
        _ => "\\PC{1,24}".prop_map(Value::from).boxed(),
    };
    prop_oneof![
        6 => right,
        1 => "\\PC{0,24}".prop_map(Value::from),
        1 => prop_oneof![Just(Value::Null), Just(json!(7)), Just(json!("../1?x=y#z")), Just(json!(["1"]))],
    ]
}

/// Extras: those that belong together, each there or not, and seldom one that does not belong there.
fn extras(channel: &str) -> impl Strategy<Value = Map<String, Value>> + use<> {
    let sets: &[&[&str]] = match channel {
        "linkedin" => &[&["link", "title", "description", "picture"]],
        "pinterest" => &[&["board", "picture", "link"], &["new_board"]],
        _ => &[&["video_url", "title", "picture"], &["video", "playlist"], &["new_playlist"], &["section"]],
    };
    let stray =
        proptest::option::weighted(0.1, proptest::sample::select(&["attachments", "link", "video"][..]));
    (proptest::sample::select(sets), stray).prop_flat_map(|(names, stray)| {
        let names = names.iter().copied().chain(stray);
        let each: Vec<_> = names
            .map(|name| {
                proptest::option::weighted(0.8, value(name).prop_map(move |value| (name.to_owned(), value)))
            })
            .collect();
        each.prop_map(|each| each.into_iter().flatten().collect())
    })
}

fn document() -> impl Strategy<Value = Value> {
    let accounts =
        [("linkedin", "brand"), ("linkedin", "company"), ("pinterest", "brand"), ("youtube", "brand")];
    let kind = prop_oneof![3 => Just("publish"), 1 => Just("reconcile"), 1 => Just("poll")];
    let message = prop_oneof!["\\PC{1,40}", any::<String>()];
    (proptest::sample::select(accounts.to_vec()), kind, message).prop_flat_map(
        |((channel, account), kind, message)| {
            extras(channel).prop_map(move |extras| {
                json!({
                "kind": kind, "deliveryId": "d1", "channel": channel, "account": account, "message": message,
                "extras": extras, "handle": { "endpoint": "youtube/video", "startedMs": NOW_MS - 30_000 },
                "attempt": { "number": 1, "startedMs": NOW_MS - 30_000, "endedMs": NOW_MS } })
            })
        },
    )
}

/// The requests of a conversation with a OneAll that lists nothing, in order.
fn requests(document: &Value) -> Vec<Request> {
    testing::requests(&oneall().0, testing::job(&document.to_string()), |_| {
        let body = json!({ "response": { "request": { "status": { "flag": "success", "code": 200 } },
                                         "result": { "data": { "posts": [], "post_id": "7" } } } });
        json_answer(200, &body.to_string())
    })
}

/// Planted fault: with a `board` taken unseen from the extras, this fails within a few hundred cases.
#[test]
fn every_request_that_can_be_made_is_valid() {
    let (jobs, made) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(ProptestConfig { cases: 1_500, ..ProptestConfig::default() });
    let outcome = runner.run(&document(), |document| {
        let requests = requests(&document);
        jobs.set(jobs.get() + i32::from(!requests.is_empty()));
        for request in &requests {
            made.set(made.get() + 1);
            let verdict = verdict(request);
            prop_assert!(verdict.is_ok(), "{verdict:?}: {request:#?}");
        }
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.expect_err("a fault"));
    assert!(
        jobs.get() > 400 && made.get() > 500,
        "the test says little: {} jobs, {} requests",
        jobs.get(),
        made.get()
    );
}
