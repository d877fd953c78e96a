//! An agent's numbers, and the order in which their notes are told.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Note;

/// Gives each note its number before the change that it tells of is committed, and lets it out after,
/// behind all earlier ones. Nobody waits: whoever settles the earliest open number lets out what had
/// gathered behind it.
#[derive(Default)]
pub(super) struct Line {
    /// The last number that was given.
    last: u64,
    /// The last number whose note was let out.
    told: u64,
    /// The first of the numbers up to `last` that were not let out, and not abandoned before all others. Mostly
    /// there are no more: it stands with its agent, and nothing else is to be looked up.
    first: Option<Slot>,
    /// Those behind it.
    behind: VecDeque<Slot>,
}

/// What became of a number.
enum Slot {
    /// Its change is being committed.
    Open,
    /// Its change was made. Without a note nobody listens.
    Made(Option<Arc<Note>>),
    /// Its change was not made.
    Abandoned,
}

impl Line {
    /// A line that goes on after a number.
    pub(super) fn after(last: u64) -> Self {
        Self { last, told: last, ..Self::default() }
    }

    /// The next number.
    pub(super) fn give(&mut self) -> u64 {
        self.last += 1;
        match &self.first {
            None => self.first = Some(Slot::Open),
            Some(_) => self.behind.push_back(Slot::Open),
        }
        self.last
    }

    /// The last number that was given.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// The last number whose note was let out.
    pub(super) fn told(&self) -> u64 {
        self.told
    }

    /// The first number that may still be let out.
    pub(super) fn first_open(&self) -> u64 {
        self.last - u64::from(self.first.is_some()) - self.behind.len() as u64 + 1
    }

    /// The change of this number was made.
    pub(super) fn make(&mut self, number: u64, note: Option<Arc<Note>>) {
        self.settle(number, Slot::Made(note));
    }

    /// The change of this number was not made.
    pub(super) fn abandon(&mut self, number: u64) {
        self.settle(number, Slot::Abandoned);
    }

    fn settle(&mut self, number: u64, slot: Slot) {
        let place = number.checked_sub(self.first_open()).and_then(|place| usize::try_from(place).ok());
        let open = match place {
            Some(0) => self.first.as_mut(),
            Some(place) => self.behind.get_mut(place - 1),
            None => None,
        };
        if let Some(open) = open {
            *open = slot;
        }
    }

    /// Lets the next note out, if it is its turn.
    pub(super) fn next(&mut self) -> Option<Arc<Note>> {
        while let Some(Slot::Made(_) | Slot::Abandoned) = &self.first {
            let number = self.first_open();
            if let Some(Slot::Made(note)) = std::mem::replace(&mut self.first, self.behind.pop_front()) {
                self.told = number;
                if note.is_some() {
                    return note;
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(line: &mut Line, sequence: u64) {
        line.make(sequence, Some(Arc::new(Note { topic: "t".into(), data: "{}".into(), sequence })));
    }

    fn let_out(line: &mut Line) -> Vec<u64> {
        std::iter::from_fn(|| line.next()).map(|note| note.sequence).collect()
    }

    /// Fails if `next` does not wait for the first open number, or loses what gathered behind it.
    #[test]
    fn who_closes_the_gap_lets_out_what_gathered_behind_it() {
        let mut line = Line::after(4);
        assert_eq!([line.give(), line.give(), line.give(), line.give()], [5, 6, 7, 8]);
        make(&mut line, 7);
        line.make(6, None);
        assert_eq!((let_out(&mut line), line.told(), line.first_open()), (vec![], 4, 5));
        make(&mut line, 5);
        assert_eq!((let_out(&mut line), line.told(), line.first_open()), (vec![5, 7], 7, 8));
        line.abandon(8);
        assert_eq!((let_out(&mut line), line.told(), line.first_open()), (vec![], 7, 9));
        assert_eq!((line.give(), line.last()), (9, 9));
    }

    #[test]
    fn an_abandoned_number_holds_nobody_up() {
        let mut line = Line::default();
        let (first, second) = (line.give(), line.give());
        make(&mut line, second);
        line.abandon(first);
        assert_eq!((let_out(&mut line), line.told()), (vec![second], second));
    }
}
