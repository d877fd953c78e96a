//! The piece of work that a conversation is about.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};
use strowger_channel_line::Reader;

/// One piece of work for a channel, owned: a conversation may keep it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// What is to be done.
    pub work: Work,
    /// The delivery that this is an attempt at.
    pub delivery_id: String,
    /// The interaction; absent for an operation on the collection.
    pub interaction_id: Option<String>,
    /// The channel's name.
    pub channel: String,
    /// The account that does it.
    pub account: String,
    /// The agent who asked for it.
    pub agent_id: String,
    /// The queue it is accounted to; empty if there is none.
    pub queue_path: String,
    /// The text.
    pub message: String,
    /// What else the request carried.
    pub extras: Map<String, Value>,
    /// The interaction's user data.
    pub user_data: Map<String, Value>,
    /// The interaction that is answered, if this is a reply.
    pub parent: Option<Parent>,
    /// The attempt; of a reconciliation the one that is in doubt.
    pub attempt: Attempt,
}

/// What a job asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Publish the message. Ends in any outcome but `done`, `absent` and `cannot-tell`.
    Publish,
    /// Do an operation such as Follow. Ends in `done`, `rejected`, `not-sent`, `rate-limited`,
    /// `needs-login` or `unknown`.
    Operation(OperationCall),
    /// Ask what became of something accepted earlier. Ends in `published`, `accepted` or `rejected`.
    Poll {
        /// The handle of the earlier `accepted`.
        handle: Value,
    },
    /// Find out whether an attempt whose answer was lost was published. Ends in `published`, `absent` or
    /// `cannot-tell`.
    Reconcile {
        /// Platform ids that are recorded for other messages of the account: none of them is this one.
        known: Vec<String>,
        /// The operation in doubt, if it was none that publishes.
        operation: Option<OperationCall>,
    },
}

/// The interaction that a reply answers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Parent {
    /// Its id.
    pub id: String,
    /// Who wrote it.
    pub from: Option<String>,
    /// Its text.
    pub message: Option<String>,
    /// Its user data.
    pub user_data: Map<String, Value>,
}

/// One attempt at a delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// When it began: Unix time in milliseconds.
    pub started_ms: i64,
    /// When it ended, if it did: Unix time in milliseconds.
    #[serde(default)]
    pub ended_ms: Option<i64>,
}

/// An operation that a channel added, and its parameters.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct OperationCall {
    /// The operation's name.
    pub name: String,
    /// Its parameters.
    #[serde(default)]
    pub parameters: Map<String, Value>,
}

/// What is wrong with a job document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// It is not JSON, or a member is missing or of the wrong type.
    #[error("the job document is not of the expected form: line {line}, column {column}")]
    Form {
        /// The line where reading stopped, from 1.
        line: usize,
        /// The column there.
        column: usize,
    },
    /// A kind that this version does not know.
    #[error("the job's `kind` is none of publish, operation, poll, reconcile")]
    Kind,
    /// A member that the kind needs is missing.
    #[error("the job has no `{0}`, which its kind needs")]
    Missing(&'static str),
}

impl Job {
    /// Reads a job document. Members that it does not know are ignored: later hosts may append some.
    pub fn parse(json: &str) -> Result<Self, JobError> {
        let document = match Document::as_written(json) {
            Some(document) => document,
            None => serde_json::from_str(json)
                .map_err(|error| JobError::Form { line: error.line(), column: error.column() })?,
        };
        let work = match &*document.kind {
            "publish" => Work::Publish,
            "operation" => Work::Operation(document.operation.ok_or(JobError::Missing("operation"))?),
            "poll" => Work::Poll { handle: document.handle.ok_or(JobError::Missing("handle"))? },
            "reconcile" => {
                Work::Reconcile { known: document.known.unwrap_or_default(), operation: document.operation }
            }
            _ => return Err(JobError::Kind),
        };
        Ok(Self {
            work,
            delivery_id: document.delivery_id,
            interaction_id: document.interaction_id,
            channel: document.channel,
            account: document.account,
            agent_id: document.agent_id,
            queue_path: document.queue_path,
            message: document.message,
            extras: document.extras,
            user_data: document.user_data,
            parent: document.parent,
            attempt: document.attempt,
        })
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    delivery_id: String,
    #[serde(default)]
    interaction_id: Option<String>,
    channel: String,
    account: String,
    #[serde(default)]
    agent_id: String,
    #[serde(default)]
    queue_path: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    extras: Map<String, Value>,
    #[serde(default)]
    user_data: Map<String, Value>,
    #[serde(default)]
    parent: Option<Parent>,
    attempt: Attempt,
    #[serde(default)]
    operation: Option<OperationCall>,
    #[serde(default)]
    handle: Option<Value>,
    #[serde(default)]
    known: Option<Vec<String>>,
}

impl<'a> Document<'a> {
    /// The document, if it looks as the engine's own host writes it.
    fn as_written(json: &'a str) -> Option<Self> {
        let mut json = Reader::new(json);
        json.literal("{\"kind\":")?;
        let kind = json.text()?;
        json.literal(",\"deliveryId\":")?;
        let delivery_id = json.text()?.into_owned();
        let interaction_id = json.optional_text(",\"interactionId\":")?;
        json.literal(",\"channel\":")?;
        let channel = json.text()?.into_owned();
        json.literal(",\"account\":")?;
        let account = json.text()?.into_owned();
        json.literal(",\"agentId\":")?;
        let agent_id = json.text()?.into_owned();
        let queue_path = json.optional_text(",\"queuePath\":")?.unwrap_or_default();
        json.literal(",\"message\":")?;
        let message = json.text()?.into_owned();
        json.literal(",\"extras\":")?;
        let extras = json.object()?;
        json.literal(",\"userData\":")?;
        let user_data = json.object()?;
        let parent = json.optional(",\"parent\":")?;
        json.literal(",\"attempt\":{\"number\":")?;
        let number = json.number()?;
        json.literal(",\"startedMs\":")?;
        let started_ms = json.number()?;
        let ended_ms = if json.takes(",\"endedMs\":") { Some(json.number()?) } else { None };
        json.literal("}")?;
        let operation = json.optional(",\"operation\":")?;
        let handle = json.optional(",\"handle\":")?;
        let known = json.optional(",\"known\":")?;
        json.literal("}")?;
        json.end()?;
        Some(Self {
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
        })
    }
}

/// The text of a member: a non-empty string as it stands, a number or a boolean as it is written. User
/// data holds ids in either form.
pub fn text_of(members: &Map<String, Value>, name: &str) -> Option<String> {
    match members.get(name)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        r#""deliveryId":"d1","channel":"c","account":"a","attempt":{"number":1,"startedMs":5}"#;

    #[test]
    fn every_kind_is_read() {
        let job = |rest: &str| Job::parse(&format!("{{{HEAD},{rest}}}"));
        assert_eq!(job(r#""kind":"publish","later":1"#).unwrap().work, Work::Publish);
        assert!(matches!(
            job(r#""kind":"operation","operation":{"name":"Follow","parameters":{"twitterUserId":"1"}}"#),
            Ok(Job { work: Work::Operation(OperationCall { name, .. }), .. }) if name == "Follow"
        ));
        assert!(matches!(job(r#""kind":"poll","handle":7"#).unwrap().work, Work::Poll { .. }));
        assert!(matches!(
            job(r#""kind":"reconcile","known":["9"]"#).unwrap().work,
            Work::Reconcile { known, operation: None } if known == ["9"]
        ));
        assert_eq!(job(r#""kind":"poll""#), Err(JobError::Missing("handle")));
        assert_eq!(job(r#""kind":"dance""#), Err(JobError::Kind));
        assert!(matches!(Job::parse("{"), Err(JobError::Form { .. })));
    }

    /// As the engine's host writes it. The loader's tests hold that it does.
    const WRITTEN: &str = r#"{"kind":"reconcile","deliveryId":"d1","interactionId":"i\"1","channel":"c","account":"a","agentId":"g","queuePath":"/q","message":"m\n","extras":{"e":[1.5,"x"]},"userData":{"u":"v"},"parent":{"id":"p","message":"w","userData":{}},"attempt":{"number":1,"startedMs":-5,"endedMs":6},"operation":{"name":"Follow","parameters":{}},"handle":{"h":7},"known":["9"]}"#;

    /// Planted faults: two members of one type taken for each other; a member that is not read.
    #[test]
    fn a_document_is_read_the_same_whether_it_looks_as_usual_or_not() {
        let least = r#"{"kind":"publish","deliveryId":"","channel":"c","account":"a","agentId":"","message":"","extras":{},"userData":{},"attempt":{"number":4294967295,"startedMs":999999999999999999}}"#;
        for json in [WRITTEN, least] {
            let usual = Document::as_written(json);
            assert!(usual.is_some(), "{json}");
            assert_eq!(usual, serde_json::from_str(json).ok(), "{json}");
        }
        // Cut off, changed or doubled anywhere, it is either not read or read the same.
        for at in 0..WRITTEN.len() {
            let (before, after) = WRITTEN.split_at(at);
            for json in [
                before.to_owned(),
                format!("{before} {after}"),
                format!("{before}0{after}"),
                format!("{before}\"{after}"),
                format!("{before},{after}"),
                format!("{before}{}", &after[1..]),
            ] {
                let usual = Document::as_written(&json);
                if usual.is_some() {
                    assert_eq!(usual, serde_json::from_str(&json).ok(), "{json}");
                }
            }
        }
    }

    #[test]
    fn ids_are_read_from_strings_and_numbers() {
        let members = serde_json::json!({ "a": " 12 ", "b": 34, "c": "", "d": null });
        let members = members.as_object().unwrap();
        assert_eq!(text_of(members, "a").as_deref(), Some("12"));
        assert_eq!(text_of(members, "b").as_deref(), Some("34"));
        assert_eq!(text_of(members, "c"), None);
        assert_eq!(text_of(members, "d"), None);
    }
}
