//! A new store of an export, all or nothing.

use std::fs::{self, File};
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::line::{Entry, Line, VERSION, hex};
use super::{Observer, Progress, check};
use crate::delivery::Stage;
use crate::store::sqlite::open::{self, OwnerLock};
use crate::store::sqlite::write::{
    Standing, put_agent_record, put_contact, put_delivery, put_external, put_interaction, put_last_agent,
    put_pause, put_reply, run,
};
use crate::store::sqlite::{note, schema};
use crate::store::{CommitError, OpenError, StoreError};

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Records.
    pub records: u64,
}

/// Why an import came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is something already.
    #[error("`{path}` exists: give the path of a new store", path = path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// A line that is not of an export, or does not fit the others.
    #[error("line {number}: {problem}")]
    Line {
        /// Counts from 1.
        number: u64,
        /// What is wrong.
        problem: String,
    },
    /// The export is not whole.
    #[error("the export is not whole: {0}")]
    Incomplete(String),
    /// What it says can't be: the first problems.
    #[error("the export contradicts itself: {0}")]
    Unsound(String),
    /// The export can't be read.
    #[error("the export can't be read: {0}")]
    Read(io::Error),
    /// The store can't be written.
    #[error(transparent)]
    Store(#[from] OpenError),
}

/// The longest line: far more than any record may have.
const LONGEST_LINE: u64 = 64 << 20;

pub(super) fn import(
    path: &Path,
    from: &mut dyn BufRead,
    observer: Observer<'_>,
) -> Result<Imported, ImportError> {
    let path = open::absolute(path)?;
    let exists = |path: &Path| path.symlink_metadata().is_ok();
    if exists(&path) || exists(&open::beside(&path, "-wal")) {
        return Err(ImportError::Exists { path });
    }
    // Nobody makes one meanwhile.
    let mut lock = OwnerLock::take(&path)?;
    let draft = Draft { path: open::beside(&path, "-import") };
    let unusable = |error: io::Error| open::unusable(&path, &error);
    draft.clear().map_err(unusable)?;
    let imported = draft.fill(&path, from, observer)?;
    crate::failpoint::reach("in-import");
    let published = (|| {
        File::open(&draft.path)?.sync_all()?;
        lock.mark()?;
        fs::rename(&draft.path, &path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    })();
    published.map_err(unusable)?;
    Ok(imported)
}

/// The file as long as it is not the store yet; gone with this, unless it has become one.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn clear(&self) -> io::Result<()> {
        for path in [self.path.clone(), open::beside(&self.path, "-journal")] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn fill(
        &self,
        path: &Path,
        from: &mut dyn BufRead,
        observer: Observer<'_>,
    ) -> Result<Imported, ImportError> {
        let failed = |error: rusqlite::Error| ImportError::Store(open::sorted(path, &error));
        open::create(&self.path).map_err(|error| open::unusable(path, &error))?;
        let mut connection = open::connect(&self.path).map_err(failed)?;
        // A draft that is cut off is thrown away: nothing of it need be flushed before the end.
        connection.pragma_update(None, "synchronous", "off").map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "memory").map_err(failed)?;
        schema::migrate(&mut connection, 0).map_err(failed)?;
        connection.execute_batch("BEGIN").map_err(failed)?;
        let imported = Reading { from, hash: Sha256::new(), number: 0 }.into(&connection, observer)?;
        connection.execute_batch("COMMIT").map_err(failed)?;
        let problems = check::of_import(&connection, observer);
        if !problems.is_empty() {
            return Err(ImportError::Unsound(problems.join("; ")));
        }
        connection.close().map_err(|(_, error)| failed(error))?;
        Ok(imported)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = self.clear();
    }
}

struct Reading<'a> {
    from: &'a mut dyn BufRead,
    hash: Sha256,
    number: u64,
}

impl Reading<'_> {
    fn into(mut self, connection: &Connection, observer: Observer<'_>) -> Result<Imported, ImportError> {
        let mut imported = Imported::default();
        let mut standing = None;
        while let Some(bytes) = self.line()? {
            let wrong = |problem: String| ImportError::Line { number: self.number, problem };
            let text = std::str::from_utf8(&bytes).map_err(|error| wrong(error.to_string()))?;
            let line: Line<'_> = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
            match &line {
                Line::Store { version: VERSION, .. } if self.number == 1 => {}
                Line::Store { version, .. } if self.number == 1 => {
                    return Err(wrong(format!(
                        "the export has version {version}, this program knows version {VERSION}"
                    )));
                }
                _ if self.number == 1 => {
                    return Err(wrong("expected `{\"store\":…}`: it is no export".into()));
                }
                Line::Standing { highest_number, last_settled } if standing.is_none() => {
                    standing = Some((*highest_number, *last_settled));
                }
                Line::End { lines, sha256 } => {
                    if *lines != self.number - 1 || **sha256 != hex(&self.hash.clone().finalize()) {
                        return Err(wrong("the lines before it are not those that were written".into()));
                    }
                    if self.line()?.is_some() {
                        let problem = "it stands after the end".to_owned();
                        return Err(ImportError::Line { number: self.number, problem });
                    }
                    let (highest_number, last_settled) =
                        standing.ok_or_else(|| ImportError::Incomplete("`standing` is missing".into()))?;
                    reckon(connection, highest_number, last_settled)
                        .map_err(|error| ImportError::Incomplete(error.to_string()))?;
                    return Ok(imported);
                }
                _ => {}
            }
            self.hash.update(&bytes);
            match line.into_entry().map_err(&wrong)? {
                Some(entry) => {
                    put(connection, &entry).map_err(|error| wrong(error.to_string()))?;
                    imported.records += 1;
                    if imported.records.is_multiple_of(10_000) {
                        observer(Progress { what: "records", done: imported.records, of: 0 });
                    }
                }
                None if self.number == 1 || standing.is_some() => {}
                None => return Err(wrong("it is there twice".into())),
            }
        }
        Err(ImportError::Incomplete(format!("it ends after {} lines, without its last", self.number)))
    }

    /// The next line, its end included; `None` at the end.
    fn line(&mut self) -> Result<Option<Vec<u8>>, ImportError> {
        let mut bytes = Vec::new();
        self.number += 1;
        let mut limited = (&mut *self.from).take(LONGEST_LINE);
        limited.read_until(b'\n', &mut bytes).map_err(ImportError::Read)?;
        if bytes.is_empty() {
            self.number -= 1;
            return Ok(None);
        }
        if bytes.last() != Some(&b'\n') {
            return Err(ImportError::Incomplete(format!("line {} is cut off, or too long", self.number)));
        }
        Ok(Some(bytes))
    }
}

fn put(connection: &Connection, entry: &Entry) -> Result<(), StoreError> {
    match entry {
        Entry::Agent(id, record) => put_agent_record(connection, id, record),
        Entry::Contact(address, contact_id) => put_contact(connection, address, contact_id),
        Entry::LastAgent(contact, last) => put_last_agent(connection, contact, last),
        Entry::External(key, id, end_ms) => put_external(connection, key, *id, *end_ms),
        Entry::Interaction(interaction) => put_interaction(connection, interaction),
        Entry::Delivery { delivery, settled, end_ms } => {
            if settled.is_some() != (delivery.stage == Stage::Settled) {
                return Err(StoreError::new("whether the delivery is settled is not clear"));
            }
            put_delivery(connection, delivery, settled.unwrap_or(0))?;
            let query = "UPDATE delivery SET end_ms = ? WHERE id = ?";
            run(connection, query, rusqlite::params![end_ms, delivery.id.as_str()])
        }
        Entry::Reply(key, reply) => put_reply(connection, key, reply),
        Entry::Pause(pause) => put_pause(connection, pause),
        Entry::Note(agent, note) => note::keep(connection, agent, note).map_err(|error| match error {
            CommitError::Failed(error) => error,
            other => StoreError::new(other.to_string()),
        }),
    }
}

/// The sums of what was put in.
fn reckon(connection: &Connection, highest_number: u64, last_settled: u64) -> Result<(), StoreError> {
    let count = |query: &str| {
        connection
            .query_row(query, [], |row| row.get::<_, i64>(0))
            .map(i64::unsigned_abs)
            .map_err(crate::store::sqlite::failed)
    };
    let standing = Standing {
        highest_number,
        last_settled,
        interactions: count("SELECT count(*) FROM interaction")?,
        settled: count("SELECT count(*) FROM delivery WHERE settled IS NOT NULL")?,
        replies: count("SELECT count(*) FROM reply")?,
        ended: count("SELECT count(*) FROM interaction WHERE ended_ms IS NOT NULL")?,
    };
    standing.write(connection)
}
