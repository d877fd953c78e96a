//! The lifecycle as a `match` that somebody wrote by hand: over the same enums, as good as it gets.

use strowger::lifecycle::{Direction, Event, Next, Operation, State};

use super::{Happening, Life, resolved};

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
        if let Some(next) = step(self.direction, self.state, happening.event) {
            self.state = resolved(next, self.state, happening.to_agent, self.from_queue);
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
fn step(direction: Direction, state: State, event: Event) -> Option<Next> {
    use Operation as Op;

    let next = match (direction, state, event) {
        (Direction::Outbound, State::Composing, Event::Agent(operation)) => match operation {
            Op::Save
            | Op::AttachUserData
            | Op::UpdateUserData
            | Op::DeleteUserData
            | Op::SetDisposition
            | Op::AddComment
            | Op::SetInFocus => Next::State(State::Composing),
            Op::Send => Next::State(State::Sent),
            Op::Cancel => Next::State(State::Canceled),
            Op::Transfer => Next::Target,
            Op::Create | Op::Accept | Op::Reject | Op::Reply | Op::Complete => return None,
        },
        (Direction::Outbound, State::Sent, Event::Confirm) => Next::State(State::Completed),
        (Direction::Outbound, State::Sent, Event::Refuse) => Next::State(State::Composing),
        (Direction::Inbound, State::Processing, Event::Agent(operation)) => match operation {
            Op::AttachUserData
            | Op::UpdateUserData
            | Op::DeleteUserData
            | Op::SetDisposition
            | Op::AddComment
            | Op::SetInFocus => Next::State(State::Processing),
            Op::Complete => Next::State(State::Completed),
            Op::Reply => Next::NewDraft,
            Op::Transfer => Next::Target,
            Op::Create | Op::Save | Op::Send | Op::Cancel | Op::Accept | Op::Reject => return None,
        },
        (_, State::Queued, Event::Offer) => Next::State(State::Invited),
        (Direction::Inbound, State::Invited, Event::Agent(Op::Accept)) => Next::State(State::Processing),
        (Direction::Inbound, State::Invited, Event::Agent(Op::Reject) | Event::Revoke) => {
            Next::State(State::Queued)
        }
        (Direction::Outbound, State::Invited, Event::Agent(Op::Accept)) => Next::State(State::Composing),
        (Direction::Outbound, State::Invited, Event::Agent(Op::Reject) | Event::Revoke) => Next::Origin,
        _ => return None,
    };
    Some(next)
}
