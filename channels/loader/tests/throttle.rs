//! A platform announces in its headers that an account has used up its allowance: the plugin reads it, the engine
//! holds that account back before the platform has to refuse, and the other account goes on.
//!
//! Planted fault: a plugin that reads no headers, or an engine that pauses a channel instead of an account, changes
//! what is published here.

#[path = "common/built.rs"]
mod built;
mod common;
#[path = "common/twitter.rs"]
mod twitter;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use strowger::{API_MULTIMEDIA, Agent, Config, Engine};
use strowger_loader::{Options, Plugin};
use strowger_sandbox::{RateLimit, Sandbox};

use twitter::Impatient;

fn send(agent: &Agent, channel: &str, member: &str, from: &str, text: &str) {
    let notes = agent.subscribe(&format!("/v2/me/{channel}")).expect("a subscription");
    let perform = |id: Option<&str>, request: &Value| {
        let reply = agent.perform(channel, id, request.to_string().as_bytes()).expect("a reply");
        assert_eq!(reply.http_status(), 200, "{}", reply.to_json());
    };
    perform(None, &json!({ "operationName": "Create" }));
    let note = notes.next(Duration::from_secs(5)).expect("the draft is told");
    let note: Value = serde_json::from_str(&note.to_json()).expect("JSON");
    let id = note["data"][member]["id"].as_str().expect("an id").to_owned();
    let mut send = json!({ "operationName": "Send", "queuePath": "/queues/out" });
    send[member] = json!({ "from": from, "message": text });
    perform(Some(&id), &send);
}

/// Two messages of `one` and then one of `other`, on a platform that allows each a single request: what is published,
/// by whom, and how many requests it took.
fn publish(library: &Path, channel: &str, config: impl Fn(&str) -> Value) -> (Vec<(String, String)>, usize) {
    let once = RateLimit { requests: 1, window: Duration::from_secs(900) };
    let facebook_accounts = [("s3cret-page-1", "1001"), ("s3cret-page-2", "1002")]
        .map(|(token, page)| (token.into(), page.into()));
    let options = strowger_sandbox::Options {
        x_rate: once,
        facebook_rate: once,
        facebook_accounts: facebook_accounts.into(),
        ..Default::default()
    };
    let sandbox = Sandbox::start("127.0.0.1:0".parse().expect("an address"), options).expect("a sandbox");
    let config = config(&format!("http://{}", sandbox.addr())).to_string();
    let options = Options { clock: Arc::new(Impatient), ..Options::default() };
    let plugin = Plugin::load(library, &config, &options).expect("the plugin loads");
    let engine = Engine::open(&Config { name: "host".into(), ..Config::default() }).expect("an engine");
    engine.add_channel(Arc::new(plugin)).expect("a channel");
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).expect("an agent");
    for (from, text) in [("one", "first"), ("one", "second"), ("other", "third")] {
        send(&agent, channel, channel, from, text);
    }
    for _ in 0..5 {
        engine.deliver(10, Duration::ZERO).expect("delivered");
    }
    let posts = sandbox.posts().into_iter().map(|post| (post.account, post.text)).collect();
    (posts, sandbox.requests().len())
}

fn pairs(posts: [(&str, &str); 2]) -> Vec<(String, String)> {
    posts.map(|(account, text)| (account.to_owned(), text.to_owned())).into()
}

#[test]
fn x_announces_its_limit_and_the_engine_obeys_for_that_account_alone() {
    let (posts, requests) = publish(twitter::library(), "twitter", |base_url| {
        let auth = |token: &str| {
            json!({ "kind": "oauth1", "consumer_key": "key", "consumer_secret": "s3cret-consumer", "token": token,
                    "token_secret": "s3cret-token" })
        };
        json!({ "name": "channel-twitter", "base_url": base_url, "accounts": [
            { "name": "one", "user_id": "1001", "auth": auth("1001-s3cret") },
            { "name": "other", "user_id": "1002", "auth": auth("1002-s3cret") } ] })
    });
    assert_eq!(posts, pairs([("1001", "first"), ("1002", "third")]));
    assert_eq!(requests, 2, "X did not have to refuse anything");
}

#[test]
fn facebook_tells_its_usage_and_the_engine_slows_that_page_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let library = built::built("strowger-facebook-plugin", "libstrowger_facebook.so");
    let library = built::installed(&library, directory.path());
    let (posts, requests) = publish(&library, "facebook", |base_url| {
        json!({ "name": "channel-facebook", "base_url": base_url, "accounts": [
            { "name": "one", "page_id": "1001", "auth": { "access_token": "s3cret-page-1" } },
            { "name": "other", "page_id": "1002", "auth": { "access_token": "s3cret-page-2" } } ] })
    });
    assert_eq!(posts, pairs([("1001", "first"), ("1002", "third")]));
    assert_eq!(requests, 2, "Facebook did not have to refuse anything");
}
