//! Configuration documents: errors that name the member and the expected kind, never the value.
//!
//! A configuration holds credentials, and the messages of JSON parsers quote what they found. So nothing of
//! a parser's message reaches a [`ConfigError`] but the names of members and what was expected.
//!
//! Two things in it are the host's: every `base_url`, below which requests may go, and the member `connection` of the
//! document itself (limits, proxy, certificates), which the plugin does not see.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// What is wrong with a configuration: where, and what belongs there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {}{problem}", place(path))]
pub struct ConfigError {
    /// The path of the member, as `accounts[0].auth.token`; empty for the document itself.
    pub path: String,
    /// What is wrong there, without the value that was found.
    pub problem: String,
}

impl ConfigError {
    /// An error at a member. `problem` goes on after the member's path: `must be …`. Never put a value
    /// into it.
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

fn place(path: &str) -> String {
    if path.is_empty() { "the document ".to_owned() } else { format!("`{path}` ") }
}

/// Reads a configuration document.
pub fn read<T: DeserializeOwned>(json: &str) -> Result<T, ConfigError> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| describe("", &error))?;
    deserializer.end().map_err(|_| ConfigError::new("", "must be one JSON object and nothing after it"))?;
    Ok(value)
}

/// Reads a part of a configuration that was kept as JSON until its kind was known. `path` is where it
/// stands.
pub fn read_part<T: DeserializeOwned>(part: Value, path: &str) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(part).map_err(|error| describe(path, &error))
}

/// The string member `kind` of a part, which says how the rest is to be read. It is taken out of the part.
pub fn take_kind(part: &mut Value, path: &str) -> Result<String, ConfigError> {
    let members = part.as_object_mut().ok_or_else(|| ConfigError::new(path, "must be an object"))?;
    match members.shift_remove("kind") {
        Some(Value::String(kind)) => Ok(kind),
        Some(_) => Err(ConfigError::new(format!("{path}.kind"), "must be a string")),
        None => Err(ConfigError::new(format!("{path}.kind"), "is missing")),
    }
}

fn describe(base: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> ConfigError {
    let inner = error.inner();
    let inside = error.path().to_string();
    let mut path = match (base, inside.as_str()) {
        (base, ".") => base.to_owned(),
        ("", inside) => inside.to_owned(),
        (base, inside) if inside.starts_with('[') => format!("{base}{inside}"),
        (base, inside) => format!("{base}.{inside}"),
    };
    if inner.is_syntax() || inner.is_eof() {
        let place = format!("is not JSON (line {}, column {})", inner.line(), inner.column());
        return ConfigError::new("", place);
    }
    let message = inner.to_string();
    let member = |message: &str, lead: &str| {
        message.strip_prefix(lead).and_then(|rest| rest.split('`').next()).map(str::to_owned)
    };
    // Names of members are no secrets; values stand nowhere in these three messages.
    for (lead, problem) in [
        ("missing field `", "is missing"),
        ("unknown field `", "is not a member that is known here"),
        ("duplicate field `", "is given twice"),
    ] {
        if let Some(name) = member(&message, lead) {
            if path != name && !path.ends_with(&format!(".{name}")) {
                path = if path.is_empty() { name } else { format!("{path}.{name}") };
            }
            return ConfigError::new(path, problem);
        }
    }
    // "invalid type: string \"…\", expected u64": what follows the last "expected" is the program's own.
    let own_words = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "];
    let expected = own_words
        .iter()
        .any(|lead| message.starts_with(lead))
        .then(|| message.rsplit_once(", expected "))
        .flatten()
        .map(|(_, expected)| expected.split(" at line ").next().unwrap_or(expected));
    match expected {
        Some(expected) => ConfigError::new(path, format!("must be {}", plain_words(expected))),
        None => ConfigError::new(path, "is not of the expected form"),
    }
}

/// Rust's type names in the words of JSON.
fn plain_words(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a map" => "an object".to_owned(),
        other if other.starts_with("struct ") => "an object".to_owned(),
        other => other.to_owned(),
    }
}

/// The base address of a platform: scheme, host, port and perhaps a path, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    encrypted: bool,
    loopback: bool,
}

impl BaseUrl {
    /// Reads an address such as `https://api.example.org`, with or without a slash at its end. `path` is
    /// the member that holds it.
    ///
    /// The scheme and the host come out in lower case and the scheme's own port is dropped: signatures are
    /// made over that form (RFC 5849, section 3.4.1.2).
    pub fn parse(text: &str, path: &str) -> Result<Self, ConfigError> {
        let fault = || {
            ConfigError::new(
                path,
                "must be an http or https address without user, query or fragment, as https://api.example.org",
            )
        };
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(fault)?;
        let encrypted = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(fault()),
        };
        let (authority, prefix) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        if rest.contains(['@', '?', '#', '\\'])
            || rest.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err(fault());
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (address, after) = bracketed.split_once(']').ok_or_else(fault)?;
                address.parse::<std::net::Ipv6Addr>().map_err(|_| fault())?;
                (format!("[{address}]"), after.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host.to_owned(), Some(port)),
                None => (authority.to_owned(), None),
            },
        };
        let host = host.to_ascii_lowercase();
        if host.is_empty() || host.contains(|c: char| !(c.is_ascii_alphanumeric() || "-._[]:".contains(c))) {
            return Err(fault());
        }
        let own_port = if encrypted { 443 } else { 80 };
        let port = match port {
            Some(port) => Some(port.parse::<u16>().map_err(|_| fault())?).filter(|port| *port != own_port),
            None => None,
        };
        let loopback = host == "localhost"
            || host == "[::1]"
            || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback());
        let scheme = if encrypted { "https" } else { "http" };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let text = format!("{scheme}://{host}{port}{}", prefix.trim_end_matches('/'));
        Ok(Self { text, encrypted, loopback })
    }

    /// Whether requests may go there: encrypted, or to this very machine.
    pub fn is_safe(&self) -> bool {
        self.encrypted || self.loopback
    }

    /// The address of `path`, which begins with a slash, beneath this one.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the reading is under test")]
    struct Config {
        name: String,
        #[serde(default)]
        accounts: Vec<Entry>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the reading is under test")]
    struct Entry {
        token: Secret,
        limit: Option<u32>,
        mode: Option<Mode>,
        auth: Option<Value>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Fast,
        Slow,
    }

    #[test]
    fn an_error_names_the_member_and_the_expected_kind_but_never_the_value() {
        for (json, path, problem) in [
            (
                r#"{"name":"n","accounts":[{"token":"a","limit":"s3cret"}]}"#,
                "accounts[0].limit",
                "must be a whole number that is not negative",
            ),
            (
                r#"{"name":"n","accounts":[{"token":{"env":"s3cret"}}]}"#,
                "accounts[0].token",
                "must be a string",
            ),
            (r#"{"name":"n","accounts":"s3cret, expected s3cret"}"#, "accounts", "must be an array"),
            (r#"{"name":"n","accounts":["s3cret"]}"#, "accounts[0]", "must be an object"),
            (
                r#"{"name":"n","accounts":[{"token":"a","mode":"s3cret"}]}"#,
                "accounts[0].mode",
                "must be `fast` or `slow`",
            ),
            (
                r#"{"name":"n","accounts":[{"token":"s3cret","other":1}]}"#,
                "accounts[0].other",
                "is not a member that is known here",
            ),
            (r#"{"name":"n","accounts":[{"limit":1}]}"#, "accounts[0].token", "is missing"),
            (r#"{"name":"s3cret","name":"s3cret"}"#, "name", "is given twice"),
            (r#"{"accounts":[]}"#, "name", "is missing"),
            (r#"{"extra":"s3cret"}"#, "extra", "is not a member that is known here"),
            (r#""s3cret""#, "", "must be an object"),
            (r#"{"name":"n"} s3cret"#, "", "must be one JSON object and nothing after it"),
        ] {
            let error = read::<Config>(json).unwrap_err();
            assert_eq!((error.path.as_str(), error.problem.as_str()), (path, problem), "{json}");
            assert!(!error.to_string().contains("s3cret") && !format!("{error:?}").contains("s3cret"));
        }
        let error = read::<Config>("{\"name\":\"s3cret").unwrap_err();
        assert!(error.problem.starts_with("is not JSON (line 1, column"), "{error}");
    }

    #[test]
    fn a_part_is_read_with_the_path_where_it_stands() {
        let mut part = serde_json::json!({ "kind": "k", "token": 7 });
        assert_eq!(take_kind(&mut part, "accounts[1].auth").unwrap(), "k");
        let error = read_part::<Entry>(part, "accounts[1].auth").unwrap_err();
        assert_eq!(error.to_string(), "configuration: `accounts[1].auth.token` must be a string");
        let error = take_kind(&mut serde_json::json!({}), "auth").unwrap_err();
        assert_eq!(error.path, "auth.kind");
    }

    #[test]
    fn base_addresses_are_normalised() {
        for (text, joined, safe) in [
            ("https://api.x.com", "https://api.x.com/2", true),
            ("HTTPS://API.x.com:443/", "https://api.x.com/2", true),
            ("http://127.0.0.1:8080/prefix/", "http://127.0.0.1:8080/prefix/2", true),
            ("http://[::1]:9", "http://[::1]:9/2", true),
            ("http://localhost:80", "http://localhost/2", true),
            ("http://example.org", "http://example.org/2", false),
            ("http://localhost.example.org", "http://localhost.example.org/2", false),
        ] {
            let base = BaseUrl::parse(text, "base_url").unwrap();
            assert_eq!((base.join("/2").as_str(), base.is_safe()), (joined, safe), "{text}");
        }
        for text in [
            "api.x.com",
            "ftp://x.com",
            "https://",
            "https://u:p@x.com",
            "https://x.com?a",
            "https://x.com:99999",
            "https://[::1",
            "https://a b",
        ] {
            assert_eq!(BaseUrl::parse(text, "base_url").unwrap_err().path, "base_url", "{text}");
        }
    }
}
