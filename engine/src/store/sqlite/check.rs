//! Reads a whole file, and says what is wrong with it.

use rusqlite::{Connection, Row};

use super::write::{Columns, Standing};
use crate::delivery::{Delivery, Stage};
use crate::interaction::Interaction;
use crate::store::StoreError;

/// The most problems that are told.
const MOST: usize = 20;

pub(super) fn problems(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    // One snapshot: sums and rows must be of the same moment.
    connection.execute_batch("BEGIN")?;
    let found = find(connection);
    connection.execute_batch("ROLLBACK")?;
    found
}

fn find(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({MOST})"))?;
    for problem in statement.query_map([], |row| row.get::<_, String>(0))? {
        problems.extend(Some(problem?).filter(|problem| problem != "ok"));
    }
    let shown = "id, version, checksum, record, channel, number, listed_by, queue, since_ms, place, waits";
    records(connection, "interaction", shown, &mut problems, |row| {
        super::interaction(row)?
            .map_or_else(|error| Ok(Err(error)), |interaction| interaction_agrees(row, &interaction).map(Ok))
    })?;
    let shown = "id, version, checksum, record, channel, account, accepted_ms, settled, published";
    records(connection, "delivery", shown, &mut problems, |row| {
        super::delivery(row)?
            .map_or_else(|error| Ok(Err(error)), |delivery| delivery_agrees(row, &delivery).map(Ok))
    })?;
    records(connection, "note", "agent, sequence, topic, checksum, data", &mut problems, |row| {
        Ok(super::note::note(row)?.map(|_| true))
    })?;

    let count =
        |query: &str| connection.query_row(query, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    let standing = Standing::read(connection)?;
    for (name, told, found) in [
        ("interactions", standing.interactions, count("SELECT count(*) FROM interaction")?),
        (
            "settled deliveries",
            standing.settled,
            count("SELECT count(*) FROM delivery WHERE settled IS NOT NULL")?,
        ),
        ("replies", standing.replies, count("SELECT count(*) FROM reply")?),
    ] {
        if told != found {
            problems.push(format!("there should be {told} {name}, there are {found}"));
        }
    }
    problems.truncate(MOST);
    Ok(problems)
}

fn interaction_agrees(row: &Row<'_>, interaction: &Interaction) -> rusqlite::Result<bool> {
    let columns = Columns::of(interaction);
    Ok(row.get_ref("channel")?.as_str()? == &*interaction.channel
        && row.get::<_, i64>("number")?.unsigned_abs() == interaction.number
        && row.get_ref("listed_by")?.as_str_or_null()? == columns.listed_by
        && row.get_ref("queue")?.as_str_or_null()? == columns.queue
        && row.get::<_, Option<i64>>("since_ms")? == columns.since_ms
        && row.get::<_, Option<i64>>("place")?.map(i64::unsigned_abs) == columns.place
        && row.get::<_, bool>("waits")? == columns.waits)
}

fn delivery_agrees(row: &Row<'_>, delivery: &Delivery) -> rusqlite::Result<bool> {
    Ok(row.get_ref("channel")?.as_str()? == &*delivery.channel
        && row.get_ref("account")?.as_str()? == &*delivery.account
        && row.get::<_, i64>("accepted_ms")? == delivery.accepted_ms
        && row.get::<_, Option<i64>>("settled")?.is_some() == (delivery.stage == Stage::Settled)
        && row.get_ref("published")?.as_str_or_null()? == delivery.published_id())
}

/// Reads every record; `agrees` tells whether its columns say the same as the record.
fn records(
    connection: &Connection,
    table: &str,
    shown: &str,
    problems: &mut Vec<String>,
    agrees: impl Fn(&Row<'_>) -> rusqlite::Result<Result<bool, StoreError>>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("SELECT {shown} FROM {table}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if problems.len() >= MOST {
            break;
        }
        let id = String::from_utf8_lossy(row.get_ref(0)?.as_bytes().unwrap_or_default());
        match agrees(row) {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => problems.push(format!("{table} `{id}` is not listed as what it is")),
            Ok(Err(error)) => problems.push(error.to_string()),
            Err(error) => problems.push(format!("{table} `{id}`: {error}")),
        }
    }
    Ok(())
}
