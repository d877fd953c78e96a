//! What is asked of X to send a direct message.

use serde_json::{Map, Value, json};
use strowger_channel::{Job, Outcome, text_of};

use crate::check::{self, Attachment, Extras};
use crate::publish::is_id;

/// A direct message as it is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DirectMessage {
    /// The text.
    pub(crate) text: String,
    /// Who gets it: X's id of a user.
    pub(crate) participant: String,
    /// A picture, a GIF or a video: one at most.
    pub(crate) attachments: Vec<Attachment>,
}

/// Whether user data is that of a direct message.
pub(crate) fn is_direct(user_data: &Map<String, Value>) -> bool {
    text_of(user_data, "_twitterMsgType").is_some_and(|kind| kind.eq_ignore_ascii_case("DirectMessage"))
}

/// Whether a job is to reach one person alone: it says so, or it answers what was written in private. The draft
/// of an answer says `status` whatever it answers, so what the parent was decides; else a private matter would
/// be answered in public.
pub(crate) fn is_private(job: &Job, extras: &Extras) -> bool {
    extras.to.is_some()
        || is_direct(&job.user_data)
        || job.parent.as_ref().is_some_and(|parent| is_direct(&parent.user_data))
}

impl DirectMessage {
    /// What a job asks for. Who gets it: `to` of the extras, else `_twitterToUserId` of the user data, else
    /// the author of what is answered.
    pub(crate) fn read(job: &Job, extras: Extras) -> Result<Self, Outcome> {
        if job.message.trim().is_empty() {
            return Err(Outcome::rejected("empty", "a direct message must have a text"));
        }
        check::direct_message(&job.message, &extras)
            .map_err(|refusal| Outcome::rejected("extras", refusal.message))?;
        let author =
            || job.parent.as_ref().and_then(|parent| text_of(&parent.user_data, "_twitterFromUserId"));
        let participant = extras.to.or_else(|| text_of(&job.user_data, "_twitterToUserId")).or_else(author);
        match participant {
            Some(participant) if is_id(&participant) => {
                Ok(Self { text: job.message.clone(), participant, attachments: extras.attachments })
            }
            Some(_) => Err(Outcome::rejected(
                "no-target",
                "who gets the direct message is not given as X's id of a user (1 to 19 digits)",
            )),
            None => Err(Outcome::rejected(
                "no-target",
                "the direct message does not say who gets it: give X's id of the user as `to`, or as \
                 `_twitterToUserId` in the user data",
            )),
        }
    }

    /// Where it is sent to.
    pub(crate) fn path(&self) -> String {
        format!("/2/dm_conversations/with/{}/messages", self.participant)
    }

    /// The body of the request. Unknown keys are an error there, so only what is set is named.
    pub(crate) fn body(&self, media_ids: &[String]) -> Value {
        let mut body = json!({ "text": self.text });
        if !media_ids.is_empty() {
            body["attachments"] = media_ids.iter().map(|id| json!({ "media_id": id })).collect();
        }
        body
    }
}
