//! What has ended, the oldest first, and what is still needed of it.

use std::collections::{BTreeMap, VecDeque};

use foldhash::HashMap;
use smallvec::SmallVec;

use crate::interaction::{Interaction, InteractionId};
use crate::store::Prune;

#[derive(Default)]
pub(super) struct History {
    ended: Ended,
    /// How many unsettled deliveries and unfinished answers an interaction has.
    needed: HashMap<InteractionId, usize>,
}

/// What is to be forgotten: seldom more than one with a commit.
pub(super) type Taken = SmallVec<[InteractionId; 2]>;

/// When an interaction ended, and its number.
type Place = (i64, u64);

/// Where an interaction stands in the history, if it has ended.
fn place(interaction: &Interaction) -> Option<Place> {
    interaction.history_since_ms().map(|since_ms| (since_ms, interaction.number))
}

/// What a change of an interaction means for the history.
pub(super) struct Moved {
    id: InteractionId,
    was: Option<Place>,
    is: Option<Place>,
    /// The interaction that it answered, and that it answers, as long as that is unfinished.
    needed: Option<InteractionId>,
    needs: Option<InteractionId>,
}

impl Moved {
    /// Nothing, for most changes.
    pub(super) fn between(before: Option<&Interaction>, now: &Interaction) -> Option<Self> {
        let needs = |interaction: &Interaction| interaction.parent_id.filter(|_| !interaction.has_ended());
        let moved = Self {
            id: now.id,
            was: before.and_then(place),
            is: place(now),
            needed: before.and_then(needs),
            needs: needs(now),
        };
        (moved.was != moved.is || moved.needed != moved.needs).then_some(moved)
    }
}

impl History {
    /// An interaction stands differently now.
    pub(super) fn moved(&mut self, Moved { id, was, is, needed, needs }: &Moved) {
        if was != is {
            if let Some(place) = was {
                self.ended.remove(*place);
            }
            if let Some(place) = is {
                self.ended.insert(*place, *id);
            }
        }
        if needed != needs {
            if let Some(parent) = needed {
                self.needs(*parent, false);
            }
            if let Some(parent) = needs {
                self.needs(*parent, true);
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
    pub(super) fn take(&mut self, prune: &Prune) -> Taken {
        let mut count = self.ended.count() as u64;
        let mut places = SmallVec::<[Place; 2]>::new();
        let mut taken = Taken::new();
        for (place, id) in self.ended.iter() {
            if taken.len() >= prune.max as usize || !prune.takes(count, place.0) {
                break;
            }
            if !self.needed.contains_key(&id) {
                places.push(place);
                taken.push(id);
                count -= 1;
            }
        }
        for place in places {
            self.ended.remove(place);
        }
        taken
    }
}

/// Ended interactions by their places.
///
/// They come nearly in this order and go in it, so they stand in a line: who appends and who takes write to one end
/// each, and to little there. In a tree each of them moves a node's other entries as well, and the cores wait for
/// what another one moved.
#[derive(Default)]
struct Ended {
    line: VecDeque<(Place, InteractionId)>,
    /// Those that came too late for the line, as after a clock was set back.
    late: BTreeMap<Place, InteractionId>,
}

impl Ended {
    /// How many in the line one may come after and still be put in front of.
    const NEAR: usize = 64;

    fn count(&self) -> usize {
        self.line.len() + self.late.len()
    }

    fn insert(&mut self, place: Place, id: InteractionId) {
        let later = self.line.iter().rev().take(Self::NEAR).take_while(|(other, _)| *other > place).count();
        if later < Self::NEAR {
            self.line.insert(self.line.len() - later, (place, id));
        } else {
            self.late.insert(place, id);
        }
    }

    fn remove(&mut self, place: Place) {
        if self.line.front().is_some_and(|(first, _)| *first == place) {
            self.line.pop_front();
        } else if self.late.remove(&place).is_none()
            && let Ok(at) = self.line.binary_search_by_key(&place, |(place, _)| *place)
        {
            self.line.remove(at);
        }
        // What a burst needed goes.
        if self.line.capacity() > 1_024 && self.line.len() < self.line.capacity() / 4 {
            self.line.shrink_to(self.line.capacity() / 2);
        }
    }

    /// All of them, the oldest first.
    fn iter(&self) -> impl Iterator<Item = (Place, InteractionId)> {
        let mut line = self.line.iter().copied().peekable();
        let mut late = self.late.iter().map(|(place, id)| (*place, *id)).peekable();
        std::iter::from_fn(move || match (line.peek(), late.peek()) {
            (Some((one, _)), Some((other, _))) if other < one => late.next(),
            (Some(_), _) => line.next(),
            (None, _) => late.next(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Planted faults: one that comes late and is put at the end; one that is looked for in the line alone; the line
    /// first, and then those that came late.
    #[test]
    fn whatever_comes_stands_in_its_order() {
        let id = |number: u64| InteractionId::parse(&number.to_string()).unwrap();
        let (mut ended, mut model) = (Ended::default(), BTreeMap::new());
        let (mut chance, mut late) = (1_u64, 0);
        for step in 0..20_000_u64 {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Mostly they come in order, or nearly so; some are far too late.
            let behind = match chance >> 56 {
                0..4 => 2_000,
                behind => behind % 8,
            };
            let place = (i64::try_from((step / 4).saturating_sub(behind)).unwrap(), step);
            ended.insert(place, id(step));
            model.insert(place, id(step));
            late += ended.late.len();
            // Fewer go than come, and then more.
            let nth = match chance >> 40 & 15 {
                0..8 => 0,
                8 => 7,
                9 => model.len() / 2,
                10.. if step > 10_000 => 0,
                10.. => continue,
            };
            if let Some(&place) = model.keys().nth(nth) {
                model.remove(&place);
                ended.remove(place);
            }
            // Late ones stand near the front, and go soon.
            let looked_at = if step % 512 == 0 { model.len() } else { 4 };
            let expected = model.iter().map(|(place, id)| (*place, *id));
            assert!(ended.iter().take(looked_at).eq(expected.take(looked_at)), "step {step}");
            assert_eq!(ended.count(), model.len());
        }
        assert!(late > 0 && ended.line.capacity() < 8_192, "some came late, and room was given back");
    }
}
