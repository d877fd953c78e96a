//! Everything as lines of JSON.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::Observer;
use super::line::{Entry, Line, VERSION, hex};
use super::rows::{ALL, DELIVERIES, INTERACTIONS};
use crate::config::Retention;
use crate::delivery::{Delivery, Stage, Work};
use crate::interaction::{DeliveryId, Interaction, InteractionId};
use crate::lifecycle::State;
use crate::store::OpenError;
use crate::store::sqlite::open::sorted;
use crate::store::sqlite::write::Standing;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Records.
    pub records: u64,
    /// What could not be read, or not be kept as it was; the first hundred.
    pub losses: Vec<String>,
    /// How many losses there are. A gap in the file is one, however much stood there.
    pub loss_count: u64,
}

/// Why an export came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store can't be read.
    #[error("{0}; what can be read of it can be salvaged")]
    Store(OpenError),
    /// The output could not be written.
    #[error("the export could not be written: {0}")]
    Write(#[from] io::Error),
}

pub(super) fn export(
    connection: &Connection,
    path: &Path,
    to: &mut dyn Write,
    observer: Observer<'_>,
) -> Result<Exported, ExportError> {
    let failed = |error: rusqlite::Error| ExportError::Store(sorted(path, &error));
    // One snapshot.
    connection.execute_batch("BEGIN").map_err(failed)?;
    let written = Lines::begin(to, false).and_then(|lines| lines.all(connection, path, observer));
    // It has read only: nothing is lost with an end that fails.
    let _ = connection.execute_batch("ROLLBACK");
    written
}

pub(super) fn salvage(
    connection: &Connection,
    to: &mut dyn Write,
    observer: Observer<'_>,
) -> Result<Exported, ExportError> {
    let mut losses = Losses::default();
    let survey = Survey::of(connection, observer);
    let mut lines = Lines::begin(to, true)?;
    let (mut highest_number, mut last_settled) = Standing::read(connection)
        .map_or((0, 0), |standing| (standing.highest_number, standing.last_settled));
    for table in ALL {
        let gaps = table.each_readable(connection, observer, |entry| {
            let entry = match entry {
                Ok(entry) => entry,
                Err(problem) => {
                    losses.add(problem);
                    return Ok(());
                }
            };
            let Some(entry) = survey.mended(entry, &mut losses) else { return Ok(()) };
            if let Entry::Interaction(interaction) = &entry {
                let place = interaction.placement.as_ref().map_or(0, |placement| placement.number);
                highest_number = highest_number.max(interaction.number).max(place);
            }
            if let Entry::Delivery { settled: Some(settled), .. } = entry {
                last_settled = last_settled.max(settled);
            }
            lines.record(&entry)
        })?;
        for gap in gaps {
            losses.add(gap);
        }
    }
    lines.standing(highest_number, last_settled)?;
    let records = lines.end()?;
    Ok(Exported { records, losses: losses.first, loss_count: losses.count })
}

#[derive(Default)]
struct Losses {
    first: Vec<String>,
    count: u64,
}

impl Losses {
    const MOST: usize = 100;

    fn add(&mut self, loss: String) {
        self.count += 1;
        if self.first.len() < Self::MOST {
            self.first.push(loss);
        }
    }
}

/// What belongs together in a damaged file.
struct Survey {
    interactions: HashSet<InteractionId>,
    /// Messages on their way, and their deliveries.
    sent: HashMap<InteractionId, DeliveryId>,
    /// Deliveries under way, and their interactions.
    unsettled: HashMap<DeliveryId, Option<InteractionId>>,
    /// The latest time that is told.
    latest_ms: i64,
}

impl Survey {
    fn of(connection: &Connection, observer: Observer<'_>) -> Self {
        let mut survey = Self {
            interactions: HashSet::new(),
            sent: HashMap::new(),
            unsettled: HashMap::new(),
            latest_ms: 0,
        };
        for table in [&INTERACTIONS, &DELIVERIES] {
            let read = table.each_readable(connection, observer, |entry| {
                match entry {
                    Ok(Entry::Interaction(interaction)) => survey.interaction(&interaction),
                    Ok(Entry::Delivery { delivery, .. }) => survey.delivery(&delivery),
                    _ => {}
                }
                Ok::<_, std::convert::Infallible>(())
            });
            let Ok(_) = read;
        }
        survey
    }

    fn interaction(&mut self, interaction: &Interaction) {
        self.interactions.insert(interaction.id);
        if interaction.state == State::Sent
            && let Some(delivery) = interaction.delivery
        {
            self.sent.insert(interaction.id, delivery);
        }
        self.latest_ms = self.latest_ms.max(interaction.created_ms).max(interaction.ended_ms.unwrap_or(0));
    }

    fn delivery(&mut self, delivery: &Delivery) {
        if delivery.stage != Stage::Settled {
            self.unsettled.insert(delivery.id, delivery.interaction);
        }
        self.latest_ms = self.latest_ms.max(delivery.accepted_ms).max(delivery.ended_ms.unwrap_or(0));
    }

    /// The record as it can stand among those that are left; `None` if it can't.
    fn mended(&self, entry: Entry, losses: &mut Losses) -> Option<Entry> {
        let is_there = |id: &InteractionId| self.interactions.contains(id);
        Some(match entry {
            Entry::Interaction(interaction) if interaction.state == State::Sent => {
                let delivery = interaction.delivery;
                let is_under_way =
                    delivery.is_some_and(|id| self.unsettled.get(&id) == Some(&Some(interaction.id)));
                if is_under_way {
                    return Some(Entry::Interaction(interaction));
                }
                losses.add(format!(
                    "the delivery of interaction `{}` is lost: it goes back to its agent; the platform may \
                     have published it",
                    interaction.id
                ));
                let mut back = Interaction::clone(&interaction);
                back.version += 1;
                back.state = State::Composing;
                back.delivery = None;
                Entry::Interaction(Arc::new(back))
            }
            Entry::Delivery { delivery, settled, end_ms } => {
                let id = delivery.interaction;
                let is_orphan = id.is_some_and(|id| !is_there(&id));
                let is_at_odds = delivery.stage != Stage::Settled
                    && id.is_some_and(|id| {
                        delivery.work == Work::Publish && self.sent.get(&id) != Some(&delivery.id)
                    });
                if delivery.stage != Stage::Settled && (is_orphan || is_at_odds) {
                    losses.add(format!(
                        "the interaction of delivery `{}` is lost: it is left out",
                        delivery.id
                    ));
                    return None;
                }
                let ends = self.latest_ms.saturating_add(Retention::POSTS_MS);
                let end_ms = if is_orphan { end_ms.or(Some(ends)) } else { end_ms };
                Entry::Delivery { delivery, settled, end_ms }
            }
            Entry::External(key, id, end_ms) => {
                let ends = self.latest_ms.saturating_add(Retention::EXTERNAL_IDS_MS);
                let end_ms = if is_there(&id) { end_ms } else { end_ms.or(Some(ends)) };
                Entry::External(key, id, end_ms)
            }
            other => other,
        })
    }
}

/// The lines, counted and hashed.
struct Lines<'a> {
    to: io::BufWriter<&'a mut dyn Write>,
    hash: Sha256,
    count: u64,
    records: u64,
}

impl<'a> Lines<'a> {
    fn begin(to: &'a mut dyn Write, salvaged: bool) -> Result<Self, ExportError> {
        let mut lines = Self { to: io::BufWriter::new(to), hash: Sha256::new(), count: 0, records: 0 };
        lines.line(Line::Store { version: VERSION, salvaged }.to_json())?;
        Ok(lines)
    }

    fn line(&mut self, mut text: String) -> Result<(), ExportError> {
        text.push('\n');
        self.hash.update(text.as_bytes());
        self.count += 1;
        Ok(self.to.write_all(text.as_bytes())?)
    }

    fn record(&mut self, entry: &Entry) -> Result<(), ExportError> {
        self.records += 1;
        self.line(entry.to_json())
    }

    fn standing(&mut self, highest_number: u64, last_settled: u64) -> Result<(), ExportError> {
        self.line(Line::Standing { highest_number, last_settled }.to_json())
    }

    fn end(mut self) -> Result<u64, ExportError> {
        let sha256 = hex(&self.hash.clone().finalize());
        self.line(Line::End { lines: self.count, sha256: sha256.into() }.to_json())?;
        self.to.flush()?;
        Ok(self.records)
    }

    fn all(
        mut self,
        connection: &Connection,
        path: &Path,
        observer: Observer<'_>,
    ) -> Result<Exported, ExportError> {
        for table in ALL {
            let written = table.each(connection, observer, |entry| match entry {
                Ok(entry) => self.record(&entry).map_err(Stopped::Export),
                Err(problem) => Err(Stopped::Export(ExportError::Store(damaged(path, problem)))),
            });
            written.map_err(|stopped| stopped.sorted(path))?;
        }
        let standing = Standing::read(connection).map_err(|error| Stopped::Store(error).sorted(path))?;
        self.standing(standing.highest_number, standing.last_settled)?;
        Ok(Exported { records: self.end()?, ..Exported::default() })
    }
}

enum Stopped {
    Store(rusqlite::Error),
    Export(ExportError),
}

impl From<rusqlite::Error> for Stopped {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error)
    }
}

impl Stopped {
    fn sorted(self, path: &Path) -> ExportError {
        match self {
            Self::Store(error) => ExportError::Store(sorted(path, &error)),
            Self::Export(error) => error,
        }
    }
}

fn damaged(path: &Path, problem: String) -> OpenError {
    OpenError::Damaged { path: PathBuf::from(path), problem }
}
