//! What an operator should change before it fails stands in the host's log: a version of the Graph API that ends,
//! and what OneAll still offers though the platform behind does not.
//!
//! Planted fault: a plugin that does not ask its table, or a host that drops a plugin's lines, leaves the log empty.

#[path = "common/built.rs"]
mod built;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use strowger_loader::{Options, Plugin};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_ends_and_what_is_gone_is_in_the_hosts_log() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("nobody else listens");

    let place = tempfile::tempdir().expect("a directory");
    let library = built::built("strowger-facebook-plugin", "libstrowger_facebook.so");
    let library = built::installed(&library, place.path());
    let over_oneall = |name: &str, target: &str| {
        json!({ "name": name, "page_id": "1001", "transport": { "kind": "oneall", "target": target,
            "base_url": "https://example.api.oneall.com", "public_key": "public", "private_key": "s3cret-key",
            "identity_token": "s3cret-identity" } })
    };
    let accounts =
        [over_oneall("page", "page"), over_oneall("profile", "profile"), over_oneall("group", "group")];
    let config = json!({ "name": "channel-facebook", "version": "v12.0", "version_ends": "2020-05-01",
                         "accounts": accounts });
    Plugin::load(&library, &config.to_string(), &Options::default()).expect("the plugin loads");

    let log = lines.0.lock().unwrap_or_else(PoisonError::into_inner);
    let log = String::from_utf8_lossy(&log);
    let warned: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    let [version, profile, group] = &warned[..] else { panic!("{log}") };
    for (line, words) in [
        (version, "the Graph API v12.0 has ended"),
        (profile, "the account `profile`: OneAll's `facebook/post` may be refused"),
        (group, "the account `group`: OneAll's `facebook/group/post` can't succeed any more"),
    ] {
        assert!(line.contains(words), "{words}: {line}");
    }
    assert!(!log.contains("s3cret"), "{log}");
}
