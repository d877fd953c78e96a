//! Whatever is written and whoever it is for: what goes out is valid, or nothing does.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use strowger_channel::testing::{self, json as json_answer};
use strowger_channel::{Exchange, Outgoing, Plugin, Request};

use crate::x_judge::Judge;
use crate::{NOW_MS, twitter, verdict};

/// Mostly X's ids; else numbers, and what people and programs put there by mistake.
fn id() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => "[1-9][0-9]{0,18}".prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => "\\PC{0,24}".prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!("1/../2?x=y#z")),
    ]
}

fn attachment() -> impl Strategy<Value = Value> {
    prop_oneof![
        id(),
        ("[a-z]{1,8}", proptest::option::of("\\PC{1,40}"))
            .prop_map(|(file, text)| json!({ "file": file, "alt_text": text })),
        "[a-z/.?&]{0,12}".prop_map(|rest| json!({ "url": format!("https://example.org/{rest}") })),
    ]
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
    let kind = prop_oneof![
        3 => Just(json!("Status")), 2 => Just(json!("DirectMessage")), 1 => "\\PC{0,9}".prop_map(Value::from)
    ];
    members([
        ("_twitterMsgType", kind.boxed()),
        ("_twitterInReplyToStatusId", id().boxed()),
        ("_twitterToUserId", id().boxed()),
        ("_twitterFromUserId", id().boxed()),
        ("_twitterMsgId", id().boxed()),
        ("_twitterIsRetweet", prop_oneof![Just(json!("true")), Just(json!("false"))].boxed()),
    ])
}

fn extras() -> impl Strategy<Value = Map<String, Value>> {
    members([
        ("inReplyTo", id().boxed()),
        ("to", id().boxed()),
        ("location", prop_oneof!["[0-9a-f]{16}", "\\PC{0,16}"].prop_map(Value::from).boxed()),
        ("attachments", proptest::collection::vec(attachment(), 0..5).prop_map(Value::from).boxed()),
    ])
}

prop_compose! {
    fn document()(
        kind in prop_oneof![4 => Just("publish"), 2 => Just("operation"), 2 => Just("reconcile")],
        account in prop_oneof![3 => Just("brand"), 1 => Just("support"), 1 => Just("shop"), 1 => Just("legacy")],
        message in prop_oneof!["\\PC{0,40}", any::<String>()],
        // Four of five jobs carry little, so that most of them come to a request.
        user_data in prop_oneof![2 => user_data(), 2 => Just(Map::new())],
        extras in prop_oneof![1 => extras(), 2 => Just(Map::new())],
        parent in proptest::option::weighted(0.2, user_data()),
        operation in proptest::sample::select(&["Retweet", "MarkFavorite", "RemoveFavorite", "Follow", "Unfollow"][..]),
        user in id(),
    ) -> Value {
        let mut document = json!({
            "kind": kind, "deliveryId": "d1", "channel": "twitter", "account": account, "message": message,
            "userData": user_data, "extras": extras,
            "operation": { "name": operation, "parameters": { "twitterUserId": user } },
            "attempt": { "number": 1, "startedMs": NOW_MS - 30_000, "endedMs": NOW_MS } });
        if kind != "operation" {
            document.as_object_mut().expect("an object").shift_remove("operation");
        }
        if let Some(user_data) = parent {
            document["parent"] = json!({ "id": "P", "userData": user_data });
        }
        document
    }
}

fn answer(request: &Request) -> Exchange {
    let data = json!({ "id": "71", "text": "t", "dm_event_id": "3", "retweeted": true, "liked": true, "following": true });
    let body = match request.method {
        _ if request.url.ends_with("/oauth2/token") => {
            json!({ "access_token": "EXAMPLE", "refresh_token": "EXAMPLE-2", "expires_in": 7200 })
        }
        "GET" if request.url.contains("/media/") => json!({ "data": { "id": "71" } }),
        "GET" => json!({ "data": [], "meta": { "result_count": 0 } }),
        _ => json!({ "data": data }),
    };
    json_answer(200, &body.to_string())
}

/// The requests of a conversation with X on a good day, in order.
fn requests(document: &Value) -> Vec<Request> {
    testing::requests(&twitter().0, testing::job(&document.to_string()), answer)
}

/// Planted faults: with an id taken unseen from the user data, or a text of white space sent as a direct message,
/// this fails within a few dozen cases.
#[test]
fn every_request_that_can_be_made_is_valid() {
    let judge = Judge::of_today();
    let (jobs, made) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(ProptestConfig { cases: 1_500, ..ProptestConfig::default() });
    let outcome = runner.run(&document(), |document| {
        let requests = requests(&document);
        jobs.set(jobs.get() + i32::from(!requests.is_empty()));
        for request in &requests {
            made.set(made.get() + 1);
            let verdict = verdict(&judge, request);
            prop_assert!(verdict.is_ok(), "{verdict:?}: {request:#?}");
        }
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.expect_err("a fault"));
    assert!(
        jobs.get() > 400 && made.get() > 800,
        "the test says little: {} jobs, {} requests",
        jobs.get(),
        made.get()
    );
}

/// What was accepted is sent: a job that `check` let pass is not refused later for its text or extras.
#[test]
fn what_is_accepted_can_be_sent() {
    let outcome = TestRunner::default().run(&("\\PC{1,300}", extras()), |(text, extras)| {
        let (plugin, _) = twitter();
        let accepted = |account| {
            plugin.check(&Outgoing { channel: "twitter", account, text: &text, extras: &extras }).is_ok()
        };
        for account in ["brand", "support"] {
            let document = json!({ "kind": "publish", "deliveryId": "d", "channel": "twitter", "account": account,
                                   "message": text, "extras": extras, "attempt": { "number": 1, "startedMs": NOW_MS } });
            prop_assert!(!accepted(account) || !requests(&document).is_empty(), "{account}");
        }
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.expect_err("a fault"));
}
