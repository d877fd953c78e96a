//! Two threads beside one.

use std::error::Error;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use strowger::{API_MULTIMEDIA, Agent, Config, Engine};

use super::Rows;
use crate::beside::beside;
use crate::drafts::{CANCEL, CHANNEL, CONFIG, CREATE, SAVE};
use crate::row::{Bound, Row};

pub(super) const ABOUT: &str = "The reference's Save and whole lives of drafts, store in memory: what two threads get \
    done in the time that one needs for its share of it. Beside it, what the machine gives two threads that have \
    nothing in common, each with an engine of its own.";

/// How often one is timed beside two.
const PAIRS: usize = 31;
/// Calls of a thread in one run.
const CALLS: usize = 20_000;
/// Drafts of a thread, where it has drafts of its own.
const DRAFTS: usize = 500;

/// Makes the measure.
pub(super) fn run() -> Rows {
    let saves = || Saves::new(&["a1", "a2"], DRAFTS);
    let apart = [saves()?, saves()?];
    Ok(vec![
        row("Save, drafts of two agents", 1.8, &saves()?, &apart),
        row("Create, Save, Cancel, two agents", 1.8, &Lives::new()?, &[Lives::new()?, Lives::new()?]),
        row("Save, different drafts of one agent", 1.0, &Saves::new(&["a1", "a1"], DRAFTS)?, &apart),
        row("Save, one draft", 0.7, &Saves::new(&["a1"], 1)?, &apart),
    ])
}

/// What one thread does in a run.
trait Work: Sync {
    /// Makes [`CALLS`] calls, as this thread.
    fn calls(&self, thread: usize);
}

/// Two threads, and nothing that both work on.
impl<W: Work> Work for [W; 2] {
    fn calls(&self, thread: usize) {
        self[thread].calls(thread);
    }
}

/// Two threads do twice the work of one: judged is how many times as much gets done in the same time.
fn row(what: &str, least: f64, work: &impl Work, apart: &impl Work) -> Row {
    let times = beside(PAIRS, || two(work), || one(work));
    let ceiling = 2.0 / beside(PAIRS, || two(apart), || one(apart)).ratio;
    #[allow(clippy::cast_precision_loss, reason = "counts of one run are far below 2^52")]
    let each = |duration: Duration, calls: usize| duration.as_secs_f64() * 1e6 / calls as f64;
    Row {
        what: what.into(),
        ours: format!("two threads: {:.2} µs a call", each(times.ours, 2 * CALLS)),
        beside: format!("one: {:.2} µs; an engine each: {ceiling:.2}", each(times.other, CALLS)),
        judged: 2.0 / times.ratio,
        bound: Bound::AtLeast(least, ""),
    }
}

fn one(work: &impl Work) -> Duration {
    let begun = Instant::now();
    work.calls(0);
    begun.elapsed()
}

fn two(work: &impl Work) -> Duration {
    let together = Barrier::new(2);
    thread::scope(|scope| {
        let threads = [0, 1].map(|thread| {
            let together = &together;
            scope.spawn(move || {
                together.wait();
                let begun = Instant::now();
                work.calls(thread);
                (begun, Instant::now())
            })
        });
        let [one, other] = threads.map(|thread| thread.join().expect("every call is accepted"));
        one.1.max(other.1) - one.0.min(other.0)
    })
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
    fn calls(&self, thread: usize) {
        let (agent, drafts) = &self.threads[thread];
        for id in drafts.iter().cycle().take(CALLS) {
            accepted(agent, id, SAVE);
        }
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
    fn calls(&self, thread: usize) {
        let agent = &self.agents[thread];
        for _ in 0..CALLS / 3 {
            let id = agent.create(CHANNEL, CREATE).expect("the channel is there").expect("a draft");
            accepted(agent, id.as_str(), SAVE);
            accepted(agent, id.as_str(), CANCEL);
        }
    }
}

fn accepted(agent: &Agent, id: &str, body: &[u8]) {
    let reply = agent.perform(CHANNEL, Some(id), body).expect("the channel is there");
    assert_eq!(reply.http_status(), 200, "{reply:?}");
}
