//! An agent's handle: requests, readings, subscriptions.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::apply::{Applied, By, NamedRequest, Unapplied};
use super::channels::Entry;
use super::prepare::Prepared;
use super::{API_MULTIMEDIA, AgentState, Error, Inner};
use crate::decide::{Facts, decide, decide_on_collection};
use crate::interaction::{AgentId, Interaction, InteractionId, Seen};
use crate::json::Written;
use crate::lifecycle::{Event, Operation, Source, allows};
use crate::notify::{NotAdded, Subscription, SubscriptionQueue, Topic};
use crate::operation::{Asked, Refusal, Request, StatusCode};
use crate::store::{CommitError, RequestKey};

/// An agent: whatever `/api/v2/me` stands for. Any thread may call; a handle keeps its engine alive.
///
/// Interactions, notifications and the `referenceId` belong to the agent's id: two handles of the same id
/// are the same agent, with the features that each was opened with.
#[derive(Clone)]
pub struct Agent {
    engine: Arc<Inner>,
    state: Arc<AgentState>,
    may_act: bool,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Accepted: a notification with this `referenceId` tells the outcome.
    Accepted {
        /// Counts the agent's accepted requests.
        reference_id: u64,
    },
    /// Refused: nothing was changed, and nobody was notified.
    Refused(Refusal),
}

impl Reply {
    /// The `statusCode`.
    pub fn status_code(&self) -> StatusCode {
        match self {
            Self::Accepted { .. } => StatusCode::Success,
            Self::Refused(refusal) => refusal.code(),
        }
    }

    /// The HTTP status that goes with it.
    pub fn http_status(&self) -> u16 {
        match self {
            Self::Accepted { .. } => StatusCode::Success.http_status(),
            Self::Refused(refusal) => refusal.http_status(),
        }
    }

    /// The reply as clients get it.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(48);
        // A string takes everything.
        let _ = self.write_json(&mut json);
        json
    }

    /// The same, to where the caller wants it. Fails only where writing there fails.
    pub fn write_json(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Accepted { reference_id } => {
                out.write_str("{\"statusCode\":0,\"referenceId\":")?;
                out.write_str(itoa::Buffer::new().format(*reference_id))?;
                out.write_str("}")
            }
            Self::Refused(refusal) => write!(
                out,
                "{{\"statusCode\":{},\"statusMessage\":{}}}",
                refusal.code().number(),
                serde_json::Value::from(refusal.message())
            ),
        }
    }
}

/// How often a request is decided anew when other changes come first. Within one process a lock prevents
/// that; only a shared store or a contact that two requests resolve at once can bring it about.
pub(super) const ATTEMPTS: usize = 16;

impl Agent {
    pub(super) fn new(engine: Arc<Inner>, state: Arc<AgentState>, may_act: bool) -> Self {
        Self { engine, state, may_act }
    }

    /// The agent's id.
    pub fn id(&self) -> &AgentId {
        &self.state.id
    }

    /// Performs the operation that a request body asks for, on an interaction or, with no id, on the
    /// channel's collection.
    pub fn perform(&self, channel: &str, id: Option<&str>, body: &[u8]) -> Result<Reply, Error> {
        let entry = self.engine.channel(channel)?;
        match self.try_perform(entry, id, body) {
            Ok(applied) => Ok(Reply::Accepted { reference_id: applied.reference_id.unwrap_or(0) }),
            Err(Error::Refused(refusal)) => Ok(Reply::Refused(refusal)),
            Err(error) => Err(error),
        }
    }

    /// Begins a draft, as Create does, and tells its id: for hosts that act for an agent and go on with
    /// what they began. `body` is that of a Create without `requestId`: a repeated one begins nothing.
    pub fn create(&self, channel: &str, body: &[u8]) -> Result<Result<InteractionId, Refusal>, Error> {
        let entry = self.engine.channel(channel)?;
        let created = self.try_perform(entry, None, body).and_then(|applied| {
            let problem = "must be Create, and of a request that is no repetition";
            Ok(applied.created.ok_or_else(|| Refusal::invalid("operationName", problem))?)
        });
        match created {
            Ok(id) => Ok(Ok(id)),
            Err(Error::Refused(refusal)) => Ok(Err(refusal)),
            Err(error) => Err(error),
        }
    }

    fn try_perform(&self, entry: &Entry, id: Option<&str>, body: &[u8]) -> Result<Applied, Error> {
        let about = id.map(InteractionId::parse);
        if let Some(Ok(id)) = about {
            // Comes nearer while the request is read. Nothing here looks at the agent's id: among thousands of agents
            // that would be waited for.
            self.state.expect();
            self.engine.locks.expect(id);
            self.engine.store.expect(id);
        }
        let request = Request::parse(body, &entry.manifest, &entry.lifecycle, self.engine.limits.body_bytes)?;
        if let Some(Ok(id)) = about {
            self.engine.store.approach(&self.state.id, id);
        }
        if !self.may_act {
            return Err(Refusal::new(
                StatusCode::NoPermission,
                format!("agent `{}` lacks the feature `{API_MULTIMEDIA}`", self.state.id),
            )
            .into());
        }
        let named = self.named(entry, id, &request, body)?;
        let named = named.as_ref();
        let (Some(id), Some(about)) = (id, about) else {
            return again(|_| self.perform_on_collection(entry, &request, named));
        };
        let unknown = || Refusal::not_found(format!("there is no interaction `{id:.64}`"));
        let id = about.map_err(|_| unknown())?;
        again(|attempt| {
            let mut prepared = self.engine.prepared();
            if entry.is_run_by_plugin() && is_judged(&request) {
                self.look_ahead(entry, id, &request, &mut prepared)?;
            } else {
                self.engine.bring_names(&mut prepared, usize::from(names_something(&request)) + attempt);
            }
            let _lock = self.engine.locks.lock(id);
            if let Some(first) = self.repeated(named, prepared.now_ms)? {
                return Ok(first);
            }
            // Another agent's interaction is as good as none: its existence is not revealed.
            let interaction = self.own(entry, id)?.ok_or_else(unknown)?;
            let by = By::Agent(&self.state, named);
            if let Some((mut decision, contact_id)) = prepared.foreseen(&interaction) {
                return self.engine.apply_to(entry, Some(id), &mut decision, contact_id, by, &prepared);
            }
            let facts = self.facts(entry, Some(&interaction), prepared.now_ms);
            let decision = decide(&interaction, &request, &facts)?;
            self.engine.apply(entry, Some(id), decision, by, &prepared)
        })
    }

    /// Brings along what the request will need if things stay as they stand now. If it is not allowed now,
    /// it may be by then, or it is a repeated one: that is found out under the lock.
    fn look_ahead(
        &self,
        entry: &Entry,
        id: InteractionId,
        request: &Request<'_>,
        prepared: &mut Prepared<'_>,
    ) -> Result<(), Unapplied> {
        let Some(interaction) = self.own(entry, id)? else { return Ok(()) };
        let facts = self.facts(entry, Some(&interaction), prepared.now_ms);
        if let Ok(decision) = decide(&interaction, request, &facts) {
            self.engine.prepare(prepared, entry, &interaction, decision)?;
        }
        Ok(())
    }

    fn perform_on_collection(
        &self,
        entry: &Entry,
        request: &Request<'_>,
        named: Option<&NamedRequest>,
    ) -> Result<Applied, Unapplied> {
        let prepared = self.engine.prepared_unlocked();
        if let Some(first) = self.repeated(named, prepared.now_ms)? {
            return Ok(first);
        }
        let decision = decide_on_collection(request, &self.facts(entry, None, prepared.now_ms))?;
        self.engine.apply(entry, None, decision, By::Agent(&self.state, named), &prepared)
    }

    /// The name that a request gave itself, so that it can be repeated when its reply was lost.
    fn named(
        &self,
        entry: &Entry,
        id: Option<&str>,
        request: &Request<'_>,
        body: &[u8],
    ) -> Result<Option<NamedRequest>, Refusal> {
        const LONGEST: usize = 128;
        let Some(request_id) = request.parameters().string("requestId")? else { return Ok(None) };
        if request_id.is_empty() || request_id.len() > LONGEST {
            return Err(Refusal::invalid("requestId", format_args!("must have 1 to {LONGEST} bytes")));
        }
        let mut hasher = Sha256::new();
        for part in [entry.name.as_bytes(), id.unwrap_or_default().as_bytes(), body] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&hasher.finalize()[..16]);
        let key = RequestKey { agent: self.state.id.clone(), request_id: request_id.as_ref().into() };
        Ok(Some(NamedRequest { key, fingerprint }))
    }

    /// What a request led to that was accepted under the same name before. A refused one changed nothing:
    /// it is decided anew.
    fn repeated(&self, named: Option<&NamedRequest>, now_ms: i64) -> Result<Option<Applied>, Unapplied> {
        let Some(NamedRequest { key, fingerprint }) = named else { return Ok(None) };
        let kept = self.engine.store.reply(key)?;
        let Some(kept) = kept.filter(|kept| !kept.is_forgotten_at(now_ms)) else {
            return Ok(None);
        };
        if kept.fingerprint != *fingerprint {
            let problem = "names another request of this agent: expected the same path and body as then";
            return Err(Refusal::invalid("requestId", problem).into());
        }
        Ok(Some(Applied { reference_id: Some(kept.reference_id), created: None }))
    }

    fn facts<'a>(&'a self, entry: &'a Entry, interaction: Option<&Interaction>, now_ms: i64) -> Facts<'a> {
        Facts {
            now_ms,
            agent: &self.state.id,
            manifest: &entry.manifest,
            lifecycle: &entry.lifecycle,
            abilities: entry.abilities(interaction),
            stamps: &entry.stamps,
            judges: entry.is_run_by_plugin(),
            limits: &self.engine.limits,
            queues: self.engine.queues.as_deref(),
        }
    }

    /// The interaction, if this agent has it on this channel.
    fn own(
        &self,
        entry: &Entry,
        id: InteractionId,
    ) -> Result<Option<Arc<Interaction>>, crate::store::StoreError> {
        let interaction = self.engine.store.interaction(id)?;
        Ok(interaction.filter(|interaction| {
            interaction.owner.as_ref() == Some(&self.state.id) && *interaction.channel == *entry.name
        }))
    }

    /// An interaction as this agent sees it: the JSON of the resource. `None` if there is none, or if
    /// another agent has it.
    pub fn read(&self, channel: &str, id: &str) -> Result<Option<String>, Error> {
        let entry = self.engine.channel(channel)?;
        crate::failpoint::reach("reading");
        let Ok(id) = InteractionId::parse(id) else { return Ok(None) };
        Ok(self.own(entry, id)?.map(|interaction| self.seen(entry, &interaction)))
    }

    /// The agent's Invited, Composing, Processing and Sent interactions on a channel, oldest first: the
    /// JSON of each resource.
    pub fn list(&self, channel: &str) -> Result<Vec<String>, Error> {
        let entry = self.engine.channel(channel)?;
        crate::failpoint::reach("listing");
        let owned = self.engine.store.owned(&self.state.id, &entry.name)?;
        Ok(owned.iter().map(|interaction| self.seen(entry, interaction)).collect())
    }

    /// The addresses of what [`Agent::list`] lists.
    pub fn uris(&self, channel: &str) -> Result<Vec<String>, Error> {
        let entry = self.engine.channel(channel)?;
        let owned = self.engine.store.owned(&self.state.id, &entry.name)?;
        let (base, path) = (&self.engine.base_uri, &entry.manifest.uri_path);
        Ok(owned.iter().map(|interaction| format!("{base}/api/v2/{path}/{}", interaction.id)).collect())
    }

    fn seen(&self, entry: &Entry, interaction: &Interaction) -> String {
        let in_focus = self.state.focus.get() == Some(interaction.id);
        let resource = entry.resource(interaction, Seen::AsItStands, self.may_act, in_focus);
        let mut json = String::with_capacity(interaction.user_data.as_str().len() + 1_024);
        resource.write(&mut json);
        json
    }

    /// Whether the operation would be allowed now, its parameters aside. `false` on an interaction that
    /// this agent can't see.
    pub fn can(&self, channel: &str, id: Option<&str>, operation: &str) -> Result<bool, Error> {
        let entry = self.engine.channel(channel)?;
        if !self.may_act {
            return Ok(false);
        }
        let Some(id) = id else {
            return Ok(is_allowed(entry, None, operation));
        };
        let Ok(id) = InteractionId::parse(id) else { return Ok(false) };
        Ok(self.own(entry, id)?.is_some_and(|interaction| is_allowed(entry, Some(&interaction), operation)))
    }

    /// Subscribes to one topic (`/v2/me/twitter`) or to all (`/v2/me/*`). The subscription receives what
    /// concerns this agent's own interactions from now on.
    ///
    /// An agent's first subscription is remembered in the store, with a small commit of its own: from then
    /// on the store keeps the agent's latest notes for [`Agent::subscribe_from`]. Nothing is written for an
    /// agent whom nobody ever followed.
    pub fn subscribe(&self, topic: &str) -> Result<Subscription, Error> {
        self.subscribe_after(topic, None)
    }

    /// Subscribes after a gap: the notes with a sequence above `from` come first, in their order and each
    /// once, then live ones. If some of them are no longer kept, or `from` is a number that was never
    /// given, the first thing that comes is [`Notification::Lagged`](crate::Notification::Lagged): list
    /// anew.
    ///
    /// From an agent's first subscription on its latest notes are kept where the interactions are, in the
    /// commit of the change that each tells of: an accepted change has its note, also after a crash, and
    /// the sequence goes on where it was. Within [`Limits::kept_notes`](crate::Limits::kept_notes) (1,000)
    /// and [`Limits::kept_bytes`](crate::Limits::kept_bytes) (1 MiB), whichever is reached first; the
    /// latest note is kept whatever its size. A store in memory forgets them with all else: numbers of an
    /// earlier process mean nothing then.
    ///
    /// Numbers may be missing: that of a change that came to nothing is not given again.
    pub fn subscribe_from(&self, topic: &str, from: u64) -> Result<Subscription, Error> {
        self.subscribe_after(topic, Some(from))
    }

    fn subscribe_after(&self, topic: &str, from: Option<u64>) -> Result<Subscription, Error> {
        self.engine.sound()?;
        let known: Vec<_> = self.engine.channels.all().map(|entry| entry.topic.to_string()).collect();
        if topic != "/v2/me/*" && !known.iter().any(|known| known == topic) {
            return Err(Refusal::new(
                StatusCode::Invalid,
                format!("there is no topic `{topic:.64}`; the topics are: {}, /v2/me/*", known.join(", ")),
            )
            .into());
        }
        let limits = &self.engine.limits;
        let queue = Arc::new(SubscriptionQueue::new(
            Topic::new(topic),
            limits.subscription_notes,
            limits.subscription_bytes,
        ));
        let commit = |commit| {
            let critical = self.engine.critical().map_err(|_| CommitError::Unknown)?;
            self.engine.write(commit, &critical)
        };
        self.state.hub.add(&queue, from, limits, &*self.engine.store, commit).map_err(
            |error| match error {
                NotAdded::Crowded => Error::Refused(Refusal::internal(format!(
                    "agent `{}` has {} subscriptions already: no more are allowed",
                    self.state.id, limits.subscriptions
                ))),
                NotAdded::Failed(error) => Error::Store(error),
            },
        )?;
        // Poisoned meanwhile: then perhaps nobody will wake this one.
        self.engine.sound()?;
        Ok(Subscription::new(queue, self.engine.poisoned.clone(), self.engine.clone()))
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Agent")
            .field("id", &self.state.id)
            .field("may_act", &self.may_act)
            .finish_non_exhaustive()
    }
}

fn is_allowed(entry: &Entry, interaction: Option<&Interaction>, operation: &str) -> bool {
    let source = interaction.map_or(Source::Collection, Interaction::source);
    // A channel can't redefine an operation of the engine's.
    if let Some(operation) = Operation::named(operation) {
        return allows(source, Event::Agent(operation));
    }
    let own = entry.lifecycle.channel_operation(operation);
    own.is_some_and(|(index, _)| entry.lifecycle.permits(source, index, entry.abilities(interaction)))
}

/// Whether a plugin judges the message.
fn is_judged(request: &Request<'_>) -> bool {
    matches!(request.asked(), Asked::Core(Operation::Send))
}

/// Whether the request makes something that needs a name. A contact's, which seldom is new, comes with the next attempt.
fn names_something(request: &Request<'_>) -> bool {
    matches!(request.asked(), Asked::Core(Operation::Send | Operation::Reply) | Asked::Channel(_))
}

/// Decides again as long as something else comes first. The attempts are counted from 0.
pub(super) fn again<T>(mut attempt: impl FnMut(usize) -> Result<T, Unapplied>) -> Result<T, Error> {
    for number in 0..ATTEMPTS {
        match attempt(number) {
            Ok(done) => return Ok(done),
            Err(Unapplied::Refused(refusal)) => return Err(refusal.into()),
            Err(Unapplied::Poisoned) => return Err(Error::Poisoned),
            Err(Unapplied::Conflict) => {}
        }
    }
    Err(Refusal::internal("other changes came first too often: try again").into())
}
