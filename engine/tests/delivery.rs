//! Delivery: what each outcome does to a message, an operation, a look back and a question; when the next
//! try is made, and for whom; and that nothing is ever published twice by guessing.
//!
//! Time stands still until a test moves it.

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use strowger::channel::{Outcome, Report};
use strowger::{Engine, Environment, Error, HostDelivery, Limits, MemoryStore, Store};
use support::{
    ACCOUNT, Desk, FakeClock, FakeIds, FakeRandom, QUEUE, START_MS, Scripted, Turn, World, config, facebook,
    resource, send, text_of, twitter,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn published(id: &str) -> Outcome {
    Outcome::Published { id: Some(id.into()), location: Some(format!("https://x.test/{id}")) }
}

fn without_id() -> Outcome {
    Outcome::Published { id: None, location: None }
}

fn accepted(handle: &str) -> Outcome {
    Outcome::Accepted { handle: json!(handle) }
}

fn rejected() -> Outcome {
    Outcome::Rejected { code: "policy".into(), message: "against the rules".into() }
}

fn needs_login() -> Outcome {
    Outcome::NeedsLogin { message: "the token has expired".into() }
}

fn rate_limited(until_ms: i64) -> Outcome {
    Outcome::RateLimited { until_ms }
}

fn not_sent() -> Outcome {
    Outcome::NotSent { message: "connection refused".into(), retry_after_ms: None }
}

fn unknown() -> Outcome {
    Outcome::Unknown { message: "time ran out".into() }
}

fn cannot_tell() -> Outcome {
    Outcome::CannotTell { message: "403".into() }
}

/// One message or operation on its way, and whoever waits for it.
struct Errand {
    world: World,
    desk: Desk,
    id: String,
    reference_id: u64,
}

impl Errand {
    fn message() -> Self {
        Self::message_from(ACCOUNT)
    }

    fn message_from(account: &str) -> Self {
        let world = World::new();
        let desk = world.desk("a1");
        let id = desk.draft();
        let reference_id = desk.does(&id, &send(account, "Hello"));
        desk.forget();
        Self { world, desk, id, reference_id }
    }

    /// A Retweet.
    fn operation() -> Self {
        let world = World::new();
        let desk = world.desk("a1");
        let id = world.processing(&desk);
        let reference_id = desk.does(&id, &json!({"operationName": "Retweet"}));
        Self { world, desk, id, reference_id }
    }

    /// A message of which nobody knows whether it was published.
    fn in_doubt(account: &str) -> Self {
        let errand = Self::message_from(account);
        errand.world.channel.then(Turn::ends(unknown()));
        assert_eq!(errand.world.engine.deliver(1, Duration::ZERO).unwrap(), 1);
        errand.is_still_on_its_way();
        errand
    }

    /// A message that the platform works on.
    fn in_work() -> Self {
        let errand = Self::message();
        errand.meets(accepted("h1"));
        errand.is_still_on_its_way();
        errand
    }

    /// The next conversation ends so; all that is due is done, and no more than that one conversation.
    fn meets(&self, outcome: Outcome) {
        self.meets_turn(Turn::ends(outcome));
    }

    fn meets_turn(&self, turn: Turn) {
        self.world.channel.then(turn);
        assert_eq!(self.world.engine.deliver(1, Duration::ZERO).unwrap(), 1, "it is due");
    }

    /// Long enough for any next try.
    fn later(&self) {
        self.world.clock.advance(360_000);
    }

    fn kinds(&self) -> Vec<String> {
        self.world.channel.kinds()
    }

    fn is_still_on_its_way(&self) {
        self.desk.hears_nothing();
        assert_eq!(self.world.state(&self.id), "Sent");
        assert_eq!(self.world.engine.undelivered(), 1);
    }

    fn is_over(&self) {
        assert_eq!(self.world.engine.undelivered(), 0);
        let jobs = self.kinds().len();
        self.world.clock.advance(2 * DAY_MS);
        assert_eq!(self.world.deliver(), 0, "nothing is left to do");
        assert_eq!(self.kinds().len(), jobs);
        self.desk.hears_nothing();
    }

    /// The platform has the message.
    fn is_confirmed(&self, post_id: Option<&str>) {
        let note = self.answer("StatusChange");
        assert_eq!(resource(&note)["state"], "Completed");
        assert_eq!(resource(&note)["capabilities"], json!([]));
        let recorded = resource(&note)["userData"].get("_deliveryPostId").and_then(Value::as_str);
        assert_eq!(recorded, post_id);
        self.is_over();
    }

    /// The message is with its agent again.
    fn came_back(&self, code: &str, words: &str) {
        let note = self.answer("Error");
        assert_eq!(note["errorCode"], code);
        assert!(text_of(&note, "errorMessage").contains(words), "{note:#}");
        assert_eq!(resource(&note)["state"], "Composing");
        assert_eq!(self.desk.sees(&self.id)["capabilities"], json!(support::OUT9));
        self.is_over();
    }

    /// The one notification, which answers the request.
    fn answer(&self, kind: &str) -> Value {
        let note = self.desk.note();
        assert_eq!(note["notificationType"], kind, "{note:#}");
        assert_eq!(note["referenceId"], self.reference_id);
        assert_eq!(*resource(&note), self.desk.sees(&self.id));
        note
    }
}

// -------------------------------------------------------------------------------- publishing

#[test]
fn publish_published_completes() {
    let errand = Errand::message();
    errand.meets(published("42"));
    errand.is_confirmed(Some("42"));
    assert_eq!(errand.kinds(), ["publish"]);
    let seen = errand.desk.sees(&errand.id);
    assert_eq!(seen["userData"]["_deliveryPostLocation"], "https://x.test/42");
}

#[test]
fn publish_published_without_an_id_is_looked_up() {
    let errand = Errand::message();
    errand.meets(without_id());
    errand.is_still_on_its_way();
    errand.meets(published("42"));
    errand.is_confirmed(Some("42"));
    assert_eq!(errand.kinds(), ["publish", "reconcile"]);
}

#[test]
fn publish_accepted_is_asked_about_with_its_handle_and_never_published_again() {
    let errand = Errand::in_work();
    assert_eq!(errand.world.deliver(), 0, "not at once");
    errand.later();
    errand.meets(accepted("h2"));
    errand.is_still_on_its_way();
    errand.later();
    errand.meets(published("42"));
    errand.is_confirmed(Some("42"));
    assert_eq!(errand.kinds(), ["publish", "poll", "poll"]);
    let jobs = errand.world.channel.jobs();
    assert_eq!((&jobs[1]["handle"], &jobs[2]["handle"]), (&json!("h1"), &json!("h2")));
}

#[test]
fn publish_rejected_comes_back() {
    let errand = Errand::message();
    errand.meets(rejected());
    errand.came_back("policy", "against the rules");
    assert_eq!(errand.kinds(), ["publish"]);
}

#[test]
fn publish_needs_login_comes_back_and_holds_the_account() {
    let errand = Errand::message();
    errand.meets(needs_login());
    let note = errand.answer("Error");
    assert_eq!(resource(&note)["state"], "Composing");
    assert!(text_of(&note, "errorMessage").contains("expired"));
    let Errand { world, desk, .. } = errand;
    let held = World::sent(&desk, ACCOUNT, "held");
    let other = World::sent(&desk, "support", "not held");
    world.clock.advance(3_600_000);
    world.deliver();
    assert_eq!((world.state(&held), world.state(&other)), ("Sent", "Completed"));
    world.engine.resume_account("twitter", ACCOUNT).unwrap();
    assert_eq!(world.deliver(), 1);
    assert_eq!(world.state(&held), "Completed");
}

#[test]
fn publish_rate_limited_waits_until_then() {
    let errand = Errand::message();
    errand.meets(rate_limited(START_MS + 900_000));
    errand.is_still_on_its_way();
    errand.world.clock.set(START_MS + 899_999);
    assert_eq!(errand.world.deliver(), 0);
    errand.world.clock.set(START_MS + 900_000);
    errand.meets(published("42"));
    errand.is_confirmed(Some("42"));
    assert_eq!(errand.kinds(), ["publish", "publish"]);
}

#[test]
fn publish_not_sent_is_tried_again() {
    for turn in [Turn::ends_before(not_sent()), Turn::ends(not_sent())] {
        let errand = Errand::message();
        errand.meets_turn(turn);
        errand.is_still_on_its_way();
        assert_eq!(errand.world.deliver(), 0, "not at once");
        errand.later();
        errand.meets(published("42"));
        errand.is_confirmed(Some("42"));
        let jobs = errand.world.channel.jobs();
        assert_eq!((&jobs[0]["attempt"]["number"], &jobs[1]["attempt"]["number"]), (&json!(1), &json!(2)));
    }
}

#[test]
fn publish_not_sent_with_a_wait_is_tried_again_after_it() {
    let errand = Errand::message();
    errand.meets(Outcome::NotSent { message: String::new(), retry_after_ms: Some(70_000) });
    errand.world.clock.set(START_MS + 69_999);
    assert_eq!(errand.world.deliver(), 0);
    errand.world.clock.set(START_MS + 70_000);
    errand.meets(published("42"));
    errand.is_confirmed(Some("42"));
}

#[test]
fn publish_unknown_is_looked_up_and_never_published_again_before_absent() {
    let errand = Errand::in_doubt(ACCOUNT);
    for outcome in [not_sent(), rate_limited(START_MS + 1_000_000), not_sent()] {
        errand.world.clock.advance(2_000_000);
        errand.meets(outcome);
        errand.is_still_on_its_way();
    }
    assert_eq!(errand.kinds(), ["publish", "reconcile", "reconcile", "reconcile"]);
    errand.world.clock.advance(2_000_000);
    errand.meets(Outcome::Absent);
    errand.is_still_on_its_way();
    errand.meets(published("42"));
    errand.is_confirmed(Some("42"));
    assert_eq!(errand.kinds()[4..], ["reconcile", "publish"]);
}

/// What makes no sense as the answer to a publication says nothing about it: it is looked up.
#[test]
fn publish_answered_with_nonsense_is_in_doubt() {
    for nonsense in [Outcome::Done, Outcome::Absent, cannot_tell()] {
        let errand = Errand::message();
        errand.meets(nonsense);
        errand.is_still_on_its_way();
        errand.meets(cannot_tell());
        errand.came_back("outcome-unknown", "");
        assert_eq!(errand.kinds(), ["publish", "reconcile"]);
    }
}

#[test]
fn what_the_channel_learnt_is_merged_into_the_user_data() {
    let errand = Errand::message();
    let mut report = Report::from(published("42"));
    report.user_data.insert("_twitterLang".into(), json!("en"));
    report.user_data.insert("_umsChannel".into(), json!("over"));
    errand.meets_turn(Turn::reports(report));
    let user_data = errand.desk.sees(&errand.id)["userData"].clone();
    assert_eq!((&user_data["_twitterLang"], &user_data["_umsChannel"]), (&json!("en"), &json!("over")));
}

#[test]
fn a_publish_job_says_everything() {
    let errand = Errand::message();
    errand.world.deliver();
    let job = errand.world.channel.jobs().remove(0);
    assert_eq!(
        (&job["kind"], &job["channel"], &job["account"]),
        (&json!("publish"), &json!("twitter"), &json!(ACCOUNT))
    );
    assert_eq!((&job["interactionId"], &job["agentId"]), (&json!(errand.id), &json!("a1")));
    assert_eq!((&job["message"], &job["extras"]), (&json!("Hello"), &json!({})));
    assert_eq!(job["userData"]["_umsMediaAccount"], "1258948171");
    assert_eq!(job["attempt"], json!({"number": 1, "startedMs": START_MS}));
    assert!(!text_of(&job, "deliveryId").is_empty());
    assert!(job.get("parent").is_none() && job.get("operation").is_none() && job.get("handle").is_none());
}

// -------------------------------------------------------------------------------- operations

#[test]
fn operation_done_updates() {
    let errand = Errand::operation();
    errand.meets(Outcome::Done);
    errand.answer("PropertiesUpdated");
    errand.is_over();
    let job = errand.world.channel.jobs().remove(0);
    assert_eq!((&job["kind"], &job["operation"]["name"]), (&json!("operation"), &json!("Retweet")));
    assert_eq!(job["account"], ACCOUNT);
}

#[test]
fn operation_rejected_or_without_login_is_an_error_and_changes_nothing() {
    for (outcome, words) in [(rejected(), "against the rules"), (needs_login(), "expired")] {
        let errand = Errand::operation();
        let before = errand.desk.sees(&errand.id);
        errand.meets(outcome);
        let note = errand.answer("Error");
        assert!(text_of(&note, "errorMessage").contains(words));
        assert_eq!(*resource(&note), before);
        errand.is_over();
    }
}

#[test]
fn operation_not_sent_or_rate_limited_is_tried_again() {
    for outcome in [not_sent(), rate_limited(START_MS + 60_000)] {
        let errand = Errand::operation();
        errand.meets(outcome);
        errand.desk.hears_nothing();
        assert_eq!(errand.world.deliver(), 0);
        errand.later();
        errand.meets(Outcome::Done);
        errand.answer("PropertiesUpdated");
        assert_eq!(errand.kinds(), ["operation", "operation"]);
        errand.is_over();
    }
}

#[test]
fn operation_unknown_is_said_aloud_and_not_done_again() {
    let errand = Errand::operation();
    errand.meets(unknown());
    assert_eq!(errand.answer("Error")["errorCode"], "outcome-unknown");
    errand.is_over();
    assert_eq!(errand.kinds(), ["operation"]);
}

#[test]
fn an_operation_that_ends_after_its_interaction_answers_who_asked() {
    let errand = Errand::operation();
    errand.desk.does(&errand.id, &json!({"operationName": "Complete"}));
    errand.desk.forget();
    errand.meets(Outcome::Done);
    let note = errand.desk.note();
    assert_eq!(
        (&note["notificationType"], &note["referenceId"]),
        (&json!("PropertiesUpdated"), &json!(errand.reference_id))
    );
    assert_eq!(resource(&note)["state"], "Completed");
}

#[test]
fn operations_on_the_collection_are_delivered_too() {
    let world = World::new();
    let desk = world.desk("a1");
    let follow = json!({"operationName": "Follow", "twitterUserId": "9", "from": ACCOUNT});
    for (outcome, success) in [(Outcome::Done, "true"), (rejected(), "false"), (unknown(), "false")] {
        let reference_id = desk.does("", &follow);
        world.channel.then(Turn::ends(outcome));
        world.deliver();
        let note = desk.note();
        assert_eq!((&note["success"], &note["referenceId"]), (&json!(success), &json!(reference_id)));
    }
    let job = &world.channel.jobs()[0];
    assert_eq!(
        job["operation"],
        json!({"name": "Follow", "parameters": {"twitterUserId": "9", "from": ACCOUNT}})
    );
    assert!(job.get("interactionId").is_none());
    assert_eq!(world.engine.undelivered(), 0);
}

// --------------------------------------------------------------------------- looking back

#[test]
fn reconcile_published_completes_with_or_without_an_id() {
    let errand = Errand::in_doubt(ACCOUNT);
    errand.meets(published("42"));
    errand.is_confirmed(Some("42"));
    let errand = Errand::in_doubt(ACCOUNT);
    errand.meets(without_id());
    errand.is_confirmed(None);
    assert_eq!(errand.world.channel.publications(), 1);
}

#[test]
fn reconcile_cannot_tell_asks_the_agent() {
    let errand = Errand::in_doubt(ACCOUNT);
    errand.meets(cannot_tell());
    errand.came_back("outcome-unknown", "");
    assert_eq!(errand.kinds(), ["publish", "reconcile"]);
}

#[test]
fn reconcile_cannot_tell_sends_again_where_the_operator_chose_so() {
    let errand = Errand::in_doubt("brand");
    errand.meets(cannot_tell());
    errand.is_still_on_its_way();
    errand.meets(published("43"));
    errand.is_confirmed(Some("43"));
    assert_eq!(errand.kinds(), ["publish", "reconcile", "publish"]);
}

/// Whatever ends it then: the first attempt may be out there. Fails if the delivery forgets its doubt.
#[test]
fn what_was_sent_again_in_doubt_and_comes_back_is_called_unknown() {
    let day_after = |errand: &Errand| errand.world.clock.set(START_MS + DAY_MS);
    for (outcome, is_held) in
        [(rejected(), false), (not_sent(), false), (needs_login(), false), (not_sent(), true)]
    {
        let errand = Errand::in_doubt("brand");
        errand.meets(cannot_tell());
        if is_held {
            errand.meets(rate_limited(START_MS + DAY_MS));
        }
        day_after(&errand);
        errand.meets(outcome.clone());
        errand.came_back("outcome-unknown", "");
    }
    // A platform that answered leaves no doubt.
    let errand = Errand::in_doubt("brand");
    errand.meets(Outcome::Absent);
    day_after(&errand);
    errand.meets(not_sent());
    errand.came_back("not-delivered", "");
}

#[test]
fn reconcile_that_finds_it_published_is_believed_also_where_the_operator_chose_resend() {
    let errand = Errand::in_doubt("brand");
    errand.meets(published("42"));
    errand.is_confirmed(Some("42"));
    assert_eq!(errand.world.channel.publications(), 1);
}

#[test]
fn reconcile_answered_with_anything_else_cannot_tell() {
    for outcome in [unknown(), rejected(), needs_login(), accepted("h"), Outcome::Done] {
        let errand = Errand::in_doubt(ACCOUNT);
        errand.meets(outcome);
        errand.came_back("outcome-unknown", "");
        assert_eq!(errand.world.channel.publications(), 1);
    }
}

#[test]
fn reconcile_that_never_gets_through_is_unknown_after_a_day() {
    let errand = Errand::in_doubt(ACCOUNT);
    errand.meets(not_sent());
    errand.world.clock.set(START_MS + DAY_MS);
    errand.meets(not_sent());
    errand.came_back("outcome-unknown", "");
    assert_eq!(errand.world.channel.publications(), 1);
}

#[test]
fn a_reconcile_job_describes_the_attempt_and_knows_other_ids_of_the_account() {
    let world = World::new();
    let desk = world.desk("a1");
    for (account, post_id) in [(ACCOUNT, "41"), ("support", "777"), (ACCOUNT, "42")] {
        World::sent(&desk, account, "earlier");
        world.channel.then(Turn::ends(published(post_id)));
        world.deliver();
    }
    World::sent(&desk, ACCOUNT, "in doubt");
    world.clock.set(START_MS + 10);
    let clock = world.clock.clone();
    world.channel.then(Turn::does(move |_, point| {
        point.cross().unwrap();
        clock.set(START_MS + 30_010);
        unknown().into()
    }));
    world.engine.deliver(1, Duration::ZERO).unwrap();
    world.clock.set(START_MS + 40_000);
    world.deliver();
    let job = world.channel.jobs().pop().unwrap();
    assert_eq!(job["kind"], "reconcile");
    assert_eq!(
        job["attempt"],
        json!({"number": 1, "startedMs": START_MS + 10, "endedMs": START_MS + 30_010})
    );
    assert_eq!(job["known"], json!(["41", "42"]));
    assert_eq!(job["message"], "in doubt");
}

#[test]
fn nothing_of_the_account_is_sent_while_a_message_is_in_doubt() {
    let Errand { world, desk, id, .. } = Errand::in_doubt(ACCOUNT);
    let next = World::sent(&desk, ACCOUNT, "next");
    let other = World::sent(&desk, "support", "other");
    world.channel.then(Turn::ends(not_sent()));
    world.deliver();
    // The look back did not get through: only the other account has gone on.
    assert_eq!([&id, &next, &other].map(|id| world.state(id)), ["Sent", "Sent", "Completed"]);
    world.clock.advance(360_000);
    world.deliver();
    assert_eq!([&id, &next].map(|id| world.state(id)), ["Completed", "Completed"]);
    assert_eq!(world.channel.kinds(), ["publish", "reconcile", "publish", "reconcile", "publish"]);
}

// -------------------------------------------------------------------------------- asking

#[test]
fn poll_published_completes_and_rejected_comes_back() {
    let errand = Errand::in_work();
    errand.later();
    errand.meets(published("42"));
    errand.is_confirmed(Some("42"));
    let errand = Errand::in_work();
    errand.later();
    errand.meets(rejected());
    errand.came_back("policy", "against the rules");
    assert_eq!(errand.kinds(), ["publish", "poll"]);
}

#[test]
fn poll_that_fails_is_asked_again_and_never_published_again() {
    for outcome in
        [not_sent(), rate_limited(START_MS), unknown(), cannot_tell(), Outcome::Absent, without_id()]
    {
        let errand = Errand::in_work();
        errand.later();
        errand.meets(outcome);
        errand.is_still_on_its_way();
        errand.later();
        errand.meets(published("42"));
        errand.is_confirmed(Some("42"));
        assert_eq!(errand.kinds(), ["publish", "poll", "poll"]);
    }
}

/// `done` is the end of an operation: for a message it proves nothing, and must not leave it on its way
/// for ever.
#[test]
fn poll_of_a_message_answered_with_done_does_not_lose_it() {
    let errand = Errand::in_work();
    errand.later();
    errand.meets(Outcome::Done);
    errand.is_still_on_its_way();
    errand.later();
    errand.meets(published("42"));
    errand.is_confirmed(Some("42"));
}

#[test]
fn poll_without_an_end_is_unknown_after_a_day() {
    let errand = Errand::in_work();
    errand.world.clock.set(START_MS + DAY_MS);
    errand.meets(accepted("h1"));
    errand.came_back("outcome-unknown", "");
    assert_eq!(errand.world.channel.publications(), 1);
}

#[test]
fn poll_that_needs_login_goes_on_when_the_account_does() {
    let errand = Errand::in_work();
    errand.later();
    errand.meets(needs_login());
    errand.later();
    assert_eq!(errand.world.deliver(), 0, "held");
    errand.is_still_on_its_way();
    errand.world.engine.resume_account("twitter", ACCOUNT).unwrap();
    errand.later();
    errand.meets(published("42"));
    errand.is_confirmed(Some("42"));
}

/// The platform has taken it, and may well have published it: `not-delivered` would be a guess.
#[test]
fn what_the_platform_has_taken_is_given_up_as_unknown_while_its_account_is_held() {
    let errand = Errand::in_work();
    errand.later();
    errand.meets(needs_login());
    errand.world.clock.set(START_MS + 3 * DAY_MS);
    errand.world.deliver();
    errand.came_back("outcome-unknown", "");
    assert_eq!(errand.world.channel.publications(), 1);
}

// -------------------------------------------------------------------- when, and for whom

/// Tries again and again, and looks that each try comes within a fifth of the wait that is due.
fn backs_off(chance: u8) -> Vec<i64> {
    let errand = Errand::message();
    errand.world.random.set(chance);
    let mut waits = Vec::new();
    let mut tried_ms = START_MS;
    errand.meets(not_sent());
    for base_ms in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300].map(|seconds| seconds * 1_000) {
        errand.world.clock.set(tried_ms + base_ms * 8 / 10 - 1);
        assert_eq!(errand.world.deliver(), 0, "earlier than {base_ms} ms less a fifth");
        // To the hundredth of the wait.
        let wait_ms = (80..=120)
            .map(|percent| base_ms * percent / 100)
            .find(|wait_ms| {
                errand.world.clock.set(tried_ms + wait_ms);
                errand.world.channel.then(Turn::ends(not_sent()));
                let tried = errand.world.deliver() == 1;
                if !tried {
                    errand.world.channel.forget();
                }
                tried
            })
            .unwrap_or_else(|| panic!("later than {base_ms} ms and a fifth"));
        tried_ms += wait_ms;
        waits.push(wait_ms);
        errand.is_still_on_its_way();
    }
    waits
}

#[test]
fn back_off_doubles_from_one_second_to_five_minutes_within_a_fifth() {
    let waits: Vec<_> = [0, 100, 200, 255].into_iter().map(backs_off).collect();
    assert!(waits.iter().any(|other| other != &waits[0]), "chance has a say: {waits:?}");
    assert_eq!(backs_off(7), backs_off(7), "and nothing but chance");
}

#[test]
fn a_message_that_can_never_be_sent_comes_back_after_a_day() {
    let errand = Errand::message();
    let mut tries = 0;
    while errand.world.engine.undelivered() > 0 {
        assert!(errand.world.state(&errand.id) == "Sent", "try {tries}");
        errand.world.channel.then(Turn::ends_before(not_sent()));
        tries += errand.world.deliver();
        errand.later();
        assert!(tries < 1_000);
    }
    let note = errand.answer("Error");
    assert_eq!(note["errorCode"], "not-delivered");
    assert!(text_of(&note, "errorMessage").contains("connection refused"), "{note:#}");
    assert_eq!(resource(&note)["state"], "Composing");
    let given_up_ms = strowger::Clock::now_ms(&*errand.world.clock) - START_MS;
    assert!((DAY_MS..DAY_MS + 1_000_000).contains(&given_up_ms), "given up after {given_up_ms} ms");
    errand.is_over();
}

#[test]
fn a_rate_limit_holds_its_account_and_never_another() {
    let world = World::new();
    let desk = world.desk("a1");
    let limited = World::sent(&desk, ACCOUNT, "limited");
    let behind = World::sent(&desk, ACCOUNT, "behind it");
    let other = World::sent(&desk, "support", "another account");
    world.channel.then(Turn::ends(rate_limited(START_MS + 900_000)));
    world.deliver();
    assert_eq!([&limited, &behind, &other].map(|id| world.state(id)), ["Sent", "Sent", "Completed"]);
    let late = World::sent(&desk, ACCOUNT, "late");
    world.clock.set(START_MS + 899_999);
    assert_eq!(world.deliver(), 0);
    world.clock.set(START_MS + 900_000);
    assert_eq!(world.deliver(), 3);
    assert_eq!([&limited, &behind, &late].map(|id| world.state(id)), ["Completed"; 3]);
}

#[test]
fn a_throttle_holds_its_account_and_never_another() {
    let world = World::new();
    let desk = world.desk("a1");
    let first = World::sent(&desk, ACCOUNT, "first");
    let second = World::sent(&desk, ACCOUNT, "second");
    let other = World::sent(&desk, "support", "other");
    let mut report = Report::from(published("42"));
    report.throttle_until_ms = Some(START_MS + 60_000);
    world.channel.then(Turn::reports(report));
    world.deliver();
    assert_eq!([&first, &second, &other].map(|id| world.state(id)), ["Completed", "Sent", "Completed"]);
    world.clock.set(START_MS + 59_999);
    assert_eq!(world.deliver(), 0);
    world.clock.set(START_MS + 60_000);
    assert_eq!(world.deliver(), 1);
}

#[test]
fn an_account_that_is_held_for_a_day_gives_its_messages_back_untried() {
    let world = World::new();
    let desk = world.desk("a1");
    World::sent(&desk, ACCOUNT, "refused");
    world.channel.then(Turn::ends(needs_login()));
    world.deliver();
    let waiting = World::sent(&desk, ACCOUNT, "waiting");
    world.clock.set(START_MS + DAY_MS);
    world.deliver();
    let note = desk.note();
    assert_eq!((&note["errorCode"], &resource(&note)["id"]), (&json!("not-delivered"), &json!(waiting)));
    assert_eq!(world.channel.publications(), 1, "it was never tried");
}

fn texts(world: &World) -> Vec<String> {
    world.channel.jobs().iter().map(|job| text_of(job, "message")).collect()
}

#[test]
fn messages_of_an_account_go_out_in_the_order_of_their_sends() {
    let world = World::new();
    let desk = world.desk("a1");
    let expected: Vec<_> = (0..20).map(|number| format!("message {number}")).collect();
    for text in &expected {
        World::sent(&desk, ACCOUNT, text);
    }
    world.deliver();
    assert_eq!(texts(&world), expected);
}

#[test]
fn a_rate_limit_does_not_change_the_order_of_an_account() {
    let world = World::new();
    let desk = world.desk("a1");
    World::sent(&desk, ACCOUNT, "first");
    World::sent(&desk, ACCOUNT, "second");
    world.channel.then(Turn::ends(rate_limited(START_MS + 60_000)));
    world.deliver();
    world.clock.set(START_MS + 60_000);
    world.deliver();
    assert_eq!(texts(&world), ["first", "first", "second"]);
}

#[test]
fn a_message_that_turns_out_absent_goes_out_before_those_that_waited_for_its_fate() {
    let world = World::new();
    let desk = world.desk("a1");
    World::sent(&desk, ACCOUNT, "first");
    World::sent(&desk, ACCOUNT, "second");
    world.channel.then(Turn::ends(unknown()));
    world.channel.then(Turn::ends(Outcome::Absent));
    world.deliver();
    assert_eq!(texts(&world), ["first", "first", "first", "second"]);
    assert_eq!(world.channel.kinds(), ["publish", "reconcile", "publish", "publish"]);
}

#[test]
fn deliver_makes_at_most_so_many() {
    let world = World::new();
    let desk = world.desk("a1");
    for _ in 0..5 {
        World::sent(&desk, ACCOUNT, "Hello");
    }
    assert_eq!(world.engine.deliver(0, Duration::ZERO).unwrap(), 0);
    assert_eq!(world.engine.deliver(2, Duration::ZERO).unwrap(), 2);
    assert_eq!(world.engine.undelivered(), 3);
    assert_eq!(world.deliver(), 3);
}

#[test]
fn a_deliverer_that_waits_is_woken_by_a_send_and_by_closing() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| world.engine.deliver(1, Duration::from_secs(60)).unwrap());
        desk.does(&id, &send(ACCOUNT, "Hello"));
        assert_eq!(waiting.join().unwrap(), 1);
        let waiting = scope.spawn(|| world.engine.deliver(1, Duration::MAX).unwrap());
        world.engine.close();
        assert_eq!(waiting.join().unwrap(), 0);
    });
}

// ---------------------------------------------------------------- the point of no return

#[test]
fn the_point_of_no_return_is_crossed_at_most_once() {
    let errand = Errand::message();
    errand.meets_turn(Turn::does(|_, point| {
        point.cross().expect("once");
        assert!(point.cross().is_err(), "not twice");
        assert!(point.cross().is_err(), "nor a third time");
        published("42").into()
    }));
    errand.is_confirmed(Some("42"));
}

#[test]
fn a_look_back_and_a_question_cannot_cross_it() {
    let errand = Errand::in_doubt(ACCOUNT);
    errand.meets_turn(Turn::does(|_, point| {
        assert!(point.cross().is_err());
        cannot_tell().into()
    }));
    errand.came_back("outcome-unknown", "");
    let errand = Errand::in_work();
    errand.later();
    errand.meets_turn(Turn::does(|_, point| {
        assert!(point.cross().is_err());
        published("42").into()
    }));
    errand.is_confirmed(Some("42"));
}

#[test]
fn a_channel_that_panics_before_the_point_is_tried_again() {
    let errand = Errand::message();
    errand.meets_turn(Turn::does(|_, _| panic!("planted")));
    errand.is_still_on_its_way();
    errand.later();
    errand.meets(published("42"));
    errand.is_confirmed(Some("42"));
    assert_eq!(errand.kinds(), ["publish", "publish"]);
}

#[test]
fn a_channel_that_panics_after_the_point_leaves_doubt() {
    let errand = Errand::message();
    errand.meets_turn(Turn::does(|_, point| {
        point.cross().unwrap();
        panic!("planted")
    }));
    errand.is_still_on_its_way();
    errand.meets(cannot_tell());
    errand.came_back("outcome-unknown", "");
    assert_eq!(errand.kinds(), ["publish", "reconcile"]);
}

#[test]
fn a_channel_that_panics_while_looking_back_or_asking_publishes_nothing() {
    let errand = Errand::in_doubt(ACCOUNT);
    errand.meets_turn(Turn::does(|_, _| panic!("planted")));
    errand.is_still_on_its_way();
    let errand = Errand::in_work();
    errand.later();
    errand.meets_turn(Turn::does(|_, _| panic!("planted")));
    errand.is_still_on_its_way();
    assert_eq!(errand.world.channel.publications(), 1);
}

#[test]
fn a_panicking_channel_holds_up_no_other_account() {
    let world = World::new();
    let desk = world.desk("a1");
    World::sent(&desk, ACCOUNT, "first");
    let other = World::sent(&desk, "support", "second");
    world.channel.then(Turn::does(|_, _| panic!("planted")));
    world.deliver();
    assert_eq!(world.state(&other), "Completed");
}

// ------------------------------------------------------------------------------ restarts

/// Engines that follow each other on one store, as after a crash.
struct Lives {
    store: Arc<dyn Store>,
    ids: Arc<FakeIds>,
}

impl Lives {
    fn new() -> Self {
        Self { store: Arc::new(MemoryStore::new(&Limits::default())), ids: Arc::default() }
    }

    fn next(&self, config: &strowger::Config) -> Engine {
        let clock = Arc::new(FakeClock::new(START_MS));
        let environment =
            Environment { clock, random: Arc::new(FakeRandom::default()), ids: self.ids.clone() };
        Engine::open_on(config, environment, self.store.clone()).unwrap()
    }

    fn next_with(&self, channel: &Arc<Scripted>) -> Engine {
        let engine = self.next(&config());
        engine.add_channel(channel.clone()).unwrap();
        engine
    }
}

fn sent_on(engine: &Engine) -> String {
    let desk = Desk::of(engine.agent("a1", &[strowger::API_MULTIMEDIA]).unwrap());
    let id = desk.draft();
    desk.does(&id, &send(ACCOUNT, "Hello"));
    id
}

fn channel() -> Arc<Scripted> {
    Arc::new(Scripted::new(vec![twitter(), facebook()]))
}

/// The second engine starts while the first is in the middle of a conversation, which is what a crash at
/// that moment looks like from the store.
fn dies(crosses: bool) -> (Vec<String>, Vec<String>) {
    let lives = Arc::new(Lives::new());
    let (before, after) = (channel(), channel());
    let engine = lives.next_with(&before);
    let id = sent_on(&engine);
    let (second_life, second_channel) = (lives.clone(), after.clone());
    before.then(Turn::does(move |_, point| {
        if crosses {
            point.cross().unwrap();
        }
        let engine = second_life.next_with(&second_channel);
        engine.deliver(10, Duration::ZERO).unwrap();
        let record = engine.interaction(&id).unwrap().unwrap();
        assert_eq!(record.state.name(), "Completed");
        assert!(point.cross().is_err(), "what another has taken over is not published here");
        not_sent().into()
    }));
    // What the dead one says no longer counts.
    let _ = engine.deliver(1, Duration::ZERO);
    (before.kinds(), after.kinds())
}

#[test]
fn after_a_crash_a_claim_without_an_intent_is_made_anew() {
    assert_eq!(dies(false).1, ["publish"]);
}

#[test]
fn after_a_crash_an_intent_without_an_outcome_is_looked_up() {
    assert_eq!(dies(true).1, ["reconcile"]);
}

#[test]
fn after_a_crash_the_host_is_told_what_is_unresolved() {
    let manifests = strowger::Config { manifests: vec![twitter()], ..config() };
    for (outcome, state) in
        [(published("42"), "Completed"), (Outcome::Absent, "Sent"), (unknown(), "Composing")]
    {
        let lives = Lives::new();
        let engine = lives.next(&manifests);
        let id = sent_on(&engine);
        let first = engine.delivery_next("twitter", Duration::ZERO).unwrap().unwrap();
        assert!(!first.unresolved);
        drop(engine);
        let engine = lives.next(&manifests);
        let again = engine.delivery_next("twitter", Duration::ZERO).unwrap().unwrap();
        assert_eq!((again.delivery_id, again.unresolved), (first.delivery_id, true));
        assert!(engine.delivery_next("twitter", Duration::ZERO).unwrap().is_none());
        engine.settle(again.delivery_id.as_str(), &outcome).unwrap();
        assert_eq!(engine.interaction(&id).unwrap().unwrap().state.name(), state);
        let next = engine.delivery_next("twitter", Duration::ZERO).unwrap();
        assert_eq!(next.map(|next| next.unresolved), (outcome == Outcome::Absent).then_some(false));
    }
}

// -------------------------------------------------------------------------------- threads

#[test]
fn threads_that_deliver_at_once_deliver_each_exactly_once() {
    const MESSAGES: usize = 120;
    let world = World::new();
    let desk = world.desk("a1");
    let accounts = [ACCOUNT, "support", "brand"];
    for number in 0..MESSAGES {
        World::sent(&desk, accounts[number % 3], &format!("message {number:03}"));
    }
    let made = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while world.engine.undelivered() > 0 {
                    made.fetch_add(world.deliver(), Ordering::SeqCst);
                    std::thread::yield_now();
                }
            });
        }
    });
    assert_eq!(made.into_inner() as usize, MESSAGES);
    let mut by_account: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for job in world.channel.jobs() {
        by_account.entry(text_of(&job, "account")).or_default().push(text_of(&job, "message"));
    }
    for texts in by_account.values() {
        assert_eq!(texts.len(), MESSAGES / 3, "each once");
        assert!(texts.is_sorted(), "an account's messages keep their order: {texts:?}");
    }
    let notes = desk.notes();
    assert_eq!(notes.len(), MESSAGES);
    assert!(notes.iter().all(|note| resource(note)["state"] == "Completed"));
}

/// Long enough for any machine, and only ever waited for if something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn two_interactions_never_wait_for_each_other() {
    let world = World::new();
    let (slow, quick) = (world.desk("a1"), world.desk("a2"));
    let (held, other_of_the_same, of_another) = (slow.draft(), slow.draft(), quick.draft());
    let (tell_entered, entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    world.channel.judges(move |message| {
        if message.text == "slow" {
            tell_entered.send(()).unwrap();
            released.lock().unwrap().recv_timeout(PATIENCE).expect("the others went on");
        }
        Ok(())
    });
    std::thread::scope(|scope| {
        let blocked = scope.spawn(|| slow.does(&held, &send(ACCOUNT, "slow")));
        entered.recv_timeout(PATIENCE).unwrap();
        // Another agent, and the same one, on other interactions; a listing; a delivery.
        quick.does(&of_another, &send(ACCOUNT, "quick"));
        slow.does(&other_of_the_same, &send(ACCOUNT, "quick too"));
        assert_eq!(slow.list().len(), 2);
        assert_eq!(slow.sees(&held)["state"], "Composing");
        world.deliver();
        assert_eq!(world.state(&of_another), "Completed");
        release.send(()).unwrap();
        blocked.join().unwrap();
    });
    assert_eq!(world.state(&held), "Sent");
}

#[test]
fn a_slow_platform_delays_only_its_account() {
    let world = World::new();
    let desk = world.desk("a1");
    let slow = World::sent(&desk, ACCOUNT, "slow");
    let quick = World::sent(&desk, "support", "quick");
    let (tell_entered, entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    world.channel.then(Turn::does(move |_, point| {
        point.cross().unwrap();
        tell_entered.send(()).unwrap();
        released.recv_timeout(PATIENCE).expect("the others went on");
        published("42").into()
    }));
    std::thread::scope(|scope| {
        let blocked = scope.spawn(|| world.engine.deliver(1, Duration::ZERO).unwrap());
        entered.recv_timeout(PATIENCE).unwrap();
        world.deliver();
        assert_eq!([&slow, &quick].map(|id| world.state(id)), ["Sent", "Completed"]);
        desk.draft();
        assert_eq!(desk.sees(&slow)["state"], "Sent");
        release.send(()).unwrap();
        blocked.join().unwrap();
    });
    assert_eq!(world.state(&slow), "Completed");
}

// ------------------------------------------------------------------- delivery by the host

struct Hosted {
    world: World,
    desk: Desk,
    id: String,
    reference_id: u64,
}

impl Hosted {
    fn message() -> Self {
        let world = World::host_run();
        let desk = world.desk("a1");
        let id = desk.draft();
        let reference_id = desk.does(&id, &send(ACCOUNT, "Hello"));
        desk.forget();
        Self { world, desk, id, reference_id }
    }

    fn next(&self) -> Option<HostDelivery> {
        self.world.engine.delivery_next("twitter", Duration::ZERO).unwrap()
    }

    fn settles(&self, delivery: &HostDelivery, outcome: &Outcome) {
        self.world.engine.settle(delivery.delivery_id.as_str(), outcome).unwrap();
    }

    fn state(&self) -> &'static str {
        self.world.state(&self.id)
    }

    fn told(&self, kind: &str, state: &str) -> Value {
        let note = self.desk.note();
        assert_eq!(
            (&note["notificationType"], &note["referenceId"]),
            (&json!(kind), &json!(self.reference_id))
        );
        assert_eq!(resource(&note)["state"], state);
        note
    }
}

#[test]
fn the_host_gets_a_document_with_all_it_needs() {
    let hosted = Hosted::message();
    assert_eq!(hosted.world.deliver(), 0, "no plugin runs this channel");
    let delivery = hosted.next().unwrap();
    let document = serde_json::to_value(&delivery).unwrap();
    assert_eq!(document["interactionId"], json!(hosted.id));
    assert_eq!((&document["channel"], &document["queuePath"]), (&json!("twitter"), &json!(QUEUE)));
    assert_eq!((&document["from"], &document["message"]), (&json!(ACCOUNT), &json!("Hello")));
    assert_eq!(document["attempt"], 1);
    assert_eq!(document["userData"]["_umsMediaAccount"], "1258948171");
    assert!(document.get("unresolved").is_none() && document.get("parent").is_none());
    assert!(hosted.next().is_none(), "each is handed out once");
    assert!(hosted.world.engine.delivery_next("facebook", Duration::ZERO).unwrap().is_none());
}

#[test]
fn a_reply_is_handed_out_with_its_parent() {
    let world = World::host_run();
    let desk = world.desk("a1");
    let parent = world.processing(&desk);
    desk.does(&parent, &json!({"operationName": "Reply", "queuePath": QUEUE}));
    let draft = support::id_of(&desk.note());
    desk.does(&draft, &send(ACCOUNT, "Hello to you"));
    let delivery = world.engine.delivery_next("twitter", Duration::ZERO).unwrap().unwrap();
    let document = serde_json::to_value(&delivery).unwrap();
    assert_eq!((&document["parent"]["id"], &document["message"]), (&json!(parent), &json!("Hello to you")));
    assert_eq!(document["parent"]["userData"]["_twitterMsgId"], "63493545");
}

#[test]
fn host_published_completes() {
    let hosted = Hosted::message();
    hosted.settles(&hosted.next().unwrap(), &published("42"));
    let note = hosted.told("StatusChange", "Completed");
    assert_eq!(resource(&note)["userData"]["_deliveryPostId"], "42");
    assert_eq!(hosted.world.engine.undelivered(), 0);
}

#[test]
fn host_rejected_and_unknown_come_back() {
    for (outcome, code) in [(rejected(), "policy"), (unknown(), "outcome-unknown")] {
        let hosted = Hosted::message();
        hosted.settles(&hosted.next().unwrap(), &outcome);
        assert_eq!(hosted.told("Error", "Composing")["errorCode"], code);
        hosted.world.clock.advance(DAY_MS);
        assert!(hosted.next().is_none(), "never again by guessing");
    }
}

#[test]
fn host_not_sent_is_handed_out_again_after_its_wait() {
    let hosted = Hosted::message();
    hosted.settles(
        &hosted.next().unwrap(),
        &Outcome::NotSent { message: String::new(), retry_after_ms: Some(5_000) },
    );
    assert_eq!(hosted.state(), "Sent");
    hosted.desk.hears_nothing();
    hosted.world.clock.set(START_MS + 4_999);
    assert!(hosted.next().is_none());
    hosted.world.clock.set(START_MS + 5_000);
    assert_eq!(hosted.next().unwrap().attempt, 2);
}

#[test]
fn host_rate_limited_holds_its_account_and_never_another() {
    let hosted = Hosted::message();
    let delivery = hosted.next().unwrap();
    World::sent(&hosted.desk, ACCOUNT, "behind it");
    World::sent(&hosted.desk, "support", "another account");
    hosted.settles(&delivery, &rate_limited(START_MS + 60_000));
    assert_eq!(hosted.next().unwrap().from, "support");
    assert!(hosted.next().is_none());
    hosted.world.clock.set(START_MS + 60_000);
    assert!(hosted.next().is_some() && hosted.next().is_some() && hosted.next().is_none());
}

#[test]
fn host_needs_login_comes_back_and_holds_the_account_until_it_is_resumed() {
    let hosted = Hosted::message();
    hosted.settles(&hosted.next().unwrap(), &needs_login());
    hosted.told("Error", "Composing");
    World::sent(&hosted.desk, ACCOUNT, "held");
    assert!(hosted.next().is_none());
    hosted.world.engine.resume_account("twitter", ACCOUNT).unwrap();
    assert_eq!(hosted.next().unwrap().message, "held");
}

#[test]
fn host_accepted_is_settled_later() {
    let hosted = Hosted::message();
    let delivery = hosted.next().unwrap();
    hosted.settles(&delivery, &accepted("h1"));
    assert_eq!(hosted.state(), "Sent");
    hosted.world.clock.advance(3_600_000);
    assert!(hosted.next().is_none(), "never published again");
    hosted.settles(&delivery, &published("42"));
    hosted.told("StatusChange", "Completed");
}

#[test]
fn host_absent_is_handed_out_again() {
    let hosted = Hosted::message();
    let delivery = hosted.next().unwrap();
    hosted.settles(&delivery, &Outcome::Absent);
    assert_eq!(hosted.state(), "Sent");
    let again = hosted.next().unwrap();
    assert_eq!((again.delivery_id, again.attempt, again.unresolved), (delivery.delivery_id, 2, false));
}

#[test]
fn host_operations_end_with_done() {
    let world = World::host_run();
    let desk = world.desk("a1");
    let reference_id =
        desk.does("", &json!({"operationName": "Follow", "twitterUserId": "9", "from": ACCOUNT}));
    let delivery = world.engine.delivery_next("twitter", Duration::ZERO).unwrap().unwrap();
    let document = serde_json::to_value(&delivery).unwrap();
    assert_eq!(
        document["operation"],
        json!({"name": "Follow", "parameters": {"twitterUserId": "9", "from": ACCOUNT}})
    );
    assert!(document.get("interactionId").is_none());
    world.engine.settle(delivery.delivery_id.as_str(), &Outcome::Done).unwrap();
    let note = desk.note();
    assert_eq!((&note["success"], &note["referenceId"]), (&json!("true"), &json!(reference_id)));
}

#[test]
fn settling_twice_the_same_is_fine_and_another_outcome_conflicts() {
    for (outcome, other) in [
        (published("42"), published("43")),
        (published("42"), unknown()),
        (rejected(), published("42")),
        (unknown(), Outcome::Absent),
    ] {
        let hosted = Hosted::message();
        let delivery = hosted.next().unwrap();
        let settle = |outcome: &Outcome| hosted.world.engine.settle(delivery.delivery_id.as_str(), outcome);
        settle(&outcome).unwrap();
        let state = hosted.state();
        hosted.desk.forget();
        settle(&outcome).unwrap();
        assert!(matches!(settle(&other), Err(Error::Conflict(_))), "{outcome:?}, then {other:?}");
        settle(&outcome).unwrap();
        assert_eq!(hosted.state(), state);
        hosted.desk.hears_nothing();
        assert_eq!(hosted.world.engine.undelivered(), 0);
    }
}

#[test]
fn an_old_outcome_repeated_does_not_settle_the_next_attempt() {
    let hosted = Hosted::message();
    let delivery = hosted.next().unwrap();
    hosted.settles(&delivery, &not_sent());
    hosted.settles(&delivery, &not_sent());
    hosted.world.clock.advance(360_000);
    assert_eq!(hosted.next().unwrap().attempt, 2);
    hosted.settles(&delivery, &published("42"));
    hosted.told("StatusChange", "Completed");
}

#[test]
fn settling_by_many_threads_settles_once() {
    let hosted = Hosted::message();
    let delivery = hosted.next().unwrap();
    let settled: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let (hosted, delivery) = (&hosted, &delivery);
                let outcome = published(&format!("{}", number % 2));
                scope.spawn(move || {
                    hosted.world.engine.settle(delivery.delivery_id.as_str(), &outcome).is_ok()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(settled.iter().filter(|settled| **settled).count(), 4, "those who said the same");
    hosted.told("StatusChange", "Completed");
}

#[test]
fn what_was_not_handed_out_cannot_be_settled() {
    let hosted = Hosted::message();
    let waiting = hosted.world.engine.interaction(&hosted.id).unwrap().unwrap().delivery.unwrap();
    let settle = |id: &str, outcome: &Outcome| hosted.world.engine.settle(id, outcome);
    assert!(matches!(settle(waiting.as_str(), &published("42")), Err(Error::Conflict(_))));
    for id in ["NOBODYKNOWSTHIS1", "no id!", ""] {
        let Err(Error::Refused(refusal)) = settle(id, &published("42")) else { panic!("{id} was settled") };
        assert_eq!(refusal.code().number(), 6);
    }
    // Outcomes that a message can't have.
    let delivery = hosted.next().unwrap();
    for wrong in [Outcome::Done, without_id()] {
        let Err(Error::Refused(refusal)) = settle(delivery.delivery_id.as_str(), &wrong) else {
            panic!("{wrong:?} was taken")
        };
        assert_eq!(refusal.code().number(), 2);
    }
    assert_eq!(hosted.state(), "Sent");
    hosted.settles(&delivery, &published("42"));
}

#[test]
fn outcomes_read_and_write_as_documented() {
    for (document, outcome) in [
        (
            json!({"outcome": "published", "id": "1", "location": "u"}),
            Outcome::Published { id: Some("1".into()), location: Some("u".into()) },
        ),
        (
            json!({"outcome": "rejected", "code": "c", "message": "m"}),
            Outcome::Rejected { code: "c".into(), message: "m".into() },
        ),
        (
            json!({"outcome": "not-sent", "message": "m", "retryAfterMs": 5}),
            Outcome::NotSent { message: "m".into(), retry_after_ms: Some(5) },
        ),
        (json!({"outcome": "rate-limited", "untilMs": 5}), Outcome::RateLimited { until_ms: 5 }),
        (json!({"outcome": "unknown", "message": "m"}), Outcome::Unknown { message: "m".into() }),
        (json!({"outcome": "accepted", "handle": {"a": 1}}), Outcome::Accepted { handle: json!({"a": 1}) }),
        (json!({"outcome": "needs-login", "message": "m"}), Outcome::NeedsLogin { message: "m".into() }),
        (json!({"outcome": "absent"}), Outcome::Absent),
        (json!({"outcome": "cannot-tell", "message": "m"}), Outcome::CannotTell { message: "m".into() }),
        (json!({"outcome": "done"}), Outcome::Done),
    ] {
        assert_eq!(serde_json::from_value::<Outcome>(document.clone()).unwrap(), outcome);
        assert_eq!(serde_json::to_value(&outcome).unwrap(), document);
        assert_eq!(document["outcome"], outcome.name());
    }
}
