//! What is counted of all interactions, whoever changes them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::interaction::Interaction;

/// Every core writes to them. So a commit that changes neither doesn't look at them either: it would wait for what
/// another core wrote.
#[derive(Default)]
pub(super) struct Counts {
    interactions: AtomicUsize,
    highest_number: AtomicU64,
}

impl Counts {
    /// How many interactions there are.
    pub(super) fn interactions(&self) -> usize {
        self.interactions.load(Ordering::Relaxed)
    }

    /// The highest number that an interaction or a placement ever had.
    pub(super) fn highest_number(&self) -> u64 {
        self.highest_number.load(Ordering::Relaxed)
    }

    /// So many are new.
    pub(super) fn came(&self, new: usize) {
        if new > 0 {
            self.interactions.fetch_add(new, Ordering::Relaxed);
        }
    }

    /// One is forgotten.
    pub(super) fn went(&self) {
        self.interactions.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes note of the numbers that a change brings.
    pub(super) fn numbered(&self, before: Option<&Interaction>, now: &Interaction) {
        let placed =
            |interaction: &Interaction| interaction.placement.as_ref().map(|placement| placement.number);
        let new = match before {
            None => Some(now.number).max(placed(now)),
            Some(before) => placed(now).filter(|_| placed(now) != placed(before)),
        };
        if let Some(number) = new {
            self.highest_number.fetch_max(number, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interaction::Placement;
    use crate::lifecycle::{Direction, State};
    use crate::operation::QueuePath;

    /// Planted faults: a new interaction's own number, or a placement's of one that is stored, that is left out; a
    /// lower number that comes later and counts.
    #[test]
    fn the_highest_number_is_that_of_interactions_and_placements() {
        let counts = Counts::default();
        let of = |number: u64, placed: Option<u64>| {
            let mut interaction = Interaction::blank("c".into(), Direction::Inbound, State::Queued, 0);
            interaction.number = number;
            if let Some(number) = placed {
                let queue = QueuePath::parse("/queues/q").unwrap();
                interaction.placement = Some(Placement { queue, since_ms: 0, number });
            }
            interaction
        };
        let mut before: Option<Interaction> = None;
        for (now, highest) in [
            (of(7, None), 7),
            (of(7, Some(9)), 9),
            (of(7, Some(9)), 9),
            (of(7, Some(12)), 12),
            (of(7, None), 12),
        ] {
            counts.numbered(before.as_ref(), &now);
            assert_eq!(counts.highest_number(), highest);
            before = Some(now);
        }
        for (now, highest) in [(of(11, None), 12), (of(13, Some(14)), 14), (of(15, Some(3)), 15)] {
            counts.numbered(None, &now);
            assert_eq!(counts.highest_number(), highest);
        }
    }
}
