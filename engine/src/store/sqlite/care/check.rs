//! Reads a whole file, and says what is wrong with it.

use rusqlite::Connection;

use super::rows::{ALL, INTERACTIONS, REPLIES, Table};
use super::{Observer, Progress};
use crate::store::sqlite::write::Standing;

/// The most problems that are told.
const MOST: usize = 20;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What is wrong, the first twenty of each kind.
    pub problems: Vec<String>,
    /// How many problems there are; the structure's and those between records are counted up to twenty.
    pub problem_count: u64,
    /// What can be read, kind by kind.
    pub tables: Vec<TableFindings>,
}

/// What was found of one kind of record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFindings {
    /// Its name.
    pub kind: &'static str,
    /// Records that are as they were written.
    pub sound: u64,
    /// Records that are not.
    pub damaged: u64,
    /// Whether all of them were reached. If not, some are lost, and nobody knows how many.
    pub is_whole: bool,
}

impl Findings {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    fn add(&mut self, problems: impl IntoIterator<Item = String>) {
        for (problem, number) in problems.into_iter().zip(1..) {
            self.problem_count += 1;
            if number <= MOST {
                self.problems.push(problem);
            }
        }
    }
}

/// Everything about a file that nobody changes.
pub(super) fn findings(connection: &Connection, of_journal: &[String], observer: Observer<'_>) -> Findings {
    observer(Progress { what: "pages", done: 0, of: 0 });
    let mut findings = structure(connection);
    findings.add(of_journal.iter().cloned());
    let is_whole = findings.is_sound();
    records(connection, &mut findings, observer);
    let between = sums(connection, &findings.tables).and_then(|mut problems| {
        // Between damaged records there is nothing to compare.
        if is_whole && findings.is_sound() {
            problems.extend(between(connection)?);
        }
        Ok(problems)
    });
    findings.add(between.unwrap_or_else(|error| vec![error.to_string()]));
    findings
}

/// The structure, every record, and the sums, of a file that may be in use; gives the first problems.
pub(in crate::store::sqlite) fn problems(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    // One snapshot: sums and rows must be of the same moment.
    connection.execute_batch("BEGIN")?;
    let mut findings = structure(connection);
    records(connection, &mut findings, &mut |_| {});
    let sums = sums(connection, &findings.tables);
    findings.add(sums.unwrap_or_else(|error| vec![error.to_string()]));
    connection.execute_batch("ROLLBACK")?;
    findings.problems.truncate(MOST);
    Ok(findings.problems)
}

/// What is wrong with a new file that was just written.
pub(super) fn of_import(connection: &Connection, observer: Observer<'_>) -> Vec<String> {
    findings(connection, &[], observer).problems
}

pub(in crate::store::sqlite) fn structure(connection: &Connection) -> Findings {
    let mut findings = Findings::default();
    let problems = (|| {
        let mut statement = connection.prepare(&format!("PRAGMA integrity_check({MOST})"))?;
        statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()
    })();
    let problems = problems.unwrap_or_else(|error| vec![error.to_string()]);
    findings.add(problems.into_iter().filter(|problem| problem != "ok"));
    findings
}

fn records(connection: &Connection, findings: &mut Findings, observer: Observer<'_>) {
    for table in ALL {
        let mut of_table = TableFindings { kind: table.kind, sound: 0, damaged: 0, is_whole: true };
        let mut problems = Vec::new();
        let read = table.each_readable(connection, observer, |entry| {
            match entry {
                Ok(_) => of_table.sound += 1,
                Err(problem) => {
                    of_table.damaged += 1;
                    if problems.len() < MOST {
                        problems.push(problem);
                    }
                }
            }
            Ok::<_, std::convert::Infallible>(())
        });
        let Ok(gaps) = read;
        of_table.is_whole = gaps.is_empty();
        findings.problem_count += of_table.damaged.saturating_sub(problems.len() as u64);
        findings.add(problems.into_iter().chain(gaps));
        findings.tables.push(of_table);
    }
}

/// Sums that don't fit what is there.
fn sums(connection: &Connection, tables: &[TableFindings]) -> rusqlite::Result<Vec<String>> {
    let standing = Standing::read(connection)?;
    let number = |query: &str| {
        connection
            .query_row(query, [], |row| row.get::<_, Option<i64>>(0))
            .map(|number| number.map_or(0, i64::unsigned_abs))
    };
    let found = |table: &Table| {
        tables.iter().find(|findings| findings.kind == table.kind).map_or(0, |it| it.sound + it.damaged)
    };
    let mut problems = Vec::new();
    for (name, told, found) in [
        ("interactions", standing.interactions, found(&INTERACTIONS)),
        ("replies", standing.replies, found(&REPLIES)),
        (
            "ended interactions",
            standing.ended,
            number("SELECT count(*) FROM interaction NOT INDEXED WHERE ended_ms IS NOT NULL")?,
        ),
        (
            "settled deliveries",
            standing.settled,
            number("SELECT count(*) FROM delivery NOT INDEXED WHERE settled IS NOT NULL")?,
        ),
    ] {
        if told != found {
            problems.push(format!("there should be {told} {name}, there are {found}"));
        }
    }
    for (name, told, found) in [
        ("number", standing.highest_number, number("SELECT max(max(number), max(place)) FROM interaction")?),
        ("settled delivery", standing.last_settled, number("SELECT max(settled) FROM delivery")?),
    ] {
        if told < found {
            problems.push(format!("the highest {name} should be {told}, there is {found}"));
        }
    }
    Ok(problems)
}

/// Records that contradict each other.
fn between(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    const RULES: [(&str, &str); 6] = [
        (
            "interaction `{}` is Sent, and no delivery under way is its",
            "SELECT id FROM interaction WHERE ended_ms IS NULL AND record ->> 'state' = 'Sent' \
             AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.id = interaction.record ->> 'delivery' \
             AND delivery.settled IS NULL AND delivery.interaction = interaction.id)",
        ),
        (
            "delivery `{}` is under way, and its interaction is missing",
            "SELECT id FROM delivery WHERE settled IS NULL AND interaction IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM interaction WHERE interaction.id = delivery.interaction)",
        ),
        (
            "delivery `{}` publishes a message, and its interaction is not on its way with it",
            "SELECT id FROM delivery WHERE settled IS NULL AND record -> 'operation' IS NULL \
             AND EXISTS (SELECT 1 FROM interaction WHERE interaction.id = delivery.interaction \
             AND (record ->> 'state' != 'Sent' OR record ->> 'delivery' IS NOT delivery.id))",
        ),
        (
            "the platform's id `{}` stands for an interaction that is missing",
            "SELECT external_id FROM external WHERE end_ms IS NULL \
             AND NOT EXISTS (SELECT 1 FROM interaction WHERE id = external.interaction)",
        ),
        (
            "agent `{}` gave a referenceId that is not counted",
            "SELECT DISTINCT delivery.record ->> 'agent' FROM delivery \
             LEFT JOIN agent ON agent.id = delivery.record ->> 'agent' \
             WHERE ifnull(agent.reference_id, 0) < delivery.record ->> 'referenceId'",
        ),
        (
            "agent `{}` has notes, and is not followed from before them on",
            "SELECT DISTINCT note.agent FROM note LEFT JOIN agent ON agent.id = note.agent \
             WHERE agent.followed_after IS NULL OR note.sequence <= agent.followed_after",
        ),
    ];
    let mut problems = Vec::new();
    for (rule, query) in RULES {
        let mut statement = connection.prepare(&format!("{query} LIMIT {MOST}"))?;
        for name in statement.query_map([], |row| row.get::<_, String>(0))? {
            problems.push(rule.replace("{}", &name?));
        }
    }
    Ok(problems)
}
