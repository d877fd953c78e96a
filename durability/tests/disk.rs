//! Every call that changes the store's files fails once, three times, for a long time, or for good: the
//! engine says code 4, nothing is changed, nobody told, and it goes on when the disk does.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use strowger::lifecycle::State;
use strowger::{AgentId, Limits, SqliteStore, Store as _};
use strowger_durability::scratch;

/// From <errno.h> on Linux.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

/// What the program acknowledges, one after the other.
const STEPS: [&str; 10] =
    ["receive", "offer", "Accept", "AttachUserData", "Complete", "Create", "Save", "Send", "delivered", ""];

fn shim(folder: &Path) -> PathBuf {
    let library = folder.join("faults.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disk/faults.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status()
        .expect("this test needs a C compiler, `cc`");
    assert!(built.success());
    library
}

struct Run {
    /// Whether any call failed.
    failed: bool,
    acknowledged: Vec<String>,
    is_done: bool,
}

/// Runs the program on a new store; `first` counts the calls from 1.
fn run(shim: &Path, store: &Path, first: usize, count: usize, error: i32, tries: usize) -> Run {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_stubborn"))
        .arg(store)
        .arg(tries.to_string())
        .env("LD_PRELOAD", shim)
        .env("DISK_FOLDER", store.parent().unwrap())
        .env("DISK_FIRST", first.to_string())
        .env("DISK_COUNT", count.to_string())
        .env("DISK_ERROR", error.to_string())
        .output()
        .expect("the program starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "call {first}, {count} times, error {error}:\n{stdout}\n{stderr}");
    Run {
        failed: stderr.contains("disk: call"),
        acknowledged: stdout
            .lines()
            .filter_map(|line| line.strip_prefix("ack "))
            .map(str::to_owned)
            .collect(),
        is_done: stdout.lines().any(|line| line == "done"),
    }
}

/// What was acknowledged is in the store, and the store is sound.
fn check(store: &Path, run: &Run) {
    let acknowledged = &run.acknowledged;
    assert_eq!(acknowledged[..], STEPS[..acknowledged.len()]);
    if acknowledged.is_empty() {
        return;
    }
    let store = SqliteStore::open(store, &Limits::default()).expect("the store opens on a sound disk");
    store.check().expect("the store is sound");
    let received = store.external("x", "e1").unwrap().expect("it was received");
    let inbound = store.interaction(received).unwrap().unwrap();
    let has = |step: &str| acknowledged.iter().any(|done| done == step);
    if has("Complete") {
        assert_eq!(inbound.state, State::Completed);
    }
    assert!(inbound.version >= acknowledged.len().min(5) as u64);
    if has("delivered") {
        let published = store.published("x", "desk1", 0).unwrap();
        assert_eq!(published, ["1"]);
    }
    // Each told step has its note in the log, and none that was not made: all but the first are told.
    let notes = store.notes(&AgentId::parse("a1").unwrap(), 0).unwrap().notes;
    let numbers: Vec<_> = notes.iter().map(|note| note.sequence).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert!((acknowledged.len() - 1..=acknowledged.len()).contains(&notes.len()), "{notes:?}");
    // One step at most was under way when it ended.
    assert!(inbound.version <= acknowledged.len() as u64 + 1);
}

#[test]
fn each_call_fails_until_all_is_done() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let shim = shim(folder.path());
    let mut runs = 0;
    // A short failure, one that lasts, and one for good; of the last the process dies.
    let kinds: [(usize, usize, usize, &[i32]); 4] = [
        (1, 100, 1, &[EIO, ENOSPC]),
        (3, 100, 1, &[EIO]),
        (40, 100, 3, &[ENOSPC, EROFS]),
        (usize::MAX >> 1, 3, 2, &[EIO]),
    ];
    for (count, tries, step, errors) in kinds {
        for error in errors {
            let mut first = 1;
            loop {
                let folder = tempfile::tempdir_in(scratch()).unwrap();
                let store = folder.path().join("store.db");
                let run = run(&shim, &store, first, count, *error, tries);
                assert_eq!(
                    run.is_done,
                    tries > 3 || run.acknowledged.len() == STEPS.len() - 1,
                    "call {first}"
                );
                check(&store, &run);
                runs += 1;
                if !run.failed {
                    break;
                }
                first += step;
            }
            assert!(first > 30, "the program makes more calls than {first}");
        }
    }
    println!("{runs} runs");
}
