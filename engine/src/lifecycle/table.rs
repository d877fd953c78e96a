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
    /// How many sources there are.
    pub(super) const COUNT: usize = 1 + Direction::ALL.len() * State::ALL.len();

    /// A number below [`Source::COUNT`].
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Collection => 0,
            Self::At(direction, state) => 1 + direction as usize * State::ALL.len() + state as usize,
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
    const COUNT: usize = Operation::ALL.len() + 5;

    const fn index(self) -> usize {
        match self {
            Self::Agent(operation) => operation as usize,
            Self::Receive => Operation::ALL.len(),
            Self::Offer => Operation::ALL.len() + 1,
            Self::Revoke => Operation::ALL.len() + 2,
            Self::Confirm => Operation::ALL.len() + 3,
            Self::Refuse => Operation::ALL.len() + 4,
        }
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
    let row = INDEX[source.index()][event.index()];
    if row == NONE { None } else { Some(&TABLE[row as usize]) }
}

/// Whether the table has a rule for an event: the capability check.
#[inline]
pub const fn allows(source: Source, event: Event) -> bool {
    step(source, event).is_some()
}

const NONE: u8 = u8::MAX;

/// The table's rows by source and event. Two rows for the same pair don't compile.
static INDEX: [[u8; Event::COUNT]; Source::COUNT] = {
    let mut index = [[NONE; Event::COUNT]; Source::COUNT];
    let mut row = 0;
    while row < TABLE.len() {
        let cell = &mut index[TABLE[row].source.index()][TABLE[row].event.index()];
        assert!(*cell == NONE, "two rules for the same source and event");
        #[allow(clippy::cast_possible_truncation, reason = "the table has fewer than 255 rows: asserted")]
        {
            assert!(row < NONE as usize);
            *cell = row as u8;
        }
        row += 1;
    }
    index
};
