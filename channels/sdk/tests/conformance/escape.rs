//! The form in which the conformance cases are written: `\u{…}` is a code point in hexadecimal, `\r{n|…}` a part
//! that stands n times, `\\` a backslash.

/// What a line stands for.
pub(crate) fn unescaped(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('\\') {
            text.push('\\');
            rest = after;
            continue;
        }
        let (kind, after) = rest.split_at(2);
        let end = closing(after);
        match kind {
            "u{" => {
                let number = u32::from_str_radix(&after[..end], 16).expect("a number in hexadecimal");
                text.push(char::from_u32(number).expect("a code point"));
            }
            "r{" => {
                let (times, part) = after[..end].split_once('|').expect("a number and a part");
                text.push_str(&unescaped(part).repeat(times.parse().expect("a number")));
            }
            _ => panic!("no escape: {rest}"),
        }
        rest = &after[end + 1..];
    }
    text + rest
}

/// Where the brace is closed that was opened before `text`.
fn closing(text: &str) -> usize {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth == 0 {
            return at;
        }
    }
    panic!("a brace is not closed: {text}")
}

#[test]
fn every_escape_is_read() {
    assert_eq!(unescaped(r"a\u{E9}\\\r{2|x\u{6F22}}b"), "aé\\x漢x漢b");
}
