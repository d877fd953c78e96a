//! A request: which operation, and its members.

use super::{Parameters, Refusal};
use crate::channel::Manifest;
use crate::json::{self, MAX_DEPTH, Members, Text};
use crate::lifecycle::{Lifecycle, Operation};
use crate::operation::StatusCode;

/// A request whose operation is known. Its parameters are read when the operation turns out to be
/// allowed: a forbidden operation is refused as such, whatever its parameters.
#[derive(Debug)]
pub struct Request<'a> {
    asked: Asked,
    members: Members<'a>,
    /// What carries `from` and `message`, if it is an object.
    message: Members<'a>,
    has_message: bool,
    resource: &'a str,
}

/// Which operation is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// One of the engine's own.
    Core(Operation),
    /// The channel's own, by its number in the manifest.
    Channel(usize),
}

impl<'a> Request<'a> {
    /// Reads a request body.
    pub fn parse(
        body: &'a [u8],
        manifest: &'a Manifest,
        lifecycle: &Lifecycle,
        limit_bytes: usize,
    ) -> Result<Self, Refusal> {
        if body.len() > limit_bytes {
            return Err(Refusal::body_too_large(body.len(), limit_bytes));
        }
        let mut request = Self {
            asked: Asked::Core(Operation::Create),
            members: Members::default(),
            message: Members::default(),
            has_message: false,
            resource: &manifest.resource,
        };
        request.read(body)?;
        let name = request
            .parameters()
            .string("operationName")?
            .ok_or_else(|| Refusal::missing("operationName", "the name of an operation, as `Save`"))?;
        request.asked = Operation::named(&name)
            .map(Asked::Core)
            .or_else(|| lifecycle.channel_operation(&name).map(|(index, _)| Asked::Channel(index)))
            .ok_or_else(|| {
                let known = Operation::ALL
                    .iter()
                    .map(|operation| operation.name())
                    .chain(lifecycle.channel_operations().iter().map(|operation| operation.name.as_str()))
                    .collect::<Vec<_>>()
                    .join(", ");
                Refusal::invalid(
                    "operationName",
                    format_args!("is unknown: `{name:.64}`; expected one of {known}"),
                )
            })?;
        Ok(request)
    }

    /// Which operation is asked for.
    pub fn asked(&self) -> Asked {
        self.asked
    }

    /// The operation's name.
    pub fn name<'b>(&self, lifecycle: &'b Lifecycle) -> &'b str {
        match self.asked {
            Asked::Core(operation) => operation.name(),
            Asked::Channel(index) => {
                lifecycle.channel_operations().get(index).map_or("", |operation| operation.name.as_str())
            }
        }
    }

    pub(crate) fn parameters(&self) -> Parameters<'_, 'a> {
        Parameters::new(&self.members)
    }

    /// The object that carries `from` and `message`: `twitter`, `facebook`.
    pub(crate) fn message_object(&self) -> Result<Option<&Members<'a>>, Refusal> {
        match self.members.get(self.resource) {
            Some(_) if self.has_message => Ok(Some(&self.message)),
            Some(other) => Err(no_object(self.resource, other)),
            None => Ok(None),
        }
    }

    /// Reads the members of the body, and of the object in it that carries the message.
    fn read(&mut self, body: &'a [u8]) -> Result<(), Refusal> {
        let text = std::str::from_utf8(body);
        if let Ok(text) = text
            && let Some(has_message) =
                Members::scan_with(text, &mut self.members, self.resource, &mut self.message)
        {
            self.has_message = has_message;
            return Ok(());
        }
        let malformed = |problem: String| Refusal::new(StatusCode::Invalid, problem);
        if !json::is_shallow(body) {
            return Err(malformed(format!(
                "the request body nests arrays and objects deeper than {MAX_DEPTH} levels"
            )));
        }
        let text = text.map_err(|error| malformed(format!("the request body is not UTF-8: {error}")))?;
        self.members = Members::parse(text)
            .map_err(|error| malformed(format!("the request body must be a JSON object: {error}")))?;
        if let Some(object) = self.members.get(self.resource)
            && let Ok(message) = Members::parse(object.as_str())
        {
            (self.message, self.has_message) = (message, true);
        }
        Ok(())
    }
}

/// Says that a parameter must be an object.
fn no_object(name: &str, found: Text<'_>) -> Refusal {
    Refusal::invalid(name, format_args!("must be an object, not {}", found.kind()))
}
