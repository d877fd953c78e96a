//! OneAll's Push API: the channels LinkedIn, Pinterest and YouTube, and a transport for the accounts of other
//! channels.
//!
//! One file per question: [`endpoints`] the twenty endpoints as a table; [`Push`] what is fit to be pushed;
//! [`Access`] how OneAll is reached; `classify` what its answers mean; `reconcile` how a lost answer is found
//! again; [`transport`] a whole conversation for other channels. Of the plugin: [`Config`] what an operator
//! sets; `manifest` what the engine is told; `publish` which endpoint a message uses.
//!
//! # The configuration
//!
//! ```json
//! { "name": "channel-oneall", "base_url": "https://example.api.oneall.com",
//!   "public_key": "…", "private_key": { "env": "ONEALL_KEY" },
//!   "accounts": [
//!     { "name": "brand", "channel": "linkedin", "identity_token": "…", "company": "1234" },
//!     { "name": "brand", "channel": "pinterest", "identity_token": "…", "board": "5678" },
//!     { "name": "brand", "channel": "youtube", "identity_token": "…", "playlist": "PL…",
//!       "callback_url": "https://example.org/oneall" } ] }
//! ```
//!
//! Further members of an account: `display_name`, `max_text`, `settle_ms`, `on_unknown`; of the document:
//! `allow_plain_http`. A channel without an account is not served.
//!
//! # Which endpoint a message uses
//!
//! | channel | extras of the message | endpoint | the text becomes |
//! |---|---|---|---|
//! | `linkedin` | `link`, and perhaps `title`, `description`, `picture` | `linkedin/company/post` if the account has a `company`, else `linkedin/post` | `message` |
//! | `pinterest` | `picture`, perhaps `board` (else the account's) and `link` | `pinterest/board/<board_id>/pin` | `description` |
//! | `pinterest` | `new_board` (its name) | `pinterest/board` | `description` |
//! | `youtube` | `video_url`, `title`, perhaps `picture` (the thumbnail) | `youtube/video` | `description` |
//! | `youtube` | `video` (an id), perhaps `playlist` (else the account's) | `youtube/playlist/<playlist_id>/video` | a note that stays in the interaction |
//! | `youtube` | `new_playlist` (its title) | `youtube/playlist` | `description` |
//! | `youtube` | `section` (an object, passed through) | `youtube/channel/section` | a note that stays in the interaction |
//!
//! # What OneAll finishes later
//!
//! A video is *accepted*: OneAll fetches and processes it, and the interaction stays Sent. What became of it is read
//! from the Pull API's list, first after a second and then ever more seldom; the list completes it. The
//! `callback_url` of an account gets OneAll's own report. It may lead to the host's webhook address of this plugin,
//! which acknowledges it; but OneAll signs no callback, so nothing that one says is believed, and nobody's forgery
//! can end, or hurry, a delivery. An asynchronous endpoint that has no list stays accepted until the engine gives it
//! up after a day.
//!
//! What a service can't carry is refused before anything is sent. A reply is always refused: OneAll would
//! publish it as a new post.

pub mod endpoints;
pub mod transport;

mod access;
mod classify;
mod config;
mod manifest;
mod publish;
mod push;
mod reconcile;

pub use access::{Access, SECRETS};
pub use classify::PARTIAL;
pub use config::{Account, Config, Service};
pub use push::{Push, is_web_address};
pub use reconcile::Look;

use strowger_channel::config::ConfigError;
use strowger_channel::manifest::Manifests;
use strowger_channel::{
    Host, IngestFn, Job, Outcome, Outgoing, Plugin, Refusal, Step, StepResult, WebhookAnswer, WebhookReply,
    WebhookRequest, Work,
};

/// The plugin: its configuration and its host.
#[derive(Debug)]
pub struct OneAll {
    config: Config,
    host: Host,
}

/// A conversation of the plugin. The number is the account's place in the configuration.
#[derive(Debug)]
pub struct Conversation(usize, transport::Conversation);

impl Plugin for OneAll {
    const NAME: &'static str = "oneall";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ORIGIN: &'static str = "Strowger";
    const INGEST: Option<IngestFn<Self>> = Some(acknowledge);

    type Conversation = Conversation;

    fn create(host: Host, config: &str) -> Result<Self, ConfigError> {
        Ok(Self { config: Config::read(config)?, host })
    }

    fn manifest(&self) -> Manifests {
        manifest::of(&self.config)
    }

    fn check(&self, message: &Outgoing<'_>) -> Result<(), Refusal> {
        let Some((_, account)) = self.config.account(message.channel, message.account) else {
            return Err(Refusal::invalid(unknown_account(message.channel, message.account)));
        };
        publish::push(account, message.text, message.extras).map(drop)
    }

    fn begin(&self, job: Job) -> (Conversation, Step) {
        let Some((place, account)) = self.config.account(&job.channel, &job.account) else {
            let message = unknown_account(&job.channel, &job.account);
            let outcome = match job.work {
                Work::Reconcile { .. } => Outcome::cannot_tell(message),
                _ => Outcome::rejected("no-account", message),
            };
            return (Conversation(0, transport::Conversation::Ended), outcome.into());
        };
        let push = transport::refuse_answers(&job).and_then(|()| {
            publish::push(account, &job.message, &job.extras)
                .map_err(|refusal| Outcome::rejected("extras", refusal.message))
        });
        let (conversation, step) = account.access.begin(&job, push, account.settle_ms, &self.host);
        (Conversation(place, conversation), step)
    }

    fn resume(&self, Conversation(place, conversation): &mut Conversation, result: StepResult) -> Step {
        match self.config.accounts.get(*place) {
            Some(account) => account.access.resume(conversation, result, &self.host),
            None => Outcome::unknown("a result came that was not asked for").into(),
        }
    }
}

/// Answers OneAll's callback, so that it is not repeated. Its words can't be proven, so they are not read.
fn acknowledge(_: &OneAll, request: &WebhookRequest, _: &[u8]) -> WebhookAnswer {
    let status = if request.method == "POST" { 200 } else { 405 };
    let answer = WebhookReply { status, headers: Vec::new(), body: String::new() };
    WebhookAnswer { answer, inbound: Vec::new() }
}

fn unknown_account(channel: &str, account: &str) -> String {
    format!("no account `{account}` of `{channel}` is configured")
}
