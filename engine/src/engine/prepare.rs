//! What a call brings along before it locks anything: the time, names, chance, and the channel's judgement.
//!
//! All of these may be functions of the host or of a plugin, and nothing of theirs is called while something
//! is locked: they may take as long, and wait for whom they like. What a change needs is known only when it
//! was decided, and what it was decided on may change until the lock is held. So a call looks ahead without
//! the lock, and if that was not what it then finds, it begins anew.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::value::RawValue;

use super::Inner;
use super::apply::Unapplied;
use super::channels::{Entry, Runner};
use crate::channel::{ChannelFault, CheckError, Outgoing};
use crate::decide::{Check, Decision};
use crate::environment::{Ids, Random};
use crate::interaction::Id;
use crate::operation::{Refusal, StatusCode};
use crate::store::StoreError;

/// What a call brings along.
pub(super) struct Prepared<'a> {
    /// The time: Unix time in milliseconds.
    pub(super) now_ms: i64,
    names: RefCell<VecDeque<Id>>,
    /// Where more names come from, for calls that lock nothing before they have them.
    ids: Option<&'a dyn Ids>,
    judged: Option<(Check, Result<(), Refusal>)>,
}

impl Inner {
    /// For a call that names nothing and sends nothing.
    pub(super) fn prepared(&self) -> Prepared<'_> {
        Prepared { now_ms: self.now_ms(), names: RefCell::default(), ids: None, judged: None }
    }

    /// For a call that locks nothing before everything has its name.
    pub(super) fn prepared_unlocked(&self) -> Prepared<'_> {
        Prepared { ids: Some(&*self.environment.ids), ..self.prepared() }
    }

    /// For a call that is likely to come to this decision.
    pub(super) fn prepared_for(
        &self,
        entry: &Entry,
        decision: &Decision,
    ) -> Result<Prepared<'_>, StoreError> {
        let names = usize::from(self.is_contact_unnamed(entry, decision)?)
            + usize::from(decision.created.is_some())
            + usize::from(decision.delivery.is_some());
        Ok(Prepared {
            names: (0..names).map(|_| self.environment.ids.next()).collect::<VecDeque<_>>().into(),
            judged: decision.needs.check.clone().map(|check| {
                let judgement = judge(entry, &check);
                (check, judgement)
            }),
            ..self.prepared()
        })
    }

    /// Chance, drawn now.
    pub(super) fn chance(&self) -> Drawn {
        let mut bytes = [0; Drawn::BYTES];
        self.environment.random.fill(&mut bytes);
        Drawn(bytes)
    }
}

impl Prepared<'_> {
    /// A new name.
    pub(super) fn name(&self) -> Result<Id, Unapplied> {
        let prepared = self.names.borrow_mut().pop_front();
        prepared.or_else(|| self.ids.map(Ids::next)).ok_or(Unapplied::Conflict)
    }

    /// Whether the channel accepts this message.
    pub(super) fn judged(&self, check: &Check) -> Result<(), Unapplied> {
        match &self.judged {
            Some((judged, judgement)) if judged == check => Ok(judgement.clone()?),
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

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        let (own, theirs) = (self.extras.as_deref(), other.extras.as_deref());
        self.account == other.account
            && self.text == other.text
            && own.map(RawValue::get) == theirs.map(RawValue::get)
            && self.user_data.as_raw().get() == other.user_data.as_raw().get()
    }
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
