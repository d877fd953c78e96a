//! Drafts: begun, written, sent.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;
use smallvec::smallvec;

use super::agent::{note_kind, user_data_over};
use super::operate::unknown_account;
use super::{About, Check, Decision, Facts, NewDelivery, Telling, WOULD_HAVE};
use crate::bounds::check_declared;
use crate::channel::{ValueKind, fill};
use crate::delivery::Work;
use crate::interaction::{Details, Interaction, UserData};
use crate::json::{self, Members, Set, Text};
use crate::lifecycle::{Direction, State, Tells};
use crate::notify::NoteKind;
use crate::operation::{Parameters, Refusal, Request, StatusCode};

pub(super) fn create(
    parameters: Parameters<'_, '_>,
    facts: &Facts<'_>,
    tells: Tells,
) -> Result<Decision, Refusal> {
    let queue_path = parameters.queue_path("queuePath")?;
    let user_data = user_data_over(&UserData::empty(), parameters, facts, false)?;
    queue_path.iter().try_for_each(|queue| check_declared(facts.queues, queue))?;
    let draft = Interaction {
        owner: Some(facts.agent.clone()),
        user_data,
        queue_path,
        ..Interaction::blank(
            facts.manifest.channel.as_str().into(),
            Direction::Outbound,
            State::Composing,
            facts.now_ms,
        )
    };
    Ok(Decision {
        created: Some(draft.into()),
        told: smallvec![Telling::answer(facts.agent, About::Created, note_kind(tells))],
        ..Decision::default()
    })
}

pub(super) fn send(
    after: &mut Interaction,
    before: &Interaction,
    request: &Request<'_>,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let parameters = request.parameters();
    let manifest = facts.manifest;
    let queue_path = parameters.required_queue_path("queuePath")?;
    check_declared(facts.queues, &queue_path)?;
    let saves_last_agent = parameters.flag("saveLAR")?.unwrap_or(false);
    save(after, before, request, facts)?;

    let member = |name: &str| format!("{}.{name}", manifest.resource);
    let from = after.from.clone().filter(|from| !from.is_empty());
    let from = from.ok_or_else(|| Refusal::missing(&member("from"), "the name of an account"))?;
    let text = after.message.as_ref().filter(|text| !text.is_empty() && !after.message_is_parents);
    let text = text.ok_or_else(|| {
        Refusal::missing(
            &member("message"),
            if after.message_is_parents {
                "a text of your own: what stands there is the text of the interaction that is answered"
            } else {
                "the text to send"
            },
        )
    })?;
    let stamp = facts.stamps.of(&from).ok_or_else(|| unknown_account(&member("from"), &from, facts))?;
    check_attachments(after.extras.as_deref(), facts)?;

    after.user_data = after.user_data.stamped(stamp, facts.agent);
    after.queue_path = Some(queue_path.clone());

    let bytes = text.len()
        + after.user_data.as_str().len()
        + after.extras.as_ref().map_or(0, |extras| extras.get().len());
    let check = facts.judges.then(|| {
        let (text, extras, user_data) = (text.clone(), after.extras.clone(), after.user_data.clone());
        Arc::new(Check { account: from.clone(), text, extras, user_data })
    });
    let mut decision = Decision::default();
    decision.needs.check = check;
    decision.needs.contact = true;
    decision.records_last_agent = saves_last_agent;
    decision.delivery =
        Some(NewDelivery { account: from, work: Work::Publish, queue_path: Some(queue_path), bytes });
    Ok(decision)
}

pub(super) fn reply(
    parent: &Interaction,
    parameters: Parameters<'_, '_>,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let manifest = facts.manifest;
    let queue_path = parameters.required_queue_path("queuePath")?;
    check_declared(facts.queues, &queue_path)?;
    let mut given = serde_json::Map::new();
    for parameter in &manifest.reply_parameters {
        let value = match parameter.kind {
            ValueKind::String => parameters.string(&parameter.name)?.map(Cow::into_owned),
            ValueKind::Boolean => parameters.flag(&parameter.name)?.map(|flag| flag.to_string()),
        };
        if let Some(value) = value {
            given.insert(parameter.user_data.clone(), value.into());
        }
    }
    let known = |key: &String| {
        given.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
            || parent.user_data.text(key).is_some_and(|text| !text.is_empty())
    };
    if let Some(lacking) = manifest.reply_needs.iter().find(|needed| !needed.keys().iter().any(known)) {
        return Err(Refusal::new(
            StatusCode::Invalid,
            format!(
                "interaction {} can't be replied to: its user data lacks `{}`, by which the platform knows it",
                parent.id,
                lacking.keys().join("` or `")
            ),
        ));
    }

    let fact = |name: &str| {
        let key = name.strip_prefix("parent.")?;
        Some(parent.user_data.text(key).unwrap_or_default().into())
    };
    // A template of which the parent knows nothing leaves no empty key behind.
    let mut prepared: serde_json::Map<_, _> = manifest
        .reply_user_data
        .iter()
        .map(|(key, value)| (key.clone(), fill(value, fact)))
        .filter(|(key, value)| value != "" || manifest.reply_user_data[key] == "")
        .collect();
    prepared.extend(given);
    let user_data = user_data_over(&UserData::empty().with_values(&prepared), parameters, facts, false)?;
    let draft = Interaction {
        owner: Some(facts.agent.clone()),
        contact_id: parent.contact_id.clone(),
        message: parent.message.clone(),
        message_is_parents: parent.message.is_some(),
        user_data,
        queue_path: Some(queue_path),
        more: Details { parent_id: Some(parent.id), ..Details::default() }.into(),
        ..Interaction::blank(parent.channel.clone(), Direction::Outbound, State::Composing, facts.now_ms)
    };
    Ok(Decision {
        created: Some(draft.into()),
        told: smallvec![Telling::answer(facts.agent, About::Created, NoteKind::StatusChange)],
        ..Decision::default()
    })
}

/// Writes `from`, `message` and what else the object carries into the draft.
pub(super) fn save(
    after: &mut Interaction,
    before: &Interaction,
    request: &Request<'_>,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    let Some(object) = request.message_object()? else { return Ok(()) };
    let manifest = facts.manifest;
    let text = |name: &str| {
        Parameters::new(object).string(name).map_err(|_| {
            let found = object.get(name).map_or("nothing", Text::kind);
            Refusal::invalid(
                &format!("{}.{name}", manifest.resource),
                format_args!("must be a string, not {found}"),
            )
        })
    };
    if let Some(message) = text("message")? {
        facts.limits.check_text(format_args!("{}.message", manifest.resource), &message)?;
        after.message = Some(message.into());
        after.message_is_parents = false;
    }
    if let Some(from) = text("from")? {
        facts.limits.check_text(format_args!("{}.from", manifest.resource), &from)?;
        if let Some(key) = &manifest.mirror_from {
            after.user_data = after.user_data.with_text(key, &from);
        }
        after.from = Some(from.into());
    }
    attachments(object, facts)?;
    let others = object.iter().filter(|(name, _)| !matches!(*name, "from" | "message"));
    let extras: Vec<_> = others.map(|(name, value)| Set::always(name, value)).collect();
    if !extras.is_empty() {
        let kept = before.extras.as_deref().map_or("{}", RawValue::get);
        let mut object = String::new();
        json::write_over(kept, &extras, &mut object);
        let extras = RawValue::from_string(object).expect("an object that we wrote is JSON");
        facts.limits.check_text(&manifest.resource, extras.get())?;
        after.extras = Some(extras.into());
    }
    // What the engine or a channel wrote is not the agent's fault: a draft that came back with more than
    // is allowed can still be saved and sent as it is.
    if after.user_data != before.user_data {
        facts.limits.check_user_data(WOULD_HAVE, &after.user_data)?;
    }
    Ok(())
}

/// Refuses more attachments than the channel takes.
fn check_attachments(extras: Option<&RawValue>, facts: &Facts<'_>) -> Result<(), Refusal> {
    let Some(extras) = extras else { return Ok(()) };
    let count = attachments(&Members::parse(extras.get()).unwrap_or_default(), facts)?;
    let most = facts.manifest.limits.attachments;
    if count > most {
        return Err(Refusal::out_of_range(format!(
            "`{}.attachments` lists {count} attachments: at most {most} are allowed",
            facts.manifest.resource
        )));
    }
    Ok(())
}

/// How many attachments the object lists.
fn attachments(object: &Members<'_>, facts: &Facts<'_>) -> Result<usize, Refusal> {
    let Some(list) = object.get("attachments") else { return Ok(0) };
    list.items().map(|items| items.len()).ok_or_else(|| {
        Refusal::invalid(
            &format!("{}.attachments", facts.manifest.resource),
            format_args!("must be an array, not {}", list.kind()),
        )
    })
}
