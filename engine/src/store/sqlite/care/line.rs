//! The lines of an export: their names are for ever.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use crate::delivery::Delivery;
use crate::interaction::{AgentId, Interaction, InteractionId};
use crate::notify::Note;
use crate::store::sqlite::checksum::crc32;
use crate::store::sqlite::record::{read_delivery, read_interaction, write_delivery, write_interaction};
use crate::store::{
    AccountPause, AgentRecord, ContactAddress, ContactOnChannel, ExternalId, KeptReply, LastAgent, RequestKey,
};

/// The version of the form.
pub(super) const VERSION: u32 = 1;

/// A record.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Agent(AgentId, AgentRecord),
    Contact(ContactAddress, SmolStr),
    LastAgent(ContactOnChannel, LastAgent),
    External(ExternalId, InteractionId, Option<i64>),
    Interaction(Arc<Interaction>),
    Delivery { delivery: Arc<Delivery>, settled: Option<u64>, end_ms: Option<i64> },
    Reply(RequestKey, KeptReply),
    Pause(AccountPause),
    Note(AgentId, Note),
}

/// A line as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(super) enum Line<'a> {
    Store {
        version: u32,
        /// Whether it is what could be saved of a damaged file.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        salvaged: bool,
    },
    Agent {
        id: Cow<'a, str>,
        reference_id: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        focus: Option<Cow<'a, str>>,
        /// Where the log of the agent's notes begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        followed_after: Option<u64>,
    },
    Contact {
        channel: Cow<'a, str>,
        address: Cow<'a, str>,
        contact_id: Cow<'a, str>,
    },
    LastAgent {
        contact_id: Cow<'a, str>,
        channel: Cow<'a, str>,
        agent: Cow<'a, str>,
        at_ms: i64,
    },
    External {
        channel: Cow<'a, str>,
        external_id: Cow<'a, str>,
        interaction: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end_ms: Option<i64>,
    },
    #[serde(borrow)]
    Interaction(Cow<'a, RawValue>),
    Delivery {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        settled: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end_ms: Option<i64>,
        record: Cow<'a, RawValue>,
    },
    Reply {
        agent: Cow<'a, str>,
        request_id: Cow<'a, str>,
        fingerprint: Cow<'a, str>,
        reference_id: u64,
        at_ms: i64,
    },
    Pause {
        channel: Cow<'a, str>,
        account: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until_ms: Option<i64>,
        held: bool,
    },
    Note {
        agent: Cow<'a, str>,
        sequence: u64,
        topic: Cow<'a, str>,
        data: Cow<'a, str>,
    },
    Standing {
        highest_number: u64,
        last_settled: u64,
    },
    End {
        lines: u64,
        sha256: Cow<'a, str>,
    },
}

impl Entry {
    pub(super) fn to_json(&self) -> String {
        // What was just written is JSON.
        let raw = |text: String| Cow::Owned(RawValue::from_string(text).unwrap_or_default());
        let line = match self {
            Self::Agent(id, record) => Line::Agent {
                id: id.as_str().into(),
                reference_id: record.reference_id,
                focus: record.focus.as_ref().map(|focus| focus.as_str().into()),
                followed_after: record.followed_after,
            },
            Self::Contact(address, contact_id) => Line::Contact {
                channel: Cow::Borrowed(&address.channel),
                address: Cow::Borrowed(&address.address),
                contact_id: Cow::Borrowed(contact_id),
            },
            Self::LastAgent(contact, last) => Line::LastAgent {
                contact_id: Cow::Borrowed(&contact.contact_id),
                channel: Cow::Borrowed(&contact.channel),
                agent: last.agent.as_str().into(),
                at_ms: last.at_ms,
            },
            Self::External(key, id, end_ms) => Line::External {
                channel: Cow::Borrowed(&key.channel),
                external_id: Cow::Borrowed(&key.id),
                interaction: id.as_str().into(),
                end_ms: *end_ms,
            },
            Self::Interaction(interaction) => Line::Interaction(raw(write_interaction(interaction).text)),
            Self::Delivery { delivery, settled, end_ms } => Line::Delivery {
                settled: *settled,
                end_ms: *end_ms,
                record: raw(write_delivery(delivery).text),
            },
            Self::Reply(key, reply) => Line::Reply {
                agent: key.agent.as_str().into(),
                request_id: Cow::Borrowed(&key.request_id),
                fingerprint: hex(&reply.fingerprint).into(),
                reference_id: reply.reference_id,
                at_ms: reply.at_ms,
            },
            Self::Pause(pause) => Line::Pause {
                channel: Cow::Borrowed(&pause.channel),
                account: Cow::Borrowed(&pause.account),
                until_ms: pause.until_ms,
                held: pause.is_held,
            },
            Self::Note(agent, note) => Line::Note {
                agent: agent.as_str().into(),
                sequence: note.sequence,
                topic: Cow::Borrowed(&note.topic),
                data: Cow::Owned(note.data.to_string()),
            },
        };
        line.to_json()
    }
}

impl Line<'_> {
    pub(super) fn to_json(&self) -> String {
        crate::json::raw(self).get().to_owned()
    }

    /// The record of a line that holds one; `None` for those that frame an export.
    pub(super) fn into_entry(self) -> Result<Option<Entry>, String> {
        let interaction = |id: &str| InteractionId::parse(id).map_err(|error| error.to_string());
        let agent_of = |id: &str| AgentId::parse(id).map_err(|error| error.to_string());
        Ok(Some(match self {
            Self::Store { .. } | Self::Standing { .. } | Self::End { .. } => return Ok(None),
            Self::Agent { id, reference_id, focus, followed_after } => {
                let focus = focus.map(|focus| interaction(&focus)).transpose()?;
                Entry::Agent(agent_of(&id)?, AgentRecord { reference_id, focus, followed_after })
            }
            Self::Contact { channel, address, contact_id } => Entry::Contact(
                ContactAddress { channel: channel.into(), address: address.into() },
                contact_id.into(),
            ),
            Self::LastAgent { contact_id, channel, agent, at_ms } => Entry::LastAgent(
                ContactOnChannel { contact_id: contact_id.into(), channel: channel.into() },
                LastAgent { agent: agent_of(&agent)?, at_ms },
            ),
            Self::External { channel, external_id, interaction: id, end_ms } => Entry::External(
                ExternalId { channel: channel.into(), id: external_id.into() },
                interaction(&id)?,
                end_ms,
            ),
            Self::Interaction(record) => {
                let text = record.get();
                let read = read_interaction(text, crc32(text.as_bytes()));
                Entry::Interaction(Arc::new(read.map_err(|error| error.to_string())?))
            }
            Self::Delivery { settled, end_ms, record } => {
                let text = record.get();
                let read = read_delivery(text, crc32(text.as_bytes()));
                let delivery = Arc::new(read.map_err(|error| error.to_string())?);
                Entry::Delivery { delivery, settled, end_ms }
            }
            Self::Reply { agent, request_id, fingerprint, reference_id, at_ms } => Entry::Reply(
                RequestKey { agent: agent_of(&agent)?, request_id: request_id.into() },
                KeptReply { fingerprint: bytes(&fingerprint)?, reference_id, at_ms },
            ),
            Self::Pause { channel, account, until_ms, held } => Entry::Pause(AccountPause {
                channel: channel.into(),
                account: account.into(),
                until_ms,
                is_held: held,
            }),
            Self::Note { agent, sequence, topic, data } => Entry::Note(
                agent_of(&agent)?,
                Note { sequence, topic: topic.into_owned().into(), data: data.into_owned().into() },
            ),
        }))
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(text: &str) -> Result<[u8; 16], String> {
    let wrong = || format!("`{text:.40}` is no fingerprint: expected 32 hexadecimal digits");
    let mut bytes = [0; 16];
    if text.len() != 32 || !text.is_ascii() {
        return Err(wrong());
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}
