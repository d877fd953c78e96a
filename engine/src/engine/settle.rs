//! What came of a delivery: judged, committed, told.

use std::sync::Arc;

use serde_json::{Map, Value};
use smallvec::smallvec;

use super::apply::{By, Unapplied, error_of};
use super::channels::Entry;
use super::prepare::{Drawn, Prepared};
use super::{AgentState, Engine, Error, Inner};
use crate::channel::{Outcome, Report};
use crate::decide::{Decision, decide_confirmed, decide_operated, decide_refused};
use crate::delivery::{Delivery, Stage, Verdict, Work, given_up, judge, leaves_unresolved};
use crate::interaction::DeliveryId;
use crate::notify::NoteText;
use crate::operation::{Refusal, StatusCode};
use crate::store::{Commit, Pause, PauseChange};

impl Engine {
    /// Reports what became of a delivery that the host made. Reporting the same again is fine; another
    /// outcome of something settled is [`Error::Conflict`].
    pub fn settle(&self, delivery_id: &str, outcome: &Outcome) -> Result<(), Error> {
        let inner = &*self.inner;
        inner.sound()?;
        let unknown = || Refusal::not_found(format!("there is no delivery `{delivery_id:.64}`"));
        let id = DeliveryId::parse(delivery_id).map_err(|_| unknown())?;
        let delivery = inner.store.delivery(id)?.ok_or_else(unknown)?;
        let entry = inner.channel(&delivery.channel)?;
        if entry.is_run_by_plugin() {
            return Err(Error::Conflict(format!("a plugin runs channel `{}`", delivery.channel)));
        }
        check_outcome(&delivery, outcome)?;

        let (prepared, chance) = (inner.prepared(), inner.chance());
        let _lock = inner.locks.lock(delivery.lock_id());
        let delivery = inner.store.delivery(id)?.ok_or_else(unknown)?;
        if !matches!(delivery.stage, Stage::Intended | Stage::Doubtful { .. } | Stage::Awaiting { .. }) {
            return match &delivery.last_outcome {
                Some(last) if last == outcome => Ok(()),
                Some(last) => {
                    Err(Error::Conflict(format!("delivery {id} was settled as {} already", last.name())))
                }
                None => Err(Error::Conflict(format!("delivery {id} was not handed out"))),
            };
        }
        let _critical = inner.critical()?;
        let mut delivery = Delivery::clone(&delivery);
        if matches!(outcome, Outcome::Unknown { .. } | Outcome::Absent | Outcome::CannotTell { .. }) {
            // Nobody knows more than the host: there is nothing else to look it up with.
            delivery.stage = Stage::Doubtful { due_ms: prepared.now_ms };
        }
        let goes_on = inner.settle_locked(entry, delivery, &outcome.clone().into(), (&prepared, &chance))?;
        // What the platform accepted stays with the host, which settles it when it knows more.
        if let Some(delivery) = goes_on.filter(|delivery| !matches!(delivery.stage, Stage::Awaiting { .. })) {
            inner.outbox.schedule(&delivery, &entry.pool);
        }
        Ok(())
    }
}

/// Outcomes that a delivery of its kind can't have.
fn check_outcome(delivery: &Delivery, outcome: &Outcome) -> Result<(), Refusal> {
    let problem = match (&delivery.work, outcome) {
        (Work::Publish, Outcome::Done) => "`done` is for operations: a message is `published`",
        (Work::Publish, Outcome::Published { id, .. }) if id.as_deref().unwrap_or_default().is_empty() => {
            "`published` needs the platform's `id`"
        }
        _ => return Ok(()),
    };
    Err(Refusal::new(StatusCode::Invalid, problem))
}

impl Inner {
    /// Settles a delivery, or lets it go on: then it is given back as it stands now.
    pub(super) fn settle(
        &self,
        entry: &Entry,
        delivery: Delivery,
        report: &Report,
    ) -> Result<Option<Delivery>, Error> {
        let (prepared, chance) = (self.prepared(), self.chance());
        let _lock = self.locks.lock(delivery.lock_id());
        self.settle_locked(entry, delivery, report, (&prepared, &chance))
    }

    /// A delivery that waited for its account's credentials as long as anything waits.
    pub(super) fn give_up(&self, entry: &Entry, delivery: Delivery) -> Result<Option<Delivery>, Error> {
        let prepared = self.prepared();
        let _lock = self.locks.lock(delivery.lock_id());
        let verdict = given_up(&delivery);
        self.carry_out(entry, delivery, verdict, Vec::new(), &Map::new(), &prepared)
    }

    fn settle_locked(
        &self,
        entry: &Entry,
        mut delivery: Delivery,
        report: &Report,
        (prepared, chance): (&Prepared<'_>, &Drawn),
    ) -> Result<Option<Delivery>, Error> {
        let now_ms = prepared.now_ms;
        let pauses = self.pauses(entry, &delivery, report);
        if matches!(delivery.stage, Stage::Doubtful { .. } | Stage::Awaiting { .. }) {
            delivery.looks += 1;
        } else {
            delivery.ended_ms = Some(now_ms);
            delivery.looks = 0;
        }
        let verdict = judge(&delivery, &report.outcome, now_ms, entry.on_unknown(&delivery.account), chance);
        delivery.unresolved |= leaves_unresolved(&delivery, &report.outcome, &verdict);
        delivery.last_outcome = Some(report.outcome.clone());
        self.carry_out(entry, delivery, verdict, pauses, &report.user_data, prepared)
    }

    /// What the outcome means for its account. It holds from now on, whether the outcome can be kept or
    /// not; it outlasts the process with the outcome.
    fn pauses(&self, entry: &Entry, delivery: &Delivery, report: &Report) -> Vec<PauseChange> {
        let (channel, account, pool) = (&delivery.channel, &delivery.account, &entry.pool);
        let mut pauses = Vec::new();
        if let Outcome::NeedsLogin { .. } = report.outcome {
            self.outbox.hold(channel, account, pool);
            pauses.push(Pause::Held);
        }
        let limited = match report.outcome {
            Outcome::RateLimited { until_ms } => Some(until_ms),
            _ => None,
        };
        for until_ms in limited.into_iter().chain(report.throttle_until_ms) {
            self.outbox.pause(channel, account, pool, until_ms);
            pauses.push(Pause::Until(until_ms));
        }
        let change = |pause| PauseChange { channel: channel.clone(), account: account.clone(), pause };
        pauses.into_iter().map(change).collect()
    }

    fn carry_out(
        &self,
        entry: &Entry,
        mut delivery: Delivery,
        verdict: Verdict,
        pauses: Vec<PauseChange>,
        user_data: &Map<String, Value>,
        prepared: &Prepared<'_>,
    ) -> Result<Option<Delivery>, Error> {
        let critical = self.critical()?;
        delivery.version += 1;
        crate::failpoint::reach("before-outcome");
        if let Verdict::Goes(stage) = verdict {
            delivery.stage = stage;
            self.commit_delivery(&delivery, pauses, &critical)?;
            crate::failpoint::reach("after-outcome");
            return Ok(Some(delivery));
        }
        delivery.stage = Stage::Settled;
        let (about, bytes) = (delivery.interaction, delivery.bytes);
        if let Some(decision) = self.ending(entry, &delivery, &verdict, user_data)? {
            let by = By::Delivery(Arc::new(delivery), pauses);
            self.apply(entry, about, decision, by, prepared).map_err(|failure| match failure {
                Unapplied::Refused(refusal) => Error::Refused(refusal),
                Unapplied::Conflict => Error::Conflict("another change came first".into()),
                Unapplied::Poisoned => Error::Poisoned,
            })?;
        } else {
            let write = || response(entry, &delivery, &verdict);
            let asked = self.answered(&delivery)?;
            let announced = match &asked {
                Some(agent) => Some(agent.hub.announce(&entry.topic, &self.limits, &*self.store, write)?),
                None => None,
            };
            let (announcement, kept) = announced.unzip();
            let commit = Commit {
                deliveries: smallvec![Arc::new(delivery.clone())],
                notes: kept.flatten().into_iter().collect(),
                pauses,
                ..Commit::default()
            };
            self.write(commit, &critical).map_err(error_of)?;
            if let Some(announcement) = announcement {
                announcement.tell(write);
            }
        }
        crate::failpoint::reach("after-outcome");
        self.outbox.release(bytes);
        Ok(None)
    }

    /// What the end of a delivery means for its interaction; `None` where there is none.
    fn ending(
        &self,
        entry: &Entry,
        delivery: &Delivery,
        verdict: &Verdict,
        user_data: &Map<String, Value>,
    ) -> Result<Option<Decision>, Error> {
        let Some(id) = delivery.interaction else { return Ok(None) };
        let Some(interaction) = self.store.interaction(id)? else { return Ok(None) };
        let decision = match (verdict, &delivery.work) {
            (Verdict::Confirmed { id, location }, Work::Publish) => {
                decide_confirmed(&interaction, id.as_deref(), location.as_deref(), user_data)
            }
            (Verdict::Refused { code, message }, Work::Publish) => {
                decide_refused(&interaction, code, message)
            }
            (Verdict::Refused { code, message }, Work::Operation { .. }) => {
                Some(decide_operated(&interaction, &delivery.agent, Err((code, message))))
            }
            _ => Some(decide_operated(&interaction, &delivery.agent, Ok(user_data))),
        };
        if decision.is_none() {
            tracing::error!(
                channel = %entry.name,
                interaction = %interaction.id,
                state = interaction.state.name(),
                "a delivery ended, and its interaction was not on its way"
            );
        }
        Ok(decision)
    }

    /// The agent who gets the answer to an operation on the collection.
    fn answered(&self, delivery: &Delivery) -> Result<Option<Arc<AgentState>>, Error> {
        let (Work::Operation { .. }, None) = (&delivery.work, delivery.interaction) else { return Ok(None) };
        Ok(self.seen_agent(&delivery.agent)?)
    }
}

/// The answer to an operation on the collection.
fn response(entry: &Entry, delivery: &Delivery, verdict: &Verdict) -> NoteText {
    let mut response = serde_json::json!({
        "messageType": entry.manifest.operation_response_type,
        "referenceId": delivery.reference_id,
        "success": if matches!(verdict, Verdict::Refused { .. }) { "false" } else { "true" },
    });
    if let Verdict::Refused { code, message } = verdict {
        response["errorCode"] = code.as_str().into();
        response["errorMessage"] = message.as_str().into();
    }
    response.to_string().into()
}
