//! Where the truth is kept. An engine loads, decides, and commits with the versions that it read; a
//! commit is all or nothing, and what was not committed was never told.

mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use sqlite::{
    Compacted, ExportError, Exported, Findings, ImportError, Imported, Observer, Progress, SqliteStore,
    StoreFile, TableFindings,
};

use std::path::PathBuf;
use std::sync::Arc;

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::delivery::Delivery;
use crate::interaction::{AgentId, DeliveryId, Interaction, InteractionId, Placement};
use crate::notify::Note;
use crate::operation::QueuePath;

/// Keeps interactions, deliveries, contacts, agents and their latest notes.
///
/// Several threads call at once. The engine never commits two changes of the same record at the same
/// time from one process; the versions guard against another process, where a store is shared.
pub trait Store: Send + Sync {
    /// Whether a call may wait: for a disk, for another machine. A host that serves many from few threads must
    /// not make such calls there.
    fn may_wait(&self) -> bool {
        true
    }

    /// Says that an interaction will soon be changed, so that a store may have on its way what tells where it is.
    /// Must not wait.
    fn expect(&self, _id: InteractionId) {}

    /// Says the same shortly before, and which agent changes it, so that what is kept of both may be on its way.
    fn approach(&self, _agent: &AgentId, _id: InteractionId) {}

    /// An interaction.
    fn interaction(&self, id: InteractionId) -> Result<Option<Arc<Interaction>>, StoreError>;

    /// An agent's interactions on a channel that a listing shows, oldest first.
    fn owned(&self, agent: &AgentId, channel: &str) -> Result<Vec<Arc<Interaction>>, StoreError>;

    /// What stands in a queue, oldest first.
    fn queue(&self, queue: &QueuePath) -> Result<Vec<Arc<Interaction>>, StoreError>;

    /// At most so many interactions that wait in a queue, oldest first. What stands there completed does not
    /// wait.
    fn waiting(&self, queue: &QueuePath, limit: usize) -> Result<Vec<Arc<Interaction>>, StoreError>;

    /// The oldest interaction that waits in a queue.
    fn queue_next(&self, queue: &QueuePath) -> Result<Option<InteractionId>, StoreError> {
        Ok(self.waiting(queue, 1)?.first().map(|interaction| interaction.id))
    }

    /// The interaction that the platform's id stands for, also for some time after that was pruned.
    fn external(&self, channel: &str, external_id: &str) -> Result<Option<InteractionId>, StoreError>;

    /// The contact that an address on a channel belongs to.
    fn contact(&self, channel: &str, address: &str) -> Result<Option<SmolStr>, StoreError>;

    /// Who last had to do with a contact on a channel.
    fn last_agent(&self, contact_id: &str, channel: &str) -> Result<Option<LastAgent>, StoreError>;

    /// What is kept of an agent; `None` for one that was never seen.
    fn agent(&self, id: &AgentId) -> Result<Option<AgentRecord>, StoreError>;

    /// An agent's kept notes with a number above `after`.
    fn notes(&self, agent: &AgentId, after: u64) -> Result<NoteLog, StoreError>;

    /// A delivery, settled ones included as long as they are remembered.
    fn delivery(&self, id: DeliveryId) -> Result<Option<Arc<Delivery>>, StoreError>;

    /// The deliveries that are not settled, in the order in which they were accepted.
    fn unsettled(&self) -> Result<Vec<Arc<Delivery>>, StoreError>;

    /// The platform's ids of what an account published in deliveries accepted since then.
    fn published(&self, channel: &str, account: &str, since_ms: i64) -> Result<Vec<String>, StoreError>;

    /// The first reply to a request that named itself, as long as it is kept.
    fn reply(&self, key: &RequestKey) -> Result<Option<KeptReply>, StoreError>;

    /// The highest number given to an interaction or a placement.
    fn highest_number(&self) -> Result<u64, StoreError>;

    /// The accounts that were to be left alone when that was last said, by channel and account.
    fn pauses(&self) -> Result<Vec<AccountPause>, StoreError>;

    /// Forgets ended interactions, all of these or none; see [`Commit::prune`].
    fn prune(&self, prune: &Prune) -> Result<Pruned, CommitError>;

    /// Makes all of these changes, or none. `Ok` means that they outlast the process, where the store does.
    ///
    /// After an error none was made, and none turns up later as long as the store is open: a store that
    /// can't know what became of a change that failed accepts nothing more until it does. Only if the
    /// process ends before that, what it finds when it is opened again holds.
    fn commit(&self, commit: Commit) -> Result<(), CommitError>;
}

/// Changes that belong together.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Interactions as they will stand. Version 1 is a new one; any other must follow the stored one.
    pub interactions: Few<Arc<Interaction>>,
    /// Deliveries as they will stand, by the same rule.
    pub deliveries: Few<Arc<Delivery>>,
    /// Addresses that were not known, and their contacts.
    pub contacts: Vec<(ContactAddress, SmolStr)>,
    /// Who last had to do with a contact.
    pub last_agent: Option<(ContactOnChannel, LastAgent)>,
    /// What changes of an agent's record.
    pub agent: Option<AgentChange>,
    /// The platform's id of a new inbound interaction.
    pub external: Option<(ExternalId, InteractionId)>,
    /// The reply to a request that named itself: [`CommitError::Conflict`] if there is one already.
    pub reply: Option<(RequestKey, KeptReply)>,
    /// Notes that tell of these changes: [`CommitError::Conflict`] if the agent has one of that number.
    pub notes: Few<KeptNote>,
    /// What changes of when accounts are left alone.
    pub pauses: Vec<PauseChange>,
    /// What is forgotten with it, after everything else.
    pub prune: Option<Prune>,
}

/// Mostly one or two: as many need no allocation.
pub type Few<T> = SmallVec<[T; 2]>;

/// A note that is kept for subscribers who come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptNote {
    /// The agent who is told.
    pub agent: AgentId,
    /// The note.
    pub note: Arc<Note>,
    /// The agent's notes up to this number are forgotten; 0 forgets none. It is always below the note's
    /// own, and below those of all notes that are still to be committed.
    pub forgotten: u64,
}

/// An agent's kept notes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoteLog {
    /// The notes, in the order of their numbers. Numbers may be missing: they were never told. Where one
    /// can't be read, it is left out, and so are all before it.
    pub notes: Vec<Arc<Note>>,
    /// The agent's highest number in the store, asked for or not, readable or not; 0 if it keeps none.
    pub last: u64,
}

/// An account that is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPause {
    /// The channel's name.
    pub channel: SmolStr,
    /// The account's name.
    pub account: SmolStr,
    /// Until when, if the platform said so: Unix time in milliseconds. It may be past.
    pub until_ms: Option<i64>,
    /// The platform did not accept its credentials: until it is resumed.
    pub is_held: bool,
}

/// A change of when an account is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseChange {
    /// The channel's name.
    pub channel: SmolStr,
    /// The account's name.
    pub account: SmolStr,
    /// What changes.
    pub pause: Pause,
}

/// Why an account is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Until then, in Unix time in milliseconds, or until a later time that was given before.
    Until(i64),
    /// Until it is resumed.
    Held,
    /// No more.
    Resumed,
}

impl PauseChange {
    /// How the account stands after the change; `None` if nothing is left of its pause.
    pub fn after(&self, before: Option<&AccountPause>) -> Option<AccountPause> {
        let mut pause = before.cloned().unwrap_or_else(|| AccountPause {
            channel: self.channel.clone(),
            account: self.account.clone(),
            until_ms: None,
            is_held: false,
        });
        match self.pause {
            Pause::Until(until_ms) => pause.until_ms = pause.until_ms.max(Some(until_ms)),
            Pause::Held => pause.is_held = true,
            Pause::Resumed => return None,
        }
        Some(pause)
    }
}

/// Which ended interactions are to be forgotten: by [`Retention`](crate::Retention).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prune {
    /// The time: Unix time in milliseconds.
    pub now_ms: i64,
    /// Those that ended before this: Unix time in milliseconds.
    pub ended_before_ms: Option<i64>,
    /// Those beyond so many.
    pub keep: Option<u64>,
    /// At most so many, and so many of what outlives its interaction.
    pub max: u32,
}

impl Prune {
    /// Whether the oldest of `ended` is to go, which ended then.
    pub fn takes(&self, ended: u64, ended_ms: i64) -> bool {
        self.ended_before_ms.is_some_and(|before_ms| ended_ms < before_ms)
            || self.keep.is_some_and(|keep| ended > keep)
    }
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Interactions.
    pub interactions: u64,
    /// Deliveries, those of interactions that went before included.
    pub deliveries: u64,
    /// The platform's ids of interactions that went before.
    pub external_ids: u64,
}

impl Pruned {
    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An address on a channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContactAddress {
    /// The channel's name.
    pub channel: SmolStr,
    /// The address, as the platform writes it.
    pub address: Arc<str>,
}

/// A contact, as far as one channel goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContactOnChannel {
    /// The contact's id.
    pub contact_id: SmolStr,
    /// The channel's name.
    pub channel: SmolStr,
}

/// The platform's id of something inbound.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternalId {
    /// The channel's name.
    pub channel: SmolStr,
    /// The platform's id.
    pub id: Arc<str>,
}

/// A request that named itself, so that it can be repeated: `requestId`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey {
    /// The agent who asked.
    pub agent: AgentId,
    /// The name.
    pub request_id: Arc<str>,
}

/// The reply to an accepted request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptReply {
    /// Tells the request from others of the same name.
    pub fingerprint: [u8; 16],
    /// The `referenceId` that was given.
    pub reference_id: u64,
    /// When: Unix time in milliseconds. A commit with a reply forgets those that are
    /// [`KeptReply::KEPT_MS`] older than that one.
    pub at_ms: i64,
}

impl KeptReply {
    /// How long replies are kept, in milliseconds.
    pub const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

    /// Whether it is no longer kept then.
    pub fn is_forgotten_at(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.at_ms) > Self::KEPT_MS
    }
}

/// The agent who last had to do with a contact on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastAgent {
    /// The agent.
    pub agent: AgentId,
    /// When: Unix time in milliseconds.
    pub at_ms: i64,
}

/// What is kept of an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentRecord {
    /// The last `referenceId` that was given.
    pub reference_id: u64,
    /// The interaction that the agent looks at.
    pub focus: Option<InteractionId>,
    /// Somebody subscribed to the agent's notes once: those after this number are kept.
    pub followed_after: Option<u64>,
}

/// What changes of an agent's record. An agent that was never seen is from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentChange {
    /// The agent.
    pub id: AgentId,
    /// A `referenceId` that was given. The stored one never goes down: requests of one agent may be
    /// committed in another order than that of their numbers.
    pub reference_id: u64,
    /// The interaction that the agent looks at from now on, if that changes.
    pub focus: Option<Option<InteractionId>>,
    /// Somebody subscribed to the agent's notes: those after this number are kept. The first one stays.
    pub followed_after: Option<u64>,
}

impl AgentRecord {
    /// The record with a change.
    #[must_use]
    pub fn changed(self, change: &AgentChange) -> Self {
        Self {
            reference_id: self.reference_id.max(change.reference_id),
            focus: change.focus.unwrap_or(self.focus),
            followed_after: self.followed_after.or(change.followed_after),
        }
    }
}

/// A store that failed. Nobody is told of a change that may be lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store failed: {message}")]
pub struct StoreError {
    message: String,
}

impl StoreError {
    /// A failure with its description.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Why a store on disk could not be opened. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it, or this one has it twice.
    #[error("the store `{path}` is in use by {owner}: one process owns a store", path = path.display())]
    Owned {
        /// The file.
        path: PathBuf,
        /// Who has it, as far as is known.
        owner: String,
    },
    /// A file of something else.
    #[error("`{path}` is not a Strowger store ({found}): give another path", path = path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What it is, as far as can be told.
        found: String,
    },
    /// A file that a later version wrote.
    #[error(
        "the store `{path}` has format {found}, this version knows formats up to {known}: \
         use the version that wrote it, or a later one",
        path = path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The latest format that is known here.
        known: i64,
    },
    /// A file that an earlier version wrote, where only the present format will do.
    #[error(
        "the store `{path}` has the earlier format {found}: open it with an engine of this version, or compact \
         it; either brings it up to format {known}",
        path = path.display()
    )]
    Earlier {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The latest format that is known here.
        known: i64,
    },
    /// A file that can't be trusted.
    #[error("the store `{path}` is damaged ({problem}): restore it from a backup, or salvage what can be read of it", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// A file that can't be read or written: no such folder, no permission, no space.
    #[error("the store `{path}` can't be used: {problem}", path = path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        problem: String,
    },
}

/// Why a commit was not made. Nothing was changed, except perhaps with [`CommitError::Unknown`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A record is not at the version that was read, or an address got its contact meanwhile: load and
    /// decide again.
    #[error("another change came first")]
    Conflict,
    /// The id of a new interaction or delivery is taken.
    #[error("the id {0} is taken")]
    Taken(InteractionId),
    /// There is no room for another interaction.
    #[error("the store holds as many interactions as its limit allows")]
    Full,
    /// The store failed.
    #[error(transparent)]
    Failed(#[from] StoreError),
    /// A panic broke the writing off: whether the change was made nobody knows. The engine poisons itself
    /// when it gets this.
    #[error("the writing broke off: nobody knows whether the change was made")]
    Unknown,
}

/// The key by which a queue is ordered.
pub(crate) fn queue_order(placement: &Placement) -> (i64, u64) {
    (placement.since_ms, placement.number)
}
