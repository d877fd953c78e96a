//! `strowger_subscription`: notifications, polled.

use std::ffi::c_int;
use std::ptr::NonNull;
use std::time::Duration;

use ::engine::{Error, Subscription};

use crate::buf::strowger_buf;
use crate::callback;
use crate::entry::{Handle, Ties, closing, entry, reading};
use crate::error::strowger_error;
use crate::raw;
use crate::status::{STROWGER_DONE, STROWGER_OK, strowger_status};

/// A subscription: a bounded queue of an agent's notifications. Keeps its engine alive.
pub struct strowger_subscription {
    subscription: Subscription,
    ties: Ties,
}

impl strowger_subscription {
    pub(crate) fn new(subscription: Subscription, ties: Ties) -> Self {
        Self { subscription, ties }
    }
}

impl Handle for strowger_subscription {
    fn ties(&self) -> &Ties {
        &self.ties
    }
}

/// The next notification.
///
/// @param subscription the subscription.
/// @param timeout_ms how long to wait for one, in milliseconds.
/// @param note where {"channel":"/v2/me/twitter","data":{…},"sequence":n} is put; free it with
///   strowger_buf_free(). `sequence` counts the agent's notifications. {"channel","lagged":true,"sequence"}
///   says that the queue had overflowed and was emptied: list anew.
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_DONE if none came in time, or if the engine was closed and none is left;
///   or one of the errors of every call.
/// @par Threads: any, several at once; each notification goes to one of them.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_subscription_next(
    subscription: *mut strowger_subscription,
    timeout_ms: u32,
    note: *mut *mut strowger_buf,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, subscription, "subscription")?;
        let out = raw::out(call, note, "note")?;
        let next = handle.subscription.next(Duration::from_millis(timeout_ms.into()));
        let Some(notification) = next else {
            return if handle.subscription.is_poisoned() {
                Err(Error::Poisoned.into())
            } else {
                Ok(STROWGER_DONE)
            };
        };
        out.hand_over(strowger_buf::new(notification.to_json()));
        Ok(STROWGER_OK)
    })
}

/// A descriptor that is readable exactly while a notification waits, for poll, select and epoll. Made on
/// the first call.
///
/// @param subscription the subscription, or NULL.
/// @return the descriptor, which lives as long as the subscription: never read from it and never close it.
///   -1 for NULL, after a panic, from inside a callback, or if the process has no descriptor left.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_subscription_fd(subscription: *const strowger_subscription) -> c_int {
    reading(-1, |call| {
        if callback::is_running() {
            return -1;
        }
        let handle = raw::handle(call, subscription, "subscription").ok();
        let sound = handle.filter(|handle| !handle.subscription.is_poisoned());
        sound.and_then(|handle| handle.subscription.descriptor().ok()).unwrap_or(-1)
    })
}

/// Ends a subscription. Its descriptor is closed: take it out of your event loop before.
///
/// @param subscription a subscription that was not released yet, or NULL, which does nothing. No other call
///   with this handle may be under way.
/// @par Threads: any. From inside a callback it does nothing.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_subscription_free(subscription: *mut strowger_subscription) {
    closing(|call| drop(raw::take(call, NonNull::new(subscription))));
}
