//! What is asked of the Graph API to publish: a post of the page, or a comment.

use strowger_channel::{FieldValue, Job, Outcome, Request, text_of};

use crate::auth::{PROOF, authorized};
use crate::check::Extras;
use crate::config::{Account, Config};

/// What the answer is to tell, beside success.
const FIELDS: &str = "id,permalink_url";

/// A message as it is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Post {
    /// The text.
    pub(crate) text: String,
    /// Where it goes.
    pub(crate) place: Place,
    /// An address that is shown beneath a post.
    pub(crate) link: Option<String>,
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Onto the page.
    Page,
    /// Beneath this post or comment.
    CommentOn(String),
}

impl Post {
    /// What a job asks for. What can't be made is rejected here, before any request; above all, an answer
    /// without its target never becomes a new post.
    pub(crate) fn read(job: &Job, account: &Account) -> Result<Self, Outcome> {
        let extras =
            Extras::read(&job.extras).map_err(|refusal| Outcome::rejected("extras", refusal.message))?;
        if job.message.trim().is_empty() {
            return Err(Outcome::rejected("empty", "a message must have a text"));
        }
        let target = text_of(&job.user_data, "_facebookCommentId")
            .or_else(|| text_of(&job.user_data, "_facebookPostId"));
        let answers = job.parent.is_some();
        let submit_type = text_of(&job.user_data, "_facebookSubmitType");
        let submit_type = submit_type.as_deref().unwrap_or(if answers { "comment" } else { "post" });
        let (place, limit) = match (submit_type, target) {
            ("post", None) if !answers => (Place::Page, account.max_text),
            ("post", _) => {
                return Err(Outcome::rejected(
                    "not-a-post",
                    "the message answers a post or comment, but `_facebookSubmitType` is `post`: it must be \
                     `comment`",
                ));
            }
            ("comment", Some(target)) if is_id(&target) => (Place::CommentOn(target), account.max_comment),
            ("comment", _) => {
                return Err(Outcome::rejected(
                    "no-target",
                    "the comment does not say what it answers (`_facebookCommentId` or `_facebookPostId`)",
                ));
            }
            ("message", _) => {
                return Err(Outcome::rejected(
                    "unsupported",
                    "`_facebookSubmitType` is `message`: this channel publishes posts and comments only",
                ));
            }
            _ => {
                return Err(Outcome::rejected(
                    "unsupported",
                    "`_facebookSubmitType` must be `post` or `comment`",
                ));
            }
        };
        let length = job.message.chars().count();
        if length > limit {
            let message = format!("the text has {length} characters, {limit} are allowed");
            return Err(Outcome::rejected("too-long", message));
        }
        if extras.link.is_some() && place != Place::Page {
            return Err(Outcome::rejected(
                "extras",
                "a comment can't carry a `link`: write it into the text",
            ));
        }
        Ok(Self { text: job.message.clone(), place, link: extras.link })
    }

    /// The request that publishes.
    pub(crate) fn request(&self, config: &Config, account: &Account) -> Request {
        let path = match &self.place {
            Place::Page => format!("{}/feed", account.page_id),
            Place::CommentOn(target) => format!("{target}/comments"),
        };
        let mut fields: Vec<(String, FieldValue)> =
            vec![("message".into(), self.text.as_str().into()), ("fields".into(), FIELDS.into())];
        if let Some(link) = &self.link {
            fields.push(("link".into(), link.as_str().into()));
        }
        if let Some(proof) = &account.auth.proof {
            fields.push((PROOF.into(), proof.clone().into()));
        }
        authorized(Request::post(config.address(&path)).form(fields), &account.auth)
    }
}

/// Whether a text is one of the Graph API's ids: numbers joined by underscores. It becomes part of an address.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() <= 100
        && text.split('_').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}
