//! Posts carried by OneAll instead of X's own API: `"transport": {"kind": "oneall", "base_url", "public_key",
//! "private_key", "identity_token"}` of an account, in place of `auth`.
//!
//! OneAll carries new posts with up to four ids of uploaded media and a `location`, which is here the name of a
//! place. It carries no replies, no quotes, no direct messages and no operations: those are refused before
//! anything is sent.

use serde_json::{Map, Value, json};
use strowger_channel::config::{self, ConfigError};
use strowger_channel::{Host, Job, Outcome, Refusal, Step, StepResult, text_of};
use strowger_oneall::endpoints::Resource;
use strowger_oneall::transport::{Conversation, refuse_answers};
use strowger_oneall::{Access, Push};

use crate::config::Account;

/// How OneAll carries an account's posts.
#[derive(Clone, Debug)]
pub struct Transport {
    access: Access,
}

impl Transport {
    /// Reads the member `transport`, which stands at `path`.
    pub(crate) fn read(mut part: Value, path: &str, allow_plain_http: bool) -> Result<Self, ConfigError> {
        if config::take_kind(&mut part, path)? != "oneall" {
            return Err(ConfigError::new(format!("{path}.kind"), "must be `oneall`"));
        }
        Ok(Self { access: Access::read(part, path, allow_plain_http)? })
    }

    /// Begins a job.
    pub(crate) fn begin(&self, job: &Job, account: &Account, host: &Host) -> (Conversation, Step) {
        let push = refuse_more_than_posts(job).and_then(|()| {
            push(&job.message, &job.extras).map_err(|refusal| Outcome::rejected("extras", refusal.message))
        });
        self.access.begin(job, push, account.settle_ms, host)
    }
}

/// The push of a text with these extras.
pub(crate) fn push(text: &str, extras: &Map<String, Value>) -> Result<Push, Refusal> {
    let given = |name: &str| extras.get(name).filter(|value| !value.is_null());
    if given("link").is_some() {
        return Err(Refusal::invalid("X has no `link`: write the address into the text"));
    }
    if given("inReplyTo").is_some() {
        return Err(Refusal::invalid("OneAll carries no replies: `inReplyTo` is not supported"));
    }
    if given("upload_only").is_some_and(|flag| *flag != Value::Bool(false)) {
        return Err(Refusal::invalid(
            "media are not uploaded over OneAll's transport: `upload_only` is not supported",
        ));
    }
    let attachments = given("attachments").filter(|list| list.as_array().is_none_or(|list| !list.is_empty()));
    let fields = [
        ("message", json!(text)),
        ("location", given("location").cloned().unwrap_or_default()),
        ("attachments", attachments.cloned().unwrap_or_default()),
    ];
    Push::new(Resource::TwitterPost, None, fields)
}

/// Goes on with the result of the last step.
pub(crate) fn resume(
    account: &Account,
    conversation: &mut Conversation,
    result: StepResult,
    host: &Host,
) -> Step {
    match &account.transport {
        Some(transport) => transport.access.resume(conversation, result, host),
        None => Outcome::unknown("a result came that was not asked for").into(),
    }
}

/// Refuses what would become a new post though it is none.
fn refuse_more_than_posts(job: &Job) -> Result<(), Outcome> {
    refuse_answers(job)?;
    let is_status =
        text_of(&job.user_data, "_twitterMsgType").is_none_or(|kind| kind.eq_ignore_ascii_case("status"));
    let answers = text_of(&job.user_data, "_twitterInReplyToStatusId").is_some()
        || text_of(&job.user_data, "_twitterIsRetweet").is_some_and(|value| value == "true");
    if !is_status || answers {
        return Err(Outcome::rejected(
            "unsupported",
            "OneAll carries new posts only: no replies, no retweets and no direct messages",
        ));
    }
    Ok(())
}
