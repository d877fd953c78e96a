//! The rows of the matrix that are deeds: everything that a plugin does to a platform, over every transport.
#![allow(dead_code, reason = "each test file uses its part")]

use serde_json::{Value, json};
use strowger_sandbox::{Kind, Platform, Sandbox};

use crate::twitter::USER;

pub(crate) const PAGE: &str = "449156051903439";

/// Whose words an answer is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    X,
    Graph,
    OneAll,
}

impl Api {
    /// The secrets of an account there, as a platform might echo them.
    pub(crate) fn secrets(self) -> &'static [&'static str] {
        match self {
            Self::X => &["s3cret-consumer", "1258948171-s3cret-access", "s3cret-token"],
            Self::Graph => &["s3cret-page-token", "s3cret-app"],
            Self::OneAll => &["s3cret-private", "cHVibGljOnMzY3JldC1wcml2YXRl", "s3cret-identity"],
        }
    }
}

/// A plugin, and what carries its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    Twitter,
    TwitterOverOneAll,
    Facebook,
    FacebookOverOneAll,
    OneAll,
}

impl Via {
    pub(crate) fn api(self) -> Api {
        match self {
            Self::Twitter => Api::X,
            Self::Facebook => Api::Graph,
            Self::TwitterOverOneAll | Self::FacebookOverOneAll | Self::OneAll => Api::OneAll,
        }
    }

    /// The plugin's package and library.
    pub(crate) fn library(self) -> (&'static str, &'static str) {
        match self {
            Self::Twitter | Self::TwitterOverOneAll => ("strowger-twitter-plugin", "libstrowger_twitter.so"),
            Self::Facebook | Self::FacebookOverOneAll => {
                ("strowger-facebook-plugin", "libstrowger_facebook.so")
            }
            Self::OneAll => ("strowger-oneall-plugin", "libstrowger_oneall.so"),
        }
    }

    /// The plugin's configuration, with what `account` says beyond the usual.
    pub(crate) fn config(self, base_url: &str, account: &Value) -> Value {
        let site = json!({ "base_url": base_url, "public_key": "public", "private_key": "s3cret-private" });
        let mut transport = site.clone();
        transport["kind"] = json!("oneall");
        transport["identity_token"] = json!("s3cret-identity");
        let oauth1 = json!({ "kind": "oauth1", "consumer_key": "key", "consumer_secret": "s3cret-consumer",
                             "token": "1258948171-s3cret-access", "token_secret": "s3cret-token" });
        let operations: Vec<&str> = strowger_twitter::Ability::ALL.iter().map(|one| one.name()).collect();
        let page = json!({ "access_token": "s3cret-page-token", "app_secret": "s3cret-app" });
        let (mut config, mut one) = match self {
            Self::Twitter => (
                json!({ "name": "channel-twitter", "base_url": base_url }),
                json!({ "user_id": USER, "operations": operations, "auth": oauth1 }),
            ),
            Self::TwitterOverOneAll => (
                json!({ "name": "channel-twitter", "base_url": base_url }),
                json!({ "user_id": USER, "transport": transport }),
            ),
            Self::Facebook => (
                json!({ "name": "channel-facebook", "base_url": base_url }),
                json!({ "page_id": PAGE, "auth": page }),
            ),
            Self::FacebookOverOneAll => (
                json!({ "name": "channel-facebook", "base_url": base_url }),
                json!({ "page_id": PAGE, "transport": transport }),
            ),
            Self::OneAll => {
                let mut config = site;
                config["name"] = json!("channel-oneall");
                (config, json!({ "identity_token": "s3cret-identity" }))
            }
        };
        one["name"] = json!("brand");
        one["settle_ms"] = json!(0);
        merge(&mut one, account);
        config["accounts"] = json!([one]);
        config
    }
}

fn merge(into: &mut Value, from: &Value) {
    for (name, value) in from.as_object().into_iter().flatten() {
        match (into.get_mut(name), value) {
            (Some(inner @ Value::Object(_)), Value::Object(_)) => merge(inner, value),
            _ => into[name] = value.clone(),
        }
    }
}

/// What shows that a deed was done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trace {
    /// A post of that kind.
    Post(Platform, Kind),
    /// A like or a follow stands.
    Stands(&'static str),
    /// One that stood before no longer does.
    Gone(&'static str),
}

impl Trace {
    /// How often it was done.
    pub(crate) fn count(self, sandbox: &Sandbox) -> usize {
        let relations = sandbox.relations();
        match self {
            Self::Post(platform, kind) => {
                sandbox.posts().iter().filter(|post| post.platform == platform && post.kind == kind).count()
            }
            Self::Stands(relation) => relations.iter().filter(|one| one.relation == relation).count(),
            Self::Gone(relation) => usize::from(relations.iter().all(|one| one.relation != relation)),
        }
    }
}

/// What a look back at a lost answer can find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// That it is there, and that it is not.
    Both,
    /// That it is there; a list that may lack something proves no absence.
    Presence,
    /// Nothing.
    Nothing,
}

/// Something that is done to a platform.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) name: &'static str,
    pub(crate) via: Via,
    pub(crate) channel: &'static str,
    /// What the account has beyond the usual.
    pub(crate) account: Value,
    pub(crate) operation: Option<&'static str>,
    pub(crate) parameters: Value,
    pub(crate) extras: Value,
    pub(crate) user_data: Value,
    /// The request that does it: method and path, with `*`.
    pub(crate) request: (&'static str, &'static str),
    /// The requests that come before it: none of them leaves anything in doubt.
    pub(crate) before: &'static [(&'static str, &'static str)],
    pub(crate) trace: Trace,
    pub(crate) look: Look,
}

impl Deed {
    fn new(via: Via, name: &'static str, path: &'static str, trace: Trace) -> Self {
        let channel = match via {
            Via::Twitter | Via::TwitterOverOneAll => "twitter",
            Via::Facebook | Via::FacebookOverOneAll => "facebook",
            Via::OneAll => "linkedin",
        };
        let look = if via.api() == Api::OneAll { Look::Presence } else { Look::Both };
        Self {
            name,
            via,
            channel,
            account: json!({}),
            operation: None,
            parameters: json!({}),
            extras: json!({}),
            user_data: json!({}),
            request: ("POST", path),
            before: &[],
            trace,
            look,
        }
    }

    fn extras(self, extras: Value) -> Self {
        Self { extras, ..self }
    }

    fn user_data(self, user_data: Value) -> Self {
        Self { user_data, ..self }
    }

    fn look(self, look: Look) -> Self {
        Self { look, ..self }
    }

    fn before(self, before: &'static [(&'static str, &'static str)]) -> Self {
        Self { before, ..self }
    }

    fn account(self, account: Value) -> Self {
        Self { account, ..self }
    }

    fn on(self, channel: &'static str, account: Value) -> Self {
        let mut account = account;
        account["channel"] = json!(channel);
        Self { channel, account, ..self }
    }

    fn operation(name: &'static str, request: (&'static str, &'static str), trace: Trace) -> Self {
        let deed = Self::new(Via::Twitter, name, request.1, trace).look(Look::Nothing);
        Self {
            request,
            operation: Some(name),
            user_data: json!({ "_twitterMsgId": "63493545" }),
            parameters: json!({ "twitterUserId": "77" }),
            ..deed
        }
    }
}

const UPLOAD: &[(&str, &str)] = &[
    ("POST", "/2/media/upload/initialize"),
    ("POST", "/2/media/upload/*/append"),
    ("POST", "/2/media/upload/*/finalize"),
];
const DESCRIBED_UPLOAD: &[(&str, &str)] = &[
    ("POST", "/2/media/upload/initialize"),
    ("POST", "/2/media/upload/*/append"),
    ("POST", "/2/media/upload/*/finalize"),
    ("POST", "/2/media/metadata"),
];
const FILM_UPLOAD: &[(&str, &str)] = &[
    ("POST", "/2/media/upload/initialize"),
    ("POST", "/2/media/upload/*/append"),
    ("POST", "/2/media/upload/*/finalize"),
    ("GET", "/2/media/upload"),
];

/// X's own API.
fn twitter() -> Vec<Deed> {
    let post = |kind| Trace::Post(Platform::Twitter, kind);
    let tweet = |name, kind| Deed::new(Via::Twitter, name, "/2/tweets", post(kind));
    let message =
        |name| Deed::new(Via::Twitter, name, "/2/dm_conversations/with/77/messages", post(Kind::Message));
    let answer = |quotes: &str| {
        json!({ "_twitterMsgType": "status", "_twitterInReplyToStatusId": "63493545",
                "_twitterIsRetweet": quotes })
    };
    let to = json!({ "_twitterMsgType": "DirectMessage", "_twitterToUserId": "77" });
    let picture = json!({ "attachments": [{ "file": "menu.png", "alt_text": "A menu" }] });
    let film = json!({ "attachments": [{ "file": "film.mp4" }] });
    let gif = json!({ "attachments": [{ "file": "wave.gif" }] });
    let user = |what: &'static str| ("POST", what);
    vec![
        tweet("post", Kind::Post).user_data(json!({ "_twitterMsgType": "Status" })),
        tweet("reply", Kind::Reply).user_data(answer("false")),
        tweet("quote", Kind::Quote).user_data(answer("true")),
        message("direct message").user_data(to.clone()),
        tweet("picture", Kind::Post).extras(picture.clone()).before(DESCRIBED_UPLOAD),
        tweet("picture as JSON", Kind::Post)
            .account(json!({ "media_encoding": "json" }))
            .extras(picture.clone())
            .before(DESCRIBED_UPLOAD),
        tweet("picture that X has", Kind::Post).extras(json!({ "attachments": ["1455952740635586573"] })),
        tweet("GIF", Kind::Post).extras(gif).before(UPLOAD),
        tweet("video", Kind::Post).extras(film.clone()).before(FILM_UPLOAD),
        message("direct message with a picture").user_data(to).extras(picture).before(DESCRIBED_UPLOAD),
        Deed::operation("Retweet", user("/2/users/1258948171/retweets"), post(Kind::Retweet)),
        Deed::operation("MarkFavorite", user("/2/users/1258948171/likes"), Trace::Stands("like")),
        Deed::operation("Follow", user("/2/users/1258948171/following"), Trace::Stands("follow")),
        Deed::operation(
            "RemoveFavorite",
            ("DELETE", "/2/users/1258948171/likes/63493545"),
            Trace::Gone("like"),
        ),
        Deed::operation("Unfollow", ("DELETE", "/2/users/1258948171/following/77"), Trace::Gone("follow")),
    ]
}

fn twitter_over_oneall() -> Vec<Deed> {
    let post = |name| {
        let path = "*/twitter/post.json";
        Deed::new(Via::TwitterOverOneAll, name, path, Trace::Post(Platform::Twitter, Kind::Post))
    };
    vec![
        post("post"),
        post("post with a place and pictures that X has")
            .extras(json!({ "location": "Berlin", "attachments": ["1455952740635586573", "2"] })),
    ]
}

/// The Graph API.
fn facebook() -> Vec<Deed> {
    let deed = |name, path, kind| Deed::new(Via::Facebook, name, path, Trace::Post(Platform::Facebook, kind));
    let feed = |name| deed(name, "/*/449156051903439/feed", Kind::Post);
    let message = |name, target: Value| {
        let mut user_data = json!({ "_facebookSubmitType": "message" });
        merge(&mut user_data, &target);
        // Conversations are not read.
        deed(name, "/*/449156051903439/messages", Kind::Message).user_data(user_data).look(Look::Nothing)
    };
    let picture = json!({ "attachments": [{ "url": "https://example.org/a.png", "alt_text": "A menu" }] });
    vec![
        feed("post").user_data(json!({ "_facebookSubmitType": "post" })),
        feed("post with a link").extras(json!({ "link": "https://example.org/a" })),
        feed("picture").extras(picture).before(&[("POST", "/*/449156051903439/photos")]),
        deed("video", "/*/449156051903439/videos", Kind::Video)
            .extras(json!({ "video_url": "https://example.org/a.mp4", "title": "A film" })),
        feed("picture of ours")
            .extras(json!({ "attachments": [{ "file": "menu.png" }] }))
            .before(&[("POST", "/*/449156051903439/photos")]),
        deed("video of ours", "/*/449156051903439/videos", Kind::Video)
            .extras(json!({ "video_file": "film.mp4" })),
        deed("comment", "/*/449156051903439_7/comments", Kind::Comment)
            .user_data(json!({ "_facebookSubmitType": "comment", "_facebookPostId": "449156051903439_7" })),
        message("private reply", json!({ "_facebookCommentId": "7_8" })),
        message("message", json!({ "To": "24" })),
    ]
}

fn facebook_over_oneall() -> Vec<Deed> {
    let film = json!({ "video_url": "https://example.org/a.mp4" });
    let picture = json!({ "attachments": [{ "url": "https://example.org/a.png" }] });
    let deed = |target: &str, name, path, kind, extras: &Value| {
        Deed::new(Via::FacebookOverOneAll, name, path, Trace::Post(Platform::Facebook, kind))
            .account(json!({ "transport": { "target": target } }))
            .extras(extras.clone())
    };
    let none = json!({});
    vec![
        deed("page", "post", "*/facebook/page/post.json", Kind::Post, &none),
        deed("page", "picture", "*/facebook/page/picture.json", Kind::Picture, &picture),
        deed("page", "video", "*/facebook/page/video.json", Kind::Video, &film),
        deed("profile", "profile's post", "*/facebook/post.json", Kind::Post, &none),
        deed("profile", "profile's picture", "*/facebook/picture.json", Kind::Picture, &picture),
        deed("profile", "profile's video", "*/facebook/video.json", Kind::Video, &film),
        deed("group", "group's post", "*/facebook/group/post.json", Kind::Post, &none),
        deed("group", "group's picture", "*/facebook/group/picture.json", Kind::Picture, &picture),
        deed("group", "group's video", "*/facebook/group/video.json", Kind::Video, &film),
    ]
}

fn oneall() -> Vec<Deed> {
    let deed = |name, path, platform, kind| Deed::new(Via::OneAll, name, path, Trace::Post(platform, kind));
    let none = || json!({});
    let link = json!({ "link": "https://example.org/a" });
    vec![
        deed("post", "*/linkedin/post.json", Platform::LinkedIn, Kind::Post)
            .extras(link.clone())
            .on("linkedin", none()),
        deed("company's post", "*/linkedin/company/post.json", Platform::LinkedIn, Kind::Post)
            .extras(link)
            .on("linkedin", json!({ "company": "1234" })),
        deed("pin", "*/pinterest/board/5678/pin.json", Platform::Pinterest, Kind::Post)
            .extras(json!({ "picture": "https://example.org/a.png" }))
            .on("pinterest", json!({ "board": "5678" })),
        deed("board", "*/pinterest/board.json", Platform::Pinterest, Kind::Board)
            .extras(json!({ "new_board": "Teas" }))
            .on("pinterest", none()),
        deed("video", "*/youtube/video.json", Platform::YouTube, Kind::Video)
            .extras(json!({ "video_url": "https://example.org/a.mp4", "title": "A film" }))
            .on("youtube", none()),
        deed("playlist's video", "*/youtube/playlist/PL1/video.json", Platform::YouTube, Kind::Entry)
            .extras(json!({ "video": "abc" }))
            .look(Look::Nothing)
            .on("youtube", json!({ "playlist": "PL1" })),
        deed("playlist", "*/youtube/playlist.json", Platform::YouTube, Kind::Playlist)
            .extras(json!({ "new_playlist": "Teas" }))
            .on("youtube", none()),
        deed("section", "*/youtube/channel/section.json", Platform::YouTube, Kind::Section)
            .extras(json!({ "section": { "title": "Teas" } }))
            .look(Look::Nothing)
            .on("youtube", none()),
    ]
}

/// What is done over that transport.
pub(crate) fn deeds(via: Via) -> Vec<Deed> {
    match via {
        Via::Twitter => twitter(),
        Via::TwitterOverOneAll => twitter_over_oneall(),
        Via::Facebook => facebook(),
        Via::FacebookOverOneAll => facebook_over_oneall(),
        Via::OneAll => oneall(),
    }
}
