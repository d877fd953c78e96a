//! The table of the twenty endpoints against the facts: whatever the table lets pass, the published forms take.

use serde_json::{Value, json};
use strowger_channel::testing::{TestHost, job};
use strowger_channel::{Job, Request, Step};
use strowger_oneall::endpoints::{Endpoint, Kind, TABLE};
use strowger_oneall::{Access, Push};

use crate::NOW_MS;
use crate::oneall_judge::{facts, verdict};

fn access() -> Access {
    let document = json!({ "base_url": crate::oneall_judge::BASE, "public_key": "EXAMPLE-PUBLIC-KEY",
                           "private_key": "EXAMPLE-PRIVATE-KEY", "identity_token": "EXAMPLE-IDENTITY-TOKEN" });
    Access::read(document, "transport", false).expect("the access is right")
}

fn publish(kind: &str) -> Job {
    job(&json!({ "kind": kind, "deliveryId": "d", "channel": "c", "account": "a", "known": [],
                 "attempt": { "number": 1, "startedMs": NOW_MS - 60_000, "endedMs": NOW_MS - 60_000 } })
    .to_string())
}

fn example(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!("A text"),
        Kind::Id => json!("123-a_b"),
        Kind::Address => json!("https://example.org/a?b=c"),
        Kind::Flag => json!(true),
        Kind::Ids(_) => json!(["1", "2"]),
    }
}

/// The first request for a push of these fields of an endpoint.
fn request(endpoint: &Endpoint, kind: &str, with: impl Fn(&str, bool) -> bool) -> Option<Request> {
    let chosen = endpoint.fields.iter().filter(|field| with(field.name, field.required));
    let mut fields: Vec<(String, Value)> =
        chosen.map(|field| (field.name.to_owned(), example(field.kind))).collect();
    if endpoint.open {
        fields.push(("anything".to_owned(), json!({ "at": "all" })));
    }
    let target = endpoint.placeholder().map(|_| "123".to_owned());
    let push = Push::open(endpoint.resource, target, fields).ok()?;
    match access().begin(&publish(kind), Ok(push), 0, &TestHost::at(NOW_MS).host()) {
        (_, Step::Request { marked, request }) => {
            assert_eq!(marked, kind == "publish");
            Some(request)
        }
        _ => None,
    }
}

/// Planted faults: a field renamed in the table, a root or path mistyped.
#[test]
fn every_endpoint_is_pushed_to_as_it_is_published() {
    for endpoint in &TABLE {
        let all = request(endpoint, "publish", |_, _| true).expect(endpoint.path);
        assert_eq!(verdict(&all), Ok(()), "{}: {all:#?}", endpoint.path);
        let least = |name: &str, required: bool| required || endpoint.one_of.first() == Some(&name);
        let least = request(endpoint, "publish", least).expect(endpoint.path);
        assert_eq!(verdict(&least), Ok(()), "{}: {least:#?}", endpoint.path);
        for left_out in endpoint.fields.iter().filter(|field| field.required) {
            let lacking = request(endpoint, "publish", |name, _| name != left_out.name);
            assert_eq!(lacking, None, "{} without {}", endpoint.path, left_out.name);
        }
    }
}

#[test]
fn every_list_is_read_as_it_is_published() {
    let mut read = 0;
    for endpoint in TABLE.iter().filter(|endpoint| endpoint.pull.is_some()) {
        if let Some(request) = request(endpoint, "reconcile", |_, _| true) {
            assert_eq!(verdict(&request), Ok(()), "{}: {request:#?}", endpoint.path);
            read += 1;
        }
    }
    assert_eq!(read, 16);
}

#[test]
fn the_facts_and_the_table_are_of_the_same_endpoints() {
    let facts = facts();
    let known = facts["push"].as_array().expect("a list");
    let paths: Vec<String> =
        TABLE.iter().map(|endpoint| endpoint.path.replace('<', "{").replace('>', "}")).collect();
    let published: Vec<&str> = known.iter().filter_map(|fact| fact["path"].as_str()).collect();
    assert_eq!(paths, published);
    for (endpoint, fact) in TABLE.iter().zip(known) {
        let names: Vec<&str> = endpoint.fields.iter().map(|field| field.name).collect();
        let members = fact["members"].as_object();
        let members: Vec<&str> = members.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, members, "{}", endpoint.path);
    }
}
