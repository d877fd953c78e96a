//! How a message whose answer was lost is found again: the page's feed, or the comments of what was answered,
//! read back.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use strowger_channel::answer::{self, Answer};
use strowger_channel::readback::{Next, Page, Post as Shown, Readback};
use strowger_channel::text::{self, Likeness};
use strowger_channel::{Exchange, Job, Outcome, Report, Request, Step, StepResult, clock};

use crate::auth::{PROOF, authorized};
use crate::config::Account;
use crate::publish::{Place, Post, is_id};
use crate::{Facebook, classify};

/// What is read of each message. `from` tells the page's own posts from its visitors'.
const FIELDS: &str = "id,message,created_time,permalink_url,from";
/// What is read of each video: its text is the description.
const VIDEO_FIELDS: &str = "id,description,created_time,permalink_url";

/// A look back at an attempt.
#[derive(Debug)]
pub struct Reconciliation {
    post: Post,
    readback: Readback,
}

impl Reconciliation {
    pub(crate) fn new(job: &Job, post: Post, known: Vec<String>, settle_ms: u64, now_ms: i64) -> Self {
        Self { post, readback: Readback::new(job, known, settle_ms, now_ms) }
    }

    pub(crate) fn begin(&mut self, plugin: &Facebook, place: usize) -> Step {
        let next = self.readback.begin();
        self.step(plugin, place, next, None)
    }

    pub(crate) fn resume(&mut self, plugin: &Facebook, place: usize, result: StepResult) -> Step {
        let account = &plugin.config.accounts[place];
        let (next, throttle) = match result {
            StepResult::Waited | StepResult::Kept | StepResult::File(_) => (self.readback.waited(), None),
            StepResult::Exchange(exchange) => {
                (self.take_in(&exchange, account), classify::throttle(&exchange, &plugin.host))
            }
        };
        self.step(plugin, place, next, throttle)
    }

    fn step(&self, plugin: &Facebook, place: usize, next: Next, throttle: Option<i64>) -> Step {
        match next {
            Next::Wait { ms } => Step::Wait { ms },
            Next::Ended(outcome) => Report::from(outcome).with_throttle(throttle).into(),
            Next::Read { cursor } => {
                let account = &plugin.config.accounts[place];
                let fields = if self.post.is_video() { VIDEO_FIELDS } else { FIELDS };
                let mut query = vec![("fields", fields.to_owned()), ("limit", "100".to_owned())];
                let path = match &self.post.place {
                    Place::Page if self.post.is_video() => format!("{}/videos", account.page_id),
                    Place::Page => {
                        let since = self.readback.window_start_ms().div_euclid(1000);
                        query.push(("since", since.to_string()));
                        format!("{}/feed", account.page_id)
                    }
                    Place::CommentOn(target) => format!("{target}/comments"),
                    // Nobody begins a look for a message: conversations are not read.
                    Place::MessageTo(_) => {
                        return Outcome::cannot_tell("messages can't be read back").into();
                    }
                };
                if let Some(cursor) = cursor {
                    query.push(("after", cursor));
                }
                if let Some(proof) = &account.auth.proof {
                    query.push((PROOF, proof.expose().to_owned()));
                }
                let query: Vec<String> = query
                    .iter()
                    .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
                    .collect();
                let address = plugin.config.address(&format!("{path}?{}", query.join("&")));
                Step::read(authorized(Request::get(address), &account.auth))
            }
        }
    }

    fn take_in(&mut self, exchange: &Exchange, account: &Account) -> Next {
        let answer = answer::read(exchange);
        match &answer {
            Answer::Success(body) => {
                if let Some(page) = self.page(body, account) {
                    return self.readback.page(page);
                }
            }
            // A failure on their side, whatever the status says: reading changes nothing, so it is tried again.
            Answer::Refused { body, .. }
                if classify::code(body.as_ref())
                    .is_some_and(|code| classify::meaning(code, None) == classify::Meaning::Unknown) =>
            {
                return self.readback.interrupted(classify::words(body.as_ref(), account));
            }
            _ => {}
        }
        let words = |_, body: Option<&Value>| classify::words(body, account);
        self.readback.missed(answer, &account.auth.secrets(), words)
    }

    /// A page of the list; `None` if anything of it is missing or can't be read.
    fn page(&self, body: &Value, account: &Account) -> Option<Page> {
        if !body["error"].is_null() {
            return None;
        }
        let entries = body["data"].as_array()?;
        let paging = &body["paging"];
        // `next` is an address with everything in it; what is followed is the cursor alone.
        let next = match &paging["next"] {
            Value::Null => None,
            _ => Some(paging["cursors"]["after"].as_str()?.to_owned()),
        };
        let posts = entries.iter().map(|entry| self.shown(entry, account)).collect::<Option<_>>()?;
        Some(Page { posts, next })
    }

    fn shown(&self, entry: &Value, account: &Account) -> Option<Shown> {
        let author = entry["from"]["id"].as_str();
        let text = if self.post.is_video() { "description" } else { "message" };
        let likeness = match entry[text].as_str() {
            Some(theirs) => {
                let likeness = text::compare(&self.post.text, theirs);
                let is_ours = author.is_none_or(|author| author == account.page_id);
                // The same words under another name are hardly a visitor's: they are not proof that this was
                // published, but neither may it be called absent, or it would be published again.
                if is_ours { likeness } else { likeness.min(Likeness::Near) }
            }
            // A picture without words.
            None => Likeness::Different,
        };
        Some(Shown {
            id: entry["id"].as_str().filter(|id| is_id(id))?.to_owned(),
            location: classify::location(entry),
            created_ms: clock::parse_ms(entry["created_time"].as_str()?)?,
            likeness,
        })
    }
}
