//! The handle of a running sandbox.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::faults::{Fault, FaultError};
use crate::options::Options;
use crate::requests::Recorded;
use crate::route::World;
use crate::server::{self, Shared};
use crate::state::{Post, Relation};

/// A running sandbox. Dropping it closes its sockets and ends its threads.
pub struct Sandbox {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Listens, and serves from threads of its own. Port 0 takes a free one; [`Sandbox::addr`] tells which.
    ///
    /// An address that is not loopback is an error of kind `InvalidInput` unless
    /// [`Options::allow_remote`] is set.
    pub fn start(listen: SocketAddr, options: Options) -> io::Result<Self> {
        if !listen.ip().is_loopback() && !options.allow_remote {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{listen} is not a loopback address, and remote callers were not allowed"),
            ));
        }
        let listener = TcpListener::bind(listen)?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared::new(options));
        let accepting = thread::Builder::new().name("sandbox-accept".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || server::run(&listener, &shared)
        })?;
        Ok(Self { addr, shared, accepting: Some(accepting) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What was published, oldest first, as `GET /_sandbox/posts`.
    pub fn posts(&self) -> Vec<Post> {
        self.shared.world.lock().state.posts().to_vec()
    }

    /// The likes, follows and hidden comments that stand, in no order that means anything.
    pub fn relations(&self) -> Vec<Relation> {
        self.shared.world.lock().state.relations().cloned().collect()
    }

    /// The platform requests that arrived, oldest first, credentials blotted out; control requests are not
    /// among them.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.world.lock().log.all()
    }

    /// Arms a fault, behind those that are armed.
    pub fn inject(&self, fault: Fault) -> Result<(), FaultError> {
        self.shared.world.lock().faults.arm(fault, self.shared.options.limits.faults)
    }

    /// Forgets everything, as `DELETE /_sandbox`: posts, relations, used limits, requests, faults.
    pub fn reset(&self) {
        self.shared.world.lock().forget();
    }
}

impl World {
    pub(crate) fn forget(&mut self) {
        self.state.clear();
        self.faults.clear();
        self.log.clear();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shared.stop();
        // Nothing but a connection wakes a thread that accepts. One that listens on every address is
        // reached on loopback.
        let ip = match self.addr.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let woken =
            TcpStream::connect_timeout(&SocketAddr::new(ip, self.addr.port()), Duration::from_secs(1));
        // When even that fails, leaving the thread behind beats waiting for it for ever.
        if let (Ok(_), Some(accepting)) = (woken, self.accepting.take()) {
            let _ = accepting.join();
        }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("addr", &self.addr).finish_non_exhaustive()
    }
}
