//! Every address that the gateway hands out leads to what it stands for, and only its agent there.
//!
//! Planted faults that these tests were seen to catch: the engine's own default address where the configuration
//! names none, one channel's address looked for in another.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::push::{TOKEN, all_channels};
use crate::support::{Caller, LISTENERS, Program, ask, configuration, create};

/// Every text of a document that is an address of this gateway.
fn addresses(document: &Value, base: &str, found: &mut BTreeSet<String>) {
    match document {
        Value::String(text) if text.starts_with(&format!("{base}/")) => {
            found.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| addresses(item, base, found)),
        Value::Object(members) => members.values().for_each(|member| addresses(member, base, found)),
        _ => {}
    }
}

/// Everything that an agent is shown: who it is, its lists in both forms, and all notifications that are kept.
fn shown(program: &Program, agent: &Caller) -> Value {
    let mut all = vec![program.get(agent, "/api/v2/me").json(), program.get(agent, "/page/directory").json()];
    let channels = all[0]["channels"].as_array().cloned().expect("channels");
    for channel in channels {
        let collection = channel["collection"].as_str().expect("a collection");
        for query in ["", "?fields=*"] {
            all.push(program.get(agent, &format!("/api/v2/me/{collection}{query}")).json());
        }
    }
    let say = |messages: Value| program.post(agent, "/api/v2/notifications", &messages).json();
    let shaken = say(json!([{ "channel": "/meta/handshake", "version": "1.0",
                              "supportedConnectionTypes": ["long-polling"] }]));
    let client = shaken[0]["clientId"].clone();
    say(
        json!([{ "channel": "/meta/subscribe", "clientId": client, "subscription": "/v2/me/*", "ext": { "from": 0 } }]),
    );
    all.push(say(
        json!([{ "channel": "/meta/connect", "clientId": client, "connectionType": "long-polling" }]),
    ));
    all.into()
}

/// Follows each, as its agent, another, and nobody. Gives how many there were, by what stands before the id.
fn follow_all(program: &Program, owner: &str, other: &str) -> Vec<(String, usize)> {
    let (agent, other) = (program.log_in(owner), program.log_in(other));
    let mut found = BTreeSet::new();
    addresses(&shown(program, &agent), &program.url, &mut found);
    for address in &found {
        let id = address.rsplit('/').next().expect("an id");
        let answer = ask(address, &agent, "GET", None);
        assert_eq!((answer.status, answer.code()), (200, 0), "{address}: {}", answer.text);
        let resource = answer.json();
        let resource = resource.as_object().expect("an object").values().find(|member| member.is_object());
        let resource = resource.expect("a resource");
        assert_eq!((&resource["id"], &resource["uri"]), (&json!(id), &json!(address)));
        assert_eq!(ask(address, &other, "GET", None).code(), 6, "{address}");
        assert_eq!(ask(address, &Caller::nobody(), "GET", None).status, 401, "{address}");
        let posted = ask(address, &Caller { csrf: None, ..agent.clone() }, "POST", Some("{}"));
        assert_eq!((posted.status, posted.header("allow").as_deref()), (405, Some("GET,HEAD")), "{address}");
    }
    let mut counts: Vec<(String, usize)> = Vec::new();
    for address in &found {
        let kind = address[program.url.len()..].rsplit_once('/').expect("a path").0.to_owned();
        match counts.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => counts.push((kind, 1)),
        }
    }
    counts
}

#[test]
fn what_the_demonstration_shows_can_be_followed() {
    let program = Program::demo();
    let counts = follow_all(&program, "a1", "a2");
    // As many as the published requests make; both forms of the published samples.
    assert_eq!(counts, [("/api/v2/facebooks".to_owned(), 1), ("/api/v2/tweet".to_owned(), 4)]);
    let a1 = program.log_in("a1");
    for nowhere in ["/api/v2/tweet", "/api/v2/tweet/", "/api/v2/tweet/NONE", "/api/v2/toot/0MWPRYBVQAUUEO5O"]
    {
        assert_eq!(program.get(&a1, nowhere).code(), 6, "{nowhere}");
    }
    assert_eq!(program.get(&program.log_in("a3"), "/api/v2/tweet/NONE").code(), 5);
}

#[test]
fn every_channel_has_addresses_even_where_the_configuration_names_none() {
    // Nobody listens at the platforms' address: what is pushed stays under way.
    let program = all_channels("http://127.0.0.1:9", "wait_ms = 0");
    let a1 = program.log_in("a1");
    for collection in ["tweets", "facebook", "linkedin", "pinterest", "youtube"] {
        assert_eq!(
            program.post(&a1, &format!("/api/v2/me/{collection}"), &create()).code(),
            0,
            "{collection}"
        );
    }
    let path = format!("/push/identities/{TOKEN}/twitter/post");
    let body = json!({ "request": { "push": { "post": { "message": "m" } } } }).to_string();
    let keys = Caller::basic(crate::push::KEYS.0, crate::push::KEYS.1);
    let pushed = program.ask(&keys, "POST", &format!("{path}.json"), Some(&body));
    let data = pushed.json()["response"]["result"]["data"].clone();
    let uri = data["uri"].as_str().expect("an address");
    let (_, id) = uri.rsplit_once('/').expect("an id");
    assert_eq!(data["status_uri"], format!("{}{path}/{id}.json", program.url));
    assert_eq!(ask(uri, &a1, "GET", None).json()["twitter"]["state"], "Sent");
    let kinds = ["facebooks", "linkedin", "pinterest", "tweet", "youtube"];
    let counts = follow_all(&program, "a1", "a2");
    let expected = kinds.map(|kind| (format!("/api/v2/{kind}"), if kind == "tweet" { 2 } else { 1 }));
    assert_eq!(counts, expected);
}

/// Where the gateway stands behind another server, its address is what the configuration says.
#[test]
fn an_address_that_is_configured_stands_before_everything() {
    let base = "[engine]\nbase_uri = \"https://desk.example.com/social/\"\n";
    let program = Program::serve(configuration(LISTENERS, base));
    let a1 = program.log_in("a1");
    program.post(&a1, "/api/v2/me/tweets", &create());
    let listed = program.get(&a1, "/api/v2/me/tweets").json();
    let uri = listed["uris"][0].as_str().expect("an address");
    let path = uri.strip_prefix("https://desk.example.com/social").expect("the base");
    assert_eq!(program.get(&a1, path).code(), 0, "{path}");
}
