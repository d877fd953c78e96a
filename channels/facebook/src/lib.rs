//! The Facebook channel: pages of the Graph API as a Strowger channel.
//!
//! One file per question: [`Config`] what an operator sets; `manifest` what the engine is told; `auth` how a
//! request is signed; `check` what is refused before it is accepted; `publish` what is asked of the Graph API;
//! `classify` what its answers mean; `reconcile` how a lost answer is found again.

mod auth;
mod check;
mod classify;
mod config;
mod manifest;
mod publish;
mod reconcile;

pub use config::{Account, Auth, Config};

use strowger_channel::config::ConfigError;
use strowger_channel::manifest::Manifests;
use strowger_channel::{Host, Job, Outcome, Outgoing, Plugin, Refusal, Step, StepResult, Work};

use publish::Post;
use reconcile::Reconciliation;

/// The plugin: its configuration and its host.
#[derive(Debug)]
pub struct Facebook {
    config: Config,
    host: Host,
}

/// Where a conversation stands. The number is the account's place in the configuration.
#[derive(Debug)]
pub enum Conversation {
    /// The post or comment is under way.
    Publishing(usize),
    /// An attempt whose answer was lost is looked for.
    Reconciling(usize, Box<Reconciliation>),
    /// It is over.
    Ended,
}

impl Plugin for Facebook {
    const NAME: &'static str = "facebook";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ORIGIN: &'static str = "Strowger";

    type Conversation = Conversation;

    fn create(host: Host, config: &str) -> Result<Self, ConfigError> {
        Ok(Self { config: Config::read(config)?, host })
    }

    fn manifest(&self) -> Manifests {
        manifest::of(&self.config)
    }

    fn check(&self, message: &Outgoing<'_>) -> Result<(), Refusal> {
        check::message(&self.config, message)
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
        match &job.work {
            Work::Publish => match Post::read(&job, account) {
                Ok(post) => {
                    let step = Step::marked(post.request(&self.config, account));
                    (Conversation::Publishing(place), step)
                }
                Err(outcome) => ended(outcome),
            },
            Work::Operation(call) => ended(Outcome::rejected(
                "unsupported",
                format!("the account `{}` can't do `{}`", account.name, call.name),
            )),
            Work::Poll { .. } => ended(Outcome::rejected(
                "nothing-to-poll",
                "the Graph API answers at once: nothing was ever accepted for later",
            )),
            Work::Reconcile { operation: Some(_), .. } => {
                ended(Outcome::cannot_tell("this channel has no operations"))
            }
            Work::Reconcile { known, operation: None } => match Post::read(&job, account) {
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
            (Conversation::Publishing(place), StepResult::Exchange(exchange)) => {
                let report = classify::published(&exchange, &self.config.accounts[*place], &self.host);
                *conversation = Conversation::Ended;
                report.into()
            }
            (Conversation::Reconciling(place, looked), result) => {
                let place = *place;
                looked.resume(self, place, result)
            }
            // The host hands back only what was asked for; nothing was asked for here.
            (Conversation::Publishing(_) | Conversation::Ended, _) => {
                Outcome::unknown("a result came that was not asked for").into()
            }
        }
    }
}

fn ended(outcome: Outcome) -> (Conversation, Step) {
    (Conversation::Ended, outcome.into())
}
