//! What is asked of the Graph API to publish: a post of the page with pictures or a video, a comment, or a message
//! to a person.

use serde_json::json;
use strowger_channel::{Body, FieldValue, Job, Outcome, Part, Request, text_of};

use crate::auth::{PROOF, authorized};
use crate::check::{Extras, Source};
use crate::config::{Account, Config};
use crate::upload::Facts;

/// What the answer is to tell, beside success.
const FIELDS: &str = "id,permalink_url";
/// How long Facebook is left to fetch what an address names, or a file is left to go up, in milliseconds.
const PATIENCE_MS: u64 = 60_000;

/// A message as it is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// The text.
    pub(crate) text: String,
    /// Where it goes.
    pub(crate) place: Place,
    /// What a post carries beside its text; empty for anything else.
    pub(crate) extras: Extras,
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Onto the page.
    Page,
    /// Beneath this post or comment.
    CommentOn(String),
    /// To a person.
    MessageTo(Recipient),
}

/// To whom a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recipient {
    /// To whoever wrote this comment: one private reply.
    Commenter(String),
    /// To this person, by the id that the page knows them under.
    Person(String),
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
        let (place, limit) = place(job, account)?;
        let length = job.message.chars().count();
        if length > limit {
            let message = format!("the text has {length} characters, {limit} are allowed");
            return Err(Outcome::rejected("too-long", message));
        }
        if !extras.is_empty() && place != Place::Page {
            return Err(Outcome::rejected(
                "extras",
                "a comment or message can't carry a link, pictures or a video: write the address into the text",
            ));
        }
        Ok(Self { text: job.message.clone(), place, extras })
    }

    /// The request that publishes, with the ids of the pictures and, of a video that is a file, what it is.
    pub(crate) fn request(
        &self,
        media_ids: &[String],
        film: Option<&Facts>,
        config: &Config,
        account: &Account,
    ) -> Request {
        let mut fields: Fields = Vec::new();
        let path = match (&self.place, &self.extras.video) {
            (Place::Page, Some(video)) => {
                fields.push(("description".into(), self.text.as_str().into()));
                if let Some(title) = &video.title {
                    fields.push(("title".into(), title.as_str().into()));
                }
                let path = format!("{}/videos", account.page_id);
                return sent_along("file_url", &video.source, film, fields, &path, config, account);
            }
            (Place::Page, None) => {
                fields.push(("message".into(), self.text.as_str().into()));
                fields.push(("fields".into(), FIELDS.into()));
                for (index, id) in media_ids.iter().enumerate() {
                    let media = json!({ "media_fbid": id }).to_string();
                    fields.push((format!("attached_media[{index}]"), media.into()));
                }
                if let Some(link) = &self.extras.link {
                    fields.push(("link".into(), link.as_str().into()));
                }
                format!("{}/feed", account.page_id)
            }
            (Place::CommentOn(target), _) => {
                fields.push(("message".into(), self.text.as_str().into()));
                fields.push(("fields".into(), FIELDS.into()));
                format!("{target}/comments")
            }
            (Place::MessageTo(recipient), _) => {
                let recipient = match recipient {
                    Recipient::Commenter(comment) => json!({ "comment_id": comment }),
                    Recipient::Person(id) => json!({ "id": id }),
                };
                fields.push(("recipient".into(), recipient.to_string().into()));
                fields.push(("messaging_type".into(), "RESPONSE".into()));
                fields.push(("message".into(), json!({ "text": self.text }).to_string().into()));
                format!("{}/messages", account.page_id)
            }
        };
        request(&path, fields, config, account)
    }

    /// Whether Facebook goes on working on it after it has answered.
    pub(crate) fn is_video(&self) -> bool {
        self.place == Place::Page && self.extras.video.is_some()
    }
}

/// The request that uploads a picture without publishing it; `facts` of one that is a file.
pub(crate) fn upload(
    source: &Source,
    facts: Option<&Facts>,
    alt_text: Option<&str>,
    config: &Config,
    account: &Account,
) -> Request {
    let mut fields: Fields = vec![("published".into(), "false".into())];
    if let Some(alt_text) = alt_text {
        fields.push(("alt_text_custom".into(), alt_text.into()));
    }
    sent_along("url", source, facts, fields, &format!("{}/photos", account.page_id), config, account)
}

type Fields = Vec<(String, FieldValue)>;

fn request(path: &str, mut fields: Fields, config: &Config, account: &Account) -> Request {
    if let Some(proof) = &account.auth.proof {
        fields.push((PROOF.into(), proof.clone().into()));
    }
    authorized(Request::post(config.address(path)).form(fields), &account.auth)
}

/// A request with a picture or a video: by its address in the field `named`, or as the form's file `source`.
fn sent_along(
    named: &str,
    source: &Source,
    facts: Option<&Facts>,
    mut fields: Fields,
    path: &str,
    config: &Config,
    account: &Account,
) -> Request {
    if let Source::Url(url) = source {
        fields.insert(0, (named.to_owned(), url.as_str().into()));
    }
    let mut request = request(path, fields, config, account);
    request.timeout_ms = PATIENCE_MS;
    if let (Source::File(file), Some(facts), Body::Form(fields)) = (source, facts, &mut request.body) {
        let fields = std::mem::take(fields).into_iter();
        let mut parts: Vec<Part> = fields.map(|(name, text)| Part::Text { name, text }).collect();
        parts.push(Part::File {
            name: "source".into(),
            file: file.clone(),
            offset: 0,
            length: facts.size,
            // What the file is called here is nobody's business there.
            filename: "source".into(),
            content_type: facts.content_type.clone(),
        });
        request.body = Body::Multipart(parts);
    }
    request
}

/// Where a job's message goes, and how long it may be there.
fn place(job: &Job, account: &Account) -> Result<(Place, usize), Outcome> {
    let comment = text_of(&job.user_data, "_facebookCommentId");
    let target = comment.clone().or_else(|| text_of(&job.user_data, "_facebookPostId"));
    let answers = job.parent.is_some();
    let answers_message = job
        .parent
        .as_ref()
        .is_some_and(|parent| text_of(&parent.user_data, "_facebookItxType").as_deref() == Some("message"));
    let submit_type = text_of(&job.user_data, "_facebookSubmitType");
    let submit_type = match submit_type.as_deref() {
        // The draft of every reply says `comment`; what answers a message is one.
        None | Some("comment") if answers_message && target.is_none() => "message",
        None if answers => "comment",
        None => "post",
        Some(submit_type) => submit_type,
    };
    match (submit_type, target) {
        ("post", None) if !answers => Ok((Place::Page, account.max_text)),
        ("post", _) => Err(Outcome::rejected(
            "not-a-post",
            "the message answers something, but `_facebookSubmitType` is `post`: it must be `comment` or `message`",
        )),
        ("comment", Some(target)) if is_id(&target) => Ok((Place::CommentOn(target), account.max_comment)),
        ("comment", _) => Err(Outcome::rejected(
            "no-target",
            "the comment does not say what it answers (`_facebookCommentId` or `_facebookPostId`)",
        )),
        ("message", _) => {
            let recipient = match comment {
                Some(comment) => Some(comment).filter(|id| is_id(id)).map(Recipient::Commenter),
                None => text_of(&job.user_data, "To").filter(|id| is_id(id)).map(Recipient::Person),
            };
            let recipient = recipient.ok_or_else(|| {
                Outcome::rejected(
                    "no-target",
                    "the message does not say to whom it goes (`_facebookCommentId` for a private reply, or `To`)",
                )
            })?;
            Ok((Place::MessageTo(recipient), account.max_message))
        }
        _ => Err(Outcome::rejected(
            "unsupported",
            "`_facebookSubmitType` must be `post`, `comment` or `message`",
        )),
    }
}

/// Whether a text is one of the Graph API's ids: numbers joined by underscores. It becomes part of an address.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() <= 100
        && text.split('_').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}
