//! From a decision to its effect: needs are met, the change is committed, and then everybody is told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;
use serde_json::value::RawValue;

use super::channels::{Entry, Runner};
use super::{AgentState, Inner};
use crate::channel::{ChannelFault, CheckError, Outgoing};
use crate::decide::{About, Check, Decision, Focus, NewDelivery, Telling};
use crate::delivery::{Delivery, Outbox, Stage, Work};
use crate::interaction::{AgentId, Interaction, InteractionId, Resource, Seen};
use crate::notify::Told;
use crate::operation::{Refusal, StatusCode};
use crate::store::{
    AgentChange, Commit, CommitError, ContactAddress, ContactOnChannel, ExternalId, KeptReply, LastAgent,
    PauseChange, RequestKey,
};

/// On whose behalf a decision is carried out.
#[allow(clippy::large_enum_variant, reason = "one at a time, on the stack of one call")]
pub(super) enum By<'a> {
    /// An agent who asked, and how the request named itself.
    Agent(&'a AgentState, Option<&'a NamedRequest>),
    /// The host; something inbound has the platform's id.
    Host { external_id: Option<&'a str>, id: Option<InteractionId> },
    /// A delivery, as it will stand, and what becomes of its account.
    Delivery(Delivery, Vec<PauseChange>),
}

/// A request that can be repeated.
pub(super) struct NamedRequest {
    pub(super) key: RequestKey,
    pub(super) fingerprint: [u8; 16],
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub(super) reference_id: Option<u64>,
    pub(super) created: Option<InteractionId>,
}

/// Why it did not come to that.
pub(super) enum Unapplied {
    /// Something else came first: load and decide again.
    Conflict,
    /// Refused.
    Refused(Refusal),
}

impl From<Refusal> for Unapplied {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<crate::store::StoreError> for Unapplied {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Refused(Refusal::internal(error.to_string()))
    }
}

pub(super) fn refusal_of(error: CommitError) -> Refusal {
    match error {
        CommitError::Taken(id) => Refusal::new(StatusCode::AlreadyExists, format!("the id {id} is taken")),
        other => Refusal::internal(other.to_string()),
    }
}

/// How many ended interactions are forgotten at most when another one ends.
const SWEPT_WITH_AN_END: u32 = 8;

impl Inner {
    /// Carries a decision out. The caller holds the lock of `about`.
    pub(super) fn apply(
        &self,
        entry: &Entry,
        about: Option<InteractionId>,
        mut decision: Decision,
        by: By<'_>,
    ) -> Result<Applied, Unapplied> {
        self.meet_needs(entry, &decision)?;
        let mut commit = Commit::default();
        self.meet_contact(entry, &mut decision, &mut commit)?;

        let host_id = match by {
            By::Host { id, .. } => id,
            _ => None,
        };
        if let Some(created) = &mut decision.created {
            created.id = host_id.unwrap_or_else(|| self.environment.ids.next());
            created.number = self.next_number();
            created.version = 1;
        }
        if let Some(after) = &mut decision.after {
            after.version += 1;
        }
        for interaction in decision.after.iter_mut().chain(&mut decision.created) {
            if interaction.has_ended() && interaction.ended_ms.is_none() {
                let now_ms = self.now_ms();
                interaction.ended_ms = Some(now_ms);
                commit.prune = self.retention.prune(now_ms, SWEPT_WITH_AN_END);
            }
            if let Some(place) = interaction.placement.as_mut().filter(|place| place.number == 0) {
                place.number = self.next_number();
            }
        }

        let agent = match &by {
            By::Agent(agent, _) => Some(*agent),
            By::Host { .. } | By::Delivery(..) => None,
        };
        let reserved = self.reserve(decision.delivery.as_ref())?;
        let numbered = agent.map(Numbered::draw);
        let reference_id = match &by {
            By::Agent(..) => numbered.as_ref().map(|numbered| numbered.number),
            By::Delivery(delivery, _) => Some(delivery.reference_id),
            By::Host { .. } => None,
        };
        // Held until the change is made: a focus that moved twice must end the same in memory and store.
        let mut focus = agent.and_then(|agent| agent.moving_focus(decision.focus, about));
        commit.agent = agent.map(|agent| AgentChange {
            id: agent.id.clone(),
            reference_id: reference_id.unwrap_or(0),
            focus: focus.as_ref().map(|moving| moving.to),
        });
        if let By::Agent(_, Some(NamedRequest { key, fingerprint })) = &by {
            let reply = KeptReply {
                fingerprint: *fingerprint,
                reference_id: reference_id.unwrap_or(0),
                at_ms: self.now_ms(),
            };
            commit.reply = Some((key.clone(), reply));
        }
        if let By::Host { external_id: Some(external_id), .. } = by
            && let Some(created) = &decision.created
        {
            let key = ExternalId { channel: entry.name.clone(), id: external_id.into() };
            commit.external = Some((key, created.id));
        }
        if decision.records_last_agent
            && let (Some(agent), Some(contact_id)) =
                (agent, decision.after.as_ref().and_then(|after| after.contact_id.clone()))
        {
            commit.last_agent = Some((
                ContactOnChannel { contact_id, channel: entry.name.clone() },
                LastAgent { agent: agent.id.clone(), at_ms: self.now_ms() },
            ));
        }

        let new_delivery = match (decision.delivery.take(), agent) {
            (Some(new), Some(agent)) => Some(self.new_delivery(entry, about, new, agent, reference_id)),
            _ => None,
        };
        if let (Some(after), Some(delivery)) = (&mut decision.after, &new_delivery)
            && delivery.work == Work::Publish
        {
            after.delivery = Some(delivery.id);
        }
        commit.deliveries.extend(new_delivery.clone().map(Arc::new));
        if let By::Delivery(delivery, pauses) = by {
            commit.deliveries.push(Arc::new(delivery));
            commit.pauses = pauses;
        }

        let (committed, _created_lock) = self.commit(&mut decision, commit, host_id.is_some())?;
        reserved.keep();
        if let Some(numbered) = numbered {
            numbered.keep();
        }
        if let Some(moving) = &mut focus {
            *moving.focus = moving.to;
        }
        drop(focus);
        self.tell(entry, &decision.told, &committed, reference_id);
        if let Some(delivery) = &new_delivery {
            self.outbox.schedule(delivery, &entry.pool());
        }
        Ok(Applied { reference_id, created: committed.created.as_ref().map(|created| created.id) })
    }

    /// Makes room in the outbox, until the change is made or given up.
    fn reserve(&self, new: Option<&NewDelivery>) -> Result<Reserved<'_>, Refusal> {
        let bytes = new.map(|new| new.bytes);
        match bytes {
            Some(bytes) if !self.outbox.reserve(bytes, self.limits.outbox, self.limits.outbox_bytes) => {
                Err(Refusal::outbox_full())
            }
            _ => Ok(Reserved { outbox: &self.outbox, bytes }),
        }
    }

    fn meet_needs(&self, entry: &Entry, decision: &Decision) -> Result<(), Unapplied> {
        if let Some(agent) = &decision.needs.agent
            && self.seen_agent(agent)?.is_none()
        {
            return Err(Refusal::not_found(format!("there is no agent `{agent}`")).into());
        }
        if let (Some(Check { account, text, extras }), Runner::Plugin(channel)) =
            (&decision.needs.check, &entry.runner)
        {
            let message = Outgoing {
                channel: &entry.name,
                account,
                text,
                extras_json: extras.as_deref().map_or("{}", RawValue::get),
            };
            // A channel that panics must not take the agent's thread along.
            let judged = catch_unwind(AssertUnwindSafe(|| channel.check(&message))).unwrap_or_else(|_| {
                tracing::error!(channel = %entry.name, "the channel panicked in its check");
                Err(ChannelFault::new("it panicked").into())
            });
            judged.map_err(|error| match error {
                CheckError::Refused { code: 10, message } => Refusal::out_of_range(message),
                CheckError::Refused { message, .. } => Refusal::new(StatusCode::Invalid, message),
                CheckError::Failed(fault) => {
                    Refusal::internal(format!("the channel could not judge the message: {fault}"))
                }
            })?;
        }
        Ok(())
    }

    /// Gives the interaction the contact of its address, and the address its contact.
    fn meet_contact(
        &self,
        entry: &Entry,
        decision: &mut Decision,
        commit: &mut Commit,
    ) -> Result<(), Unapplied> {
        if !decision.needs.contact {
            return Ok(());
        }
        let Some(interaction) = decision.created.as_mut().or(decision.after.as_mut()) else { return Ok(()) };
        let Some(address) = interaction.contact_address() else { return Ok(()) };
        let address = ContactAddress { channel: entry.name.clone(), address };
        let known = self.store.contact(&address)?;
        let is_new = known.is_none();
        let contact_id = interaction
            .contact_id
            .get_or_insert_with(|| known.unwrap_or_else(|| self.environment.ids.next().as_str().into()));
        if is_new {
            commit.contacts.push((address, contact_id.clone()));
        }
        Ok(())
    }

    fn new_delivery(
        &self,
        entry: &Entry,
        about: Option<InteractionId>,
        new: NewDelivery,
        agent: &AgentState,
        reference_id: Option<u64>,
    ) -> Delivery {
        let now_ms = self.now_ms();
        Delivery {
            id: self.environment.ids.next(),
            version: 1,
            interaction: about,
            channel: entry.name.clone(),
            account: new.account,
            agent: agent.id.clone(),
            reference_id: reference_id.unwrap_or(0),
            work: new.work,
            queue_path: new.queue_path,
            accepted_ms: now_ms,
            bytes: new.bytes,
            stage: Stage::Pending { due_ms: now_ms },
            attempts: 0,
            looks: 0,
            started_ms: 0,
            ended_ms: None,
            last_outcome: None,
            unresolved: false,
        }
    }

    /// Commits, and hands back what was, together with the lock of a new interaction: nobody may change
    /// it before its agent was told of it.
    fn commit(
        &self,
        decision: &mut Decision,
        mut commit: Commit,
        is_named_by_host: bool,
    ) -> Result<(Committed, Option<super::locks::Guard<'_>>), Unapplied> {
        let committed = Committed {
            after: decision.after.take().map(Arc::new),
            created: decision.created.take().map(Arc::new),
        };
        commit.interactions.extend(committed.after.iter().chain(&committed.created).cloned());
        let lock = committed.created.as_ref().map(|created| self.locks.lock(created.id));
        self.store.commit(commit).map_err(|error| match error {
            CommitError::Conflict => Unapplied::Conflict,
            // A name that we made and that is taken: another one will do.
            CommitError::Taken(_) if !is_named_by_host => Unapplied::Conflict,
            other => Unapplied::Refused(refusal_of(other)),
        })?;
        Ok((committed, lock))
    }

    fn tell(&self, entry: &Entry, told: &[Telling], committed: &Committed, reference_id: Option<u64>) {
        for telling in told {
            let about = match telling.about {
                About::After => &committed.after,
                About::Created => &committed.created,
            };
            let agent = self.reachable(&telling.to);
            let (Some(interaction), Some(agent)) = (about, agent) else { continue };
            agent.hub.tell(&entry.topic, &self.limits, || {
                let in_focus =
                    telling.seen == Seen::AsItStands && *agent.focus.lock() == Some(interaction.id);
                let told = Told {
                    kind: &telling.kind,
                    manifest: &entry.manifest,
                    resource: self.resource(entry, interaction, telling.seen, true, in_focus),
                    reference_id: reference_id.filter(|_| telling.is_answer),
                };
                crate::json::raw(&told).get().to_owned()
            });
        }
    }

    /// The agent who is to be told of a change that is made: whoever can't be told now finds it in the next
    /// listing.
    pub(super) fn reachable(&self, agent: &AgentId) -> Option<Arc<AgentState>> {
        self.seen_agent(agent).unwrap_or_else(|error| {
            tracing::error!(%agent, %error, "an agent could not be told of a change");
            None
        })
    }

    pub(super) fn resource<'a>(
        &'a self,
        entry: &'a Entry,
        interaction: &'a Interaction,
        seen: Seen,
        permitted: bool,
        in_focus: bool,
    ) -> Resource<'a> {
        Resource {
            interaction,
            manifest: &entry.manifest,
            lifecycle: &entry.lifecycle,
            abilities: entry.abilities(Some(interaction)),
            seen,
            permitted,
            in_focus,
            base_uri: &self.base_uri,
        }
    }
}

struct Committed {
    after: Option<Arc<Interaction>>,
    created: Option<Arc<Interaction>>,
}

/// Room in the outbox that is given back unless it is kept.
struct Reserved<'a> {
    outbox: &'a Outbox,
    bytes: Option<usize>,
}

impl Reserved<'_> {
    fn keep(mut self) {
        self.bytes = None;
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.bytes.into_iter().for_each(|bytes| self.outbox.release(bytes));
    }
}

/// A `referenceId` that is given back unless it is kept: what is refused leaves no gap. Two requests of one
/// agent at the same time may leave one, for a number is never given twice.
struct Numbered<'a> {
    agent: &'a AgentState,
    number: u64,
    is_kept: bool,
}

impl<'a> Numbered<'a> {
    fn draw(agent: &'a AgentState) -> Self {
        let number = agent.reference_id.fetch_add(1, Ordering::Relaxed) + 1;
        Self { agent, number, is_kept: false }
    }

    fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Numbered<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nobody was told of it. Whoever drew a later one keeps that, and this one is skipped.
            let _ = self.agent.reference_id.compare_exchange(
                self.number,
                self.number - 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
    }
}

/// A focus on its way to another interaction, locked until it is there.
struct MovingFocus<'a> {
    focus: MutexGuard<'a, Option<InteractionId>>,
    to: Option<InteractionId>,
}

impl AgentState {
    fn moving_focus(&self, focus: Focus, about: Option<InteractionId>) -> Option<MovingFocus<'_>> {
        if focus == Focus::Stays {
            return None;
        }
        let now = self.focus.lock();
        match focus {
            Focus::Taken => Some(MovingFocus { focus: now, to: about }),
            Focus::Dropped if *now == about => Some(MovingFocus { focus: now, to: None }),
            Focus::Stays | Focus::Dropped => None,
        }
    }
}
