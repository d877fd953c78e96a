//! Which interaction an agent looks at.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::decide::Focus;
use crate::interaction::InteractionId;

/// An agent's focus. Most agents have none, and everything that they are told asks for it: that is answered without
/// the lock.
pub(super) struct AgentFocus {
    is_set: AtomicBool,
    on: Mutex<Option<InteractionId>>,
}

/// A focus on its way to another interaction, locked until it is there.
pub(super) struct MovingFocus<'a> {
    is_set: &'a AtomicBool,
    on: MutexGuard<'a, Option<InteractionId>>,
    to: Option<InteractionId>,
}

impl AgentFocus {
    pub(super) fn new(on: Option<InteractionId>) -> Self {
        Self { is_set: AtomicBool::new(on.is_some()), on: Mutex::new(on) }
    }

    /// What the agent looks at now.
    pub(super) fn get(&self) -> Option<InteractionId> {
        if self.is_set.load(Ordering::Acquire) { *self.on.lock() } else { None }
    }

    /// Locked, if it is to move.
    pub(super) fn moving(&self, focus: Focus, about: Option<InteractionId>) -> Option<MovingFocus<'_>> {
        if focus == Focus::Stays {
            return None;
        }
        let on = self.on.lock();
        let to = match focus {
            Focus::Taken => about,
            Focus::Dropped if *on == about => None,
            Focus::Stays | Focus::Dropped => return None,
        };
        Some(MovingFocus { is_set: &self.is_set, on, to })
    }
}

impl MovingFocus<'_> {
    /// Where it will be.
    pub(super) fn to(&self) -> Option<InteractionId> {
        self.to
    }

    /// It is there.
    pub(super) fn arrive(mut self) {
        *self.on = self.to;
        self.is_set.store(self.to.is_some(), Ordering::Release);
    }
}
