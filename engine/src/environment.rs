//! Time, names and chance: handed in, so that a run can be repeated exactly. Real ones by default.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::interaction::Id;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> i64;
}

/// A source of chance.
pub trait Random: Send + Sync {
    /// Fills `bytes`; fit for names that must not be guessed.
    fn fill(&self, bytes: &mut [u8]);
}

/// Makes names of interactions and deliveries.
pub trait Ids: Send + Sync {
    /// A name that was never given before, also before a restart.
    fn next(&self) -> Id;

    /// The same for a call that has asked for the time: `now_ms` is what its clock said.
    fn next_at(&self, now_ms: i64) -> Id {
        let _ = now_ms;
        self.next()
    }
}

/// What an engine takes from outside.
#[derive(Clone)]
pub struct Environment {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Jitter of back-offs.
    pub random: Arc<dyn Random>,
    /// Names.
    pub ids: Arc<dyn Ids>,
}

impl Default for Environment {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemRandom))
    }
}

impl Environment {
    /// Names are made from this clock and this source of chance.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let ids = Arc::new(TimedIds { clock: clock.clone(), random: random.clone() });
        Self { clock, random, ids }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Environment").finish_non_exhaustive()
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// The operating system's source of chance.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() <= Stock::SMALL {
            STOCK.with_borrow_mut(|stock| stock.hand_out(bytes));
        } else {
            draw(bytes);
        }
    }
}

thread_local!(static STOCK: RefCell<Stock> = const { RefCell::new(Stock::EMPTY) });

/// Chance that was drawn and not yet handed out. A name takes a few bytes, and asking the system for them
/// takes longer than all else that a name needs.
struct Stock {
    bytes: [u8; Self::LEN],
    /// How many of them are left, at the beginning.
    left: usize,
}

impl Stock {
    const LEN: usize = 512;
    /// What is larger may be a key or a token: that is drawn by itself.
    const SMALL: usize = 8;
    const EMPTY: Self = Self { bytes: [0; Self::LEN], left: 0 };

    fn hand_out(&mut self, bytes: &mut [u8]) {
        if self.left < bytes.len() {
            draw(&mut self.bytes);
            self.left = Self::LEN;
        }
        let given = &mut self.bytes[self.left - bytes.len()..self.left];
        bytes.copy_from_slice(given);
        given.fill(0);
        self.left -= bytes.len();
    }
}

fn draw(bytes: &mut [u8]) {
    // Fails only where the system has no source at all; a process can't do anything sensible there.
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

/// Names of 16 digits and upper-case letters: nine for the time, so that they sort by age, seven for
/// chance, so that two processes don't make the same one. A name that is taken all the same is refused by
/// the store, and another one made.
pub struct TimedIds {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl TimedIds {
    const TIME_CHARACTERS: usize = 9;
    const CHARACTERS: usize = 16;

    /// Makes names from this clock and this source of chance.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random }
    }
}

impl Ids for TimedIds {
    fn next(&self) -> Id {
        self.next_at(self.clock.now_ms())
    }

    fn next_at(&self, now_ms: i64) -> Id {
        let mut chance = [0; 8];
        self.random.fill(&mut chance);
        let mut text = [0; Self::CHARACTERS];
        let (time, rest) = text.split_at_mut(Self::TIME_CHARACTERS);
        base36(now_ms.max(0).unsigned_abs(), time);
        base36(u64::from_le_bytes(chance), rest);
        Id::of_digits(text)
    }
}

/// Writes the low digits of `number`, the highest first.
#[inline(never)]
fn base36(mut number: u64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[usize::try_from(number % 36).unwrap_or(0)];
        number /= 36;
    }
}

/// The time as `receivedDate` shows it: `2015-03-02 12:26:14.000+0000`.
pub(crate) fn received_date(now_ms: i64) -> String {
    use time::OffsetDateTime;
    use time::format_description::BorrowedFormatItem;
    use time::macros::format_description;

    const FORMAT: &[BorrowedFormatItem<'_>] = format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3][offset_hour sign:mandatory][offset_minute]"
    );
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(now_ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(FORMAT).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_16_digits_and_upper_case_letters_and_sort_by_age() {
        struct At(i64);
        impl Clock for At {
            fn now_ms(&self) -> i64 {
                self.0
            }
        }
        let id = |ms| TimedIds::new(Arc::new(At(ms)), Arc::new(SystemRandom)).next();
        let (earlier, later) = (id(1_425_292_000_000), id(1_425_292_000_001));
        assert!(earlier < later);
        for id in [earlier, later] {
            assert_eq!(id.as_str().len(), 16);
            assert!(id.as_str().bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()));
        }
    }

    /// Fails if something is handed out twice, or of the stock's end less than was asked for.
    #[test]
    fn small_chance_is_handed_out_once() {
        let mut seen = std::collections::HashSet::new();
        for length in [8, 7, 8].into_iter().cycle().take(500) {
            let mut bytes = [0; 8];
            SystemRandom.fill(&mut bytes[..length]);
            assert!(seen.insert(bytes));
        }
        STOCK.with_borrow(|stock| assert!(stock.bytes[stock.left..].iter().all(|byte| *byte == 0)));
    }

    #[test]
    fn received_dates_look_like_the_samples() {
        assert_eq!(received_date(1_425_291_974_000), "2015-03-02 10:26:14.000+0000");
    }
}
