//! What an agent's request means.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::{About, Check, Decision, Facts, Focus, NewDelivery, Telling};
use crate::channel::{Requirement, ValueKind, fill};
use crate::delivery::Work;
use crate::interaction::{AgentId, Interaction, Placement, UserData};
use crate::json::{self, Members};
use crate::lifecycle::{Direction, Event, Next, Operation, Source, State, Tells, step};
use crate::notify::NoteKind;
use crate::operation::{Asked, Parameters, Refusal, Request, StatusCode, TransferTarget};

/// Decides a request on an interaction that belongs to the agent.
pub fn decide(
    interaction: &Interaction,
    request: &Request<'_>,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let source = interaction.source();
    let operation = match request.asked() {
        Asked::Core(operation) => operation,
        Asked::Channel(index) => return channel_operation(Some(interaction), index, request, facts),
    };
    let rule = step(source, Event::Agent(operation)).ok_or_else(|| forbidden(source, request, facts))?;
    let parameters = request.parameters();
    let mut decision = match operation {
        Operation::Create => return Err(forbidden(source, request, facts)),
        Operation::Save => save(interaction, request, facts)?,
        Operation::Send => send(interaction, request, facts)?,
        Operation::Reply => return reply(interaction, parameters, facts),
        Operation::Transfer => transfer(interaction, parameters, facts)?,
        Operation::Complete => complete(interaction, parameters, facts)?,
        Operation::Accept => accept(interaction, parameters)?,
        Operation::Reject => Decision { focus: Focus::Dropped, ..returned(interaction, facts.agent, true) },
        Operation::Cancel => Decision::of(interaction.clone()),
        Operation::AttachUserData | Operation::UpdateUserData => {
            write_user_data(interaction, parameters, facts)?
        }
        Operation::DeleteUserData => {
            let keys = parameters.required_strings("keys")?;
            Decision::of(Interaction {
                user_data: interaction.user_data.without(&keys),
                ..interaction.clone()
            })
        }
        Operation::SetDisposition => set_disposition(interaction, parameters, facts)?,
        Operation::AddComment => {
            let comment = parameters.required_string("comment", "a text")?;
            facts.check_text("comment", &comment)?;
            Decision::of(Interaction { comment: Some(comment.into()), ..interaction.clone() })
        }
        Operation::SetInFocus => Decision { focus: Focus::Taken, ..Decision::of(interaction.clone()) },
    };
    if let (Next::State(state), Some(after)) = (rule.next, &mut decision.after) {
        after.state = state;
    }
    debug_assert!(rule.leads_to(decision.after.as_ref().map(|after| after.state)));
    if decision.told.is_empty() {
        decision.told.push(Telling::answer(facts.agent, About::After, note_kind(rule.tells)));
    }
    Ok(decision)
}

/// Decides a request on the collection: no interaction is named.
pub fn decide_on_collection(request: &Request<'_>, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let parameters = request.parameters();
    match request.asked() {
        Asked::Channel(index) => channel_operation(None, index, request, facts),
        Asked::Core(operation) => {
            let rule = step(Source::Collection, Event::Agent(operation))
                .ok_or_else(|| forbidden(Source::Collection, request, facts))?;
            create(parameters, facts, rule.tells)
        }
    }
}

fn create(parameters: Parameters<'_, '_>, facts: &Facts<'_>, tells: Tells) -> Result<Decision, Refusal> {
    let queue_path = parameters.queue_path("queuePath")?;
    let user_data = user_data_over(&UserData::empty(), parameters, facts, false)?;
    queue_path.iter().try_for_each(|queue| facts.check_queue(queue))?;
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
        created: Some(draft),
        told: vec![Telling::answer(facts.agent, About::Created, note_kind(tells))],
        ..Decision::default()
    })
}

fn save(interaction: &Interaction, request: &Request<'_>, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let object = request.message_object()?.unwrap_or_default();
    written(interaction, &object, facts).map(Decision::of)
}

fn send(interaction: &Interaction, request: &Request<'_>, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let parameters = request.parameters();
    let manifest = facts.manifest;
    let queue_path = parameters.required_queue_path("queuePath")?;
    facts.check_queue(&queue_path)?;
    let saves_last_agent = parameters.flag("saveLAR")?.unwrap_or(false);
    let object = request.message_object()?.unwrap_or_default();
    let mut after = written(interaction, &object, facts)?;

    let member = |name: &str| format!("{}.{name}", manifest.resource);
    let from = after.from.clone().filter(|from| !from.is_empty());
    let from = from.ok_or_else(|| Refusal::missing(&member("from"), "the name of an account"))?;
    let text = after.message.clone().filter(|text| !text.is_empty() && !after.message_is_parents);
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
    let account = manifest.account(&from).ok_or_else(|| unknown_account(&member("from"), &from, facts))?;
    check_attachments(after.extras.as_deref(), facts)?;

    let fact = |name: &str| match name {
        "agent.id" => Some(Cow::Borrowed(facts.agent.as_str())),
        "engine.name" => Some(Cow::Borrowed(facts.engine_name)),
        _ => None,
    };
    let missing: serde_json::Map<_, _> = account
        .send_defaults
        .iter()
        .filter(|(key, _)| !after.user_data.contains(key))
        .map(|(key, value)| (key.clone(), fill(value, fact)))
        .collect();
    let facts_of_account: serde_json::Map<_, _> =
        account.send_user_data.iter().map(|(key, value)| (key.clone(), fill(value, fact))).collect();
    after.user_data = after.user_data.with(&facts_of_account).with(&missing);
    after.queue_path = Some(queue_path.clone());

    let bytes = text.len()
        + after.user_data.as_raw().get().len()
        + after.extras.as_ref().map_or(0, |extras| extras.get().len());
    let mut decision = Decision::of(after);
    decision.needs.check = Some(Check {
        account: from.clone(),
        text,
        extras: decision.after.as_ref().and_then(|after| after.extras.clone()),
    });
    decision.needs.contact = true;
    decision.records_last_agent = saves_last_agent;
    decision.delivery =
        Some(NewDelivery { account: from, work: Work::Publish, queue_path: Some(queue_path), bytes });
    Ok(decision)
}

fn reply(
    parent: &Interaction,
    parameters: Parameters<'_, '_>,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let manifest = facts.manifest;
    let queue_path = parameters.required_queue_path("queuePath")?;
    facts.check_queue(&queue_path)?;
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
    let user_data = user_data_over(&UserData::empty().with(&prepared), parameters, facts, false)?;
    let draft = Interaction {
        owner: Some(facts.agent.clone()),
        parent_id: Some(parent.id),
        contact_id: parent.contact_id.clone(),
        message: parent.message.clone(),
        message_is_parents: parent.message.is_some(),
        user_data,
        queue_path: Some(queue_path),
        ..Interaction::blank(parent.channel.clone(), Direction::Outbound, State::Composing, facts.now_ms)
    };
    Ok(Decision {
        created: Some(draft),
        told: vec![Telling::answer(facts.agent, About::Created, NoteKind::StatusChange)],
        ..Decision::default()
    })
}

fn transfer(
    interaction: &Interaction,
    parameters: Parameters<'_, '_>,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let target = parameters.transfer_target()?;
    let left = Telling::answer(facts.agent, About::After, NoteKind::StatusChange).left();
    let mut decision = Decision { focus: Focus::Dropped, ..Decision::default() };
    let mut after = interaction.clone();
    match target {
        TransferTarget::Agent(target) => {
            after.state = State::Invited;
            after.assigned_to = Some(target.clone());
            after.transferred_by = Some(facts.agent.clone());
            after.owner = Some(target.clone());
            decision.told = vec![left, Telling::news(&target, NoteKind::StatusChange)];
            decision.needs.agent = Some(target);
        }
        TransferTarget::Queue(queue) => {
            facts.check_queue(&queue)?;
            after.state = State::Queued;
            after.assigned_to = None;
            after.transferred_by = None;
            after.owner = None;
            after.placement = Some(Placement { queue, since_ms: facts.now_ms, number: 0 });
            decision.told = vec![left];
        }
    }
    decision.after = Some(after);
    Ok(decision)
}

fn complete(
    interaction: &Interaction,
    parameters: Parameters<'_, '_>,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let queue = parameters.queue_path("queuePath")?;
    let saves_last_agent = parameters.flag("saveLAR")?.unwrap_or(false);
    queue.iter().try_for_each(|queue| facts.check_queue(queue))?;
    let placement = queue.map(|queue| Placement { queue, since_ms: facts.now_ms, number: 0 });
    let after = Interaction { placement, ..interaction.clone() };
    Ok(Decision { records_last_agent: saves_last_agent, ..Decision::of(after) })
}

fn accept(interaction: &Interaction, parameters: Parameters<'_, '_>) -> Result<Decision, Refusal> {
    let saves_last_agent = parameters.flag("saveLAR")?.unwrap_or(false);
    let after = Interaction { transferred_by: None, ..interaction.clone() };
    Ok(Decision { records_last_agent: saves_last_agent, ..Decision::of(after) })
}

/// An invitation that was not taken: back to its queue, or to the agent who transferred the draft.
pub(super) fn returned(interaction: &Interaction, invited: &AgentId, is_answer: bool) -> Decision {
    let left = Telling { is_answer, ..Telling::news(invited, NoteKind::StatusChange).left() };
    let mut after =
        Interaction { assigned_to: None, transferred_by: None, owner: None, ..interaction.clone() };
    let mut told = vec![left];
    match (&interaction.placement, &interaction.transferred_by) {
        (None, Some(former)) => {
            after.state = State::Composing;
            after.owner = Some(former.clone());
            told.push(Telling::news(former, NoteKind::StatusChange));
        }
        // What nobody transferred was offered from a queue.
        _ => after.state = State::Queued,
    }
    Decision { told, ..Decision::of(after) }
}

fn write_user_data(
    interaction: &Interaction,
    parameters: Parameters<'_, '_>,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let user_data = user_data_over(&interaction.user_data, parameters, facts, true)?;
    Ok(Decision::of(Interaction { user_data, ..interaction.clone() }))
}

fn set_disposition(
    interaction: &Interaction,
    parameters: Parameters<'_, '_>,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let disposition = parameters.required_string("disposition", "the disposition, as `resolved`")?;
    let key = parameters.string("dispositionKey")?.unwrap_or(Cow::Borrowed("DISP_KEY"));
    let user_data = interaction.user_data.with_text(&key, &disposition);
    facts.check_user_data(&user_data)?;
    Ok(Decision::of(Interaction { user_data, ..interaction.clone() }))
}

/// An operation that the channel adds: accepted at once, finished in delivery.
fn channel_operation(
    interaction: Option<&Interaction>,
    index: usize,
    request: &Request<'_>,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let source = interaction.map_or(Source::Collection, Interaction::source);
    if !facts.lifecycle.permits(source, index, facts.abilities) {
        return Err(forbidden(source, request, facts));
    }
    let operation = &facts.lifecycle.channel_operations()[index];
    let parameters = request.parameters();
    let mut given = serde_json::Map::new();
    for (name, requirement) in operation.parameters() {
        match (parameters.string(name)?, requirement) {
            (Some(value), _) => {
                given.insert(name.to_owned(), value.into_owned().into());
            }
            (None, Requirement::Required) => return Err(Refusal::missing(name, "a string")),
            (None, Requirement::Optional) => {}
        }
    }
    let account = operating_account(interaction, &given, &operation.name, facts)?;
    let parameters: Arc<RawValue> = json::raw(&given).into();
    // The interaction itself changes when the operation has finished.
    Ok(Decision {
        delivery: Some(NewDelivery {
            account,
            bytes: parameters.get().len(),
            work: Work::Operation { name: operation.name.as_str().into(), parameters },
            queue_path: None,
        }),
        ..Decision::default()
    })
}

/// The account that does a channel's operation: the one named, the one the interaction came to, or the
/// only one that can.
fn operating_account(
    interaction: Option<&Interaction>,
    given: &serde_json::Map<String, Value>,
    operation: &str,
    facts: &Facts<'_>,
) -> Result<Arc<str>, Refusal> {
    let able = |name: &str| {
        facts
            .manifest
            .account(name)
            .is_some_and(|account| account.operations.iter().any(|known| known == operation))
    };
    if let Some(from) = given.get("from").and_then(Value::as_str) {
        return match facts.manifest.account(from) {
            None => Err(unknown_account("from", from, facts)),
            Some(_) if !able(from) => Err(Refusal::invalid(
                "from",
                format_args!("names account `{from}`, which can't do {operation}"),
            )),
            Some(_) => Ok(from.into()),
        };
    }
    if let Some(account) = interaction.and_then(|interaction| interaction.account.clone())
        && able(&account)
    {
        return Ok(account);
    }
    let mut candidates = facts.manifest.accounts.iter().filter(|account| able(&account.name));
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Ok(only.name.as_str().into()),
        _ => Err(Refusal::missing("from", "the name of the account that is to do it")),
    }
}

/// The draft with `from`, `message` and what else the object carries.
fn written(
    interaction: &Interaction,
    object: &Members<'_>,
    facts: &Facts<'_>,
) -> Result<Interaction, Refusal> {
    let manifest = facts.manifest;
    let text = |name: &str| {
        Parameters::new(object).string(name).map_err(|_| {
            let found = object.get(name).map_or("nothing", json::kind);
            Refusal::invalid(
                &format!("{}.{name}", manifest.resource),
                format_args!("must be a string, not {found}"),
            )
        })
    };
    let mut after = interaction.clone();
    if let Some(message) = text("message")? {
        facts.check_text(&format!("{}.message", manifest.resource), &message)?;
        after.message = Some(message.into());
        after.message_is_parents = false;
    }
    if let Some(from) = text("from")? {
        facts.check_text(&format!("{}.from", manifest.resource), &from)?;
        if let Some(key) = &manifest.mirror_from {
            after.user_data = after.user_data.with_text(key, &from);
        }
        after.from = Some(from.into());
    }
    let extras: Vec<_> = object.iter().filter(|(name, _)| !matches!(*name, "from" | "message")).collect();
    if !extras.is_empty() {
        let kept =
            interaction.extras.as_deref().map(|extras| Members::parse(extras.get()).unwrap_or_default());
        let entries = extras.iter().map(|&(name, value)| (Cow::Borrowed(name), value));
        let extras = kept.unwrap_or_default().overwritten(entries).write();
        facts.check_text(&manifest.resource, extras.get())?;
        after.extras = Some(extras.into());
    }
    facts.check_user_data(&after.user_data)?;
    Ok(after)
}

/// User data with what `userData` holds. Limits are judged on the whole.
fn user_data_over(
    before: &UserData,
    parameters: Parameters<'_, '_>,
    facts: &Facts<'_>,
    is_required: bool,
) -> Result<UserData, Refusal> {
    let Some(additions) = parameters.user_data("userData")? else {
        return if is_required {
            Err(Refusal::missing("userData", "an object with the keys to write"))
        } else {
            Ok(before.clone())
        };
    };
    let user_data = before.merged(&additions);
    facts.check_user_data(&user_data)?;
    Ok(user_data)
}

fn check_attachments(extras: Option<&RawValue>, facts: &Facts<'_>) -> Result<(), Refusal> {
    let Some(extras) = extras else { return Ok(()) };
    let members = Members::parse(extras.get()).unwrap_or_default();
    let Some(attachments) = members.get("attachments") else { return Ok(()) };
    let name = format!("{}.attachments", facts.manifest.resource);
    let count = serde_json::from_str::<Vec<&RawValue>>(attachments.get())
        .map_err(|_| {
            Refusal::invalid(&name, format_args!("must be an array, not {}", json::kind(attachments)))
        })?
        .len();
    let most = facts.manifest.limits.attachments;
    if count > most {
        return Err(Refusal::out_of_range(format!(
            "`{name}` lists {count} attachments: at most {most} are allowed"
        )));
    }
    Ok(())
}

fn forbidden(source: Source, request: &Request<'_>, facts: &Facts<'_>) -> Refusal {
    let allowed: Vec<_> = facts.lifecycle.allowed(source, facts.abilities).collect();
    let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
    let name = request.name(facts.lifecycle);
    let place = match source {
        Source::Collection => "on the collection".to_owned(),
        Source::At(_, state) => format!("in state {}", state.name()),
    };
    Refusal::new(StatusCode::Forbidden, format!("{name} is not allowed {place}; allowed there: {allowed}"))
}

fn unknown_account(parameter: &str, name: &str, facts: &Facts<'_>) -> Refusal {
    let mut known: Vec<_> = facts.manifest.accounts.iter().map(|account| account.name.as_str()).collect();
    known.sort_unstable();
    let rest = known.len().saturating_sub(10);
    known.truncate(10);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Refusal::invalid(
        parameter,
        format_args!(
            "names an unknown account `{name:.64}`; the accounts of {} are: {known}{more}",
            facts.manifest.channel
        ),
    )
}

pub(super) fn note_kind(tells: Tells) -> NoteKind {
    match tells {
        Tells::Saved => NoteKind::Saved,
        Tells::PropertiesUpdated => NoteKind::PropertiesUpdated,
        Tells::StatusChange | Tells::Error | Tells::Nothing => NoteKind::StatusChange,
    }
}

impl Decision {
    /// The interaction will stand so.
    pub(super) fn of(after: Interaction) -> Self {
        Self { after: Some(after), ..Self::default() }
    }
}
