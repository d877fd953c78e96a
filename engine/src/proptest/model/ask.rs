//! What an agent's request leads to.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::step::{Flaw, On, Request};
use super::super::world::{
    AGENTS, CHANNELS, ENGINE_NAME, FORBIDDEN_WORD, LONGEST_CHARACTERS, Own, Source, limits,
};
use super::{
    Contact, Model, OPERATIONS, Stand, Talk, allowed_on_collection, codes, is_too_much, local_path, queue_of,
    scalar,
};

/// A request's members as they are read; what is wrong with them is gathered.
pub(super) struct Given<'a> {
    members: &'a Map<String, Value>,
    pub(super) faults: BTreeSet<u8>,
}

impl<'a> Given<'a> {
    pub(super) fn new(members: &'a Map<String, Value>) -> Self {
        Self { members, faults: BTreeSet::new() }
    }

    fn fault<T>(&mut self, code: u8) -> Option<T> {
        self.faults.insert(code);
        None
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.members.get(name)? {
            Value::String(text) => Some(text.clone()),
            _ => self.fault(2),
        }
    }

    pub(super) fn required_text(&mut self, name: &str) -> Option<String> {
        if self.members.contains_key(name) { self.text(name) } else { self.fault(1) }
    }

    pub(super) fn queue(&mut self, name: &str, required: bool) -> Option<usize> {
        let path = if required { self.required_text(name) } else { self.text(name) }?;
        queue_of(&path).or_else(|code| self.fault(code).ok_or(())).ok()
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        match self.members.get(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if text == "true" => Some(true),
            Value::String(text) if text == "false" => Some(false),
            _ => self.fault(2),
        }
    }

    pub(super) fn object(&mut self, name: &str, required: bool) -> Option<Map<String, Value>> {
        match self.members.get(name) {
            Some(Value::Object(object)) => Some(object.clone()),
            Some(_) => self.fault(2),
            None if required => self.fault(1),
            None => None,
        }
    }

    fn names(&mut self, name: &str) -> Vec<String> {
        let texts = match self.members.get(name) {
            Some(Value::Array(items)) => {
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
            }
            Some(_) => None,
            None => {
                self.faults.insert(1);
                return Vec::new();
            }
        };
        texts.or_else(|| self.fault(2)).unwrap_or_default()
    }

    pub(super) fn end(self) -> Result<(), BTreeSet<u8>> {
        if self.faults.is_empty() { Ok(()) } else { Err(self.faults) }
    }
}

impl Flaw {
    fn code(self) -> u8 {
        match self {
            Self::NoName => 1,
            Self::CutOff | Self::Array | Self::NameIsNumber | Self::TooDeep => 2,
            Self::TooLarge => 10,
        }
    }
}

impl Model {
    /// The request, in the order of checks: body, operation, feature, id, state, parameters.
    pub(super) fn ask(
        &mut self,
        agent: usize,
        channel: usize,
        on: On,
        request: &Request,
    ) -> Result<(), BTreeSet<u8>> {
        let line = CHANNELS[channel];
        let (name, members) = match request {
            Request::Malformed(flaw) => return Err(codes(flaw.code())),
            Request::Operation { name, members } => (name.as_str(), members),
        };
        let own = line.operations.iter().find(|own| own.name == name);
        if own.is_none() && !OPERATIONS.contains(&name) {
            return Err(codes(2));
        }
        if !Self::may_act(agent) {
            return Err(codes(5));
        }
        let number = match on {
            On::Collection => None,
            On::Nonsense => return Err(codes(6)),
            On::Interaction(number) => {
                let is_own = |talk: &&Talk| talk.owner == Some(agent) && talk.channel == channel;
                self.talk(number).filter(is_own).ok_or_else(|| codes(6))?;
                Some(number)
            }
        };
        let allowed = match number.and_then(|number| self.talk(number)) {
            Some(talk) => talk.allowed(),
            None => allowed_on_collection(channel),
        };
        if !allowed.contains(&name) {
            return Err(codes(3));
        }
        let given = Given::new(members);
        match (own, number) {
            (Some(own), number) => self.own_operation(agent, channel, number, own, given),
            (None, None) => self.create(agent, channel, given),
            (None, Some(number)) => self.operate(agent, number, name, given),
        }
    }

    fn create(&mut self, agent: usize, channel: usize, mut given: Given<'_>) -> Result<(), BTreeSet<u8>> {
        given.queue("queuePath", false);
        let user_data = given.object("userData", false).unwrap_or_default();
        if is_too_much(&user_data) {
            given.faults.insert(10);
        }
        given.end()?;
        self.interactions.push(Talk {
            owner: Some(agent),
            user_data,
            ..Talk::blank(channel, false, Stand::Composing)
        });
        self.answer(agent, self.interactions.len(), "StatusChange");
        Ok(())
    }

    fn operate(
        &mut self,
        agent: usize,
        number: usize,
        name: &str,
        mut given: Given<'_>,
    ) -> Result<(), BTreeSet<u8>> {
        let before = self.interactions[number - 1].clone();
        let mut talk = before.clone();
        let mut kind = "PropertiesUpdated";
        let mut records = false;
        match name {
            "Save" => {
                kind = talk.line().saved;
                written(&mut talk, &mut given);
                given.end()?;
            }
            "Send" => return self.send(agent, number, given),
            "Reply" => return self.reply(agent, number, given),
            "Transfer" => return self.transfer(agent, number, given),
            "Reject" => {
                self.drop_focus(agent, number);
                let reference = self.agents[agent].reference + 1;
                self.goes_back(number, Some(reference));
                return Ok(());
            }
            "Cancel" => {
                kind = "StatusChange";
                talk.stand = Stand::Canceled;
            }
            "Accept" => {
                kind = "StatusChange";
                records = given.flag("saveLAR").unwrap_or(false);
                given.end()?;
                talk.stand = if talk.inbound { Stand::Processing } else { Stand::Composing };
                talk.transferred_by = None;
            }
            "Complete" => {
                kind = "StatusChange";
                records = given.flag("saveLAR").unwrap_or(false);
                let queue = given.queue("queuePath", false);
                given.end()?;
                talk.stand = Stand::Completed;
                talk.place = queue.map(|queue| self.place(queue));
            }
            "AttachUserData" | "UpdateUserData" => {
                talk.user_data.extend(given.object("userData", true).unwrap_or_default());
                if is_too_much(&talk.user_data) && given.faults.is_empty() {
                    given.faults.insert(10);
                }
                given.end()?;
            }
            "DeleteUserData" => {
                for key in given.names("keys") {
                    talk.user_data.shift_remove(&key);
                }
                given.end()?;
            }
            "SetDisposition" => {
                let disposition = given.required_text("disposition").unwrap_or_default();
                let key = given.text("dispositionKey").unwrap_or_else(|| "DISP_KEY".into());
                talk.user_data.insert(key, disposition.into());
                if is_too_much(&talk.user_data) && given.faults.is_empty() {
                    given.faults.insert(10);
                }
                given.end()?;
            }
            "AddComment" => {
                let comment = given.required_text("comment").unwrap_or_default();
                if comment.len() > limits().message_bytes {
                    given.faults.insert(10);
                }
                given.end()?;
                talk.comment = Some(comment);
            }
            "SetInFocus" => self.agents[agent].focus = Some(number),
            _ => unreachable!("every operation is named above"),
        }
        if records && let Some(contact) = &talk.contact {
            self.record(contact.clone(), talk.channel, agent);
        }
        *self.talk_mut(number) = talk;
        self.answer(agent, number, kind);
        Ok(())
    }

    fn send(&mut self, agent: usize, number: usize, mut given: Given<'_>) -> Result<(), BTreeSet<u8>> {
        let mut talk = self.interactions[number - 1].clone();
        let line = talk.line();
        given.queue("queuePath", true);
        let records = given.flag("saveLAR").unwrap_or(false);
        let mut account = None;
        if written(&mut talk, &mut given) {
            match talk.from.as_deref() {
                None | Some("") => {
                    given.faults.insert(1);
                }
                Some(from) => {
                    account = line.account(from).or_else(|| given.fault(2));
                }
            }
            if talk.message_is_parents || talk.message.as_deref().unwrap_or_default().is_empty() {
                given.faults.insert(1);
            }
            let attachments = talk.extras.get("attachments").and_then(Value::as_array);
            if attachments.is_some_and(|attachments| attachments.len() > line.attachments) {
                given.faults.insert(10);
            }
        }
        given.end()?;
        let message = talk.message.clone().unwrap_or_default();
        if line.is_plugin && message.contains(FORBIDDEN_WORD) {
            return Err(codes(2));
        }
        if line.is_plugin && message.chars().count() > LONGEST_CHARACTERS {
            return Err(codes(10));
        }
        let account = account.expect("a missing account is a fault");
        let defaults: Vec<_> =
            account.defaults.iter().filter(|(key, _)| !talk.user_data.contains_key(*key)).collect();
        for (key, value) in account.facts.iter().chain(defaults) {
            let value = value.replace("{agent.id}", AGENTS[agent]).replace("{engine.name}", ENGINE_NAME);
            talk.user_data.insert((*key).to_owned(), value.into());
        }
        talk.stand = Stand::Sent;
        let channel = talk.channel;
        *self.talk_mut(number) = talk;
        self.resolve(number);
        if records && let Some(contact) = self.interactions[number - 1].contact.clone() {
            self.record(contact, channel, agent);
        }
        self.answer(agent, number, "StatusChange");
        self.accept_delivery(agent, channel, Some(number), account.name, false);
        Ok(())
    }

    fn reply(&mut self, agent: usize, number: usize, mut given: Given<'_>) -> Result<(), BTreeSet<u8>> {
        let parent = self.interactions[number - 1].clone();
        let line = parent.line();
        given.queue("queuePath", true);
        let (parameter, is_flag, kept) = line.reply_parameter;
        let value =
            if is_flag { given.flag(parameter).map(|flag| flag.to_string()) } else { given.text(parameter) };
        let known = |key: &&str| {
            let own = value.as_deref().filter(|_| *key == kept).is_some_and(|text| !text.is_empty());
            own || scalar(&parent.user_data, key).is_some_and(|text| !text.is_empty())
        };
        if !line.reply_needs.iter().all(|group| group.iter().any(known)) {
            given.faults.insert(2);
        }
        let mut user_data = Map::new();
        for &(key, source) in line.reply_data {
            let text = match source {
                Source::Text(text) => text.to_owned(),
                Source::Parent(of) => scalar(&parent.user_data, of).unwrap_or_default(),
            };
            if !text.is_empty() {
                user_data.insert(key.to_owned(), text.into());
            }
        }
        user_data.extend(value.map(|value| (kept.to_owned(), value.into())));
        if let Some(more) = given.object("userData", false) {
            user_data.extend(more);
            if is_too_much(&user_data) {
                given.faults.insert(10);
            }
        }
        given.end()?;
        self.interactions.push(Talk {
            owner: Some(agent),
            parent: Some(number),
            contact: parent.contact.clone(),
            message_is_parents: parent.message.is_some(),
            message: parent.message,
            user_data,
            ..Talk::blank(parent.channel, false, Stand::Composing)
        });
        self.answer(agent, self.interactions.len(), "StatusChange");
        Ok(())
    }

    fn transfer(&mut self, agent: usize, number: usize, mut given: Given<'_>) -> Result<(), BTreeSet<u8>> {
        let target = if given.members.contains_key("targetPath") {
            given.text("targetPath")
        } else if given.members.contains_key("targetUri") {
            given.text("targetUri")
        } else {
            given.fault(1)
        };
        let user = target.as_deref().and_then(local_path).and_then(|path| path.strip_prefix("/users/"));
        let to_agent = match user {
            Some("") => given.fault(2),
            Some(user) => AGENTS.iter().position(|agent| *agent == user).or_else(|| given.fault(6)),
            None => None,
        };
        let to_queue = match &target {
            Some(path) if user.is_none() => queue_of(path).or_else(|code| given.fault(code).ok_or(())).ok(),
            _ => None,
        };
        given.end()?;
        self.drop_focus(agent, number);
        let place = to_queue.map(|queue| self.place(queue));
        let reference = self.agents[agent].reference + 1;
        let talk = self.talk_mut(number);
        talk.owner = to_agent;
        talk.assigned_to = to_agent;
        if to_agent.is_some() {
            talk.stand = Stand::Invited;
            talk.transferred_by = Some(agent);
        } else {
            talk.stand = Stand::Queued;
            talk.transferred_by = None;
            talk.place = place;
        }
        self.tell(agent, number, "StatusChange", Some(reference), true);
        if let Some(target) = to_agent {
            self.tell(target, number, "StatusChange", None, false);
        }
        Ok(())
    }

    /// An operation that the channel adds: accepted now, answered when it is done.
    fn own_operation(
        &mut self,
        agent: usize,
        channel: usize,
        number: Option<usize>,
        own: &Own,
        mut given: Given<'_>,
    ) -> Result<(), BTreeSet<u8>> {
        let line = CHANNELS[channel];
        let mut from = None;
        for &(name, required) in own.parameters {
            let text = if required { given.required_text(name) } else { given.text(name) };
            if name == "from" {
                from = text;
            }
        }
        let is_given = given.members.contains_key("from");
        let able =
            |name: &str| line.account(name).is_some_and(|account| account.operations.contains(&own.name));
        let account = match &from {
            Some(from) if able(from) => Some(from.clone()),
            Some(_) => given.fault(2),
            None if is_given => None,
            None => {
                let came_to = number.and_then(|number| self.talk(number)?.account.clone());
                let all: Vec<_> = line.accounts.iter().filter(|account| able(account.name)).collect();
                match (came_to.filter(|account| able(account)), all.as_slice()) {
                    (Some(account), _) => Some(account),
                    (None, [only]) => Some(only.name.to_owned()),
                    _ => given.fault(1),
                }
            }
        };
        given.end()?;
        self.accept_delivery(agent, channel, number, &account.unwrap_or_default(), true);
        Ok(())
    }

    fn answer(&mut self, agent: usize, number: usize, kind: &str) {
        let reference = self.agents[agent].reference + 1;
        self.tell(agent, number, kind, Some(reference), false);
    }

    fn record(&mut self, contact: Contact, channel: usize, agent: usize) {
        self.last_agents.retain(|(known, on, ..)| !(*known == contact && *on == channel));
        self.last_agents.push((contact, channel, agent, self.now_ms));
    }

    fn drop_focus(&mut self, agent: usize, number: usize) {
        let focus = &mut self.agents[agent].focus;
        if *focus == Some(number) {
            *focus = None;
        }
    }
}

/// What Save and Send write; `false` if the object could not be read.
fn written(talk: &mut Talk, given: &mut Given<'_>) -> bool {
    let line = talk.line();
    let before = given.faults.len();
    let user_data = talk.user_data.clone();
    let Some(object) = given.object(line.resource, false) else {
        return given.faults.len() == before;
    };
    let mut inner = Given::new(&object);
    let (message, from) = (inner.text("message"), inner.text("from"));
    if message.as_ref().is_some_and(|message| message.len() > limits().message_bytes) {
        inner.faults.insert(10);
    }
    let is_readable = !inner.faults.contains(&2);
    given.faults.extend(inner.faults);
    if let Some(message) = message {
        talk.message = Some(message);
        talk.message_is_parents = false;
    }
    if let Some(from) = from {
        if let Some(key) = line.mirror {
            talk.user_data.insert(key.into(), from.clone().into());
        }
        talk.from = Some(from);
    }
    let extras = object.iter().filter(|(name, _)| !matches!(name.as_str(), "from" | "message"));
    talk.extras.extend(extras.map(|(name, value)| (name.clone(), value.clone())));
    if object.get("attachments").is_some_and(|attachments| !attachments.is_array()) {
        given.faults.insert(2);
    }
    // What a delivery wrote may be beyond the bounds: that alone is not the agent's fault.
    if talk.user_data != user_data && is_too_much(&talk.user_data) {
        given.faults.insert(10);
    }
    is_readable
}
