//! `[secrets]`: where secrets are kept that platforms give out while the gateway runs; and which of them go before
//! what the file has.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use strowger::{Config, StoreConfig};
use zeroize::Zeroizing;

use super::section::Section;
use crate::secret_file::{Place, Purpose, SecretFile, SecretFileError};

/// What the file of kept secrets is called, after the name of the store.
const ENDING: &str = "-secrets";

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
            (PathBuf::from(format!("{path}{ENDING}")), "engine.store.path")
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

/// Puts the latest secrets of a plugin's accounts where its configuration has the first ones. Tells whether it
/// changed anything.
pub(super) fn renew(file: &SecretFile, plugin: &str, config: &mut Value) -> bool {
    let accounts = config.get_mut("accounts").and_then(Value::as_array_mut).into_iter().flatten();
    let mut has_changed = false;
    for account in accounts {
        let text = |member: &str| account.get(member).and_then(Value::as_str).map(str::to_owned);
        let Some(name) = text("name") else { continue };
        let channel = text("channel");
        let Some(auth) = account.get_mut("auth").and_then(Value::as_object_mut) else { continue };
        for (member, value) in auth {
            let Some(configured) = configured(value) else { continue };
            let place = Place {
                plugin: plugin.to_owned(),
                channel: channel.clone(),
                account: name.clone(),
                name: member.clone(),
            };
            if let Some(latest) = file.latest(place, &configured) {
                *value = Value::String(latest.to_string());
                has_changed = true;
            }
        }
    }
    has_changed
}

/// The secret that a member holds or refers to, read as the loader does. A reference that leads nowhere is the
/// loader's to tell.
fn configured(value: &Value) -> Option<Zeroizing<String>> {
    let members = match value {
        Value::String(text) => return Some(Zeroizing::new(text.clone())),
        Value::Object(members) if members.len() == 1 => members,
        _ => return None,
    };
    if let Some(name) = members.get("env").and_then(Value::as_str) {
        return std::env::var(name).ok().map(Zeroizing::new);
    }
    let text = Zeroizing::new(std::fs::read_to_string(members.get("file")?.as_str()?).ok()?);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Some(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}
