//! The host's side: what comes in, and who gets it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use smol_str::SmolStr;

use super::agent::again;
use super::apply::{By, Unapplied, error_of};
use super::channels::{Entry, Runner};
use super::{Engine, Error, Inner};
use crate::bounds::check_declared;
use crate::channel::{ChannelFault, WebhookAnswer, WebhookReply, WebhookRequest};
use crate::decide::{Decision, decide_offer, decide_receive, decide_revoke};
use crate::inbound::Inbound;
use crate::interaction::{AgentId, Interaction, InteractionId};
use crate::lifecycle::State;
use crate::operation::{QueuePath, Refusal};
use crate::store::{Commit, LastAgent, Pause, PauseChange, Pruned};

/// An interaction in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The interaction.
    pub id: InteractionId,
    /// The channel's name.
    pub channel: String,
    /// The contact on the other side.
    pub contact_id: Option<String>,
    /// Since when it has this place: Unix time in milliseconds.
    pub since_ms: i64,
    /// Whether it can be offered; a completed one that was placed here can't.
    pub can_be_offered: bool,
}

impl Waiting {
    fn of(interaction: &Interaction) -> Self {
        Self {
            id: interaction.id,
            channel: interaction.channel.to_string(),
            contact_id: interaction.contact_id.as_deref().map(str::to_owned),
            since_ms: interaction.placement.as_ref().map_or(0, |place| place.since_ms),
            can_be_offered: interaction.state == State::Queued,
        }
    }
}

impl Engine {
    /// Takes in what a customer wrote: a new interaction that waits in its queue. The same `external_id`
    /// handed in again gives the first interaction's id, and makes no second one.
    pub fn receive(&self, channel: &str, inbound: &Inbound) -> Result<InteractionId, Error> {
        let entry = self.inner.channel(channel)?;
        again(|_| self.inner.receive(entry, inbound))
    }

    /// Offers a queued interaction to an agent. [`Error::Conflict`] if it does not wait in a queue: it
    /// was offered before, say.
    pub fn offer(&self, id: &str, agent_id: &str) -> Result<(), Error> {
        self.inner.sound()?;
        let unknown = || Refusal::not_found(format!("there is no agent `{agent_id:.64}`"));
        let agent = AgentId::parse(agent_id).map_err(|_| unknown())?;
        if self.inner.seen_agent(&agent)?.is_none() {
            return Err(unknown().into());
        }
        self.inner
            .move_by_host(id, "it does not wait in a queue", |interaction| decide_offer(interaction, &agent))
    }

    /// Takes an offer back. [`Error::Conflict`] if it is not offered, or was accepted already.
    pub fn revoke(&self, id: &str) -> Result<(), Error> {
        self.inner.move_by_host(id, "it is not offered", decide_revoke)
    }

    /// The oldest interaction that waits in a queue. It stays there until it is offered.
    pub fn queue_next(&self, queue_path: &str) -> Result<Option<InteractionId>, Error> {
        let queue = self.inner.queue(queue_path)?;
        Ok(self.inner.store.queue_next(&queue)?)
    }

    /// What stands in a queue, oldest first, completed interactions that were placed there included.
    pub fn queue(&self, queue_path: &str) -> Result<Vec<Waiting>, Error> {
        let queue = self.inner.queue(queue_path)?;
        Ok(self.inner.store.queue(&queue)?.iter().map(|interaction| Waiting::of(interaction)).collect())
    }

    /// At most `limit` of what waits in a queue to be offered, oldest first: for routers, which may have to
    /// pass over the first. What was completed and placed there is left out.
    pub fn waiting(&self, queue_path: &str, limit: usize) -> Result<Vec<Waiting>, Error> {
        let queue = self.inner.queue(queue_path)?;
        let waiting = self.inner.store.waiting(&queue, limit)?;
        Ok(waiting.iter().map(|interaction| Waiting::of(interaction)).collect())
    }

    /// Who last had to do with a contact on a channel, as recorded by `saveLAR`.
    pub fn last_agent(&self, contact_id: &str, channel: &str) -> Result<Option<LastAgent>, Error> {
        let entry = self.inner.channel(channel)?;
        Ok(self.inner.store.last_agent(contact_id, &entry.name)?)
    }

    /// An interaction's record, whoever has it: for hosts that route or report.
    pub fn interaction(&self, id: &str) -> Result<Option<Arc<Interaction>>, Error> {
        self.inner.sound()?;
        let Ok(id) = InteractionId::parse(id) else { return Ok(None) };
        Ok(self.inner.store.interaction(id)?)
    }

    /// Hands a platform's webhook request to the channel, and takes in what it reports.
    pub fn ingest(
        &self,
        channel: &str,
        request: &WebhookRequest,
        body: &[u8],
    ) -> Result<WebhookReply, Error> {
        let entry = self.inner.channel(channel)?;
        let Runner::Plugin(plugin) = &entry.runner else {
            return Err(ChannelFault::new("the host runs this channel itself: use `receive`").into());
        };
        let WebhookAnswer { answer, inbound } =
            catch_unwind(AssertUnwindSafe(|| plugin.ingest(request, body))).unwrap_or_else(|_| {
                tracing::error!(channel, "the channel panicked over a webhook request");
                Err(ChannelFault::new("it panicked"))
            })?;
        for document in inbound {
            let name = document.get("channel").and_then(serde_json::Value::as_str).unwrap_or(channel);
            let entry = self.inner.channel(name)?;
            let inbound = Inbound::parse(&document.to_string())?;
            again(|_| self.inner.receive(entry, &inbound))?;
        }
        Ok(answer)
    }

    /// Goes on with an account that the platform had refused, or had wanted left alone: its credentials
    /// have changed. Once this has succeeded it holds for later runs as well.
    pub fn resume_account(&self, channel: &str, account: &str) -> Result<(), Error> {
        let entry = self.inner.channel(channel)?;
        let account = SmolStr::from(account);
        let resumed =
            PauseChange { channel: entry.name.clone(), account: account.clone(), pause: Pause::Resumed };
        let commit = Commit { pauses: vec![resumed], ..Commit::default() };
        let critical = self.inner.critical()?;
        self.inner.write(commit, &critical).map_err(error_of)?;
        self.inner.outbox.resume(&entry.name, &account, &entry.pool);
        Ok(())
    }

    /// Forgets ended interactions as the [`Retention`](crate::Retention) says, at most `max` of them: call
    /// it until nothing is left to forget. A few are forgotten without it as the engine works.
    pub fn prune(&self, max: u32) -> Result<Pruned, Error> {
        let inner = &*self.inner;
        inner.sound()?;
        let Some(prune) = inner.retention.prune(inner.now_ms(), max) else { return Ok(Pruned::default()) };
        inner.forget(&prune)
    }
}

impl Inner {
    /// Forgets a few ended interactions, now and then.
    pub(super) fn sweep(&self) {
        const EVERY_MS: i64 = 1_000;
        const AT_MOST: u32 = 64;
        let now_ms = self.now_ms();
        let Some(prune) = self.retention.prune(now_ms, AT_MOST) else { return };
        let last_ms = self.swept_ms.load(Ordering::Relaxed);
        let is_due = now_ms.saturating_sub(last_ms) >= EVERY_MS || now_ms < last_ms;
        let is_mine =
            || self.swept_ms.compare_exchange(last_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_due
            && is_mine()
            && let Err(error) = self.forget(&prune)
        {
            // Nobody waits for it, and it comes round again.
            tracing::warn!(%error, "ended interactions could not be forgotten");
        }
    }

    fn receive(&self, entry: &Entry, inbound: &Inbound) -> Result<InteractionId, Unapplied> {
        if let Some(external_id) = &inbound.external_id
            && let Some(first) = self.store.external(&entry.name, external_id)?
        {
            return Ok(first);
        }
        for (name, text) in [
            ("from", Some(&inbound.from)),
            ("message", Some(&inbound.message)),
            ("receivedDate", inbound.received_date.as_ref()),
            ("contactId", inbound.contact_id.as_ref()),
            ("externalId", inbound.external_id.as_ref()),
            ("account", inbound.account.as_ref()),
        ] {
            text.map_or(Ok(()), |text| self.limits.check_text(name, text))?;
        }
        self.limits.check_user_data("`userData` has", &inbound.user_data)?;
        check_declared(self.queues.as_deref(), &inbound.queue_path)?;
        let prepared = self.prepared_unlocked();
        let decision = decide_receive(inbound, &entry.manifest, prepared.now_ms);
        let by = By::Host { external_id: inbound.external_id.as_deref(), id: inbound.id };
        let applied = self.apply(entry, None, decision, by, &prepared)?;
        // A received interaction is a created one.
        applied.created.ok_or_else(|| Refusal::internal("nothing was received").into())
    }

    fn move_by_host(
        &self,
        id: &str,
        otherwise: &str,
        decide: impl Fn(&Interaction) -> Option<Decision>,
    ) -> Result<(), Error> {
        self.sound()?;
        let unknown = || Refusal::not_found(format!("there is no interaction `{id:.64}`"));
        let id = InteractionId::parse(id).map_err(|_| unknown())?;
        let moved = again(|_| {
            let prepared = self.prepared();
            let _lock = self.locks.lock(id);
            let interaction = self.store.interaction(id)?.ok_or_else(unknown)?;
            let entry = self.channels.find(&interaction.channel).ok_or_else(|| {
                Refusal::not_found(format!("there is no channel `{}`", interaction.channel))
            })?;
            let Some(decision) = decide(&interaction) else { return Ok(Err(interaction.state)) };
            self.apply(entry, Some(id), decision, By::Host { external_id: None, id: None }, &prepared)
                .map(|_| Ok(()))
        })?;
        moved.map_err(|state: State| {
            Error::Conflict(format!("interaction {id} is {}: {otherwise}", state.name()))
        })
    }

    fn queue(&self, queue_path: &str) -> Result<QueuePath, Error> {
        self.sound()?;
        let queue = QueuePath::parse(queue_path).map_err(|error| Refusal::invalid("queuePath", error))?;
        check_declared(self.queues.as_deref(), &queue)?;
        Ok(queue)
    }
}
