//! Typed access to the members of a request. A member of the wrong type is refused by name; unknown
//! members are ignored.

use std::borrow::Cow;

use super::{QueuePath, Refusal, TransferTarget};
use crate::interaction::Additions;
use crate::json::{Members, Text};

/// A view of a request's members.
#[derive(Clone, Copy)]
pub(crate) struct Parameters<'m, 'a> {
    members: &'m Members<'a>,
}

const A_QUEUE: &str = "a queue's path, as `/queues/<id>` or `/contacts/<id>`";

impl<'m, 'a> Parameters<'m, 'a> {
    pub(crate) fn new(members: &'m Members<'a>) -> Self {
        Self { members }
    }

    pub(crate) fn value(self, name: &str) -> Option<Text<'a>> {
        self.members.get(name)
    }

    pub(crate) fn string(self, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
        let Some(value) = self.value(name) else { return Ok(None) };
        value.string().map(Some).ok_or_else(|| wrong_type(name, "a string", value))
    }

    pub(crate) fn required_string(self, name: &str, what: &str) -> Result<Cow<'a, str>, Refusal> {
        self.string(name)?.ok_or_else(|| Refusal::missing(name, what))
    }

    /// A boolean, or one written as a string.
    pub(crate) fn flag(self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.value(name).map(Text::as_str) {
            None => Ok(None),
            Some("true" | "\"true\"") => Ok(Some(true)),
            Some("false" | "\"false\"") => Ok(Some(false)),
            Some(_) => Err(Refusal::invalid(name, "must be true, false, \"true\" or \"false\"")),
        }
    }

    pub(crate) fn queue_path(self, name: &str) -> Result<Option<QueuePath>, Refusal> {
        let Some(text) = self.string(name)? else { return Ok(None) };
        QueuePath::parse(&text).map(Some).map_err(|error| Refusal::invalid(name, error))
    }

    pub(crate) fn required_queue_path(self, name: &str) -> Result<QueuePath, Refusal> {
        self.queue_path(name)?.ok_or_else(|| Refusal::missing(name, A_QUEUE))
    }

    /// `targetPath`, or else `targetUri`.
    pub(crate) fn transfer_target(self) -> Result<TransferTarget, Refusal> {
        for name in ["targetPath", "targetUri"] {
            if let Some(text) = self.string(name)? {
                return TransferTarget::parse(&text).map_err(|error| Refusal::invalid(name, error));
            }
        }
        Err(Refusal::missing(
            "targetPath",
            "`/users/<id>` for an agent, `/queues/<id>` or `/contacts/<id>` for a queue (or the same as `targetUri`)",
        ))
    }

    pub(crate) fn user_data(self, name: &str) -> Result<Option<Additions<'a>>, Refusal> {
        let Some(value) = self.value(name) else { return Ok(None) };
        Additions::of(value).map(Some).map_err(|error| Refusal::invalid(name, error))
    }

    pub(crate) fn required_strings(self, name: &str) -> Result<Vec<Cow<'a, str>>, Refusal> {
        let what = "an array of strings";
        let value = self.value(name).ok_or_else(|| Refusal::missing(name, what))?;
        value
            .items()
            .and_then(|items| items.into_iter().map(Text::string).collect())
            .ok_or_else(|| wrong_type(name, what, value))
    }
}

fn wrong_type(name: &str, expected: &str, found: Text<'_>) -> Refusal {
    match found.kind() {
        // A string that is no string: an escape in it stands for no character.
        kind if kind == expected => Refusal::invalid(name, "is not a readable string"),
        kind => Refusal::invalid(name, format_args!("must be {expected}, not {kind}")),
    }
}
