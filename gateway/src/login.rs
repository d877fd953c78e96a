//! Login sessions: the cookie that stands for a verified password.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use crate::auth::Digest;
use crate::settings::Limits;
use crate::staff::Colleague;

/// The cookie's name.
pub(crate) const COOKIE_NAME: &str = "JSESSIONID";
/// The header that carries a session's token.
pub(crate) const CSRF_HEADER: &str = "X-CSRF-TOKEN";

/// A login session.
pub(crate) struct Login {
    id: String,
    colleague: Arc<Colleague>,
    csrf_token: String,
    credentials: Digest,
    begun: Instant,
    used: Mutex<Used>,
    /// Becomes true when the session ends.
    over: watch::Sender<bool>,
}

struct Used {
    last: Instant,
    /// The cookie came back. A session whose cookie never does belongs to a client that keeps none.
    came_back: bool,
}

impl Login {
    pub(crate) fn colleague(&self) -> &Arc<Colleague> {
        &self.colleague
    }

    pub(super) fn credentials(&self) -> &Digest {
        &self.credentials
    }

    /// What a request that changes something must carry.
    pub(crate) fn csrf_token(&self) -> &str {
        &self.csrf_token
    }

    /// Whether that is the session's token.
    pub(crate) fn has_token(&self, token: Option<&HeaderValue>) -> bool {
        token.is_some_and(|token| bool::from(token.as_bytes().ct_eq(self.csrf_token.as_bytes())))
    }

    /// The value of `Set-Cookie`.
    pub(crate) fn cookie(&self, over_tls: bool) -> String {
        let secure = if over_tls { "; Secure" } else { "" };
        format!("{COOKIE_NAME}={}; Path=/; HttpOnly; SameSite=Strict{secure}", self.id)
    }

    /// Somebody is at work who sends no requests with a cookie: a WebSocket.
    pub(crate) fn touch(&self) {
        *self.used.lock() = Used { last: Instant::now(), came_back: true };
    }

    /// Becomes true when the session ends.
    pub(crate) fn over(&self) -> watch::Receiver<bool> {
        self.over.subscribe()
    }

    pub(crate) fn is_over(&self) -> bool {
        *self.over.borrow()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Login").field("agent", &self.colleague.id).finish_non_exhaustive()
    }
}

/// The value of `Set-Cookie` that makes a client forget its session.
pub(crate) fn no_cookie() -> String {
    format!("{COOKIE_NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// All login sessions: bounded by the number of agents and the sessions that each may have.
pub(crate) struct Logins {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_id: HashMap<String, Arc<Login>>,
    by_agent: HashMap<Arc<str>, Vec<Arc<Login>>>,
}

impl Logins {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), state: Mutex::default() }
    }

    /// The session whose cookie a request carries.
    pub(crate) fn of_request(&self, headers: &HeaderMap) -> Option<Arc<Login>> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut named = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| {
            cookie.trim().split_once('=').filter(|(name, _)| *name == COOKIE_NAME).map(|(_, id)| id)
        });
        let login = {
            let state = self.state.lock();
            named.find_map(|id| state.by_id.get(id)).cloned()
        }?;
        if self.has_expired(&login, Instant::now()) {
            self.end(&login);
            return None;
        }
        login.touch();
        Some(login)
    }

    /// Opens a session. When the agent has as many as are allowed, one makes room: first one whose cookie
    /// never came back, then the one that was longest unused.
    pub(crate) fn open(&self, colleague: &Arc<Colleague>, credentials: Digest) -> Arc<Login> {
        let now = Instant::now();
        let login = Arc::new(Login {
            id: crate::chance::token(),
            colleague: colleague.clone(),
            csrf_token: crate::chance::token(),
            credentials,
            begun: now,
            used: Mutex::new(Used { last: now, came_back: false }),
            over: watch::Sender::new(false),
        });
        let mut state = self.state.lock();
        let theirs = state.by_agent.entry(colleague.id.clone()).or_default();
        let leaves = if theirs.len() < self.limits.logins_per_agent {
            None
        } else {
            theirs.iter().min_by_key(|login| {
                let used = login.used.lock();
                (used.came_back, used.last)
            })
        };
        let leaves = leaves.cloned();
        theirs.push(login.clone());
        state.by_id.insert(login.id.clone(), login.clone());
        if let Some(leaves) = leaves {
            state.remove(&leaves);
        }
        login
    }

    /// Ends a session.
    pub(crate) fn end(&self, login: &Login) {
        self.state.lock().remove(login);
    }

    /// Ends the sessions whose time is over.
    pub(crate) fn end_expired(&self) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let expired: Vec<_> =
            state.by_id.values().filter(|login| self.has_expired(login, now)).cloned().collect();
        for login in expired {
            state.remove(&login);
        }
    }

    /// Whether an agent is logged in anywhere.
    pub(crate) fn is_in(&self, agent: &str) -> bool {
        self.state.lock().by_agent.contains_key(agent)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.state.lock().by_id.len()
    }

    fn has_expired(&self, login: &Login, now: Instant) -> bool {
        let unused = now.saturating_duration_since(login.used.lock().last);
        let age = now.saturating_duration_since(login.begun);
        unused >= self.limits.login_idle || age >= self.limits.login_lifetime
    }
}

impl State {
    fn remove(&mut self, login: &Login) {
        if self.by_id.remove(&login.id).is_none() {
            return;
        }
        login.over.send_replace(true);
        if let Some(theirs) = self.by_agent.get_mut(&login.colleague.id) {
            theirs.retain(|other| other.id != login.id);
            if theirs.is_empty() {
                self.by_agent.remove(&login.colleague.id);
            }
        }
    }
}
