//! Records' texts, written straight away: with most requests one is, and taking it apart again to see whether it
//! is JSON would take longer than writing it.

use crate::interaction::{AgentId, Id, Interaction};
use crate::json::{write_content, write_number};
use crate::operation::QueuePath;

/// The format of new records.
pub(super) const FORMAT: u32 = 1;

/// Stands in the journal in the place of user data that is as it was in the version before.
pub(super) const AS_BEFORE: &str = "null";

/// An object that is being written, member by member.
pub(super) struct Object<'a> {
    out: &'a mut String,
    is_empty: bool,
}

impl<'a> Object<'a> {
    pub(super) fn begin(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, is_empty: true }
    }

    /// Where the value of a member goes, whose name needs no escape.
    pub(super) fn member(&mut self, name: &str) -> &mut String {
        self.out.push_str(if self.is_empty { "\"" } else { ",\"" });
        self.is_empty = false;
        self.out.push_str(name);
        self.out.push_str("\":");
        self.out
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.text_of(name, [text]);
    }

    /// One text, in parts.
    pub(super) fn text_of<const PARTS: usize>(&mut self, name: &str, parts: [&str; PARTS]) {
        let out = self.member(name);
        out.push('"');
        for part in parts {
            write_content(out, part);
        }
        out.push('"');
    }

    /// Left out if there is none.
    pub(super) fn text_if_any(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    pub(super) fn number(&mut self, name: &str, number: u64) {
        write_number(self.member(name), number);
    }

    pub(super) fn time(&mut self, name: &str, time_ms: i64) {
        let out = self.member(name);
        if time_ms < 0 {
            out.push('-');
        }
        write_number(out, time_ms.unsigned_abs());
    }

    /// A value that is JSON.
    fn json(&mut self, name: &str, text: &str) {
        self.member(name).push_str(text);
    }

    pub(super) fn end(self) {
        self.out.push('}');
    }
}

/// An array of what each of them writes.
pub(super) fn write_each<T>(
    out: &mut String,
    values: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut String, T),
) {
    out.push('[');
    for (at, value) in values.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, value);
    }
    out.push(']');
}

/// About how long an interaction's text is, without its user data.
pub(super) fn length(interaction: &Interaction) -> usize {
    /// What stands in it beside the texts below.
    const FRAME: usize = 448;
    let text = |text: Option<&str>| text.map_or(0, str::len);
    FRAME
        + text(interaction.message.as_deref())
        + text(interaction.comment.as_deref())
        + text(interaction.extras.as_ref().map(|extras| extras.get()))
}

/// Writes an interaction, as [`super::record::read_interaction`] reads it. The names are for ever. `user_data` is the
/// text in the place of its user data.
pub(super) fn write_interaction(out: &mut String, interaction: &Interaction, user_data: &str) {
    let mut object = Object::begin(out);
    object.number("format", FORMAT.into());
    object.text("id", interaction.id.as_str());
    object.number("version", interaction.version);
    object.number("number", interaction.number);
    object.text("channel", &interaction.channel);
    object.text("direction", interaction.direction.name());
    object.text("state", interaction.state.name());
    object.text_if_any("owner", interaction.owner.as_ref().map(AgentId::as_str));
    object.text_if_any("from", interaction.from.as_deref());
    object.text_if_any("message", interaction.message.as_deref());
    if interaction.message_is_parents {
        object.json("messageIsParents", "true");
    }
    object.text_if_any("comment", interaction.comment.as_deref());
    object.text_if_any("contactId", interaction.contact_id.as_deref());
    object.text_if_any("parentId", interaction.parent_id.as_ref().map(Id::as_str));
    object.text_if_any("receivedDate", interaction.received_date.as_deref());
    object.text_if_any("assignedTo", interaction.assigned_to.as_ref().map(AgentId::as_str));
    object.text_if_any("transferredBy", interaction.transferred_by.as_ref().map(AgentId::as_str));
    object.text_if_any("account", interaction.account.as_deref());
    object.json("userData", user_data);
    if let Some(extras) = &interaction.extras {
        object.json("extras", extras.get());
    }
    object.text_if_any("queuePath", interaction.queue_path.as_ref().map(QueuePath::as_str));
    if let Some(placement) = &interaction.placement {
        let mut placed = Object::begin(object.member("placement"));
        placed.text("queue", placement.queue.as_str());
        placed.time("sinceMs", placement.since_ms);
        placed.number("number", placement.number);
        placed.end();
    }
    object.text_if_any("delivery", interaction.delivery.as_ref().map(Id::as_str));
    object.time("createdMs", interaction.created_ms);
    if let Some(ended_ms) = interaction.ended_ms {
        object.time("endedMs", ended_ms);
    }
    object.end();
}

#[cfg(test)]
mod tests {
    use super::super::checksum::crc32;
    use super::super::record::read_interaction;
    use super::*;
    use crate::interaction::UserData;
    use crate::lifecycle::{Direction, State};

    /// Fails if a text is not escaped, a time before 1970 loses its sign, or a member is left out.
    #[test]
    fn what_is_written_is_read() {
        let mut interaction = Interaction::blank("x\"y".into(), Direction::Outbound, State::Completed, -7);
        interaction.id = Id::parse("A").unwrap();
        interaction.message = Some("a \"b\"\\\n\u{1}ü😀".into());
        interaction.ended_ms = Some(-8);
        let mut texts = Vec::new();
        for _ in 0..2 {
            let mut text = String::new();
            write_interaction(&mut text, &interaction, interaction.user_data.as_str());
            let read = read_interaction(&text, crc32(text.as_bytes())).unwrap();
            assert_eq!(format!("{read:?}"), format!("{interaction:?}"), "{text}");
            texts.push(text);
            interaction.user_data = UserData::empty().with_text("k", "\\");
        }
        assert_eq!(texts[0].matches(':').count(), 11, "{}", texts[0]);
        assert!(texts[1].ends_with(r#""createdMs":-7,"endedMs":-8}"#), "{}", texts[1]);
    }

    #[test]
    fn arrays_and_objects_have_commas_between_and_nowhere_else() {
        for (values, expected) in
            [(&[][..], "[]"), (&["a"], r#"[{"v":"a"}]"#), (&["a", "b"], r#"[{"v":"a"},{"v":"b"}]"#)]
        {
            let mut out = String::new();
            write_each(&mut out, values.iter().copied(), |out, value| {
                let mut object = Object::begin(out);
                object.text_if_any("none", None);
                object.text("v", value);
                object.end();
            });
            assert_eq!(out, expected);
        }
    }
}
