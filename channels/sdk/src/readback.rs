//! Finding out whether an attempt whose answer was lost was published: two complete reads of what the
//! account shows.
//!
//! ```text
//! settling ──waited──▶ reading 1 ──complete, nothing──▶ resting ──waited──▶ reading 2 ──complete, nothing──▶ absent
//!                        │  └─ interrupted ─▶ (a wait, from the first page again, a few times) ─▶ cannot tell
//!                        └─ found ─▶ published
//! ```
//!
//! *Absent* is said only after two complete reads that cover the window from [`BEFORE_START_MS`] before the
//! attempt began until now, the first one at least the settling time after the attempt ended: a request that
//! timed out may still be on its way. Anything less is *cannot tell*.

use serde_json::Value;

use crate::answer::{self, Answer};
use crate::text::Likeness;
use crate::{Job, Outcome, Secret};

/// How long before the start of the attempt the window begins: platforms' times are whole seconds, and clocks
/// differ.
pub const BEFORE_START_MS: i64 = 120_000;
/// How long an attempt is left to settle unless the account says otherwise: 5 s.
pub const SETTLE_MS: u64 = 5_000;
/// How many pages a read may take. More than that is no complete read.
pub const MAX_PAGES: u32 = 64;
/// How often a read that was interrupted begins anew.
const MAX_REPEATS: u32 = 2;

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Wait, then call [`Readback::waited`].
    Wait {
        /// Milliseconds.
        ms: u64,
    },
    /// Read a page, then call [`Readback::page`] or [`Readback::missed`].
    Read {
        /// Where the page begins, as the page before it said; `None`: the first page.
        cursor: Option<String>,
    },
    /// It is over.
    Ended(Outcome),
}

/// One page of what the account shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The posts on it.
    pub posts: Vec<Post>,
    /// Where the next page begins; `None` if the window is covered.
    pub next: Option<String>,
}

/// A post that the account shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// The platform's id.
    pub id: String,
    /// Its address.
    pub location: Option<String>,
    /// When it was made: Unix time in milliseconds.
    pub created_ms: i64,
    /// How like it is to the message, its target included: what answers another post is `Different`.
    pub likeness: Likeness,
}

/// The state of a reconciliation.
#[derive(Clone, Debug)]
pub struct Readback {
    known: Vec<String>,
    window_start_ms: i64,
    settle_ms: u64,
    first_wait_ms: u64,
    stage: Stage,
    pages: u32,
    repeats: u32,
    near: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Settling,
    First,
    Resting,
    Second,
}

impl Readback {
    /// A reconciliation of the attempt of `job`. `known` are the ids recorded for other messages, `settle_ms`
    /// the settling time, `now_ms` the time.
    pub fn new(job: &Job, known: Vec<String>, settle_ms: u64, now_ms: i64) -> Self {
        // Without an end the process died in between; it came back just now.
        let ended_ms = job.attempt.ended_ms.unwrap_or(now_ms);
        let settled_ms = ended_ms.saturating_add_unsigned(settle_ms);
        let first_wait_ms = u64::try_from(settled_ms.saturating_sub(now_ms)).unwrap_or(0).min(settle_ms);
        Self {
            known,
            window_start_ms: job.attempt.started_ms.saturating_sub(BEFORE_START_MS),
            settle_ms,
            first_wait_ms,
            stage: Stage::Settling,
            pages: 0,
            repeats: 0,
            near: false,
        }
    }

    /// Where the window begins: Unix time in milliseconds.
    pub fn window_start_ms(&self) -> i64 {
        self.window_start_ms
    }

    /// The first thing to do.
    pub fn begin(&mut self) -> Next {
        match self.first_wait_ms {
            0 => self.waited(),
            ms => Next::Wait { ms },
        }
    }

    /// A wait is over.
    pub fn waited(&mut self) -> Next {
        self.stage = match self.stage {
            Stage::Settling | Stage::First => Stage::First,
            Stage::Resting | Stage::Second => Stage::Second,
        };
        self.pages = 0;
        Next::Read { cursor: None }
    }

    /// A page was read.
    pub fn page(&mut self, page: Page) -> Next {
        for post in page.posts {
            if post.created_ms < self.window_start_ms || self.known.contains(&post.id) {
                continue;
            }
            match post.likeness {
                Likeness::Same => {
                    return Next::Ended(Outcome::Published { id: Some(post.id), location: post.location });
                }
                Likeness::Near => self.near = true,
                Likeness::Different => {}
            }
        }
        self.pages += 1;
        match page.next {
            Some(_) if self.pages >= MAX_PAGES => {
                self.unreadable(format!("the window holds more than {MAX_PAGES} pages"))
            }
            Some(cursor) => Next::Read { cursor: Some(cursor) },
            None if self.stage == Stage::First => {
                self.stage = Stage::Resting;
                if self.settle_ms == 0 { self.waited() } else { Next::Wait { ms: self.settle_ms } }
            }
            None if self.near => Next::Ended(Outcome::cannot_tell(
                "the account shows a message that is almost the same, but for what may be an address",
            )),
            None => Next::Ended(Outcome::Absent),
        }
    }

    /// No page came: `answer` is what came instead, or a success whose list is not complete or not of the known
    /// form. `words` gives the platform's own, fit to be shown, by status and body; `secrets` are taken out of the
    /// host's.
    pub fn missed(
        &mut self,
        answer: Answer<'_>,
        secrets: &[&Secret],
        words: impl FnOnce(u16, Option<&Value>) -> String,
    ) -> Next {
        let refused = |status, body: Option<Value>| {
            self.unreadable(format!("reading back: HTTP {status} {}", words(status, body.as_ref())))
        };
        match answer {
            Answer::Success(_) => {
                self.unreadable("the platform's list is not complete, or not of the known form")
            }
            Answer::NeedsLogin(body) => refused(401, body),
            Answer::Refused { status, body } => refused(status, body),
            Answer::RateLimited(_) => self.unreadable("the platform allows no further reads for now"),
            Answer::NotSent(why) | Answer::Unknown(why) => self.interrupted(answer::words(&why, secrets)),
        }
    }

    /// A page could not be read for a reason that may pass (no connection, 5xx). The read begins anew after a
    /// wait, a few times; reading changes nothing.
    pub fn interrupted(&mut self, why: impl Into<String>) -> Next {
        if self.repeats >= MAX_REPEATS {
            return self.unreadable(why);
        }
        self.repeats += 1;
        Next::Wait { ms: self.settle_ms.max(1) << self.repeats.min(16) }
    }

    /// A page could not be read, and won't be.
    pub fn unreadable(&self, why: impl Into<String>) -> Next {
        Next::Ended(Outcome::cannot_tell(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attempt, Work};

    fn job(started_ms: i64, ended_ms: Option<i64>) -> Job {
        Job {
            work: Work::Publish,
            delivery_id: "d".into(),
            interaction_id: None,
            channel: "c".into(),
            account: "a".into(),
            agent_id: String::new(),
            queue_path: String::new(),
            message: String::new(),
            extras: serde_json::Map::new(),
            user_data: serde_json::Map::new(),
            parent: None,
            attempt: Attempt { number: 1, started_ms, ended_ms },
        }
    }

    fn post(id: &str, created_ms: i64, likeness: Likeness) -> Page {
        Page { posts: vec![Post { id: id.into(), location: None, created_ms, likeness }], next: None }
    }

    #[test]
    fn absent_only_after_two_complete_reads() {
        let mut readback = Readback::new(&job(1_000_000, Some(1_030_000)), vec![], 5_000, 1_031_000);
        assert_eq!(readback.window_start_ms(), 880_000);
        assert_eq!(readback.begin(), Next::Wait { ms: 4_000 });
        assert_eq!(readback.waited(), Next::Read { cursor: None });
        let first_page = Page { posts: vec![], next: Some("2".into()) };
        assert_eq!(readback.page(first_page), Next::Read { cursor: Some("2".into()) });
        assert_eq!(readback.page(Page::default()), Next::Wait { ms: 5_000 });
        assert_eq!(readback.waited(), Next::Read { cursor: None });
        assert_eq!(readback.page(Page::default()), Next::Ended(Outcome::Absent));
    }

    #[test]
    fn a_process_that_died_waits_the_full_settling_time() {
        assert_eq!(Readback::new(&job(0, None), vec![], 5_000, 9_000_000).begin(), Next::Wait { ms: 5_000 });
        assert_eq!(
            Readback::new(&job(0, Some(0)), vec![], 5_000, 9_000_000).begin(),
            Next::Read { cursor: None }
        );
        // A clock that was set back must not make the wait longer.
        assert_eq!(
            Readback::new(&job(0, Some(9_000_000)), vec![], 5_000, 0).begin(),
            Next::Wait { ms: 5_000 }
        );
    }

    #[test]
    fn only_a_post_in_the_window_with_the_same_text_and_an_unknown_id_is_it() {
        let at = |page: Page| {
            let mut readback = Readback::new(&job(1_000_000, Some(0)), vec!["7".into()], 0, 2_000_000);
            readback.begin();
            readback.page(page)
        };
        assert_eq!(at(post("9", 880_000, Likeness::Same)), Next::Ended(Outcome::published("9")));
        for page in [
            post("9", 879_999, Likeness::Same),
            post("7", 1_000_000, Likeness::Same),
            post("9", 1_000_000, Likeness::Different),
        ] {
            assert_eq!(at(page), Next::Read { cursor: None });
        }
    }

    /// Planted fault: an answer that is taken for an empty page ends in *absent*, and the message is sent twice.
    #[test]
    fn what_is_no_page_is_read_again_or_is_cannot_tell() {
        use crate::{Exchange, Response};
        let response = |status, body: &str| {
            Exchange::Response(Response { status, headers: Vec::new(), body: body.into() })
        };
        let broken = || Exchange::Broken { message: "s3cret was lost".into() };
        let secret = Secret::new("s3cret");
        for (exchange, expected) in [
            (response(200, "{}"), "not complete"),
            (response(401, "{}"), "reading back: HTTP 401 words of 401"),
            (response(403, r#"{"a":1}"#), r#"reading back: HTTP 403 words of 403 {"a":1}"#),
            (response(429, ""), "no further reads"),
            (response(503, ""), "wait"),
            (Exchange::NotSent { message: "no route".into() }, "wait"),
            (broken(), "wait"),
        ] {
            let mut readback = Readback::new(&job(0, Some(0)), vec![], 5_000, 9_000_000);
            readback.begin();
            let words = |status: u16, body: Option<&Value>| {
                let body = body.filter(|body| body.get("a").is_some()).map(Value::to_string);
                format!("words of {status} {}", body.unwrap_or_default()).trim().to_owned()
            };
            let next = readback.missed(answer::read(&exchange), &[&secret], words);
            match next {
                Next::Wait { .. } => assert_eq!(expected, "wait", "{exchange:?}"),
                Next::Ended(Outcome::CannotTell { message }) => {
                    assert!(message.contains(expected), "{message}");
                }
                other => panic!("{exchange:?}: {other:?}"),
            }
        }
        let mut readback = Readback::new(&job(0, Some(0)), vec![], 0, 9_000_000);
        readback.begin();
        let next = (0..4).map(|_| readback.missed(answer::read(&broken()), &[&secret], |_, _| String::new()));
        let Some(Next::Ended(Outcome::CannotTell { message })) = next.last() else { panic!("an end") };
        assert!(message.contains("[secret] was lost"), "{message}");
    }

    #[test]
    fn less_than_that_is_cannot_tell() {
        let cannot_tell = |next| matches!(next, Next::Ended(Outcome::CannotTell { .. }));
        let mut readback = Readback::new(&job(0, Some(0)), vec![], 5_000, 9_000_000);
        readback.begin();
        assert!(cannot_tell(readback.unreadable("403")));
        assert_eq!(readback.interrupted("503"), Next::Wait { ms: 10_000 });
        assert_eq!(readback.waited(), Next::Read { cursor: None });
        assert_eq!(readback.interrupted("503"), Next::Wait { ms: 20_000 });
        readback.waited();
        assert!(cannot_tell(readback.interrupted("503")));

        let mut readback = Readback::new(&job(0, Some(0)), vec![], 5_000, 9_000_000);
        readback.begin();
        let more = || Page { posts: vec![], next: Some("n".into()) };
        for _ in 1..MAX_PAGES {
            assert!(matches!(readback.page(more()), Next::Read { .. }));
        }
        assert!(cannot_tell(readback.page(more())));

        let mut readback = Readback::new(&job(0, Some(0)), vec![], 0, 9_000_000);
        readback.begin();
        readback.page(post("9", 1, Likeness::Near));
        assert!(cannot_tell(readback.page(post("9", 1, Likeness::Near))));
    }
}
