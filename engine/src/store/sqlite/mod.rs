//! A store in an `SQLite` file, for one process.
//!
//! * A commit is on disk before it returns: write-ahead log, flushed for every group of commits.
//! * Kept in memory are the database's bounded page caches, and what is in the journal and not yet in the tables,
//!   which is bounded as well: what the file says holds.
//! * After a failed flush the store accepts nothing until it has written over the log's end in doubt: what
//!   was refused is not there, and doesn't turn up. Only if the process ends before that, the log holds as
//!   it is found.
//! * Every record carries a checksum; what may grow with versions carries a format as well.

mod care;
mod checksum;
mod group;
mod journal;
mod line;
mod note;
mod open;
mod overlay;
mod pages;
mod prune;
mod record;
mod schema;
mod stage;
mod text;
mod write;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use smol_str::SmolStr;

pub use self::care::{
    Compacted, ExportError, Exported, Findings, ImportError, Imported, Observer, Progress, StoreFile,
    TableFindings,
};

use self::group::Group;
use self::line::Pending;
use self::open::{OwnerLock, READERS};
use self::overlay::Overlay;
use self::record::RecordError;
use self::write::Writer;
use super::{
    AccountPause, AgentRecord, Commit, CommitError, KeptReply, LastAgent, NoteLog, OpenError, Prune, Pruned,
    RequestKey, Store, StoreError,
};
use crate::config::Limits;
use crate::delivery::Delivery;
use crate::interaction::{AgentId, DeliveryId, Interaction, InteractionId};
use crate::operation::QueuePath;

/// Keeps everything in an `SQLite` file. One process owns the file as long as any handle lives.
pub struct SqliteStore {
    path: PathBuf,
    group: Group<Pending>,
    readers: Vec<Mutex<Connection>>,
    writer: Mutex<Writer>,
    /// What is on disk and not yet in the tables. Whoever reads a record looks here first.
    overlay: Arc<RwLock<Overlay>>,
    flushes: Arc<AtomicU64>,
    /// Released last.
    _lock: OwnerLock,
}

impl SqliteStore {
    /// Opens the file, or makes it. A file of an earlier format is brought up to the present one.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, OpenError> {
        let (path, opened) = open::open(path)?;
        let mut writer = Writer::new(opened.writer, limits).map_err(|error| open::sorted(&path, &error))?;
        if let Err(error) = writer.settle() {
            let problem = format!("what its journal holds can't be written to its tables: {error}");
            let is_sound = care::check::structure(&writer.connection).is_sound();
            return Err(if is_sound {
                OpenError::Unusable { path, problem }
            } else {
                OpenError::Damaged { path, problem }
            });
        }
        Ok(Self {
            path,
            group: Group::default(),
            readers: opened.readers.into_iter().map(Mutex::new).collect(),
            flushes: writer.flushes.clone(),
            overlay: writer.overlay.clone(),
            writer: Mutex::new(writer),
            _lock: opened.lock,
        })
    }

    /// Reads everything, and says what is damaged: the file's structure, and every record. Whether the records
    /// fit each other [`StoreFile::check`] says.
    pub fn check(&self) -> Result<(), OpenError> {
        self.settle().map_err(|error| self.unusable(&error))?;
        let problems =
            self.with_reader(care::check::problems).map_err(|error| open::sorted(&self.path, &error))?;
        if problems.is_empty() {
            return Ok(());
        }
        Err(OpenError::Damaged { path: self.path.clone(), problem: problems.join("; ") })
    }

    /// How many groups of commits went to disk since the store was opened, each with one flush.
    pub fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Relaxed)
    }

    /// Writes to the tables what is in the journal alone, for those who read tables as a whole.
    fn settle(&self) -> Result<(), StoreError> {
        if self.overlay.read().is_empty() { Ok(()) } else { self.writer.lock().settle() }
    }

    fn unusable(&self, error: &StoreError) -> OpenError {
        OpenError::Unusable { path: self.path.clone(), problem: error.to_string() }
    }

    fn with_reader<T>(&self, read: impl FnOnce(&Connection) -> T) -> T {
        if let Some(reader) = self.readers.iter().find_map(Mutex::try_lock) {
            return read(&reader);
        }
        let mut hasher = DefaultHasher::new();
        std::thread::current().id().hash(&mut hasher);
        let slot = usize::try_from(hasher.finish() % READERS as u64).unwrap_or(0);
        read(&self.readers[slot].lock())
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.with_reader(read).map_err(failed)
    }

    fn one<T>(
        &self,
        query: &str,
        values: impl Params,
        take: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        self.read(|connection| connection.prepare_cached(query)?.query_row(values, take).optional())
    }

    fn all<T>(
        &self,
        query: &str,
        values: impl Params,
        take: impl FnMut(&Row<'_>) -> rusqlite::Result<Result<T, StoreError>>,
    ) -> Result<Vec<T>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(query)?;
            statement.query_map(values, take)?.collect::<rusqlite::Result<Vec<_>>>()
        })?
        .into_iter()
        .collect()
    }
}

impl SqliteStore {
    /// What a query of the tables gives, brought up to date with what is in the journal alone.
    fn latest<T>(
        &self,
        query: impl Fn() -> Result<T, StoreError>,
        update: impl FnOnce(&Overlay, &mut T),
    ) -> Result<T, StoreError> {
        let emptied = self.overlay.read().emptied();
        let mut found = query()?;
        let overlay = self.overlay.read();
        if overlay.emptied() != emptied {
            // What was here may have gone to the tables after they were read. As long as this is held nothing
            // is taken from here.
            found = query()?;
        }
        update(&overlay, &mut found);
        Ok(found)
    }

    /// Interactions by what they are found by: that does not change in the journal.
    fn found<P: Params + Clone>(&self, query: &str, values: &P) -> Result<Vec<Arc<Interaction>>, StoreError> {
        self.latest(|| self.all(query, values.clone(), interaction), Overlay::bring_up)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // What could not be written stays in the journal, for the next opening.
        if let Err(error) = self.writer.get_mut().settle() {
            tracing::error!(%error, "the journal is left as it is");
        }
    }
}

impl Store for SqliteStore {
    fn interaction(&self, id: InteractionId) -> Result<Option<Arc<Interaction>>, StoreError> {
        if let Some(interaction) = self.overlay.read().interaction(id) {
            return Ok(Some(interaction.clone()));
        }
        let query = "SELECT id, version, checksum, record FROM interaction WHERE id = ?";
        self.one(query, [id.as_str()], interaction)?.transpose()
    }

    fn owned(&self, agent: &AgentId, channel: &str) -> Result<Vec<Arc<Interaction>>, StoreError> {
        let query = "SELECT id, version, checksum, record FROM interaction \
                     WHERE listed_by = ? AND channel = ? ORDER BY number";
        self.found(query, &[agent.as_str(), channel])
    }

    fn queue(&self, queue: &QueuePath) -> Result<Vec<Arc<Interaction>>, StoreError> {
        let query = "SELECT id, version, checksum, record FROM interaction \
                     WHERE queue = ? ORDER BY since_ms, place";
        self.found(query, &[queue.as_str()])
    }

    fn waiting(&self, queue: &QueuePath, limit: usize) -> Result<Vec<Arc<Interaction>>, StoreError> {
        let query = "SELECT id, version, checksum, record FROM interaction WHERE queue = ? AND waits = 1 \
                     ORDER BY since_ms, place LIMIT ?";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.found(query, &(queue.as_str(), limit))
    }

    fn queue_next(&self, queue: &QueuePath) -> Result<Option<InteractionId>, StoreError> {
        let query = "SELECT id FROM interaction WHERE queue = ? AND waits = 1 \
                     ORDER BY since_ms, place LIMIT 1";
        self.one(query, [queue.as_str()], |row| id(row, 0))?.transpose()
    }

    fn external(&self, channel: &str, external_id: &str) -> Result<Option<InteractionId>, StoreError> {
        let query = "SELECT interaction, checksum = strowger_sum(channel, external_id, interaction, end_ms) \
                     FROM external WHERE channel = ? AND external_id = ?";
        self.one(query, [channel, external_id], |row| {
            Ok(intact(row, 1, "the platform's id", external_id).and(id(row, 0)?))
        })?
        .transpose()
    }

    fn contact(&self, channel: &str, address: &str) -> Result<Option<SmolStr>, StoreError> {
        let query = "SELECT contact_id, checksum = strowger_sum(channel, address, contact_id) \
                     FROM contact WHERE channel = ? AND address = ?";
        self.one(query, [channel, address], |row| {
            let contact_id = name(row, 0)?;
            Ok(intact(row, 1, "the contact of", address).map(|()| contact_id))
        })?
        .transpose()
    }

    fn last_agent(&self, contact_id: &str, channel: &str) -> Result<Option<LastAgent>, StoreError> {
        let query = "SELECT agent, at_ms, checksum = strowger_sum(contact_id, channel, agent, at_ms) \
                     FROM last_agent WHERE contact_id = ? AND channel = ?";
        self.one(query, [contact_id, channel], |row| {
            let at_ms = row.get(1)?;
            let agent = AgentId::parse(row.get_ref(0)?.as_str()?);
            Ok(intact(row, 2, "the last agent of", contact_id).and(
                agent
                    .map(|agent| LastAgent { agent, at_ms })
                    .map_err(|error| damaged("the last agent of", contact_id, &error)),
            ))
        })?
        .transpose()
    }

    fn agent(&self, id: &AgentId) -> Result<Option<AgentRecord>, StoreError> {
        if let Some(record) = self.overlay.read().agent(id) {
            return Ok(Some(record));
        }
        self.read(|connection| agent(connection, id))?.transpose()
    }

    fn notes(&self, agent: &AgentId, after: u64) -> Result<NoteLog, StoreError> {
        let found = self.latest(
            || self.read(|connection| note::after(connection, agent, after)),
            |overlay, found| overlay.add_notes(agent, after, found),
        );
        found.map(|(log, _)| log)
    }

    fn delivery(&self, id: DeliveryId) -> Result<Option<Arc<Delivery>>, StoreError> {
        let query = "SELECT id, version, checksum, record FROM delivery WHERE id = ?";
        self.one(query, [id.as_str()], delivery)?.transpose()
    }

    fn unsettled(&self) -> Result<Vec<Arc<Delivery>>, StoreError> {
        let query = "SELECT id, version, checksum, record FROM delivery \
                     WHERE settled IS NULL ORDER BY accepted_ms, id";
        self.all(query, [], delivery)
    }

    fn published(&self, channel: &str, account: &str, since_ms: i64) -> Result<Vec<String>, StoreError> {
        let query = "SELECT published FROM delivery WHERE channel = ? AND account = ? AND accepted_ms >= ? \
                     AND published IS NOT NULL ORDER BY settled";
        self.all(query, params![channel, account, since_ms], |row| row.get(0).map(Ok))
    }

    fn reply(&self, key: &RequestKey) -> Result<Option<KeptReply>, StoreError> {
        let query = "SELECT fingerprint, reference_id, at_ms, \
                     checksum = strowger_sum(agent, request_id, fingerprint, reference_id, at_ms) \
                     FROM reply WHERE agent = ? AND request_id = ?";
        self.one(query, params![key.agent.as_str(), key.request_id], |row| {
            let reply = KeptReply {
                fingerprint: row.get(0)?,
                reference_id: row.get(1).map(i64::unsigned_abs)?,
                at_ms: row.get(2)?,
            };
            Ok(intact(row, 3, "the reply to", &key.request_id).map(|()| reply))
        })?
        .transpose()
    }

    fn highest_number(&self) -> Result<u64, StoreError> {
        self.read(|connection| write::Standing::read(connection).map(|standing| standing.highest_number))
    }

    fn pauses(&self) -> Result<Vec<AccountPause>, StoreError> {
        let query = "SELECT channel, account, until_ms, held, \
                     checksum = strowger_sum(channel, account, until_ms, held) \
                     FROM pause ORDER BY channel, account";
        self.all(query, [], pause)
    }

    fn prune(&self, prune: &Prune) -> Result<Pruned, CommitError> {
        self.writer.lock().prune(prune)
    }

    fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.group.commit(Pending::of(commit, &self.overlay), |commits, finished| {
            let writer = self.writer.try_lock().unwrap_or_else(|| {
                // Who has it may be long.
                finished.tell();
                self.writer.lock()
            });
            { writer }.write(commits, finished)
        })
    }
}

fn agent(connection: &Connection, id: &AgentId) -> rusqlite::Result<Option<Result<AgentRecord, StoreError>>> {
    let query = "SELECT reference_id, focus, followed_after, \
                 checksum = strowger_sum(id, reference_id, focus, followed_after) FROM agent WHERE id = ?";
    let mut statement = connection.prepare_cached(query)?;
    statement
        .query_row([id.as_str()], |row| {
            let reference_id = row.get(0).map(i64::unsigned_abs)?;
            let focus = row.get_ref(1)?.as_str_or_null()?.map(InteractionId::parse).transpose();
            let followed_after = row.get::<_, Option<i64>>(2)?.map(i64::unsigned_abs);
            Ok(intact(row, 3, "agent", id.as_str()).and(
                focus
                    .map(|focus| AgentRecord { reference_id, focus, followed_after })
                    .map_err(|error| damaged("agent", id.as_str(), &error)),
            ))
        })
        .optional()
}

fn interaction(row: &Row<'_>) -> rusqlite::Result<Result<Arc<Interaction>, StoreError>> {
    record(row, "interaction", record::read_interaction, |read| (read.id, read.version))
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Result<Arc<Delivery>, StoreError>> {
    record(row, "delivery", record::read_delivery, |read| (read.id, read.version))
}

/// Reads the columns `id, version, checksum, record`, which must agree.
fn record<T>(
    row: &Row<'_>,
    kind: &str,
    read: impl FnOnce(&str, u32) -> Result<T, RecordError>,
    head: impl FnOnce(&T) -> (InteractionId, u64),
) -> rusqlite::Result<Result<Arc<T>, StoreError>> {
    let (id, version) = (row.get_ref(0)?.as_str()?, row.get(1).map(i64::unsigned_abs)?);
    let checksum = row.get(2)?;
    let read = read(row.get_ref(3)?.as_str()?, checksum).map_err(|error| damaged(kind, id, &error));
    Ok(read.and_then(|read| {
        let (own_id, own_version) = head(&read);
        if own_id.as_str() == id && own_version == version {
            Ok(Arc::new(read))
        } else {
            Err(damaged(kind, id, &format_args!("it says it is version {own_version} of {own_id}")))
        }
    }))
}

fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<Result<InteractionId, StoreError>> {
    let text = row.get_ref(column)?.as_str()?;
    Ok(InteractionId::parse(text).map_err(|error| damaged("the id", text, &error)))
}

/// Reads the columns `channel, account, until_ms, held`, and whether they are as they were written.
fn pause(row: &Row<'_>) -> rusqlite::Result<Result<AccountPause, StoreError>> {
    let pause = AccountPause {
        channel: name(row, 0)?,
        account: name(row, 1)?,
        until_ms: row.get(2)?,
        is_held: row.get(3)?,
    };
    Ok(intact(row, 4, "the pause of", &pause.account).map(|()| pause))
}

/// A name that is read from a column.
fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<SmolStr> {
    Ok(row.get_ref(column)?.as_str()?.into())
}

/// Whether a row's checksum is that of its values: so says this column.
fn intact(row: &Row<'_>, column: usize, kind: &str, name: &str) -> Result<(), StoreError> {
    match row.get(column) {
        Ok(true) => Ok(()),
        _ => Err(damaged(kind, name, &RecordError::Checksum)),
    }
}

fn damaged(kind: &str, name: &str, problem: &dyn std::fmt::Display) -> StoreError {
    StoreError::new(format!("{kind} `{name}` is damaged: {problem}"))
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: rusqlite::Error) -> StoreError {
    StoreError::new(error.to_string())
}

/// `SQLite` counts to 2^63.
fn number(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::new(format!("the number {number} is too large to be kept")))
}
