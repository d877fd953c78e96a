//! Everything as lines of JSON.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::Observer;
use super::line::{Entry, Line, VERSION, hex};
use super::rows::ALL;
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
    // One snapshot: where there is a transaction, that is one.
    let is_begun = !connection.is_autocommit();
    if !is_begun {
        connection.execute_batch("BEGIN").map_err(failed)?;
    }
    let written = Lines::begin(to, false).and_then(|lines| lines.all(connection, path, observer));
    if !is_begun {
        // It has read only: nothing is lost with an end that fails.
        let _ = connection.execute_batch("ROLLBACK");
    }
    written
}

/// The lines, counted and hashed.
pub(super) struct Lines<'a> {
    to: io::BufWriter<&'a mut dyn Write>,
    hash: Sha256,
    count: u64,
    records: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn begin(to: &'a mut dyn Write, salvaged: bool) -> Result<Self, ExportError> {
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

    pub(super) fn record(&mut self, entry: &Entry) -> Result<(), ExportError> {
        self.records += 1;
        self.line(entry.to_json())
    }

    pub(super) fn standing(&mut self, highest_number: u64, last_settled: u64) -> Result<(), ExportError> {
        self.line(Line::Standing { highest_number, last_settled }.to_json())
    }

    pub(super) fn end(mut self) -> Result<u64, ExportError> {
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
