//! The floor of a request: its JSON parsed into a type, and its reply and its notification serialised from ready
//! structs into buffers that are used again. `serde_json` does it all, and nothing else is done: no state is
//! looked up, nothing is decided, kept or told.
//!
//! The types are what somebody would write who knows `serde_json` well: texts of a request are borrowed
//! wherever they have no escapes, what can be one of a few words is an enum, members of a known name are
//! fields. User data has whatever keys its writers chose: a map, of ready values.

use std::borrow::Cow;
use std::hint::black_box;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::contest::Prepared;

/// The reference's Send: the request.
pub const SEND_REQUEST: &str = include_str!("../data/send_request.json");
/// The reference's Send: what the agent is told.
pub const SENT_NOTIFICATION: &str = include_str!("../data/sent_notification.json");
/// The reference's Complete: the request.
pub const COMPLETE_REQUEST: &str = include_str!("../data/complete_request.json");
/// The reference's Complete of an interaction with all its user data: what the agent is told.
pub const COMPLETE_NOTIFICATION: &str = include_str!("../data/complete_notification.json");

/// A request, what answers it and what tells of it, ready to be written.
pub struct Floor {
    request: &'static str,
    parse: fn(&[u8]),
    reply: Reply,
    notification: Notification,
    written: Written,
}

/// The buffers, each used again in every round.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The reply's JSON.
    pub reply: Vec<u8>,
    /// The notification's JSON.
    pub notification: Vec<u8>,
}

/// The body of a Send.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "what is measured is the parsing")]
struct Send<'a> {
    operation_name: Operation,
    #[serde(borrow)]
    queue_path: Text<'a>,
    #[serde(borrow)]
    twitter: Message<'a>,
    #[serde(rename = "saveLAR")]
    saves_last_agent: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "what is measured is the parsing")]
struct Message<'a> {
    #[serde(borrow)]
    from: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
}

/// The body of a Complete.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "what is measured is the parsing")]
struct Complete<'a> {
    operation_name: Operation,
    #[serde(borrow)]
    queue_path: Option<Text<'a>>,
    #[serde(rename = "saveLAR")]
    saves_last_agent: Option<bool>,
}

/// A text, borrowed if it has no escapes; a plain `Cow` would be copied where it is optional.
#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "what is measured is the parsing")]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Debug, Deserialize)]
enum Operation {
    Send,
    Complete,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    status_code: u16,
    reference_id: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Notification {
    message_type: String,
    #[serde(rename = "notificationType")]
    kind: String,
    reference_id: u64,
    twitter: Tweet,
}

/// Members in the order in which they are written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Tweet {
    capabilities: Vec<String>,
    contact_id: String,
    from: String,
    id: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    received_date: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revelant_response_template_groups: Option<Vec<String>>,
    state: String,
    subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suggested_queue_uris: Option<Vec<String>>,
    twitter_type: String,
    uri: String,
    user_data: Map<String, Value>,
}

impl Floor {
    /// Of the reference's Send on a fresh draft.
    pub fn send() -> Self {
        Self::of(SEND_REQUEST, |request| drop(black_box(parsed::<Send<'_>>(request))), SENT_NOTIFICATION)
    }

    /// Of the reference's Complete on an interaction with all its user data.
    pub fn complete() -> Self {
        Self::of(
            COMPLETE_REQUEST,
            |request| drop(black_box(parsed::<Complete<'_>>(request))),
            COMPLETE_NOTIFICATION,
        )
    }

    fn of(request: &'static str, parse: fn(&[u8]), notification: &str) -> Self {
        let notification: Notification =
            serde_json::from_str(notification).expect("the notification is of its type");
        let reply = Reply { status_code: 0, reference_id: notification.reference_id };
        Self { request, parse, reply, notification, written: Written::default() }
    }

    /// One round: the request is parsed, reply and notification are written.
    pub fn round(&mut self) -> &Written {
        (self.parse)(black_box(self.request.as_bytes()));
        let Written { reply, notification } = &mut self.written;
        reply.clear();
        serde_json::to_writer(&mut *reply, black_box(&self.reply)).expect("a buffer takes everything");
        notification.clear();
        serde_json::to_writer(&mut *notification, black_box(&self.notification))
            .expect("a buffer takes everything");
        black_box(&self.written)
    }
}

/// A floor, and how many rounds of it.
struct Rounds {
    floor: Floor,
    rounds: usize,
}

/// Rounds of the reference's Send.
pub(crate) fn prepare_sends(rounds: usize) -> Box<dyn Prepared> {
    Box::new(Rounds { floor: Floor::send(), rounds })
}

/// Rounds of the reference's Complete.
pub(crate) fn prepare_completes(rounds: usize) -> Box<dyn Prepared> {
    Box::new(Rounds { floor: Floor::complete(), rounds })
}

impl Prepared for Rounds {
    fn play(&mut self) {
        for _ in 0..self.rounds {
            self.floor.round();
        }
    }

    fn check(&self) {
        assert!(!self.floor.written.notification.is_empty(), "something is written");
    }
}

fn parsed<'a, T: Deserialize<'a>>(request: &'a [u8]) -> T {
    serde_json::from_slice(request).expect("the request is of its type")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subjects::{Followed, QUEUE, Subjects};

    /// What the engine wrote, with the reference's ids and number instead of its own.
    fn with_ids_of(reference: &str, written: &str) -> String {
        let [reference, ours] = [reference, written].map(|json| parsed::<Notification>(json.as_bytes()));
        let number = |of: &Notification| format!("\"referenceId\":{}", of.reference_id);
        written
            .replace(&ours.twitter.id, &reference.twitter.id)
            .replace(&ours.twitter.contact_id, &reference.twitter.contact_id)
            .replace(&number(&ours), &number(&reference))
    }

    /// Planted faults: a member of [`Tweet`] left out, two of them exchanged, one more in the manifest's
    /// `sendUserData`.
    #[test]
    fn the_floor_writes_the_bytes_that_the_engine_writes() {
        for (mut floor, mut subjects, reference) in [
            (Floor::send(), Subjects::drafts(2, Followed::Yes), SENT_NOTIFICATION),
            (Floor::complete(), Subjects::inbound(2, Followed::Yes), COMPLETE_NOTIFICATION),
        ] {
            subjects.perform_next();
            let done = subjects.perform_next();
            let written = floor.round();
            let notification = done.notification.expect("the agent is followed");
            assert_eq!(std::str::from_utf8(&written.notification).expect("text"), reference);
            assert_eq!(with_ids_of(reference, notification), reference);
            let number = parsed::<Notification>(notification.as_bytes()).reference_id;
            let recorded = parsed::<Notification>(reference.as_bytes()).reference_id;
            let reply = done.reply.replace(&format!(":{number}}}"), &format!(":{recorded}}}"));
            assert_eq!(std::str::from_utf8(&written.reply).expect("text"), reply);
        }
    }

    /// What is parsed is all that the request says. Planted faults: a member of [`Send`] misspelt, `Cow` instead of
    /// [`Text`].
    #[test]
    fn a_request_is_parsed_whole_and_borrowed() {
        let send = parsed::<Send<'_>>(SEND_REQUEST.as_bytes());
        assert!(matches!(send.operation_name, Operation::Send));
        assert!(matches!(send.twitter.message.0, Cow::Borrowed("Hello Twitter!")));
        assert!(matches!(send.twitter.from.0, Cow::Borrowed("vitaliy_onv")));
        assert!(matches!(send.queue_path.0, Cow::Borrowed(path) if path == QUEUE));
        let complete = parsed::<Complete<'_>>(COMPLETE_REQUEST.as_bytes());
        assert!(matches!(complete.operation_name, Operation::Complete));
        assert!(matches!(complete.queue_path, Some(Text(Cow::Borrowed(path))) if path == QUEUE));
        assert_eq!((send.saves_last_agent, complete.saves_last_agent), (None, None));
    }
}
