//! A CometD session that polls.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::agent::{Agent, PATIENCE};
use super::client::Client;
use crate::Failure;

const PATH: &str = "/api/v2/notifications";

pub(crate) struct Session {
    agent: Arc<Agent>,
    client: Client,
    client_id: String,
    number: usize,
}

/// What matters here of a message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    channel: &'a str,
    successful: Option<bool>,
    client_id: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    ext: Option<Extension>,
    #[serde(default)]
    lagged: bool,
}

#[derive(Deserialize)]
struct Extension {
    sequence: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Note {
    reference_id: Option<u64>,
}

impl Session {
    /// Shakes hands and subscribes.
    pub(crate) async fn open(agent: Arc<Agent>) -> Result<Self, Failure> {
        let mut client = Client::connect(agent.address, &agent.cookie).await?;
        let handshake = json!([{
            "channel": "/meta/handshake", "version": "1.0", "id": "1",
            "supportedConnectionTypes": ["long-polling"],
        }]);
        let answer = client.post(PATH, handshake.to_string()).await?;
        let client_id = serde_json::from_slice::<Vec<Message<'_>>>(&answer)?
            .into_iter()
            .find_map(|message| message.client_id)
            .ok_or_else(|| format!("no session: {}", String::from_utf8_lossy(&answer)))?;
        let subscribe = json!([{
            "channel": "/meta/subscribe", "clientId": client_id, "id": "2", "subscription": "/v2/me/*",
        }]);
        let answer = client.post(PATH, subscribe.to_string()).await?;
        let replies: Vec<Message<'_>> = serde_json::from_slice(&answer)?;
        if !replies.iter().any(|reply| reply.successful == Some(true)) {
            return Err(format!("not subscribed: {}", String::from_utf8_lossy(&answer)).into());
        }
        let number = agent.admit();
        Ok(Self { agent, client, client_id, number })
    }

    /// Polls until it is aborted; whatever ends it before that shows as notes that were not heard.
    pub(crate) async fn poll(mut self) {
        loop {
            let connect = json!([{
                "channel": "/meta/connect", "clientId": self.client_id, "id": "3",
                "connectionType": "long-polling",
            }]);
            let answer = tokio::time::timeout(PATIENCE, self.client.post(PATH, connect.to_string())).await;
            let heard = match &answer {
                Ok(Ok(answer)) => self.read(answer),
                Ok(Err(error)) => Err(error.to_string().into()),
                Err(_) => Err("a poll was never answered".into()),
            };
            if let Err(error) = heard {
                eprintln!("load: a session ended: {error}");
                return;
            }
        }
    }

    fn read(&self, answer: &[u8]) -> Result<(), Failure> {
        for message in serde_json::from_slice::<Vec<Message<'_>>>(answer)? {
            if message.lagged {
                self.agent.lag();
            } else if let (false, Some(data), Some(Extension { sequence: Some(sequence) })) =
                (message.channel.starts_with("/meta/"), message.data, message.ext)
            {
                let note: Note = serde_json::from_str(data.get())?;
                self.agent.hear(self.number, sequence, note.reference_id);
            } else if message.successful == Some(false) {
                return Err(String::from_utf8_lossy(answer).into_owned().into());
            }
        }
        Ok(())
    }
}
