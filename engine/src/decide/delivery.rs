//! What the end of a delivery means.

use serde_json::{Map, Value};
use smallvec::smallvec;

use super::{About, Decision, Telling};
use crate::interaction::{AgentId, Interaction, Seen};
use crate::lifecycle::{Event, Next, State, step};
use crate::notify::NoteKind;

/// The platform has the message. `None` where the interaction is not on its way.
pub(crate) fn decide_confirmed(
    interaction: &Interaction,
    id: Option<&str>,
    location: Option<&str>,
    user_data: &Map<String, Value>,
) -> Option<Decision> {
    let mut written = user_data.clone();
    for (key, value) in [("_deliveryPostId", id), ("_deliveryPostLocation", location)] {
        written.extend(value.map(|value| (key.to_owned(), value.into())));
    }
    let mut after = moved(interaction, Event::Confirm)?;
    after.user_data = after.user_data.with_values(&written);
    let owner = interaction.owner.as_ref()?;
    Some(Decision {
        told: smallvec![Telling::answer(owner, About::After, NoteKind::StatusChange)],
        ..Decision::of(after)
    })
}

/// The message goes back to its agent. `None` where the interaction is not on its way.
pub(crate) fn decide_refused(interaction: &Interaction, code: &str, message: &str) -> Option<Decision> {
    let after = moved(interaction, Event::Refuse)?;
    let owner = interaction.owner.as_ref()?;
    let kind = NoteKind::Error { code: code.to_owned(), message: message.to_owned() };
    Some(Decision { told: smallvec![Telling::answer(owner, About::After, kind)], ..Decision::of(after) })
}

/// An operation of the channel has ended: `user_data` holds what it changed, or it failed.
///
/// The agent who asked is told in any case, as of something left if another agent has the interaction by
/// now.
pub(crate) fn decide_operated(
    interaction: &Interaction,
    asked_by: &AgentId,
    ended: Result<&Map<String, Value>, (&str, &str)>,
) -> Decision {
    let (after, kind) = match ended {
        Ok(written) => (
            Interaction { user_data: interaction.user_data.with_values(written), ..interaction.clone() },
            NoteKind::PropertiesUpdated,
        ),
        Err((code, message)) => {
            (interaction.clone(), NoteKind::Error { code: code.to_owned(), message: message.to_owned() })
        }
    };
    let seen = if after.owner.as_ref() == Some(asked_by) { Seen::AsItStands } else { Seen::AsLeft };
    let mut told = smallvec![Telling { seen, ..Telling::answer(asked_by, About::After, kind) }];
    if ended.is_ok() && after.is_listed() {
        let other = after.owner.iter().filter(|owner| *owner != asked_by);
        told.extend(other.map(|owner| Telling::news(owner, NoteKind::PropertiesUpdated)));
    }
    Decision { told, ..Decision::of(after) }
}

fn moved(interaction: &Interaction, event: Event) -> Option<Interaction> {
    let Next::State(state) = step(interaction.source(), event)?.next else { return None };
    // A draft that once waited in a queue does not stand there again when it is finished.
    let placement = interaction.placement.clone().filter(|_| state != State::Completed);
    let mut after = Interaction { state, ..interaction.clone() };
    (after.placement, after.delivery) = (placement, None);
    Some(after)
}
