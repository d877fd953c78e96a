//! What became of what was sent: agents are told, and whoever waits for an interaction hears it from there. No
//! thread waits.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde_json::Value;
use strowger::{Notification, Subscription};
use tokio::sync::oneshot::{self, Receiver, Sender};

/// What an agent was told of an interaction that is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The platform has it.
    Published { post_id: Option<String>, location: Option<String> },
    /// It came back.
    Returned { code: String, message: String },
    /// Something was missed: the record knows.
    Missed,
}

/// Who waits for what.
#[derive(Default)]
pub(super) struct Outcomes {
    waiting: Mutex<HashMap<String, Place>>,
    count: AtomicU64,
}

/// Where one waits.
struct Place {
    number: u64,
    sender: Sender<Told>,
}

/// Waits for one interaction; gives the place back when it is dropped.
pub(super) struct Listening<'a> {
    outcomes: &'a Outcomes,
    id: String,
    number: u64,
    told: Receiver<Told>,
}

impl Outcomes {
    /// Listens from now on. One listens to an interaction at a time: a later one takes the place.
    pub(super) fn listen(&self, id: &str) -> Listening<'_> {
        let (sender, told) = oneshot::channel();
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().insert(id.to_owned(), Place { number, sender });
        Listening { outcomes: self, id: id.to_owned(), number, told }
    }

    /// Passes on what an agent is told, until the engine is closed.
    pub(super) async fn feed(&self, subscription: Subscription) {
        while let Some(notification) = poll_fn(|context| subscription.poll_next(context)).await {
            match notification {
                Notification::Note(note) => self.pass_on(&note.data.to_string()),
                Notification::Lagged { .. } => {
                    for (_, waiting) in self.waiting.lock().drain() {
                        // Whoever left does not mind.
                        let _ = waiting.sender.send(Told::Missed);
                    }
                }
            }
        }
    }

    fn pass_on(&self, note: &str) {
        if self.waiting.lock().is_empty() {
            return;
        }
        let Some((id, told)) = read(note) else { return };
        if let Some(waiting) = self.waiting.lock().remove(&id) {
            let _ = waiting.sender.send(told);
        }
    }
}

impl Listening<'_> {
    /// What the agent is told; [`Told::Missed`] where that can't come any more.
    pub(super) async fn told(&mut self) -> Told {
        (&mut self.told).await.unwrap_or(Told::Missed)
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        let mut waiting = self.outcomes.waiting.lock();
        // A later one may have the place.
        if waiting.get(&self.id).is_some_and(|place| place.number == self.number) {
            waiting.remove(&self.id);
        }
    }
}

/// The interaction of a notification, and what it tells of a delivery's end.
fn read(note: &str) -> Option<(String, Told)> {
    let note: Value = serde_json::from_str(note).ok()?;
    let resource = note.as_object()?.values().find(|member| member["id"].is_string())?;
    let id = resource["id"].as_str()?.to_owned();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match (note["notificationType"].as_str()?, resource["state"].as_str()?) {
        ("StatusChange", "Completed") => {
            let data = &resource["userData"];
            let (post_id, location) = (text(&data["_deliveryPostId"]), text(&data["_deliveryPostLocation"]));
            Some((id, Told::Published { post_id, location }))
        }
        ("Error", "Composing") => {
            let code = text(&note["errorCode"]).unwrap_or_default();
            Some((id, Told::Returned { code, message: text(&note["errorMessage"]).unwrap_or_default() }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_delivery_is_told() {
        let note = |kind: &str, state: &str| {
            format!(
                r#"{{"errorCode":"content","errorMessage":"no","messageType":"M","notificationType":"{kind}",
                    "twitter":{{"id":"I","state":"{state}","userData":{{"_deliveryPostId":"7"}}}}}}"#
            )
        };
        assert_eq!(read(&note("StatusChange", "Sent")), None);
        assert_eq!(read(&note("StatusChange", "Composing")), None);
        assert_eq!(read(&note("PropertiesUpdated", "Completed")), None);
        let published = Told::Published { post_id: Some("7".into()), location: None };
        assert_eq!(read(&note("StatusChange", "Completed")), Some(("I".into(), published)));
        let returned = Told::Returned { code: "content".into(), message: "no".into() };
        assert_eq!(read(&note("Error", "Composing")), Some(("I".into(), returned)));
    }

    /// Fails if a place is kept by one that left, or taken from one that came later.
    #[test]
    fn whoever_leaves_gives_the_place_back() {
        let outcomes = Outcomes::default();
        let first = outcomes.listen("I");
        let second = outcomes.listen("I");
        drop(first);
        assert_eq!(outcomes.waiting.lock().len(), 1);
        drop(second);
        assert_eq!(outcomes.waiting.lock().len(), 0);
    }
}
