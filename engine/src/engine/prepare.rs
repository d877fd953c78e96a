//! What a call brings along before it locks anything: the time, names, chance, and the channel's judgement.
//!
//! All of these may be functions of the host or of a plugin, and nothing of theirs is called while something
//! is locked: they may take as long, and wait for whom they like. What a change needs is known only when it
//! was decided, and what it was decided on may change until the lock is held. So a call brings the names that
//! such a request mostly takes, and where a plugin judges, it looks ahead without the lock. If that was not
//! what it then needs, it begins anew, with one name more.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use smol_str::SmolStr;

use super::Inner;
use super::apply::Unapplied;
use super::channels::{Entry, Runner};
use crate::channel::{ChannelFault, CheckError, Outgoing};
use crate::decide::{Check, Decision};
use crate::environment::{Ids, Random};
use crate::interaction::{Id, Interaction};
use crate::operation::{Refusal, StatusCode};
use crate::store::StoreError;

/// What a call brings along.
pub(super) struct Prepared<'a> {
    /// The time: Unix time in milliseconds.
    pub(super) now_ms: i64,
    names: [Cell<Option<Id>>; MOST_NAMES],
    /// Where more names come from, for calls that lock nothing before they have them.
    ids: Option<&'a dyn Ids>,
    judged: Option<(Arc<Check>, Result<(), Refusal>)>,
    foreseen: Option<Foreseen>,
}

/// A contact, what is new, and a delivery.
const MOST_NAMES: usize = 3;

/// What was decided without the lock, and on what.
struct Foreseen {
    version: u64,
    number: u64,
    decision: Decision,
    /// Whose address it is, if anybody knows: once it is known, it stays so.
    contact_id: Option<SmolStr>,
}

impl Inner {
    /// For a call that names nothing and sends nothing.
    pub(super) fn prepared(&self) -> Prepared<'_> {
        Prepared { now_ms: self.now_ms(), names: Default::default(), ids: None, judged: None, foreseen: None }
    }

    /// For a call that locks nothing before everything has its name.
    pub(super) fn prepared_unlocked(&self) -> Prepared<'_> {
        Prepared { ids: Some(&*self.environment.ids), ..self.prepared() }
    }

    /// For a call that has a message judged, and is likely to come to this decision, if the interaction stands then
    /// as it stands now. It begins no interaction.
    pub(super) fn prepare(
        &self,
        prepared: &mut Prepared<'_>,
        entry: &Entry,
        interaction: &Interaction,
        decision: Decision,
    ) -> Result<(), StoreError> {
        let after = decision.after.as_ref().filter(|_| decision.needs.contact);
        let address = after.and_then(|after| after.contact_address());
        let contact_id = match &address {
            Some(address) => self.store.contact(&entry.name, address)?,
            None => None,
        };
        let is_unnamed = address.is_some()
            && contact_id.is_none()
            && after.is_some_and(|after| after.contact_id.is_none());
        drop(address);
        self.bring_names(prepared, usize::from(is_unnamed) + usize::from(decision.delivery.is_some()));
        if let Some(check) = &decision.needs.check {
            prepared.judged = Some((check.clone(), judge(entry, check)));
        }
        let (version, number) = (interaction.version, interaction.number);
        prepared.foreseen = Some(Foreseen { version, number, decision, contact_id });
        Ok(())
    }

    /// For a call that may name so many.
    pub(super) fn bring_names(&self, prepared: &mut Prepared<'_>, names: usize) {
        for name in prepared.names.iter().take(names) {
            name.set(Some(self.environment.ids.next_at(prepared.now_ms)));
        }
    }

    /// Chance, drawn now.
    pub(super) fn chance(&self) -> Drawn {
        let mut bytes = [0; Drawn::BYTES];
        self.environment.random.fill(&mut bytes);
        Drawn(bytes)
    }
}

impl Prepared<'_> {
    /// What was decided, and whose its address is, if it was decided on the interaction as it stands now.
    pub(super) fn foreseen(&mut self, interaction: &Interaction) -> Option<(Decision, Option<SmolStr>)> {
        let foreseen = self.foreseen.take()?;
        let still_holds = (foreseen.version, foreseen.number) == (interaction.version, interaction.number);
        still_holds.then_some((foreseen.decision, foreseen.contact_id))
    }

    /// A new name.
    pub(super) fn name(&self) -> Result<Id, Unapplied> {
        let prepared = self.names.iter().find_map(Cell::take);
        prepared.or_else(|| self.ids.map(|ids| ids.next_at(self.now_ms))).ok_or(Unapplied::Conflict)
    }

    /// Whether the channel accepts this message.
    pub(super) fn judged(&self, check: &Check) -> Result<(), Unapplied> {
        match &self.judged {
            Some((judged, judgement)) if **judged == *check => Ok(judgement.clone()?),
            _ => Err(Unapplied::Conflict),
        }
    }
}

fn judge(entry: &Entry, check: &Check) -> Result<(), Refusal> {
    let Runner::Plugin(channel) = &entry.runner else { return Ok(()) };
    let message = Outgoing {
        channel: &entry.name,
        account: &check.account,
        text: &check.text,
        extras_json: &check.extras_json(),
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
    })
}

/// Chance that was drawn before.
pub(super) struct Drawn([u8; Self::BYTES]);

impl Drawn {
    /// More than the one jitter of a settlement takes.
    const BYTES: usize = 8;
}

impl Random for Drawn {
    fn fill(&self, bytes: &mut [u8]) {
        for (byte, drawn) in bytes.iter_mut().zip(self.0.iter().cycle()) {
            *byte = *drawn;
        }
    }
}
