//! An agent at an engine with one channel, who writes messages and sees what becomes of them.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use strowger::channel::Channel;
use strowger::{API_MULTIMEDIA, Agent, Config, Engine};

/// The engine, and an agent who is logged in.
pub(crate) struct Desk {
    pub(crate) engine: Engine,
    pub(crate) agent: Agent,
}

impl Desk {
    pub(crate) fn with(channel: impl Channel + 'static) -> Self {
        let engine = Engine::open(&Config { name: "host".into(), ..Config::default() }).expect("an engine");
        engine.add_channel(Arc::new(channel)).expect("a channel");
        let agent = engine.agent("a1", &[API_MULTIMEDIA]).expect("an agent");
        Self { engine, agent }
    }

    /// What the engine answers to an agent's request.
    pub(crate) fn ask(&self, channel: &str, id: Option<&str>, request: &Value) -> (u16, String) {
        let reply = self.agent.perform(channel, id, request.to_string().as_bytes()).expect("a reply");
        (reply.http_status(), reply.to_json())
    }

    /// Begins a message; gives its id.
    pub(crate) fn draft(&self, channel: &str) -> String {
        let notes = self.agent.subscribe(&format!("/v2/me/{channel}")).expect("a subscription");
        let (status, reply) = self.ask(channel, None, &json!({ "operationName": "Create" }));
        assert_eq!(status, 200, "{reply}");
        let note = notes.next(Duration::from_secs(5)).expect("the draft is told");
        let note: Value = serde_json::from_str(&note.to_json()).expect("JSON");
        note["data"][channel]["id"].as_str().expect("an id").to_owned()
    }

    /// Sends a message with these members, `from` and `message` among them.
    pub(crate) fn send(&self, channel: &str, members: &Value) -> String {
        let id = self.draft(channel);
        let mut send = json!({ "operationName": "Send", "queuePath": "/queues/out" });
        send[channel] = members.clone();
        let (status, reply) = self.ask(channel, Some(&id), &send);
        assert_eq!(status, 200, "{reply}");
        id
    }

    /// How an interaction stands.
    pub(crate) fn resource(&self, channel: &str, id: &str) -> Value {
        let resource = self.agent.read(channel, id).expect("an answer").expect("it is there");
        serde_json::from_str(&resource).expect("JSON")
    }

    /// Delivers until the interaction is in that state, or `rounds` are over; gives it as it stands then.
    pub(crate) fn deliver_until(&self, channel: &str, id: &str, state: &str, rounds: u32) -> Value {
        for _ in 0..rounds {
            self.engine.deliver(1, Duration::from_secs(2)).expect("delivered");
            if self.resource(channel, id)["state"] == state {
                break;
            }
        }
        self.resource(channel, id)
    }
}
