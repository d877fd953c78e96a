//! A host that writes until its disk is full, makes room, and goes on.
//!
//! `filler STORE BALLAST`: when the disk is full it removes the file BALLAST. Says how many drafts it made
//! before that.
#![forbid(unsafe_code)]

use std::time::Duration;

use serde_json::json;
use strowger::{API_MULTIMEDIA, Config, Engine, StatusCode};
use strowger_durability::{Platform, manifest};

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [store, ballast] = arguments.as_slice() else { panic!("usage: filler STORE BALLAST") };
    let config = json!({ "store": { "kind": "sqlite", "path": store }, "manifests": [manifest()] });
    let config = Config::parse(&config.to_string()).expect("a configuration");
    let engine = Engine::open(&config).expect("an engine");
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).expect("an agent");
    let notes = agent.subscribe("/v2/me/*").expect("a subscription");
    let create = || {
        let reply = agent.perform(Platform::CHANNEL, None, br#"{"operationName": "Create"}"#);
        reply.expect("a reply").status_code()
    };
    let mut made = 0;
    while create() == StatusCode::Success {
        made += 1;
        assert!(made < 1_000, "the disk is never full");
    }
    assert_eq!(create(), StatusCode::Internal);
    let told = std::iter::from_fn(|| notes.next(Duration::ZERO)).count();
    assert_eq!((told, agent.list(Platform::CHANNEL).expect("a listing").len()), (made, made));
    std::fs::remove_file(ballast).expect("the ballast");
    assert_eq!(create(), StatusCode::Success);
    println!("{made}");
}
