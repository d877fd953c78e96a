//! What an address that a message names leads to: got by https, from public addresses alone, up to a limit.
//!
//! Whoever writes a message must not reach into the host's own network by it. So the addresses are judged that
//! the name was resolved to, the connection goes to those very addresses, nothing is followed, and no proxy, of
//! whose view of names nothing is known, is asked. Only servers that the host names may be in its own network.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rustix::fs::{MemfdFlags, Mode, OFlags};
use strowger::FetchLimits;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Connector, NextTimeout, RustlsConnector, TcpConnector};

use crate::base::Address;
use crate::http::ConnectionLimits;
use crate::http::tls_config;

/// Why there is no file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfetched {
    /// It won't be had: for the agent who named it.
    Refused(String),
    /// It may be had later.
    Failed(String),
}

/// Gets files.
#[derive(Debug)]
pub(crate) struct Fetcher {
    agent: Agent,
    bytes: u64,
    /// Only tests let it go without.
    needs_https: bool,
}

impl Fetcher {
    /// A fetcher with these limits, and the connection's own ones.
    pub(crate) fn new(limits: &FetchLimits, connection: &ConnectionLimits) -> Result<Self, String> {
        if connection.proxy.is_some() {
            return Err("can't be combined with a proxy: what the proxy makes of a name is not seen".into());
        }
        let agent = agent(limits, connection, is_public)?;
        Ok(Self { agent, bytes: limits.bytes, needs_https: true })
    }

    /// Gets what `url` leads to: an open file that has no name, and how long it is.
    pub(crate) fn fetch(&self, url: &str, max_bytes: u64) -> Result<(File, u64), Unfetched> {
        let refused = |problem: &str| Unfetched::Refused(format!("the attachment's address {problem}"));
        Address::parse(url).map_err(refused)?;
        if self.needs_https && !url.starts_with("https://") {
            return Err(refused("does not begin with https://"));
        }
        let mut response = match self.agent.get(url).call() {
            Ok(response) => response,
            Err(ureq::Error::Io(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(refused("leads to a network that is not public"));
            }
            Err(error) => {
                let why = crate::http::describe(&error);
                return Err(Unfetched::Failed(format!("the attachment could not be fetched: {why}")));
            }
        };
        match response.status().as_u16() {
            200 => {}
            status @ (408 | 425 | 429 | 500..=599) => {
                return Err(Unfetched::Failed(format!("the attachment could not be fetched: HTTP {status}")));
            }
            status => return Err(refused(&format!("is answered with HTTP {status}"))),
        }
        let most = self.bytes.min(max_bytes);
        let mut file =
            nameless().map_err(|error| Unfetched::Failed(format!("no room for an attachment: {error}")))?;
        let mut body = response.body_mut().as_reader().take(most.saturating_add(1));
        let mut chunk = vec![0; 64 << 10];
        let mut size = 0;
        loop {
            let broken =
                |what: &str, error: io::Error| Unfetched::Failed(format!("{what}: {}", error.kind()));
            let count = body.read(&mut chunk).map_err(|error| broken("the attachment broke off", error))?;
            if count == 0 {
                return Ok((file, size));
            }
            size += count as u64;
            if size > most {
                return Err(Unfetched::Refused(format!("the attachment is longer than {most} bytes")));
            }
            file.write_all(&chunk[..count]).map_err(|error| broken("no room for an attachment", error))?;
        }
    }
}

/// A file that nobody else can open, and that is gone with its descriptor.
fn nameless() -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    let opened = rustix::fs::open(std::env::temp_dir(), flags, mode)
        // Not every file system can.
        .or_else(|_| rustix::fs::memfd_create("attachment", MemfdFlags::CLOEXEC))?;
    Ok(File::from(opened))
}

fn agent(
    limits: &FetchLimits,
    connection: &ConnectionLimits,
    admits: fn(IpAddr) -> bool,
) -> Result<Agent, String> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .tls_config(tls_config(connection).map_err(|error| error.to_string())?)
        .user_agent(concat!("strowger/", env!("CARGO_PKG_VERSION")))
        .max_response_header_size(connection.response_head_bytes)
        .timeout_resolve(Some(connection.resolve))
        .timeout_connect(Some(connection.connect))
        .timeout_send_request(Some(connection.send))
        .timeout_recv_response(Some(connection.receive))
        .timeout_global(Some(Duration::from_millis(limits.time_ms.max(1))))
        .max_idle_connections(0)
        .build();
    let connector = ().chain(TcpConnector::default()).chain(RustlsConnector::default());
    let own_servers = limits.own_servers.iter().map(|server| server_of(server)).collect::<Result<_, _>>()?;
    Ok(Agent::with_parts(
        config,
        connector,
        Judging { inner: DefaultResolver::default(), admits, own_servers },
    ))
}

/// A server's name, in small letters, and its port.
type Server = (String, u16);

fn server_of(text: &str) -> Result<Server, String> {
    let wrong =
        || format!("must name servers as `media.example.com` or `media.example.com:8443`: `{text:.64}`");
    let authority: ureq::http::uri::Authority = text.parse().map_err(|_| wrong())?;
    let port = match text.strip_prefix(authority.host()).ok_or_else(wrong)? {
        "" => 443,
        _ => authority.port_u16().ok_or_else(wrong)?,
    };
    Ok((authority.host().to_lowercase(), port))
}

/// Resolves, and refuses a name of which any address is not admitted.
#[derive(Debug)]
struct Judging {
    inner: DefaultResolver,
    admits: fn(IpAddr) -> bool,
    /// Those that may be anywhere.
    own_servers: Vec<Server>,
}

impl Resolver for Judging {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let asked = (uri.host().unwrap_or_default().to_lowercase(), uri.port_u16().unwrap_or(443));
        if self.own_servers.contains(&asked) || found.iter().all(|address| (self.admits)(address.ip())) {
            Ok(found)
        } else {
            Err(ureq::Error::Io(io::ErrorKind::PermissionDenied.into()))
        }
    }
}

/// Whether an address is one of the public internet (the IANA's registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || matches!(
            (a, b, c),
            (0 | 240..=255, ..) | (100, 64..=127, _) | (192, 0, 0) | (192, 88, 99) | (198, 18 | 19, _)
        ))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // An IPv4 address behind a mapping or a translator is what it embeds.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Of the rest only global unicast has been given out.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::attachment::{read_piece, type_of};

    fn limits() -> FetchLimits {
        FetchLimits { bytes: 100, time_ms: 5_000, own_servers: Vec::new() }
    }

    /// As in earnest, but for plain http and for this machine.
    fn local() -> Fetcher {
        let agent = agent(&limits(), &ConnectionLimits::default(), |_| true).unwrap();
        Fetcher { agent, bytes: 100, needs_https: false }
    }

    /// Answers one request.
    fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        });
        format!("http://{address}/a")
    }

    #[test]
    fn what_is_there_is_got() {
        let url = server("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nGIF89a123");
        let (file, size) = local().fetch(&url, 1000).unwrap();
        assert_eq!(size, 9);
        assert_eq!(type_of(&file, "n").unwrap(), Some("image/gif"));
        assert_eq!(read_piece(&file, "n", 6, Some(3), 100).unwrap(), b"123");
    }

    #[test]
    fn what_is_too_long_moved_or_missing_is_refused_and_what_may_come_back_is_not() {
        let long = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nGIF89a123";
        assert!(matches!(local().fetch(&server(long), 8), Err(Unfetched::Refused(_))));
        for (answer, refused) in [
            ("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n", true),
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", true),
            ("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\ncut", false),
        ] {
            let unfetched = local().fetch(&server(answer), 1000).unwrap_err();
            assert_eq!(matches!(unfetched, Unfetched::Refused(_)), refused, "{answer}: {unfetched:?}");
        }
    }

    /// Planted fault: were the name judged and not what it resolves to, `localhost` would pass.
    #[test]
    fn the_hosts_own_network_is_out_of_reach() {
        let fetcher = Fetcher::new(&limits(), &ConnectionLimits::default()).unwrap();
        for url in [
            "https://localhost/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://10.0.0.1/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest",
            "http://example.org/",
            "file:///etc/passwd",
            "https://u@h/",
        ] {
            assert!(matches!(fetcher.fetch(url, 10), Err(Unfetched::Refused(_))), "{url}");
        }
        let proxy = Some("http://127.0.0.1:1".to_owned());
        Fetcher::new(&limits(), &ConnectionLimits { proxy, ..ConnectionLimits::default() }).unwrap_err();
    }

    /// Planted faults: a name that is taken for another port too, or for names that end like it.
    #[test]
    fn only_named_servers_are_within_reach() {
        let own = |server: &str| FetchLimits { own_servers: vec![server.to_owned()], ..limits() };
        let fetcher = |server: &str| Fetcher::new(&own(server), &ConnectionLimits::default());
        // Nobody listens there: it is tried, and not refused.
        let named = fetcher("LocalHost:1").unwrap();
        assert!(matches!(named.fetch("https://localhost:1/a", 10), Err(Unfetched::Failed(_))));
        for url in
            ["https://localhost/", "https://localhost:2/", "https://127.0.0.1:1/", "http://localhost:1/"]
        {
            assert!(matches!(named.fetch(url, 10), Err(Unfetched::Refused(_))), "{url}");
        }
        for wrong in ["", "https://a", "a/b", "u@a", "a:x", "a b"] {
            assert!(fetcher(wrong).unwrap_err().contains("must name servers"), "{wrong}");
        }
    }

    #[test]
    fn public_addresses_are_told_from_others() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("100.128.0.1", true),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("127.1.1.1", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("192.0.0.1", false),
            ("192.0.2.1", false),
            ("192.168.0.1", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1111", true),
            ("::", false),
            ("::1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::a00:1", false),
            ("64:ff9b:1::1", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("2002:a00:1::", false),
            ("fc00::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }
}
