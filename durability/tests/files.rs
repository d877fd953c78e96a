//! Files that can't be used as they are: each gives its own error, and what can be saved is.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use strowger::lifecycle::State;
use strowger::{
    API_MULTIMEDIA, Agent, AgentId, Config, Engine, Error, Id, Inbound, Limits, NoteLog, Notification,
    OpenError, QueuePath, Reply, SqliteStore, Stage, StatusCode, Store as _,
};
use strowger_durability::{Chance, Platform, manifest, scratch};

const VERSION_1: &str = include_str!("files/version-1.sql");

fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, &Limits::default())
}

fn refused(path: &Path) -> OpenError {
    match open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    }
}

fn engine(path: &Path) -> Result<Engine, Error> {
    let config = json!({ "store": { "kind": "sqlite", "path": path }, "manifests": [manifest()] });
    Engine::open(&Config::parse(&config.to_string()).unwrap())
}

fn version_1(path: &Path) {
    rusqlite::Connection::open(path).unwrap().execute_batch(VERSION_1).unwrap();
}

/// A closed store with a few hundred interactions.
fn filled(path: &Path) -> Vec<Id> {
    let engine = engine(path).unwrap();
    (0..300)
        .map(|number| {
            let inbound =
                json!({ "from": "c", "message": format!("message {number}"), "queuePath": "/queues/in" });
            engine.receive(Platform::CHANNEL, &Inbound::parse(&inbound.to_string()).unwrap()).unwrap()
        })
        .collect()
}

#[test]
fn a_store_has_one_owner_until_its_last_handle_is_gone() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    let first = engine(&path).unwrap();
    let OpenError::Owned { owner, .. } = refused(&path) else { panic!("it has an owner") };
    assert_eq!(owner, format!("process {}", std::process::id()));
    // Another name of the same file, and a refused opener that leaves nothing broken behind.
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(refused(&link), OpenError::Owned { .. }));
    let agent = first.agent("a1", &[API_MULTIMEDIA]).unwrap();
    drop(first);
    assert!(matches!(refused(&path), OpenError::Owned { .. }), "an agent's handle keeps the engine");
    agent.perform(Platform::CHANNEL, None, br#"{"operationName": "Create"}"#).unwrap();
    drop(agent);
    assert!(open(&link).is_ok());
}

#[test]
fn another_process_is_refused_and_a_killed_one_owns_nothing() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    let mut desk = Command::new(env!("CARGO_BIN_EXE_desk"))
        .arg(&path)
        .args(["127.0.0.1:9", "1", "-", "work"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(desk.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("opened"));
    let error = refused(&path);
    assert!(error.to_string().contains(&format!("in use by process {}", desk.id())), "{error}");
    desk.kill().unwrap();
    desk.wait().unwrap();
    open(&path).unwrap().check().unwrap();
}

#[test]
fn files_of_others_are_left_alone() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let text = folder.path().join("text.db");
    fs::write(&text, "These are not the bytes of a database.\n".repeat(200)).unwrap();
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE theirs (x); PRAGMA user_version = 3")
        .unwrap();
    for path in [&text, &other] {
        let before = fs::read(path).unwrap();
        let error = refused(path);
        assert!(matches!(error, OpenError::NotOurs { .. }), "{error}");
        assert_eq!(fs::read(path).unwrap(), before);
    }
    let error = refused(folder.path());
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    let error = refused(&folder.path().join("none/store.db"));
    assert!(matches!(&error, OpenError::Unusable { problem, .. } if problem.contains("folder")), "{error}");
}

#[test]
fn a_newer_format_is_refused_by_number() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    drop(open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(refused(&path), OpenError::Newer { path: path.canonicalize().unwrap(), found: 99, known: 6 });
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn an_earlier_format_is_brought_up_with_everything_in_it() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    version_1(&path);
    let store = open(&path).unwrap();
    store.check().unwrap();
    let id = |text| Id::parse(text).unwrap();
    let agent = AgentId::parse("a1").unwrap();
    let invited = store.interaction(id("IN1")).unwrap().unwrap();
    assert_eq!((invited.state, invited.message.as_deref()), (State::Invited, Some("Grüße")));
    assert_eq!(invited.user_data.as_raw().get(), r#"{"b":1.50,"a":"x"}"#);
    assert_eq!(store.owned(&agent, "x").unwrap().len(), 2);
    assert_eq!(store.queue_next(&QueuePath::parse("/queues/in").unwrap()).unwrap(), Some(id("IN2")));
    assert_eq!(store.external("x", "e1").unwrap(), Some(id("IN1")));
    assert_eq!(store.last_agent("K1", "x").unwrap().unwrap().at_ms, 4);
    assert_eq!(store.agent(&agent).unwrap().unwrap().reference_id, 9);
    assert_eq!(store.unsettled().unwrap()[0].stage, Stage::Intended);
    assert_eq!(store.highest_number().unwrap(), 5);
    drop(store);
    let engine = engine(&path).unwrap();
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    let body = br#"{"operationName": "Create", "requestId": "r"}"#;
    for _ in 0..2 {
        let reply = agent.perform("x", None, body).unwrap();
        assert_eq!(reply, Reply::Accepted { reference_id: 10 }, "what the new format added works");
    }
}

#[test]
fn the_notes_of_agents_begin_with_an_earlier_formats_first_subscriber() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    version_1(&path);
    let create = |engine: &Engine| {
        let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
        agent.perform("x", None, br#"{"operationName": "Create"}"#).unwrap();
        agent
    };
    create(&engine(&path).unwrap());
    let log = open(&path).unwrap().notes(&AgentId::parse("a1").unwrap(), 0).unwrap();
    assert_eq!(log, NoteLog::default(), "nobody follows");
    let first = engine(&path).unwrap();
    drop(create(&first).subscribe("/v2/me/*").unwrap());
    create(&first);
    drop(first);
    let later = engine(&path).unwrap();
    let missed = create(&later).subscribe_from("/v2/me/*", 1).unwrap();
    let missed: Vec<_> = std::iter::from_fn(|| missed.next(Duration::ZERO)).collect();
    // Of the unfollowed agent nothing was kept; one note was counted in the process that followed.
    let told = |note: &Notification| (matches!(note, Notification::Note(_)), note.sequence());
    assert_eq!(missed.iter().map(told).collect::<Vec<_>>(), [(true, 2), (true, 3)]);
}

/// Fails if a note is handed out unchecked, or if a gap is.
#[test]
fn a_damaged_note_is_found_and_costs_those_before_it() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    let with_notes = engine(&path).unwrap();
    let agent = with_notes.agent("a1", &[API_MULTIMEDIA]).unwrap();
    drop(agent.subscribe("/v2/me/*").unwrap());
    let create = |agent: &Agent, name: &str| {
        let body = json!({ "operationName": "Create", "userData": { "name": name } }).to_string();
        assert_eq!(agent.perform("x", None, body.as_bytes()).unwrap().status_code(), StatusCode::Success);
    };
    (1..=5).for_each(|number| create(&agent, &format!("draft {number}")));
    drop((agent, with_notes));

    let plain = rusqlite::Connection::open(&path).unwrap();
    let changes = [
        "UPDATE note SET data = replace(data, 'draft 3', 'draft 7') WHERE sequence = 3",
        "UPDATE note SET topic = '/v2/me/y' WHERE sequence = 3",
        "UPDATE note SET data = CAST(x'ff' AS TEXT) WHERE sequence = 3",
    ];
    let sound = fs::read(&path).unwrap();
    drop(plain);
    for change in changes {
        fs::write(&path, &sound).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute(change, []).unwrap();
        let store = open(&path).unwrap();
        let error = store.check().unwrap_err();
        assert!(matches!(&error, OpenError::Damaged { problem, .. } if problem.contains("note")), "{error}");
        drop(store);
        let engine = engine(&path).unwrap();
        let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
        create(&agent, "another");
        for (from, expected) in [(2, vec![(false, 6)]), (3, vec![(true, 4), (true, 5), (true, 6)])] {
            let missed = agent.subscribe_from("/v2/me/*", from).unwrap();
            let told = |note: Notification| (matches!(note, Notification::Note(_)), note.sequence());
            let missed: Vec<_> = std::iter::from_fn(|| missed.next(Duration::ZERO)).map(told).collect();
            assert_eq!(missed, expected, "after {from}: {change}");
        }
    }
    // The last one is damaged: its number is not given again.
    fs::write(&path, &sound).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute("UPDATE note SET checksum = 1", []).unwrap();
    let engine = engine(&path).unwrap();
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    let live = agent.subscribe("/v2/me/*").unwrap();
    create(&agent, "another");
    assert_eq!(live.next(Duration::ZERO).unwrap().sequence(), 6);
}

#[test]
fn a_migration_that_is_killed_is_made_again() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    // A new file and an old one, in each of their steps.
    for (name, is_old, place) in [
        ("first.db", false, "in-migration:1"),
        ("second.db", false, "in-migration:2"),
        ("third.db", false, "in-migration:3"),
        ("fourth.db", false, "in-migration:4"),
        ("fifth.db", false, "in-migration:5"),
        ("sixth.db", false, "in-migration:6"),
        ("old-first.db", true, "in-migration:1"),
        ("old-second.db", true, "in-migration:2"),
        ("old-third.db", true, "in-migration:3"),
        ("old-fourth.db", true, "in-migration:4"),
        ("old-fifth.db", true, "in-migration:5"),
    ] {
        let path = folder.path().join(name);
        if is_old {
            version_1(&path);
        }
        let killed = Command::new(env!("CARGO_BIN_EXE_desk"))
            .arg(&path)
            .args(["127.0.0.1:9", "1", place, "drain"])
            .output()
            .unwrap();
        assert_eq!(killed.status.signal(), Some(9), "{name}");
        let store = open(&path).unwrap();
        store.check().unwrap();
        assert_eq!(store.highest_number().unwrap(), if is_old { 5 } else { 0 });
    }
}

#[test]
fn a_file_that_was_cut_off_is_damaged() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    filled(&path);
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 100, 1_000, 4_096, whole.len() / 2, whole.len() - 1, whole.len() - 4_096] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = match open(&path) {
            Ok(store) => store.check().expect_err(&format!("{length} of {} bytes", whole.len())),
            Err(error) => error,
        };
        assert!(matches!(error, OpenError::Damaged { .. }), "{length} bytes: {error}");
    }
    fs::write(&path, &whole).unwrap();
    open(&path).unwrap().check().unwrap();
    // The store is gone, its log is not: no new one is made over it.
    fs::remove_file(&path).unwrap();
    fs::write(folder.path().join("store.db-wal"), "x").unwrap();
    assert!(matches!(refused(&path), OpenError::Damaged { .. }));
}

#[test]
fn flipped_bytes_are_found_or_change_nothing() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    let ids = filled(&path);
    let whole = fs::read(&path).unwrap();
    let answers = |store: &SqliteStore| -> Vec<String> {
        let queue = store.queue(&QueuePath::parse("/queues/in").unwrap());
        ids.iter().map(|id| format!("{:?}", store.interaction(*id))).chain([format!("{queue:?}")]).collect()
    };
    let sound = answers(&open(&path).unwrap());
    let mut chance = Chance::new(7);
    let mut found = 0;
    for _ in 0..400 {
        let mut bytes = whole.clone();
        let place = usize::try_from(chance.below(bytes.len() as u64)).unwrap();
        bytes[place] ^= 1 << chance.below(8);
        fs::write(&path, &bytes).unwrap();
        match open(&path).and_then(|store| store.check().map(|()| answers(&store))) {
            Ok(answers) => assert!(answers == sound, "byte {place} was flipped, and nobody saw it"),
            Err(OpenError::Damaged { .. } | OpenError::NotOurs { .. } | OpenError::Newer { .. }) => {
                found += 1;
            }
            Err(other) => panic!("byte {place}: {other}"),
        }
    }
    assert!(found > 100, "{found} of 400 were found");
}

#[test]
fn one_damaged_record_leaves_the_others_in_use() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    let ids = filled(&path);
    let mut bytes = fs::read(&path).unwrap();
    let text = b"message 150";
    let place = bytes.windows(text.len()).position(|window| window == text).unwrap();
    bytes[place] = b'M';
    fs::write(&path, &bytes).unwrap();
    let engine = engine(&path).unwrap();
    engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    for (number, id) in ids.iter().enumerate() {
        match engine.offer(id.as_str(), "a1") {
            Ok(()) => assert_ne!(number, 150),
            Err(Error::Refused(refusal)) => {
                assert_eq!((number, refusal.code()), (150, StatusCode::Internal), "{refusal}");
                assert!(refusal.message().contains(id.as_str()), "{refusal}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_folder_that_can_not_be_written_is_told() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    drop(open(&path).unwrap());
    let mut permissions = fs::metadata(folder.path()).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(folder.path(), permissions).unwrap();
    // The superuser may write anywhere, but for a thread that has given that up.
    std::thread::scope(|scope| {
        let tried = scope.spawn(|| {
            give_up_capabilities();
            [refused(&path), refused(&folder.path().join("new.db"))]
        });
        for (error, said) in tried.join().unwrap().iter().zip(["readonly database", "ermission denied"]) {
            assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
            assert!(error.to_string().contains(said), "{error}");
        }
    });
    let mut permissions = fs::metadata(folder.path()).unwrap().permissions();
    permissions.set_mode(0o700);
    fs::set_permissions(folder.path(), permissions).unwrap();
    open(&path).unwrap().check().unwrap();
}

/// For this thread alone. Takes no privilege.
fn give_up_capabilities() {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
        let none = CapabilitySet::empty();
        let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
        set_capabilities(None, sets).expect("anybody may give up capabilities");
    }
}
