//! Time, names and chance as the test says.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};

use strowger::{Clock, Id, Ids, Random};

/// Stands still until it is set.
pub(crate) struct FakeClock(AtomicI64);

impl FakeClock {
    pub(crate) fn new(now_ms: i64) -> Self {
        Self(AtomicI64::new(now_ms))
    }

    pub(crate) fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, by_ms: i64) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Fills with one byte.
#[derive(Default)]
pub(crate) struct FakeRandom(AtomicU8);

impl FakeRandom {
    pub(crate) fn set(&self, byte: u8) {
        self.0.store(byte, Ordering::SeqCst);
    }
}

impl Random for FakeRandom {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.load(Ordering::SeqCst));
    }
}

/// Names that the test has put in line, then numbered ones.
#[derive(Default)]
pub(crate) struct FakeIds {
    line: Mutex<VecDeque<String>>,
    number: AtomicU64,
}

impl FakeIds {
    pub(crate) fn put(&self, id: &str) {
        self.line.lock().unwrap().push_back(id.to_owned());
    }
}

impl Ids for FakeIds {
    fn next(&self) -> Id {
        let put = self.line.lock().unwrap().pop_front();
        let text =
            put.unwrap_or_else(|| format!("01QQQG2MU2{:06}", self.number.fetch_add(1, Ordering::SeqCst)));
        Id::parse(&text).expect("an id")
    }
}
