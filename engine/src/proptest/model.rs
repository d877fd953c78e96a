//! The reference: what the contact centre should look like after every step, worked out from the
//! description of the interface alone.
//!
//! Nothing here is read from [`lifecycle`](crate::lifecycle) or from the engine's decisions: the states,
//! the capability lists and the rules are written down a second time, so that the two can disagree.

mod ask;
mod delivery;

pub use delivery::{Delivery, Stage};

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::step::Step;
use super::world::{AGENTS, CHANNELS, Line, MAY_ACT, QUEUES, START_MS, limits};

/// The reference state: everything that a host or an agent can find out, and what the last step must
/// have led to.
#[derive(Clone, Debug)]
pub struct Model {
    /// The time: Unix time in milliseconds.
    pub now_ms: i64,
    /// The agents, as in [`AGENTS`].
    pub agents: [Agent; AGENTS.len()],
    /// The interactions; number 1 is the first.
    pub interactions: Vec<Talk>,
    /// Whose an address on a channel is: channel, address, contact.
    pub contacts: Vec<(usize, String, Contact)>,
    /// Who last had to do with a contact on a channel: contact, channel, agent, when.
    pub last_agents: Vec<(Contact, usize, usize, i64)>,
    /// What was accepted for delivery, settled or not, in order.
    pub deliveries: Vec<Delivery>,
    /// The deliveries that the host took, in order, as indexes of [`Model::deliveries`].
    pub taken: Vec<usize>,
    /// What the last step must have led to.
    pub expected: Expected,
    /// The platform's ids of inbound interactions: channel, id, number.
    externals: Vec<(usize, String, usize)>,
    accounts: Vec<delivery::AccountState>,
    contacts_made: usize,
    placements: u64,
    scheduled: u64,
}

/// An agent.
#[derive(Clone, Debug, Default)]
pub struct Agent {
    /// The last `referenceId` that was given.
    pub reference: u64,
    /// The interaction that the agent looks at.
    pub focus: Option<usize>,
}

/// Where an interaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the states are those of the interface's description")]
pub enum Stand {
    Queued,
    Invited,
    Composing,
    Processing,
    Sent,
    Completed,
    Canceled,
}

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contact {
    /// Named by the host.
    Named(String),
    /// Made for a new address; they count from 1.
    Made(usize),
}

/// An interaction.
#[derive(Clone, Debug)]
pub struct Talk {
    /// Its id, if the host named it.
    pub id: Option<String>,
    /// Which of the [`CHANNELS`].
    pub channel: usize,
    /// Whether a customer began it.
    pub inbound: bool,
    /// Where it stands.
    pub stand: Stand,
    /// The agent who has it.
    pub owner: Option<usize>,
    /// Who wrote it, or the account that sends it.
    pub from: Option<String>,
    /// The text.
    pub message: Option<String>,
    /// Whether the text is only the parent's.
    pub message_is_parents: bool,
    /// The comment.
    pub comment: Option<String>,
    /// The contact.
    pub contact: Option<Contact>,
    /// The interaction that it answers.
    pub parent: Option<usize>,
    /// When it was written; `None` if the engine was to say so.
    pub received: Option<String>,
    /// The agent to whom it was transferred.
    pub assigned_to: Option<usize>,
    /// The agent who transferred it and gets it back if it is not accepted.
    pub transferred_by: Option<usize>,
    /// The account that it came to.
    pub account: Option<String>,
    /// User data.
    pub user_data: Map<String, Value>,
    /// What else Save and Send carried.
    pub extras: Map<String, Value>,
    /// The place in a queue, kept for going back: the queue's number, since when, and the count of
    /// placements.
    pub place: Option<(usize, i64, u64)>,
}

/// What a step must have led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// The reply to an agent's request.
    pub reply: Option<Reply>,
    /// The answer to the host's call.
    pub host: Option<HostReply>,
    /// The notifications, those of one agent in order.
    pub told: Vec<Told>,
    /// The work that was handed to the plugin, or to the host.
    pub work: Option<Work>,
    /// How many deliveries were worked on.
    pub worked_on: u32,
}

/// A reply to an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Accepted, with this `referenceId`.
    Accepted(u64),
    /// Refused. Where several parameters are wrong the description leaves open which is named: any of
    /// these codes will do.
    Refused(BTreeSet<u8>),
}

/// An answer to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostReply {
    /// Done.
    Done,
    /// The interaction of this number came in (now, or before).
    Received(usize),
    /// Refused, with one of these codes.
    Refused(BTreeSet<u8>),
    /// Not as things stand.
    Conflict,
    /// There was nothing to do.
    Nothing,
}

/// A notification.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Which of the [`AGENTS`].
    pub agent: usize,
    /// Which of the [`CHANNELS`].
    pub channel: usize,
    /// `data`, with `#n` for ids and `contact n` for contacts that were made.
    pub data: Value,
}

/// Work of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The interaction; none for an operation on the collection.
    pub interaction: Option<usize>,
    /// `publish`, `operation`, `poll` or `reconcile`.
    pub kind: &'static str,
    /// The account.
    pub account: String,
    /// The attempt, counted from 1.
    pub attempt: u32,
}

/// What an agent may do with a draft, as listed.
const DRAFT: [&str; 9] = [
    "Cancel",
    "Send",
    "AddComment",
    "AttachUserData",
    "UpdateUserData",
    "DeleteUserData",
    "SetDisposition",
    "SetInFocus",
    "Transfer",
];

/// What an agent may do with what a customer wrote, as listed.
const WORK: [&str; 9] = [
    "Reply",
    "Transfer",
    "AddComment",
    "AttachUserData",
    "UpdateUserData",
    "DeleteUserData",
    "SetDisposition",
    "SetInFocus",
    "Complete",
];

/// Every operation that all channels have.
pub const OPERATIONS: [&str; 15] = [
    "Create",
    "Save",
    "Send",
    "Cancel",
    "Accept",
    "Reject",
    "Reply",
    "Complete",
    "Transfer",
    "AttachUserData",
    "UpdateUserData",
    "DeleteUserData",
    "SetDisposition",
    "AddComment",
    "SetInFocus",
];

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Stand {
    /// As clients see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Invited => "Invited",
            Self::Composing => "Composing",
            Self::Processing => "Processing",
            Self::Sent => "Sent",
            Self::Completed => "Completed",
            Self::Canceled => "Canceled",
        }
    }
}

impl Talk {
    fn line(&self) -> &'static Line {
        CHANNELS[self.channel]
    }

    fn blank(channel: usize, inbound: bool, stand: Stand) -> Self {
        Self {
            id: None,
            channel,
            inbound,
            stand,
            owner: None,
            from: None,
            message: None,
            message_is_parents: false,
            comment: None,
            contact: None,
            parent: None,
            received: None,
            assigned_to: None,
            transferred_by: None,
            account: None,
            user_data: Map::new(),
            extras: Map::new(),
            place: None,
        }
    }

    /// Whether a listing shows it.
    pub fn is_listed(&self) -> bool {
        matches!(self.stand, Stand::Invited | Stand::Composing | Stand::Processing | Stand::Sent)
    }

    /// Whether it stands in its queue now.
    pub fn is_in_queue(&self) -> bool {
        self.place.is_some() && matches!(self.stand, Stand::Queued | Stand::Completed)
    }

    /// What its owner may do, as capability lists say it.
    pub fn capabilities(&self) -> Vec<&'static str> {
        match self.stand {
            Stand::Invited => vec!["Accept", "Reject"],
            Stand::Composing => DRAFT.to_vec(),
            Stand::Processing => WORK.into_iter().chain(self.own_operations()).collect(),
            Stand::Queued | Stand::Sent | Stand::Completed | Stand::Canceled => Vec::new(),
        }
    }

    /// What its owner may do: Save is not listed, by the published samples.
    pub fn allowed(&self) -> Vec<&'static str> {
        let mut allowed = self.capabilities();
        if self.stand == Stand::Composing {
            allowed.push("Save");
        }
        allowed
    }

    /// What the account that it came to can do; where that is not known, any account.
    fn own_operations(&self) -> impl Iterator<Item = &'static str> {
        let line = self.line();
        let account = self.account.as_deref().and_then(|name| line.account(name));
        let can = move |operation: &str| match account {
            Some(account) => account.operations.contains(&operation),
            None => line.accounts.iter().any(|account| account.operations.contains(&operation)),
        };
        line.operations
            .iter()
            .filter(|own| !own.on_collection)
            .map(|own| own.name)
            .filter(move |own| can(own))
    }

    /// The address that stands for the other side.
    fn address(&self) -> Option<String> {
        let to = if self.inbound { None } else { scalar(&self.user_data, "To") };
        to.filter(|to| !to.is_empty()).or_else(|| self.from.clone())
    }
}

/// What a collection allows.
pub fn allowed_on_collection(channel: usize) -> Vec<&'static str> {
    let line = CHANNELS[channel];
    let any = |operation: &str| line.accounts.iter().any(|account| account.operations.contains(&operation));
    let own = line.operations.iter().filter(|own| own.on_collection && any(own.name)).map(|own| own.name);
    std::iter::once("Create").chain(own).collect()
}

/// The text of a scalar value.
fn scalar(data: &Map<String, Value>, key: &str) -> Option<String> {
    match data.get(key)? {
        Value::String(text) => Some(text.clone()),
        value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether user data is over its bounds.
fn is_too_much(data: &Map<String, Value>) -> bool {
    let limits = limits();
    let bytes = Value::Object(data.clone()).to_string().len();
    data.len() > limits.user_data_keys || bytes > limits.user_data_bytes
}

/// The queue of a path, by its number; `Err` with the code otherwise.
fn queue_of(path: &str) -> Result<usize, u8> {
    let path = local_path(path).ok_or(2)?;
    let id = path.strip_prefix("/queues/").or_else(|| path.strip_prefix("/contacts/")).ok_or(2)?;
    if id.is_empty() || id.contains(['/', ' ']) {
        return Err(2);
    }
    QUEUES.iter().position(|queue| *queue == path).ok_or(6)
}

/// The path of an absolute URI of the interface, or the path itself.
fn local_path(text: &str) -> Option<&str> {
    match text.split_once("://") {
        Some(("http" | "https", rest)) => {
            let path = &rest[rest.find('/')?..];
            Some(path.strip_prefix("/api/v2").unwrap_or(path))
        }
        Some(_) => None,
        None => Some(text),
    }
}

fn codes(code: u8) -> BTreeSet<u8> {
    BTreeSet::from([code])
}

impl Model {
    /// Nothing has happened yet; every agent has been seen.
    pub fn new() -> Self {
        Self {
            now_ms: START_MS,
            agents: Default::default(),
            interactions: Vec::new(),
            contacts: Vec::new(),
            last_agents: Vec::new(),
            deliveries: Vec::new(),
            taken: Vec::new(),
            expected: Expected::default(),
            externals: Vec::new(),
            accounts: delivery::accounts(),
            contacts_made: 0,
            placements: 0,
            scheduled: 0,
        }
    }

    /// The interaction of that number.
    pub fn talk(&self, number: usize) -> Option<&Talk> {
        self.interactions.get(number.checked_sub(1)?)
    }

    fn talk_mut(&mut self, number: usize) -> &mut Talk {
        &mut self.interactions[number - 1]
    }

    /// Takes a step: [`Model::expected`] says what it must lead to.
    pub fn take(&mut self, step: &Step) {
        self.expected = Expected::default();
        match step {
            Step::Ask { agent, channel, on, request } => {
                let reference = self.agents[*agent].reference + 1;
                let reply = match self.ask(*agent, *channel, *on, request) {
                    Ok(()) => {
                        self.agents[*agent].reference = reference;
                        Reply::Accepted(reference)
                    }
                    Err(codes) => Reply::Refused(codes),
                };
                self.expected.reply = Some(reply);
            }
            Step::Receive { channel, members } => {
                let reply = self.receive(*channel, members);
                self.expected.host = Some(reply.map_or_else(HostReply::Refused, HostReply::Received));
            }
            Step::Offer { interaction, agent } => {
                let reply = self.offer(*interaction, *agent);
                self.expected.host = Some(reply);
            }
            Step::OfferNext { queue, agent } => {
                let next = self.next_of(*queue);
                let reply = next.map_or(HostReply::Nothing, |number| self.offer(number, *agent));
                self.expected.host = Some(reply);
            }
            Step::Revoke { interaction } => {
                let reply = self.revoke(*interaction);
                self.expected.host = Some(reply);
            }
            Step::Deliver { outcome, reports } => self.deliver(outcome, *reports),
            Step::HandOut => self.hand_out(),
            Step::Settle { delivery, outcome } => {
                let reply = self.settle(*delivery, outcome);
                self.expected.host = Some(reply);
            }
            Step::Resume { channel, account } => self.resume(*channel, *account),
            Step::Pass { ms } => self.now_ms += ms,
            Step::Subscribe { .. } | Step::Drain { .. } => {}
        }
    }

    /// What a queue holds, oldest first: numbers of interactions.
    pub fn queue(&self, queue: usize) -> Vec<usize> {
        let mut places: Vec<_> = (1..=self.interactions.len())
            .filter_map(|number| {
                let talk = self.talk(number)?;
                let (at, since, count) = talk.place.filter(|_| talk.is_in_queue())?;
                (at == queue).then_some((since, count, number))
            })
            .collect();
        places.sort_unstable();
        places.into_iter().map(|(_, _, number)| number).collect()
    }

    /// The oldest of a queue that can be offered.
    pub fn next_of(&self, queue: usize) -> Option<usize> {
        self.queue(queue)
            .into_iter()
            .find(|&number| self.talk(number).is_some_and(|talk| talk.stand == Stand::Queued))
    }

    /// The resource object that an agent sees: `#n` stands for ids, `contact n` for contacts that were
    /// made, an empty text for a time that the engine was to name.
    pub fn resource(&self, number: usize, agent: usize, permitted: bool) -> Value {
        self.seen(number, agent, permitted, false)
    }

    fn seen(&self, number: usize, agent: usize, permitted: bool, left: bool) -> Value {
        let Some(talk) = self.talk(number) else { return Value::Null };
        let line = talk.line();
        let stand = if left { Stand::Completed } else { talk.stand };
        let mut members = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        };
        put("id", Some(name_of(number).into()));
        put("uri", Some(format!("{}/{}", line.uri_path, name_of(number)).into()));
        put("state", Some(stand.name().into()));
        put("capabilities", Some(if permitted && !left { talk.capabilities().into() } else { json!([]) }));
        put(line.direction, Some(if talk.inbound { "Inbound" } else { "Outbound" }.into()));
        put("from", talk.from.clone().map(Value::from));
        put("message", talk.message.clone().map(Value::from));
        put("subject", talk.message.as_deref().map(|message| subject(message).into()));
        put("comment", talk.comment.clone().map(Value::from));
        put("contactId", talk.contact.as_ref().map(|contact| contact.name().into()));
        put("parentId", talk.parent.map(|parent| name_of(parent).into()));
        put("assignedTo", talk.assigned_to.map(|agent| AGENTS[agent].into()));
        put("inFocus", (!left && self.agents[agent].focus == Some(number)).then_some(Value::Bool(true)));
        if talk.inbound {
            put("receivedDate", Some(talk.received.clone().unwrap_or_default().into()));
            put("revelantResponseTemplateGroups", Some(json!([])));
            put("suggestedQueueUris", Some(json!([])));
        }
        if talk.inbound || !talk.user_data.is_empty() {
            put("userData", Some(Value::Object(talk.user_data.clone())));
        }
        Value::Object(members)
    }

    /// The numbers of what a listing shows to an agent, oldest first.
    pub fn listed(&self, agent: usize, channel: usize) -> Vec<usize> {
        (1..=self.interactions.len())
            .filter(|&number| {
                self.talk(number).is_some_and(|talk| {
                    talk.owner == Some(agent) && talk.channel == channel && talk.is_listed()
                })
            })
            .collect()
    }

    /// How many deliveries are not settled.
    pub fn undelivered(&self) -> usize {
        self.deliveries.iter().filter(|delivery| delivery.stage != Stage::Settled).count()
    }

    fn tell(&mut self, agent: usize, number: usize, kind: &str, reference: Option<u64>, left: bool) {
        self.tell_with(agent, number, kind, reference, left, Map::new());
    }

    fn tell_with(
        &mut self,
        agent: usize,
        number: usize,
        kind: &str,
        reference: Option<u64>,
        left: bool,
        more: Map<String, Value>,
    ) {
        let resource = self.seen(number, agent, true, left);
        let channel = self.interactions[number - 1].channel;
        let line = CHANNELS[channel];
        let mut data = Map::new();
        data.insert("messageType".into(), line.message_type.into());
        data.insert("notificationType".into(), kind.into());
        if let Some(reference) = reference {
            data.insert("referenceId".into(), reference.into());
        }
        data.insert(line.resource.into(), resource);
        data.extend(more);
        self.expected.told.push(Told { agent, channel, data: Value::Object(data) });
    }

    fn place(&mut self, queue: usize) -> (usize, i64, u64) {
        self.placements += 1;
        (queue, self.now_ms, self.placements)
    }

    /// The contact of an interaction's address, from now on its own; the address's, if it had none.
    fn resolve(&mut self, number: usize) {
        let talk = &self.interactions[number - 1];
        let Some(address) = talk.address() else { return };
        let (channel, given) = (talk.channel, talk.contact.clone());
        let known = self.contacts.iter().find(|(on, known, _)| *on == channel && *known == address).cloned();
        let contact = given.or_else(|| known.as_ref().map(|(_, _, contact)| contact.clone()));
        let contact = contact.unwrap_or_else(|| {
            self.contacts_made += 1;
            Contact::Made(self.contacts_made)
        });
        if known.is_none() {
            self.contacts.push((channel, address, contact.clone()));
        }
        self.talk_mut(number).contact = Some(contact);
    }

    fn receive(&mut self, channel: usize, members: &Map<String, Value>) -> Result<usize, BTreeSet<u8>> {
        let line = CHANNELS[channel];
        let mut given = ask::Given::new(members);
        let from = given.required_text("from").unwrap_or_default();
        let message = given.required_text("message").unwrap_or_default();
        let queue = given.queue("queuePath", true);
        let mut user_data = given.object("userData", false).unwrap_or_default();
        let [id, received, contact, external, account] =
            ["id", "receivedDate", "contactId", "externalId", "account"].map(|name| given.text(name));
        let is_id = |id: &String| {
            !id.is_empty()
                && id.len() <= 39
                && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        };
        if id.as_ref().is_some_and(|id| !is_id(id)) {
            given.faults.insert(2);
        }
        // A repeated one is recognised before anything else is judged, as long as it can be read.
        let unreadable: BTreeSet<u8> =
            given.faults.iter().copied().filter(|code| matches!(code, 1 | 2)).collect();
        if unreadable.is_empty()
            && let Some(external) = &external
            && let Some((_, _, first)) =
                self.externals.iter().find(|(on, known, _)| *on == channel && known == external)
        {
            return Ok(*first);
        }
        if message.len() > limits().message_bytes || is_too_much(&user_data) {
            given.faults.insert(10);
        }
        if id.is_some() && self.interactions.iter().any(|talk| talk.id == id) && given.faults.is_empty() {
            given.faults.insert(18);
        }
        given.end()?;

        if let Some(key) = line.mirror
            && !user_data.contains_key(key)
        {
            user_data.insert(key.into(), from.clone().into());
        }
        let media_account = scalar(&user_data, "_umsMediaAccount");
        let of_media = |account: &&super::world::Account| {
            account
                .facts
                .iter()
                .any(|(key, id)| *key == "_umsMediaAccount" && media_account.as_deref() == Some(*id))
        };
        let account = account
            .or_else(|| line.accounts.iter().find(of_media).map(|account| account.name.to_owned()))
            .or_else(|| (line.accounts.len() == 1).then(|| line.accounts[0].name.to_owned()));
        let place = Some(self.place(queue.unwrap_or_default()));
        self.interactions.push(Talk {
            id,
            from: Some(from),
            message: Some(message),
            received,
            contact: contact.map(Contact::Named),
            account,
            user_data,
            place,
            ..Talk::blank(channel, true, Stand::Queued)
        });
        let number = self.interactions.len();
        self.resolve(number);
        if let Some(external) = external {
            self.externals.push((channel, external, number));
        }
        Ok(number)
    }

    fn offer(&mut self, number: usize, agent: usize) -> HostReply {
        if agent >= AGENTS.len() {
            return HostReply::Refused(codes(6));
        }
        let Some(talk) = self.talk(number) else { return HostReply::Refused(codes(6)) };
        if talk.stand != Stand::Queued {
            return HostReply::Conflict;
        }
        let talk = self.talk_mut(number);
        talk.stand = Stand::Invited;
        talk.owner = Some(agent);
        self.tell(agent, number, "StatusChange", None, false);
        HostReply::Done
    }

    fn revoke(&mut self, number: usize) -> HostReply {
        let Some(talk) = self.talk(number) else { return HostReply::Refused(codes(6)) };
        if talk.stand != Stand::Invited {
            return HostReply::Conflict;
        }
        self.goes_back(number, None);
        HostReply::Done
    }

    /// An invitation that was not taken.
    fn goes_back(&mut self, number: usize, reference: Option<u64>) {
        let talk = self.talk_mut(number);
        let Some(invited) = talk.owner.take() else { return };
        let transferred_by = talk.transferred_by.take();
        talk.assigned_to = None;
        let former = if talk.place.is_none() { transferred_by } else { None };
        talk.owner = former;
        talk.stand = if former.is_some() { Stand::Composing } else { Stand::Queued };
        self.tell(invited, number, "StatusChange", reference, true);
        if let Some(former) = former {
            self.tell(former, number, "StatusChange", None, false);
        }
    }

    /// Whether a handle of this agent may act.
    pub fn may_act(agent: usize) -> bool {
        MAY_ACT[agent]
    }
}

impl Contact {
    /// The contact's name in expected documents.
    pub fn name(&self) -> String {
        match self {
            Self::Named(name) => name.clone(),
            Self::Made(number) => format!("contact {number}"),
        }
    }
}

/// An interaction's name in expected documents.
pub(super) fn name_of(number: usize) -> String {
    format!("#{number}")
}

/// The message if it has at most 40 characters, else its first 37 and three dots.
fn subject(message: &str) -> String {
    let characters: Vec<char> = message.chars().collect();
    if characters.len() <= 40 {
        message.to_owned()
    } else {
        characters[..37].iter().collect::<String>() + "..."
    }
}
