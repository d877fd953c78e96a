//! An interaction as a client sees it.

use super::{AgentId, Interaction, InteractionId};
use crate::channel::Manifest;
use crate::json::{Object, Written, write_content, write_string};
use crate::lifecycle::{Abilities, Direction, Lifecycle, Source, State};

/// How an interaction looks to the agent who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// As it stands.
    AsItStands,
    /// To an agent who has it no longer: `Completed`, with nothing left to do.
    AsLeft,
}

/// The resource object of notifications and readings.
pub(crate) struct Resource<'a> {
    pub(crate) interaction: &'a Interaction,
    pub(crate) manifest: &'a Manifest,
    pub(crate) lifecycle: &'a Lifecycle,
    pub(crate) abilities: Abilities,
    pub(crate) seen: Seen,
    /// Whether the agent may do anything at all.
    pub(crate) permitted: bool,
    pub(crate) in_focus: bool,
    pub(crate) base_uri: &'a str,
}

impl Resource<'_> {
    fn state(&self) -> State {
        match self.seen {
            Seen::AsItStands => self.interaction.state,
            Seen::AsLeft => State::Completed,
        }
    }

    fn write_capabilities(&self, out: &mut String) {
        out.push('[');
        if self.permitted {
            let source = Source::At(self.interaction.direction, self.state());
            for (at, name) in self.lifecycle.capabilities(source, self.abilities).enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write_string(out, name);
            }
        }
        out.push(']');
    }

    fn write_uri(&self, out: &mut String) {
        out.push('"');
        write_content(out, self.base_uri);
        out.push_str("/api/v2/");
        write_content(out, &self.manifest.uri_path);
        out.push('/');
        out.push_str(self.interaction.id.as_str());
        out.push('"');
    }
}

impl Written for Resource<'_> {
    fn write(&self, out: &mut String) {
        let Self { interaction, manifest, .. } = self;
        let inbound = interaction.direction == Direction::Inbound;
        let mut object = Object::begin(out);
        self.write_capabilities(object.member("capabilities"));
        object.optional_string("assignedTo", interaction.assigned_to.as_ref().map(AgentId::as_str));
        object.optional_string("comment", interaction.comment.as_deref());
        object.optional_string("contactId", interaction.contact_id.as_deref());
        object.optional_string("from", interaction.from.as_deref());
        object.string("id", interaction.id.as_str());
        if self.in_focus {
            object.text("inFocus", "true");
        }
        object.optional_string("message", interaction.message.as_deref());
        object.optional_string("parentId", interaction.parent_id.as_ref().map(InteractionId::as_str));
        object.optional_string("receivedDate", interaction.received_date.as_deref());
        if inbound {
            // The vendor's spelling.
            object.text("revelantResponseTemplateGroups", "[]");
        }
        object.string("state", self.state().name());
        object.optional_string("subject", interaction.subject().as_deref());
        if inbound {
            object.text("suggestedQueueUris", "[]");
        }
        object.string(&manifest.direction_member, interaction.direction.name());
        self.write_uri(object.member("uri"));
        if !interaction.user_data.is_empty() || inbound {
            object.text("userData", interaction.user_data.as_str());
        }
        object.end();
    }
}
