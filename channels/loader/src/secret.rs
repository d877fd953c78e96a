//! Secrets that a configuration refers to instead of holding them: `{"env": "NAME"}`, `{"file": "path"}`; and those
//! that were kept since.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::error::SecretError;
use crate::options::{ConfiguredSecret, SecretStore};

/// The largest file that is taken for a secret, in bytes.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// A reference that led nowhere.
#[derive(Debug)]
pub(crate) struct Unresolved {
    /// The member's path, as `accounts[0].auth.token`.
    pub(crate) member: String,
    pub(crate) source: SecretError,
}

/// Replaces every reference in `config` by its value, and returns the values.
///
/// A reference is an object whose one member is `env` or `file` and holds a string. Anything else is left
/// as it is. Relative paths begin in `folder`.
pub(crate) fn resolve(config: &mut Value, folder: &Path) -> Result<Vec<Zeroizing<String>>, Unresolved> {
    let mut values = Vec::new();
    walk(config, folder, &mut String::new(), &mut values)?;
    Ok(values)
}

/// Puts the latest secrets of a plugin's accounts where its configuration has the first ones, and returns them.
pub(crate) fn renew(config: &mut Value, plugin: &str, store: &dyn SecretStore) -> Vec<Zeroizing<String>> {
    let mut values = Vec::new();
    let accounts = config.get_mut("accounts").and_then(Value::as_array_mut).into_iter().flatten();
    for account in accounts {
        let text = |member: &str| account.get(member).and_then(Value::as_str).map(str::to_owned);
        let (Some(name), channel) = (text("name"), text("channel")) else { continue };
        let auth = account.get_mut("auth").and_then(Value::as_object_mut).into_iter().flatten();
        for (member, value) in auth {
            let Value::String(first) = value else { continue };
            let configured = ConfiguredSecret {
                plugin,
                channel: channel.as_deref(),
                account: &name,
                name: member,
                value: first,
            };
            if let Some(latest) = store.latest(&configured) {
                *value = Value::String(latest.to_string());
                values.push(latest);
            }
        }
    }
    values
}

fn walk(
    value: &mut Value,
    folder: &Path,
    path: &mut String,
    values: &mut Vec<Zeroizing<String>>,
) -> Result<(), Unresolved> {
    if let Some(reference) = reference(value) {
        let secret = reference.read(folder).map_err(|source| Unresolved { member: path.clone(), source })?;
        *value = Value::String(secret.to_string());
        values.push(secret);
        return Ok(());
    }
    let length = path.len();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if length > 0 {
                    path.push('.');
                }
                path.push_str(name);
                walk(member, folder, path, values)?;
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let _ = write!(path, "[{index}]");
                walk(item, folder, path, values)?;
                path.truncate(length);
            }
        }
        _ => {}
    }
    Ok(())
}

enum Reference {
    Env(String),
    File(String),
}

fn reference(value: &Value) -> Option<Reference> {
    let members = value.as_object()?;
    let (name, Value::String(place)) = members.iter().next()? else { return None };
    if members.len() != 1 {
        return None;
    }
    match name.as_str() {
        "env" => Some(Reference::Env(place.clone())),
        "file" => Some(Reference::File(place.clone())),
        _ => None,
    }
}

impl Reference {
    fn read(self, folder: &Path) -> Result<Zeroizing<String>, SecretError> {
        match self {
            Self::Env(name) => match std::env::var(&name) {
                Ok(value) => Ok(Zeroizing::new(value)),
                Err(std::env::VarError::NotPresent) => Err(SecretError::NotSet { name }),
                Err(std::env::VarError::NotUnicode(_)) => {
                    Err(SecretError::NotText { place: format!("the environment variable `{name}`") })
                }
            },
            Self::File(path) => read_file(&folder.join(path)),
        }
    }
}

fn read_file(file: &Path) -> Result<Zeroizing<String>, SecretError> {
    let path = file.display().to_string();
    // One more than the limit, to see that there is more.
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(file).and_then(|file| file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(source) => Err(SecretError::File { path, source }),
        Ok(length) if length as u64 > MAX_SECRET_BYTES => {
            Err(SecretError::TooLarge { path, limit: MAX_SECRET_BYTES })
        }
        Ok(_) => {
            let text = str::from_utf8(&bytes)
                .map_err(|_| SecretError::NotText { place: format!("the file `{path}`") })?;
            // Editors end a file with a line break, which is not part of the secret.
            let text = text.strip_suffix('\n').unwrap_or(text);
            Ok(Zeroizing::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    #[test]
    fn references_become_strings() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, "s3cret\r\n").unwrap();
        let written = json!({"a": [{"token": {"file": path}}, {"same": {"file": "token"}},
                                   {"home": {"env": "CARGO_PKG_NAME"}}]});
        let mut config = written.clone();
        let values = resolve(&mut config, directory.path()).unwrap();
        assert_eq!(
            config,
            json!({"a": [{"token": "s3cret"}, {"same": "s3cret"}, {"home": "strowger-loader"}]})
        );
        assert_eq!(values.len(), 3);
        let error = resolve(&mut written.clone(), Path::new("/elsewhere")).unwrap_err();
        assert_eq!(error.member, "a[1].same");
        assert!(error.source.to_string().contains("/elsewhere/token"), "{}", error.source);
    }

    #[test]
    fn what_only_resembles_a_reference_is_left_alone() {
        let like = json!({"a": {"env": 7}, "b": {"env": "X", "file": "Y"}, "c": {"file": "x", "more": 1},
                          "d": {"ENV": "X"}, "e": {}, "f": "env"});
        let mut config = like.clone();
        assert!(resolve(&mut config, Path::new("")).unwrap().is_empty());
        assert_eq!(config, like);
    }

    #[test]
    fn errors_name_the_member_and_the_place() {
        let mut config = json!({"accounts": [{"auth": {"token": {"env": "STROWGER_NO_SUCH_VARIABLE"}}}]});
        let error = resolve(&mut config, Path::new("")).unwrap_err();
        assert_eq!(error.member, "accounts[0].auth.token");
        assert!(error.source.to_string().contains("STROWGER_NO_SUCH_VARIABLE"));

        let mut config = json!({"t": {"file": "/no/such/file"}});
        let error = resolve(&mut config, Path::new("")).unwrap_err();
        assert!(error.source.to_string().contains("/no/such/file"), "{}", error.source);
    }

    #[test]
    fn a_file_that_is_no_secret_is_refused_without_its_contents() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("big");
        fs::write(&path, vec![b'x'; 65 * 1024]).unwrap();
        let error = resolve(&mut json!({"t": {"file": path}}), Path::new("")).unwrap_err();
        assert!(matches!(error.source, SecretError::TooLarge { .. }));
        fs::write(&path, b"abc\xff").unwrap();
        let error = resolve(&mut json!({"t": {"file": path}}), Path::new("")).unwrap_err();
        assert!(!error.source.to_string().contains("abc"));
    }
}
