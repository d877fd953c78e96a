//! The load driver, with a load that a test can carry: every note is counted. The full one is
//! `cargo run --release -p strowger-gateway --example load`.
//!
//! Planted fault that this test was seen to catch: a session's queue that forgets its last message.

use std::path::Path;
use std::process::Command;

use crate::support::plugins;

#[test]
fn no_note_is_lost_or_doubled_under_load() {
    let driver = Path::new(env!("CARGO_BIN_EXE_strowger-gateway")).with_file_name("examples").join("load");
    plugins();
    let run = Command::new(&driver)
        .args(["--sessions", "300", "--rate", "100", "--seconds", "5", "--gateway"])
        .arg(env!("CARGO_BIN_EXE_strowger-gateway"))
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", driver.display()));
    let words = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{words}{}", String::from_utf8_lossy(&run.stderr));
    assert!(words.contains("notes heard          5000"), "{words}");
}
