//! What a plugin tells the engine of its channels. A manifest lists only what the plugin really does.

use serde::Serialize;
use serde_json::{Map, Value};

/// The manifest document: one entry per channel that the instance serves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Manifests {
    /// The channels.
    pub channels: Vec<Manifest>,
}

impl Manifests {
    /// The document of a plugin that serves one channel.
    pub fn of(channel: Manifest) -> Self {
        Self { channels: vec![channel] }
    }
}

/// What the engine must know of a channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The name used in calls, jobs and logs, as `twitter`.
    pub channel: String,
    /// Path segments under `/api/v2/me`; the first is the canonical one.
    pub collections: Vec<String>,
    /// The array's name in a listing.
    pub list_member: String,
    /// The resource's name in notifications, and that of the object with `from` and `message` in requests.
    pub resource: String,
    /// The path segment of `uri`: `{base}/api/v2/{uriPath}/{id}`.
    pub uri_path: String,
    /// The notification topic, as `/v2/me/twitter`.
    pub topic: String,
    /// The `messageType` of notifications.
    pub message_type: String,
    /// The `notificationType` that answers Save.
    pub saved_type: String,
    /// The member that says Inbound or Outbound.
    pub direction_member: String,
    /// The `messageType` of the answer to an operation on the collection; needed if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_response_type: Option<String>,
    /// The user data of a reply's draft; values may name the parent's: `{parent.KEY}`. An entry whose key the
    /// parent lacks is left out.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub reply_user_data: Map<String, Value>,
    /// User-data keys that a parent must have to be replied to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply_needs: Vec<Alternatives>,
    /// Further parameters of Reply, each kept in the draft's user data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply_parameters: Vec<ReplyParameter>,
    /// The user-data key that mirrors `from`, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror_from: Option<String>,
    /// Operations beyond the engine's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Operation>,
    /// The channel's limits.
    pub limits: Limits,
    /// Names of headers and of form or JSON members that hold secrets, beside `authorization` and cookies:
    /// blotted out in traces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// The accounts that can send.
    pub accounts: Vec<Account>,
}

/// One user-data key, or several of which one is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Alternatives {
    /// This key.
    One(String),
    /// Any of these keys.
    AnyOf(Vec<String>),
}

/// A parameter of Reply that a channel adds, as `commentId`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplyParameter {
    /// Its name in the request.
    pub name: String,
    /// What it holds.
    pub kind: ValueKind,
    /// The key of the draft's user data that keeps it.
    pub user_data: String,
}

/// What a parameter of a channel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueKind {
    /// A string.
    String,
    /// `true`, `false`, or one of them as a string; kept as a string.
    Boolean,
}

/// An operation that a channel adds, as Retweet or Follow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operation {
    /// Its `operationName`.
    pub name: String,
    /// Where it is allowed: names of states, or `collection`.
    #[serde(rename = "in")]
    pub places: Vec<String>,
    /// Its parameters, all of them strings: `required` or `optional`.
    pub parameters: Map<String, Value>,
}

/// Numbers that a channel sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// How many attachments a message may carry.
    pub attachments: usize,
}

/// An account that can send.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Its name: the `from` of a request.
    pub name: String,
    /// Which of the channel's operations it can do.
    pub operations: Vec<String>,
    /// User data written at Send over what is there: the account's facts. `{agent.id}` and `{engine.name}`
    /// may stand in the values.
    pub send_user_data: Map<String, Value>,
    /// User data written at Send where nothing is there.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub send_defaults: Map<String, Value>,
    /// What to do with a message of which nobody can tell whether it was published.
    pub on_unknown: OnUnknown,
}

/// What to do with a message of which nobody can tell whether it was published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// Give it back to the agent, marked as unknown.
    #[default]
    Ask,
    /// Send it again: at least once, by the operator's own choice.
    Resend,
}

/// User data or parameters from names and texts, in this order.
pub fn texts<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>) -> Map<String, Value> {
    members.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text))).collect()
}
