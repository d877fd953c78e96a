//! Reads a whole file, and says what is wrong with it.

use rusqlite::{Connection, Row};

use super::write::Standing;
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
    records(connection, "interaction", super::interaction, &mut problems)?;
    records(connection, "delivery", super::delivery, &mut problems)?;

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

fn records<T>(
    connection: &Connection,
    table: &str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<Result<T, StoreError>>,
    problems: &mut Vec<String>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("SELECT id, version, checksum, record FROM {table}"))?;
    for record in statement.query_map([], read)? {
        if problems.len() >= MOST {
            break;
        }
        problems.extend(record?.err().map(|error| error.to_string()));
    }
    Ok(())
}
