//! What agents are told: the published samples member for member, topics, order, bounds, the descriptor.

mod support;

use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};
use strowger::channel::Outcome;
use strowger::{API_MULTIMEDIA, Config, Limits, Notification, Subscription};
use support::{ACCOUNT, Desk, QUEUE, Turn, World, config, id_of, json, resource, send, text_of, tweet};

/// Asks for drafts until the next `referenceId` is the given one.
fn count_up_to(desk: &Desk, reference_id: u64) {
    let create = json!({"operationName": "Create"});
    while desk.does("", &create) + 1 < reference_id {}
    desk.forget();
}

/// The one note that waits is the document, member for member.
fn assert_sample(desk: &Desk, sample: &str) {
    assert_eq!(desk.note(), json(sample));
}

// ------------------------------------------------------------------------------- the samples

#[test]
fn sample_of_save_without_a_resource() {
    let world = World::new();
    let desk = world.desk("a1");
    count_up_to(&desk, 39);
    world.ids.put("01QQG2MU214P066");
    desk.does("", &json!({"operationName": "Create", "userData": {"UserData2": 123_456_789}}));
    desk.forget();
    assert_eq!(desk.does("01QQG2MU214P066", &json!({"operationName": "Save"})), 40);
    assert_sample(&desk, include_str!("data/twitter-saved-without-resource.json"));
}

#[test]
fn sample_of_save_with_a_resource() {
    let world = World::new();
    let desk = world.desk("a1");
    count_up_to(&desk, 15);
    world.ids.put("01QQQG2MU214P069");
    desk.does("", &json!({"operationName": "Create", "userData": {"UserData2": 123_456_789}}));
    desk.forget();
    let saved = json!({"from": "vitaliy_onv", "message": "Hello saved twitter!"});
    let reference_id = desk.does("01QQQG2MU214P069", &json!({"operationName": "Save", "twitter": saved}));
    assert_eq!(reference_id, 16);
    assert_sample(&desk, include_str!("data/twitter-saved.json"));
}

#[test]
fn sample_of_send_on_twitter() {
    let world = World::new();
    let desk = world.desk("a1");
    count_up_to(&desk, 56);
    world.ids.put("01QQQG2MU214P06D");
    desk.draft();
    world.ids.put("00025aA4V4DR01M6");
    let reply = desk.asks("01QQQG2MU214P06D", &send("vitaliy_onv", "Hello Twitter!"));
    assert_eq!(json(&reply.to_json()), json!({"statusCode": 0, "referenceId": 57}));
    assert_sample(&desk, include_str!("data/twitter-sent.json"));
}

/// The sample's own id, `uri` and `referenceId` contradict each other: the reply's are taken. `from` is
/// shown, though the sample omits it.
#[test]
fn sample_of_send_on_facebook() {
    let world = World::new();
    let desk = world.desk("a1");
    count_up_to(&desk, 56);
    let given = json!({
        "_facebookActorObjectType": "com.genesyslab.mcr.facebook.fql.User",
        "_facebookActorXML": "<com.genesyslab.mcr.facebook.fql.User>[xml with facebook actor description]\
                              </com.genesyslab.mcr.facebook.fql.User>",
        "_facebookSourceObjectType": "com.genesyslab.mcr.facebook.fql.Page",
        "_facebookSourceXML": "<com.genesyslab.mcr.facebook.fql.Page>[xml with facebook page description]\
                               </com.genesyslab.mcr.facebook.fql.Page>",
    });
    world.ids.put("01QQQG2MU214P06D");
    desk.does_on("facebook", "", &json!({"operationName": "Create", "userData": given}));
    desk.forget();
    world.ids.put("00029aAGQP53000S");
    let body = json!({"queuePath": QUEUE, "operationName": "Send",
                      "facebook": {"message": "Hello Facebook!", "from": "vitaliy_onv"}});
    let reply = desk.asks_on("facebook", "01QQQG2MU214P06D", &body);
    assert_eq!(json(&reply.to_json()), json!({"statusCode": 0, "referenceId": 57}));
    assert_sample(&desk, include_str!("data/facebook-sent.json"));
}

#[test]
fn sample_of_complete() {
    let sample = include_str!("data/twitter-completed.json");
    let expected = json(sample);
    let world = World::new();
    let desk = world.desk("a1");
    let of = |member: &str| expected["twitter"][member].clone();
    let id = world.receive(&json!({
        "id": of("id"), "from": of("from"), "message": of("message"), "contactId": of("contactId"),
        "receivedDate": of("receivedDate"), "queuePath": QUEUE, "userData": of("userData"),
    }));
    count_up_to(&desk, 44);
    world.engine.offer(&id, "a1").unwrap();
    desk.does(&id, &json!({"operationName": "Accept"}));
    desk.forget();
    let body = json!({"operationName": "Complete", "queuePath": QUEUE});
    assert_eq!(json(&desk.asks(&id, &body).to_json()), json!({"statusCode": 0, "referenceId": 45}));
    let note = desk.subscription.next(Duration::ZERO).expect("a note");
    assert_eq!(support::data(&note), expected);
    // To the letter: nothing was reordered or written anew.
    let user_data = expected["twitter"]["userData"].to_string();
    assert!(note.to_json().contains(&format!("\"userData\":{user_data}")));
}

// ------------------------------------------------------------------------------------- shapes

#[test]
fn an_error_tells_what_went_wrong_with_the_resource_as_it_stands() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    let reference_id = desk.does(&id, &send(ACCOUNT, "Hello"));
    desk.forget();
    let outcome = Outcome::Rejected { code: "186".into(), message: "Tweet needs to be a bit shorter".into() };
    world.channel.then(Turn::ends(outcome));
    world.deliver();
    let note = desk.note();
    assert_eq!(
        note,
        json!({
            "messageType": "TwitterStateChangeMessage",
            "notificationType": "Error",
            "referenceId": reference_id,
            "errorCode": "186",
            "errorMessage": "Tweet needs to be a bit shorter",
            "twitter": desk.sees(&id),
        })
    );
    assert_eq!(resource(&note)["state"], "Composing");
}

#[test]
fn operations_on_the_collection_are_answered_by_a_response_of_their_own() {
    let world = World::new();
    let desk = world.desk("a1");
    let follow = json!({"operationName": "Follow", "twitterUserId": "9", "from": ACCOUNT});
    let reference_id = desk.does("", &follow);
    desk.hears_nothing();
    world.deliver();
    assert_eq!(
        desk.note(),
        json!({"messageType": "TwitterOperationResponse", "referenceId": reference_id, "success": "true"})
    );

    let reference_id = desk.does("", &follow);
    let outcome = Outcome::Rejected { code: "162".into(), message: "You have been blocked".into() };
    world.channel.then(Turn::ends(outcome));
    world.deliver();
    let note = desk.note();
    assert_eq!(note["messageType"], "TwitterOperationResponse");
    assert_eq!(note["referenceId"], reference_id);
    assert_eq!((&note["success"], &note["errorMessage"]), (&json!("false"), &json!("You have been blocked")));
    assert!(note.get("twitter").is_none() && note.get("notificationType").is_none());
}

#[test]
fn an_operation_on_an_interaction_tells_what_it_changed() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = world.processing(&desk);
    let reference_id = desk.does(&id, &json!({"operationName": "Retweet"}));
    desk.hears_nothing();
    let mut report = strowger::channel::Report::from(Outcome::Done);
    report.user_data.insert("_twitterIsRetweet".into(), "true".into());
    world.channel.then(Turn::reports(report));
    world.deliver();
    let note = desk.note();
    assert_eq!(note["notificationType"], "PropertiesUpdated");
    assert_eq!(note["referenceId"], reference_id);
    assert_eq!(resource(&note)["userData"]["_twitterIsRetweet"], "true");
    assert_eq!(*resource(&note), desk.sees(&id));

    let reference_id = desk.does(&id, &json!({"operationName": "MarkFavorite"}));
    let outcome = Outcome::Rejected { code: "139".into(), message: "already favorited".into() };
    world.channel.then(Turn::ends(outcome));
    world.deliver();
    let note = desk.note();
    assert_eq!(note["notificationType"], "Error");
    assert_eq!((&note["errorCode"], &note["referenceId"]), (&json!("139"), &json!(reference_id)));
    assert_eq!(resource(&note)["state"], "Processing");
}

#[test]
fn the_envelope_names_topic_and_sequence() {
    let world = World::new();
    let desk = world.desk("a1");
    desk.does("", &json!({"operationName": "Create"}));
    let envelope = json(&desk.subscription.next(Duration::ZERO).unwrap().to_json());
    let members: Vec<_> = envelope.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["channel", "data", "sequence"]);
    assert_eq!((&envelope["channel"], &envelope["sequence"]), (&json!("/v2/me/twitter"), &json!(1)));
}

// --------------------------------------------------------------------------- topics and sequence

#[test]
fn a_topic_gets_its_channels_notes_and_a_star_gets_all() {
    let world = World::new();
    let agent = world.engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    let topics = ["/v2/me/twitter", "/v2/me/facebook", "/v2/me/*"];
    let subscriptions = topics.map(|topic| agent.subscribe(topic).unwrap());
    let desk = Desk::of(agent);
    for channel in ["twitter", "facebook", "twitter"] {
        desk.does_on(channel, "", &json!({"operationName": "Create"}));
    }
    let heard = subscriptions.each_ref().map(|subscription| {
        std::iter::from_fn(|| subscription.next(Duration::ZERO))
            .map(|note| (text_of(&json(&note.to_json()), "channel"), note.sequence()))
            .collect::<Vec<_>>()
    });
    let (twitter, facebook) = ("/v2/me/twitter".to_owned(), "/v2/me/facebook".to_owned());
    // The sequence counts per agent, whatever is subscribed to.
    assert_eq!(heard[0], [(twitter.clone(), 1), (twitter.clone(), 3)]);
    assert_eq!(heard[1], [(facebook.clone(), 2)]);
    assert_eq!(heard[2], [(twitter.clone(), 1), (facebook, 2), (twitter, 3)]);
}

#[test]
fn each_agent_has_a_sequence_of_its_own_and_hears_only_its_own() {
    let world = World::new();
    let (first, second) = (world.desk("a1"), world.desk("a2"));
    for _ in 0..3 {
        first.does("", &json!({"operationName": "Create"}));
    }
    second.hears_nothing();
    first.forget();
    second.does("", &json!({"operationName": "Create"}));
    assert_eq!(second.subscription.next(Duration::ZERO).unwrap().sequence(), 1);
    first.hears_nothing();
}

#[test]
fn the_sequence_counts_on_while_nobody_listens() {
    let world = World::new();
    let agent = world.engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    let create = br#"{"operationName":"Create"}"#;
    agent.perform("twitter", None, create).unwrap();
    let desk = Desk::of(agent);
    desk.hears_nothing();
    desk.does("", &json!({"operationName": "Create"}));
    assert_eq!(desk.subscription.next(Duration::ZERO).unwrap().sequence(), 2);
}

#[test]
fn two_sessions_of_one_agent_share_reference_ids_interactions_and_notes() {
    let world = World::new();
    let (one, other) = (world.desk("a1"), world.desk("a1"));
    assert_eq!(one.does("", &json!({"operationName": "Create"})), 1);
    assert_eq!(other.does("", &json!({"operationName": "Create"})), 2);
    assert_eq!(one.does("", &json!({"operationName": "Create"})), 3);
    let heard = one.notes();
    assert_eq!(heard.len(), 3);
    assert_eq!(other.notes(), heard);
    // What one began, the other goes on with; also when the first has gone.
    let id = id_of(&heard[0]);
    drop(one);
    assert_eq!(other.does(&id, &json!({"operationName": "Cancel"})), 4);
}

#[test]
fn an_invitation_carries_no_reference_id() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = world.tweet();
    world.engine.offer(&id, "a1").unwrap();
    let note = desk.note();
    assert_eq!(note["notificationType"], "StatusChange");
    assert!(note.get("referenceId").is_none());
}

/// Planted fault: `Hub::pass_on` gives each queue a note of its own.
#[test]
fn a_note_is_written_once_for_all_who_subscribed() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    let sessions: Vec<_> = ["/v2/me/twitter", "/v2/me/*"]
        .into_iter()
        .cycle()
        .take(999)
        .map(|topic| desk.agent.subscribe(topic).expect("there is room for 1,000"))
        .collect();
    desk.does(&id, &json!({"operationName": "SetInFocus"}));
    desk.does(&id, &json!({"operationName": "AddComment", "comment": "asked twice"}));
    let written = |subscription: &Subscription| {
        let notes = std::iter::from_fn(|| subscription.next(Duration::ZERO));
        let data = notes.map(|notification| match notification {
            Notification::Note(note) => note,
            Notification::Lagged { .. } => panic!("nobody lags"),
        });
        data.collect::<Vec<_>>()
    };
    let first = written(&desk.subscription);
    assert_eq!(first.len(), 2);
    for session in &sessions {
        let theirs = written(session);
        assert_eq!(theirs.len(), first.len());
        assert!(first.iter().zip(&theirs).all(|(first, theirs)| Arc::ptr_eq(first, theirs)));
    }
}

// ---------------------------------------------------------------------------------- lag

fn with_limits(limits: Limits) -> (World, Desk) {
    let world = World::with(&Config { limits, ..config() });
    let desk = world.desk("a1");
    (world, desk)
}

fn create(desk: &Desk, times: u32) {
    for _ in 0..times {
        desk.does("", &json!({"operationName": "Create"}));
    }
}

fn take(subscription: &Subscription) -> Value {
    json(&subscription.next(Duration::ZERO).expect("something waits").to_json())
}

#[test]
fn a_queue_that_overflows_in_number_says_so_and_goes_on() {
    let (_world, desk) = with_limits(Limits { subscription_notes: 3, ..Limits::default() });
    create(&desk, 3);
    assert_eq!(desk.notes().len(), 3, "three fit");
    create(&desk, 4);
    let lag = json!({"channel": "/v2/me/*", "lagged": true, "sequence": 7});
    assert_eq!(take(&desk.subscription), lag, "the last that was lost");
    desk.hears_nothing();
    create(&desk, 1);
    assert_eq!(take(&desk.subscription)["sequence"], 8);
    // Overflowing again and again leaves one mark.
    create(&desk, 20);
    let first = take(&desk.subscription);
    assert_eq!(first["lagged"], true);
    let mut last = first["sequence"].as_u64().unwrap();
    while let Some(note) = desk.subscription.next(Duration::ZERO) {
        assert!(matches!(note, Notification::Note(_)));
        assert_eq!(note.sequence(), last + 1, "what follows the mark has no gap");
        last += 1;
    }
    assert_eq!(last, 28);
}

#[test]
fn a_queue_that_overflows_in_bytes_says_so_and_goes_on() {
    let (_world, desk) = with_limits(Limits { subscription_bytes: 4_000, ..Limits::default() });
    let long = json!({"operationName": "Create", "userData": {"k": "x".repeat(1_500)}});
    desk.does("", &long);
    desk.does("", &long);
    assert_eq!(desk.notes().len(), 2, "two fit");
    for _ in 0..3 {
        desk.does("", &long);
    }
    assert_eq!(take(&desk.subscription), json!({"channel": "/v2/me/*", "lagged": true, "sequence": 5}));
    // What was taken makes room again.
    desk.does("", &long);
    assert_eq!(take(&desk.subscription)["sequence"], 6);
    // One note that is too large alone is lost, and said to be.
    desk.does("", &json!({"operationName": "Create", "userData": {"k": "x".repeat(5_000)}}));
    assert_eq!(take(&desk.subscription)["lagged"], true);
    desk.hears_nothing();
}

#[test]
fn a_slow_subscription_harms_no_other() {
    let (_world, slow) = with_limits(Limits { subscription_notes: 2, ..Limits::default() });
    let quick = Desk::of(slow.agent.clone());
    for sequence in 1..=10 {
        create(&slow, 1);
        assert_eq!(take(&quick.subscription)["sequence"], sequence);
    }
    assert_eq!(take(&slow.subscription)["lagged"], true);
}

#[test]
fn subscriptions_of_an_agent_are_bounded_and_dropped_ones_make_room() {
    let (_world, desk) = with_limits(Limits { subscriptions: 2, ..Limits::default() });
    let second = desk.agent.subscribe("/v2/me/*").unwrap();
    assert!(desk.agent.subscribe("/v2/me/*").unwrap_err().to_string().contains('2'));
    drop(second);
    desk.agent.subscribe("/v2/me/*").unwrap();
}

// -------------------------------------------------------------------------------- order

#[test]
fn notes_of_one_interaction_come_in_the_order_of_its_changes() {
    const THREADS: usize = 4;
    const EACH: usize = 50;
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    let reference_ids: BTreeSet<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (desk, id) = (&desk, &id);
                scope.spawn(move || {
                    let key = |number| format!("t{thread}n{number}");
                    let attach =
                        |key: String| json!({"operationName": "AttachUserData", "userData": {key: 1}});
                    (0..EACH).map(|number| desk.does(id, &attach(key(number)))).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(reference_ids.len(), THREADS * EACH, "each request has its own referenceId");
    let mut before: Vec<String> = Vec::new();
    let mut told = BTreeSet::new();
    let mut sequence = 1;
    while let Some(note) = desk.subscription.next(Duration::ZERO) {
        sequence += 1;
        assert_eq!(note.sequence(), sequence);
        let note = support::data(&note);
        let keys: Vec<_> = resource(&note)["userData"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys.len(), before.len() + 1, "each change is told once");
        assert!(keys.starts_with(&before), "no change is told before an earlier one");
        before = keys;
        told.insert(note["referenceId"].as_u64().unwrap());
    }
    assert_eq!(told, reference_ids);
}

#[test]
fn a_draft_is_told_of_before_anything_that_happens_to_it() {
    let world = World::new();
    let desk = world.desk("a1");
    std::thread::scope(|scope| {
        let meddler = scope.spawn(|| {
            let second = world.engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
            let mut canceled = 0;
            while canceled < 50 {
                for resource in second.list("twitter").unwrap() {
                    let id = text_of(&json(&resource), "id");
                    let body = br#"{"operationName":"Cancel"}"#;
                    let reply = second.perform("twitter", Some(&id), body).unwrap();
                    canceled += u32::from(reply.http_status() == 200);
                }
                std::thread::yield_now();
            }
        });
        create(&desk, 50);
        meddler.join().unwrap();
    });
    let mut seen = BTreeSet::new();
    for note in desk.notes() {
        let about = resource(&note);
        let is_new = seen.insert(text_of(about, "id"));
        assert_eq!(about["state"], if is_new { "Composing" } else { "Canceled" });
    }
    assert_eq!(seen.len(), 50);
}

// ------------------------------------------------------------------------------ waiting

#[test]
fn a_waiting_subscription_is_woken_by_a_note_and_by_closing() {
    let world = World::new();
    let desk = world.desk("a1");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| desk.subscription.next(Duration::from_secs(60)));
        create(&desk, 1);
        assert_eq!(waiting.join().unwrap().unwrap().sequence(), 1);
        let waiting = scope.spawn(|| desk.subscription.next(Duration::MAX));
        world.engine.close();
        assert!(waiting.join().unwrap().is_none());
    });
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(std::sync::atomic::AtomicUsize);

impl std::task::Wake for Bell {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

/// Seen to fail when the waker is not kept, kept after it was called, or not called by a close.
#[test]
fn a_poll_that_finds_nothing_is_woken_once_by_the_next_note_and_by_a_close() {
    let world = World::new();
    let desk = world.desk("a1");
    let bells = [std::sync::Arc::new(Bell::default()), std::sync::Arc::new(Bell::default())];
    let rung = || bells.each_ref().map(|bell| bell.0.load(std::sync::atomic::Ordering::SeqCst));
    let poll = |bell: usize| {
        let waker = std::task::Waker::from(bells[bell].clone());
        desk.subscription
            .poll_next(&mut std::task::Context::from_waker(&waker))
            .map(|found| found.map(|notification| notification.sequence()))
    };
    create(&desk, 1);
    assert_eq!(poll(0), Poll::Ready(Some(1)), "what waits is there at once");
    assert_eq!(poll(0), Poll::Pending);
    create(&desk, 2);
    assert_eq!(rung(), [1, 0], "once, however many come");
    assert_eq!(poll(0), Poll::Ready(Some(2)));
    assert_eq!(poll(0), Poll::Ready(Some(3)));
    assert_eq!((poll(0), poll(1)), (Poll::Pending, Poll::Pending));
    create(&desk, 1);
    assert_eq!(rung(), [1, 1], "who polled last is woken");
    assert_eq!(poll(1), Poll::Ready(Some(4)));
    assert_eq!(poll(1), Poll::Pending);
    world.engine.close();
    assert_eq!((rung(), poll(1)), ([1, 2], Poll::Ready(None)));
}

/// Seen to fail (by a deadlock) when the waker is called under the queue's lock.
#[test]
fn whoever_is_woken_may_ask_the_subscription_at_once() {
    struct Asks(std::sync::Arc<Subscription>, std::sync::Mutex<Vec<u64>>);
    impl std::task::Wake for Asks {
        fn wake(self: std::sync::Arc<Self>) {
            let mut heard = self.1.lock().unwrap();
            heard.extend(self.0.next(Duration::ZERO).map(|notification| notification.sequence()));
        }
    }
    let world = World::new();
    let desk = world.desk("a1");
    let subscription = std::sync::Arc::new(
        world.engine.agent("a1", &[API_MULTIMEDIA]).unwrap().subscribe("/v2/me/*").unwrap(),
    );
    let asks = std::sync::Arc::new(Asks(subscription.clone(), std::sync::Mutex::default()));
    let waker = std::task::Waker::from(asks.clone());
    assert!(subscription.poll_next(&mut std::task::Context::from_waker(&waker)).is_pending());
    create(&desk, 1);
    assert_eq!(*asks.1.lock().unwrap(), [1]);
}

#[test]
fn the_descriptor_is_readable_exactly_while_something_waits() {
    let (_world, desk) = with_limits(Limits { subscription_notes: 2, ..Limits::default() });
    create(&desk, 1);
    let is_readable = || {
        let descriptor = desk.subscription.descriptor().unwrap();
        // SAFETY: the descriptor is the subscription's, which outlives this call.
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
        let mut polled = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let count = poll(&mut polled, Some(&now)).unwrap();
        assert_eq!(count == 1, polled[0].revents().contains(PollFlags::IN));
        count == 1
    };
    assert!(is_readable(), "made while something waits");
    let descriptor = desk.subscription.descriptor().unwrap();
    for round in 0..3 {
        take(&desk.subscription);
        assert!(!is_readable(), "round {round}: nothing waits");
        assert!(desk.subscription.next(Duration::ZERO).is_none());
        create(&desk, 1);
        assert!(is_readable(), "round {round}: one waits");
        create(&desk, 1);
        take(&desk.subscription);
        assert!(is_readable(), "round {round}: one still waits");
    }
    take(&desk.subscription);
    assert!(!is_readable());
    create(&desk, 3);
    assert!(is_readable(), "a mark of lag waits");
    take(&desk.subscription);
    assert!(!is_readable());
    assert_eq!(desk.subscription.descriptor().unwrap(), descriptor, "it stays the same");
}

#[test]
fn listing_shows_what_notes_of_a_lag_did_not() {
    let (world, desk) = with_limits(Limits { subscription_notes: 1, ..Limits::default() });
    let id = world.receive(&tweet());
    world.engine.offer(&id, "a1").unwrap();
    create(&desk, 2);
    assert_eq!(take(&desk.subscription)["lagged"], true);
    assert_eq!(desk.list().len(), 3);
    assert_eq!(desk.list()[0], id);
}
