//! An interaction as a client sees it.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Interaction;
use crate::channel::Manifest;
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

    fn capabilities(&self) -> Vec<&str> {
        if !self.permitted {
            return Vec::new();
        }
        self.lifecycle
            .capabilities(Source::At(self.interaction.direction, self.state()), self.abilities)
            .collect()
    }
}

impl Serialize for Resource<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { interaction, manifest, .. } = self;
        let inbound = interaction.direction == Direction::Inbound;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("capabilities", &self.capabilities())?;
        optional(&mut map, "assignedTo", interaction.assigned_to.as_ref())?;
        optional(&mut map, "comment", interaction.comment.as_deref())?;
        optional(&mut map, "contactId", interaction.contact_id.as_deref())?;
        optional(&mut map, "from", interaction.from.as_deref())?;
        map.serialize_entry("id", &interaction.id)?;
        optional(&mut map, "inFocus", self.in_focus.then_some(true))?;
        optional(&mut map, "message", interaction.message.as_deref())?;
        optional(&mut map, "parentId", interaction.parent_id)?;
        optional(&mut map, "receivedDate", interaction.received_date.as_deref())?;
        if inbound {
            // The vendor's spelling.
            map.serialize_entry("revelantResponseTemplateGroups", &[(); 0])?;
        }
        map.serialize_entry("state", self.state().name())?;
        optional(&mut map, "subject", interaction.subject())?;
        if inbound {
            map.serialize_entry("suggestedQueueUris", &[(); 0])?;
        }
        map.serialize_entry(&manifest.direction_member, interaction.direction.name())?;
        map.serialize_entry(
            "uri",
            &format_args!("{}/api/v2/{}/{}", self.base_uri, manifest.uri_path, interaction.id),
        )?;
        if !interaction.user_data.is_empty() || inbound {
            map.serialize_entry("userData", &interaction.user_data)?;
        }
        map.end()
    }
}

fn optional<M: SerializeMap>(map: &mut M, name: &str, value: Option<impl Serialize>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, &value))
}
