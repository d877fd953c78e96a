//! What an agent's request means.

use std::borrow::Cow;

use smallvec::smallvec;

use super::draft::{create, reply, save, send};
use super::operate::channel_operation;
use super::{About, Decision, Facts, Focus, Telling, Tellings, WOULD_HAVE};
use crate::bounds::check_declared;
use crate::interaction::{AgentId, Interaction, Placement, UserData};
use crate::lifecycle::{Event, Next, Operation, Source, State, Tells, step};
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
    let mut after = interaction.clone();
    let mut decision = match operation {
        Operation::Create => return Err(forbidden(source, request, facts)),
        Operation::Reply => return reply(interaction, parameters, facts),
        Operation::Save => {
            save(&mut after, interaction, request, facts)?;
            Decision::default()
        }
        Operation::Send => send(&mut after, interaction, request, facts)?,
        Operation::Transfer => transfer(&mut after, parameters, facts)?,
        Operation::Complete => complete(&mut after, parameters, facts)?,
        Operation::Accept => accept(&mut after, parameters)?,
        Operation::Reject => {
            let told = returned(&mut after, facts.agent, true);
            Decision { focus: Focus::Dropped, told, ..Decision::default() }
        }
        Operation::Cancel => Decision::default(),
        Operation::AttachUserData | Operation::UpdateUserData => {
            after.user_data = user_data_over(&interaction.user_data, parameters, facts, true)?;
            Decision::default()
        }
        Operation::DeleteUserData => {
            let keys = parameters.required_strings("keys")?;
            after.user_data = interaction.user_data.without(&keys);
            Decision::default()
        }
        Operation::SetDisposition => {
            after.user_data = with_disposition(&interaction.user_data, parameters, facts)?;
            Decision::default()
        }
        Operation::AddComment => {
            let comment = parameters.required_string("comment", "a text")?;
            facts.limits.check_text("comment", &comment)?;
            after.comment = Some(comment.into());
            Decision::default()
        }
        Operation::SetInFocus => Decision { focus: Focus::Taken, ..Decision::default() },
    };
    if let Next::State(state) = rule.next {
        after.state = state;
    }
    debug_assert!(rule.leads_to(Some(after.state)));
    decision.after = Some(after.into());
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

fn transfer(
    after: &mut Interaction,
    parameters: Parameters<'_, '_>,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let target = parameters.transfer_target()?;
    let left = Telling::answer(facts.agent, About::After, NoteKind::StatusChange).left();
    let mut decision = Decision { focus: Focus::Dropped, ..Decision::default() };
    match target {
        TransferTarget::Agent(target) => {
            after.state = State::Invited;
            after.assigned_to = Some(target.clone());
            after.transferred_by = Some(facts.agent.clone());
            after.owner = Some(target.clone());
            decision.told = smallvec![left, Telling::news(&target, NoteKind::StatusChange)];
            decision.needs.agent = Some(target);
        }
        TransferTarget::Queue(queue) => {
            check_declared(facts.queues, &queue)?;
            after.state = State::Queued;
            after.assigned_to = None;
            after.transferred_by = None;
            after.owner = None;
            after.placement = Some(Placement { queue, since_ms: facts.now_ms, number: 0 });
            decision.told = smallvec![left];
        }
    }
    Ok(decision)
}

fn complete(
    after: &mut Interaction,
    parameters: Parameters<'_, '_>,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let queue = parameters.queue_path("queuePath")?;
    let saves_last_agent = parameters.flag("saveLAR")?.unwrap_or(false);
    queue.iter().try_for_each(|queue| check_declared(facts.queues, queue))?;
    let placement = queue.map(|queue| Placement { queue, since_ms: facts.now_ms, number: 0 });
    if placement.is_some() || after.placement.is_some() {
        after.placement = placement;
    }
    Ok(Decision { records_last_agent: saves_last_agent, ..Decision::default() })
}

fn accept(after: &mut Interaction, parameters: Parameters<'_, '_>) -> Result<Decision, Refusal> {
    let saves_last_agent = parameters.flag("saveLAR")?.unwrap_or(false);
    if after.transferred_by.is_some() {
        after.transferred_by = None;
    }
    Ok(Decision { records_last_agent: saves_last_agent, ..Decision::default() })
}

/// An invitation that was not taken: back to its queue, or to the agent who transferred the draft. Gives who is told.
pub(super) fn returned(after: &mut Interaction, invited: &AgentId, is_answer: bool) -> Tellings {
    let mut told = smallvec![Telling { is_answer, ..Telling::news(invited, NoteKind::StatusChange).left() }];
    after.owner = None;
    after.assigned_to = None;
    match after.transferred_by.take() {
        Some(former) if after.placement.is_none() => {
            after.state = State::Composing;
            told.push(Telling::news(&former, NoteKind::StatusChange));
            after.owner = Some(former);
        }
        // What nobody transferred was offered from a queue.
        _ => after.state = State::Queued,
    }
    told
}

fn with_disposition(
    before: &UserData,
    parameters: Parameters<'_, '_>,
    facts: &Facts<'_>,
) -> Result<UserData, Refusal> {
    let disposition = parameters.required_string("disposition", "the disposition, as `resolved`")?;
    let key = parameters.string("dispositionKey")?.unwrap_or(Cow::Borrowed("DISP_KEY"));
    let user_data = before.with_text(&key, &disposition);
    facts.limits.check_user_data(WOULD_HAVE, &user_data)?;
    Ok(user_data)
}

/// User data with what `userData` holds. Limits are judged on the whole.
pub(super) fn user_data_over(
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
    facts.limits.check_user_data(WOULD_HAVE, &user_data)?;
    Ok(user_data)
}

pub(super) fn forbidden(source: Source, request: &Request<'_>, facts: &Facts<'_>) -> Refusal {
    let allowed: Vec<_> = facts.lifecycle.allowed(source, facts.abilities).collect();
    let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
    let name = request.name(facts.lifecycle);
    let place = match source {
        Source::Collection => "on the collection".to_owned(),
        Source::At(_, state) => format!("in state {}", state.name()),
    };
    Refusal::new(StatusCode::Forbidden, format!("{name} is not allowed {place}; allowed there: {allowed}"))
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
        Self { after: Some(after.into()), ..Self::default() }
    }
}
