//! One lifecycle three times: the engine's table, a `match` that somebody wrote by hand over the same enums, and
//! the code that `statig` generates. Each keeps its interactions as small structs in one array, and plays the
//! same events on them.

#[allow(clippy::match_same_arms, reason = "a lifecycle is read by its states")]
mod by_hand;
#[allow(clippy::match_same_arms, reason = "a lifecycle is read by its states")]
#[allow(clippy::trivially_copy_pass_by_ref, reason = "`statig` hands events over so")]
mod generated;
mod table;

pub use by_hand::ByHand;
pub use generated::Generated;
pub use table::Table;

use std::hint::black_box;

use strowger::lifecycle::{Direction, Event, Next, Operation, State};

use crate::contest::{Contest, Contestant, Peer, Prepared};

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

/// What is played on each: a script, and how it ends.
#[derive(Clone, Copy, Debug)]
struct Script {
    happenings: [Happening; 4],
    end: State,
}

/// Save, Save, Send, and what completes a draft that was sent: the platform has it.
const SENT: Script = Script {
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
const REFUSED: Script = Script {
    happenings: [
        agent(Operation::Save),
        agent(Operation::Save),
        agent(Operation::Send),
        agent(Operation::Complete),
    ],
    end: State::Sent,
};

/// Both scripts, on 1,000,000 drafts in one go.
pub const CONTESTS: &[Contest] = &[
    contest(
        "Save, Save, Send, completed by the delivery",
        |count| drafts::<Table>(count, SENT),
        &[
            by_hand(|count| drafts::<ByHand>(count, SENT)),
            generated(|count| drafts::<Generated>(count, SENT)),
        ],
    ),
    contest(
        "Save, Save, Send, Complete refused by its check",
        |count| drafts::<Table>(count, REFUSED),
        &[
            by_hand(|count| drafts::<ByHand>(count, REFUSED)),
            generated(|count| drafts::<Generated>(count, REFUSED)),
        ],
    ),
];

type Prepare = fn(usize) -> Box<dyn Prepared>;

const fn contest(name: &'static str, prepare: Prepare, peers: &'static [Peer]) -> Contest {
    Contest { name, units: 4, rounds: 1_000_000, ours: Contestant { name: "ours", prepare }, peers }
}

const fn by_hand(prepare: Prepare) -> Peer {
    let contestant = Contestant { name: "a `match` by hand", prepare };
    Peer { contestant, at_most: 1.0, judges_counts: true }
}

const fn generated(prepare: Prepare) -> Peer {
    Peer { contestant: Contestant { name: "`statig`", prepare }, at_most: 2.0, judges_counts: true }
}

const fn agent(operation: Operation) -> Happening {
    told(Event::Agent(operation))
}

const fn told(event: Event) -> Happening {
    Happening { event, to_agent: false }
}

/// Drafts, and what is played on them.
struct Lives<L> {
    lives: Vec<L>,
    script: Script,
}

fn drafts<L: Life + 'static>(count: usize, script: Script) -> Box<dyn Prepared> {
    Box::new(Lives { lives: vec![L::begun(Direction::Outbound, false); count], script })
}

impl<L: Life> Prepared for Lives<L> {
    fn play(&mut self) {
        play(&mut self.lives, &self.script.happenings);
    }

    fn check(&self) {
        let end = (Direction::Outbound, self.script.end);
        assert!(self.lives.iter().all(|life| life.place() == end), "not all come to {end:?}");
    }
}

/// Plays the script on each interaction: a check before each step. The compiler knows neither the events, nor
/// what lies between the check and the step: the step looks at the state again, as it would in an engine.
#[inline(never)]
fn play<L: Life>(lives: &mut [L], happenings: &[Happening]) {
    for life in lives {
        for &happening in black_box(happenings) {
            if black_box(life.allows(happening.event)) {
                life.step(happening);
            }
        }
    }
}

/// The state that a rule leads to.
#[inline]
fn resolved(next: Next, now: State, to_agent: bool, from_queue: bool) -> State {
    match next {
        Next::State(state) => state,
        _ => elsewhere(next, now, to_agent, from_queue),
    }
}

/// Where it depends on more than the event. The interaction itself stays as it is when a draft is begun.
#[cold]
fn elsewhere(next: Next, now: State, to_agent: bool, from_queue: bool) -> State {
    match next {
        Next::Target if to_agent => State::Invited,
        Next::Origin if !from_queue => State::Composing,
        Next::Target | Next::Origin => State::Queued,
        Next::NewDraft | Next::State(_) => now,
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
}
