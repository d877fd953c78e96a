//! A notification: made once, shared by all who get it.

use std::sync::Arc;

use smol_str::SmolStr;

use super::NoteText;
use crate::interaction::{Resource, UserData};
use crate::json::{write_number, write_string, written};

/// Something that an agent is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The topic, as `/v2/me/twitter`.
    pub topic: SmolStr,
    /// The notification's JSON.
    pub data: NoteText,
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
        let (topic, what, data) = match self {
            Self::Note(note) => (note.topic.as_str(), ",\"data\":", note.data.parts()),
            Self::Lagged { topic, .. } => (&**topic, ",\"lagged\":", ["true", "", ""]),
        };
        let length: usize = data.iter().map(|part| part.len()).sum();
        let mut json = String::with_capacity(topic.len() + length + 64);
        json.push_str("{\"channel\":");
        write_string(&mut json, topic);
        json.push_str(what);
        json.extend(data);
        json.push_str(",\"sequence\":");
        write_number(&mut json, self.sequence());
        json.push('}');
        json
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
    pub(crate) resource: Resource<'a>,
    pub(crate) reference_id: Option<u64>,
}

impl Told<'_> {
    /// Writes it down, but for user data that is worth sharing.
    pub(crate) fn text(&self) -> NoteText {
        /// What is shorter is copied as fast as its sharers are counted.
        const SHARED_FROM: usize = 512;
        let user_data = self.resource.user_data();
        let shared = user_data.and_then(UserData::text_shared).filter(|text| text.len() >= SHARED_FROM);
        let head = written(|out| {
            self.write_before_user_data(out);
            if shared.is_none() {
                out.extend(user_data.map(UserData::as_str));
                out.push_str(NoteText::BEHIND_USER_DATA);
            }
        });
        NoteText::new(head, shared.cloned())
    }

    fn write_before_user_data(&self, out: &mut String) {
        out.push('{');
        if let NoteKind::Error { code, message } = self.kind {
            out.push_str("\"errorCode\":");
            write_string(out, code);
            out.push_str(",\"errorMessage\":");
            write_string(out, message);
            out.push(',');
        }
        let wording = self.resource.wording;
        out.push_str(&wording.message_type);
        match self.kind {
            NoteKind::StatusChange => out.push_str("\"StatusChange\""),
            NoteKind::PropertiesUpdated => out.push_str("\"PropertiesUpdated\""),
            NoteKind::Saved => out.push_str(&wording.saved_type),
            NoteKind::Error { .. } => out.push_str("\"Error\""),
        }
        if let Some(reference_id) = self.reference_id {
            out.push_str(",\"referenceId\":");
            write_number(out, reference_id);
        }
        out.push_str(&wording.resource);
        self.resource.write_before_user_data(out);
    }
}
