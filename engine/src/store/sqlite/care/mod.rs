//! Care of a store's file while no engine has it: checked, written out, read back, made smaller.

pub(super) mod check;
mod export;
mod import;
mod line;
mod logs;
mod rows;
mod salvage;

pub use check::{Findings, TableFindings};
pub use export::{ExportError, Exported};
pub use import::{ImportError, Imported};

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::open::{self, OwnerLock};
use super::{SqliteStore, journal, schema};
use crate::store::OpenError;

/// How far long work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is read or written: the name of a kind of record.
    pub what: &'static str,
    /// How many so far.
    pub done: u64,
    /// Of how many; 0 where that can't be told.
    pub of: u64,
}

/// Gets told of progress, about every ten thousand records.
pub type Observer<'a> = &'a mut dyn FnMut(Progress);

/// A store's file, owned as an engine would own it, and only read.
///
/// ```no_run
/// use strowger::StoreFile;
///
/// let file = StoreFile::open("/var/lib/desk/strowger.db".as_ref())?;
/// let findings = file.check(&mut |_| {});
/// assert!(findings.is_sound(), "{:?}", findings.problems);
/// file.export(&mut std::io::stdout(), &mut |_| {})?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StoreFile {
    path: PathBuf,
    connection: Connection,
    /// What is wrong with the journal of a process that was killed.
    of_journal: Vec<String>,
    /// Released last.
    _lock: OwnerLock,
}

impl StoreFile {
    /// Takes the file, which must be there. One of an earlier format is [`OpenError::Earlier`]: it is brought
    /// up when it is opened as a store, or by [`StoreFile::compact`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let (path, lock) = open::existing(path)?;
        let connection = open::connect_to_read(&path).map_err(|error| open::sorted(&path, &error))?;
        let found = open::format_of(&connection, &path)?;
        if found < schema::known() {
            return Err(OpenError::Earlier { path, found, known: schema::known() });
        }
        // A journal that can't be read is damaged: that is told with everything else.
        let (connection, of_journal) = match journal::holds_any(&connection) {
            Ok(false) => (connection, Vec::new()),
            Err(error) => (connection, vec![format!("journal: {error}")]),
            // Writing, even what is never ended, makes things worse where pages are damaged.
            Ok(true) if !check::structure(&connection).is_sound() => {
                let problem =
                    "journal: the file is damaged, and what it holds can't be taken into the tables";
                (connection, vec![problem.to_owned()])
            }
            Ok(true) => {
                drop(connection);
                open::connect_with_journal(&path).map_err(|error| open::sorted(&path, &error))?
            }
        };
        Ok(Self { path, connection, of_journal, _lock: lock })
    }

    /// Reads everything, and says what is wrong: with the file's structure, with a record, or between
    /// records. Nothing is changed.
    pub fn check(&self, observer: Observer<'_>) -> Findings {
        check::findings(&self.connection, &self.of_journal, observer)
    }

    /// Writes everything as lines of JSON, in the same order and form for the same content; fails at the
    /// first thing that is damaged.
    ///
    /// The first line is `{"store":{"version":1}}`. Then each line is an object with one member, which
    /// names a kind of record: `agent`, `contact`, `lastAgent`, `external`, `interaction`, `delivery`,
    /// `reply`, `pause`, `note`, and `standing` once. The last is `{"end":{"lines":…,"sha256":…}}`: how many came
    /// before it, and the hash of their bytes. There are no secrets in a store; there are customers' words.
    pub fn export(&self, to: &mut dyn Write, observer: Observer<'_>) -> Result<Exported, ExportError> {
        if !self.of_journal.is_empty() {
            let (path, problem) = (self.path.clone(), self.of_journal.join("; "));
            return Err(ExportError::Store(OpenError::Damaged { path, problem }));
        }
        export::export(&self.connection, &self.path, to, observer)
    }

    /// Writes what can still be read of a damaged file, so that it can be imported: a message that was on its
    /// way and whose delivery is lost goes back to its agent, and a delivery whose interaction is lost is
    /// left out. Of an agent's notes those are kept that come after whatever is lost. Takes memory in proportion
    /// to the number of interactions.
    pub fn salvage(&self, to: &mut dyn Write, observer: Observer<'_>) -> Result<Exported, ExportError> {
        salvage::salvage(&self.connection, &self.of_journal, to, observer)
    }

    /// Makes a new store of an export: all of it, checked, or nothing.
    pub fn import(
        path: &Path,
        from: &mut dyn BufRead,
        observer: Observer<'_>,
    ) -> Result<Imported, ImportError> {
        import::import(path, from, observer)
    }

    /// Gives unused space back, and takes the log in. A process that dies on the way leaves the store as it
    /// was. Needs as much space again as the store has content; `SQLite` keeps half of it in its folder for
    /// temporary files.
    pub fn compact(path: &Path) -> Result<Compacted, OpenError> {
        let (path, lock) = open::existing(path)?;
        let size = || std::fs::metadata(&path).map_or(0, |data| data.len());
        let before_bytes = size();
        let opened = open::open_owned(path.clone(), lock)?;
        drop(opened.readers);
        let failed = |error: rusqlite::Error| open::sorted(&path, &error);
        let writer = opened.writer;
        #[cfg(feature = "failpoints")]
        let writer = interruptible(writer).map_err(failed)?;
        // In one transaction, whose pages go to the log: the file itself is written when that is flushed.
        writer.execute_batch("VACUUM").map_err(failed)?;
        crate::failpoint::reach("in-compaction");
        let busy: i64 =
            writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(failed)?;
        crate::failpoint::reach("in-compaction");
        if busy != 0 {
            let problem = "another program reads it: try again when that has ended".to_owned();
            return Err(OpenError::Unusable { path, problem });
        }
        drop(writer);
        Ok(Compacted { before_bytes, after_bytes: size() })
    }
}

impl SqliteStore {
    /// Writes everything as [`StoreFile::export`] does, as it stands now, while others go on committing. The
    /// log can't begin anew as long as that takes.
    pub fn export(&self, to: &mut dyn Write, observer: Observer<'_>) -> Result<Exported, ExportError> {
        self.settle().map_err(|error| ExportError::Store(self.unusable(&error)))?;
        self.with_reader(|connection| export::export(connection, &self.path, to, observer))
    }
}

/// Reaches the failpoint again and again as long as a statement runs.
#[cfg(feature = "failpoints")]
fn interruptible(mut connection: Connection) -> rusqlite::Result<Connection> {
    let reach = || {
        crate::failpoint::reach("in-compaction");
        false
    };
    connection.progress_handler(1_000, Some(reach))?;
    Ok(connection)
}

/// What compaction came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The file's size before, without its log.
    pub before_bytes: u64,
    /// The file's size after.
    pub after_bytes: u64,
}
