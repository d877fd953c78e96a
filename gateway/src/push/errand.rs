//! Creates and sends an interaction, and waits for what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use strowger::lifecycle::State;
use strowger::{Agent, Error, Refusal, Reply, StatusCode};

use super::envelope::{Answer, Outcome, Problem};
use super::mapping::Message;
use super::outcomes::Told;
use crate::gateway::Gateway;

/// What an agent is told when nobody can find out whether a message was published.
const OUTCOME_UNKNOWN: &str = "outcome-unknown";
/// After how long what is full may have room.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A push that is to be made.
#[derive(Clone)]
pub(super) struct Errand {
    pub(super) gateway: Arc<Gateway>,
    pub(super) agent: String,
    pub(super) queue: String,
    pub(super) channel: String,
    pub(super) message: Message,
    /// Names the Send, if the client named its request.
    pub(super) request_id: Option<String>,
    pub(super) provider: &'static str,
    pub(super) object: &'static str,
    pub(super) wait: Duration,
}

/// An interaction that was sent.
struct Sent {
    id: String,
    uri: String,
}

impl Errand {
    /// Runs the errand. An error means that nothing is published, now or later.
    pub(super) async fn run(&self) -> Result<Answer, Problem> {
        let errand = self.clone();
        // The engine may wait for a disk: not on the threads that serve everybody.
        let begun = tokio::task::spawn_blocking(move || {
            let agent = errand.agent()?;
            let id = errand.create(&agent)?;
            let uri = errand.gateway.address_of(&errand.channel, &id);
            Ok((agent, Sent { id, uri }))
        });
        let (agent, sent) = begun.await.map_err(broken)??;
        // Before it is sent, so that nothing is missed.
        let mut listening = self.gateway.pushes.outcomes.listen(&sent.id);
        let (errand, id) = (self.clone(), sent.id.clone());
        let sending = tokio::task::spawn_blocking({
            let agent = agent.clone();
            move || errand.send(&agent, &id)
        });
        if let Err(unsent) = sending.await.map_err(broken)? {
            return match unsent {
                Unsent::Canceled(problem) => Err(problem),
                Unsent::Left => Ok(self.open(sent, "It was not sent, and its draft could not be taken back")),
            };
        }
        let told = tokio::select! {
            told = listening.told() => told,
            () = tokio::time::sleep(self.wait) => Told::Missed,
            () = self.gateway.stopping.wait() => Told::Missed,
        };
        self.conclude(told, sent, &agent).await
    }

    /// Looks again at what was open.
    pub(super) async fn look_again(&self, id: &str, uri: &str) -> Result<Answer, Problem> {
        let sent = Sent { id: id.to_owned(), uri: uri.to_owned() };
        let mut listening = self.gateway.pushes.outcomes.listen(id);
        if let Some(answer) = self.by_record(&sent).await {
            return Ok(answer);
        }
        let told = tokio::select! {
            told = listening.told() => told,
            () = tokio::time::sleep(self.wait) => Told::Missed,
            () = self.gateway.stopping.wait() => Told::Missed,
        };
        match told {
            Told::Published { post_id, location } => Ok(self.published(sent, post_id, location)),
            // Its agent may be mending it by now.
            Told::Returned { .. } => Ok(self.open(sent, "It came back to its agent")),
            Told::Missed => Ok(self.by_record(&sent).await.unwrap_or_else(|| self.open(sent, OPEN))),
        }
    }

    fn agent(&self) -> Result<Agent, Problem> {
        let colleague = self.gateway.doorkeeper.staff().find(&self.agent);
        let colleague = colleague.ok_or_else(|| Problem::new(403, "the identity's agent is not known"))?;
        Ok(colleague.agent.clone())
    }

    fn create(&self, agent: &Agent) -> Result<String, Problem> {
        let body = json!({ "operationName": "Create", "queuePath": self.queue }).to_string();
        match agent.create(&self.channel, body.as_bytes()) {
            Ok(Ok(id)) => Ok(id.to_string()),
            Ok(Err(refusal)) | Err(Error::Refused(refusal)) => Err(refused(&refusal)),
            Err(error) => Err(passing(&error.to_string())),
        }
    }

    /// Sends the draft, or takes it back.
    fn send(&self, agent: &Agent, id: &str) -> Result<(), Unsent> {
        let mut body = json!({ "operationName": "Send", "queuePath": self.queue });
        body[&self.message.resource] = json!(self.message.content);
        if let Some(request_id) = &self.request_id {
            body["requestId"] = json!(request_id);
        }
        let problem = match agent.perform(&self.channel, Some(id), body.to_string().as_bytes()) {
            Ok(Reply::Accepted { .. }) => return Ok(()),
            Ok(Reply::Refused(refusal))
                if self.request_id.is_some() && refusal.message().contains("`requestId`") =>
            {
                Problem::new(409, "another request was sent under this `Idempotency-Key` before")
            }
            Ok(Reply::Refused(refusal)) | Err(Error::Refused(refusal)) => refused(&refusal),
            Err(error) => passing(&error.to_string()),
        };
        Err(if self.cancel(agent, id) { Unsent::Canceled(problem) } else { Unsent::Left })
    }

    fn cancel(&self, agent: &Agent, id: &str) -> bool {
        let body = json!({ "operationName": "Cancel" }).to_string();
        matches!(agent.perform(&self.channel, Some(id), body.as_bytes()), Ok(Reply::Accepted { .. }))
    }

    async fn conclude(&self, told: Told, sent: Sent, agent: &Agent) -> Result<Answer, Problem> {
        match told {
            Told::Published { post_id, location } => Ok(self.published(sent, post_id, location)),
            Told::Returned { code, .. } if code == OUTCOME_UNKNOWN => {
                Ok(self.open(sent, "Nobody can tell whether it was published: its agent has it"))
            }
            Told::Returned { code, message } => {
                let (errand, agent, id) = (self.clone(), agent.clone(), sent.id.clone());
                let canceled = tokio::task::spawn_blocking(move || errand.cancel(&agent, &id)).await;
                if canceled.unwrap_or(false) {
                    Err(Problem::new(status_of(&code), format!("{message} ({code})")))
                } else {
                    // The agent was faster, and may have sent it again.
                    Ok(self.open(sent, "It came back to its agent, who goes on with it"))
                }
            }
            Told::Missed => Ok(self.by_record(&sent).await.unwrap_or_else(|| self.open(sent, OPEN))),
        }
    }

    /// What the record knows: that it was published, or nothing yet.
    async fn by_record(&self, sent: &Sent) -> Option<Answer> {
        let (gateway, id) = (self.gateway.clone(), sent.id.clone());
        let read = tokio::task::spawn_blocking(move || gateway.engine.interaction(&id).ok().flatten());
        let interaction = read.await.ok().flatten()?;
        let fact = |key: &str| interaction.user_data.text(key);
        (interaction.state == State::Completed).then(|| {
            let sent = Sent { id: sent.id.clone(), uri: sent.uri.clone() };
            let location = fact("_deliveryPostLocation");
            self.published(sent, fact("_deliveryPostId"), location)
        })
    }

    fn published(&self, sent: Sent, post_id: Option<String>, location: Option<String>) -> Answer {
        self.answer(sent, Outcome::Published { post_id, location })
    }

    fn open(&self, sent: Sent, why: &'static str) -> Answer {
        self.answer(sent, Outcome::Open { why })
    }

    fn answer(&self, sent: Sent, outcome: Outcome) -> Answer {
        Answer { provider: self.provider, object: self.object, outcome, id: sent.id, uri: sent.uri }
    }
}

pub(super) const OPEN: &str =
    "Your request has been accepted and is on its way: don't repeat it, look at the interaction";

/// Why something was not sent.
enum Unsent {
    /// Its draft was taken back.
    Canceled(Problem),
    /// Its draft is still there.
    Left,
}

/// A refusal by the engine, in its words.
fn refused(refusal: &Refusal) -> Problem {
    match refusal.code() {
        // A full outbox or store, or one that fails.
        StatusCode::Internal => passing(refusal.message()),
        _ => Problem::new(refusal.http_status(), refusal.message()),
    }
}

/// Nothing was published, and nothing is left: the client may try again.
fn passing(words: &str) -> Problem {
    Problem::new(503, words).retry_after(RETRY_AFTER)
}

#[allow(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
fn broken(error: tokio::task::JoinError) -> Problem {
    tracing::error!(%error, "a push broke off");
    Problem::new(409, "the push broke off: whether anything was published is not known")
}

/// The status that goes with the code of a message that came back.
fn status_of(code: &str) -> u16 {
    match code {
        "permission" | "policy" | "needs-login" => 403,
        "duplicate" | "conflict" => 409,
        _ => 400,
    }
}
