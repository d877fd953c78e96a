//! The judge: performs a step on a host, and compares what came of it with the model.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;

use serde_json::{Map, Value};

use super::Failure;
use super::model::{
    Contact, Expected, HostReply, Model, OPERATIONS, Reply, Stage, allowed_on_collection, name_of,
};
use super::rig::{Assignment, Heard, Host, Rig, Trouble};
use super::step::{On, Step};
use super::world::{AGENTS, CHANNELS, QUEUES};
use crate::channel::Outcome;

/// A host on the bench: its steps, and everything that was learnt of it so far.
pub struct Bench<H> {
    host: H,
    /// The ids of the interactions, by number.
    ids: HashMap<usize, String>,
    /// The contacts that were made, by number.
    contacts: HashMap<usize, String>,
    /// The ids of the deliveries that the host took.
    taken: Vec<String>,
    /// Each agent's subscription to everything.
    ears: Vec<usize>,
    further: Vec<Further>,
    before: Vec<String>,
    books: Books,
}

/// A subscription that is read only now and then.
struct Further {
    agent: usize,
    topic: &'static str,
    subscription: usize,
    due: Vec<Heard>,
}

/// What must hold whatever the model says.
#[derive(Default)]
struct Books {
    sequences: [u64; AGENTS.len()],
    references: [u64; AGENTS.len()],
    /// The notifications of each request, by agent and `referenceId`: their state or kind.
    answers: HashMap<(usize, u64), Vec<String>>,
    /// The interactions of which nobody knows whether they were published.
    in_doubt: HashSet<String>,
}

type Checked = Result<(), String>;

impl<H: Host> Default for Bench<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Host> Bench<H> {
    /// A host on a fresh rig.
    pub fn new() -> Self {
        let host = H::open(Rig::new());
        let ears = AGENTS.iter().map(|agent| host.subscribe(agent, "/v2/me/*")).collect();
        let mut bench = Self {
            host,
            ids: HashMap::new(),
            contacts: HashMap::new(),
            taken: Vec::new(),
            ears,
            further: Vec::new(),
            before: Vec::new(),
            books: Books::default(),
        };
        bench.before = bench.picture();
        bench
    }

    /// The host.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// Takes these steps on a fresh host: for a sequence that a run has found, kept as a test.
    pub fn replay(steps: &[Step]) -> Result<(), Failure> {
        let (mut bench, mut model) = (Self::new(), Model::new());
        let compare = |number: usize, compared: Checked| {
            compared.map_err(|difference| Failure { steps: steps[..number].to_vec(), difference })
        };
        for (index, step) in steps.iter().enumerate() {
            model.take(step);
            compare(index + 1, bench.perform(&model, step))?;
        }
        compare(steps.len(), bench.finish(&model))
    }

    /// Performs a step, and compares. `model` has taken the step already. The error says what differs.
    pub fn perform(&mut self, model: &Model, step: &Step) -> Checked {
        let expected = &model.expected;
        self.act(model, step)?;
        self.compare_notifications(model, step)?;
        let picture = self.picture();
        let is_refused = matches!(expected.reply, Some(Reply::Refused(_)))
            || matches!(expected.host, Some(HostReply::Refused(_) | HostReply::Conflict));
        if is_refused && picture != self.before {
            let changed = picture.iter().zip(&self.before).find(|(now, before)| now != before);
            return Err(format!("a refusal changed something: {changed:?}"));
        }
        self.before = picture;
        self.compare_everything(model)
    }

    /// What must hold at the end: every accepted request was answered, or its delivery is still under way.
    pub fn finish(&self, model: &Model) -> Checked {
        for (agent, name) in AGENTS.iter().enumerate() {
            for reference in 1..=self.books.references[agent] {
                let of_request =
                    model.deliveries.iter().find(|it| it.agent == agent && it.reference == reference);
                let is_open = of_request.is_some_and(|delivery| delivery.stage != Stage::Settled);
                let is_operation = of_request.is_some_and(|delivery| delivery.is_operation);
                let due = match (of_request.is_some(), is_operation, is_open) {
                    (true, false, false) => 2,
                    (true, true, true) => 0,
                    _ => 1,
                };
                let answers = self.books.answers.get(&(agent, reference)).map_or(0, Vec::len);
                same(&format!("the answers to request {reference} of {name}"), &due, &answers)?;
            }
        }
        Ok(())
    }

    fn id(&self, number: usize) -> String {
        // An id of the right form that nobody has.
        self.ids.get(&number).cloned().unwrap_or_else(|| "00NOSUCHTHING000".into())
    }

    fn act(&mut self, model: &Model, step: &Step) -> Checked {
        let expected = &model.expected;
        match step {
            Step::Ask { agent, channel, on, request } => {
                let id = match on {
                    On::Collection => None,
                    On::Interaction(number) => Some(self.id(*number)),
                    On::Nonsense => Some("no such id!".into()),
                };
                let body = request.body();
                let line = CHANNELS[*channel].name;
                let reply = self.host.perform(AGENTS[*agent], line, id.as_deref(), body.as_bytes());
                if let (0, Some(reference)) = reply {
                    self.books.references[*agent] += 1;
                    same("the referenceId", &self.books.references[*agent], &reference)?;
                }
                match (&expected.reply, reply) {
                    (Some(Reply::Accepted(reference)), (0, Some(given))) if *reference == given => Ok(()),
                    (Some(Reply::Refused(codes)), (code, None)) if codes.contains(&code) => Ok(()),
                    (reply, given) => Err(format!("the reply: expected {reply:?}, came {given:?}")),
                }
            }
            Step::Receive { channel, members } => {
                let document = Value::Object(members.clone()).to_string();
                let reply = self.host.receive(CHANNELS[*channel].name, &document);
                if let (Some(HostReply::Received(number)), Ok(id)) = (&expected.host, &reply) {
                    if let Some(own) = members.get("id").and_then(Value::as_str)
                        && !self.ids.contains_key(number)
                    {
                        same("the id that the host gave", own, id.as_str())?;
                    }
                    return self.learn_id(*number, id);
                }
                compare_host(expected, &reply.map(|_| ()))
            }
            Step::Offer { interaction, agent } => {
                let to = AGENTS.get(*agent).copied().unwrap_or("ghost");
                compare_host(expected, &self.host.offer(&self.id(*interaction), to))
            }
            Step::OfferNext { queue, agent } => match self.host.queue_next(QUEUES[*queue]) {
                Some(id) => compare_host(expected, &self.host.offer(&id, AGENTS[*agent])),
                None => same("the next of the queue", &Some(HostReply::Nothing), &expected.host),
            },
            Step::Revoke { interaction } => compare_host(expected, &self.host.revoke(&self.id(*interaction))),
            Step::Deliver { outcome, reports } => {
                let mut user_data = Map::new();
                if *reports {
                    user_data.insert("_echo".into(), "heard".into());
                }
                let (worked_on, assignment) = self.host.deliver(outcome, user_data);
                same("the number of deliveries that were worked on", &expected.worked_on, &worked_on)?;
                self.compare_work(model, assignment.as_ref())?;
                assignment.map_or(Ok(()), |assignment| self.books.tried(&assignment, outcome))
            }
            Step::HandOut => {
                let (id, assignment) = self.host.hand_out().unzip();
                if let Some(id) = id.filter(|id| !self.taken.contains(id)) {
                    self.taken.push(id);
                }
                self.compare_work(model, assignment.as_ref())
            }
            Step::Settle { delivery, outcome } => {
                let id = self.taken.get(*delivery).map_or("00NOSUCHTHING000", String::as_str);
                compare_host(expected, &self.host.settle(id, outcome))
            }
            Step::Resume { channel, account } => {
                let line = CHANNELS[*channel];
                self.host.resume(line.name, line.accounts[*account].name);
                Ok(())
            }
            Step::Subscribe { agent, channel } => {
                let topic = channel.map_or("/v2/me/*", |channel| CHANNELS[channel].topic);
                let subscription = self.host.subscribe(AGENTS[*agent], topic);
                self.further.push(Further { agent: *agent, topic, subscription, due: Vec::new() });
                Ok(())
            }
            Step::Drain { agent } => {
                let further = self.further.iter_mut().filter(|further| further.agent == *agent);
                for further in further {
                    let heard = self.host.hear(further.subscription);
                    same("what a further subscription holds", &std::mem::take(&mut further.due), &heard)?;
                }
                Ok(())
            }
            Step::Pass { ms } => {
                self.host.rig().pass(*ms);
                Ok(())
            }
        }
    }

    fn compare_work(&self, model: &Model, assignment: Option<&Assignment>) -> Checked {
        let work = model.expected.work.as_ref().map(|work| Assignment {
            interaction: work.interaction.map(|number| self.id(number)),
            kind: work.kind,
            account: work.account.clone(),
            attempt: work.attempt,
        });
        same("the work of the delivery", &work.as_ref(), &assignment)
    }

    fn compare_notifications(&mut self, model: &Model, step: &Step) -> Checked {
        for (agent, &ear) in self.ears.clone().iter().enumerate() {
            let all = self.host.hear(ear);
            for further in self.further.iter_mut().filter(|further| further.agent == agent) {
                let is_new = matches!(step, Step::Subscribe { .. });
                let covered = all.iter().filter(|heard| {
                    !is_new && (further.topic.ends_with('*') || further.topic == heard.topic)
                });
                further.due.extend(covered.cloned());
            }
            for heard in &all {
                self.books.heard(agent, heard)?;
            }
            let mut due = model.expected.told.iter().filter(|told| told.agent == agent);
            let mut came = all.iter();
            loop {
                match (due.next(), came.next()) {
                    (None, None) => break,
                    (Some(told), Some(heard)) => {
                        same("the topic", CHANNELS[told.channel].topic, heard.topic.as_str())?;
                        self.compare(&told.data, &heard.data)
                            .map_err(|error| format!("a notification of {}: {error}", AGENTS[agent]))?;
                    }
                    (Some(told), None) => {
                        return Err(format!("{} was not told {}", AGENTS[agent], told.data));
                    }
                    (None, Some(heard)) => {
                        return Err(format!("{} was told too much: {}", AGENTS[agent], heard.data));
                    }
                }
            }
        }
        Ok(())
    }

    /// Everything that can be read, as text.
    fn picture(&self) -> Vec<String> {
        let mut picture = Vec::new();
        let ids: std::collections::BTreeMap<_, _> = self.ids.iter().collect();
        for agent in AGENTS {
            for line in CHANNELS {
                picture.push(self.host.list(agent, line.name).join("\n"));
                for id in ids.values() {
                    picture.push(self.host.read(agent, line.name, id).unwrap_or_default());
                }
            }
        }
        picture.extend(QUEUES.iter().map(|queue| format!("{:?}", self.host.queue(queue))));
        picture.push(self.host.undelivered().to_string());
        picture
    }

    fn compare_everything(&mut self, model: &Model) -> Checked {
        for (agent, name) in AGENTS.iter().enumerate() {
            for (channel, line) in CHANNELS.iter().enumerate() {
                for operation in operations(channel) {
                    let due = Model::may_act(agent) && allowed_on_collection(channel).contains(&operation);
                    let can = self.host.can(name, line.name, None, operation);
                    if can != due {
                        return Err(format!("whether {name} can {operation} on {}: came {can}", line.name));
                    }
                }
                self.compare_list(model, agent, channel)?;
            }
            for number in 1..=model.interactions.len() {
                self.compare_reading(model, agent, number)
                    .map_err(|error| format!("{} as {name} sees it: {error}", name_of(number)))?;
            }
        }
        for (queue, path) in QUEUES.iter().enumerate() {
            let due: Vec<_> = model
                .queue(queue)
                .into_iter()
                .map(|number| {
                    let waits = model.talk(number).is_some_and(|talk| talk.stand.name() == "Queued");
                    (self.id(number), waits)
                })
                .collect();
            same(&format!("the queue {path}"), &due, &self.host.queue(path))?;
            for limit in [2, usize::MAX] {
                let waiting = due.iter().filter(|(_, waits)| *waits).map(|(id, _)| id.clone());
                let waiting: Vec<_> = waiting.take(limit).collect();
                same(&format!("what waits in {path}"), &waiting, &self.host.waiting(path, limit))?;
            }
            let next = model.next_of(queue).map(|number| self.id(number));
            same(&format!("the next of {path}"), &next, &self.host.queue_next(path))?;
        }
        for (contact, channel, agent, at_ms) in &model.last_agents {
            let contact = match contact {
                Contact::Named(name) => name.clone(),
                Contact::Made(number) => self.contacts.get(number).cloned().unwrap_or_default(),
            };
            let last = self.host.last_agent(&contact, CHANNELS[*channel].name);
            same("the last agent of a contact", &Some((AGENTS[*agent].to_owned(), *at_ms)), &last)?;
        }
        same("the number of deliveries under way", &model.undelivered(), &self.host.undelivered())
    }

    fn compare_list(&mut self, model: &Model, agent: usize, channel: usize) -> Checked {
        let due = model.listed(agent, channel);
        let list = self.host.list(AGENTS[agent], CHANNELS[channel].name);
        let what = format!("the list of {} on {}", AGENTS[agent], CHANNELS[channel].name);
        same(&what, &due.len(), &list.len())?;
        for (number, listed) in due.into_iter().zip(list) {
            let due = model.resource(number, agent, Model::may_act(agent));
            let listed = serde_json::from_str(&listed).map_err(|error| error.to_string())?;
            self.compare(&due, &listed).map_err(|error| format!("{what}: {error}"))?;
        }
        Ok(())
    }

    fn compare_reading(&mut self, model: &Model, agent: usize, number: usize) -> Checked {
        let (Some(talk), Some(id)) = (model.talk(number), self.ids.get(&number).cloned()) else {
            return Err("it has no id yet".into());
        };
        for (channel, line) in CHANNELS.iter().enumerate() {
            let is_own = talk.owner == Some(agent) && talk.channel == channel;
            let read = self.host.read(AGENTS[agent], line.name, &id);
            match read {
                None if is_own => return Err("it can't be read".into()),
                Some(read) if !is_own => {
                    return Err(format!("it can be read, and is not the agent's: {read}"));
                }
                None => {}
                Some(read) => {
                    let read = serde_json::from_str(&read).map_err(|error| error.to_string())?;
                    self.compare(&model.resource(number, agent, Model::may_act(agent)), &read)?;
                }
            }
            let allowed = if is_own && Model::may_act(agent) { talk.allowed() } else { Vec::new() };
            // On what the agent doesn't have, one operation stands for all: another one for each number.
            let (skipped, asked) = if is_own { (0, usize::MAX) } else { (number % OPERATIONS.len(), 1) };
            for operation in operations(channel).skip(skipped).take(asked) {
                let can = self.host.can(AGENTS[agent], line.name, Some(&id), operation);
                if can != allowed.contains(&operation) {
                    return Err(format!("whether {operation} can be done: came {can}"));
                }
            }
        }
        Ok(())
    }

    /// Compares documents: names that stand for ids and contacts are learnt when they are first seen, and
    /// must be the same ever after.
    fn compare(&mut self, due: &Value, came: &Value) -> Checked {
        let (Value::Object(due), Value::Object(came)) = (due, came) else { return same("it", due, came) };
        if let Some(more) = came.keys().find(|key| !due.contains_key(*key)) {
            return Err(format!("it has a member `{more}` too many: {}", came[more]));
        }
        for (member, due) in due {
            let Some(came) = came.get(member) else {
                return Err(format!("its member `{member}` is missing"));
            };
            let text = came.as_str().unwrap_or_default();
            match (member.as_str(), due.as_str().unwrap_or_default()) {
                ("id" | "parentId", name) => {
                    let number = name.trim_start_matches('#').parse().map_err(|_| "it has no name")?;
                    self.learn_id(number, text)?;
                }
                ("uri", name) => {
                    let (path, number) = name.split_once("/#").ok_or("it has no address")?;
                    let id = self.id(number.parse().map_err(|_| "it has no name")?);
                    if !text.ends_with(&format!("/api/v2/{path}/{id}")) {
                        return Err(format!("its `uri` is {text}"));
                    }
                }
                ("contactId", name) => match name.strip_prefix("contact ") {
                    Some(number) => {
                        let number = number.parse().map_err(|_| "it has no name")?;
                        learn("contact", &mut self.contacts, number, text)?;
                    }
                    None => same("contactId", name, text)?,
                },
                // The engine's own time and words: that they are there is enough.
                ("receivedDate" | "errorMessage", "") => {
                    if !came.is_string() || (member == "receivedDate" && text.len() != 28) {
                        return Err(format!("its `{member}` is {came}"));
                    }
                }
                _ if member == CHANNELS[0].resource || member == CHANNELS[1].resource => {
                    self.compare(due, came)?;
                }
                // As text, for the order of keys and capabilities counts.
                _ => {
                    let (due, came) = (due.to_string(), came.to_string());
                    if due != came {
                        return Err(format!("its `{member}`: expected {due}, came {came}"));
                    }
                }
            }
        }
        Ok(())
    }

    fn learn_id(&mut self, number: usize, id: &str) -> Checked {
        learn("interaction", &mut self.ids, number, id)
    }
}

impl Books {
    fn heard(&mut self, agent: usize, heard: &Heard) -> Checked {
        self.sequences[agent] += 1;
        same(&format!("the sequence of {}", AGENTS[agent]), &self.sequences[agent], &heard.sequence)?;
        let resource = CHANNELS.iter().find_map(|line| heard.data.get(line.resource));
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = text(heard.data.get("notificationType"));
        let state = text(resource.and_then(|resource| resource.get("state")));
        if kind == "Error" || state == "Completed" {
            self.in_doubt.remove(&text(resource.and_then(|resource| resource.get("id"))));
        }
        let Some(reference) = heard.data.get("referenceId").and_then(Value::as_u64) else { return Ok(()) };
        if reference > self.references[agent] {
            return Err(format!("{} was told of request {reference}, never accepted", AGENTS[agent]));
        }
        let answers = self.answers.entry((agent, reference)).or_default();
        // A Send is answered twice: when it is accepted and when it is over. All else is answered once.
        let may_come = match answers.as_slice() {
            [] => true,
            [first] => first == "Sent" && (state == "Completed" || kind == "Error"),
            _ => false,
        };
        answers.push(if kind == "StatusChange" { state } else { kind });
        if may_come {
            Ok(())
        } else {
            Err(format!("request {reference} was answered once too often: {answers:?}"))
        }
    }

    /// At most one attempt at publishing as long as nobody knows what became of the last one.
    fn tried(&mut self, assignment: &Assignment, outcome: &Outcome) -> Checked {
        let Some(id) = assignment.interaction.clone() else { return Ok(()) };
        let resends =
            CHANNELS.iter().filter_map(|line| line.account(&assignment.account)).any(|it| it.resends);
        match assignment.kind {
            "publish" if self.in_doubt.contains(&id) && !resends => {
                Err(format!("{id} is published again, and nobody knows what became of the first attempt"))
            }
            "publish" if matches!(outcome, Outcome::Unknown { .. } | Outcome::CannotTell { .. }) => {
                self.in_doubt.insert(id);
                Ok(())
            }
            "reconcile" if *outcome == Outcome::Absent => {
                self.in_doubt.remove(&id);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn operations(channel: usize) -> impl Iterator<Item = &'static str> {
    OPERATIONS.into_iter().chain(CHANNELS[channel].operations.iter().map(|own| own.name))
}

fn compare_host(expected: &Expected, came: &Result<(), Trouble>) -> Checked {
    match (&expected.host, came) {
        (Some(HostReply::Done), Ok(())) | (Some(HostReply::Conflict), Err(Trouble::Conflict)) => Ok(()),
        (Some(HostReply::Refused(codes)), Err(Trouble::Refused(code))) if codes.contains(code) => Ok(()),
        (due, came) => Err(format!("the host's call: expected {due:?}, came {came:?}")),
    }
}

fn learn(what: &str, known: &mut HashMap<usize, String>, number: usize, name: &str) -> Checked {
    if let Some(known) = known.get(&number) {
        return same(&format!("{what} {number}"), known.as_str(), name);
    }
    if let Some((other, _)) = known.iter().find(|(_, known)| *known == name) {
        return Err(format!("{what} {number} has the name of {what} {other}: {name}"));
    }
    known.insert(number, name.to_owned());
    Ok(())
}

fn same<T: PartialEq + Debug + ?Sized>(what: &str, due: &T, came: &T) -> Checked {
    if due == came { Ok(()) } else { Err(format!("{what}: expected {due:?}, came {came:?}")) }
}
