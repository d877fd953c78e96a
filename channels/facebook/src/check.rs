//! What is refused before it is accepted, with words that help the agent.

use serde_json::{Map, Value};
use strowger_channel::{Outgoing, Refusal, text_of};
use strowger_oneall::is_web_address;

use crate::config::Config;
use crate::publish::is_id;

/// How many pictures a post may carry.
pub(crate) const MAX_ATTACHMENTS: usize = 10;

/// Judges a message. Whether it is a post, a comment or a message stands in the user data, which is not seen
/// here: their own limits hold when the job begins.
pub(crate) fn message(config: &Config, message: &Outgoing<'_>) -> Result<(), Refusal> {
    let Some(account) = config.account(message.account) else {
        return Err(Refusal::invalid(format!("no Facebook account `{}` is configured", message.account)));
    };
    if message.text.trim().is_empty() {
        return Err(Refusal::invalid("a message must have a text"));
    }
    let (length, limit) = (message.text.chars().count(), account.max_text);
    if length > limit {
        return Err(Refusal::out_of_range(format!("the text has {length} characters, {limit} are allowed")));
    }
    let extras = Extras::read(message.extras)?;
    match &account.transport {
        Some(transport) => transport.push(account, message.text, &extras).map(drop),
        None => Ok(()),
    }
}

/// What a Send can carry beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    /// An address that is shown beneath a post.
    pub(crate) link: Option<String>,
    /// Pictures.
    pub(crate) attachments: Vec<Attachment>,
    /// A video.
    pub(crate) video: Option<Video>,
}

/// A picture of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attachment {
    /// One that the page uploaded before: its id.
    Id(String),
    /// One that Facebook is to fetch.
    Url {
        /// Where it is.
        url: String,
        /// What it shows, for those who don't see it.
        alt_text: Option<String>,
    },
}

/// A video that Facebook is to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Video {
    /// Where it is.
    pub(crate) url: String,
    /// Its title.
    pub(crate) title: Option<String>,
}

impl Extras {
    /// Reads the extras. Members that the channel does not know are none of its business.
    pub(crate) fn read(extras: &Map<String, Value>) -> Result<Self, Refusal> {
        let given = |name: &str| extras.get(name).filter(|value| !value.is_null());
        let mut read = Self::default();
        if given("location").is_some() {
            return Err(Refusal::invalid("`location` is not supported on Facebook"));
        }
        if given("inReplyTo").is_some() {
            return Err(Refusal::invalid(
                "`inReplyTo` is not supported on Facebook: reply to the interaction, with `commentId` if need be",
            ));
        }
        if let Some(list) = given("attachments") {
            let entries = list
                .as_array()
                .ok_or_else(|| Refusal::invalid("`attachments` must be an array of pictures"))?;
            if entries.len() > MAX_ATTACHMENTS {
                return Err(Refusal::out_of_range(format!(
                    "{} attachments, {MAX_ATTACHMENTS} are allowed",
                    entries.len()
                )));
            }
            read.attachments = entries.iter().enumerate().map(attachment).collect::<Result<_, _>>()?;
        }
        if given("link").is_some() {
            let link = text_of(extras, "link").filter(|link| is_web_address(link));
            read.link = Some(link.ok_or_else(|| {
                Refusal::invalid("`link` must be an http or https address without white space")
            })?);
        }
        if given("video_url").is_some() {
            let url = text_of(extras, "video_url").filter(|url| is_encrypted(url));
            let url = url.ok_or_else(|| Refusal::invalid("`video_url` must be an https address"))?;
            read.video = Some(Video { url, title: text_of(extras, "title") });
        }
        let carried = [read.link.is_some(), !read.attachments.is_empty(), read.video.is_some()];
        if carried.into_iter().filter(|carried| *carried).count() > 1 {
            return Err(Refusal::invalid(
                "a post carries a `link`, or `attachments`, or a `video_url`: not two of them",
            ));
        }
        Ok(read)
    }

    /// Whether there is nothing beside the text.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn attachment((place, entry): (usize, &Value)) -> Result<Attachment, Refusal> {
    let wrong = || {
        Refusal::invalid(format!(
            "`attachments[{place}]` must be an id of Facebook, as a string, or an object with the `url` (https) of \
             a picture"
        ))
    };
    match entry {
        Value::String(id) if is_id(id) => Ok(Attachment::Id(id.clone())),
        Value::Object(members) if members.contains_key("file") => Err(Refusal::invalid(format!(
            "`attachments[{place}]`: files are not uploaded to Facebook; give the `url` of the picture"
        ))),
        Value::Object(members) => {
            let url = text_of(members, "url").filter(|url| is_encrypted(url)).ok_or_else(wrong)?;
            Ok(Attachment::Url { url, alt_text: text_of(members, "alt_text") })
        }
        _ => Err(wrong()),
    }
}

fn is_encrypted(url: &str) -> bool {
    is_web_address(url) && url.get(..8).is_some_and(|lead| lead.eq_ignore_ascii_case("https://"))
}
