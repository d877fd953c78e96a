//! Requests and what becomes of them. A host may make them itself; [`HttpClient`] is the built-in way.

mod client;

use std::time::Duration;

pub use client::{ConnectionLimits, HttpClient, HttpClientError};
pub(crate) use client::{describe, tls_config};

/// Makes one request, exactly once.
///
/// An implementation follows no redirects, repeats nothing, keeps no cookies, and holds every limit it is
/// given. It must be honest about [`HttpResult::NotSent`]: the engine will send such a message again.
pub trait Http: Send + Sync {
    /// Makes the request and waits for the whole response.
    fn exchange(&self, request: &HttpRequest) -> HttpResult;
}

/// A request, checked: an allowed method, an address below one of the bases, headers without line breaks.
/// Its `Debug` form shows neither header values nor the query nor the body.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// The address, `https` or `http`.
    pub url: String,
    /// Header names and values, in order; `content-type` among them. The client adds `host`,
    /// `content-length` and what else concerns the connection.
    pub headers: Vec<(String, String)>,
    /// The body. `None` sends none; an empty one is sent as such.
    pub body: Option<Vec<u8>>,
    /// The time limit for everything, from the name's resolution to the last byte of the response.
    pub timeout: Duration,
    /// This request publishes: it must go out on a fresh connection, for one that turns out to be stale
    /// after bytes were written would leave a needless doubt.
    pub marked: bool,
}

impl std::fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url.split('?').next().unwrap_or_default())
            .field("headers", &names)
            .field("body_bytes", &self.body.as_ref().map(Vec::len))
            .field("timeout", &self.timeout)
            .field("marked", &self.marked)
            .finish()
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpResult {
    /// The whole response arrived, whatever its status.
    Response(HttpResponse),
    /// No byte of the request was written: resolution, connection, proxy or TLS failed before.
    NotSent {
        /// What went wrong, without secrets.
        message: String,
    },
    /// Anything later failed: the request may or may not have been executed.
    Broken {
        /// What went wrong, without secrets.
        message: String,
    },
}

/// A response. Its `Debug` form shows the status and sizes only.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// Header names, in lower case, and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body, at most [`MAX_RESPONSE_BYTES`].
    pub body: Vec<u8>,
}

impl std::fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("headers", &self.headers.len())
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// The largest response body that is taken, in bytes. A longer one counts as broken.
pub const MAX_RESPONSE_BYTES: usize = 4 << 20;
