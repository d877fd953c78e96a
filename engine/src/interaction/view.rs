//! An interaction as a client sees it.

use super::{AgentId, Interaction, InteractionId, Subject, UserData, Wording};
use crate::json::{Written, write_content, write_string};
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
    pub(crate) wording: &'a Wording,
    pub(crate) lifecycle: &'a Lifecycle,
    pub(crate) abilities: Abilities,
    pub(crate) seen: Seen,
    /// Whether the agent may do anything at all.
    pub(crate) permitted: bool,
    pub(crate) in_focus: bool,
}

impl Resource<'_> {
    fn state(&self) -> State {
        match self.seen {
            Seen::AsItStands => self.interaction.state,
            Seen::AsLeft => State::Completed,
        }
    }

    fn write_capabilities(&self, out: &mut String) {
        if !self.permitted {
            return;
        }
        let source = Source::At(self.interaction.direction, self.state());
        let listed = self.wording.listed(source);
        out.push_str(listed);
        for (at, name) in self.lifecycle.own(source, self.abilities).enumerate() {
            out.push_str(if at == 0 && listed.is_empty() { "" } else { "," });
            write_string(out, name);
        }
    }

    /// The user data, the last member, if it is shown.
    pub(crate) fn user_data(&self) -> Option<&UserData> {
        let user_data = &self.interaction.user_data;
        let inbound = self.interaction.direction == Direction::Inbound;
        (!user_data.is_empty() || inbound).then_some(user_data)
    }

    /// Writes what comes before the user data: then that and `}` follow.
    pub(crate) fn write_before_user_data(&self, out: &mut String) {
        let Self { interaction, wording, .. } = self;
        let inbound = interaction.direction == Direction::Inbound;
        out.push_str("{\"capabilities\":[");
        self.write_capabilities(out);
        out.push(']');
        optional(out, ",\"assignedTo\":", interaction.assigned_to.as_ref().map(AgentId::as_str));
        optional(out, ",\"comment\":", interaction.comment.as_deref());
        optional(out, ",\"contactId\":", interaction.contact_id.as_deref());
        optional(out, ",\"from\":", interaction.from.as_deref());
        // Ids, and what stands in the tables of states and directions, need no escapes.
        out.push_str(",\"id\":\"");
        out.push_str(interaction.id.as_str());
        out.push('"');
        if self.in_focus {
            out.push_str(",\"inFocus\":true");
        }
        optional(out, ",\"message\":", interaction.message.as_deref());
        optional(out, ",\"parentId\":", interaction.parent_id.as_ref().map(InteractionId::as_str));
        optional(out, ",\"receivedDate\":", interaction.received_date.as_deref());
        if inbound {
            // The vendor's spelling.
            out.push_str(",\"revelantResponseTemplateGroups\":[]");
        }
        out.push_str(",\"state\":\"");
        out.push_str(self.state().name());
        out.push('"');
        if let Some(Subject { kept, ellipsis }) = interaction.message.as_deref().map(Subject::of) {
            out.push_str(",\"subject\":\"");
            write_content(out, kept);
            out.push_str(ellipsis);
            out.push('"');
        }
        if inbound {
            out.push_str(",\"suggestedQueueUris\":[]");
        }
        out.push_str(&wording.direction);
        out.push_str(interaction.direction.name());
        out.push_str(&wording.uri);
        out.push_str(interaction.id.as_str());
        out.push('"');
        if self.user_data().is_some() {
            out.push_str(",\"userData\":");
        }
    }
}

impl Written for Resource<'_> {
    fn write(&self, out: &mut String) {
        self.write_before_user_data(out);
        out.extend(self.user_data().map(UserData::as_str));
        out.push('}');
    }
}

#[inline(never)]
fn optional(out: &mut String, member: &str, value: Option<&str>) {
    if let Some(value) = value {
        out.push_str(member);
        write_string(out, value);
    }
}
