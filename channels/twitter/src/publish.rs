//! What is asked of X to publish: a new post, a reply or a quote.

use serde_json::{Value, json};
use strowger_channel::{Job, Outcome, text_of};

use crate::check::Extras;

/// A post as it is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Post {
    /// The text.
    pub(crate) text: String,
    /// How it stands to another post.
    pub(crate) relation: Relation,
    /// X's ids of uploaded media.
    pub(crate) media_ids: Vec<String>,
    /// X's id of a place.
    pub(crate) place_id: Option<String>,
}

/// How a post stands to another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// It stands alone.
    New,
    /// It answers that post.
    Reply(String),
    /// It shows that post to one's own followers, with a text: a Reply with `isRetweet`.
    Quote(String),
}

impl Post {
    /// What a job asks for. What can't be made is rejected here, before any request; above all, an answer
    /// without its target never becomes a new post.
    pub(crate) fn read(job: &Job) -> Result<Self, Outcome> {
        let extras =
            Extras::read(&job.extras).map_err(|refusal| Outcome::rejected("extras", refusal.message))?;
        match text_of(&job.user_data, "_twitterMsgType") {
            Some(kind) if !kind.eq_ignore_ascii_case("status") => {
                return Err(Outcome::rejected(
                    "unsupported",
                    format!("`_twitterMsgType` is `{kind}`: this channel publishes posts (`Status`) only"),
                ));
            }
            _ => {}
        }
        if job.message.trim().is_empty() {
            return Err(Outcome::rejected("empty", "a post must have a text"));
        }
        let target = extras.in_reply_to.or_else(|| text_of(&job.user_data, "_twitterInReplyToStatusId"));
        let quotes = text_of(&job.user_data, "_twitterIsRetweet").is_some_and(|value| value == "true");
        let relation = match target {
            Some(target) if !is_id(&target) => {
                return Err(Outcome::rejected(
                    "no-target",
                    "`_twitterInReplyToStatusId` is not X's id of a post (1 to 19 digits)",
                ));
            }
            Some(target) if quotes => Relation::Quote(target),
            Some(target) => Relation::Reply(target),
            None if quotes || job.parent.is_some() => {
                return Err(Outcome::rejected(
                    "no-target",
                    "the answer does not say which post it answers (`_twitterInReplyToStatusId`)",
                ));
            }
            None => Relation::New,
        };
        Ok(Self {
            text: job.message.clone(),
            relation,
            media_ids: extras.media_ids,
            place_id: extras.place_id,
        })
    }

    /// The body of `POST /2/tweets`. Unknown keys are an error there, so only what is set is named.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({ "text": self.text });
        match &self.relation {
            Relation::New => {}
            Relation::Reply(target) => body["reply"] = json!({ "in_reply_to_tweet_id": target }),
            Relation::Quote(target) => body["quote_tweet_id"] = json!(target),
        }
        if !self.media_ids.is_empty() {
            body["media"] = json!({ "media_ids": self.media_ids });
        }
        if let Some(place_id) = &self.place_id {
            body["geo"] = json!({ "place_id": place_id });
        }
        body
    }
}

/// Whether a text is one of X's ids: 1 to 19 digits.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
