//! How a row is played: an attempt that meets a fault, then what the engine would do next.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strowger::channel::{Channel, JobKind, Outcome};
use strowger_loader::{ConversationLimits, LoadError, LoadedChannel, Options, Plugin};
use strowger_sandbox::{Effect, Fault, Sandbox};
use tempfile::TempDir;

use crate::built;
use crate::common::Point;
use crate::deeds::{Deed, Look, Trace, Via, deeds};
use crate::faults::{Class, LIMIT, Row, rows};
use crate::twitter::{Impatient, Store, Told, assert_discreet, listen, now_ms, raw, sandbox};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where a time limit that is reached too early does no harm.
const HASTE: Duration = Duration::from_millis(300);
/// How many deeds are played at once: they wait more than they work.
const AT_ONCE: usize = 10;

/// A deed, and what it is done with.
pub(crate) struct Stage {
    pub(crate) deed: Deed,
    pub(crate) sandbox: Sandbox,
    patient: LoadedChannel,
    /// Gives up after [`LIMIT`].
    limited: LoadedChannel,
    /// Gives up after [`HASTE`].
    hasty: LoadedChannel,
}

/// Plays every deed of a transport.
pub(crate) fn each(via: Via, play: impl Fn(&Stage) + Sync) {
    let (deeds, next) = (deeds(via), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE.min(deeds.len()))
            .map(|_| {
                scope.spawn(|| {
                    while let Some(deed) = deeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let stage = Stage::new(deed.clone());
                        play(&stage);
                        stage.assert_kept_its_contract();
                    }
                })
            })
            .collect();
        for worker in workers {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

impl Stage {
    pub(crate) fn new(deed: Deed) -> Self {
        listen();
        let sandbox = sandbox();
        let load = |limit| load(&deed, &sandbox, limit);
        let (patient, limited, hasty) = (load(PATIENCE), load(LIMIT), load(HASTE));
        Self { deed, sandbox, patient, limited, hasty }
    }

    /// A fault of the request that does the deed: the right class, at most once on the platform, and what is in
    /// doubt is found out as far as it can be.
    pub(crate) fn publishing(&self) {
        for row in rows(self.deed.via.api()) {
            let case = self.case(&row, self.deed.request);
            self.begin(&row.effect, self.deed.request, 1);
            let channel = if row.lasts { &self.limited } else { &self.patient };
            let outcome = self.attempt(channel, &case);
            let class = Class::of(&outcome);
            // Which connection is the next one is not certain where several requests are made.
            let is_early = row.effect == Effect::Refuse && class == Class::NotSent;
            assert!(class == row.class || is_early, "{case}: {outcome:?}");
            self.settles(row.acts, &case);
            assert!(self.requests() <= 1, "{case}: the request was repeated");
            self.goes_on(&outcome, row.acts, &case);
        }
    }

    /// A fault of a request that comes before: nothing is published, nothing is in doubt, and the next attempt does
    /// it once.
    pub(crate) fn preparing(&self) {
        for &request in self.deed.before {
            for row in rows(self.deed.via.api()) {
                let case = self.case(&row, request);
                self.begin(&row.effect, request, 1);
                let channel = if row.lasts { &self.limited } else { &self.patient };
                let outcome = self.attempt(channel, &case);
                let class = Class::of(&outcome);
                let expected = match row.class {
                    // Some requests of an upload may be repeated at once, and of some the status alone counts.
                    Class::Unknown if row.effect != Effect::Refuse => {
                        matches!(class, Class::NotSent | Class::Success)
                    }
                    // The next connection may be that of the request that publishes.
                    Class::Unknown => matches!(class, Class::NotSent | Class::Success | Class::Unknown),
                    expected => class == expected,
                };
                // A part of an upload that is said to be done and is not is missed later, and refused then.
                let is_missed = class == Class::Rejected && row.lies();
                assert!(expected || is_missed, "{case}: {outcome:?}");
                assert_eq!(self.count(), usize::from(class == Class::Success), "{case}");
                self.goes_on(&outcome, false, &case);
            }
        }
    }

    /// A fault of every request of a look back: what is there is never taken for absent.
    pub(crate) fn looking_back(&self) {
        if self.deed.look == Look::Nothing {
            return;
        }
        for acts in [true, false] {
            for row in rows(self.deed.via.api()) {
                let case = format!("{}, read back, there: {acts}", self.case(&row, ("GET", "*")));
                let lost = if acts { Effect::CloseAfter } else { Effect::CloseBefore };
                self.begin(&lost, self.deed.request, 1);
                let outcome = self.attempt(&self.patient, &case);
                assert_eq!(Class::of(&outcome), Class::Unknown, "{case}: {outcome:?}");
                self.arm(&row.effect, ("GET", "*"), 100);
                let channel = if row.lasts { &self.hasty } else { &self.patient };
                let found = self.converse(channel, JobKind::Reconcile, None, &case);
                let expected = match (row.class, acts, self.deed.look) {
                    (Class::Success, true, _) => Class::Success,
                    (Class::Success, false, Look::Both) => Class::Absent,
                    _ => Class::CannotTell,
                };
                let found = Class::of(&found);
                // A connection that stands already is not refused.
                let is_untouched = row.effect == Effect::Refuse
                    && found == if acts { Class::Success } else { Class::Absent };
                assert!(found == expected || is_untouched, "{case}: {found:?}");
                assert_eq!(self.count(), usize::from(acts), "{case}");
            }
        }
    }

    /// Nobody listens: nothing is sent.
    pub(crate) fn unreachable(self) {
        let Self { deed, sandbox, patient, limited, hasty } = self;
        drop(sandbox);
        for channel in [patient, limited, hasty] {
            let mut point = Point::default();
            let report = channel.converse(&told(&deed).job(kind(&deed)), &mut point);
            assert_eq!(Class::of(&report.outcome), Class::NotSent, "{}: {report:?}", deed.name);
        }
    }

    /// What the engine does after an outcome, until there is nothing left to do.
    fn goes_on(&self, outcome: &Outcome, acts: bool, case: &str) {
        let class = match outcome {
            Outcome::Unknown { .. } => {
                let found = self.converse(&self.patient, JobKind::Reconcile, None, case);
                let expected = match (self.deed.look, acts) {
                    (Look::Nothing, _) | (Look::Presence, false) => Class::CannotTell,
                    (_, true) => Class::Success,
                    (Look::Both, false) => Class::Absent,
                };
                assert_eq!(Class::of(&found), expected, "{case}, read back: {found:?}");
                Class::of(&found)
            }
            Outcome::Accepted { handle } => {
                let asked = self.converse(&self.patient, JobKind::Poll, Some(handle), case);
                assert_eq!(Class::of(&asked), Class::Success, "{case}, asked again: {asked:?}");
                Class::Success
            }
            outcome => Class::of(outcome),
        };
        if matches!(class, Class::Absent | Class::NotSent | Class::RateLimited) {
            let again = self.attempt(&self.patient, &format!("{case}, again"));
            assert_eq!(Class::of(&again), Class::Success, "{case}, again: {again:?}");
        }
        assert!(self.count() <= 1, "{case}: {:?}", self.sandbox.posts());
        if matches!(class, Class::Success | Class::Absent | Class::NotSent | Class::RateLimited) {
            assert_eq!(self.count(), 1, "{case}: {:?}", self.sandbox.posts());
        }
        assert_discreet(&format!("{:?}", self.sandbox.requests()));
    }

    fn attempt(&self, channel: &LoadedChannel, case: &str) -> Outcome {
        self.converse(channel, kind(&self.deed), None, case)
    }

    fn converse(
        &self,
        channel: &LoadedChannel,
        kind: JobKind,
        handle: Option<&Value>,
        case: &str,
    ) -> Outcome {
        let ended_ms = (kind == JobKind::Reconcile).then(now_ms);
        let told = Told { handle: handle.cloned(), ended_ms, ..told(&self.deed) };
        let mut point = Point::default();
        let report = channel.converse(&told.job(kind), &mut point);
        assert!(point.crossed <= 1, "{case}: the point of no return was crossed twice");
        let may_cross = matches!(kind, JobKind::Publish | JobKind::Operation);
        assert!(point.crossed == 0 || may_cross, "{case}: looking back or asking publishes nothing");
        assert_discreet(&format!("{report:?}{:?}", serde_json::to_string(&report.outcome)));
        report.outcome
    }

    /// An empty platform, or one with what is to be undone, and a fault.
    fn begin(&self, effect: &Effect, request: (&str, &str), times: u32) {
        self.sandbox.reset();
        if let Trace::Gone(relation) = self.deed.trace {
            let (name, path) = match relation {
                "like" => ("MarkFavorite", "likes"),
                _ => ("Follow", "following"),
            };
            let before = Deed { operation: Some(name), ..self.deed.clone() };
            let mut point = Point::default();
            let report = self.patient.converse(&told(&before).job(JobKind::Operation), &mut point);
            assert!(matches!(report.outcome, Outcome::Done), "{path}: {report:?}");
        }
        self.arm(effect, request, times);
    }

    fn arm(&self, effect: &Effect, (method, path): (&str, &str), times: u32) {
        let fault = Fault::new(effect.clone()).times(times);
        let narrowed = if *effect == Effect::Refuse { fault } else { fault.method(method).path(path) };
        self.sandbox.inject(narrowed).expect("a fault");
    }

    /// Waits until the platform has done what it was at when its caller gave up.
    fn settles(&self, acts: bool, case: &str) {
        let begun = Instant::now();
        while self.count() < usize::from(acts) && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(self.count(), usize::from(acts), "{case}: on the platform");
    }

    fn count(&self) -> usize {
        self.deed.trace.count(&self.sandbox)
    }

    /// How many requests would have done it.
    fn requests(&self) -> usize {
        let (method, path) = self.deed.request;
        let end = path.trim_start_matches("/*").trim_start_matches('*');
        let requests = self.sandbox.requests();
        requests.iter().filter(|one| one.method == method && one.path.ends_with(end)).count()
    }

    fn case(&self, row: &Row, (method, path): (&str, &str)) -> String {
        format!("{:?}: {} × {:?} at {method} {path}", self.deed.via, self.deed.name, row.effect)
    }

    fn assert_kept_its_contract(&self) {
        for channel in [&self.patient, &self.limited, &self.hasty] {
            assert_eq!(channel.faults(), 0, "{}: the plugin kept its contract", self.deed.name);
        }
    }
}

pub(crate) fn kind(deed: &Deed) -> JobKind {
    if deed.operation.is_some() { JobKind::Operation } else { JobKind::Publish }
}

pub(crate) fn told(deed: &Deed) -> Told {
    Told {
        channel: deed.channel,
        operation: deed.operation,
        parameters: raw(&deed.parameters),
        extras: raw(&deed.extras),
        user_data: raw(&deed.user_data),
        ..Told::default()
    }
}

pub(crate) fn load(deed: &Deed, sandbox: &Sandbox, limit: Duration) -> LoadedChannel {
    let config = deed.via.config(&format!("http://{}", sandbox.addr()), &deed.account);
    try_load(deed.via, &config, limit)
        .unwrap_or_else(|error| panic!("{:?}, {}: {error}", deed.via, deed.name))
}

pub(crate) fn try_load(via: Via, config: &Value, limit: Duration) -> Result<LoadedChannel, LoadError> {
    let options = Options {
        clock: Arc::new(Impatient),
        secrets: Some(Arc::new(Store)),
        attachments_dir: Some(files().to_path_buf()),
        limits: ConversationLimits { request: limit, ..ConversationLimits::default() },
        ..Options::default()
    };
    Plugin::load(library(via), &config.to_string(), &options)
}

/// The plugin's library, built once and copied to where the load rules like it.
fn library(via: Via) -> std::path::PathBuf {
    static LIBRARIES: [OnceLock<()>; 3] = [const { OnceLock::new() }; 3];
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| tempfile::tempdir().expect("a directory"));
    let (package, library) = via.library();
    let place = match via {
        Via::Twitter | Via::TwitterOverOneAll => 0,
        Via::Facebook | Via::FacebookOverOneAll => 1,
        Via::OneAll => 2,
    };
    LIBRARIES[place].get_or_init(|| {
        built::installed(&built::built(package, library), directory.path());
    });
    directory.path().join(library)
}

/// A directory with what the deeds attach.
fn files() -> &'static Path {
    static FILES: OnceLock<TempDir> = OnceLock::new();
    FILES
        .get_or_init(|| {
            let directory = tempfile::tempdir().expect("a directory");
            for (name, bytes) in [
                ("menu.png", &b"\x89PNG\r\n\x1a\n and so on"[..]),
                ("wave.gif", b"GIF89a and so on"),
                ("film.mp4", b"\0\0\0\x18ftypmp42 and so on"),
            ] {
                std::fs::write(directory.path().join(name), bytes).expect("a file");
            }
            directory
        })
        .path()
}

/// Refused before anything is sent.
pub(crate) fn refused(via: Via, deed: &Deed) {
    let sandbox = sandbox();
    let account = if via == Via::OneAll { deed.account.clone() } else { json!({}) };
    let deed = Deed { via, account, ..deed.clone() };
    let channel = load(&deed, &sandbox, PATIENCE);
    let mut point = Point::default();
    let report = channel.converse(&told(&deed).job(kind(&deed)), &mut point);
    assert_eq!(Class::of(&report.outcome), Class::Rejected, "{via:?}: {}: {report:?}", deed.name);
    assert_eq!(point.crossed, 0, "{via:?}: {}", deed.name);
    assert!(sandbox.requests().is_empty(), "{via:?}: {}", deed.name);
    assert_discreet(&format!("{report:?}"));
}
