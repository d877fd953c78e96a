//! The file itself: read if nobody else can, written whole or not at all.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    kept: Vec<Entry>,
}

/// A secret that was kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) plugin: String,
    pub(super) channel: String,
    pub(super) account: String,
    pub(super) name: String,
    /// The fingerprint of the configured secret that this one comes from.
    pub(super) follows: Option<String>,
    pub(super) value: Zeroizing<String>,
}

/// Why a file of secrets can't be used. Nothing of its content is told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretFileError {
    /// There is no such folder.
    #[error("is in a folder that does not exist")]
    NoFolder,
    /// No file can be made in its folder.
    #[error("is in a folder that this user can't write to: {0}")]
    Folder(io::Error),
    /// Something else than a file, or a link.
    #[error("is no regular file")]
    Kind,
    /// Another user's.
    #[error("belongs to another user: expected a file of the user that this process runs as")]
    Owner,
    /// Others can read it, or write to it.
    #[error("is open to others (mode {0:o}): expected mode 600, readable by its user alone")]
    Mode(u32),
    /// Another engine keeps its secrets there.
    #[error("is used by another process, or by another engine of this one")]
    Used,
    /// More than secrets take.
    #[error("is longer than {MOST_BYTES} bytes")]
    Length,
    /// Another kind of document, or a damaged one.
    #[error("is no file of kept secrets (line {line}, column {column})")]
    Content {
        /// The line, from 1 on.
        line: usize,
        /// The column, from 1 on.
        column: usize,
    },
    /// Written by a newer version.
    #[error("has the format {0}, and this version knows {FORMAT}")]
    Format(u32),
    /// It can't be read, or its lock can't be had.
    #[error("can't be used: {0}")]
    Io(#[from] io::Error),
}

const FORMAT: u32 = 1;
/// More is no file of ours.
const MOST_BYTES: u64 = 4 << 20;

/// Whether files can be made in the folder of that file.
pub(super) fn check_folder(path: &Path) -> Result<(), SecretFileError> {
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(SecretFileError::NoFolder);
    }
    rustix::fs::access(folder, Access::WRITE_OK).map_err(|error| SecretFileError::Folder(error.into()))
}

/// What the file holds; nothing if there is none.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>, SecretFileError> {
    // What is examined is what is read; and nothing that is no file is waited for.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return Err(SecretFileError::Kind);
        }
        Err(error) => return Err(error.into()),
    };
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(SecretFileError::Kind);
    }
    if about.uid() != rustix::process::geteuid().as_raw() {
        return Err(SecretFileError::Owner);
    }
    if about.mode() & 0o077 != 0 {
        return Err(SecretFileError::Mode(about.mode() & 0o777));
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(MOST_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(SecretFileError::Length);
    }
    // What serde says of a value may quote it.
    let Document { format, kept } = serde_json::from_slice(&text)
        .map_err(|error| SecretFileError::Content { line: error.line(), column: error.column() })?;
    if format == FORMAT { Ok(kept) } else { Err(SecretFileError::Format(format)) }
}

/// Keeps other processes from the file for as long as what is returned lives. A file beside it is locked, as the
/// file itself is replaced.
pub(super) fn lock(path: &Path) -> Result<File, SecretFileError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(beside(path, "-lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SecretFileError::Used),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Puts the file in the place of the last one, durably.
pub(super) fn write(path: &Path, kept: &[Entry]) -> io::Result<()> {
    let document = Document { format: FORMAT, kept: kept.to_vec() };
    let text = Zeroizing::new(serde_json::to_vec_pretty(&document)?);
    if text.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file of kept secrets is full"));
    }
    let new = beside(path, "-new");
    // One may be left of a process that was killed; nobody else is at it.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    let written = file.write_all(&text).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written?;
    File::open(folder_of(path))?.sync_all()
}

/// A file beside another.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
