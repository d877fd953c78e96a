//! What came of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

/// How long answers and notes took.
#[derive(Default)]
pub(crate) struct Figures {
    replies: Mutex<Vec<Duration>>,
    notes: Mutex<Vec<Duration>>,
}

impl Figures {
    pub(crate) fn replied(&self, after: Duration) {
        self.replies.lock().push(after);
    }

    pub(crate) fn heard(&self, after: Duration) {
        self.notes.lock().push(after);
    }
}

/// An agent's notes, over all its sessions.
pub(crate) struct Account {
    pub(crate) accepted: u64,
    pub(crate) expected: u64,
    pub(crate) heard: u64,
    pub(crate) astray: u64,
}

pub(crate) struct Report {
    pub(crate) sessions: usize,
    pub(crate) agents: Vec<Account>,
    pub(crate) opening: Duration,
    pub(crate) resident_idle_kib: u64,
    pub(crate) resident_peak_kib: u64,
    pub(crate) most_kib: u64,
    pub(crate) cpu: Duration,
    pub(crate) span: Duration,
    pub(crate) took: Duration,
    pub(crate) figures: Arc<Figures>,
}

impl Report {
    fn sum(&self, of: impl Fn(&Account) -> u64) -> u64 {
        self.agents.iter().map(of).sum()
    }

    /// Whether the load could be carried: the last operation was answered within a second of its time.
    fn is_in_time(&self) -> bool {
        self.took <= self.span + Duration::from_secs(1)
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.sum(|agent| agent.astray) == 0
            && self.sum(|agent| agent.expected) == self.sum(|agent| agent.heard)
            && self.sum(|agent| agent.accepted) > 0
            && self.is_in_time()
            && self.resident_peak_kib <= self.most_kib
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (expected, heard) = (self.sum(|agent| agent.expected), self.sum(|agent| agent.heard));
        let accepted = self.sum(|agent| agent.accepted);
        let rate = u128::from(accepted) * 1_000 / self.took.as_millis().max(1);
        let rows = [
            ("sessions", format!("{} of {} agents", self.sessions, self.agents.len())),
            ("sessions opened in", format!("{:.1} s", self.opening.as_secs_f64())),
            ("operations", format!("{accepted} in {:.1} s ({rate} a second)", self.took.as_secs_f64())),
            ("replies", spread(&self.figures.replies)),
            ("notes expected", expected.to_string()),
            ("notes heard", heard.to_string()),
            ("notes astray", self.sum(|agent| agent.astray).to_string()),
            ("notes", spread(&self.figures.notes)),
            ("resident, idle", format!("{} MiB", self.resident_idle_kib >> 10)),
            ("resident, peak", format!("{} MiB", self.resident_peak_kib >> 10)),
            ("processor time", format!("{:.1} s", self.cpu.as_secs_f64())),
            ("verdict", if self.is_sound() { "sound" } else { "falls short" }.to_owned()),
        ];
        rows.iter().try_for_each(|(name, figure)| writeln!(formatter, "{name:<20} {figure}"))
    }
}

fn spread(times: &Mutex<Vec<Duration>>) -> String {
    let mut times = times.lock().clone();
    times.sort_unstable();
    let at = |percent: usize| {
        let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(place).copied().unwrap_or_default().as_secs_f64() * 1_000.0
    };
    format!("median {:.1} ms, p99 {:.1} ms, most {:.1} ms", at(50), at(99), at(100))
}
