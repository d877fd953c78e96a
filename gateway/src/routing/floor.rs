//! The contact centre as the router sees it: the engine's queues, and the agents on the board.

use std::sync::Arc;

use strowger::lifecycle::State;
use strowger::{Error, StatusCode};

use super::router::{DEPTH, Floor, ReadyAgent, Standing, Waits};
use crate::gateway::Gateway;
use crate::ready::Change;

pub(super) struct GatewayFloor(pub(super) Arc<Gateway>);

impl Floor for GatewayFloor {
    type Error = Error;

    fn waiting(&self, queue: &str) -> Result<Vec<Waits>, Error> {
        let engine = &self.0.engine;
        let mut waiting = Vec::new();
        for waits in engine.waiting(queue, DEPTH)? {
            let last_agent = match &waits.contact_id {
                Some(contact) => engine.last_agent(contact, &waits.channel)?,
                None => None,
            };
            waiting.push(Waits {
                id: waits.id.to_string(),
                since_ms: waits.since_ms,
                last_agent: last_agent.map(|last| last.agent.to_string()),
            });
        }
        Ok(waiting)
    }

    fn ready(&self) -> Result<Vec<ReadyAgent>, Error> {
        let channels = self.0.engine.channels();
        let mut ready = Vec::new();
        let now_ms = super::now_ms();
        for (id, since) in self.0.board.ready() {
            let since_ms =
                now_ms.saturating_sub(i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX));
            let Some(colleague) = self.0.doorkeeper.staff().find(&id) else { continue };
            let mut open = 0;
            for channel in &channels {
                open += colleague.agent.uris(channel)?.len();
            }
            ready.push(ReadyAgent { id: id.to_string(), since_ms, open });
        }
        Ok(ready)
    }

    fn standing(&self, interaction: &str, agent: &str) -> Result<Standing, Error> {
        Ok(match self.0.engine.interaction(interaction)? {
            Some(found) if found.state == State::Queued => Standing::Returned,
            Some(found)
                if found.state == State::Invited
                    && found.owner.as_ref().is_some_and(|owner| owner.as_str() == agent) =>
            {
                Standing::Offered
            }
            _ => Standing::Gone,
        })
    }

    fn offer(&self, interaction: &str, agent: &str) -> Result<bool, Error> {
        match self.0.engine.offer(interaction, agent) {
            Ok(()) => Ok(true),
            // Somebody else was faster: a host beside us, or the interaction is gone.
            Err(Error::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn withdraw(&self, interaction: &str, agent: &str) -> Result<(), Error> {
        match self.0.engine.revoke(interaction) {
            // It was answered in the last moment.
            Err(Error::Conflict(_)) => return Ok(()),
            revoked => revoked?,
        }
        tracing::info!(agent, interaction, "an offer was not answered: it is taken back");
        match self.0.board.change(&agent.into(), Change::NotReady) {
            Ok(_) => Ok(()),
            // The agent went home meanwhile.
            Err(refusal) if refusal.code() == StatusCode::Forbidden => Ok(()),
            Err(refusal) => Err(Error::Refused(refusal)),
        }
    }
}
