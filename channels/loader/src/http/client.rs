//! The built-in client: blocking, TLS by rustls on ring, every limit set, nothing done twice.

use std::cell::Cell;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ureq::config::Config;
use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector,
    Transport,
};
use ureq::{Agent, Proxy, RequestBuilder};

use super::{Http, HttpRequest, HttpResponse, HttpResult, MAX_RESPONSE_BYTES};

/// Limits, certificates and proxy of the built-in client. Whatever a request's own time limit allows, none
/// of these is exceeded.
#[derive(Clone)]
pub struct ConnectionLimits {
    /// Resolving a host's name. Default: 10 seconds.
    pub resolve: Duration,
    /// Connecting, the proxy's and the TLS handshake included. Default: 10 seconds.
    pub connect: Duration,
    /// Writing the request's head, and as long again for its body. Default: 60 seconds.
    pub send: Duration,
    /// Waiting for the response's head, and as long again for its body. Default: 60 seconds.
    pub receive: Duration,
    /// The largest head of a response, in bytes. Default: 64 KiB.
    pub response_head_bytes: usize,
    /// An HTTP proxy that every request goes through by CONNECT, as `http://user:password@host:8080`. The
    /// environment is not asked. Default: none.
    pub proxy: Option<String>,
    /// The certificates, in PEM, of the authorities to trust instead of the public ones. Default: the
    /// public ones, as Mozilla lists them.
    pub root_certificates_pem: Option<Vec<u8>>,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(10),
            connect: Duration::from_secs(10),
            send: Duration::from_secs(60),
            receive: Duration::from_secs(60),
            response_head_bytes: 64 << 10,
            proxy: None,
            root_certificates_pem: None,
        }
    }
}

impl std::fmt::Debug for ConnectionLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionLimits")
            .field("resolve", &self.resolve)
            .field("connect", &self.connect)
            .field("send", &self.send)
            .field("receive", &self.receive)
            .field("response_head_bytes", &self.response_head_bytes)
            // A proxy's address may hold a password.
            .field("proxy", &self.proxy.is_some())
            .field("own_roots", &self.root_certificates_pem.is_some())
            .finish()
    }
}

/// Why a client could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpClientError {
    /// The proxy's address is none.
    #[error("the proxy is not an address of the form http://host:port")]
    Proxy,
    /// The certificates can't be read.
    #[error("the root certificates are not in PEM, or there is none among them")]
    Certificates,
}

/// The built-in client.
///
/// It follows no redirects, repeats nothing, keeps no cookies and asks no environment. Unmarked requests
/// may share connections; marked ones never do.
#[derive(Debug)]
pub struct HttpClient {
    shared: Agent,
    /// Keeps no idle connection, so every request finds a fresh one.
    fresh: Agent,
}

impl HttpClient {
    /// A client with these limits.
    pub fn new(limits: &ConnectionLimits) -> Result<Self, HttpClientError> {
        let proxy = match &limits.proxy {
            None => None,
            Some(address) => {
                let proxy = Proxy::new(address).map_err(|_| HttpClientError::Proxy)?;
                // Others would need more of the client than is built in.
                if !address.starts_with("http://") && !address.starts_with("https://") {
                    return Err(HttpClientError::Proxy);
                }
                Some(proxy)
            }
        };
        let tls = tls_config(limits)?;
        let agent = |idle: usize| {
            let config = Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .proxy(proxy.clone())
                .tls_config(tls.clone())
                .user_agent(concat!("strowger/", env!("CARGO_PKG_VERSION")))
                .max_response_header_size(limits.response_head_bytes)
                .timeout_resolve(Some(limits.resolve))
                .timeout_connect(Some(limits.connect))
                .timeout_send_request(Some(limits.send))
                .timeout_send_body(Some(limits.send))
                .timeout_recv_response(Some(limits.receive))
                .timeout_recv_body(Some(limits.receive))
                .max_idle_connections(idle)
                .max_idle_connections_per_host(idle.min(4))
                .build();
            agent(config)
        };
        Ok(Self { shared: agent(32), fresh: agent(0) })
    }
}

/// The certificates to trust, and rustls on ring to do it with.
pub(crate) fn tls_config(limits: &ConnectionLimits) -> Result<TlsConfig, HttpClientError> {
    let roots = match &limits.root_certificates_pem {
        None => RootCerts::WebPki,
        Some(pem) => {
            let mut certificates = Vec::new();
            for item in parse_pem(pem) {
                if let PemItem::Certificate(certificate) = item.map_err(|_| HttpClientError::Certificates)? {
                    certificates.push(certificate);
                }
            }
            if certificates.is_empty() {
                return Err(HttpClientError::Certificates);
            }
            RootCerts::Specific(Arc::new(certificates))
        }
    };
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(roots)
        .build())
}

fn agent(config: Config) -> Agent {
    let through_proxy = config.proxy().is_some();
    let connector =
        ().chain(ConnectProxyConnector::default())
            .chain(TcpConnector::default())
            .chain(RustlsConnector::default())
            .chain(NoteWrites { through_proxy });
    Agent::with_parts(config, connector, DefaultResolver::default())
}

impl Http for HttpClient {
    fn exchange(&self, request: &HttpRequest) -> HttpResult {
        WRITTEN.set(false);
        match self.attempt(request) {
            Ok(response) => HttpResult::Response(response),
            Err(message) if WRITTEN.get() => HttpResult::Broken { message },
            Err(message) => HttpResult::NotSent { message },
        }
    }
}

impl HttpClient {
    fn attempt(&self, request: &HttpRequest) -> Result<HttpResponse, String> {
        let agent = if request.marked { &self.fresh } else { &self.shared };
        let url = &request.url;
        let sent = match (request.method.as_str(), &request.body) {
            ("GET", None) => prepare(agent.get(url), request).call(),
            ("HEAD", None) => prepare(agent.head(url), request).call(),
            ("DELETE", None) => prepare(agent.delete(url), request).call(),
            ("DELETE", Some(body)) => prepare(agent.delete(url), request).force_send_body().send(body),
            ("POST", body) => prepare(agent.post(url), request).send(body.as_deref().unwrap_or_default()),
            ("PUT", body) => prepare(agent.put(url), request).send(body.as_deref().unwrap_or_default()),
            ("PATCH", body) => prepare(agent.patch(url), request).send(body.as_deref().unwrap_or_default()),
            (method, _) => return Err(format!("a request {method} of this form can't be made")),
        };
        let mut response = sent.map_err(|error| describe(&error))?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let status = response.status().as_u16();
        let mut body = Vec::new();
        // One more than the limit, to see that there is more.
        let limit = MAX_RESPONSE_BYTES as u64 + 1;
        response
            .body_mut()
            .as_reader()
            .take(limit)
            .read_to_end(&mut body)
            .map_err(|error| format!("the response broke off: {}", io_words(error)))?;
        if body.len() > MAX_RESPONSE_BYTES {
            return Err(format!("the response is longer than {MAX_RESPONSE_BYTES} bytes"));
        }
        Ok(HttpResponse { status, headers, body })
    }
}

fn prepare<B>(builder: RequestBuilder<B>, request: &HttpRequest) -> RequestBuilder<B> {
    let builder = builder.config().timeout_global(Some(request.timeout)).build();
    request.headers.iter().fold(builder, |builder, (name, value)| builder.header(name, value))
}

/// What went wrong, in words that hold neither an address nor a header: those may hold secrets.
pub(crate) fn describe(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(which) => format!("the time limit was reached ({which})"),
        ureq::Error::HostNotFound => "the host's name could not be resolved".into(),
        ureq::Error::ConnectionFailed => "no connection could be made".into(),
        ureq::Error::ConnectProxyFailed(reason) => format!("the proxy refused: {reason}"),
        ureq::Error::Io(error) => {
            // Errors of the layers below travel inside of this one.
            let inner = error.get_ref();
            if let Some(inner) = inner.and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
                describe(inner)
            } else if let Some(inner) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                format!("TLS failed: {inner}")
            } else {
                format!("the connection failed: {error}")
            }
        }
        ureq::Error::Tls(what) => format!("TLS failed: {what}"),
        ureq::Error::Rustls(error) => format!("TLS failed: {error}"),
        ureq::Error::LargeResponseHeader(..) => "the response's head is too large".into(),
        ureq::Error::Protocol(error) => format!("the response is not proper HTTP: {error}"),
        _ => "the request could not be made".into(),
    }
}

fn io_words(error: std::io::Error) -> String {
    describe(&ureq::Error::from(error))
}

// ---- Was any byte written? ---------------------------------------------------------------------------

thread_local! {
    /// Whether a byte of the request that this thread is making was handed to its connection. A request is
    /// made on one thread from end to end, and one thread makes one at a time.
    static WRITTEN: Cell<bool> = const { Cell::new(false) };
}

/// The last link of the chain: outside of TLS and of a proxy's tunnel, so that what it sees written is the
/// request and nothing else.
#[derive(Debug)]
struct NoteWrites {
    /// The client has a proxy: the chain then runs a second time inside, without one, for the connection
    /// to the proxy itself, where CONNECT is written. That isn't the request.
    through_proxy: bool,
}

impl<In: Transport> Connector<In> for NoteWrites {
    type Out = Noted<In>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let is_request = details.config.proxy().is_some() == self.through_proxy;
        Ok(chained.map(|inner| Noted { inner, is_request }))
    }
}

#[derive(Debug)]
struct Noted<In> {
    inner: In,
    is_request: bool,
}

impl<In: Transport> Transport for Noted<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        // Before the write: one that fails may have written some of it.
        if self.is_request && amount > 0 {
            WRITTEN.set(true);
        }
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
