//! OneAll as the transport of another channel's account: a whole conversation, for the channel to embed.
//!
//! The channel makes a [`Push`] of its job, or an outcome that refuses it, and hands every further result to
//! [`Access::resume`]. OneAll carries new posts, pictures and videos. It carries no replies, comments, direct
//! messages, deletions or operations: [`refuse_answers`] is for the channel to call first.

use serde_json::{Value, json};
use strowger_channel::{Host, Job, Outcome, Step, StepResult, Work};

use crate::access::Access;
use crate::classify;
use crate::push::Push;
use crate::reconcile::Look;

/// Where a conversation over OneAll stands.
#[derive(Debug)]
pub enum Conversation {
    /// The push is under way.
    Pushing(Box<Push>, Value),
    /// A list of the Pull API is being read.
    Looking(Box<Look>),
    /// It is over.
    Ended,
}

impl Access {
    /// Begins what a job asks for. `push` is what the channel made of it.
    pub fn begin(
        &self,
        job: &Job,
        push: Result<Push, Outcome>,
        settle_ms: u64,
        host: &Host,
    ) -> (Conversation, Step) {
        let ended = |outcome: Outcome| (Conversation::Ended, outcome.into());
        match (&job.work, push) {
            (Work::Publish, Ok(push)) => {
                let step = Step::marked(self.push(&push));
                let handle = json!({ "endpoint": push.endpoint().path, "startedMs": job.attempt.started_ms });
                (Conversation::Pushing(Box::new(push), handle), step)
            }
            (Work::Publish, Err(outcome)) => ended(outcome),
            (Work::Operation(call), _) => ended(Outcome::rejected(
                "unsupported",
                format!("OneAll carries no `{}`: this account publishes over OneAll's Push API", call.name),
            )),
            (Work::Poll { handle }, Ok(push)) if push.endpoint().pull.is_some() => {
                self.look(Look::poll(job, push, handle.clone(), host.now_ms()))
            }
            // OneAll tells its callback alone: nobody can be asked, so the question stays open.
            (Work::Poll { handle }, _) => ended(Outcome::Accepted { handle: handle.clone() }),
            (Work::Reconcile { operation: Some(_), .. }, _) => {
                ended(Outcome::cannot_tell("OneAll carries no operations"))
            }
            (Work::Reconcile { known, operation: None }, Ok(push))
                if push.endpoint().pull.is_some() && push.text().is_some() =>
            {
                self.look(Look::reconcile(job, push, known.clone(), settle_ms, host.now_ms()))
            }
            (Work::Reconcile { .. }, Ok(push)) => ended(Outcome::cannot_tell(format!(
                "OneAll has no list in which a push to `{}` could be found again",
                push.endpoint().path
            ))),
            (Work::Reconcile { .. }, Err(_)) => {
                ended(Outcome::cannot_tell("the message is not one that this channel would send"))
            }
        }
    }

    /// Goes on with the result of the last step.
    pub fn resume(&self, conversation: &mut Conversation, result: StepResult, host: &Host) -> Step {
        match (&mut *conversation, result) {
            (Conversation::Pushing(push, handle), StepResult::Exchange(exchange)) => {
                let report = classify::pushed(&exchange, push, handle.take(), self, host);
                *conversation = Conversation::Ended;
                report.into()
            }
            (Conversation::Looking(look), result) => look.resume(self, result),
            // The host hands back only what was asked for; nothing was asked for here.
            (Conversation::Pushing(..) | Conversation::Ended, _) => {
                Outcome::unknown("a result came that was not asked for").into()
            }
        }
    }

    fn look(&self, mut look: Look) -> (Conversation, Step) {
        let step = look.begin(self);
        (Conversation::Looking(Box::new(look)), step)
    }
}

/// Refuses a job that answers something: OneAll would make a new post of it.
pub fn refuse_answers(job: &Job) -> Result<(), Outcome> {
    let answers = job.parent.is_some() || job.extras.get("inReplyTo").is_some_and(|target| !target.is_null());
    if answers {
        return Err(Outcome::rejected(
            "unsupported",
            "OneAll carries no replies, comments or direct messages: answer with an account that reaches the \
             platform itself",
        ));
    }
    Ok(())
}
