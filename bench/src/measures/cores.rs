//! Two threads beside one.

use std::error::Error;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};
use strowger::{API_MULTIMEDIA, Agent, Config, Engine};

use super::Rows;
use crate::beside::{Beside, beside};
use crate::drafts::{CANCEL, CHANNEL, CONFIG, CREATE, SAVE};
use crate::machine::cores;
use crate::row::{Bound, Row};

pub(super) const ABOUT: &str = "The reference's Save and whole lives of drafts, store in memory: the calls a second of \
    two threads, each on a core of its own, that work until the same moment, beside those of one of them alone. Beside \
    it, what the machine gives two threads that have nothing in common, each with an engine of its own.";

/// How often two are timed beside one.
const PAIRS: usize = 301;
/// How long a run takes: a thread that is held up for a moment loses that moment, and the other one goes on. So
/// short, because a core's speed may change some dozen times a second: both runs of a pair are to find the same.
const RUN: Duration = Duration::from_millis(4);
/// Calls between two looks at the clock.
const CALLS: usize = 64;
/// Drafts of a thread, where it has drafts of its own.
const DRAFTS: usize = 500;

/// Makes the measure.
pub(super) fn run() -> Rows {
    let cores = two_cores()?;
    let saves = || Saves::new(&["a1", "a2"], DRAFTS);
    let apart = [saves()?, saves()?];
    Ok(vec![
        row("Save, drafts of two agents", 1.8, cores, &saves()?, &apart),
        row("Create, Save, Cancel, two agents", 1.8, cores, &Lives::new()?, &[Lives::new()?, Lives::new()?]),
        row("Save, different drafts of one agent", 1.0, cores, &Saves::new(&["a1", "a1"], DRAFTS)?, &apart),
        row("Save, one draft", 0.7, cores, &Saves::new(&["a1"], 1)?, &apart),
    ])
}

/// A core for each of the two threads. Left to itself, the machine has both begin on one, and even two loops that
/// share nothing then come to 1.8 times one of them.
type Cores = [CpuSet; 2];

fn two_cores() -> Result<Cores, Box<dyn Error>> {
    let mut cores = cores()?;
    match (cores.next(), cores.next()) {
        (Some(first), Some(second)) => Ok([first, second]),
        _ => Err("two threads are timed on a core each, and this process may run on one only".into()),
    }
}

/// What a thread does, again and again.
trait Work: Sync {
    /// Makes a few calls, as this thread; `turn` counts its turns in a run. Gives how many.
    fn calls(&self, thread: usize, turn: usize) -> usize;
}

/// Two threads, and nothing that both work on.
impl<W: Work> Work for [W; 2] {
    fn calls(&self, thread: usize, turn: usize) -> usize {
        self[thread].calls(thread, turn)
    }
}

/// Judged is how many times as many calls a second two threads make.
fn row(what: &str, least: f64, cores: Cores, work: &impl Work, apart: &impl Work) -> Row {
    let times = two_beside_one(work, cores);
    let ceiling = 1.0 / two_beside_one(apart, cores).ratio;
    let each = |duration: Duration| duration.as_secs_f64() * 1e6 / f64::from(PER);
    Row {
        what: what.into(),
        ours: format!("two threads: {:.2} µs a call", each(times.ours)),
        beside: format!("one: {:.2} µs; an engine each: {ceiling:.2}", each(times.other)),
        judged: 1.0 / times.ratio,
        bound: Bound::AtLeast(least, ""),
    }
}

/// Times are those of so many calls.
const PER: u32 = 1_000_000;

fn two_beside_one(work: &impl Work, cores: Cores) -> Beside {
    // Neither is always the one alone. Who of a pair goes first changes each time, this every second time.
    let mut alone = [0, 0, 1, 1].into_iter().cycle();
    let one = || time(work, cores, &[alone.next().unwrap_or(0)]);
    beside(PAIRS, || time(work, cores, &[0, 1]), one)
}

/// What [`PER`] calls take of all these threads together.
fn time(work: &impl Work, cores: Cores, threads: &[usize]) -> Duration {
    let together = Barrier::new(threads.len());
    let end = Instant::now() + RUN;
    let rate = thread::scope(|scope| {
        let spawn = |thread| {
            let together = &together;
            scope.spawn(move || {
                sched_setaffinity(None, &cores[thread]).expect("the core was allowed a moment ago");
                together.wait();
                rate(work, thread, end)
            })
        };
        let working: Vec<_> = threads.iter().map(|&thread| spawn(thread)).collect();
        working.into_iter().map(|thread| thread.join().expect("every call is accepted")).sum::<f64>()
    });
    Duration::from_secs_f64(f64::from(PER) / rate)
}

/// The calls a second of a thread that works until that moment.
#[allow(clippy::cast_precision_loss, reason = "calls of one run are far below 2^52")]
fn rate(work: &impl Work, thread: usize, end: Instant) -> f64 {
    let begun = Instant::now();
    let mut calls = 0;
    for turn in 0.. {
        calls += work.calls(thread, turn);
        let now = Instant::now();
        if now >= end {
            return calls as f64 / (now - begun).as_secs_f64();
        }
    }
    unreachable!("a run ends")
}

/// Saves, again and again.
struct Saves {
    /// For each thread: who, and on which drafts.
    threads: Vec<(Agent, Vec<String>)>,
}

impl Saves {
    /// With one name both threads work on the same drafts.
    fn new(agents: &[&str], drafts: usize) -> Result<Self, Box<dyn Error>> {
        let engine = Engine::open(&Config::parse(CONFIG)?)?;
        let mut threads = Vec::new();
        for name in agents {
            let agent = engine.agent(name, &[API_MULTIMEDIA])?;
            let draft = |_| Ok::<_, strowger::Error>(agent.create(CHANNEL, CREATE)??.to_string());
            let drafts = (0..drafts).map(draft).collect::<Result<Vec<_>, _>>()?;
            threads.push((agent, drafts));
        }
        if let [(agent, drafts)] = &threads[..] {
            let same = (agent.clone(), drafts.clone());
            threads.push(same);
        }
        Ok(Self { threads })
    }
}

impl Work for Saves {
    fn calls(&self, thread: usize, turn: usize) -> usize {
        let (agent, drafts) = &self.threads[thread];
        for call in turn * CALLS..(turn + 1) * CALLS {
            accepted(agent, &drafts[call % drafts.len()], SAVE);
        }
        CALLS
    }
}

/// Whole lives, of which few are remembered.
struct Lives {
    agents: [Agent; 2],
}

impl Lives {
    fn new() -> Result<Self, Box<dyn Error>> {
        let mut config = Config::parse(CONFIG)?;
        config.retention.count = Some(1_000);
        let engine = Engine::open(&config)?;
        let agent = |name| engine.agent(name, &[API_MULTIMEDIA]);
        Ok(Self { agents: [agent("a1")?, agent("a2")?] })
    }
}

impl Work for Lives {
    fn calls(&self, thread: usize, _: usize) -> usize {
        let agent = &self.agents[thread];
        for _ in 0..CALLS / 3 {
            let id = agent.create(CHANNEL, CREATE).expect("the channel is there").expect("a draft");
            accepted(agent, id.as_str(), SAVE);
            accepted(agent, id.as_str(), CANCEL);
        }
        CALLS / 3 * 3
    }
}

fn accepted(agent: &Agent, id: &str, body: &[u8]) {
    let reply = agent.perform(CHANNEL, Some(id), body).expect("the channel is there");
    assert_eq!(reply.http_status(), 200, "{reply:?}");
}
