//! Whether a group of commits can stand in the journal.

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use rusqlite::{Connection, OptionalExtension};

use super::journal;
use super::line::Pending;
use super::overlay::Overlay;
use super::write::{Columns, Writer, prepared};
use super::{failed, number};
use crate::interaction::{AgentId, Interaction};
use crate::store::{AgentChange, AgentRecord, StoreError};

/// What a group of commits needs to become part of the journal.
#[derive(Default)]
pub(super) struct Staged {
    pub(super) lines: String,
    /// The agents' records, as the tables have them, of those that are not in the overlay.
    agents: HashMap<AgentId, AgentRecord>,
}

impl Staged {
    /// The group is on disk.
    pub(super) fn become_part_of(self, overlay: &mut Overlay, commits: &mut [Pending]) {
        for Pending { commit, .. } in commits {
            let before = commit.agent.as_ref().and_then(|change| self.agents.get(&change.id)).copied();
            overlay.take(commit, || before.unwrap_or_default());
        }
        overlay.lengthen(self.lines.len());
    }
}

impl Writer {
    /// What is needed to put all of these commits in the journal, if each is of the kind that can stand there,
    /// and nothing speaks against any of them. Whoever finds a reason against one of them writes to the tables,
    /// and says what it is.
    pub(super) fn staged(&self, commits: &[Pending]) -> Option<Staged> {
        let overlay = self.overlay.read();
        if commits.is_empty() || overlay.is_full() {
            return None;
        }
        let mut staged = Staged::default();
        staged
            .lines
            .reserve(commits.iter().filter_map(|pending| pending.line.as_ref()).map(String::len).sum());
        let mut changed = HashSet::new();
        let mut last_notes: HashMap<&AgentId, u64> = HashMap::new();
        for Pending { commit, line } in commits {
            staged.lines.push_str(line.as_ref()?);
            for interaction in &commit.interactions {
                let follows = match overlay.interaction(interaction.id) {
                    Some(before) => {
                        interaction.version == before.version + 1
                            && interaction.number == before.number
                            && interaction.channel == before.channel
                            && Columns::of(interaction) == Columns::of(before)
                    }
                    None => follows_stored(&self.connection, interaction).ok()?,
                };
                let placed = interaction.placement.as_ref().map_or(0, |placement| placement.number);
                let is_counted = interaction.number.max(placed) <= self.standing.highest_number;
                if !follows || !is_counted || !changed.insert(interaction.id) {
                    return None;
                }
            }
            if let Some(AgentChange { id, reference_id, followed_after, .. }) = &commit.agent {
                number(reference_id.max(&followed_after.unwrap_or(0)).to_owned()).ok()?;
                if overlay.agent(id).is_none() && !staged.agents.contains_key(id) {
                    let before = super::agent(&self.connection, id).ok()?.transpose().ok()?;
                    staged.agents.insert(id.clone(), before.unwrap_or_default());
                }
            }
            for kept in &commit.notes {
                number(kept.note.sequence).ok()?;
                let last = match last_notes.get(&kept.agent) {
                    Some(last) => *last,
                    None => match overlay.last_note(&kept.agent) {
                        Some(last) => last,
                        None => journal::last_note(&self.connection, &kept.agent).ok()?,
                    },
                };
                if kept.note.sequence <= last {
                    return None;
                }
                last_notes.insert(&kept.agent, kept.note.sequence);
            }
        }
        Some(staged)
    }
}

/// Whether the stored interaction is the version before this one, and is found by the same.
fn follows_stored(connection: &Connection, interaction: &Interaction) -> Result<bool, StoreError> {
    let query = "SELECT version, number, channel, listed_by, queue, since_ms, place, waits, parent, ended_ms \
                 FROM interaction WHERE id = ?";
    let stored = prepared(connection, query)?.query_row([interaction.id.as_str()], |row| {
        let columns = Columns {
            listed_by: row.get_ref(3)?.as_str_or_null()?,
            queue: row.get_ref(4)?.as_str_or_null()?,
            since_ms: row.get(5)?,
            place: row.get::<_, Option<i64>>(6)?.map(i64::unsigned_abs),
            waits: row.get(7)?,
            parent: row.get_ref(8)?.as_str_or_null()?,
            ended_ms: row.get(9)?,
        };
        Ok(row.get::<_, i64>(0)?.unsigned_abs() + 1 == interaction.version
            && row.get::<_, i64>(1)?.unsigned_abs() == interaction.number
            && row.get_ref(2)?.as_str()? == &*interaction.channel
            && columns == Columns::of(interaction))
    });
    Ok(stored.optional().map_err(failed)?.unwrap_or(false))
}
