//! OAuth 2.0 tokens of the Twitter plugin, loaded from its library: refreshed by one conversation at a time, kept by
//! the host before they are used, found again by the next process.
//!
//! Planted faults that were seen to fail: a lease that two conversations hold; a token that is used before it is
//! kept; a refresh that is asked for again although the last one's token waits to be kept.

#[path = "common/built.rs"]
mod built;
mod common;
#[path = "matrix/deeds.rs"]
mod deeds;
#[path = "matrix/faults.rs"]
mod faults;
#[path = "common/twitter.rs"]
mod twitter;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strowger::channel::{Channel, Job, JobKind, Outcome};
use strowger_loader::{
    ConversationLimits, KeptSecret, LoadError, LoadedChannel, Options, Plugin, SecretStore, SecretStoreError,
};
use strowger_sandbox::{Answer, Effect, Fault, Sandbox};
use tempfile::TempDir;

use common::Point;
use deeds::Api;
use faults::{Class, LIMIT, rows_echoing};
use twitter::{Told, assert_discreet, listen, now_ms, raw};

/// Two accounts, each with a refresh token of its own.
const BRAND: (&str, &str, &str) = ("brand", "1258948171", "s3cret-refresh");
const SUPPORT: (&str, &str, &str) = ("support", "77", "s3cret-refresh-of-support");
const PATIENCE: Duration = Duration::from_secs(60);

fn sandbox() -> Sandbox {
    let x_accounts = [BRAND, SUPPORT].map(|(_, user, token)| (token.to_owned(), user.to_owned())).into();
    let options =
        strowger_sandbox::Options { duplicate_window: Duration::ZERO, x_accounts, ..Default::default() };
    Sandbox::start("127.0.0.1:0".parse().expect("an address"), options).expect("the sandbox starts")
}

/// A host's store for secrets: what it was given, and what the platform had seen by then.
struct Safe {
    sandbox: Arc<Sandbox>,
    kept: Mutex<Vec<(String, String, usize)>>,
    /// How many more it can't keep.
    broken: Mutex<u32>,
}

impl Safe {
    fn new(sandbox: &Arc<Sandbox>) -> Arc<Self> {
        Arc::new(Self { sandbox: sandbox.clone(), kept: Mutex::default(), broken: Mutex::new(0) })
    }

    /// The token that was kept last for that account.
    fn last(&self, account: &str) -> Option<String> {
        let kept = self.kept.lock().expect("nobody panicked");
        kept.iter().rev().find(|one| one.0 == account).map(|one| one.1.clone())
    }
}

impl SecretStore for Safe {
    fn keep(&self, secret: &KeptSecret<'_>) -> Result<(), SecretStoreError> {
        assert_eq!((secret.plugin, secret.channel, secret.name), ("twitter", "twitter", "refresh_token"));
        let mut broken = self.broken.lock().expect("nobody panicked");
        if *broken > 0 {
            *broken -= 1;
            return Err(SecretStoreError { message: "the disk is full".into() });
        }
        let uses = requests(&self.sandbox, "/2/tweets");
        let mut kept = self.kept.lock().expect("nobody panicked");
        kept.push((secret.account.to_owned(), secret.value.to_owned(), uses));
        Ok(())
    }
}

fn requests(sandbox: &Sandbox, path: &str) -> usize {
    sandbox.requests().iter().filter(|request| request.path == path).count()
}

fn refreshes(sandbox: &Sandbox) -> usize {
    requests(sandbox, "/2/oauth2/token")
}

fn account((name, user, token): (&str, &str, &str)) -> Value {
    json!({ "name": name, "user_id": user, "settle_ms": 0,
            "auth": { "kind": "oauth2", "client_id": "app", "client_secret": "s3cret-client",
                      "refresh_token": token } })
}

fn load(
    sandbox: &Sandbox,
    accounts: &[Value],
    store: Option<Arc<dyn SecretStore>>,
    limit: Duration,
) -> Result<LoadedChannel, LoadError> {
    static LIBRARY: OnceLock<(PathBuf, TempDir)> = OnceLock::new();
    listen();
    let (library, _) = LIBRARY.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let built = built::built("strowger-twitter-plugin", "libstrowger_twitter.so");
        (built::installed(&built, directory.path()), directory)
    });
    let config = json!({ "name": "channel-twitter", "base_url": format!("http://{}", sandbox.addr()),
                         "accounts": accounts });
    let limits = ConversationLimits { request: limit, ..ConversationLimits::default() };
    Plugin::load(library, &config.to_string(), &Options { secrets: store, limits, ..Options::default() })
}

fn publish(channel: &LoadedChannel, account: &str) -> Outcome {
    let told = Told { user_data: raw(&json!({ "_twitterMsgType": "status" })), ..Told::default() };
    let mut point = Point::default();
    let report = channel.converse(&Job { account, ..told.job(JobKind::Publish) }, &mut point);
    assert!(point.crossed <= 1);
    assert_discreet(&format!("{report:?}"));
    report.outcome
}

fn is_published(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Published { id: Some(_), .. })
}

#[test]
fn many_conversations_share_one_refresh_and_the_token_is_kept_before_it_is_used() {
    let sandbox = Arc::new(sandbox());
    let safe = Safe::new(&sandbox);
    let channel = load(&sandbox, &[account(BRAND)], Some(safe.clone()), PATIENCE).expect("it loads");
    // Long enough for all of them to be there before it is over.
    let slow = Effect::Slow(Duration::from_millis(500));
    sandbox.inject(Fault::new(slow).path("/2/oauth2/token")).expect("a fault");
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| publish(&channel, "brand"))).collect();
        for one in all {
            let outcome = one.join().expect("no panic");
            assert!(is_published(&outcome), "{outcome:?}");
        }
    });
    assert_eq!(sandbox.posts().len(), 8);
    assert!(sandbox.posts().iter().all(|post| post.account == BRAND.1));
    assert_eq!(refreshes(&sandbox), 1, "one refresher at a time, and one was enough");
    let kept = safe.kept.lock().expect("nobody panicked").clone();
    let [(_, token, uses)] = kept.as_slice() else { panic!("{} were kept", kept.len()) };
    assert!(token.starts_with("sandbox-refresh-"));
    assert_eq!(*uses, 0, "it was kept before what came with it was used");
    assert_eq!(channel.faults(), 0);
}

#[test]
fn a_refresh_of_one_account_holds_up_no_other() {
    let sandbox = Arc::new(sandbox());
    let safe = Safe::new(&sandbox);
    let accounts = [account(BRAND), account(SUPPORT)];
    let channel = load(&sandbox, &accounts, Some(safe.clone()), PATIENCE).expect("it loads");
    let long = Duration::from_secs(3);
    sandbox.inject(Fault::new(Effect::Slow(long)).path("/2/oauth2/token")).expect("a fault");
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| publish(&channel, "brand"));
        let begun = Instant::now();
        while refreshes(&sandbox) == 0 {
            assert!(begun.elapsed() < PATIENCE, "the refresh begins");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(is_published(&publish(&channel, "support")));
        assert!(!slow.is_finished(), "the other account did not wait for it");
        assert_eq!(sandbox.posts()[0].account, SUPPORT.1);
        assert!(is_published(&slow.join().expect("no panic")));
    });
    assert_eq!(refreshes(&sandbox), 2, "each account has its own");
    assert!(safe.last("brand").is_some() && safe.last("support").is_some());
}

#[test]
fn a_token_that_can_not_be_kept_is_not_used_and_not_asked_for_again() {
    let sandbox = Arc::new(sandbox());
    let safe = Safe::new(&sandbox);
    *safe.broken.lock().expect("nobody panicked") = 2;
    let channel = load(&sandbox, &[account(BRAND)], Some(safe.clone()), PATIENCE).expect("it loads");
    for _ in 0..2 {
        let outcome = publish(&channel, "brand");
        let Outcome::NotSent { message, .. } = &outcome else { panic!("{outcome:?}") };
        assert!(message.contains("the disk is full"), "{message}");
        assert_eq!((sandbox.posts().len(), refreshes(&sandbox)), (0, 1));
    }
    assert!(is_published(&publish(&channel, "brand")), "the disk has room again");
    assert_eq!((sandbox.posts().len(), refreshes(&sandbox)), (1, 1));
    assert!(safe.last("brand").is_some());

    // A host without a store is told when it loads the plugin, not when the first token is lost.
    let error = load(&sandbox, &[account(BRAND)], None, PATIENCE).map(drop).expect_err("no store");
    assert_discreet(&format!("{error} {error:?}"));
    assert!(error.to_string().contains("secret"), "{error}");
}

#[test]
fn the_next_process_goes_on_with_the_token_that_was_kept() {
    let sandbox = Arc::new(sandbox());
    let safe = Safe::new(&sandbox);
    let channel = load(&sandbox, &[account(BRAND)], Some(safe.clone()), PATIENCE).expect("it loads");
    assert!(is_published(&publish(&channel, "brand")));
    drop(channel);

    for round in 2..4 {
        let kept = safe.last("brand").expect("a token was kept");
        let channel = load(&sandbox, &[account((BRAND.0, BRAND.1, &kept))], Some(safe.clone()), PATIENCE)
            .expect("it loads");
        assert!(is_published(&publish(&channel, "brand")));
        assert_eq!((sandbox.posts().len(), refreshes(&sandbox)), (round, round));
        assert!(sandbox.posts().iter().all(|post| post.account == BRAND.1));
        assert_ne!(safe.last("brand").as_ref(), Some(&kept), "the token was good for one use");
    }

    // The one of the configuration was good for one use as well.
    let stale = load(&sandbox, &[account(BRAND)], Some(safe), PATIENCE).expect("it loads");
    let outcome = publish(&stale, "brand");
    assert!(matches!(outcome, Outcome::NeedsLogin { .. }), "{outcome:?}");
    assert_eq!(sandbox.posts().len(), 3);
}

#[test]
fn a_token_that_is_refused_is_replaced_by_the_next_attempt() {
    let sandbox = Arc::new(sandbox());
    let channel = load(&sandbox, &[account(BRAND)], Some(Safe::new(&sandbox)), PATIENCE).expect("it loads");
    for _ in 0..2 {
        assert!(is_published(&publish(&channel, "brand")));
    }
    assert_eq!(refreshes(&sandbox), 1, "a token that is still good is not replaced");
    sandbox.inject(Fault::new(Effect::StatusBefore(Answer::status(401))).path("/2/tweets")).expect("a fault");
    let outcome = publish(&channel, "brand");
    assert!(matches!(outcome, Outcome::NeedsLogin { .. }), "{outcome:?}");
    assert!(is_published(&publish(&channel, "brand")));
    assert_eq!((sandbox.posts().len(), refreshes(&sandbox)), (3, 2));
    assert_discreet(&format!("{:?}", sandbox.requests()));
}

/// Every fault of the sandbox at the request for a token: nothing is published and nothing is in doubt; and unless
/// the new token was lost with its answer, the next attempt publishes once.
#[test]
fn no_fault_of_a_refresh_publishes_anything_or_leaves_anything_in_doubt() {
    // The last one is `app:s3cret-client` as HTTP Basic writes it.
    let secrets = [BRAND.2, "s3cret-client", "YXBwOnMzY3JldC1jbGllbnQ="];
    for row in rows_echoing(Api::X, &secrets) {
        let case = format!("{:?}", row.effect);
        let sandbox = Arc::new(sandbox());
        let safe = Safe::new(&sandbox);
        let limit = if row.lasts { LIMIT } else { PATIENCE };
        let channel = load(&sandbox, &[account(BRAND)], Some(safe), limit).expect("it loads");
        let fault = Fault::new(row.effect.clone());
        let fault = if row.effect == Effect::Refuse { fault } else { fault.path("/2/oauth2/token") };
        sandbox.inject(fault).expect("a fault");
        let started_ms = now_ms();
        let outcome = publish(&channel, "brand");
        let says_no = |status: u16| row.effect == Effect::StatusBefore(Answer::status(status));
        let expected = match row.class {
            // 404 and redirects say nothing about the token; 400 and 403 do.
            Class::Rejected if says_no(404) || matches!(row.effect, Effect::Redirect { .. }) => {
                Class::NotSent
            }
            Class::Rejected => Class::NeedsLogin,
            Class::Unknown => Class::NotSent,
            class => class,
        };
        assert_eq!(Class::of(&outcome), expected, "{case}: {outcome:?}");
        assert_eq!(sandbox.posts().len(), usize::from(expected == Class::Success), "{case}");
        if let Outcome::RateLimited { until_ms } = outcome {
            assert!(until_ms > started_ms, "{case}");
        }
        // What is late is still to come.
        if let Effect::Late(time) = row.effect {
            std::thread::sleep(time);
        }
        let again = publish(&channel, "brand");
        let is_lost = row.acts && expected != Class::Success;
        let expected = if is_lost { Class::NeedsLogin } else { Class::Success };
        assert_eq!(Class::of(&again), expected, "{case}, again: {again:?}");
    }
}
