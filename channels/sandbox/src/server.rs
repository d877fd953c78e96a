//! Connections: accept, one thread each, and an end to all of them.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use serde_json::json;
use socket2::SockRef;

use crate::faults::{self, Ending};
use crate::http::{self, ReadError, Reader, Request, Response};
use crate::options::Options;
use crate::params;
use crate::route::{self, Place, World};

/// What the threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) world: Mutex<World>,
    stop: Stop,
    /// The open sockets, so that stopping can wake the threads that wait on them. Shared, not duplicated: a
    /// duplicate would keep a socket open that its thread has closed.
    open: Mutex<HashMap<u64, Arc<TcpStream>>>,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, world: Mutex::default(), stop: Stop::default(), open: Mutex::default() }
    }

    pub(crate) fn stop(&self) {
        self.stop.now();
    }
}

/// A flag that sleepers wake up for.
#[derive(Debug, Default)]
struct Stop {
    flag: AtomicBool,
    lock: Mutex<()>,
    rung: Condvar,
}

impl Stop {
    fn now(&self) {
        let _held = self.lock.lock();
        self.flag.store(true, Ordering::SeqCst);
        self.rung.notify_all();
    }

    fn is_set(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    fn sleep(&self, time: Duration) {
        let mut held = self.lock.lock();
        let deadline = std::time::Instant::now() + time;
        while !self.is_set() {
            if self.rung.wait_until(&mut held, deadline).timed_out() {
                return;
            }
        }
    }
}

/// Accepts until stopped; when it returns, every connection's thread has ended.
pub(crate) fn run(listener: &TcpListener, shared: &Shared) {
    thread::scope(|scope| {
        for number in 0.. {
            let accepted = listener.accept();
            if shared.stop.is_set() {
                break;
            }
            let Ok((stream, _)) = accepted else {
                // Out of descriptors, most likely: connections that end give some back.
                shared.stop.sleep(Duration::from_millis(20));
                continue;
            };
            if shared.world.lock().faults.take_refusal() {
                continue;
            }
            let stream = Arc::new(stream);
            let full = {
                let mut open = shared.open.lock();
                let full = open.len() >= shared.options.limits.connections;
                if !full {
                    open.insert(number, Arc::clone(&stream));
                }
                full
            };
            if full {
                turn_away(&stream);
                continue;
            }
            let spawned = thread::Builder::new().name(format!("sandbox-{number}")).spawn_scoped(scope, {
                move || {
                    serve(&stream, shared);
                    shared.open.lock().remove(&number);
                }
            });
            if spawned.is_err() {
                shared.open.lock().remove(&number);
            }
        }
        for stream in shared.open.lock().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
}

/// Runs on the accepting thread, so it may not wait for the client.
fn turn_away(stream: &TcpStream) {
    let busy = Response::json(503, &json!({ "error": "the sandbox has as many connections as it may" }));
    let _ = http::write(stream, &busy.to_bytes(busy.body.len(), false, false), Duration::from_millis(100));
    let _ = stream.shutdown(Shutdown::Write);
}

fn serve(stream: &TcpStream, shared: &Shared) {
    let limits = &shared.options.limits;
    let _ = stream.set_nodelay(true);
    let mut reader = Reader::new(stream, limits);
    while !shared.stop.is_set() {
        let request = match reader.next_request() {
            Ok(request) => request,
            Err(ReadError::Closed) => return,
            Err(ReadError::Refused { status, why }) => {
                let response = Response::json(status, &json!({ "error": why }));
                let bytes = response.to_bytes(response.body.len(), false, false);
                if http::write(stream, &bytes, limits.write_timeout).is_ok() {
                    http::close_politely(stream);
                }
                return;
            }
        };
        let ending = exchange(&request, shared);
        // A wait that was cut short must not end in an answer that the fault held back.
        if shared.stop.is_set() || !finish(stream, &request, ending, shared) {
            return;
        }
    }
}

/// From a request to what happens to its connection.
fn exchange(request: &Request, shared: &Shared) -> Ending {
    let options = &shared.options;
    let fault = {
        let world = &mut *shared.world.lock();
        if route::place(&request.path) == Place::Control {
            None
        } else {
            let fault = world.faults.take(&request.method, &request.path);
            let name = fault.as_ref().map(faults::Fault::name);
            world.log.push(request, params::now_ms(), name, &options.limits);
            fault
        }
    };
    faults::play(
        fault,
        &request.path,
        || route::answer(request, &mut shared.world.lock(), options, params::now_ms()),
        |status| route::error(&request.path, status, params::now_ms()),
        |time| shared.stop.sleep(time),
    )
}

/// Writes what there is to write; true when the connection goes on.
fn finish(stream: &TcpStream, request: &Request, ending: Ending, shared: &Shared) -> bool {
    let timeout = shared.options.limits.write_timeout;
    let head_only = request.method == "HEAD";
    let whole = |response: &Response| response.to_bytes(response.body.len(), head_only, request.keep_alive);
    match ending {
        Ending::Answer(response) => {
            http::write(stream, &whole(&response), timeout).is_ok() && request.keep_alive
        }
        Ending::Drip(response, wait) => {
            for byte in whole(&response) {
                shared.stop.sleep(wait);
                if shared.stop.is_set() || http::write(stream, &[byte], timeout).is_err() {
                    return false;
                }
            }
            request.keep_alive
        }
        Ending::Truncate(mut response) => {
            let length = response.body.len();
            response.body.truncate(length / 2);
            // The head says keep-alive, as it would on a connection that is cut off.
            let _ = http::write(stream, &response.to_bytes(length, head_only, true), timeout);
            false
        }
        Ending::Close => false,
        Ending::Reset => {
            // A close that lingers for no time at all drops the connection with a reset.
            let _: io::Result<()> = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            false
        }
    }
}
