//! Tells what became of a push, at the address that its answer named.

use std::sync::Arc;

use strowger::Interaction;
use strowger::lifecycle::{Direction, State};

use super::PushRules;
use super::envelope::{Answer, Outcome, Problem};
use super::errand::OPEN;
use super::request;
use crate::gateway::Gateway;

/// Looks at the record of what was pushed, at `/push/identities/<identity_token>/<endpoint>/<id>.json`.
pub(super) async fn look_up(
    gateway: &Arc<Gateway>,
    rules: &PushRules,
    resource: &str,
) -> Result<Answer, Problem> {
    let nothing = || Problem::new(404, "nothing that was pushed is at this address");
    let (token, place, id) = request::pushed(resource).ok_or_else(nothing)?;
    let identity = rules.identities.get(token).ok_or_else(nothing)?;
    let channel = place.row.provider();
    let account = identity.accounts.get(channel).ok_or_else(nothing)?;
    let (reader, wanted) = (gateway.clone(), id.to_owned());
    // The engine may wait for a disk: not on the threads that serve everybody.
    let read = tokio::task::spawn_blocking(move || reader.engine.interaction(&wanted));
    let read = read.await.map_err(|_| Problem::new(503, "the record could not be read"))?;
    let interaction = read
        .map_err(|error| Problem::new(503, error.to_string()))?
        .filter(|interaction| may_be_pushed(interaction, channel, account))
        .ok_or_else(nothing)?;
    Ok(Answer {
        provider: channel,
        object: place.row.root,
        outcome: outcome(&interaction)?,
        id: id.to_owned(),
        uri: gateway.address_of(channel, id),
    })
}

/// What customers wrote, and what answers them, is nobody's business here.
fn may_be_pushed(interaction: &Interaction, channel: &str, account: &str) -> bool {
    *interaction.channel == *channel
        && interaction.direction == Direction::Outbound
        && interaction.parent_id.is_none()
        && interaction.from.as_deref() == Some(account)
}

fn outcome(interaction: &Interaction) -> Result<Outcome, Problem> {
    let fact = |key: &str| interaction.user_data.text(key);
    match interaction.state {
        State::Completed => Ok(Outcome::Published {
            post_id: fact("_deliveryPostId"),
            location: fact("_deliveryPostLocation"),
        }),
        State::Canceled => Err(Problem::new(410, "it was taken back: nothing was published")),
        State::Sent => Ok(Outcome::Open { why: OPEN }),
        _ => Ok(Outcome::Open { why: "It came back to its agent, who goes on with it" }),
    }
}
