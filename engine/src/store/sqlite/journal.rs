//! Commits that are on disk and not yet in the tables.
//!
//! Most commits change what stands in a record and nothing that it is found by. Each of these is a line of the
//! journal's text, which stands on pages of its own ([`super::pages`]); those of a group are flushed together. What
//! they change stays in memory, latest state only ([`super::overlay`]), until it is written to the tables: with the
//! next commit that is of another kind, when the journal is long, when somebody must see the tables as they are, or
//! when the store is closed. That is one transaction with the emptying of the journal, so a commit is always in
//! exactly one of the two. What a killed process left in the journal is written to the tables when the store is
//! opened.
//!
//! A line is the CRC-32 of the commit in eight hexadecimal digits, a space, and JSON whose names are for ever.

use std::borrow::Cow;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::checksum::crc32;
use super::failed;
use super::overlay::Overlay;
use super::pages::{End, Found};
use super::record::{RecordError, read_interaction};
use super::text::{self, Object};
use super::write::run;
use crate::interaction::{AgentId, InteractionId};
use crate::notify::Note;
use crate::store::{AgentChange, AgentRecord, Commit, KeptNote, StoreError};

/// A commit that waits for its flush.
pub(super) struct Pending {
    pub(super) commit: Commit,
    /// Its line in the journal, if it is of the kind that can stand there.
    pub(super) line: Option<String>,
}

impl Pending {
    /// Writes the commit's line: in the caller's thread, so that who flushes for all has less to do.
    pub(super) fn of(commit: Commit) -> Self {
        Self { line: line(&commit), commit }
    }
}

/// A commit in the journal. Its interactions are written as they come, and read in a second step.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line<'a, I> {
    #[serde(default = "Vec::new")]
    interactions: Vec<I>,
    #[serde(borrow, default)]
    agent: Option<AgentLine<'a>>,
    #[serde(borrow, default)]
    notes: Vec<NoteLine<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AgentLine<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    reference_id: u64,
    /// Empty if the agent looks at nothing from then on.
    #[serde(borrow, default)]
    focus: Option<Cow<'a, str>>,
    #[serde(default)]
    followed_after: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NoteLine<'a> {
    #[serde(borrow)]
    agent: Cow<'a, str>,
    sequence: u64,
    #[serde(borrow)]
    topic: Cow<'a, str>,
    #[serde(borrow)]
    data: Cow<'a, str>,
    forgotten: u64,
}

/// The commit's line, its end included; `None` if it changes what is not in one.
fn line(commit: &Commit) -> Option<String> {
    let Commit {
        interactions,
        deliveries,
        contacts,
        last_agent,
        agent,
        external,
        reply,
        notes,
        pauses,
        prune,
    } = commit;
    let is_of_records = deliveries.is_empty()
        && contacts.is_empty()
        && last_agent.is_none()
        && external.is_none()
        && reply.is_none()
        && pauses.is_empty()
        && prune.is_none()
        && interactions.iter().all(|interaction| interaction.version > 1 && !interaction.has_ended());
    if !is_of_records {
        return None;
    }
    let length: usize = interactions.iter().map(|interaction| text::length(interaction)).sum();
    let mut line = String::with_capacity(length + LINE_FRAME);
    line.push_str(NO_CHECKSUM);
    let mut object = Object::begin(&mut line);
    if !interactions.is_empty() {
        text::write_each(object.member("interactions"), interactions, |out, interaction| {
            text::write_interaction(out, interaction);
        });
    }
    if let Some(change) = agent {
        write_agent(object.member("agent"), change);
    }
    if !notes.is_empty() {
        text::write_each(object.member("notes"), notes, write_note);
    }
    object.end();
    let checksum = format!("{:08x}", crc32(&line.as_bytes()[NO_CHECKSUM.len()..]));
    line.replace_range(..checksum.len(), &checksum);
    line.push('\n');
    Some(line)
}

/// Room for a checksum, and what comes behind it.
const NO_CHECKSUM: &str = "00000000 ";

/// About what a line has beside its interactions, if nobody is told anything.
const LINE_FRAME: usize = 192;

fn write_agent(out: &mut String, change: &AgentChange) {
    let mut object = Object::begin(out);
    object.text("id", change.id.as_str());
    object.number("referenceId", change.reference_id);
    if let Some(focus) = &change.focus {
        object.text("focus", focus.as_ref().map_or("", |id| id.as_str()));
    }
    if let Some(after) = change.followed_after {
        object.number("followedAfter", after);
    }
    object.end();
}

fn write_note(out: &mut String, kept: &KeptNote) {
    let mut object = Object::begin(out);
    object.text("agent", kept.agent.as_str());
    object.number("sequence", kept.note.sequence);
    object.text("topic", &kept.note.topic);
    object.text_of("data", kept.note.data.parts());
    object.number("forgotten", kept.forgotten);
    object.end();
}

fn read_line(line: &str) -> Result<Commit, RecordError> {
    let (checksum, json) = line.split_at_checked(NO_CHECKSUM.len()).ok_or(RecordError::Checksum)?;
    let checksum = checksum.strip_suffix(' ').and_then(|digits| u32::from_str_radix(digits, 16).ok());
    if checksum != Some(crc32(json.as_bytes())) {
        return Err(RecordError::Checksum);
    }
    let form: Line<'_, &RawValue> =
        serde_json::from_str(json).map_err(|error| RecordError::Json(error.to_string()))?;
    let id = |id: &str| InteractionId::parse(id).map_err(|_| RecordError::Member("focus"));
    let agent_of = |id: &str| AgentId::parse(id).map_err(|_| RecordError::Member("agent"));
    let interaction = |record: &&RawValue| {
        let text = record.get();
        read_interaction(text, crc32(text.as_bytes())).map(Arc::new)
    };
    let focus = |focus: Cow<'_, str>| if focus.is_empty() { Ok(None) } else { id(&focus).map(Some) };
    let agent = |change: AgentLine<'_>| {
        Ok(AgentChange {
            id: agent_of(&change.id)?,
            reference_id: change.reference_id,
            focus: change.focus.map(focus).transpose()?,
            followed_after: change.followed_after,
        })
    };
    let note = |kept: NoteLine<'_>| {
        let (topic, data) = (kept.topic.into_owned().into(), kept.data.into_owned().into());
        let note = Arc::new(Note { sequence: kept.sequence, topic, data });
        Ok(KeptNote { agent: agent_of(&kept.agent)?, note, forgotten: kept.forgotten })
    };
    Ok(Commit {
        interactions: form.interactions.iter().map(interaction).collect::<Result<_, _>>()?,
        agent: form.agent.map(agent).transpose()?,
        notes: form.notes.into_iter().map(note).collect::<Result<_, RecordError>>()?,
        ..Commit::default()
    })
}

/// Whether there is anything in it, or in its place.
pub(super) fn holds_any(connection: &Connection) -> rusqlite::Result<bool> {
    let found = Found::read(connection)?;
    let query = "SELECT EXISTS (SELECT 1 FROM journal)";
    let holds_earlier = connection.query_row(query, [], |row| row.get::<_, bool>(0))?;
    Ok(holds_earlier || !found.text.is_empty() || !found.problems.is_empty())
}

/// Gives its rows back, those of an earlier version as well: all of it is in the tables.
pub(super) fn clear(connection: &Connection) -> Result<End, StoreError> {
    run(connection, "DELETE FROM journal", [])?;
    End::clear(connection)
}

/// What the commits in the journal have changed, where it goes on once that is in the tables, and what is wrong with
/// it: what can't be read is passed over.
pub(super) fn read(connection: &Connection) -> (Overlay, End, Vec<String>) {
    let mut reading = Reading { connection, overlay: Overlay::default(), problems: Vec::new() };
    let mut end = End::default();
    for read in [reading.earlier(), reading.pages(&mut end)] {
        reading.problems.extend(read.err().map(|error| format!("journal: {error}")));
    }
    (reading.overlay, end, reading.problems)
}

struct Reading<'c> {
    connection: &'c Connection,
    overlay: Overlay,
    problems: Vec<String>,
}

impl Reading<'_> {
    /// What an earlier version left: a row for each group.
    fn earlier(&mut self) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare("SELECT number, lines FROM journal ORDER BY number")?;
        let mut rows = statement.query([])?;
        let mut next = 1_i64;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            if number != next {
                self.problems.push(format!("journal: there should be row {next}, there is row {number}"));
            }
            next = number.saturating_add(1);
            match row.get_ref(1)?.as_bytes() {
                Ok(lines) => self.lines(lines, &format!("row {number}"))?,
                Err(error) => self.problems.push(format!("journal: row {number}: {error}")),
            }
        }
        Ok(())
    }

    fn pages(&mut self, end: &mut End) -> rusqlite::Result<()> {
        let found = Found::read(self.connection)?;
        *end = found.end();
        self.problems.extend(found.problems.iter().map(|problem| format!("journal: {problem}")));
        // Where a page is missing, what is left of the lines around it is no line.
        if found.text.is_empty() { Ok(()) } else { self.lines(&found.text, "its pages") }
    }

    fn lines(&mut self, lines: &[u8], place: &str) -> rusqlite::Result<()> {
        // The bytes count, also those that can't be read: they are to go.
        self.overlay.lengthen(lines.len().max(1));
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = line.strip_suffix(b"\n") else {
                self.problems.push(format!("journal: a commit in {place} is cut off"));
                break;
            };
            let line = str::from_utf8(line).map_err(|_| RecordError::Checksum);
            match line.and_then(read_line) {
                Ok(commit) => replay(self.connection, &mut self.overlay, commit, &mut self.problems)?,
                Err(error) => self.problems.push(format!("journal: a commit in {place}: {error}")),
            }
        }
        Ok(())
    }
}

fn replay(
    connection: &Connection,
    overlay: &mut Overlay,
    mut commit: Commit,
    problems: &mut Vec<String>,
) -> rusqlite::Result<()> {
    for interaction in &commit.interactions {
        let before = match overlay.interaction(interaction.id) {
            Some(before) => Some(before.version),
            None => connection
                .prepare_cached("SELECT version FROM interaction WHERE id = ?")?
                .query_row([interaction.id.as_str()], |row| row.get(0).map(i64::unsigned_abs))
                .optional()?,
        };
        if before.map(|before| before + 1) != Some(interaction.version) {
            let before = before.map_or("none".to_owned(), |before| format!("version {before}"));
            let (id, version) = (interaction.id, interaction.version);
            problems.push(format!("journal: version {version} of interaction `{id}` follows {before}"));
        }
    }
    let before = match &commit.agent {
        // A damaged record is told of where the table is read.
        Some(change) => super::agent(connection, &change.id)?.and_then(Result::ok).unwrap_or_default(),
        None => AgentRecord::default(),
    };
    overlay.take(&mut commit, || before);
    Ok(())
}

/// The error of a store whose journal can't be read.
pub(super) fn damaged(problems: &[String]) -> rusqlite::Error {
    let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    rusqlite::Error::SqliteFailure(corrupt, Some(problems.join("; ")))
}

/// The highest number of an agent's notes in the table.
pub(super) fn last_note(connection: &Connection, agent: &AgentId) -> Result<u64, StoreError> {
    let query = "SELECT sequence FROM note WHERE agent = ? ORDER BY sequence DESC LIMIT 1";
    let last = super::write::prepared(connection, query)?
        .query_row([agent.as_str()], |row| row.get(0).map(i64::unsigned_abs))
        .optional();
    Ok(last.map_err(failed)?.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interaction::Interaction;

    /// The stored form is for ever: this line must be read by every later version.
    const LINE: &str = r#"a3a4e311 {"interactions":[{"format":1,"id":"A","version":3,"number":7,"channel":"twitter","direction":"Inbound","state":"Processing","owner":"a1","userData":{"b":1.50},"createdMs":9}],"agent":{"id":"a1","referenceId":4,"focus":"","followedAfter":2},"notes":[{"agent":"a1","sequence":5,"topic":"/t","data":"{\"ü\":1}","forgotten":3}]}"#;

    #[test]
    fn the_stored_form_stays() {
        let commit = read_line(LINE).unwrap();
        assert_eq!(line(&commit).as_deref(), Some(format!("{LINE}\n").as_str()));
        let change = commit.agent.as_ref().unwrap();
        assert_eq!((change.reference_id, change.focus, change.followed_after), (4, Some(None), Some(2)));
        assert_eq!((commit.interactions[0].version, commit.notes[0].forgotten), (3, 3));
    }

    /// Fails if anything but the line's end may change without its checksum.
    #[test]
    fn a_changed_byte_is_noticed_wherever_it_is() {
        for at in 0..LINE.len() {
            let mut bytes = LINE.as_bytes().to_vec();
            bytes[at] ^= 1;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            assert_eq!(read_line(&text).unwrap_err(), RecordError::Checksum, "byte {at}");
        }
    }

    /// Each of these is found by what changes, or changes what is counted: the journal has no place for it.
    #[test]
    fn what_is_more_than_a_change_of_records_has_no_line() {
        let commit = read_line(LINE).unwrap();
        let mut new = Interaction::clone(&commit.interactions[0]);
        new.version = 1;
        assert!(line(&Commit { interactions: vec![Arc::new(new.clone())], ..commit.clone() }).is_none());
        (new.version, new.state) = (4, crate::lifecycle::State::Completed);
        assert!(line(&Commit { interactions: vec![Arc::new(new)], ..commit.clone() }).is_none());
        let prune = crate::store::Prune { now_ms: 0, ended_before_ms: None, keep: None, max: 0 };
        assert!(line(&Commit { prune: Some(prune), ..commit }).is_none());
    }
}
