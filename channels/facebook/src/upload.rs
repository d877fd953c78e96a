//! How pictures and videos get to Facebook: files examined, pictures uploaded unpublished, then the post.
//!
//! ```text
//! examining (each file) ──▶ uploading (each picture) ──▶ ready: the request that publishes
//! ```
//!
//! Uploading publishes nothing, so it is not the point of no return, a failure leaves nothing in doubt, and every
//! attempt begins it anew. What was uploaded for a post that is not published in the end stays unpublished: nobody
//! sees it. A video that is a file goes up within the request that publishes it.

use strowger_channel::{Exchange, FileFacts, Outcome, Report, Request, Step, StepResult};

use crate::check::{Attachment, Source};
use crate::publish::{self, Post};
use crate::{Facebook, classify};

/// How long a picture may be, in bytes.
const MAX_PICTURE: u64 = 10 << 20;
/// How long a video that is a file may be, in bytes: it goes up in one request, and hosts bound the body of one.
const MAX_VIDEO: u64 = 60 << 20;

/// The pictures that Facebook takes.
///
/// Source: Meta's Graph API reference, "Page Photos".
const PICTURES: [&str; 5] = ["image/bmp", "image/gif", "image/jpeg", "image/png", "image/tiff"];
/// The videos that Facebook takes, of those whose first bytes are known.
///
/// Source: Meta's Graph API reference, "Page Videos".
const VIDEOS: [&str; 2] = ["video/mp4", "video/quicktime"];

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// How long it is, in bytes.
    pub(crate) size: u64,
    /// Its media type.
    pub(crate) content_type: String,
}

/// A post whose pictures are being uploaded.
#[derive(Clone, Debug)]
pub struct Upload {
    post: Post,
    /// What is sent along, in order: the pictures, or the video.
    items: Vec<Item>,
    /// The ids of the pictures that are there.
    media_ids: Vec<String>,
    /// How many items were examined.
    examined: usize,
}

#[derive(Clone, Debug)]
struct Item {
    attachment: Attachment,
    facts: Option<Facts>,
}

/// Where an upload stands.
pub(crate) enum Progress {
    /// There is something to do.
    Step(Step),
    /// All is there: the request that publishes, and what it publishes.
    Ready(Box<Post>, Request),
}

impl Upload {
    /// The upload of what a post carries.
    pub(crate) fn new(post: Post) -> Self {
        let film = post
            .extras
            .video
            .iter()
            .map(|video| Attachment::New { source: video.source.clone(), alt_text: None });
        let items = post.extras.attachments.iter().cloned().chain(film);
        let items = items.map(|attachment| Item { attachment, facts: None }).collect();
        Self { post, items, media_ids: Vec::new(), examined: 0 }
    }

    /// The next step: the next file to examine, the next picture to upload, or the post.
    pub(crate) fn next(&mut self, plugin: &Facebook, place: usize) -> Progress {
        while let Some(item) = self.items.get(self.examined) {
            match &item.attachment {
                Attachment::New { source: Source::File(file), .. } => {
                    return Progress::Step(Step::StatFile { file: file.clone() });
                }
                Attachment::New { .. } | Attachment::Id(_) => self.examined += 1,
            }
        }
        let (config, account) = (&plugin.config, &plugin.config.accounts[place]);
        if self.post.is_video() {
            let film = self.items.first().and_then(|item| item.facts.as_ref());
            let request = self.post.request(&[], film, config, account);
            return Progress::Ready(Box::new(self.post.clone()), request);
        }
        while let Some(item) = self.items.get(self.media_ids.len()) {
            match &item.attachment {
                Attachment::Id(id) => self.media_ids.push(id.clone()),
                Attachment::New { source, alt_text } => {
                    let facts = item.facts.as_ref();
                    let request = publish::upload(source, facts, alt_text.as_deref(), config, account);
                    return Progress::Step(Step::read(request));
                }
            }
        }
        let request = self.post.request(&self.media_ids, None, config, account);
        Progress::Ready(Box::new(self.post.clone()), request)
    }

    /// Goes on with what came of the last step.
    pub(crate) fn resume(&mut self, plugin: &Facebook, place: usize, result: StepResult) -> Progress {
        let taken = match result {
            StepResult::File(facts) => self.take_facts(facts),
            StepResult::Exchange(exchange) => self.take_answer(plugin, place, &exchange),
            StepResult::Waited | StepResult::Kept => Err(refused("a result came that was not asked for")),
        };
        match taken {
            Ok(()) => self.next(plugin, place),
            Err(report) => Progress::Step(Step::Outcome(*report)),
        }
    }

    fn take_facts(&mut self, FileFacts { size, content_type, .. }: FileFacts) -> Result<(), Box<Report>> {
        let is_video = self.post.is_video();
        let Some(Item { attachment: Attachment::New { source: Source::File(file), .. }, facts }) =
            self.items.get_mut(self.examined)
        else {
            return Err(refused("a result came that was not asked for"));
        };
        let known: &[&str] = if is_video { &VIDEOS } else { &PICTURES };
        let Some(content_type) = content_type.filter(|content_type| known.contains(&content_type.as_str()))
        else {
            return Err(refused(if is_video {
                format!("`{file}` is no video that Facebook takes")
            } else {
                format!("`{file}` is no picture that Facebook takes; a video is named by `video_file`")
            }));
        };
        let most = if is_video { MAX_VIDEO } else { MAX_PICTURE };
        if size == 0 || size > most {
            let most = most >> 20;
            return Err(refused(format!(
                "`{file}` has {size} bytes: up to {most} MiB go up, and at least one byte"
            )));
        }
        *facts = Some(Facts { size, content_type });
        self.examined += 1;
        Ok(())
    }

    fn take_answer(
        &mut self,
        plugin: &Facebook,
        place: usize,
        exchange: &Exchange,
    ) -> Result<(), Box<Report>> {
        let id = classify::uploaded(exchange, &plugin.config.accounts[place], &plugin.host)?;
        self.media_ids.push(id);
        Ok(())
    }
}

fn refused(message: impl Into<String>) -> Box<Report> {
    Box::new(Outcome::rejected("attachment", message).into())
}
