//! What can still be read of a damaged file, in a form that can be imported.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::Arc;

use rusqlite::Connection;

use super::export::{ExportError, Exported, Lines};
use super::line::Entry;
use super::logs::Logs;
use super::rows::{AGENTS, ALL, DELIVERIES, INTERACTIONS, REPLIES};
use super::{Observer, check};
use crate::config::Retention;
use crate::delivery::{Delivery, Stage, Work};
use crate::interaction::{AgentId, DeliveryId, Interaction, InteractionId};
use crate::lifecycle::State;
use crate::store::AgentRecord;
use crate::store::sqlite::write::Standing;

pub(super) fn salvage(
    connection: &Connection,
    of_journal: &[String],
    to: &mut dyn Write,
    observer: Observer<'_>,
) -> Result<Exported, ExportError> {
    let mut losses = Losses::default();
    // Damage that takes rows away without a trace is seen here only.
    if let Some(problem) = check::structure(connection).problems.first() {
        losses.add(format!("the file's structure is damaged, and more may be lost than is told: {problem}"));
    }
    for problem in of_journal {
        losses.add(problem.clone());
    }
    let mut survey = Survey::of(connection, !of_journal.is_empty(), observer);
    let mut lines = Lines::begin(to, true)?;
    let (mut highest_number, mut last_settled) = Standing::read(connection)
        .map_or((0, 0), |standing| (standing.highest_number, standing.last_settled));
    for table in ALL {
        let gaps = table.each_readable(connection, observer, |entry| {
            let entry = match entry {
                Ok(entry) => entry,
                Err(problem) => {
                    losses.add(problem);
                    return Ok(());
                }
            };
            let Some(entry) = survey.mended(entry, &mut losses) else { return Ok(()) };
            if let Entry::Interaction(interaction) = &entry {
                let place = interaction.placement.as_ref().map_or(0, |placement| placement.number);
                highest_number = highest_number.max(interaction.number).max(place);
            }
            if let Entry::Delivery { settled: Some(settled), .. } = entry {
                last_settled = last_settled.max(settled);
            }
            lines.record(&entry)
        })?;
        for gap in gaps {
            losses.add(gap);
        }
        if table.name == AGENTS.name {
            for entry in survey.lost_agents(&mut losses) {
                lines.record(&entry)?;
            }
        }
    }
    lines.standing(highest_number, last_settled)?;
    let records = lines.end()?;
    Ok(Exported { records, losses: losses.first, loss_count: losses.count })
}

#[derive(Default)]
struct Losses {
    first: Vec<String>,
    count: u64,
}

impl Losses {
    const MOST: usize = 100;

    fn add(&mut self, loss: String) {
        self.count += 1;
        if self.first.len() < Self::MOST {
            self.first.push(loss);
        }
    }
}

/// What belongs together in a damaged file.
struct Survey {
    interactions: HashSet<InteractionId>,
    /// Messages on their way, and their deliveries.
    sent: HashMap<InteractionId, DeliveryId>,
    /// Deliveries under way, and their interactions.
    unsettled: HashMap<DeliveryId, Option<InteractionId>>,
    /// The highest `referenceId` that others tell of an agent, until the agent's own record was read.
    agents: HashMap<AgentId, u64>,
    logs: Logs,
    /// The latest time that is told.
    latest_ms: i64,
}

impl Survey {
    fn of(connection: &Connection, lost_commits: bool, observer: Observer<'_>) -> Self {
        let mut survey = Self {
            interactions: HashSet::new(),
            sent: HashMap::new(),
            unsettled: HashMap::new(),
            agents: HashMap::new(),
            logs: Logs::of(connection, lost_commits, observer),
            latest_ms: 0,
        };
        for agent in survey.logs.agents() {
            survey.agents.insert(agent.clone(), 0);
        }
        for table in [&INTERACTIONS, &DELIVERIES, &REPLIES] {
            let read = table.each_readable(connection, observer, |entry| {
                match entry {
                    Ok(Entry::Interaction(interaction)) => survey.interaction(&interaction),
                    Ok(Entry::Delivery { delivery, .. }) => survey.delivery(&delivery),
                    Ok(Entry::Reply(key, reply)) => survey.agent(&key.agent, reply.reference_id),
                    _ => {}
                }
                Ok::<_, std::convert::Infallible>(())
            });
            let Ok(_) = read;
        }
        survey
    }

    fn interaction(&mut self, interaction: &Interaction) {
        self.interactions.insert(interaction.id);
        if interaction.state == State::Sent
            && let Some(delivery) = interaction.delivery
        {
            self.sent.insert(interaction.id, delivery);
        }
        self.latest_ms = self.latest_ms.max(interaction.created_ms).max(interaction.ended_ms.unwrap_or(0));
    }

    fn agent(&mut self, id: &AgentId, reference_id: u64) {
        let highest = self.agents.entry(id.clone()).or_default();
        *highest = reference_id.max(*highest);
    }

    fn delivery(&mut self, delivery: &Delivery) {
        self.agent(&delivery.agent, delivery.reference_id);
        if delivery.stage != Stage::Settled {
            self.unsettled.insert(delivery.id, delivery.interaction);
        }
        self.latest_ms = self.latest_ms.max(delivery.accepted_ms).max(delivery.ended_ms.unwrap_or(0));
    }

    /// The record as it can stand among those that are left; `None` if it can't.
    fn mended(&mut self, entry: Entry, losses: &mut Losses) -> Option<Entry> {
        let is_there = |id: &InteractionId| self.interactions.contains(id);
        Some(match entry {
            Entry::Agent(id, mut record) => {
                let told = self.agents.remove(&id).unwrap_or(0);
                record.reference_id = record.reference_id.max(told);
                record.followed_after = self.logs.followed_after(&id, record.followed_after);
                Entry::Agent(id, record)
            }
            Entry::Note(agent, note) if !self.logs.keeps(&agent, note.sequence) => {
                losses.add(format!("note {} of agent `{agent}`: others beside it are lost", note.sequence));
                return None;
            }
            Entry::Interaction(interaction) if interaction.state == State::Sent => {
                let delivery = interaction.delivery;
                let is_under_way =
                    delivery.is_some_and(|id| self.unsettled.get(&id) == Some(&Some(interaction.id)));
                if is_under_way {
                    return Some(Entry::Interaction(interaction));
                }
                losses.add(format!(
                    "the delivery of interaction `{}` is lost: it goes back to its agent; the platform may \
                     have published it",
                    interaction.id
                ));
                let mut back = Interaction::clone(&interaction);
                back.version += 1;
                back.state = State::Composing;
                back.delivery = None;
                Entry::Interaction(Arc::new(back))
            }
            Entry::Delivery { delivery, settled, end_ms } => {
                let id = delivery.interaction;
                let is_orphan = id.is_some_and(|id| !is_there(&id));
                let is_at_odds = delivery.stage != Stage::Settled
                    && id.is_some_and(|id| {
                        delivery.work == Work::Publish && self.sent.get(&id) != Some(&delivery.id)
                    });
                if delivery.stage != Stage::Settled && (is_orphan || is_at_odds) {
                    losses.add(format!(
                        "the interaction of delivery `{}` is lost: it is left out",
                        delivery.id
                    ));
                    return None;
                }
                let ends = self.latest_ms.saturating_add(Retention::POSTS_MS);
                let end_ms = if is_orphan { end_ms.or(Some(ends)) } else { end_ms };
                Entry::Delivery { delivery, settled, end_ms }
            }
            Entry::External(key, id, end_ms) => {
                let ends = self.latest_ms.saturating_add(Retention::EXTERNAL_IDS_MS);
                let end_ms = if is_there(&id) { end_ms } else { end_ms.or(Some(ends)) };
                Entry::External(key, id, end_ms)
            }
            other => other,
        })
    }

    /// The agents of whom others tell, and whose own records are lost. What they looked at is lost, too.
    fn lost_agents(&mut self, losses: &mut Losses) -> Vec<Entry> {
        let mut lost: Vec<_> = self.agents.drain().collect();
        lost.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        lost.into_iter()
            .map(|(id, reference_id)| {
                losses
                    .add(format!("the record of agent `{id}` is lost: it is made anew of what others tell"));
                let followed_after = self.logs.followed_after(&id, None);
                Entry::Agent(id, AgentRecord { reference_id, focus: None, followed_after })
            })
            .collect()
    }
}
