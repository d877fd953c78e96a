//! Every fault of the sandbox × every publishing operation × every transport, through the plugins' own libraries
//! and the real driver: each ends in the right class, nothing is on a platform twice, and no secret is in what
//! anybody sees.
//!
//! The rows are complete, or the tests fail: the faults are compared with those that the sandbox explains, the
//! operations with the manifests and with OneAll's table of endpoints.
//!
//! Planted faults: a row left out of `operations` or of `faults` fails the tests of completeness; a driver that
//! calls a broken exchange not sent makes a second post here.

#[path = "common/built.rs"]
mod built;
mod common;
#[path = "matrix/faults.rs"]
mod faults;
#[path = "matrix/operations.rs"]
mod operations;
#[path = "common/twitter.rs"]
mod twitter;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strowger::channel::{Attempt, Channel, Job, JobKind, OperationCall, Outcome};
use strowger_loader::{ConversationLimits, LoadedChannel, Options, Plugin};
use strowger_oneall::endpoints::TABLE;
use strowger_sandbox::{Effect, Fault, Sandbox, faults_help};

use common::Point;
use faults::{Class, faults};
use operations::{Look, Operation, PAGE, Way, filled, operations};
use twitter::{Impatient, Store, assert_discreet, listen, logged_bytes, now_ms, raw, sandbox};

const TEXT: &str = "Tea & cake: see https://example.com/menu";
/// The time limit of a request: longer than a machine under load needs, shorter than the slow faults.
const LIMIT: Duration = Duration::from_millis(2_500);
/// How many rows are played at once; the cases of a row all are, for they wait more than they work.
const AT_ONCE: usize = 3;
/// What HTTP Basic makes of OneAll's two keys.
const BASIC: &str = "cHVibGljOnMzY3JldC1rZXk=";

impl Operation {
    fn load(&self, sandbox: &Sandbox) -> LoadedChannel {
        listen();
        let place = libraries();
        let options = Options {
            clock: Arc::new(Impatient),
            secrets: Some(Arc::new(Store)),
            attachments_dir: Some(place.files.path().to_path_buf()),
            limits: ConversationLimits { request: LIMIT, ..ConversationLimits::default() },
            ..Options::default()
        };
        let config = self.config(&format!("http://{}", sandbox.addr())).to_string();
        Plugin::load(place.of(self.way), &config, &options)
            .unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }

    /// One attempt, or one look. Nobody crosses the point of no return twice.
    fn run(
        &self,
        channel: &LoadedChannel,
        kind: JobKind,
        attempt: Attempt,
        handle: Option<&Value>,
    ) -> Outcome {
        let (extras, user_data) = (raw(&self.extras), raw(&self.user_data));
        let parameters = raw(&json!({ "twitterUserId": "77" }));
        let job = Job {
            kind,
            delivery_id: "d1",
            interaction_id: Some("i1"),
            channel: self.channel(),
            account: "brand",
            agent_id: "agent",
            queue_path: "",
            message: TEXT,
            extras: &extras,
            user_data: &user_data,
            parent: None,
            attempt,
            operation: self.call.map(|name| OperationCall { name, parameters: &parameters }),
            handle,
            known: (kind == JobKind::Reconcile).then(Vec::new),
        };
        let mut point = Point::default();
        let report = channel.converse(&job, &mut point);
        let looks = matches!(kind, JobKind::Reconcile | JobKind::Poll);
        assert!(point.crossed <= u32::from(!looks), "{self:?}");
        let seen = format!("{report:?}{:?}", serde_json::to_string(&report.outcome));
        assert!(!seen.contains(BASIC), "{seen}");
        assert_discreet(&seen);
        report.outcome
    }

    fn act(&self, channel: &LoadedChannel) -> (Attempt, Outcome) {
        let attempt = Attempt { number: 1, started_ms: now_ms(), ended_ms: None };
        let kind = if self.call.is_some() { JobKind::Operation } else { JobKind::Publish };
        let outcome = self.run(channel, kind, attempt, None);
        (Attempt { ended_ms: Some(now_ms()), ..attempt }, outcome)
    }

    /// A success; work that the platform took on is asked for, and is found done.
    fn assert_success(&self, channel: &LoadedChannel, attempt: Attempt, outcome: &Outcome, case: &str) {
        assert_eq!(Class::of(outcome), Some(Class::Success), "{case}: {outcome:?}");
        if let Outcome::Accepted { handle } = outcome {
            let done = self.run(channel, JobKind::Poll, attempt, Some(handle));
            assert!(matches!(done, Outcome::Published { id: Some(_), .. }), "{case}, asked for: {done:?}");
        }
    }

    fn play(&self, effect: &Effect, class: Class, acts: bool) {
        let case = format!("{:?} {} × {effect:?}", self.way, self.name);
        let sandbox = sandbox();
        let channel = self.load(&sandbox);
        let fault = Fault::new(effect.clone());
        let fault =
            if *effect == Effect::Refuse { fault } else { fault.method(self.method).path(&*self.path) };
        sandbox.inject(fault).expect("a fault");

        let (attempt, outcome) = self.act(&channel);
        let ended = Class::of(&outcome);
        assert!(ended.is_some_and(|ended| class.admits(ended)), "{case}: {outcome:?}");
        let expected = if acts { self.leaves } else { 0 };
        settle(&sandbox, self, usize::from(acts));
        assert_eq!(visible(&sandbox), expected, "{case}: {:?}", sandbox.posts());
        assert_eq!(
            self.written(&sandbox),
            usize::from(*effect != Effect::Refuse),
            "{case}: requests that publish"
        );

        let mut again = matches!(ended, Some(Class::NotSent | Class::RateLimited));
        match ended {
            Some(Class::Success) => self.assert_success(&channel, attempt, &outcome, &case),
            Some(Class::Unknown) => {
                let found = self.run(&channel, JobKind::Reconcile, attempt, None);
                match (self.look, acts) {
                    (Look::Proves | Look::Finds, true) => {
                        let Outcome::Published { id: Some(id), .. } = &found else {
                            panic!("{case}, looked back: {found:?}")
                        };
                        assert_eq!(Some(id), sandbox.posts().last().map(|post| &post.id), "{case}");
                    }
                    (Look::Proves, false) => {
                        assert_eq!(found, Outcome::Absent, "{case}, looked back");
                        again = true;
                    }
                    (Look::Finds, false) | (Look::Nothing, _) => {
                        assert!(
                            matches!(found, Outcome::CannotTell { .. }),
                            "{case}, looked back: {found:?}"
                        );
                    }
                }
            }
            _ => {}
        }
        if again {
            let (attempt, outcome) = self.act(&channel);
            self.assert_success(&channel, attempt, &outcome, &format!("{case}, again"));
            assert_eq!(visible(&sandbox), self.leaves, "{case}, again");
        }
        assert!(visible(&sandbox) <= 1, "{case}: {:?}", sandbox.posts());
        assert_eq!(channel.faults(), 0, "{case}: the plugin broke its contract");
        // OneAll wants the identity in every address: there the platform itself may read it.
        let recorded = format!("{:?}{:?}", sandbox.requests(), sandbox.posts());
        assert_discreet(&recorded.replace("/identities/s3cret-identity/", "/identities/…/"));
    }

    /// How many requests arrived that publish.
    fn written(&self, sandbox: &Sandbox) -> usize {
        let (head, tail) = self.path.split_once('*').unwrap_or((&self.path, ""));
        let publishes = |path: &str| {
            if self.path.contains('*') {
                path.starts_with(head) && path.ends_with(tail)
            } else {
                path == self.path
            }
        };
        let requests = sandbox.requests();
        requests.iter().filter(|request| request.method == self.method && publishes(&request.path)).count()
    }
}

/// What the public sees: unpublished pictures are not.
fn visible(sandbox: &Sandbox) -> usize {
    let posts = sandbox.posts();
    let shown = posts.iter().filter(|post| post.details.get("published") != Some(&json!(false)));
    shown.count() + sandbox.relations().len()
}

/// Waits until the platform has done what it was at when its caller gave up.
fn settle(sandbox: &Sandbox, operation: &Operation, acts: usize) {
    let begun = Instant::now();
    while visible(sandbox) < acts * operation.leaves && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Libraries {
    twitter: PathBuf,
    facebook: PathBuf,
    oneall: PathBuf,
    files: tempfile::TempDir,
}

impl Libraries {
    fn of(&self, way: Way) -> &Path {
        match way {
            Way::X | Way::XOverOneAll => &self.twitter,
            Way::Graph | Way::GraphOverOneAll(_) => &self.facebook,
            Way::OneAll(_) => &self.oneall,
        }
    }
}

fn libraries() -> &'static Libraries {
    static LIBRARIES: OnceLock<Libraries> = OnceLock::new();
    LIBRARIES.get_or_init(|| {
        let files = tempfile::tempdir().expect("a directory");
        std::fs::write(files.path().join("menu"), b"\x89PNG\r\n\x1a\nand so on").expect("a file");
        std::fs::write(files.path().join("film"), b"\0\0\0\x18ftypmp42and so on").expect("a file");
        let library = |name: &str| {
            let library = built::built(&format!("strowger-{name}-plugin"), &format!("libstrowger_{name}.so"));
            built::installed(Path::new(&library), files.path())
        };
        let (twitter, facebook, oneall) = (library("twitter"), library("facebook"), library("oneall"));
        Libraries { twitter, facebook, oneall, files }
    })
}

#[test]
fn every_fault_of_every_operation_ends_in_its_class_with_one_post_at_most() {
    let mut failed = 0;
    for rows in operations().chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let mut cases = Vec::new();
            for row in rows {
                for (effect, class, acts) in faults(row.way.secrets()) {
                    cases.push(scope.spawn(move || row.play(&effect, class, acts)));
                }
            }
            failed += cases.into_iter().map(ScopedJoinHandle::join).filter(Result::is_err).count();
        });
    }
    assert_eq!(failed, 0, "the cases that failed are told above");
    assert!(logged_bytes() > 1_000_000, "the exchanges are in the log, where secrets were looked for");
}

/// A picture that goes up before its post is nothing that anybody sees: what breaks there is not in doubt, and the
/// next attempt publishes once. What breaks at X's uploads is in `media.rs`.
#[test]
fn every_fault_of_an_upload_to_facebook_leaves_no_doubt() {
    let rows: Vec<_> =
        operations().into_iter().filter(|row| row.name.starts_with("post with a picture")).collect();
    assert_eq!(rows.len(), 2, "by its address, and as a file");
    let photos = format!("/v26.0/{PAGE}/photos");
    let play = |row: &Operation, effect: &Effect, class: Class| {
        let case = format!("{} × {effect:?}", row.name);
        let sandbox = sandbox();
        let channel = row.load(&sandbox);
        let fault = Fault::new(effect.clone());
        let fault = if *effect == Effect::Refuse { fault } else { fault.method("POST").path(&*photos) };
        sandbox.inject(fault).expect("a fault");
        let (_, outcome) = row.act(&channel);
        let class =
            if matches!(class, Class::Unknown | Class::NotSentOrUnknown) { Class::NotSent } else { class };
        assert_eq!(Class::of(&outcome), Some(class), "{case}: {outcome:?}");
        assert_eq!(visible(&sandbox), usize::from(class == Class::Success), "{case}");
        if class == Class::NotSent || class == Class::RateLimited {
            assert_eq!(Class::of(&row.act(&channel).1), Some(Class::Success), "{case}, again");
            assert_eq!(visible(&sandbox), 1, "{case}, again");
        }
        assert_eq!(channel.faults(), 0, "{case}");
    };
    for row in &rows {
        std::thread::scope(|scope| {
            for (effect, class, _) in faults(row.way.secrets()) {
                let play = &play;
                scope.spawn(move || play(row, &effect, class));
            }
        });
    }
}

#[test]
fn where_nobody_listens_nothing_is_sent() {
    for row in operations() {
        let sandbox = sandbox();
        let channel = row.load(&sandbox);
        drop(sandbox);
        let (_, outcome) = row.act(&channel);
        assert_eq!(Class::of(&outcome), Some(Class::NotSent), "{row:?}: {outcome:?}");
    }
}

/// A configuration that is refused must not show what it holds either.
#[test]
fn a_refused_configuration_shows_no_secret() {
    for row in operations() {
        let mut config = row.config("http://127.0.0.1:9");
        config["accounts"][0]["surplus"] = json!("s3cret-surplus");
        let library = libraries().of(row.way);
        let error = Plugin::load(library, &config.to_string(), &Options::default()).expect_err("refused");
        let seen = format!("{error} {error:?}");
        assert!(seen.contains("surplus"), "{seen}");
        assert_discreet(&seen);
    }
}

#[test]
fn every_fault_has_a_row() {
    let explained: BTreeSet<String> = faults_help()
        .lines()
        .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    let named = |(effect, ..): (Effect, Class, bool)| Fault::new(effect).to_json()["fault"].clone();
    let played: BTreeSet<String> =
        faults("").into_iter().filter_map(|row| named(row).as_str().map(str::to_owned)).collect();
    assert!(explained.len() > 10 && explained == played, "{explained:?}\n{played:?}");
}

#[test]
fn every_operation_has_a_row() {
    let rows = operations();
    let sandbox = sandbox();
    // What the manifests offer.
    for row in &rows {
        for manifest in row.load(&sandbox).manifests() {
            for offered in &manifest.operations {
                assert!(
                    rows.iter()
                        .any(|row| row.channel() == manifest.channel
                            && row.call == Some(offered.name.as_str())),
                    "`{}` of {} has no row",
                    offered.name,
                    manifest.channel
                );
            }
        }
    }
    // What OneAll has, but for two: they upload what a post names by its id later, and no channel asks for them.
    for endpoint in TABLE.iter().filter(|row| !["twitter/picture", "twitter/video"].contains(&row.path)) {
        let path = format!("/push/identities/*/{}.json", filled(endpoint.path));
        assert!(rows.iter().any(|row| row.path == path), "`{}` has no row", endpoint.path);
    }
}
