//! What a customer wrote, as a host hands it in.

use crate::interaction::{InteractionId, UserData};
use crate::json::Members;
use crate::operation::{Parameters, QueuePath, Refusal, StatusCode};

/// A new inbound interaction.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// Its name, if the host names its interactions itself.
    pub id: Option<InteractionId>,
    /// Who wrote it.
    pub from: String,
    /// The text.
    pub message: String,
    /// When it was written, as clients are to see it; else the present time.
    pub received_date: Option<String>,
    /// The queue that it is to wait in.
    pub queue_path: QueuePath,
    /// What the host knows of it.
    pub user_data: UserData,
    /// The contact who wrote it; else the one that `from` belongs to.
    pub contact_id: Option<String>,
    /// The platform's id: the same one handed in again makes no second interaction.
    pub external_id: Option<String>,
    /// The account that it came to, where the user data does not tell.
    pub account: Option<String>,
}

impl Inbound {
    /// Reads `{"id"?, "from", "message", "receivedDate"?, "queuePath", "userData"?, "contactId"?,
    /// "externalId"?, "account"?}`. Other members are ignored.
    pub fn parse(json: &str) -> Result<Self, Refusal> {
        let invalid = |problem: String| Refusal::new(StatusCode::Invalid, problem);
        if !crate::json::is_shallow(json.as_bytes()) {
            return Err(invalid("the inbound document nests too deeply".into()));
        }
        let members = Members::parse(json)
            .map_err(|error| invalid(format!("the inbound document must be a JSON object: {error}")))?;
        let parameters = Parameters::new(&members);
        let text = |name| Ok::<_, Refusal>(parameters.string(name)?.map(std::borrow::Cow::into_owned));
        let id = text("id")?
            .map(|id| {
                InteractionId::parse(&id)
                    .map_err(|error| Refusal::invalid("id", format_args!("is no id: {error}")))
            })
            .transpose()?;
        Ok(Self {
            id,
            from: parameters.required_string("from", "who wrote it")?.into_owned(),
            message: parameters.required_string("message", "the text")?.into_owned(),
            received_date: text("receivedDate")?,
            queue_path: parameters.required_queue_path("queuePath")?,
            user_data: parameters
                .user_data("userData")?
                .map_or_else(UserData::empty, |additions| UserData::empty().merged(&additions)),
            contact_id: text("contactId")?,
            external_id: text("externalId")?,
            account: text("account")?,
        })
    }
}
