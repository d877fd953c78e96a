//! The twenty endpoints of OneAll's Push API, as data: one table, and everything else is read from it.
//!
//! Sources: OneAll's Push and Pull API documentation (docs.oneall.com) and the request forms of its published
//! client libraries. Where neither shows a request's body, [`Certainty`] says so.

/// An endpoint of the Push API: its place in [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the paths")]
pub enum Resource {
    FacebookPost,
    FacebookPicture,
    FacebookVideo,
    FacebookGroupPost,
    FacebookGroupPicture,
    FacebookGroupVideo,
    FacebookPagePost,
    FacebookPagePicture,
    FacebookPageVideo,
    LinkedInPost,
    LinkedInCompanyPost,
    PinterestPin,
    PinterestBoard,
    TwitterPost,
    TwitterPicture,
    TwitterVideo,
    YouTubeVideo,
    YouTubePlaylistVideo,
    YouTubePlaylist,
    YouTubeChannelSection,
}

impl Resource {
    /// Its row.
    pub fn endpoint(self) -> &'static Endpoint {
        // The rows stand in the order of the names; a test holds that.
        &TABLE[self as usize]
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Which one it is.
    pub resource: Resource,
    /// Its path beneath `/push/identities/<identity_token>/`, without `.json`. What stands in angle brackets
    /// is an id that the caller gives.
    pub path: &'static str,
    /// The one member of `request.push`.
    pub root: &'static str,
    /// The members of the root.
    pub fields: &'static [Field],
    /// At least one of these fields must be there; empty if no such rule is known.
    pub one_of: &'static [&'static str],
    /// Whether members beyond `fields` are passed through as they are.
    pub open: bool,
    /// Whether the answer only says that the work was taken on.
    pub asynchronous: bool,
    /// How sure the body is.
    pub certainty: Certainty,
    /// What the platform behind it still offers.
    pub upstream: Upstream,
    /// Where what was pushed can be read back.
    pub pull: Option<Pull>,
}

/// A member of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether the request makes no sense without it.
    pub required: bool,
}

/// What a member of a request holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// An id of the platform: letters, digits, `-` and `_`.
    Id,
    /// An http or https address.
    Address,
    /// `true` or `false`.
    Flag,
    /// An array of at most so many ids.
    Ids(usize),
}

/// How sure a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// OneAll's documents or libraries show it.
    Documented,
    /// Concluded from a sibling that they show.
    ByAnalogy,
    /// Only the path is known.
    Guess,
}

/// What the platform behind an endpoint still offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// All of it, as far as is known.
    Offered,
    /// It may be refused: why.
    Doubtful(&'static str),
    /// It is refused for good: since when and why.
    Gone(&'static str),
}

/// A list of the Pull API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pull {
    /// Its path beneath `/pull/identities/<identity_token>/`, without `.json`. What stands in angle brackets is
    /// the field of that name, or the id in the push's own path.
    pub path: &'static str,
    /// The query parameter that says how many entries are wanted, where one is documented.
    pub count: Option<&'static str>,
    /// Further query parameters.
    pub query: &'static str,
    /// Whether there is a parameter `page`.
    pub pages: bool,
}

const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: true }
}

const fn optional(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false }
}

const fn list(path: &'static str) -> Pull {
    Pull { path, count: None, query: "", pages: false }
}

const fn counted(path: &'static str, count: &'static str) -> Pull {
    Pull { path, count: Some(count), query: "", pages: true }
}

const GROUPS: Upstream = Upstream::Gone("Facebook removed its Groups API in April 2024");
const PROFILES: Upstream =
    Upstream::Doubtful("Facebook lets apps publish on pages, hardly on users' profiles");
const MANY: usize = 50;

const FACEBOOK_ROW: Endpoint = Endpoint {
    resource: Resource::FacebookPost,
    path: "facebook/post",
    root: "post",
    fields: &[
        optional("message", Kind::Text),
        optional("link", Kind::Address),
        optional("attachments", Kind::Ids(MANY)),
    ],
    one_of: &["message", "link"],
    open: false,
    asynchronous: false,
    certainty: Certainty::Documented,
    upstream: PROFILES,
    pull: Some(Pull {
        path: "facebook/posts",
        count: Some("num_posts"),
        query: "&limit_own_posts=1",
        pages: true,
    }),
};

const GROUP_PULL: Option<Pull> = Some(counted("facebook/group/<id>/posts", "num_posts"));
const PAGE_PULL: Option<Pull> = Some(counted("facebook/page/<id>/posts", "num_posts"));

const PROFILE_FILE: &[Field] = &[
    required("url", Kind::Address),
    optional("description", Kind::Text),
    optional("create_post", Kind::Flag),
];
const PLACE_FILE: &[Field] =
    &[required("id", Kind::Id), required("url", Kind::Address), optional("description", Kind::Text)];
const PLACE_POST: &[Field] = &[
    required("id", Kind::Id),
    optional("message", Kind::Text),
    optional("link", Kind::Address),
    optional("attachments", Kind::Ids(MANY)),
];
const LINKEDIN_COMPANY: &[Field] = &[
    required("company", Kind::Id),
    required("link", Kind::Address),
    optional("title", Kind::Text),
    optional("description", Kind::Text),
    optional("message", Kind::Text),
    optional("picture", Kind::Address),
];

/// The endpoints, in the order of OneAll's own list.
pub static TABLE: [Endpoint; 20] = [
    FACEBOOK_ROW,
    Endpoint {
        resource: Resource::FacebookPicture,
        path: "facebook/picture",
        root: "picture",
        fields: PROFILE_FILE,
        one_of: &[],
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::FacebookVideo,
        path: "facebook/video",
        root: "video",
        fields: PROFILE_FILE,
        one_of: &[],
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::FacebookGroupPost,
        path: "facebook/group/post",
        root: "group",
        fields: PLACE_POST,
        certainty: Certainty::ByAnalogy,
        upstream: GROUPS,
        pull: GROUP_PULL,
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::FacebookGroupPicture,
        path: "facebook/group/picture",
        root: "group",
        fields: PLACE_FILE,
        one_of: &[],
        certainty: Certainty::ByAnalogy,
        upstream: GROUPS,
        pull: GROUP_PULL,
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::FacebookGroupVideo,
        path: "facebook/group/video",
        root: "group",
        fields: PLACE_FILE,
        one_of: &[],
        certainty: Certainty::ByAnalogy,
        upstream: GROUPS,
        pull: GROUP_PULL,
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::FacebookPagePost,
        path: "facebook/page/post",
        root: "page",
        fields: PLACE_POST,
        upstream: Upstream::Offered,
        pull: PAGE_PULL,
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::FacebookPagePicture,
        path: "facebook/page/picture",
        root: "page",
        fields: PLACE_FILE,
        one_of: &[],
        upstream: Upstream::Offered,
        pull: PAGE_PULL,
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::FacebookPageVideo,
        path: "facebook/page/video",
        root: "page",
        fields: PLACE_FILE,
        one_of: &[],
        certainty: Certainty::ByAnalogy,
        upstream: Upstream::Offered,
        pull: PAGE_PULL,
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::LinkedInPost,
        path: "linkedin/post",
        root: "post",
        fields: LINKEDIN_COMPANY.split_at(1).1,
        one_of: &[],
        upstream: Upstream::Offered,
        pull: Some(counted("linkedin/user/posts", "num_posts")),
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::LinkedInCompanyPost,
        path: "linkedin/company/post",
        root: "post",
        fields: LINKEDIN_COMPANY,
        one_of: &[],
        upstream: Upstream::Offered,
        pull: Some(counted("linkedin/company/<company>/posts", "num_posts")),
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::PinterestPin,
        path: "pinterest/board/<board_id>/pin",
        root: "pin",
        fields: &[
            required("board", Kind::Id),
            required("description", Kind::Text),
            required("picture", Kind::Address),
            optional("link", Kind::Address),
        ],
        one_of: &[],
        certainty: Certainty::ByAnalogy,
        upstream: Upstream::Offered,
        pull: Some(list("pinterest/board/<board_id>/pins")),
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::PinterestBoard,
        path: "pinterest/board",
        root: "board",
        fields: &[required("name", Kind::Text), optional("description", Kind::Text)],
        one_of: &[],
        certainty: Certainty::Guess,
        upstream: Upstream::Offered,
        pull: Some(list("pinterest/boards")),
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::TwitterPost,
        path: "twitter/post",
        root: "post",
        fields: &[
            required("message", Kind::Text),
            optional("location", Kind::Text),
            optional("attachments", Kind::Ids(4)),
        ],
        one_of: &[],
        upstream: Upstream::Offered,
        pull: Some(Pull { path: "twitter/tweets", count: Some("num_tweets"), query: "", pages: false }),
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::TwitterPicture,
        path: "twitter/picture",
        root: "picture",
        fields: &[required("url", Kind::Address), optional("description", Kind::Text)],
        one_of: &[],
        upstream: Upstream::Offered,
        pull: None,
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::TwitterVideo,
        path: "twitter/video",
        root: "video",
        fields: &[required("video_url", Kind::Address), optional("callback_url", Kind::Address)],
        one_of: &[],
        asynchronous: true,
        upstream: Upstream::Offered,
        pull: None,
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::YouTubeVideo,
        path: "youtube/video",
        root: "video",
        fields: &[
            required("video_url", Kind::Address),
            required("title", Kind::Text),
            optional("description", Kind::Text),
            optional("thumbnail_url", Kind::Address),
            optional("callback_url", Kind::Address),
        ],
        one_of: &[],
        asynchronous: true,
        upstream: Upstream::Offered,
        pull: Some(list("youtube/videos")),
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::YouTubePlaylistVideo,
        path: "youtube/playlist/<playlist_id>/video",
        root: "video",
        fields: &[required("id", Kind::Id)],
        one_of: &[],
        certainty: Certainty::Guess,
        upstream: Upstream::Offered,
        pull: None,
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::YouTubePlaylist,
        path: "youtube/playlist",
        root: "playlist",
        fields: &[required("title", Kind::Text), optional("description", Kind::Text)],
        one_of: &[],
        certainty: Certainty::Guess,
        upstream: Upstream::Offered,
        pull: Some(list("youtube/playlists")),
        ..FACEBOOK_ROW
    },
    Endpoint {
        resource: Resource::YouTubeChannelSection,
        path: "youtube/channel/section",
        root: "section",
        fields: &[],
        one_of: &[],
        open: true,
        certainty: Certainty::Guess,
        upstream: Upstream::Offered,
        pull: None,
        ..FACEBOOK_ROW
    },
];

impl Endpoint {
    /// The provider that its path begins with, as `facebook`.
    pub fn provider(&self) -> &'static str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// The name of the id in its path, if there is one.
    pub fn placeholder(&self) -> Option<&'static str> {
        self.path.split('/').find_map(|part| part.strip_prefix('<')?.strip_suffix('>'))
    }

    /// What an operator should know of it before using it: that the platform no longer offers it, or may not.
    pub fn warning(&self) -> Option<String> {
        match self.upstream {
            Upstream::Offered => None,
            Upstream::Doubtful(why) => Some(format!("OneAll's `{}` may be refused: {why}", self.path)),
            Upstream::Gone(why) => Some(format!("OneAll's `{}` can't succeed any more: {why}", self.path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if a row is put in another place, or its path is mistyped.
    #[test]
    fn the_table_has_the_twenty_endpoints_in_their_order() {
        let paths: Vec<_> = TABLE.iter().map(|row| row.path).collect();
        assert_eq!(
            paths,
            [
                "facebook/post",
                "facebook/picture",
                "facebook/video",
                "facebook/group/post",
                "facebook/group/picture",
                "facebook/group/video",
                "facebook/page/post",
                "facebook/page/picture",
                "facebook/page/video",
                "linkedin/post",
                "linkedin/company/post",
                "pinterest/board/<board_id>/pin",
                "pinterest/board",
                "twitter/post",
                "twitter/picture",
                "twitter/video",
                "youtube/video",
                "youtube/playlist/<playlist_id>/video",
                "youtube/playlist",
                "youtube/channel/section",
            ]
        );
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!((row.resource as usize, row.resource.endpoint().path), (place, row.path));
            assert!(row.one_of.iter().all(|name| row.fields.iter().any(|field| field.name == *name)));
            // What a list's path names must be known when it is read.
            for part in row.pull.map_or("", |pull| pull.path).split('/').filter(|part| part.starts_with('<'))
            {
                let name = part.trim_matches(['<', '>']);
                assert!(row.placeholder() == Some(name) || row.fields.iter().any(|field| field.name == name));
            }
        }
    }

    #[test]
    fn what_is_gone_is_said() {
        let warned: Vec<_> = TABLE.iter().filter(|row| row.warning().is_some()).map(|row| row.path).collect();
        assert_eq!(
            warned,
            [
                "facebook/post",
                "facebook/picture",
                "facebook/video",
                "facebook/group/post",
                "facebook/group/picture",
                "facebook/group/video"
            ]
        );
    }
}
