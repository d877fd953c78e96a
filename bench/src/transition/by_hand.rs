//! The lifecycle as a `match` that somebody wrote by hand: over the same enums, as good as it gets.

use strowger::lifecycle::{Direction, Event, Operation, State};

use super::{Happening, Life};

/// An interaction whose events are matched.
#[derive(Clone, Debug)]
pub struct ByHand {
    direction: Direction,
    state: State,
    from_queue: bool,
}

impl Life for ByHand {
    fn begun(direction: Direction, from_queue: bool) -> Self {
        let state = match direction {
            Direction::Inbound => State::Queued,
            Direction::Outbound => State::Composing,
        };
        Self { direction, state, from_queue }
    }

    #[inline]
    fn allows(&self, event: Event) -> bool {
        allows(self.direction, self.state, event)
    }

    #[inline]
    fn step(&mut self, happening: Happening) {
        if let Some(after) = step(self.direction, self.state, happening, self.from_queue) {
            self.state = after;
        }
    }

    fn place(&self) -> (Direction, State) {
        (self.direction, self.state)
    }
}

#[inline]
fn allows(direction: Direction, state: State, event: Event) -> bool {
    use Operation as Op;

    match (direction, state) {
        (Direction::Outbound, State::Composing) => matches!(
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
        (Direction::Outbound, State::Sent) => matches!(event, Event::Confirm | Event::Refuse),
        (Direction::Inbound, State::Processing) => matches!(
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
        (_, State::Queued) => matches!(event, Event::Offer),
        (_, State::Invited) => matches!(event, Event::Agent(Op::Accept | Op::Reject) | Event::Revoke),
        _ => false,
    }
}

#[inline]
fn step(direction: Direction, state: State, happening: Happening, from_queue: bool) -> Option<State> {
    use Operation as Op;

    let target = || if happening.to_agent { State::Invited } else { State::Queued };
    let origin = || if from_queue { State::Queued } else { State::Composing };
    let after = match (direction, state, happening.event) {
        (Direction::Outbound, State::Composing, Event::Agent(operation)) => match operation {
            Op::Save
            | Op::AttachUserData
            | Op::UpdateUserData
            | Op::DeleteUserData
            | Op::SetDisposition
            | Op::AddComment
            | Op::SetInFocus => State::Composing,
            Op::Send => State::Sent,
            Op::Cancel => State::Canceled,
            Op::Transfer => target(),
            Op::Create | Op::Accept | Op::Reject | Op::Reply | Op::Complete => return None,
        },
        (Direction::Outbound, State::Sent, Event::Confirm) => State::Completed,
        (Direction::Outbound, State::Sent, Event::Refuse) => State::Composing,
        (Direction::Inbound, State::Processing, Event::Agent(operation)) => match operation {
            // A reply is an interaction of its own.
            Op::Reply
            | Op::AttachUserData
            | Op::UpdateUserData
            | Op::DeleteUserData
            | Op::SetDisposition
            | Op::AddComment
            | Op::SetInFocus => State::Processing,
            Op::Complete => State::Completed,
            Op::Transfer => target(),
            Op::Create | Op::Save | Op::Send | Op::Cancel | Op::Accept | Op::Reject => return None,
        },
        (_, State::Queued, Event::Offer) => State::Invited,
        (Direction::Inbound, State::Invited, Event::Agent(Op::Accept)) => State::Processing,
        (Direction::Inbound, State::Invited, Event::Agent(Op::Reject) | Event::Revoke) => State::Queued,
        (Direction::Outbound, State::Invited, Event::Agent(Op::Accept)) => State::Composing,
        (Direction::Outbound, State::Invited, Event::Agent(Op::Reject) | Event::Revoke) => origin(),
        _ => return None,
    };
    Some(after)
}
