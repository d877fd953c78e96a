//! User data: what hosts and agents attach to an interaction.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::AgentId;
use crate::channel::Stamp;
use crate::json::{self, Member, Members, Set, Written};

/// A JSON object, kept as its text: key order and numbers come out as they came in.
#[derive(Clone)]
pub struct UserData {
    /// `None` where nobody wrote anything yet: of one text that all begin with the cores would count the sharers, and
    /// wait for each other.
    text: Option<Arc<str>>,
    keys: u32,
}

impl UserData {
    /// No keys.
    pub const fn empty() -> Self {
        Self { text: None, keys: 0 }
    }

    /// Takes an object as user data.
    pub fn parse(object: &RawValue) -> Result<Self, UserDataError> {
        Additions::parse(object).map(|additions| Self::empty().merged(&additions))
    }

    /// Takes a text that was user data before it was stored. `None` if it is no object.
    #[cfg(feature = "sqlite")]
    pub(crate) fn stored(object: &RawValue) -> Option<Self> {
        let text = object.get();
        let (mut keys, mut are_plain) = (0, text.starts_with('{'));
        if are_plain {
            json::trusted(text, |Member { key, .. }| {
                keys += 1;
                are_plain &= !key.as_str().contains('\\');
                true
            });
        }
        if are_plain {
            return Some(Self { text: Some(text.into()), keys: count(keys) });
        }
        // Perhaps we did not write it, and its keys have escapes that ours would not have.
        Members::parse(text).ok().map(|members| Self::empty().merged(&Additions(members)))
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.keys == 0
    }

    /// The object's text.
    pub fn as_str(&self) -> &str {
        self.text.as_deref().unwrap_or("{}")
    }

    /// The same, to be shared; `None` without a key.
    pub(crate) fn text_shared(&self) -> Option<&Arc<str>> {
        self.text.as_ref()
    }

    /// Whether it is the same as that one because nobody wrote anything since: a copy of it.
    #[cfg(feature = "sqlite")]
    pub(crate) fn is_copy_of(&self, other: &Self) -> bool {
        match (&self.text, &other.text) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (own, other) => own.is_none() && other.is_none(),
        }
    }

    /// The object's text, as `serde_json` has it.
    pub fn as_raw(&self) -> &RawValue {
        json::ours(self.as_str())
    }

    /// The text of a scalar value: a string's content, or a number or boolean as it stands. `None` for a
    /// missing key, null, an array or an object.
    pub fn text(&self, key: &str) -> Option<String> {
        let value = self.find(key)?;
        match value.kind() {
            "a string" => value.string().map(Cow::into_owned),
            "a number" | "a boolean" => Some(value.as_str().to_owned()),
            _ => None,
        }
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.keys as usize
    }

    /// With `additions`; existing keys are overwritten where they stand.
    #[must_use]
    pub fn merged(&self, additions: &Additions<'_>) -> Self {
        let sets: Vec<_> = additions.0.iter().map(|(key, value)| Set::always(key, value)).collect();
        self.with(&sets)
    }

    /// With values that the engine or a channel writes.
    pub(crate) fn with_values(&self, entries: &Map<String, Value>) -> Self {
        let sets: Vec<_> = entries.iter().map(|(key, value)| Set::always(key, value)).collect();
        self.with(&sets)
    }

    /// With one string.
    pub(crate) fn with_text(&self, key: &str, value: &str) -> Self {
        self.with(&[Set::always(key, value)])
    }

    /// With all of these, each key once.
    pub(crate) fn with<V: Written>(&self, sets: &[Set<'_, V>]) -> Self {
        if sets.is_empty() {
            return self.clone();
        }
        let mut new = 0;
        let text = json::written(|out| new = json::write_over(self.as_str(), sets, out));
        Self { text: Some(text), keys: self.keys + count(new) }
    }

    /// With what an account writes at Send.
    pub(crate) fn stamped(&self, stamp: &Stamp, agent: &AgentId) -> Self {
        let mut is_new = true;
        json::trusted(self.as_str(), |Member { key, .. }| {
            is_new = !stamp.has(|stamped| key.is(stamped));
            is_new
        });
        if !is_new {
            return self.with(&stamp.sets(agent));
        }
        let text = json::written(|out| {
            out.push_str(self.as_str().strip_suffix('}').unwrap_or_default());
            out.push_str(if self.is_empty() || stamp.len() == 0 { "" } else { "," });
            stamp.write_all(agent, out);
            out.push('}');
        });
        Self { text: Some(text), keys: self.keys + count(stamp.len()) }
    }

    /// Without `keys`; a missing one is no error.
    pub(crate) fn without(&self, keys: &[Cow<'_, str>]) -> Self {
        let keys: HashSet<&str> = keys.iter().map(AsRef::as_ref).collect();
        let mut kept = Vec::with_capacity(self.len());
        json::trusted(self.as_str(), |Member { key, value, .. }| {
            if !key.string().is_some_and(|key| keys.contains(&*key)) {
                kept.push((key, value));
            }
            true
        });
        let mut text = String::with_capacity(self.as_str().len());
        text.push('{');
        for (at, (key, value)) in kept.iter().enumerate() {
            text.push_str(if at == 0 { "" } else { "," });
            text.push_str(key.as_str());
            text.push(':');
            text.push_str(value.as_str());
        }
        text.push('}');
        Self { text: Some(text.into()), keys: count(kept.len()) }
    }

    /// Whether the key is there.
    pub(crate) fn contains(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    fn find(&self, key: &str) -> Option<json::Text<'_>> {
        // Keys are written as they are, except for what must be escaped.
        if json::is_plain(key) && !self.as_str().contains(key) {
            return None;
        }
        let mut found = None;
        json::trusted(self.as_str(), |member| {
            found = member.key.is(key).then_some(member.value);
            found.is_none()
        });
        found
    }
}

/// Bodies and inbound documents are far too short for more keys than that.
fn count(keys: usize) -> u32 {
    u32::try_from(keys).unwrap_or(u32::MAX)
}

/// Keys to write, from a request or a host: checked, so that whoever reads them later can.
pub struct Additions<'a>(Members<'a>);

impl<'a> Additions<'a> {
    /// Takes an object.
    pub fn parse(object: &'a RawValue) -> Result<Self, UserDataError> {
        Self::of(json::Text::of(object))
    }

    pub(crate) fn of(object: json::Text<'a>) -> Result<Self, UserDataError> {
        let members = Members::parse(object.as_str())
            .map_err(|_| UserDataError::NotAnObject { found: object.kind() })?;
        for (key, value) in members.iter() {
            if let Some(problem) = value.problem() {
                return Err(UserDataError::Value { key: key.to_owned(), problem: problem.to_string() });
            }
        }
        Ok(Self(members))
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }
}

/// What is wrong with user data from outside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserDataError {
    /// It is something else than an object.
    #[error("must be an object, not {found}")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// A value that not every reader could read.
    #[error("has at key `{key}` a value that can't be kept: {problem}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

impl fmt::Debug for UserData {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl PartialEq for UserData {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Serialize for UserData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_raw().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(text: &str) -> Result<UserData, UserDataError> {
        UserData::parse(&serde_json::from_str::<Box<RawValue>>(text).unwrap())
    }

    #[test]
    fn order_and_numbers_stay() {
        let kept = data("{\"b\": 12345678901234567890123, \"a\": 1.50, \"c\": { \"x\": [1, 2] }}").unwrap();
        assert_eq!(kept.as_str(), "{\"b\":12345678901234567890123,\"a\":1.50,\"c\":{\"x\":[1,2]}}");
        assert_eq!(kept.with_text("b", "z").as_str(), "{\"b\":\"z\",\"a\":1.50,\"c\":{\"x\":[1,2]}}");
        assert_eq!(kept.text("a").as_deref(), Some("1.50"));
        assert_eq!(kept.text("c"), None);
    }

    /// Fails if a key is sought as it is in a text that has it with an escape.
    #[cfg(feature = "sqlite")]
    #[test]
    fn keys_are_found_however_they_were_stored() {
        let raw = |text: &str| serde_json::from_str::<Box<RawValue>>(text).unwrap();
        let kept = UserData::stored(&raw("{\"\\u0054o\":\"x\",\"a\\\"b\":1,\"c\\/\":2}")).unwrap();
        assert_eq!(kept.as_str(), "{\"To\":\"x\",\"a\\\"b\":1,\"c/\":2}");
        assert_eq!(
            (kept.text("To").as_deref(), kept.text("a\"b").as_deref(), kept.len()),
            (Some("x"), Some("1"), 3)
        );
        assert!(UserData::stored(&raw("[]")).is_none());
    }

    #[test]
    fn what_a_reader_could_not_read_is_refused() {
        assert!(matches!(data("[]"), Err(UserDataError::NotAnObject { found: "an array" })));
        assert!(matches!(data("{\"a\": 1e999}"), Err(UserDataError::Value { .. })));
        assert!(matches!(data("{\"a\": \"\\ud800\"}"), Err(UserDataError::Value { .. })));
    }
}
