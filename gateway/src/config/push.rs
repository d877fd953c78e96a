//! `[push]`: the keys of the push surface, and in whose name each identity publishes.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value;
use strowger::channel::Channel;

use super::agents::AgentEntry;
use super::channels::ChannelEntry;
use super::engine::member_json;
use super::router::wrong_queue;
use super::section::Section;
use crate::auth::Keys;
use crate::push::{Identity, PushRules, WAIT};

/// What an identity may refer to.
pub(super) struct Known<'a> {
    pub(super) agents: &'a [AgentEntry],
    pub(super) channels: &'a [ChannelEntry],
    /// Every channel of the file could be loaded: what is not among them is nowhere.
    pub(super) has_all_channels: bool,
    pub(super) queues: Option<&'a [String]>,
}

pub(super) fn read(root: &Section<'_>, folder: &Path, known: &Known<'_>) -> Option<PushRules> {
    let section = root.section("push")?;
    let public = section.required_text("public_key", "the key that clients show as their name");
    if public.is_some_and(|key| key.is_empty() || key.contains(':')) {
        section.wrong("public_key", "must be a text without a colon");
    }
    let private = private_key(&section, folder);
    let mut wait = WAIT;
    section.set_milliseconds("wait_ms", 0..=300_000, &mut wait);
    let mut identities = HashMap::new();
    let tables = section.sections("identity");
    if tables.is_empty() && !section.has("identity") {
        section.wrong("identity", "is missing: expected a table [[push.identity]] for each identity token");
    }
    for table in &tables {
        let token = table.required_text("token", "the identity token in the addresses of pushes");
        let identity = read_identity(table, known);
        if let Some(token) = token {
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if token.is_empty() || !token.bytes().all(is_token) {
                table.wrong("token", "must be letters, digits, `-` and `_`");
            } else if identities.contains_key(token) {
                table.wrong("token", "is that of another identity");
            } else if let Some(identity) = identity {
                identities.insert(token.to_owned(), identity);
            }
        }
        table.refuse_unknown();
    }
    let places = texts_of(&section, "places", "a place's id").into_iter().collect();
    section.refuse_unknown();
    Some(PushRules { keys: Keys::new(public?, &private?), wait, places, identities })
}

/// A text, or where one is kept: `{ env = "NAME" }`, `{ file = "path" }`.
fn private_key(section: &Section<'_>, folder: &Path) -> Option<String> {
    const NAME: &str = "private_key";
    const EXPECTED: &str = "expected { env = \"NAME\" }, { file = \"path\" } or a text";
    if !section.has(NAME) {
        section.wrong(NAME, format!("is missing: {EXPECTED}"));
        return None;
    }
    let key = match member_json(section, NAME)? {
        Value::String(key) => key,
        Value::Object(place) if place.len() == 1 => {
            let named = |name: &str| place.get(name).and_then(Value::as_str);
            let read = match (named("env"), named("file")) {
                (Some(name), None) => std::env::var(name)
                    .map_err(|_| format!("is not there: the environment has no text `{name}`")),
                (None, Some(file)) => std::fs::read_to_string(folder.join(file))
                    .map(|key| key.trim_end_matches(['\r', '\n']).to_owned())
                    .map_err(|error| format!("can't be read: {error}")),
                _ => Err(EXPECTED.to_owned()),
            };
            read.map_err(|problem| section.wrong(NAME, problem)).ok()?
        }
        _ => {
            section.wrong(NAME, EXPECTED);
            return None;
        }
    };
    if key.len() < Keys::SHORTEST {
        section.wrong(NAME, format!("is too short: expected at least {} characters", Keys::SHORTEST));
    }
    Some(key)
}

fn read_identity(table: &Section<'_>, known: &Known<'_>) -> Option<Identity> {
    let agent = table.required_text("agent", "the agent in whose name is published");
    if let Some(agent) = agent
        && !known.agents.iter().any(|entry| entry.id == agent)
    {
        table.wrong("agent", format!("is `{agent:.64}`, and no [[agent]] has that id"));
    }
    let queue = table.required_text("queue", "the queue that is accounted for it");
    if let Some(problem) = queue.and_then(|queue| wrong_queue(queue, known.queues)) {
        table.wrong("queue", problem);
    }
    let accounts = texts_of(table, "accounts", "an account's name");
    if !table.has("accounts") {
        table.wrong(
            "accounts",
            "is missing: expected the account of each channel, as { twitter = \"support\" }",
        );
    }
    for (channel, account) in &accounts {
        let place = format!("accounts.{channel}");
        let manifests = known.channels.iter().flat_map(|entry| entry.loaded.manifests());
        let problem = match manifests.into_iter().find(|manifest| manifest.channel == *channel) {
            None if !known.has_all_channels => continue,
            None => "is an account of a channel that is not configured".to_owned(),
            Some(manifest) if manifest.accounts.iter().any(|known| known.name == *account) => continue,
            Some(_) => format!("is `{account:.64}`, and the channel has no account of that name"),
        };
        table.wrong_at(table.place_of(&place), table.path(&place), problem);
    }
    Some(Identity { agent: agent?.to_owned(), queue: queue?.to_owned(), accounts })
}

/// A table of texts; empty where there is none.
fn texts_of(section: &Section<'_>, name: &str, what: &str) -> BTreeMap<String, String> {
    if !section.has(name) {
        return BTreeMap::new();
    }
    let Some(Value::Object(members)) = member_json(section, name) else {
        section.wrong(name, "must be a table of texts");
        return BTreeMap::new();
    };
    let texts = members.into_iter().filter_map(|(key, value)| {
        if let Value::String(text) = value {
            return Some((key, text));
        }
        let place = format!("{name}.{key}");
        section.wrong_at(section.place_of(&place), section.path(&place), format!("must be {what}"));
        None
    });
    texts.collect()
}
