//! `store`: the care of a store's file. The engine does the work; here stand words and exit codes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use strowger::{ExportError, Exported, ImportError, OpenError, Progress, StoreFile};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Read the whole file, and say what is damaged and what can be read.
    ///
    /// Looks at the file's structure, at the checksum of every record, and at whether the records fit each
    /// other: a message on its way has its delivery, a delivery under way has its interaction, counts are
    /// right. Changes nothing. A store of an earlier format is compacted first.
    Check {
        /// The store.
        path: PathBuf,
    },
    /// Write everything as lines of JSON.
    ///
    /// One record a line, in the same order and form for the same content; the last line has the number and
    /// the SHA-256 of those before it. A store holds no secrets, and it holds what customers wrote: the file
    /// is readable by its owner alone.
    Export {
        /// The store.
        path: PathBuf,
        /// Where to write, a new file; by default standard output.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Write what can still be read of a damaged store, in a form that can be imported, and say what is
        /// lost. A message whose delivery is lost goes back to its agent.
        #[arg(long)]
        salvage: bool,
    },
    /// Make a new store of an export: all of it, checked, or nothing.
    Import {
        /// The store; it must not exist.
        path: PathBuf,
        /// The export; `-`, which is the default, is standard input.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// Give unused space back, and bring an earlier format up to the present one.
    ///
    /// Needs as much space again as the store has content. Killed on the way it leaves the store as it was.
    Compact {
        /// The store.
        path: PathBuf,
    },
}

/// Why it did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreCommandError {
    #[error("{0}")]
    Open(#[from] OpenError),
    #[error("{0}: use `--salvage`")]
    Damaged(ExportError),
    #[error("{0}")]
    Export(ExportError),
    #[error("{0}")]
    Import(#[from] ImportError),
    #[error("{path}: {error}", path = path.display())]
    File { path: PathBuf, error: io::Error },
}

pub(crate) fn run(command: Command) -> Result<ExitCode, StoreCommandError> {
    match command {
        Command::Check { path } => check(&path),
        Command::Export { path, output, salvage } => export(&path, output.as_deref(), salvage),
        Command::Import { path, file } => import(&path, &file),
        Command::Compact { path } => {
            let compacted = StoreFile::compact(&path)?;
            eprintln!("{} bytes before, {} bytes now", compacted.before_bytes, compacted.after_bytes);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(path: &Path) -> Result<ExitCode, StoreCommandError> {
    let findings = StoreFile::open(path)?.check(&mut tell);
    for table in &findings.tables {
        let damaged = if table.damaged > 0 { format!(", {} damaged", table.damaged) } else { String::new() };
        let lost = if table.is_whole { "" } else { ", and some that can't be reached" };
        eprintln!("{}: {} sound{damaged}{lost}", table.kind, table.sound);
    }
    for problem in &findings.problems {
        eprintln!("damaged: {problem}");
    }
    if findings.is_sound() {
        eprintln!("the store is sound");
        return Ok(ExitCode::SUCCESS);
    }
    let more = findings.problem_count.saturating_sub(findings.problems.len() as u64);
    if more > 0 {
        eprintln!("and {more} more");
    }
    eprintln!(
        "`strowger-gateway store export --salvage` writes what can be read; `import` makes a store of it"
    );
    Ok(ExitCode::FAILURE)
}

fn export(path: &Path, output: Option<&Path>, salvage: bool) -> Result<ExitCode, StoreCommandError> {
    let store = StoreFile::open(path)?;
    let write = |to: &mut dyn Write| {
        if salvage { store.salvage(to, &mut tell) } else { store.export(to, &mut tell) }
    };
    let Exported { records, losses, loss_count } = match output {
        None => write(&mut io::stdout().lock()),
        Some(output) => to_file(output, write)?,
    }
    .map_err(|error| match error {
        ExportError::Store(OpenError::Damaged { .. }) => StoreCommandError::Damaged(error),
        other => StoreCommandError::Export(other),
    })?;
    for loss in &losses {
        eprintln!("lost: {loss}");
    }
    let more = loss_count.saturating_sub(losses.len() as u64);
    if more > 0 {
        eprintln!("and {more} more");
    }
    eprintln!("{records} records written");
    Ok(ExitCode::SUCCESS)
}

/// A new file, flushed; none is left behind by an export that fails.
fn to_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<Exported, ExportError>,
) -> Result<Result<Exported, ExportError>, StoreCommandError> {
    let failed = |error| StoreCommandError::File { path: path.to_owned(), error };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    let written = write(&mut file).and_then(|exported| Ok(file.sync_all().map(|()| exported)?));
    if written.is_err() {
        fs::remove_file(path).map_err(failed)?;
    }
    Ok(written)
}

fn import(path: &Path, file: &Path) -> Result<ExitCode, StoreCommandError> {
    let imported = if file == Path::new("-") {
        StoreFile::import(path, &mut io::stdin().lock(), &mut tell)
    } else {
        let failed = |error| StoreCommandError::File { path: file.to_owned(), error };
        StoreFile::import(path, &mut BufReader::new(File::open(file).map_err(failed)?), &mut tell)
    }?;
    eprintln!("{} records read, checked and kept", imported.records);
    Ok(ExitCode::SUCCESS)
}

fn tell(progress: Progress) {
    match progress {
        Progress { what, done: 0, .. } => eprintln!("{what} …"),
        Progress { what, done, of: 0 } => eprintln!("{what}: {done}"),
        Progress { what, done, of } => eprintln!("{what}: {done} of {of}"),
    }
}
