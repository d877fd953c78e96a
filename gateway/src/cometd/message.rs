//! Bayeux messages, as they come in and go out.

use serde_json::{Map, Value, json};
use strowger::Note;

/// A message of a client.
pub(super) struct Message(Map<String, Value>);

/// What kind it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Handshake,
    Connect,
    Subscribe,
    Unsubscribe,
    Disconnect,
    /// Clients publish nothing here.
    Publish,
}

/// Reads the messages of a request or a frame: one, or an array of them.
pub(super) fn parse(text: &[u8], most: usize) -> Result<Vec<Message>, String> {
    let value: Value =
        serde_json::from_slice(text).map_err(|error| format!("no Bayeux messages: {error}"))?;
    let messages = match value {
        Value::Array(messages) => messages,
        message => vec![message],
    };
    if messages.is_empty() || messages.len() > most {
        return Err(format!("{} messages came at once: expected 1 to {most}", messages.len()));
    }
    messages
        .into_iter()
        .map(|message| match message {
            Value::Object(members) if members.get("channel").is_some_and(Value::is_string) => {
                Ok(Message(members))
            }
            _ => Err("a message is no object with a `channel`".to_owned()),
        })
        .collect()
}

impl Message {
    pub(super) fn channel(&self) -> &str {
        self.0["channel"].as_str().unwrap_or_default()
    }

    pub(super) fn kind(&self) -> Kind {
        match self.channel() {
            "/meta/handshake" => Kind::Handshake,
            "/meta/connect" => Kind::Connect,
            "/meta/subscribe" => Kind::Subscribe,
            "/meta/unsubscribe" => Kind::Unsubscribe,
            "/meta/disconnect" => Kind::Disconnect,
            _ => Kind::Publish,
        }
    }

    pub(super) fn client_id(&self) -> Option<&str> {
        self.text("clientId")
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// The connection types of a handshake.
    pub(super) fn supports(&self, connection_type: &str) -> bool {
        let types = self.0.get("supportedConnectionTypes").and_then(Value::as_array);
        types.into_iter().flatten().any(|supported| supported == connection_type)
    }

    /// The topics of a subscribe or unsubscribe: one, or an array of them.
    pub(super) fn topics(&self) -> Option<Vec<&str>> {
        match self.0.get("subscription")? {
            Value::String(topic) => Some(vec![topic]),
            Value::Array(topics) if !topics.is_empty() => topics.iter().map(Value::as_str).collect(),
            _ => None,
        }
    }

    /// How long a connect wants to be held at most, in milliseconds.
    pub(super) fn wanted_timeout_ms(&self) -> Option<u64> {
        self.0.get("advice")?.get("timeout")?.as_u64()
    }

    /// A member of `ext`.
    pub(super) fn extension(&self, name: &str) -> Option<&Value> {
        self.0.get("ext")?.get(name)
    }

    /// The reply to it.
    pub(super) fn reply(&self, successful: bool) -> Reply {
        let mut members = Map::new();
        members.insert("channel".into(), self.channel().into());
        members.insert("successful".into(), successful.into());
        if let Some(id) = self.0.get("id").filter(|id| id.is_string() || id.is_number()) {
            members.insert("id".into(), id.clone());
        }
        Reply(members)
    }

    /// The reply that says what was wrong: a code, what it is about, and words.
    pub(super) fn refusal(&self, code: u16, about: &str, words: &str) -> Reply {
        self.reply(false).with("error", format!("{code}:{about:.128}:{words}"))
    }
}

/// A message to a client that answers one of its own.
pub(super) struct Reply(Map<String, Value>);

impl Reply {
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

/// A note as a message; written once, for all who get it.
pub(super) fn note_text(note: &Note) -> String {
    let channel = Value::from(&*note.topic);
    format!("{{\"channel\":{channel},\"data\":{},\"ext\":{{\"sequence\":{}}}}}", note.data, note.sequence)
}

/// The message that tells that notes up to this one are lost.
pub(super) fn lagged_text(topic: &str, sequence: u64) -> String {
    json!({
        "channel": topic,
        "data": { "lagged": true, "sequence": sequence },
        "lagged": true,
        "ext": { "sequence": sequence },
    })
    .to_string()
}

/// Messages as the text that carries them.
pub(super) fn array<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut array = String::from("[");
    for text in texts {
        if array.len() > 1 {
            array.push(',');
        }
        array.push_str(text);
    }
    array.push(']');
    array
}
