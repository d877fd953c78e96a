//! The log: lines are gathered while a call runs, and written by the host's function when it is over.
//!
//! So the host's function is never called while anything of the engine is locked, and it may take as long
//! and lock as much as it likes.

use std::cell::RefCell;
use std::ffi::c_void;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Once};

use parking_lot::RwLock;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::entry::closing;
use crate::host::Host;
use crate::raw::LogFunction;
use crate::str::strowger_str;

/// Level of a line: an error that somebody should look at.
pub const STROWGER_LOG_ERROR: i32 = 1;
/// Level of a line: something is not as it should be.
pub const STROWGER_LOG_WARN: i32 = 2;
/// Level of a line: what happens.
pub const STROWGER_LOG_INFO: i32 = 3;
/// Level of a line: detail for debugging, as the exchanges with platforms (secrets blotted out).
pub const STROWGER_LOG_DEBUG: i32 = 4;

/// Takes a line of the log: its level (STROWGER_LOG_…), and its text, borrowed until the function returns.
///
/// It is called on the thread of the call that the line is about, just before that call returns, when
/// nothing is locked. It must return: no longjmp, no exception.
pub type strowger_log_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, level: i32, message: strowger_str)>;

static PROCESS: RwLock<Option<Arc<LogFunction>>> = RwLock::new(None);

/// Sets the function that takes the log of this process, engines with a log function of their own aside.
///
/// @param log the function; NULL for none, which is how it is at the start.
/// @param user_data passed to it; the library never looks at it.
/// @param drop called once with `user_data` when the library is done with it: when the function was
///   replaced and no thread is inside it any more, or at once if `log` is NULL. May be NULL.
/// @par Threads: any. From inside a callback it does nothing, and `drop` is not called.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_log_set(
    log: strowger_log_fn,
    user_data: *mut c_void,
    drop: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
) {
    closing(|call| {
        let log = LogFunction::new(call, log, user_data, drop).map(Arc::new);
        if log.is_some() {
            listen();
        }
        // Let go of after the lock: the host's `drop` may be called.
        let _former = std::mem::replace(&mut *PROCESS.write(), log);
    });
}

static LISTENING: Once = Once::new();

/// Whether anybody has asked for lines: if not, there are none.
pub(crate) fn is_gathering() -> bool {
    LISTENING.is_completed()
}

/// Begins to gather lines. Before somebody asks for them, they cost nothing.
pub(crate) fn listen() {
    LISTENING.call_once(|| {
        // Nobody else sets one in this library: its tracing is its own.
        let _ = tracing::subscriber::set_global_default(Gatherer);
    });
}

/// Writes what this thread has gathered, by the host's own function or else by the process's.
pub(crate) fn flush(host: Option<&Host>) {
    let lines = LINES.try_with(|lines| std::mem::take(&mut *lines.borrow_mut())).unwrap_or_default();
    if lines.kept.is_empty() {
        return;
    }
    let process = PROCESS.read().clone();
    let Some(log) = host.and_then(Host::log).or(process.as_deref()) else { return };
    for (level, message) in &lines.kept {
        log.write(*level, message);
    }
    if lines.lost > 0 {
        log.write(STROWGER_LOG_WARN, &format!("{} lines of the log were lost in one call", lines.lost));
    }
}

/// What was gathered on a thread since its last call.
#[derive(Default)]
struct Lines {
    kept: Vec<(i32, String)>,
    lost: usize,
}

/// Lines of one call that are kept.
const LINES_OF_A_CALL: usize = 1_000;
/// The longest line, in bytes.
const LINE_BYTES: usize = 8 << 10;

thread_local! {
    static LINES: RefCell<Lines> = RefCell::default();
}

struct Gatherer;

impl Subscriber for Gatherer {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG && metadata.is_event()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let level = match *metadata.level() {
            Level::ERROR => STROWGER_LOG_ERROR,
            Level::WARN => STROWGER_LOG_WARN,
            Level::INFO => STROWGER_LOG_INFO,
            _ => STROWGER_LOG_DEBUG,
        };
        let mut line = Line { message: String::new(), fields: String::new() };
        event.record(&mut line);
        let text = line.text(metadata.target());
        // A line that comes while lines are taken, or after the thread's locals are gone, has nowhere to go.
        let _ = LINES.try_with(|lines| {
            if let Ok(mut lines) = lines.try_borrow_mut() {
                if lines.kept.len() < LINES_OF_A_CALL {
                    lines.kept.push((level, text));
                } else {
                    lines.lost += 1;
                }
            }
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A line while it is written: `target: message name=value`.
struct Line {
    message: String,
    fields: String,
}

impl Line {
    fn text(self, target: &str) -> String {
        let mut text = format!("{target}: {}{}", self.message, self.fields);
        if text.len() > LINE_BYTES {
            let end = (0..=LINE_BYTES).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            text.truncate(end);
            text.push('…');
        }
        text
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string can't fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}
