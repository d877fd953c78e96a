//! The little contact centre that a run takes place in: three agents, two channels, four accounts, three
//! queues. Plain facts, from which the engine's configuration is written and by which the model judges.

use serde_json::{Map, Value, json};

use crate::channel::{Manifest, OnUnknown};
use crate::config::{Config, Limits};

/// The agents by name. [`MAY_ACT`] says who may do anything.
pub const AGENTS: [&str; 3] = ["a1", "a2", "a3"];

/// Which of the [`AGENTS`] have the feature `api-multimedia`.
pub const MAY_ACT: [bool; 3] = [true, true, false];

/// The queues that are declared.
pub const QUEUES: [&str; 3] = ["/queues/q1", "/queues/q2", "/contacts/c1"];

/// The engine's name.
pub const ENGINE_NAME: &str = "exchange";

/// The longest message that the plugin's channel accepts, in characters.
pub const LONGEST_CHARACTERS: usize = 60;

/// A message that holds this word is refused by the plugin's channel.
pub const FORBIDDEN_WORD: &str = "forbidden";

/// When a run begins: Unix time in milliseconds.
pub const START_MS: i64 = 1_425_292_000_000;

/// The channels: [`BIRDS`], then [`FACES`].
pub static CHANNELS: [&Line; 2] = [&BIRDS, &FACES];

/// What is known of a channel.
#[derive(Debug)]
pub struct Line {
    /// The channel's name, which is its collection and the array of its listing as well.
    pub name: &'static str,
    /// The resource member of notifications and requests.
    pub resource: &'static str,
    /// The member that says Inbound or Outbound.
    pub direction: &'static str,
    /// The path segment of `uri`.
    pub uri_path: &'static str,
    /// The topic.
    pub topic: &'static str,
    /// The `messageType`.
    pub message_type: &'static str,
    /// The `notificationType` that answers Save.
    pub saved: &'static str,
    /// The `messageType` that answers an operation on the collection.
    pub response: Option<&'static str>,
    /// The user-data key that mirrors `from`.
    pub mirror: Option<&'static str>,
    /// The user data of a reply: keys, and the parent's key or (in the second place) a constant.
    pub reply_data: &'static [(&'static str, Source)],
    /// Of each of these groups a parent must have one key to be replied to.
    pub reply_needs: &'static [&'static [&'static str]],
    /// A further parameter of Reply: its name, whether it is a boolean, the key that keeps it.
    pub reply_parameter: (&'static str, bool, &'static str),
    /// The channel's own operations.
    pub operations: &'static [Own],
    /// How many attachments a message may have.
    pub attachments: usize,
    /// The accounts.
    pub accounts: &'static [Account],
    /// Whether a plugin delivers; else the host does.
    pub is_plugin: bool,
}

/// Where a reply's user data comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// The parent's user data, under this key.
    Parent(&'static str),
    /// This text.
    Text(&'static str),
}

/// An operation that a channel adds.
#[derive(Debug)]
pub struct Own {
    /// Its `operationName`.
    pub name: &'static str,
    /// Whether it is done on the collection; else on an inbound interaction in `Processing`.
    pub on_collection: bool,
    /// Its parameters, and whether they are required.
    pub parameters: &'static [(&'static str, bool)],
}

/// An account of a channel.
#[derive(Debug)]
pub struct Account {
    /// Its name.
    pub name: &'static str,
    /// Which operations it can do.
    pub operations: &'static [&'static str],
    /// User data that Send writes over what is there.
    pub facts: &'static [(&'static str, &'static str)],
    /// User data that Send writes where nothing is there.
    pub defaults: &'static [(&'static str, &'static str)],
    /// Whether a message in doubt is sent again.
    pub resends: bool,
}

/// A channel that a plugin delivers, with operations of its own.
pub static BIRDS: Line = Line {
    name: "birds",
    resource: "bird",
    direction: "birdType",
    uri_path: "bird",
    topic: "/v2/me/birds",
    message_type: "BirdStateChangeMessage",
    saved: "BirdSaved",
    response: Some("BirdOperationResponse"),
    mirror: Some("FromAddress"),
    reply_data: &[
        ("To", Source::Parent("FromAddress")),
        ("_inReplyTo", Source::Parent("_msgId")),
        ("_msgType", Source::Text("status")),
    ],
    reply_needs: &[&["_msgId"]],
    reply_parameter: ("isRetweet", true, "_isRetweet"),
    operations: &[
        Own { name: "Retweet", on_collection: false, parameters: &[("from", false)] },
        Own { name: "MarkFavorite", on_collection: false, parameters: &[("from", false)] },
        Own { name: "Follow", on_collection: true, parameters: &[("userId", true), ("from", true)] },
    ],
    attachments: 1,
    accounts: &[
        Account {
            name: "alpha",
            operations: &["Retweet", "MarkFavorite", "Follow"],
            facts: &[
                ("_umsMediaAccount", "1001"),
                ("_by", "{agent.id}"),
                ("_umsInboundIxnSubmittedBy", "{engine.name}"),
            ],
            defaults: &[("_msgType", "Status")],
            resends: false,
        },
        Account {
            name: "beta",
            operations: &["MarkFavorite"],
            facts: &[("_umsMediaAccount", "1002")],
            defaults: &[],
            resends: true,
        },
    ],
    is_plugin: true,
};

/// A channel that the host delivers itself.
pub static FACES: Line = Line {
    name: "faces",
    resource: "face",
    direction: "faceType",
    uri_path: "faces",
    topic: "/v2/me/faces",
    message_type: "FaceStateChangeMessage",
    saved: "FaceSaved",
    response: None,
    mirror: None,
    reply_data: &[("_parentPost", Source::Parent("_postId"))],
    reply_needs: &[&["_postId", "_commentId"]],
    reply_parameter: ("commentId", false, "_commentId"),
    operations: &[],
    attachments: 0,
    accounts: &[
        Account {
            name: "page",
            operations: &[],
            facts: &[("_umsMediaAccount", "2001")],
            defaults: &[("_submitType", "post")],
            resends: false,
        },
        Account { name: "shop", operations: &[], facts: &[], defaults: &[], resends: true },
    ],
    is_plugin: false,
};

impl Line {
    /// The account of that name.
    pub fn account(&self, name: &str) -> Option<&'static Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    /// The channel as the engine is told of it.
    ///
    /// # Panics
    ///
    /// If the facts don't make a manifest, which those of the [`CHANNELS`] do.
    pub fn manifest(&self) -> Manifest {
        let texts = |pairs: &[(&str, &str)]| -> Map<String, Value> {
            pairs.iter().map(|&(key, value)| (key.to_owned(), value.into())).collect()
        };
        let requirement = |required: bool| if required { "required" } else { "optional" };
        let document = json!({
            "channel": self.name,
            "collections": [self.name],
            "listMember": self.name,
            "resource": self.resource,
            "uriPath": self.uri_path,
            "topic": self.topic,
            "messageType": self.message_type,
            "savedType": self.saved,
            "directionMember": self.direction,
            "operationResponseType": self.response,
            "replyUserData": self.reply_data.iter().map(|&(key, source)| (key.to_owned(), match source {
                Source::Parent(name) => format!("{{parent.{name}}}").into(),
                Source::Text(text) => text.into(),
            })).collect::<Map<String, Value>>(),
            "replyNeeds": self.reply_needs,
            "replyParameters": [{
                "name": self.reply_parameter.0,
                "kind": if self.reply_parameter.1 { "boolean" } else { "string" },
                "userData": self.reply_parameter.2,
            }],
            "mirrorFrom": self.mirror,
            "operations": self.operations.iter().map(|own| json!({
                "name": own.name,
                "in": [if own.on_collection { "collection" } else { "Processing" }],
                "parameters": own.parameters.iter()
                    .map(|&(name, required)| (name.to_owned(), requirement(required).into()))
                    .collect::<Map<String, Value>>(),
            })).collect::<Vec<_>>(),
            "limits": { "attachments": self.attachments },
            "accounts": self.accounts.iter().map(|account| json!({
                "name": account.name,
                "operations": account.operations,
                "sendUserData": texts(account.facts),
                "sendDefaults": texts(account.defaults),
                "onUnknown": if account.resends { OnUnknown::Resend } else { OnUnknown::Ask },
            })).collect::<Vec<_>>(),
        });
        serde_json::from_value(document).expect("the facts make a manifest")
    }
}

/// Bounds that are small enough to be reached.
pub fn limits() -> Limits {
    Limits {
        body_bytes: 4_096,
        user_data_bytes: 480,
        user_data_keys: 12,
        message_bytes: 200,
        ..Limits::default()
    }
}

/// The configuration of the engine under test. [`BIRDS`] is to be added as a channel.
pub fn config() -> Config {
    Config {
        name: ENGINE_NAME.into(),
        queues: Some(QUEUES.iter().map(ToString::to_string).collect()),
        manifests: vec![FACES.manifest()],
        limits: limits(),
        ..Config::default()
    }
}
