//! A complete channel plugin in Rust: it posts each message to a webhook address.
//!
//! Build it, and give the library to the host with a configuration:
//!
//! ```text
//! $ cargo build -p strowger-channel --example webhook      # target/debug/examples/libwebhook.so
//!
//! { "base_url": "https://hooks.example.org/inbox", "token": { "env": "HOOK_TOKEN" }, "account": "inbox" }
//! ```
//!
//! The receiver gets `{"deliveryId", "agentId", "message"}` with the token as a bearer, and answers with 2xx and
//! `{"id": "…"}`. `ffi/examples/plugin.c` is the same in C.

use serde::Deserialize;
use serde_json::{Value, json};
use strowger_channel::answer::{self, Answer};
use strowger_channel::config::{self, BaseUrl, ConfigError};
use strowger_channel::manifest::{Account, Manifest, Manifests};
use strowger_channel::{
    Exchange, Host, Job, Outcome, Outgoing, Plugin, Refusal, Request, Secret, Step, StepResult, Work, rate,
};

/// How long a text may be, in bytes.
const MAX_TEXT: usize = 4_096;
/// How long to leave the receiver alone when it says "too many requests" and nothing more.
const PAUSE_MS: i64 = 60_000;

/// What an operator sets. The host has put the secrets in place of their references.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    base_url: String,
    token: Secret,
    account: String,
}

/// The plugin: one instance for each configuration.
struct Webhook {
    host: Host,
    address: BaseUrl,
    token: Secret,
    account: String,
}

/// Where a conversation stands. There is but one request, so there is nothing to remember.
struct Waiting;

impl Plugin for Webhook {
    const NAME: &'static str = "webhook";
    const VERSION: &'static str = "1.0.0";
    const ORIGIN: &'static str = "Strowger's examples";

    type Conversation = Waiting;

    fn create(host: Host, config: &str) -> Result<Self, ConfigError> {
        // Errors name the member and what belongs there, never what was found: it may be a secret.
        let Config { base_url, token, account } = config::read(config)?;
        let address = BaseUrl::parse(&base_url, "base_url")?;
        if !address.is_safe() {
            return Err(ConfigError::new("base_url", "must be https, or a loopback address"));
        }
        if token.is_empty() || token.expose().contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(ConfigError::new("token", "must be a token without white space"));
        }
        Ok(Self { host, address, token, account })
    }

    /// Everything that the engine must know of the channel: it has no line of its own about it.
    fn manifest(&self) -> Manifests {
        Manifests::of(Manifest {
            channel: "webhook".into(),
            collections: vec!["webhooks".into()],
            list_member: "webhooks".into(),
            resource: "webhook".into(),
            uri_path: "webhook".into(),
            topic: "/v2/me/webhook".into(),
            message_type: "WebhookStateChangeMessage".into(),
            saved_type: "WebhookSaved".into(),
            direction_member: "webhookType".into(),
            accounts: vec![Account { name: self.account.clone(), ..Account::default() }],
            ..Manifest::default()
        })
    }

    /// Refuses at once what could never be sent: the agent reads why.
    fn check(&self, message: &Outgoing<'_>) -> Result<(), Refusal> {
        if message.text.trim().is_empty() {
            return Err(Refusal::invalid("a message must have a text"));
        }
        if message.text.len() > MAX_TEXT {
            let length = message.text.len();
            return Err(Refusal::out_of_range(format!(
                "the text has {length} bytes, {MAX_TEXT} are allowed"
            )));
        }
        Ok(())
    }

    fn begin(&self, job: Job) -> (Waiting, Step) {
        let step = match job.work {
            Work::Publish => {
                let body =
                    json!({ "deliveryId": job.delivery_id, "agentId": job.agent_id, "message": job.message });
                let bearer = Secret::new(format!("Bearer {}", self.token.expose()));
                // Marked: the engine records the intent before this request is made, and makes it once.
                Step::marked(Request::post(self.address.join("")).header("authorization", bearer).json(body))
            }
            // The receiver can't be asked what it has: the honest answer is that nobody can tell.
            Work::Reconcile { .. } => Outcome::cannot_tell("a webhook can't be read back").into(),
            Work::Operation(_) | Work::Poll { .. } => {
                Outcome::rejected("unsupported", "a webhook takes messages only").into()
            }
        };
        (Waiting, step)
    }

    fn resume(&self, _: &mut Waiting, result: StepResult) -> Step {
        let StepResult::Exchange(exchange) = result else {
            return Outcome::unknown("an answer was due").into();
        };
        self.outcome(&exchange).into()
    }
}

impl Webhook {
    /// What the answer means. `answer::read` knows the part that all platforms share.
    fn outcome(&self, exchange: &Exchange) -> Outcome {
        let words = |body: Option<&Value>, status: u16| {
            let told = body.and_then(|body| body["message"].as_str());
            told.map_or_else(|| format!("HTTP {status}"), |told| answer::words(told, &[&self.token]))
        };
        match answer::read(exchange) {
            Answer::Success(body) => match body["id"].as_str().filter(|id| !id.is_empty()) {
                Some(id) => Outcome::published(id),
                // Perhaps it was taken, perhaps not: never guess.
                None => Outcome::unknown("the receiver answered with success, but without an id"),
            },
            Answer::NeedsLogin(body) => Outcome::NeedsLogin { message: words(body.as_ref(), 401) },
            Answer::RateLimited(response) => {
                let now_ms = self.host.now_ms();
                let until_ms = rate::retry_after_ms(response, now_ms).unwrap_or(now_ms + PAUSE_MS);
                Outcome::RateLimited { until_ms: rate::sensible_until_ms(until_ms, now_ms) }
            }
            Answer::Refused { status, body } => {
                Outcome::rejected(format!("http-{status}"), words(body.as_ref(), status))
            }
            Answer::NotSent(why) => Outcome::not_sent(answer::words(&why, &[&self.token])),
            Answer::Unknown(why) => Outcome::unknown(answer::words(&why, &[&self.token])),
        }
    }
}

strowger_channel::export_channel!(Webhook);
