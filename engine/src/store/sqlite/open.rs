//! Opening a file: whose it is, what it is, and whether it can be used.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{journal, schema};
use crate::store::OpenError;

/// Connections that read, beside the one that writes.
pub(super) const READERS: usize = 4;

/// How long a program of the operator's (a backup, say) may hold the file up.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
const WRITER_CACHE_KIB: i64 = 8 << 10;
const READER_CACHE_KIB: i64 = 2 << 10;

/// A log that grew larger, under a long reading say, is cut to this when it begins anew.
const LOG_LEFT_BYTES: i64 = 16 << 20;

/// An opened file. The lock is released last: the order of the members is that of their ends.
pub(super) struct Opened {
    pub(super) readers: Vec<Connection>,
    pub(super) writer: Connection,
    pub(super) lock: OwnerLock,
}

/// Says that this process has the store, until it is dropped.
///
/// It lies on a file beside the store: `SQLite`'s own locks on the store are lost as soon as any other
/// handle of that file is closed in the same process.
pub(super) struct OwnerLock {
    file: File,
}

/// What the lock's file says from the first opening on: an empty file beside it was a store once.
const MARK: &str = "strowger store";

pub(super) fn open(path: &Path) -> Result<(PathBuf, Opened), OpenError> {
    let path = absolute(path)?;
    let lock = OwnerLock::take(&path)?;
    Ok((path.clone(), open_owned(path, lock)?))
}

/// A file that must be there, and its lock.
pub(super) fn existing(path: &Path) -> Result<(PathBuf, OwnerLock), OpenError> {
    let path = absolute(path)?;
    if !path.exists() && !beside(&path, "-wal").exists() {
        let problem = "there is no such file".to_owned();
        return Err(OpenError::Unusable { path, problem });
    }
    let mut lock = OwnerLock::take(&path)?;
    let was_store = lock.is_marked().map_err(|error| unusable(&path, &error))?;
    check_files(&path, was_store)?;
    Ok((path, lock))
}

/// A connection that changes nothing.
pub(super) fn connect_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect_with(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// A connection that has the journal's commits in its tables, in a transaction that is never ended: nothing of
/// it reaches the file. Gives also what of the journal can't be read or written.
pub(super) fn connect_with_journal(path: &Path) -> rusqlite::Result<(Connection, Vec<String>)> {
    let connection = connect(path)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "cache_spill", false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let (overlay, _, mut problems) = journal::read(&connection);
    problems.extend(overlay.absorb_readable(&connection));
    Ok((connection, problems))
}

pub(super) fn unusable(path: &Path, error: &io::Error) -> OpenError {
    OpenError::Unusable { path: path.to_owned(), problem: error.to_string() }
}

pub(super) fn open_owned(path: PathBuf, mut lock: OwnerLock) -> Result<Opened, OpenError> {
    let unusable = |problem: io::Error| unusable(&path, &problem);
    check_files(&path, lock.is_marked().map_err(unusable)?)?;
    create(&path).map_err(unusable)?;

    let failed = |error: rusqlite::Error| sorted(&path, &error);
    let mut writer = connect(&path).map_err(failed)?;
    let found = format_of(&writer, &path)?;
    configure(&writer, WRITER_CACHE_KIB).map_err(failed)?;
    let mode: String =
        writer.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        let problem = "its file system can't hold a store: a local one is needed".to_owned();
        return Err(OpenError::Unusable { path, problem });
    }
    writer.pragma_update(None, "journal_size_limit", LOG_LEFT_BYTES).map_err(failed)?;
    schema::migrate(&mut writer, found).map_err(failed)?;
    // A log that a killed process left behind may have been read back from memory that was never flushed:
    // with this it is on disk before anybody is told of it. It also tells a disk that takes no changes.
    prove_flush(&writer).map_err(failed)?;
    let readers = (0..READERS)
        .map(|_| {
            let reader = connect(&path)?;
            configure(&reader, READER_CACHE_KIB)?;
            reader.pragma_update(None, "query_only", true)?;
            Ok(reader)
        })
        .collect::<rusqlite::Result<_>>()
        .map_err(failed)?;
    lock.mark().map_err(unusable)?;
    Ok(Opened { readers, writer, lock })
}

/// Makes a change that means nothing, and flushes it.
pub(super) fn prove_flush(writer: &Connection) -> rusqlite::Result<()> {
    // One statement is a transaction.
    writer.execute("UPDATE standing SET flushes_proved = flushes_proved + 1", [])?;
    Ok(())
}

/// The path without links, so that two names of one file don't lead to two owners.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, OpenError> {
    let unusable = |problem: String| OpenError::Unusable { path: path.to_owned(), problem };
    match path.canonicalize() {
        Ok(path) if path.is_file() => return Ok(path),
        Ok(_) => return Err(unusable("it is no file".into())),
        Err(_) => {}
    }
    let name = path.file_name().ok_or_else(|| unusable("it names no file".into()))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder =
        folder.canonicalize().map_err(|error| unusable(format!("its folder can't be found: {error}")))?;
    Ok(folder.join(name))
}

pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl OwnerLock {
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let unusable =
            |error: io::Error| OpenError::Unusable { path: path.to_owned(), problem: error.to_string() };
        let mut file = private(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(beside(path, "-lock"))
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                let owner = match text.lines().nth(1) {
                    Some(process) => process.to_owned(),
                    None => "another process".to_owned(),
                };
                Err(OpenError::Owned { path: path.to_owned(), owner })
            }
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    fn is_marked(&mut self) -> io::Result<bool> {
        let mut text = String::new();
        self.file.rewind()?;
        // What was written by halves is no mark.
        Ok(self.file.read_to_string(&mut text).is_ok() && text.starts_with(MARK))
    }

    pub(super) fn mark(&mut self) -> io::Result<()> {
        self.file.rewind()?;
        let text = format!("{MARK}\nprocess {}\n", std::process::id());
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)
    }
}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        // Said aloud, and not left to the closing of the handle: a program that this process is just
        // starting has a copy of it until it runs, and would keep the lock.
        let _ = self.file.unlock();
    }
}

/// No file of `SQLite` is shorter, but for an empty one.
const SMALLEST_PAGE: u64 = 512;

/// What `SQLite` would pass over in silence, and make a new store.
fn check_files(path: &Path, was_store: bool) -> Result<(), OpenError> {
    let length = |path: &Path| std::fs::metadata(path).map(|data| data.len()).ok();
    let log = length(&beside(path, "-wal")).unwrap_or(0);
    let problem = match length(path) {
        None if log > 0 => "the file is missing, and its log is there",
        Some(0) if was_store || log > 0 => "the file is empty, and it was a store once",
        Some(1..SMALLEST_PAGE) => "the file is too short",
        _ => return Ok(()),
    };
    Err(OpenError::Damaged { path: path.to_owned(), problem: problem.to_owned() })
}

/// Makes the file if there is none, readable by its user alone: customers' words stand in it.
pub(super) fn create(path: &Path) -> io::Result<()> {
    match private(OpenOptions::new().write(true).create_new(true)).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    connect_with(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

fn connect_with(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(64);
    super::checksum::install(&connection)?;
    Ok(connection)
}

fn configure(connection: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    // A mapped file turns a read that fails into a signal.
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

/// The format of the file; 0 if it is empty.
pub(super) fn format_of(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let number = |query: &str| {
        connection.query_row(query, [], |row| row.get::<_, i64>(0)).map_err(|error| sorted(path, &error))
    };
    let application = number("PRAGMA application_id")?;
    let found = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    match (application, found, tables) {
        (0, 0, 0) => Ok(0),
        (schema::APPLICATION_ID, found, _) if found > schema::known() => {
            Err(OpenError::Newer { path: path.to_owned(), found, known: schema::known() })
        }
        (schema::APPLICATION_ID, 1.., 1..) => Ok(found),
        (schema::APPLICATION_ID, ..) => Err(OpenError::Damaged {
            path: path.to_owned(),
            problem: format!("it has format {found} and {tables} tables"),
        }),
        (application, ..) => Err(OpenError::NotOurs {
            path: path.to_owned(),
            found: format!("an SQLite file of application {application}"),
        }),
    }
}

/// What an error of `SQLite` means for whoever opens the file.
pub(super) fn sorted(path: &Path, error: &rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    let problem = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotOurs { path, found: problem },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, problem },
        None if is_misread(error) => OpenError::Damaged { path, problem },
        _ => OpenError::Unusable { path, problem },
    }
}

/// Whether a value is not what its column holds: what was written as a text, or as a number, is none any more.
fn is_misread(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    matches!(
        error,
        Error::FromSqlConversionFailure(..)
            | Error::InvalidColumnType(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..)
            | Error::QueryReturnedNoRows
    )
}
