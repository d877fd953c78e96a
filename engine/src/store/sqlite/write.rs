//! Commits, checked and written one by one, flushed together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, Params, params};

use super::group::Finished;
use super::journal;
use super::line::Pending;
use super::open::{PATIENCE, prove_flush};
use super::overlay::Overlay;
use super::pages;
use super::record::{write_delivery, write_interaction};
use super::{failed, note, number};
use crate::config::Limits;
use crate::delivery::{Delivery, Stage};
use crate::interaction::{AgentId, Interaction, InteractionId};
use crate::lifecycle::State;
use crate::store::{
    AccountPause, AgentChange, AgentRecord, Commit, CommitError, ContactAddress, ContactOnChannel,
    ExternalId, KeptReply, LastAgent, PauseChange, Pruned, RequestKey, StoreError, queue_order,
};

pub(super) type Outcome = Result<(), CommitError>;

/// The one connection that writes.
pub(super) struct Writer {
    pub(super) connection: Connection,
    limits: Bounds,
    pub(super) standing: Standing,
    /// A flush failed: what was written with it may stand at the end of the log. Before anything else is
    /// accepted that end is written over, and flushed.
    ///
    /// The connection goes on: it still knows where the good part of the log ends. A new one would read the
    /// log from the disk, and take the end for good.
    is_in_doubt: bool,
    /// What the last commit that pruned has forgotten.
    pub(super) pruned: Pruned,
    /// Groups that were flushed.
    pub(super) flushes: Arc<AtomicU64>,
    /// What the journal holds. Only this writer changes it, and only after a flush.
    pub(super) overlay: Arc<RwLock<Overlay>>,
    /// Where it ends.
    journal_end: pages::End,
    /// A write has begun, and not come back: after a panic nobody knows what it has done.
    is_writing: bool,
}

struct Bounds {
    interactions: u64,
    settled: u64,
    replies: u64,
}

/// Sums that would be slow to reckon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) highest_number: u64,
    pub(super) interactions: u64,
    pub(super) settled: u64,
    pub(super) last_settled: u64,
    pub(super) replies: u64,
    pub(super) ended: u64,
}

impl Standing {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let query = "SELECT highest_number, interactions, settled, last_settled, replies, ended, checksum = \
                     strowger_sum(highest_number, interactions, settled, last_settled, replies, ended) \
                     FROM standing";
        connection.query_row(query, [], |row| {
            let at = |index| row.get(index).map(i64::unsigned_abs);
            if !row.get::<_, bool>(6)? {
                let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
                let problem = "the sums' bytes are not those that were written".to_owned();
                return Err(rusqlite::Error::SqliteFailure(corrupt, Some(problem)));
            }
            Ok(Self {
                highest_number: at(0)?,
                interactions: at(1)?,
                settled: at(2)?,
                last_settled: at(3)?,
                replies: at(4)?,
                ended: at(5)?,
            })
        })
    }

    pub(super) fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        let query = "UPDATE standing SET highest_number = ?1, interactions = ?2, settled = ?3, \
                     last_settled = ?4, replies = ?5, ended = ?6, \
                     checksum = strowger_sum(?1, ?2, ?3, ?4, ?5, ?6)";
        run(
            connection,
            query,
            params![
                number(self.highest_number)?,
                number(self.interactions)?,
                number(self.settled)?,
                number(self.last_settled)?,
                number(self.replies)?,
                number(self.ended)?
            ],
        )
    }
}

impl Writer {
    /// Also writes to the tables what a killed process left in the journal.
    pub(super) fn new(connection: Connection, limits: &Limits) -> rusqlite::Result<Self> {
        let (overlay, journal_end, problems) = journal::read(&connection);
        if !problems.is_empty() {
            return Err(journal::damaged(&problems));
        }
        Ok(Self {
            standing: Standing::read(&connection)?,
            connection,
            limits: Bounds {
                interactions: limits.interactions as u64,
                settled: limits.settled as u64,
                replies: limits.replies as u64,
            },
            is_in_doubt: false,
            pruned: Pruned::default(),
            flushes: Arc::default(),
            overlay: Arc::new(RwLock::new(overlay)),
            journal_end,
            is_writing: false,
        })
    }

    /// Writes and flushes; gives each commit its own result. Those who are finished are told on the way.
    pub(super) fn write(
        &mut self,
        commits: &mut [Pending],
        finished: &mut Finished<Pending>,
    ) -> Vec<Outcome> {
        let mut results = Vec::with_capacity(commits.len());
        self.is_writing = true;
        let written = self.write_all(commits, &mut results, finished);
        self.is_writing = false;
        if let Err(error) = written {
            // What was to be flushed is lost; a refusal stays one.
            results.resize(commits.len(), Ok(()));
            for result in &mut results {
                if result.is_ok() {
                    *result = Err(error.clone().into());
                }
            }
        }
        results
    }

    /// Writes what the journal holds to the tables.
    pub(super) fn settle(&mut self) -> Result<(), StoreError> {
        if self.overlay.read().is_empty() {
            return Ok(());
        }
        if self.is_writing {
            return Err(StoreError::new("an earlier write panicked: open the store again"));
        }
        self.is_writing = true;
        let written = self.write_all(&mut [], &mut Vec::new(), &mut Finished::default());
        self.is_writing = false;
        written
    }

    fn write_all(
        &mut self,
        commits: &mut [Pending],
        results: &mut Vec<Outcome>,
        finished: &mut Finished<Pending>,
    ) -> Result<(), StoreError> {
        if self.is_in_doubt {
            finished.tell();
            self.settle_doubt()?;
        }
        self.begin(finished)?;
        let before = self.standing;
        let staged = self.staged(commits);
        let written = if let Some(staged) = &staged {
            let end = self.journal_end.append(&self.connection, &staged.lines);
            end.inspect(|_| results.resize(commits.len(), Ok(())))
        } else {
            // Much may have to be written to the tables.
            finished.tell();
            self.write_each(commits, results)
        };
        // `SQLite` undoes everything itself when it meets certain failures.
        let is_lost = self.connection.is_autocommit();
        let is_void = !commits.is_empty() && results.iter().all(Result::is_err);
        let journal_end = match written {
            Ok(end) if !is_lost && !is_void => end,
            written => {
                self.standing = before;
                self.undo();
                written?;
                return if is_lost { Err(StoreError::new("the changes were undone")) } else { Ok(()) };
            }
        };
        finished.tell();
        crate::failpoint::reach("before-flush");
        if let Err(error) = run(&self.connection, "COMMIT", []) {
            self.standing = before;
            self.undo();
            self.is_in_doubt = true;
            // At once, so that nothing is left behind if the process ends; else before the next commit.
            if let Err(error) = self.settle_doubt() {
                tracing::error!(%error, "the store takes no changes");
            }
            return Err(error);
        }
        match staged {
            Some(staged) => staged.become_part_of(&mut self.overlay.write(), commits),
            None => self.overlay.write().empty(),
        }
        self.journal_end = journal_end;
        self.flushes.fetch_add(1, Ordering::Relaxed);
        crate::failpoint::reach("after-flush");
        Ok(())
    }

    /// Begins a transaction. If a program of the operator's is in the way, those who are finished don't wait for it.
    fn begin(&self, finished: &mut Finished<Pending>) -> Result<(), StoreError> {
        let mut begin = prepared(&self.connection, "BEGIN IMMEDIATE")?;
        self.connection.busy_timeout(Duration::ZERO).map_err(failed)?;
        let begun = begin.execute([]);
        self.connection.busy_timeout(PATIENCE).map_err(failed)?;
        match begun {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                finished.tell();
                begin.execute([]).map_err(failed)?;
            }
            begun => {
                begun.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Writes to the tables: what the journal holds, and then each commit. Gives where the journal ends then.
    fn write_each(
        &mut self,
        commits: &[Pending],
        results: &mut Vec<Outcome>,
    ) -> Result<pages::End, StoreError> {
        let before = self.standing;
        let overlay = self.overlay.read();
        let journal_end = if overlay.is_empty() {
            self.journal_end
        } else {
            overlay.absorb(&self.connection)?;
            if commits.is_empty() {
                journal::clear(&self.connection)?
            } else {
                self.journal_end.begin_anew(&self.connection)?
            }
        };
        drop(overlay);
        for Pending { commit, .. } in commits {
            let standing = self.standing;
            run(&self.connection, "SAVEPOINT one", [])?;
            let result = self.write_one(commit);
            if result.is_err() {
                self.standing = standing;
            }
            let undone = if result.is_ok() { Ok(()) } else { run(&self.connection, "ROLLBACK TO one", []) };
            undone.and_then(|()| run(&self.connection, "RELEASE one", [])).map_err(
                |error| match &result {
                    // The transaction is gone with the first failure: that one is worth telling.
                    Err(CommitError::Failed(first)) => first.clone(),
                    _ => error,
                },
            )?;
            results.push(result);
        }
        if self.standing != before {
            self.standing.write(&self.connection)?;
        }
        Ok(journal_end)
    }

    /// Ends a transaction that came to nothing.
    fn undo(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be undone");
        }
    }

    fn settle_doubt(&mut self) -> Result<(), StoreError> {
        if self.is_in_doubt {
            prove_flush(&self.connection).map_err(|error| {
                self.undo();
                failed(error)
            })?;
            self.is_in_doubt = false;
        }
        Ok(())
    }

    fn write_one(&mut self, commit: &Commit) -> Outcome {
        let connection = &self.connection;
        let (mut new, mut ended, mut had_ended) = (0, 0, 0);
        for interaction in &commit.interactions {
            let query = "SELECT version, ended_ms IS NOT NULL FROM interaction WHERE id = ?";
            let stored = prepared(connection, query)?
                .query_row([interaction.id.as_str()], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?))
                })
                .optional()
                .map_err(failed)?;
            let version = stored.map(|(version, _)| version.unsigned_abs());
            check_version(interaction.id, interaction.version, version)?;
            new += u64::from(stored.is_none());
            ended += u64::from(interaction.has_ended());
            had_ended += u64::from(stored.is_some_and(|(_, had_ended)| had_ended));
        }
        for delivery in &commit.deliveries {
            let stored = version(connection, "SELECT version FROM delivery WHERE id = ?", delivery.id)?;
            check_version(delivery.id, delivery.version, stored)?;
        }
        if contradicts(connection, commit)? {
            return Err(CommitError::Conflict);
        }
        if new > 0 && self.standing.interactions + new > self.limits.interactions {
            return Err(CommitError::Full);
        }

        self.standing.interactions += new;
        self.standing.ended = (self.standing.ended + ended).saturating_sub(had_ended);
        for interaction in &commit.interactions {
            let placed = interaction.placement.as_ref().map_or(0, |placement| placement.number);
            let highest = self.standing.highest_number.max(interaction.number).max(placed);
            self.standing.highest_number = highest;
            put_interaction(connection, interaction)?;
        }
        for delivery in &commit.deliveries {
            if delivery.stage == Stage::Settled {
                self.standing.settled += 1;
                self.standing.last_settled += 1;
            }
            put_delivery(connection, delivery, self.standing.last_settled)?;
        }
        for (address, contact_id) in &commit.contacts {
            put_contact(connection, address, contact_id)?;
        }
        if let Some((contact, last)) = &commit.last_agent {
            put_last_agent(connection, contact, last)?;
        }
        if let Some((key, id)) = &commit.external {
            put_external(connection, key, *id, None)?;
        }
        if let Some(change) = &commit.agent {
            put_agent(connection, change)?;
        }
        for kept in &commit.notes {
            note::keep(connection, &kept.agent, &kept.note)?;
        }
        for kept in &commit.notes {
            note::forget(connection, kept)?;
        }
        if let Some((key, reply)) = &commit.reply {
            self.keep_reply(key, reply)?;
        }
        for change in &commit.pauses {
            change_pause(&self.connection, change)?;
        }
        self.forget_settled()?;
        if let Some(prune) = &commit.prune {
            self.pruned = self.forget(prune)?;
        }
        Ok(())
    }

    fn forget_settled(&mut self) -> Outcome {
        while self.standing.settled > self.limits.settled {
            let query = "DELETE FROM delivery WHERE settled = \
                         (SELECT min(settled) FROM delivery WHERE settled IS NOT NULL)";
            run(&self.connection, query, [])?;
            self.standing.settled -= 1;
        }
        Ok(())
    }

    fn keep_reply(&mut self, key: &RequestKey, reply: &KeptReply) -> Outcome {
        let forgotten = prepared(&self.connection, "DELETE FROM reply WHERE at_ms < ?")?
            .execute([reply.at_ms.saturating_sub(KeptReply::KEPT_MS)])
            .map_err(failed)?;
        self.standing.replies = self.standing.replies.saturating_sub(forgotten as u64);
        put_reply(&self.connection, key, reply)?;
        self.standing.replies += 1;
        while self.standing.replies > self.limits.replies {
            let query = "DELETE FROM reply WHERE (agent, request_id) = \
                         (SELECT agent, request_id FROM reply ORDER BY at_ms, agent, request_id LIMIT 1)";
            run(&self.connection, query, [])?;
            self.standing.replies -= 1;
        }
        Ok(())
    }
}

fn check_version(id: InteractionId, next: u64, stored: Option<u64>) -> Outcome {
    match stored {
        Some(_) if next == 1 => Err(CommitError::Taken(id)),
        stored if next == stored.unwrap_or(0) + 1 => Ok(()),
        _ => Err(CommitError::Conflict),
    }
}

fn version(connection: &Connection, query: &str, id: InteractionId) -> Result<Option<u64>, StoreError> {
    let stored = prepared(connection, query)?.query_row([id.as_str()], |row| row.get::<_, i64>(0));
    Ok(stored.optional().map_err(failed)?.map(i64::unsigned_abs))
}

fn contradicts(connection: &Connection, commit: &Commit) -> Result<bool, StoreError> {
    for (address, _) in &commit.contacts {
        let query = "SELECT 1 FROM contact WHERE channel = ? AND address = ?";
        if exists(connection, query, params![address.channel.as_str(), address.address])? {
            return Ok(true);
        }
    }
    if let Some((key, _)) = &commit.external {
        let query = "SELECT 1 FROM external WHERE channel = ? AND external_id = ?";
        if exists(connection, query, params![key.channel.as_str(), key.id])? {
            return Ok(true);
        }
    }
    let Some((key, reply)) = &commit.reply else { return Ok(false) };
    let query = "SELECT 1 FROM reply WHERE agent = ? AND request_id = ? AND at_ms >= ?";
    let since_ms = reply.at_ms.saturating_sub(KeptReply::KEPT_MS);
    exists(connection, query, params![key.agent.as_str(), key.request_id, since_ms])
}

/// What an interaction is found by, beside its id.
#[derive(PartialEq)]
pub(super) struct Columns<'a> {
    pub(super) listed_by: Option<&'a str>,
    pub(super) queue: Option<&'a str>,
    pub(super) since_ms: Option<i64>,
    pub(super) place: Option<u64>,
    pub(super) waits: bool,
    pub(super) parent: Option<&'a str>,
    pub(super) ended_ms: Option<i64>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(interaction: &'a Interaction) -> Self {
        let owner = interaction.owner.as_ref().filter(|_| interaction.is_listed());
        let placement = interaction.placement.as_ref().filter(|_| interaction.is_in_queue());
        let order = placement.map(queue_order);
        Self {
            listed_by: owner.map(crate::interaction::AgentId::as_str),
            queue: placement.map(|placement| placement.queue.as_str()),
            since_ms: order.map(|(since_ms, _)| since_ms),
            place: order.map(|(_, place)| place),
            waits: placement.is_some() && interaction.state == State::Queued,
            parent: interaction.parent_id.as_ref().map(InteractionId::as_str),
            ended_ms: interaction.history_since_ms(),
        }
    }
}

pub(super) fn put_interaction(connection: &Connection, interaction: &Interaction) -> Result<(), StoreError> {
    let Columns { listed_by, queue, since_ms, place, waits, parent, ended_ms } = Columns::of(interaction);
    let written = write_interaction(interaction);
    let query = "INSERT INTO interaction \
        (id, version, number, channel, listed_by, queue, since_ms, place, waits, checksum, record, parent, \
        ended_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
        ON CONFLICT (id) DO UPDATE SET version = ?2, number = ?3, channel = ?4, listed_by = ?5, queue = ?6, \
        since_ms = ?7, place = ?8, waits = ?9, checksum = ?10, record = ?11, parent = ?12, ended_ms = ?13";
    let values = params![
        interaction.id.as_str(),
        number(interaction.version)?,
        number(interaction.number)?,
        interaction.channel.as_str(),
        listed_by,
        queue,
        since_ms,
        place.map(number).transpose()?,
        waits,
        written.checksum,
        written.text,
        parent,
        ended_ms
    ];
    run(connection, query, values)
}

/// Writes a later version of an interaction that is found by the same as before.
pub(super) fn put_record(connection: &Connection, interaction: &Interaction) -> Result<(), StoreError> {
    let written = write_interaction(interaction);
    let query = "UPDATE interaction SET version = ?2, checksum = ?3, record = ?4 WHERE id = ?1";
    let values =
        params![interaction.id.as_str(), number(interaction.version)?, written.checksum, written.text];
    match prepared(connection, query)?.execute(values).map_err(failed)? {
        1 => Ok(()),
        _ => Err(StoreError::new(format!("interaction `{}` is missing", interaction.id))),
    }
}

pub(super) fn put_delivery(
    connection: &Connection,
    delivery: &Delivery,
    settled: u64,
) -> Result<(), StoreError> {
    let settled = (delivery.stage == Stage::Settled).then(|| number(settled)).transpose()?;
    let written = write_delivery(delivery);
    let query = "INSERT INTO delivery \
        (id, version, channel, account, accepted_ms, settled, published, checksum, record, interaction) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
        ON CONFLICT (id) DO UPDATE SET version = ?2, channel = ?3, account = ?4, accepted_ms = ?5, \
        settled = ?6, published = ?7, checksum = ?8, record = ?9, interaction = ?10";
    let values = params![
        delivery.id.as_str(),
        number(delivery.version)?,
        delivery.channel.as_str(),
        delivery.account.as_str(),
        delivery.accepted_ms,
        settled,
        delivery.published_id(),
        written.checksum,
        written.text,
        delivery.interaction.as_ref().map(InteractionId::as_str)
    ];
    run(connection, query, values)
}

fn put_agent(connection: &Connection, change: &AgentChange) -> Result<(), StoreError> {
    let kept = super::agent(connection, &change.id).map_err(failed)?.transpose()?.unwrap_or_default();
    put_agent_record(connection, &change.id, &kept.changed(change))
}

pub(super) fn put_agent_record(
    connection: &Connection,
    id: &AgentId,
    record: &AgentRecord,
) -> Result<(), StoreError> {
    let query = "INSERT OR REPLACE INTO agent (id, reference_id, focus, followed_after, checksum) \
                 VALUES (?1, ?2, ?3, ?4, strowger_sum(?1, ?2, ?3, ?4))";
    let AgentRecord { reference_id, focus, followed_after } = record;
    let focus = focus.as_ref().map(InteractionId::as_str);
    let followed_after = followed_after.map(number).transpose()?;
    run(connection, query, params![id.as_str(), number(*reference_id)?, focus, followed_after])
}

pub(super) fn put_contact(
    connection: &Connection,
    address: &ContactAddress,
    contact_id: &str,
) -> Result<(), StoreError> {
    let query = "INSERT OR REPLACE INTO contact (channel, address, contact_id, checksum) \
                 VALUES (?1, ?2, ?3, strowger_sum(?1, ?2, ?3))";
    run(connection, query, params![address.channel.as_str(), address.address, contact_id])
}

pub(super) fn put_last_agent(
    connection: &Connection,
    contact: &ContactOnChannel,
    last: &LastAgent,
) -> Result<(), StoreError> {
    let query = "INSERT OR REPLACE INTO last_agent (contact_id, channel, agent, at_ms, checksum) \
                 VALUES (?1, ?2, ?3, ?4, strowger_sum(?1, ?2, ?3, ?4))";
    run(
        connection,
        query,
        params![contact.contact_id.as_str(), contact.channel.as_str(), last.agent.as_str(), last.at_ms],
    )
}

pub(super) fn put_external(
    connection: &Connection,
    key: &ExternalId,
    id: InteractionId,
    end_ms: Option<i64>,
) -> Result<(), StoreError> {
    let query = "INSERT INTO external (channel, external_id, interaction, end_ms, checksum) \
                 VALUES (?1, ?2, ?3, ?4, strowger_sum(?1, ?2, ?3, ?4))";
    run(connection, query, params![key.channel.as_str(), key.id, id.as_str(), end_ms])
}

pub(super) fn put_reply(
    connection: &Connection,
    key: &RequestKey,
    reply: &KeptReply,
) -> Result<(), StoreError> {
    let query = "INSERT INTO reply (agent, request_id, fingerprint, reference_id, at_ms, checksum) \
                 VALUES (?1, ?2, ?3, ?4, ?5, strowger_sum(?1, ?2, ?3, ?4, ?5))";
    let values = params![
        key.agent.as_str(),
        key.request_id,
        reply.fingerprint,
        number(reply.reference_id)?,
        reply.at_ms
    ];
    run(connection, query, values)
}

fn change_pause(connection: &Connection, change: &PauseChange) -> Result<(), StoreError> {
    let query = "SELECT channel, account, until_ms, held, \
                 checksum = strowger_sum(channel, account, until_ms, held) \
                 FROM pause WHERE channel = ? AND account = ?";
    let before = prepared(connection, query)?
        .query_row(params![change.channel.as_str(), change.account.as_str()], super::pause)
        .optional()
        .map_err(failed)?
        .transpose()?;
    if let Some(pause) = change.after(before.as_ref()) {
        put_pause(connection, &pause)
    } else {
        let query = "DELETE FROM pause WHERE channel = ? AND account = ?";
        run(connection, query, params![change.channel.as_str(), change.account.as_str()])
    }
}

pub(super) fn put_pause(connection: &Connection, pause: &AccountPause) -> Result<(), StoreError> {
    let query = "INSERT OR REPLACE INTO pause (channel, account, until_ms, held, checksum) \
                 VALUES (?1, ?2, ?3, ?4, strowger_sum(?1, ?2, ?3, ?4))";
    run(
        connection,
        query,
        params![pause.channel.as_str(), pause.account.as_str(), pause.until_ms, pause.is_held],
    )
}

pub(super) fn prepared<'c>(
    connection: &'c Connection,
    query: &str,
) -> Result<CachedStatement<'c>, StoreError> {
    connection.prepare_cached(query).map_err(failed)
}

pub(super) fn run(connection: &Connection, query: &str, values: impl Params) -> Result<(), StoreError> {
    prepared(connection, query)?.execute(values).map_err(failed)?;
    Ok(())
}

fn exists(connection: &Connection, query: &str, values: impl Params) -> Result<bool, StoreError> {
    prepared(connection, query)?.exists(values).map_err(failed)
}
