//! Delivery: through plugins on the caller's thread, or by the host itself.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::value::RawValue;
use smallvec::smallvec;

use super::apply::error_of;
use super::channels::{Entry, Runner};
use super::poison::Critical;
use super::{Engine, Error, Inner};
use crate::channel::{
    Attempt, Channel, ChannelFault, Job, JobKind, OperationCall, Outcome, Parent, PointOfNoReturn, Report,
};
use crate::delivery::{Claim, Delivery, Pool, Stage, Work};
use crate::interaction::{DeliveryId, Interaction};
use crate::json;
use crate::store::{Commit, PauseChange};

/// A delivery that the host is to make. Its JSON is what a C host gets.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostDelivery {
    /// Its name, to settle it with.
    pub delivery_id: DeliveryId,
    /// The interaction; none for an operation on the collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction_id: Option<DeliveryId>,
    /// The channel's name.
    pub channel: String,
    /// The agent who asked for it.
    pub agent_id: String,
    /// The queue it is accounted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_path: Option<String>,
    /// Counts from 1.
    pub attempt: u32,
    /// The account that does it.
    pub from: String,
    /// The text.
    pub message: String,
    /// What else the request carried.
    pub extras: Box<RawValue>,
    /// The interaction's user data.
    pub user_data: Box<RawValue>,
    /// The interaction that is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<RawValue>>,
    /// An operation of the channel, and its parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Box<RawValue>>,
    /// The attempt was under way when the process ended: find out what became of it, and settle it as
    /// published, absent or unknown. Don't make it again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unresolved: bool,
}

impl Engine {
    /// Makes at most `max` deliveries through plugins, on this thread, waiting up to `timeout` for the
    /// first. Gives the number of deliveries that were worked on, whatever came of them.
    ///
    /// Where a [`Retention`](crate::Retention) is configured, a few ended interactions are forgotten first.
    pub fn deliver(&self, max: u32, timeout: Duration) -> Result<u32, Error> {
        let inner = &*self.inner;
        inner.sound()?;
        inner.sweep();
        let deadline = deadline(timeout);
        let mut made = 0;
        while made < max {
            let wait_until = if made == 0 { deadline } else { Instant::now() };
            let Some(claim) = inner.outbox.claim_until(&Pool::Plugins, wait_until, || inner.now_ms()) else {
                break;
            };
            if inner.make(claim)? {
                made += 1;
            }
        }
        inner.sound()?;
        Ok(made)
    }

    /// The next delivery of a channel that the host runs itself, waiting up to `timeout` for one. It
    /// counts as begun: settle it with [`Engine::settle`].
    pub fn delivery_next(&self, channel: &str, timeout: Duration) -> Result<Option<HostDelivery>, Error> {
        let inner = &*self.inner;
        let entry = inner.channel(channel)?;
        let pool = &entry.pool;
        if entry.is_run_by_plugin() {
            return Err(Error::Conflict(format!("a plugin runs channel `{channel}`: use `deliver`")));
        }
        let deadline = deadline(timeout);
        while let Some(claim) = inner.outbox.claim_until(pool, deadline, || inner.now_ms()) {
            if let Some(delivery) = inner.hand_over(entry, pool, claim)? {
                return Ok(Some(delivery));
            }
        }
        inner.sound()?;
        Ok(None)
    }
}

/// A wait that is too long to be reckoned with is cut.
fn deadline(timeout: Duration) -> Instant {
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
    Instant::now() + timeout.min(LONGEST)
}

/// Everything that a job shows.
struct Material {
    delivery: Delivery,
    interaction: Option<Arc<Interaction>>,
    parent: Option<Arc<Interaction>>,
    known: Option<Vec<String>>,
}

impl Inner {
    /// Makes a claimed delivery; `false` if there was nothing to make of it.
    fn make(&self, claim: Claim) -> Result<bool, Error> {
        let mut claimed = Claimed { inner: self, claim: Some(claim) };
        let Some((entry, material)) = self.material(claimed.id())? else {
            claimed.finish(&Pool::Plugins, None);
            return Ok(false);
        };
        let Runner::Plugin(channel) = &entry.runner else {
            claimed.finish(&Pool::Plugins, None);
            return Ok(false);
        };
        if claimed.gave_up() {
            let goes_on = self.give_up(&entry, material.delivery)?;
            claimed.finish(&Pool::Plugins, goes_on.as_ref());
            return Ok(true);
        }
        let started_ms = self.now_ms();
        let mut point =
            Point { inner: self, delivery: material.delivery.clone(), started_ms, crossed: false };
        let report = converse(channel.as_ref(), &material, &mut point, started_ms);
        let mut delivery = point.delivery;
        if !point.crossed && delivery.stage.is_attempt() {
            // It ended before the point of no return: an attempt all the same.
            delivery.attempts += 1;
            delivery.started_ms = started_ms;
        }
        let goes_on = self.settle(&entry, delivery, &report)?;
        claimed.finish(&Pool::Plugins, goes_on.as_ref());
        Ok(true)
    }

    /// Hands a claimed delivery to the host: from here on only the host knows what becomes of it.
    fn hand_over(&self, entry: &Entry, pool: &Pool, claim: Claim) -> Result<Option<HostDelivery>, Error> {
        let mut claimed = Claimed { inner: self, claim: Some(claim) };
        let Some((_, mut material)) = self.material(claimed.id())? else {
            claimed.finish(pool, None);
            return Ok(None);
        };
        if claimed.gave_up() {
            let goes_on = self.give_up(entry, material.delivery)?;
            claimed.finish(pool, goes_on.as_ref());
            return Ok(None);
        }
        // What the platform took and works on (of an earlier run of the host) is not made again either.
        let unresolved = !material.delivery.stage.is_attempt();
        // What is begun and handed to nobody is found only when the engine is opened again.
        let _critical = self.critical()?;
        if !unresolved {
            let mut point =
                Point { inner: self, delivery: material.delivery, started_ms: self.now_ms(), crossed: false };
            point.begin()?;
            material.delivery = point.delivery;
        }
        claimed.finish(pool, None);
        Ok(Some(material.for_host(unresolved)))
    }

    /// What a delivery is made of; `None` if it is over, or under way elsewhere.
    fn material(&self, id: DeliveryId) -> Result<Option<(Arc<Entry>, Material)>, Error> {
        let Some(stored) = self.store.delivery(id)? else { return Ok(None) };
        let Some(entry) = self.channels.find(&stored.channel) else { return Ok(None) };
        let mut delivery = Delivery::clone(&stored);
        match (&delivery.stage, &entry.runner) {
            (Stage::Settled, _) | (Stage::Intended, Runner::Host) => return Ok(None),
            // Its request may have been made, and the store failed before the outcome was kept.
            (Stage::Intended, Runner::Plugin(_)) => {
                delivery.stage = Stage::Doubtful { due_ms: self.now_ms() }
            }
            _ => {}
        }
        let load = |id: Option<DeliveryId>| id.map_or(Ok(None), |id| self.store.interaction(id));
        let interaction = load(delivery.interaction)?;
        let parent = load(interaction.as_ref().and_then(|interaction| interaction.parent_id))?;
        let known = match delivery.stage {
            Stage::Doubtful { .. } => {
                // As far back as anything could still be in doubt beside this one.
                const SPAN_MS: i64 = 48 * 60 * 60 * 1_000;
                Some(self.store.published(
                    &delivery.channel,
                    &delivery.account,
                    delivery.accepted_ms - SPAN_MS,
                )?)
            }
            _ => None,
        };
        Ok(Some((entry.clone(), Material { delivery, interaction, parent, known })))
    }

    /// Commits a delivery alone.
    pub(super) fn commit_delivery(
        &self,
        delivery: &Delivery,
        pauses: Vec<PauseChange>,
        critical: &Critical<'_>,
    ) -> Result<(), Error> {
        let commit =
            Commit { deliveries: smallvec![Arc::new(delivery.clone())], pauses, ..Commit::default() };
        self.write(commit, critical).map_err(error_of)
    }
}

fn converse(channel: &dyn Channel, material: &Material, point: &mut Point<'_>, started_ms: i64) -> Report {
    let job = material.job(started_ms);
    // A channel that panics must not take the host's thread along; what it did until then is judged by
    // whether the point of no return was crossed.
    let inner = point.inner;
    catch_unwind(AssertUnwindSafe(|| channel.converse(&job, point))).unwrap_or_else(|payload| {
        if inner.sound().is_err() {
            // Not the channel's panic: it happened where the intent was recorded.
            resume_unwind(payload);
        }
        tracing::error!(channel = job.channel, delivery = job.delivery_id, "the channel panicked");
        let message = "the channel failed".to_owned();
        if point.crossed {
            Outcome::Unknown { message }.into()
        } else {
            Outcome::NotSent { message, retry_after_ms: None }.into()
        }
    })
}

/// The intent, recorded before the request that publishes is made.
struct Point<'a> {
    inner: &'a Inner,
    delivery: Delivery,
    started_ms: i64,
    crossed: bool,
}

impl PointOfNoReturn for Point<'_> {
    fn cross(&mut self) -> Result<(), ChannelFault> {
        if self.crossed || !self.delivery.stage.is_attempt() {
            return Err(ChannelFault::new("only one publishing request can be made, and only in an attempt"));
        }
        self.begin().map_err(|error| ChannelFault::new(error.to_string()))
    }
}

impl Point<'_> {
    /// Records the intent.
    fn begin(&mut self) -> Result<(), Error> {
        let _lock = self.inner.locks.lock(self.delivery.lock_id());
        let intended = Delivery {
            version: self.delivery.version + 1,
            stage: Stage::Intended,
            attempts: self.delivery.attempts + 1,
            started_ms: self.started_ms,
            ended_ms: None,
            ..self.delivery.clone()
        };
        let critical = self.inner.critical()?;
        crate::failpoint::reach("before-intent");
        self.inner.commit_delivery(&intended, Vec::new(), &critical)?;
        crate::failpoint::reach("after-intent");
        self.delivery = intended;
        self.crossed = true;
        Ok(())
    }
}

impl Stage {
    /// Whether the next step of the delivery is to attempt it.
    pub(super) fn is_attempt(&self) -> bool {
        matches!(self, Self::Pending { .. })
    }
}

/// Ends a claim, whatever happens: an account whose claim were lost would wait for ever.
struct Claimed<'a> {
    inner: &'a Inner,
    claim: Option<Claim>,
}

impl Claimed<'_> {
    fn id(&self) -> DeliveryId {
        self.claim.as_ref().map_or(DeliveryId::UNNAMED, |claim| claim.id)
    }

    fn gave_up(&self) -> bool {
        self.claim.as_ref().is_some_and(|claim| claim.gave_up)
    }

    fn finish(&mut self, pool: &Pool, goes_on: Option<&Delivery>) {
        if let Some(claim) = self.claim.take() {
            self.inner.outbox.finish(claim, pool, goes_on);
        }
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        const STORE_RETRY_MS: i64 = 1_000;
        let Some(claim) = self.claim.take() else { return };
        // The store failed on the way: what it says holds, as soon as it can be asked again.
        let due_ms = claim.at_ms.saturating_add(STORE_RETRY_MS);
        self.inner.outbox.put_back(claim, due_ms);
    }
}

impl Material {
    fn kind(&self) -> JobKind {
        match (&self.delivery.stage, &self.delivery.work) {
            (Stage::Doubtful { .. }, _) => JobKind::Reconcile,
            (Stage::Awaiting { .. }, _) => JobKind::Poll,
            (_, Work::Operation { .. }) => JobKind::Operation,
            (_, Work::Publish) => JobKind::Publish,
        }
    }

    fn message(&self) -> &str {
        self.interaction.as_ref().and_then(|interaction| interaction.message.as_deref()).unwrap_or_default()
    }

    fn user_data(&self) -> &RawValue {
        self.interaction.as_ref().map_or_else(|| json::empty(), |interaction| interaction.user_data.as_raw())
    }

    fn extras(&self) -> &RawValue {
        let extras = self.interaction.as_ref().and_then(|interaction| interaction.extras.as_deref());
        extras.unwrap_or_else(|| json::empty())
    }

    fn operation(&self) -> Option<OperationCall<'_>> {
        match &self.delivery.work {
            Work::Operation { name, parameters } => Some(OperationCall { name, parameters }),
            Work::Publish => None,
        }
    }

    fn job(&self, started_ms: i64) -> Job<'_> {
        let Self { delivery, .. } = self;
        let attempt = if delivery.stage.is_attempt() {
            Attempt { number: delivery.attempts + 1, started_ms, ended_ms: None }
        } else {
            Attempt {
                number: delivery.attempts,
                started_ms: delivery.started_ms,
                ended_ms: delivery.ended_ms,
            }
        };
        Job {
            kind: self.kind(),
            delivery_id: delivery.id.as_str(),
            interaction_id: delivery.interaction.as_ref().map(crate::interaction::Id::as_str),
            channel: &delivery.channel,
            account: &delivery.account,
            agent_id: delivery.agent.as_str(),
            queue_path: delivery.queue_path.as_ref().map_or("", |queue| queue.as_str()),
            message: self.message(),
            extras: self.extras(),
            user_data: self.user_data(),
            parent: self.parent.as_deref().map(parent_of),
            attempt,
            operation: self.operation(),
            handle: match &delivery.stage {
                Stage::Awaiting { handle, .. } => Some(handle),
                _ => None,
            },
            known: self.known.clone(),
        }
    }

    fn for_host(&self, unresolved: bool) -> HostDelivery {
        let Self { delivery, .. } = self;
        HostDelivery {
            delivery_id: delivery.id,
            interaction_id: delivery.interaction,
            channel: delivery.channel.to_string(),
            agent_id: delivery.agent.to_string(),
            queue_path: delivery.queue_path.as_ref().map(ToString::to_string),
            attempt: delivery.attempts,
            from: delivery.account.to_string(),
            message: self.message().to_owned(),
            extras: self.extras().to_owned(),
            user_data: self.user_data().to_owned(),
            parent: self.parent.as_deref().map(|parent| json::raw(&parent_of(parent))),
            operation: self.operation().map(|operation| json::raw(&operation)),
            unresolved,
        }
    }
}

fn parent_of(parent: &Interaction) -> Parent<'_> {
    Parent {
        id: parent.id.as_str(),
        from: parent.from.as_deref(),
        message: parent.message.as_deref(),
        user_data: parent.user_data.as_raw(),
    }
}
