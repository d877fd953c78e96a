//! How records are written: compact JSON with a format number, whose names are for ever. Texts from
//! outside stay the texts they were.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::checksum::crc32;
use super::text::{self, FORMAT};
use crate::channel::Outcome;
use crate::delivery::{Delivery, Stage, Work};
use crate::interaction::{AgentId, Details, Id, Interaction, Placement, UserData};
use crate::lifecycle::{Direction, State};
use crate::operation::QueuePath;

/// Why a record can't be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RecordError {
    #[error("its bytes are not those that were written")]
    Checksum,
    #[error("it has format {0}, this version knows format {FORMAT}")]
    Format(u32),
    #[error("{0}")]
    Json(String),
    #[error("its member `{0}` can't be read")]
    Member(&'static str),
}

/// A record as it is stored.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) checksum: u32,
}

impl Written {
    fn of(form: &impl Serialize) -> Self {
        let text = crate::json::raw(form).get().to_owned();
        Self { checksum: crc32(text.as_bytes()), text }
    }
}

fn read<'a, T: Deserialize<'a>>(text: &'a str, checksum: u32) -> Result<T, RecordError> {
    if crc32(text.as_bytes()) != checksum {
        return Err(RecordError::Checksum);
    }
    serde_json::from_str(text).map_err(|error| RecordError::Json(error.to_string()))
}

fn check_format(format: u32) -> Result<(), RecordError> {
    if format == FORMAT { Ok(()) } else { Err(RecordError::Format(format)) }
}

/// As [`text::write_interaction`] writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InteractionForm<'a> {
    format: u32,
    id: Cow<'a, str>,
    version: u64,
    number: u64,
    channel: Cow<'a, str>,
    direction: Cow<'a, str>,
    state: Cow<'a, str>,
    #[serde(default)]
    owner: Option<Cow<'a, str>>,
    #[serde(default)]
    from: Option<Cow<'a, str>>,
    #[serde(default)]
    message: Option<Cow<'a, str>>,
    #[serde(default)]
    message_is_parents: bool,
    #[serde(default)]
    comment: Option<Cow<'a, str>>,
    #[serde(default)]
    contact_id: Option<Cow<'a, str>>,
    #[serde(default)]
    parent_id: Option<Cow<'a, str>>,
    #[serde(default)]
    received_date: Option<Cow<'a, str>>,
    #[serde(default)]
    assigned_to: Option<Cow<'a, str>>,
    #[serde(default)]
    transferred_by: Option<Cow<'a, str>>,
    #[serde(default)]
    account: Option<Cow<'a, str>>,
    user_data: Cow<'a, RawValue>,
    #[serde(default)]
    extras: Option<Cow<'a, RawValue>>,
    #[serde(default)]
    queue_path: Option<Cow<'a, str>>,
    #[serde(default)]
    placement: Option<PlacementForm<'a>>,
    #[serde(default)]
    delivery: Option<Cow<'a, str>>,
    created_ms: i64,
    #[serde(default)]
    ended_ms: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlacementForm<'a> {
    queue: Cow<'a, str>,
    since_ms: i64,
    number: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeliveryForm<'a> {
    format: u32,
    id: Cow<'a, str>,
    version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interaction: Option<Cow<'a, str>>,
    channel: Cow<'a, str>,
    account: Cow<'a, str>,
    agent: Cow<'a, str>,
    reference_id: u64,
    /// None: to publish the interaction's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<OperationForm<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queue_path: Option<Cow<'a, str>>,
    accepted_ms: i64,
    bytes: usize,
    stage: StageForm,
    attempts: u32,
    looks: u32,
    started_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_outcome: Option<Cow<'a, Outcome>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unresolved: bool,
}

#[derive(Serialize, Deserialize)]
struct OperationForm<'a> {
    name: Cow<'a, str>,
    parameters: Cow<'a, RawValue>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum StageForm {
    Pending { due_ms: i64 },
    Intended,
    Doubtful { due_ms: i64 },
    Awaiting { handle: Value, due_ms: i64 },
    Settled,
}

pub(super) fn write_interaction(interaction: &Interaction) -> Written {
    let user_data = interaction.user_data.as_str();
    let mut written = String::with_capacity(text::length(interaction) + user_data.len());
    text::write_interaction(&mut written, interaction, user_data);
    Written { checksum: crc32(written.as_bytes()), text: written }
}

pub(super) fn read_interaction(stored: &str, checksum: u32) -> Result<Interaction, RecordError> {
    interaction(read(stored, checksum)?, UserData::stored)
}

/// Reads an interaction whose user data may be as it was before: then it is written as null, and read as empty. The
/// text was guarded by another checksum.
pub(super) fn read_change(text: &str) -> Result<(Interaction, bool), RecordError> {
    let form = serde_json::from_str(text).map_err(|error| RecordError::Json(error.to_string()))?;
    let mut is_as_before = false;
    let user_data = |object: &RawValue| {
        is_as_before = object.get() == text::AS_BEFORE;
        if is_as_before { Some(UserData::empty()) } else { UserData::stored(object) }
    };
    let interaction = interaction(form, user_data)?;
    Ok((interaction, is_as_before))
}

fn interaction(
    form: InteractionForm<'_>,
    user_data: impl FnOnce(&RawValue) -> Option<UserData>,
) -> Result<Interaction, RecordError> {
    check_format(form.format)?;
    let more = Details {
        comment: form.comment.map(Into::into),
        parent_id: parse(form.parent_id, "parentId", parse_id)?,
        received_date: form.received_date.map(Into::into),
        assigned_to: parse(form.assigned_to, "assignedTo", parse_agent)?,
        transferred_by: parse(form.transferred_by, "transferredBy", parse_agent)?,
        account: form.account.map(Into::into),
        placement: form
            .placement
            .map(|placement| {
                Ok::<_, RecordError>(Placement {
                    queue: parse_queue("placement", &placement.queue)?,
                    since_ms: placement.since_ms,
                    number: placement.number,
                })
            })
            .transpose()?,
        ended_ms: form.ended_ms,
    }
    .into();
    Ok(Interaction {
        id: parse_id("id", &form.id)?,
        version: form.version,
        number: form.number,
        channel: form.channel.into(),
        direction: Direction::named(&form.direction).ok_or(RecordError::Member("direction"))?,
        state: State::named(&form.state).ok_or(RecordError::Member("state"))?,
        owner: parse(form.owner, "owner", parse_agent)?,
        from: form.from.map(Into::into),
        message: form.message.map(Into::into),
        message_is_parents: form.message_is_parents,
        contact_id: form.contact_id.map(Into::into),
        user_data: user_data(&form.user_data).ok_or(RecordError::Member("userData"))?,
        extras: form.extras.map(|extras| extras.into_owned().into()),
        queue_path: parse(form.queue_path, "queuePath", parse_queue)?,
        created_ms: form.created_ms,
        delivery: parse(form.delivery, "delivery", parse_id)?,
        more,
    })
}

pub(super) fn write_delivery(delivery: &Delivery) -> Written {
    Written::of(&DeliveryForm {
        format: FORMAT,
        id: delivery.id.as_str().into(),
        version: delivery.version,
        interaction: id(delivery.interaction.as_ref()),
        channel: Cow::Borrowed(&delivery.channel),
        account: Cow::Borrowed(&delivery.account),
        agent: delivery.agent.as_str().into(),
        reference_id: delivery.reference_id,
        operation: match &delivery.work {
            Work::Publish => None,
            Work::Operation { name, parameters } => {
                Some(OperationForm { name: Cow::Borrowed(name), parameters: Cow::Borrowed(parameters) })
            }
        },
        queue_path: queue(delivery.queue_path.as_ref()),
        accepted_ms: delivery.accepted_ms,
        bytes: delivery.bytes,
        stage: match &delivery.stage {
            Stage::Pending { due_ms } => StageForm::Pending { due_ms: *due_ms },
            Stage::Intended => StageForm::Intended,
            Stage::Doubtful { due_ms } => StageForm::Doubtful { due_ms: *due_ms },
            Stage::Awaiting { handle, due_ms } => {
                StageForm::Awaiting { handle: handle.clone(), due_ms: *due_ms }
            }
            Stage::Settled => StageForm::Settled,
        },
        attempts: delivery.attempts,
        looks: delivery.looks,
        started_ms: delivery.started_ms,
        ended_ms: delivery.ended_ms,
        last_outcome: delivery.last_outcome.as_ref().map(Cow::Borrowed),
        unresolved: delivery.unresolved,
    })
}

pub(super) fn read_delivery(stored: &str, checksum: u32) -> Result<Delivery, RecordError> {
    let form: DeliveryForm<'_> = read(stored, checksum)?;
    check_format(form.format)?;
    Ok(Delivery {
        id: parse_id("id", &form.id)?,
        version: form.version,
        interaction: parse(form.interaction, "interaction", parse_id)?,
        channel: form.channel.into(),
        account: form.account.into(),
        agent: parse_agent("agent", &form.agent)?,
        reference_id: form.reference_id,
        work: form.operation.map_or(Work::Publish, |operation| Work::Operation {
            name: operation.name.into(),
            parameters: operation.parameters.into_owned().into(),
        }),
        queue_path: parse(form.queue_path, "queuePath", parse_queue)?,
        accepted_ms: form.accepted_ms,
        bytes: form.bytes,
        stage: match form.stage {
            StageForm::Pending { due_ms } => Stage::Pending { due_ms },
            StageForm::Intended => Stage::Intended,
            StageForm::Doubtful { due_ms } => Stage::Doubtful { due_ms },
            StageForm::Awaiting { handle, due_ms } => Stage::Awaiting { handle, due_ms },
            StageForm::Settled => Stage::Settled,
        },
        attempts: form.attempts,
        looks: form.looks,
        started_ms: form.started_ms,
        ended_ms: form.ended_ms,
        last_outcome: form.last_outcome.map(Cow::into_owned),
        unresolved: form.unresolved,
    })
}

fn id(value: Option<&Id>) -> Option<Cow<'_, str>> {
    value.map(|value| Cow::Borrowed(value.as_str()))
}

fn queue(value: Option<&QueuePath>) -> Option<Cow<'_, str>> {
    value.map(|value| Cow::Borrowed(value.as_str()))
}

fn parse<T>(
    value: Option<Cow<'_, str>>,
    member: &'static str,
    parse: impl Fn(&'static str, &str) -> Result<T, RecordError>,
) -> Result<Option<T>, RecordError> {
    value.map(|value| parse(member, &value)).transpose()
}

fn parse_id(member: &'static str, value: &str) -> Result<Id, RecordError> {
    Id::parse(value).map_err(|_| RecordError::Member(member))
}

fn parse_agent(member: &'static str, value: &str) -> Result<AgentId, RecordError> {
    AgentId::parse(value).map_err(|_| RecordError::Member(member))
}

fn parse_queue(member: &'static str, value: &str) -> Result<QueuePath, RecordError> {
    QueuePath::parse(value).map_err(|_| RecordError::Member(member))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stored form is for ever: these texts must be read by every later version.
    const INTERACTION: &str = r#"{"format":1,"id":"A","version":3,"number":7,"channel":"twitter","direction":"Inbound","state":"Queued","owner":"a1","from":"f","message":"m \"ü\"","messageIsParents":true,"comment":"c","contactId":"k","parentId":"P","receivedDate":"d","assignedTo":"a2","transferredBy":"a3","account":"desk","userData":{"b":1.50,"a":12345678901234567890123},"extras":{"x":1e400},"queuePath":"/queues/q","placement":{"queue":"/contacts/c","sinceMs":5,"number":8},"delivery":"D","createdMs":9}"#;
    const DELIVERY: &str = r#"{"format":1,"id":"D","version":2,"interaction":"A","channel":"twitter","account":"desk","agent":"a1","referenceId":4,"operation":{"name":"Follow","parameters":{"from":"desk"}},"queuePath":"/queues/q","acceptedMs":1,"bytes":6,"stage":{"kind":"awaiting","handle":{"h":[1]},"dueMs":3},"attempts":1,"looks":2,"startedMs":2,"endedMs":3,"lastOutcome":{"outcome":"rate-limited","untilMs":9}}"#;

    #[test]
    fn the_stored_form_stays() {
        let interaction = read_interaction(INTERACTION, crc32(INTERACTION.as_bytes())).unwrap();
        assert_eq!(write_interaction(&interaction).text, INTERACTION);
        let delivery = read_delivery(DELIVERY, crc32(DELIVERY.as_bytes())).unwrap();
        assert_eq!(write_delivery(&delivery).text, DELIVERY);
        for stage in ["pending", "intended", "doubtful", "settled"] {
            let due = if matches!(stage, "pending" | "doubtful") { ",\"dueMs\":3" } else { "" };
            let text = DELIVERY.replace(
                r#"{"kind":"awaiting","handle":{"h":[1]},"dueMs":3}"#,
                &format!("{{\"kind\":\"{stage}\"{due}}}"),
            );
            assert_eq!(write_delivery(&read_delivery(&text, crc32(text.as_bytes())).unwrap()).text, text);
        }
    }

    #[test]
    fn a_changed_byte_and_a_later_format_are_refused() {
        let wrong = read_interaction(&INTERACTION.replace("\"f\"", "\"g\""), crc32(INTERACTION.as_bytes()));
        assert_eq!(wrong.unwrap_err(), RecordError::Checksum);
        let later = INTERACTION.replace("\"format\":1", "\"format\":2");
        assert_eq!(read_interaction(&later, crc32(later.as_bytes())).unwrap_err(), RecordError::Format(2));
    }
}
