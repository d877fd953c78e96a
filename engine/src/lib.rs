//! Strowger: an embeddable interaction engine for contact centres.
//!
//! A contact-centre server links it and gets the life of every social interaction as a state machine that
//! enforces capabilities and transitions, the agent operations of the Web Services API with their replies
//! and notifications, and delivery to the platforms through channels.
//!
//! ```
//! use std::time::Duration;
//! use strowger::{Config, Engine, API_MULTIMEDIA};
//!
//! // A channel that this host delivers itself; plugins are loaded with `strowger-loader`.
//! let config = Config::parse(r#"{ "manifests": [ {
//!     "channel": "notes", "collections": ["notes"], "listMember": "notes", "resource": "note",
//!     "uriPath": "note", "topic": "/v2/me/notes", "messageType": "NoteStateChangeMessage",
//!     "savedType": "NoteSaved", "directionMember": "noteType", "accounts": [ { "name": "desk" } ] } ] }"#)?;
//! let engine = Engine::open(&config)?;
//! let agent = engine.agent("a1", &[API_MULTIMEDIA])?;
//! let notes = agent.subscribe("/v2/me/*")?;
//!
//! let reply = agent.perform("notes", None, br#"{"operationName": "Create"}"#)?;
//! assert_eq!(reply.to_json(), r#"{"statusCode":0,"referenceId":1}"#);
//! assert!(notes.next(Duration::ZERO).unwrap().to_json().contains("Composing"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it is made
//!
//! * [`lifecycle`]: one table of states, events and next states; enforcement, capability lists and
//!   diagrams are read from it.
//! * [`decide`](crate::decide()): a pure function from an interaction and a request to a decision. The
//!   engine around it loads, decides, commits to the [`Store`], and then tells.
//! * [`channel`]: what a channel is, wherever its code lives.
//! * The engine has no threads of its own: the host decides who calls [`Engine::deliver`] and when.
#![forbid(unsafe_code)]

mod apart;
mod bounds;
pub mod channel;
mod config;
mod decide;
mod delivery;
mod engine;
mod environment;
#[cfg(feature = "failpoints")]
pub mod failpoint;
#[cfg(not(feature = "failpoints"))]
mod failpoint;
mod inbound;
mod interaction;
mod json;
pub mod lifecycle;
mod near;
mod notify;
mod operation;
#[cfg(feature = "proptest")]
pub mod proptest;
mod store;

pub use config::{
    Config, ConfigError, FetchLimits, Limits, PluginConfig, PluginsConfig, Retention, StoreConfig,
};
pub use decide::{Decision, Facts, decide, decide_on_collection};
pub use delivery::{Delivery, Stage, Work};
pub use engine::{API_MULTIMEDIA, Agent, ChannelTaken, Engine, Error, HostDelivery, Reply, Waiting};
pub use environment::{Clock, Environment, Ids, Random, SystemClock, SystemRandom, TimedIds};
pub use inbound::Inbound;
pub use interaction::{
    Additions, AgentId, DeliveryId, Details, Id, Interaction, InteractionId, InvalidAgentId, InvalidId, More,
    Placement, UserData, UserDataError,
};
pub use notify::{Note, NoteText, Notification, Subscription, Topic};
pub use operation::{Asked, InvalidPath, QueuePath, Refusal, Request, StatusCode, TransferTarget};
/// A name that a record holds itself, if it is not longer than 23 bytes: what many records share, the cores would wait
/// for each other to count.
pub use smol_str::SmolStr;
pub use store::{
    AccountPause, AgentChange, AgentRecord, Commit, CommitError, ContactAddress, ContactOnChannel,
    ExternalId, Few, KeptNote, KeptReply, LastAgent, MemoryStore, NoteLog, OpenError, Pause, PauseChange,
    Prune, Pruned, RequestKey, Store, StoreError,
};
#[cfg(feature = "sqlite")]
pub use store::{
    Compacted, ExportError, Exported, Findings, ImportError, Imported, Observer, Progress, SqliteStore,
    StoreFile, TableFindings,
};
