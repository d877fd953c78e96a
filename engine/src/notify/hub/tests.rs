//! An agent's notes, where several are under way.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::*;
use crate::notify::Subscription;
use crate::store::MemoryStore;

struct Scene {
    hub: Arc<Hub>,
    store: MemoryStore,
    limits: Limits,
    topic: SmolStr,
}

impl Scene {
    fn new() -> Self {
        let limits = Limits::default();
        let hub = Arc::new(Hub::new(AgentId::parse("a1").unwrap(), None));
        Self { hub, store: MemoryStore::new(&limits), limits, topic: "/v2/me/x".into() }
    }

    fn subscribe(&self, from: Option<u64>) -> Arc<Queue> {
        let queue = Arc::new(Queue::new(Topic::new("/v2/me/*"), 10, 1_000));
        assert!(
            self.hub.add(&queue, from, &self.limits, &self.store, |commit| self.store.commit(commit)).is_ok()
        );
        queue
    }

    fn announce(&self, text: &str) -> (Announcement<'_>, Option<KeptNote>) {
        let write = || written(text);
        self.hub.announce(&self.topic, &self.limits, &self.store, write).unwrap()
    }

    fn commit(&self, kept: Option<KeptNote>) {
        self.store.commit(Commit { notes: kept.into_iter().collect(), ..Commit::default() }).unwrap();
    }
}

fn written(text: &str) -> NoteText {
    format!("\"{text}\"").into()
}

fn heard(queue: &Arc<Queue>) -> Vec<String> {
    let subscription = Subscription::new(queue.clone(), Arc::default(), Arc::new(()));
    std::iter::from_fn(|| subscription.next(Duration::ZERO)).map(|note| note.to_json()).collect()
}

fn note(sequence: u64, text: &str) -> String {
    format!(r#"{{"channel":"/v2/me/x","data":"{text}","sequence":{sequence}}}"#)
}

/// Fails if an agent's first subscriber, who came before the change was made, hears nothing of it, or
/// if one who comes back is not told that the log lacks it.
#[test]
fn a_first_subscriber_hears_of_what_is_being_committed() {
    let scene = Scene::new();
    let (change, kept) = scene.announce("unfollowed");
    assert!(kept.is_none(), "nobody is there to keep it for");
    let queue = scene.subscribe(None);
    change.tell(|| written("late"));
    assert_eq!(heard(&queue), [note(1, "late")]);
    let lagged = r#"{"channel":"/v2/me/*","lagged":true,"sequence":1}"#;
    assert_eq!(heard(&scene.subscribe(Some(0))), [lagged]);
    assert_eq!(heard(&scene.subscribe(Some(1))), [""; 0]);
}

/// Fails if a change that panics holds up those behind it, or leaves its note behind.
#[test]
fn a_change_that_comes_to_nothing_holds_nobody_up() {
    let scene = Scene::new();
    let queue = scene.subscribe(None);
    let [(first, kept_first), (second, _), (third, kept_third)] =
        ["1", "2", "3"].map(|text| scene.announce(text));
    scene.commit(kept_third);
    third.tell(|| unreachable!("it is written"));
    scene.commit(kept_first);
    first.tell(|| unreachable!("it is written"));
    assert_eq!(heard(&queue), [note(1, "1")]);
    let panics = catch_unwind(AssertUnwindSafe(move || {
        let _change = second;
        panic!("on purpose");
    }));
    assert!(panics.is_err());
    assert_eq!(heard(&queue), [note(3, "3")]);
    assert_eq!(heard(&scene.subscribe(Some(0))), [note(1, "1"), note(3, "3")]);
}

/// Fails if what is committed, and told only when an earlier number is settled, is given twice.
#[test]
fn what_waits_for_its_turn_is_not_missed_yet() {
    let scene = Scene::new();
    scene.subscribe(None);
    let [(first, kept_first), (second, kept_second)] = ["1", "2"].map(|text| scene.announce(text));
    scene.commit(kept_second);
    second.tell(|| unreachable!("it is written"));
    let queue = scene.subscribe(Some(0));
    assert_eq!(heard(&queue), [""; 0]);
    scene.commit(kept_first);
    first.tell(|| unreachable!("it is written"));
    assert_eq!(heard(&queue), [note(1, "1"), note(2, "2")]);
}
