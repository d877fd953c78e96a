//! OneAll's Push API, and of its Pull API the lists in which a push shows up.
//!
//! The endpoints are a table of their own here, made from OneAll's documents and not from the plugin's: a second
//! reader of the same pages.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use crate::http::{Request, Response};
use crate::options::Options;
use crate::params;
use crate::state::{Kind, Platform, Post, State};
use crate::x::anonymous_id;

/// The roots of a body, their members, and the list in which the result shows up. `*` marks a required member,
/// `{}` the id in the path.
struct Row {
    path: &'static str,
    root: &'static str,
    members: &'static str,
    list: &'static str,
    kind: Kind,
}

const fn row(
    path: &'static str,
    root: &'static str,
    members: &'static str,
    list: &'static str,
    kind: Kind,
) -> Row {
    Row { path, root, members, list, kind }
}

const FILE: &str = "url* description create_post";
const PLACE_POST: &str = "id* message link attachments";
const PLACE_FILE: &str = "id* url* description";

const TABLE: [Row; 20] = [
    row("facebook/post", "post", "message link attachments", "facebook/posts", Kind::Post),
    row("facebook/picture", "picture", FILE, "facebook/posts", Kind::Picture),
    row("facebook/video", "video", FILE, "facebook/posts", Kind::Video),
    row("facebook/group/post", "group", PLACE_POST, "facebook/group/=id/posts", Kind::Post),
    row("facebook/group/picture", "group", PLACE_FILE, "facebook/group/=id/posts", Kind::Picture),
    row("facebook/group/video", "group", PLACE_FILE, "facebook/group/=id/posts", Kind::Video),
    row("facebook/page/post", "page", PLACE_POST, "facebook/page/=id/posts", Kind::Post),
    row("facebook/page/picture", "page", PLACE_FILE, "facebook/page/=id/posts", Kind::Picture),
    row("facebook/page/video", "page", PLACE_FILE, "facebook/page/=id/posts", Kind::Video),
    row(
        "linkedin/post",
        "post",
        "link* title description message picture",
        "linkedin/user/posts",
        Kind::Post,
    ),
    row(
        "linkedin/company/post",
        "post",
        "company* link* title description message picture",
        "linkedin/company/=company/posts",
        Kind::Post,
    ),
    row(
        "pinterest/board/{}/pin",
        "pin",
        "board* description* picture* link",
        "pinterest/board/{}/pins",
        Kind::Post,
    ),
    row("pinterest/board", "board", "name* description", "pinterest/boards", Kind::Board),
    row("twitter/post", "post", "message* location attachments", "twitter/tweets", Kind::Post),
    row("twitter/picture", "picture", "url* description", "", Kind::Picture),
    row("twitter/video", "video", "video_url* callback_url", "", Kind::Video),
    row(
        "youtube/video",
        "video",
        "video_url* title* description thumbnail_url callback_url",
        "youtube/videos",
        Kind::Video,
    ),
    row("youtube/playlist/{}/video", "video", "id*", "", Kind::Entry),
    row("youtube/playlist", "playlist", "title* description", "youtube/playlists", Kind::Playlist),
    row("youtube/channel/section", "section", "…", "", Kind::Section),
];

/// Method, path and meaning of every endpoint, from the table.
pub(crate) fn endpoints() -> impl Iterator<Item = (&'static str, String, &'static str)> {
    let path = |api: &str, path: &str| format!("/{api}/identities/{{token}}/{path}.json");
    let push =
        TABLE.iter().map(move |row| ("POST", path("push", &row.path.replace("{}", "{id}")), "publish"));
    let lists = TABLE.iter().map(|row| pattern(row.list)).filter(|list| !list.is_empty());
    let lists: std::collections::BTreeSet<String> = lists.collect();
    let read =
        move |list: String| ("GET", path("pull", &list.replace("{}", "{id}")), "read back, newest first");
    push.chain(lists.into_iter().map(read))
}

/// The template of a list's path: an id of the body's is an id of the path's there.
fn pattern(list: &str) -> String {
    list.split('/').map(|part| if part.starts_with('=') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

pub(crate) fn answer(request: &Request, state: &mut State, options: &Options, now_ms: i64) -> Response {
    let call = Call { request, options, now_ms };
    call.perform(state).unwrap_or_else(|failure| call.envelope(failure.status, "error", &failure.info, None))
}

/// The usual error of that status.
pub(crate) fn error(status: u16, now_ms: i64) -> Response {
    let request = Request::default();
    Call { request: &request, options: &Options::default(), now_ms }.envelope(
        status,
        "error",
        "an armed fault",
        None,
    )
}

struct Failure {
    status: u16,
    info: String,
}

fn failure(status: u16, info: impl Into<String>) -> Failure {
    Failure { status, info: info.into() }
}

struct Call<'a> {
    request: &'a Request,
    options: &'a Options,
    now_ms: i64,
}

impl Call<'_> {
    fn perform(&self, state: &mut State) -> Result<Response, Failure> {
        self.authorize()?;
        let segments = self.request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let [api, "identities", identity, rest @ ..] = &segments[..] else {
            return Err(failure(404, "there is no such resource"));
        };
        let path = rest.join("/");
        let path = path.strip_suffix(".json").ok_or_else(|| failure(404, "a resource ends in .json"))?;
        match (*api, self.request.method.as_str()) {
            ("push", "POST") => self.push(state, identity, path),
            ("pull", "GET") => self.pull(state, identity, path),
            _ => Err(failure(405, "this method does nothing on this resource")),
        }
    }

    /// HTTP Basic with the site's keys.
    fn authorize(&self) -> Result<(), Failure> {
        let refused = || failure(401, "the public and the private key of the site are required");
        let (scheme, encoded) = self
            .request
            .header("authorization")
            .and_then(|value| value.split_once(' '))
            .ok_or_else(refused)?;
        let decoded = BASE64_STANDARD.decode(encoded.trim()).map_err(|_| refused())?;
        let keys = String::from_utf8(decoded).map_err(|_| refused())?;
        let (public, private) = keys.split_once(':').ok_or_else(refused)?;
        let expected = self.options.oneall_keys.as_ref();
        let fits = expected.is_none_or(|keys| (keys.0.as_str(), keys.1.as_str()) == (public, private));
        if !scheme.eq_ignore_ascii_case("basic") || public.is_empty() || private.is_empty() || !fits {
            return Err(refused());
        }
        Ok(())
    }

    fn push(&self, state: &mut State, identity: &str, path: &str) -> Result<Response, Failure> {
        let (row, id_in_path) = TABLE
            .iter()
            .find_map(|row| Some((row, matches(row.path, path)?)))
            .ok_or_else(|| failure(404, "there is no such resource"))?;
        let body: Value =
            serde_json::from_slice(&self.request.body).map_err(|_| failure(400, "the body is not JSON"))?;
        let push = body["request"]["push"].as_object().filter(|push| push.len() == 1);
        let fields = push.and_then(|push| push.get(row.root)).and_then(Value::as_object);
        let fields = fields
            .ok_or_else(|| failure(400, format!("request.push must hold one object `{}`", row.root)))?;
        check(row, fields)?;
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let account = text("id").or(text("company")).filter(|_| row.list.contains('=')).map_or_else(
            // A push that names no page or company is the identity's own.
            || anonymous_id(identity),
            str::to_owned,
        );
        let words =
            ["message", "description", "title", "name"].into_iter().find_map(text).unwrap_or_default();
        let platform = platform(row.path);
        if platform == Platform::Twitter && row.kind == Kind::Post {
            let window_ms = i64::try_from(self.options.duplicate_window.as_millis()).unwrap_or(i64::MAX);
            let last = state.last_with_text(platform, &account, words);
            if last.is_some_and(|last| self.now_ms - last.time_ms < window_ms) {
                // OneAll did its part; it is the platform behind that refuses.
                return Ok(self.envelope(
                    200,
                    "success",
                    "done",
                    Some(&json!({
                    "status": { "flag": "error", "code": 403, "info": "the tweet is a duplicate" } })),
                ));
            }
        }
        let id = state.next_id(self.now_ms).to_string();
        let mut details = fields.clone();
        details.insert("list".to_owned(), json!(filled(row.list, fields, id_in_path.as_deref())));
        details.insert("identity".to_owned(), json!(anonymous_id(identity)));
        let post = Post {
            platform,
            account,
            text: words.to_owned(),
            id: id.clone(),
            time_ms: self.now_ms,
            kind: row.kind,
            in_reply_to: None,
            object: id_in_path,
            deleted: false,
            details,
        };
        let address = location(&post);
        state.publish(post, &self.options.limits).map_err(|full| failure(507, full.to_string()))?;
        let mut data = json!({ "provider": provider(row.path), "object": row.root });
        // What is worked on in the background has no id yet when the answer is written.
        let is_asynchronous = matches!(row.path, "twitter/video" | "youtube/video");
        if !is_asynchronous {
            data["post_id"] = json!(id);
            data["post_location"] = json!(address);
        }
        Ok(self.envelope(200, "success", "done", Some(&json!({ "data": data }))))
    }

    /// The posts of a list, newest first.
    fn pull(&self, state: &State, identity: &str, path: &str) -> Result<Response, Failure> {
        let known =
            TABLE.iter().any(|row| !row.list.is_empty() && matches(&pattern(row.list), path).is_some());
        if !known {
            return Err(failure(404, "there is no such resource"));
        }
        let query = params::pairs(&self.request.query);
        let number = |name: &str| {
            let value = query.iter().find(|pair| pair.0 == name).map(|pair| pair.1.parse::<usize>());
            value.transpose().map_err(|_| failure(400, format!("{name} must be a number")))
        };
        let count = number("num_posts")?.or(number("num_tweets")?).unwrap_or(50).min(100);
        let page = number("page")?.unwrap_or(1).max(1);
        let identity = anonymous_id(identity);
        let listed = |post: &&Post| {
            !post.deleted
                && post.details.get("list").is_some_and(|list| list == path)
                && post.details.get("identity").is_some_and(|known| *known == identity)
        };
        let entries: Vec<Value> = state
            .posts()
            .iter()
            .rev()
            .filter(listed)
            .skip((page - 1).saturating_mul(count))
            .take(count)
            .map(|post| {
                let text = |name: &str| post.details.get(name).cloned().unwrap_or_default();
                json!({ "post_id": post.id, "post_location": location(post), "message": text("message"),
                        "title": text("title"), "name": text("name"), "description": text("description"),
                        "date_creation": params::graph_time(post.time_ms) })
            })
            .collect();
        let object = path.rsplit('/').next().unwrap_or_default();
        let mut data = json!({ "provider": provider(path), "object": object });
        data[object] = json!(entries);
        Ok(self.envelope(200, "success", "done", Some(&json!({ "data": data }))))
    }

    fn envelope(&self, status: u16, flag: &str, info: &str, result: Option<&Value>) -> Response {
        let mut body = json!({ "response": { "request": {
            "date": params::http_date(self.now_ms),
            "resource": self.request.path,
            "status": { "flag": flag, "code": status, "info": info },
        } } });
        if let Some(result) = result {
            body["response"]["result"] = result.clone();
        }
        Response::json(status, &body)
    }
}

/// Whether a path fits a template; the part that stands in the place of `{}`, or nothing.
#[allow(clippy::option_option, reason = "it does not fit, or fits with or without an id")]
fn matches(template: &str, path: &str) -> Option<Option<String>> {
    let (mut template, mut path, mut id) = (template.split('/'), path.split('/'), None);
    loop {
        match (template.next(), path.next()) {
            (None, None) => return Some(id),
            (Some("{}"), Some(part)) if !part.is_empty() => id = Some(part.to_owned()),
            (Some(expected), Some(part)) if expected == part => {}
            _ => return None,
        }
    }
}

fn filled(list: &str, fields: &Map<String, Value>, id_in_path: Option<&str>) -> String {
    let part = |part: &str| match part.strip_prefix('=') {
        Some(name) => fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned(),
        None if part == "{}" => id_in_path.unwrap_or_default().to_owned(),
        None => part.to_owned(),
    };
    list.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn check(row: &Row, fields: &Map<String, Value>) -> Result<(), Failure> {
    if row.members == "…" {
        return Ok(());
    }
    let known: Vec<(&str, bool)> = row
        .members
        .split(' ')
        .map(|name| name.strip_suffix('*').map_or((name, false), |name| (name, true)))
        .collect();
    if let Some(stranger) = fields.keys().find(|name| !known.iter().any(|known| known.0 == *name)) {
        return Err(failure(400, format!("`{stranger}` is not a member of `{}`", row.root)));
    }
    for (name, required) in known {
        let fits = match (fields.get(name), name) {
            (None, _) => !required,
            (Some(value), "attachments") => value.as_array().is_some_and(|ids| {
                ids.iter().all(Value::is_string) && (provider(row.path) != "twitter" || ids.len() <= 4)
            }),
            (Some(value), "create_post") => value.is_boolean(),
            (Some(value), _) => value.as_str().is_some_and(|text| !text.is_empty()),
        };
        if !fits {
            return Err(failure(400, format!("`{name}` is missing or can't be read")));
        }
    }
    let is_facebook_post = provider(row.path) == "facebook" && row.kind == Kind::Post;
    if is_facebook_post && !["message", "link"].iter().any(|name| fields.contains_key(*name)) {
        return Err(failure(400, "one of `message` and `link` is required"));
    }
    Ok(())
}

fn provider(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

fn platform(path: &str) -> Platform {
    match provider(path) {
        "facebook" => Platform::Facebook,
        "linkedin" => Platform::LinkedIn,
        "pinterest" => Platform::Pinterest,
        "youtube" => Platform::YouTube,
        _ => Platform::Twitter,
    }
}

fn location(post: &Post) -> String {
    let host = match post.platform {
        Platform::Twitter => "twitter.com/i/status",
        Platform::Facebook => "www.facebook.com",
        Platform::LinkedIn => "www.linkedin.com/feed/update",
        Platform::Pinterest => "www.pinterest.com/pin",
        Platform::YouTube => "www.youtube.com/watch",
    };
    format!("https://{host}/{}", post.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_fit_their_templates() {
        assert_eq!(matches("a/{}/b", "a/7/b"), Some(Some("7".to_owned())));
        assert_eq!(matches("a/b", "a/b"), Some(None));
        assert_eq!(matches("a/{}/b", "a//b"), None);
        assert_eq!(matches("a/{}", "a/7/b"), None);
        assert_eq!(TABLE.iter().map(|row| row.path).collect::<std::collections::BTreeSet<_>>().len(), 20);
    }
}
