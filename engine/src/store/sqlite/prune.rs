//! Forgetting what has ended.

use rusqlite::params;

use super::failed;
use super::group::Finished;
use super::line::Pending;
use super::write::{Writer, prepared, run};
use crate::config::Retention;
use crate::store::{Commit, CommitError, Prune, Pruned, StoreError};

impl Writer {
    /// Forgets, and flushes.
    pub(super) fn prune(&mut self, prune: &Prune) -> Result<Pruned, CommitError> {
        self.pruned = Pruned::default();
        let commit = Commit { prune: Some(*prune), ..Commit::default() };
        self.write(&mut [Pending { commit, line: None }], &mut Finished::default())
            .pop()
            .unwrap_or(Ok(()))?;
        Ok(self.pruned)
    }

    /// Forgets within a transaction.
    pub(super) fn forget(&mut self, prune: &Prune) -> Result<Pruned, StoreError> {
        let connection = &self.connection;
        let delete = |query: &str, values: &[&dyn rusqlite::ToSql]| -> Result<u64, StoreError> {
            Ok(prepared(connection, query)?.execute(values).map_err(failed)? as u64)
        };
        let mut pruned = Pruned::default();
        let mut deliveries = 0;
        for id in self.over(prune)? {
            delete("DELETE FROM interaction WHERE id = ?", &[&id])?;
            deliveries += delete("DELETE FROM delivery WHERE interaction = ? AND published IS NULL", &[&id])?;
            let end_ms = prune.now_ms.saturating_add(Retention::POSTS_MS);
            run(connection, "UPDATE delivery SET end_ms = ? WHERE interaction = ?", params![end_ms, id])?;
            let end_ms = prune.now_ms.saturating_add(Retention::EXTERNAL_IDS_MS);
            let query = "UPDATE external SET end_ms = ?1, \
                         checksum = strowger_sum(channel, external_id, interaction, ?1) WHERE interaction = ?2";
            run(connection, query, params![end_ms, id])?;
            pruned.interactions += 1;
        }
        deliveries += delete(
            "DELETE FROM delivery WHERE id IN \
             (SELECT id FROM delivery WHERE end_ms < ? ORDER BY end_ms, id LIMIT ?)",
            &[&prune.now_ms, &prune.max],
        )?;
        pruned.external_ids = delete(
            "DELETE FROM external WHERE (channel, external_id) IN \
             (SELECT channel, external_id FROM external WHERE end_ms < ? \
             ORDER BY end_ms, channel, external_id LIMIT ?)",
            &[&prune.now_ms, &prune.max],
        )?;
        pruned.deliveries = deliveries;
        let standing = &mut self.standing;
        standing.interactions = standing.interactions.saturating_sub(pruned.interactions);
        standing.ended = standing.ended.saturating_sub(pruned.interactions);
        standing.settled = standing.settled.saturating_sub(pruned.deliveries);
        Ok(pruned)
    }

    /// The interactions that are to go: the ones that ended first, without those that are still needed.
    fn over(&self, prune: &Prune) -> Result<Vec<String>, StoreError> {
        let query = "SELECT old.id, old.ended_ms FROM interaction AS old \
            WHERE old.ended_ms IS NOT NULL \
            AND NOT EXISTS (SELECT 1 FROM delivery \
                WHERE delivery.interaction = old.id AND delivery.settled IS NULL) \
            AND NOT EXISTS (SELECT 1 FROM interaction AS answer \
                WHERE answer.parent = old.id AND answer.ended_ms IS NULL) \
            ORDER BY old.ended_ms, old.number LIMIT ?";
        let mut statement = prepared(&self.connection, query)?;
        let mut rows = statement.query([prune.max]).map_err(failed)?;
        let mut over = Vec::new();
        let mut ended = self.standing.ended;
        while let Some(row) = rows.next().map_err(failed)? {
            let (id, ended_ms) = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
            if !prune.takes(ended, ended_ms) {
                break;
            }
            over.push(id);
            ended = ended.saturating_sub(1);
        }
        Ok(over)
    }
}
