//! What is measured: the same call from C and from Rust, after the same preparation.

use std::fmt;

/// How many calls are counted.
pub(crate) const CALLS: usize = 2_000;

/// The engine's configuration: interactions in memory, and a channel that is shaped like the Twitter
/// plugin's and that the program delivers itself.
pub(crate) const CONFIG: &str = r#"{ "name": "bench", "base_uri": "http://192.168.83.25:8080",
  "manifests": [ { "channel": "twitter", "collections": ["tweets"], "listMember": "tweets", "resource": "twitter",
    "uriPath": "me/tweets", "topic": "/v2/me/twitter", "messageType": "TwitterStateChangeMessage",
    "savedType": "TwitterSaved", "directionMember": "twitterType", "accounts": [ { "name": "vitaliy_onv" } ] } ] }"#;

const SAVE: &str = r#"{"operationName":"Save","twitter":{"message":"Hello Twitter!","from":"vitaliy_onv"}}"#;
const SEND: &str = concat!(
    r#"{"queuePath":"/contacts/60ebbb94-3cef-4b14-95f8-5c49dbeb355d","twitter":{"message":"Hello Twitter!","#,
    r#""from":"vitaliy_onv"},"operationName":"Send"}"#
);
const FOCUS: &str = r#"{"operationName":"SetInFocus","inFocus":true}"#;
const ATTACH: &str = r#"{"operationName":"UpdateUserData","userData":{"segment":"gold","reason":"billing"}}"#;
const COMPLETE: &str = r#"{"operationName":"Complete"}"#;

/// One measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    /// As the table and the record name it.
    pub(crate) name: &'static str,
    /// `perform`, `read` or `can`: what the drivers call.
    pub(crate) kind: &'static str,
    /// Performed on each draft before.
    pub(crate) prepare: &'static str,
    /// The body of the request, or the operation of `can`.
    pub(crate) asked: &'static str,
    /// Whether each call needs a draft of its own, since it changes the state.
    pub(crate) needs_fresh: bool,
    /// What is subscribed to; nothing if empty.
    pub(crate) topic: &'static str,
    /// How the last answer begins.
    pub(crate) answer: &'static str,
    /// How much the call may cost from C, by what it costs from Rust.
    pub(crate) limit: Limit,
}

/// How much a call may cost from C.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    /// So many times what it costs from Rust.
    Times(f64),
    /// So many instructions more than from Rust: for a call that is hardly longer than the way there and back.
    More(u64),
}

/// A call from C costs at most 5 % more than from Rust.
const FFI_LIMIT: Limit = Limit::Times(1.05);

const ACCEPTED: &str = r#"{"statusCode":0,"#;

const PERFORM: Measure = Measure {
    name: "",
    kind: "perform",
    prepare: SAVE,
    asked: "",
    needs_fresh: false,
    topic: "",
    answer: ACCEPTED,
    limit: FFI_LIMIT,
};

/// Every measure.
pub(crate) const MEASURES: &[Measure] = &[
    Measure { name: "save", asked: SAVE, ..PERFORM },
    Measure { name: "send", prepare: "", asked: SEND, needs_fresh: true, ..PERFORM },
    Measure {
        name: "send, notified",
        prepare: "",
        asked: SEND,
        needs_fresh: true,
        topic: "/v2/me/twitter",
        ..PERFORM
    },
    Measure { name: "update user data", asked: ATTACH, ..PERFORM },
    Measure { name: "set in focus", asked: FOCUS, ..PERFORM },
    Measure { name: "refusal", asked: COMPLETE, answer: r#"{"statusCode":3,"#, ..PERFORM },
    Measure { name: "read", kind: "read", answer: "{", limit: Limit::More(500), ..PERFORM },
    Measure { name: "can", kind: "can", asked: "Send", answer: "", limit: Limit::More(300), ..PERFORM },
];

impl Limit {
    /// Whether a call that costs `rust` from Rust and `c` from C keeps to it.
    #[allow(clippy::cast_precision_loss, reason = "counts of one call are far below 2^52")]
    pub(crate) fn holds(self, rust: u64, c: u64) -> bool {
        match self {
            Self::Times(times) => c as f64 <= rust as f64 * times,
            Self::More(more) => c <= rust + more,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(times) => write!(formatter, "{times:.2}"),
            Self::More(more) => write!(formatter, "+{more}"),
        }
    }
}

impl Measure {
    /// The drivers' arguments.
    pub(crate) fn arguments(&self) -> [String; 7] {
        let drafts = if self.needs_fresh { CALLS + 1 } else { 1 };
        [self.kind, CONFIG, &CALLS.to_string(), &drafts.to_string(), self.prepare, self.asked, self.topic]
            .map(str::to_owned)
    }
}
