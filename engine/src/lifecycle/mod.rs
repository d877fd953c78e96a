//! The life of an interaction: one table of states, events and next states, and what is read from it.
//!
//! ```text
//! inbound    receive → Queued → offer → Invited ─Accept→ Processing ─Complete→ Completed [→ a queue]
//!                        ↑                 │                 ├─Transfer→ Invited (other agent) | Queued
//!                        └─ Reject, revoke ┘                 └─Reply→ a new outbound
//!
//! outbound   Create | Reply → Composing ─Save→ Composing ─Send→ Sent ─confirmed→ Completed
//!                               ├─Cancel→ Canceled                 └─refused→ Composing
//!                               └─Transfer→ Invited (other agent) | Queued
//! ```
//!
//! Enforcement, capability lists, diagrams and documentation are read from [`TABLE`]; no other place
//! knows what is allowed.

mod capability;
mod diagram;
mod table;

pub use capability::{Abilities, Lifecycle};
pub use diagram::{DiagramFormat, UnknownFormat};
pub use table::{Event, Next, Rule, Source, TABLE, Tells, allows, step};

/// Who began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// The customer did.
    Inbound,
    /// The agent did.
    Outbound,
}

impl Direction {
    /// Both, in the order of the table.
    pub const ALL: [Self; 2] = [Self::Inbound, Self::Outbound];

    /// As clients see it: `Inbound` or `Outbound`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "Inbound",
            Self::Outbound => "Outbound",
        }
    }

    /// The direction of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.name() == name)
    }
}

/// Where an interaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Waits in a queue; no agent sees it.
    Queued,
    /// Offered to an agent, who may accept or reject it.
    Invited,
    /// An outbound draft.
    Composing,
    /// An inbound interaction that an agent works on.
    Processing,
    /// Accepted for delivery; what moves it on is the delivery alone.
    Sent,
    /// Finished. Of an outbound interaction: the platform has it.
    Completed,
    /// A draft that was given up.
    Canceled,
}

impl State {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Invited,
        Self::Composing,
        Self::Processing,
        Self::Sent,
        Self::Completed,
        Self::Canceled,
    ];

    /// As clients see it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Invited => "Invited",
            Self::Composing => "Composing",
            Self::Processing => "Processing",
            Self::Sent => "Sent",
            Self::Completed => "Completed",
            Self::Canceled => "Canceled",
        }
    }

    /// The state of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What an agent can ask for, on every channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Begin a draft.
    Create,
    /// Keep what is written.
    Save,
    /// Hand the draft over for delivery.
    Send,
    /// Give the draft up.
    Cancel,
    /// Take an offered interaction.
    Accept,
    /// Decline an offered interaction.
    Reject,
    /// Begin a draft that answers this interaction.
    Reply,
    /// Mark as done.
    Complete,
    /// Hand over to another agent or a queue.
    Transfer,
    /// Add user data.
    AttachUserData,
    /// Overwrite user data.
    UpdateUserData,
    /// Remove user data.
    DeleteUserData,
    /// Record how it ended.
    SetDisposition,
    /// Write a comment.
    AddComment,
    /// Mark as the one the agent looks at.
    SetInFocus,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 15] = [
        Self::Create,
        Self::Save,
        Self::Send,
        Self::Cancel,
        Self::Accept,
        Self::Reject,
        Self::Reply,
        Self::Complete,
        Self::Transfer,
        Self::AttachUserData,
        Self::UpdateUserData,
        Self::DeleteUserData,
        Self::SetDisposition,
        Self::AddComment,
        Self::SetInFocus,
    ];

    /// Its `operationName`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Save => "Save",
            Self::Send => "Send",
            Self::Cancel => "Cancel",
            Self::Accept => "Accept",
            Self::Reject => "Reject",
            Self::Reply => "Reply",
            Self::Complete => "Complete",
            Self::Transfer => "Transfer",
            Self::AttachUserData => "AttachUserData",
            Self::UpdateUserData => "UpdateUserData",
            Self::DeleteUserData => "DeleteUserData",
            Self::SetDisposition => "SetDisposition",
            Self::AddComment => "AddComment",
            Self::SetInFocus => "SetInFocus",
        }
    }

    /// The operation of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }
}
