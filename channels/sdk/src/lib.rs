//! Write a Strowger channel plugin in safe Rust.
//!
//! A plugin tells the engine what its channel is (a [`manifest`]), judges a message before it is accepted
//! ([`Plugin::check`]) and delivers it in a conversation: asked for a [`Step`], it answers with an HTTP
//! request to make, a wait, or the outcome, and is handed the result. It does no I/O, reads no clock and
//! keeps no thread: the host does all of that, so a plugin is tested without a socket ([`testing`]).
//!
//! ```
//! use strowger_channel::{
//!     Exchange, Host, Job, Outcome, Outgoing, Plugin, Refusal, Request, Step, StepResult,
//!     answer::{self, Answer},
//!     config::{self, ConfigError},
//!     manifest::{Account, Manifest, Manifests},
//! };
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     inbox: String,
//! }
//!
//! struct Pigeon {
//!     config: Config,
//! }
//!
//! impl Plugin for Pigeon {
//!     const NAME: &'static str = "pigeon";
//!     const VERSION: &'static str = "1.0.0";
//!     type Conversation = ();
//!
//!     fn create(_host: Host, config: &str) -> Result<Self, ConfigError> {
//!         Ok(Self { config: config::read(config)? })
//!     }
//!
//!     fn manifest(&self) -> Manifests {
//!         Manifests::of(Manifest {
//!             channel: "pigeon".into(),
//!             collections: vec!["pigeons".into()],
//!             list_member: "pigeons".into(),
//!             resource: "pigeon".into(),
//!             uri_path: "pigeon".into(),
//!             topic: "/v2/me/pigeon".into(),
//!             message_type: "PigeonStateChangeMessage".into(),
//!             saved_type: "PigeonSaved".into(),
//!             direction_member: "pigeonType".into(),
//!             accounts: vec![Account { name: "loft".into(), ..Account::default() }],
//!             ..Manifest::default()
//!         })
//!     }
//!
//!     fn check(&self, message: &Outgoing<'_>) -> Result<(), Refusal> {
//!         if message.text.len() > 100 { Err(Refusal::out_of_range("a pigeon carries 100 bytes")) } else { Ok(()) }
//!     }
//!
//!     fn begin(&self, job: Job) -> ((), Step) {
//!         let request = Request::post(&self.config.inbox).json(serde_json::json!({ "text": job.message }));
//!         ((), Step::marked(request))
//!     }
//!
//!     fn resume(&self, (): &mut (), result: StepResult) -> Step {
//!         let StepResult::Exchange(exchange) = result else {
//!             return Outcome::unknown("an answer was due").into();
//!         };
//!         match answer::read(&exchange) {
//!             Answer::Success(body) => match body["id"].as_str() {
//!                 Some(id) => Outcome::published(id).into(),
//!                 None => Outcome::unknown("the answer holds no id").into(),
//!             },
//!             Answer::NeedsLogin(_) => Outcome::NeedsLogin { message: "log in again".into() }.into(),
//!             Answer::RateLimited(_) => Outcome::not_sent("too many pigeons").into(),
//!             Answer::Refused { status, .. } => {
//!                 Outcome::rejected(format!("http-{status}"), "the loft refused it").into()
//!             }
//!             Answer::NotSent(why) => Outcome::not_sent(why).into(),
//!             Answer::Unknown(why) => Outcome::unknown(why).into(),
//!         }
//!     }
//! }
//!
//! strowger_channel::export_channel!(Pigeon);
//! # fn main() {}
//! ```
//!
//! `channels/README.md` is the guide: a whole plugin, the manifest's members, when to say which outcome, webhooks,
//! testing and loading.
//!
//! # What the host guarantees, and what a plugin must keep
//!
//! * A request that is [marked](Step::Request) is the point of no return: the engine has recorded durably
//!   that it is about to be made, and it is made at most once. Every request that publishes or changes
//!   something on the platform is marked; a conversation makes one marked request at most.
//! * Conversations die with the process: every job can be begun anew from its document alone.
//! * The functions of one instance may run on several threads at once, those of one conversation on one
//!   thread at a time.
//! * A panic breaks the instance: that call fails, every later one is refused, freeing still works.
#![deny(unsafe_code)]

#[cfg(panic = "abort")]
compile_error!("a plugin catches its panics at the C boundary; build it with panic = \"unwind\"");

pub mod answer;
pub mod clock;
pub mod config;
pub mod export;
mod host;
mod job;
pub mod links;
pub mod manifest;
mod outcome;
mod plugin;
pub mod rate;
mod raw;
pub mod readback;
mod secret;
mod step;
pub mod testing;
pub mod text;

pub use host::{Host, HostServices, Level};
pub use job::{Attempt, Job, JobError, OperationCall, Parent, Work, text_of};
pub use outcome::{Outcome, Report};
pub use plugin::{IngestFn, Outgoing, Plugin, Refusal, WebhookAnswer, WebhookReply, WebhookRequest};
pub use secret::Secret;
pub use step::{
    Body, Exchange, FieldValue, FileFacts, FileMember, Part, Request, Response, Step, StepResult,
};

/// Compiles and runs the guide's fragments.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Guide;

/// The C ABI that [`export_channel!`] fills in.
pub use strowger_channel_abi as abi;
