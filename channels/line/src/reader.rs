//! Reads a document that looks as its writer makes it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::plain::before_special;

/// For how many members room is made at once: as many as a table of eight places takes. More may come.
const ROOM: usize = 7;

/// How deep the hand follows a value. What lies deeper is for `serde_json`, which has a limit of its own.
const DEPTH: usize = 8;

/// Stands somewhere in a document. Whatever is not as expected is `None`: then the document is to be read by
/// `serde_json`, from its beginning.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Stands at the beginning.
    pub fn new(json: &'a str) -> Self {
        Self { rest: json }
    }

    /// Goes on if exactly this comes next.
    #[inline]
    pub fn takes(&mut self, expected: &str) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// What must come next: names of members, brackets, commas.
    #[inline]
    pub fn literal(&mut self, expected: &str) -> Option<()> {
        self.takes(expected).then_some(())
    }

    /// The string that comes next; borrowed if it is written without escapes.
    #[inline]
    pub fn text(&mut self) -> Option<Cow<'a, str>> {
        let rest = self.rest.strip_prefix('"')?;
        let (text, behind) = rest.split_at_checked(before_special(rest.as_bytes()))?;
        match behind.strip_prefix('"') {
            Some(behind) => {
                self.rest = behind;
                Some(Cow::Borrowed(text))
            }
            None => self.value::<String>().map(Cow::Owned),
        }
    }

    /// The text of the member that is called so, `,"name":` if it comes next.
    #[inline]
    pub fn optional_text(&mut self, name: &str) -> Option<Option<String>> {
        if self.takes(name) { self.text().map(|text| Some(text.into_owned())) } else { Some(None) }
    }

    /// The array of names and values that comes next; there is room for so many before it must grow.
    pub fn pairs(&mut self, room: usize) -> Option<Vec<(String, String)>> {
        self.literal("[")?;
        if self.takes("]") {
            return Some(Vec::new());
        }
        let mut pairs = Vec::with_capacity(room);
        loop {
            self.literal("[")?;
            let name = self.text()?.into_owned();
            self.literal(",")?;
            pairs.push((name, self.text()?.into_owned()));
            self.literal("]")?;
            if self.takes("]") {
                return Some(pairs);
            }
            self.literal(",")?;
        }
    }

    /// The whole number that comes next, of at most 18 digits.
    #[inline]
    pub fn number<N: TryFrom<i64>>(&mut self) -> Option<N> {
        let digits = self.rest.strip_prefix('-').unwrap_or(self.rest);
        let mut number = 0_i64;
        let mut length = 0;
        for digit in digits.bytes().map(|byte| byte.wrapping_sub(b'0')).take_while(|digit| *digit < 10) {
            number = number.wrapping_mul(10).wrapping_add(i64::from(digit));
            length += 1;
        }
        let (digits, after) = digits.split_at_checked(length)?;
        let is_negative = digits.len() + after.len() < self.rest.len();
        // JSON knows no number with a zero in front; `-0`, fractions and powers are for `serde_json`.
        let is_zero = digits == "0" && !is_negative;
        if !(1..=18).contains(&length)
            || digits.starts_with('0') && !is_zero
            || after.starts_with(['.', 'e', 'E'])
        {
            return None;
        }
        self.rest = after;
        N::try_from(if is_negative { -number } else { number }).ok()
    }

    /// The object that comes next, spaces in it or not. Of members with one name the last one counts.
    pub fn object(&mut self) -> Option<Map<String, Value>> {
        let begin = self.clone();
        self.members().or_else(|| {
            *self = begin;
            self.value()
        })
    }

    fn members(&mut self) -> Option<Map<String, Value>> {
        self.literal("{")?;
        self.space();
        if self.takes("}") {
            return Some(Map::new());
        }
        let mut members = Map::with_capacity(ROOM);
        loop {
            let name = self.text()?.into_owned();
            self.space();
            self.literal(":")?;
            self.space();
            let value = if self.rest.starts_with('"') {
                Value::String(self.text()?.into_owned())
            } else {
                self.value()?
            };
            members.insert(name, value);
            self.space();
            if self.takes("}") {
                return Some(members);
            }
            self.literal(",")?;
            self.space();
        }
    }

    #[inline]
    fn space(&mut self) {
        // Whoever writes for machines writes none.
        if self.rest.as_bytes().first().is_some_and(|byte| *byte <= b' ') {
            self.rest = self.rest.trim_start_matches([' ', '\n', '\r', '\t']);
        }
    }

    /// The value that comes next, as it is written.
    pub fn raw(&mut self) -> Option<&'a str> {
        let begin = self.clone();
        if self.skip(DEPTH).is_some() {
            return begin.rest.get(..begin.rest.len() - self.rest.len());
        }
        *self = begin;
        self.value::<&RawValue>().map(RawValue::get)
    }

    /// Goes behind a value of texts, objects and arrays, without spaces.
    fn skip(&mut self, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        if self.takes("{") {
            if self.takes("}") {
                return Some(());
            }
            loop {
                self.text()?;
                self.literal(":")?;
                self.skip(depth)?;
                if self.takes("}") {
                    return Some(());
                }
                self.literal(",")?;
            }
        }
        if self.takes("[") {
            if self.takes("]") {
                return Some(());
            }
            loop {
                self.skip(depth)?;
                if self.takes("]") {
                    return Some(());
                }
                self.literal(",")?;
            }
        }
        self.text().map(drop)
    }

    /// The value that comes next, as `serde_json` reads it.
    pub fn value<T: Deserialize<'a>>(&mut self) -> Option<T> {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter();
        let value = values.next()?.ok()?;
        self.rest = self.rest.get(values.byte_offset()..)?;
        Some(value)
    }

    /// The same of the member that is called so, `,"name":` if it comes next.
    pub fn optional<T: Deserialize<'a>>(&mut self, name: &str) -> Option<Option<T>> {
        if self.takes(name) { self.value().map(Some) } else { Some(None) }
    }

    /// Nothing comes next.
    pub fn end(self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_in_its_order() {
        let mut reader = Reader::new(r#"{"a":"b","c":[["d","e\n"],["ü",""]],"f":[],"g":{"h": 1},"i":-7}"#);
        reader.literal("{\"a\":").expect("a");
        assert!(matches!(reader.text(), Some(Cow::Borrowed("b"))));
        assert_eq!(reader.optional_text(",\"z\":"), Some(None));
        reader.literal(",\"c\":").expect("c");
        let pairs = [("d".to_owned(), "e\n".to_owned()), ("ü".to_owned(), String::new())];
        assert_eq!(reader.pairs(1), Some(pairs.to_vec()));
        reader.literal(",\"f\":").expect("f");
        assert_eq!(reader.pairs(1), Some(Vec::new()));
        let raw: Option<Option<&RawValue>> = reader.optional(",\"g\":");
        assert_eq!(raw.flatten().map(RawValue::get), Some("{\"h\": 1}"));
        assert_eq!(reader.optional(",\"i\":"), Some(Some(-7)));
        assert_eq!(reader.optional::<i32>(",\"j\":"), Some(None));
        reader.literal("}").expect("the end");
        assert_eq!(reader.end(), Some(()));
    }

    /// Planted fault: a string that is taken up to the next quote, whatever stands before it.
    #[test]
    fn what_is_no_string_is_none() {
        for json in ["\"a\nb\"", "\"a", "\"a\\\"", "\"\\ud800\"", "a", "", " \"a\"", "\"\\x\"", "7"] {
            assert_eq!(Reader::new(json).text(), None, "{json}");
        }
        for json in ["\"a\\n\\u00fc\\\"\"", "\"\\ud83d\\ude00ä\""] {
            let text = serde_json::from_str::<String>(json).ok();
            assert_eq!(Reader::new(json).text().map(Cow::into_owned), text, "{json}");
        }
        for json in
            ["[[\"a\"]]", "[[\"a\",\"b\"],]", "[[\"a\",\"b\"]", "[[\"a\",\"b\",\"c\"]]", "[[1,\"b\"]]", "{}"]
        {
            assert_eq!(Reader::new(json).pairs(4), None, "{json}");
        }
        assert_eq!(Reader::new(" ").end(), None);
    }

    /// Planted faults: a zero in front that is taken, a fraction that is cut off, a number that is made to fit.
    #[test]
    fn numbers_are_those_of_serde_json() {
        for json in [
            "0",
            "7",
            "-7",
            "65535",
            "65536",
            "1700000000000",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "-0",
            "00",
            "01",
            "-01",
            "1.0",
            "1.",
            "1e3",
            "1E3",
            "+1",
            "-",
            "--1",
            "",
            "x",
            "\"1\"",
        ] {
            let expected = |_: &i64| json.trim_start_matches('-').len() <= 18;
            assert_eq!(
                Reader::new(json).number(),
                serde_json::from_str(json).ok().filter(expected),
                "{json}"
            );
            assert_eq!(Reader::new(json).number::<u16>(), serde_json::from_str(json).ok(), "{json}");
        }
        let mut reader = Reader::new("12,3");
        assert_eq!((reader.number(), reader.takes(",3")), (Some(12_u8), true));
    }

    /// Planted faults: of two members with one name the first one; a comma behind the last member; a number or a
    /// string that is no JSON; an object that ends with a bracket.
    #[test]
    fn objects_and_raw_values_are_those_of_serde_json() {
        const ALL: &str = r#"{"a":"b","c\n":{"d":["e",{},[],"\u00e4",["f"]]},"a":"g","h":[1.50,-0,true],"i":"","j" : { "k" :null }}"#;
        let mut documents: Vec<_> =
            ["{}", "[]", "\"a\"", "7", "{ }", "{\"a\":1 }", "{\"a\":\"\\ud800\"}"].map(str::to_owned).into();
        documents.push("[".repeat(2 * DEPTH) + &"]".repeat(2 * DEPTH));
        documents.push("[".repeat(2 * DEPTH));
        for (at, letter) in ALL.char_indices() {
            let (before, after) = ALL.split_at(at);
            documents.push(before.to_owned());
            documents.push(format!("{before}{}", &after[letter.len_utf8()..]));
            for more in [" ", "\n", "\u{b}", "\"", ",", "{", "}", "[", "]", "0", "\\", ":"] {
                documents.push(format!("{before}{more}{after}"));
            }
        }
        for json in &documents {
            let rest_of = |reader: &Reader<'_>| reader.rest.to_owned();
            let mut other = Reader::new(json);
            let expected = other.value::<Map<String, Value>>();
            let mut reader = Reader::new(json);
            assert_eq!(reader.object(), expected, "{json}");
            assert!(expected.is_none() || rest_of(&reader) == rest_of(&other), "{json}");
            let mut other = Reader::new(json);
            let expected = other.value::<&RawValue>();
            let mut reader = Reader::new(json);
            assert_eq!(reader.raw(), expected.map(RawValue::get), "{json}");
            assert!(expected.is_none() || rest_of(&reader) == rest_of(&other), "{json}");
        }
        assert!(Reader::new(&ALL.replace(' ', "")).skip(DEPTH).is_none(), "numbers are for `serde_json`");
        assert_eq!(Reader::new(r#"{"a":{"b":["c","\\"]}}"#).skip(DEPTH), Some(()));
    }
}
