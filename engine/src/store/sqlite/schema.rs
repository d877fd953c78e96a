//! The tables, by format. A file of an earlier format is brought up step by step when it is opened, each
//! step a transaction of its own; a file of a later one is refused.

use rusqlite::{Connection, TransactionBehavior};

/// Marks a file as ours: `STRW`.
pub(super) const APPLICATION_ID: i64 = 0x5354_5257;

/// The steps: the first makes format 1 of an empty file, the next format 2 of that, and so on. What is
/// written here once is never changed.
const STEPS: &[&str] = &[
    // 1
    "
    CREATE TABLE standing (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        highest_number INTEGER NOT NULL,
        interactions INTEGER NOT NULL,
        settled INTEGER NOT NULL,
        last_settled INTEGER NOT NULL,
        flushes_proved INTEGER NOT NULL
    ) STRICT;
    INSERT INTO standing VALUES (1, 0, 0, 0, 0, 0);

    CREATE TABLE interaction (
        id TEXT NOT NULL UNIQUE,
        version INTEGER NOT NULL,
        number INTEGER NOT NULL,
        channel TEXT NOT NULL,
        listed_by TEXT,
        queue TEXT,
        since_ms INTEGER,
        place INTEGER,
        waits INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX interaction_listed ON interaction (listed_by, channel, number) WHERE listed_by IS NOT NULL;
    CREATE INDEX interaction_queue ON interaction (queue, since_ms, place) WHERE queue IS NOT NULL;
    CREATE INDEX interaction_waiting ON interaction (queue, since_ms, place) WHERE waits = 1;

    CREATE TABLE delivery (
        id TEXT NOT NULL UNIQUE,
        version INTEGER NOT NULL,
        channel TEXT NOT NULL,
        account TEXT NOT NULL,
        accepted_ms INTEGER NOT NULL,
        settled INTEGER,
        published TEXT,
        checksum INTEGER NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX delivery_unsettled ON delivery (accepted_ms, id) WHERE settled IS NULL;
    CREATE UNIQUE INDEX delivery_settled ON delivery (settled) WHERE settled IS NOT NULL;
    CREATE INDEX delivery_published ON delivery (channel, account, accepted_ms) WHERE published IS NOT NULL;

    CREATE TABLE contact (
        channel TEXT NOT NULL,
        address TEXT NOT NULL,
        contact_id TEXT NOT NULL,
        PRIMARY KEY (channel, address)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE last_agent (
        contact_id TEXT NOT NULL,
        channel TEXT NOT NULL,
        agent TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (contact_id, channel)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE external (
        channel TEXT NOT NULL,
        external_id TEXT NOT NULL,
        interaction TEXT NOT NULL,
        PRIMARY KEY (channel, external_id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE agent (
        id TEXT NOT NULL PRIMARY KEY,
        reference_id INTEGER NOT NULL,
        focus TEXT
    ) STRICT, WITHOUT ROWID;
    ",
    // 2: replies to requests that named themselves
    "
    ALTER TABLE standing ADD COLUMN replies INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE reply (
        agent TEXT NOT NULL,
        request_id TEXT NOT NULL,
        fingerprint BLOB NOT NULL,
        reference_id INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (agent, request_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX reply_by_age ON reply (at_ms, agent, request_id);
    ",
    // 3: agents' latest notes. The table keeps its rowid: those who share a flush write to its end.
    "
    ALTER TABLE agent ADD COLUMN followed_after INTEGER;
    CREATE TABLE note (
        agent TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        topic TEXT NOT NULL,
        checksum INTEGER NOT NULL,
        data TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX note_of_agent ON note (agent, sequence);
    ",
    // 4: a checksum for every record; what has ended, and what is still needed of it; accounts that are
    // left alone. What ended before that was kept counts as ended when it came to be.
    "
    ALTER TABLE standing ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE standing ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;

    ALTER TABLE interaction ADD COLUMN parent TEXT;
    ALTER TABLE interaction ADD COLUMN ended_ms INTEGER;
    UPDATE interaction SET parent = record ->> 'parentId' WHERE json_valid(record);
    UPDATE interaction SET ended_ms = record ->> 'createdMs'
        WHERE json_valid(record) AND record ->> 'state' IN ('Completed', 'Canceled');
    CREATE INDEX interaction_ended ON interaction (ended_ms, number) WHERE ended_ms IS NOT NULL;
    CREATE INDEX interaction_answers ON interaction (parent) WHERE parent IS NOT NULL AND ended_ms IS NULL;

    ALTER TABLE delivery ADD COLUMN interaction TEXT;
    ALTER TABLE delivery ADD COLUMN end_ms INTEGER;
    UPDATE delivery SET interaction = record ->> 'interaction' WHERE json_valid(record);
    CREATE INDEX delivery_of ON delivery (interaction) WHERE interaction IS NOT NULL;
    CREATE INDEX delivery_end ON delivery (end_ms, id) WHERE end_ms IS NOT NULL;

    ALTER TABLE external ADD COLUMN end_ms INTEGER;
    CREATE INDEX external_of ON external (interaction);
    CREATE INDEX external_end ON external (end_ms, channel, external_id) WHERE end_ms IS NOT NULL;

    CREATE TABLE pause (
        channel TEXT NOT NULL,
        account TEXT NOT NULL,
        until_ms INTEGER,
        held INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        PRIMARY KEY (channel, account)
    ) STRICT, WITHOUT ROWID;

    ALTER TABLE contact ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE last_agent ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE external ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE agent ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE reply ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
    UPDATE contact SET checksum = strowger_sum(channel, address, contact_id);
    UPDATE last_agent SET checksum = strowger_sum(contact_id, channel, agent, at_ms);
    UPDATE external SET checksum = strowger_sum(channel, external_id, interaction, end_ms);
    UPDATE agent SET checksum = strowger_sum(id, reference_id, focus, followed_after);
    UPDATE reply SET checksum = strowger_sum(agent, request_id, fingerprint, reference_id, at_ms);
    UPDATE standing SET ended = (SELECT count(*) FROM interaction WHERE ended_ms IS NOT NULL);
    UPDATE standing SET
        checksum = strowger_sum(highest_number, interactions, settled, last_settled, replies, ended);
    ",
    // 5: commits that are on disk and not yet in the tables, a group in a row
    "
    CREATE TABLE journal (
        number INTEGER PRIMARY KEY,
        lines TEXT NOT NULL
    ) STRICT;
    ",
    // 6: the same on pages that are written over. The table before is read where an earlier version left it.
    "
    CREATE TABLE journal_page (
        number INTEGER PRIMARY KEY,
        bytes BLOB NOT NULL
    ) STRICT;
    ",
];

/// The latest format.
pub(super) fn known() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Brings a file from format `found` (0 is an empty file) to the latest.
pub(super) fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    let done = usize::try_from(found).unwrap_or(0);
    for (step, format) in STEPS.iter().zip(1_i64..).skip(done) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", format)?;
        crate::failpoint::reach("in-migration");
        transaction.commit()?;
    }
    Ok(())
}
