//! The agents' page in browsers: `desk.mjs` and `inbound.mjs` in `tests/clients` say what is done there, `looks.mjs`
//! what it has to look like.
//!
//! Planted faults that these tests were seen to catch: a draft that is not shown when its notification comes
//! before the reply; a reply whose text is the customer's own; edges of inputs that are too pale; a focus that does
//! not show.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::clients::node;
use crate::push::{all_channels_folder, sandbox};
use crate::support::{Program, has_tool};

/// Plays a program of `tests/clients` at a gateway's page.
fn play(scenario: &str, program: impl FnOnce() -> Program) {
    let Some(folder) = node() else { return };
    let has_browser =
        Command::new("chromium").arg("--version").output().is_ok_and(|run| run.status.success());
    if !has_tool("chromium", has_browser) {
        return;
    }
    let program = program();
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    let run = Command::new("node")
        .arg(folder.join(scenario))
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

#[test]
fn two_agents_work_at_their_desks() {
    play("desk.mjs", Program::demo);
}

#[test]
fn a_customer_is_answered_with_the_keyboard_alone() {
    // As in earnest: what changes something must carry the session's token.
    let demo = Program::demo();
    let folder = all_channels_folder(&sandbox(&demo), "");
    let file = folder.path().join("gateway.toml");
    let text = fs::read_to_string(&file).expect("a configuration");
    let more = "[engine]\nqueues = [\"/queues/social\"]\n[router]\n[security]\ncsrf = true\n";
    fs::write(&file, format!("{more}{text}")).expect("written");
    play("inbound.mjs", || Program::serve(folder));
}
