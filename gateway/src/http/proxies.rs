//! Whose request it is, when it comes through proxies: they note in a header for whom they ask.
//!
//! Anybody can write such a header. It is read from its end, as far as those who wrote it are trusted: the last
//! entry is the one of the proxy that asks here, and the first one from there that is nobody trusted is the client.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// The proxies that are believed, and the header that they write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrustedProxies {
    pub(crate) networks: Vec<Network>,
    pub(crate) header: ForwardingHeader,
}

/// Which header tells for whom a proxy asks. One alone is read: a proxy writes one, and passes on what clients
/// wrote into the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ForwardingHeader {
    /// `X-Forwarded-For: client, proxy, proxy`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy;proto=https` (RFC 7239).
    Forwarded,
}

/// The addresses of proxies: `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network(IpNet);

/// A text that is no such network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NetworkError {
    #[error("is no network: expected an address, as `10.1.2.3`, or a network, as `10.0.0.0/8` or `fd00::/8`")]
    Form,
    #[error("is everybody: whoever asks could say that somebody else does")]
    Everybody,
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let network = address.or_else(|_| text.parse()).map_err(|_| NetworkError::Form)?;
        let network = canonical(network);
        if network.prefix_len() == 0 { Err(NetworkError::Everybody) } else { Ok(Self(network)) }
    }
}

/// Addresses are compared in this form, as [`IpAddr::to_canonical`] has it.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match network {
        IpNet::V4(_) => None,
        IpNet::V6(network) => network.addr().to_ipv4_mapped().zip(network.prefix_len().checked_sub(96)),
    };
    let mapped = mapped.and_then(|(address, length)| IpNet::new(address.into(), length).ok());
    mapped.unwrap_or(network)
}

impl TrustedProxies {
    /// Who asks, as `peer` of the connection says it if it is trusted, else the peer.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let Some(chain) = self.header.chain(headers) else { return peer };
        let mut client = peer;
        for entry in chain.iter().rev() {
            // Who is unknown, or hides, is whoever told of it: nothing before that entry can be believed.
            let Some(address) = entry else { return client };
            client = *address;
            if !self.trusts(client) {
                return client;
            }
        }
        client
    }

    /// Whether a trusted proxy says that the client's connection is encrypted. A client that says so itself is
    /// believed as well: it is held to it, and nobody else.
    pub(crate) fn tells_of_tls(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        self.trusts(peer.to_canonical()) && self.header.tells_of_tls(headers)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.0.contains(&address))
    }
}

impl ForwardingHeader {
    /// The addresses, the client's first; nothing if the header as a whole makes no sense.
    fn chain(self, headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
        let mut chain = Vec::new();
        for value in headers.get_all(self.name()) {
            match self {
                Self::XForwardedFor => chain.extend(
                    value
                        .as_bytes()
                        .split(|&byte| byte == b',')
                        .map(|entry| node(str::from_utf8(entry).ok()?)),
                ),
                Self::Forwarded => {
                    chain.extend(elements(value.to_str().ok()?)?.into_iter().map(|element| element.node));
                }
            }
        }
        Some(chain)
    }

    fn tells_of_tls(self, headers: &HeaderMap) -> bool {
        let is_https = |text: &str| text.trim_matches([' ', '\t']).eq_ignore_ascii_case("https");
        let mut values = headers.get_all(self.scheme_name()).iter().filter_map(|value| value.to_str().ok());
        values.any(|value| match self {
            Self::XForwardedFor => value.split(',').any(is_https),
            Self::Forwarded => elements(value).is_some_and(|all| all.iter().any(|element| element.over_tls)),
        })
    }

    /// The header with the scheme that the client used.
    fn scheme_name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-proto"),
            Self::Forwarded => FORWARDED,
        }
    }

    fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Self::Forwarded => FORWARDED,
        }
    }
}

/// The address of `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches([' ', '\t']);
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let is_bracketed = bare.len() < text.len();
    let address = bare.parse::<IpAddr>().ok().filter(|address| !is_bracketed || address.is_ipv6());
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    Some(address?.to_canonical())
}

/// An element of a `Forwarded`.
struct Element {
    /// Its `for`, if that is an address.
    node: Option<IpAddr>,
    /// Its `proto` is `https`.
    over_tls: bool,
}

/// The elements of a `Forwarded`; nothing if any part of it is malformed, for then nobody can tell where an element
/// begins.
fn elements(value: &str) -> Option<Vec<Element>> {
    let mut elements = Vec::new();
    let mut rest = value;
    loop {
        let (element, after) = element(rest)?;
        elements.push(element);
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None => return after.is_empty().then_some(elements),
        }
    }
}

/// One element, and what stands after it.
fn element(text: &str) -> Option<(Element, &str)> {
    let (mut found, mut over_tls) = (None, false);
    let mut rest = text;
    loop {
        let (name, after) = token(rest.trim_start_matches([' ', '\t']))?;
        let (value, after) = value(after.strip_prefix('=')?)?;
        if name.eq_ignore_ascii_case("for") && found.replace(node(&value)).is_some() {
            return None;
        }
        over_tls |= name.eq_ignore_ascii_case("proto") && value.eq_ignore_ascii_case("https");
        let after = after.trim_start_matches([' ', '\t']);
        match after.strip_prefix(';') {
            Some(after) => rest = after,
            None => return Some((Element { node: found.flatten(), over_tls }, after)),
        }
    }
}

/// A token or a quoted text, and what stands after it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        return token(text).map(|(token, after)| (token.to_owned(), after));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

fn token(text: &str) -> Option<(&str, &str)> {
    let is_end =
        |character: char| !(character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character));
    let (token, after) = text.split_at(text.find(is_end).unwrap_or(text.len()));
    (!token.is_empty()).then_some((token, after))
}

#[cfg(test)]
mod tests {
    //! Planted faults that this table was seen to catch: a header that is believed whoever sent it, the first
    //! entry taken for the client, the other header read as well.

    use axum::http::HeaderValue;

    use super::*;

    const X: &str = "x-forwarded-for";
    const F: &str = "forwarded";

    fn proxies(header: ForwardingHeader) -> TrustedProxies {
        let networks = ["10.0.0.0/8", "192.0.2.7", "fd00::/8", "::1"].map(|text| text.parse().unwrap());
        TrustedProxies { networks: networks.into(), header }
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn client(header: ForwardingHeader, peer: &str, lines: &[(&'static str, &str)]) -> String {
        proxies(header).client(peer.parse().unwrap(), &headers(lines)).to_string()
    }

    #[test]
    fn the_client_is_who_the_nearest_trusted_proxy_says() {
        for (peer, lines, expected) in [
            // No proxy.
            ("203.0.113.9", &[][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("203.0.113.9", &[(X, "198.51.100.1")], "203.0.113.9"),
            ("2001:db8::9", &[(X, "10.0.0.1")], "2001:db8::9"),
            ("192.0.2.8", &[(X, "198.51.100.1")], "192.0.2.8"),
            // One proxy, and what a client claims before it.
            ("10.0.0.1", &[(X, "203.0.113.9")], "203.0.113.9"),
            ("192.0.2.7", &[(X, "203.0.113.9")], "203.0.113.9"),
            ("10.0.0.1", &[(X, "198.51.100.1, 203.0.113.9")], "203.0.113.9"),
            ("10.0.0.1", &[(X, "198.51.100.1,10.0.0.9,203.0.113.9")], "203.0.113.9"),
            ("10.0.0.1", &[(X, "198.51.100.1"), (X, "203.0.113.9")], "203.0.113.9"),
            // Chains.
            ("10.0.0.1", &[(X, "203.0.113.9, 10.0.0.2")], "203.0.113.9"),
            ("10.0.0.1", &[(X, "198.51.100.1, 203.0.113.9, fd00::2,10.0.0.2")], "203.0.113.9"),
            ("10.0.0.1", &[(X, "203.0.113.9"), (X, "10.0.0.2")], "203.0.113.9"),
            ("10.0.0.1", &[(X, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
            // IPv6, ports, and addresses of one kind in the form of the other.
            ("::1", &[(X, "2001:db8::9")], "2001:db8::9"),
            ("fd00::1", &[(X, "[2001:db8::9]:4711")], "2001:db8::9"),
            ("::ffff:10.0.0.1", &[(X, "[2001:db8::9]")], "2001:db8::9"),
            ("10.0.0.1", &[(X, "203.0.113.9:4711")], "203.0.113.9"),
            ("10.0.0.1", &[(X, "203.0.113.9, ::ffff:10.0.0.2")], "203.0.113.9"),
            ("10.0.0.1", &[(X, "::ffff:203.0.113.9")], "203.0.113.9"),
            // What is malformed, and everything before it, is not believed.
            ("10.0.0.1", &[(X, "")], "10.0.0.1"),
            ("10.0.0.1", &[(X, "unknown")], "10.0.0.1"),
            ("10.0.0.1", &[(X, "203.0.113.9, unknown")], "10.0.0.1"),
            ("10.0.0.1", &[(X, "203.0.113.9, unknown, 10.0.0.2")], "10.0.0.2"),
            ("10.0.0.1", &[(X, "203.0.113.9,")], "10.0.0.1"),
            ("10.0.0.1", &[(X, "203.0.113.999")], "10.0.0.1"),
            ("10.0.0.1", &[(X, "0203.0.113.9")], "10.0.0.1"),
            ("10.0.0.1", &[(X, "[203.0.113.9]")], "10.0.0.1"),
            ("10.0.0.1", &[(X, "fe80::1%eth0")], "10.0.0.1"),
            ("10.0.0.1", &[(X, "203.0.113.9\u{e9}")], "10.0.0.1"),
            ("10.0.0.1", &[(X, "\u{e9}, 203.0.113.9")], "203.0.113.9"),
            // The other header is the client's own.
            ("10.0.0.1", &[(F, "for=198.51.100.1")], "10.0.0.1"),
            ("10.0.0.1", &[(F, "for=198.51.100.1"), (X, "203.0.113.9")], "203.0.113.9"),
        ] {
            let told = client(ForwardingHeader::XForwardedFor, peer, lines);
            assert_eq!(told, expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read_whole_or_not_at_all() {
        for (peer, lines, expected) in [
            ("203.0.113.9", &[(F, "for=198.51.100.1")][..], "203.0.113.9"),
            ("10.0.0.1", &[(F, "for=203.0.113.9")], "203.0.113.9"),
            ("10.0.0.1", &[(F, "FOR = 203.0.113.9")], "10.0.0.1"),
            ("10.0.0.1", &[(F, "proto=https;For=\"203.0.113.9:4711\" ; by=10.0.0.1")], "203.0.113.9"),
            ("10.0.0.1", &[(F, "for=198.51.100.1, for=203.0.113.9;host=\"a,b;for=c\"")], "203.0.113.9"),
            ("10.0.0.1", &[(F, "for=198.51.100.1"), (F, "for=203.0.113.9,for=10.0.0.2")], "203.0.113.9"),
            ("10.0.0.1", &[(F, "for=\"[2001:db8::9]:4711\";by=_hidden")], "2001:db8::9"),
            ("10.0.0.1", &[(F, "for=\"\\[2001:db8::9\\]\"")], "2001:db8::9"),
            ("10.0.0.1", &[(F, "for=203.0.113.9, for=_hidden, for=10.0.0.2")], "10.0.0.2"),
            ("10.0.0.1", &[(F, "for=203.0.113.9, for=unknown")], "10.0.0.1"),
            ("10.0.0.1", &[(F, "for=203.0.113.9, by=10.0.0.2")], "10.0.0.1"),
            // A client that leaves a quotation open before the proxy's own words.
            ("10.0.0.1", &[(F, "for=198.51.100.1;by=\", for=203.0.113.9")], "10.0.0.1"),
            ("10.0.0.1", &[(F, "for=198.51.100.1;by=\", for=203.0.113.9;by=\"10.0.0.1\"")], "10.0.0.1"),
            ("10.0.0.1", &[(F, "for=198.51.100.1;by=\", for=\"[2001:db8::9]\"")], "10.0.0.1"),
            ("10.0.0.1", &[(F, "for=198.51.100.1;by=\"\\"), (F, "for=203.0.113.9")], "10.0.0.1"),
            ("10.0.0.1", &[(F, "for=[2001:db8::9]")], "10.0.0.1"),
            ("10.0.0.1", &[(F, "for=203.0.113.9;for=203.0.113.8")], "10.0.0.1"),
            ("10.0.0.1", &[(F, "203.0.113.9")], "10.0.0.1"),
            ("10.0.0.1", &[(F, "for=203.0.113.9,")], "10.0.0.1"),
            ("10.0.0.1", &[(X, "198.51.100.1")], "10.0.0.1"),
            ("10.0.0.1", &[(X, "198.51.100.1"), (F, "for=203.0.113.9")], "203.0.113.9"),
        ] {
            let told = client(ForwardingHeader::Forwarded, peer, lines);
            assert_eq!(told, expected, "{peer} {lines:?}");
        }
    }

    /// Planted faults: a header that is believed whoever sent it; the other one read as well.
    #[test]
    fn a_trusted_proxy_tells_of_the_clients_encryption() {
        const P: &str = "x-forwarded-proto";
        use ForwardingHeader::{Forwarded, XForwardedFor};
        for (header, peer, lines, expected) in [
            (XForwardedFor, "10.0.0.1", &[][..], false),
            (XForwardedFor, "10.0.0.1", &[(P, "https")], true),
            (XForwardedFor, "::ffff:10.0.0.1", &[(P, "HTTPS")], true),
            (XForwardedFor, "10.0.0.1", &[(P, "https, http")], true),
            (XForwardedFor, "10.0.0.1", &[(P, "http"), (P, "https")], true),
            (XForwardedFor, "10.0.0.1", &[(P, "http")], false),
            (XForwardedFor, "10.0.0.1", &[(P, "https-not")], false),
            (XForwardedFor, "203.0.113.9", &[(P, "https")], false),
            (XForwardedFor, "10.0.0.1", &[(F, "for=203.0.113.9;proto=https")], false),
            (Forwarded, "10.0.0.1", &[(F, "for=203.0.113.9;proto=https")], true),
            (Forwarded, "10.0.0.1", &[(F, "Proto=\"https\", for=10.0.0.2")], true),
            (Forwarded, "10.0.0.1", &[(F, "for=203.0.113.9;proto=http")], false),
            (Forwarded, "10.0.0.1", &[(F, "proto=https;by=\"")], false),
            (Forwarded, "203.0.113.9", &[(F, "proto=https")], false),
            (Forwarded, "10.0.0.1", &[(P, "https")], false),
        ] {
            let told = proxies(header).tells_of_tls(peer.parse().unwrap(), &headers(lines));
            assert_eq!(told, expected, "{header:?} {peer} {lines:?}");
        }
    }

    #[test]
    fn a_network_is_a_part_of_all_addresses() {
        for text in ["10.0.0.0/8", "10.1.2.3", "10.1.2.3/8", "fd00::/8", "2001:db8::1", "::ffff:10.0.0.1"] {
            assert!(text.parse::<Network>().is_ok(), "{text}");
        }
        assert_eq!("::ffff:10.0.0.0/104".parse::<Network>(), "10.0.0.0/8".parse());
        for text in ["", "10.0.0.0/33", "10.0.0", "localhost", "10.0.0.1:80", "fd00::/129", "*"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Form), "{text}");
        }
        for text in ["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Everybody), "{text}");
        }
    }
}
