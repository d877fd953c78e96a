//! Runs a conversation: asks the plugin for a step, does it, hands the result back, until there is an
//! outcome. The one place where a publishing request is made, and the one that decides what is left in
//! doubt when something fails.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use strowger::channel::{Job, JobKind, Outcome, PointOfNoReturn, Report};

use crate::attachment::{self, Attachments, Files};
use crate::base::{Address, Base};
use crate::blot::Blotter;
use crate::body::{self, Unmade};
use crate::channel::LoadedChannel;
use crate::fetch::{Fetcher, Unfetched};
use crate::http::{Http, HttpRequest, HttpResponse, HttpResult, MAX_RESPONSE_BYTES};
use crate::options::{Clock, ConversationLimits, KeptSecret, Random, SecretStore};
use crate::step::{Body, OutcomeStep, Part, RequestStep, Step, StepResult};
use crate::talk::Talk;

/// What an instance's conversations are run with.
pub(crate) struct Driver {
    pub(crate) http: Arc<dyn Http>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) secrets: Option<Arc<dyn SecretStore>>,
    pub(crate) attachments: Option<Attachments>,
    pub(crate) fetcher: Option<Fetcher>,
    pub(crate) bases: Vec<Base>,
    pub(crate) limits: ConversationLimits,
    pub(crate) blotter: Arc<Blotter>,
}

/// What became of the conversation's marked request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marked {
    /// There was none yet.
    None,
    /// It was to be made, but no byte of it was written; or a proxy kept it.
    NotSent,
    /// It was answered.
    Answered,
    /// It was written, at least in part, and there is no answer.
    Broken,
}

/// Why a conversation is ended before the plugin gave an outcome.
enum End {
    /// Something failed: what that means depends on the job and on the marked request.
    Failed(String),
    /// What the message names can't be had: final, if nothing is in doubt.
    Attachment(String),
}

/// One conversation under way.
struct Run<'a> {
    driver: &'a Driver,
    channel: &'a LoadedChannel,
    job: &'a Job<'a>,
    started: Duration,
    /// Knows the secrets of this conversation's requests as well: an outcome may quote one.
    blotter: Blotter,
    marked: Marked,
    /// What was fetched, by number.
    fetched: Vec<File>,
}

impl Driver {
    /// Runs `job` to its end.
    pub(crate) fn converse(
        &self,
        channel: &LoadedChannel,
        job: &Job<'_>,
        point: &mut dyn PointOfNoReturn,
    ) -> Report {
        let mut run = Run {
            driver: self,
            channel,
            job,
            started: self.clock.monotonic(),
            blotter: self.blotter.for_conversation(),
            marked: Marked::None,
            fetched: Vec::new(),
        };
        match run.until_outcome(point) {
            Ok(step) => run.report(step),
            Err(end) => run.ended(end).into(),
        }
    }
}

impl Run<'_> {
    fn until_outcome(&mut self, point: &mut dyn PointOfNoReturn) -> Result<OutcomeStep, End> {
        let Self { channel, driver, .. } = *self;
        let failed = |fault: strowger::channel::ChannelFault| End::Failed(fault.to_string());
        let (mut talk, mut step) = Talk::begin(channel, self.job).map_err(failed)?;
        let mut steps = 0;
        loop {
            if let Step::Outcome(outcome) = step {
                return Ok(outcome);
            }
            steps += 1;
            if steps > driver.limits.steps {
                return Err(failed(channel.fault(format!("took more than {} steps", driver.limits.steps))));
            }
            // Before anything is done: a plugin that can't be told what came of it must not publish.
            talk.goes_on().map_err(failed)?;
            self.within(Duration::ZERO)?;
            let (result, body) = self.perform(step, point)?;
            step = talk.resume(&result, &body).map_err(failed)?;
        }
    }

    /// Ends the conversation if `more` would take it beyond its time.
    fn within(&self, more: Duration) -> Result<(), End> {
        let limit = self.driver.limits.duration;
        let elapsed = self.driver.clock.monotonic().saturating_sub(self.started);
        if elapsed.saturating_add(more) >= limit {
            return Err(End::Failed(format!(
                "the conversation would take longer than its {} s",
                limit.as_secs_f64()
            )));
        }
        Ok(())
    }

    /// Does one step. Returns its result as a document, and the body that belongs to it.
    fn perform(&mut self, step: Step, point: &mut dyn PointOfNoReturn) -> Result<(Vec<u8>, Vec<u8>), End> {
        let write =
            |result: &StepResult<'_>| result.to_json().map_err(|error| End::Failed(error.to_string()));
        match step {
            Step::Request(step) => Ok(match self.request(step, point)? {
                HttpResult::NotSent { message } => {
                    (write(&StepResult::NotSent { message: &message })?, Vec::new())
                }
                HttpResult::Broken { message } => {
                    (write(&StepResult::Broken { message: &message })?, Vec::new())
                }
                HttpResult::Response(HttpResponse { status, headers, body }) => {
                    (write(&StepResult::Response { status, headers: &headers })?, body)
                }
            }),
            Step::Wait { ms } => {
                let duration = Duration::from_millis(ms);
                self.within(duration)?;
                self.driver.clock.sleep(duration);
                Ok((write(&StepResult::Waited)?, Vec::new()))
            }
            Step::KeepSecret { name, value } => {
                self.keep(&name, &value)?;
                Ok((write(&StepResult::Kept)?, Vec::new()))
            }
            Step::StatFile { file } => {
                let (size, content_type) = self.files().facts(&file).map_err(End::Attachment)?;
                Ok((write(&StepResult::File { size, content_type, file: None })?, Vec::new()))
            }
            Step::FetchFile { url, max_bytes } => {
                let (name, size, content_type) = self.fetch(&url, max_bytes)?;
                Ok((write(&StepResult::File { size, content_type, file: Some(&name) })?, Vec::new()))
            }
            // The caller takes outcomes for itself.
            Step::Outcome(_) => Err(End::Failed("an outcome is not a thing to do".into())),
        }
    }

    fn keep(&self, name: &str, value: &str) -> Result<(), End> {
        // Known from here on: it must not turn up in the log, whether it is kept or not.
        self.driver.blotter.learn_value(value);
        self.blotter.learn_value(value);
        let Some(store) = &self.driver.secrets else {
            return Err(End::Failed(format!(
                "the plugin `{}` wants to keep the secret `{name}`, but this host has no secret store: set the option `secrets`",
                self.channel.name()
            )));
        };
        let Job { channel, account, .. } = *self.job;
        store
            .keep(&KeptSecret { plugin: self.channel.name(), channel, account, name, value })
            .map_err(|error| End::Failed(format!("`{name}`: {error}")))
    }

    fn fault(&self, message: impl Into<String>) -> End {
        End::Failed(self.channel.fault(message).to_string())
    }

    fn files(&self) -> Files<'_> {
        Files { directory: self.driver.attachments.as_ref(), fetched: &self.fetched }
    }

    fn fetch(&mut self, url: &str, max_bytes: u64) -> Result<(String, u64, Option<&'static str>), End> {
        let Some(fetcher) = &self.driver.fetcher else {
            return Err(End::Attachment("this host fetches no addresses: set the option `fetch`".into()));
        };
        let (file, size) = fetcher.fetch(url, max_bytes).map_err(|unfetched| match unfetched {
            Unfetched::Refused(problem) => End::Attachment(problem),
            Unfetched::Failed(problem) => End::Failed(problem),
        })?;
        let name = Files::name_of(self.fetched.len());
        let content_type = attachment::type_of(&file, &name).map_err(End::Failed)?;
        self.fetched.push(file);
        Ok((name, size, content_type))
    }

    fn unmade(&self, unmade: Unmade) -> End {
        match unmade {
            Unmade::Fault(problem) => {
                self.fault(format!("asked for a request that can't be made: {problem}"))
            }
            Unmade::Attachment(problem) => End::Attachment(problem),
        }
    }

    fn request(&mut self, step: RequestStep, point: &mut dyn PointOfNoReturn) -> Result<HttpResult, End> {
        let driver = self.driver;
        let address = Address::parse(&step.url)
            .map_err(|problem| self.fault(format!("asked for an address that {problem}")))?;
        if !driver.bases.iter().any(|base| base.covers(&address)) {
            return Err(self.fault(format!(
                "asked for an address on {} that lies below none of its base addresses",
                address.origin()
            )));
        }
        if step.marked {
            if matches!(self.job.kind, JobKind::Poll | JobKind::Reconcile) {
                return Err(self.fault("marked a request in a job that only looks"));
            }
            if self.marked != Marked::None {
                return Err(self.fault("marked a second request in one conversation"));
            }
        }
        learn(&self.blotter, &step);
        let body_line =
            tracing::enabled!(tracing::Level::DEBUG).then(|| describe_body(&step.body, &self.blotter));
        let made = body::make(step, &driver.limits, &*driver.random, &self.files());
        let request = made.map_err(|unmade| self.unmade(unmade))?;
        if request.marked {
            // Last thing before the request: whatever can be refused was refused above.
            if let Err(error) = point.cross() {
                return Err(End::Failed(format!("the intent could not be recorded: {error}")));
            }
        }
        self.trace_request(&request, body_line);
        let result = match driver.http.exchange(&request) {
            HttpResult::Response(response) if response.body.len() > MAX_RESPONSE_BYTES => {
                HttpResult::Broken {
                    message: format!("the response is longer than {MAX_RESPONSE_BYTES} bytes"),
                }
            }
            HttpResult::NotSent { message } => {
                HttpResult::NotSent { message: self.blotter.scrub(&message).into_owned() }
            }
            HttpResult::Broken { message } => {
                HttpResult::Broken { message: self.blotter.scrub(&message).into_owned() }
            }
            response @ HttpResult::Response(_) => response,
        };
        if request.marked {
            self.marked = match &result {
                // Only a proxy says 407, and it passes nothing on.
                HttpResult::NotSent { .. } | HttpResult::Response(HttpResponse { status: 407, .. }) => {
                    Marked::NotSent
                }
                HttpResult::Response(_) => Marked::Answered,
                HttpResult::Broken { .. } => Marked::Broken,
            };
        }
        self.trace_result(&result);
        Ok(result)
    }

    fn trace_request(&self, request: &HttpRequest, body_line: Option<String>) {
        let Some(body) = body_line else { return };
        let Job { channel, account, delivery_id, .. } = self.job;
        let HttpRequest { method, marked, .. } = request;
        let (url, headers) = (self.blotter.url(&request.url), self.blotter.headers(&request.headers));
        tracing::debug!(channel, account, delivery_id, marked, "{method} {url} [{headers}] {body}");
    }

    fn trace_result(&self, result: &HttpResult) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let Job { channel, account, delivery_id, .. } = self.job;
        match result {
            HttpResult::Response(HttpResponse { status, headers, body }) => {
                let (headers, body) = (self.blotter.headers(headers), self.blotter.body(body));
                tracing::debug!(channel, account, delivery_id, status, "answered [{headers}] {body}");
            }
            HttpResult::NotSent { message } => {
                tracing::debug!(channel, account, delivery_id, "not sent: {message}");
            }
            HttpResult::Broken { message } => {
                tracing::debug!(channel, account, delivery_id, "broken: {message}");
            }
        }
    }

    /// The plugin's outcome, if it is one that the job can end in and that fits what was seen here.
    fn report(&self, step: OutcomeStep) -> Report {
        let OutcomeStep { outcome, mut user_data, throttle_until_ms } = step;
        for value in user_data.values_mut() {
            if let Value::String(text) = value {
                *text = self.blotter.scrub(text).into_owned();
            }
        }
        let outcome = if !can_end_in(self.job.kind, &outcome) {
            let problem = format!("ended a job {} as `{}`", kind_name(self.job.kind), outcome.name());
            self.ended(self.fault(problem))
        } else if contradicts(self.marked, &outcome) {
            let problem = format!(
                "says `{}`, but bytes of its marked request were written and it was not answered so",
                outcome.name()
            );
            self.ended(self.fault(problem))
        } else {
            self.scrubbed(outcome)
        };
        Report { outcome, user_data, throttle_until_ms }
    }

    /// Platforms echo what they were sent; an outcome's words are stored and shown to agents.
    fn scrubbed(&self, mut outcome: Outcome) -> Outcome {
        if let Outcome::Rejected { message, .. }
        | Outcome::NeedsLogin { message }
        | Outcome::NotSent { message, .. }
        | Outcome::Unknown { message }
        | Outcome::CannotTell { message } = &mut outcome
        {
            *message = self.blotter.scrub(message).into_owned();
        }
        outcome
    }

    /// What a conversation that was cut short amounts to.
    fn ended(&self, end: End) -> Outcome {
        let (message, for_good) = match end {
            End::Failed(message) => (message, false),
            End::Attachment(message) => (message, true),
        };
        let message = self.blotter.scrub(&message).into_owned();
        match (self.job.kind, self.marked) {
            // A look that failed learned nothing. Saying that nothing was sent would invite a second post.
            (JobKind::Reconcile, _) => Outcome::CannotTell { message },
            (JobKind::Poll, _) => {
                tracing::warn!(plugin = self.channel.name(), "asking again later: {message}");
                Outcome::Accepted { handle: self.job.handle.cloned().unwrap_or(Value::Null) }
            }
            (JobKind::Publish | JobKind::Operation, Marked::Answered | Marked::Broken) => {
                Outcome::Unknown { message }
            }
            (JobKind::Publish | JobKind::Operation, Marked::None | Marked::NotSent) if for_good => {
                Outcome::Rejected { code: "attachment".into(), message }
            }
            (JobKind::Publish | JobKind::Operation, Marked::None | Marked::NotSent) => {
                Outcome::NotSent { message, retry_after_ms: None }
            }
        }
    }
}

/// The table "Jobs" of plugin-line.md.
fn can_end_in(kind: JobKind, outcome: &Outcome) -> bool {
    match kind {
        JobKind::Publish => !matches!(outcome, Outcome::Done | Outcome::Absent | Outcome::CannotTell { .. }),
        JobKind::Operation => matches!(
            outcome,
            Outcome::Done
                | Outcome::Rejected { .. }
                | Outcome::NotSent { .. }
                | Outcome::RateLimited { .. }
                | Outcome::NeedsLogin { .. }
                | Outcome::Unknown { .. }
        ),
        JobKind::Poll => {
            matches!(outcome, Outcome::Published { .. } | Outcome::Accepted { .. } | Outcome::Rejected { .. })
        }
        JobKind::Reconcile => {
            matches!(outcome, Outcome::Published { .. } | Outcome::Absent | Outcome::CannotTell { .. })
        }
    }
}

/// Outcomes after which the engine sends again, where what was seen here leaves doubt: bytes were written
/// and that is not "not sent"; there was no answer and that is no rate limit.
fn contradicts(marked: Marked, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::NotSent { .. } => matches!(marked, Marked::Answered | Marked::Broken),
        Outcome::RateLimited { .. } => marked == Marked::Broken,
        _ => false,
    }
}

fn kind_name(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Publish => "`publish`",
        JobKind::Operation => "`operation`",
        JobKind::Poll => "`poll`",
        JobKind::Reconcile => "`reconcile`",
    }
}

/// The secrets that a request carries: a platform that echoes them must not bring them into the log.
fn learn(blotter: &Blotter, step: &RequestStep) {
    blotter.learn_fields(step.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    blotter.learn_query(&step.url);
    match &step.body {
        Body::None => {}
        Body::Json(json) => {
            if let Ok(document) = serde_json::from_str(json) {
                blotter.learn_members(&document);
            }
        }
        Body::JsonWithFiles(members, _) => blotter.learn_members(&Value::Object(members.clone())),
        Body::Form(fields) => {
            blotter.learn_fields(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        }
        Body::Multipart(parts) => blotter.learn_fields(parts.iter().filter_map(|part| match part {
            Part::Text { name, text } => Some((name.as_str(), text.as_str())),
            Part::File(_) => None,
        })),
    }
}

/// A request's body for the log.
fn describe_body(body: &Body, blotter: &Blotter) -> String {
    match body {
        Body::None => "(no body)".into(),
        Body::Json(json) => blotter.body(json.as_bytes()),
        Body::JsonWithFiles(members, files) => {
            let members = Value::Object(members.clone()).to_string();
            format!("{} and {} pieces of files", blotter.body(members.as_bytes()), files.len())
        }
        Body::Form(fields) => {
            blotter.fields(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        }
        Body::Multipart(parts) => blotter.fields(parts.iter().map(|part| match part {
            Part::Text { name, text } => (name.as_str(), text.as_str()),
            Part::File(part) => (part.name.as_str(), "(file)"),
        })),
    }
}
