//! A push that is fit to be made: an endpoint with fields that are known there, complete and of their kinds.

use serde_json::{Map, Value, json};
use strowger_channel::Refusal;

use crate::endpoints::{Endpoint, Kind, Resource};

/// A push. It can't be wrong: [`Push::new`] refuses what the endpoint does not take.
#[derive(Clone, Debug, PartialEq)]
pub struct Push {
    resource: Resource,
    target: Option<String>,
    fields: Map<String, Value>,
}

impl Push {
    /// A push of these fields; `target` is the id in the endpoint's path, where there is one. Fields that are
    /// `null` count as not given.
    pub fn new(
        resource: Resource,
        target: Option<String>,
        fields: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Result<Self, Refusal> {
        Self::open(resource, target, fields.into_iter().map(|(name, value)| (name.to_owned(), value)))
    }

    /// As [`Push::new`], for fields that an agent named.
    pub fn open(
        resource: Resource,
        target: Option<String>,
        fields: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<Self, Refusal> {
        let endpoint = resource.endpoint();
        let fields: Map<String, Value> = fields.into_iter().filter(|(_, value)| !value.is_null()).collect();
        match (endpoint.placeholder(), &target) {
            (None, None) => {}
            (Some(_), Some(id)) if is_id(id) => {}
            (Some(name), _) => {
                return Err(Refusal::invalid(format!(
                    "{} needs a `{name}` of letters, digits, `-` and `_`",
                    endpoint.path
                )));
            }
            (None, Some(_)) => {
                return Err(Refusal::invalid(format!("{} takes no id in its path", endpoint.path)));
            }
        }
        for field in endpoint.fields {
            match fields.get(field.name) {
                Some(value) => check(field.name, field.kind, value)?,
                None if field.required => {
                    return Err(Refusal::invalid(format!("{} needs `{}`", endpoint.path, field.name)));
                }
                None => {}
            }
        }
        if !endpoint.one_of.is_empty() && !endpoint.one_of.iter().any(|name| fields.contains_key(*name)) {
            return Err(Refusal::invalid(format!(
                "{} needs one of `{}`",
                endpoint.path,
                endpoint.one_of.join("`, `")
            )));
        }
        let known = |name: &String| endpoint.open || endpoint.fields.iter().any(|field| field.name == name);
        if let Some(stranger) = fields.keys().find(|name| !known(name)) {
            return Err(Refusal::invalid(format!("{} can't carry `{stranger}`", endpoint.path)));
        }
        if endpoint.open && fields.is_empty() {
            return Err(Refusal::invalid(format!("{} needs at least one member", endpoint.path)));
        }
        Ok(Self { resource, target, fields })
    }

    /// Its endpoint.
    pub fn endpoint(&self) -> &'static Endpoint {
        self.resource.endpoint()
    }

    /// The path beneath `/push/identities/<identity_token>/`.
    pub(crate) fn path(&self) -> String {
        self.filled(self.endpoint().path)
    }

    /// The path of the list in which it would show up.
    pub(crate) fn pull_path(&self) -> Option<String> {
        self.endpoint().pull.map(|pull| self.filled(pull.path))
    }

    /// The body of the request.
    pub(crate) fn body(&self) -> Value {
        json!({ "request": { "push": { self.endpoint().root: self.fields } } })
    }

    /// The text by which it is known again in a list.
    pub(crate) fn text(&self) -> Option<&str> {
        let names: &[&str] = match self.resource {
            Resource::YouTubeVideo | Resource::YouTubePlaylist => &["title"],
            Resource::PinterestBoard => &["name"],
            // Without a message, LinkedIn shows a post by its title.
            _ => &["message", "description", "title"],
        };
        names.iter().find_map(|name| self.fields.get(*name)?.as_str())
    }

    fn filled(&self, template: &str) -> String {
        let part = |part: &str| match part.strip_prefix('<').and_then(|part| part.strip_suffix('>')) {
            None => part.to_owned(),
            Some(name) => match self.fields.get(name) {
                Some(Value::String(id)) => id.clone(),
                _ => self.target.clone().unwrap_or_default(),
            },
        };
        template.split('/').map(part).collect::<Vec<_>>().join("/")
    }
}

fn check(name: &str, kind: Kind, value: &Value) -> Result<(), Refusal> {
    let wrong = |what: &str| Err(Refusal::invalid(format!("`{name}` must be {what}")));
    match (kind, value) {
        (Kind::Text, Value::String(text)) if !text.trim().is_empty() => Ok(()),
        (Kind::Text, _) => wrong("a text that is not empty"),
        (Kind::Id, Value::String(id)) if is_id(id) => Ok(()),
        (Kind::Id, _) => wrong("an id of letters, digits, `-` and `_`, as a string"),
        (Kind::Address, Value::String(address)) if is_web_address(address) => Ok(()),
        (Kind::Address, _) => wrong("an http or https address without white space"),
        (Kind::Flag, Value::Bool(_)) => Ok(()),
        (Kind::Flag, _) => wrong("true or false"),
        (Kind::Ids(most), Value::Array(ids)) if ids.len() > most => {
            let message = format!("`{name}` has {} entries, {most} are allowed", ids.len());
            Err(Refusal::out_of_range(message))
        }
        (Kind::Ids(_), Value::Array(ids)) if ids.iter().all(|id| id.as_str().is_some_and(is_id)) => Ok(()),
        (Kind::Ids(_), _) => {
            wrong("an array of the platform's ids, as strings: this transport uploads nothing")
        }
    }
}

/// Whether a text is fit to be an id: it becomes part of an address.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Whether a text is an http or https address, as far as one can see.
pub fn is_web_address(text: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| {
        text.get(..scheme.len()).is_some_and(|lead| lead.eq_ignore_ascii_case(scheme))
            && text.len() > scheme.len()
    }) && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_has_what_its_endpoint_takes_and_nothing_else() {
        use Resource::{
            FacebookPost, PinterestPin, TwitterPost, YouTubeChannelSection, YouTubePlaylistVideo,
        };
        let push = |resource, target: Option<&str>, fields: Value| {
            let Value::Object(fields) = fields else { panic!("an object") };
            Push::open(resource, target.map(str::to_owned), fields).map_err(|refusal| refusal.code)
        };
        let pin = json!({ "board": "7", "description": "d", "picture": "https://example.org/p.png" });
        for (resource, target, fields, expected) in [
            (TwitterPost, None, json!({ "message": "hi", "attachments": ["1", "2", "3", "4"] }), Ok(())),
            (TwitterPost, None, json!({ "message": "hi", "location": null }), Ok(())),
            (
                TwitterPost,
                None,
                json!({ "message": "hi", "attachments": ["1", "2", "3", "4", "5"] }),
                Err(10),
            ),
            (TwitterPost, None, json!({ "message": "hi", "attachments": [{ "url": "https://x" }] }), Err(2)),
            (TwitterPost, None, json!({ "message": " " }), Err(2)),
            (TwitterPost, None, json!({}), Err(2)),
            (TwitterPost, None, json!({ "message": "hi", "link": "https://example.org" }), Err(2)),
            (TwitterPost, Some("1"), json!({ "message": "hi" }), Err(2)),
            (FacebookPost, None, json!({ "attachments": [] }), Err(2)),
            (FacebookPost, None, json!({ "link": "javascript:x" }), Err(2)),
            (FacebookPost, None, json!({ "link": "https://example.org" }), Ok(())),
            (PinterestPin, Some("7"), pin.clone(), Ok(())),
            (PinterestPin, None, pin.clone(), Err(2)),
            (PinterestPin, Some("../7"), pin, Err(2)),
            (YouTubePlaylistVideo, Some("PL_-1"), json!({ "id": "dQ-_1" }), Ok(())),
            (YouTubeChannelSection, None, json!({ "anything": { "at": "all" } }), Ok(())),
            (YouTubeChannelSection, None, json!({}), Err(2)),
        ] {
            assert_eq!(push(resource, target, fields.clone()).map(drop), expected, "{resource:?} {fields}");
        }
    }

    #[test]
    fn the_body_is_the_one_of_the_document() {
        let fields = [("message", json!("Hello World!")), ("location", json!("Paris FRANCE"))];
        let push = Push::new(Resource::TwitterPost, None, fields).unwrap();
        assert_eq!(push.path(), "twitter/post");
        assert_eq!(
            push.body(),
            json!({ "request": { "push": { "post": { "message": "Hello World!", "location": "Paris FRANCE" } } } })
        );
        let fields = [
            ("id", json!("44")),
            ("message", json!("m")),
            ("attachments", json!(["1"])),
            ("link", Value::Null),
        ];
        let push = Push::new(Resource::FacebookPagePost, None, fields).unwrap();
        assert_eq!(push.pull_path().as_deref(), Some("facebook/page/44/posts"));
        assert_eq!(push.text(), Some("m"));
    }
}
