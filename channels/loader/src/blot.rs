//! Takes secrets out of what is logged: by the name of what holds them, and by their values wherever they
//! turn up.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;

use parking_lot::RwLock;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;
use zeroize::Zeroizing;

/// What stands in the place of a secret.
const BLOT: &str = "[secret]";

/// Headers, fields and members that hold secrets on every platform, in lower case.
const ALWAYS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "token_secret",
    "secret",
    "client_secret",
    "client_assertion",
    "consumer_secret",
    "app_secret",
    "appsecret_proof",
    "private_key",
    "password",
    "api_key",
    "verify_token",
];

/// Shorter values are not looked for in texts: they would blot out words that are no secrets.
const MIN_VALUE_BYTES: usize = 4;

/// How much of a body is logged, in bytes.
const MAX_BODY_BYTES: usize = 2048;

/// Knows the secrets of one instance.
#[derive(Default)]
pub(crate) struct Blotter {
    /// In lower case.
    names: RwLock<HashSet<String>>,
    /// The longest first, so that a value which holds another is blotted whole.
    values: RwLock<Vec<Zeroizing<String>>>,
}

impl Blotter {
    /// Whatever is called one of `names` is a secret as well.
    pub(crate) fn learn_names<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        self.names.write().extend(names.into_iter().map(str::to_lowercase));
    }

    /// `value` is a secret, wherever it turns up, also percent-encoded.
    pub(crate) fn learn_value(&self, value: &str) {
        if value.len() < MIN_VALUE_BYTES {
            return;
        }
        let mut values = self.values.write();
        let encoded = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
        for form in [value.to_owned(), encoded] {
            if !values.iter().any(|known| **known == form) {
                values.push(Zeroizing::new(form));
            }
        }
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    }

    /// The strings of a document that stand under a secret's name, at any depth, are secrets.
    pub(crate) fn learn_members(&self, document: &Value) {
        self.learn_strings(document, false);
    }

    fn learn_strings(&self, value: &Value, below_secret: bool) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    self.learn_strings(member, below_secret || self.is_secret(name));
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_strings(item, below_secret)),
            Value::String(text) if below_secret => self.learn_value(text),
            _ => {}
        }
    }

    /// A copy that may learn the secrets of one conversation's requests, which the original must not collect: a
    /// signature is another one each time.
    pub(crate) fn for_conversation(&self) -> Self {
        Self {
            names: RwLock::new(self.names.read().clone()),
            values: RwLock::new(self.values.read().clone()),
        }
    }

    /// The values that stand under a secret's name are secrets; of `Bearer xyz` also the last word.
    pub(crate) fn learn_fields<'a>(&self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (name, value) in fields {
            if self.is_secret(name) {
                self.learn_value(value);
                self.learn_value(value.rsplit(' ').next().unwrap_or_default());
            }
        }
    }

    /// As [`Blotter::learn_fields`], for the query of an address.
    pub(crate) fn learn_query(&self, url: &str) {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            if self.is_secret(&percent_decode_str(name).decode_utf8_lossy()) {
                self.learn_value(value);
                self.learn_value(&percent_decode_str(value).decode_utf8_lossy());
            }
        }
    }

    fn is_secret(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        ALWAYS.contains(&name.as_str()) || self.names.read().contains(&name)
    }

    /// `text` without the values that are known to be secret.
    pub(crate) fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(text);
        for value in self.values.read().iter() {
            if clean.contains(value.as_str()) {
                clean = Cow::Owned(clean.replace(value.as_str(), BLOT));
            }
        }
        clean
    }

    /// Headers for the log.
    pub(crate) fn headers(&self, headers: &[(String, String)]) -> String {
        let lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| {
                let value = if self.is_secret(name) { BLOT.into() } else { self.scrub(value) };
                format!("{name}: {value}")
            })
            .collect();
        lines.join(", ")
    }

    /// An address for the log: the secret parameters of its query blotted.
    pub(crate) fn url(&self, url: &str) -> String {
        let Some((path, query)) = url.split_once('?') else { return self.scrub(url).into_owned() };
        let query: Vec<_> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, _)) if self.is_secret(&percent_decode_str(name).decode_utf8_lossy()) => {
                    format!("{name}={BLOT}")
                }
                _ => pair.to_owned(),
            })
            .collect();
        self.scrub(&format!("{path}?{}", query.join("&"))).into_owned()
    }

    /// Fields of a form, or text parts of a multipart body, for the log.
    pub(crate) fn fields<'a>(&self, fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
        let fields: Vec<_> = fields
            .map(|(name, value)| {
                let value = if self.is_secret(name) { BLOT.into() } else { self.scrub(value) };
                format!("{name}={value}")
            })
            .collect();
        shorten(fields.join("&"))
    }

    /// A body for the log: JSON with its secret members blotted, of anything else the length alone, for
    /// what stands where in it is not known.
    pub(crate) fn body(&self, body: &[u8]) -> String {
        match serde_json::from_slice::<Value>(body) {
            Ok(mut value @ (Value::Object(_) | Value::Array(_))) => {
                self.blot_members(&mut value);
                shorten(self.scrub(&value.to_string()).into_owned())
            }
            _ => format!("({} bytes)", body.len()),
        }
    }

    fn blot_members(&self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members.iter_mut() {
                    if self.is_secret(name) {
                        *member = BLOT.into();
                    } else {
                        self.blot_members(member);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.blot_members(item)),
            // In the tree a value stands unescaped; in the text a quote in it would hide it.
            Value::String(text) => *text = self.scrub(text).into_owned(),
            _ => {}
        }
    }
}

/// Cuts a long text for the log. Only after blotting: half a secret would not be recognised.
fn shorten(mut text: String) -> String {
    if text.len() > MAX_BODY_BYTES {
        let length = text.len();
        let end = (0..=MAX_BODY_BYTES).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        let _ = write!(text, "… ({length} bytes)");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn blotter() -> Blotter {
        let blotter = Blotter::default();
        blotter.learn_names(["X-Api-Key", "appsecret_proof", "nip"]);
        blotter.learn_value("s3cr3t/value");
        blotter
    }

    #[test]
    fn headers_are_blotted_by_name_and_value() {
        let headers =
            [("Authorization", "Bearer x"), ("x-api-key", "k"), ("via", "a s3cr3t/value"), ("a", "b")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            blotter().headers(&headers),
            "Authorization: [secret], x-api-key: [secret], via: a [secret], a: b"
        );
    }

    #[test]
    fn queries_are_blotted_by_name_and_encoded_value() {
        assert_eq!(
            blotter().url("https://h/p?a=1&appsecret%5Fproof=x&access_token=y&b=s3cr3t%2Fvalue&c"),
            "https://h/p?a=1&appsecret%5Fproof=[secret]&access_token=[secret]&b=[secret]&c"
        );
        assert_eq!(blotter().url("https://h/s3cr3t/value"), "https://h/[secret]");
    }

    #[test]
    fn bodies_are_blotted_at_every_depth() {
        let body = json!({"a": [{"nip": {"deep": "x"}, "text": "is s3cr3t/value"}], "TOKEN": 7});
        assert_eq!(
            blotter().body(body.to_string().as_bytes()),
            r#"{"a":[{"nip":"[secret]","text":"is [secret]"}],"TOKEN":"[secret]"}"#
        );
        assert_eq!(blotter().body(b"token=abc"), "(9 bytes)");
        assert_eq!(blotter().fields([("nip", "x"), ("b", "c")].into_iter()), "nip=[secret]&b=c");
    }

    #[test]
    fn a_value_that_json_escapes_is_found() {
        let blotter = blotter();
        blotter.learn_value("with\"quote");
        let body = json!({"text": "see with\"quote"});
        assert_eq!(blotter.body(body.to_string().as_bytes()), r#"{"text":"see [secret]"}"#);
    }

    #[test]
    fn configured_secrets_are_values() {
        let blotter = blotter();
        blotter.learn_members(&json!({"accounts": [{"auth": {"token": "abcdef"}, "name": "public"}]}));
        assert_eq!(blotter.scrub("public abcdef"), "public [secret]");
    }

    #[test]
    fn the_longer_value_wins() {
        let blotter = Blotter::default();
        blotter.learn_value("abcd");
        blotter.learn_value("abcdefgh");
        assert_eq!(blotter.scrub("abcdefgh"), "[secret]");
    }

    #[test]
    fn a_long_body_is_cut_after_blotting() {
        let body = json!({"text": "ü".repeat(3000)}).to_string();
        let logged = blotter().body(body.as_bytes());
        assert!(logged.len() < 2100 && logged.ends_with("bytes)"), "{}", logged.len());
    }
}
