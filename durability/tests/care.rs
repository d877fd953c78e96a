//! The care of a file: what a check finds, what an export says, what can be saved of a damaged store, and
//! that an import and a compaction are all or nothing.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use strowger::channel::Outcome;
use strowger::lifecycle::State;
use strowger::{
    API_MULTIMEDIA, Agent, AgentId, Config, Engine, Findings, Id, ImportError, Inbound, Limits, Notification,
    OpenError, Reply, SqliteStore, Stage, Store as _, StoreFile,
};
use strowger_durability::{Chance, Platform, manifest, scratch};

const X: &str = Platform::CHANNEL;

fn engine(path: &Path) -> Engine {
    let config = json!({ "store": { "kind": "sqlite", "path": path }, "manifests": [manifest()],
                         "retention": { "count": 60 }, "limits": { "kept_notes": 150 } });
    Engine::open(&Config::parse(&config.to_string()).unwrap()).unwrap()
}

fn ask(agent: &Agent, id: Option<&str>, body: &Value) {
    let reply = agent.perform(X, id, body.to_string().as_bytes()).unwrap();
    assert!(matches!(reply, Reply::Accepted { .. }), "{body}: {reply:?}");
}

/// A store with everything in it, closed; gives the messages that are on their way.
fn filled(path: &Path, seed: u64) -> Vec<String> {
    let engine = engine(path);
    let mut chance = Chance::new(seed);
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    drop(agent.subscribe("/v2/me/*").unwrap());
    engine.agent("a2", &[]).unwrap();
    let mut on_their_way = Vec::new();
    for number in 0..300 {
        let inbound = json!({ "from": format!("c{}", chance.below(40)), "message": format!("Grüße {number}"),
                              "queuePath": "/queues/in", "externalId": format!("e{number}"),
                              "userData": { "b": 1.50, "n": 12_345_678_901_234_567_890_u64 } });
        let id = engine.receive(X, &Inbound::parse(&inbound.to_string()).unwrap()).unwrap().to_string();
        if chance.percent(60) {
            engine.offer(&id, "a1").unwrap();
            ask(&agent, Some(&id), &json!({ "operationName": "Accept" }));
            let complete =
                json!({ "operationName": "Complete", "saveLAR": true, "requestId": format!("r{number}") });
            ask(&agent, Some(&id), &complete);
        }
        if chance.percent(30) {
            ask(&agent, None, &json!({ "operationName": "Create" }));
            let draft: Value = serde_json::from_str(agent.list(X).unwrap().last().unwrap()).unwrap();
            let draft = draft["id"].as_str().unwrap().to_owned();
            let send = json!({ "operationName": "Send", "queuePath": "/queues/out",
                               "post": { "from": format!("desk{}", number % 24), "message": "text" } });
            ask(&agent, Some(&draft), &send);
            on_their_way.push(draft);
        }
    }
    for (number, limited) in (0..).zip([false, true, false, false]) {
        let delivery = engine.delivery_next(X, Duration::ZERO).unwrap().unwrap();
        let outcome = if limited {
            Outcome::RateLimited { until_ms: i64::MAX }
        } else {
            Outcome::Published { id: Some(format!("p{number}")), location: None }
        };
        engine.settle(delivery.delivery_id.as_str(), &outcome).unwrap();
    }
    engine.delivery_next(X, Duration::ZERO).unwrap().unwrap();
    on_their_way.retain(|id| {
        engine.interaction(id).unwrap().is_some_and(|interaction| interaction.state == State::Sent)
    });
    on_their_way
}

fn check(path: &Path) -> Findings {
    StoreFile::open(path).unwrap().check(&mut |_| {})
}

fn export(path: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    StoreFile::open(path).unwrap().export(&mut text, &mut |_| {}).unwrap();
    text
}

fn import(path: &Path, text: &[u8]) -> Result<u64, ImportError> {
    StoreFile::import(path, &mut &*text, &mut |_| {}).map(|imported| imported.records)
}

#[test]
fn an_export_imported_and_exported_is_the_same() {
    for seed in 0..6 {
        let folder = tempfile::tempdir_in(scratch()).unwrap();
        let [first, second] = ["first.db", "second.db"].map(|name| folder.path().join(name));
        filled(&first, seed);
        let findings = check(&first);
        assert!(findings.is_sound(), "{:?}", findings.problems);
        assert!(findings.tables.iter().all(|table| table.sound > 0), "every kind is there: {findings:?}");
        let text = export(&first);
        assert_eq!(text, export(&first), "reading changes nothing");
        let mut as_it_runs = Vec::new();
        let store = SqliteStore::open(&first, &Limits::default()).unwrap();
        store.export(&mut as_it_runs, &mut |_| {}).unwrap();
        drop(store);
        assert!(text == as_it_runs, "an engine that runs exports the same");

        let records = import(&second, &text).unwrap();
        assert_eq!(records, text.split(|byte| *byte == b'\n').count() as u64 - 4);
        assert!(export(&second) == text, "seed {seed}");
        assert!(check(&second).is_sound());
        let a1 = AgentId::parse("a1").unwrap();
        let log = |path: &Path| SqliteStore::open(path, &Limits::default()).unwrap().notes(&a1, 0).unwrap();
        assert!(log(&first) == log(&second), "seed {seed}");
        // It is a store like any other.
        let before = engine(&first).undelivered();
        let moved = engine(&second);
        assert_eq!(moved.undelivered(), before);
        let agent = moved.agent("a1", &[API_MULTIMEDIA]).unwrap();
        ask(&agent, None, &json!({ "operationName": "Create" }));
    }
}

/// The form is for ever.
#[test]
fn the_lines_say_what_they_said() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    let engine = engine(&path);
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    drop((agent, engine));
    let text = String::from_utf8(export(&path)).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[..3],
        [
            r#"{"store":{"version":1}}"#,
            r#"{"agent":{"id":"a1","referenceId":0}}"#,
            r#"{"standing":{"highestNumber":0,"lastSettled":0}}"#
        ]
    );
    let end: Value = serde_json::from_str(lines[3]).unwrap();
    assert_eq!(end["end"]["lines"], 3);
    assert_eq!(end["end"]["sha256"].as_str().unwrap().len(), 64);

    let engine = self::engine(&path);
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    drop(agent.subscribe("/v2/me/*").unwrap());
    ask(&agent, None, &json!({ "operationName": "Create" }));
    drop((agent, engine));
    let text = String::from_utf8(export(&path)).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[1], r#"{"agent":{"id":"a1","referenceId":1,"followedAfter":0}}"#);
    let note = r#"{"note":{"agent":"a1","sequence":1,"topic":"/v2/me/x","data":"{\"messageType\":"#;
    assert!(lines[3].starts_with(note), "{}", lines[3]);
}

#[test]
fn an_import_is_whole_or_nothing() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let [from, to] = ["from.db", "to.db"].map(|name| folder.path().join(name));
    filled(&from, 7);
    let text = String::from_utf8(export(&from)).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let joined = |lines: &[&str]| lines.iter().flat_map(|line| [*line, "\n"]).collect::<String>();
    let sent = lines.iter().position(|line| line.contains(r#""state":"Sent""#)).unwrap();
    let delivery = lines.iter().position(|line| line.contains(r#""kind":"pending""#)).unwrap();
    let without = |number: usize| {
        let mut left = lines.clone();
        left.remove(number);
        left.pop();
        // With an end that fits: then only the content is wrong.
        let body = joined(&left);
        let end = json!({ "end": { "lines": left.len(), "sha256": sha256(&body) } });
        format!("{body}{end}\n")
    };
    for (what, wrong) in [
        ("nothing", String::new()),
        ("something else", "{}\n".to_owned()),
        ("the end is missing", joined(&lines[..lines.len() - 1])),
        ("a line is missing", joined(&[&lines[..5], &lines[6..]].concat())),
        ("a letter was changed", text.replacen("Grüße", "Grüsse", 1)),
        ("cut off", text[..text.len() - 20].to_owned()),
        ("twice", format!("{text}{text}")),
        ("a later version", text.replacen(r#""version":1"#, r#""version":2"#, 1)),
        ("a message without its delivery", without(delivery)),
        ("a delivery without its message", without(sent)),
    ] {
        let error = import(&to, wrong.as_bytes()).expect_err(what);
        assert!(!matches!(error, ImportError::Exists { .. } | ImportError::Store(_)), "{what}: {error}");
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("to.db") && name != "to.db-lock")
            .collect();
        assert_eq!(left, [""; 0], "{what}");
    }
    import(&to, text.as_bytes()).unwrap();
    assert!(matches!(import(&to, text.as_bytes()), Err(ImportError::Exists { .. })));
}

fn sha256(text: &str) -> String {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let file = folder.path().join("text");
    fs::write(&file, text).unwrap();
    let output = Command::new("sha256sum").arg(&file).output().expect("`sha256sum`, of coreutils");
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

#[test]
fn an_import_that_is_killed_leaves_nothing_and_is_made_again() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let [from, to] = ["from.db", "to.db"].map(|name| folder.path().join(name));
    filled(&from, 8);
    let text = folder.path().join("text");
    fs::write(&text, export(&from)).unwrap();
    let killed = Command::new(env!("CARGO_BIN_EXE_caretaker"))
        .args(["in-import:1", "import"])
        .args([&to, &text])
        .output()
        .unwrap();
    assert_eq!(killed.status.signal(), Some(9), "{killed:?}");
    assert!(!to.exists());
    import(&to, &fs::read(&text).unwrap()).unwrap();
    assert!(check(&to).is_sound());
}

/// Killed at each of its steps, and only then let through. Fails if a compaction writes the file itself
/// before its log is whole.
#[test]
fn a_compaction_that_is_killed_leaves_the_store_as_it_was() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    filled(&path, 9);
    let plain = rusqlite::Connection::open(&path).unwrap();
    plain
        .execute_batch(
            "CREATE TABLE ballast (x); INSERT INTO ballast SELECT randomblob(4000) FROM interaction",
        )
        .unwrap();
    plain.execute_batch("DROP TABLE ballast").unwrap();
    drop(plain);
    let text = export(&path);
    let (mut kills, mut count) = (0, 1);
    loop {
        let run = Command::new(env!("CARGO_BIN_EXE_caretaker"))
            .arg(format!("in-compaction:{count}"))
            .arg("compact")
            .arg(&path)
            .output()
            .unwrap();
        assert!(check(&path).is_sound());
        assert!(export(&path) == text, "killed at step {count}");
        if run.status.success() {
            break;
        }
        assert_eq!(run.status.signal(), Some(9), "{run:?}");
        kills += 1;
        count += 1 + count / 4;
    }
    println!("{kills} kills in compaction");
    assert!(kills > 5);
    let before = fs::metadata(&path).unwrap().len();
    StoreFile::compact(&path).unwrap();
    assert!(fs::metadata(&path).unwrap().len() <= before);
    assert!(export(&path) == text);
}

#[test]
fn a_store_in_use_and_a_store_that_is_not_there_are_left_alone() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    let owner = engine(&path);
    for error in [StoreFile::open(&path).err(), StoreFile::compact(&path).err()] {
        assert!(matches!(error, Some(OpenError::Owned { .. })), "{error:?}");
    }
    drop(owner);
    let none = folder.path().join("none.db");
    for error in [StoreFile::open(&none).err(), StoreFile::compact(&none).err()] {
        assert!(matches!(error, Some(OpenError::Unusable { .. })), "{error:?}");
    }
    assert!(!none.exists());
    let old = folder.path().join("old.db");
    rusqlite::Connection::open(&old).unwrap().execute_batch(include_str!("files/version-1.sql")).unwrap();
    assert!(matches!(StoreFile::open(&old).err(), Some(OpenError::Earlier { found: 1, .. })));
    StoreFile::compact(&old).unwrap();
    assert!(StoreFile::open(&old).is_ok());
}

/// Each rule between records, broken by hand.
#[test]
fn a_check_finds_records_that_contradict_each_other() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    filled(&path, 10);
    let whole = fs::read(&path).unwrap();
    for (broken, said) in [
        ("DELETE FROM delivery WHERE settled IS NULL", "Sent"),
        ("DELETE FROM interaction WHERE record ->> 'state' = 'Sent'", "its interaction is missing"),
        ("DELETE FROM agent", "referenceId"),
        ("DELETE FROM interaction WHERE record ->> 'state' = 'Queued'", "platform's id"),
        ("UPDATE standing SET interactions = 7", "bytes"),
        ("UPDATE agent SET reference_id = 1 + reference_id", "bytes"),
        ("UPDATE contact SET contact_id = 'other'", "bytes"),
        ("UPDATE last_agent SET at_ms = 5", "bytes"),
        ("UPDATE external SET interaction = 'OTHER'", "bytes"),
        ("UPDATE reply SET reference_id = 99", "bytes"),
        ("UPDATE pause SET until_ms = 3", "bytes"),
        ("UPDATE agent SET followed_after = 1 WHERE id = 'a1'", "bytes"),
        ("UPDATE note SET topic = 'other' WHERE sequence = (SELECT max(sequence) FROM note)", "bytes"),
        ("DELETE FROM agent WHERE id = 'a1'", "has notes"),
        ("UPDATE interaction SET ended_ms = 1 WHERE ended_ms IS NOT NULL", "not listed"),
    ] {
        fs::write(&path, &whole).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute_batch(broken).unwrap();
        let findings = check(&path);
        assert!(
            findings.problems.iter().any(|problem| problem.contains(said)),
            "{broken}: {:?}",
            findings.problems
        );
    }
}

/// What a subscriber gets after a number, told or lagged.
fn heard(agent: &Agent, from: u64) -> Vec<(bool, u64)> {
    let missed = agent.subscribe_from("/v2/me/*", from).unwrap();
    let told = |note: Notification| (matches!(note, Notification::Note(_)), note.sequence());
    std::iter::from_fn(|| missed.next(Duration::ZERO)).map(told).collect()
}

/// Fails if a survey takes no damaged note for lost: then 4 and 6 are handed out as if that were all. Or if
/// it forgets a damaged one's number: then that is given again. Or if an agent whose record is lost is not
/// made anew: then nothing can be imported.
#[test]
fn a_salvaged_log_has_no_hole_and_gives_no_number_again() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let [path, saved] = ["store.db", "saved.db"].map(|name| folder.path().join(name));
    let engine = self::engine(&path);
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    drop(agent.subscribe("/v2/me/*").unwrap());
    (0..6).for_each(|_| ask(&agent, None, &json!({ "operationName": "Create" })));
    drop((agent, engine));
    let whole = fs::read(&path).unwrap();
    let lag = || vec![(false, 7)];
    let all = |from| (from..=7).map(|number| (true, number)).collect::<Vec<_>>();
    for (broken, after_2, after_5) in [
        ("SELECT 1", all(3), all(6)),
        ("UPDATE agent SET checksum = 1", all(3), all(6)),
        ("UPDATE note SET checksum = 1 WHERE sequence = 5", lag(), all(6)),
        ("UPDATE note SET checksum = 1 WHERE sequence = 6", lag(), lag()),
        ("UPDATE note SET checksum = 1", lag(), lag()),
    ] {
        fs::write(&path, &whole).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute_batch(broken).unwrap();
        let mut text = Vec::new();
        StoreFile::open(&path).unwrap().salvage(&mut text, &mut |_| {}).unwrap();
        for name in ["saved.db", "saved.db-lock"] {
            let _ = fs::remove_file(folder.path().join(name));
        }
        import(&saved, &text).unwrap();
        let engine = self::engine(&saved);
        let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
        ask(&agent, None, &json!({ "operationName": "Create" }));
        assert_eq!((heard(&agent, 2), heard(&agent, 5)), (after_2, after_5), "{broken}");
    }
}

const PAGE: usize = 4_096;

/// A record whose last part is gone, as the last of its table. Planted fault: were the record itself taken for the
/// end of the gap that it is, check and salvage would never come past it.
#[test]
fn a_last_record_that_is_cut_off_is_passed_over() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let path = folder.path().join("store.db");
    let engine = engine(&path);
    for message in ["short".to_owned(), "long ".repeat(4 * PAGE / 5)] {
        let inbound = json!({ "from": "c1", "message": message, "queuePath": "/queues/in" });
        engine.receive(X, &Inbound::parse(&inbound.to_string()).unwrap()).unwrap();
    }
    drop(engine);
    let mut bytes = fs::read(&path).unwrap();
    let is_filled = |page: &[u8]| {
        page[4..].chunks(5).all(|chunk| "long long ".contains(std::str::from_utf8(chunk).unwrap_or("-")))
    };
    let page = bytes.chunks(PAGE).position(is_filled).expect("a page of the long message alone");
    // It begins with the number of the page that follows.
    bytes[page * PAGE..page * PAGE + 4].fill(0xff);
    fs::write(&path, &bytes).unwrap();

    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let file = StoreFile::open(&path).unwrap();
        let is_sound = file.check(&mut |_| {}).is_sound();
        let mut text = Vec::new();
        let losses = file.salvage(&mut text, &mut |_| {}).unwrap().loss_count;
        done.send((is_sound, losses, String::from_utf8(text).unwrap())).unwrap();
    });
    let (is_sound, losses, text) =
        is_done.recv_timeout(Duration::from_secs(120)).expect("it comes to an end");
    assert!(!is_sound && losses > 0);
    assert!(text.contains("short") && !text.contains("long"), "{text}");
}

/// Damage of every kind, on every page: it is found, and what is saved is a sound store again, with what
/// the damage did not touch as it was.
#[test]
fn what_can_be_saved_of_a_damaged_store_is() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let [path, saved] = ["store.db", "saved.db"].map(|name| folder.path().join(name));
    let sent = filled(&path, 11);
    let whole = fs::read(&path).unwrap();
    let text = String::from_utf8(export(&path)).unwrap();
    let records: std::collections::HashSet<_> = text.lines().collect();
    let mut chance = Chance::new(3);
    let (mut found, mut saves, mut nearly_all, mut least, mut notes) = (0, 0, 0, usize::MAX, 0);
    // A log is kept from what is damaged on: notes are counted apart.
    let is_note = |line: &&str| line.starts_with(r#"{"note":"#);
    let all_notes = text.lines().filter(is_note).count();
    let others = records.len() - all_notes;
    // The first page says what the file is: without it nothing can be read.
    for page in 1..whole.len() / PAGE {
        let mut bytes = whole.clone();
        let start = page * PAGE;
        if page % 2 == 0 {
            bytes[start..start + PAGE].fill(0);
        } else {
            for _ in 0..8 {
                let place = start + usize::try_from(chance.below(PAGE as u64)).unwrap();
                bytes[place] ^= 1 << chance.below(8);
            }
        }
        fs::write(&path, &bytes).unwrap();
        let Ok(file) = StoreFile::open(&path) else { continue };
        let findings = file.check(&mut |_| {});
        found += usize::from(!findings.is_sound());
        let mut salvaged = Vec::new();
        let exported = file.salvage(&mut salvaged, &mut |_| {}).unwrap();
        drop(file);
        let salvaged = String::from_utf8(salvaged).unwrap();
        let same = salvaged.lines().filter(|line| records.contains(line)).count();
        // All but the line that says that it is salvaged, and the last, which counts.
        let is_all = same + 2 >= records.len();
        assert!(
            is_all || exported.loss_count > 0,
            "page {page}: {same} lines, and nothing is said to be lost"
        );
        let same_notes = salvaged.lines().filter(is_note).count();
        let same = same - same_notes;
        nearly_all += usize::from(same * 10 >= others * 9);
        least = least.min(same);
        notes += same_notes;
        for name in ["saved.db", "saved.db-lock"] {
            let _ = fs::remove_file(folder.path().join(name));
        }
        match import(&saved, salvaged.as_bytes()) {
            Ok(_) => saves += 1,
            Err(error) => panic!("page {page}: {error}; lost: {:?}", exported.losses),
        }
        let store = SqliteStore::open(&saved, &Limits::default()).unwrap();
        for delivery in store.unsettled().unwrap() {
            assert_ne!(delivery.stage, Stage::Settled);
            assert!(store.interaction(delivery.interaction.unwrap()).unwrap().is_some(), "page {page}");
        }
        for id in &sent {
            let interaction = store.interaction(Id::parse(id).unwrap()).unwrap();
            assert!(
                interaction.is_none_or(|it| matches!(it.state, State::Sent | State::Composing)),
                "page {page}: {id}"
            );
        }
    }
    let pages = whole.len() / PAGE - 1;
    println!(
        "{pages} pages, {found} damages found, {saves} saved, {nearly_all} nearly whole, at least {least} of \
         {others} lines, and of {all_notes} notes {} on average",
        notes / pages
    );
    assert!(saves > pages * 9 / 10);
    // What stands at the top of a table takes the table with it.
    assert!(nearly_all > pages * 4 / 5 && least > others / 5);
    // Half of the pages have none of them, and damage takes along what came before it.
    assert!(notes / pages > all_notes / 2);
}
