//! The engine against the independent model, and proof that the comparison can fail: each planted fault
//! below is a host that does one thing wrong, and the suite must find it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::marker::PhantomData;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use proptest_state_machine::{ReferenceStateMachine, prop_state_machine};
use serde_json::{Map, Value, json};
use strowger::channel::Outcome;
use strowger::proptest::world::AGENTS;
use strowger::proptest::{
    Assignment, Bench, Heard, Host, HostReply, HostTest, Model, On, Reply, Request, Rig, Step, Suite,
    Trouble, proptest_config,
};

#[test]
fn the_engine_and_the_model_agree() {
    let outcome = Suite::new().run::<Rig>();
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

prop_state_machine! {
    #![proptest_config(proptest_config(8))]

    #[test]
    fn the_state_machine_can_be_used_as_it_is(sequential 1..30 => HostTest<Rig>);
}

/// A suite that never gets anywhere would agree with everything.
#[test]
fn the_steps_reach_every_operation_refusal_and_outcome() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..400 {
        let tree = Model::sequential_strategy(1..=60).new_tree(&mut runner).expect("steps can be made");
        let (mut model, steps, _) = tree.current();
        for step in steps {
            model.take(&step);
            match (&step, &model.expected.reply) {
                (Step::Ask { request: Request::Operation { name, .. }, .. }, Some(Reply::Accepted(_))) => {
                    seen.insert(name.clone());
                }
                (_, Some(Reply::Refused(codes))) if codes.len() == 1 => {
                    seen.extend(codes.iter().map(|code| format!("refused {code}")));
                }
                _ => {}
            }
            match &model.expected.host {
                Some(HostReply::Refused(codes)) if codes.len() == 1 => {
                    seen.extend(codes.iter().map(|code| format!("host refused {code}")));
                }
                Some(HostReply::Conflict) => {
                    seen.insert("conflict".into());
                }
                _ => {}
            }
            seen.extend(model.expected.work.iter().map(|work| work.kind.to_owned()));
            for told in &model.expected.told {
                let members = ["notificationType", "success", "errorCode"];
                seen.extend(members.iter().filter_map(|name| Some(format!("told {}", told.data.get(name)?))));
            }
        }
    }
    let operations = strowger::proptest::OPERATIONS.into_iter().chain(["Retweet", "MarkFavorite", "Follow"]);
    let others = [
        "refused 1",
        "refused 2",
        "refused 3",
        "refused 5",
        "refused 6",
        "refused 10",
        "host refused 1",
        "host refused 2",
        "host refused 6",
        "host refused 10",
        "host refused 18",
        "conflict",
        "publish",
        "operation",
        "poll",
        "reconcile",
        "told \"StatusChange\"",
        "told \"PropertiesUpdated\"",
        "told \"BirdSaved\"",
        "told \"FaceSaved\"",
        "told \"Error\"",
        "told \"true\"",
        "told \"false\"",
        "told \"rejected\"",
        "told \"duplicate\"",
        "told \"needs-login\"",
        "told \"outcome-unknown\"",
        "told \"not-delivered\"",
    ];
    let missed: Vec<_> = operations.chain(others).filter(|what| !seen.contains(*what)).collect();
    assert!(missed.is_empty(), "never reached: {missed:?}");
}

#[test]
fn steps_read_like_sentences() {
    let send = Request::operation("Send", [("queuePath", json!("/queues/q1"))]);
    let step = Step::Ask { agent: 0, channel: 0, on: On::Interaction(3), request: send };
    assert_eq!(format!("{step:?}"), "a1: Send(birds #3, queuePath: \"/queues/q1\")");
    let step = Step::Deliver { outcome: Outcome::Absent, reports: false };
    assert_eq!(format!("{step:?}"), "plugin: deliver → absent");
}

/// Found by the suite: the platform had taken it, and it was called undelivered.
#[test]
fn what_the_platform_accepted_is_not_called_undelivered() {
    let follow = || Step::Ask {
        agent: 0,
        channel: 0,
        on: On::Collection,
        request: Request::operation("Follow", [("userId", json!("17")), ("from", json!("alpha"))]),
    };
    let deliver = |outcome| Step::Deliver { outcome, reports: false };
    let published = Outcome::Published { id: Some("p0".into()), location: None };
    let steps = [
        follow(),
        follow(),
        deliver(Outcome::Accepted { handle: json!({"media": 7}) }),
        deliver(Outcome::NeedsLogin { message: String::new() }),
        Step::Pass { ms: 25 * 60 * 60 * 1_000 },
        deliver(published),
    ];
    let outcome = Bench::<Rig>::replay(&steps);
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

/// Found by the suite: the Send was settled, and the interaction stayed in Sent for ever.
#[test]
fn a_message_does_not_end_with_an_answer_for_operations() {
    let ask = |on, request| Step::Ask { agent: 0, channel: 0, on, request };
    let deliver = |outcome| Step::Deliver { outcome, reports: false };
    let message = json!({"from": "alpha", "message": "Hello"});
    let send = Request::operation("Send", [("queuePath", json!("/queues/q1")), ("bird", message)]);
    let steps = [
        ask(On::Collection, Request::operation("Create", [])),
        ask(On::Interaction(1), send),
        deliver(Outcome::Accepted { handle: json!({"media": 7}) }),
        Step::Pass { ms: 1_000 },
        deliver(Outcome::Done),
        Step::Pass { ms: 60_000 },
        deliver(Outcome::Published { id: Some(String::new()), location: None }),
        Step::Pass { ms: 60_000 },
        deliver(Outcome::Published { id: Some("p0".into()), location: None }),
    ];
    let outcome = Bench::<Rig>::replay(&steps);
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

/// One thing that a host does wrong.
trait Fault {
    const NAME: &'static str;

    fn heard(_: &Faulty<Self>, heard: Vec<Heard>) -> Vec<Heard>
    where
        Self: Sized,
    {
        heard
    }
    fn read(_: &Faulty<Self>, read: Option<String>, _channel: &str, _id: &str) -> Option<String>
    where
        Self: Sized,
    {
        read
    }
    fn replied(_: &Faulty<Self>, reply: (u8, Option<u64>)) -> (u8, Option<u64>)
    where
        Self: Sized,
    {
        reply
    }
    fn listed(list: Vec<String>) -> Vec<String> {
        list
    }
    fn queued(queue: Vec<(String, bool)>) -> Vec<(String, bool)> {
        queue
    }
    fn can(can: bool, _operation: &str) -> bool {
        can
    }
    fn last_agent(last: Option<(String, i64)>) -> Option<(String, i64)> {
        last
    }
    fn assigned(assignment: Option<Assignment>) -> Option<Assignment> {
        assignment
    }
    fn offered(offered: Result<(), Trouble>) -> Result<(), Trouble> {
        offered
    }
}

/// A host with a fault.
struct Faulty<F> {
    rig: Rig,
    count: Cell<u32>,
    kept: RefCell<Vec<Heard>>,
    fault: PhantomData<F>,
}

impl<F: Fault> Host for Faulty<F> {
    fn open(rig: Rig) -> Self {
        Self { rig, count: Cell::new(0), kept: RefCell::default(), fault: PhantomData }
    }
    fn rig(&self) -> &Rig {
        &self.rig
    }
    fn perform(&self, agent: &str, channel: &str, id: Option<&str>, body: &[u8]) -> (u8, Option<u64>) {
        F::replied(self, self.rig.perform(agent, channel, id, body))
    }
    fn read(&self, agent: &str, channel: &str, id: &str) -> Option<String> {
        F::read(self, self.rig.read(agent, channel, id), channel, id)
    }
    fn list(&self, agent: &str, channel: &str) -> Vec<String> {
        F::listed(self.rig.list(agent, channel))
    }
    fn can(&self, agent: &str, channel: &str, id: Option<&str>, operation: &str) -> bool {
        F::can(self.rig.can(agent, channel, id, operation), operation)
    }
    fn offer(&self, id: &str, agent: &str) -> Result<(), Trouble> {
        F::offered(self.rig.offer(id, agent))
    }
    fn queue(&self, queue: &str) -> Vec<(String, bool)> {
        F::queued(self.rig.queue(queue))
    }
    fn deliver(&self, outcome: &Outcome, user_data: Map<String, Value>) -> (u32, Option<Assignment>) {
        let (count, assignment) = self.rig.deliver(outcome, user_data);
        (count, F::assigned(assignment))
    }
    fn last_agent(&self, contact: &str, channel: &str) -> Option<(String, i64)> {
        F::last_agent(self.rig.last_agent(contact, channel))
    }
    fn hear(&self, subscription: usize) -> Vec<Heard> {
        F::heard(self, self.rig.hear(subscription))
    }
}

/// Each fault: its name, what it does in the place of which method, and a word of the difference.
macro_rules! planted {
    ($($test:ident $fault:ident $word:literal { $($method:item)* })*) => {$(
        struct $fault;

        impl Fault for $fault {
            const NAME: &'static str = stringify!($test);
            $($method)*
        }

        #[test]
        fn $test() {
            // Enough for each of them, the same in every run.
            let failure = Suite::new().cases(300).seed(7).run::<Faulty<$fault>>()
                .expect_err($fault::NAME);
            println!("{failure}");
            assert!(failure.difference.contains($word), "another difference than planted: {failure}");
            assert!(failure.steps.len() <= 12, "not shrunk: {failure}");
        }
    )*};
}

fn kind(heard: &Heard) -> &str {
    heard.data["notificationType"].as_str().unwrap_or_default()
}

fn resource(heard: &mut Heard) -> Option<&mut Value> {
    let member = if heard.data.get("bird").is_some() { "bird" } else { "face" };
    heard.data.get_mut(member)
}

/// Every resource of the notifications, changed.
fn with_resources(mut heard: Vec<Heard>, change: impl Fn(&mut Value)) -> Vec<Heard> {
    heard.iter_mut().filter_map(resource).for_each(change);
    heard
}

planted! {
    a_dropped_notification_is_found Drops "was not told" {
        fn heard(host: &Faulty<Self>, heard: Vec<Heard>) -> Vec<Heard> {
            heard.into_iter().filter(|_| { host.count.set(host.count.get() + 1); !host.count.get().is_multiple_of(5) }).collect()
        }
    }
    an_error_that_never_comes_is_found DropsErrors "was not told" {
        fn heard(_: &Faulty<Self>, mut heard: Vec<Heard>) -> Vec<Heard> {
            heard.retain(|heard| kind(heard) != "Error");
            heard
        }
    }
    a_doubled_notification_is_found Doubles "sequence" {
        fn heard(_: &Faulty<Self>, heard: Vec<Heard>) -> Vec<Heard> {
            heard.into_iter().flat_map(|heard| [heard.clone(), heard]).collect()
        }
    }
    a_second_answer_with_a_sequence_of_its_own_is_found AnswersTwice "once too often" {
        fn heard(host: &Faulty<Self>, heard: Vec<Heard>) -> Vec<Heard> {
            let twice = heard.into_iter().flat_map(|heard| [heard.clone(), heard]);
            // Counted anew for the agent whom alone this host tells twice.
            twice.map(|heard| { host.count.set(host.count.get() + 1); Heard { sequence: u64::from(host.count.get()), ..heard } }).collect()
        }
    }
    swapped_notifications_are_found Swaps "sequence" {
        fn heard(_: &Faulty<Self>, mut heard: Vec<Heard>) -> Vec<Heard> {
            heard.reverse();
            heard
        }
    }
    swapped_contents_are_found SwapsContents "a notification of" {
        fn heard(_: &Faulty<Self>, mut heard: Vec<Heard>) -> Vec<Heard> {
            if let [first, .., last] = heard.as_mut_slice() {
                std::mem::swap(&mut first.data, &mut last.data);
            }
            heard
        }
    }
    a_late_notification_is_found Delays "was not told" {
        fn heard(host: &Faulty<Self>, heard: Vec<Heard>) -> Vec<Heard> {
            let (late, now) = heard.into_iter().partition(|heard| kind(heard) == "PropertiesUpdated");
            let mut due: Vec<_> = host.kept.replace(late);
            due.extend::<Vec<_>>(now);
            due
        }
    }
    another_capability_is_found Capable "capabilities" {
        fn heard(_: &Faulty<Self>, heard: Vec<Heard>) -> Vec<Heard> {
            with_resources(heard, |resource| {
                if resource["state"] == "Composing" {
                    resource["capabilities"].as_array_mut().unwrap().push("Save".into());
                }
            })
        }
    }
    another_order_of_capabilities_is_found Reorders "capabilities" {
        fn read(_: &Faulty<Self>, read: Option<String>, _: &str, _: &str) -> Option<String> {
            read.map(|read| read.replace("[\"Accept\",\"Reject\"]", "[\"Reject\",\"Accept\"]"))
        }
    }
    an_accepted_forbidden_operation_is_found Allows "the referenceId" {
        fn replied(_: &Faulty<Self>, reply: (u8, Option<u64>)) -> (u8, Option<u64>) {
            if reply.0 == 3 { (0, Some(1_000)) } else { reply }
        }
    }
    another_code_is_found Reveals "the reply" {
        fn replied(_: &Faulty<Self>, reply: (u8, Option<u64>)) -> (u8, Option<u64>) {
            if reply.0 == 6 { (3, None) } else { reply }
        }
    }
    a_change_by_a_refused_request_is_found Changes "a refusal changed something" {
        fn replied(host: &Faulty<Self>, reply: (u8, Option<u64>)) -> (u8, Option<u64>) {
            host.count.set(host.count.get() + u32::from(reply.0 == 3));
            reply
        }
        fn read(host: &Faulty<Self>, read: Option<String>, _: &str, _: &str) -> Option<String> {
            let comment = format!("{{\"comment\":\"refused {}\",", host.count.get());
            let is_changed = host.count.get() > 0;
            read.map(|read| if is_changed { read.replacen('{', &comment, 1) } else { read })
        }
    }
    a_skipped_reference_is_found Skips "the referenceId" {
        fn replied(_: &Faulty<Self>, (code, reference): (u8, Option<u64>)) -> (u8, Option<u64>) {
            (code, reference.map(|reference| if reference > 2 { reference + 1 } else { reference }))
        }
    }
    reading_what_another_agent_has_is_found Peeks "is not the agent's" {
        fn read(host: &Faulty<Self>, read: Option<String>, channel: &str, id: &str) -> Option<String> {
            read.or_else(|| AGENTS.iter().find_map(|agent| host.rig.read(agent, channel, id)))
        }
    }
    a_listing_without_its_first_is_found Forgets "the list of" {
        fn listed(list: Vec<String>) -> Vec<String> {
            list.into_iter().rev().take(2).rev().collect()
        }
    }
    another_order_of_a_queue_is_found TurnsRound "the queue" {
        fn queued(mut queue: Vec<(String, bool)>) -> Vec<(String, bool)> {
            queue.reverse();
            queue
        }
    }
    a_wrong_can_is_found Hopes "whether" {
        fn can(can: bool, operation: &str) -> bool {
            can || operation == "Complete"
        }
    }
    a_lost_last_agent_is_found LosesLastAgent "the last agent" {
        fn last_agent(_: Option<(String, i64)>) -> Option<(String, i64)> {
            None
        }
    }
    another_contact_for_the_same_address_is_found Renames "contact" {
        fn heard(_: &Faulty<Self>, heard: Vec<Heard>) -> Vec<Heard> {
            with_resources(heard, |resource| {
                let id = resource["id"].clone();
                if resource.get("contactId").is_some() && resource["state"] == "Sent" {
                    resource["contactId"] = id;
                }
            })
        }
    }
    a_second_blind_attempt_is_found Replays "the work" {
        fn assigned(assignment: Option<Assignment>) -> Option<Assignment> {
            assignment.map(|assignment| match assignment.kind {
                "reconcile" => Assignment { kind: "publish", ..assignment },
                _ => assignment,
            })
        }
    }
    an_offer_that_is_always_granted_is_found Offers "the host's call" {
        fn offered(_: Result<(), Trouble>) -> Result<(), Trouble> {
            Ok(())
        }
    }
    another_order_of_keys_is_found SortsKeys "userData" {
        fn heard(_: &Faulty<Self>, heard: Vec<Heard>) -> Vec<Heard> {
            with_resources(heard, |resource| {
                if let Some(data) = resource.get_mut("userData").and_then(Value::as_object_mut) {
                    data.sort_keys();
                }
            })
        }
    }
}
