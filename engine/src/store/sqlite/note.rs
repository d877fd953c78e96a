//! Agents' latest notes, each in a row of its own. Its checksum covers the whole row.

use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};

use super::checksum::crc32_of;
use super::write::{prepared, run};
use super::{damaged, failed, name, number};
use crate::interaction::AgentId;
use crate::notify::Note;
use crate::store::{CommitError, KeptNote, NoteLog, StoreError};

/// Writes a note.
pub(super) fn keep(connection: &Connection, agent: &AgentId, note: &Note) -> Result<(), CommitError> {
    let checksum = checksum(agent.as_str(), note);
    let query = "INSERT INTO note (agent, sequence, topic, checksum, data) VALUES (?, ?, ?, ?, ?)";
    let values =
        params![agent.as_str(), number(note.sequence)?, note.topic.as_str(), checksum, note.data.to_string()];
    prepared(connection, query)?.execute(values).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => CommitError::Conflict,
        _ => failed(error).into(),
    })?;
    Ok(())
}

/// Forgets what a note leaves no room for.
pub(super) fn forget(connection: &Connection, kept: &KeptNote) -> Result<(), StoreError> {
    if kept.forgotten == 0 {
        return Ok(());
    }
    let query = "DELETE FROM note WHERE agent = ? AND sequence <= ?";
    run(connection, query, params![kept.agent.as_str(), number(kept.forgotten)?])
}

/// The notes after a number, and whether these are all. A damaged one takes those before it along: what is given has
/// no gap.
pub(super) fn after(
    connection: &Connection,
    agent: &AgentId,
    after: u64,
) -> rusqlite::Result<(NoteLog, bool)> {
    let last = connection
        .prepare_cached("SELECT sequence FROM note WHERE agent = ? ORDER BY sequence DESC LIMIT 1")?
        .query_row([agent.as_str()], |row| row.get(0).map(i64::unsigned_abs))
        .optional()?;
    let mut log = NoteLog { notes: Vec::new(), last: last.unwrap_or(0) };
    let mut are_all = true;
    let Ok(after) = i64::try_from(after) else { return Ok((log, are_all)) };
    let query = "SELECT agent, sequence, topic, checksum, data FROM note \
                 WHERE agent = ? AND sequence > ? ORDER BY sequence";
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query(params![agent.as_str(), after])?;
    while let Some(row) = rows.next()? {
        // Texts that are none are damage too.
        match note(row).map_err(failed).flatten() {
            Ok(note) => log.notes.push(Arc::new(note)),
            Err(error) => {
                tracing::error!(%agent, %error, "subscribers who come back get later notes only");
                log.notes.clear();
                are_all = false;
            }
        }
    }
    Ok((log, are_all))
}

/// Reads the columns `agent, sequence, topic, checksum, data`.
pub(super) fn note(row: &Row<'_>) -> rusqlite::Result<Result<Note, StoreError>> {
    let agent = row.get_ref(0)?.as_str()?;
    let data = row.get_ref(4)?.as_str()?.into();
    let note = Note { sequence: row.get(1).map(i64::unsigned_abs)?, topic: name(row, 2)?, data };
    if row.get::<_, u32>(3)? == checksum(agent, &note) {
        return Ok(Ok(note));
    }
    let problem = format_args!("number {}: its bytes are not those that were written", note.sequence);
    Ok(Err(damaged("a note of", agent, &problem)))
}

fn checksum(agent: &str, note: &Note) -> u32 {
    let sequence = note.sequence.to_le_bytes();
    let [data, user_data, rest] = note.data.parts().map(str::as_bytes);
    crc32_of(&[agent.as_bytes(), &[0], &sequence, note.topic.as_bytes(), &[0], data, user_data, rest])
}
