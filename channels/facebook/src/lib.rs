//! The Facebook channel: pages of the Graph API as a Strowger channel.
//!
//! One file per question: [`Config`] what an operator sets; `manifest` what the engine is told; `auth` how a
//! request is signed; `check` what is refused before it is accepted; `publish` what is asked of the Graph API;
//! `upload` how pictures and videos get there; `transport` how OneAll carries posts instead; `classify` what answers mean; `reconcile` how a lost answer is
//! found again; `ingest` what webhooks bring in.
//!
//! # What a message becomes
//!
//! | `_facebookSubmitType` | extras | request |
//! |---|---|---|
//! | `post` | perhaps `link` | `POST /{page}/feed` |
//! | `post` | `attachments`: ids, or `{"url" or "file", "alt_text"?}` | each picture to `/{page}/photos`, unpublished; then one post |
//! | `post` | `video_url` or `video_file`, perhaps `title` | `POST /{page}/videos`; asked for until it is processed |
//! | `comment` | – | `POST /{object}/comments`, the object by `_facebookCommentId` or `_facebookPostId` |
//! | `message` | – | `POST /{page}/messages`, to the writer of `_facebookCommentId`, or to the person in `To` |
//!
//! A `url` is fetched by Facebook; a `file` lies beneath the host's attachments directory, is no longer than 10 MiB
//! (a picture) or 60 MiB (a video), and goes up as the form's `source`.
//!
//! # Members of an account beyond its names and `auth`
//!
//! * `"webhook": {"queue_path", "secret"?, "verify_token"?}`: takes in what visitors write. `queue_path` is the
//!   queue that it waits in, `secret` the app's (default: `auth.app_secret`), `verify_token` what Meta's
//!   dashboard is told when the webhook is set up.
//! * `"transport": {"kind": "oneall", "base_url", "public_key", "private_key", "identity_token", "target"?}`:
//!   OneAll publishes, on the `page` (default), the user's `profile` or in a `group`; in place of `auth`.
//! * `max_text`, `max_comment`, `max_message`, `settle_ms`, `on_unknown`, `allow_plain_http`.
//!
//! Of the document: `version`, and `version_ends` (a date), when Meta ends it, where the plugin does not know:
//! from 90 days before, the host's log is warned once a day.

mod auth;
mod check;
mod classify;
mod config;
mod ingest;
mod manifest;
mod publish;
mod reconcile;
mod transport;
mod upload;

pub use config::{Account, Auth, Config, Webhook};
pub use transport::{Target, Transport};
pub use upload::Upload;

use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::Value;

use strowger_channel::config::ConfigError;
use strowger_channel::manifest::Manifests;
use strowger_channel::{
    Host, IngestFn, Job, Level, Outcome, Outgoing, Plugin, Refusal, Request, Step, StepResult, Work,
};
use strowger_oneall::transport::Conversation as OverOneAll;

use publish::Post;
use reconcile::Reconciliation;

/// The plugin: its configuration and its host.
#[derive(Debug)]
pub struct Facebook {
    config: Config,
    host: Host,
    /// The day of the last warning, counted from 1970.
    warned_day: AtomicI64,
}

/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 3_600_000;
/// How long before a version's end its use is warned of.
const WARN_BEFORE_MS: i64 = 90 * DAY_MS;

/// Where a conversation stands. The number is the account's place in the configuration.
#[derive(Debug)]
pub enum Conversation {
    /// Files are examined and pictures uploaded, to be published with the post.
    Uploading(usize, Box<Upload>),
    /// The post, comment or message is under way.
    Publishing(usize, Box<Post>),
    /// A video that Facebook works on is asked for.
    Polling(usize, Value),
    /// OneAll carries it.
    OverOneAll(usize, OverOneAll),
    /// An attempt whose answer was lost is looked for.
    Reconciling(usize, Box<Reconciliation>),
    /// It is over.
    Ended,
}

impl Plugin for Facebook {
    const NAME: &'static str = "facebook";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ORIGIN: &'static str = "Strowger";
    const INGEST: Option<IngestFn<Self>> = Some(ingest::request);

    type Conversation = Conversation;

    fn create(host: Host, config: &str) -> Result<Self, ConfigError> {
        let plugin = Self { config: Config::read(config)?, host, warned_day: AtomicI64::new(i64::MIN) };
        plugin.warn_of_the_version();
        for account in &plugin.config.accounts {
            if let Some(warning) = account.transport.as_ref().and_then(Transport::warning) {
                plugin.host.log(Level::Warn, &format!("the account `{}`: {warning}", account.name));
            }
        }
        Ok(plugin)
    }

    fn manifest(&self) -> Manifests {
        manifest::of(&self.config)
    }

    fn check(&self, message: &Outgoing<'_>) -> Result<(), Refusal> {
        check::message(&self.config, &self.host, message)
    }

    fn begin(&self, job: Job) -> (Conversation, Step) {
        self.warn_of_the_version();
        let Some(place) = self.config.accounts.iter().position(|account| account.name == job.account) else {
            let message = format!("no account `{}` is configured", job.account);
            return ended(match job.work {
                Work::Reconcile { .. } => Outcome::cannot_tell(message),
                _ => Outcome::rejected("no-account", message),
            });
        };
        let account = &self.config.accounts[place];
        if let Some(transport) = &account.transport {
            let push = transport.push_of(&job, account);
            let (conversation, step) = transport.access.begin(&job, push, account.settle_ms, &self.host);
            return (Conversation::OverOneAll(place, conversation), step);
        }
        match &job.work {
            Work::Publish => match Post::read(&job, account) {
                Ok(post) => {
                    let mut upload = Upload::new(post);
                    let progress = upload.next(self, place);
                    Self::publish(place, upload, progress)
                }
                Err(outcome) => ended(outcome),
            },
            Work::Operation(call) => ended(Outcome::rejected(
                "unsupported",
                format!("the account `{}` can't do `{}`", account.name, call.name),
            )),
            Work::Poll { handle } => match handle["video"].as_str().filter(|id| publish::is_id(id)) {
                Some(id) => {
                    let proof = account.auth.proof.as_ref();
                    let proof =
                        proof.map(|proof| format!("&{}={}", auth::PROOF, proof.expose())).unwrap_or_default();
                    let address = self.config.address(&format!("{id}?fields=status%2Cpermalink_url{proof}"));
                    let step = Step::read(auth::authorized(Request::get(address), &account.auth));
                    (Conversation::Polling(place, handle.clone()), step)
                }
                None => ended(Outcome::rejected(
                    "nothing-to-poll",
                    "nothing but videos was ever accepted for later",
                )),
            },
            Work::Reconcile { operation: Some(_), .. } => {
                ended(Outcome::cannot_tell("this channel has no operations"))
            }
            Work::Reconcile { known, operation: None } => match Post::read(&job, account) {
                Ok(Post { place: publish::Place::MessageTo(_), .. }) => {
                    ended(Outcome::cannot_tell("messages can't be read back"))
                }
                Ok(post) => {
                    let mut looked =
                        Reconciliation::new(&job, post, known.clone(), account.settle_ms, self.host.now_ms());
                    let step = looked.begin(self, place);
                    (Conversation::Reconciling(place, Box::new(looked)), step)
                }
                Err(_) => ended(Outcome::cannot_tell("the message is not one that this channel would send")),
            },
        }
    }

    fn resume(&self, conversation: &mut Conversation, result: StepResult) -> Step {
        match (&mut *conversation, result) {
            (Conversation::Uploading(place, upload), result) => {
                let place = *place;
                match upload.resume(self, place, result) {
                    upload::Progress::Step(step) => step,
                    upload::Progress::Ready(post, request) => {
                        *conversation = Conversation::Publishing(place, post);
                        Step::marked(request)
                    }
                }
            }
            (Conversation::Publishing(place, post), StepResult::Exchange(exchange)) => {
                let report = classify::published(&exchange, post, &self.config.accounts[*place], &self.host);
                *conversation = Conversation::Ended;
                report.into()
            }
            (Conversation::Polling(place, handle), StepResult::Exchange(exchange)) => {
                let handle = handle.take();
                let report = classify::polled(&exchange, handle, &self.config.accounts[*place], &self.host);
                *conversation = Conversation::Ended;
                report.into()
            }
            (Conversation::OverOneAll(place, conversation), result) => {
                match &self.config.accounts[*place].transport {
                    Some(transport) => transport.access.resume(conversation, result, &self.host),
                    None => Outcome::unknown("a result came that was not asked for").into(),
                }
            }
            (Conversation::Reconciling(place, looked), result) => {
                let place = *place;
                looked.resume(self, place, result)
            }
            // The host hands back only what was asked for; nothing was asked for here.
            (Conversation::Publishing(..) | Conversation::Polling(..) | Conversation::Ended, _) => {
                Outcome::unknown("a result came that was not asked for").into()
            }
        }
    }
}

impl Facebook {
    /// Where a post stands whose upload begins.
    fn publish(place: usize, upload: Upload, progress: upload::Progress) -> (Conversation, Step) {
        match progress {
            upload::Progress::Step(step) => (Conversation::Uploading(place, Box::new(upload)), step),
            upload::Progress::Ready(post, request) => {
                (Conversation::Publishing(place, post), Step::marked(request))
            }
        }
    }

    /// Warns of a version that ends soon, or has ended, once a day.
    fn warn_of_the_version(&self) {
        let Some(ends_ms) = self.config.version_ends_ms else { return };
        let now_ms = self.host.now_ms();
        let day = now_ms.div_euclid(DAY_MS);
        if now_ms < ends_ms.saturating_sub(WARN_BEFORE_MS)
            || self.warned_day.swap(day, Ordering::Relaxed) == day
        {
            return;
        }
        let version = &self.config.version;
        let days = ends_ms.saturating_sub(now_ms).div_euclid(DAY_MS);
        let message = if now_ms < ends_ms {
            format!("the Graph API {version} ends in {days} days: set `version` to a later one")
        } else {
            format!("the Graph API {version} has ended: set `version` to a later one")
        };
        self.host.log(Level::Warn, &message);
    }
}

fn ended(outcome: Outcome) -> (Conversation, Step) {
    (Conversation::Ended, outcome.into())
}
