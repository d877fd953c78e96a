//! The Twitter channel: X API v2 as a Strowger channel.
//!
//! One file per question: [`Config`] what an operator sets; `manifest` what the engine is told; `auth` how a
//! request is signed; `check` what is refused before it is accepted, `length` how X counts; `publish` and
//! `operations` what is asked of X; `classify` what its answers mean; `reconcile` how a lost answer is found
//! again.

mod auth;
mod check;
mod classify;
mod config;
mod length;
mod manifest;
mod operations;
mod publish;
mod reconcile;

pub use config::{Ability, Account, Auth, Config};
pub use length::weighted_length;

use strowger_channel::config::ConfigError;
use strowger_channel::manifest::Manifests;
use strowger_channel::{Host, Job, Outcome, Outgoing, Plugin, Refusal, Request, Step, StepResult, Work};

use operations::Action;
use reconcile::Reconciliation;

/// The plugin: its configuration and its host.
#[derive(Debug)]
pub struct Twitter {
    config: Config,
    host: Host,
}

/// Where a conversation stands. The number is the account's place in the configuration.
#[derive(Debug)]
pub enum Conversation {
    /// The post is under way.
    Publishing(usize),
    /// The operation is under way.
    Operating(usize, Action),
    /// An attempt whose answer was lost is looked for.
    Reconciling(usize, Box<Reconciliation>),
    /// It is over.
    Ended,
}

impl Plugin for Twitter {
    const NAME: &'static str = "twitter";
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
        match &job.work {
            Work::Publish => match publish::Post::read(&job) {
                Ok(post) => {
                    let request = Request::post(self.config.base_url.join("/2/tweets")).json(post.body());
                    (Conversation::Publishing(place), Step::marked(self.signed(place, request, &[])))
                }
                Err(outcome) => ended(outcome),
            },
            Work::Operation(call) => {
                let account = &self.config.accounts[place];
                match operations::Action::read(account, &job, call) {
                    Ok(action) => {
                        let request = action.request(&self.config.base_url, account);
                        let step = Step::marked(self.signed(place, request, &[]));
                        (Conversation::Operating(place, action), step)
                    }
                    Err(outcome) => ended(outcome),
                }
            }
            Work::Poll { .. } => ended(Outcome::rejected(
                "nothing-to-poll",
                "X answers at once: nothing was ever accepted for later",
            )),
            Work::Reconcile { operation: Some(_), .. } => {
                ended(Outcome::cannot_tell("whether an operation was done can't be read back from X"))
            }
            Work::Reconcile { known, operation: None } => match publish::Post::read(&job) {
                Ok(post) => {
                    let settle_ms = self.config.accounts[place].settle_ms;
                    let mut looked =
                        Reconciliation::new(&job, post, known.clone(), settle_ms, self.host.now_ms());
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
            (Conversation::Operating(place, action), StepResult::Exchange(exchange)) => {
                let report = classify::operated(&exchange, action, &self.config.accounts[*place], &self.host);
                *conversation = Conversation::Ended;
                report.into()
            }
            (Conversation::Reconciling(place, looked), result) => {
                let place = *place;
                looked.resume(self, place, result)
            }
            // The host hands back only what was asked for; nothing was asked for here.
            (Conversation::Publishing(_) | Conversation::Operating(..) | Conversation::Ended, _) => {
                Outcome::unknown("a result came that was not asked for").into()
            }
        }
    }
}

impl Twitter {
    /// A request with its `authorization`. `query` are the decoded parameters of its address, which are part
    /// of a signature.
    fn signed(&self, place: usize, request: Request, query: &[(&str, &str)]) -> Request {
        let account = &self.config.accounts[place];
        let authorization = auth::authorization(&account.auth, &request, query, &self.host);
        request.header("authorization", authorization)
    }
}

fn ended(outcome: Outcome) -> (Conversation, Step) {
    (Conversation::Ended, outcome.into())
}
