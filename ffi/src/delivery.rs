//! Delivery: through plugins on the caller's thread, or by the host itself.

use std::time::Duration;

use ::engine::channel::Outcome;

use crate::buf::strowger_buf;
use crate::engine::strowger_engine;
use crate::entry::{Handle as _, entry};
use crate::error::{Failure, strowger_error};
use crate::raw;
use crate::status::{STROWGER_DONE, STROWGER_OK, strowger_status};
use crate::str::strowger_str;

/// Makes deliveries through plugins, on this thread. A program that has plugins calls it in a loop, on one
/// thread or several; deliveries of one account are made one after the other.
///
/// @param engine the engine.
/// @param max how many deliveries to make at most.
/// @param timeout_ms how long to wait for the first one, in milliseconds; the others are not waited for.
/// @param delivered where the number of deliveries that were worked on is put, whatever came of them; 0 if
///   there was nothing to do.
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_STORE or one of the errors of every call. What a platform refuses is
///   no error of this call: the agent is notified.
/// @par Threads: any, several at once. strowger_engine_close() on another thread ends the wait.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_deliver(
    engine: *mut strowger_engine,
    max: u32,
    timeout_ms: u32,
    delivered: *mut u32,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, engine, "engine")?;
        let out = raw::out(call, delivered, "delivered")?;
        // From here on the handle may be closed: that wakes this thread.
        call.tie(handle.ties());
        let engine = handle.engine.clone();
        out.set(engine.deliver(max, Duration::from_millis(timeout_ms.into()))?);
        Ok(STROWGER_OK)
    })
}

/// The next delivery of a channel that the program runs itself. From here on it counts as begun: make it
/// once, and settle it with strowger_delivery_settle().
///
/// @param engine the engine.
/// @param channel the name of a channel from the configuration's "manifests".
/// @param timeout_ms how long to wait for one, in milliseconds.
/// @param delivery_json where {"deliveryId","interactionId"?,"channel","agentId","queuePath"?,"attempt",
///   "from","message","extras":{…},"userData":{…},"parent"?:{…},"operation"?:{…}} is put; free it with
///   strowger_buf_free(). With "unresolved":true the attempt was under way when an earlier process ended:
///   don't make it again, find out what became of it, and settle it as published, absent or unknown.
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_DONE if none came in time; STROWGER_ERR_UNKNOWN_CHANNEL,
///   STROWGER_ERR_CONFLICT if a plugin runs the channel, STROWGER_ERR_STORE or one of the errors of every
///   call.
/// @par Threads: any, several at once. strowger_engine_close() on another thread ends the wait.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_delivery_next(
    engine: *mut strowger_engine,
    channel: strowger_str,
    timeout_ms: u32,
    delivery_json: *mut *mut strowger_buf,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, engine, "engine")?;
        let channel = channel.name(call, "channel")?;
        let out = raw::out(call, delivery_json, "delivery_json")?;
        let timeout = Duration::from_millis(timeout_ms.into());
        // From here on the handle may be closed: that wakes this thread.
        call.tie(handle.ties());
        let engine = handle.engine.clone();
        let Some(delivery) = engine.delivery_next(channel, timeout)? else { return Ok(STROWGER_DONE) };
        let document =
            serde_json::to_string(&delivery).map_err(|error| Failure::document("delivery_json", error))?;
        out.hand_over(strowger_buf::new(document));
        Ok(STROWGER_OK)
    })
}

/// Says what became of a delivery that the program made.
///
/// @param engine the engine.
/// @param delivery_id its `deliveryId`.
/// @param outcome_json one of {"outcome":"published","id","location"?}, {"outcome":"rejected","code",
///   "message"}, {"outcome":"not-sent","message","retryAfterMs"?} (nothing was sent: it comes again),
///   {"outcome":"rate-limited","untilMs"}, {"outcome":"unknown","message"} (it may have been published),
///   {"outcome":"accepted","handle"}, {"outcome":"needs-login","message"}, {"outcome":"absent"},
///   {"outcome":"done"} (operations such as Follow).
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK, also for the same outcome again; STROWGER_ERR_CONFLICT for another one of
///   something settled, STROWGER_ERR_DOCUMENT, STROWGER_ERR_INVALID for an outcome that this delivery can't
///   have, STROWGER_ERR_NOT_FOUND, STROWGER_ERR_STORE or one of the errors of every call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_delivery_settle(
    engine: *mut strowger_engine,
    delivery_id: strowger_str,
    outcome_json: strowger_str,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, engine, "engine")?;
        let delivery_id = delivery_id.name(call, "delivery_id")?;
        let outcome: Outcome = outcome_json.object(call, "outcome_json")?;
        handle.engine.settle(delivery_id, &outcome)?;
        Ok(STROWGER_OK)
    })
}
