//! What is on disk and not yet in the tables: it outlasts a killed process, whoever reads the file sees it, and
//! damage to it is told.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use strowger::lifecycle::State;
use strowger::{
    API_MULTIMEDIA, AgentChange, AgentId, Commit, Config, Engine, Environment, ExportError, Interaction,
    InteractionId, Limits, OpenError, SqliteStore, StatusCode, Store as _, StoreFile,
};
use strowger_durability::{Platform, left_behind, manifest, scratch};

const X: &str = Platform::CHANNEL;
const DRAFTS: usize = 8;

/// An engine with drafts that were saved, and that is not closed; gives their ids.
fn saved(path: &Path) -> (Engine, Arc<SqliteStore>, Vec<InteractionId>) {
    let config = json!({ "manifests": [manifest()] }).to_string();
    let store = Arc::new(SqliteStore::open(path, &Limits::default()).unwrap());
    let config = Config::parse(&config).unwrap();
    let engine = Engine::open_on(&config, Environment::default(), store.clone()).unwrap();
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    drop(agent.subscribe("/v2/me/*").unwrap());
    let perform = |id: Option<&str>, body: &str| {
        assert_eq!(agent.perform(X, id, body.as_bytes()).unwrap().status_code(), StatusCode::Success);
    };
    for _ in 0..DRAFTS {
        perform(None, r#"{"operationName":"Create"}"#);
    }
    let owned = store.owned(&AgentId::parse("a1").unwrap(), X).unwrap();
    let ids: Vec<_> = owned.iter().map(|interaction| interaction.id).collect();
    for (number, id) in ids.iter().enumerate() {
        let save = json!({ "operationName": "Save", "post": { "message": format!("saved {number}") } });
        perform(Some(id.as_str()), &save.to_string());
        perform(Some(id.as_str()), r#"{"operationName":"SetInFocus","inFocus":true}"#);
    }
    (engine, store, ids)
}

/// The pages of the journal, read past the store.
fn pages(path: &Path) -> Vec<Vec<u8>> {
    let file = rusqlite::Connection::open(path).unwrap();
    let mut pages = file.prepare("SELECT bytes FROM journal_page ORDER BY number").unwrap();
    pages.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

fn stored(store: &SqliteStore, id: InteractionId) -> String {
    format!("{:?}", store.interaction(id).unwrap().unwrap())
}

fn export(path: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    StoreFile::open(path).unwrap().export(&mut text, &mut |_| {}).unwrap();
    text
}

fn files(path: &Path) -> Vec<Vec<u8>> {
    ["", "-wal"].iter().map(|ending| fs::read(format!("{}{ending}", path.display())).unwrap()).collect()
}

/// Fails if an export reads the tables alone, and if it writes to the file.
#[test]
fn a_file_whose_owner_was_killed_is_read_with_its_journal_and_not_changed() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let (engine, store, ids) = saved(&folder.path().join("store.db"));
    let path = left_behind(&folder.path().join("store.db"), &folder.path().join("killed.db")).unwrap();
    let mut as_it_runs = Vec::new();
    store.export(&mut as_it_runs, &mut |_| {}).unwrap();

    let before = files(&path);
    let findings = StoreFile::open(&path).unwrap().check(&mut |_| {});
    assert!(findings.is_sound(), "{:?}", findings.problems);
    assert!(export(&path) == as_it_runs);
    let mut text = Vec::new();
    let salvaged = StoreFile::open(&path).unwrap().salvage(&mut text, &mut |_| {}).unwrap();
    assert_eq!(salvaged.losses, Vec::<String>::new());
    assert!(files(&path) == before, "reading changes nothing");
    assert!(
        pages(&left_behind(&path, &folder.path().join("look.db")).unwrap()).len() > 1,
        "the journal holds what was saved"
    );

    StoreFile::compact(&path).unwrap();
    assert!(export(&path) == as_it_runs);
    let again = SqliteStore::open(&path, &Limits::default()).unwrap();
    for id in ids {
        assert_eq!(stored(&again, id), stored(&store, id));
    }
    drop(again);
    assert!(pages(&path).is_empty(), "the tables have it all");
    assert!(export(&path) == as_it_runs);
    drop(engine);
}

/// Fails if a line is taken without its checksum, or if one that is damaged is passed over in silence.
#[test]
fn a_damaged_journal_is_told_and_what_it_leaves_is_saved() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let (engine, _store, ids) = saved(&folder.path().join("store.db"));
    let path = left_behind(&folder.path().join("store.db"), &folder.path().join("killed.db")).unwrap();
    drop(engine);
    let mut changed = 0;
    for (number, mut page) in (1_i64..).zip(pages(&path)) {
        while let Some(at) = page.windows(7).position(|text| text == b"saved 5") {
            page[at + 6] = b'6';
            let file = rusqlite::Connection::open(&path).unwrap();
            let query = "UPDATE journal_page SET bytes = ? WHERE number = ?";
            changed += file.execute(query, rusqlite::params![page, number]).unwrap();
        }
    }
    assert!(changed > 0);
    let refused = SqliteStore::open(&path, &Limits::default()).err();
    assert!(
        matches!(&refused, Some(OpenError::Damaged { problem, .. }) if problem.contains("journal")),
        "{refused:?}"
    );
    let file = StoreFile::open(&path).unwrap();
    let findings = file.check(&mut |_| {});
    assert!(findings.problems.iter().any(|problem| problem.contains("journal")), "{:?}", findings.problems);
    let refused = file.export(&mut Vec::new(), &mut |_| {});
    assert!(matches!(refused, Err(ExportError::Store(OpenError::Damaged { .. }))), "{refused:?}");
    let mut text = Vec::new();
    let salvaged = file.salvage(&mut text, &mut |_| {}).unwrap();
    assert!(salvaged.losses.iter().any(|loss| loss.contains("journal")), "{:?}", salvaged.losses);
    drop(file);

    let mended = folder.path().join("mended.db");
    StoreFile::import(&mended, &mut &*text, &mut |_| {}).unwrap();
    let mended = SqliteStore::open(&mended, &Limits::default()).unwrap();
    for (number, id) in ids.iter().enumerate() {
        let message = mended.interaction(*id).unwrap().unwrap().message.clone();
        let saved = format!("saved {number}");
        assert_eq!(message.as_deref(), (number != 5).then_some(saved.as_str()));
    }
    let log = mended.notes(&AgentId::parse("a1").unwrap(), 0).unwrap();
    assert!(log.notes.is_empty(), "a log with a hole is not handed out");
}

/// A page that is gone leaves a gap in the numbers.
#[test]
fn a_missing_page_of_the_journal_is_noticed() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let (engine, ..) = saved(&folder.path().join("store.db"));
    let path = left_behind(&folder.path().join("store.db"), &folder.path().join("killed.db")).unwrap();
    drop(engine);
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute("DELETE FROM journal_page WHERE number = 2", [])
        .unwrap();
    let refused = SqliteStore::open(&path, &Limits::default()).err();
    assert!(matches!(refused, Some(OpenError::Damaged { .. })), "{refused:?}");
}

/// Fails if the table in which an earlier version kept its journal is not read, or not emptied.
#[test]
fn the_journal_of_an_earlier_version_is_taken_in() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let (engine, store, ids) = saved(&folder.path().join("store.db"));
    let path = left_behind(&folder.path().join("store.db"), &folder.path().join("killed.db")).unwrap();
    let text: Vec<u8> = pages(&path).iter().flat_map(|page| page_text(page).to_owned()).collect();
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    assert!(lines.len() > DRAFTS, "{text}");
    {
        let file = rusqlite::Connection::open(&path).unwrap();
        file.execute("DELETE FROM journal_page", []).unwrap();
        for group in lines.chunks(3) {
            file.execute("INSERT INTO journal (lines) VALUES (?)", [group.concat()]).unwrap();
        }
    }
    let left = |path: &Path| -> i64 {
        let file = rusqlite::Connection::open(path).unwrap();
        file.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).unwrap()
    };
    let mut as_it_runs = Vec::new();
    store.export(&mut as_it_runs, &mut |_| {}).unwrap();
    assert!(export(&path) == as_it_runs);
    assert!(left(&left_behind(&path, &folder.path().join("look.db")).unwrap()) > 1);
    let again = SqliteStore::open(&path, &Limits::default()).unwrap();
    for id in ids {
        assert_eq!(stored(&again, id), stored(&store, id));
    }
    drop(again);
    assert_eq!(left(&path), 0);
    drop(engine);
}

/// Fails if user data is written again though nobody changed it, if what was left out is not found again, or if it is
/// taken from another version than the one before.
#[test]
fn user_data_that_stays_is_written_once() {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let (engine, store, ids) = saved(&folder.path().join("store.db"));
    let agent = engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    let killed = |name: &str| {
        left_behind(&folder.path().join("store.db"), &folder.path().join(format!("{name}.db"))).unwrap()
    };
    let text = |path: &Path| -> String {
        String::from_utf8(pages(path).iter().flat_map(|page| page_text(page).to_owned()).collect()).unwrap()
    };
    // Long enough to be worth leaving out of the agent's notes.
    let long = "so long ".repeat(80);
    for round in 0..3 {
        for (number, id) in ids.iter().enumerate() {
            let perform = |body: serde_json::Value| {
                let reply = agent.perform(X, Some(id.as_str()), body.to_string().as_bytes()).unwrap();
                assert_eq!(reply.status_code(), StatusCode::Success, "{body}");
            };
            let value = format!("round {round} of {number}");
            let long = format!("{long}{number}-{round}");
            perform(json!({ "operationName": "AttachUserData", "userData": { "k": value, "long": long } }));
            perform(json!({ "operationName": "Save", "post": { "message": format!("saved {round}") } }));
            perform(json!({ "operationName": "AddComment", "comment": "c" }));
        }
        let path = killed(&format!("round{round}"));
        let written = text(&path);
        assert_eq!(written.matches(&format!("round {round} of 3")).count(), 1);
        assert_eq!(written.matches(&format!("{long}3-{round}")).count(), 1, "not in the notes either");
        let again = SqliteStore::open(&path, &Limits::default()).unwrap();
        for id in &ids {
            assert_eq!(stored(&again, *id), stored(&store, *id));
        }
        let log = |store: &SqliteStore| store.notes(&AgentId::parse("a1").unwrap(), 0).unwrap().notes;
        assert!(log(&again).len() > ids.len() && log(&again) == log(&store));
        if round == 1 {
            // From here on the version before stands in the tables.
            store.export(&mut Vec::new(), &mut |_| {}).unwrap();
        }
    }

    // The line that has it is damaged: those that rest on it are told of, and keep what is known.
    let path = killed("damaged");
    let file = rusqlite::Connection::open(&path).unwrap();
    for (number, mut page) in (1_i64..).zip(pages(&path)) {
        if let Some(at) = page.windows(17).position(|text| text == br#""k":"round 2 of 3"# as &[u8]) {
            page[at + 10] ^= 1;
            let query = "UPDATE journal_page SET bytes = ? WHERE number = ?";
            file.execute(query, rusqlite::params![page, number]).unwrap();
        }
    }
    drop(file);
    let mut salvaged = Vec::new();
    let losses =
        StoreFile::open(&path).unwrap().salvage(&mut salvaged, &mut |_| {}).unwrap().losses.join("; ");
    assert!(losses.contains(ids[3].as_str()), "{losses}");
    let mended = folder.path().join("mended.db");
    StoreFile::import(&mended, &mut &*salvaged, &mut |_| {}).unwrap();
    let mended = SqliteStore::open(&mended, &Limits::default()).unwrap();
    let interaction = mended.interaction(ids[3]).unwrap().unwrap();
    assert_eq!(interaction.message.as_deref(), Some("saved 2"));
    assert_eq!(interaction.user_data.text("k").as_deref(), Some("round 1 of 3"));
    assert_eq!(stored(&mended, ids[2]), stored(&store, ids[2]));
}

/// What a page says it holds, behind its head.
fn page_text(page: &[u8]) -> &[u8] {
    let used = usize::from(u16::from_le_bytes([page[12], page[13]]));
    &page[14..14 + used]
}

/// Callers who share pages of the journal and an agent, with one who has it emptied again and again.
#[test]
fn callers_at_the_same_time_lose_nothing() {
    const CALLERS: usize = 8;
    const EACH: u64 = 300;
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let (engine, store, ids) = saved(&folder.path().join("store.db"));
    drop(engine);
    let agent = AgentId::parse("a1").unwrap();
    let revise = |interaction: &Interaction, reference_id: u64| {
        let mut after = interaction.clone();
        after.version += 1;
        after.message = Some(format!("version {}", after.version).into());
        let agent = AgentChange { id: agent.clone(), reference_id, focus: None, followed_after: None };
        let commit =
            Commit { interactions: vec![Arc::new(after)].into(), agent: Some(agent), ..Commit::default() };
        store.commit(commit).unwrap();
    };
    std::thread::scope(|scope| {
        for (caller, id) in (0_u64..).zip(&ids[..CALLERS]) {
            let (store, agent, revise) = (&store, &agent, &revise);
            scope.spawn(move || {
                for number in 0..EACH {
                    let before = store.interaction(*id).unwrap().unwrap();
                    revise(&before, 1_000 + caller * EACH + number);
                    let listed = store.owned(agent, X).unwrap();
                    let own = listed.iter().find(|interaction| interaction.id == *id).unwrap();
                    assert_eq!(own.version, before.version + 1, "one sees what one has changed");
                    if caller == 0 && number % 16 == 0 {
                        store.notes(agent, 0).unwrap();
                    }
                }
            });
        }
    });
    let path = left_behind(&folder.path().join("store.db"), &folder.path().join("killed.db")).unwrap();
    let killed = SqliteStore::open(&path, &Limits::default()).unwrap();
    for id in ids {
        let interaction = killed.interaction(id).unwrap().unwrap();
        assert_eq!(interaction.state, State::Composing);
        assert_eq!(stored(&killed, id), stored(&store, id));
        assert_eq!(interaction.message, Some(format!("version {}", interaction.version).into()));
    }
    let highest = 1_000 + CALLERS as u64 * EACH - 1;
    assert_eq!(killed.agent(&agent).unwrap().unwrap().reference_id, highest);
    killed.check().unwrap();
}
