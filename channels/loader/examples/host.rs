//! A host in a page: an engine, the Twitter plugin loaded at run time, one agent who writes and sends.
//!
//! ```text
//! cargo build --workspace
//! target/debug/strowger-sandbox --listen 127.0.0.1:8081 &
//! cargo run -p strowger-loader --example host -- target/debug/libstrowger_twitter.so http://127.0.0.1:8081
//! ```
//!
//! `ffi/examples/minimal.c` is the same in C.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use strowger::{API_MULTIMEDIA, Agent, Config, Engine, Subscription};
use strowger_loader::{Options, Plugin};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [plugin, platform] = arguments.as_slice() else {
        return Err(
            "usage: host PLUGIN PLATFORM, as: host target/debug/libstrowger_twitter.so http://127.0.0.1:8081"
                .into(),
        );
    };

    let engine = Engine::open(&Config { name: "host".into(), ..Config::default() })?;
    let account = json!({ "name": "vitaliy_onv", "user_id": "1258948171", "screen_name": "vitaliy_onv",
                          "auth": { "kind": "bearer", "token": "host-example" } });
    let config = json!({ "name": "channel-twitter", "base_url": platform, "accounts": [account] });
    let path = std::fs::canonicalize(plugin)?;
    let twitter = Plugin::load(&path, &config.to_string(), &Options::default())?;
    engine.add_channel(Arc::new(twitter))?;

    let agent = engine.agent("a1", &[API_MULTIMEDIA])?;
    let notes = agent.subscribe("/v2/me/twitter")?;

    perform(&agent, None, &json!({ "operationName": "Create" }))?;
    let created = told(&notes)?;
    let id = created["data"]["twitter"]["id"].as_str().ok_or("the notification names no interaction")?;

    let text = json!({ "from": "vitaliy_onv", "message": "Hello from Rust!" });
    perform(&agent, Some(id), &json!({ "operationName": "Save", "twitter": text }))?;
    told(&notes)?;
    perform(&agent, Some(id), &json!({ "operationName": "Send", "queuePath": "/queues/outbound" }))?;
    told(&notes)?;

    // Deliveries run on the thread that asks for them: a server gives them one of its own.
    engine.deliver(1, Duration::from_secs(10))?;
    let delivered = told(&notes)?;
    match delivered["data"]["twitter"]["state"].as_str() {
        Some("Completed") => Ok(()),
        state => Err(format!("the interaction should be Completed, and is {state:?}").into()),
    }
}

/// Performs an operation; a refusal is an error here.
fn perform(agent: &Agent, id: Option<&str>, request: &Value) -> Result<(), Box<dyn Error>> {
    let reply = agent.perform("twitter", id, request.to_string().as_bytes())?;
    println!("{}", reply.to_json());
    if reply.http_status() == 200 { Ok(()) } else { Err(format!("refused: {request}").into()) }
}

/// The next notification, as a client would get it.
fn told(notes: &Subscription) -> Result<Value, Box<dyn Error>> {
    let note = notes.next(Duration::from_secs(5)).ok_or("no notification came")?;
    println!("{}", note.to_json());
    Ok(serde_json::from_str(&note.to_json())?)
}
