//! The table, and the step that is read from it.

use super::{Direction, Operation, State};

/// Where a rule begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The collection: there is no interaction yet.
    Collection,
    /// An interaction of this direction in this state.
    At(Direction, State),
}

impl Source {
    /// The states of one direction, rounded up to what a shift can multiply by.
    const STATES: usize = State::ALL.len().next_power_of_two();
    /// Above every number of a source; not every one below it is a source's.
    const ROOM: usize = Direction::ALL.len() * Self::STATES + 1;

    /// Wherever an interaction can stand.
    pub(crate) fn of_interactions() -> impl Iterator<Item = Self> {
        let at = |direction| State::ALL.into_iter().map(move |state| Self::At(direction, state));
        Direction::ALL.into_iter().flat_map(at)
    }

    /// A number below [`Source::ROOM`].
    #[inline]
    const fn index(self) -> usize {
        match self {
            Self::At(direction, state) => direction as usize * Self::STATES + state as usize,
            Self::Collection => Self::ROOM - 1,
        }
    }
}

/// What happens to an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// An agent's operation.
    Agent(Operation),
    /// The host hands in what a customer wrote.
    Receive,
    /// The host offers a queued interaction to an agent.
    Offer,
    /// The host takes an offer back.
    Revoke,
    /// The platform has the message.
    Confirm,
    /// The message will not be delivered, or nobody can tell whether it was.
    Refuse,
}

impl Event {
    /// Above every event's number, rounded up to what a shift can multiply by.
    const ROOM: usize = (Operation::ALL.len() + 5).next_power_of_two();

    /// A number below [`Event::ROOM`]. Asked in these two steps, the compiler finds that it is the event's own
    /// representation and computes nothing; one `match` becomes a jump.
    #[inline]
    const fn index(self) -> usize {
        let host = match self {
            Self::Agent(_) => 0,
            Self::Receive => 1,
            Self::Offer => 2,
            Self::Revoke => 3,
            Self::Confirm => 4,
            Self::Refuse => 5,
        };
        let agent = if let Self::Agent(operation) = self { operation as usize } else { 0 };
        if host == 0 { agent } else { Operation::ALL.len() - 1 + host }
    }

    /// As diagrams and errors name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent(operation) => operation.name(),
            Self::Receive => "receive",
            Self::Offer => "offer",
            Self::Revoke => "revoke",
            Self::Confirm => "delivery confirmed",
            Self::Refuse => "delivery refused",
        }
    }
}

/// The state after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// This state.
    State(State),
    /// A new outbound interaction in `Composing`; the interaction itself stays as it is.
    NewDraft,
    /// Invited if the target is an agent, Queued if it is a queue.
    Target,
    /// Back where it came from: Queued if that was a queue, else `Composing` with the agent who
    /// transferred the draft.
    Origin,
}

impl Next {
    /// The states it can lead to, each with the condition for it (empty: always).
    pub const fn states(self) -> &'static [(&'static str, State)] {
        match self {
            Self::State(State::Queued) => &[("", State::Queued)],
            Self::State(State::Invited) => &[("", State::Invited)],
            Self::State(State::Composing) | Self::NewDraft => &[("", State::Composing)],
            Self::State(State::Processing) => &[("", State::Processing)],
            Self::State(State::Sent) => &[("", State::Sent)],
            Self::State(State::Completed) => &[("", State::Completed)],
            Self::State(State::Canceled) => &[("", State::Canceled)],
            Self::Target => &[("to an agent", State::Invited), ("to a queue", State::Queued)],
            Self::Origin => &[("came from a queue", State::Queued), ("came from an agent", State::Composing)],
        }
    }
}

/// Which notification tells the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tells {
    /// Nobody: no agent has it.
    Nothing,
    /// `StatusChange`.
    StatusChange,
    /// `PropertiesUpdated`.
    PropertiesUpdated,
    /// The channel's `savedType`.
    Saved,
    /// `Error`.
    Error,
}

/// One row: in `source`, `event` leads to `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where it begins.
    pub source: Source,
    /// What happens.
    pub event: Event,
    /// Where it leads.
    pub next: Next,
    /// How the agent who acted, or who has the interaction, is told.
    pub tells: Tells,
    /// Whether the operation stands in the capability list.
    pub listed: bool,
}

impl Rule {
    /// Whether the rule can lead to that state. (A new draft leaves the interaction itself alone.)
    pub(crate) fn leads_to(self, state: Option<State>) -> bool {
        state.is_some_and(|state| self.next.states().iter().any(|&(_, next)| next == state))
    }
}

const fn rule(source: Source, event: Event, next: Next, tells: Tells) -> Rule {
    let listed = matches!(event, Event::Agent(_)) && !matches!(source, Source::Collection);
    Rule { source, event, next, tells, listed }
}

const fn edit(source: Source, operation: Operation) -> Rule {
    let Source::At(_, state) = source else { panic!("only an interaction can be edited") };
    rule(source, Event::Agent(operation), Next::State(state), Tells::PropertiesUpdated)
}

const DRAFT: Source = Source::At(Direction::Outbound, State::Composing);
const INBOUND: Source = Source::At(Direction::Inbound, State::Processing);

/// Every rule. Capability lists keep the order of the rows.
pub const TABLE: &[Rule] = &[
    // A new interaction.
    rule(
        Source::Collection,
        Event::Agent(Operation::Create),
        Next::State(State::Composing),
        Tells::StatusChange,
    ),
    rule(Source::Collection, Event::Receive, Next::State(State::Queued), Tells::Nothing),
    // A draft. Save is allowed, and by the published samples not listed.
    rule(DRAFT, Event::Agent(Operation::Cancel), Next::State(State::Canceled), Tells::StatusChange),
    rule(DRAFT, Event::Agent(Operation::Send), Next::State(State::Sent), Tells::StatusChange),
    edit(DRAFT, Operation::AddComment),
    edit(DRAFT, Operation::AttachUserData),
    edit(DRAFT, Operation::UpdateUserData),
    edit(DRAFT, Operation::DeleteUserData),
    edit(DRAFT, Operation::SetDisposition),
    edit(DRAFT, Operation::SetInFocus),
    rule(DRAFT, Event::Agent(Operation::Transfer), Next::Target, Tells::StatusChange),
    Rule {
        source: DRAFT,
        event: Event::Agent(Operation::Save),
        next: Next::State(State::Composing),
        tells: Tells::Saved,
        listed: false,
    },
    // On its way to the platform: only the delivery moves it.
    rule(
        Source::At(Direction::Outbound, State::Sent),
        Event::Confirm,
        Next::State(State::Completed),
        Tells::StatusChange,
    ),
    rule(
        Source::At(Direction::Outbound, State::Sent),
        Event::Refuse,
        Next::State(State::Composing),
        Tells::Error,
    ),
    // What a customer wrote.
    rule(INBOUND, Event::Agent(Operation::Reply), Next::NewDraft, Tells::StatusChange),
    rule(INBOUND, Event::Agent(Operation::Transfer), Next::Target, Tells::StatusChange),
    edit(INBOUND, Operation::AddComment),
    edit(INBOUND, Operation::AttachUserData),
    edit(INBOUND, Operation::UpdateUserData),
    edit(INBOUND, Operation::DeleteUserData),
    edit(INBOUND, Operation::SetDisposition),
    edit(INBOUND, Operation::SetInFocus),
    rule(INBOUND, Event::Agent(Operation::Complete), Next::State(State::Completed), Tells::StatusChange),
    // Waiting, and offered. A transferred draft comes here too, and goes on as a draft.
    rule(
        Source::At(Direction::Inbound, State::Queued),
        Event::Offer,
        Next::State(State::Invited),
        Tells::StatusChange,
    ),
    rule(
        Source::At(Direction::Outbound, State::Queued),
        Event::Offer,
        Next::State(State::Invited),
        Tells::StatusChange,
    ),
    rule(
        Source::At(Direction::Inbound, State::Invited),
        Event::Agent(Operation::Accept),
        Next::State(State::Processing),
        Tells::StatusChange,
    ),
    rule(
        Source::At(Direction::Inbound, State::Invited),
        Event::Agent(Operation::Reject),
        Next::State(State::Queued),
        Tells::StatusChange,
    ),
    rule(
        Source::At(Direction::Inbound, State::Invited),
        Event::Revoke,
        Next::State(State::Queued),
        Tells::StatusChange,
    ),
    rule(
        Source::At(Direction::Outbound, State::Invited),
        Event::Agent(Operation::Accept),
        Next::State(State::Composing),
        Tells::StatusChange,
    ),
    rule(
        Source::At(Direction::Outbound, State::Invited),
        Event::Agent(Operation::Reject),
        Next::Origin,
        Tells::StatusChange,
    ),
    rule(Source::At(Direction::Outbound, State::Invited), Event::Revoke, Next::Origin, Tells::StatusChange),
];

/// The rule for an event, or `None` where the table has none.
///
/// ```
/// use strowger::lifecycle::{Direction, Event, Next, Operation, Source, State, step};
///
/// let draft = Source::At(Direction::Outbound, State::Composing);
/// let rule = step(draft, Event::Agent(Operation::Send)).expect("a draft can be sent");
/// assert_eq!(rule.next, Next::State(State::Sent));
/// assert!(step(draft, Event::Agent(Operation::Complete)).is_none());
/// ```
#[inline]
pub const fn step(source: Source, event: Event) -> Option<&'static Rule> {
    CELLS[source.index()][event.index()].0.as_ref()
}

/// Whether the table has a rule for an event: the capability check.
///
/// ```
/// use strowger::lifecycle::{Direction, Event, Operation, Source, State, allows};
///
/// let sent = Source::At(Direction::Outbound, State::Sent);
/// assert!(allows(sent, Event::Confirm));
/// assert!(!allows(sent, Event::Agent(Operation::Send)));
/// ```
#[inline]
pub const fn allows(source: Source, event: Event) -> bool {
    step(source, event).is_some()
}

/// A row's copy where it is found with one look, at an address that is cheap to compute.
#[repr(align(8))]
#[derive(Clone, Copy)]
struct Cell(Option<Rule>);

/// The table's rows by source and event. Two rows for the same pair don't compile.
static CELLS: [[Cell; Event::ROOM]; Source::ROOM] = {
    let mut cells = [[Cell(None); Event::ROOM]; Source::ROOM];
    let mut row = 0;
    while row < TABLE.len() {
        let cell = &mut cells[TABLE[row].source.index()][TABLE[row].event.index()];
        assert!(cell.0.is_none(), "two rules for the same source and event");
        *cell = Cell(Some(TABLE[row]));
        row += 1;
    }
    cells
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Planted faults: two events of one number, two sources of one number, a cell that holds another row.
    #[test]
    fn a_step_finds_the_row_of_its_pair_and_no_other() {
        let places =
            Direction::ALL.into_iter().flat_map(|direction| State::ALL.map(|state| (direction, state)));
        let sources =
            places.map(|(direction, state)| Source::At(direction, state)).chain([Source::Collection]);
        let host = [Event::Receive, Event::Offer, Event::Revoke, Event::Confirm, Event::Refuse];
        let events: Vec<_> = Operation::ALL.into_iter().map(Event::Agent).chain(host).collect();
        let mut found = 0;
        for (source, event) in sources.flat_map(|source| events.iter().map(move |event| (source, *event))) {
            let row = TABLE.iter().find(|rule| rule.source == source && rule.event == event);
            assert_eq!(step(source, event), row, "{source:?}, {event:?}");
            assert_eq!(allows(source, event), row.is_some(), "{source:?}, {event:?}");
            found += usize::from(row.is_some());
        }
        assert_eq!(found, TABLE.len());
    }
}
