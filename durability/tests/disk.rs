//! Every call that changes the store's files fails once, three times, for a long time, or for good: the
//! engine says code 4, nothing is changed, nobody told, and it goes on when the disk does.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use strowger::lifecycle::State;
use strowger::{AgentId, Limits, SqliteStore, Store as _, StoreFile};
use strowger_durability::scratch;

/// From <errno.h> on Linux.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

/// What the program acknowledges, one after the other.
const STEPS: [&str; 18] = [
    "receive",
    "offer",
    "Accept",
    "AttachUserData",
    "Complete",
    "receive",
    "offer",
    "Accept",
    "Transfer",
    "Create",
    "Save",
    "Send",
    "delivered",
    "Create",
    "Send",
    "hand over",
    "settle",
    "prune",
];

/// Those of them that no agent is told of.
const UNTOLD: [&str; 3] = ["receive", "hand over", "prune"];

const VERSION_1: &str = include_str!("files/version-1.sql");

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
fn run(
    shim: &Path,
    store: &Path,
    mode: &str,
    (first, count): (usize, usize),
    error: i32,
    tries: usize,
) -> Run {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_stubborn"))
        .arg(store)
        .args([&tries.to_string(), mode])
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
    // Each told step has its note in the log, and none that was not made; also of what was forgotten since.
    let notes = store.notes(&AgentId::parse("a1").unwrap(), 0).unwrap().notes;
    let numbers: Vec<_> = notes.iter().map(|note| note.sequence).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    let told = acknowledged.iter().filter(|step| !UNTOLD.contains(&step.as_str())).count();
    assert!((told..=told + 1).contains(&numbers.len()), "{acknowledged:?}: {numbers:?}");
    let received = store.external("x", "e1").unwrap().expect("it was received");
    let has = |step: &str| acknowledged.iter().any(|done| done == step);
    let Some(inbound) = store.interaction(received).unwrap() else {
        assert!(has("settle"), "it is the last step that forgets it");
        return;
    };
    assert!(!has("prune"));
    if has("Transfer") {
        let transferred = store.external("x", "e2").unwrap().expect("it was received");
        assert_eq!(store.interaction(transferred).unwrap().unwrap().state, State::Queued);
    }
    if has("settle") {
        assert_eq!(store.published("letters", "desk1", 0).unwrap(), ["l1"]);
    }
    if has("Complete") {
        assert_eq!(inbound.state, State::Completed);
    }
    assert!(inbound.version >= acknowledged.len().min(5) as u64);
    if has("delivered") {
        let published = store.published("x", "desk1", 0).unwrap();
        assert_eq!(published, ["1"]);
    }
    // One step at most was under way when it ended.
    assert!(inbound.version <= acknowledged.len() as u64 + 1);
}

/// How calls fail: so many of them, so many tries until the program gives up, which calls are first.
type Kind = (usize, usize, usize, &'static [i32]);

/// A short failure, one that lasts, and one for good; of the last the process dies.
const KINDS: [Kind; 4] = [
    (1, 100, 1, &[EIO, ENOSPC]),
    (3, 100, 1, &[EIO]),
    (40, 100, 3, &[ENOSPC, EROFS]),
    (usize::MAX >> 1, 3, 2, &[EIO]),
];

/// The first call fails, the second, and so on, until none does any more. Gives the number of runs.
fn fail_each(
    mode: &str,
    fewest: usize,
    prepare: impl Fn(&Path),
    check: impl Fn(&Path, &Run, bool, usize),
) -> usize {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let shim = shim(folder.path());
    let mut runs = 0;
    for (count, tries, step, errors) in KINDS {
        for error in errors {
            let mut first = 1;
            loop {
                let folder = tempfile::tempdir_in(scratch()).unwrap();
                let store = folder.path().join("store.db");
                prepare(&store);
                let run = run(&shim, &store, mode, (first, count), *error, tries);
                check(&store, &run, tries > 3, first);
                runs += 1;
                if !run.failed {
                    break;
                }
                first += step;
            }
            assert!(first > fewest, "the program makes more calls than {first}");
        }
    }
    runs
}

#[test]
fn each_call_fails_until_all_is_done() {
    let runs = fail_each(
        "work",
        30,
        |_| {},
        |store, run, is_patient, first| {
            assert_eq!(run.is_done, is_patient || run.acknowledged.len() == STEPS.len(), "call {first}");
            check(store, run);
        },
    );
    println!("{runs} runs");
}

/// A file of the first format, brought up on a failing disk: whole in the end, whatever stood in between.
#[test]
fn each_call_of_a_migration_fails_until_it_is_done() {
    let old = |path: &Path| rusqlite::Connection::open(path).unwrap().execute_batch(VERSION_1).unwrap();
    let runs = fail_each("migrate", 8, old, |path, run, is_patient, first| {
        assert!(run.is_done || !is_patient, "call {first}");
        let store = SqliteStore::open(path, &Limits::default()).expect("the store opens on a sound disk");
        store.check().expect("the store is sound");
        assert_eq!(store.highest_number().unwrap(), 5);
        assert_eq!(store.unsettled().unwrap().len(), 1);
    });
    println!("{runs} runs");
}

/// Compacted on a failing disk: the same content, however far it came.
#[test]
fn each_call_of_a_compaction_fails_until_it_is_done() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let model = folder.path().join("model.db");
    rusqlite::Connection::open(&model).unwrap().execute_batch(VERSION_1).unwrap();
    drop(SqliteStore::open(&model, &Limits::default()).unwrap());
    rusqlite::Connection::open(&model)
        .unwrap()
        .execute_batch(
            "CREATE TABLE ballast (x); INSERT INTO ballast VALUES (zeroblob(200000)); DROP TABLE ballast",
        )
        .unwrap();
    let export = |path: &Path| {
        let mut text = Vec::new();
        StoreFile::open(path).unwrap().export(&mut text, &mut |_| {}).unwrap();
        text
    };
    let content = export(&model);
    let copy = |path: &Path| {
        std::fs::copy(&model, path).unwrap();
    };
    let runs = fail_each("compact", 8, copy, |path, run, is_patient, first| {
        assert!(run.is_done || !is_patient, "call {first}");
        let store = SqliteStore::open(path, &Limits::default()).expect("the store opens on a sound disk");
        store.check().expect("the store is sound");
        drop(store);
        assert!(export(path) == content, "call {first}");
    });
    println!("{runs} runs");
}

/// Planted fault: with room for everything it is never full, and the program says so.
#[test]
fn a_full_disk_refuses_and_then_works_again() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let tools = tempfile::tempdir_in(scratch()).unwrap();
    let shim = shim(tools.path());
    let [store, ballast] = ["store.db", "ballast"].map(|name| folder.path().join(name));
    let fill = |room: &str| {
        std::fs::write(&ballast, vec![0; 200_000]).unwrap();
        Command::new(env!("CARGO_BIN_EXE_filler"))
            .args([&store, &ballast])
            .env("LD_PRELOAD", &shim)
            .env("DISK_FOLDER", folder.path())
            .env("DISK_ROOM", room)
            .output()
            .expect("the program starts")
    };
    let output = fill("800000");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let made: usize = String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number");
    assert!(made > 10, "{made}");
    let opened = SqliteStore::open(&store, &Limits::default()).unwrap();
    opened.check().unwrap();
    assert_eq!(opened.owned(&AgentId::parse("a1").unwrap(), "x").unwrap().len(), made + 1);
    drop(opened);
    std::fs::remove_file(&store).unwrap();
    let output = fill("100000000");
    assert!(String::from_utf8_lossy(&output.stderr).contains("the disk is never full"), "{output:?}");
}
