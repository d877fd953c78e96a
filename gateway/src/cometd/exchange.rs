//! All sessions, bounded in number, and the audiences that they belong to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use strowger::Engine;

use super::audience::{Audience, Closed};
use super::session::{EVERYTHING, Session};
use crate::http::Visitor;
use crate::login::Login;
use crate::settings::CometdSettings;
use crate::staff::Colleague;

/// Knows every session.
pub(crate) struct Exchange {
    pub(super) settings: CometdSettings,
    /// The topics that there are.
    topics: Arc<[Arc<str>]>,
    sessions: Mutex<Sessions>,
    audiences: Mutex<HashMap<Arc<str>, Arc<Audience>>>,
}

#[derive(Default)]
struct Sessions {
    by_id: HashMap<Arc<str>, Arc<Session>>,
    per_agent: HashMap<Arc<str>, usize>,
}

/// There is no room for another session.
#[derive(Debug, thiserror::Error)]
pub(super) enum Full {
    #[error("this agent has {0} sessions already: no more are allowed")]
    Agent(usize),
    #[error("there are {0} sessions already: no more are allowed")]
    Gateway(usize),
}

impl Exchange {
    /// For an engine that has all its channels.
    pub(crate) fn new(engine: &Engine, settings: &CometdSettings) -> Self {
        let channels = engine.channels();
        let manifests = channels.iter().filter_map(|channel| engine.manifest(channel).ok());
        Self {
            settings: settings.clone(),
            topics: manifests.map(|manifest| manifest.topic.as_str().into()).collect(),
            sessions: Mutex::default(),
            audiences: Mutex::default(),
        }
    }

    /// How many sessions there are.
    pub(crate) fn count(&self) -> usize {
        self.sessions.lock().by_id.len()
    }

    /// How many topics they are subscribed to in all.
    pub(crate) fn count_subscriptions(&self) -> usize {
        self.sessions.lock().by_id.values().map(|session| session.count_subscriptions()).sum()
    }

    /// Ends the sessions that a login began, because its agent logged out.
    pub(crate) fn end_of_login(&self, login: &Arc<Login>) {
        self.end_where(|session| Arc::ptr_eq(session.login(), login));
    }

    /// Ends the sessions that nobody asked for in time.
    pub(crate) fn end_expired(&self) {
        let now = Instant::now();
        self.end_where(|session| session.has_expired(now));
    }

    /// The topic of that name, if clients may subscribe to it.
    pub(super) fn topic(&self, name: &str) -> Option<Arc<str>> {
        if name == EVERYTHING {
            return Some(EVERYTHING.into());
        }
        self.topics.iter().find(|topic| ***topic == *name).cloned()
    }

    /// Opens a session.
    pub(super) fn open(&self, visitor: &Visitor, acknowledges: bool) -> Result<Arc<Session>, Full> {
        let agent = &visitor.colleague().id;
        let mut sessions = self.sessions.lock();
        let theirs = sessions.per_agent.get(agent).copied().unwrap_or(0);
        if theirs >= self.settings.sessions_per_agent {
            return Err(Full::Agent(theirs));
        }
        if sessions.by_id.len() >= self.settings.sessions {
            return Err(Full::Gateway(sessions.by_id.len()));
        }
        let session = Arc::new(Session::new(
            agent.clone(),
            visitor.login.clone(),
            &self.settings,
            self.topics.clone(),
            acknowledges,
        ));
        sessions.per_agent.insert(agent.clone(), theirs + 1);
        sessions.by_id.insert(session.id().clone(), session.clone());
        Ok(session)
    }

    /// The session of that name, if it is this agent's. Another agent's is as good as none.
    pub(super) fn find(&self, id: &str, agent: &str) -> Option<Arc<Session>> {
        let session = self.sessions.lock().by_id.get(id).cloned()?;
        (**session.agent() == *agent).then_some(session)
    }

    /// Subscribes a session to a topic. May wait for a disk where `from` is given.
    pub(super) fn subscribe(
        &self,
        session: &Arc<Session>,
        colleague: &Colleague,
        topic: &Arc<str>,
        from: Option<u64>,
    ) -> Result<(), strowger::Error> {
        if session.is_subscribed(topic) {
            return Ok(());
        }
        loop {
            let audience = self.audience(colleague)?;
            if let Err(Closed) = audience.join(session, topic, from)? {
                continue;
            }
            // It may have ended in the meantime, and would never leave.
            if session.is_over() {
                self.leave(session);
            }
            return Ok(());
        }
    }

    /// Fills the session's queue with all that its agent was told so far.
    pub(super) fn catch_up(&self, session: &Session) {
        let audience = self.audiences.lock().get(session.agent()).cloned();
        if let Some(audience) = audience {
            audience.catch_up();
        }
    }

    /// Takes a topic away from a session.
    pub(super) fn unsubscribe(&self, session: &Arc<Session>, topic: &str) -> bool {
        let was_subscribed = session.unsubscribe(topic);
        if !session.has_subscriptions() {
            self.leave(session);
        }
        was_subscribed
    }

    /// Ends a session.
    pub(super) fn end(&self, session: &Arc<Session>) {
        if !self.sessions.lock().remove(session) {
            return;
        }
        session.close();
        self.leave(session);
    }

    fn end_where(&self, is_over: impl Fn(&Session) -> bool) {
        let over: Vec<_> =
            self.sessions.lock().by_id.values().filter(|session| is_over(session)).cloned().collect();
        for session in &over {
            self.end(session);
        }
    }

    fn audience(&self, colleague: &Colleague) -> Result<Arc<Audience>, strowger::Error> {
        let mut audiences = self.audiences.lock();
        if let Some(audience) = audiences.get(&colleague.id) {
            return Ok(audience.clone());
        }
        let audience = Audience::open(&colleague.agent)?;
        audiences.insert(colleague.id.clone(), audience.clone());
        Ok(audience)
    }

    fn leave(&self, session: &Arc<Session>) {
        let mut audiences = self.audiences.lock();
        if let Some(audience) = audiences.get(session.agent())
            && audience.leave(session)
        {
            audiences.remove(session.agent());
        }
    }
}

impl Sessions {
    fn remove(&mut self, session: &Session) -> bool {
        if self.by_id.remove(session.id()).is_none() {
            return false;
        }
        if let Some(theirs) = self.per_agent.get_mut(session.agent()) {
            *theirs -= 1;
            if *theirs == 0 {
                self.per_agent.remove(session.agent());
            }
        }
        true
    }
}
