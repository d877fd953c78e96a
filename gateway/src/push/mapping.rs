//! Which channel, text and extras a push is.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use strowger::Engine;
use strowger_oneall::endpoints::{Resource, Upstream};

use super::Identity;
use super::envelope::Problem;
use super::request::Asked;

/// An account that publishes, as its channel's manifest has it.
pub(super) struct Account {
    name: String,
    /// What a Send writes into the user data: the account's facts.
    facts: Map<String, Value>,
    /// The member of a Send that holds the message.
    resource: String,
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    /// The member of a Send that holds it.
    pub(super) resource: String,
    /// That member.
    pub(super) content: Map<String, Value>,
}

impl Account {
    /// The account that an identity publishes with on a channel.
    pub(super) fn find(engine: &Engine, channel: &str, identity: &Identity) -> Result<Self, Problem> {
        let missing =
            |why: &str| Problem::new(404, format!("nothing is pushed to {channel} for this identity: {why}"));
        let name = identity.accounts.get(channel).ok_or_else(|| missing("it has no account there"))?;
        let manifest = engine.manifest(channel).map_err(|_| missing("the gateway has no such channel"))?;
        let account = manifest.accounts.iter().find(|account| account.name == *name);
        let account = account.ok_or_else(|| missing("its account is not configured"))?;
        Ok(Self {
            name: name.clone(),
            facts: account.send_user_data.clone(),
            resource: manifest.resource.clone(),
        })
    }

    fn fact(&self, key: &str) -> Option<&str> {
        self.facts.get(key)?.as_str()
    }

    /// Refuses a push to another page or company than the account's own.
    fn must_be(&self, asked: &Asked, field: &str, key: &str) -> Result<(), Problem> {
        match (asked.text(field), self.fact(key)) {
            (given, own) if given == own => Ok(()),
            (given, _) => Err(Problem::new(
                403,
                match given {
                    Some(given) => {
                        format!("`{field}` is `{given:.64}`: this identity's account does not publish there")
                    }
                    None => format!("this identity's account publishes for a {field}, not for a user"),
                },
            )),
        }
    }
}

/// The message of a push. What the account can't do is refused here, before anything is created.
pub(super) fn message(
    asked: &Asked,
    account: &Account,
    places: &HashMap<String, String>,
) -> Result<Message, Problem> {
    let (text, extras) = match asked.row.resource {
        Resource::FacebookPost
        | Resource::FacebookPicture
        | Resource::FacebookVideo
        | Resource::FacebookGroupPost
        | Resource::FacebookGroupPicture
        | Resource::FacebookGroupVideo => return Err(not_a_page(asked)),
        Resource::FacebookPagePost | Resource::FacebookPagePicture | Resource::FacebookPageVideo => {
            account.must_be(asked, "id", "_facebookSourceId")?;
            page(asked)?
        }
        Resource::LinkedInPost | Resource::LinkedInCompanyPost => {
            account.must_be(asked, "company", "_linkedinCompanyId")?;
            (
                first(asked, &["message", "description", "title", "link"]),
                carried(
                    asked,
                    &[
                        ("link", "link"),
                        ("title", "title"),
                        ("description", "description"),
                        ("picture", "picture"),
                    ],
                ),
            )
        }
        Resource::PinterestPin => {
            if asked.text("board") != asked.target.as_deref() {
                return Err(Problem::new(400, "`board` must be the board in the request's path"));
            }
            (
                first(asked, &["description"]),
                carried(asked, &[("board", "board"), ("picture", "picture"), ("link", "link")]),
            )
        }
        Resource::PinterestBoard => {
            (first(asked, &["description", "name"]), carried(asked, &[("name", "new_board")]))
        }
        Resource::TwitterPost => (first(asked, &["message"]), tweet(asked, places)),
        Resource::TwitterPicture => (first(asked, &["description", "url"]), upload(asked, "url")),
        Resource::TwitterVideo => {
            no_callback(asked)?;
            (first(asked, &["video_url"]), upload(asked, "video_url"))
        }
        Resource::YouTubeVideo => {
            no_callback(asked)?;
            (
                first(asked, &["description", "title"]),
                carried(
                    asked,
                    &[("video_url", "video_url"), ("title", "title"), ("thumbnail_url", "picture")],
                ),
            )
        }
        Resource::YouTubePlaylistVideo => {
            let mut extras = carried(asked, &[("id", "video")]);
            extras.insert("playlist".into(), json!(asked.target));
            (first(asked, &["id"]), extras)
        }
        Resource::YouTubePlaylist => {
            (first(asked, &["description", "title"]), carried(asked, &[("title", "new_playlist")]))
        }
        Resource::YouTubeChannelSection => {
            // The text stays here: the section is passed on as it is.
            ("a section of the channel", Map::from_iter([("section".to_owned(), json!(asked.fields()))]))
        }
    };
    let mut content =
        Map::from_iter([("from".to_owned(), json!(account.name)), ("message".to_owned(), json!(text))]);
    content.extend(extras);
    Ok(Message { resource: account.resource.clone(), content })
}

/// Profiles and groups: the accounts here are pages.
fn not_a_page(asked: &Asked) -> Problem {
    let why = match asked.row.upstream {
        Upstream::Offered => "",
        Upstream::Doubtful(why) | Upstream::Gone(why) => why,
    };
    let path = asked.row.path;
    Problem::new(403, format!("`{path}` can't be served: accounts publish on pages (facebook/page/…); {why}"))
}

fn page(asked: &Asked) -> Result<(&str, Map<String, Value>), Problem> {
    let picture = |url: &str| json!([{ "url": url }]);
    match asked.row.resource {
        // A link alone is shown with its address, as if it had been pasted.
        Resource::FacebookPagePost => Ok((
            first(asked, &["message", "link"]),
            carried(asked, &[("link", "link"), ("attachments", "attachments")]),
        )),
        resource => {
            let text = asked.text("description").ok_or_else(|| {
                Problem::new(400, "`description` is missing: what is published on a page here has a text")
            })?;
            let url = asked.text("url").unwrap_or_default();
            let extra = if resource == Resource::FacebookPagePicture {
                ("attachments".to_owned(), picture(url))
            } else {
                ("video_url".to_owned(), json!(url))
            };
            Ok((text, Map::from_iter([extra])))
        }
    }
}

fn tweet(asked: &Asked, places: &HashMap<String, String>) -> Map<String, Value> {
    let mut extras = carried(asked, &[("location", "location"), ("attachments", "attachments")]);
    // X takes ids of places, OneAll's clients give names: those that the configuration knows are put in place.
    if let Some(id) = asked.text("location").and_then(|name| places.get(name)) {
        extras.insert("location".into(), json!(id));
    }
    extras
}

/// What is only uploaded: the answer's `post_id` is the id that a post names among its attachments.
fn upload(asked: &Asked, address: &str) -> Map<String, Value> {
    let mut media = json!({ "url": asked.text(address) });
    if let Some(description) = asked.text("description") {
        media["alt_text"] = json!(description);
    }
    Map::from_iter([("upload_only".to_owned(), json!(true)), ("attachments".to_owned(), json!([media]))])
}

fn no_callback(asked: &Asked) -> Result<(), Problem> {
    match asked.field("callback_url") {
        None => Ok(()),
        Some(_) => Err(Problem::new(
            400,
            "`callback_url` is not called by this gateway: leave it out; the answer tells the outcome, or the \
             interaction's address",
        )),
    }
}

/// The first of these fields that was given.
fn first<'a>(asked: &'a Asked, names: &[&str]) -> &'a str {
    names.iter().find_map(|name| asked.text(name)).unwrap_or_default()
}

/// The fields that were given, under the names of the channel's extras.
fn carried(asked: &Asked, names: &[(&str, &str)]) -> Map<String, Value> {
    let given =
        names.iter().filter_map(|(field, extra)| Some(((*extra).to_owned(), asked.field(field)?.clone())));
    given.collect()
}
