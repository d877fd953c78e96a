//! From a decision to its effect: needs are met, the change is committed, and then everybody is told.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use smol_str::SmolStr;

use super::announce::News;
use super::channels::Entry;
use super::focus::MovingFocus;
use super::poison::Critical;
use super::prepare::Prepared;
use super::{AgentState, Error, Inner};
use crate::decide::{Decision, NewDelivery};
use crate::delivery::{Delivery, Outbox, Stage, Work};
use crate::interaction::{DeliveryId, Interaction, InteractionId};
use crate::operation::{Refusal, StatusCode};
use crate::store::{
    AgentChange, Commit, CommitError, ContactAddress, ContactOnChannel, ExternalId, KeptReply, LastAgent,
    PauseChange, Prune, RequestKey, StoreError,
};

/// On whose behalf a decision is carried out.
pub(super) enum By<'a> {
    /// An agent who asked, and how the request named itself.
    Agent(&'a Arc<AgentState>, Option<&'a NamedRequest>),
    /// The host; something inbound has the platform's id.
    Host { external_id: Option<&'a str>, id: Option<InteractionId> },
    /// A delivery, as it will stand, and what becomes of its account.
    Delivery(Arc<Delivery>, Vec<PauseChange>),
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
    /// The engine is poisoned, or has become so.
    Poisoned,
}

impl From<Refusal> for Unapplied {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Unapplied {
    fn from(error: StoreError) -> Self {
        Self::Refused(Refusal::internal(error.to_string()))
    }
}

pub(super) fn error_of(error: CommitError) -> Error {
    Error::Refused(match error {
        CommitError::Taken(id) => Refusal::new(StatusCode::AlreadyExists, format!("the id {id} is taken")),
        CommitError::Unknown => return Error::Poisoned,
        other => Refusal::internal(other.to_string()),
    })
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
        prepared: &Prepared<'_>,
    ) -> Result<Applied, Unapplied> {
        self.apply_to(entry, about, &mut decision, None, by, prepared)
    }

    /// The same, where it may have been found out before whose the address is.
    pub(super) fn apply_to(
        &self,
        entry: &Entry,
        about: Option<InteractionId>,
        decision: &mut Decision,
        contact_id: Option<SmolStr>,
        by: By<'_>,
        prepared: &Prepared<'_>,
    ) -> Result<Applied, Unapplied> {
        self.meet_needs(decision, prepared)?;
        let mut commit = Commit::default();
        let (mut after, mut created) = (decision.after.take(), decision.created.take());
        let mut records = Records {
            after: after.as_mut().map(Arc::make_mut),
            created: created.as_mut().map(Arc::make_mut),
        };
        if decision.needs.contact {
            self.meet(entry, contact_id, &mut records, &mut commit, prepared)?;
        }

        let host_id = match by {
            By::Host { id, .. } => id,
            _ => None,
        };
        commit.prune = self.number(&mut records, host_id, prepared)?;

        let agent = match &by {
            By::Agent(agent, _) => Some(*agent),
            By::Host { .. } | By::Delivery(..) => None,
        };
        let reserved = self.reserve(decision.delivery.as_ref())?;
        let delivery_id = if decision.delivery.is_some() { Some(prepared.name()?) } else { None };
        let numbered = agent.map(|agent| Numbered::draw(agent));
        let reference_id = match &by {
            By::Agent(..) => numbered.as_ref().map(|numbered| numbered.number),
            By::Delivery(delivery, _) => Some(delivery.reference_id),
            By::Host { .. } => None,
        };
        let listeners = self.listeners(&decision.told, agent)?;
        // Held until the change is made: a focus that moved twice must end the same in memory and store.
        let focus = agent.and_then(|agent| agent.focus.moving(decision.focus, about));
        commit.agent = agent.map(|agent| AgentChange {
            id: agent.id.clone(),
            reference_id: reference_id.unwrap_or(0),
            focus: focus.as_ref().map(MovingFocus::to),
            followed_after: None,
        });
        if decision.records_last_agent || !matches!(by, By::Agent(_, None)) {
            let records_last_agent = decision.records_last_agent;
            bring_along(&mut commit, entry, &records, records_last_agent, &by, reference_id, prepared.now_ms);
        }

        let new_delivery = match (delivery_id, decision.delivery.take(), agent) {
            (Some(id), Some(new), Some(agent)) => {
                Some(Arc::new(new_delivery(id, entry, about, new, agent, reference_id, prepared.now_ms)))
            }
            _ => None,
        };
        if let (Some(after), Some(delivery)) = (&mut records.after, &new_delivery)
            && delivery.work == Work::Publish
        {
            after.delivery = Some(delivery.id);
        }
        commit.deliveries.extend(new_delivery.clone());
        if let By::Delivery(delivery, pauses) = by {
            commit.deliveries.push(delivery);
            commit.pauses = pauses;
        }

        let committed = Committed { after, created };
        // Nobody may change a new interaction before its agent was told of it.
        let _created_lock = committed.created.as_ref().map(|created| self.locks.lock(created.id));
        commit.interactions.extend(committed.after.iter().chain(&committed.created).cloned());
        let news = News { engine: self, entry, committed: &committed, reference_id };
        let moved = agent.zip(focus.as_ref()).map(|(agent, moving)| (&agent.id, moving.to()));
        let announced = news.announce(&listeners, moved, &mut commit.notes)?;
        // From here until everybody was told a panic leaves an engine that nobody knows the state of.
        let critical = self.critical()?;
        self.commit(commit, host_id.is_some(), &critical)?;
        reserved.keep();
        if let Some(numbered) = numbered {
            numbered.keep();
        }
        if let Some(moving) = focus {
            moving.arrive();
        }
        announced.tell();
        if let Some(delivery) = &new_delivery {
            self.outbox.schedule(delivery, &entry.pool);
        }
        Ok(Applied { reference_id, created: committed.created.as_ref().map(|created| created.id) })
    }

    /// Gives the interaction the contact of its address, and the address its contact. If another request gives it
    /// one first, the commit is a conflict.
    fn meet(
        &self,
        entry: &Entry,
        mut contact_id: Option<SmolStr>,
        Records { after, created }: &mut Records<'_>,
        commit: &mut Commit,
        prepared: &Prepared<'_>,
    ) -> Result<(), Unapplied> {
        let Some(interaction) = created.as_mut().or(after.as_mut()) else { return Ok(()) };
        if contact_id.is_none() {
            let Some(address) = interaction.contact_address() else { return Ok(()) };
            contact_id = self.store.contact(&entry.name, &address)?;
            if contact_id.is_none() {
                let own = interaction.contact_id.clone();
                let new = own.map_or_else(|| prepared.name().map(|name| name.as_str().into()), Ok)?;
                let address = ContactAddress { channel: entry.name.clone(), address: (*address).into() };
                commit.contacts.push((address, new.clone()));
                contact_id = Some(new);
            }
        }
        if interaction.contact_id.is_none() {
            interaction.contact_id = contact_id;
        }
        Ok(())
    }

    /// Gives what is new its name and its number, and what has ended its time: then others may be forgotten.
    fn number(
        &self,
        Records { after, created }: &mut Records<'_>,
        host_id: Option<InteractionId>,
        prepared: &Prepared<'_>,
    ) -> Result<Option<Prune>, Unapplied> {
        if let Some(created) = created {
            created.id = host_id.map_or_else(|| prepared.name(), Ok)?;
            created.number = self.next_number();
            created.version = 1;
        }
        if let Some(after) = after {
            after.version += 1;
        }
        let mut prune = None;
        for interaction in [after, created].into_iter().flatten() {
            let ends = interaction.has_ended() && interaction.ended_ms.is_none();
            let is_placed = interaction.placement.as_ref().is_some_and(|place| place.number == 0);
            if !ends && !is_placed {
                continue;
            }
            let details = &mut *interaction.more;
            if ends {
                details.ended_ms = Some(prepared.now_ms);
                prune = self.retention.prune(prepared.now_ms, SWEPT_WITH_AN_END);
            }
            if let Some(place) = details.placement.as_mut().filter(|_| is_placed) {
                place.number = self.next_number();
            }
        }
        Ok(prune)
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

    fn meet_needs(&self, decision: &Decision, prepared: &Prepared<'_>) -> Result<(), Unapplied> {
        if let Some(agent) = &decision.needs.agent
            && self.seen_agent(agent)?.is_none()
        {
            return Err(Refusal::not_found(format!("there is no agent `{agent}`")).into());
        }
        decision.needs.check.as_ref().map_or(Ok(()), |check| prepared.judged(check))
    }

    fn commit(
        &self,
        commit: Commit,
        is_named_by_host: bool,
        critical: &Critical<'_>,
    ) -> Result<(), Unapplied> {
        self.write(commit, critical).map_err(|error| match error {
            CommitError::Conflict => Unapplied::Conflict,
            // A name that we made and that is taken: another one will do.
            CommitError::Taken(_) if !is_named_by_host => Unapplied::Conflict,
            other => match error_of(other) {
                Error::Refused(refusal) => Unapplied::Refused(refusal),
                _ => Unapplied::Poisoned,
            },
        })
    }
}

fn new_delivery(
    id: DeliveryId,
    entry: &Entry,
    about: Option<InteractionId>,
    new: NewDelivery,
    agent: &AgentState,
    reference_id: Option<u64>,
    now_ms: i64,
) -> Delivery {
    Delivery {
        id,
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

/// What few changes bring along: the reply to a request that named itself, the platform's id of something inbound, and
/// the contact's last agent.
#[cold]
fn bring_along(
    commit: &mut Commit,
    entry: &Entry,
    records: &Records<'_>,
    records_last_agent: bool,
    by: &By<'_>,
    reference_id: Option<u64>,
    now_ms: i64,
) {
    match by {
        By::Agent(_, Some(NamedRequest { key, fingerprint })) => {
            let reference_id = reference_id.unwrap_or(0);
            let reply = KeptReply { fingerprint: *fingerprint, reference_id, at_ms: now_ms };
            commit.reply = Some((key.clone(), reply));
        }
        By::Host { external_id: Some(external_id), .. } => {
            let key = ExternalId { channel: entry.name.clone(), id: (*external_id).into() };
            commit.external = records.created.as_ref().map(|created| (key, created.id));
        }
        _ => {}
    }
    if records_last_agent
        && let By::Agent(agent, _) = by
        && let Some(contact_id) = records.after.as_ref().and_then(|after| after.contact_id.clone())
    {
        commit.last_agent = Some((
            ContactOnChannel { contact_id, channel: entry.name.clone() },
            LastAgent { agent: agent.id.clone(), at_ms: now_ms },
        ));
    }
}

/// The records of a change, while it is made.
struct Records<'a> {
    after: Option<&'a mut Interaction>,
    created: Option<&'a mut Interaction>,
}

/// The records of a change, as they stand once it is made.
pub(super) struct Committed {
    pub(super) after: Option<Arc<Interaction>>,
    pub(super) created: Option<Arc<Interaction>>,
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
