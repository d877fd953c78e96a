//! The document that a channel is given to work on. Conversations die with the process: every job can be
//! begun anew from its document alone.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// One piece of work for a channel.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Job<'a> {
    /// What is to be done.
    pub kind: JobKind,
    /// The delivery that this is an attempt at.
    pub delivery_id: &'a str,
    /// The interaction; absent for an operation on the collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction_id: Option<&'a str>,
    /// The channel's name.
    pub channel: &'a str,
    /// The account that does it.
    pub account: &'a str,
    /// The agent who asked for it.
    pub agent_id: &'a str,
    /// The queue it is accounted to; empty if there is none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub queue_path: &'a str,
    /// The text.
    pub message: &'a str,
    /// What else the request carried.
    pub extras: &'a RawValue,
    /// The interaction's user data.
    pub user_data: &'a RawValue,
    /// The interaction that is answered, if this is a reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent<'a>>,
    /// The attempt; of a `reconcile` the one that is in doubt.
    pub attempt: Attempt,
    /// The operation, of kind [`JobKind::Operation`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationCall<'a>>,
    /// The handle of an earlier `accepted`, of kind [`JobKind::Poll`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<&'a Value>,
    /// Platform ids already recorded for other messages of the account, of kind [`JobKind::Reconcile`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<Vec<String>>,
}

/// What a job asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// Publish the message. May end in any outcome but `done`, `absent` and `cannot-tell`.
    Publish,
    /// Do an operation such as Follow.
    Operation,
    /// Ask what became of something accepted earlier.
    Poll,
    /// Find out whether an attempt whose answer was lost was published.
    Reconcile,
}

/// The interaction that a reply answers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Parent<'a> {
    /// Its id.
    pub id: &'a str,
    /// Who wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<&'a str>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
    /// Its user data.
    pub user_data: &'a RawValue,
}

/// One attempt at a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// When it began: Unix time in milliseconds.
    pub started_ms: i64,
    /// When it ended, if it did: Unix time in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
}

/// An operation that a channel added, and its parameters.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OperationCall<'a> {
    /// The operation's name.
    pub name: &'a str,
    /// Its parameters: an object of strings.
    pub parameters: &'a RawValue,
}
