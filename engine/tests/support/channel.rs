//! A channel that answers as the test says, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde_json::Value;
use strowger::channel::{
    Channel, CheckError, Job, JobKind, Manifest, Outcome, Outgoing, PointOfNoReturn, Report,
};

type Check = Box<dyn Fn(&Outgoing<'_>) -> Result<(), CheckError> + Send + Sync>;
type Act = Box<dyn FnOnce(&Value, &mut dyn PointOfNoReturn) -> Report + Send>;

/// Follows a script; where it has ended, everything goes well.
pub(crate) struct Scripted {
    manifests: Vec<Manifest>,
    check: Mutex<Option<std::sync::Arc<Check>>>,
    turns: Mutex<VecDeque<Turn>>,
    jobs: Mutex<Vec<Value>>,
}

/// One conversation of the script.
pub(crate) struct Turn(Act);

impl Turn {
    /// Ends so after the publishing request, if it is a job that makes one.
    pub(crate) fn ends(outcome: Outcome) -> Self {
        Self::reports(outcome.into())
    }

    pub(crate) fn reports(report: Report) -> Self {
        Self(Box::new(move |job, point| {
            if matches!(job["kind"].as_str(), Some("publish" | "operation")) {
                point.cross().expect("the intent can be recorded");
            }
            report
        }))
    }

    /// Ends so before the publishing request.
    pub(crate) fn ends_before(outcome: Outcome) -> Self {
        Self(Box::new(|_, _| outcome.into()))
    }

    pub(crate) fn does(
        act: impl FnOnce(&Value, &mut dyn PointOfNoReturn) -> Report + Send + 'static,
    ) -> Self {
        Self(Box::new(act))
    }
}

impl Scripted {
    pub(crate) fn new(manifests: Vec<Manifest>) -> Self {
        Self { manifests, check: Mutex::default(), turns: Mutex::default(), jobs: Mutex::default() }
    }

    /// What becomes of the next conversation that has no turn yet.
    pub(crate) fn then(&self, turn: Turn) {
        self.turns.lock().unwrap().push_back(turn);
    }

    /// Takes back the turns that nobody has had.
    pub(crate) fn forget(&self) {
        self.turns.lock().unwrap().clear();
    }

    pub(crate) fn judges(
        &self,
        check: impl Fn(&Outgoing<'_>) -> Result<(), CheckError> + Send + Sync + 'static,
    ) {
        let check: Check = Box::new(check);
        *self.check.lock().unwrap() = Some(std::sync::Arc::new(check));
    }

    /// The jobs so far, as documents.
    pub(crate) fn jobs(&self) -> Vec<Value> {
        self.jobs.lock().unwrap().clone()
    }

    /// The kinds of the jobs so far.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.jobs().iter().map(|job| super::text_of(job, "kind")).collect()
    }

    pub(crate) fn publications(&self) -> usize {
        self.kinds().iter().filter(|kind| *kind == "publish").count()
    }
}

impl Channel for Scripted {
    fn manifests(&self) -> Vec<Manifest> {
        self.manifests.clone()
    }

    fn check(&self, message: &Outgoing<'_>) -> Result<(), CheckError> {
        // Not under the script's lock: a check may take its time.
        let check = self.check.lock().unwrap().clone();
        check.map_or(Ok(()), |check| check(message))
    }

    fn converse(&self, job: &Job<'_>, point: &mut dyn PointOfNoReturn) -> Report {
        let document = serde_json::to_value(job).expect("a job is a document");
        let number = {
            let mut jobs = self.jobs.lock().unwrap();
            jobs.push(document.clone());
            jobs.len()
        };
        let turn = self.turns.lock().unwrap().pop_front();
        let turn = turn.unwrap_or_else(|| {
            let id = Some(format!("P{number}"));
            Turn::ends(match job.kind {
                JobKind::Operation => Outcome::Done,
                JobKind::Publish | JobKind::Poll | JobKind::Reconcile => {
                    Outcome::Published { id, location: None }
                }
            })
        });
        (turn.0)(&document, point)
    }
}
