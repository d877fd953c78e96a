//! How a post or a direct message whose answer was lost is found again: the account's own timeline, or its
//! conversation with that person, read back.

use serde_json::Value;
use strowger_channel::answer::{self, Answer};
use strowger_channel::readback::{Next, Page, Post as Shown, Readback};
use strowger_channel::text::{self, Likeness};
use strowger_channel::{Exchange, Job, Outcome, Report, Request, Step, StepResult, clock};

use crate::auth::encode;
use crate::config::Account;
use crate::message::DirectMessage;
use crate::publish::{Post, Publication, Relation, is_id};
use crate::{Twitter, classify};

/// How many posts a timeline shows at most, however old the window is.
const TIMELINE: usize = 3_200;
/// For how long a conversation shows its direct messages: 30 days, less a day for clocks and doubts.
const CONVERSATION_MS: i64 = 29 * 86_400_000;

/// What X calls things where they are read. It renamed them in August 2026 (version 2.167 of its `OpenAPI` document),
/// and refuses a request that uses a name which it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// A post is a post.
    Posts,
    /// A post is a tweet, as before.
    Tweets,
}

/// A look back at an attempt.
#[derive(Debug)]
pub(crate) struct Reconciliation {
    publication: Publication,
    readback: Readback,
    names: Names,
    /// How many posts this read has shown so far.
    shown: usize,
}

impl Reconciliation {
    pub(crate) fn new(
        job: &Job,
        publication: Publication,
        known: Vec<String>,
        settle_ms: u64,
        now_ms: i64,
    ) -> Self {
        let readback = Readback::new(job, known, settle_ms, now_ms);
        Self { publication, readback, names: Names::Posts, shown: 0 }
    }

    pub(crate) fn begin(&mut self, plugin: &Twitter, place: usize) -> Step {
        let forgotten = plugin.host.now_ms().saturating_sub(CONVERSATION_MS);
        if matches!(self.publication, Publication::Message(_)) && self.readback.window_start_ms() < forgotten
        {
            return Report::from(Outcome::cannot_tell("X no longer shows direct messages of that time"))
                .into();
        }
        let next = self.readback.begin();
        self.step(plugin, place, next, None)
    }

    pub(crate) fn resume(&mut self, plugin: &Twitter, place: usize, result: StepResult) -> Step {
        let account = &plugin.config.accounts[place];
        let (next, throttle) = match result {
            StepResult::Waited | StepResult::Kept | StepResult::File(_) => (self.readback.waited(), None),
            StepResult::Exchange(exchange) if self.names == Names::Posts && is_malformed(&exchange) => {
                self.names = Names::Tweets;
                (Next::Read { cursor: None }, None)
            }
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
                let (path, mut query) = match &self.publication {
                    Publication::Post(_) => (
                        format!("/2/users/{}/tweets", account.user_id),
                        vec![("max_results", "100"), ("start_time", start.as_str())],
                    ),
                    Publication::Message(message) => (
                        format!("/2/dm_conversations/with/{}/dm_events", message.participant),
                        vec![("max_results", "100"), ("event_types", "MessageCreate")],
                    ),
                };
                query.extend_from_slice(self.fields());
                if let Some(cursor) = &cursor {
                    query.push(("pagination_token", cursor.as_str()));
                }
                let encoded: Vec<String> =
                    query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
                let path = format!("{path}?{}", encoded.join("&"));
                let request = Request::get(plugin.config.base_url.join(&path));
                Step::read(plugin.signed(place, request, &query))
            }
        }
    }

    /// What is to be shown of each entry, as query parameters.
    fn fields(&self) -> &'static [(&'static str, &'static str)] {
        match (&self.publication, self.names) {
            (Publication::Post(_), Names::Posts) => {
                &[("post.fields", "created_at,text,entities,note_post"), ("expansions", "referenced_posts")]
            }
            (Publication::Post(_), Names::Tweets) => {
                &[("tweet.fields", "created_at,text,entities,note_tweet,referenced_tweets")]
            }
            (Publication::Message(_), Names::Posts) => &[
                ("dm_event.fields", "id,text,created_at,event_type,attachments"),
                ("expansions", "sender_id"),
            ],
            (Publication::Message(_), Names::Tweets) => {
                &[("dm_event.fields", "id,text,created_at,sender_id,event_type,attachments")]
            }
        }
    }

    fn take_in(&mut self, exchange: &Exchange, account: &Account) -> Next {
        let answer = answer::read(exchange);
        if let Answer::Success(body) = &answer
            && let Some(page) = self.page(body, account)
        {
            self.shown += page.posts.len();
            let found = page.posts.iter().any(|post| post.likeness == Likeness::Same);
            if self.shown >= TIMELINE && page.next.is_none() && !found {
                return self.readback.unreadable("the window holds more posts than X shows");
            }
            return self.readback.page(page);
        }
        let secrets = account.auth.secrets();
        let words = |_, body: Option<&Value>| classify::words(body, account);
        self.readback.missed(answer, &secrets.iter().collect::<Vec<_>>(), words)
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
        let posts = entries.iter().map(|entry| self.shown(entry, account)).collect::<Option<Vec<Shown>>>()?;
        // A conversation is not asked for a window: it is read, newest first, until that is covered.
        let covered = matches!(self.publication, Publication::Message(_))
            && posts.iter().any(|post| post.created_ms < self.readback.window_start_ms());
        Some(Page { posts, next: next.filter(|_| !covered) })
    }

    fn shown(&self, entry: &Value, account: &Account) -> Option<Shown> {
        let id = entry["id"].as_str().filter(|id| is_id(id))?;
        let (location, likeness) = match &self.publication {
            Publication::Post(post) => {
                (Some(classify::location(account, id)), likeness_of_post(post, entry, self.names)?)
            }
            Publication::Message(message) => (None, likeness_of_message(message, entry, account)?),
        };
        Some(Shown {
            id: id.to_owned(),
            location,
            created_ms: clock::parse_ms(entry["created_at"].as_str()?)?,
            likeness,
        })
    }
}

/// Whether X did not understand the request: it answers so to a name that it does not know.
fn is_malformed(exchange: &Exchange) -> bool {
    matches!(exchange, Exchange::Response(response) if response.status == 400)
}

fn likeness_of_message(message: &DirectMessage, entry: &Value, account: &Account) -> Option<Likeness> {
    if entry["event_type"].as_str().is_some_and(|kind| kind != "MessageCreate")
        || entry["sender_id"].as_str()? != account.user_id
    {
        return Some(Likeness::Different);
    }
    Some(likeness_of_text(&message.text, entry["text"].as_str()?, !message.attachments.is_empty()))
}

/// How alike two texts are, the second one as X shows it: a picture or a quoted post is an address after it.
fn likeness_of_text(ours: &str, theirs: &str, shows_addresses: bool) -> Likeness {
    let likeness = text::compare(ours, theirs);
    if !shows_addresses {
        return likeness;
    }
    likeness.max(text::compare(text::without_trailing_links(ours), text::without_trailing_links(theirs)))
}

fn likeness_of_post(post: &Post, entry: &Value, names: Names) -> Option<Likeness> {
    // A long post is cut in `text`.
    let full = ["note_post", "note_tweet"].iter().find_map(|name| entry[*name]["text"].as_str());
    let theirs = full.or_else(|| entry["text"].as_str())?;
    let referenced = |kind: &str| {
        ["referenced_posts", "referenced_tweets"]
            .iter()
            .filter_map(|name| entry[*name].as_array())
            .flatten()
            .find(|reference| reference["type"] == kind)
            .and_then(|reference| reference["id"].as_str())
    };
    let replied_to = referenced("replied_to");
    let same_target = referenced("retweeted").is_none()
        && match &post.relation {
            // A new post whose text holds the address of another post quotes it.
            Relation::New => replied_to.is_none(),
            Relation::Reply(target) => replied_to == Some(target),
            Relation::Quote(target) => replied_to.is_none() && referenced("quoted") == Some(target),
        };
    // Under its newer names X shows what a post refers to because that is expanded. Should it leave that out, a
    // reply would look like a post: then nobody can tell.
    let says_target = names == Names::Tweets
        || ["referenced_posts", "referenced_tweets"].iter().any(|name| entry[*name].is_array());
    if !same_target && (says_target || post.relation == Relation::New) {
        return Some(Likeness::Different);
    }
    let (mut ours, mut theirs) = (post.text.as_str(), theirs);
    if matches!(post.relation, Relation::Reply(_)) {
        // X shows a reply with those whom it answers before its text.
        (ours, theirs) = (text::without_leading_mentions(ours), text::without_leading_mentions(theirs));
    }
    let shows_addresses = !post.attachments.is_empty() || matches!(post.relation, Relation::Quote(_));
    let likeness = likeness_of_text(ours, theirs, shows_addresses);
    Some(if same_target { likeness } else { likeness.min(Likeness::Near) })
}
