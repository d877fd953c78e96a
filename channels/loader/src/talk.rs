//! A conversation with a plugin, in types: what crosses to it as a document, and what comes back as one.

use strowger::channel::{ChannelFault, Job, Outcome};

use crate::channel::LoadedChannel;
use crate::http::HttpResponse;
use crate::job;
use crate::raw::{Answer, Conversation};
use crate::step::{OutcomeStep, Step, StepResult};

/// A conversation that was begun. Ends when dropped.
pub(crate) struct Talk<'a> {
    channel: &'a LoadedChannel,
    /// None if the plugin wrote none, as one may that begins with its outcome.
    conversation: Option<Conversation<'a>>,
}

impl<'a> Talk<'a> {
    /// Begins a conversation about `job`; gives its first step as well.
    pub(crate) fn begin(channel: &'a LoadedChannel, job: &Job<'_>) -> Result<(Self, Step), ChannelFault> {
        channel.alive()?;
        let job_json = job::document(job)
            .map_err(|error| ChannelFault::new(format!("the job can't be written as JSON: {error}")))?;
        let (answer, conversation) = channel.instance().begin(&job_json);
        let step = step(channel, "begin", answer)?;
        Ok((Self { channel, conversation }, step))
    }

    /// Hands the result of the last step back, with the body that belongs to it; gives the next step.
    pub(crate) fn resume(&mut self, result_json: &[u8], body: &[u8]) -> Result<Step, ChannelFault> {
        match &mut self.conversation {
            Some(conversation) => step(self.channel, "resume", conversation.resume(result_json, body)),
            None => Err(self.goes_on_without()),
        }
    }

    /// Refuses to do a step for a plugin that could not be told what came of it.
    pub(crate) fn goes_on(&self) -> Result<(), ChannelFault> {
        if self.conversation.is_some() { Ok(()) } else { Err(self.goes_on_without()) }
    }

    fn goes_on_without(&self) -> ChannelFault {
        self.channel.fault("wrote no conversation in `begin`, though it goes on")
    }
}

fn step(channel: &LoadedChannel, function: &str, answer: Answer) -> Result<Step, ChannelFault> {
    let document = channel.document(function, answer)?;
    Step::parse(&document).map_err(|problem| channel.fault(format!("emitted in `{function}`: {problem}")))
}

/// A conversation taken by hand, for measuring what its calls cost by themselves: nothing is done of what the
/// plugin asks for. Hosts deliver through [`strowger::channel::Channel::converse`].
#[doc(hidden)]
pub struct MeasuredTalk<'a>(Talk<'a>);

/// What a [`MeasuredTalk`]'s plugin asks for.
#[doc(hidden)]
#[derive(Debug)]
pub struct MeasuredStep(Step);

impl<'a> MeasuredTalk<'a> {
    /// Begins a conversation.
    pub fn begin(channel: &'a LoadedChannel, job: &Job<'_>) -> Result<(Self, MeasuredStep), ChannelFault> {
        Talk::begin(channel, job).map(|(talk, step)| (Self(talk), MeasuredStep(step)))
    }

    /// Answers the request that was asked for.
    pub fn answer(&mut self, response: &HttpResponse) -> Result<MeasuredStep, ChannelFault> {
        let HttpResponse { status, headers, body } = response;
        let result = StepResult::Response { status: *status, headers };
        let json = result.to_json().map_err(|error| ChannelFault::new(error.to_string()))?;
        self.0.resume(&json, body).map(MeasuredStep)
    }
}

impl MeasuredStep {
    /// Whether it is the request that publishes.
    pub fn is_marked(&self) -> bool {
        matches!(&self.0, Step::Request(request) if request.marked)
    }

    /// Whether the conversation is over, and the message published.
    pub fn is_published(&self) -> bool {
        matches!(&self.0, Step::Outcome(OutcomeStep { outcome: Outcome::Published { .. }, .. }))
    }
}
