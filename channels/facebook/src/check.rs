//! What is refused before it is accepted, with words that help the agent.

use serde_json::{Map, Value};
use strowger_channel::abi::{STROWGER_CHANNEL_FEATURE_FILE_FACTS, STROWGER_CHANNEL_FEATURE_FILES};
use strowger_channel::{Host, Outgoing, Refusal, text_of};
use strowger_oneall::is_web_address;

use crate::config::Config;
use crate::publish::is_id;

/// How many pictures a post may carry.
pub(crate) const MAX_ATTACHMENTS: usize = 10;
/// What a host must offer for files to be uploaded.
const FILES: u64 = STROWGER_CHANNEL_FEATURE_FILES | STROWGER_CHANNEL_FEATURE_FILE_FACTS;

/// Judges a message. Whether it is a post, a comment or a message stands in the user data, which is not seen
/// here: their own limits hold when the job begins.
pub(crate) fn message(config: &Config, host: &Host, message: &Outgoing<'_>) -> Result<(), Refusal> {
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
    if let Some(transport) = &account.transport {
        return transport.push(account, message.text, &extras).map(drop);
    }
    if extras.names_files() && !host.offers(FILES) {
        return Err(Refusal::invalid("files can't be attached: this host has no directory for them"));
    }
    Ok(())
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
    /// One that goes up first.
    New {
        /// Where it is.
        source: Source,
        /// What it shows, for those who don't see it.
        alt_text: Option<String>,
    },
}

/// Where a picture or a video is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Beneath the host's attachments directory.
    File(String),
    /// At that address, which Facebook fetches.
    Url(String),
}

/// A video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Video {
    /// Where it is.
    pub(crate) source: Source,
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
            read.video = Some(Video { source: Source::Url(url), title: text_of(extras, "title") });
        }
        if given("video_file").is_some() {
            let file = extras.get("video_file").and_then(Value::as_str).filter(|file| !file.is_empty());
            let file = file.ok_or_else(|| Refusal::invalid("`video_file` must be the name of a file"))?;
            let video = Video { source: Source::File(file.to_owned()), title: text_of(extras, "title") };
            if read.video.replace(video).is_some() {
                return Err(Refusal::invalid("a post carries a `video_url` or a `video_file`, not both"));
            }
        }
        let carried = [read.link.is_some(), !read.attachments.is_empty(), read.video.is_some()];
        if carried.into_iter().filter(|carried| *carried).count() > 1 {
            return Err(Refusal::invalid(
                "a post carries a `link`, or `attachments`, or a video (`video_url`, `video_file`): not two of \
                 them",
            ));
        }
        Ok(read)
    }

    /// Whether anything of it is a file of the host's.
    fn names_files(&self) -> bool {
        let pictures = self.attachments.iter().filter_map(|attachment| match attachment {
            Attachment::Id(_) => None,
            Attachment::New { source, .. } => Some(source),
        });
        let sources = pictures.chain(self.video.as_ref().map(|video| &video.source));
        sources.into_iter().any(|source| matches!(source, Source::File(_)))
    }

    /// Whether there is nothing beside the text.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn attachment((place, entry): (usize, &Value)) -> Result<Attachment, Refusal> {
    let wrong = || {
        Refusal::invalid(format!(
            "`attachments[{place}]` must be an id of Facebook, as a string, or an object with the `url` (https) or \
             the `file` of a picture"
        ))
    };
    match entry {
        Value::String(id) if is_id(id) => Ok(Attachment::Id(id.clone())),
        Value::Object(members) => {
            let given = |name: &str| members.get(name).filter(|value| !value.is_null());
            let source = match (given("file"), given("url")) {
                (Some(Value::String(file)), None) if !file.is_empty() => Source::File(file.clone()),
                (None, Some(Value::String(url))) if is_encrypted(url) => Source::Url(url.clone()),
                _ => return Err(wrong()),
            };
            Ok(Attachment::New { source, alt_text: text_of(members, "alt_text") })
        }
        _ => Err(wrong()),
    }
}

fn is_encrypted(url: &str) -> bool {
    is_web_address(url) && url.get(..8).is_some_and(|lead| lead.eq_ignore_ascii_case("https://"))
}
