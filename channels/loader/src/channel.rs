//! An instance of a plugin as the engine sees it: a [`Channel`].

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use strowger::channel::{
    Channel, ChannelFault, CheckError, Job, Manifest, Outgoing, PointOfNoReturn, Report, WebhookAnswer,
    WebhookRequest,
};
use strowger_channel_abi::{
    STROWGER_CHANNEL_BAD_DOCUMENT, STROWGER_CHANNEL_BROKEN, STROWGER_CHANNEL_DONE, STROWGER_CHANNEL_FAILED,
    STROWGER_CHANNEL_PANICKED, STROWGER_CHANNEL_REFUSED,
};

use crate::driver::Driver;
use crate::raw::{Answer, Descriptor, Instance};

/// The codes of the agents' replies that a refusal may carry: invalid, out of range (wire.md).
const REFUSAL_CODES: [u8; 2] = [2, 10];

/// A channel whose code is a plugin. Made by [`Plugin::load`](crate::Plugin::load).
///
/// An instance that panicked is not called again: from then on every call fails with a [`ChannelFault`],
/// and the log said so once.
pub struct LoadedChannel {
    name: String,
    version: String,
    origin: String,
    abi_minor: u16,
    instance: Instance,
    manifests: Vec<Manifest>,
    driver: Driver,
    faults: AtomicU64,
}

impl std::fmt::Debug for LoadedChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadedChannel")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("broken", &self.is_broken())
            .finish_non_exhaustive()
    }
}

impl LoadedChannel {
    pub(crate) fn new(
        descriptor: &Descriptor,
        instance: Instance,
        manifests: Vec<Manifest>,
        driver: Driver,
    ) -> Self {
        let Descriptor { name, version, origin, abi_minor, .. } = descriptor.clone();
        tracing::info!(plugin = name, version, origin, abi_minor, "a channel plugin is ready");
        Self { name, version, origin, abi_minor, instance, manifests, driver, faults: AtomicU64::new(0) }
    }

    /// The plugin's name, as `twitter`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The plugin's own version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Who made it, in its own words.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The minor version of the ABI that it was built for.
    pub fn abi_minor(&self) -> u16 {
        self.abi_minor
    }

    /// How often the plugin broke its contract: for a host's monitoring. Failures that the plugin itself
    /// reports count, refusals don't.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// Whether the instance panicked and is not called any more.
    pub fn is_broken(&self) -> bool {
        self.instance.is_broken()
    }

    pub(crate) fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Counts a fault and writes it to the log.
    pub(crate) fn fault(&self, message: impl Into<String>) -> ChannelFault {
        self.faults.fetch_add(1, Ordering::Relaxed);
        let message = format!("the plugin `{}` {}", self.name, message.into());
        let message = self.driver.blotter.scrub(&message);
        tracing::warn!(plugin = self.name, "{message}");
        ChannelFault::new(message)
    }

    /// Refuses a call on an instance that broke.
    pub(crate) fn alive(&self) -> Result<(), ChannelFault> {
        if self.is_broken() {
            // Not a new fault: the log said so when it happened.
            return Err(ChannelFault::new(format!(
                "the plugin `{}` panicked earlier and is not called any more: restart the host to load it anew",
                self.name
            )));
        }
        Ok(())
    }

    /// Reads how a call ended: its document if it is done or refused, a fault otherwise.
    pub(crate) fn judge(&self, function: &str, answer: Answer) -> Result<Judged, ChannelFault> {
        if answer.ignored > 0 {
            let _ = self.fault(format!(
                "emitted {} documents in one call of `{function}`; the first one counts",
                answer.ignored + 1
            ));
        }
        match answer.status {
            STROWGER_CHANNEL_PANICKED | STROWGER_CHANNEL_BROKEN => {
                if self.instance.give_up() {
                    self.faults.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(
                        plugin = self.name,
                        "the plugin returned {} from `{function}`; it is not called any more",
                        status_words(answer.status)
                    );
                }
                Err(ChannelFault::new(format!("the plugin `{}` panicked in `{function}`", self.name)))
            }
            STROWGER_CHANNEL_DONE | STROWGER_CHANNEL_REFUSED => {
                if let Some(problem) = answer.unfit {
                    return Err(self.fault(format!("{problem} in `{function}`")));
                }
                Ok(Judged { refused: answer.status == STROWGER_CHANNEL_REFUSED, document: answer.document })
            }
            status => {
                let mut message = format!("returned {} from `{function}`", status_words(status));
                if let Some(more) = emitted_message(&answer) {
                    message = format!("{message}: {more}");
                }
                Err(self.fault(message))
            }
        }
    }

    /// As [`LoadedChannel::judge`], for calls that have a document to give and nothing to refuse.
    pub(crate) fn document(&self, function: &str, answer: Answer) -> Result<String, ChannelFault> {
        match self.judge(function, answer)? {
            Judged { refused: false, document: Some(document) } => Ok(document),
            Judged { refused: false, document: None } => {
                Err(self.fault(format!("emitted nothing in `{function}`")))
            }
            Judged { refused: true, document } => {
                let reason = document.and_then(|document| message_of(&document));
                let reason = reason.unwrap_or_else(|| "it gives no reason".into());
                Err(self.fault(format!("refused in `{function}`: {reason}")))
            }
        }
    }
}

/// A call that ended well, or with a refusal.
pub(crate) struct Judged {
    refused: bool,
    document: Option<String>,
}

impl Channel for LoadedChannel {
    fn manifests(&self) -> Vec<Manifest> {
        self.manifests.clone()
    }

    fn check(&self, message: &Outgoing<'_>) -> Result<(), CheckError> {
        #[derive(Deserialize)]
        struct Refusal {
            code: u8,
            message: String,
        }
        self.alive()?;
        let Outgoing { channel, account, text, extras_json } = *message;
        let judged = self.judge("check", self.instance.check(channel, account, text, extras_json))?;
        if !judged.refused {
            if judged.document.is_some() {
                let _ = self.fault("emitted a document in `check`, though it accepted the message");
            }
            return Ok(());
        }
        let Some(document) = judged.document else {
            return Err(self.fault("refused a message in `check` without a reason").into());
        };
        match serde_json::from_str(&document) {
            Ok(Refusal { code, message }) if REFUSAL_CODES.contains(&code) => {
                Err(CheckError::Refused { code, message })
            }
            Ok(Refusal { code, .. }) => Err(self
                .fault(format!("refused a message with the code {code}, which is not 2 or 10"))
                .into()),
            Err(_) => Err(self.fault("refused a message with a document that is not {code, message}").into()),
        }
    }

    fn converse(&self, job: &Job<'_>, point: &mut dyn PointOfNoReturn) -> Report {
        self.driver.converse(self, job, point)
    }

    fn ingest(&self, request: &WebhookRequest, body: &[u8]) -> Result<WebhookAnswer, ChannelFault> {
        self.alive()?;
        let request = serde_json::to_string(request)
            .map_err(|error| ChannelFault::new(format!("the webhook request is no JSON: {error}")))?;
        let Some(answer) = self.instance.ingest(&request, body) else {
            return Err(ChannelFault::new(format!("the plugin `{}` takes no webhooks", self.name)));
        };
        let document = self.document("ingest", answer)?;
        serde_json::from_str(&document)
            .map_err(|_| self.fault("emitted in `ingest` what is not {answer, inbound}"))
    }
}

/// A status for people.
pub(crate) fn status_words(status: i32) -> String {
    let words = match status {
        STROWGER_CHANNEL_DONE => "done",
        STROWGER_CHANNEL_REFUSED => "refused",
        STROWGER_CHANNEL_FAILED => "internal failure",
        STROWGER_CHANNEL_BAD_DOCUMENT => "bad document",
        STROWGER_CHANNEL_PANICKED => "panicked",
        STROWGER_CHANNEL_BROKEN => "broken by an earlier panic",
        _ => "unknown status, taken for an internal failure",
    };
    format!("{status} ({words})")
}

/// The `message` of an emitted document, if there is one.
pub(crate) fn emitted_message(answer: &Answer) -> Option<String> {
    message_of(answer.document.as_deref()?)
}

fn message_of(document: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    serde_json::from_str(document).ok().map(|Message { message }| message)
}
