//! What has ended, the oldest first, and what is still needed of it.

use std::collections::{BTreeMap, HashMap};

use crate::interaction::{Interaction, InteractionId};
use crate::store::Prune;

#[derive(Default)]
pub(super) struct History {
    /// By when it ended, and its number.
    ended: BTreeMap<(i64, u64), InteractionId>,
    /// How many unsettled deliveries and unfinished answers an interaction has.
    needed: HashMap<InteractionId, usize>,
}

/// Where an interaction stands in the history, if it has ended.
pub(super) fn place(interaction: &Interaction) -> Option<(i64, u64)> {
    interaction.history_since_ms().map(|since_ms| (since_ms, interaction.number))
}

impl History {
    /// An interaction stands differently now.
    pub(super) fn moved(&mut self, before: Option<&Interaction>, now: &Interaction) {
        if let Some(place) = before.and_then(place) {
            self.ended.remove(&place);
        }
        if let Some(place) = place(now) {
            self.ended.insert(place, now.id);
        }
        let needs = |interaction: &Interaction| interaction.parent_id.filter(|_| !interaction.has_ended());
        let (needed, needs) = (before.and_then(needs), needs(now));
        if needed != needs {
            if let Some(parent) = needed {
                self.needs(parent, false);
            }
            if let Some(parent) = needs {
                self.needs(parent, true);
            }
        }
    }

    /// An interaction is needed once more, or once less.
    pub(super) fn needs(&mut self, id: InteractionId, more: bool) {
        let needed = self.needed.entry(id).or_default();
        *needed = if more { *needed + 1 } else { needed.saturating_sub(1) };
        if *needed == 0 {
            self.needed.remove(&id);
        }
    }

    /// Takes out what is to be forgotten.
    pub(super) fn take(&mut self, prune: &Prune) -> Vec<InteractionId> {
        let mut count = self.ended.len() as u64;
        let mut taken = Vec::new();
        for (place, id) in &self.ended {
            if taken.len() >= prune.max as usize || !prune.takes(count, place.0) {
                break;
            }
            if !self.needed.contains_key(id) {
                taken.push((*place, *id));
                count -= 1;
            }
        }
        taken
            .into_iter()
            .map(|(place, id)| {
                self.ended.remove(&place);
                id
            })
            .collect()
    }
}
