//! Where requests may go: the base addresses, and what lies below them.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use ureq::http::Uri;

/// An address that requests may go below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base(Address);

/// An `http` or `https` address, taken apart by the same parser that the client uses, so that both see the
/// same host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    secure: bool,
    /// In lower case; an IPv6 address in its brackets.
    host: String,
    port: u16,
    /// Of a base without its final slashes.
    path: String,
}

impl Address {
    /// Takes `url` apart; refuses whatever two readers could understand differently.
    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        if !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err("holds a character that must be percent-encoded");
        }
        if url.contains('#') {
            return Err("has a fragment: leave it out");
        }
        let uri: Uri = url.parse().map_err(|_| "is no address: write https://host/path")?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("begins with neither https:// nor http://"),
        };
        let authority = uri.authority().ok_or("names no host")?;
        if authority.as_str().contains('@') {
            return Err("holds user information: leave it out");
        }
        let host = authority.host();
        if host.is_empty() {
            return Err("names no host");
        }
        let port = match &authority.as_str()[host.len()..] {
            "" if secure => 443,
            "" => 80,
            // A port that is no number, or none after the colon.
            _ => authority.port_u16().ok_or("has a port that is no number from 1 to 65535")?,
        };
        // A server that decodes before it resolves dots must not be led out of the base.
        let decoded = percent_decode_str(uri.path()).decode_utf8_lossy();
        if decoded.split(['/', '\\']).any(|segment| segment == "." || segment == "..") {
            return Err("holds `.` or `..` as a path segment");
        }
        Ok(Self { secure, host: host.to_lowercase(), port, path: uri.path().to_owned() })
    }

    fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// For messages: no path, no query, which may hold secrets.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}:{}", if self.secure { "https" } else { "http" }, self.host, self.port)
    }
}

impl Base {
    /// A base address; plain `http:` only to this machine, unless `allow_plain_http`.
    pub(crate) fn parse(url: &str, allow_plain_http: bool) -> Result<Self, &'static str> {
        let mut address = Address::parse(url)?;
        if url.contains('?') {
            return Err("has a query: leave it out");
        }
        if !address.secure && !allow_plain_http && !address.is_loopback() {
            return Err(
                "is plain http: to another machine: use https:, or set \"allow_plain_http\": true beside it",
            );
        }
        address.path.truncate(address.path.trim_end_matches('/').len());
        Ok(Self(address))
    }

    /// Whether a request to `address` stays below this base.
    pub(crate) fn covers(&self, address: &Address) -> bool {
        let Self(base) = self;
        (base.secure, &base.host, base.port) == (address.secure, &address.host, address.port)
            && address
                .path
                .strip_prefix(&base.path)
                .is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }
}

/// A base address that can't be used: the member's path and what is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BaseFault {
    pub(crate) member: String,
    pub(crate) problem: &'static str,
}

/// Every string `base_url` of a configuration, at any depth. `allow_plain_http` of an object counts for
/// everything in it.
pub(crate) fn configured(config: &Map<String, Value>) -> Result<Vec<Base>, BaseFault> {
    let mut bases = Vec::new();
    collect(config, "", false, &mut bases)?;
    Ok(bases)
}

fn collect(
    members: &Map<String, Value>,
    path: &str,
    allowed_around: bool,
    bases: &mut Vec<Base>,
) -> Result<(), BaseFault> {
    let allowed = match members.get("allow_plain_http") {
        Some(Value::Bool(here)) => *here,
        _ => allowed_around,
    };
    for (name, value) in members {
        let member = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Value::String(url) if name == "base_url" => {
                bases.push(Base::parse(url, allowed).map_err(|problem| BaseFault { member, problem })?);
            }
            Value::Object(inner) => collect(inner, &member, allowed, bases)?,
            Value::Array(items) => collect_items(items, &member, allowed, bases)?,
            _ => {}
        }
    }
    Ok(())
}

fn collect_items(items: &[Value], path: &str, allowed: bool, bases: &mut Vec<Base>) -> Result<(), BaseFault> {
    for (index, item) in items.iter().enumerate() {
        let member = format!("{path}[{index}]");
        match item {
            Value::Object(inner) => collect(inner, &member, allowed, bases)?,
            Value::Array(inner) => collect_items(inner, &member, allowed, bases)?,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn covers(base: &str, url: &str) -> bool {
        Base::parse(base, true).unwrap().covers(&Address::parse(url).unwrap())
    }

    #[test]
    fn a_base_covers_what_lies_below_it() {
        assert!(covers("https://api.x.com", "https://api.x.com/2/tweets?a=b"));
        assert!(covers("https://API.x.com:443/", "https://api.X.com"));
        assert!(covers("https://h/v1", "https://h/v1"));
        assert!(covers("https://h/v1/", "https://h/v1/x"));
        assert!(covers("http://[::1]:80", "http://[::1]/x"));
    }

    #[test]
    fn a_base_covers_nothing_else() {
        assert!(!covers("https://api.x.com", "http://api.x.com/"));
        assert!(!covers("https://api.x.com", "https://api.x.com.evil.example/"));
        assert!(!covers("https://api.x.com", "https://api.x.com:8443/"));
        assert!(!covers("https://h/v1", "https://h/v10"));
        assert!(!covers("https://h/v1", "https://h/V1/x"));
        assert!(!covers("https://h/v1", "https://h/"));
    }

    #[test]
    fn ambiguous_addresses_are_refused() {
        for url in [
            "https://h/v1/../admin",
            "https://h/v1/%2e%2E/admin",
            "https://h/v1/..%2fadmin",
            "https://h/v1/..%5cadmin",
            "https://h/v1/./x",
            "https://api.x.com@evil.example/",
            "https://u:p@h/",
            "https://h\\@evil.example/",
            "https://h/a b",
            "https://h/\r\nx",
            "https://hé/",
            "https://h/#f",
            "https://h:99999/",
            "https://h:/",
            "ftp://h/",
            "file:///etc/passwd",
            "//h/",
            "/x",
            "https://",
            "",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for url in ["http://localhost:8080", "http://127.0.0.1", "http://127.9.9.9/x", "http://[::1]:1"] {
            Base::parse(url, false).unwrap();
        }
        for url in
            ["http://h", "http://10.0.0.1", "http://localhost.evil.example", "http://127.0.0.1.evil.example"]
        {
            Base::parse(url, false).unwrap_err();
            Base::parse(url, true).unwrap();
        }
    }

    #[test]
    fn bases_are_found_at_every_depth() {
        let config = json!({
            "base_url": "https://a", "accounts": [
                {"transport": {"base_url": "http://b"}, "allow_plain_http": true},
                {"base_url": 7, "list": [["x", {"base_url": "https://c/d"}]]}]});
        let bases = configured(config.as_object().unwrap()).unwrap();
        let parse = |url| Base::parse(url, true).unwrap();
        assert_eq!(bases, [parse("https://a"), parse("http://b"), parse("https://c/d")]);

        let config = json!({"accounts": [{"transport": {"base_url": "http://b"}}]});
        let fault = configured(config.as_object().unwrap()).unwrap_err();
        assert_eq!(fault.member, "accounts[0].transport.base_url");
    }
}
