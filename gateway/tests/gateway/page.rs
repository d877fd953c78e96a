//! The agents' page, in two browsers: `tests/clients/desk.mjs` says what is looked at.
//!
//! Planted faults that this test was seen to catch: a draft that is not shown when its notification comes
//! before the reply; a control without a name.

use std::path::Path;
use std::process::Command;

use crate::clients::node;
use crate::support::{Program, has_tool};

#[test]
fn two_agents_work_at_their_desks() {
    let Some(folder) = node() else { return };
    let has_browser =
        Command::new("chromium").arg("--version").output().is_ok_and(|run| run.status.success());
    if !has_tool("chromium", has_browser) {
        return;
    }
    let program = Program::demo();
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    let run = Command::new("node")
        .arg(folder.join("desk.mjs"))
        .arg(&program.url)
        .arg(&pictures)
        .output()
        .expect("node runs");
    let words = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success() && words.ends_with("ok\n"),
        "{words}{}",
        String::from_utf8_lossy(&run.stderr)
    );
}
