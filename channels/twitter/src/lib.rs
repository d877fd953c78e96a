//! The Twitter channel: X API v2 as a Strowger channel.
//!
//! One file per question: [`Config`] what an operator sets; `manifest` what the engine is told; `auth` how a
//! request is signed, `token` how tokens are kept fresh, `upload` how media get to X; `check` what is refused before it is accepted, `length` how X counts; `publish`,
//! `message` and `operations` what is asked of X; `classify` what its answers mean; `reconcile` how a lost answer is found
//! again; `webhook` and `inbound` what X reports.
//!
//! # Configuration
//!
//! ```json
//! { "name": "channel-twitter", "base_url": "https://api.x.com",
//!   "accounts": [ {
//!     "name": "brand", "user_id": "1258948171", "screen_name": "brand", "display_name": "Brand",
//!     "image_url": "https://…", "max_weighted_length": 280, "settle_ms": 5000, "on_unknown": "ask",
//!     "operations": ["Retweet", "MarkFavorite", "RemoveFavorite", "Follow", "Unfollow"],
//!     "media_encoding": "multipart",
//!     "auth": { "kind": "oauth2", "client_id": "…", "client_secret": "…",
//!               "refresh_token": { "file": "/var/lib/strowger/brand" } },
//!     "webhook": { "secret": "…", "queue": "/queues/twitter", "path": "/hooks/x" } } ] }
//! ```
//!
//! * `auth` is of kind `oauth1` (`consumer_key`, `consumer_secret`, `token`, `token_secret`), `bearer` (`token`)
//!   or `oauth2` (`client_id`, `client_secret` of a confidential client, `refresh_token`, and perhaps
//!   `access_token` with `expires_at` in Unix seconds). Of `oauth2` the host keeps each new refresh token under
//!   the name `refresh_token` and must hand in the last one when it loads the plugin again.
//! * `media_encoding` is `multipart` or `json`: how pieces of media are sent.
//! * `webhook` says how X's reports are read: `secret` is the app's consumer secret, `queue` is where inbound
//!   interactions wait, `path` tells webhooks of different apps apart.
//!
//! # What a message can carry
//!
//! Beside `from` and `message`: `inReplyTo` (a post's id), `location` (a place's id), `to` (a user's id: the
//! message is a direct one) and `attachments`, each X's id of media, `{"file", "alt_text"}` or `{"url",
//! "alt_text"}`. A message is a direct one as well if its `_twitterMsgType` is `DirectMessage`, or that of what it
//! answers; its recipient is `to`, else `_twitterToUserId`, else `_twitterFromUserId` of what it answers.
//!
//! With `"upload_only": true`, the one attachment, `{"file"}` or `{"url"}`, is uploaded and nothing is published: the
//! outcome is X's id of the media, which a later message names among its `attachments`. The text is a note that
//! stays in the interaction. An attempt that is repeated uploads again, and X forgets what no post names.

mod auth;
mod check;
mod classify;
mod config;
mod inbound;
mod length;
mod manifest;
mod message;
mod operations;
mod publish;
mod reconcile;
mod token;
mod transport;
mod upload;
mod webhook;

pub use config::{Ability, Account, Auth, Config, MediaEncoding, Webhook};
pub use length::weighted_length;
pub use token::Tokens;
pub use transport::Transport;

use std::mem;

use strowger_channel::config::ConfigError;
use strowger_channel::manifest::Manifests;
use strowger_channel::{
    Exchange, Host, IngestFn, Job, Outcome, Outgoing, Plugin, Refusal, Request, Step, StepResult, Work, abi,
};

use check::Attachment;
use operations::Action;
use publish::Publication;
use reconcile::Reconciliation;
use token::Acquiring;
use upload::Upload;

/// The plugin: its configuration and its host.
#[derive(Debug)]
pub struct Twitter {
    config: Config,
    host: Host,
}

/// Where a conversation stands.
#[derive(Debug)]
pub struct Conversation {
    /// The account's place in the configuration.
    place: usize,
    stage: Stage,
}

/// What is under way.
#[derive(Debug)]
enum Stage {
    /// A token is being had; then comes the rest.
    Acquiring(Acquiring, Goal),
    /// Attachments are being uploaded, for a publication or for later.
    Uploading(Box<Upload>, Option<Publication>),
    /// The post or direct message itself.
    Publishing(Publication),
    /// An operation.
    Operating(Action),
    /// An attempt whose answer was lost is looked for.
    Reconciling(Box<Reconciliation>),
    /// OneAll carries it.
    OverOneAll(strowger_oneall::transport::Conversation),
    /// It is over.
    Ended,
}

/// What a conversation is for.
#[derive(Debug)]
enum Goal {
    Publish(Publication),
    Upload(Vec<Attachment>),
    Operate(Action),
    Reconcile(Box<Reconciliation>),
}

impl Plugin for Twitter {
    const NAME: &'static str = "twitter";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ORIGIN: &'static str = "Strowger";
    const INGEST: Option<IngestFn<Self>> = Some(webhook::answer);

    type Conversation = Conversation;

    fn create(host: Host, config: &str) -> Result<Self, ConfigError> {
        let config = Config::read(config)?;
        let refreshes = |account: &Account| matches!(account.auth, Auth::OAuth2 { .. });
        if let Some(place) = config.accounts.iter().position(refreshes)
            && !host.offers(abi::STROWGER_CHANNEL_FEATURE_KEEP_SECRET)
        {
            return Err(ConfigError::new(
                format!("accounts[{place}].auth.kind"),
                "is `oauth2`, whose tokens must be kept, but this host has no store for secrets",
            ));
        }
        Ok(Self { config, host })
    }

    fn manifest(&self) -> Manifests {
        manifest::of(&self.config)
    }

    fn check(&self, message: &Outgoing<'_>) -> Result<(), Refusal> {
        check::message(&self.config, &self.host, message)
    }

    fn begin(&self, job: Job) -> (Conversation, Step) {
        let Some(place) = self.config.accounts.iter().position(|account| account.name == job.account) else {
            let message = format!("no account `{}` is configured", job.account);
            return ended(match job.work {
                Work::Reconcile { .. } => Outcome::cannot_tell(message),
                _ => Outcome::rejected("no-account", message),
            });
        };
        let account = &self.config.accounts[place];
        if let Some(transport) = &account.transport {
            let (carried, step) = transport.begin(&job, account, &self.host);
            return (Conversation { place, stage: Stage::OverOneAll(carried) }, step);
        }
        let goal = match &job.work {
            Work::Publish => match publish::upload_only(&job) {
                Some(attachments) => Ok(Goal::Upload(attachments)),
                None => Publication::read(&job).map(Goal::Publish),
            },
            Work::Operation(call) => Action::read(account, &job, call).map(Goal::Operate),
            Work::Poll { .. } => Err(Outcome::rejected(
                "nothing-to-poll",
                "X answers at once: nothing was ever accepted for later",
            )),
            Work::Reconcile { operation: Some(_), .. } => {
                Err(Outcome::cannot_tell("whether an operation was done can't be read back from X"))
            }
            // Nothing was published, whatever became of the upload.
            Work::Reconcile { operation: None, .. } if publish::upload_only(&job).is_some() => {
                Err(Outcome::Absent)
            }
            Work::Reconcile { known, operation: None } => match Publication::read(&job) {
                Ok(publication) => {
                    let now_ms = self.host.now_ms();
                    let looked =
                        Reconciliation::new(&job, publication, known.clone(), account.settle_ms, now_ms);
                    Ok(Goal::Reconcile(Box::new(looked)))
                }
                Err(_) => Err(Outcome::cannot_tell("the message is not one that this channel would send")),
            },
        };
        let goal = match goal {
            Ok(goal) => goal,
            Err(outcome) => return ended(outcome),
        };
        let (stage, step) = match Acquiring::new(account) {
            Some(mut acquiring) => {
                let progress = acquiring.begin(self, account);
                self.acquired(place, acquiring, goal, progress)
            }
            None => self.pursue(place, goal),
        };
        (Conversation { place, stage }, step)
    }

    fn resume(&self, conversation: &mut Conversation, result: StepResult) -> Step {
        let place = conversation.place;
        let Some(account) = self.config.accounts.get(place) else {
            return Outcome::unknown("a result came that was not asked for").into();
        };
        if let (Auth::OAuth2 { tokens, .. }, StepResult::Exchange(Exchange::Response(response))) =
            (&account.auth, &result)
            && response.status == 401
        {
            tokens.discard_access();
        }
        let (stage, step) = match (mem::replace(&mut conversation.stage, Stage::Ended), result) {
            (Stage::Acquiring(mut acquiring, goal), result) => {
                let progress = acquiring.resume(self, account, result);
                self.acquired(place, acquiring, goal, progress)
            }
            (Stage::Uploading(mut upload, publication), result) => {
                let progress = upload.resume(self, place, result);
                self.uploaded(place, upload, publication, progress)
            }
            (Stage::Publishing(publication), StepResult::Exchange(exchange)) => {
                (Stage::Ended, classify::published(&exchange, &publication, account, &self.host).into())
            }
            (Stage::Operating(action), StepResult::Exchange(exchange)) => {
                (Stage::Ended, classify::operated(&exchange, &action, account, &self.host).into())
            }
            (Stage::Reconciling(mut looked), result) => {
                let step = looked.resume(self, place, result);
                (Stage::Reconciling(looked), step)
            }
            (Stage::OverOneAll(mut carried), result) => {
                let step = transport::resume(account, &mut carried, result, &self.host);
                (Stage::OverOneAll(carried), step)
            }
            // The host hands back only what was asked for; nothing was asked for here.
            (Stage::Publishing(_) | Stage::Operating(_) | Stage::Ended, _) => {
                (Stage::Ended, Outcome::unknown("a result came that was not asked for").into())
            }
        };
        conversation.stage = stage;
        step
    }
}

impl Twitter {
    /// Goes on from where the way to a token stands.
    fn acquired(
        &self,
        place: usize,
        acquiring: Acquiring,
        goal: Goal,
        progress: token::Progress,
    ) -> (Stage, Step) {
        match progress {
            token::Progress::Step(step) => (Stage::Acquiring(acquiring, goal), step),
            token::Progress::Ready => self.pursue(place, goal),
            token::Progress::Failed(outcome) => {
                let outcome = match (goal, outcome) {
                    (
                        Goal::Reconcile(_),
                        Outcome::NeedsLogin { message } | Outcome::NotSent { message, .. },
                    ) => Outcome::cannot_tell(message),
                    (Goal::Reconcile(_), _) => Outcome::cannot_tell("X gives out no token for now"),
                    (_, outcome) => outcome,
                };
                (Stage::Ended, outcome.into())
            }
        }
    }

    /// Does what the conversation is for.
    fn pursue(&self, place: usize, goal: Goal) -> (Stage, Step) {
        match goal {
            Goal::Publish(publication) => {
                let private = matches!(publication, Publication::Message(_));
                let mut upload = Box::new(Upload::new(publication.attachments(), private));
                let progress = upload.begin();
                self.uploaded(place, upload, Some(publication), progress)
            }
            Goal::Upload(attachments) => {
                let mut upload = Box::new(Upload::new(&attachments, false));
                let progress = upload.begin();
                self.uploaded(place, upload, None, progress)
            }
            Goal::Operate(action) => {
                let request = action.request(&self.config.base_url, &self.config.accounts[place]);
                (Stage::Operating(action), Step::marked(self.signed(place, request, &[])))
            }
            Goal::Reconcile(mut looked) => {
                let step = looked.begin(self, place);
                (Stage::Reconciling(looked), step)
            }
        }
    }

    /// Goes on from where an upload stands: when all is there, with the request that publishes, if there is
    /// anything to publish.
    fn uploaded(
        &self,
        place: usize,
        upload: Box<Upload>,
        publication: Option<Publication>,
        progress: upload::Progress,
    ) -> (Stage, Step) {
        match progress {
            upload::Progress::Step(step) => (Stage::Uploading(upload, publication), step),
            upload::Progress::Ready(media_ids) => match publication {
                Some(publication) => {
                    let request = publication.request(&self.config.base_url, &media_ids);
                    (Stage::Publishing(publication), Step::marked(self.signed(place, request, &[])))
                }
                None => (
                    Stage::Ended,
                    Outcome::Published { id: media_ids.into_iter().next(), location: None }.into(),
                ),
            },
        }
    }

    /// A request with its `authorization`. `query` are the decoded parameters of its address, which are part
    /// of a signature.
    fn signed(&self, place: usize, request: Request, query: &[(&str, &str)]) -> Request {
        let account = &self.config.accounts[place];
        let authorization = auth::authorization(&account.auth, &request, query, &self.host);
        request.header("authorization", authorization)
    }
}

fn ended(outcome: Outcome) -> (Conversation, Step) {
    (Conversation { place: 0, stage: Stage::Ended }, outcome.into())
}
