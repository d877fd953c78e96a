//! Makes interactions in numbers, in a process of their own, so that what is resident is theirs.
//!
//! ```text
//! strowger-bench-crowd drafts COUNT           in memory; then each line of input times Saves
//! strowger-bench-crowd lives COUNT            in memory: begun, saved and given up, few remembered
//! strowger-bench-crowd fill FILE LIVE ENDED   in a new SQLite store
//! strowger-bench-crowd open FILE              opens that, and works on it
//! ```
//!
//! Figures go to standard output, bytes and nanoseconds, a line for each report.

use std::error::Error;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Instant;
use std::{env, fs, io};

use strowger::lifecycle::State;
use strowger::{
    API_MULTIMEDIA, AgentChange, AgentId, Commit, Config, Delivery, Engine, Interaction, KeptNote, Limits,
    Note, SqliteStore, Stage, Store, StoreConfig, Work,
};
use strowger_bench::drafts::{CANCEL, CHANNEL, CONFIG, CREATE, Drafts, SAVE, named, scattered};

/// Saves in one run: a core's speed may change before many more are made.
const CALLS: usize = 4_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["drafts", count] => drafts(count.parse()?),
        ["lives", count] => lives(count.parse()?),
        ["fill", file, live, ended] => fill(file, live.parse()?, ended.parse()?),
        ["open", file] => open(file),
        _ => Err("usage: strowger-bench-crowd drafts COUNT | lives COUNT | fill FILE LIVE ENDED | open FILE"
            .into()),
    }
}

/// Reports the peak; then, for each line of input, what a run took.
fn drafts(count: usize) -> Result<(), Box<dyn Error>> {
    let drafts = Drafts::make(count, 2)?;
    report(&[status("VmHWM")?])?;
    let mut drawn = 0;
    for line in io::stdin().lock().lines() {
        line?;
        let begun = Instant::now();
        for _ in 0..CALLS {
            drawn += 1;
            drafts.perform(usize::try_from(scattered(drawn) % count as u64)?, SAVE);
        }
        report(&[u64::try_from(begun.elapsed().as_nanos())? / CALLS as u64])?;
    }
    Ok(())
}

/// Reports the peak after a tenth, and at the end.
fn lives(count: usize) -> Result<(), Box<dyn Error>> {
    let mut config = Config::parse(CONFIG)?;
    config.retention.count = Some(1_000);
    let engine = Engine::open(&config)?;
    let agent = engine.agent("agent0", &[API_MULTIMEDIA])?;
    let _notes = agent.subscribe("/v2/me/*")?;
    let live = |count: usize| -> Result<u64, Box<dyn Error>> {
        for _ in 0..count {
            let id = agent.create(CHANNEL, CREATE)??;
            agent.perform(CHANNEL, Some(id.as_str()), SAVE)?;
            agent.perform(CHANNEL, Some(id.as_str()), CANCEL)?;
        }
        status("VmHWM")
    };
    let early = live(count / 10)?;
    report(&[early, live(count - count / 10)?])
}

/// Makes a store with live drafts, and with ended ones: each with a settled delivery and a note.
fn fill(file: &str, live: u64, ended: u64) -> Result<(), Box<dyn Error>> {
    const AT_ONCE: u64 = 20_000;
    let sample = {
        let drafts = Drafts::make(1, 1)?;
        drafts.engine().interaction(named(0).as_str())?.ok_or("the draft is there")?
    };
    let store = SqliteStore::open(file.as_ref(), &Limits::default())?;
    let agent_of = |number: u64| AgentId::parse(&format!("agent{}", number / 1_000));
    for first in (0..live + ended).step_by(usize::try_from(AT_ONCE)?) {
        let mut commit = Commit::default();
        for number in first..(first + AT_ONCE).min(live + ended) {
            let id = named(usize::try_from(number)?);
            let agent = agent_of(number)?;
            let mut interaction = Interaction {
                id,
                version: 1,
                number: number + 1,
                owner: Some(agent.clone()),
                ..Interaction::clone(&sample)
            };
            if number >= live {
                interaction.state = State::Completed;
                interaction.ended_ms = Some(interaction.created_ms);
                commit.deliveries.push(Arc::new(settled(&interaction, &agent)));
                let note = Note {
                    topic: "/v2/me/twitter".into(),
                    data: r#"{"state":"Completed"}"#.into(),
                    sequence: number + 1,
                };
                commit.notes.push(KeptNote { agent: agent.clone(), note: Arc::new(note), forgotten: 0 });
            }
            commit.interactions.push(Arc::new(interaction));
        }
        store.commit(commit)?;
    }
    for number in (0..live + ended).step_by(1_000) {
        let agent =
            AgentChange { id: agent_of(number)?, reference_id: 1_000, focus: None, followed_after: Some(0) };
        store.commit(Commit { agent: Some(agent), ..Commit::default() })?;
    }
    Ok(())
}

fn settled(interaction: &Interaction, agent: &AgentId) -> Delivery {
    Delivery {
        id: interaction.id,
        version: 1,
        interaction: Some(interaction.id),
        channel: CHANNEL.into(),
        account: "vitaliy_onv".into(),
        agent: agent.clone(),
        reference_id: interaction.number,
        work: Work::Publish,
        queue_path: None,
        accepted_ms: interaction.created_ms,
        bytes: 100,
        stage: Stage::Settled,
        attempts: 1,
        looks: 0,
        started_ms: interaction.created_ms,
        ended_ms: interaction.ended_ms,
        last_outcome: None,
        unresolved: false,
    }
}

/// Reports how long opening took, and what is resident after a thousand Saves.
fn open(file: &str) -> Result<(), Box<dyn Error>> {
    let mut config = Config::parse(CONFIG)?;
    config.store = StoreConfig::Sqlite { path: file.into(), check: false };
    let begun = Instant::now();
    let engine = Engine::open(&config)?;
    let took = begun.elapsed();
    let agent = engine.agent("agent0", &[API_MULTIMEDIA])?;
    let _notes = agent.subscribe("/v2/me/*")?;
    for number in 0..1_000 {
        let reply = agent.perform(CHANNEL, Some(named(number).as_str()), SAVE)?;
        if reply.http_status() != 200 {
            return Err(reply.to_json().into());
        }
    }
    report(&[u64::try_from(took.as_nanos())?, status("VmHWM")?])
}

fn report(figures: &[u64]) -> Result<(), Box<dyn Error>> {
    let figures: Vec<_> = figures.iter().map(u64::to_string).collect();
    writeln!(io::stdout(), "{}", figures.join(" "))?;
    Ok(io::stdout().flush()?)
}

/// A figure of this process, in bytes.
fn status(name: &str) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib: u64 = line.and_then(|line| line.split_whitespace().next()).ok_or("no such figure")?.parse()?;
    Ok(kib << 10)
}
