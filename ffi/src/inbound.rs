//! What comes in, and who gets it: the host's side of routing.

use ::engine::Inbound;
use serde::Serialize;

use crate::buf::strowger_buf;
use crate::engine::strowger_engine;
use crate::entry::entry;
use crate::error::{Failure, strowger_error};
use crate::raw;
use crate::status::{STROWGER_DONE, STROWGER_OK, strowger_status};
use crate::str::strowger_str;

/// Takes in what a customer wrote: a new interaction that waits in its queue.
///
/// @param engine the engine.
/// @param channel the channel's name.
/// @param inbound_json {"id"?,"from","message","receivedDate"?,"queuePath","userData"?:{…},"contactId"?,
///   "externalId"?}. With the `externalId` (the platform's id) of an earlier call nothing new is made: the
///   first interaction's id comes back.
/// @param id where the interaction's id is put; free it with strowger_buf_free().
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_DOCUMENT, STROWGER_ERR_UNKNOWN_CHANNEL, STROWGER_ERR_NOT_FOUND for a
///   queue that was not declared, STROWGER_ERR_OUT_OF_RANGE, STROWGER_ERR_ALREADY_EXISTS for an id that is
///   taken, STROWGER_ERR_STORE, STROWGER_ERR_INTERNAL or one of the errors of every call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_receive(
    engine: *mut strowger_engine,
    channel: strowger_str,
    inbound_json: strowger_str,
    id: *mut *mut strowger_buf,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, engine, "engine")?;
        let channel = channel.name(call, "channel")?;
        let document = inbound_json.document(call, "inbound_json")?;
        let out = raw::out(call, id, "id")?;
        let inbound = Inbound::parse(document).map_err(|error| Failure::document("inbound_json", error))?;
        out.hand_over(strowger_buf::new(handle.engine.receive(channel, &inbound)?.to_string()));
        Ok(STROWGER_OK)
    })
}

/// Offers a queued interaction to an agent, who then sees it as Invited. It leaves the queue.
///
/// @param engine the engine.
/// @param id the interaction's id.
/// @param agent_id the id of an agent that was opened at some time.
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_NOT_FOUND, STROWGER_ERR_CONFLICT if it does not wait in a queue (it
///   was offered already, say), STROWGER_ERR_STORE or one of the errors of every call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_offer(
    engine: *mut strowger_engine,
    id: strowger_str,
    agent_id: strowger_str,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, engine, "engine")?;
        handle.engine.offer(id.name(call, "id")?, agent_id.name(call, "agent_id")?)?;
        Ok(STROWGER_OK)
    })
}

/// Takes an offer back: the interaction returns to where it came from.
///
/// @param engine the engine.
/// @param id the interaction's id.
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_NOT_FOUND, STROWGER_ERR_CONFLICT if it is not offered or was accepted
///   already, STROWGER_ERR_STORE or one of the errors of every call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_revoke(
    engine: *mut strowger_engine,
    id: strowger_str,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, engine, "engine")?;
        handle.engine.revoke(id.name(call, "id")?)?;
        Ok(STROWGER_OK)
    })
}

/// The oldest interaction that waits in a queue. It stays there until strowger_offer() takes it out.
///
/// @param engine the engine.
/// @param queue_path the queue, as "/queues/support".
/// @param id where the interaction's id is put; free it with strowger_buf_free().
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_DONE if nothing waits there; STROWGER_ERR_INVALID for what is no path of
///   a queue, STROWGER_ERR_NOT_FOUND for a queue that was not declared, STROWGER_ERR_STORE or one of the
///   errors of every call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_queue_next(
    engine: *mut strowger_engine,
    queue_path: strowger_str,
    id: *mut *mut strowger_buf,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, engine, "engine")?;
        let queue = queue_path.name(call, "queue_path")?;
        let out = raw::out(call, id, "id")?;
        let Some(id) = handle.engine.queue_next(queue)? else { return Ok(STROWGER_DONE) };
        out.hand_over(strowger_buf::new(id.as_str()));
        Ok(STROWGER_OK)
    })
}

/// Who last had to do with a contact on a channel, as recorded by `saveLAR`.
///
/// @param engine the engine.
/// @param contact_id the contact's id.
/// @param channel the channel's name.
/// @param agent_json where {"id","channel","timeMs"} is put; free it with strowger_buf_free().
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_DONE if nobody had; STROWGER_ERR_UNKNOWN_CHANNEL, STROWGER_ERR_STORE or
///   one of the errors of every call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_last_agent(
    engine: *mut strowger_engine,
    contact_id: strowger_str,
    channel: strowger_str,
    agent_json: *mut *mut strowger_buf,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, engine, "engine")?;
        let (contact, channel) = (contact_id.name(call, "contact_id")?, channel.name(call, "channel")?);
        let out = raw::out(call, agent_json, "agent_json")?;
        let Some(last) = handle.engine.last_agent(contact, channel)? else { return Ok(STROWGER_DONE) };
        let document = LastAgentDocument { id: last.agent.as_str(), channel, time_ms: last.at_ms };
        let document =
            serde_json::to_string(&document).map_err(|error| Failure::document("agent_json", error))?;
        out.hand_over(strowger_buf::new(document));
        Ok(STROWGER_OK)
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LastAgentDocument<'a> {
    id: &'a str,
    channel: &'a str,
    time_ms: i64,
}
