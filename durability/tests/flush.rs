//! Callers at the same time share a flush, on a real disk; one caller alone gets one for each change.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::json;
use strowger::{API_MULTIMEDIA, Config, Engine, StatusCode};
use strowger_durability::manifest;

static FLUSHES: AtomicUsize = AtomicUsize::new(0);

fn count(place: &'static str) {
    if place == "before-flush" {
        FLUSHES.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn callers_at_the_same_time_share_a_flush() {
    const EACH: usize = 60;
    strowger::failpoint::install(count);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("store.db");
    let config = json!({ "store": { "kind": "sqlite", "path": path }, "manifests": [manifest()] });
    let engine = Engine::open(&Config::parse(&config.to_string()).unwrap()).unwrap();
    let work = |agent: &str| {
        let agent = engine.agent(agent, &[API_MULTIMEDIA]).unwrap();
        for _ in 0..EACH {
            let reply = agent.perform("x", None, br#"{"operationName": "Create"}"#).unwrap();
            assert_eq!(reply.status_code(), StatusCode::Success);
        }
    };
    for callers in [1, 4, 16] {
        let (before, start) = (FLUSHES.load(Ordering::Relaxed), Instant::now());
        std::thread::scope(|scope| {
            for caller in 0..callers {
                scope.spawn(move || work(&format!("a{callers}-{caller}")));
            }
        });
        let flushes = FLUSHES.load(Ordering::Relaxed) - before;
        // The agent itself is made known with a change of its own.
        let changes = callers * (EACH + 1);
        println!("{callers} callers: {changes} changes, {flushes} flushes, {:?}", start.elapsed());
        match callers {
            1 => assert_eq!(flushes, changes),
            16 => {
                assert!(flushes < changes / 2, "{flushes} flushes for {changes} changes");
            }
            _ => {}
        }
    }
}
