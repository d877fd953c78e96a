//! A notification: made once, shared by all who get it.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::channel::Manifest;
use crate::interaction::Resource;

/// Something that an agent is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The topic, as `/v2/me/twitter`.
    pub topic: Arc<str>,
    /// The notification's JSON.
    pub data: Arc<str>,
    /// Counts the agent's notes.
    pub sequence: u64,
}

/// What a subscription hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// A note.
    Note(Arc<Note>),
    /// The queue had overflowed and was emptied: list anew.
    Lagged {
        /// The topic that was subscribed to.
        topic: Arc<str>,
        /// The last note that was lost.
        sequence: u64,
    },
}

impl Notification {
    /// The document `{"channel", "data", "sequence"}`, or `{"channel", "lagged", "sequence"}`.
    pub fn to_json(&self) -> String {
        let quoted = |topic: &str| serde_json::Value::from(topic).to_string();
        match self {
            Self::Note(note) => {
                format!(
                    "{{\"channel\":{},\"data\":{},\"sequence\":{}}}",
                    quoted(&note.topic),
                    note.data,
                    note.sequence
                )
            }
            Self::Lagged { topic, sequence } => {
                format!("{{\"channel\":{},\"lagged\":true,\"sequence\":{sequence}}}", quoted(topic))
            }
        }
    }

    /// The agent's sequence number.
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Note(note) => note.sequence,
            Self::Lagged { sequence, .. } => *sequence,
        }
    }
}

/// Which notification it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoteKind {
    StatusChange,
    PropertiesUpdated,
    Saved,
    Error { code: String, message: String },
}

/// The notification about an interaction, ready to be written.
pub(crate) struct Told<'a> {
    pub(crate) kind: &'a NoteKind,
    pub(crate) manifest: &'a Manifest,
    pub(crate) resource: Resource<'a>,
    pub(crate) reference_id: Option<u64>,
}

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let NoteKind::Error { code, message } = self.kind {
            map.serialize_entry("errorCode", code)?;
            map.serialize_entry("errorMessage", message)?;
        }
        map.serialize_entry("messageType", &self.manifest.message_type)?;
        map.serialize_entry(
            "notificationType",
            match self.kind {
                NoteKind::StatusChange => "StatusChange",
                NoteKind::PropertiesUpdated => "PropertiesUpdated",
                NoteKind::Saved => &self.manifest.saved_type,
                NoteKind::Error { .. } => "Error",
            },
        )?;
        if let Some(reference_id) = self.reference_id {
            map.serialize_entry("referenceId", &reference_id)?;
        }
        map.serialize_entry(&self.manifest.resource, &self.resource)?;
        map.end()
    }
}
