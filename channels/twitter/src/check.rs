//! What is refused before it is accepted, with words that help the agent.

use serde_json::{Map, Value};
use strowger_channel::{Outgoing, Refusal, text_of};

use crate::config::Config;
use crate::length::weighted_length;
use crate::publish::is_id;

/// How many pictures a post may carry.
pub(crate) const MAX_ATTACHMENTS: usize = 4;

/// Judges a message.
pub(crate) fn message(config: &Config, message: &Outgoing<'_>) -> Result<(), Refusal> {
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
    let (length, limit) = (weighted_length(message.text), account.max_weighted_length);
    if length > limit {
        return Err(Refusal::out_of_range(format!(
            "the text counts {length} characters, {limit} are allowed (X counts an address as 23, and emoji \
             and most letters of East Asia as 2)"
        )));
    }
    Extras::read(message.extras).map(drop)
}

/// What a Send can carry beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    /// X's ids of uploaded media.
    pub(crate) media_ids: Vec<String>,
    /// X's id of a place.
    pub(crate) place_id: Option<String>,
    /// The post that is answered.
    pub(crate) in_reply_to: Option<String>,
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
        if let Some(attachments) = given("attachments") {
            let entries = attachments
                .as_array()
                .ok_or_else(|| Refusal::invalid("`attachments` must be an array of X's media ids"))?;
            if entries.len() > MAX_ATTACHMENTS {
                return Err(Refusal::out_of_range(format!(
                    "{} attachments, {MAX_ATTACHMENTS} are allowed",
                    entries.len()
                )));
            }
            read.media_ids = entries.iter().enumerate().map(media_id).collect::<Result<_, _>>()?;
        }
        Ok(read)
    }
}

fn media_id((place, entry): (usize, &Value)) -> Result<String, Refusal> {
    match entry {
        Value::String(id) if is_id(id) => Ok(id.clone()),
        Value::Object(members) if members.contains_key("file") || members.contains_key("url") => {
            Err(Refusal::invalid(format!(
                "`attachments[{place}]`: uploading a file or an address is not supported; give X's media id"
            )))
        }
        _ => Err(Refusal::invalid(format!(
            "`attachments[{place}]` must be X's media id: a string of 1 to 19 digits"
        ))),
    }
}

fn is_place_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
