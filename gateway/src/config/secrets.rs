//! `[secrets]`: where secrets are kept that platforms give out while the gateway runs.

use std::path::Path;
use std::sync::Arc;

use strowger::{Config, StoreConfig};
use strowger_loader::{Purpose, SecretFile, SecretFileError};

use super::section::Section;

/// Without a place of its own the file stands beside the store. There is none beside a store in memory.
pub(super) fn read(
    root: &Section<'_>,
    folder: &Path,
    engine: &Config,
    purpose: Purpose,
) -> Option<Arc<SecretFile>> {
    let section = root.section("secrets");
    let named = section.as_ref().and_then(|section| section.file("file", folder));
    let has_name = section.as_ref().is_some_and(|section| section.has("file"));
    if let Some(section) = section {
        section.refuse_unknown();
    }
    let (path, place) = match (named, &engine.store) {
        (Some(path), _) => (path, "secrets.file"),
        (None, StoreConfig::Sqlite { path, .. }) if !has_name => {
            (SecretFile::beside_store(path), "engine.store.path")
        }
        (None, _) => return None,
    };
    match SecretFile::open(path.clone(), purpose) {
        Ok(file) => Some(Arc::new(file)),
        // Told of the store already.
        Err(SecretFileError::NoFolder) if place != "secrets.file" => None,
        Err(error) => {
            let problem = format!("can't be used: `{}` {error}", path.display());
            root.wrong_at(root.place_of(place), "secrets.file".into(), problem);
            None
        }
    }
}
