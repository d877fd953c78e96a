//! The trait that a channel plugin implements.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::ConfigError;
use crate::manifest::Manifests;
use crate::{Host, Job, Step, StepResult, abi};

/// A channel plugin. [`export_channel!`](crate::export_channel) makes the C functions from it.
pub trait Plugin: Sized + Send + Sync + 'static {
    /// The plugin's name, as `twitter`.
    const NAME: &'static str;
    /// The plugin's own version, as `0.1.0`.
    const VERSION: &'static str;
    /// Who made it: for logs.
    const ORIGIN: &'static str = "";
    /// The host features without which the plugin can't work: `STROWGER_CHANNEL_FEATURE_…` bits of
    /// [`abi`].
    const NEEDS: u64 = abi::STROWGER_CHANNEL_FEATURE_HTTP;
    /// Reads the platform's webhook requests, if the plugin does.
    const INGEST: Option<IngestFn<Self>> = None;

    /// Where a conversation stands: best an enum with one variant per state.
    type Conversation: Send + 'static;

    /// Makes an instance from a configuration document. The error names a member and what was expected
    /// there, never a value.
    fn create(host: Host, config: &str) -> Result<Self, ConfigError>;

    /// What the engine must know of the channels that this instance serves. Asked once.
    fn manifest(&self) -> Manifests;

    /// Judges a message before it is accepted. Runs on the agent's thread for every Send: keep it quick.
    fn check(&self, message: &Outgoing<'_>) -> Result<(), Refusal>;

    /// Begins a conversation and gives its first step. What can't be done ends here, before any request,
    /// with the outcome `rejected`.
    fn begin(&self, job: Job) -> (Self::Conversation, Step);

    /// Goes on with the result of the last step. The result is always of the kind that the step asked
    /// for: an exchange after a request, waited after a wait, kept after a secret.
    fn resume(&self, conversation: &mut Self::Conversation, result: StepResult) -> Step;
}

/// The function behind [`Plugin::INGEST`]: gets the webhook request and its raw bytes (signatures are
/// over bytes). A bad signature is an answer with 401 or 403 and no inbound.
pub type IngestFn<P> = fn(&P, &WebhookRequest, &[u8]) -> WebhookAnswer;

/// A message that an agent wants to send, before it is accepted.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The channel's name.
    pub channel: &'a str,
    /// The account that is to send it.
    pub account: &'a str,
    /// The text.
    pub text: &'a str,
    /// What the request carried beside `from` and `message`, and the interaction's user data as `userData`.
    pub extras: &'a Map<String, Value>,
}

/// Why a message is not accepted. The agent reads it as the reply's `statusCode` and `statusMessage`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// 2: a parameter is invalid, 10: a value is outside the valid range.
    pub code: u8,
    /// What was wrong and what would be right.
    pub message: String,
}

impl Refusal {
    /// Status code 2: a parameter is invalid.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }

    /// Status code 10: a value is outside the valid range.
    pub fn out_of_range(message: impl Into<String>) -> Self {
        Self { code: 10, message: message.into() }
    }
}

/// A platform's webhook request as it came in, without its body.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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

/// What a plugin makes of a webhook request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WebhookAnswer {
    /// The HTTP answer for the platform.
    pub answer: WebhookReply,
    /// Inbound interactions that the request reports: `{"channel", "from", "message", …}`.
    pub inbound: Vec<Value>,
}

/// The HTTP answer to a webhook request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebhookReply {
    /// The HTTP status.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}
