//! Whatever is written and whoever it is for: what goes out is valid, or nothing does.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use strowger_channel::Request;
use strowger_channel::testing::{self, json as json_answer};

use crate::{NOW_MS, facebook, verdict};

/// Mostly ids of the Graph; else what people and programs put there by mistake.
fn id() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => "[1-9][0-9]{0,15}(_[1-9][0-9]{0,15})?".prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => "\\PC{0,24}".prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!("1/../2?x=y#z")),
    ]
}

fn address() -> impl Strategy<Value = Value> {
    prop_oneof!["https://example\\.org/[a-z%&=?#/]{0,12}", "\\PC{0,24}"].prop_map(Value::from)
}

/// Members, each there or not.
fn members(
    of: impl IntoIterator<Item = (&'static str, BoxedStrategy<Value>)>,
) -> impl Strategy<Value = Map<String, Value>> {
    let each: Vec<_> = of
        .into_iter()
        .map(|(name, value)| proptest::option::of(value.prop_map(move |v| (name.to_owned(), v))))
        .collect();
    each.prop_map(|each| each.into_iter().flatten().collect())
}

fn user_data() -> impl Strategy<Value = Map<String, Value>> {
    let kind =
        proptest::sample::select(vec![json!("post"), json!("comment"), json!("message"), json!("other")]);
    members([
        ("_facebookSubmitType", kind.boxed()),
        ("_facebookCommentId", id().boxed()),
        ("_facebookPostId", id().boxed()),
        ("To", id().boxed()),
        ("_facebookItxType", prop_oneof![Just(json!("message")), Just(json!("comment"))].boxed()),
    ])
}

fn extras() -> impl Strategy<Value = Map<String, Value>> {
    let attachment = prop_oneof![
        id(),
        (address(), proptest::option::of("\\PC{1,20}"))
            .prop_map(|(url, text)| json!({ "url": url, "alt_text": text })),
    ];
    members([
        ("link", address().boxed()),
        ("video_url", address().boxed()),
        ("title", "\\PC{0,20}".prop_map(Value::from).boxed()),
        ("attachments", proptest::collection::vec(attachment, 0..4).prop_map(Value::from).boxed()),
    ])
}

prop_compose! {
    fn document()(
        kind in prop_oneof![4 => Just("publish"), 2 => Just("reconcile"), 1 => Just("poll")],
        account in proptest::sample::select(&["brand", "brand", "plain", "legacy", "profile", "group"][..]),
        message in prop_oneof!["\\PC{0,40}", any::<String>()],
        user_data in prop_oneof![2 => user_data(), 1 => Just(Map::new())],
        extras in prop_oneof![1 => extras(), 2 => Just(Map::new())],
        parent in proptest::option::weighted(0.2, user_data()),
        // A handle is what Facebook answered to a video.
        video in prop_oneof![3 => "[1-9][0-9]{0,15}", 1 => "[^0-9]\\PC{0,9}"],
    ) -> Value {
        let mut document = json!({
            "kind": kind, "deliveryId": "d1", "channel": "facebook", "account": account, "message": message,
            "userData": user_data, "extras": extras, "handle": { "video": video },
            "attempt": { "number": 1, "startedMs": NOW_MS - 30_000, "endedMs": NOW_MS } });
        if let Some(user_data) = parent {
            document["parent"] = json!({ "id": "P", "userData": user_data });
        }
        document
    }
}

/// The requests of a conversation with a Facebook on a good day, in order.
fn requests(document: &Value) -> Vec<Request> {
    testing::requests(&facebook().0, testing::job(&document.to_string()), |request| {
        let body = if request.method == "GET" { json!({ "data": [] }) } else { json!({ "id": "88" }) };
        json_answer(200, &body.to_string())
    })
}

/// Planted fault: with an id taken unseen from the user data, this fails within a few dozen cases.
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
