//! The engine's own table, through the interface that every user has.

use strowger::lifecycle::{Direction, Event, Source, State, allows, step};

use super::{Happening, Life, resolved};

/// An interaction whose events are looked up in the engine's table.
#[derive(Clone, Debug)]
pub struct Table {
    direction: Direction,
    state: State,
    from_queue: bool,
}

impl Table {
    #[inline]
    fn source(&self) -> Source {
        Source::At(self.direction, self.state)
    }
}

impl Life for Table {
    fn begun(direction: Direction, from_queue: bool) -> Self {
        let state = match direction {
            Direction::Inbound => State::Queued,
            Direction::Outbound => State::Composing,
        };
        Self { direction, state, from_queue }
    }

    #[inline]
    fn allows(&self, event: Event) -> bool {
        allows(self.source(), event)
    }

    #[inline]
    fn step(&mut self, happening: Happening) {
        if let Some(rule) = step(self.source(), happening.event) {
            self.state = resolved(rule.next, self.state, happening.to_agent, self.from_queue);
        }
    }

    fn place(&self) -> (Direction, State) {
        (self.direction, self.state)
    }
}
