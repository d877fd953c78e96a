//! What the store keeps of an agent's notes: which, and how large. The notes themselves are read from it.

use std::collections::VecDeque;

use crate::config::Limits;
use crate::store::NoteLog;

/// The notes of a followed agent that the store keeps, or will keep once their changes are committed.
#[derive(Default)]
pub(super) struct Log {
    kept: VecDeque<Kept>,
    bytes: usize,
    forgotten: u64,
}

struct Kept {
    sequence: u64,
    bytes: usize,
}

impl Log {
    /// A log that begins after a number: what came before it was not kept.
    pub(super) fn after(forgotten: u64) -> Self {
        Self { forgotten, ..Self::default() }
    }

    /// The log as it was found. What is missing before its first note was forgotten, or never made: nobody
    /// can tell any more.
    pub(super) fn found(followed_after: u64, found: &NoteLog) -> Self {
        let mut log = Self::default();
        for note in &found.notes {
            log.push(note.sequence, note.data.len());
        }
        let nothing = followed_after.max(found.last);
        log.forgotten = log.kept.front().map_or(nothing, |first| first.sequence.saturating_sub(1));
        log
    }

    /// The highest number that may no longer be kept.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How many notes of these numbers are kept.
    pub(super) fn count(&self, after: u64, up_to: u64) -> usize {
        let before = |number| self.kept.partition_point(|kept| kept.sequence <= number);
        before(up_to).saturating_sub(before(after))
    }

    /// Takes a note in, and forgets the oldest beyond the limits. The latest stays, whatever its size: its
    /// number is where the sequence goes on. Those from `first_open` on stay as well: a change that is
    /// committed late must not put back what a later one had forgotten.
    pub(super) fn add(&mut self, sequence: u64, bytes: usize, first_open: u64, limits: &Limits) {
        self.push(sequence, bytes);
        while self.kept.len() > limits.kept_notes || self.bytes > limits.kept_bytes {
            let oldest = self.kept.front().map_or(sequence, |oldest| oldest.sequence);
            if oldest >= first_open.min(sequence) {
                break;
            }
            self.bytes -= self.kept.pop_front().map_or(0, |oldest| oldest.bytes);
            self.forgotten = oldest;
        }
    }

    /// Takes a note out whose change was not made.
    pub(super) fn remove(&mut self, sequence: u64) {
        if let Ok(place) = self.kept.binary_search_by_key(&sequence, |kept| kept.sequence)
            && let Some(removed) = self.kept.remove(place)
        {
            self.bytes -= removed.bytes;
        }
    }

    fn push(&mut self, sequence: u64, bytes: usize) {
        self.kept.push_back(Kept { sequence, bytes });
        self.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { kept_notes: 3, kept_bytes: 100, ..Limits::default() }
    }

    #[test]
    fn the_oldest_go_by_number_and_by_bytes_and_the_latest_stays() {
        let mut log = Log::after(0);
        for sequence in 1..=5 {
            log.add(sequence, 10, sequence, &limits());
        }
        assert_eq!((log.forgotten(), log.count(0, 5), log.count(3, 4)), (2, 3, 1));
        log.add(6, 85, 6, &limits());
        assert_eq!((log.forgotten(), log.count(0, 6)), (4, 2));
        log.add(7, 500, 7, &limits());
        assert_eq!((log.forgotten(), log.count(0, 7)), (6, 1));
    }

    /// Fails if `add` heeds its limits alone.
    #[test]
    fn what_is_being_committed_is_not_forgotten() {
        let mut log = Log::after(0);
        for sequence in 1..=9 {
            log.add(sequence, 10, 2, &limits());
        }
        assert_eq!((log.forgotten(), log.count(0, 9)), (1, 8));
        log.remove(2);
        log.add(10, 10, 10, &limits());
        assert_eq!((log.forgotten(), log.count(0, 10)), (7, 3));
    }
}
