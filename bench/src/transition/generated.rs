//! The lifecycle as `statig` generates it: a state of its own for each direction, no superstates, no actions.

use statig::blocking::{InitializedStateMachine, IntoStateMachineExt as _};
use statig::prelude::*;
use strowger::lifecycle::{self, Direction, Event, Operation};

use super::{Happening, Life};

/// An interaction that `statig` steps.
#[derive(Clone)]
pub struct Generated(InitializedStateMachine<Storage>);

/// What the states share.
#[derive(Clone, Copy, Debug)]
struct Storage {
    from_queue: bool,
}

#[state_machine(initial = "State::collection()", state(derive(Clone, Copy, Debug, PartialEq, Eq)))]
impl Storage {
    /// There is no interaction yet.
    #[state]
    fn collection(event: &Happening) -> Outcome<State> {
        match event.event {
            Event::Agent(Operation::Create) => Transition(State::composing()),
            Event::Receive => Transition(State::inbound_queued()),
            _ => Super,
        }
    }

    #[state]
    fn composing(event: &Happening) -> Outcome<State> {
        let Event::Agent(operation) = event.event else { return Super };
        match operation {
            Operation::Save
            | Operation::AttachUserData
            | Operation::UpdateUserData
            | Operation::DeleteUserData
            | Operation::SetDisposition
            | Operation::AddComment
            | Operation::SetInFocus => Handled,
            Operation::Send => Transition(State::sent()),
            Operation::Cancel => Transition(State::canceled()),
            Operation::Transfer if event.to_agent => Transition(State::outbound_invited()),
            Operation::Transfer => Transition(State::outbound_queued()),
            _ => Super,
        }
    }

    #[state]
    fn sent(event: &Happening) -> Outcome<State> {
        match event.event {
            Event::Confirm => Transition(State::outbound_completed()),
            Event::Refuse => Transition(State::composing()),
            _ => Super,
        }
    }

    #[state]
    fn outbound_queued(event: &Happening) -> Outcome<State> {
        if event.event == Event::Offer { Transition(State::outbound_invited()) } else { Super }
    }

    #[state]
    fn outbound_invited(&mut self, event: &Happening) -> Outcome<State> {
        match event.event {
            Event::Agent(Operation::Accept) => Transition(State::composing()),
            Event::Agent(Operation::Reject) | Event::Revoke if self.from_queue => {
                Transition(State::outbound_queued())
            }
            Event::Agent(Operation::Reject) | Event::Revoke => Transition(State::composing()),
            _ => Super,
        }
    }

    #[state]
    fn outbound_completed() -> Outcome<State> {
        Super
    }

    #[state]
    fn canceled() -> Outcome<State> {
        Super
    }

    #[state]
    fn inbound_queued(event: &Happening) -> Outcome<State> {
        if event.event == Event::Offer { Transition(State::inbound_invited()) } else { Super }
    }

    #[state]
    fn inbound_invited(event: &Happening) -> Outcome<State> {
        match event.event {
            Event::Agent(Operation::Accept) => Transition(State::processing()),
            Event::Agent(Operation::Reject) | Event::Revoke => Transition(State::inbound_queued()),
            _ => Super,
        }
    }

    #[state]
    fn processing(event: &Happening) -> Outcome<State> {
        let Event::Agent(operation) = event.event else { return Super };
        match operation {
            Operation::Reply
            | Operation::AttachUserData
            | Operation::UpdateUserData
            | Operation::DeleteUserData
            | Operation::SetDisposition
            | Operation::AddComment
            | Operation::SetInFocus => Handled,
            Operation::Complete => Transition(State::inbound_completed()),
            Operation::Transfer if event.to_agent => Transition(State::inbound_invited()),
            Operation::Transfer => Transition(State::inbound_queued()),
            _ => Super,
        }
    }

    #[state]
    fn inbound_completed() -> Outcome<State> {
        Super
    }
}

impl Life for Generated {
    fn begun(direction: Direction, from_queue: bool) -> Self {
        let mut machine = Storage { from_queue }.uninitialized_state_machine().init();
        let event = match direction {
            Direction::Inbound => Event::Receive,
            Direction::Outbound => Event::Agent(Operation::Create),
        };
        machine.handle(&Happening { event, to_agent: false });
        Self(machine)
    }

    /// `statig` has no question of its own for it: a `match` over its states.
    #[inline]
    fn allows(&self, event: Event) -> bool {
        use Operation as Op;

        match self.0.state() {
            State::Collection {} => matches!(event, Event::Agent(Op::Create) | Event::Receive),
            State::Composing {} => matches!(
                event,
                Event::Agent(
                    Op::Save
                        | Op::Send
                        | Op::Cancel
                        | Op::Transfer
                        | Op::AttachUserData
                        | Op::UpdateUserData
                        | Op::DeleteUserData
                        | Op::SetDisposition
                        | Op::AddComment
                        | Op::SetInFocus
                )
            ),
            State::Sent {} => matches!(event, Event::Confirm | Event::Refuse),
            State::Processing {} => matches!(
                event,
                Event::Agent(
                    Op::Reply
                        | Op::Complete
                        | Op::Transfer
                        | Op::AttachUserData
                        | Op::UpdateUserData
                        | Op::DeleteUserData
                        | Op::SetDisposition
                        | Op::AddComment
                        | Op::SetInFocus
                )
            ),
            State::InboundQueued {} | State::OutboundQueued {} => matches!(event, Event::Offer),
            State::InboundInvited {} | State::OutboundInvited {} => {
                matches!(event, Event::Agent(Op::Accept | Op::Reject) | Event::Revoke)
            }
            State::InboundCompleted {} | State::OutboundCompleted {} | State::Canceled {} => false,
        }
    }

    #[inline]
    fn step(&mut self, happening: Happening) {
        self.0.handle(&happening);
    }

    fn place(&self) -> (Direction, lifecycle::State) {
        use lifecycle::State as Place;

        match self.0.state() {
            // Nobody holds one that has not begun.
            State::Collection {} | State::Composing {} => (Direction::Outbound, Place::Composing),
            State::Sent {} => (Direction::Outbound, Place::Sent),
            State::OutboundQueued {} => (Direction::Outbound, Place::Queued),
            State::OutboundInvited {} => (Direction::Outbound, Place::Invited),
            State::OutboundCompleted {} => (Direction::Outbound, Place::Completed),
            State::Canceled {} => (Direction::Outbound, Place::Canceled),
            State::InboundQueued {} => (Direction::Inbound, Place::Queued),
            State::InboundInvited {} => (Direction::Inbound, Place::Invited),
            State::Processing {} => (Direction::Inbound, Place::Processing),
            State::InboundCompleted {} => (Direction::Inbound, Place::Completed),
        }
    }
}
