//! Files that request bodies may name: only beneath the one directory that the host chose.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{FileType, Mode, OFlags};

use crate::media_type;

/// What the names of fetched files begin with.
const FETCHED: &str = "fetched:";

/// The attachments directory, open.
#[derive(Debug)]
pub(crate) struct Attachments {
    directory: OwnedFd,
}

impl Attachments {
    /// Opens the directory, once: what is later mounted or linked in its place is not it.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        if !path.is_absolute() {
            return Err(format!("`{}` is not an absolute path", path.display()));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|error| format!("`{}` could not be opened: {error}", path.display()))?;
        Ok(Self { directory })
    }

    /// `length` bytes from `offset` on, or all that follow, but never more than `limit`. The error is for
    /// the agent who named the file.
    pub(crate) fn read(
        &self,
        name: &str,
        offset: u64,
        length: Option<u64>,
        limit: usize,
    ) -> Result<Vec<u8>, String> {
        let (file, _) = self.file(name)?;
        read_piece(&file, name, offset, length, limit)
    }

    /// How long a file is, and its media type by its first bytes. The error is for the agent who named it.
    pub(crate) fn facts(&self, name: &str) -> Result<(u64, Option<&'static str>), String> {
        let (file, size) = self.file(name)?;
        Ok((size, type_of(&file, name)?))
    }

    /// Opens a file beneath the directory, and tells its size.
    ///
    /// Each part of the path is opened by itself and no link is followed, so there is no way out.
    fn file(&self, name: &str) -> Result<(File, u64), String> {
        let failed = |problem: &dyn std::fmt::Display| format!("the attachment `{name}` {problem}");
        let mut parts = Vec::new();
        for part in Path::new(name).components() {
            match part {
                Component::Normal(part) => parts.push(part),
                _ => return Err(failed(&"must be a relative path without `.` and `..`")),
            }
        }
        let Some((last, above)) = parts.split_last() else { return Err(failed(&"has no name")) };
        let unopened = |error: rustix::io::Errno| failed(&format!("could not be opened: {error}"));
        let mut within: Option<OwnedFd> = None;
        let step = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for part in above {
            let from = within.as_ref().unwrap_or(&self.directory);
            let next = rustix::fs::openat(from, *part, step | OFlags::DIRECTORY, Mode::empty());
            within = Some(next.map_err(unopened)?);
        }
        let from = within.as_ref().unwrap_or(&self.directory);
        // O_NONBLOCK: a named pipe must not hold the delivery up before it is found to be no file.
        let file =
            rustix::fs::openat(from, *last, step | OFlags::NONBLOCK, Mode::empty()).map_err(unopened)?;
        let facts = rustix::fs::fstat(&file).map_err(unopened)?;
        if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
            return Err(failed(&"is not a regular file"));
        }
        Ok((File::from(file), u64::try_from(facts.st_size).unwrap_or(0)))
    }
}

/// `length` bytes of a file from `offset` on, or all that follow, but never more than `limit`.
pub(crate) fn read_piece(
    mut file: &File,
    name: &str,
    offset: u64,
    length: Option<u64>,
    limit: usize,
) -> Result<Vec<u8>, String> {
    let failed = |problem: &dyn std::fmt::Display| format!("the attachment `{name}` {problem}");
    file.seek(SeekFrom::Start(offset)).map_err(|error| failed(&format!("could not be read: {error}")))?;
    let most = limit as u64;
    let wanted = length.unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(wanted.min(most.saturating_add(1)))
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&format!("could not be read: {error}")))?;
    if bytes.len() > limit || length.is_some_and(|length| length > most) {
        return Err(failed(&format!("does not fit into a request of {limit} bytes")));
    }
    if length.is_some_and(|length| (bytes.len() as u64) < length) {
        return Err(failed(&"is shorter than was said"));
    }
    Ok(bytes)
}

/// The media type of a file, by its first bytes.
pub(crate) fn type_of(mut file: &File, name: &str) -> Result<Option<&'static str>, String> {
    let failed = |error: std::io::Error| format!("the attachment `{name}` could not be read: {error}");
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut head = Vec::new();
    file.take(media_type::HEAD_BYTES).read_to_end(&mut head).map_err(failed)?;
    Ok(media_type::of(&head))
}

/// The files that a conversation may name: those of the directory, and those that it had fetched.
pub(crate) struct Files<'a> {
    pub(crate) directory: Option<&'a Attachments>,
    pub(crate) fetched: &'a [File],
}

impl Files<'_> {
    /// The name of the fetched file of that number.
    pub(crate) fn name_of(number: usize) -> String {
        format!("{FETCHED}{number}")
    }

    /// As [`Attachments::read`].
    pub(crate) fn read(
        &self,
        name: &str,
        offset: u64,
        length: Option<u64>,
        limit: usize,
    ) -> Result<Vec<u8>, String> {
        match self.fetched(name) {
            Some(file) => read_piece(file, name, offset, length, limit),
            None => self.directory(name)?.read(name, offset, length, limit),
        }
    }

    /// As [`Attachments::facts`].
    pub(crate) fn facts(&self, name: &str) -> Result<(u64, Option<&'static str>), String> {
        self.directory(name)?.facts(name)
    }

    fn fetched(&self, name: &str) -> Option<&File> {
        self.fetched.get(name.strip_prefix(FETCHED)?.parse::<usize>().ok()?)
    }

    fn directory(&self, name: &str) -> Result<&Attachments, String> {
        self.directory.ok_or_else(|| {
            format!("the attachment `{name}` can't be read: the host names no attachments directory")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_beneath_are_read_in_pieces() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("d")).unwrap();
        fs::write(directory.path().join("d/a.bin"), b"0123456789").unwrap();
        let attachments = Attachments::open(directory.path()).unwrap();
        assert_eq!(attachments.read("d/a.bin", 0, None, 100).unwrap(), b"0123456789");
        assert_eq!(attachments.read("d/a.bin", 3, Some(4), 100).unwrap(), b"3456");
        assert_eq!(attachments.read("d/a.bin", 0, None, 10).unwrap().len(), 10);
        for (offset, length, limit) in [(0, None, 9), (0, Some(11), 100), (8, Some(3), 100), (0, Some(10), 9)]
        {
            attachments.read("d/a.bin", offset, length, limit).unwrap_err();
        }
    }

    #[test]
    fn a_file_is_what_its_first_bytes_show() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.txt"), b"\x89PNG\r\n\x1a\n1234").unwrap();
        fs::write(directory.path().join("b.png"), b"").unwrap();
        let attachments = Attachments::open(directory.path()).unwrap();
        assert_eq!(attachments.facts("a.txt").unwrap(), (12, Some("image/png")));
        assert_eq!(attachments.facts("b.png").unwrap(), (0, None));
        assert!(attachments.facts("../a.txt").unwrap_err().contains("../a.txt"));
    }

    #[test]
    fn fetched_files_have_names_of_their_own() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a"), b"GIF89a").unwrap();
        let fetched = [File::open(directory.path().join("a")).unwrap()];
        let files = Files { directory: None, fetched: &fetched };
        assert_eq!(files.read(&Files::name_of(0), 3, Some(2), 9).unwrap(), b"89");
        for name in ["fetched:1", "fetched:", "fetched:-1", "a"] {
            assert!(files.read(name, 0, None, 9).unwrap_err().contains("no attachments directory"));
        }
    }

    #[test]
    fn there_is_no_way_out() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), b"x").unwrap();
        let directory = tempfile::tempdir().unwrap();
        symlink(outside.path(), directory.path().join("dir")).unwrap();
        symlink(outside.path().join("secret"), directory.path().join("link")).unwrap();
        fs::create_dir(directory.path().join("d")).unwrap();
        let attachments = Attachments::open(directory.path()).unwrap();
        let absolute = outside.path().join("secret");
        for name in ["dir/secret", "link", "../secret", "d/../../secret", "d", "", ".", "./link", "missing"] {
            let error = attachments.read(name, 0, None, 100).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
        attachments.read(absolute.to_str().unwrap(), 0, None, 100).unwrap_err();
    }

    #[test]
    fn the_directory_is_named_from_the_root() {
        assert!(Attachments::open(Path::new("relative")).unwrap_err().contains("absolute"));
        assert!(
            Attachments::open(Path::new("/no/such/directory")).unwrap_err().contains("could not be opened")
        );
    }
}
