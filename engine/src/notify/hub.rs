//! Where an agent's notes come together: one sequence, many subscriptions.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::subscription::Queue;
use super::{Note, Notification, Topic};

/// An agent's notes.
#[derive(Default)]
pub(crate) struct Hub {
    state: Mutex<HubState>,
}

#[derive(Default)]
struct HubState {
    sequence: u64,
    subscribers: Vec<Weak<Queue>>,
}

impl Hub {
    /// Adds a subscriber; `false` if there are `limit` already.
    pub(crate) fn add(&self, queue: &Arc<Queue>, limit: usize) -> bool {
        let mut state = self.state.lock();
        state.subscribers.retain(|queue| queue.strong_count() > 0);
        let fits = state.subscribers.len() < limit;
        if fits {
            state.subscribers.push(Arc::downgrade(queue));
        }
        fits
    }

    /// Counts a note, and hands it to all who subscribed to its topic. `data` is asked for only if
    /// somebody did.
    pub(crate) fn tell(&self, topic: &Arc<str>, data: impl FnOnce() -> String) {
        if !self.state.lock().subscribers.iter().any(|queue| is_interested(queue, topic)) {
            self.state.lock().sequence += 1;
            return;
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
    }

    /// Wakes everybody who waits for a note.
    pub(crate) fn close(&self) {
        for queue in self.state.lock().subscribers.iter().filter_map(Weak::upgrade) {
            queue.close();
        }
    }
}

fn is_interested(queue: &Weak<Queue>, topic: &str) -> bool {
    queue.upgrade().is_some_and(|queue| queue.topic().covers(topic))
}

impl Topic {
    fn covers(&self, topic: &str) -> bool {
        match self.as_str().strip_suffix('*') {
            Some(prefix) => topic.starts_with(prefix),
            None => self.as_str() == topic,
        }
    }
}
