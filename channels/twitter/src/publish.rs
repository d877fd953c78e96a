//! What is asked of X to publish: a new post, a reply or a quote; or, in `message`, a direct message. Or nothing
//! but an upload, which publishes nothing.

use serde_json::{Value, json};
use strowger_channel::config::BaseUrl;
use strowger_channel::{Job, Outcome, Request, text_of};

use crate::check::{Attachment, Extras};
use crate::message::{self, DirectMessage};

/// What a job of kind `publish` makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Publication {
    /// Something that everybody sees.
    Post(Post),
    /// Something that one person sees.
    Message(DirectMessage),
}

impl Publication {
    /// What a job asks for. What can't be made is rejected here, before any request.
    pub(crate) fn read(job: &Job) -> Result<Self, Outcome> {
        let extras =
            Extras::read(&job.extras).map_err(|refusal| Outcome::rejected("extras", refusal.message))?;
        if message::is_private(job, &extras) {
            DirectMessage::read(job, extras).map(Self::Message)
        } else {
            Post::read(job, extras).map(Self::Post)
        }
    }

    /// The request that publishes, without `authorization`. `media_ids` are X's ids of the attachments.
    pub(crate) fn request(&self, base: &BaseUrl, media_ids: &[String]) -> Request {
        match self {
            Self::Post(post) => Request::post(base.join("/2/tweets")).json(post.body(media_ids)),
            Self::Message(message) => Request::post(base.join(&message.path())).json(message.body(media_ids)),
        }
    }

    /// What is attached.
    pub(crate) fn attachments(&self) -> &[Attachment] {
        match self {
            Self::Post(post) => &post.attachments,
            Self::Message(message) => &message.attachments,
        }
    }

    /// The member of a success's `data` that holds the id.
    pub(crate) fn id_member(&self) -> &'static str {
        match self {
            Self::Post(_) => "id",
            Self::Message(_) => "dm_event_id",
        }
    }
}

/// What a job is to upload without publishing anything, if it is of that kind. Doing so again is harmless:
/// X forgets what no post names.
pub(crate) fn upload_only(job: &Job) -> Option<Vec<Attachment>> {
    // Extras that can't be read are refused where a publication is read.
    Extras::read(&job.extras).ok().filter(|extras| extras.upload_only).map(|extras| extras.attachments)
}

/// A post as it is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Post {
    /// The text.
    pub(crate) text: String,
    /// How it stands to another post.
    pub(crate) relation: Relation,
    /// Pictures, a GIF or a video.
    pub(crate) attachments: Vec<Attachment>,
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
    fn read(job: &Job, extras: Extras) -> Result<Self, Outcome> {
        match text_of(&job.user_data, "_twitterMsgType") {
            Some(kind) if !kind.eq_ignore_ascii_case("status") => {
                return Err(Outcome::rejected(
                    "unsupported",
                    format!("`_twitterMsgType` is `{kind}`: it can be `Status` or `DirectMessage`"),
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
            attachments: extras.attachments,
            place_id: extras.place_id,
        })
    }

    /// The body of `POST /2/tweets`. Unknown keys are an error there, so only what is set is named.
    fn body(&self, media_ids: &[String]) -> Value {
        let mut body = json!({ "text": self.text });
        match &self.relation {
            Relation::New => {}
            Relation::Reply(target) => body["reply"] = json!({ "in_reply_to_tweet_id": target }),
            Relation::Quote(target) => body["quote_tweet_id"] = json!(target),
        }
        if !media_ids.is_empty() {
            body["media"] = json!({ "media_ids": media_ids });
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
