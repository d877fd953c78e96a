//! Opens a plugin's file and looks at it: what was examined is what gets loaded, because everything
//! after the opening goes through the one descriptor.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat};

use crate::error::LoadError;

/// A plugin's file, opened and found acceptable.
pub(crate) struct PluginFile {
    pub(crate) path: PathBuf,
    pub(crate) descriptor: OwnedFd,
    /// Device and inode: which file it is, whatever its name.
    pub(crate) identity: (u64, u64),
}

/// Opens the file that `given` names: an absolute path, or a file name in `directory`.
pub(crate) fn open(given: &Path, directory: Option<&Path>) -> Result<PluginFile, LoadError> {
    let path = locate(given, directory)?;
    // O_NONBLOCK: a named pipe must not hold the caller up before it is found to be none of ours.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let descriptor =
        rustix::fs::open(&path, flags, Mode::empty()).map_err(|error| refusal(&path, error.into()))?;
    let facts = rustix::fs::fstat(&descriptor).map_err(|error| refusal(&path, error.into()))?;
    examine(&path, &facts, Process::this())?;
    Ok(PluginFile { path, descriptor, identity: (facts.st_dev, facts.st_ino) })
}

fn locate(given: &Path, directory: Option<&Path>) -> Result<PathBuf, LoadError> {
    if given.is_absolute() {
        return Ok(given.to_path_buf());
    }
    let mut parts = given.components();
    let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else {
        return Err(LoadError::Relative { path: given.to_path_buf() });
    };
    let Some(directory) = directory else {
        return Err(LoadError::NoDirectory { name: name.to_string_lossy().into_owned() });
    };
    if !directory.is_absolute() {
        return Err(LoadError::RelativeDirectory { path: directory.to_path_buf() });
    }
    Ok(directory.join(name))
}

fn refusal(path: &Path, error: io::Error) -> LoadError {
    let path = path.to_path_buf();
    match error.kind() {
        io::ErrorKind::NotFound => LoadError::Missing { path },
        // With O_NOFOLLOW a final link is reported as ELOOP.
        _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => LoadError::Link { path },
        _ => LoadError::Io { path, source: error },
    }
}

/// Who this process is, as far as the right to change a plugin goes.
#[derive(Clone, Copy)]
struct Process {
    user: u32,
    group: u32,
}

impl Process {
    fn this() -> Self {
        Self { user: rustix::process::geteuid().as_raw(), group: rustix::process::getegid().as_raw() }
    }
}

fn examine(path: &Path, facts: &Stat, process: Process) -> Result<(), LoadError> {
    let path = path.to_path_buf();
    let found = match FileType::from_raw_mode(facts.st_mode) {
        FileType::RegularFile => None,
        FileType::Directory => Some("a directory"),
        FileType::Fifo => Some("a named pipe"),
        FileType::Socket => Some("a socket"),
        FileType::CharacterDevice | FileType::BlockDevice => Some("a device"),
        _ => Some("something else"),
    };
    if let Some(found) = found {
        return Err(LoadError::NotRegular { path, found });
    }
    if facts.st_uid != 0 && facts.st_uid != process.user {
        return Err(LoadError::Owner { path, owner: facts.st_uid, process: process.user });
    }
    let mode = facts.st_mode & 0o7777;
    if mode & 0o002 != 0 {
        return Err(LoadError::WorldWritable { path, mode });
    }
    if mode & 0o020 != 0 && facts.st_gid != process.group {
        return Err(LoadError::GroupWritable { path, mode, group: facts.st_gid, process: process.group });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Process = Process { user: 1000, group: 100 };

    /// The facts of a file that a test made, with owner and mode changed on paper: so the rules are held
    /// also where the tests don't run as root and can't change an owner.
    fn facts(user: u32, group: u32, mode: u32) -> Stat {
        let file = tempfile::tempfile().unwrap();
        let mut facts = rustix::fs::fstat(&file).unwrap();
        facts.st_uid = user;
        facts.st_gid = group;
        facts.st_mode = mode;
        facts
    }

    fn judge(user: u32, group: u32, mode: u32) -> Result<(), LoadError> {
        examine(Path::new("/p.so"), &facts(user, group, mode), US)
    }

    #[test]
    fn root_and_the_process_may_own_it() {
        judge(0, 0, 0o100_755).unwrap();
        judge(1000, 5, 0o100_755).unwrap();
        assert!(matches!(
            judge(1001, 100, 0o100_755),
            Err(LoadError::Owner { owner: 1001, process: 1000, .. })
        ));
    }

    #[test]
    fn nobody_else_may_write_to_it() {
        judge(1000, 100, 0o100_775).unwrap();
        assert!(matches!(
            judge(1000, 101, 0o100_775),
            Err(LoadError::GroupWritable { mode: 0o775, group: 101, process: 100, .. })
        ));
        assert!(matches!(judge(1000, 100, 0o100_757), Err(LoadError::WorldWritable { mode: 0o757, .. })));
    }

    #[test]
    fn only_a_file_is_a_file() {
        for (mode, what) in [(0o040_755, "a directory"), (0o010_644, "a named pipe"), (0o020_644, "a device")]
        {
            let Err(LoadError::NotRegular { found, .. }) = judge(0, 0, mode) else { panic!("{what}") };
            assert_eq!(found, what);
        }
    }

    #[test]
    fn names_are_looked_for_in_the_directory_that_was_named() {
        let directory = Some(Path::new("/plugins"));
        assert_eq!(locate(Path::new("a.so"), directory).unwrap(), Path::new("/plugins/a.so"));
        assert_eq!(locate(Path::new("/x/a.so"), None).unwrap(), Path::new("/x/a.so"));
        for relative in ["./a.so", "../a.so", "x/a.so", "", ".", ".."] {
            assert!(
                matches!(locate(Path::new(relative), directory), Err(LoadError::Relative { .. })),
                "{relative}"
            );
        }
        assert!(matches!(locate(Path::new("a.so"), None), Err(LoadError::NoDirectory { .. })));
        assert!(matches!(
            locate(Path::new("a.so"), Some(Path::new("plugins"))),
            Err(LoadError::RelativeDirectory { .. })
        ));
    }
}
