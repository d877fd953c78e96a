//! Posts carried by OneAll instead of the Graph API: `"transport": {"kind": "oneall", …}` of an account.
//!
//! | message | endpoint, for `"target": "page"` |
//! |---|---|
//! | a text, perhaps with a `link` or with ids of uploaded pictures | `facebook/page/post` |
//! | one picture by its address | `facebook/page/picture` |
//! | a video by its address | `facebook/page/video` |
//!
//! `profile` and `group` use the endpoints of those; the account's `page_id` is then the group's id.

use serde::Deserialize;
use serde_json::{Value, json};
use strowger_channel::config::{self, ConfigError};
use strowger_channel::{Job, Outcome, Refusal};
use strowger_oneall::endpoints::Resource;
use strowger_oneall::{Access, Push, transport};

use crate::check::{Attachment, Extras, Source};
use crate::config::Account;
use crate::publish::Post;

/// How OneAll carries an account's posts.
#[derive(Clone, Debug)]
pub struct Transport {
    /// How it is reached.
    pub access: Access,
    /// Where it publishes.
    pub target: Target,
}

/// Where OneAll publishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// On a page.
    #[default]
    Page,
    /// On the user's own profile.
    Profile,
    /// In a group.
    Group,
}

impl Target {
    fn resources(self) -> [Resource; 3] {
        use Resource as R;
        match self {
            Self::Page => [R::FacebookPagePost, R::FacebookPagePicture, R::FacebookPageVideo],
            Self::Profile => [R::FacebookPost, R::FacebookPicture, R::FacebookVideo],
            Self::Group => [R::FacebookGroupPost, R::FacebookGroupPicture, R::FacebookGroupVideo],
        }
    }
}

impl Transport {
    /// Reads the member `transport`, which stands at `path`.
    pub(crate) fn read(mut part: Value, path: &str, allow_plain_http: bool) -> Result<Self, ConfigError> {
        if config::take_kind(&mut part, path)? != "oneall" {
            return Err(ConfigError::new(format!("{path}.kind"), "must be `oneall`"));
        }
        let target = match part.as_object_mut().and_then(|members| members.shift_remove("target")) {
            None => Target::default(),
            Some(target) => serde_json::from_value(target).map_err(|_| {
                ConfigError::new(format!("{path}.target"), "must be `page`, `profile` or `group`")
            })?,
        };
        Ok(Self { access: Access::read(part, path, allow_plain_http)?, target })
    }

    /// What an operator should know of what it is used for.
    pub(crate) fn warning(&self) -> Option<String> {
        self.target.resources()[0].endpoint().warning()
    }

    /// The push of a text with these extras.
    pub(crate) fn push(&self, account: &Account, text: &str, extras: &Extras) -> Result<Push, Refusal> {
        let [post, picture, video] = self.target.resources();
        let place = match self.target {
            Target::Page | Target::Group => json!(account.page_id),
            Target::Profile => Value::Null,
        };
        if let Some(one) = &extras.video {
            let Source::Url(url) = &one.source else {
                return Err(Refusal::invalid(
                    "OneAll carries no files: give the video's address as `video_url`",
                ));
            };
            if one.title.is_some() {
                return Err(Refusal::invalid("OneAll carries no `title` of a Facebook video"));
            }
            let fields = [("id", place), ("url", json!(url)), ("description", json!(text))];
            return Push::new(video, None, fields);
        }
        if let [Attachment::New { source: Source::Url(url), alt_text: None }] = &extras.attachments[..] {
            let fields = [("id", place), ("url", json!(url)), ("description", json!(text))];
            return Push::new(picture, None, fields);
        }
        let ids = extras.attachments.iter().map(|attachment| match attachment {
            Attachment::Id(id) => Ok(id.as_str()),
            Attachment::New { source: Source::File(_), .. } => {
                Err(Refusal::invalid("OneAll carries no files: give the picture's address as `url`"))
            }
            Attachment::New { .. } => Err(Refusal::invalid(
                "OneAll carries one picture by its address, without `alt_text`, or ids of uploaded ones",
            )),
        });
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let fields = [
            ("id", place),
            ("message", json!(text)),
            ("link", json!(extras.link)),
            ("attachments", if ids.is_empty() { Value::Null } else { json!(ids) }),
        ];
        Push::new(post, None, fields)
    }

    /// The push of a job, or why there can't be one. Comments and messages are refused: OneAll would make new
    /// posts of them.
    pub(crate) fn push_of(&self, job: &Job, account: &Account) -> Result<Push, Outcome> {
        transport::refuse_answers(job)?;
        let post = Post::read(job, account)?;
        if post.place != crate::publish::Place::Page {
            return Err(Outcome::rejected(
                "unsupported",
                "OneAll carries no comments and no messages: use an account that reaches the Graph API itself",
            ));
        }
        self.push(account, &post.text, &post.extras)
            .map_err(|refusal| Outcome::rejected("extras", refusal.message))
    }
}
