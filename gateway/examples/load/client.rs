//! One HTTP connection that is kept.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderValue, SET_COOKIE};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failure;

/// A connection of a logged-in agent.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    headers: HeaderMap,
}

impl Client {
    /// Connects with that cookie.
    pub(crate) async fn connect(address: SocketAddr, cookie: &str) -> Result<Self, Failure> {
        let mut client = Self::open(address).await?;
        client.headers.insert(COOKIE, HeaderValue::from_str(cookie)?);
        Ok(client)
    }

    /// Logs in; gives the session's cookie.
    pub(crate) async fn log_in(address: SocketAddr, credentials: &str) -> Result<String, Failure> {
        let mut client = Self::open(address).await?;
        client.headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Basic {credentials}"))?);
        let (headers, _) = client.request(Method::GET, "/api/v2/me", Bytes::new()).await?;
        let cookie = headers.get(SET_COOKIE).ok_or("no cookie came")?.to_str()?;
        Ok(cookie.split(';').next().unwrap_or_default().to_owned())
    }

    async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(&address.to_string())?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Self { sender, headers })
    }

    pub(crate) async fn post(&mut self, path: &str, body: String) -> Result<Bytes, Failure> {
        Ok(self.request(Method::POST, path, body.into()).await?.1)
    }

    pub(crate) async fn request(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(HeaderMap, Bytes), Failure> {
        let mut request = Request::builder().method(method).uri(path).body(Full::new(body))?;
        request.headers_mut().clone_from(&self.headers);
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await?.to_bytes();
        if status.is_success() {
            Ok((headers, body))
        } else {
            Err(format!("{path} answered {status}: {}", String::from_utf8_lossy(&body)).into())
        }
    }
}
