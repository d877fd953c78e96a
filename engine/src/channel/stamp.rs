//! What accounts write into the user data of the messages that they send: made ready once, but for who asks.

use foldhash::HashMap;
use serde_json::Value;
use smallvec::SmallVec;

use super::template::{Part, parts};
use super::{Account, Manifest};
use crate::interaction::AgentId;
use crate::json::{Set, Written, write_content, write_string};

/// The stamps of a channel's accounts: what Send writes for each.
#[derive(Clone, Debug)]
pub struct Stamps(HashMap<String, Stamp>);

/// What an account writes.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    members: Vec<Member>,
    /// All of them in their order, with commas between.
    all: Pieces,
}

#[derive(Clone, Debug)]
struct Member {
    key: String,
    value: Pieces,
    /// What is there stays.
    is_default: bool,
}

/// A text of JSON with places for the agent's id.
#[derive(Clone, Debug, Default)]
struct Pieces {
    text: String,
    /// Where in the text the id goes in.
    agents: SmallVec<[usize; 1]>,
}

impl Stamps {
    /// Of all accounts of a channel, in an engine of this name.
    pub fn new(manifest: &Manifest, engine_name: &str) -> Self {
        let of = |account: &Account| (account.name.clone(), Stamp::new(account, engine_name));
        Self(manifest.accounts.iter().map(of).collect())
    }

    pub(crate) fn of(&self, account: &str) -> Option<&Stamp> {
        self.0.get(account)
    }
}

impl Stamp {
    fn new(account: &Account, engine_name: &str) -> Self {
        let facts = account.send_user_data.iter().map(|(key, value)| (key, value, false));
        let is_fact = |key: &String| account.send_user_data.contains_key(key);
        let defaults = account.send_defaults.iter().filter(|(key, _)| !is_fact(key));
        let members: Vec<_> = facts
            .chain(defaults.map(|(key, value)| (key, value, true)))
            .map(|(key, value, is_default)| Member {
                key: key.clone(),
                value: Pieces::of(value, engine_name),
                is_default,
            })
            .collect();
        let mut all = Pieces::default();
        for (at, member) in members.iter().enumerate() {
            all.text.push_str(if at == 0 { "" } else { "," });
            write_string(&mut all.text, &member.key);
            all.text.push(':');
            all.push(&member.value);
        }
        Self { members, all }
    }

    /// How many members there are.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is a member of this key.
    pub(crate) fn has(&self, is_key: impl Fn(&str) -> bool) -> bool {
        self.members.iter().any(|member| is_key(&member.key))
    }

    /// All members for user data that has none of them, with commas between.
    pub(crate) fn write_all(&self, agent: &AgentId, out: &mut String) {
        self.all.write(agent, out);
    }

    /// The members one by one.
    pub(crate) fn sets<'a>(&'a self, agent: &'a AgentId) -> Vec<Set<'a, impl Written>> {
        let set = |Member { key, value, is_default }: &'a Member| {
            let value = Filled { pieces: value, agent };
            if *is_default { Set::where_missing(key, value) } else { Set::always(key, value) }
        };
        self.members.iter().map(set).collect()
    }
}

struct Filled<'a> {
    pieces: &'a Pieces,
    agent: &'a AgentId,
}

impl Written for Filled<'_> {
    fn write(&self, out: &mut String) {
        self.pieces.write(self.agent, out);
    }
}

impl Pieces {
    fn of(value: &Value, engine_name: &str) -> Self {
        let mut pieces = Self::default();
        let Value::String(template) = value else {
            Written::write(&value, &mut pieces.text);
            return pieces;
        };
        pieces.text.push('"');
        for part in parts(template, |name| matches!(name, "agent.id" | "engine.name")) {
            match part {
                Part::Text(text) => write_content(&mut pieces.text, text),
                Part::Fact("engine.name") => write_content(&mut pieces.text, engine_name),
                Part::Fact(_) => pieces.agents.push(pieces.text.len()),
            }
        }
        pieces.text.push('"');
        pieces
    }

    fn push(&mut self, other: &Self) {
        self.agents.extend(other.agents.iter().map(|at| self.text.len() + at));
        self.text.push_str(&other.text);
    }

    fn write(&self, agent: &AgentId, out: &mut String) {
        let mut written = 0;
        for &at in &self.agents {
            out.push_str(&self.text[written..at]);
            write_content(out, agent.as_str());
            written = at;
        }
        out.push_str(&self.text[written..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interaction::UserData;

    /// Fails if what stands there is overlooked, a default written over it, or a fact not.
    #[test]
    fn a_stamp_writes_over_facts_and_beside_defaults() {
        let account: Account = serde_json::from_str(
            r#"{ "name": "n",
                 "sendUserData": { "by": "{agent.id}@{engine.name} {agent.id}", "n": 7, "k\"": "{x}" },
                 "sendDefaults": { "kind": "Status", "by": "no" } }"#,
        )
        .unwrap();
        let stamp = Stamp::new(&account, "e\"1");
        let agent = AgentId::parse("a\"1").unwrap();
        let stamped = |text: &str| {
            let raw = serde_json::from_str::<Box<serde_json::value::RawValue>>(text).unwrap();
            let data = UserData::parse(&raw).unwrap().stamped(&stamp, &agent);
            (data.as_str().to_owned(), data.len())
        };
        let by = r#""by":"a\"1@e\"1 a\"1""#;
        let (all, rest) = (format!(r#"{by},"n":7,"k\"":"{{x}}","kind":"Status""#), r#""n":7,"k\"":"{x}""#);
        assert_eq!(stamped("{}"), (format!("{{{all}}}"), 4));
        assert_eq!(stamped("{\"a\":1}"), (format!("{{\"a\":1,{all}}}"), 5));
        assert_eq!(stamped("{\"by\":{},\"kind\":null}"), (format!("{{{by},\"kind\":null,{rest}}}"), 4));
        assert_eq!(
            stamped("{\"k\\\"\":1}"),
            (format!("{{\"k\\\"\":\"{{x}}\",{by},\"n\":7,\"kind\":\"Status\"}}"), 4)
        );
    }
}
