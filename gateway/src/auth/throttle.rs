//! Slows down whoever guesses passwords.

use std::hash::{BuildHasher, Hash, RandomState};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Counts failures by name or address. Each failure is forgotten after a while; when too many are
/// remembered, the next try must wait.
///
/// The memory is fixed: a key has the slot that its keyed hash says, and keys that share a slot share the
/// count, which nobody outside can bring about on purpose.
pub(super) struct Throttle {
    allowed: u32,
    forgotten_after: Duration,
    hasher: RandomState,
    /// When the last failure of the slot's keys will be forgotten.
    slots: Mutex<Vec<Option<Instant>>>,
}

const SLOTS: usize = 8192;

impl Throttle {
    pub(super) fn new(allowed: u32, forgotten_after: Duration) -> Self {
        Self { allowed, forgotten_after, hasher: RandomState::new(), slots: Mutex::new(vec![None; SLOTS]) }
    }

    /// Fails with the time to wait.
    pub(super) fn check(&self, key: &impl Hash) -> Result<(), Duration> {
        self.check_at(key, Instant::now())
    }

    /// Remembers a failure.
    pub(super) fn count(&self, key: &impl Hash) {
        self.count_at(key, Instant::now());
    }

    fn check_at(&self, key: &impl Hash, now: Instant) -> Result<(), Duration> {
        let Some(forgotten) = self.slots.lock()[self.slot(key)] else { return Ok(()) };
        // One less than is allowed may be remembered for one more to be tried.
        let free_at = self.forgotten_after * self.allowed.saturating_sub(1);
        let wait = forgotten.saturating_duration_since(now).saturating_sub(free_at);
        if wait.is_zero() { Ok(()) } else { Err(wait + Duration::from_secs(1)) }
    }

    fn count_at(&self, key: &impl Hash, now: Instant) {
        let slot = &mut self.slots.lock()[self.slot(key)];
        let from = slot.map_or(now, |forgotten| forgotten.max(now));
        *slot = Some(from + self.forgotten_after);
    }

    fn slot(&self, key: &impl Hash) -> usize {
        usize::try_from(self.hasher.hash_one(key) % SLOTS as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_failures_are_allowed_and_one_more_each_time_one_is_forgotten() {
        let throttle = Throttle::new(3, Duration::from_secs(10));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(throttle.check_at(&"a1", start), Ok(()));
            throttle.count_at(&"a1", start);
        }
        let wait = throttle.check_at(&"a1", start).unwrap_err();
        assert!(wait <= Duration::from_secs(11), "{wait:?}");
        assert_eq!(throttle.check_at(&"a2", start), Ok(()), "another name is not slowed down");
        let later = start + Duration::from_secs(10);
        assert_eq!(throttle.check_at(&"a1", later), Ok(()));
        throttle.count_at(&"a1", later);
        assert!(throttle.check_at(&"a1", later).is_err());
    }
}
