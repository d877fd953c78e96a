//! Which endpoint a message uses, and with which fields: from the account and the extras.

use serde_json::{Map, Value, json};
use strowger_channel::{Refusal, text_of};

use crate::config::{Account, Service};
use crate::endpoints::Resource;
use crate::push::Push;

/// The push of a message.
pub(crate) fn push(account: &Account, text: &str, extras: &Map<String, Value>) -> Result<Push, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::invalid("a message must have a text"));
    }
    let (length, limit) = (text.chars().count(), account.max_text);
    if length > limit {
        return Err(Refusal::out_of_range(format!("the text has {length} characters, {limit} are allowed")));
    }
    if extras.get("inReplyTo").is_some_and(|target| !target.is_null()) {
        return Err(Refusal::invalid("OneAll carries no replies: `inReplyTo` is not supported"));
    }
    let extras = Extras { extras };
    extras.only(account.service)?;
    match account.service {
        Service::LinkedIn => linkedin(account, text, &extras),
        Service::Pinterest => pinterest(account, text, &extras),
        Service::YouTube => youtube(account, text, &extras),
    }
}

fn linkedin(account: &Account, text: &str, extras: &Extras<'_>) -> Result<Push, Refusal> {
    let resource =
        if account.company.is_some() { Resource::LinkedInCompanyPost } else { Resource::LinkedInPost };
    let fields = [
        ("company", json!(account.company)),
        ("link", extras.value("link")),
        ("title", extras.value("title")),
        ("description", extras.value("description")),
        ("message", json!(text)),
        ("picture", extras.value("picture")),
    ];
    Push::new(resource, None, fields)
}

fn pinterest(account: &Account, text: &str, extras: &Extras<'_>) -> Result<Push, Refusal> {
    if extras.has("new_board") {
        extras.alone("new_board", &["board", "picture", "link"])?;
        let fields = [("name", extras.value("new_board")), ("description", json!(text))];
        return Push::new(Resource::PinterestBoard, None, fields);
    }
    let board = extras.id("board").or_else(|| account.board.clone());
    let board =
        board.ok_or_else(|| Refusal::invalid("a pin needs a `board`: the account has none of its own"))?;
    let fields = [
        ("board", json!(board)),
        ("description", json!(text)),
        ("picture", extras.value("picture")),
        ("link", extras.value("link")),
    ];
    Push::new(Resource::PinterestPin, Some(board), fields)
}

fn youtube(account: &Account, text: &str, extras: &Extras<'_>) -> Result<Push, Refusal> {
    if extras.has("new_playlist") {
        extras.alone("new_playlist", &["video_url", "video", "playlist", "section", "title", "picture"])?;
        let fields = [("title", extras.value("new_playlist")), ("description", json!(text))];
        return Push::new(Resource::YouTubePlaylist, None, fields);
    }
    if let Some(section) = extras.given("section") {
        extras.alone("section", &["video_url", "video", "playlist", "title", "picture"])?;
        let members =
            section.as_object().ok_or_else(|| Refusal::invalid("`section` must be an object"))?.clone();
        return Push::open(Resource::YouTubeChannelSection, None, members);
    }
    if extras.has("video") {
        extras.alone("video", &["video_url", "title", "picture"])?;
        let playlist = extras.id("playlist").or_else(|| account.playlist.clone()).ok_or_else(|| {
            Refusal::invalid("`video` needs a `playlist` to be added to: the account has none of its own")
        })?;
        let fields = [("id", extras.value("video"))];
        return Push::new(Resource::YouTubePlaylistVideo, Some(playlist), fields);
    }
    if extras.has("playlist") {
        return Err(Refusal::invalid("a `playlist` takes a `video` that is on YouTube already"));
    }
    let fields = [
        ("video_url", extras.value("video_url")),
        ("title", extras.value("title")),
        ("description", json!(text)),
        ("thumbnail_url", extras.value("picture")),
        ("callback_url", json!(account.callback_url)),
    ];
    Push::new(Resource::YouTubeVideo, None, fields)
}

/// Every extra that some channel of Strowger knows: one that this service can't carry is refused. Others are
/// none of its business.
const KNOWN: [&str; 14] = [
    "attachments",
    "board",
    "description",
    "link",
    "location",
    "new_board",
    "new_playlist",
    "picture",
    "playlist",
    "section",
    "title",
    "video",
    "video_url",
    "thumbnail_url",
];

struct Extras<'a> {
    extras: &'a Map<String, Value>,
}

impl<'a> Extras<'a> {
    fn given(&self, name: &str) -> Option<&'a Value> {
        let value = self.extras.get(name)?;
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        (!is_empty).then_some(value)
    }

    fn has(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    fn value(&self, name: &str) -> Value {
        self.given(name).cloned().unwrap_or(Value::Null)
    }

    fn id(&self, name: &str) -> Option<String> {
        text_of(self.extras, name)
    }

    fn only(&self, service: Service) -> Result<(), Refusal> {
        let allowed: &[&str] = match service {
            Service::LinkedIn => &["link", "title", "description", "picture"],
            Service::Pinterest => &["board", "picture", "link", "new_board"],
            Service::YouTube => {
                &["video_url", "title", "picture", "video", "playlist", "new_playlist", "section"]
            }
        };
        match KNOWN.iter().find(|name| self.has(name) && !allowed.contains(name)) {
            Some(name) => Err(Refusal::invalid(format!("`{name}` is not supported on {}", service.title()))),
            None => Ok(()),
        }
    }

    fn alone(&self, name: &str, others: &[&str]) -> Result<(), Refusal> {
        match others.iter().find(|other| **other != name && self.has(other)) {
            Some(other) => Err(Refusal::invalid(format!("`{name}` and `{other}` don't go together"))),
            None => Ok(()),
        }
    }
}
