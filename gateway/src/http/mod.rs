//! HTTP: from a connection to an answer.
//!
//! `endpoints` is the one table of what is served, to whom, and by which handler; `guard` holds each
//! endpoint to its row; `server` owns the connections.

mod answer;
mod body;
pub(crate) mod endpoints;
mod guard;
mod me;
mod operator;
mod page;
mod proxies;
mod record;
mod server;
mod tls;
mod webhooks;

pub(crate) use answer::{json, refuse, refuse_as};
pub(crate) use body::read_body;
pub(crate) use guard::Visitor;
pub(crate) use proxies::{ForwardingHeader, Network, TrustedProxies};
pub(crate) use server::{Door, DoorError, Scheme, serve};
pub(crate) use tls::tls_config;

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

/// Where a request came from; in its extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The client's address: that of the connection, or the one that a trusted proxy tells.
    pub(crate) address: IpAddr,
    /// The client's connection is encrypted: this one, or the one that a trusted proxy tells of.
    pub(crate) over_tls: bool,
}

/// A connection's place among those that are allowed; in its requests' extensions. Whoever takes the
/// connection over keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}
