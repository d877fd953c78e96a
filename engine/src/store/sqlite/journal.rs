//! Commits that are on disk and not yet in the tables.
//!
//! Most commits change what stands in a record and nothing that it is found by. Each of these is a line of the
//! journal's text ([`super::line`]), which stands on pages of its own ([`super::pages`]); those of a group are flushed
//! together. What they change stays in memory, latest state only ([`super::overlay`]), until it is written to the
//! tables: with the next commit that is of another kind, when the journal is long, when somebody must see the tables as
//! they are, or when the store is closed. That is one transaction with the emptying of the journal, so a commit is
//! always in exactly one of the two. What a killed process left in the journal is written to the tables when the store
//! is opened.

use std::fmt::Display;
use std::mem::take;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::failed;
use super::line::{Read, read_line};
use super::overlay::Overlay;
use super::pages::{End, Found};
use super::record::RecordError;
use super::write::run;
use crate::interaction::{AgentId, InteractionId, UserData};
use crate::notify::{Note, NoteText};
use crate::store::{AgentRecord, StoreError};

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
        read.unwrap_or_else(|error| reading.problem(error));
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
                self.problem(format!("there should be row {next}, there is row {number}"));
            }
            next = number.saturating_add(1);
            match row.get_ref(1)?.as_bytes() {
                Ok(lines) => self.lines(lines, &format!("row {number}"))?,
                Err(error) => self.problem(format!("row {number}: {error}")),
            }
        }
        Ok(())
    }

    fn pages(&mut self, end: &mut End) -> rusqlite::Result<()> {
        let found = Found::read(self.connection)?;
        *end = found.end();
        found.problems.iter().for_each(|problem| self.problem(problem));
        // Where a page is missing, what is left of the lines around it is no line.
        if found.text.is_empty() { Ok(()) } else { self.lines(&found.text, "its pages") }
    }

    fn lines(&mut self, lines: &[u8], place: &str) -> rusqlite::Result<()> {
        // The bytes count, also those that can't be read: they are to go.
        self.overlay.lengthen(lines.len().max(1));
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = line.strip_suffix(b"\n") else {
                self.problem(format!("a commit in {place} is cut off"));
                break;
            };
            let line = str::from_utf8(line).map_err(|_| RecordError::Checksum);
            match line.and_then(read_line) {
                Ok(read) => self.replay(read)?,
                Err(error) => self.problem(format!("a commit in {place}: {error}")),
            }
        }
        Ok(())
    }

    fn replay(&mut self, Read { mut commit, as_before, user_data_of }: Read) -> rusqlite::Result<()> {
        let mut changed = Vec::with_capacity(commit.interactions.len());
        for (mut interaction, as_before) in commit.interactions.drain(..).zip(as_before) {
            let (id, version) = (interaction.id, interaction.version);
            let before = self.version(id)?;
            if before.map(|before| before + 1) != Some(version) {
                let before = before.map_or("none".to_owned(), |before| format!("version {before}"));
                self.problem(format!("version {version} of interaction `{id}` follows {before}"));
            }
            if as_before {
                // If another version is before it, that was told: nothing better is known.
                let Some(user_data) = self.user_data(id)? else {
                    self.problem(format!("the user data of interaction `{id}` can't be read"));
                    changed.push(None);
                    continue;
                };
                Arc::make_mut(&mut interaction).user_data = user_data;
            }
            changed.push(Some(interaction));
        }
        for (mut kept, place) in take(&mut commit.notes).into_iter().zip(user_data_of) {
            if let Some(place) = place {
                let Some(Some(interaction)) = changed.get(place) else {
                    self.problem(format!(
                        "note {} of agent `{}` can't be read",
                        kept.note.sequence, kept.agent
                    ));
                    continue;
                };
                kept.note = whole(&kept.note, &interaction.user_data);
            }
            commit.notes.push(kept);
        }
        commit.interactions = changed.into_iter().flatten().collect();
        let before = match &commit.agent {
            // A damaged record is told of where the table is read.
            Some(change) => {
                super::agent(self.connection, &change.id)?.and_then(Result::ok).unwrap_or_default()
            }
            None => AgentRecord::default(),
        };
        self.overlay.take(&mut commit, || before);
        Ok(())
    }

    fn problem(&mut self, problem: impl Display) {
        self.problems.push(format!("journal: {problem}"));
    }

    /// The version of an interaction so far.
    fn version(&self, id: InteractionId) -> rusqlite::Result<Option<u64>> {
        if let Some(before) = self.overlay.interaction(id) {
            return Ok(Some(before.version));
        }
        self.connection
            .prepare_cached("SELECT version FROM interaction WHERE id = ?")?
            .query_row([id.as_str()], |row| row.get(0).map(i64::unsigned_abs))
            .optional()
    }

    /// Its user data so far, if that can be read.
    fn user_data(&self, id: InteractionId) -> rusqlite::Result<Option<UserData>> {
        if let Some(before) = self.overlay.interaction(id) {
            return Ok(Some(before.user_data.clone()));
        }
        let query = "SELECT id, version, checksum, record FROM interaction WHERE id = ?";
        let before =
            self.connection.prepare_cached(query)?.query_row([id.as_str()], super::interaction).optional()?;
        Ok(before.and_then(Result::ok).map(|before| before.user_data.clone()))
    }
}

/// A note that was read without its user data, and that.
fn whole(note: &Note, user_data: &UserData) -> Arc<Note> {
    let [before, ..] = note.data.parts();
    let user_data = user_data.text_shared().cloned().unwrap_or_else(|| user_data.as_str().into());
    let data = NoteText::new(before.into(), Some(user_data));
    Arc::new(Note { data, ..note.clone() })
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
