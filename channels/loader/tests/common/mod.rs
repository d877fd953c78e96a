//! What several test files need: a C compiler at work, a job, a point of no return.
#![allow(dead_code, reason = "each test file uses its part")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::value::RawValue;
use strowger::channel::{Attempt, ChannelFault, Job, JobKind, PointOfNoReturn};

/// Compiles the plugin in fixtures/plugin.c with these macros into `directory`.
pub(crate) fn compile(directory: &Path, file: &str, macros: &[&str]) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = directory.join(file);
    let output = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-shared", "-fPIC"])
        .arg("-fvisibility=hidden")
        .arg("-I")
        .arg(here.join("../../ffi/include"))
        .arg("-I")
        .arg(here.join("tests/fixtures/frozen"))
        .args(macros.iter().map(|name| format!("-D{name}")))
        .arg("-o")
        .arg(&library)
        .arg(here.join("tests/fixtures/plugin.c"))
        .output()
        .expect("a C compiler is needed: install gcc");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Whatever the umask says, the tests that are about modes set their own.
    set_mode(&library, 0o755);
    library
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the mode can be set");
}

pub(crate) fn empty_object() -> &'static RawValue {
    serde_json::from_str("{}").expect("an object")
}

/// A job of this kind with this message.
pub(crate) fn job(kind: JobKind, message: &str) -> Job<'_> {
    Job {
        kind,
        delivery_id: "d1",
        interaction_id: Some("i1"),
        channel: "tiny",
        account: "a",
        agent_id: "agent",
        queue_path: "",
        message,
        extras: empty_object(),
        user_data: empty_object(),
        parent: None,
        attempt: Attempt { number: 1, started_ms: 1_700_000_000_000, ended_ms: None },
        operation: None,
        handle: None,
        known: None,
    }
}

/// Counts crossings, and refuses them if told so.
#[derive(Default)]
pub(crate) struct Point {
    pub(crate) crossed: u32,
    pub(crate) refuse: bool,
}

impl PointOfNoReturn for Point {
    fn cross(&mut self) -> Result<(), ChannelFault> {
        if self.refuse {
            return Err(ChannelFault::new("the disk is full"));
        }
        self.crossed += 1;
        Ok(())
    }
}
