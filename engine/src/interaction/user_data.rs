//! User data: what hosts and agents attach to an interaction.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::json::{self, Members};

/// A JSON object, kept as its text: key order and numbers come out as they came in.
#[derive(Clone)]
pub struct UserData(Arc<RawValue>);

static EMPTY: LazyLock<Arc<RawValue>> = LazyLock::new(|| json::raw(&Map::new()).into());

impl UserData {
    /// No keys.
    pub fn empty() -> Self {
        Self(EMPTY.clone())
    }

    /// Takes an object as user data.
    pub fn parse(object: &RawValue) -> Result<Self, UserDataError> {
        Additions::parse(object).map(|additions| Self::empty().merged(&additions))
    }

    /// Takes a text that was user data before it was stored. `None` if it is no object.
    #[cfg(feature = "sqlite")]
    pub(crate) fn stored(object: Box<RawValue>) -> Option<Self> {
        Members::parse(object.get()).is_ok().then(|| Self(object.into()))
    }

    /// The text of no keys.
    pub(crate) fn none() -> &'static RawValue {
        &EMPTY
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.get() == "{}"
    }

    /// The object's text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The object's text, as `serde_json` has it.
    pub fn as_raw(&self) -> &RawValue {
        &self.0
    }

    /// The text of a scalar value: a string's content, or a number or boolean as it stands. `None` for a
    /// missing key, null, an array or an object.
    pub fn text(&self, key: &str) -> Option<String> {
        let members = self.members();
        let value = members.get(key)?;
        match json::kind(value) {
            "a string" => json::string(value).map(Cow::into_owned),
            "a number" | "a boolean" => Some(value.get().to_owned()),
            _ => None,
        }
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.members().len()
    }

    /// With `additions`; existing keys are overwritten where they stand.
    #[must_use]
    pub fn merged(&self, additions: &Additions<'_>) -> Self {
        if additions.is_empty() {
            return self.clone();
        }
        let compacted: Vec<_> = additions.0.iter().map(|(key, value)| (key, json::compact(value))).collect();
        let entries = compacted.iter().map(|(key, value)| (Cow::Borrowed(*key), &**value));
        Self(self.members().overwritten(entries).write().into())
    }

    /// With values that the engine or a channel writes.
    pub(crate) fn with(&self, entries: &Map<String, Value>) -> Self {
        if entries.is_empty() {
            return self.clone();
        }
        let raws: Vec<_> = entries.iter().map(|(key, value)| (key, json::raw(value))).collect();
        let entries = raws.iter().map(|(key, value)| (Cow::Borrowed(key.as_str()), &**value));
        Self(self.members().overwritten(entries).write().into())
    }

    /// With one string.
    pub(crate) fn with_text(&self, key: &str, value: &str) -> Self {
        let value = json::raw(&value);
        Self(self.members().overwritten([(Cow::Borrowed(key), &*value)]).write().into())
    }

    /// Without `keys`; a missing one is no error.
    pub(crate) fn without(&self, keys: &[Cow<'_, str>]) -> Self {
        let mut members = self.members();
        members.retain(|name| !keys.iter().any(|key| key == name));
        Self(members.write().into())
    }

    /// Whether the key is there.
    pub(crate) fn contains(&self, key: &str) -> bool {
        self.members().get(key).is_some()
    }

    fn members(&self) -> Members<'_> {
        Members::parse(self.0.get()).expect("user data was an object when it was stored")
    }
}

/// Keys to write, from a request or a host: checked, so that whoever reads them later can.
pub struct Additions<'a>(Members<'a>);

impl<'a> Additions<'a> {
    /// Takes an object.
    pub fn parse(object: &'a RawValue) -> Result<Self, UserDataError> {
        let members = Members::parse(object.get())
            .map_err(|_| UserDataError::NotAnObject { found: json::kind(object) })?;
        for (key, value) in members.iter() {
            // Raw text was only skimmed: numbers beyond all bounds, half surrogates and deep nesting
            // would come to light at some reader's.
            serde_json::from_str::<Value>(value.get())
                .map_err(|error| UserDataError::Value { key: key.to_owned(), problem: error.to_string() })?;
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
        formatter.write_str(self.0.get())
    }
}

impl PartialEq for UserData {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Serialize for UserData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
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
        assert_eq!(kept.as_raw().get(), "{\"b\":12345678901234567890123,\"a\":1.50,\"c\":{\"x\":[1,2]}}");
        assert_eq!(kept.with_text("b", "z").as_raw().get(), "{\"b\":\"z\",\"a\":1.50,\"c\":{\"x\":[1,2]}}");
        assert_eq!(kept.text("a").as_deref(), Some("1.50"));
        assert_eq!(kept.text("c"), None);
    }

    #[test]
    fn what_a_reader_could_not_read_is_refused() {
        assert!(matches!(data("[]"), Err(UserDataError::NotAnObject { found: "an array" })));
        assert!(matches!(data("{\"a\": 1e999}"), Err(UserDataError::Value { .. })));
        assert!(matches!(data("{\"a\": \"\\ud800\"}"), Err(UserDataError::Value { .. })));
    }
}
