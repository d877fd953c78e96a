//! JSON objects whose values stay the text they were.
//!
//! Most of what clients and hosts hand in merely passes through. Kept as text it is never rounded,
//! reordered or written anew.

mod members;
mod scan;
mod write;

use std::borrow::Cow;

use serde::ser::Serialize;
use serde_json::value::RawValue;

pub(crate) use self::members::{Members, Set, Written, trusted, write_over};
use self::scan::Marks;
pub(crate) use self::scan::Member;
pub(crate) use self::write::{is_plain, write_content, write_number, write_string, written};

/// How deep arrays and objects may be nested in what comes from outside.
pub(crate) const MAX_DEPTH: usize = 64;

/// The text of a value, well-formed, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    text: &'a str,
    marks: Marks,
}

impl<'a> Text<'a> {
    pub(crate) fn of(value: &'a RawValue) -> Self {
        Self { text: value.get(), marks: Marks::UNKNOWN }
    }

    pub(crate) fn as_str(self) -> &'a str {
        self.text
    }

    /// What the value is, for messages.
    pub(crate) fn kind(self) -> &'static str {
        match self.text.as_bytes().first() {
            Some(b'"') => "a string",
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "a number",
        }
    }

    /// The content of a string; `None` if the value is something else, or holds an escape that stands for
    /// no character.
    pub(crate) fn string(self) -> Option<Cow<'a, str>> {
        let content = self.text.strip_prefix('"')?.strip_suffix('"')?;
        if self.marks.escaped && content.contains('\\') {
            return serde_json::from_str(self.text).ok().map(Cow::Owned);
        }
        Some(Cow::Borrowed(content))
    }

    /// Whether the value is a string of this content.
    pub(crate) fn is(self, content: &str) -> bool {
        if self.marks.escaped {
            return self.string().is_some_and(|own| own == content);
        }
        self.text.len() == content.len() + 2
            && self.text[1..].starts_with(content)
            && self.text.starts_with('"')
    }

    /// The values of an array.
    pub(crate) fn items(self) -> Option<Vec<Text<'a>>> {
        let items = serde_json::from_str::<Vec<&RawValue>>(self.text).ok()?;
        Some(items.into_iter().map(Text::of).collect())
    }

    /// Why not every reader can read the value, if so: the text was only skimmed, and numbers beyond all
    /// bounds, half surrogates and deep nesting would come to light at some reader's.
    pub(crate) fn problem(self) -> Option<serde_json::Error> {
        if self.marks.doubtful { serde_json::from_str::<serde_json::Value>(self.text).err() } else { None }
    }

    /// Writes the value without white space between its parts; numbers and strings stay the text they were.
    pub(crate) fn write_compact(self, out: &mut String) {
        if !self.marks.spaced || !self.text.starts_with(['{', '[']) {
            out.push_str(self.text);
            return;
        }
        let (mut in_string, mut escaped) = (false, false);
        out.extend(self.text.chars().filter(|&character| {
            if in_string {
                in_string = escaped || character != '"';
                escaped = !escaped && character == '\\';
                return true;
            }
            in_string = character == '"';
            !character.is_ascii_whitespace()
        }));
    }
}

/// The text of an object without members.
pub(crate) fn empty() -> &'static RawValue {
    ours("{}")
}

/// A text that we wrote, as `serde_json` has it.
pub(crate) fn ours(text: &str) -> &RawValue {
    serde_json::from_str(text).expect("what we wrote is JSON")
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
        assert_eq!(members.get("k3").unwrap().as_str(), "\"y\"");
        assert_eq!(members.get("k99").unwrap().as_str(), "\"x\"");
        assert_eq!(members.iter().nth(3).unwrap().0, "k3");
    }

    #[test]
    fn white_space_goes_and_text_stays() {
        let value: Box<RawValue> =
            serde_json::from_str("{ \"a b\" : [ 1.50 , \"x \\\" y\" ],\n\"c\":{} }").unwrap();
        let mut out = String::new();
        Text::of(&value).write_compact(&mut out);
        assert_eq!(out, "{\"a b\":[1.50,\"x \\\" y\"],\"c\":{}}");
    }

    #[test]
    fn depth_is_counted_outside_strings() {
        assert!(is_shallow(format!("[\"{}\"]", "[".repeat(1000)).as_bytes()));
        assert!(is_shallow(format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH)).as_bytes()));
        assert!(!is_shallow("[".repeat(MAX_DEPTH + 1).as_bytes()));
        assert!(is_shallow("[\"\\\"[\"]".repeat(MAX_DEPTH + 1).as_bytes()));
    }
}
