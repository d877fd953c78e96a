//! `strowger_agent`: the `me` of the Web Services API.

use std::ptr::NonNull;

use ::engine::{Agent, Reply};
use serde::Deserialize;

use crate::buf::strowger_buf;
use crate::engine::strowger_engine;
use crate::entry::{Handle, Ties, closing, entry};
use crate::error::{Failure, strowger_error};
use crate::raw;
use crate::status::{STROWGER_ERR_NOT_FOUND, STROWGER_OK, strowger_status};
use crate::str::strowger_str;
use crate::subscription::strowger_subscription;

/// An agent: whatever /api/v2/me stands for. Interactions, notifications and the referenceId belong to the
/// agent's id; two handles of one id are the same agent. Keeps its engine alive.
pub struct strowger_agent {
    agent: Agent,
    ties: Ties,
}

impl Handle for strowger_agent {
    fn ties(&self) -> &Ties {
        &self.ties
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentDocument {
    id: String,
    #[serde(default)]
    features: Vec<String>,
}

/// Opens an agent, who is known to the engine from then on.
///
/// @param engine the engine.
/// @param agent_json {"id":"a1","features":["api-multimedia"]}. Without that feature the agent can look,
///   but do nothing.
/// @param out where the agent is put; close it with strowger_agent_close().
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_DOCUMENT, STROWGER_ERR_INVALID for what is no agent's id,
///   STROWGER_ERR_INTERNAL if there are too many agents, STROWGER_ERR_STORE or one of the errors of every
///   call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_agent_open(
    engine: *mut strowger_engine,
    agent_json: strowger_str,
    out: *mut *mut strowger_agent,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, engine, "engine")?;
        let AgentDocument { id, features } = agent_json.object(call, "agent_json")?;
        let out = raw::out(call, out, "out")?;
        let features: Vec<_> = features.iter().map(String::as_str).collect();
        let agent = handle.engine.agent(&id, &features)?;
        out.hand_over(strowger_agent { agent, ties: handle.ties().next() });
        Ok(STROWGER_OK)
    })
}

/// Closes an agent handle. The agent's interactions stay; subscriptions go on.
///
/// @param agent an agent that was not closed yet, or NULL, which does nothing. No other call with this
///   handle may be under way.
/// @par Threads: any. From inside a callback it does nothing.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_agent_close(agent: *mut strowger_agent) {
    closing(|call| drop(raw::take(call, NonNull::new(agent))));
}

/// Performs an operation, as a POST of the Web Services API does.
///
/// @param agent the agent.
/// @param channel the channel's name, as "twitter".
/// @param id the interaction's id; empty for the collection (Create, Follow).
/// @param body_json the request's body: {"operationName":"Save",…}.
/// @param reply where {"statusCode":0,"referenceId":n} or {"statusCode":n,"statusMessage":"…"} is put; free
///   it with strowger_buf_free(). What the engine refuses is STROWGER_OK with such a reply.
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_UNKNOWN_CHANNEL or one of the errors of every call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_perform(
    agent: *mut strowger_agent,
    channel: strowger_str,
    id: strowger_str,
    body_json: strowger_str,
    reply: *mut *mut strowger_buf,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, agent, "agent")?;
        let (channel, id) = (channel.name(call, "channel")?, id.name(call, "id")?);
        let body = body_json.bytes(call, "body_json")?;
        let out = raw::out(call, reply, "reply")?;
        let reply = handle.agent.perform(channel, or_collection(id), body);
        if !matches!(reply, Ok(Reply::Accepted { .. })) {
            // What the engine accepts is UTF-8: it looks before all else. What is not is no request at all.
            body_json.document(call, "body_json")?;
        }
        out.hand_over(strowger_buf::reply(&reply?));
        Ok(STROWGER_OK)
    })
}

/// Reads an interaction as this agent sees it.
///
/// @param agent the agent.
/// @param channel the channel's name.
/// @param id the interaction's id.
/// @param resource where the bare resource is put: {"id":…,"state":…,…}; free it with strowger_buf_free().
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_NOT_FOUND, also for another agent's; STROWGER_ERR_UNKNOWN_CHANNEL,
///   STROWGER_ERR_STORE or one of the errors of every call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_read(
    agent: *mut strowger_agent,
    channel: strowger_str,
    id: strowger_str,
    resource: *mut *mut strowger_buf,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, agent, "agent")?;
        let (channel, id) = (channel.name(call, "channel")?, id.name(call, "id")?);
        let out = raw::out(call, resource, "resource")?;
        let resource = handle.agent.read(channel, id)?.ok_or_else(|| {
            Failure::new(STROWGER_ERR_NOT_FOUND, format!("the agent has no interaction `{id:.64}`"))
        })?;
        out.hand_over(strowger_buf::new(resource));
        Ok(STROWGER_OK)
    })
}

/// Lists the agent's Invited, Composing, Processing and Sent interactions on a channel, oldest first.
///
/// @param agent the agent.
/// @param channel the channel's name.
/// @param resources where the array of resources is put, [] if there are none; free it with
///   strowger_buf_free().
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_UNKNOWN_CHANNEL, STROWGER_ERR_STORE or one of the errors of every
///   call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_list(
    agent: *mut strowger_agent,
    channel: strowger_str,
    resources: *mut *mut strowger_buf,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, agent, "agent")?;
        let channel = channel.name(call, "channel")?;
        let out = raw::out(call, resources, "resources")?;
        let resources = handle.agent.list(channel)?.join(",");
        out.hand_over(strowger_buf::new(format!("[{resources}]")));
        Ok(STROWGER_OK)
    })
}

/// Whether an operation would be allowed now, its parameters aside.
///
/// @param agent the agent.
/// @param channel the channel's name.
/// @param id the interaction's id; empty for the collection.
/// @param operation the operation's name, as "Send".
/// @param out where the answer is put; false for an interaction that this agent can't see.
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_UNKNOWN_CHANNEL, STROWGER_ERR_STORE or one of the errors of every
///   call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_can(
    agent: *mut strowger_agent,
    channel: strowger_str,
    id: strowger_str,
    operation: strowger_str,
    out: *mut bool,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, agent, "agent")?;
        let (channel, id) = (channel.name(call, "channel")?, id.name(call, "id")?);
        let operation = operation.name(call, "operation")?;
        let out = raw::out(call, out, "out")?;
        out.set(handle.agent.can(channel, or_collection(id), operation)?);
        Ok(STROWGER_OK)
    })
}

/// Subscribes to the agent's notifications, from now on. An agent's first subscription is a small change in
/// the store, which keeps the agent's latest notes from then on: see strowger_subscribe_from().
///
/// @param agent the agent.
/// @param topic a channel's topic, as "/v2/me/twitter"; "/v2/me/" and an asterisk for all.
/// @param out where the subscription is put; release it with strowger_subscription_free().
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_INVALID for an unknown topic, STROWGER_ERR_INTERNAL if the agent has
///   too many subscriptions, STROWGER_ERR_STORE or one of the errors of every call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_subscribe(
    agent: *mut strowger_agent,
    topic: strowger_str,
    out: *mut *mut strowger_subscription,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, agent, "agent")?;
        let topic = topic.name(call, "topic")?;
        let out = raw::out(call, out, "out")?;
        let subscription = handle.agent.subscribe(topic)?;
        out.hand_over(strowger_subscription::new(subscription, handle.ties().next()));
        Ok(STROWGER_OK)
    })
}

/// Subscribes after a gap: a server that comes back gets what its desktop missed.
///
/// The notes with a `sequence` above `from` come first, in their order and each once, then live ones. If
/// some of them are no longer kept, or `from` is a number that was never given, {"channel","lagged":true,
/// "sequence"} comes first: list anew. Numbers may be missing: they were never told.
///
/// From the agent's first subscription on its latest notes are kept where the interactions are, each
/// together with the change that it tells of. With a store on disk they outlast the process: every accepted
/// request has its note, and the sequence goes on where it was. With a store in memory they are gone with
/// it, and `from` must be of the same process. Kept are the latest 1,000 notes and at most 1 MiB of an
/// agent's (the limits kept_notes and kept_bytes), whichever is reached first, and always the latest one.
///
/// @param agent the agent.
/// @param topic as for strowger_subscribe().
/// @param from the `sequence` of the last note that was seen; 0 if none was.
/// @param out where the subscription is put; release it with strowger_subscription_free().
/// @param error where an error is put; may be NULL.
/// @return as strowger_subscribe().
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_subscribe_from(
    agent: *mut strowger_agent,
    topic: strowger_str,
    from: u64,
    out: *mut *mut strowger_subscription,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, agent, "agent")?;
        let topic = topic.name(call, "topic")?;
        let out = raw::out(call, out, "out")?;
        let subscription = handle.agent.subscribe_from(topic, from)?;
        out.hand_over(strowger_subscription::new(subscription, handle.ties().next()));
        Ok(STROWGER_OK)
    })
}

/// In C an empty id stands for the collection.
fn or_collection(id: &str) -> Option<&str> {
    Some(id).filter(|id| !id.is_empty())
}
