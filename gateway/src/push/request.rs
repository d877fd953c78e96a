//! Reads a push: which endpoint, and with which fields, judged by the table of OneAll's endpoints.

use serde_json::{Map, Value};
use strowger_oneall::Push;
use strowger_oneall::endpoints::{Endpoint, TABLE};

use super::envelope::Problem;

/// A row of the table, and the id in the request's path, where the row has a place for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) row: &'static Endpoint,
    pub(super) target: Option<&'a str>,
}

/// A push that its endpoint takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) row: &'static Endpoint,
    pub(super) target: Option<String>,
    fields: Map<String, Value>,
}

/// The identity token and the endpoint of `/push/identities/<identity_token>/<endpoint>.json`.
pub(super) fn place(path: &str) -> Option<(&str, Place<'_>)> {
    let (token, resource) = path.strip_prefix("/push/identities/")?.split_once('/')?;
    let resource = resource.strip_suffix(".json")?;
    let place = TABLE.iter().find_map(|row| matched(row, resource))?;
    Some((token, place))
}

/// The address of what was pushed to such a path: `…/twitter/post.json` has it as `…/twitter/post/<id>.json`.
pub(super) fn pushed_path(path: &str, id: &str) -> String {
    format!("{}/{id}.json", path.strip_suffix(".json").unwrap_or(path))
}

/// The identity token, the endpoint and the interaction's id of such an address.
pub(super) fn pushed(path: &str) -> Option<(&str, Place<'_>, &str)> {
    let (token, resource) = path.strip_prefix("/push/identities/")?.split_once('/')?;
    let (resource, id) = resource.strip_suffix(".json")?.rsplit_once('/')?;
    let place = TABLE.iter().find_map(|row| matched(row, resource))?;
    Some((token, place, id))
}

/// The place, if the path is that of the row.
fn matched<'a>(row: &'static Endpoint, path: &'a str) -> Option<Place<'a>> {
    let mut target = None;
    let mut parts = path.split('/');
    for expected in row.path.split('/') {
        let part = parts.next()?;
        if expected.starts_with('<') && !part.is_empty() {
            target = Some(part);
        } else if part != expected {
            return None;
        }
    }
    parts.next().is_none().then_some(Place { row, target })
}

impl Asked {
    /// Reads a body: `{"request": {"push": {ROOT: {…}}}}` and nothing else.
    pub(super) fn read(place: &Place<'_>, body: &[u8]) -> Result<Self, Problem> {
        let root = place.row.root;
        let invalid = |info: String| Problem::new(400, info);
        let document: Value = serde_json::from_slice(body)
            .map_err(|error| invalid(format!("the request's body is no JSON: {error}")))?;
        let mut fields = document;
        let mut at = String::new();
        for name in ["request", "push", root] {
            fields = only_member(fields, &at, name).map_err(&invalid)?;
            at = if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        }
        let Value::Object(fields) = fields else {
            return Err(invalid(format!("`{at}` must be an object")));
        };
        let target = place.target.map(str::to_owned);
        // The table's own judgement, the same that holds when Strowger pushes to OneAll.
        Push::open(place.row.resource, target.clone(), fields.clone())
            .map_err(|refusal| invalid(format!("`{at}`: {}", refusal.message)))?;
        Ok(Self { row: place.row, target, fields })
    }

    /// A field that was given. `null` counts as not given.
    pub(super) fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.field(name)?.as_str()
    }

    /// All fields.
    pub(super) fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }
}

/// The one member of an object, which must have that name.
fn only_member(value: Value, at: &str, name: &str) -> Result<Value, String> {
    let place = if at.is_empty() { "the request's body".to_owned() } else { format!("`{at}`") };
    let Value::Object(mut members) = value else { return Err(format!("{place} must be an object")) };
    let Some(member) = members.remove(name) else {
        return Err(format!("{place} must have a member `{name}`"));
    };
    match members.keys().next() {
        Some(stranger) => {
            Err(format!("{place} has the unknown member `{stranger:.64}`: expected `{name}` alone"))
        }
        None => Ok(member),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_rows() {
        for row in &TABLE {
            let path = row.path.replace("<board_id>", "b1").replace("<playlist_id>", "b1");
            let path = format!("/push/identities/t-1/{path}.json");
            let (token, found) = place(&path).expect("a row");
            assert_eq!((token, found.row.path), ("t-1", row.path));
            assert_eq!(found.target, row.placeholder().map(|_| "b1"), "{path}");
            let address = pushed_path(&path, "ID");
            let (token, again, id) = pushed(&address).expect("a row");
            assert_eq!((token, again, id), ("t-1", found, "ID"), "{address}");
        }
        for wrong in [
            "/push/identities/t-1/twitter/post",
            "/push/identities/t-1/twitter/post/more.json",
            "/push/identities/t-1/pinterest/board//pin.json",
            "/push/identities/t-1/twitter.json",
            "/push/identities/twitter/post.json",
            "/push/identities/t-1/mastodon/post.json",
        ] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }

    /// Fails if a member is passed over, or a kind is not looked at.
    #[test]
    fn what_is_wrong_with_a_body_is_named() {
        let (_, post) = place("/push/identities/t/twitter/post.json").expect("a row");
        let read = |body: &str| Asked::read(&post, body.as_bytes());
        assert!(read(r#"{"request":{"push":{"post":{"message":"hi","location":null}}}}"#).is_ok());
        for (body, named) in [
            ("{", "no JSON"),
            ("[]", "the request's body must be an object"),
            (r#"{"request":{"push":{}}}"#, "`post`"),
            (r#"{"request":{"push":{"post":{"message":"hi"}},"more":1}}"#, "`more`"),
            (r#"{"request":{"push":{"post":{"message":"hi"},"page":{}}}}"#, "`page`"),
            (r#"{"request":{"push":{"post":[]}}}"#, "`request.push.post` must be an object"),
            (r#"{"request":{"push":{"post":{}}}}"#, "`message`"),
            (r#"{"request":{"push":{"post":{"message":7}}}}"#, "`message`"),
            (r#"{"request":{"push":{"post":{"message":"hi","colour":"red"}}}}"#, "`colour`"),
            (
                r#"{"request":{"push":{"post":{"message":"hi","attachments":["1","2","3","4","5"]}}}}"#,
                "`attachments`",
            ),
        ] {
            let problem = read(body).expect_err(body);
            assert_eq!(problem.status, 400);
            assert!(problem.info.contains(named), "{body}: {}", problem.info);
        }
    }
}
