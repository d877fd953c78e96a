//! How a post whose answer was lost is found again: the account's own timeline, read back.

use serde_json::Value;
use strowger_channel::answer::{self, Answer};
use strowger_channel::readback::{Next, Page, Post as Shown, Readback};
use strowger_channel::text::{self, Likeness};
use strowger_channel::{Exchange, Job, Report, Request, Step, StepResult, clock};

use crate::auth::encode;
use crate::config::Account;
use crate::publish::{Post, Relation, is_id};
use crate::{Twitter, classify};

/// How many posts a timeline shows at most, however old the window is.
const TIMELINE: usize = 3_200;

/// A look back at an attempt.
#[derive(Debug)]
pub struct Reconciliation {
    post: Post,
    readback: Readback,
    /// How many posts this read has shown so far.
    shown: usize,
}

impl Reconciliation {
    pub(crate) fn new(job: &Job, post: Post, known: Vec<String>, settle_ms: u64, now_ms: i64) -> Self {
        Self { post, readback: Readback::new(job, known, settle_ms, now_ms), shown: 0 }
    }

    pub(crate) fn begin(&mut self, plugin: &Twitter, place: usize) -> Step {
        let next = self.readback.begin();
        self.step(plugin, place, next, None)
    }

    pub(crate) fn resume(&mut self, plugin: &Twitter, place: usize, result: StepResult) -> Step {
        let account = &plugin.config.accounts[place];
        let (next, throttle) = match result {
            StepResult::Waited | StepResult::Kept => (self.readback.waited(), None),
            StepResult::Exchange(exchange) => {
                (self.take_in(&exchange, account), classify::throttle(&exchange, &plugin.host))
            }
        };
        self.step(plugin, place, next, throttle)
    }

    fn step(&mut self, plugin: &Twitter, place: usize, next: Next, throttle: Option<i64>) -> Step {
        match next {
            Next::Wait { ms } => Step::Wait { ms },
            Next::Ended(outcome) => Report::from(outcome).with_throttle(throttle).into(),
            Next::Read { cursor } => {
                if cursor.is_none() {
                    self.shown = 0;
                }
                let account = &plugin.config.accounts[place];
                let start = clock::rfc3339(self.readback.window_start_ms());
                let mut query = vec![
                    ("max_results", "100"),
                    ("start_time", start.as_str()),
                    ("tweet.fields", "created_at,text,entities,note_tweet,referenced_tweets"),
                ];
                if let Some(cursor) = &cursor {
                    query.push(("pagination_token", cursor.as_str()));
                }
                let encoded: Vec<String> =
                    query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
                let path = format!("/2/users/{}/tweets?{}", account.user_id, encoded.join("&"));
                let request = Request::get(plugin.config.base_url.join(&path));
                Step::read(plugin.signed(place, request, &query))
            }
        }
    }

    fn take_in(&mut self, exchange: &Exchange, account: &Account) -> Next {
        match answer::read(exchange) {
            Answer::Success(body) => match self.page(&body, account) {
                Some(page) => {
                    self.shown += page.posts.len();
                    let found = page.posts.iter().any(|post| post.likeness == Likeness::Same);
                    if self.shown >= TIMELINE && page.next.is_none() && !found {
                        return self.readback.unreadable("the window holds more posts than X shows");
                    }
                    self.readback.page(page)
                }
                None => {
                    self.readback.unreadable("X's list of posts is not complete, or not of the known form")
                }
            },
            Answer::NeedsLogin(body) => self.refused(401, body.as_ref(), account),
            Answer::Refused { status, body } => self.refused(status, body.as_ref(), account),
            Answer::RateLimited(_) => self.readback.unreadable("X allows no further reads for now"),
            Answer::NotSent(why) | Answer::Unknown(why) => {
                self.readback.interrupted(classify::blotted(&why, account))
            }
        }
    }

    fn refused(&self, status: u16, body: Option<&Value>, account: &Account) -> Next {
        self.readback.unreadable(format!("reading back: HTTP {status} {}", classify::words(body, account)))
    }

    /// A page of the timeline; `None` if anything of it is missing or can't be read.
    fn page(&self, body: &Value, account: &Account) -> Option<Page> {
        if body["errors"].as_array().is_some_and(|errors| !errors.is_empty()) {
            return None;
        }
        let meta = body["meta"].as_object()?;
        let entries: &[Value] = match &body["data"] {
            Value::Array(entries) => entries,
            Value::Null => &[],
            _ => return None,
        };
        if meta.get("result_count").and_then(Value::as_u64)? != entries.len() as u64 {
            return None;
        }
        let next = match meta.get("next_token") {
            None | Some(Value::Null) => None,
            Some(token) => Some(token.as_str()?.to_owned()),
        };
        let posts = entries.iter().map(|entry| self.shown(entry, account)).collect::<Option<_>>()?;
        Some(Page { posts, next })
    }

    fn shown(&self, entry: &Value, account: &Account) -> Option<Shown> {
        let id = entry["id"].as_str().filter(|id| is_id(id))?;
        Some(Shown {
            id: id.to_owned(),
            location: Some(classify::location(account, id)),
            created_ms: clock::parse_ms(entry["created_at"].as_str()?)?,
            likeness: self.likeness(entry)?,
        })
    }

    fn likeness(&self, entry: &Value) -> Option<Likeness> {
        // A long post is cut in `text`.
        let theirs = match &entry["note_tweet"]["text"] {
            Value::String(full) => full.as_str(),
            _ => entry["text"].as_str()?,
        };
        let referenced = |kind: &str| {
            entry["referenced_tweets"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|reference| reference["type"] == kind)
                .and_then(|reference| reference["id"].as_str())
        };
        let replied_to = referenced("replied_to");
        let same_target = referenced("retweeted").is_none()
            && match &self.post.relation {
                // A new post whose text holds the address of another post quotes it.
                Relation::New => replied_to.is_none(),
                Relation::Reply(target) => replied_to == Some(target),
                Relation::Quote(target) => replied_to.is_none() && referenced("quoted") == Some(target),
            };
        if !same_target {
            return Some(Likeness::Different);
        }
        let (mut ours, mut theirs) = (self.post.text.as_str(), theirs);
        if matches!(self.post.relation, Relation::Reply(_)) {
            // X shows a reply with those whom it answers before its text.
            (ours, theirs) = (text::without_leading_mentions(ours), text::without_leading_mentions(theirs));
        }
        let mut likeness = text::compare(ours, theirs);
        if !self.post.media_ids.is_empty() || matches!(self.post.relation, Relation::Quote(_)) {
            // X shows a picture or a quoted post as an address after the text.
            let (ours, theirs) = (text::without_trailing_links(ours), text::without_trailing_links(theirs));
            likeness = likeness.max(text::compare(ours, theirs));
        }
        Some(likeness)
    }
}
