//! What the platforms remember.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::options::{Limits, RateLimit};
use crate::requests::as_iso;

/// Where something was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Platform {
    /// X, under the name that channels have for it.
    Twitter,
    /// The Facebook Graph API.
    Facebook,
}

/// What was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// A post of its own.
    Post,
    /// A post in reply to another.
    Reply,
    /// A post that quotes another.
    Quote,
    /// Another's post shown again.
    Retweet,
    /// A comment on a post or on a comment.
    Comment,
    /// A direct or Messenger message.
    Message,
}

/// Something that was published, as `GET /_sandbox/posts` shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Post {
    /// Where.
    pub platform: Platform,
    /// The X user id or the Facebook page id that published it.
    pub account: String,
    /// The text as it was sent.
    pub text: String,
    /// The id that the platform gave it.
    pub id: String,
    /// When, Unix milliseconds; RFC 3339 in JSON.
    #[serde(rename = "time", serialize_with = "as_iso")]
    pub time_ms: i64,
    /// What.
    pub kind: Kind,
    /// The post that a reply answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<String>,
    /// What a comment, quote or retweet is about, and to whom a message went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Whether it was deleted since.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// What else the platform was told: media, link, whether it is visible.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

/// A like, a follow, a hidden comment: what stands between an account and an object and can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Relation {
    /// Where.
    pub platform: Platform,
    /// Whose.
    pub account: String,
    /// `like`, `follow` or `hide`.
    pub relation: &'static str,
    /// To what or whom.
    pub object: String,
}

/// The sandbox keeps as many posts or relations as its limit allows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sandbox is full; empty it with DELETE /_sandbox/posts")
    }
}

/// How one account stands with one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) limit: u32,
    /// Requests in this window, this one included.
    pub(crate) requests: u32,
    pub(crate) reset_ms: i64,
}

impl Used {
    pub(crate) fn exceeded(self) -> bool {
        self.requests > self.limit
    }
}

/// More keys than a test has accounts times endpoints; beyond it only stale windows are worth forgetting.
const MAX_WINDOWS: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct State {
    posts: Vec<Post>,
    by_id: HashMap<(Platform, String), usize>,
    /// The last post of an account with that text.
    by_text: HashMap<(Platform, String, String), usize>,
    relations: BTreeSet<Relation>,
    windows: HashMap<String, (i64, u32)>,
    /// Of texts and details.
    bytes: usize,
    last_id: u64,
}

impl State {
    /// Forgets everything but the last id: ids never come twice, or an old answer could fit a new post.
    pub(crate) fn clear(&mut self) {
        *self = Self { last_id: self.last_id, ..Self::default() };
    }

    pub(crate) fn posts(&self) -> &[Post] {
        &self.posts
    }

    pub(crate) fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter()
    }

    /// A 19-digit id, larger than all before: milliseconds since the platform's epoch, shifted, as X does.
    pub(crate) fn next_id(&mut self, now_ms: i64) -> u64 {
        let since_epoch = u64::try_from(now_ms - 1_288_834_974_657).unwrap_or(0);
        // The floor keeps ids at 19 digits when the clock is wrong.
        let id = (since_epoch << 22).clamp(1_000_000_000_000_000_000, 9_000_000_000_000_000_000);
        self.last_id = id.max(self.last_id + 1);
        self.last_id
    }

    pub(crate) fn publish(&mut self, post: Post, limits: &Limits) -> Result<(), Full> {
        if self.posts.len() >= limits.posts {
            return Err(Full);
        }
        let details = post.details.iter().map(|(name, value)| name.len() + value.to_string().len());
        self.reserve(post.text.len() + details.sum::<usize>(), limits)?;
        let at = self.posts.len();
        self.by_id.insert((post.platform, post.id.clone()), at);
        // A direct message is a conversation's, not one more post with that text.
        if !post.text.is_empty() && post.kind != Kind::Message {
            self.by_text.insert((post.platform, post.account.clone(), post.text.trim().to_owned()), at);
        }
        self.posts.push(post);
        Ok(())
    }

    /// Counts bytes that are about to be kept.
    pub(crate) fn reserve(&mut self, bytes: usize, limits: &Limits) -> Result<(), Full> {
        let bytes = self.bytes.saturating_add(bytes);
        if bytes > limits.posts_bytes {
            return Err(Full);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Something published and not deleted.
    pub(crate) fn find(&self, platform: Platform, id: &str) -> Option<&Post> {
        let at = *self.by_id.get(&(platform, id.to_owned()))?;
        self.posts.get(at).filter(|post| !post.deleted)
    }

    pub(crate) fn find_mut(&mut self, platform: Platform, id: &str) -> Option<&mut Post> {
        let at = *self.by_id.get(&(platform, id.to_owned()))?;
        self.posts.get_mut(at).filter(|post| !post.deleted)
    }

    /// The last post of the account with that text, white space around it aside, unless it was deleted.
    pub(crate) fn last_with_text(&self, platform: Platform, account: &str, text: &str) -> Option<&Post> {
        let at = *self.by_text.get(&(platform, account.to_owned(), text.trim().to_owned()))?;
        self.posts.get(at).filter(|post| !post.deleted)
    }

    pub(crate) fn relate(&mut self, relation: Relation, limit: usize) -> Result<(), Full> {
        if self.relations.len() >= limit && !self.relations.contains(&relation) {
            return Err(Full);
        }
        self.relations.insert(relation);
        Ok(())
    }

    pub(crate) fn unrelate(&mut self, relation: &Relation) -> bool {
        self.relations.remove(relation)
    }

    /// Counts a request against a limit.
    pub(crate) fn count(&mut self, key: String, limit: RateLimit, now_ms: i64) -> Used {
        let window_ms = i64::try_from(limit.window.as_millis()).unwrap_or(i64::MAX);
        if self.windows.len() >= MAX_WINDOWS && !self.windows.contains_key(&key) {
            self.windows.retain(|_, (start_ms, _)| now_ms - *start_ms < window_ms);
            if self.windows.len() >= MAX_WINDOWS {
                self.windows.clear();
            }
        }
        let (start_ms, used) = self.windows.entry(key).or_insert((now_ms, 0));
        if now_ms - *start_ms >= window_ms {
            (*start_ms, *used) = (now_ms, 0);
        }
        *used = used.saturating_add(1);
        Used { limit: limit.requests, requests: *used, reset_ms: start_ms.saturating_add(window_ms) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn ids_have_19_digits_and_grow_even_when_the_clock_does_not() {
        let mut state = State::default();
        let ids: Vec<u64> =
            [0, 0, 1_793_000_000_000, 1_793_000_000_000, 5].map(|ms| state.next_id(ms)).into();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
        assert!(ids.iter().all(|id| id.to_string().len() == 19), "{ids:?}");
        state.clear();
        assert!(state.next_id(0) > ids[4]);
    }

    #[test]
    fn a_window_starts_with_its_first_request_and_ends() {
        let mut state = State::default();
        let limit = RateLimit { requests: 1, window: Duration::from_secs(1) };
        assert!(!state.count("k".into(), limit, 500).exceeded());
        let second = state.count("k".into(), limit, 1499);
        assert!(second.exceeded());
        assert_eq!(second.reset_ms, 1500);
        assert!(!state.count("other".into(), limit, 1499).exceeded());
        assert!(!state.count("k".into(), limit, 1500).exceeded());
    }
}
