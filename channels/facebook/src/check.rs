//! What is refused before it is accepted, with words that help the agent.

use serde_json::{Map, Value};
use strowger_channel::{Outgoing, Refusal, text_of};

use crate::config::Config;

/// Judges a message. Whether it is a post or a comment stands in the user data, which is not seen here: a
/// comment's shorter limit holds when the job begins.
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
    Extras::read(message.extras).map(drop)
}

/// What a Send can carry beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    /// An address that is shown beneath a post.
    pub(crate) link: Option<String>,
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
        if given("attachments").is_some_and(|list| list.as_array().is_none_or(|list| !list.is_empty())) {
            return Err(Refusal::invalid("`attachments` are not supported on Facebook"));
        }
        if given("link").is_some() {
            let link = text_of(extras, "link").filter(|link| is_web_address(link));
            read.link = Some(link.ok_or_else(|| {
                Refusal::invalid("`link` must be an http or https address without white space")
            })?);
        }
        Ok(read)
    }
}

fn is_web_address(text: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| {
        text.get(..scheme.len()).is_some_and(|lead| lead.eq_ignore_ascii_case(scheme))
            && text.len() > scheme.len()
    }) && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}
