//! What is done to the platforms, over every transport: one row each.

use serde_json::{Value, json};
use strowger_oneall::endpoints::TABLE;

use crate::twitter::{self, USER};

pub(crate) const PAGE: &str = "449156051903439";

/// Who carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    X,
    Graph,
    XOverOneAll,
    /// With the `target` of the transport.
    GraphOverOneAll(&'static str),
    /// The OneAll plugin, for that channel.
    OneAll(&'static str),
}

impl Way {
    /// The secrets of its account.
    pub(crate) fn secrets(self) -> &'static str {
        match self {
            Self::X => "s3cret-token s3cret-consumer",
            Self::Graph => "s3cret-page s3cret-app",
            Self::XOverOneAll | Self::GraphOverOneAll(_) | Self::OneAll(_) => "s3cret-key s3cret-identity",
        }
    }
}

/// What a look back after a lost answer can find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// What is there, and what is not.
    Proves,
    /// What is there.
    Finds,
    Nothing,
}

/// One thing that is done to a platform.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) way: Way,
    /// The request that publishes, as a fault names it.
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) look: Look,
    /// What it leaves on the platform.
    pub(crate) leaves: usize,
    pub(crate) call: Option<&'static str>,
    pub(crate) user_data: Value,
    pub(crate) extras: Value,
}

pub(crate) fn operation(name: &'static str, way: Way, path: &str, look: Look) -> Operation {
    let (user_data, extras) = (json!({}), json!({}));
    Operation { name, way, method: "POST", path: path.into(), look, leaves: 1, call: None, user_data, extras }
}

impl Operation {
    pub(crate) fn of(self, user_data: Value) -> Self {
        Self { user_data, ..self }
    }

    pub(crate) fn with(self, extras: Value) -> Self {
        Self { extras, ..self }
    }

    pub(crate) fn calls(self, method: &'static str, leaves: usize) -> Self {
        Self { method, leaves, call: Some(self.name), ..self }
    }
}

/// Every operation of every transport.
pub(crate) fn operations() -> Vec<Operation> {
    let status = || json!({ "_twitterMsgType": "Status" });
    let tweet = || json!({ "_twitterMsgId": "63493545" });
    let x = |name, path: &str| operation(name, Way::X, path, Look::Proves);
    let acts = |name, path: &str| operation(name, Way::X, path, Look::Nothing).of(tweet());
    let user = |what: &str| format!("/2/users/{USER}/{what}");
    let graph = |name, path: &str| operation(name, Way::Graph, path, Look::Proves);
    let page = |what: &str| format!("/v26.0/{PAGE}/{what}");
    let submit = |kind: &str| json!({ "_facebookSubmitType": kind });
    let picture = "https://example.org/p.png";
    let film = "https://example.org/f.mp4";
    let mut all = vec![
        x("post", "/2/tweets").of(status()),
        x("reply", "/2/tweets")
            .of(json!({ "_twitterMsgType": "status", "_twitterInReplyToStatusId": "63493545" })),
        x("direct message", "/2/dm_conversations/*")
            .of(json!({ "_twitterMsgType": "DirectMessage", "_twitterToUserId": "77" })),
        x("post with media", "/2/tweets").of(status()).with(json!({ "attachments": [{ "file": "menu" }] })),
        acts("Retweet", &user("retweets")).calls("POST", 1),
        acts("MarkFavorite", &user("likes")).calls("POST", 1),
        acts("RemoveFavorite", &user("likes/*")).calls("DELETE", 0),
        acts("Follow", &user("following")).calls("POST", 1),
        acts("Unfollow", &user("following/*")).calls("DELETE", 0),
        graph("post", &page("feed")).of(submit("post")),
        graph("post with a link", &page("feed"))
            .of(submit("post"))
            .with(json!({ "link": "https://example.org/a" })),
        graph("post with a picture", &page("feed"))
            .of(submit("post"))
            .with(json!({ "attachments": [{ "url": picture }] })),
        graph("post with a picture of ours", &page("feed"))
            .of(submit("post"))
            .with(json!({ "attachments": [{ "file": "menu" }] })),
        graph("video", &page("videos")).of(submit("post")).with(json!({ "video_url": film })),
        graph("video of ours", &page("videos")).of(submit("post")).with(json!({ "video_file": "film" })),
        graph("comment", "/v26.0/449156051903439_7/comments")
            .of(json!({ "_facebookSubmitType": "comment", "_facebookPostId": "449156051903439_7" })),
        Operation { look: Look::Nothing, ..graph("private reply", &page("messages")) }
            .of(json!({ "_facebookSubmitType": "message", "_facebookCommentId": "7_8" })),
        Operation { look: Look::Nothing, ..graph("message", &page("messages")) }
            .of(json!({ "_facebookSubmitType": "message", "To": "77" })),
    ];
    let push = |name, way, path: &str| {
        let row = TABLE.iter().find(|row| filled(row.path) == path).expect("a row of the table");
        let look = if row.pull.is_some() { Look::Finds } else { Look::Nothing };
        operation(name, way, &format!("/push/identities/*/{path}.json"), look)
    };
    all.push(push("post", Way::XOverOneAll, "twitter/post").of(status()));
    for (target, folder) in [("page", "facebook/page"), ("profile", "facebook"), ("group", "facebook/group")]
    {
        let way = Way::GraphOverOneAll(target);
        all.extend([
            push("post", way, &format!("{folder}/post")).of(submit("post")),
            push("picture", way, &format!("{folder}/picture"))
                .of(submit("post"))
                .with(json!({ "attachments": [{ "url": picture }] })),
            push("video", way, &format!("{folder}/video"))
                .of(submit("post"))
                .with(json!({ "video_url": film })),
        ]);
    }
    let linked = json!({ "link": "https://example.org/a" });
    all.extend([
        push("post", Way::OneAll("linkedin"), "linkedin/post").with(linked.clone()),
        push("company post", Way::OneAll("linkedin"), "linkedin/company/post").with(linked),
        push("pin", Way::OneAll("pinterest"), "pinterest/board/5678/pin").with(json!({ "picture": picture })),
        push("board", Way::OneAll("pinterest"), "pinterest/board").with(json!({ "new_board": "Cakes" })),
        push("video", Way::OneAll("youtube"), "youtube/video")
            .with(json!({ "video_url": film, "title": "Cakes" })),
        push("playlist entry", Way::OneAll("youtube"), "youtube/playlist/5678/video")
            .with(json!({ "video": "v1" })),
        push("playlist", Way::OneAll("youtube"), "youtube/playlist").with(json!({ "new_playlist": "Cakes" })),
        push("section", Way::OneAll("youtube"), "youtube/channel/section")
            .with(json!({ "section": { "style": "row" } })),
    ]);
    all
}

/// A path of OneAll's table with the ids of the accounts here.
pub(crate) fn filled(path: &str) -> String {
    path.split('/')
        .map(|part| if part.starts_with('<') { "5678" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

impl Operation {
    pub(crate) fn channel(&self) -> &'static str {
        match self.way {
            Way::X | Way::XOverOneAll => "twitter",
            Way::Graph | Way::GraphOverOneAll(_) => "facebook",
            Way::OneAll(channel) => channel,
        }
    }

    pub(crate) fn config(&self, base_url: &str) -> Value {
        let site = json!({ "base_url": base_url, "public_key": "public", "private_key": "s3cret-key" });
        let mut transport = site.clone();
        transport["kind"] = json!("oneall");
        transport["identity_token"] = json!("s3cret-identity");
        let mut account = json!({ "name": "brand", "settle_ms": 0 });
        match self.way {
            Way::X => account = twitter::account(),
            Way::XOverOneAll => {
                account["user_id"] = json!(USER);
                account["transport"] = transport;
            }
            Way::Graph => {
                account["page_id"] = json!(PAGE);
                account["auth"] = json!({ "access_token": "s3cret-page", "app_secret": "s3cret-app" });
            }
            Way::GraphOverOneAll(target) => {
                transport["target"] = json!(target);
                account["page_id"] = json!(PAGE);
                account["transport"] = transport;
            }
            Way::OneAll(channel) => {
                account["channel"] = json!(channel);
                account["identity_token"] = json!("s3cret-identity");
                match self.name {
                    "company post" => account["company"] = json!("1234"),
                    "pin" => account["board"] = json!("5678"),
                    "playlist entry" => account["playlist"] = json!("5678"),
                    _ => {}
                }
                let mut config = site;
                config["name"] = json!("channel-oneall");
                config["accounts"] = json!([account]);
                return config;
            }
        }
        if self.way == Way::X {
            account["operations"] =
                json!(["Retweet", "MarkFavorite", "RemoveFavorite", "Follow", "Unfollow"]);
        }
        json!({ "name": format!("channel-{}", self.channel()), "base_url": base_url, "accounts": [account] })
    }
}
