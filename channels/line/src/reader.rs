//! Reads a document that looks as its writer makes it.

use std::borrow::Cow;

use serde::Deserialize;

use crate::plain::plain;

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
        let (text, behind) = rest.split_at_checked(plain(rest.as_bytes()))?;
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

    /// The array of names and values that comes next.
    pub fn pairs(&mut self) -> Option<Vec<(String, String)>> {
        self.literal("[")?;
        if self.takes("]") {
            return Some(Vec::new());
        }
        // Room for the headers of most answers, so that it need not grow.
        let mut pairs = Vec::with_capacity(16);
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
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn a_document_is_read_in_its_order() {
        let mut reader = Reader::new(r#"{"a":"b","c":[["d","e\n"],["ü",""]],"f":[],"g":{"h": 1},"i":-7}"#);
        reader.literal("{\"a\":").expect("a");
        assert!(matches!(reader.text(), Some(Cow::Borrowed("b"))));
        assert_eq!(reader.optional_text(",\"z\":"), Some(None));
        reader.literal(",\"c\":").expect("c");
        let pairs = [("d".to_owned(), "e\n".to_owned()), ("ü".to_owned(), String::new())];
        assert_eq!(reader.pairs(), Some(pairs.to_vec()));
        reader.literal(",\"f\":").expect("f");
        assert_eq!(reader.pairs(), Some(Vec::new()));
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
            assert_eq!(Reader::new(json).pairs(), None, "{json}");
        }
        assert_eq!(Reader::new(" ").end(), None);
    }
}
