//! What a host's call means: something came in, is offered, is taken back.

use smallvec::smallvec;

use super::agent::{note_kind, returned};
use super::{Decision, Telling};
use crate::channel::Manifest;
use crate::environment::received_date;
use crate::inbound::Inbound;
use crate::interaction::{AgentId, Details, Interaction, Placement};
use crate::lifecycle::{Direction, Event, Next, Rule, Source, State, step};

/// Something that a customer wrote: it waits in its queue.
pub(crate) fn decide_receive(inbound: &Inbound, manifest: &Manifest, now_ms: i64) -> Decision {
    let mut user_data = inbound.user_data.clone();
    if let Some(key) = manifest.mirror_from.as_deref().filter(|key| !user_data.contains(key)) {
        user_data = user_data.with_text(key, &inbound.from);
    }
    let account = inbound.account.clone().or_else(|| account_of(&user_data, manifest));
    let interaction = Interaction {
        from: Some(inbound.from.as_str().into()),
        message: Some(inbound.message.as_str().into()),
        contact_id: inbound.contact_id.as_deref().map(Into::into),
        user_data,
        more: Details {
            received_date: Some(
                inbound.received_date.clone().unwrap_or_else(|| received_date(now_ms)).into(),
            ),
            account: account.map(Into::into),
            placement: Some(Placement { queue: inbound.queue_path.clone(), since_ms: now_ms, number: 0 }),
            ..Details::default()
        }
        .into(),
        ..Interaction::blank(manifest.channel.as_str().into(), Direction::Inbound, State::Queued, now_ms)
    };
    let mut decision = Decision { created: Some(interaction.into()), ..Decision::default() };
    decision.needs.contact = true;
    decision
}

/// The account that an inbound interaction came to: the one whose own `_umsMediaAccount` it carries, or
/// the only one there is.
fn account_of(user_data: &crate::interaction::UserData, manifest: &Manifest) -> Option<String> {
    const MEDIA_ACCOUNT: &str = "_umsMediaAccount";
    if let Some(id) = user_data.text(MEDIA_ACCOUNT)
        && let Some(account) = manifest
            .accounts
            .iter()
            .find(|account| account.send_user_data.get(MEDIA_ACCOUNT).is_some_and(|own| *own == *id))
    {
        return Some(account.name.clone());
    }
    match manifest.accounts.as_slice() {
        [only] => Some(only.name.clone()),
        _ => None,
    }
}

/// An offer to an agent. `None` where the interaction does not wait in a queue.
pub(crate) fn decide_offer(interaction: &Interaction, agent: &AgentId) -> Option<Decision> {
    let rule = allowed(interaction, Event::Offer)?;
    let Next::State(state) = rule.next else { return None };
    let after = Interaction { state, owner: Some(agent.clone()), ..interaction.clone() };
    Some(Decision { told: smallvec![Telling::news(agent, note_kind(rule.tells))], ..Decision::of(after) })
}

/// An offer taken back. `None` where the interaction is not offered.
pub(crate) fn decide_revoke(interaction: &Interaction) -> Option<Decision> {
    let rule = allowed(interaction, Event::Revoke)?;
    let invited = interaction.owner.as_ref()?;
    let mut after = interaction.clone();
    let told = returned(&mut after, invited, false);
    debug_assert!(rule.leads_to(Some(after.state)));
    Some(Decision { told, ..Decision::of(after) })
}

fn allowed(interaction: &Interaction, event: Event) -> Option<&'static Rule> {
    step(Source::At(interaction.direction, interaction.state), event)
}
