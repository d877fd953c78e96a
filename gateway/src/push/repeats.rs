//! Knows a repeated request again: clients that name theirs (`Idempotency-Key`) may repeat it.
//!
//! The first request's answer is kept for a day, and a repetition gets it; one that comes while the first is
//! under way waits for it. What is open is looked at again. Across a restart the engine remembers the name of
//! the Send, so that nothing is sent twice, but the answer is gone: a repetition is told so.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex as AsyncMutex;

use super::envelope::{Answer, Outcome, Problem};
use super::errand::Errand;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How many are.
const MOST: usize = 20_000;

/// What a client calls its request; a digest, so that it takes no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    /// `token` is the identity's: others may use the same name.
    pub(super) fn new(token: &str, name: &str) -> Self {
        Self(digest(&[token.as_bytes(), name.as_bytes()]))
    }

    /// What the engine is given as `requestId`.
    pub(super) fn request_id(&self) -> String {
        use std::fmt::Write as _;
        self.0.iter().fold("push-".to_owned(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// The requests that named themselves.
#[derive(Default)]
pub(super) struct Repeats {
    known: Mutex<HashMap<Key, Arc<Entry>>>,
}

/// A request that named itself.
pub(super) struct Entry {
    fingerprint: [u8; 32],
    since: Instant,
    /// Held while the request is under way.
    settled: AsyncMutex<Option<Result<Answer, Problem>>>,
}

/// Tells requests from each other.
pub(super) fn fingerprint(resource: &str, body: &[u8]) -> [u8; 32] {
    digest(&[resource.as_bytes(), body])
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

impl Repeats {
    /// The entry of that name: a new one, or the first request's.
    pub(super) fn entry(&self, key: Key, fingerprint: [u8; 32]) -> Result<Arc<Entry>, Problem> {
        let mut known = self.known.lock();
        if let Some(entry) = known.get(&key).filter(|entry| entry.since.elapsed() < KEPT) {
            return if entry.fingerprint == fingerprint {
                Ok(entry.clone())
            } else {
                Err(Problem::new(
                    409,
                    "another request had this `Idempotency-Key`: expected the same path and body",
                ))
            };
        }
        if known.len() >= MOST {
            known.retain(|_, entry| entry.since.elapsed() < KEPT);
        }
        if known.len() >= MOST {
            // The engine still knows what was sent.
            let oldest = known.iter().min_by_key(|(_, entry)| entry.since).map(|(key, _)| *key);
            oldest.and_then(|oldest| known.remove(&oldest));
        }
        let entry = Arc::new(Entry { fingerprint, since: Instant::now(), settled: AsyncMutex::default() });
        known.insert(key, entry.clone());
        Ok(entry)
    }
}

impl Entry {
    /// Runs the errand once, and tells what came of it as often as it is asked.
    pub(super) async fn run(&self, errand: &Errand) -> Result<Answer, Problem> {
        let mut settled = self.settled.lock().await;
        let came = match &*settled {
            None => errand.run().await,
            Some(Ok(Answer { outcome: Outcome::Open { .. }, id, uri, .. })) => {
                errand.look_again(id, uri).await
            }
            Some(settled) => return settled.clone(),
        };
        // What passes may be tried again under the same name.
        let passes = came.as_ref().is_err_and(|problem| problem.retry_after.is_some());
        *settled = (!passes).then(|| came.clone());
        came
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if a name is taken for another identity's, or another request passes for the first.
    #[test]
    fn a_name_belongs_to_one_request_of_one_identity() {
        let repeats = Repeats::default();
        let first = repeats.entry(Key::new("t1", "k"), fingerprint("/a", b"{}")).expect("new");
        let again = repeats.entry(Key::new("t1", "k"), fingerprint("/a", b"{}")).expect("the same");
        assert!(Arc::ptr_eq(&first, &again));
        let other = repeats.entry(Key::new("t2", "k"), fingerprint("/a", b"{}")).expect("new");
        assert!(!Arc::ptr_eq(&first, &other));
        let wrong = repeats.entry(Key::new("t1", "k"), fingerprint("/a", b"{ }")).map(drop).unwrap_err();
        assert_eq!(wrong.status, 409);
        assert_eq!(Key::new("t1", "k").request_id().len(), 69);
    }
}
