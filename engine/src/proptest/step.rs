//! What can happen, step by step, written as a reader would say it: `a1: Send(birds #3, …)`.

use std::fmt;

use serde_json::{Map, Value};

use super::world::{AGENTS, CHANNELS};
use crate::channel::Outcome;

/// One thing that happens.
#[derive(Clone, PartialEq)]
pub enum Step {
    /// An agent asks for an operation.
    Ask {
        /// Which of the [`AGENTS`].
        agent: usize,
        /// Which of the [`CHANNELS`].
        channel: usize,
        /// On what.
        on: On,
        /// What is asked for.
        request: Request,
    },
    /// The host hands in what a customer wrote.
    Receive {
        /// Which of the [`CHANNELS`].
        channel: usize,
        /// The document's members.
        members: Map<String, Value>,
    },
    /// The host offers an interaction to an agent.
    Offer {
        /// The interaction's number.
        interaction: usize,
        /// Which of the [`AGENTS`]; any other number is an agent whom nobody knows.
        agent: usize,
    },
    /// The host offers the oldest interaction of a queue to an agent, if there is one.
    OfferNext {
        /// Which of the [`QUEUES`](super::world::QUEUES).
        queue: usize,
        /// Which of the [`AGENTS`].
        agent: usize,
    },
    /// The host takes an offer back.
    Revoke {
        /// The interaction's number.
        interaction: usize,
    },
    /// The next delivery through the plugin is worked on, and ends so.
    Deliver {
        /// How it ends.
        outcome: Outcome,
        /// Whether the plugin reports user data to be kept.
        reports: bool,
    },
    /// The host takes the next delivery of the channel that it runs itself.
    HandOut,
    /// The host says what became of a delivery that it took.
    Settle {
        /// Which of those it took, in order; any other number is a delivery that nobody knows.
        delivery: usize,
        /// What became of it.
        outcome: Outcome,
    },
    /// An account's credentials have changed.
    Resume {
        /// Which of the [`CHANNELS`].
        channel: usize,
        /// Which of its accounts.
        account: usize,
    },
    /// An agent subscribes once more: to one channel's topic, or to all.
    Subscribe {
        /// Which of the [`AGENTS`].
        agent: usize,
        /// Which of the [`CHANNELS`]; `None` for all.
        channel: Option<usize>,
    },
    /// What waits in the agent's further subscriptions is read.
    Drain {
        /// Which of the [`AGENTS`].
        agent: usize,
    },
    /// Time passes.
    Pass {
        /// So many milliseconds.
        ms: i64,
    },
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The collection.
    Collection,
    /// The interaction of that number; they count from 1 in the order in which they came to be. One that
    /// does not exist is asked for by an id that nobody has.
    Interaction(usize),
    /// A text that is no id.
    Nonsense,
}

/// What an agent asks for.
#[derive(Clone, PartialEq)]
pub enum Request {
    /// An operation with its parameters, right or wrong.
    Operation {
        /// `operationName`.
        name: String,
        /// The other members.
        members: Map<String, Value>,
    },
    /// A body that is no request.
    Malformed(Flaw),
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It is cut off.
    CutOff,
    /// It is an array.
    Array,
    /// `operationName` is missing.
    NoName,
    /// `operationName` is a number.
    NameIsNumber,
    /// It nests beyond all measure.
    TooDeep,
    /// It has more bytes than the limit.
    TooLarge,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::CutOff, Self::Array, Self::NoName, Self::NameIsNumber, Self::TooDeep, Self::TooLarge];

    fn body(self) -> String {
        match self {
            Self::CutOff => "{\"operationName\": \"Create\"".into(),
            Self::Array => "[\"Create\"]".into(),
            Self::NoName => "{\"userData\": {}}".into(),
            Self::NameIsNumber => "{\"operationName\": 7}".into(),
            Self::TooDeep => {
                format!("{{\"operationName\":\"Create\",\"x\":{}{}}}", "[".repeat(100), "]".repeat(100))
            }
            Self::TooLarge => {
                format!("{{\"operationName\":\"Create\",\"x\":\"{}\"}}", "x".repeat(5_000))
            }
        }
    }
}

impl Request {
    /// An operation with these parameters.
    pub fn operation(name: &str, members: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let members = members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self::Operation { name: name.to_owned(), members }
    }

    /// The request's body.
    pub fn body(&self) -> String {
        match self {
            Self::Operation { name, members } => {
                let mut body = Map::new();
                body.insert("operationName".into(), name.as_str().into());
                body.extend(members.clone());
                Value::Object(body).to_string()
            }
            Self::Malformed(flaw) => flaw.body(),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let agent = |number: &usize| AGENTS.get(*number).copied().unwrap_or("ghost");
        let channel = |number: &usize| CHANNELS[*number].name;
        match self {
            Self::Ask { agent: who, channel: line, on, request } => {
                let about = match on {
                    On::Collection => channel(line).to_owned(),
                    On::Interaction(number) => format!("{} #{number}", channel(line)),
                    On::Nonsense => format!("{} #?", channel(line)),
                };
                match request {
                    Request::Operation { name, members } => {
                        write!(f, "{}: {name}({about}", agent(who))?;
                        parameters(f, members, ", ")?;
                        f.write_str(")")
                    }
                    Request::Malformed(flaw) => write!(f, "{}: {flaw:?} body ({about})", agent(who)),
                }
            }
            Self::Receive { channel: line, members } => {
                write!(f, "host: receive({}", channel(line))?;
                parameters(f, members, ", ")?;
                f.write_str(")")
            }
            Self::Offer { interaction, agent: to } => {
                write!(f, "host: offer(#{interaction} to {})", agent(to))
            }
            Self::OfferNext { queue, agent: to } => {
                write!(f, "host: offer(next of {} to {})", super::world::QUEUES[*queue], agent(to))
            }
            Self::Revoke { interaction } => write!(f, "host: revoke(#{interaction})"),
            Self::Deliver { outcome, reports } => {
                write!(f, "plugin: deliver → {}", said(outcome))?;
                f.write_str(if *reports { ", with user data" } else { "" })
            }
            Self::HandOut => f.write_str("host: take the next delivery"),
            Self::Settle { delivery, outcome } => {
                write!(f, "host: settle(taken #{}) → {}", delivery + 1, said(outcome))
            }
            Self::Resume { channel: line, account } => {
                write!(f, "host: resume({} {})", channel(line), CHANNELS[*line].accounts[*account].name)
            }
            Self::Subscribe { agent: who, channel: line } => {
                write!(f, "{}: subscribe to {}", agent(who), line.as_ref().map_or("everything", channel))
            }
            Self::Drain { agent: who } => write!(f, "{}: read the further subscriptions", agent(who)),
            Self::Pass { ms } => write!(f, "{ms} ms pass"),
        }
    }
}

fn said(outcome: &Outcome) -> String {
    let mut members = serde_json::to_value(outcome).unwrap_or_default();
    if let Some(members) = members.as_object_mut() {
        members.shift_remove("outcome");
        members.retain(|_, value| !value.is_null() && *value != "");
    }
    let members = members.to_string();
    if members == "{}" { outcome.name().to_owned() } else { format!("{} {members}", outcome.name()) }
}

fn parameters(f: &mut fmt::Formatter<'_>, members: &Map<String, Value>, before: &str) -> fmt::Result {
    members.iter().try_for_each(|(name, value)| write!(f, "{before}{name}: {value}"))
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation { name, members } => {
                write!(f, "{name}(")?;
                let mut before = "";
                for (key, value) in members {
                    write!(f, "{before}{key}: {value}")?;
                    before = ", ";
                }
                f.write_str(")")
            }
            Self::Malformed(flaw) => write!(f, "{flaw:?}"),
        }
    }
}
