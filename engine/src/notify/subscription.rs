//! A subscription: a bounded queue of notes that its owner polls.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::Notification;

/// What is subscribed to: one topic, or all below a path (`/v2/me/*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic(Arc<str>);

impl Topic {
    pub(crate) fn new(topic: &str) -> Self {
        Self(topic.into())
    }

    /// The topic's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Receives an agent's notes. Any thread may poll it; each note goes to one of them.
///
/// The queue is bounded in number and bytes. When it overflows it is emptied, and the next thing that
/// comes out is [`Notification::Lagged`].
pub struct Subscription {
    queue: Arc<Queue>,
    poisoned: Arc<AtomicBool>,
    /// Keeps what feeds the subscription alive.
    _engine: Arc<dyn Send + Sync>,
}

impl Subscription {
    pub(crate) fn new(queue: Arc<Queue>, poisoned: Arc<AtomicBool>, engine: Arc<dyn Send + Sync>) -> Self {
        Self { queue, poisoned, _engine: engine }
    }

    /// The next notification, waiting at most `timeout` for one. `None` when none came, when the engine
    /// was closed and nothing is left, or when it is poisoned.
    pub fn next(&self, timeout: Duration) -> Option<Notification> {
        if self.is_poisoned() {
            return None;
        }
        crate::failpoint::reach("polling");
        self.queue.next(timeout).filter(|_| !self.is_poisoned())
    }

    /// Whether a panic broke off a change of the engine: nothing comes any more. Open the engine again.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// The next notification without waiting, for hosts that run on an async runtime: [`Poll::Pending`]
    /// when none waits, and then the context's waker is called once when there is something to ask for
    /// again. `Ready(None)` when the engine was closed and nothing is left.
    ///
    /// One waker is kept, that of the latest call. It is called by whoever tells, in the middle of a
    /// change: as every waker, it only wakes, and calls nothing of the engine.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Notification>> {
        let polled = self.queue.poll_next(context);
        if self.is_poisoned() { Poll::Ready(None) } else { polled }
    }

    /// What was subscribed to.
    pub fn topic(&self) -> &Topic {
        &self.queue.topic
    }

    /// A descriptor that is readable exactly while a notification waits, for `poll`, `select` or `epoll`.
    /// Made on the first call; never read from it.
    pub fn descriptor(&self) -> io::Result<RawFd> {
        self.queue.descriptor()
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subscription").field("topic", &self.queue.topic).finish_non_exhaustive()
    }
}

/// The queue between those who tell and the one who polls.
pub(crate) struct Queue {
    topic: Topic,
    limit_notes: usize,
    limit_bytes: usize,
    state: Mutex<QueueState>,
    ready: Condvar,
}

#[derive(Default)]
struct QueueState {
    waiting: VecDeque<(Notification, usize)>,
    bytes: usize,
    closed: bool,
    signal: Option<Signal>,
    /// Who polled last and found nothing.
    waker: Option<Waker>,
}

impl Queue {
    pub(crate) fn new(topic: Topic, limit_notes: usize, limit_bytes: usize) -> Self {
        Self { topic, limit_notes, limit_bytes, state: Mutex::default(), ready: Condvar::new() }
    }

    pub(super) fn topic(&self) -> &Topic {
        &self.topic
    }

    pub(super) fn push(&self, notification: Notification, bytes: usize) {
        let mut state = self.state.lock();
        if state.waiting.len() >= self.limit_notes || state.bytes + bytes > self.limit_bytes {
            state.lag(&self.topic, notification.sequence());
        } else {
            state.waiting.push_back((notification, bytes));
            state.bytes += bytes;
        }
        self.wake_one(state);
    }

    /// Notes up to this one are lost.
    pub(super) fn lag(&self, sequence: u64) {
        let mut state = self.state.lock();
        state.lag(&self.topic, sequence);
        self.wake_one(state);
    }

    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let waker = state.waker.take();
        drop(state);
        self.ready.notify_all();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Tells one who waits. The lock is given back first: a waker is foreign code.
    fn wake_one(&self, mut state: MutexGuard<'_, QueueState>) {
        state.show();
        let waker = state.waker.take();
        drop(state);
        self.ready.notify_one();
        waker.into_iter().for_each(Waker::wake);
    }

    fn next(&self, timeout: Duration) -> Option<Notification> {
        let mut state = self.state.lock();
        // Most find something, or don't wait: then nobody asks for the time.
        let mut deadline = None;
        loop {
            if let Some(notification) = state.take() {
                return Some(notification);
            }
            if state.closed || timeout.is_zero() {
                return None;
            }
            match *deadline.get_or_insert_with(|| Instant::now().checked_add(timeout)) {
                Some(deadline) => {
                    if self.ready.wait_until(&mut state, deadline).timed_out() && state.waiting.is_empty() {
                        return None;
                    }
                }
                None => self.ready.wait(&mut state),
            }
        }
    }

    fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Notification>> {
        let mut state = self.state.lock();
        if let Some(notification) = state.take() {
            return Poll::Ready(Some(notification));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        // The one that is replaced is dropped outside the lock, for the same reason that none is called
        // under it.
        let replaced = match &mut state.waker {
            Some(waker) if waker.will_wake(context.waker()) => None,
            waker => waker.replace(context.waker().clone()),
        };
        drop(state);
        drop(replaced);
        Poll::Pending
    }

    fn descriptor(&self) -> io::Result<RawFd> {
        let mut state = self.state.lock();
        if state.signal.is_none() {
            state.signal = Some(Signal::new()?);
            state.show();
        }
        Ok(state.signal.as_ref().map_or(-1, |signal| signal.reader.as_raw_fd()))
    }
}

impl QueueState {
    fn take(&mut self) -> Option<Notification> {
        let (notification, bytes) = self.waiting.pop_front()?;
        self.bytes -= bytes;
        self.show();
        Some(notification)
    }

    fn lag(&mut self, topic: &Topic, sequence: u64) {
        self.waiting.clear();
        self.bytes = 0;
        self.waiting.push_back((Notification::Lagged { topic: topic.0.clone(), sequence }, 0));
    }

    /// Makes the descriptor readable exactly while something waits. Called under the queue's lock.
    fn show(&mut self) {
        let waits = !self.waiting.is_empty();
        if let Some(signal) = &mut self.signal {
            signal.show(waits);
        }
    }
}

/// A pipe with one byte in it while something waits: it can neither block nor fill up.
struct Signal {
    reader: PipeReader,
    writer: PipeWriter,
    shown: bool,
}

impl Signal {
    fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        Ok(Self { reader, writer, shown: false })
    }

    fn show(&mut self, waits: bool) {
        if waits == self.shown {
            return;
        }
        let moved = if waits { self.writer.write_all(&[1]) } else { self.reader.read_exact(&mut [0]) };
        match moved {
            Ok(()) => self.shown = waits,
            // Both ends are ours: this can't happen short of somebody closing our descriptors.
            Err(error) => tracing::error!(%error, "a subscription's descriptor no longer works"),
        }
    }
}
