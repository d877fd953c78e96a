//! Where an agent's notes come together: one sequence, many subscriptions, and a log for subscribers who
//! come back.
//!
//! A note is numbered before the change that it tells of is committed, because the log is part of that
//! commit; it is told after, in the order of the numbers. See [`Announcement`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use smol_str::SmolStr;

use super::line::Line;
use super::log::Log;
use super::subscription::Queue;
use super::{Note, NoteText, Notification, Topic};
use crate::config::Limits;
use crate::interaction::AgentId;
use crate::store::{AgentChange, Commit, CommitError, KeptNote, Store, StoreError};

/// An agent's notes. What every note needs comes first, in one line of a cache.
#[repr(C)]
pub(crate) struct Hub {
    /// Somebody subscribed once, and line and log go on where the store's log ends: that stays so.
    is_followed: AtomicBool,
    state: Mutex<HubState>,
    agent: AgentId,
}

#[repr(C)]
struct HubState {
    /// Somebody subscribed once, and may come back: the notes after this number are logged.
    followed_after: Option<u64>,
    line: Line,
    /// Whether line and log go on where the store's log ends.
    is_read: bool,
    log: Log,
    subscribers: Vec<Weak<Queue>>,
}

/// Why there is no subscription.
pub(crate) enum NotAdded {
    /// Too many subscribers.
    Crowded,
    /// The store failed.
    Failed(StoreError),
}

impl From<StoreError> for NotAdded {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl Hub {
    pub(crate) fn new(agent: AgentId, followed_after: Option<u64>) -> Self {
        let state = HubState {
            followed_after,
            is_read: followed_after.is_none(),
            line: Line::default(),
            log: Log::default(),
            subscribers: Vec::new(),
        };
        Self { agent, is_followed: AtomicBool::new(false), state: Mutex::new(state) }
    }

    /// Adds a subscriber; the agent's first one is remembered in the store. With `from`, the notes after
    /// that one come first; if some of them are no longer kept, the subscriber is told that it lagged.
    pub(crate) fn add(
        &self,
        queue: &Arc<Queue>,
        from: Option<u64>,
        limits: &Limits,
        store: &dyn Store,
        commit: impl FnOnce(Commit) -> Result<(), CommitError>,
    ) -> Result<(), NotAdded> {
        // Held while the store is asked: between what was missed and what comes live there is no gap.
        let mut state = self.state.lock();
        state.subscribers.retain(|queue| queue.strong_count() > 0);
        if state.subscribers.len() >= limits.subscriptions {
            return Err(NotAdded::Crowded);
        }
        state.read(&self.agent, store)?;
        if state.followed_after.is_none() {
            // What is being committed just now goes without a log: whoever comes back to it lags.
            let after = state.line.last();
            commit(following(&self.agent, after)).map_err(|error| match error {
                CommitError::Failed(error) => error,
                other => StoreError::new(other.to_string()),
            })?;
            state.followed_after = Some(after);
            state.log = Log::after(after);
        }
        if let Some(from) = from {
            match state.missed(from, &self.agent, store)? {
                Some(missed) => {
                    for note in missed.into_iter().filter(|note| queue.topic().covers(&note.topic)) {
                        let bytes = note.data.len();
                        queue.push(Notification::Note(note), bytes);
                    }
                }
                None => queue.lag(state.line.told()),
            }
        }
        state.subscribers.push(Arc::downgrade(queue));
        Ok(())
    }

    /// Numbers a note of a change that is about to be committed, and gives what belongs into the commit. `write` is
    /// asked for the note only if somebody ever subscribed.
    pub(crate) fn announce<'a>(
        &'a self,
        topic: &'a SmolStr,
        limits: &Limits,
        store: &dyn Store,
        write: impl FnOnce() -> NoteText,
    ) -> Result<(Announcement<'a>, Option<KeptNote>), StoreError> {
        let announcement = |sequence, note| Announcement { hub: self, topic, sequence, note, is_told: false };
        if !self.is_followed.load(Ordering::Acquire) {
            let mut state = self.state.lock();
            state.read(&self.agent, store)?;
            if state.followed_after.is_none() {
                return Ok((announcement(state.line.give(), None), None));
            }
            self.is_followed.store(true, Ordering::Release);
        }
        // Written outside the lock: notes of other interactions need not wait for it.
        let data = write();
        let mut state = self.state.lock();
        let HubState { line, log, .. } = &mut *state;
        let sequence = line.give();
        log.add(sequence, data.len(), line.first_open(), limits);
        let forgotten = log.forgotten();
        drop(state);
        let note = Arc::new(Note { topic: topic.clone(), data, sequence });
        let kept = KeptNote { agent: self.agent.clone(), note: note.clone(), forgotten };
        Ok((announcement(sequence, Some(note)), Some(kept)))
    }

    /// Wakes everybody who waits for a note.
    pub(crate) fn close(&self) {
        for queue in self.state.lock().subscribers.iter().filter_map(Weak::upgrade) {
            queue.close();
        }
    }
}

/// Says in the store that an agent is followed.
fn following(agent: &AgentId, after: u64) -> Commit {
    let change = AgentChange { id: agent.clone(), reference_id: 0, focus: None, followed_after: Some(after) };
    Commit { agent: Some(change), ..Commit::default() }
}

/// A note that has its number, while its change is committed. Dropped without being told, it is abandoned:
/// those behind it don't wait.
pub(crate) struct Announcement<'a> {
    hub: &'a Hub,
    topic: &'a SmolStr,
    sequence: u64,
    /// None if nobody ever subscribed.
    note: Option<Arc<Note>>,
    is_told: bool,
}

impl Announcement<'_> {
    /// The change was made: hands the note to all who subscribed to its topic, as soon as all earlier ones
    /// are told or abandoned. `write` is asked for it if somebody subscribed for the first time meanwhile.
    pub(crate) fn tell(mut self, write: impl FnOnce() -> NoteText) {
        let mut note = self.note.take();
        let mut state = self.hub.state.lock();
        if note.is_none() && state.followed_after.is_some() {
            drop(state);
            let data = write();
            state = self.hub.state.lock();
            note = Some(Arc::new(Note { topic: self.topic.clone(), data, sequence: self.sequence }));
        }
        state.line.make(self.sequence, note);
        state.pass_on();
        drop(state);
        self.is_told = true;
    }
}

impl Drop for Announcement<'_> {
    fn drop(&mut self) {
        if self.is_told {
            return;
        }
        let mut state = self.hub.state.lock();
        state.line.abandon(self.sequence);
        state.log.remove(self.sequence);
        state.pass_on();
    }
}

impl HubState {
    /// Goes on where an earlier run of the engine ended.
    fn read(&mut self, agent: &AgentId, store: &dyn Store) -> Result<(), StoreError> {
        let (false, Some(after)) = (self.is_read, self.followed_after) else { return Ok(()) };
        let kept = store.notes(agent, 0)?;
        self.log = Log::found(after, &kept);
        self.line = Line::after(kept.last.max(after));
        self.is_read = true;
        Ok(())
    }

    /// The notes after `from` that were told; `None` if some are no longer kept.
    fn missed(
        &self,
        from: u64,
        agent: &AgentId,
        store: &dyn Store,
    ) -> Result<Option<Vec<Arc<Note>>>, StoreError> {
        let told = self.line.told();
        // A number that was never given was given by an engine that kept nothing.
        if from > told || from < self.log.forgotten() {
            return Ok(None);
        }
        let mut missed = store.notes(agent, from)?.notes;
        missed.retain(|note| note.sequence <= told);
        // The store leaves out what is damaged.
        Ok(Some(missed).filter(|missed| missed.len() == self.log.count(from, told)))
    }

    fn pass_on(&mut self) {
        while let Some(note) = self.line.next() {
            let bytes = note.data.len();
            // The last one gets it as it is.
            let mut last = None::<Arc<Queue>>;
            for queue in self.subscribers.iter().filter_map(Weak::upgrade) {
                if queue.topic().covers(&note.topic)
                    && let Some(queue) = last.replace(queue)
                {
                    queue.push(Notification::Note(note.clone()), bytes);
                }
            }
            if let Some(queue) = last {
                queue.push(Notification::Note(note), bytes);
            }
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

#[cfg(test)]
mod tests;
