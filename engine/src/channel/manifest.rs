//! A channel's manifest: the names that clients see, what an agent can ask for beyond the engine's own
//! operations, and the accounts.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::lifecycle::{Operation, State};

/// What the engine knows of a channel. A manifest lists only what the channel really does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_response_type: Option<String>,
    /// The user data of a reply's draft; values may name the parent's: `{parent.KEY}`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub reply_user_data: Map<String, Value>,
    /// User-data keys that a parent must have to be replied to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reply_needs: Vec<Alternatives>,
    /// Further parameters of Reply, each kept in the draft's user data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reply_parameters: Vec<ReplyParameter>,
    /// The user-data key that mirrors `from`, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror_from: Option<String>,
    /// Operations beyond the engine's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<ChannelOperation>,
    /// The channel's limits.
    #[serde(default)]
    pub limits: ChannelLimits,
    /// Names of headers and of form or JSON members that hold secrets: blotted out in traces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// The accounts that can send.
    #[serde(default)]
    pub accounts: Vec<Account>,
}

/// One user-data key, or several of which one is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Alternatives {
    /// This key.
    One(String),
    /// Any of these keys.
    AnyOf(Vec<String>),
}

impl Alternatives {
    /// The keys.
    pub fn keys(&self) -> &[String] {
        match self {
            Self::One(key) => std::slice::from_ref(key),
            Self::AnyOf(keys) => keys,
        }
    }
}

/// A parameter of Reply that a channel adds, as `commentId`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueKind {
    /// A string.
    String,
    /// `true`, `false`, or one of them as a string; kept as a string.
    Boolean,
}

/// An operation that a channel adds, as Retweet or Follow. It is accepted at once and finishes in delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelOperation {
    /// Its `operationName`.
    pub name: String,
    /// Where it is allowed.
    #[serde(rename = "in")]
    pub places: Vec<Place>,
    /// Its parameters, all of them strings.
    #[serde(default)]
    pub parameters: serde_json::Map<String, Value>,
}

impl ChannelOperation {
    /// The parameters by name.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, Requirement)> {
        self.parameters.iter().map(|(name, requirement)| {
            let requirement =
                if requirement == "required" { Requirement::Required } else { Requirement::Optional };
            (name.as_str(), requirement)
        })
    }
}

/// Whether a parameter must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// It must be given.
    Required,
    /// It may be given.
    Optional,
}

/// Where an operation of a channel is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// On the collection: no interaction is named.
    Collection,
    /// On an interaction in this state.
    State(State),
}

impl Serialize for Place {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Collection => "collection",
            Self::State(state) => state.name(),
        })
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        if name == "collection" {
            return Ok(Self::Collection);
        }
        State::named(&name).map(Self::State).ok_or_else(|| {
            serde::de::Error::custom("a place is `collection` or the name of a state, as `Processing`")
        })
    }
}

/// Numbers that a channel sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub struct ChannelLimits {
    /// How many attachments a message may carry.
    pub attachments: usize,
}

/// An account that can send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Its name: the `from` of a request.
    pub name: String,
    /// Which of the channel's operations it can do.
    #[serde(default)]
    pub operations: Vec<String>,
    /// User data written at Send over what is there: the account's facts. `{agent.id}` and `{engine.name}`
    /// may stand in the values.
    #[serde(default)]
    pub send_user_data: Map<String, Value>,
    /// User data written at Send where nothing is there.
    #[serde(default)]
    pub send_defaults: Map<String, Value>,
    /// What to do with a message of which nobody can tell whether it was published.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

/// What to do with a message of which nobody can tell whether it was published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// Give it back to the agent, marked as unknown.
    #[default]
    Ask,
    /// Send it again: at least once, by the operator's own choice.
    Resend,
}

/// What is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The document is not of the manifest's form.
    #[error("the manifest is not of the expected form: {0}")]
    Form(String),
    /// A member holds what it must not.
    #[error("the manifest of channel `{channel}`: `{member}` {problem}")]
    Member {
        /// The channel.
        channel: String,
        /// The member at fault.
        member: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl Manifest {
    /// Reads a document of the form `{"channels": [manifest, …]}`, as plugins emit it.
    pub fn parse_document(json: &str) -> Result<Vec<Self>, ManifestError> {
        #[derive(Deserialize)]
        struct Document {
            channels: Vec<Manifest>,
        }
        let document: Document =
            serde_json::from_str(json).map_err(|error| ManifestError::Form(error.to_string()))?;
        for manifest in &document.channels {
            manifest.validate()?;
        }
        Ok(document.channels)
    }

    /// The account of that name.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    /// Checks what the form can't hold: names present and distinct, operations that don't clash.
    pub fn validate(&self) -> Result<(), ManifestError> {
        let fault = |member, problem: String| {
            Err(ManifestError::Member { channel: self.channel.clone(), member, problem })
        };
        for (member, value) in [
            ("channel", &self.channel),
            ("listMember", &self.list_member),
            ("resource", &self.resource),
            ("uriPath", &self.uri_path),
            ("messageType", &self.message_type),
            ("savedType", &self.saved_type),
            ("directionMember", &self.direction_member),
        ] {
            if value.is_empty() {
                return fault(member, "is empty".into());
            }
        }
        if self.collections.is_empty()
            || self.collections.iter().any(|path| path.is_empty() || path.contains('/'))
        {
            return fault("collections", "must list at least one path segment, without slashes".into());
        }
        if !self.topic.starts_with('/') || self.topic.ends_with("/*") {
            return fault("topic", "must begin with a slash and name one topic".into());
        }
        if self.operations.len() > MAX_OPERATIONS {
            return fault("operations", format!("lists more than {MAX_OPERATIONS}"));
        }
        let mut names = HashSet::new();
        for operation in &self.operations {
            if Operation::named(&operation.name).is_some() {
                return fault("operations", format!("redefines `{}`", operation.name));
            }
            if operation.name.is_empty() || !names.insert(operation.name.as_str()) {
                return fault("operations", format!("lists `{}` twice, or without a name", operation.name));
            }
            if operation.parameters.values().any(|value| value != "required" && value != "optional") {
                return fault(
                    "operations",
                    format!("`{}` has a parameter that is neither `required` nor `optional`", operation.name),
                );
            }
            if operation.places.contains(&Place::Collection) && self.operation_response_type.is_none() {
                return fault(
                    "operationResponseType",
                    format!("is missing, though `{}` is done on the collection", operation.name),
                );
            }
        }
        let mut accounts = HashSet::new();
        for account in &self.accounts {
            if account.name.is_empty() || !accounts.insert(account.name.as_str()) {
                return fault("accounts", format!("lists `{}` twice, or without a name", account.name));
            }
            if let Some(unknown) = account.operations.iter().find(|name| !names.contains(name.as_str())) {
                return fault(
                    "accounts",
                    format!("`{}` can do `{unknown}`, which `operations` does not list", account.name),
                );
            }
        }
        Ok(())
    }
}

/// How many operations a channel may add: an account's abilities are held as bits.
const MAX_OPERATIONS: usize = 64;
