//! How pictures, GIFs and videos get to X before they are published: begun, sent in pieces, ended, waited for,
//! described.
//!
//! ```text
//! examining (each file, fetched if need be) ──▶ initialize ──▶ append … ──▶ finalize ──▶ (wait ──▶ status) … ──▶ metadata ──▶ the next
//! ```
//!
//! Nothing here publishes, so no request is marked, and a failure leaves nothing in doubt. What was uploaded for
//! a message that is not published in the end is forgotten by X after a day.

use serde_json::{Value, json};
use strowger_channel::answer::{self, Answer};
use strowger_channel::{
    Body, Exchange, FileFacts, FileMember, Outcome, Part, Report, Request, Step, StepResult,
};

use crate::check::{Attachment, MAX_ATTACHMENTS, Source};
use crate::config::MediaEncoding;
use crate::publish::is_id;
use crate::{Twitter, classify};

/// How long a piece is, in bytes: X takes up to 5 MB, a proxy often less.
const PIECE: u64 = 2 << 20;
/// How often a piece that did not get through is sent again.
const REPEATS: u32 = 2;
/// How long to wait before that, in milliseconds.
const REPEAT_AFTER_MS: u64 = 1_000;
/// How often X is asked whether it is done, before the message is left for later.
const LOOKS: u32 = 100;

/// What a file is to X.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Picture,
    Gif,
    Video,
}

impl Kind {
    fn of(content_type: &str) -> Option<Self> {
        match content_type {
            "image/jpeg" | "image/png" | "image/webp" | "image/bmp" | "image/tiff" => Some(Self::Picture),
            "image/gif" => Some(Self::Gif),
            "video/mp4" | "video/quicktime" | "video/webm" => Some(Self::Video),
            _ => None,
        }
    }

    fn max_bytes(self) -> u64 {
        match self {
            Self::Picture => 5 << 20,
            Self::Gif => 15 << 20,
            Self::Video => 512 << 20,
        }
    }

    fn category(self, private: bool) -> &'static str {
        match (self, private) {
            (Self::Picture, false) => "tweet_image",
            (Self::Picture, true) => "dm_image",
            (Self::Gif, false) => "tweet_gif",
            (Self::Gif, true) => "dm_gif",
            (Self::Video, false) => "tweet_video",
            (Self::Video, true) => "dm_video",
        }
    }
}

/// A file that is to be uploaded.
#[derive(Clone, Debug)]
struct Item {
    /// For the agent.
    named: String,
    source: Source,
    alt_text: Option<String>,
    /// Known once it was examined.
    facts: Option<(Kind, String, u64)>,
    /// Its place among the attachments.
    place: usize,
}

/// What was asked for last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Facts,
    Initialize,
    Append { offset: u64, repeats: u32 },
    Repeat { offset: u64, repeats: u32 },
    Finalize,
    Patience,
    Status,
    Metadata,
}

/// The upload of a message's attachments.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    items: Vec<Item>,
    /// X's ids, in the order of the attachments; empty until it is known.
    media_ids: Vec<String>,
    private: bool,
    /// The item under way.
    at: usize,
    asked: Asked,
    looks: u32,
}

/// Where an upload stands.
pub(crate) enum Progress {
    /// There is something to do.
    Step(Step),
    /// All is uploaded: X's ids, in the order of the attachments.
    Ready(Vec<String>),
}

impl Upload {
    /// The upload of what is attached; `private` for a direct message.
    pub(crate) fn new(attachments: &[Attachment], private: bool) -> Self {
        let mut media_ids = Vec::new();
        let mut items = Vec::new();
        for (place, attachment) in attachments.iter().enumerate() {
            match attachment {
                Attachment::Uploaded(id) => media_ids.push(id.clone()),
                Attachment::New { source, alt_text } => {
                    media_ids.push(String::new());
                    let (Source::File(named) | Source::Url(named)) = source;
                    let (named, source, alt_text) = (named.clone(), source.clone(), alt_text.clone());
                    items.push(Item { named, source, alt_text, facts: None, place });
                }
            }
        }
        Self { items, media_ids, private, at: 0, asked: Asked::Facts, looks: 0 }
    }

    pub(crate) fn begin(&mut self) -> Progress {
        match self.items.get(self.at) {
            Some(item) => Progress::Step(examine(item)),
            None => Progress::Ready(self.media_ids.clone()),
        }
    }

    pub(crate) fn resume(&mut self, plugin: &Twitter, place: usize, result: StepResult) -> Progress {
        let account = &plugin.config.accounts[place];
        match (self.asked, result) {
            (Asked::Facts, StepResult::File(facts)) => self.examined(plugin, place, facts),
            (Asked::Repeat { offset, repeats }, StepResult::Waited) => {
                self.append(plugin, place, offset, repeats)
            }
            (Asked::Patience, StepResult::Waited) => self.status(plugin, place),
            (Asked::Append { offset, repeats }, StepResult::Exchange(exchange)) => {
                self.appended(plugin, place, &exchange, offset, repeats)
            }
            (asked, StepResult::Exchange(exchange)) => match answer::read(&exchange) {
                Answer::Success(body) => self.succeeded(plugin, place, asked, &body["data"]),
                // Of a description nothing but the status is of interest.
                _ if asked == Asked::Metadata && is_success(&exchange) => self.described(plugin, place),
                failure => over(
                    Report::from(classify::unpublished(failure, account, &plugin.host))
                        .with_throttle(classify::throttle(&exchange, &plugin.host)),
                ),
            },
            _ => refused("upload", "a result came that was not asked for".to_owned()),
        }
    }

    fn examined(&mut self, plugin: &Twitter, place: usize, facts: FileFacts) -> Progress {
        let item = &mut self.items[self.at];
        let FileFacts { size, content_type, file } = facts;
        if let Some(file) = file {
            item.source = Source::File(file);
        }
        let kind = content_type.as_deref().and_then(Kind::of);
        let (Some(kind), Some(content_type)) = (kind, content_type) else {
            return refused(
                "attachment",
                format!("`{}` is no picture, GIF or video that X takes", item.named),
            );
        };
        if size == 0 || size > kind.max_bytes() {
            let most = kind.max_bytes() >> 20;
            return refused(
                "attachment",
                format!("`{}` has {size} bytes: X takes up to {most} MB", item.named),
            );
        }
        if kind == Kind::Video && item.alt_text.is_some() {
            let file = &item.named;
            return refused(
                "attachment",
                format!("`{file}` is a video: X describes pictures and GIFs alone"),
            );
        }
        item.facts = Some((kind, content_type, size));
        self.at += 1;
        if let Some(item) = self.items.get(self.at) {
            return Progress::Step(examine(item));
        }
        let alone = self
            .items
            .iter()
            .any(|item| item.facts.as_ref().is_some_and(|(kind, ..)| *kind != Kind::Picture));
        if alone && self.media_ids.len() > 1 {
            let message = format!("X takes up to {MAX_ATTACHMENTS} pictures, or one GIF or video alone");
            return refused("attachment", message);
        }
        self.at = 0;
        self.initialize(plugin, place)
    }

    fn initialize(&mut self, plugin: &Twitter, place: usize) -> Progress {
        let Some(Item { facts: Some((kind, content_type, size)), .. }) = self.items.get(self.at) else {
            return Progress::Ready(self.media_ids.clone());
        };
        self.asked = Asked::Initialize;
        let body = json!({ "media_type": content_type, "total_bytes": size,
                           "media_category": kind.category(self.private) });
        let request = Request::post(plugin.config.base_url.join("/2/media/upload/initialize")).json(body);
        step(plugin, place, request)
    }

    fn append(&mut self, plugin: &Twitter, place: usize, offset: u64, repeats: u32) -> Progress {
        self.asked = Asked::Append { offset, repeats };
        let item = &self.items[self.at];
        let length = PIECE.min(size_of(item).saturating_sub(offset));
        let segment = offset / PIECE;
        let path = format!("/2/media/upload/{}/append", self.media_ids[item.place]);
        let mut request = Request::post(plugin.config.base_url.join(&path));
        let (Source::File(file) | Source::Url(file)) = item.source.clone();
        request.body = match plugin.config.accounts[place].media_encoding {
            MediaEncoding::Multipart => Body::Multipart(vec![
                Part::Text { name: "segment_index".into(), text: segment.to_string().into() },
                Part::File {
                    name: "media".into(),
                    file,
                    offset,
                    length,
                    // What the file is called here is nobody's business there.
                    filename: "media".into(),
                    content_type: "application/octet-stream".into(),
                },
            ]),
            MediaEncoding::Json => Body::JsonWithFiles(
                json!({ "segment_index": segment }),
                vec![FileMember { member: "media".into(), file, offset, length }],
            ),
        };
        step(plugin, place, request)
    }

    fn appended(
        &mut self,
        plugin: &Twitter,
        place: usize,
        exchange: &Exchange,
        offset: u64,
        repeats: u32,
    ) -> Progress {
        if is_success(exchange) {
            let next = offset + PIECE;
            return if next < size_of(&self.items[self.at]) {
                self.append(plugin, place, next, 0)
            } else {
                self.finalize(plugin, place)
            };
        }
        match answer::read(exchange) {
            // The same piece again under the same number is the same upload.
            Answer::NotSent(_) | Answer::Unknown(_) if repeats < REPEATS => {
                self.asked = Asked::Repeat { offset, repeats: repeats + 1 };
                Progress::Step(Step::Wait { ms: REPEAT_AFTER_MS << repeats })
            }
            failure => {
                let outcome = classify::unpublished(failure, &plugin.config.accounts[place], &plugin.host);
                over(Report::from(outcome).with_throttle(classify::throttle(exchange, &plugin.host)))
            }
        }
    }

    fn finalize(&mut self, plugin: &Twitter, place: usize) -> Progress {
        self.asked = Asked::Finalize;
        let path = format!("/2/media/upload/{}/finalize", self.media_ids[self.items[self.at].place]);
        step(plugin, place, Request::post(plugin.config.base_url.join(&path)))
    }

    fn status(&mut self, plugin: &Twitter, place: usize) -> Progress {
        self.asked = Asked::Status;
        let id = &self.media_ids[self.items[self.at].place];
        let address = plugin.config.base_url.join(&format!("/2/media/upload?command=STATUS&media_id={id}"));
        let query = [("command", "STATUS"), ("media_id", id.as_str())];
        Progress::Step(Step::read(plugin.signed(place, Request::get(address), &query)))
    }

    /// X answered with success to anything but a piece.
    fn succeeded(&mut self, plugin: &Twitter, place: usize, asked: Asked, data: &Value) -> Progress {
        match asked {
            Asked::Initialize => match data["id"].as_str().filter(|id| is_id(id)) {
                Some(id) => {
                    let item = self.items[self.at].place;
                    id.clone_into(&mut self.media_ids[item]);
                    self.append(plugin, place, 0, 0)
                }
                None => over(Outcome::not_sent("X began an upload, but did not say its id").into()),
            },
            Asked::Finalize | Asked::Status => self.processed(plugin, place, &data["processing_info"]),
            _ => self.described(plugin, place),
        }
    }

    /// Whether X is done with the file. What is published earlier lacks it.
    fn processed(&mut self, plugin: &Twitter, place: usize, info: &Value) -> Progress {
        match info["state"].as_str() {
            None if info.is_null() => self.describe(plugin, place),
            Some("succeeded") => self.describe(plugin, place),
            Some("pending" | "in_progress") if self.looks < LOOKS => {
                self.looks += 1;
                self.asked = Asked::Patience;
                let seconds = info["check_after_secs"].as_u64().unwrap_or(1).clamp(1, 60);
                Progress::Step(Step::Wait { ms: seconds * 1000 })
            }
            Some("failed") => {
                let account = &plugin.config.accounts[place];
                let error = &info["error"];
                let words = error["message"].as_str().or_else(|| error["name"].as_str());
                let words = words.unwrap_or("X does not say why");
                let file = &self.items[self.at].named;
                refused("media", format!("X can't use `{file}`: {}", classify::blotted(words, account)))
            }
            _ => over(Outcome::not_sent("X did not get done with an attachment").into()),
        }
    }

    fn describe(&mut self, plugin: &Twitter, place: usize) -> Progress {
        let item = &self.items[self.at];
        let Some(alt_text) = &item.alt_text else { return self.described(plugin, place) };
        self.asked = Asked::Metadata;
        let body =
            json!({ "id": self.media_ids[item.place], "metadata": { "alt_text": { "text": alt_text } } });
        step(plugin, place, Request::post(plugin.config.base_url.join("/2/media/metadata")).json(body))
    }

    /// This one is done.
    fn described(&mut self, plugin: &Twitter, place: usize) -> Progress {
        self.at += 1;
        self.looks = 0;
        self.initialize(plugin, place)
    }
}

/// Asks what an item is; one at an address is fetched for it, and is a file from then on.
fn examine(item: &Item) -> Step {
    match &item.source {
        Source::File(file) => Step::StatFile { file: file.clone() },
        Source::Url(url) => Step::FetchFile { url: url.clone(), max_bytes: Kind::Video.max_bytes() },
    }
}

fn size_of(item: &Item) -> u64 {
    item.facts.as_ref().map_or(0, |(_, _, size)| *size)
}

fn is_success(exchange: &Exchange) -> bool {
    matches!(exchange, Exchange::Response(response) if (200..300).contains(&response.status))
}

fn step(plugin: &Twitter, place: usize, request: Request) -> Progress {
    Progress::Step(Step::read(plugin.signed(place, request, &[])))
}

fn refused(code: &str, message: String) -> Progress {
    over(Outcome::rejected(code, message).into())
}

fn over(report: Report) -> Progress {
    Progress::Step(report.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_category_and_its_limit() {
        for (content_type, public, private, megabytes) in [
            ("image/png", "tweet_image", "dm_image", 5),
            ("image/gif", "tweet_gif", "dm_gif", 15),
            ("video/mp4", "tweet_video", "dm_video", 512),
        ] {
            let kind = Kind::of(content_type).unwrap();
            assert_eq!((kind.category(false), kind.category(true)), (public, private));
            assert_eq!(kind.max_bytes(), megabytes << 20);
        }
        assert_eq!(Kind::of("text/html"), None);
    }
}
