//! The document of a job.

use strowger::channel::{Attempt, Job, JobKind, Parent};
use strowger_channel_line::write;

/// Writes it as [`Job`] is serialised: a test holds the two together.
pub(crate) fn document(job: &Job<'_>) -> Result<Vec<u8>, serde_json::Error> {
    // Without a rest: what the engine adds is missed here.
    let Job {
        kind,
        delivery_id,
        interaction_id,
        channel,
        account,
        agent_id,
        queue_path,
        message,
        extras,
        user_data,
        parent,
        attempt: Attempt { number, started_ms, ended_ms },
        operation,
        handle,
        known,
    } = job;
    // The names of the members, and the ids.
    let mut json = Vec::with_capacity(512 + message.len() + user_data.get().len() + extras.get().len());
    let out = &mut json;
    let kind = match kind {
        JobKind::Publish => "publish",
        JobKind::Operation => "operation",
        JobKind::Poll => "poll",
        JobKind::Reconcile => "reconcile",
    };
    write::member(out, "{\"kind\":", kind);
    write::member(out, ",\"deliveryId\":", delivery_id);
    if let Some(id) = interaction_id {
        write::member(out, ",\"interactionId\":", id);
    }
    write::member(out, ",\"channel\":", channel);
    write::member(out, ",\"account\":", account);
    write::member(out, ",\"agentId\":", agent_id);
    if !queue_path.is_empty() {
        write::member(out, ",\"queuePath\":", queue_path);
    }
    write::member(out, ",\"message\":", message);
    write::literal(out, ",\"extras\":");
    write::literal(out, extras.get());
    write::literal(out, ",\"userData\":");
    write::literal(out, user_data.get());
    if let Some(Parent { id, from, message, user_data }) = parent {
        write::member(out, ",\"parent\":{\"id\":", id);
        if let Some(from) = from {
            write::member(out, ",\"from\":", from);
        }
        if let Some(message) = message {
            write::member(out, ",\"message\":", message);
        }
        write::literal(out, ",\"userData\":");
        write::literal(out, user_data.get());
        write::literal(out, "}");
    }
    write::literal(out, ",\"attempt\":{\"number\":");
    write::number(out, *number);
    write::literal(out, ",\"startedMs\":");
    write::number(out, *started_ms);
    if let Some(ended_ms) = ended_ms {
        write::literal(out, ",\"endedMs\":");
        write::number(out, *ended_ms);
    }
    write::literal(out, "}");
    if let Some(operation) = operation {
        write::literal(out, ",\"operation\":");
        write::value(out, operation)?;
    }
    if let Some(handle) = handle {
        write::literal(out, ",\"handle\":");
        write::value(out, handle)?;
    }
    if let Some(known) = known {
        write::literal(out, ",\"known\":");
        write::value(out, known)?;
    }
    write::literal(out, "}");
    Ok(json)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::RawValue;
    use strowger::channel::OperationCall;

    use super::*;

    /// Planted faults: two members that are taken for each other, a text that is written as it stands.
    #[test]
    fn a_job_is_written_as_it_is_serialised() {
        let raw = |json: &str| serde_json::from_str::<Box<RawValue>>(json).unwrap();
        let (extras, user_data, handle) =
            (raw(r#"{"a": 1.50}"#), raw(r#"{"k":"\u00e4"}"#), json!({"h": [null]}));
        let least = Job {
            kind: JobKind::Publish,
            delivery_id: "d1",
            interaction_id: None,
            channel: "c",
            account: "a",
            agent_id: "g",
            queue_path: "",
            message: "m",
            extras: &extras,
            user_data: &user_data,
            parent: None,
            attempt: Attempt { number: 1, started_ms: -2, ended_ms: None },
            operation: None,
            handle: None,
            known: None,
        };
        let parent = Parent { id: "p", from: Some("f\""), message: Some("w\n"), user_data: &extras };
        let most = Job {
            kind: JobKind::Reconcile,
            interaction_id: Some("i\u{1}"),
            queue_path: "/q",
            message: "a \"quoted\" word\nand a line \\ ü",
            parent: Some(parent.clone()),
            attempt: Attempt { number: u32::MAX, started_ms: i64::MIN, ended_ms: Some(i64::MAX) },
            operation: Some(OperationCall { name: "Follow", parameters: &user_data }),
            handle: Some(&handle),
            known: Some(vec!["9".into(), "\"".into()]),
            ..least.clone()
        };
        let bare = Parent { from: None, message: None, ..parent };
        let operation = Job { kind: JobKind::Operation, parent: Some(bare), ..least.clone() };
        let poll = Job { kind: JobKind::Poll, ..least.clone() };
        for job in [least, most, operation, poll] {
            let document = String::from_utf8(document(&job).unwrap()).unwrap();
            assert_eq!(document, serde_json::to_string(&job).unwrap());
        }
    }
}
