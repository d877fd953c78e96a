//! What the calls of a conversation cost across the line to a loaded plugin, above the same calls of the same
//! plugin linked in.

use std::error::Error;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use strowger::channel::{Attempt, Job, JobKind};
use strowger_channel::{
    Exchange, Host, HostServices, Level, Outcome, Plugin as _, Report, Response, Step, StepResult, Work,
};
use strowger_loader::{
    Clock as _, HttpResponse, LoadedChannel, MeasuredTalk, Options, Plugin, Random as _, SystemClock,
    SystemRandom,
};
use strowger_twitter::Twitter;

use super::Rows;
use crate::beside::median;
use crate::built;
use crate::row::{Bound, Row};

/// What is measured, for the table.
pub const ABOUT: &str = "A conversation that publishes a post: `begin`, which gives the request, and `resume` with \
     the platform's answer, which gives the outcome. The Twitter plugin as a library that is loaded (documents \
     written, carried across and read, on both sides), beside the same plugin linked in, which takes its own types: \
     of the job's members copies, of its user data what is read from their text. Judged: what a call costs more.";

const PAIRS: u32 = 200;
/// Conversations in one turn: few, so that most turns pass without another program's.
const CONVERSATIONS: u32 = 50;
/// Microseconds for each call.
const BOUND: Bound = Bound::AtMost(2.0, "µs");

const CONFIG: &str = r#"{ "name": "channel-twitter", "base_url": "http://127.0.0.1:9", "accounts": [ {
    "name": "vitaliy_onv", "user_id": "1258948171", "screen_name": "vitaliy_onv",
    "auth": { "kind": "bearer", "token": "t0ken-of-nobody" } } ] }"#;
const USER_DATA: &str = r#"{"FromAddress":"vitaliy_onv","Subject":"Hello","_umsChannel":"channel-twitter","_umsMediaAccount":"1258948171","_twitterUserId":"1258948171","segment":"gold"}"#;
const HEADERS: [(&str, &str); 6] = [
    ("content-type", "application/json; charset=utf-8"),
    ("date", "Sat, 21 Nov 2026 08:00:00 GMT"),
    ("x-rate-limit-limit", "300"),
    ("x-rate-limit-remaining", "299"),
    ("x-rate-limit-reset", "1700000900"),
    ("x-transaction-id", "0a1b2c3d4e5f6a7b"),
];
const BODY: &str = r#"{"data":{"id":"1728049153729912847","text":"Hello Twitter!","edit_history_tweet_ids":["1728049153729912847"]}}"#;

/// The plugin twice: loaded, and linked in.
pub struct Twins {
    loaded: LoadedChannel,
    linked: Twitter,
    _folder: tempfile::TempDir,
}

/// What the calls of one turn took, on average.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    begin: Duration,
    resume: Duration,
}

/// The same services for both.
struct Services(SystemClock);

impl HostServices for Services {
    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }

    fn random(&self, out: &mut [u8]) {
        SystemRandom.fill(out);
    }

    fn log(&self, _level: Level, _message: &str) {}
}

impl Twins {
    /// Builds the library, loads it, and links the other in.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let library = built::packages(&["strowger-twitter-plugin"])?.join("libstrowger_twitter.so");
        let library = built::installed(&library, folder.path())?;
        let loaded = Plugin::load(library, CONFIG, &Options::default())?;
        let linked = Twitter::create(Host::new(Services(SystemClock::default())), CONFIG)?;
        Ok(Self { loaded, linked, _folder: folder })
    }

    /// So many conversations with the loaded one.
    pub fn across(&self, conversations: u32) -> Result<Took, Box<dyn Error>> {
        let response = HttpResponse { status: 201, headers: headers(), body: BODY.into() };
        let job = job()?;
        let mut talks = Vec::with_capacity(conversations as usize);
        let begun = Instant::now();
        for _ in 0..conversations {
            talks.push(MeasuredTalk::begin(&self.loaded, &job)?);
        }
        let begin = begun.elapsed();
        due(talks.iter().all(|(_, step)| step.is_marked()), "the request that publishes")?;
        let begun = Instant::now();
        for (talk, step) in &mut talks {
            *step = talk.answer(&response)?;
        }
        let resume = begun.elapsed();
        due(talks.iter().all(|(_, step)| step.is_published()), "that the message is published")?;
        Ok(Took::of(begin, resume, conversations))
    }

    /// So many conversations with the one that is linked in.
    pub fn within(&self, conversations: u32) -> Result<Took, Box<dyn Error>> {
        let job = job()?;
        let response = Response { status: 201, headers: headers(), body: BODY.into() };
        let results = vec![StepResult::Exchange(Exchange::Response(response)); conversations as usize];
        let mut talks = Vec::with_capacity(conversations as usize);
        let begun = Instant::now();
        for _ in 0..conversations {
            talks.push(self.linked.begin(owned(&job)?));
        }
        let begin = begun.elapsed();
        let is_marked = |step: &Step| matches!(step, Step::Request { marked: true, .. });
        due(talks.iter().all(|(_, step)| is_marked(step)), "the request that publishes")?;
        let begun = Instant::now();
        for ((talk, step), result) in talks.iter_mut().zip(results) {
            *step = self.linked.resume(talk, result);
        }
        let resume = begun.elapsed();
        let is_published =
            |step: &Step| matches!(step, Step::Outcome(Report { outcome: Outcome::Published { .. }, .. }));
        due(talks.iter().all(|(_, step)| is_published(step)), "that the message is published")?;
        Ok(Took::of(begin, resume, conversations))
    }
}

impl Took {
    fn of(begin: Duration, resume: Duration, conversations: u32) -> Self {
        let each = |all: Duration| all / conversations;
        Self { begin: each(begin), resume: each(resume) }
    }
}

fn due(came: bool, what: &str) -> Result<(), Box<dyn Error>> {
    if came { Ok(()) } else { Err(format!("the plugin did not say what was due: {what}").into()) }
}

fn headers() -> Vec<(String, String)> {
    HEADERS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn job() -> Result<Job<'static>, serde_json::Error> {
    Ok(Job {
        kind: JobKind::Publish,
        delivery_id: "0193462e-7a10-7c3e-9f00-000000000001",
        interaction_id: Some("0193462e-7a10-7c3e-9f00-000000000002"),
        channel: "twitter",
        account: "vitaliy_onv",
        agent_id: "a1",
        queue_path: "/contacts/60ebbb94-3cef-4b14-95f8-5c49dbeb355d",
        message: "Hello Twitter!",
        extras: serde_json::from_str::<&RawValue>("{}")?,
        user_data: serde_json::from_str(USER_DATA)?,
        parent: None,
        attempt: Attempt { number: 1, started_ms: 1_700_000_000_000, ended_ms: None },
        operation: None,
        handle: None,
        known: None,
    })
}

/// The engine's job as a plugin takes it: what a host would do that has the plugin linked in.
fn owned(job: &Job<'_>) -> Result<strowger_channel::Job, serde_json::Error> {
    Ok(strowger_channel::Job {
        work: Work::Publish,
        delivery_id: job.delivery_id.to_owned(),
        interaction_id: job.interaction_id.map(str::to_owned),
        channel: job.channel.to_owned(),
        account: job.account.to_owned(),
        agent_id: job.agent_id.to_owned(),
        queue_path: job.queue_path.to_owned(),
        message: job.message.to_owned(),
        extras: serde_json::from_str(job.extras.get())?,
        user_data: serde_json::from_str(job.user_data.get())?,
        parent: None,
        attempt: strowger_channel::Attempt {
            number: job.attempt.number,
            started_ms: job.attempt.started_ms,
            ended_ms: job.attempt.ended_ms,
        },
    })
}

/// Makes the measure.
pub fn run() -> Rows {
    let twins = Twins::new()?;
    twins.across(CONVERSATIONS)?;
    twins.within(CONVERSATIONS)?;
    let mut pairs = Vec::with_capacity(PAIRS as usize);
    for at in 0..PAIRS {
        // Who goes first changes, as in every comparison.
        pairs.push(if at % 2 == 0 {
            let across = twins.across(CONVERSATIONS)?;
            (across, twins.within(CONVERSATIONS)?)
        } else {
            let within = twins.within(CONVERSATIONS)?;
            (twins.across(CONVERSATIONS)?, within)
        });
    }
    let row = |what: &str, of: fn(&Took) -> Duration| {
        let micros = |took: &Took| of(took).as_secs_f64() * 1e6;
        Row {
            what: what.into(),
            ours: format!("{:.2} µs", median(pairs.iter().map(|(across, _)| micros(across)))),
            beside: format!("linked in: {:.2} µs", median(pairs.iter().map(|(_, within)| micros(within)))),
            judged: median(pairs.iter().map(|(across, within)| micros(across) - micros(within))),
            bound: BOUND,
        }
    };
    Ok(vec![row("begin", |took| took.begin), row("resume", |took| took.resume)])
}
