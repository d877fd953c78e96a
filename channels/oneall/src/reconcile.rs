//! How a push whose answer was lost is found again, and how one is followed that OneAll works on: the lists of
//! the Pull API, read back.
//!
//! OneAll's public documents name the lists and their parameters, but promise neither the names of an entry's
//! members nor that a list is complete. So entries are read by all the names in use, and a read-back proves
//! publication only: an entry with an id that is not yet known, the same text and a time within the window.
//! That nothing was found proves nothing: *cannot tell*, never *absent*.

use std::fmt::Write;

use serde_json::{Map, Value};
use strowger_channel::answer::{self, Answer};
use strowger_channel::readback::{Next, Page, Post as Shown, Readback};
use strowger_channel::text::{self, Likeness};
use strowger_channel::{Exchange, Job, Outcome, Step, StepResult, clock};

use crate::access::Access;
use crate::classify;
use crate::push::Push;

/// How many entries are asked for.
const COUNT: usize = 50;
/// The members of `response.result.data` that hold a list.
const LISTS: [&str; 7] = ["entries", "posts", "tweets", "pins", "boards", "videos", "playlists"];
const IDS: [&str; 8] =
    ["post_id", "tweet_id", "pin_id", "board_id", "video_id", "playlist_id", "id", "remote_id"];
const TEXTS: [&str; 7] = ["message", "text", "description", "note", "title", "name", "content"];
const LOCATIONS: [&str; 4] = ["post_location", "permalink", "location", "url"];
const TIMES: [&str; 6] =
    ["date_creation", "created_at", "created_time", "date_created", "publication_date", "date"];

/// Why a look is taken.
#[derive(Clone, Debug, PartialEq)]
enum Purpose {
    /// An answer was lost.
    Reconcile,
    /// OneAll took the work on: this is the handle to ask with again.
    Poll(Value),
}

/// A look at a list of the Pull API.
#[derive(Clone, Debug)]
pub struct Look {
    push: Push,
    purpose: Purpose,
    readback: Readback,
    page: usize,
    now_ms: i64,
}

impl Look {
    /// A look for an attempt whose answer was lost.
    pub(crate) fn reconcile(job: &Job, push: Push, known: Vec<String>, settle_ms: u64, now_ms: i64) -> Self {
        let readback = Readback::new(job, known, settle_ms, now_ms);
        Self { push, purpose: Purpose::Reconcile, readback, page: 1, now_ms }
    }

    /// A look for what OneAll works on.
    pub(crate) fn poll(job: &Job, push: Push, handle: Value, now_ms: i64) -> Self {
        let mut job = job.clone();
        if let Some(started_ms) = handle["startedMs"].as_i64() {
            job.attempt.started_ms = started_ms;
        }
        // One read tells: the question is asked again later.
        job.attempt.ended_ms = Some(now_ms);
        let readback = Readback::new(&job, Vec::new(), 0, now_ms);
        Self { push, purpose: Purpose::Poll(handle), readback, page: 1, now_ms }
    }

    pub(crate) fn begin(&mut self, access: &Access) -> Step {
        let next = self.readback.begin();
        self.step(access, next)
    }

    pub(crate) fn resume(&mut self, access: &Access, result: StepResult) -> Step {
        let next = match result {
            StepResult::Waited | StepResult::Kept | StepResult::File(_) => self.readback.waited(),
            StepResult::Exchange(exchange) => self.take_in(&exchange, access),
        };
        self.step(access, next)
    }

    fn step(&mut self, access: &Access, next: Next) -> Step {
        match next {
            Next::Wait { ms } => Step::Wait { ms },
            Next::Ended(found @ Outcome::Published { .. }) => found.into(),
            Next::Ended(outcome) => match (&self.purpose, outcome) {
                (Purpose::Poll(handle), _) => Outcome::Accepted { handle: handle.clone() }.into(),
                (Purpose::Reconcile, Outcome::Absent) => Outcome::cannot_tell(
                    "it is not in OneAll's list, but OneAll does not say that its lists are complete",
                )
                .into(),
                (Purpose::Reconcile, outcome) => outcome.into(),
            },
            Next::Read { cursor } => {
                let (Some(pull), Some(path)) = (self.push.endpoint().pull, self.push.pull_path()) else {
                    // Nobody begins a look without a list.
                    return self.step(access, self.readback.unreadable("OneAll lists nothing of this kind"));
                };
                self.page = cursor.and_then(|page| page.parse().ok()).unwrap_or(1);
                let mut query = pull.count.map_or_else(String::new, |count| format!("{count}={COUNT}"));
                if pull.pages {
                    // Writing to a string does not fail.
                    let _ = write!(query, "&page={}", self.page);
                }
                query.push_str(pull.query);
                Step::read(access.pull(&path, &query))
            }
        }
    }

    fn take_in(&mut self, exchange: &Exchange, access: &Access) -> Next {
        let answer = answer::read(exchange);
        if let Answer::Success(body) = &answer
            && let Some(page) = self.shown(body)
        {
            return self.readback.page(page);
        }
        let words = |status, body: Option<&Value>| classify::words(body, status, access);
        self.readback.missed(answer, &access.secrets(), words)
    }

    /// A page of a list; `None` if there is no list.
    fn shown(&self, body: &Value) -> Option<Page> {
        let data = &body["response"]["result"]["data"];
        let entries = match data {
            Value::Array(entries) => entries,
            _ => LISTS.iter().find_map(|name| data[*name].as_array())?,
        };
        let posts: Vec<Shown> =
            entries.iter().filter_map(Value::as_object).filter_map(|entry| self.entry(entry)).collect();
        let oldest_ms = posts.iter().map(|post| post.created_ms).min().unwrap_or(i64::MIN);
        let pages = self.push.endpoint().pull.is_some_and(|pull| pull.pages);
        let more = pages && entries.len() >= COUNT && oldest_ms >= self.readback.window_start_ms();
        Some(Page { posts, next: more.then(|| (self.page + 1).to_string()) })
    }

    fn entry(&self, entry: &Map<String, Value>) -> Option<Shown> {
        let text_of = |names: &[&str]| {
            names.iter().find_map(|name| match entry.get(*name)? {
                Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            })
        };
        let ours = self.push.text()?;
        // Several texts may stand in one entry: a title and a description.
        let theirs = TEXTS.iter().filter_map(|name| entry.get(*name)?.as_str());
        let mut likeness =
            theirs.map(|theirs| text::compare(ours, theirs)).max().unwrap_or(Likeness::Different);
        let id = text_of(&IDS);
        let created_ms = TIMES.iter().find_map(|name| time_ms(entry.get(*name)?)).or_else(|| {
            // An id of X tells its own time: milliseconds since the platform's epoch, shifted.
            (self.push.endpoint().provider() == "twitter")
                .then(|| id.as_ref()?.parse::<i64>().ok().map(|id| (id >> 22) + 1_288_834_974_657))
                .flatten()
        });
        // The same text at an unknown time, or without an id, proves nothing, and rules nothing out.
        if (created_ms.is_none() || id.is_none()) && likeness == Likeness::Same {
            likeness = Likeness::Near;
        }
        Some(Shown {
            id: id.unwrap_or_default(),
            location: text_of(&LOCATIONS).filter(|text| crate::push::is_web_address(text)),
            created_ms: created_ms.unwrap_or(self.now_ms),
            likeness,
        })
    }
}

/// A time as lists write it: RFC 3339, or Unix seconds.
fn time_ms(value: &Value) -> Option<i64> {
    match value {
        Value::Number(seconds) => seconds.as_i64()?.checked_mul(1000),
        Value::String(text) => text
            .parse::<i64>()
            .ok()
            .and_then(|seconds| seconds.checked_mul(1000))
            .or_else(|| clock::parse_ms(text)),
        _ => None,
    }
}
