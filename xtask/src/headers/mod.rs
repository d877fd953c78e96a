//! The C headers, written from the Rust sources and committed: what a C programmer reads is what the
//! Rust side compiles.

mod channel;
mod engine;
mod rewrite;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One header: its path below the workspace and how it is made.
struct Header {
    path: &'static str,
    generate: fn(root: &Path) -> Result<String, HeaderError>,
}

/// Every header that is made here. A further one is a further line.
const HEADERS: &[Header] = &[
    Header { path: "ffi/include/strowger_channel.h", generate: channel::generate },
    Header { path: "ffi/include/strowger.h", generate: engine::generate },
];

/// What `strowger.h` and `strowger_channel.h` both need and must say alike: whichever is included first
/// defines it.
pub const SHARED_STR: &str = include_str!("shared_str.h");

/// Why a header could not be made, written or confirmed.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// cbindgen could not read the sources or its configuration.
    #[error("{source_file} could not be turned into a header: {problem}")]
    Generate {
        /// The source.
        source_file: String,
        /// cbindgen's words.
        problem: String,
    },
    /// The generated text is not of the form that the rewriting expects.
    #[error("cbindgen's text holds no `{expected}`: has its configuration or the source changed?")]
    Form {
        /// What was looked for.
        expected: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A committed header differs from its source.
    #[error(
        "{path} is not what its source says (first difference in line {line}): run `cargo run -p xtask -- headers` and commit the result"
    )]
    Drift {
        /// The header, below the workspace.
        path: &'static str,
        /// The first line that differs, counted from 1.
        line: usize,
    },
}

/// Writes every header.
pub fn write_all() -> Result<(), HeaderError> {
    let root = workspace();
    for header in HEADERS {
        let path = root.join(header.path);
        let text = (header.generate)(&root)?;
        fs::write(&path, text).map_err(|source| HeaderError::Io { path, source })?;
    }
    Ok(())
}

/// Compares every header with what would be written, and writes nothing.
pub fn check_all() -> Result<(), HeaderError> {
    let root = workspace();
    for header in HEADERS {
        let path = root.join(header.path);
        let fresh = (header.generate)(&root)?;
        let committed = fs::read_to_string(&path).map_err(|source| HeaderError::Io { path, source })?;
        compare(header.path, &committed, &fresh)?;
    }
    Ok(())
}

/// Says where `committed` first differs from `fresh`.
fn compare(path: &'static str, committed: &str, fresh: &str) -> Result<(), HeaderError> {
    if committed == fresh {
        return Ok(());
    }
    let same = committed.lines().zip(fresh.lines()).take_while(|(old, new)| old == new).count();
    Err(HeaderError::Drift { path, line: same + 1 })
}

/// The workspace's directory: xtask is always run from its own sources.
fn workspace() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_headers_are_what_their_sources_say() {
        check_all().unwrap();
    }

    #[test]
    fn a_changed_line_is_found() {
        let error = compare("x.h", "one\ntwo\n", "one\n2\n").unwrap_err();
        assert!(matches!(error, HeaderError::Drift { line: 2, .. }), "{error}");
        let error = compare("x.h", "one\n", "one\ntwo\n").unwrap_err();
        assert!(matches!(error, HeaderError::Drift { line: 2, .. }), "{error}");
    }
}
