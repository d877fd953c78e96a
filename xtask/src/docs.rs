//! The reference of the C surface as a site, by Doxygen from the headers and the pages in ffi/doc.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why there is no site.
#[derive(Debug, thiserror::Error)]
pub enum DocsError {
    /// Doxygen could not be started.
    #[error("doxygen could not be started ({0}): install it (on Debian: doxygen)")]
    Start(io::Error),
    /// A file or folder could not be read or written.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// Something is not documented, or wrongly.
    #[error("the documentation is not complete:\n{0}")]
    Incomplete(String),
}

/// Where the site is written by default, below the workspace.
pub const SITE: &str = "target/capi-doc";

/// Builds the site from the sources below `root` into `output`; gives its first page. Whatever is not
/// documented in full is an error.
pub fn build(root: &Path, output: &Path) -> Result<PathBuf, DocsError> {
    let doc = root.join("ffi/doc");
    let file = |path: &Path, error| DocsError::File { path: path.to_path_buf(), error };
    let doxyfile = doc.join("Doxyfile");
    let settings = fs::read_to_string(&doxyfile).map_err(|error| file(&doxyfile, error))?;
    fs::create_dir_all(output).map_err(|error| file(output, error))?;
    let settings = format!(
        "{settings}\nPROJECT_NUMBER = {}\nOUTPUT_DIRECTORY = \"{}\"\n",
        env!("CARGO_PKG_VERSION"),
        output.display()
    );
    let mut doxygen = Command::new("doxygen")
        .arg("-")
        .current_dir(&doc)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(DocsError::Start)?;
    if let Some(mut input) = doxygen.stdin.take() {
        input.write_all(settings.as_bytes()).map_err(DocsError::Start)?;
    }
    let ended = doxygen.wait_with_output().map_err(DocsError::Start)?;
    let words = String::from_utf8_lossy(&ended.stderr);
    // Doxygen's own end is not enough: versions differ in what they count as a warning.
    if !ended.status.success() || !words.trim().is_empty() {
        return Err(DocsError::Incomplete(words.into_owned()));
    }
    Ok(output.join("html/index.html"))
}
