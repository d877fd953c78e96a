//! Reads JSON in one pass, over text that stays where it is.
//!
//! The scanner only ever says yes: what it takes is well-formed and nests no deeper than [`MAX_DEPTH`]. What it
//! does not take, for whatever reason, is left to `serde_json`, which says what is wrong with it.

use super::{MAX_DEPTH, Text};

/// Where a text is read.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// How many objects are gone through, one in the other.
    around: usize,
    /// The text is known to be well-formed, and may nest as deep as it likes.
    is_ours: bool,
}

/// What was noticed in a value on the way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    /// A string in it holds an escape.
    pub(super) escaped: bool,
    /// There is white space between its parts.
    pub(super) spaced: bool,
    /// An escape of a code unit, or a large number: perhaps not every reader can read it.
    pub(super) doubtful: bool,
}

impl Marks {
    /// Of a text that was not looked through.
    pub(super) const UNKNOWN: Self = Self { escaped: true, spaced: true, doubtful: true };
}

/// A member of an object.
#[derive(Clone, Copy)]
pub(crate) struct Member<'a> {
    /// The key, its quotes included.
    pub(crate) key: Text<'a>,
    pub(crate) value: Text<'a>,
    /// Where the value begins in the object's text.
    pub(super) at: usize,
}

/// Whoever is shown an object's members.
pub(super) trait Look<'a> {
    /// Looks at a member; `false` to see no more.
    fn look(&mut self, member: Member<'a>) -> bool;

    /// Whether the members of this member are of interest, if it is an object.
    fn enters(&mut self, _key: Text<'a>) -> bool {
        false
    }

    /// Looks at a member of such an object. The object itself follows.
    fn look_within(&mut self, _member: Member<'a>) {}
}

impl<'a, F: FnMut(Member<'a>) -> bool> Look<'a> for F {
    fn look(&mut self, member: Member<'a>) -> bool {
        self(member)
    }
}

/// Numbers up to this length and without an exponent are no infinity to anybody.
const PLAIN_DIGITS: usize = 300;

impl<'a> Scanner<'a> {
    fn over(text: &'a str, is_ours: bool) -> Self {
        Self { text, at: 0, around: 0, is_ours }
    }

    /// Goes through the members of the object that the text is, until `look` wants no more. `None` if the
    /// text is not taken.
    pub(super) fn members(text: &'a str, look: &mut impl Look<'a>) -> Option<()> {
        Self::over(text, false).whole(look)
    }

    /// The same for a text that was looked through before.
    pub(super) fn members_of_ours(text: &'a str, look: &mut impl Look<'a>) -> Option<()> {
        Self::over(text, true).whole(look)
    }

    fn whole(mut self, look: &mut impl Look<'a>) -> Option<()> {
        self.skip_space(&mut Marks::default());
        let is_through = self.object(|scanner, key| {
            let at = scanner.at;
            let value = if scanner.peek() == Some(b'{') && look.enters(key) {
                scanner.object(|scanner, key| {
                    look.look_within(Member { key, at: scanner.at, value: scanner.value()? });
                    Some(true)
                })?;
                Text { text: &scanner.text[at..scanner.at], marks: Marks::UNKNOWN }
            } else {
                scanner.value()?
            };
            Some(look.look(Member { key, value, at }))
        })?;
        if is_through { self.end() } else { Some(()) }
    }

    /// Goes through an object: `take` takes the value that follows a key, and says whether to go on. Gives whether
    /// the object's end was reached.
    fn object(&mut self, mut take: impl FnMut(&mut Self, Text<'a>) -> Option<bool>) -> Option<bool> {
        let mut outside = Marks::default();
        self.expect(b'{')?;
        self.around += 1;
        self.skip_space(&mut outside);
        if !self.take(b'}') {
            loop {
                let (start, mut marks) = (self.at, Marks::default());
                self.string(&mut marks)?;
                let key = Text { text: &self.text[start..self.at], marks };
                self.skip_space(&mut outside);
                self.expect(b':')?;
                self.skip_space(&mut outside);
                if !take(self, key)? {
                    return Some(false);
                }
                self.skip_space(&mut outside);
                if self.take(b'}') {
                    break;
                }
                self.expect(b',')?;
                self.skip_space(&mut outside);
            }
        }
        self.around -= 1;
        Some(true)
    }

    fn end(mut self) -> Option<()> {
        self.skip_space(&mut Marks::default());
        (self.at == self.text.len()).then_some(())
    }

    /// A value of an object's member.
    fn value(&mut self) -> Option<Text<'a>> {
        let (start, mut marks) = (self.at, Marks::default());
        match self.peek()? {
            b'{' | b'[' if self.is_ours => self.skip_nested(&mut marks)?,
            b'{' | b'[' => self.nested(&mut marks)?,
            _ => self.scalar(&mut marks)?,
        }
        Some(Text { text: &self.text[start..self.at], marks })
    }

    /// An array or object within an object.
    fn nested(&mut self, marks: &mut Marks) -> Option<()> {
        // What is open, the innermost in the lowest bit: 1 for an object. What is around is not among them.
        let (mut open, mut depth) = (0_u64, 0);
        loop {
            // Here a value begins.
            match self.peek()? {
                bracket @ (b'{' | b'[') => {
                    self.at += 1;
                    depth += 1;
                    if depth + self.around > MAX_DEPTH {
                        return None;
                    }
                    let is_object = bracket == b'{';
                    open = open << 1 | u64::from(is_object);
                    self.skip_space(marks);
                    if self.take(if is_object { b'}' } else { b']' }) {
                        (open, depth) = (open >> 1, depth - 1);
                    } else {
                        if is_object {
                            self.key(marks)?;
                        }
                        continue;
                    }
                }
                _ => self.scalar(marks)?,
            }
            // Here one ended.
            loop {
                if depth == 0 {
                    return Some(());
                }
                self.skip_space(marks);
                let is_object = open & 1 == 1;
                if self.take(b',') {
                    self.skip_space(marks);
                    if is_object {
                        self.key(marks)?;
                    }
                    break;
                }
                self.expect(if is_object { b'}' } else { b']' })?;
                (open, depth) = (open >> 1, depth - 1);
            }
        }
    }

    /// An array or object that is known to be well-formed.
    fn skip_nested(&mut self, marks: &mut Marks) -> Option<()> {
        *marks = Marks::UNKNOWN;
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string(marks)?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn key(&mut self, marks: &mut Marks) -> Option<()> {
        self.string(marks)?;
        self.skip_space(marks);
        self.expect(b':')?;
        self.skip_space(marks);
        Some(())
    }

    fn scalar(&mut self, marks: &mut Marks) -> Option<()> {
        match self.peek()? {
            b'"' => self.string(marks),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(marks),
        }
    }

    fn string(&mut self, marks: &mut Marks) -> Option<()> {
        self.expect(b'"')?;
        loop {
            self.at += plain(&self.bytes()[self.at..]);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => {
                    marks.escaped = true;
                    match *self.bytes().get(self.at + 1)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
                        b'u' => {
                            let digits = self.bytes().get(self.at + 2..self.at + 6)?;
                            if !digits.iter().all(u8::is_ascii_hexdigit) {
                                return None;
                            }
                            marks.doubtful = true;
                            self.at += 6;
                        }
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
    }

    fn number(&mut self, marks: &mut Marks) -> Option<()> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
            marks.doubtful = true;
        }
        marks.doubtful |= self.at - start > PLAIN_DIGITS;
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let found = self.bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        found.then_some(())
    }

    fn skip_space(&mut self, marks: &mut Marks) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
            marks.spaced = true;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn peek(&self) -> Option<u8> {
        self.bytes().get(self.at).copied()
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }
}

/// How many bytes come before the first that can't stand in a string as it is: a quote, a backslash or a
/// control character.
pub(super) fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    // The lowest set bit, and it alone, is sure to stand for a byte that is below `limit`.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let first = |word: [u8; 8]| {
        let word = u64::from_le_bytes(word);
        let found = below(word, 0x20)
            | below(word ^ (ONES * u64::from(b'"')), 1)
            | below(word ^ (ONES * u64::from(b'\\')), 1);
        found.trailing_zeros() as usize / 8
    };
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let place = first(*word);
        if place < 8 {
            return at * 8 + place;
        }
    }
    // What is left is less than a word: the last whole one of the text has it all, behind what was looked
    // at already.
    match bytes.last_chunk::<8>() {
        _ if rest.is_empty() => bytes.len(),
        Some(last) => bytes.len() - 8 + first(*last),
        None => {
            let in_rest = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            in_rest.unwrap_or(rest.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::value::RawValue;

    use super::*;

    fn takes(text: &str) -> bool {
        Scanner::members(text, &mut |_: Member<'_>| true).is_some()
    }

    /// Fails if the scanner takes what `serde_json` refuses, or leaves to it what is plainly well-formed.
    #[test]
    fn the_scanner_takes_what_is_well_formed() {
        const VALUES: &[&str] = &[
            "0",
            "-0",
            "-1",
            "10.25",
            "1e5",
            "1E-5",
            "1.5e+12",
            "true",
            "false",
            "null",
            "\"\"",
            "\"ä\\n\\u00e4\"",
            "[]",
            "{}",
            "[1,[2,{\"a\":[]}],3]",
            "{\"a\":{\"b\":[{},{}]},\"c\":\"]\"}",
            "\"0123456789abcdef\\\"\"",
            " 1 ",
            "[ 1 , 2 ]",
        ];
        const WRONG: &[&str] = &[
            "",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "tru",
            "truE",
            "nul",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\n\"",
            "\"01234567\u{1}\"",
            "[",
            "]",
            "[1",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[}",
            "{]",
            "{1:2}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[1]]",
            "{}}",
            "1 2",
            "1,",
            "\"a\"b",
            "'a'",
            "[\"a]",
            "NaN",
            "\u{feff}1",
        ];
        for value in VALUES {
            for text in
                [format!("{{\"k\":{value}}}"), format!(" {{ \"k\" : [{value}] , \"l\":{{\"m\":{value}}} }} ")]
            {
                assert!(serde_json::from_str::<Value>(&text).is_ok() && takes(&text), "{text}");
                for end in (0..text.trim_end().len()).filter(|end| text.is_char_boundary(*end)) {
                    assert!(!takes(&text[..end]), "{}", &text[..end]);
                }
                for tail in ["x", "}", ",", "{}", "\""] {
                    assert!(!takes(&format!("{text}{tail}")), "{text}{tail}");
                }
            }
        }
        for value in WRONG {
            for text in [
                format!("{{\"k\":{value}}}"),
                format!("{{\"k\":[{value}x]}}"),
                format!("{{\"k\":{{\"l\":{value}}}}}"),
            ] {
                assert!(serde_json::from_str::<&RawValue>(&text).is_err() && !takes(&text), "{text}");
            }
        }
        for other in ["", "[]", "1", "{", "{,}", "{\"a\":1 \"b\":2}", "{a:1}"] {
            assert!(!takes(other), "{other}");
        }
    }

    /// Fails if the outermost object is not counted.
    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| format!("{{\"k\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(takes(&nested(MAX_DEPTH)) && !takes(&nested(MAX_DEPTH + 1)) && !takes(&nested(100_000)));
        let mixed = format!("{{\"k\":{}1{}}}", "[{\"a\":".repeat(31), "}]".repeat(31));
        assert!(takes(&mixed));
    }

    /// Fails if an object that is entered is not counted, its end is overlooked, or it is taken where it is not
    /// well-formed.
    #[test]
    fn an_object_within_is_gone_through_on_the_way() {
        #[derive(Debug, Default, PartialEq)]
        struct Seen(Vec<(String, String)>, Vec<(String, String)>);
        fn texts(member: Member<'_>) -> (String, String) {
            (member.key.as_str().to_owned(), member.value.as_str().to_owned())
        }
        impl<'a> Look<'a> for Seen {
            fn look(&mut self, member: Member<'a>) -> bool {
                self.0.push(texts(member));
                true
            }
            fn enters(&mut self, key: Text<'a>) -> bool {
                key.is("in")
            }
            fn look_within(&mut self, member: Member<'a>) {
                self.1.push(texts(member));
            }
        }
        let within = |text: &str| {
            let mut seen = Seen::default();
            Scanner::members(text, &mut seen).map(|()| seen)
        };
        let pair = |key: &str, value: &str| (format!("\"{key}\""), value.to_owned());
        assert_eq!(
            within(" { \"a\" : 1 , \"in\" : { \"b\" : [ {} ] , \"in\":{} } , \"c\" : {\"in\":{\"d\":2}} } "),
            Some(Seen(
                vec![
                    pair("a", "1"),
                    pair("in", "{ \"b\" : [ {} ] , \"in\":{} }"),
                    pair("c", "{\"in\":{\"d\":2}}")
                ],
                vec![pair("b", "[ {} ]"), pair("in", "{}")]
            ))
        );
        assert_eq!(within("{\"in\":[]}"), Some(Seen(vec![pair("in", "[]")], vec![])));
        for wrong in ["{\"in\":{}", "{\"in\":{,}}", "{\"in\":{\"a\":1,}}", "{\"in\":{\"a\"}}", "{\"in\":{}}}"]
        {
            assert_eq!(within(wrong), None, "{wrong}");
        }
        let nested =
            |depth: usize| format!("{{\"in\":{{\"k\":{}{}}}}}", "[".repeat(depth - 2), "]".repeat(depth - 2));
        assert!(within(&nested(MAX_DEPTH)).is_some() && within(&nested(MAX_DEPTH + 1)).is_none());
    }

    /// Fails if what is ours is held to the limit for what comes from outside.
    #[test]
    fn what_is_ours_may_nest_deeper() {
        let (open, close) = ("[{\"]\":".repeat(1_000), "}]".repeat(1_000));
        let text = format!("{{\"k\":{open}\"}}\"{close},\"l\":1}}");
        let mut values = Vec::new();
        Scanner::members_of_ours(&text, &mut |member: Member<'_>| {
            values.push(member.value.as_str().len());
            true
        });
        assert_eq!(values, [open.len() + close.len() + 3, 1]);
    }

    #[test]
    fn the_first_special_byte_is_found_wherever_it_stands() {
        for special in [b'"', b'\\', 0, 0x1f, b'\n'] {
            for length in 0..40 {
                let mut bytes = vec![b'a'; length];
                assert_eq!(plain(&bytes), length);
                for at in 0..length {
                    bytes.fill(0x80);
                    bytes[at..].fill(special);
                    assert_eq!(plain(&bytes), at);
                }
            }
        }
    }
}
