//! What a channel is, wherever its code lives: a manifest, a check before a message is accepted, and a
//! conversation that delivers it.
//!
//! The engine knows no platform. A [`Manifest`] tells it the names that clients see, and a [`Channel`]
//! carries deliveries out. The crate `strowger-loader` makes channels from plugins that it loads at run
//! time; a Rust host may implement the trait itself.

mod job;
mod manifest;
mod outcome;
mod stamp;
mod template;

pub use job::{Attempt, Job, JobKind, OperationCall, Parent};
pub use manifest::{
    Account, Alternatives, ChannelLimits, ChannelOperation, Manifest, ManifestError, OnUnknown, Place,
    ReplyParameter, Requirement, ValueKind,
};
pub use outcome::{Outcome, Report};
pub(crate) use stamp::Stamp;
pub use stamp::Stamps;
pub(crate) use template::fill;

use serde::{Deserialize, Serialize};

/// Carries out what the engine accepted for one or more channels.
///
/// The engine calls [`Channel::check`] on the agent's thread and [`Channel::converse`] on the thread of
/// whoever runs deliveries; both may run on several threads at once.
pub trait Channel: Send + Sync {
    /// The channels that this one serves. Asked once, when the channel is added to an engine.
    fn manifests(&self) -> Vec<Manifest>;

    /// Judges a message before it is accepted. `extras_json` is an object: what the request carried
    /// beside `from` and `message`, and the interaction's user data as `userData`.
    fn check(&self, message: &Outgoing<'_>) -> Result<(), CheckError>;

    /// Delivers one job. Calls [`PointOfNoReturn::cross`] once, just before the one request that
    /// publishes, and makes that request only if it was answered with `Ok`.
    fn converse(&self, job: &Job<'_>, point: &mut dyn PointOfNoReturn) -> Report;

    /// Reads a platform's webhook request.
    fn ingest(&self, request: &WebhookRequest, body: &[u8]) -> Result<WebhookAnswer, ChannelFault> {
        let _ = (request, body);
        Err(ChannelFault::new("this channel takes no webhooks"))
    }
}

/// A message that an agent wants to send, as [`Channel::check`] sees it.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The channel's name.
    pub channel: &'a str,
    /// The account that is to send it.
    pub account: &'a str,
    /// The text.
    pub text: &'a str,
    /// A JSON object with what else the request carried, and the interaction's user data as `userData`.
    pub extras_json: &'a str,
}

/// The moment in a delivery after which it is no longer certain that nothing was published.
pub trait PointOfNoReturn {
    /// Records durably that the publishing request is about to be made. After an error the request must
    /// not be made, and the report is [`Outcome::NotSent`].
    fn cross(&mut self) -> Result<(), ChannelFault>;
}

/// Why [`Channel::check`] did not accept a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The message is at fault: the agent gets this code and text.
    #[error("{message}")]
    Refused {
        /// A status code of the agents' replies: 2 (invalid) or 10 (out of range).
        code: u8,
        /// What was wrong and what would be right.
        message: String,
    },
    /// The channel is at fault.
    #[error(transparent)]
    Failed(#[from] ChannelFault),
}

/// A failure of the channel itself, not of the message and not of the platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ChannelFault {
    message: String,
}

impl ChannelFault {
    /// A fault with its description, which must hold no secret.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// A platform's webhook request as it came in, without its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookRequest {
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, without the question mark; empty if there is none.
    #[serde(default)]
    pub query: String,
    /// Header names and values.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

/// What a channel makes of a webhook request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WebhookAnswer {
    /// The HTTP answer for the platform.
    pub answer: WebhookReply,
    /// Inbound interactions that the request reports: `{"channel", …}` and the members of
    /// [`Inbound`](crate::Inbound).
    #[serde(default)]
    pub inbound: Vec<serde_json::Value>,
}

/// The HTTP answer to a webhook request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookReply {
    /// The HTTP status.
    pub status: u16,
    /// Header names and values.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(default)]
    pub body: String,
}
