//! What is left of the agents' notes in a damaged file. A subscriber who comes back gets all that was missed,
//! or is told that something is missing: never a part that looks like all.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use rusqlite::Connection;

use super::Observer;
use super::rows::NOTE_HEADS;
use crate::interaction::AgentId;

/// The logs of all agents.
#[derive(Default)]
pub(super) struct Logs {
    agents: HashMap<AgentId, Log>,
    /// Notes may be lost, and nobody knows whose.
    is_cut: bool,
}

/// What is left of one agent's.
#[derive(Default)]
struct Log {
    /// The numbers in the table, damaged ones included.
    numbers: BTreeSet<u64>,
    /// The highest number.
    last: u64,
    /// The highest number that is damaged, or missing.
    lost: u64,
}

/// So many numbers are passed over where notes are lost and nobody can say how many: none of them is given
/// again to another note.
const PASSED_OVER: u64 = 1 << 20;

impl Logs {
    /// With lost commits anybody's notes may be lost.
    pub(super) fn of(connection: &Connection, lost_commits: bool, observer: Observer<'_>) -> Self {
        let mut logs = Self::default();
        let Ok(gaps) = NOTE_HEADS.each_readable(connection, observer, |head| {
            match head {
                Ok((agent, sequence, is_sound)) => logs.add(agent, sequence, is_sound),
                Err(_) => logs.is_cut = true,
            }
            Ok::<_, std::convert::Infallible>(())
        });
        logs.is_cut |= !gaps.is_empty();
        // The index knows what is missing. Where it is damaged itself, the table must be whole.
        if let Ok(indexed) = indexed(connection)
            && logs.are_all_in(&indexed)
        {
            logs.is_cut = false;
            for (agent, sequence) in indexed {
                let is_missing = !logs.agents.get(&agent).is_some_and(|log| log.numbers.contains(&sequence));
                if is_missing {
                    logs.add(agent, sequence, false);
                }
            }
        }
        logs.is_cut |= lost_commits;
        logs
    }

    fn add(&mut self, agent: AgentId, sequence: u64, is_sound: bool) {
        let log = self.agents.entry(agent).or_default();
        log.numbers.insert(sequence);
        log.last = log.last.max(sequence);
        if !is_sound {
            log.lost = log.lost.max(sequence);
        }
    }

    /// Whether the index has all notes that are as they were written.
    fn are_all_in(&self, indexed: &BTreeSet<(AgentId, u64)>) -> bool {
        let sound = self.agents.iter().flat_map(|(agent, log)| {
            let above_lost = (Bound::Excluded(log.lost), Bound::Unbounded);
            log.numbers.range(above_lost).map(|sequence| (agent.clone(), *sequence))
        });
        sound.into_iter().all(|key| indexed.contains(&key))
    }

    /// Those who have a log.
    pub(super) fn agents(&self) -> impl Iterator<Item = &AgentId> {
        self.agents.keys()
    }

    /// Whether a note of this number can be handed out: everything after it is there.
    pub(super) fn keeps(&self, agent: &AgentId, sequence: u64) -> bool {
        !self.is_cut && self.agents.get(agent).is_some_and(|log| sequence > log.lost)
    }

    /// Where an agent's log begins, of what the agent's record says.
    pub(super) fn followed_after(&self, agent: &AgentId, told: Option<u64>) -> Option<u64> {
        let log = self.agents.get(agent);
        if self.is_cut {
            let last = log.map(|log| log.last).max(told);
            return last.map(|last| last.saturating_add(PASSED_OVER));
        }
        log.map(|log| log.lost).max(told)
    }
}

/// Whose notes there are, and of which numbers, as the index has it.
fn indexed(connection: &Connection) -> rusqlite::Result<BTreeSet<(AgentId, u64)>> {
    let query = "SELECT agent, sequence FROM note INDEXED BY note_of_agent ORDER BY agent, sequence";
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    let mut indexed = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let agent = AgentId::parse(row.get_ref(0)?.as_str()?);
        let agent = agent.map_err(|error| rusqlite::Error::UserFunctionError(Box::new(error)))?;
        indexed.insert((agent, row.get(1).map(i64::unsigned_abs)?));
    }
    Ok(indexed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(sound: &[u64], damaged: &[u64]) -> (Logs, AgentId) {
        let (mut logs, agent) = (Logs::default(), AgentId::parse("a1").unwrap());
        for (numbers, is_sound) in [(sound, true), (damaged, false)] {
            for sequence in numbers {
                logs.add(agent.clone(), *sequence, is_sound);
            }
        }
        (logs, agent)
    }

    /// Fails if a part is kept that has a hole, or if a number is given again.
    #[test]
    fn what_is_kept_has_no_hole() {
        for (sound, damaged, left, begins) in [
            (&[2, 3, 5, 6][..], &[][..], &[2, 3, 5, 6][..], Some(1)),
            (&[2, 3, 5, 6], &[4], &[5, 6], Some(4)),
            (&[2, 3, 5, 6], &[7], &[], Some(7)),
            (&[], &[7], &[], Some(7)),
        ] {
            let (logs, agent) = logs(sound, damaged);
            let kept: Vec<_> = sound.iter().copied().filter(|it| logs.keeps(&agent, *it)).collect();
            assert_eq!(kept, left, "{sound:?} without {damaged:?}");
            assert_eq!(logs.followed_after(&agent, Some(1)), begins);
        }
    }

    #[test]
    fn of_a_table_that_is_cut_nothing_is_kept() {
        let (mut logs, agent) = logs(&[2, 3], &[]);
        logs.is_cut = true;
        assert!(!logs.keeps(&agent, 3));
        assert_eq!(logs.followed_after(&agent, Some(1)), Some(3 + PASSED_OVER));
        let other = AgentId::parse("a2").unwrap();
        assert_eq!(logs.followed_after(&other, Some(5)), Some(5 + PASSED_OVER));
        assert_eq!(logs.followed_after(&other, None), None, "nobody follows");
    }
}
