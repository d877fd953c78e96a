//! Answers messages, whatever carries them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::message::{Kind, Message, Reply};
use super::session::{Held, Mail, Session, Turn};
use crate::gateway::Gateway;
use crate::http::Visitor;

/// What carries messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    LongPolling,
    WebSocket,
}

impl Transport {
    const ALL: [Self; 2] = [Self::WebSocket, Self::LongPolling];

    fn name(self) -> &'static str {
        match self {
            Self::LongPolling => "long-polling",
            Self::WebSocket => "websocket",
        }
    }
}

/// What is to be done about a message.
pub(super) enum Step {
    /// Say that.
    Reply(Reply),
    /// Hold the connect until there is something to say.
    Hold(Connect),
}

/// A connect that is held.
pub(super) struct Connect {
    message: Message,
    pub(super) held: Held,
    pub(super) deadline: Instant,
}

/// Why a held connect ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Turn(Turn),
    Timeout,
    Stopping,
}

/// How long a client waits before it comes back to a gateway that has no room or stops.
const COME_BACK: Duration = Duration::from_secs(1);

/// Answers a message.
pub(super) async fn answer(
    gateway: &Arc<Gateway>,
    visitor: &Visitor,
    transport: Transport,
    message: Message,
) -> Step {
    let kind = message.kind();
    if kind == Kind::Handshake {
        return Step::Reply(handshake(gateway, visitor, &message));
    }
    // Another agent's session is as good as none.
    let session = message.client_id().and_then(|id| gateway.exchange.find(id, &visitor.colleague().id));
    let Some(session) = session else { return Step::Reply(unknown_client(&message)) };
    Step::Reply(match kind {
        Kind::Connect => match connect(gateway, transport, &session, message) {
            Ok(connect) => return Step::Hold(connect),
            Err(reply) => reply,
        },
        Kind::Subscribe => subscribe(gateway, visitor, &session, message).await,
        Kind::Unsubscribe => unsubscribe(gateway, &session, &message),
        Kind::Disconnect => {
            gateway.exchange.end(&session);
            message.reply(true).with("clientId", &**session.id())
        }
        Kind::Publish => message.refusal(403, message.channel(), "nothing can be published here"),
        Kind::Handshake => unknown_client(&message),
    })
}

fn handshake(gateway: &Gateway, visitor: &Visitor, message: &Message) -> Reply {
    let types: Vec<_> = Transport::ALL.iter().map(|transport| transport.name()).collect();
    let refuse = |code, about: &str, words: &str, reconnect: &str| {
        message
            .refusal(code, about, words)
            .with("supportedConnectionTypes", types.clone())
            .with("advice", json!({ "reconnect": reconnect, "interval": millis(COME_BACK) }))
    };
    let version = message.text("version").unwrap_or_default();
    if version.split('.').next() != Some("1") {
        return refuse(400, version, "the version is not served: expected 1.0", "none");
    }
    if !types.iter().any(|name| message.supports(name)) {
        return refuse(400, "", "no connection type in common", "none");
    }
    let acknowledges = message.extension("ack").is_some_and(|ack| *ack == true);
    let session = match gateway.exchange.open(visitor, acknowledges) {
        Ok(session) => session,
        Err(full) => return refuse(429, "", &full.to_string(), "handshake"),
    };
    let reply = message
        .reply(true)
        .with("version", "1.0")
        .with("minimumVersion", "1.0")
        .with("clientId", &**session.id())
        .with("supportedConnectionTypes", types.clone())
        .with("advice", advice(gateway));
    if acknowledges { reply.with("ext", json!({ "ack": true })) } else { reply }
}

fn advice(gateway: &Gateway) -> Value {
    let settings = &gateway.settings.cometd;
    json!({
        "reconnect": "retry",
        "interval": millis(settings.interval),
        "timeout": millis(settings.timeout),
        "maxInterval": millis(settings.max_interval),
    })
}

fn unknown_client(message: &Message) -> Reply {
    message
        .refusal(402, message.client_id().unwrap_or_default(), "there is no such client: shake hands")
        .with("advice", json!({ "reconnect": "handshake", "interval": 0 }))
}

fn connect(
    gateway: &Gateway,
    transport: Transport,
    session: &Arc<Session>,
    message: Message,
) -> Result<Connect, Reply> {
    if message.text("connectionType").is_some_and(|name| name != transport.name()) {
        let expected =
            format!("the connection type is another than this connection's: expected {}", transport.name());
        return Err(message.refusal(400, "", &expected));
    }
    let acknowledged = message.extension("ack").and_then(Value::as_u64);
    let Some(held) = session.begin_connect(acknowledged) else { return Err(unknown_client(&message)) };
    gateway.exchange.catch_up(session);
    // The first connect is answered at once: clients wait for it before they go on.
    let longest = if held.is_first() { Duration::ZERO } else { gateway.settings.cometd.timeout };
    let hold =
        message.wanted_timeout_ms().map_or(longest, |wanted| longest.min(Duration::from_millis(wanted)));
    Ok(Connect { message, held, deadline: Instant::now() + hold })
}

impl Connect {
    /// Waits until there is something to say.
    pub(super) async fn wait(&self, gateway: &Gateway) -> Ending {
        let changed = self.held.session().changed();
        loop {
            // Asked for first, so that no change is missed between the look and the wait.
            let change = changed.notified();
            tokio::pin!(change);
            change.as_mut().enable();
            if let Some(turn) = self.held.turn() {
                return Ending::Turn(turn);
            }
            tokio::select! {
                () = change => {}
                () = tokio::time::sleep_until(self.deadline) => return Ending::Timeout,
                () = gateway.stopping.wait() => return Ending::Stopping,
            }
        }
    }

    /// The reply, and the messages that go out before it.
    pub(super) fn finish(self, gateway: &Gateway, ending: Ending) -> (Mail, Reply) {
        let nothing = Mail { texts: Vec::new(), batch: None };
        match ending {
            Ending::Turn(Turn::Over) => {
                // A session that is held can't expire: the client or its agent ended it.
                let reply = self
                    .message
                    .refusal(402, "", "the client disconnected or logged out")
                    .with("advice", json!({ "reconnect": "none", "interval": 0 }));
                (nothing, reply)
            }
            Ending::Turn(Turn::Superseded) => {
                let reply = self
                    .message
                    .refusal(409, "", "a later connect of this client took its place")
                    .with("advice", json!({ "reconnect": "retry", "interval": millis(COME_BACK) }));
                (nothing, reply)
            }
            Ending::Turn(Turn::Mail) | Ending::Timeout | Ending::Stopping => {
                let session = self.held.session();
                let mail = session.take_mail();
                let mut reply = self.message.reply(true).with("clientId", &**session.id());
                if let Some(batch) = mail.batch {
                    reply = reply.with("ext", json!({ "ack": batch }));
                }
                let advice = if ending == Ending::Stopping {
                    json!({ "reconnect": "retry", "interval": millis(COME_BACK) })
                } else {
                    advice(gateway)
                };
                (mail, reply.with("advice", advice))
            }
        }
    }
}

async fn subscribe(
    gateway: &Arc<Gateway>,
    visitor: &Visitor,
    session: &Arc<Session>,
    message: Message,
) -> Reply {
    let colleague = visitor.colleague();
    let Some(topics) = message.topics() else {
        return message.refusal(400, "", "`subscription` is missing: expected a topic, or an array of them");
    };
    let asked = message.reply(true).with("subscription", topics.clone());
    let refuse = |code, about: &str, words: &str| {
        message.refusal(code, about, words).with("subscription", topics.clone())
    };
    if !colleague.has_multimedia() {
        return refuse(403, "", "the agent lacks the feature `api-multimedia`");
    }
    let mut known = Vec::new();
    for topic in &topics {
        match gateway.exchange.topic(topic) {
            Some(topic) => known.push(topic),
            None => return refuse(403, topic, "there is no such topic for agents"),
        }
    }
    let from = message.extension("from").and_then(Value::as_u64);
    let subscribing = {
        let (gateway, session, colleague) = (gateway.clone(), session.clone(), colleague.clone());
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let _entered = runtime.enter();
            known.iter().try_for_each(|topic| gateway.exchange.subscribe(&session, &colleague, topic, from))
        })
    };
    match subscribing.await {
        Ok(Ok(())) => {
            let reply = asked.with("clientId", &**session.id());
            match topics.as_slice() {
                // As it was asked: one, or an array of them.
                [topic] => reply.with("subscription", *topic),
                _ => reply,
            }
        }
        Ok(Err(error)) => refuse(500, "", &error.to_string()),
        Err(_) => refuse(500, "", "the subscription failed"),
    }
}

fn unsubscribe(gateway: &Gateway, session: &Arc<Session>, message: &Message) -> Reply {
    let Some(topics) = message.topics() else {
        return message.refusal(400, "", "`subscription` is missing: expected a topic, or an array of them");
    };
    for topic in &topics {
        gateway.exchange.unsubscribe(session, topic);
    }
    let reply = message.reply(true).with("clientId", &**session.id());
    match topics.as_slice() {
        [topic] => reply.with("subscription", *topic),
        _ => reply.with("subscription", topics),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
