//! Writes members: names and punctuation as they stand, texts and numbers by these functions.

use serde::Serialize;
use serde_json::Value;

use crate::plain::is_plain;

/// Appends what stands in a document as it is: names of members, brackets, commas.
#[inline]
pub fn literal(out: &mut Vec<u8>, json: &str) {
    out.extend_from_slice(json.as_bytes());
}

/// Appends a text as a JSON string.
pub fn text(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // A text becomes JSON whatever it holds, and a vector takes everything.
        let _ = serde_json::to_writer(out, text);
    }
}

/// Appends a member with a text, and a comma before it. `name` is `,"name":`.
#[inline]
pub fn member(out: &mut Vec<u8>, name: &str, value: &str) {
    literal(out, name);
    text(out, value);
}

/// Appends an array of names and values.
pub fn pairs<'t>(out: &mut Vec<u8>, pairs: impl Iterator<Item = (&'t str, &'t str)>) {
    out.push(b'[');
    for (at, (name, value)) in pairs.enumerate() {
        literal(out, if at == 0 { "[" } else { ",[" });
        text(out, name);
        out.push(b',');
        text(out, value);
        out.push(b']');
    }
    out.push(b']');
}

/// Appends a number.
pub fn number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    literal(out, itoa::Buffer::new().format(number));
}

/// Appends a value as `serde_json` writes it. Most hold texts alone.
pub fn json(out: &mut Vec<u8>, value: &Value) -> Result<(), serde_json::Error> {
    match value {
        Value::String(value) => text(out, value),
        Value::Object(members) => {
            out.push(b'{');
            for (at, (name, member)) in members.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                text(out, name);
                out.push(b':');
                json(out, member)?;
            }
            out.push(b'}');
        }
        other => serde_json::to_writer(out, other)?,
    }
    Ok(())
}

/// Appends whatever else there is, as `serde_json` writes it.
pub fn value(out: &mut Vec<u8>, value: &impl Serialize) -> Result<(), serde_json::Error> {
    serde_json::to_writer(out, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    /// Planted fault: a control character that is not escaped.
    #[test]
    fn texts_look_as_serde_json_writes_them() {
        let all: String = (0..0x250).filter_map(char::from_u32).collect();
        for it in ["", "a", "\"", "ends with \\", &all, &format!("0123456{all}"), "ä😀\u{2028}"] {
            assert_eq!(written(|out| text(out, it)), serde_json::to_string(it).expect("JSON"));
        }
    }

    /// Planted faults: a comma before the first member; a name that is written as it stands.
    #[test]
    fn values_look_as_serde_json_writes_them() {
        let all = serde_json::json!({
            "text": "a\n", "\"": { "b": {}, "c": { "d": "" } }, "list": [{ "e": "f" }, 1.5, null], "n": -7, "t": true,
        });
        for it in all.as_object().expect("an object").values().chain([&all]) {
            let json = written(|out| json(out, it).expect("a value is JSON"));
            assert_eq!(json, serde_json::to_string(it).expect("JSON"));
        }
    }

    #[test]
    fn pairs_and_numbers_look_as_serde_json_writes_them() {
        for of in [&[][..], &[("a", "b")], &[("a", "b\n"), ("", "\"")]] {
            assert_eq!(
                written(|out| pairs(out, of.iter().copied())),
                serde_json::to_string(of).expect("JSON")
            );
        }
        assert_eq!(written(|out| number(out, i64::MIN)), i64::MIN.to_string());
        assert_eq!(written(|out| member(out, ",\"a\":", "b")), ",\"a\":\"b\"");
    }
}
