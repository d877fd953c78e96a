//! A perform whose change is on disk before it is answered: Save of an interaction with user data, on the
//! store in a file. Beside it the same bytes appended to a file and flushed, and the same records written
//! through the bare library that the store is made with, in groups of the size that the callers reached.

use std::cell::Cell;
use std::error::Error;
use std::fs::{File, OpenOptions, read_to_string};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use strowger::{API_MULTIMEDIA, Agent, Config, Engine, Environment, Limits, SqliteStore, StatusCode};

use super::Rows;
use crate::beside::{Beside, beside};
use crate::row::{Bound, Row};

/// Who calls at the same time, each on an interaction of its own.
const CALLERS: usize = 64;
const PAIRS: usize = 31;
/// Performs of one turn by one caller.
const ALONE: u32 = 100;
/// Performs of one turn by each of many callers.
const EACH: u32 = 50;

const CHANNEL: &str = "twitter";
const CONFIG: &str = r#"{ "name": "bench", "base_uri": "http://192.168.83.25:8080",
  "manifests": [ { "channel": "twitter", "collections": ["tweets"], "listMember": "tweets", "resource": "twitter",
    "uriPath": "me/tweets", "topic": "/v2/me/twitter", "messageType": "TwitterStateChangeMessage",
    "savedType": "TwitterSaved", "directionMember": "twitterType", "accounts": [ { "name": "vitaliy_onv" } ] } ] }"#;

/// Two texts of one length, in turns: no Save leaves things as they were.
const SAVES: [&str; 2] = [
    r#"{"operationName":"Save","twitter":{"message":"Hello saved twitter!","from":"vitaliy_onv"}}"#,
    r#"{"operationName":"Save","twitter":{"message":"Hello again twitter!","from":"vitaliy_onv"}}"#,
];

/// Makes a record of about 1 KiB.
const ATTACH: &str = concat!(
    r#"{"operationName":"AttachUserData","userData":{"ContactId":"0000Ka96XNNU4488","CustomerSegment":"default","#,
    r#""FirstName":"Oleg","LastName":"Witcher","RTargetAgentGroup":"Social Media Agent Group","RTargetPlaceSelected":"a1","#,
    r#""RStrategyName":"Twitter Agent Delivery Strategy","RTenant":"Environment","_twitterCreatedAt":"2013-11-05T10:58:12Z","#,
    r#""_twitterMsgPlainText":"On 12:58:9 11/5/2013, P created a post saying hello world!.","_twitterUserLanguage":"r","#,
    r#""_twitterUserImageURL":"http://abs.twimg.com/sticky/default_profile_images/default_profile_1_normal.png","#,
    r#""_umsInboundIxnSubmittedBy":"Cloud_localhost","desktop_sentiment":"Neutral"}}"#
);

pub(super) const ABOUT: &str = "A perform (Save of an interaction with user data), time a perform: each is on disk \
    before it is answered. The others write the whole record each time; ours leaves out of its journal user data that \
    stays as it was.";

pub(super) fn run() -> Rows {
    let folder = Folder::make()?;
    let place = &folder.filesystem;
    let desk = Desk::open(&folder.path.join("store.db"))?;
    let bytes = desk.record()?.len();
    let mut raw = Raw::make(&folder.path.join("raw.log"), bytes)?;

    let alone = beside(PAIRS, || desk.alone() / ALONE, || raw.append(ALONE, 1) / ALONE);
    let many = beside(PAIRS, || desk.together() / total(), || desk.alone() / ALONE);

    // The group that a turn reached is that of its pair.
    let group = Cell::new(1);
    let together = || {
        let (took, reached) = desk.reached();
        group.set(reached);
        took / total()
    };
    let appended = beside(PAIRS, together, || raw.append(total(), group.get()) / total());
    let in_groups = group.get();
    let mut bare = Bare::make(&folder.path.join("bare.db"), &desk.record()?)?;
    let updated = beside(PAIRS, together, || bare.update(total(), group.get()) / total());
    let inserted = beside(PAIRS, together, || bare.insert(total(), group.get()) / total());

    let all = format!("{CALLERS} callers, in groups of {in_groups}");
    let row = |what: &str, beside: &str, figures: &Beside, least: f64| Row {
        what: format!("{what}, {bytes} bytes a record, on {place}"),
        ours: micros(figures.ours),
        beside: format!("{beside}: {}", micros(figures.other)),
        judged: 1.0 / figures.ratio,
        bound: Bound::AtLeast(least, ""),
    };
    Ok(vec![
        row("one caller", "append, fdatasync", &alone, 0.8),
        row(&all, "one caller", &many, 10.0),
        row(&all, "the bare library, updating", &updated, 0.9),
        row(&all, "the bare library, inserting", &inserted, 0.9),
        row(&all, "append of the group, fdatasync", &appended, 0.5),
    ])
}

/// Performs of one turn by all callers.
fn total() -> u32 {
    u32::try_from(CALLERS).map_or(u32::MAX, |callers| callers * EACH)
}

fn micros(duration: Duration) -> String {
    format!("{:.1} µs", duration.as_secs_f64() * 1e6)
}

/// Where the files lie: `$TMPDIR`, or else beside this program. It must be a disk.
struct Folder {
    path: PathBuf,
    filesystem: String,
    _removed: tempfile::TempDir,
}

impl Folder {
    fn make() -> Result<Self, Box<dyn Error>> {
        let parent = match std::env::var_os("TMPDIR") {
            Some(folder) => PathBuf::from(folder),
            None => std::env::current_exe()?.parent().ok_or("this program lies nowhere")?.to_owned(),
        };
        let folder = tempfile::tempdir_in(parent)?;
        let path = folder.path().canonicalize()?;
        let filesystem = filesystem(&path)?;
        if matches!(filesystem.as_str(), "tmpfs" | "ramfs") {
            return Err(
                format!("{} is kept in memory: set TMPDIR to a folder on a disk", path.display()).into()
            );
        }
        Ok(Self { path, filesystem, _removed: folder })
    }
}

/// The kind of file system that a folder lies on.
fn filesystem(path: &Path) -> Result<String, Box<dyn Error>> {
    let mounts = read_to_string("/proc/self/mounts")?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut parts = line.split(' ').skip(1);
        Some((parts.next()?, parts.next()?))
    });
    let of_path =
        mounts.filter(|(folder, _)| path.starts_with(folder)).max_by_key(|(folder, _)| folder.len());
    Ok(of_path.ok_or("the folder is on no file system")?.1.to_owned())
}

/// The engine with its callers.
struct Desk {
    store: Arc<SqliteStore>,
    callers: Vec<(Agent, String)>,
    _engine: Engine,
}

impl Desk {
    fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let store = Arc::new(SqliteStore::open(path, &Limits::default())?);
        let engine = Engine::open_on(&Config::parse(CONFIG)?, Environment::default(), store.clone())?;
        let callers = (0..CALLERS)
            .map(|number| {
                let agent = engine.agent(&format!("a{number}"), &[API_MULTIMEDIA])?;
                agent.perform(CHANNEL, None, br#"{"operationName":"Create"}"#)?;
                let resource = agent.list(CHANNEL)?.pop().ok_or("there is no draft")?;
                let id = resource.split_once(r#""id":""#).and_then(|(_, rest)| rest.split_once('"'));
                let id = id.ok_or("a resource without an id")?.0.to_owned();
                agent.perform(CHANNEL, Some(&id), ATTACH.as_bytes())?;
                agent.perform(CHANNEL, Some(&id), SAVES[0].as_bytes())?;
                Ok((agent, id))
            })
            .collect::<Result<_, Box<dyn Error>>>()?;
        Ok(Self { store, callers, _engine: engine })
    }

    /// The record that a Save writes, as the store holds it.
    fn record(&self) -> Result<String, Box<dyn Error>> {
        let mut lines = Vec::new();
        self.store.export(&mut lines, &mut |_| {})?;
        let lines = String::from_utf8(lines)?;
        let record =
            lines.lines().find_map(|line| line.strip_prefix(r#"{"interaction":"#)?.strip_suffix('}'));
        Ok(record.ok_or("the store has no interaction")?.to_owned())
    }

    fn alone(&self) -> Duration {
        let began = Instant::now();
        save(&self.callers[0], ALONE);
        began.elapsed()
    }

    fn together(&self) -> Duration {
        let go = Barrier::new(CALLERS + 1);
        thread::scope(|scope| {
            for caller in &self.callers {
                let go = &go;
                scope.spawn(move || {
                    go.wait();
                    save(caller, EACH);
                    go.wait();
                });
            }
            go.wait();
            let began = Instant::now();
            go.wait();
            began.elapsed()
        })
    }

    /// Also the size of the groups that were flushed: the mean, rounded.
    fn reached(&self) -> (Duration, u32) {
        let before = self.store.flushes();
        let took = self.together();
        let flushes = u32::try_from(self.store.flushes() - before).unwrap_or(u32::MAX).max(1);
        (took, ((total() + flushes / 2) / flushes).max(1))
    }
}

fn save((agent, id): &(Agent, String), times: u32) {
    for (_, body) in (0..times).zip(SAVES.iter().rev().cycle()) {
        let reply = agent.perform(CHANNEL, Some(id), body.as_bytes()).expect("the channel is there");
        assert_eq!(reply.status_code(), StatusCode::Success, "{}", reply.to_json());
    }
}

/// A file that is appended to.
struct Raw {
    file: File,
    record: Vec<u8>,
}

impl Raw {
    fn make(path: &Path, bytes: usize) -> Result<Self, Box<dyn Error>> {
        let file = OpenOptions::new().create_new(true).append(true).open(path)?;
        Ok(Self { file, record: vec![b'x'; bytes] })
    }

    /// Appends so many records, and flushes each group of them.
    fn append(&mut self, records: u32, group: u32) -> Duration {
        let bytes = self.record.repeat(group as usize);
        let began = Instant::now();
        for group in groups(records, group) {
            self.file.write_all(&bytes[..self.record.len() * group as usize]).expect("the disk takes it");
            self.file.sync_data().expect("the disk takes it");
        }
        began.elapsed()
    }
}

/// The sizes of the groups of so many records.
fn groups(records: u32, group: u32) -> impl Iterator<Item = u32> {
    let left = records % group;
    (0..records / group).map(move |_| group).chain((left > 0).then_some(left))
}

/// The library that the store is made with, and nothing around it: flushed as the store is.
struct Bare {
    connection: Connection,
    record: String,
}

impl Bare {
    fn make(path: &Path, record: &str) -> Result<Self, Box<dyn Error>> {
        let connection = Connection::open(path)?;
        let _: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.execute_batch(
            "CREATE TABLE record (id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, record TEXT NOT NULL);
             CREATE TABLE agent (id TEXT NOT NULL PRIMARY KEY, reference_id INTEGER NOT NULL) WITHOUT ROWID;
             CREATE TABLE log (number INTEGER PRIMARY KEY, record TEXT NOT NULL);",
        )?;
        let bare = Self { connection, record: record.to_owned() };
        for caller in 0..CALLERS {
            let id = id(caller);
            bare.connection.execute("INSERT INTO record VALUES (?, 1, ?)", params![id, bare.record])?;
            bare.connection.execute("INSERT INTO agent VALUES (?, 1)", [id])?;
        }
        Ok(bare)
    }

    /// Writes an interaction and its agent for each record.
    fn update(&mut self, records: u32, group: u32) -> Duration {
        let mut callers = (0..CALLERS).cycle();
        self.write(records, group, |connection, record| {
            let id = id(callers.next().unwrap_or(0));
            let query = "UPDATE record SET version = version + 1, record = ? WHERE id = ?";
            connection.prepare_cached(query)?.execute(params![record, id])?;
            let query = "UPDATE agent SET reference_id = reference_id + 1 WHERE id = ?";
            connection.prepare_cached(query)?.execute([id])
        })
    }

    /// Writes a row of a log for each record.
    fn insert(&mut self, records: u32, group: u32) -> Duration {
        self.write(records, group, |connection, record| {
            connection.prepare_cached("INSERT INTO log (record) VALUES (?)")?.execute([record])
        })
    }

    fn write(
        &mut self,
        records: u32,
        group: u32,
        mut one: impl FnMut(&Connection, &str) -> rusqlite::Result<usize>,
    ) -> Duration {
        let began = Instant::now();
        let mut all = || {
            for group in groups(records, group) {
                self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
                for _ in 0..group {
                    one(&self.connection, &self.record)?;
                }
                self.connection.prepare_cached("COMMIT")?.execute([])?;
            }
            Ok::<_, rusqlite::Error>(())
        };
        all().expect("the disk takes it");
        began.elapsed()
    }
}

/// As long as an interaction's.
fn id(caller: usize) -> String {
    format!("01QQG2MU214P{caller:04}")
}
