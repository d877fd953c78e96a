//! What is refused before it is accepted, with words that help the agent.

use serde_json::{Map, Value};
use strowger_channel::abi::{
    STROWGER_CHANNEL_FEATURE_FETCH, STROWGER_CHANNEL_FEATURE_FILE_FACTS, STROWGER_CHANNEL_FEATURE_FILES,
};
use strowger_channel::{Host, Outgoing, Refusal, text_of};

use crate::config::{Account, Config};
use crate::length::weighted_length;
use crate::message::is_direct;
use crate::publish::is_id;

/// How many pictures a post may carry.
pub(crate) const MAX_ATTACHMENTS: usize = 4;
/// How many pictures a direct message may carry.
const MAX_MESSAGE_ATTACHMENTS: usize = 1;
/// How long a direct message may be, in characters.
const MAX_MESSAGE_LENGTH: usize = 10_000;

/// What a host must offer for files to be uploaded.
const FILES: u64 = STROWGER_CHANNEL_FEATURE_FILES | STROWGER_CHANNEL_FEATURE_FILE_FACTS;
/// What it must offer for addresses.
const FETCHING: u64 = FILES | STROWGER_CHANNEL_FEATURE_FETCH;
/// How long the description of a picture may be, in characters.
const MAX_ALT_TEXT: usize = 1_000;

/// Judges a message.
pub(crate) fn message(config: &Config, host: &Host, message: &Outgoing<'_>) -> Result<(), Refusal> {
    let Some(account) = config.account(message.account) else {
        return Err(Refusal::invalid(format!("no Twitter account `{}` is configured", message.account)));
    };
    if message.text.trim().is_empty() {
        return Err(Refusal::invalid("a post must have a text"));
    }
    // X's own counting library calls a text with one of these invalid.
    if let Some(stray) = message.text.chars().find(|c| matches!(c, '\u{FFFE}' | '\u{FFFF}' | '\u{FEFF}')) {
        return Err(Refusal::invalid(format!(
            "the text holds U+{:04X}, which X does not take: remove it",
            u32::from(stray)
        )));
    }
    if account.transport.is_some() {
        crate::transport::push(message.text, message.extras)?;
        return weighted(message.text, account);
    }
    let extras = Extras::read(message.extras)?;
    for attachment in &extras.attachments {
        let Attachment::New { source, .. } = attachment else { continue };
        let (needs, problem) = match source {
            Source::File(_) => (FILES, "files can't be attached: this host has no directory for them"),
            Source::Url(_) => (FETCHING, "addresses can't be attached: this host does not fetch them"),
        };
        if !host.offers(needs) {
            return Err(Refusal::invalid(problem));
        }
    }
    if extras.upload_only {
        // Its text goes nowhere.
        return Ok(());
    }
    let is_direct = message.extras.get("userData").and_then(Value::as_object).is_some_and(is_direct);
    if extras.to.is_some() || is_direct {
        return direct_message(message.text, &extras);
    }
    weighted(message.text, account)
}

/// Holds a post to its account's limit.
fn weighted(text: &str, account: &Account) -> Result<(), Refusal> {
    let (length, limit) = (weighted_length(text), account.max_weighted_length);
    if length > limit {
        return Err(Refusal::out_of_range(format!(
            "the text counts {length} characters, {limit} are allowed (X counts an address as 23, and emoji \
             and most letters of East Asia as 2)"
        )));
    }
    Ok(())
}

/// What only direct messages keep to.
pub(crate) fn direct_message(text: &str, extras: &Extras) -> Result<(), Refusal> {
    let length = text.chars().count();
    if length > MAX_MESSAGE_LENGTH {
        return Err(Refusal::out_of_range(format!(
            "the text has {length} characters, a direct message may have {MAX_MESSAGE_LENGTH}"
        )));
    }
    if extras.place_id.is_some() || extras.in_reply_to.is_some() {
        return Err(Refusal::invalid("a direct message has no `location` and no `inReplyTo`"));
    }
    if extras.attachments.len() > MAX_MESSAGE_ATTACHMENTS {
        return Err(Refusal::out_of_range(format!(
            "{} attachments, a direct message may have {MAX_MESSAGE_ATTACHMENTS}",
            extras.attachments.len()
        )));
    }
    Ok(())
}

/// A picture, a GIF or a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attachment {
    /// One that X has: its id.
    Uploaded(String),
    /// One that is to be uploaded first.
    New {
        /// Where it is.
        source: Source,
        /// What it shows, in words.
        alt_text: Option<String>,
    },
}

/// Where something to be uploaded is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Beneath the host's attachments directory.
    File(String),
    /// At that address, which the host fetches.
    Url(String),
}

/// What a Send can carry beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    /// Pictures, a GIF or a video.
    pub(crate) attachments: Vec<Attachment>,
    /// X's id of a place.
    pub(crate) place_id: Option<String>,
    /// The post that is answered.
    pub(crate) in_reply_to: Option<String>,
    /// Who gets it, as X's id of a user: this makes it a direct message.
    pub(crate) to: Option<String>,
    /// The one attachment is uploaded, and nothing is published.
    pub(crate) upload_only: bool,
}

impl Extras {
    /// Reads the extras. Members that the channel does not know are none of its business.
    pub(crate) fn read(extras: &Map<String, Value>) -> Result<Self, Refusal> {
        let given = |name: &str| extras.get(name).filter(|value| !value.is_null());
        let mut read = Self::default();
        if given("link").is_some() {
            return Err(Refusal::invalid("X has no `link`: write the address into the text"));
        }
        if given("location").is_some() {
            let place = text_of(extras, "location").filter(|place| is_place_id(place));
            read.place_id = Some(place.ok_or_else(|| {
                Refusal::invalid(
                    "`location` must be X's id of a place: 16 digits 0-9, a-f; names are not looked up",
                )
            })?);
        }
        if given("inReplyTo").is_some() {
            let target = text_of(extras, "inReplyTo").filter(|target| is_id(target));
            read.in_reply_to =
                Some(target.ok_or_else(|| {
                    Refusal::invalid("`inReplyTo` must be X's id of a post: 1 to 19 digits")
                })?);
        }
        if given("to").is_some() {
            let to = text_of(extras, "to").filter(|to| is_id(to));
            read.to =
                Some(to.ok_or_else(|| Refusal::invalid("`to` must be X's id of a user: 1 to 19 digits"))?);
        }
        if let Some(attachments) = given("attachments") {
            let entries =
                attachments.as_array().ok_or_else(|| Refusal::invalid("`attachments` must be an array"))?;
            if entries.len() > MAX_ATTACHMENTS {
                return Err(Refusal::out_of_range(format!(
                    "{} attachments, {MAX_ATTACHMENTS} are allowed",
                    entries.len()
                )));
            }
            read.attachments = entries.iter().enumerate().map(attachment).collect::<Result<_, _>>()?;
        }
        if let Some(flag) = given("upload_only") {
            read.upload_only =
                flag.as_bool().ok_or_else(|| Refusal::invalid("`upload_only` must be true or false"))?;
        }
        if read.upload_only && !read.is_one_upload() {
            return Err(Refusal::invalid(
                "`upload_only` takes one attachment that X does not have yet, and no `location`, `inReplyTo` or `to`",
            ));
        }
        Ok(read)
    }

    fn is_one_upload(&self) -> bool {
        matches!(self.attachments[..], [Attachment::New { .. }])
            && self.place_id.is_none()
            && self.in_reply_to.is_none()
            && self.to.is_none()
    }
}

fn attachment((place, entry): (usize, &Value)) -> Result<Attachment, Refusal> {
    let invalid = |problem: &str| Refusal::invalid(format!("`attachments[{place}]` {problem}"));
    let members = match entry {
        Value::String(id) if is_id(id) => return Ok(Attachment::Uploaded(id.clone())),
        Value::Object(members) => members,
        _ => {
            return Err(invalid(
                "must be X's media id (a string of 1 to 19 digits) or `{\"file\": …}` or `{\"url\": …}`",
            ));
        }
    };
    if let Some(unknown) = members.keys().find(|name| !["file", "url", "alt_text"].contains(&name.as_str())) {
        return Err(invalid(&format!(
            "has the unknown member `{unknown}`: it takes `file` or `url`, and `alt_text`"
        )));
    }
    let text = |name: &str| match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(_) => Err(invalid(&format!("has a `{name}` that is no text"))),
    };
    let source = match (text("file")?, text("url")?) {
        (Some(file), None) => Source::File(file),
        (None, Some(url)) if url.starts_with("https://") => Source::Url(url),
        (None, Some(_)) => return Err(invalid("has a `url` that does not begin with https://")),
        _ => return Err(invalid("must have either `file` or `url`")),
    };
    let alt_text = text("alt_text")?;
    if alt_text.as_ref().is_some_and(|text| text.chars().count() > MAX_ALT_TEXT) {
        return Err(Refusal::out_of_range(format!(
            "`attachments[{place}].alt_text` may have {MAX_ALT_TEXT} characters"
        )));
    }
    Ok(Attachment::New { source, alt_text })
}

fn is_place_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
