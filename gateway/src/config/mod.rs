//! Reads a configuration file, and names every mistake in it with its place.
//!
//! `section` walks the TOML; each other module reads one part. A path in the file is taken from the file's
//! own folder.

mod agents;
mod channels;
mod engine;
mod limits;
mod listeners;
mod push;
mod router;
mod secrets;
mod section;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use strowger_loader::Purpose;
use tracing_subscriber::filter::LevelFilter;

use self::agents::AgentEntry;
use self::channels::ChannelEntry;
use self::listeners::ListenerEntry;
use self::section::Source;
use crate::log::LogFormat;
use crate::settings::Settings;

/// What a configuration file says, checked.
pub(crate) struct Plan {
    pub(crate) engine: strowger::Config,
    /// What stands before every `uri` is said; else it is where agents are served.
    pub(crate) has_base_uri: bool,
    pub(crate) agents: Vec<AgentEntry>,
    pub(crate) channels: Vec<ChannelEntry>,
    pub(crate) listeners: Vec<ListenerEntry>,
    pub(crate) settings: Settings,
    pub(crate) log_level: LevelFilter,
    pub(crate) log_format: LogFormat,
}

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("{}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{0}")]
    Wrong(Mistakes),
}

/// Everything that is wrong with a file, in the order of the file.
#[derive(Debug)]
pub(crate) struct Mistakes {
    file: PathBuf,
    mistakes: Vec<Mistake>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mistake {
    /// Counts from 1.
    line: usize,
    /// Counts characters from 1.
    column: usize,
    /// As `agent[0].password_hash`; empty for the file as a whole.
    member: String,
    problem: String,
}

impl Plan {
    /// Reads a file. Plugins are loaded and given their configurations, certificates and kept secrets are read;
    /// nothing is listened on, no store is opened.
    pub(crate) fn read(file: &Path, purpose: Purpose) -> Result<Self, PlanError> {
        let text =
            std::fs::read_to_string(file).map_err(|error| PlanError::Read { path: file.into(), error })?;
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let folder = folder.canonicalize().map_err(|error| PlanError::Read { path: folder.into(), error })?;
        let source = Source::new(&text);
        let wrong = |mut mistakes: Vec<Mistake>| {
            mistakes.sort();
            mistakes.dedup();
            PlanError::Wrong(Mistakes { file: file.into(), mistakes })
        };
        let (table, syntax) = source.parse();
        if !syntax.is_empty() {
            return Err(wrong(syntax));
        }
        let root = source.root(&table);
        let (log_level, log_format) = read_log(&root);
        let engine = engine::read(&root, &folder);
        let secrets = secrets::read(&root, &folder, &engine, purpose);
        let mut plan = Self {
            has_base_uri: root.section("engine").is_some_and(|engine| engine.has("base_uri")),
            engine,
            agents: agents::read(&root, &folder),
            channels: channels::read(&root, &folder, secrets.as_ref()),
            listeners: listeners::read(&root, &folder),
            settings: limits::read(&root),
            log_level,
            log_format,
        };
        channels::check_together(&root, &plan.channels);
        let queues = plan.engine.queues.as_deref();
        let has_all_channels = root.sections("channel").len() == plan.channels.len();
        let known = push::Known { agents: &plan.agents, channels: &plan.channels, has_all_channels, queues };
        let (routing, push) = (router::read(&root, queues), push::read(&root, &folder, &known));
        plan.settings.queues = plan.engine.queues.clone().unwrap_or_default();
        (plan.settings.routing, plan.settings.push) = (routing, push);
        root.refuse_unknown();
        let mistakes = source.into_mistakes();
        if mistakes.is_empty() { Ok(plan) } else { Err(wrong(mistakes)) }
    }
}

fn read_log(root: &section::Section<'_>) -> (LevelFilter, LogFormat) {
    let Some(log) = root.section("log") else { return (LevelFilter::INFO, LogFormat::Text) };
    let level = log.one_of(
        "level",
        &[
            ("error", LevelFilter::ERROR),
            ("warn", LevelFilter::WARN),
            ("info", LevelFilter::INFO),
            ("debug", LevelFilter::DEBUG),
        ],
    );
    let format = log.one_of("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    log.refuse_unknown();
    (level.unwrap_or(LevelFilter::INFO), format.unwrap_or_default())
}

impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.mistakes.iter().enumerate() {
            if number > 0 {
                formatter.write_str("\n")?;
            }
            let Mistake { line, column, member, problem } = mistake;
            write!(formatter, "{}:{line}:{column}: ", self.file.display())?;
            if !member.is_empty() {
                write!(formatter, "`{member}` ")?;
            }
            formatter.write_str(problem)?;
        }
        Ok(())
    }
}
