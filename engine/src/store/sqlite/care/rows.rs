//! The rows of the tables, read one after the other: strictly, or around what is damaged.

use std::collections::HashSet;

use rusqlite::{Connection, Row};

use super::line::Entry;
use super::{Observer, Progress};
use crate::delivery::{Delivery, Stage};
use crate::interaction::{AgentId, Interaction, InteractionId};
use crate::store::sqlite::note::note;
use crate::store::sqlite::write::Columns;
use crate::store::sqlite::{delivery, intact, interaction, name, pause};
use crate::store::{
    AgentRecord, ContactAddress, ContactOnChannel, ExternalId, KeptReply, LastAgent, RequestKey,
};

/// A table, and how a row of it is read.
pub(super) struct Table<T = Entry> {
    pub(super) name: &'static str,
    /// What one of its records is called.
    pub(super) kind: &'static str,
    columns: &'static str,
    /// The key that the table is ordered by; none if it is the order in which the rows came.
    key: Option<&'static str>,
    read: fn(&Row<'_>) -> rusqlite::Result<Result<T, String>>,
}

pub(super) const AGENTS: Table = Table {
    name: "agent",
    kind: "agents",
    columns: "id, reference_id, focus, followed_after, \
              checksum = strowger_sum(id, reference_id, focus, followed_after)",
    key: Some("id"),
    read: |row| {
        let id: String = row.get(0)?;
        let reference_id = row.get(1).map(i64::unsigned_abs)?;
        let focus = row.get_ref(2)?.as_str_or_null()?.map(InteractionId::parse).transpose();
        let followed_after = row.get::<_, Option<i64>>(3)?.map(i64::unsigned_abs);
        sealed(row, 4, "agent", &id)?;
        Ok((|| {
            let focus = focus.map_err(|error| error.to_string())?;
            let id = AgentId::parse(&id).map_err(|error| error.to_string())?;
            Ok(Entry::Agent(id, AgentRecord { reference_id, focus, followed_after }))
        })())
    },
};

pub(super) const CONTACTS: Table = Table {
    name: "contact",
    kind: "contacts",
    columns: "channel, address, contact_id, checksum = strowger_sum(channel, address, contact_id)",
    key: Some("channel, address"),
    read: |row| {
        let address = ContactAddress { channel: name(row, 0)?, address: row.get(1)? };
        sealed(row, 3, "contact", &address.address)?;
        Ok(Ok(Entry::Contact(address, name(row, 2)?)))
    },
};

pub(super) const LAST_AGENTS: Table = Table {
    name: "last_agent",
    kind: "last agents",
    columns: "contact_id, channel, agent, at_ms, \
              checksum = strowger_sum(contact_id, channel, agent, at_ms)",
    key: Some("contact_id, channel"),
    read: |row| {
        let contact = ContactOnChannel { contact_id: name(row, 0)?, channel: name(row, 1)? };
        let agent = AgentId::parse(row.get_ref(2)?.as_str()?).map_err(|error| error.to_string());
        sealed(row, 4, "last agent of", &contact.contact_id)?;
        let at_ms = row.get(3)?;
        Ok(agent.map(|agent| Entry::LastAgent(contact, LastAgent { agent, at_ms })))
    },
};

pub(super) const EXTERNALS: Table = Table {
    name: "external",
    kind: "platforms' ids",
    columns: "channel, external_id, interaction, end_ms, \
              checksum = strowger_sum(channel, external_id, interaction, end_ms)",
    key: Some("channel, external_id"),
    read: |row| {
        let key = ExternalId { channel: name(row, 0)?, id: row.get(1)? };
        let id = InteractionId::parse(row.get_ref(2)?.as_str()?).map_err(|error| error.to_string());
        sealed(row, 4, "platform's id", &key.id)?;
        let end_ms = row.get(3)?;
        Ok(id.map(|id| Entry::External(key, id, end_ms)))
    },
};

pub(super) const INTERACTIONS: Table = Table {
    name: "interaction",
    kind: "interactions",
    columns: "id, version, checksum, record, channel, number, listed_by, queue, since_ms, place, waits, \
              parent, ended_ms",
    key: None,
    read: |row| {
        Ok(match interaction(row)? {
            Ok(interaction) if interaction_agrees(row, &interaction)? => Ok(Entry::Interaction(interaction)),
            Ok(interaction) => Err(format!("interaction `{}` is not listed as what it is", interaction.id)),
            Err(error) => Err(error.to_string()),
        })
    },
};

pub(super) const DELIVERIES: Table = Table {
    name: "delivery",
    kind: "deliveries",
    columns: "id, version, checksum, record, channel, account, accepted_ms, settled, published, interaction, \
              end_ms",
    key: None,
    read: |row| {
        Ok(match delivery(row)? {
            Ok(delivery) if delivery_agrees(row, &delivery)? => {
                let settled = row.get::<_, Option<i64>>("settled")?.map(i64::unsigned_abs);
                Ok(Entry::Delivery { delivery, settled, end_ms: row.get("end_ms")? })
            }
            Ok(delivery) => Err(format!("delivery `{}` is not listed as what it is", delivery.id)),
            Err(error) => Err(error.to_string()),
        })
    },
};

pub(super) const REPLIES: Table = Table {
    name: "reply",
    kind: "replies",
    columns: "agent, request_id, fingerprint, reference_id, at_ms, \
              checksum = strowger_sum(agent, request_id, fingerprint, reference_id, at_ms)",
    key: Some("agent, request_id"),
    read: |row| {
        let agent = AgentId::parse(row.get_ref(0)?.as_str()?).map_err(|error| error.to_string());
        let request_id: std::sync::Arc<str> = row.get(1)?;
        sealed(row, 5, "reply to", &request_id)?;
        let reply = KeptReply {
            fingerprint: row.get(2)?,
            reference_id: row.get(3).map(i64::unsigned_abs)?,
            at_ms: row.get(4)?,
        };
        Ok(agent.map(|agent| Entry::Reply(RequestKey { agent, request_id }, reply)))
    },
};

pub(super) const PAUSES: Table = Table {
    name: "pause",
    kind: "pauses",
    columns: "channel, account, until_ms, held, checksum = strowger_sum(channel, account, until_ms, held)",
    key: Some("channel, account"),
    read: |row| Ok(pause(row)?.map(Entry::Pause).map_err(|error| error.to_string())),
};

/// In the order in which they were kept, which is that of their numbers for each agent but for a few.
pub(super) const NOTES: Table = Table {
    name: "note",
    kind: "notes",
    columns: "agent, sequence, topic, checksum, data",
    key: None,
    read: |row| {
        Ok(match note(row)? {
            Ok(note) => AgentId::parse(row.get_ref(0)?.as_str()?)
                .map(|agent| Entry::Note(agent, note))
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        })
    },
};

/// Whose notes there are, of which numbers, and whether they are as they were written.
pub(super) const NOTE_HEADS: Table<(AgentId, u64, bool)> = Table {
    name: NOTES.name,
    kind: NOTES.kind,
    columns: NOTES.columns,
    key: NOTES.key,
    read: |row| {
        let agent = AgentId::parse(row.get_ref(0)?.as_str()?).map_err(|error| error.to_string());
        let sequence = row.get(1).map(i64::unsigned_abs)?;
        let is_sound = matches!(note(row), Ok(Ok(_)));
        Ok(agent.map(|agent| (agent, sequence, is_sound)))
    },
};

/// Every table, in the order of an export.
pub(super) const ALL: [&Table; 9] =
    [&AGENTS, &CONTACTS, &LAST_AGENTS, &EXTERNALS, &INTERACTIONS, &DELIVERIES, &REPLIES, &PAUSES, &NOTES];

/// A row's own checksum, as an error where it is another.
fn sealed(row: &Row<'_>, column: usize, kind: &str, name: &str) -> rusqlite::Result<()> {
    intact(row, column, kind, name)
        .map_err(|error| rusqlite::Error::UserFunctionError(error.to_string().into()))
}

fn interaction_agrees(row: &Row<'_>, interaction: &Interaction) -> rusqlite::Result<bool> {
    let columns = Columns::of(interaction);
    Ok(row.get_ref("channel")?.as_str()? == &*interaction.channel
        && row.get::<_, i64>("number")?.unsigned_abs() == interaction.number
        && row.get_ref("listed_by")?.as_str_or_null()? == columns.listed_by
        && row.get_ref("queue")?.as_str_or_null()? == columns.queue
        && row.get::<_, Option<i64>>("since_ms")? == columns.since_ms
        && row.get::<_, Option<i64>>("place")?.map(i64::unsigned_abs) == columns.place
        && row.get::<_, bool>("waits")? == columns.waits
        && row.get_ref("parent")?.as_str_or_null()? == columns.parent
        && row.get::<_, Option<i64>>("ended_ms")? == columns.ended_ms)
}

fn delivery_agrees(row: &Row<'_>, delivery: &Delivery) -> rusqlite::Result<bool> {
    let interaction = delivery.interaction.as_ref().map(InteractionId::as_str);
    Ok(row.get_ref("channel")?.as_str()? == &*delivery.channel
        && row.get_ref("account")?.as_str()? == &*delivery.account
        && row.get::<_, i64>("accepted_ms")? == delivery.accepted_ms
        && row.get::<_, Option<i64>>("settled")?.is_some() == (delivery.stage == Stage::Settled)
        && row.get_ref("published")?.as_str_or_null()? == delivery.published_id()
        && row.get_ref("interaction")?.as_str_or_null()? == interaction)
}

impl<T> Table<T> {
    /// Reads every row in order. The first error of the file ends it; what `take` fails with ends it, too.
    pub(super) fn each<E: From<rusqlite::Error>>(
        &self,
        connection: &Connection,
        observer: Observer<'_>,
        mut take: impl FnMut(Result<T, String>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut counted = Counted::new(self, connection, observer);
        let order = self.key.unwrap_or("rowid");
        let query = format!("SELECT {} FROM {} NOT INDEXED ORDER BY {order}", self.columns, self.name);
        let mut statement = connection.prepare(&query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            counted.one();
            take(self.entry(row))?;
        }
        Ok(())
    }

    /// Reads every row that can be read. Gives the file's errors.
    pub(super) fn each_readable<E>(
        &self,
        connection: &Connection,
        observer: Observer<'_>,
        mut take: impl FnMut(Result<T, String>) -> Result<(), E>,
    ) -> Result<Vec<String>, E> {
        let mut counted = Counted::new(self, connection, observer);
        let mut take = |entry| {
            counted.one();
            take(entry)
        };
        match self.key {
            Some(key) => self.both_ends(connection, key, &mut take),
            None => self.around_gaps(connection, &mut take),
        }
    }

    fn entry(&self, row: &Row<'_>) -> Result<T, String> {
        (self.read)(row).unwrap_or_else(|error| Err(format!("{}: {error}", self.name)))
    }

    /// A table without row numbers: from its beginning and from its end up to what can't be read.
    fn both_ends<E>(
        &self,
        connection: &Connection,
        key: &str,
        take: &mut dyn FnMut(Result<T, String>) -> Result<(), E>,
    ) -> Result<Vec<String>, E> {
        let mut problems = Vec::new();
        let mut seen = HashSet::new();
        for direction in ["ASC", "DESC"] {
            let order: Vec<_> = key.split(", ").map(|column| format!("{column} {direction}")).collect();
            let query = format!("SELECT {} FROM {} ORDER BY {}", self.columns, self.name, order.join(", "));
            let read = (|| -> rusqlite::Result<Result<bool, E>> {
                let mut statement = connection.prepare(&query)?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let names: Vec<_> =
                        (0..order.len()).map(|column| format!("{:?}", row.get_ref(column))).collect();
                    if !seen.insert(names) {
                        return Ok(Ok(true));
                    }
                    if let Err(error) = take(self.entry(row)) {
                        return Ok(Err(error));
                    }
                }
                Ok(Ok(true))
            })();
            match read {
                Ok(Ok(_)) => break,
                Ok(Err(error)) => return Err(error),
                Err(error) => problems.push(format!("{}: {error}", self.name)),
            }
        }
        Ok(problems)
    }

    /// A table with row numbers: what can't be read is passed over.
    fn around_gaps<E>(
        &self,
        connection: &Connection,
        take: &mut dyn FnMut(Result<T, String>) -> Result<(), E>,
    ) -> Result<Vec<String>, E> {
        let mut problems = Vec::new();
        let last = format!("SELECT rowid FROM {} NOT INDEXED ORDER BY rowid DESC LIMIT 1", self.name);
        let last = connection.query_row(&last, [], |row| row.get(0)).unwrap_or(1_i64 << 40);
        let mut next = 0_i64;
        while next <= last {
            match self.starting_at(connection, &mut next, take) {
                Ok(Ok(())) => break,
                Ok(Err(error)) => return Err(error),
                Err(error) => problems.push(format!("{}: {error}", self.name)),
            }
            let Some(after) = self.after_gap(connection, next, last) else { break };
            next = after;
        }
        Ok(problems)
    }

    /// Reads from a row number on; `next` is then the one after the last that was read.
    fn starting_at<E>(
        &self,
        connection: &Connection,
        next: &mut i64,
        take: &mut dyn FnMut(Result<T, String>) -> Result<(), E>,
    ) -> rusqlite::Result<Result<(), E>> {
        let query = format!(
            "SELECT {}, rowid AS row_number FROM {} NOT INDEXED WHERE rowid >= ? ORDER BY rowid",
            self.columns, self.name
        );
        let mut statement = connection.prepare(&query)?;
        let mut rows = statement.query([*next])?;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get("row_number")?;
            // Damaged pages may lead back to themselves.
            if number < *next {
                return Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
                    Some(format!("row {number} stands behind row {}", *next - 1)),
                ));
            }
            *next = number.saturating_add(1);
            if let Err(error) = take(self.entry(row)) {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    /// The first row behind `from` that can be found again. Damaged row numbers may be far apart: steps are from row
    /// to row, not from number to number.
    fn after_gap(&self, connection: &Connection, from: i64, last: i64) -> Option<i64> {
        let query =
            format!("SELECT rowid FROM {} NOT INDEXED WHERE rowid >= ? ORDER BY rowid LIMIT 1", self.name);
        let found = |number: i64| -> Option<i64> {
            let row = connection.query_row(&query, [number], |row| row.get(0)).ok()?;
            (row >= number).then_some(row)
        };
        let (mut step, mut fails) = (1_i64, from);
        let (mut works_from, mut row) = loop {
            let number = from.saturating_add(step);
            if number > last {
                // The last one may stand alone behind the gap.
                return found(last).filter(|row| *row > from);
            }
            if let Some(row) = found(number) {
                break (number, row);
            }
            step = step.saturating_mul(2);
        };
        while works_from - fails > 1 {
            let middle = fails + (works_from - fails) / 2;
            match found(middle) {
                Some(found) => (works_from, row) = (middle, found),
                None => fails = middle,
            }
        }
        Some(row)
    }
}

/// Tells an observer now and then.
struct Counted<'a> {
    observer: Observer<'a>,
    progress: Progress,
}

impl<'a> Counted<'a> {
    const EVERY: u64 = 10_000;

    fn new<T>(table: &Table<T>, connection: &Connection, observer: Observer<'a>) -> Self {
        let of = connection
            .query_row(&format!("SELECT count(*) FROM {}", table.name), [], |row| row.get::<_, i64>(0))
            .map_or(0, i64::unsigned_abs);
        Self { observer, progress: Progress { what: table.kind, done: 0, of } }
    }

    fn one(&mut self) {
        self.progress.done += 1;
        if self.progress.done.is_multiple_of(Self::EVERY) {
            (self.observer)(self.progress);
        }
    }
}
