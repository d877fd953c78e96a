//! `replay`: plays a file and prints what clients would get. `demo` plays the published requests in silence.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strowger::{Agent, Inbound, Notification, Subscription};

use crate::api;
use crate::house::{self, House, HouseError};
use crate::script::{self, Line, Names, ScriptError, Step};

/// Why a file could not be played to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error("{path}: {error}")]
    Read { path: String, error: io::Error },
    #[error("{0}")]
    Script(#[from] ScriptError),
    #[error("{0}")]
    House(#[from] HouseError),
    #[error("the output could not be written: {0}")]
    Write(#[from] io::Error),
    #[error("{0}")]
    Engine(#[from] strowger::Error),
    #[error("{0} deliveries were not finished within {PATIENCE:?}")]
    Unfinished(usize),
}

/// How long the last deliveries may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The requests of the published API reference.
const SEEDS: &str = include_str!("../demo/seeds.jsonl");

/// Plays a file in a house of its own.
pub(crate) fn run(file: &Path, plugins: Option<PathBuf>) -> Result<(), ReplayError> {
    let text = read(file).map_err(|error| ReplayError::Read { path: file.display().to_string(), error })?;
    let lines = script::parse(&text)?;
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let house = House::open(&house::Options { sandbox: anywhere, store: None, base_uri: None, plugins })?;
    play(&house, &lines, false)
}

/// Plays the published requests and prints nothing.
pub(crate) fn play_seeds(house: &House) -> Result<(), ReplayError> {
    play(house, &script::parse(SEEDS)?, true)
}

fn play(house: &House, lines: &[Line], is_silent: bool) -> Result<(), ReplayError> {
    let mut desks = BTreeMap::new();
    for (id, features) in house::AGENTS {
        let agent = house.engine.agent(id, features)?;
        let notes = agent.subscribe("/v2/me/*")?;
        desks.insert(id.to_owned(), Desk { agent, notes });
    }
    let mut replay = Replay { house, desks, names: Names::default(), is_silent };
    for line in lines {
        replay.play(line)?;
    }
    replay.finish()
}

fn read(file: &Path) -> io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(file)
}

struct Replay<'a> {
    house: &'a House,
    desks: BTreeMap<String, Desk>,
    names: Names,
    is_silent: bool,
}

/// An agent at work.
struct Desk {
    agent: Agent,
    notes: Subscription,
}

impl Replay<'_> {
    fn play(&mut self, line: &Line) -> Result<(), ReplayError> {
        let mut answered_by = None;
        let wrong = |problem: String| ScriptError { number: line.number, problem };
        match &line.step {
            Step::Request { agent, method, path, body } => {
                let path = self.names.fill(path);
                let mut body = body.clone().unwrap_or(Value::Null);
                self.names.fill_all(&mut body);
                let body = if body.is_null() { String::new() } else { body.to_string() };
                let desk = self.desks.get(agent).ok_or_else(|| wrong(unknown_agent(agent)))?;
                self.say(format_args!("> {agent} {method} {path} {body}"));
                let answer = api::answer(&self.house.engine, &desk.agent, method, &path, body.as_bytes());
                self.print(&answer.body)?;
                answered_by = serde_json::from_str::<Value>(&answer.body)
                    .ok()
                    .and_then(|reply| reply["referenceId"].as_u64())
                    .map(|reference_id| (agent.clone(), reference_id));
            }
            Step::Receive { channel, inbound } => {
                self.say(format_args!("> receive on {channel}"));
                let mut inbound = inbound.clone();
                self.names.fill_all(&mut inbound);
                let inbound =
                    Inbound::parse(&inbound.to_string()).map_err(|refusal| wrong(refusal.to_string()))?;
                let id =
                    self.house.engine.receive(channel, &inbound).map_err(|error| wrong(error.to_string()))?;
                if let Some(name) = &line.name {
                    self.names.set(name, id.as_str());
                }
            }
            Step::Offer { id, agent } => {
                let id = self.names.fill(id);
                self.say(format_args!("> offer {id} to {agent}"));
                self.house.engine.offer(&id, agent).map_err(|error| wrong(error.to_string()))?;
            }
        }
        let name = line.name.as_deref().zip(answered_by);
        self.show_notes(
            name.as_ref().map(|(name, (agent, reference_id))| (*name, agent.as_str(), *reference_id)),
        )?;
        // What is due goes out now; a try that failed for want of a connection comes again later.
        while self.house.engine.deliver(1, Duration::ZERO)? > 0 {
            self.show_notes(None)?;
        }
        Ok(())
    }

    /// What is asked and told, on standard error.
    fn say(&self, what: std::fmt::Arguments<'_>) {
        if !self.is_silent {
            eprintln!("{what}");
        }
    }

    /// What clients would get, on standard output.
    fn print(&self, line: &str) -> io::Result<()> {
        if self.is_silent {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }

    fn finish(&mut self) -> Result<(), ReplayError> {
        let deadline = Instant::now() + PATIENCE;
        while self.house.engine.undelivered() > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ReplayError::Unfinished(self.house.engine.undelivered()));
            }
            self.house.engine.deliver(1, left)?;
            self.show_notes(None)?;
        }
        Ok(())
    }

    /// Prints what the agents were told. `name` stands for the interaction of the notification with that
    /// agent's `referenceId`.
    fn show_notes(&mut self, name: Option<(&str, &str, u64)>) -> Result<(), ReplayError> {
        for (agent, desk) in &self.desks {
            while let Some(notification) = desk.notes.next(Duration::ZERO) {
                let Notification::Note(note) = notification else { continue };
                self.say(format_args!("< {agent} is told on {}", note.topic));
                self.print(&format!("{{\"channel\":{},\"data\":{}}}", json!(&*note.topic), note.data))?;
                let Ok(data) = serde_json::from_str::<Value>(&note.data.to_string()) else { continue };
                let Some(id) = resource_id(&data) else { continue };
                self.names.set("last", id);
                if let Some((name, asked_by, reference_id)) = name
                    && asked_by == agent
                    && data["referenceId"] == reference_id
                {
                    self.names.set(name, id);
                }
            }
        }
        Ok(())
    }
}

/// The id of the resource that a notification shows.
fn resource_id(data: &Value) -> Option<&str> {
    data.as_object()?.values().find_map(|member| member.get("id")).and_then(Value::as_str)
}

fn unknown_agent(agent: &str) -> String {
    format!("there is no agent `{agent}`: expected a1, a2 or a3")
}
