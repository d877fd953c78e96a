//! A commit as a line of the journal: its CRC-32 in eight hexadecimal digits, a space, and JSON whose names are for ever.

use std::borrow::Cow;
use std::sync::Arc;

use parking_lot::RwLock;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::checksum::crc32;
use super::overlay::Overlay;
use super::record::{RecordError, read_change};
use super::text::{self, Object};
use crate::interaction::{AgentId, Interaction, InteractionId};
use crate::notify::Note;
use crate::store::{AgentChange, Commit, KeptNote};

/// A commit that waits for its flush.
pub(super) struct Pending {
    pub(super) commit: Commit,
    /// Its line in the journal, if it is of the kind that can stand there.
    pub(super) line: Option<String>,
}

impl Pending {
    /// Writes the commit's line: in the caller's thread, so that who flushes for all has less to do.
    pub(super) fn of(commit: Commit, overlay: &RwLock<Overlay>) -> Self {
        let line = is_of_records(&commit).then(|| {
            let as_before = overlay.read().keeping_user_data(&commit.interactions);
            line(&commit, &as_before)
        });
        Self { commit, line }
    }
}

/// A commit in the journal. Its interactions are written as they come, and read in a second step.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line<'a, I> {
    #[serde(default = "Vec::new")]
    interactions: Vec<I>,
    #[serde(borrow, default)]
    agent: Option<AgentLine<'a>>,
    #[serde(borrow, default)]
    notes: Vec<NoteLine<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AgentLine<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    reference_id: u64,
    /// Empty if the agent looks at nothing from then on.
    #[serde(borrow, default)]
    focus: Option<Cow<'a, str>>,
    #[serde(default)]
    followed_after: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NoteLine<'a> {
    #[serde(borrow)]
    agent: Cow<'a, str>,
    sequence: u64,
    #[serde(borrow)]
    topic: Cow<'a, str>,
    #[serde(borrow)]
    data: Cow<'a, str>,
    /// The place of the interaction whose user data goes on where `data` ends.
    #[serde(default)]
    user_data_of: Option<usize>,
    forgotten: u64,
}

/// Whether a line can hold the commit: it changes nothing else than what stands in one.
fn is_of_records(commit: &Commit) -> bool {
    let Commit {
        interactions,
        deliveries,
        contacts,
        last_agent,
        external,
        reply,
        pauses,
        prune,
        agent: _,
        notes: _,
    } = commit;
    deliveries.is_empty()
        && contacts.is_empty()
        && last_agent.is_none()
        && external.is_none()
        && reply.is_none()
        && pauses.is_empty()
        && prune.is_none()
        && interactions.iter().all(|interaction| interaction.version > 1 && !interaction.has_ended())
}

/// The commit's line, its end included. User data is most of a record, and of a note, and most changes leave it alone:
/// where it is as it was in the version before it is left out, and notes name the interaction that has theirs.
fn line(Commit { interactions, agent, notes, .. }: &Commit, as_before: &[bool]) -> String {
    let changes = || interactions.iter().zip(as_before).map(|(changed, as_before)| (changed, *as_before));
    let length: usize = changes()
        .map(|(changed, as_before)| text::length(changed) + user_data(changed, as_before).len())
        .sum();
    let mut line = String::with_capacity(length + LINE_FRAME);
    line.push_str(NO_CHECKSUM);
    let mut object = Object::begin(&mut line);
    if !interactions.is_empty() {
        text::write_each(object.member("interactions"), changes(), |out, (changed, as_before)| {
            text::write_interaction(out, changed, user_data(changed, as_before));
        });
    }
    if let Some(change) = agent {
        write_agent(object.member("agent"), change);
    }
    if !notes.is_empty() {
        text::write_each(object.member("notes"), notes, |out, kept| write_note(out, kept, interactions));
    }
    object.end();
    let checksum = format!("{:08x}", crc32(&line.as_bytes()[NO_CHECKSUM.len()..]));
    line.replace_range(..checksum.len(), &checksum);
    line.push('\n');
    line
}

/// What stands in a line in the place of its user data.
fn user_data(interaction: &Interaction, as_before: bool) -> &str {
    if as_before { text::AS_BEFORE } else { interaction.user_data.as_str() }
}

/// Room for a checksum, and what comes behind it.
const NO_CHECKSUM: &str = "00000000 ";

/// About what a line has beside its interactions, if nobody is told anything.
const LINE_FRAME: usize = 192;

fn write_agent(out: &mut String, change: &AgentChange) {
    let mut object = Object::begin(out);
    object.text("id", change.id.as_str());
    object.number("referenceId", change.reference_id);
    if let Some(focus) = &change.focus {
        object.text("focus", focus.as_ref().map_or("", |id| id.as_str()));
    }
    if let Some(after) = change.followed_after {
        object.number("followedAfter", after);
    }
    object.end();
}

fn write_note(out: &mut String, kept: &KeptNote, interactions: &[Arc<Interaction>]) {
    let data = &kept.note.data;
    let mut shared = interactions.iter().map(|interaction| data.before_shared(&interaction.user_data));
    let mut object = Object::begin(out);
    object.text("agent", kept.agent.as_str());
    object.number("sequence", kept.note.sequence);
    object.text("topic", &kept.note.topic);
    if let Some((place, Some(before))) = shared.by_ref().enumerate().find(|(_, before)| before.is_some()) {
        object.text("data", before);
        object.number("userDataOf", place as u64);
    } else {
        object.text_of("data", data.parts());
    }
    object.number("forgotten", kept.forgotten);
    object.end();
}

/// A commit that was read, and where it leaves user data out.
pub(super) struct Read {
    pub(super) commit: Commit,
    /// Whether an interaction's is as it was in the version before.
    pub(super) as_before: Vec<bool>,
    /// The place of the interaction that has a note's.
    pub(super) user_data_of: Vec<Option<usize>>,
}

pub(super) fn read_line(line: &str) -> Result<Read, RecordError> {
    let (checksum, json) = line.split_at_checked(NO_CHECKSUM.len()).ok_or(RecordError::Checksum)?;
    let checksum = checksum.strip_suffix(' ').and_then(|digits| u32::from_str_radix(digits, 16).ok());
    if checksum != Some(crc32(json.as_bytes())) {
        return Err(RecordError::Checksum);
    }
    let form: Line<'_, &RawValue> =
        serde_json::from_str(json).map_err(|error| RecordError::Json(error.to_string()))?;
    let id = |id: &str| InteractionId::parse(id).map_err(|_| RecordError::Member("focus"));
    let agent_of = |id: &str| AgentId::parse(id).map_err(|_| RecordError::Member("agent"));
    let change = |record: &&RawValue| {
        read_change(record.get()).map(|(interaction, as_before)| (Arc::new(interaction), as_before))
    };
    let focus = |focus: Cow<'_, str>| if focus.is_empty() { Ok(None) } else { id(&focus).map(Some) };
    let agent = |change: AgentLine<'_>| {
        Ok(AgentChange {
            id: agent_of(&change.id)?,
            reference_id: change.reference_id,
            focus: change.focus.map(focus).transpose()?,
            followed_after: change.followed_after,
        })
    };
    let note = |kept: NoteLine<'_>| {
        let (topic, data) = (kept.topic.into_owned().into(), kept.data.into_owned().into());
        let note = Arc::new(Note { sequence: kept.sequence, topic, data });
        Ok(KeptNote { agent: agent_of(&kept.agent)?, note, forgotten: kept.forgotten })
    };
    let user_data_of = form.notes.iter().map(|note| note.user_data_of).collect();
    let (interactions, as_before) = form.interactions.iter().map(change).collect::<Result<_, _>>()?;
    let commit = Commit {
        interactions,
        agent: form.agent.map(agent).transpose()?,
        notes: form.notes.into_iter().map(note).collect::<Result<_, RecordError>>()?,
        ..Commit::default()
    };
    Ok(Read { commit, as_before, user_data_of })
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;
    use crate::interaction::{Interaction, UserData};
    use crate::notify::NoteText;

    /// The stored form is for ever: this line must be read by every later version.
    const LINE: &str = r#"a3a4e311 {"interactions":[{"format":1,"id":"A","version":3,"number":7,"channel":"twitter","direction":"Inbound","state":"Processing","owner":"a1","userData":{"b":1.50},"createdMs":9}],"agent":{"id":"a1","referenceId":4,"focus":"","followedAfter":2},"notes":[{"agent":"a1","sequence":5,"topic":"/t","data":"{\"ü\":1}","forgotten":3}]}"#;

    #[test]
    fn the_stored_form_stays() {
        let Read { commit, as_before, user_data_of } = read_line(LINE).unwrap();
        assert_eq!(line(&commit, &as_before), format!("{LINE}\n"));
        let change = commit.agent.as_ref().unwrap();
        assert_eq!((change.reference_id, change.focus, change.followed_after), (4, Some(None), Some(2)));
        assert_eq!((commit.interactions[0].version, commit.notes[0].forgotten), (3, 3));
        assert_eq!(commit.interactions[0].user_data.as_str(), r#"{"b":1.50}"#);
        assert_eq!((&*as_before, &*user_data_of), (&[false][..], &[None][..]));

        let Read { mut commit, as_before, user_data_of } = read_line(AS_BEFORE).unwrap();
        assert_eq!((&*as_before, &*user_data_of), (&[true][..], &[Some(0)][..]));
        // Who reads a journal puts both in their places.
        let user_data = UserData::empty().with_text("k", "v");
        Arc::make_mut(&mut commit.interactions[0]).user_data = user_data.clone();
        let data = NoteText::new(r#"{"r":{"userData":"#.into(), user_data.text_shared().cloned());
        let note = Note { data, ..Note::clone(&commit.notes[0].note) };
        commit.notes[0].note = note.into();
        assert_eq!(line(&commit, &as_before), format!("{AS_BEFORE}\n"));
    }

    const AS_BEFORE: &str = r#"62c86bc1 {"interactions":[{"format":1,"id":"A","version":3,"number":7,"channel":"twitter","direction":"Inbound","state":"Processing","userData":null,"createdMs":9}],"notes":[{"agent":"a1","sequence":5,"topic":"/t","data":"{\"r\":{\"userData\":","userDataOf":0,"forgotten":3}]}"#;

    /// Fails if anything but the line's end may change without its checksum.
    #[test]
    fn a_changed_byte_is_noticed_wherever_it_is() {
        for at in 0..LINE.len() {
            let mut bytes = LINE.as_bytes().to_vec();
            bytes[at] ^= 1;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            assert_eq!(read_line(&text).err().unwrap(), RecordError::Checksum, "byte {at}");
        }
    }

    /// Each of these is found by what changes, or changes what is counted: the journal has no place for it.
    #[test]
    fn what_is_more_than_a_change_of_records_has_no_line() {
        let has_line = |commit| Pending::of(commit, &RwLock::default()).line.is_some();
        let commit = read_line(LINE).unwrap().commit;
        assert!(has_line(commit.clone()));
        let mut new = Interaction::clone(&commit.interactions[0]);
        new.version = 1;
        assert!(!has_line(Commit { interactions: smallvec![Arc::new(new.clone())], ..commit.clone() }));
        (new.version, new.state) = (4, crate::lifecycle::State::Completed);
        assert!(!has_line(Commit { interactions: smallvec![Arc::new(new)], ..commit.clone() }));
        let prune = crate::store::Prune { now_ms: 0, ended_before_ms: None, keep: None, max: 0 };
        assert!(!has_line(Commit { prune: Some(prune), ..commit }));
    }
}
