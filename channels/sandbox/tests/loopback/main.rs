//! The sandbox over real loopback sockets, spoken to by a client that knows no more than bytes.

mod client;
mod control;
mod faults;
mod graph;
mod limits;
mod program;
mod x;

use strowger_sandbox::{Options, Sandbox};

/// A sandbox on a free port.
fn start(options: Options) -> Sandbox {
    Sandbox::start("127.0.0.1:0".parse().expect("an address"), options).expect("a free port")
}
