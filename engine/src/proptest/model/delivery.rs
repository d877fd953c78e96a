//! What becomes of what was accepted for delivery: the outcome classes of the publishing rules.

use serde_json::{Map, Value};

use super::super::world::CHANNELS;
use super::{HostReply, Model, Stand, Told, Work, codes, name_of};
use crate::channel::Outcome;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Something accepted for delivery.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The interaction; none for an operation on the collection.
    pub interaction: Option<usize>,
    /// Which of the [`CHANNELS`].
    pub channel: usize,
    /// The account's name.
    pub account: String,
    /// The agent who asked.
    pub agent: usize,
    /// The request's `referenceId`.
    pub reference: u64,
    /// Whether it is an operation of the channel; else it publishes a message.
    pub is_operation: bool,
    /// How far it is.
    pub stage: Stage,
    /// Attempts made.
    pub attempts: u32,
    /// Looks at the platform since the last attempt.
    pub looks: u32,
    accepted_ms: i64,
    /// The place in the order of what was scheduled; `None` while the host has it.
    order: Option<u64>,
    last: Option<Outcome>,
    /// It was tried again without an answer to what became of an earlier attempt.
    unresolved: bool,
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// To be tried, not before this time.
    Pending(i64),
    /// The host is at it.
    Taken,
    /// Its answer was lost: to be looked up, not before this time.
    Doubtful(i64),
    /// The platform works on it: to be asked, not before this time.
    Awaiting(i64),
    /// Over.
    Settled,
}

/// An account, as far as waiting goes.
#[derive(Clone, Debug)]
pub(super) struct AccountState {
    channel: usize,
    name: &'static str,
    paused_until_ms: i64,
    /// The platform did not accept its credentials.
    held: bool,
}

pub(super) fn accounts() -> Vec<AccountState> {
    let all = CHANNELS.iter().enumerate();
    all.flat_map(|(channel, line)| {
        line.accounts.iter().map(move |account| AccountState {
            channel,
            name: account.name,
            paused_until_ms: i64::MIN,
            held: false,
        })
    })
    .collect()
}

/// What becomes of a delivery.
enum Verdict {
    Confirmed { id: Option<String>, location: Option<String> },
    Done,
    Refused { code: String },
    Goes(Stage),
}

fn refused(code: &str) -> Verdict {
    Verdict::Refused { code: code.into() }
}

/// One second, doubling up to five minutes. The rig's chance adds nothing.
fn back_off_ms(tries: u32) -> i64 {
    (0..tries.saturating_sub(1).min(20)).fold(1_000, |wait: i64, _| (wait * 2).min(300_000))
}

impl Model {
    pub(super) fn accept_delivery(
        &mut self,
        agent: usize,
        channel: usize,
        interaction: Option<usize>,
        account: &str,
        is_operation: bool,
    ) {
        let delivery = Delivery {
            interaction,
            channel,
            account: account.to_owned(),
            agent,
            reference: self.agents[agent].reference + 1,
            is_operation,
            stage: Stage::Pending(self.now_ms),
            attempts: 0,
            looks: 0,
            accepted_ms: self.now_ms,
            order: None,
            last: None,
            unresolved: false,
        };
        self.deliveries.push(delivery);
        self.schedule_last(self.deliveries.len() - 1);
    }

    fn schedule_last(&mut self, index: usize) {
        self.scheduled += 1;
        self.schedule(index, Some(self.scheduled));
    }

    /// Puts it into its account's line. What waits for nothing but its account keeps its turn.
    fn schedule(&mut self, index: usize, order: Option<u64>) {
        let (channel, name) = (self.deliveries[index].channel, self.deliveries[index].account.clone());
        let paused_until_ms = self.account(channel, &name).paused_until_ms;
        let delivery = &mut self.deliveries[index];
        delivery.order = order;
        if let Stage::Pending(due) = &mut delivery.stage
            && *due <= paused_until_ms
        {
            *due = (*due).min(delivery.accepted_ms);
        }
    }

    fn account(&mut self, channel: usize, name: &str) -> &mut AccountState {
        let found =
            self.accounts.iter_mut().find(|account| account.channel == channel && account.name == name);
        found.expect("deliveries name accounts that exist")
    }

    /// What is due on a channel, and whether it has waited for its account's credentials for a day. Each
    /// account has its own line, in which nothing goes out while something is in doubt.
    fn next_delivery(&self, channel: usize) -> Option<(usize, bool)> {
        let (due, index, held) = self.next_due(channel)?;
        (due <= self.now_ms).then_some((index, held))
    }

    /// How long until the next delivery of any channel is due.
    pub fn wait_ms(&self) -> Option<i64> {
        (0..CHANNELS.len()).filter_map(|channel| Some(self.next_due(channel)?.0 - self.now_ms)).min()
    }

    fn next_due(&self, channel: usize) -> Option<(i64, usize, bool)> {
        let of_account = |account: &AccountState| {
            let mut line: Vec<_> = self
                .deliveries
                .iter()
                .enumerate()
                .filter(|(_, delivery)| delivery.channel == channel && delivery.account == account.name)
                .filter_map(|(index, delivery)| {
                    let order = delivery.order?;
                    match delivery.stage {
                        Stage::Doubtful(due) => Some((false, due, order, index)),
                        Stage::Pending(due) | Stage::Awaiting(due) => Some((true, due, order, index)),
                        Stage::Taken | Stage::Settled => None,
                    }
                })
                .collect();
            line.sort_unstable();
            let &(_, due, order, index) = line.first()?;
            let waits = if account.held { DAY_MS } else { 0 };
            Some(((due + waits).max(account.paused_until_ms), order, index, account.held))
        };
        let accounts = self.accounts.iter().filter(|account| account.channel == channel);
        let (due, _, index, held) = accounts.filter_map(of_account).min()?;
        Some((due, index, held))
    }

    fn work(&mut self, index: usize) {
        let delivery = &self.deliveries[index];
        let (kind, attempt) = match delivery.stage {
            Stage::Doubtful(_) => ("reconcile", delivery.attempts),
            Stage::Awaiting(_) => ("poll", delivery.attempts),
            _ if delivery.is_operation => ("operation", delivery.attempts + 1),
            _ => ("publish", delivery.attempts + 1),
        };
        self.expected.work = Some(Work {
            interaction: delivery.interaction,
            kind,
            account: delivery.account.clone(),
            attempt,
        });
    }

    pub(super) fn deliver(&mut self, outcome: &Outcome, reports: bool) {
        let Some((index, held)) = self.next_delivery(0) else { return };
        self.expected.worked_on = 1;
        let order = self.deliveries[index].order.take();
        if held {
            self.give_up(index);
            return;
        }
        self.work(index);
        if matches!(self.deliveries[index].stage, Stage::Pending(_)) {
            self.deliveries[index].attempts += 1;
        }
        let mut written = Map::new();
        if reports {
            written.insert("_echo".into(), "heard".into());
        }
        self.ends(index, outcome, written);
        if self.deliveries[index].stage != Stage::Settled {
            self.schedule(index, order);
        }
    }

    pub(super) fn hand_out(&mut self) {
        while let Some((index, held)) = self.next_delivery(1) {
            self.deliveries[index].order = None;
            if held {
                self.give_up(index);
                continue;
            }
            self.work(index);
            let delivery = &mut self.deliveries[index];
            delivery.stage = Stage::Taken;
            delivery.attempts += 1;
            if !self.taken.contains(&index) {
                self.taken.push(index);
            }
            return;
        }
    }

    pub(super) fn settle(&mut self, taken: usize, outcome: &Outcome) -> HostReply {
        let Some(&index) = self.taken.get(taken) else { return HostReply::Refused(codes(6)) };
        let delivery = &mut self.deliveries[index];
        let has_no_id =
            matches!(outcome, Outcome::Published { id, .. } if id.as_deref().unwrap_or_default().is_empty());
        if has_no_id || *outcome == Outcome::Done {
            return HostReply::Refused(codes(2));
        }
        if matches!(delivery.stage, Stage::Pending(_) | Stage::Settled) {
            return if delivery.last.as_ref() == Some(outcome) {
                HostReply::Done
            } else {
                HostReply::Conflict
            };
        }
        if matches!(outcome, Outcome::Unknown { .. } | Outcome::Absent | Outcome::CannotTell { .. }) {
            // The host has nothing to look it up with that it has not looked at.
            delivery.stage = Stage::Doubtful(self.now_ms);
        }
        self.ends(index, outcome, Map::new());
        if matches!(self.deliveries[index].stage, Stage::Pending(_)) {
            self.schedule_last(index);
        }
        HostReply::Done
    }

    pub(super) fn resume(&mut self, channel: usize, account: usize) {
        let state = self.account(channel, CHANNELS[channel].accounts[account].name);
        state.held = false;
        state.paused_until_ms = i64::MIN;
    }

    /// It waited for credentials for a day. What the platform may have is not called undelivered.
    fn give_up(&mut self, index: usize) {
        let code = match self.deliveries[index].stage {
            Stage::Doubtful(_) | Stage::Awaiting(_) => "outcome-unknown",
            _ => "not-delivered",
        };
        self.carry_out(index, refused(code), Map::new());
    }

    fn ends(&mut self, index: usize, outcome: &Outcome, written: Map<String, Value>) {
        let (channel, name) = (self.deliveries[index].channel, self.deliveries[index].account.clone());
        match outcome {
            Outcome::NeedsLogin { .. } => self.account(channel, &name).held = true,
            Outcome::RateLimited { until_ms } => {
                let account = self.account(channel, &name);
                account.paused_until_ms = account.paused_until_ms.max(*until_ms);
            }
            _ => {}
        }
        let delivery = &mut self.deliveries[index];
        match delivery.stage {
            Stage::Doubtful(_) | Stage::Awaiting(_) => delivery.looks += 1,
            _ => delivery.looks = 0,
        }
        delivery.last = Some(outcome.clone());
        let verdict = self.judge(index, outcome);
        let delivery = &mut self.deliveries[index];
        delivery.unresolved |=
            matches!((delivery.stage, &verdict), (Stage::Doubtful(_), Verdict::Goes(Stage::Pending(_))))
                && *outcome != Outcome::Absent;
        self.carry_out(index, verdict, written);
    }

    fn judge(&self, index: usize, outcome: &Outcome) -> Verdict {
        let delivery = &self.deliveries[index];
        let now = self.now_ms;
        let is_old = now - delivery.accepted_ms >= DAY_MS;
        let resends = CHANNELS[delivery.channel].account(&delivery.account).is_some_and(|it| it.resends);
        let wait = |tries: u32| match outcome {
            Outcome::RateLimited { until_ms } => (*until_ms).max(now),
            Outcome::NotSent { retry_after_ms: Some(wait), .. } => now + i64::try_from(*wait).unwrap_or(0),
            _ => now + back_off_ms(tries),
        };
        let platform_refuses = || match outcome {
            Outcome::Rejected { code, .. } if !code.is_empty() => refused(code),
            Outcome::NeedsLogin { .. } => refused("needs-login"),
            _ => refused("rejected"),
        };
        // Before those that waited for its fate.
        let again = Verdict::Goes(Stage::Pending(delivery.accepted_ms));
        match delivery.stage {
            Stage::Doubtful(_) => match outcome {
                Outcome::Published { id, location } => {
                    // An empty id is none. Here alone that is enough: the look back proved publication.
                    let id = id.clone().filter(|id| !id.is_empty());
                    Verdict::Confirmed { id, location: location.clone() }
                }
                Outcome::Absent => again,
                Outcome::NotSent { .. } | Outcome::RateLimited { .. } if !is_old => {
                    Verdict::Goes(Stage::Doubtful(wait(delivery.looks)))
                }
                _ if resends => again,
                _ => refused("outcome-unknown"),
            },
            Stage::Awaiting(_) => match outcome {
                Outcome::Published { .. } | Outcome::Done if delivery.is_operation => Verdict::Done,
                Outcome::Published { id: Some(id), location } if !id.is_empty() => {
                    Verdict::Confirmed { id: Some(id.clone()), location: location.clone() }
                }
                Outcome::Rejected { .. } => platform_refuses(),
                _ if is_old => refused("outcome-unknown"),
                _ => Verdict::Goes(Stage::Awaiting(wait(delivery.looks))),
            },
            _ => match outcome {
                Outcome::Published { .. } | Outcome::Done if delivery.is_operation => Verdict::Done,
                Outcome::Published { id: Some(id), location } if !id.is_empty() => {
                    Verdict::Confirmed { id: Some(id.clone()), location: location.clone() }
                }
                Outcome::Accepted { .. } => Verdict::Goes(Stage::Awaiting(now + 1_000)),
                Outcome::Rejected { .. } | Outcome::NeedsLogin { .. } => platform_refuses(),
                Outcome::NotSent { .. } if is_old => refused("not-delivered"),
                Outcome::NotSent { .. } | Outcome::RateLimited { .. } => {
                    Verdict::Goes(Stage::Pending(wait(delivery.attempts.max(1))))
                }
                // An operation is not looked up: whoever asked decides.
                _ if delivery.is_operation => refused("outcome-unknown"),
                // Never tried again before it was looked up.
                _ => Verdict::Goes(Stage::Doubtful(now)),
            },
        }
    }

    fn carry_out(&mut self, index: usize, verdict: Verdict, written: Map<String, Value>) {
        let Delivery { agent, channel, interaction, reference, is_operation, .. } =
            self.deliveries[index].clone();
        if let Verdict::Goes(stage) = verdict {
            self.deliveries[index].stage = stage;
            return;
        }
        self.deliveries[index].stage = Stage::Settled;
        let error = match &verdict {
            // Nobody ever found out what became of an earlier attempt.
            Verdict::Refused { .. } if self.deliveries[index].unresolved => {
                Some("outcome-unknown".to_owned())
            }
            Verdict::Refused { code } => Some(code.clone()),
            _ => None,
        };
        let errors = |code: &str| -> Map<String, Value> {
            // The words are the platform's or the engine's; that there are some is checked.
            [("errorCode", code), ("errorMessage", "")]
                .map(|(key, text)| (key.into(), text.into()))
                .into_iter()
                .collect()
        };
        let Some(number) = interaction else {
            self.respond(agent, channel, reference, error.as_deref());
            return;
        };
        if !is_operation {
            let talk = self.talk_mut(number);
            if let Some(code) = error {
                talk.stand = Stand::Composing;
                self.tell_with(agent, number, "Error", Some(reference), false, errors(&code));
                return;
            }
            talk.stand = Stand::Completed;
            // A draft that once waited in a queue does not stand there again.
            talk.place = None;
            talk.user_data.extend(written);
            if let Verdict::Confirmed { id, location } = verdict {
                for (key, value) in [("_deliveryPostId", id), ("_deliveryPostLocation", location)] {
                    talk.user_data.extend(value.map(|value| (key.to_owned(), value.into())));
                }
            }
            self.tell(agent, number, "StatusChange", Some(reference), false);
            return;
        }
        let owner = self.interactions[number - 1].owner;
        let left = owner != Some(agent);
        if let Some(code) = error {
            self.tell_with(agent, number, "Error", Some(reference), left, errors(&code));
            return;
        }
        let talk = self.talk_mut(number);
        talk.user_data.extend(written);
        let is_listed = talk.is_listed();
        self.tell(agent, number, "PropertiesUpdated", Some(reference), left);
        if let Some(other) = owner.filter(|_| left && is_listed) {
            self.tell(other, number, "PropertiesUpdated", None, false);
        }
    }

    /// The answer to an operation on the collection.
    fn respond(&mut self, agent: usize, channel: usize, reference: u64, error: Option<&str>) {
        let mut data = Map::new();
        data.insert("messageType".into(), CHANNELS[channel].response.into());
        data.insert("referenceId".into(), reference.into());
        data.insert("success".into(), if error.is_some() { "false" } else { "true" }.into());
        if let Some(code) = error {
            data.insert("errorCode".into(), code.into());
            data.insert("errorMessage".into(), "".into());
        }
        self.expected.told.push(Told { agent, channel, data: Value::Object(data) });
    }
}

impl Told {
    /// The interaction that it shows, by its number.
    pub fn interaction(&self) -> Option<usize> {
        let name = self.data.get(CHANNELS[self.channel].resource)?.get("id")?.as_str()?;
        name.strip_prefix(&name_of(0)[..1])?.parse().ok()
    }
}
