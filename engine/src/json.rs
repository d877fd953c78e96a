//! JSON objects whose values stay the text they were.
//!
//! Most of what clients and hosts hand in merely passes through. Kept as text it is never rounded,
//! reordered or written anew.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

/// How deep arrays and objects may be nested in what comes from outside.
pub(crate) const MAX_DEPTH: usize = 64;

/// The members of an object, in order; of a repeated key the last value counts, in the first's place.
#[derive(Debug, Default)]
pub(crate) struct Members<'a> {
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Members<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.entries.iter().find(|(name, _)| name == key).map(|&(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.entries.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// With `entries` over what is there; new keys come behind, in their order.
    pub(crate) fn overwritten(
        mut self,
        entries: impl IntoIterator<Item = (Cow<'a, str>, &'a RawValue)>,
    ) -> Self {
        let mut places = Places::default();
        for (key, value) in entries {
            places.put(&mut self.entries, key, value);
        }
        self
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.entries.retain(|(name, _)| keep(name));
    }

    pub(crate) fn write(&self) -> Box<RawValue> {
        raw(self)
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.entries.len()))?;
        for (name, value) in &self.entries {
            map.serialize_entry(name.as_ref(), value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                let mut places = Places::default();
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    places.put(&mut members.entries, key.0, map.next_value()?);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

/// Where each key stands: a plain look while there are few, a table from there on. Hostile input with
/// many keys would make plain looks quadratic.
#[derive(Default)]
struct Places<'a> {
    table: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Places<'a> {
    const FEW: usize = 32;

    fn put(
        &mut self,
        entries: &mut Vec<(Cow<'a, str>, &'a RawValue)>,
        key: Cow<'a, str>,
        value: &'a RawValue,
    ) {
        let at = if entries.len() < Self::FEW {
            entries.iter().position(|(name, _)| *name == key)
        } else {
            for (at, (name, _)) in entries.iter().enumerate().skip(self.table.len()) {
                self.table.insert(name.clone(), at);
            }
            self.table.get(&key).copied()
        };
        match at {
            Some(at) => entries[at].1 = value,
            None => entries.push((key, value)),
        }
    }
}

/// A key, borrowed where it holds no escape.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The text of a string value; `None` if the value is something else.
pub(crate) fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    value
        .get()
        .starts_with('"')
        .then(|| serde_json::from_str::<Key<'_>>(value.get()).ok())
        .flatten()
        .map(|key| key.0)
}

/// What a value is, for messages.
pub(crate) fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// Writes anything that can't fail to be written as JSON.
pub(crate) fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("strings, numbers and texts of JSON can be written as JSON")
}

/// Whether arrays and objects nest no deeper than [`MAX_DEPTH`]. Looks at brackets alone: what isn't JSON
/// is found by the parser.
pub(crate) fn is_shallow(text: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return false;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

/// The same value without white space between its parts; numbers and strings stay the text they were.
pub(crate) fn compact(value: &RawValue) -> Cow<'_, RawValue> {
    let text = value.get();
    if !text.starts_with(['{', '[']) {
        return Cow::Borrowed(value);
    }
    let (mut written, mut in_string, mut escaped) = (String::with_capacity(text.len()), false, false);
    for character in text.chars() {
        if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if character == '"' {
            in_string = true;
        } else if character.is_ascii_whitespace() {
            continue;
        }
        written.push(character);
    }
    Cow::Owned(RawValue::from_string(written).expect("JSON without its white space is JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_repeated_key_the_last_value_counts_in_the_firsts_place() {
        let many: Vec<String> = (0..100).map(|n| format!("\"k{n}\":{n},")).collect();
        let many = many.concat();
        let text = format!("{{{many}\"k99\":\"x\",\"k3\":\"y\"}}");
        let members = Members::parse(&text).unwrap();
        assert_eq!(members.len(), 100);
        assert_eq!(members.get("k3").unwrap().get(), "\"y\"");
        assert_eq!(members.get("k99").unwrap().get(), "\"x\"");
        assert_eq!(members.iter().nth(3).unwrap().0, "k3");
    }

    #[test]
    fn white_space_goes_and_text_stays() {
        let value: Box<RawValue> =
            serde_json::from_str("{ \"a b\" : [ 1.50 , \"x \\\" y\" ],\n\"c\":{} }").unwrap();
        assert_eq!(compact(&value).get(), "{\"a b\":[1.50,\"x \\\" y\"],\"c\":{}}");
    }

    #[test]
    fn depth_is_counted_outside_strings() {
        assert!(is_shallow(format!("[\"{}\"]", "[".repeat(1000)).as_bytes()));
        assert!(is_shallow(format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH)).as_bytes()));
        assert!(!is_shallow("[".repeat(MAX_DEPTH + 1).as_bytes()));
        assert!(is_shallow("[\"\\\"[\"]".repeat(MAX_DEPTH + 1).as_bytes()));
    }
}
