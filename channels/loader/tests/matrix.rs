//! The Twitter plugin, loaded from its library, against every fault of the sandbox: each ends in the right
//! class, no message is ever on the platform twice, and no secret is in what anybody sees.
//!
//! After each fault the test goes on as the engine does: what is unknown is read back, and only what is certainly
//! not there, or never left, is published again.

mod common;
#[path = "common/twitter.rs"]
mod twitter;

use std::time::{Duration, Instant};

use serde_json::json;
use strowger::channel::{Channel, JobKind, Outcome};
use strowger_loader::LoadedChannel;
use strowger_sandbox::{Answer, Effect, Fault, Sandbox};

use common::Point;
use twitter::{Told, USER, account, assert_discreet, load, logged_bytes, now_ms, raw, sandbox};

/// The time limit of a request here.
const LIMIT: Duration = Duration::from_millis(1_500);
/// Longer than that.
const TOO_LONG: Duration = Duration::from_millis(2_500);

/// What an attempt ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Success,
    Rejected,
    NeedsLogin,
    RateLimited,
    NotSent,
    Unknown,
    Absent,
    CannotTell,
}

impl Class {
    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Published { .. } | Outcome::Accepted { .. } | Outcome::Done => Self::Success,
            Outcome::Rejected { .. } => Self::Rejected,
            Outcome::NeedsLogin { .. } => Self::NeedsLogin,
            Outcome::RateLimited { .. } => Self::RateLimited,
            Outcome::NotSent { .. } => Self::NotSent,
            Outcome::Unknown { .. } => Self::Unknown,
            Outcome::Absent => Self::Absent,
            Outcome::CannotTell { .. } => Self::CannotTell,
        }
    }
}

/// Each fault, the class that it ends in, and whether the platform acts.
fn faults() -> Vec<(Effect, Class, bool)> {
    use Class::{NeedsLogin, RateLimited, Rejected, Success, Unknown};
    let before = |status| Effect::StatusBefore(Answer::status(status));
    // A platform that repeats credentials in its words.
    let echo = |status| {
        let body =
            json!({ "title": "Refused", "detail": "the token s3cret-token and s3cret-consumer are bad" });
        Effect::StatusBefore(Answer { body: Some(body), ..Answer::status(status) })
    };
    let redirect = |perform| Effect::Redirect { status: 307, location: None, perform };
    let typed = |perform| Effect::WrongContentType { content_type: "text/plain".into(), perform };
    vec![
        (Effect::Refuse, Unknown, false),
        (Effect::CloseBefore, Unknown, false),
        (Effect::CloseAfter, Unknown, true),
        (Effect::ResetBefore, Unknown, false),
        (Effect::ResetAfter, Unknown, true),
        (Effect::Slow(Duration::from_millis(50)), Success, true),
        (Effect::Slow(TOO_LONG), Unknown, true),
        (Effect::Late(Duration::from_millis(50)), Success, true),
        (Effect::Late(TOO_LONG), Unknown, true),
        (Effect::Drip(Duration::from_micros(10)), Success, true),
        (Effect::Drip(Duration::from_millis(20)), Unknown, true),
        (before(400), Rejected, false),
        (echo(401), NeedsLogin, false),
        (echo(403), Rejected, false),
        (before(404), Rejected, false),
        (before(408), Unknown, false),
        (before(429), RateLimited, false),
        (echo(500), Unknown, false),
        (before(503), Unknown, false),
        (Effect::StatusAfter(Answer::status(500)), Unknown, true),
        (Effect::StatusAfter(Answer::status(502)), Unknown, true),
        (Effect::Malformed { perform: true }, Unknown, true),
        (Effect::Malformed { perform: false }, Unknown, false),
        (Effect::Truncated { perform: true }, Unknown, true),
        (Effect::Truncated { perform: false }, Unknown, false),
        (Effect::Html { status: 502, perform: false }, Unknown, false),
        (Effect::Html { status: 200, perform: true }, Unknown, true),
        (Effect::Html { status: 403, perform: false }, Unknown, false),
        (typed(true), Success, true),
        (typed(false), Unknown, false),
        // A redirect is a refusal, and is not followed: a second request would be a second post.
        (redirect(false), Rejected, false),
        (redirect(true), Rejected, true),
    ]
}

/// What is done to the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Post,
    Reply,
    Message,
    Retweet,
}

impl Deed {
    fn told(self) -> Told {
        let user_data = match self {
            Self::Post => json!({ "_twitterMsgType": "Status" }),
            Self::Reply => json!({ "_twitterMsgType": "status", "_twitterInReplyToStatusId": "63493545" }),
            Self::Message => json!({ "_twitterMsgType": "DirectMessage", "_twitterToUserId": "77" }),
            Self::Retweet => json!({ "_twitterMsgId": "63493545" }),
        };
        Told {
            operation: (self == Self::Retweet).then_some("Retweet"),
            user_data: raw(&user_data),
            ..Told::default()
        }
    }

    fn kind(self) -> JobKind {
        if self == Self::Retweet { JobKind::Operation } else { JobKind::Publish }
    }
}

/// One attempt, after which the conversation may not have crossed the point of no return twice.
fn attempt(channel: &LoadedChannel, kind: JobKind, told: &Told) -> Outcome {
    let mut point = Point::default();
    let report = channel.converse(&told.job(kind), &mut point);
    assert!(point.crossed <= 1);
    assert_discreet(&format!("{report:?}{:?}", serde_json::to_string(&report.outcome)));
    report.outcome
}

fn performed(sandbox: &Sandbox) -> usize {
    let posts = sandbox.posts();
    assert!(posts.iter().all(|post| post.account == USER));
    posts.len()
}

/// Waits until the platform has done what it was at when its caller gave up.
fn settle(sandbox: &Sandbox, expected: usize) {
    let begun = Instant::now();
    while performed(sandbox) < expected && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn play(deed: Deed) {
    let sandbox = sandbox();
    let channel = load(&sandbox, &account(), LIMIT, None);
    for (effect, class, acts) in faults() {
        let case = format!("{deed:?} × {effect:?}");
        sandbox.reset();
        let fault = Fault::new(effect.clone());
        let fault = if effect == Effect::Refuse { fault } else { fault.method("POST").path("/2/") };
        sandbox.inject(fault).expect("a fault");
        let told = deed.told();
        let outcome = attempt(&channel, deed.kind(), &told);
        assert_eq!(Class::of(&outcome), class, "{case}: {outcome:?}");
        settle(&sandbox, usize::from(acts));
        assert_eq!(performed(&sandbox), usize::from(acts), "{case}");

        let found = match class {
            Class::Unknown => {
                let found =
                    attempt(&channel, JobKind::Reconcile, &Told { ended_ms: Some(now_ms()), ..told.clone() });
                let expected = match (deed, acts) {
                    (Deed::Retweet, _) => Class::CannotTell,
                    (_, true) => Class::Success,
                    (_, false) => Class::Absent,
                };
                assert_eq!(Class::of(&found), expected, "{case}, read back: {found:?}");
                Class::of(&found)
            }
            class => class,
        };
        if matches!(found, Class::Absent | Class::NotSent | Class::RateLimited) {
            let again = attempt(&channel, deed.kind(), &told);
            assert_eq!(Class::of(&again), Class::Success, "{case}, again: {again:?}");
        }
        assert!(performed(&sandbox) <= 1, "{case}: {:?}", sandbox.posts());
        if matches!(found, Class::Success | Class::Absent) {
            assert_eq!(performed(&sandbox), 1, "{case}");
        }
        assert_discreet(&format!("{:?}", sandbox.requests()));
    }
    assert!(logged_bytes() > 10_000, "the exchanges are in the log");
    assert_eq!(channel.faults(), 0, "the plugin kept its contract");
}

#[test]
fn posts() {
    play(Deed::Post);
}

#[test]
fn replies() {
    play(Deed::Reply);
}

#[test]
fn direct_messages() {
    play(Deed::Message);
}

#[test]
fn retweets() {
    play(Deed::Retweet);
}

#[test]
fn where_nobody_listens_nothing_is_sent() {
    let sandbox = sandbox();
    let channel = load(&sandbox, &account(), LIMIT, None);
    drop(sandbox);
    for deed in [Deed::Post, Deed::Reply, Deed::Message, Deed::Retweet] {
        let outcome = attempt(&channel, deed.kind(), &deed.told());
        assert_eq!(Class::of(&outcome), Class::NotSent, "{deed:?}: {outcome:?}");
    }
}
