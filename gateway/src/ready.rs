//! Who is ready for work: what agents say with `StartContactCenterSession`, `Ready`, `NotReady` and
//! `EndContactCenterSession`, and what routing reads.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use strowger::{Refusal, StatusCode};
use tokio::sync::Notify;

/// Where an agent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// No contact-centre session.
    LoggedOut,
    /// At work, but not to be offered anything.
    NotReady,
    /// To be offered interactions, since then.
    Ready { since: Instant },
}

impl Readiness {
    /// What clients call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LoggedOut => "LoggedOut",
            Self::NotReady => "NotReady",
            Self::Ready { .. } => "Ready",
        }
    }
}

/// What an agent asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Start,
    Ready,
    NotReady,
    End,
}

impl Change {
    /// By the `operationName` of clients.
    pub(crate) fn parse(operation: &str) -> Result<Self, Refusal> {
        match operation {
            "StartContactCenterSession" => Ok(Self::Start),
            "Ready" => Ok(Self::Ready),
            "NotReady" => Ok(Self::NotReady),
            "EndContactCenterSession" => Ok(Self::End),
            other => Err(Refusal::new(
                StatusCode::Invalid,
                format!(
                    "the parameter `operationName` is `{other:.64}`: expected StartContactCenterSession, \
                     Ready, NotReady or EndContactCenterSession"
                ),
            )),
        }
    }
}

/// All agents' readiness. An agent who is not on it is logged out.
#[derive(Default)]
pub(crate) struct ReadyBoard {
    at_work: Mutex<HashMap<Arc<str>, Readiness>>,
    changed: Notify,
}

impl ReadyBoard {
    /// Does what an agent asks for. What already is so stays so.
    pub(crate) fn change(&self, agent: &Arc<str>, change: Change) -> Result<Readiness, Refusal> {
        let mut at_work = self.at_work.lock();
        let now = at_work.get(agent).copied().unwrap_or(Readiness::LoggedOut);
        let next = match (now, change) {
            (_, Change::End) => Readiness::LoggedOut,
            (Readiness::LoggedOut, Change::Start)
            | (Readiness::NotReady | Readiness::Ready { .. }, Change::NotReady) => Readiness::NotReady,
            (Readiness::NotReady, Change::Ready) => Readiness::Ready { since: Instant::now() },
            (Readiness::NotReady | Readiness::Ready { .. }, Change::Start | Change::Ready) => now,
            (Readiness::LoggedOut, Change::Ready | Change::NotReady) => {
                return Err(Refusal::new(
                    StatusCode::Forbidden,
                    "there is no contact-centre session: begin one with StartContactCenterSession",
                ));
            }
        };
        if next == Readiness::LoggedOut {
            at_work.remove(agent);
        } else {
            at_work.insert(agent.clone(), next);
        }
        drop(at_work);
        self.changed.notify_one();
        Ok(next)
    }

    /// Where an agent stands.
    pub(crate) fn of(&self, agent: &str) -> Readiness {
        self.at_work.lock().get(agent).copied().unwrap_or(Readiness::LoggedOut)
    }

    /// Who is ready, and since when.
    pub(crate) fn ready(&self) -> Vec<(Arc<str>, Instant)> {
        let at_work = self.at_work.lock();
        let ready = at_work.iter().filter_map(|(agent, readiness)| match readiness {
            Readiness::Ready { since } => Some((agent.clone(), *since)),
            Readiness::LoggedOut | Readiness::NotReady => None,
        });
        ready.collect()
    }

    /// Returns when somebody's readiness has changed.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Sends those home for whom `is_in` does not hold.
    pub(crate) fn keep_only(&self, is_in: impl Fn(&str) -> bool) {
        self.at_work.lock().retain(|agent, _| is_in(agent));
    }

    /// How many are ready.
    pub(crate) fn count_ready(&self) -> usize {
        self.at_work.lock().values().filter(|readiness| matches!(readiness, Readiness::Ready { .. })).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_from_everywhere() {
        let cases: [(&[Change], Change, Option<&str>); 13] = [
            (&[], Change::Start, Some("NotReady")),
            (&[], Change::Ready, None),
            (&[], Change::NotReady, None),
            (&[], Change::End, Some("LoggedOut")),
            (&[Change::Start], Change::Start, Some("NotReady")),
            (&[Change::Start], Change::Ready, Some("Ready")),
            (&[Change::Start], Change::NotReady, Some("NotReady")),
            (&[Change::Start], Change::End, Some("LoggedOut")),
            (&[Change::Start, Change::Ready], Change::Start, Some("Ready")),
            (&[Change::Start, Change::Ready], Change::Ready, Some("Ready")),
            (&[Change::Start, Change::Ready], Change::NotReady, Some("NotReady")),
            (&[Change::Start, Change::Ready], Change::End, Some("LoggedOut")),
            (&[Change::Start, Change::End], Change::Ready, None),
        ];
        for (before, change, expected) in cases {
            let board = ReadyBoard::default();
            let agent: Arc<str> = "a1".into();
            for &earlier in before {
                board.change(&agent, earlier).unwrap();
            }
            let found = board.change(&agent, change).ok().map(Readiness::name);
            assert_eq!(found, expected, "{change:?} after {before:?}");
        }
    }
}
