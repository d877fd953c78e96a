//! Where an agent's notes come together: one sequence, many subscriptions, and the latest notes kept for
//! subscribers who come back.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::subscription::Queue;
use super::{Note, Notification, Topic};
use crate::config::Limits;

/// An agent's notes.
#[derive(Default)]
pub(crate) struct Hub {
    state: Mutex<HubState>,
}

#[derive(Default)]
struct HubState {
    sequence: u64,
    subscribers: Vec<Weak<Queue>>,
    /// Somebody subscribed once, and may come back: notes are kept from then on.
    is_followed: bool,
    /// The latest notes, without a gap.
    kept: VecDeque<Arc<Note>>,
    kept_bytes: usize,
}

/// Too many subscribers.
pub(crate) struct Crowded;

impl Hub {
    /// Adds a subscriber. With `from`, the notes after that one come first; if some of them are no longer
    /// kept, the subscriber is told that it lagged.
    pub(crate) fn add(&self, queue: &Arc<Queue>, from: Option<u64>, limits: &Limits) -> Result<(), Crowded> {
        let mut state = self.state.lock();
        state.subscribers.retain(|queue| queue.strong_count() > 0);
        if state.subscribers.len() >= limits.subscriptions {
            return Err(Crowded);
        }
        if let Some(from) = from {
            let first_kept = state.kept.front().map_or(state.sequence + 1, |note| note.sequence);
            // A number that was never given was given by an engine that kept nothing. Asked first: the
            // largest number has no successor.
            if from > state.sequence || from + 1 < first_kept {
                queue.lag(state.sequence);
            } else {
                let missed = state.kept.iter().filter(|note| note.sequence > from);
                for note in missed.filter(|note| queue.topic().covers(&note.topic)) {
                    queue.push(Notification::Note(note.clone()), note.data.len());
                }
            }
        }
        state.subscribers.push(Arc::downgrade(queue));
        state.is_followed = true;
        Ok(())
    }

    /// Counts a note, and hands it to all who subscribed to its topic. `data` is asked for only if
    /// somebody ever subscribed.
    pub(crate) fn tell(&self, topic: &Arc<str>, limits: &Limits, data: impl FnOnce() -> String) {
        {
            let mut state = self.state.lock();
            if !state.is_followed {
                state.sequence += 1;
                return;
            }
        }
        // Written outside the lock: notes of other interactions need not wait for it.
        let data: Arc<str> = data().into();
        let mut state = self.state.lock();
        state.sequence += 1;
        let note = Arc::new(Note { topic: topic.clone(), data, sequence: state.sequence });
        for queue in &state.subscribers {
            if let Some(queue) = queue.upgrade().filter(|queue| queue.topic().covers(topic)) {
                queue.push(Notification::Note(note.clone()), note.data.len());
            }
        }
        state.keep(note, limits);
    }

    /// Wakes everybody who waits for a note.
    pub(crate) fn close(&self) {
        for queue in self.state.lock().subscribers.iter().filter_map(Weak::upgrade) {
            queue.close();
        }
    }
}

impl HubState {
    fn keep(&mut self, note: Arc<Note>, limits: &Limits) {
        self.kept_bytes += note.data.len();
        self.kept.push_back(note);
        while self.kept.len() > limits.kept_notes || self.kept_bytes > limits.kept_bytes {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.kept_bytes -= oldest.data.len();
        }
    }
}

impl Topic {
    fn covers(&self, topic: &str) -> bool {
        match self.as_str().strip_suffix('*') {
            Some(prefix) => topic.starts_with(prefix),
            None => self.as_str() == topic,
        }
    }
}
