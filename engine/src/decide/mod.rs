//! What a request, a host's call or a delivery's outcome means: pure functions, no clock, no I/O, no lock.
//!
//! A [`Decision`] says how the records will stand and who is told what. What the decision could not know
//! (is that agent known, does the channel accept the text, whose address is that) it names in
//! [`Needs`]; the shell looks it up, and commits, or refuses.

mod agent;
mod delivery;
mod draft;
mod host;
mod operate;

pub use agent::{decide, decide_on_collection};
pub(crate) use delivery::{decide_confirmed, decide_operated, decide_refused};
pub(crate) use host::{decide_offer, decide_receive, decide_revoke};

use std::sync::Arc;

use serde_json::value::RawValue;
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::channel::{Manifest, Stamps};
use crate::config::Limits;
use crate::delivery::Work;
use crate::interaction::{AgentId, Interaction, Seen, UserData};
use crate::lifecycle::{Abilities, Lifecycle};
use crate::notify::NoteKind;
use crate::operation::QueuePath;

/// What a decision may rest on beside the interaction and the request.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The time: Unix time in milliseconds.
    pub now_ms: i64,
    /// Who asks.
    pub agent: &'a AgentId,
    /// The channel.
    pub manifest: &'a Manifest,
    /// The table with the channel's own operations.
    pub lifecycle: &'a Lifecycle,
    /// What the interaction's account can do.
    pub abilities: Abilities,
    /// What the channel's accounts write at Send.
    pub stamps: &'a Stamps,
    /// Whether the channel judges a message before it is sent.
    pub judges: bool,
    /// Bounds.
    pub limits: &'a Limits,
    /// The queues, if only these exist.
    pub queues: Option<&'a [QueuePath]>,
}

/// What a request leads to, if its needs are met.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// The interaction as it will stand; none for an operation on the collection.
    pub(crate) after: Option<Arc<Interaction>>,
    /// A new interaction, still without a name.
    pub(crate) created: Option<Arc<Interaction>>,
    /// Who is told what, in this order.
    pub(crate) told: Tellings,
    /// What is handed over for delivery.
    pub(crate) delivery: Option<NewDelivery>,
    /// What must hold.
    pub(crate) needs: Needs,
    /// The agent is recorded as the contact's last one.
    pub(crate) records_last_agent: bool,
    /// What becomes of the agent's focus.
    pub(crate) focus: Focus,
}

/// What the shell must see to before a decision can be committed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs {
    /// An agent of this name was seen before.
    pub(crate) agent: Option<AgentId>,
    /// The channel accepts this message.
    pub(crate) check: Option<Arc<Check>>,
    /// The interaction that this decision is about gets the contact of its address.
    pub(crate) contact: bool,
}

/// A message for the channel to judge.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) account: SmolStr,
    pub(crate) text: Arc<str>,
    pub(crate) extras: Option<Arc<RawValue>>,
    pub(crate) user_data: UserData,
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        if std::ptr::eq(self, other) {
            return true;
        }
        let (own, theirs) = (self.extras.as_deref(), other.extras.as_deref());
        self.account == other.account
            && self.text == other.text
            && own.map(RawValue::get) == theirs.map(RawValue::get)
            && self.user_data == other.user_data
    }
}

impl Check {
    /// What the request carried and, as `userData`, what is known of the interaction: of some messages only that
    /// tells what they are. Ours stands last, so that it counts whatever the request named so.
    pub(crate) fn extras_json(&self) -> String {
        let user_data = self.user_data.as_str();
        let given = self.extras.as_deref().map_or("{}", RawValue::get).trim_end();
        let given = given.strip_suffix('}').unwrap_or("{").trim_end();
        let comma = if given.ends_with('{') { "" } else { "," };
        format!("{given}{comma}\"userData\":{user_data}}}")
    }
}

/// Mostly one.
pub(crate) type Tellings = SmallVec<[Telling; 1]>;

/// Work for the outbox.
#[derive(Clone, Debug)]
pub(crate) struct NewDelivery {
    pub(crate) account: SmolStr,
    pub(crate) work: Work,
    pub(crate) queue_path: Option<QueuePath>,
    pub(crate) bytes: usize,
}

/// One notification.
#[derive(Clone, Debug)]
pub(crate) struct Telling {
    pub(crate) to: AgentId,
    pub(crate) about: About,
    pub(crate) kind: NoteKind,
    pub(crate) seen: Seen,
    /// Whether it carries the request's `referenceId`.
    pub(crate) is_answer: bool,
}

/// Which record a notification shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    After,
    Created,
}

/// What becomes of the agent's focus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Focus {
    /// It stays.
    #[default]
    Stays,
    /// This interaction gets it.
    Taken,
    /// This interaction loses it, if it has it: the agent has it no longer.
    Dropped,
}

/// Begins the refusal of user data that a request would make too large.
const WOULD_HAVE: &str = "the user data would have";

impl Telling {
    /// An answer to the agent who asked.
    fn answer(to: &AgentId, about: About, kind: NoteKind) -> Self {
        Self { to: to.clone(), about, kind, seen: Seen::AsItStands, is_answer: true }
    }

    /// News for an agent who didn't ask.
    fn news(to: &AgentId, kind: NoteKind) -> Self {
        Self { to: to.clone(), about: About::After, kind, seen: Seen::AsItStands, is_answer: false }
    }

    fn left(self) -> Self {
        Self { seen: Seen::AsLeft, ..self }
    }
}
