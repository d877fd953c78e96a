//! Writes JSON into a text that has room for it.

use std::cell::Cell;

use super::scan::plain;

/// Writes a string: what can't stand in it as it is, is escaped as `serde_json` would.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    write_content(out, text);
    out.push('"');
}

/// Writes what stands between a string's quotes.
pub(crate) fn write_content(out: &mut String, text: &str) {
    let unescaped = plain(text.as_bytes());
    if unescaped == text.len() {
        out.push_str(text);
    } else {
        write_escaped(out, text, unescaped);
    }
}

/// Writes a text whose first special byte stands there.
#[cold]
fn write_escaped(out: &mut String, text: &str, mut unescaped: usize) {
    let mut rest = text;
    loop {
        let (before, special) = rest.split_at(unescaped);
        out.push_str(before);
        let Some(&byte) = special.as_bytes().first() else { break };
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x8 => out.push_str("\\b"),
            0xc => out.push_str("\\f"),
            control => {
                out.push_str("\\u00");
                out.push(char::from(b'0' + (control >> 4)));
                out.push(char::from(b"0123456789abcdef"[usize::from(control & 0xf)]));
            }
        }
        rest = &special[1..];
        unescaped = plain(rest.as_bytes());
    }
}

/// Whether the text can stand in a string as it is.
pub(crate) fn is_plain(text: &str) -> bool {
    plain(text.as_bytes()) == text.len()
}

/// What is written where many texts are, each at its own length.
pub(crate) fn written<T: for<'a> From<&'a str>>(write: impl FnOnce(&mut String)) -> T {
    /// A room that is larger than this is given back.
    const KEPT: usize = 64 << 10;
    thread_local!(static ROOM: Cell<String> = const { Cell::new(String::new()) });
    let mut room = ROOM.take();
    room.clear();
    write(&mut room);
    let text = T::from(room.as_str());
    if room.capacity() <= KEPT {
        ROOM.set(room);
    }
    text
}

/// Writes a number.
pub(crate) fn write_number(out: &mut String, number: u64) {
    out.push_str(itoa::Buffer::new().format(number));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if a single escape is another than `serde_json`'s.
    #[test]
    fn strings_look_as_serde_json_writes_them() {
        let all: String = (0..0x250).filter_map(char::from_u32).collect();
        for text in ["", "a", "\"", "ends with \\", &all, &format!("0123456{all}"), "ä😀\u{2028}"] {
            let mut out = String::new();
            write_string(&mut out, text);
            assert_eq!(out, serde_json::to_string(text).unwrap());
        }
    }

    #[test]
    fn numbers_are_written_whole() {
        for number in [0, 7, 10, 4_294_967_296, u64::MAX] {
            let mut out = String::from("n");
            write_number(&mut out, number);
            assert_eq!(out, format!("n{number}"));
        }
    }
}
