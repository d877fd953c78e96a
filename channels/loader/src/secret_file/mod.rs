//! Secrets that platforms give out while the host runs, in a file.

mod disk;

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use self::disk::Entry;
pub use self::disk::SecretFileError;
use crate::options::{ConfiguredSecret, KeptSecret, SecretStore, SecretStoreError};

/// Keeps secrets in a file that its user alone can read, durably before they are used: X's refresh tokens are good
/// for one use each, and what comes back is the next one.
///
/// The configuration has each account's first secret. What was kept goes before it as long as the configuration
/// still has that one: whoever writes a new secret there wants it used.
pub struct SecretFile {
    path: PathBuf,
    kept: Mutex<Vec<Entry>>,
    /// Fingerprints of what the configuration has.
    configured: Mutex<HashMap<Place, String>>,
    /// Locked for as long as this process keeps secrets in the file.
    _lock: Option<File>,
}

/// What a configured secret is for.
#[derive(PartialEq, Eq, Hash)]
struct Place {
    plugin: String,
    /// Where the account says which channel it is of.
    channel: Option<String>,
    account: String,
    name: String,
}

/// What a [`SecretFile`] is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To look whether it can be used, also while another process does.
    Check,
    /// To keep secrets in it: nobody else may.
    Serve,
}

impl SecretFile {
    /// Opens a file; there need not be one yet.
    pub fn open(path: PathBuf, purpose: Purpose) -> Result<Self, SecretFileError> {
        disk::check_folder(&path)?;
        let lock = match purpose {
            Purpose::Check => None,
            // Before it is read: what is read is the latest.
            Purpose::Serve => Some(disk::lock(&path)?),
        };
        let kept = disk::read(&path)?;
        Ok(Self { path, kept: Mutex::new(kept), configured: Mutex::default(), _lock: lock })
    }

    /// Where the file stands that belongs to a store on disk.
    pub fn beside_store(store: &str) -> PathBuf {
        PathBuf::from(format!("{store}-secrets"))
    }

    fn follows(&self, secret: &KeptSecret<'_>) -> Option<String> {
        let mut place = Place {
            plugin: secret.plugin.to_owned(),
            channel: Some(secret.channel.to_owned()),
            account: secret.account.to_owned(),
            name: secret.name.to_owned(),
        };
        let configured = self.configured.lock();
        let of_channel = configured.get(&place);
        place.channel = None;
        of_channel.or_else(|| configured.get(&place)).cloned()
    }
}

impl SecretStore for SecretFile {
    fn latest(&self, configured: &ConfiguredSecret<'_>) -> Option<Zeroizing<String>> {
        let fingerprint = fingerprint(configured.value);
        let kept = self.kept.lock();
        let latest = kept.iter().find(|entry| {
            configured.channel.is_none_or(|channel| channel == entry.channel)
                && entry.plugin == configured.plugin
                && entry.account == configured.account
                && entry.name == configured.name
                && entry.follows.as_ref() == Some(&fingerprint)
        });
        let value = latest.map(|entry| entry.value.clone());
        drop(kept);
        let place = Place {
            plugin: configured.plugin.to_owned(),
            channel: configured.channel.map(str::to_owned),
            account: configured.account.to_owned(),
            name: configured.name.to_owned(),
        };
        self.configured.lock().insert(place, fingerprint);
        value
    }

    fn keep(&self, secret: &KeptSecret<'_>) -> Result<(), SecretStoreError> {
        let follows = self.follows(secret);
        let mut kept = self.kept.lock();
        let mut next = kept.clone();
        next.retain(|entry| {
            let of_channel = entry.plugin == secret.plugin && entry.channel == secret.channel;
            !(of_channel && entry.account == secret.account && entry.name == secret.name)
        });
        next.push(Entry {
            plugin: secret.plugin.to_owned(),
            channel: secret.channel.to_owned(),
            account: secret.account.to_owned(),
            name: secret.name.to_owned(),
            follows,
            value: Zeroizing::new(secret.value.to_owned()),
        });
        disk::write(&self.path, &next).map_err(|error| {
            tracing::error!(%error, file = %self.path.display(), "a secret could not be kept");
            SecretStoreError { message: error.to_string() }
        })?;
        *kept = next;
        tracing::debug!(
            plugin = secret.plugin,
            account = secret.account,
            name = secret.name,
            "a secret was kept"
        );
        Ok(())
    }
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Tells secrets apart and nothing else about them: they are too long to be guessed.
fn fingerprint(secret: &str) -> String {
    BASE64_STANDARD.encode(Sha256::digest(secret))
}

#[cfg(test)]
mod tests {
    //! Planted faults that these tests were seen to catch: a file that others can read let through, a kept secret
    //! that goes before a newly configured one, a lock that is not taken.

    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    const SECRET: &str = "s3cret-that-was-kept";

    fn configured(value: &str) -> ConfiguredSecret<'_> {
        ConfiguredSecret { plugin: "twitter", channel: None, account: "brand", name: "refresh_token", value }
    }

    fn renewed(value: &str) -> KeptSecret<'_> {
        KeptSecret { plugin: "twitter", channel: "twitter", account: "brand", name: "refresh_token", value }
    }

    fn keep(file: &SecretFile, value: &str) {
        file.keep(&renewed(value)).unwrap();
    }

    fn latest(file: &SecretFile, value: &str) -> Option<String> {
        file.latest(&configured(value)).map(|latest| latest.to_string())
    }

    fn refusal(path: &Path) -> String {
        let error = SecretFile::open(path.to_owned(), Purpose::Check).map(drop).unwrap_err();
        let words = format!("{error} {error:?}");
        assert!(!words.contains(SECRET), "{words}");
        words
    }

    #[test]
    fn the_latest_secret_is_found_again_until_another_is_configured() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        let file = SecretFile::open(path.clone(), Purpose::Serve).unwrap();
        assert_eq!(latest(&file, "first"), None);
        keep(&file, "second");
        keep(&file, SECRET);
        drop(file);
        let about = fs::metadata(&path).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, 0o600);

        let file = SecretFile::open(path.clone(), Purpose::Serve).unwrap();
        assert_eq!(latest(&file, "first").as_deref(), Some(SECRET));
        let other = ConfiguredSecret { account: "support", ..configured("first") };
        assert!(file.latest(&other).is_none(), "another account's");
        let other = ConfiguredSecret { channel: Some("linkedin"), ..configured("first") };
        assert!(file.latest(&other).is_none(), "another channel's");
        assert_eq!(latest(&file, "given anew"), None);
        keep(&file, "fourth");
        drop(file);

        let file = SecretFile::open(path.clone(), Purpose::Serve).unwrap();
        assert_eq!(latest(&file, "first"), None);
        assert_eq!(latest(&file, "given anew").as_deref(), Some("fourth"));
        assert!(!fs::read_to_string(&path).unwrap().contains(SECRET), "what was used is gone");
    }

    #[test]
    fn one_process_keeps_secrets_in_a_file_and_others_may_look_at_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        let file = SecretFile::open(path.clone(), Purpose::Serve).unwrap();
        let error = SecretFile::open(path.clone(), Purpose::Serve).map(drop).unwrap_err();
        assert!(matches!(error, SecretFileError::Used), "{error}");
        SecretFile::open(path.clone(), Purpose::Check).unwrap();
        drop(file);
        // What a process leaves behind that was killed while it wrote.
        fs::write(path.with_file_name("secrets-new"), "{").unwrap();
        let file = SecretFile::open(path, Purpose::Serve).unwrap();
        keep(&file, SECRET);
    }

    #[test]
    fn a_file_that_others_can_reach_or_that_is_none_is_refused_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        keep(&SecretFile::open(path.clone(), Purpose::Serve).unwrap(), SECRET);
        for mode in [0o640, 0o604, 0o620, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(refusal(&path).contains(&format!("mode {mode:o}")));
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(refusal(&link).contains("no regular file"));
        for (text, words) in [
            (format!("{{\"format\": \"{SECRET}\"}}"), "line 1"),
            (SECRET.to_owned(), "line 1"),
            ("{\"format\": 2, \"kept\": []}".to_owned(), "format 2"),
            (" ".repeat(5 << 20), "longer than"),
        ] {
            fs::write(&path, text).unwrap();
            assert!(refusal(&path).contains(words), "{words}");
        }
        assert!(refusal(&folder.path().join("none/secrets")).contains("does not exist"));
    }

    #[test]
    fn a_secret_that_can_not_be_written_is_not_kept_and_the_last_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        let file = SecretFile::open(path.clone(), Purpose::Serve).unwrap();
        assert_eq!(latest(&file, "first"), None);
        keep(&file, "second");
        // A folder stands in the way of the new file.
        fs::create_dir(path.with_file_name("secrets-new")).unwrap();
        let error = file.keep(&renewed(SECRET)).unwrap_err();
        assert!(!format!("{error:?}").contains(SECRET));
        assert_eq!(latest(&file, "first").as_deref(), Some("second"));
        fs::remove_dir(path.with_file_name("secrets-new")).unwrap();
        keep(&file, SECRET);
        assert_eq!(latest(&file, "first").as_deref(), Some(SECRET));
    }
}
