//! `strowger_host`: what a program serves to its engine.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use ::engine::{Clock, Environment, Random, SystemClock, SystemRandom};
use strowger_loader::Options;

use crate::entry::Call;
use crate::error::Failure;
use crate::http::{HostHttp, strowger_http_answer, strowger_http_request};
use crate::log::strowger_log_fn;
use crate::raw::{LogFunction, Services};

/// What a program serves to its engine, for strowger_engine_open_with(). Set everything to zero, set
/// `struct_size`, then the members that you want; a NULL member stands for the built-in one.
///
/// The functions may be called on any thread that calls the library, on several at once, from inside that
/// call. They must return: no longjmp, no exception. Calls of the library from inside them are refused
/// with STROWGER_ERR_REENTRANT, except for those whose comment says "callbacks may call it".
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strowger_host {
    /// sizeof(strowger_host).
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Passed to the functions below; the library never looks at it.
    pub user_data: *mut c_void,
    /// Called once with `user_data`, when the last handle of the engine was closed, on that thread. Not
    /// called if strowger_engine_open_with() fails, and not after a plugin of the engine has panicked: what
    /// broke so is never touched again, and that may hold your functions.
    pub drop: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
    /// The time: milliseconds since 1970-01-01T00:00:00Z. Called when nothing is locked.
    ///
    /// It says when something happened, and whether something is due. How long a call waits does not depend
    /// on it: timeouts, the limits of requests and the waits of plugins go by the machine's monotonic clock.
    pub now_ms: Option<unsafe extern "C" fn(user_data: *mut c_void) -> i64>,
    /// Fills `out` with `len` random bytes that nobody can guess. Called when nothing is locked.
    pub random: Option<unsafe extern "C" fn(user_data: *mut c_void, out: *mut u8, len: usize)>,
    /// Takes the lines that this engine writes, in place of strowger_log_set(). Called when nothing is
    /// locked.
    pub log: strowger_log_fn,
    /// Makes an HTTP request for a plugin, exactly once, and waits for the whole response: no redirects, no
    /// retries, no cookies. Called when nothing is locked.
    ///
    /// Returns the HTTP status (100 to 599) after handing the response's parts over
    /// (strowger_http_answer_header(), strowger_http_answer_body()); STROWGER_HTTP_NOT_SENT if no byte of
    /// the request was written, so that it is safe to send it again; STROWGER_HTTP_BROKEN if anything
    /// failed later. Be honest: a request that is called not sent and was sent makes a message appear
    /// twice. Any other number counts as STROWGER_HTTP_BROKEN.
    pub http: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            request: *const strowger_http_request,
            answer: *mut strowger_http_answer,
        ) -> i32,
    >,
}

/// A host's services, shared by what uses them.
pub(crate) struct Host {
    services: Services,
    log: Option<LogFunction>,
}

impl Host {
    pub(crate) fn read(call: &Call, host: *const strowger_host) -> Result<Arc<Self>, Failure> {
        let services = Services::read(call, host)?;
        let log = services.log();
        if log.is_some() {
            crate::log::listen();
        }
        Ok(Arc::new(Self { services, log }))
    }

    /// The engine is open: its user data is the library's to drop.
    pub(crate) fn own(&self) {
        self.services.user_data().own();
    }

    pub(crate) fn log(&self) -> Option<&LogFunction> {
        self.log.as_ref()
    }

    pub(crate) fn services(&self) -> &Services {
        &self.services
    }
}

/// What the engine takes from outside.
pub(crate) fn environment(host: Option<&Arc<Host>>) -> Environment {
    let clock: Arc<dyn Clock> = match with(host, Services::has_clock) {
        Some(host) => Arc::new(HostClock { host }),
        None => Arc::new(SystemClock),
    };
    let random: Arc<dyn Random> = match with(host, Services::has_random) {
        Some(host) => Arc::new(HostRandom { host }),
        None => Arc::new(SystemRandom),
    };
    Environment::new(clock, random)
}

/// What plugins are loaded and run with: the host's own services, where it has them.
pub(crate) fn options(host: Option<&Arc<Host>>, mut options: Options) -> Options {
    if let Some(host) = with(host, Services::has_clock) {
        options.clock = Arc::new(PluginClock { host, system: strowger_loader::SystemClock::default() });
    }
    if let Some(host) = with(host, Services::has_random) {
        options.random = Arc::new(HostRandom { host });
    }
    if let Some(host) = with(host, Services::has_http) {
        options.http = Some(Arc::new(HostHttp::new(host)));
    }
    options
}

fn with(host: Option<&Arc<Host>>, has: impl Fn(&Services) -> bool) -> Option<Arc<Host>> {
    host.filter(|host| has(&host.services)).cloned()
}

struct HostClock {
    host: Arc<Host>,
}

impl Clock for HostClock {
    fn now_ms(&self) -> i64 {
        self.host.services.now_ms().unwrap_or_default()
    }
}

struct HostRandom {
    host: Arc<Host>,
}

impl Random for HostRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.host.services.fill(bytes);
    }
}

impl strowger_loader::Random for HostRandom {
    fn fill(&self, out: &mut [u8]) {
        self.host.services.fill(out);
    }
}

/// The host's time of day; waiting and its limits go by the machine's monotonic clock. A host's clock need
/// not go on while somebody waits.
struct PluginClock {
    host: Arc<Host>,
    system: strowger_loader::SystemClock,
}

impl strowger_loader::Clock for PluginClock {
    fn now_ms(&self) -> i64 {
        self.host.services.now_ms().unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        strowger_loader::Clock::monotonic(&self.system)
    }

    fn sleep(&self, duration: Duration) {
        strowger_loader::Clock::sleep(&self.system, duration);
    }
}
