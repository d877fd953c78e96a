//! One lifecycle three times: the engine's table, a `match` that somebody wrote by hand over the same enums, and
//! the code that `statig` generates. Each keeps its interactions as small structs in one array, and plays the
//! same events on them.

mod by_hand;
mod generated;
mod table;

pub use by_hand::ByHand;
pub use generated::Generated;
pub use table::Table;

use std::hint::black_box;

use strowger::lifecycle::{Direction, Event, Next, Operation, State};

/// What happens, as it is known when the request has been parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happening {
    /// The event.
    pub event: Event,
    /// Whether a Transfer goes to an agent; else it goes to a queue.
    pub to_agent: bool,
}

/// An interaction, as far as its lifecycle goes.
pub trait Life: Clone {
    /// One that has just begun: a draft, or what a customer wrote. Whether it came from a queue decides where it
    /// goes back to.
    fn begun(direction: Direction, from_queue: bool) -> Self;

    /// The check: whether the event is allowed now.
    fn allows(&self, event: Event) -> bool;

    /// The step. Nothing happens if the event is not allowed.
    fn step(&mut self, happening: Happening);

    /// Where it stands.
    fn place(&self) -> (Direction, State);
}

/// How many interactions are played on.
pub const INTERACTIONS: usize = 1_000_000;

/// What is played on each: a script, and how it ends.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// As tables name it.
    pub name: &'static str,
    /// The events.
    pub happenings: [Happening; 4],
    /// Where it leads.
    pub end: State,
}

/// Save, Save, Send, and what completes a draft that was sent: the platform has it.
pub const SENT: Script = Script {
    name: "Save, Save, Send, completed by the delivery",
    happenings: [
        agent(Operation::Save),
        agent(Operation::Save),
        agent(Operation::Send),
        told(Event::Confirm),
    ],
    end: State::Completed,
};

/// Save, Save, Send, Complete, all asked for by the agent. What was sent is completed by its delivery alone: the
/// check refuses the last one.
pub const REFUSED: Script = Script {
    name: "Save, Save, Send, Complete refused by its check",
    happenings: [
        agent(Operation::Save),
        agent(Operation::Save),
        agent(Operation::Send),
        agent(Operation::Complete),
    ],
    end: State::Sent,
};

/// Both scripts.
pub const SCRIPTS: [Script; 2] = [SENT, REFUSED];

const fn agent(operation: Operation) -> Happening {
    told(Event::Agent(operation))
}

const fn told(event: Event) -> Happening {
    Happening { event, to_agent: false }
}

/// Fresh drafts.
pub fn drafts<L: Life>(count: usize) -> Vec<L> {
    vec![L::begun(Direction::Outbound, false); count]
}

/// Plays the script on each interaction: a check before each step. The compiler knows neither the events, nor
/// that the check is about the same state as the step: in an engine a request lies between the two.
#[inline(never)]
pub fn play<L: Life>(lives: &mut [L], happenings: &[Happening; 4]) {
    for life in lives {
        for &happening in black_box(happenings) {
            if black_box(&*life).allows(happening.event) {
                black_box(&mut *life).step(happening);
            }
        }
    }
}

/// How many stand where the script ends.
pub fn ended<L: Life>(lives: &[L], script: &Script) -> usize {
    lives.iter().filter(|life| life.place() == (Direction::Outbound, script.end)).count()
}

/// The state that a table's `Next` stands for. The interaction itself stays as it is when a draft is begun.
#[inline]
fn resolved(next: Next, now: State, to_agent: bool, from_queue: bool) -> State {
    match next {
        Next::State(state) => state,
        Next::NewDraft => now,
        Next::Target if to_agent => State::Invited,
        Next::Origin if !from_queue => State::Composing,
        Next::Target | Next::Origin => State::Queued,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use strowger::lifecycle::{Source, TABLE, step};

    use super::*;

    fn events() -> impl Iterator<Item = Event> {
        let others = [Event::Receive, Event::Offer, Event::Revoke, Event::Confirm, Event::Refuse];
        Operation::ALL.into_iter().map(Event::Agent).chain(others)
    }

    /// Walks everywhere from both beginnings. Planted faults: a line of the `match` left out or led elsewhere, an
    /// event more in its check, a state of the generated code that goes on in another one.
    #[test]
    fn all_three_go_the_same_way() {
        let mut seen = HashSet::new();
        for (direction, from_queue) in
            Direction::ALL.into_iter().flat_map(|direction| [(direction, false), (direction, true)])
        {
            let begin = (
                Table::begun(direction, from_queue),
                ByHand::begun(direction, from_queue),
                Generated::begun(direction, from_queue),
            );
            let mut walks = vec![begin];
            while let Some((table, by_hand, generated)) = walks.pop() {
                assert_eq!(table.place(), by_hand.place());
                assert_eq!(table.place(), generated.place());
                if !seen.insert((table.place(), from_queue)) {
                    continue;
                }
                for (event, to_agent) in events().flat_map(|event| [(event, false), (event, true)]) {
                    let at = format!("{event:?} at {:?}", table.place());
                    let (direction, state) = table.place();
                    let is_allowed = step(Source::At(direction, state), event).is_some();
                    assert_eq!(table.allows(event), is_allowed, "{at}");
                    assert_eq!(by_hand.allows(event), is_allowed, "{at}");
                    assert_eq!(generated.allows(event), is_allowed, "{at}");
                    let (mut table, mut by_hand, mut generated) =
                        (table.clone(), by_hand.clone(), generated.clone());
                    let happening = Happening { event, to_agent };
                    table.step(happening);
                    by_hand.step(happening);
                    generated.step(happening);
                    walks.push((table, by_hand, generated));
                }
            }
        }
        let places: HashSet<_> =
            seen.iter().map(|&((direction, state), _)| Source::At(direction, state)).collect();
        assert!(TABLE.iter().all(|rule| rule.source == Source::Collection || places.contains(&rule.source)));
    }

    /// Planted fault: the check of one of them always says no.
    #[test]
    fn each_script_leads_to_its_end() {
        fn lead<L: Life>() -> [usize; 2] {
            SCRIPTS.map(|script| {
                let mut lives = drafts::<L>(10);
                play(&mut lives, &script.happenings);
                ended(&lives, &script)
            })
        }
        assert_eq!([lead::<Table>(), lead::<ByHand>(), lead::<Generated>()], [[10; 2]; 3]);
    }
}
