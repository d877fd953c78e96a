//! The memory that passwords are verified in: as many pieces as there are verifications at once, each kept and
//! used again. A burst of logins queues for them.
//!
//! To allocate it each time would be no bound: the system's allocator keeps such pieces when they are given
//! back, and does not always find them again.

use std::sync::Arc;
use std::time::Duration;

use argon2::Block;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::password::PasswordHash;

/// Everybody's turns.
pub(super) struct Turns {
    /// One permit for each piece; whoever waits longest is next.
    room: Arc<Semaphore>,
    idle: Idle,
    /// As long as the most demanding hash needs.
    blocks: usize,
    patience: Duration,
}

/// The pieces that nobody uses; empty before the first use.
type Idle = Arc<Mutex<Vec<Vec<Block>>>>;

/// Nobody's turn ended in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Turns {
    /// So many at once, for these hashes; whoever waits longer than `patience` is turned away.
    pub(super) fn new<'a>(
        at_once: usize,
        patience: Duration,
        hashes: impl IntoIterator<Item = &'a PasswordHash>,
    ) -> Self {
        let pieces = std::iter::repeat_with(Vec::new).take(at_once).collect();
        Self {
            room: Arc::new(Semaphore::new(at_once)),
            idle: Arc::new(Mutex::new(pieces)),
            blocks: hashes.into_iter().map(PasswordHash::blocks).max().unwrap_or(0),
            patience,
        }
    }

    /// Waits for a turn.
    pub(super) async fn take(&self) -> Result<Turn, TooMany> {
        let waited = tokio::time::timeout(self.patience, self.room.clone().acquire_owned()).await;
        let permit = waited.ok().and_then(Result::ok).ok_or(TooMany)?;
        let memory = self.idle.lock().pop().unwrap_or_default();
        Ok(Turn { memory, blocks: self.blocks, idle: self.idle.clone(), _permit: permit })
    }

    /// What is kept, and not in use.
    #[cfg(test)]
    pub(super) fn kept_blocks(&self) -> usize {
        self.idle.lock().iter().map(Vec::len).sum()
    }
}

/// Somebody's turn, until it is dropped.
pub(super) struct Turn {
    memory: Vec<Block>,
    blocks: usize,
    idle: Idle,
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    /// Whether the password is right. Takes a core for a while: not to be called where others wait.
    pub(super) fn verify(&mut self, hash: &PasswordHash, password: &str) -> Result<bool, argon2::Error> {
        let missing = self.blocks.saturating_sub(self.memory.len());
        self.memory.try_reserve_exact(missing).map_err(|_| argon2::Error::OutOfMemory)?;
        self.memory.resize(self.memory.len() + missing, Block::new());
        hash.is_of(password, &mut self.memory)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Before the permit is: whoever is next finds it.
        self.idle.lock().push(std::mem::take(&mut self.memory));
    }
}

#[cfg(test)]
mod tests {
    //! Planted fault that these tests were seen to catch: a turn that does not give its memory back.

    use super::*;

    fn hash(kib: u32) -> PasswordHash {
        let rest = "$CPwtmxxfCem0i9XHV8COrQ$+8Zu/DILlKLcEBZ5GF4r8NV9FIVTOMUCcgK5CuPsy90";
        PasswordHash::parse(&format!("$argon2id$v=19$m={kib},t=1,p=1{rest}")).unwrap()
    }

    #[tokio::test]
    async fn verifications_one_after_the_other_share_their_memory() {
        let hashes = [hash(64), hash(256), hash(128)];
        let turns = Turns::new(1, Duration::from_secs(60), &hashes);
        let mut places = Vec::new();
        for hash in &hashes {
            let mut turn = turns.take().await.unwrap();
            assert_eq!(turn.verify(hash, "guess"), Ok(false));
            assert_eq!(turn.memory.capacity(), 256, "what the most demanding hash needs");
            places.push(turn.memory.as_ptr());
        }
        assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
    }

    #[tokio::test]
    async fn whoever_waits_too_long_is_turned_away_and_the_next_turn_is_not_lost() {
        let turns = Turns::new(2, Duration::from_millis(1), []);
        let (first, second) = (turns.take().await.unwrap(), turns.take().await.unwrap());
        assert_eq!(turns.take().await.map(drop), Err(TooMany));
        drop(first);
        let third = turns.take().await.unwrap();
        assert_eq!(turns.idle.lock().len(), 0);
        drop((second, third));
        assert_eq!(turns.idle.lock().len(), 2);
    }
}
