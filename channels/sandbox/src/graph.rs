//! The Facebook Graph API.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::endpoints;
use crate::http::{Request, Response};
use crate::options::Options;
use crate::state::{Full, Kind, Platform, Post, Relation, State, Used};
use crate::x::anonymous_id;
use crate::{multipart, params};

const FB: Platform = Platform::Facebook;
/// Longer than a page's and a post's number together.
const MAX_ID: usize = 64;

pub(crate) fn answer(request: &Request, state: &mut State, options: &Options, now_ms: i64) -> Response {
    let mut segments = request.segments();
    if segments.first().is_some_and(|first| first.starts_with('v')) {
        segments.remove(0);
    }
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let mut used = None;
    let result = Call::new(request, options, now_ms).and_then(|call| {
        let window = state.count(format!("graph {}", call.caller), options.facebook_rate, now_ms);
        used = Some(window);
        if window.exceeded() {
            return Err(Failure::new(403, 4, "the application has used up its requests"));
        }
        call.perform(state, &segments)
    });
    let mut response = result.unwrap_or_else(|failure| failure.response(state.next_id(now_ms)));
    if let Some(used) = used {
        set_usage(&mut response, used, segments.first().copied().unwrap_or_default(), now_ms);
    }
    response
}

/// The usual error of that status.
pub(crate) fn error(status: u16) -> Response {
    let code = match status {
        401 => 190,
        403 => 200,
        429 => 4,
        500..=599 => 2,
        _ => 100,
    };
    Failure::new(status, code, "an armed fault").response(u64::from(status))
}

fn set_usage(response: &mut Response, used: Used, object: &str, now_ms: i64) {
    let percent = u64::from(used.requests) * 100 / u64::from(used.limit.max(1));
    let usage = json!({ "call_count": percent, "total_cputime": 0, "total_time": 0 });
    response.set("x-app-usage", usage.to_string());
    let page = object.split('_').next().unwrap_or_default();
    let wait_minutes = if used.exceeded() { (used.reset_ms - now_ms).max(0) / 60_000 + 1 } else { 0 };
    let mut business = usage;
    business["type"] = json!("pages");
    business["estimated_time_to_regain_access"] = json!(wait_minutes);
    response.set("x-business-use-case-usage", json!({ page: [business] }).to_string());
}

/// A Graph error.
#[derive(Debug)]
struct Failure {
    status: u16,
    code: u32,
    subcode: Option<u32>,
    message: String,
}

impl Failure {
    fn new(status: u16, code: u32, message: impl Into<String>) -> Self {
        Self { status, code, subcode: None, message: message.into() }
    }

    fn parameter(message: impl Into<String>) -> Self {
        Self::new(400, 100, message)
    }

    fn missing(id: &str) -> Self {
        let message = format!("there is no object {id}, or it can not be used so");
        Self { subcode: Some(33), ..Self::parameter(message) }
    }

    fn response(self, trace: u64) -> Response {
        let mut body = json!({
            "message": format!("(#{}) {}", self.code, self.message),
            "type": if self.code == 100 { "GraphMethodException" } else { "OAuthException" },
            "code": self.code,
        });
        if let Some(subcode) = self.subcode {
            body["error_subcode"] = json!(subcode);
        }
        if matches!(self.code, 1 | 2 | 4 | 17 | 32) {
            body["is_transient"] = json!(true);
        }
        body["fbtrace_id"] = json!(format!("A{trace:016x}"));
        Response::json(self.status, &json!({ "error": body }))
    }
}

/// One request: its parameters from query and body, and whose token it carries.
struct Call<'a> {
    request: &'a Request,
    options: &'a Options,
    now_ms: i64,
    parameters: Map<String, Value>,
    /// The token's page, or the token's hash.
    caller: String,
    /// Whether the token names the page.
    certain: bool,
}

impl<'a> Call<'a> {
    fn new(request: &'a Request, options: &'a Options, now_ms: i64) -> Result<Self, Failure> {
        let parameters = parameters(request)?;
        let header = request.header("authorization").and_then(|value| value.split_once(' '));
        let bearer = header.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let token = bearer.map(|(_, token)| token.trim().to_owned());
        let token = token.or_else(|| text(&parameters, "access_token")).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| Failure::new(400, 190, "an access token is required"))?;
        if let Some(secret) = &options.facebook_app_secret {
            check_proof(secret, &token, text(&parameters, "appsecret_proof"))?;
        }
        let page = options.facebook_accounts.get(&token).cloned();
        let certain = page.is_some();
        let caller = page.unwrap_or_else(|| anonymous_id(&token));
        Ok(Self { request, options, now_ms, parameters, caller, certain })
    }

    fn perform(&self, state: &mut State, segments: &[&str]) -> Result<Response, Failure> {
        let method = self.request.method.as_str();
        let unknown = || Failure::new(400, 2500, format!("{method} does nothing on this path"));
        if !endpoints::methods(endpoints::GRAPH, segments).1.contains(&method) {
            return Err(unknown());
        }
        match (method, segments) {
            ("POST", [page, "feed"]) => self.post(state, &self.page(page)?),
            ("GET", [page, "feed"]) => self.feed(state, &self.page(page)?),
            ("POST", [page, "photos"]) => self.photo(state, &self.page(page)?),
            ("POST", [page, "videos"]) => self.video(state, &self.page(page)?),
            ("GET", [page, "videos"]) => self.videos(state, &self.page(page)?),
            ("POST", [object, "comments"]) => self.comment(state, object_id(object)?),
            ("GET", [object, "comments"]) => self.comments(state, object_id(object)?),
            ("POST", [object, "likes"]) => self.relate(state, "like", object_id(object)?, true),
            ("DELETE", [object, "likes"]) => self.relate(state, "like", object_id(object)?, false),
            ("POST", [page, "messages"]) => self.message(state, &self.page(page)?),
            ("POST", [object]) => self.change(state, object_id(object)?),
            ("GET", [object]) => self.read(state, object),
            ("DELETE", [object]) => self.delete(state, object_id(object)?),
            _ => Err(unknown()),
        }
    }

    /// The page in a path: the token's, under its id or as `me`.
    fn page(&self, segment: &str) -> Result<String, Failure> {
        if segment == "me" {
            return Ok(self.caller.clone());
        }
        if segment.is_empty() || segment.len() > MAX_ID || !segment.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(Failure::missing(segment));
        }
        if self.certain && segment != self.caller {
            return Err(Failure::new(403, 200, "the token is another page's"));
        }
        Ok(segment.to_owned())
    }

    fn post(&self, state: &mut State, page: &str) -> Result<Response, Failure> {
        let message = text(&self.parameters, "message").unwrap_or_default();
        let link = text(&self.parameters, "link");
        let media = self.attached_media()?;
        if message.is_empty() && link.is_none() && media.is_empty() {
            return Err(Failure::parameter("one of message, link and attached_media is required"));
        }
        let mut details = Map::new();
        if let Some(link) = link {
            details.insert("link".to_owned(), json!(link));
        }
        if !media.is_empty() {
            details.insert("attachedMedia".to_owned(), json!(media));
        }
        let scheduled = text(&self.parameters, "scheduled_publish_time");
        let published = boolean(&self.parameters, "published")?.unwrap_or(true);
        if scheduled.is_some() && published {
            return Err(Failure::parameter("scheduled_publish_time needs published=false"));
        }
        if let Some(time) = scheduled {
            details.insert("scheduledPublishTime".to_owned(), json!(time));
        }
        if !published {
            details.insert("published".to_owned(), json!(false));
        }
        let fields = self.fields(&["id"])?;
        let id = format!("{page}_{}", state.next_id(self.now_ms));
        let post = self.new_post(page, message, id, Kind::Post, None, details);
        self.publish(state, post, &fields)
    }

    /// A picture, published with its caption or kept back to be attached.
    fn photo(&self, state: &mut State, page: &str) -> Result<Response, Failure> {
        let mut details = self.media(state, "url", "image/")?;
        if let Some(alt_text) = text(&self.parameters, "alt_text_custom") {
            details.insert("altText".to_owned(), json!(alt_text));
        }
        let published = boolean(&self.parameters, "published")?.unwrap_or(true);
        if !published {
            details.insert("published".to_owned(), json!(false));
        }
        let caption = text(&self.parameters, "caption").unwrap_or_default();
        let id = state.next_id(self.now_ms);
        let photo = self.new_post(page, caption, id.to_string(), Kind::Picture, None, details);
        state.publish(photo, &self.options.limits).map_err(full)?;
        let mut answer = json!({ "id": id.to_string() });
        if published {
            answer["post_id"] = json!(format!("{page}_{id}"));
        }
        Ok(Response::json(200, &answer))
    }

    /// A video, which is ready when it is first asked for.
    fn video(&self, state: &mut State, page: &str) -> Result<Response, Failure> {
        let mut details = self.media(state, "file_url", "video/")?;
        if let Some(title) = text(&self.parameters, "title") {
            details.insert("title".to_owned(), json!(title));
        }
        let description = text(&self.parameters, "description").unwrap_or_default();
        let id = state.next_id(self.now_ms).to_string();
        let video = self.new_post(page, description, id, Kind::Video, None, details);
        self.publish(state, video, &["id".to_owned()])
    }

    /// What a picture or video is: at the address in the field `named`, or the form's file `source`. Of a file
    /// its length, type and SHA-256 are kept.
    fn media(&self, state: &mut State, named: &str, kind: &str) -> Result<Map<String, Value>, Failure> {
        let wrong =
            || Failure::parameter(format!("either `{named}`, an address, or `source`, a file, is required"));
        let mut details = Map::new();
        let file = multipart::parts(self.request).into_iter().flatten().find(|part| part.is_file);
        match (text(&self.parameters, named), file) {
            (Some(url), None) if url.starts_with("http") => {
                details.insert("url".to_owned(), json!(url));
            }
            (None, Some(file)) if file.name == "source" && !file.bytes.is_empty() => {
                let content_type = file.content_type.unwrap_or_default();
                if !content_type.starts_with(kind) {
                    return Err(Failure::new(400, 324, format!("`source` must be of a type {kind}…")));
                }
                // The bytes are not kept, but count as if they were: whoever fills it is told.
                state.reserve(file.bytes.len(), &self.options.limits).map_err(full)?;
                let sha256 = params::hex(&Sha256::digest(file.bytes));
                let source =
                    json!({ "bytes": file.bytes.len(), "contentType": content_type, "sha256": sha256 });
                details.insert("source".to_owned(), source);
            }
            _ => return Err(wrong()),
        }
        Ok(details)
    }

    fn videos(&self, state: &State, page: &str) -> Result<Response, Failure> {
        let listed = |post: &&Post| post.platform == FB && post.kind == Kind::Video && post.account == page;
        self.list(state.posts().iter().rev().filter(listed), true, &["created_time", "description", "id"])
    }

    /// `[{"media_fbid":"…"}]`, as JSON or as a form's text, or `attached_media[0]={…}` and so on.
    fn attached_media(&self) -> Result<Vec<String>, Failure> {
        let wrong = || Failure::parameter("attached_media must be an array of {media_fbid}");
        let parsed = |value: &Value| match value {
            Value::String(text) => serde_json::from_str(text).map_err(|_| wrong()),
            other => Ok(other.clone()),
        };
        let mut items = Vec::new();
        for (name, value) in &self.parameters {
            if name == "attached_media" {
                match parsed(value)? {
                    Value::Array(array) => items.extend(array),
                    _ => return Err(wrong()),
                }
            } else if name.starts_with("attached_media[") {
                items.push(parsed(value)?);
            }
        }
        let ids = items.iter().map(|item| item.as_object().and_then(|item| text(item, "media_fbid")));
        ids.collect::<Option<Vec<_>>>().ok_or_else(wrong)
    }

    fn new_post(
        &self,
        account: &str,
        text: String,
        id: String,
        kind: Kind,
        object: Option<String>,
        details: Map<String, Value>,
    ) -> Post {
        Post {
            platform: FB,
            account: account.to_owned(),
            text,
            id,
            time_ms: self.now_ms,
            kind,
            in_reply_to: None,
            object,
            deleted: false,
            details,
        }
    }

    fn publish(&self, state: &mut State, post: Post, fields: &[String]) -> Result<Response, Failure> {
        let answer = show(&post, fields);
        state.publish(post, &self.options.limits).map_err(full)?;
        Ok(Response::json(200, &answer))
    }

    fn feed(&self, state: &State, page: &str) -> Result<Response, Failure> {
        let listed = |post: &&Post| {
            post.platform == FB
                && post.kind == Kind::Post
                && post.account == page
                && post.details.get("published").is_none()
        };
        let posts = state.posts().iter().rev().filter(listed);
        self.list(posts, true, &["created_time", "message", "id"])
    }

    fn comment(&self, state: &mut State, object: &str) -> Result<Response, Failure> {
        let message = text(&self.parameters, "message").unwrap_or_default();
        let mut details = Map::new();
        for name in ["attachment_url", "attachment_id"] {
            if let Some(value) = text(&self.parameters, name) {
                details.insert(name.to_owned(), json!(value));
            }
        }
        if message.is_empty() && details.is_empty() {
            return Err(Failure::parameter("one of message and attachment_url is required"));
        }
        let fields = self.fields(&["id"])?;
        let account = self.acting_page(state, object);
        // A comment's id names the post that it hangs under, also when it answers another comment; a post's
        // own id starts with its page.
        let is_comment = state.find(FB, object).is_some_and(|post| post.kind == Kind::Comment);
        let root = match object.split_once('_') {
            Some((post, _)) if is_comment => post,
            Some((_page, post)) => post,
            None => object,
        };
        let id = format!("{root}_{}", state.next_id(self.now_ms));
        let post = self.new_post(&account, message, id, Kind::Comment, Some(object.to_owned()), details);
        self.publish(state, post, &fields)
    }

    fn comments(&self, state: &State, object: &str) -> Result<Response, Failure> {
        let newest_first = match text(&self.parameters, "order").as_deref() {
            None | Some("chronological") => false,
            Some("reverse_chronological") => true,
            Some(_) => {
                return Err(Failure::parameter("order must be chronological or reverse_chronological"));
            }
        };
        let listed = |post: &&Post| post.kind == Kind::Comment && post.object.as_deref() == Some(object);
        let defaults = ["created_time", "from", "message", "id"];
        if newest_first {
            self.list(state.posts().iter().rev().filter(listed), true, &defaults)
        } else {
            self.list(state.posts().iter().filter(listed), false, &defaults)
        }
    }

    /// One page of a list with its cursors.
    fn list<'p>(
        &self,
        posts: impl Iterator<Item = &'p Post>,
        newest_first: bool,
        defaults: &[&str],
    ) -> Result<Response, Failure> {
        let fields = self.fields(defaults)?;
        let time = |name: &str| match text(&self.parameters, name) {
            None => Ok(None),
            Some(value) => match params::parse_graph_ms(&value) {
                Some(ms) => Ok(Some(ms)),
                None => Err(Failure::parameter(format!("{name} must be Unix seconds or a date"))),
            },
        };
        let cursor = |name: &str| match text(&self.parameters, name).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => match from_cursor(&value) {
                Some(id) => Ok(Some(id)),
                None => Err(Failure::parameter(format!("{name} is no cursor of an earlier page"))),
            },
        };
        let (since, until) = (time("since")?, time("until")?);
        let (after, before) = (cursor("after")?, cursor("before")?);
        let limit = match text(&self.parameters, "limit") {
            None => 25,
            Some(value) => match value.parse::<usize>() {
                Ok(limit) if limit > 0 => limit.min(100),
                _ => return Err(Failure::parameter("limit must be a positive number")),
            },
        };
        // Whole seconds, as the platform keeps them: what it shows is what it compares.
        let in_window = |post: &Post| {
            let second_ms = post.time_ms.div_euclid(1000) * 1000;
            since.is_none_or(|since| second_ms >= since) && until.is_none_or(|until| second_ms <= until)
        };
        let is_after =
            |post: &Post, id: u64| (own_number(post) < id) == newest_first && own_number(post) != id;
        let is_before =
            |post: &Post, id: u64| (own_number(post) > id) == newest_first && own_number(post) != id;
        let mut matching: Vec<&Post> = posts
            .filter(|post| !post.deleted && in_window(post))
            .filter(|post| after.is_none_or(|id| is_after(post, id)))
            .filter(|post| before.is_none_or(|id| is_before(post, id)))
            .collect();
        let more = matching.len() > limit;
        // Going back, the page is the one next to the cursor, not the first of all.
        if before.is_some() && after.is_none() {
            matching.drain(..matching.len().saturating_sub(limit));
        }
        matching.truncate(limit);

        let mut answer =
            json!({ "data": matching.iter().map(|post| show(post, &fields)).collect::<Value>() });
        if let (Some(first), Some(last)) = (matching.first(), matching.last()) {
            let cursors = json!({ "before": to_cursor(first), "after": to_cursor(last) });
            answer["paging"] = json!({ "cursors": cursors });
            if more && before.is_none() {
                answer["paging"]["next"] = json!(self.next_address(&to_cursor(last)));
            }
        }
        Ok(Response::json(200, &answer))
    }

    /// The address of the next page. Without the token, which does not belong into addresses.
    fn next_address(&self, after: &str) -> String {
        let host = self.request.header("host").unwrap_or_default();
        let kept = params::pairs(&self.request.query).into_iter().filter(|(name, _)| {
            !["after", "before", "access_token", "appsecret_proof"].contains(&name.as_str())
        });
        let mut query: Vec<String> = kept
            .map(|(name, value)| format!("{}={}", params::encode(&name), params::encode(&value)))
            .collect();
        query.push(format!("after={after}"));
        format!("http://{host}{}?{}", self.request.path, query.join("&"))
    }

    /// Who comments or likes: the token's page if it is known, else the page that the object tells of.
    fn acting_page(&self, state: &State, object: &str) -> String {
        if self.certain {
            return self.caller.clone();
        }
        if let Some(known) = state.find(FB, object) {
            return known.account.clone();
        }
        object.split_once('_').map_or_else(|| self.caller.clone(), |(page, _)| page.to_owned())
    }

    fn relate(
        &self,
        state: &mut State,
        relation: &'static str,
        object: &str,
        stands: bool,
    ) -> Result<Response, Failure> {
        let account = self.acting_page(state, object);
        let relation = Relation { platform: FB, account, relation, object: object.to_owned() };
        if stands {
            state.relate(relation, self.options.limits.posts).map_err(full)?;
        } else {
            state.unrelate(&relation);
        }
        Ok(success())
    }

    fn message(&self, state: &mut State, page: &str) -> Result<Response, Failure> {
        let part = |name: &str| match self.parameters.get(name) {
            Some(Value::Object(object)) => Ok(object.clone()),
            // A form carries the same objects as text.
            Some(Value::String(text)) => serde_json::from_str::<Map<String, Value>>(text)
                .map_err(|_| Failure::parameter(format!("{name} must be an object"))),
            _ => Err(Failure::parameter(format!("{name} must be an object"))),
        };
        let (recipient, message) = (part("recipient")?, part("message")?);
        let words = text(&message, "text").filter(|words| !words.is_empty());
        let words = words.ok_or_else(|| Failure::parameter("message.text is required"))?;
        let (to, is_private_reply) = match (text(&recipient, "id"), text(&recipient, "comment_id")) {
            (Some(id), None) => (id, false),
            (None, Some(id)) => (id, true),
            _ => return Err(Failure::parameter("recipient needs either id or comment_id")),
        };
        let mut details = Map::new();
        if is_private_reply {
            let answered = |post: &Post| {
                post.object.as_deref() == Some(&*to) && post.details.contains_key("privateReply")
            };
            if state.posts().iter().any(answered) {
                return Err(Failure::new(400, 10900, "this comment has had its private reply"));
            }
            details.insert("privateReply".to_owned(), json!(true));
        }
        let id = format!("m_{}", state.next_id(self.now_ms));
        let answer = json!({ "recipient_id": to, "message_id": id });
        let post = self.new_post(page, words, id, Kind::Message, Some(to), details);
        self.publish(state, post, &[])?;
        Ok(Response::json(200, &answer))
    }

    fn change(&self, state: &mut State, object: &str) -> Result<Response, Failure> {
        let hidden = boolean(&self.parameters, "is_hidden")?;
        let message = text(&self.parameters, "message");
        if hidden.is_none() && message.is_none() {
            return Err(Failure::parameter("one of is_hidden and message is required"));
        }
        if let Some(message) = message {
            state.reserve(message.len(), &self.options.limits).map_err(full)?;
            let post = state.find_mut(FB, object).ok_or_else(|| Failure::missing(object))?;
            post.details.insert("edited".to_owned(), json!(message));
        }
        match hidden {
            Some(hidden) => self.relate(state, "hide", object, hidden),
            None => Ok(success()),
        }
    }

    fn read(&self, state: &State, object: &str) -> Result<Response, Failure> {
        if object == "me" || object == self.caller {
            let page = json!({ "name": format!("Page {}", self.caller), "id": self.caller });
            return Ok(Response::json(200, &page));
        }
        let post = state.find(FB, object_id(object)?).filter(|post| post.kind != Kind::Message);
        let post = post.ok_or_else(|| Failure::missing(object))?;
        let fields = self.fields(&["created_time", "message", "id"])?;
        Ok(Response::json(200, &show(post, &fields)))
    }

    fn delete(&self, state: &mut State, object: &str) -> Result<Response, Failure> {
        let found = state.find_mut(FB, object).filter(|post| post.kind != Kind::Message);
        let post = found.ok_or_else(|| Failure::missing(object))?;
        if self.certain && post.account != self.caller {
            return Err(Failure::new(403, 200, "this object is another page's"));
        }
        post.deleted = true;
        Ok(success())
    }

    /// The fields that were asked for. What stands in braces or after a dot narrows a field; here every
    /// field comes whole.
    fn fields(&self, defaults: &[&str]) -> Result<Vec<String>, Failure> {
        let Some(asked) = text(&self.parameters, "fields").filter(|asked| !asked.is_empty()) else {
            return Ok(defaults.iter().map(|name| (*name).to_owned()).collect());
        };
        let (mut names, mut depth) = (vec![String::new()], 0_usize);
        for c in asked.chars() {
            match c {
                '{' | '(' => depth += 1,
                '}' | ')' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => names.push(String::new()),
                _ if depth == 0 => {
                    if let Some(name) = names.last_mut() {
                        name.push(c);
                    }
                }
                _ => {}
            }
        }
        for name in &mut names {
            *name = name.trim().split('.').next().unwrap_or_default().to_owned();
        }
        match names.iter().find(|name| !FIELDS.contains(&name.as_str())) {
            Some(unknown) => Err(Failure::parameter(format!("there is no field `{unknown}`"))),
            None => Ok(names),
        }
    }
}

/// The fields of posts and comments that the sandbox knows of; a field without a value is left out.
const FIELDS: &[&str] = &[
    "attachments",
    "comments",
    "created_time",
    "description",
    "from",
    "id",
    "is_hidden",
    "is_published",
    "likes",
    "message",
    "name",
    "object",
    "parent",
    "permalink_url",
    "shares",
    "status",
    "status_type",
    "updated_time",
];

fn show(post: &Post, fields: &[String]) -> Value {
    let mut shown = Map::new();
    for field in fields {
        let value = match field.as_str() {
            "created_time" | "updated_time" => json!(params::graph_time(post.time_ms)),
            "from" => json!({ "name": format!("Page {}", post.account), "id": post.account }),
            "is_published" => json!(post.details.get("published").is_none()),
            "description" if post.kind == Kind::Video => json!(post.text),
            "status" if post.kind == Kind::Video => json!({ "video_status": "ready" }),
            "permalink_url" if post.kind == Kind::Video => {
                json!(format!("/{}/videos/{}/", post.account, post.id))
            }
            "message" => match post.details.get("edited") {
                Some(edited) => edited.clone(),
                None if post.text.is_empty() => continue,
                None => json!(post.text),
            },
            "attachments" => match attachments(post) {
                Some(attachments) => attachments,
                None => continue,
            },
            "parent" if post.kind == Kind::Comment => json!({ "id": post.object }),
            "permalink_url" => json!(format!("https://www.facebook.com/{}", post.id.replace('_', "/posts/"))),
            _ => continue,
        };
        shown.insert(field.clone(), value);
    }
    // Graph gives the id whether it was asked for or not.
    shown.insert("id".to_owned(), json!(post.id));
    Value::Object(shown)
}

/// The pictures of a post: one alone, several as an album.
fn attachments(post: &Post) -> Option<Value> {
    let ids = post.details.get("attachedMedia")?.as_array()?;
    let picture = |id: &Value| json!({ "media_type": "photo", "target": { "id": id } });
    let shown = match &ids[..] {
        [id] => picture(id),
        ids => {
            let pictures: Vec<Value> = ids.iter().map(picture).collect();
            json!({ "media_type": "album", "subattachments": { "data": pictures } })
        }
    };
    Some(json!({ "data": [shown] }))
}

#[allow(clippy::needless_pass_by_value, reason = "`map_err` gives the error away")]
fn full(full: Full) -> Failure {
    Failure::new(507, 1, full.to_string())
}

fn success() -> Response {
    Response::json(200, &json!({ "success": true }))
}

fn object_id(segment: &str) -> Result<&str, Failure> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if segment.len() <= MAX_ID && segment.split('_').all(is_number) {
        Ok(segment)
    } else {
        Err(Failure::missing(segment))
    }
}

/// The number that the sandbox gave: what comes after the last `_`. It grows, so it orders.
fn own_number(post: &Post) -> u64 {
    post.id.rsplit('_').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn to_cursor(post: &Post) -> String {
    format!("Q{:x}", own_number(post))
}

fn from_cursor(text: &str) -> Option<u64> {
    text.strip_prefix('Q').and_then(|hex| u64::from_str_radix(hex, 16).ok())
}

fn check_proof(secret: &str, token: &str, proof: Option<String>) -> Result<(), Failure> {
    let proof = proof.ok_or_else(|| Failure::parameter("appsecret_proof is required"))?;
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    let expected = mac.map(|mac| params::hex(&mac.chain_update(token).finalize().into_bytes()));
    // A stand-in has nothing to protect, so the comparison need not take constant time.
    match expected {
        Ok(expected) if expected == proof => Ok(()),
        _ => Err(Failure::parameter("appsecret_proof does not fit the token")),
    }
}

/// The query's and the body's parameters; the body's win.
fn parameters(request: &Request) -> Result<Map<String, Value>, Failure> {
    let as_values =
        |pairs: Vec<(String, String)>| pairs.into_iter().map(|(name, value)| (name, json!(value)));
    let mut parameters: Map<String, Value> = as_values(params::pairs(&request.query)).collect();
    if request.body.is_empty() {
        return Ok(parameters);
    }
    match request.media_type().as_str() {
        "application/x-www-form-urlencoded" => {
            parameters.extend(as_values(params::pairs(&String::from_utf8_lossy(&request.body))));
        }
        "application/json" => match serde_json::from_slice(&request.body) {
            Ok(Value::Object(members)) => parameters.extend(members),
            _ => return Err(Failure::parameter("the body is not a JSON object")),
        },
        "multipart/form-data" => {
            let parts = multipart::parts(request)
                .ok_or_else(|| Failure::parameter("the body is no form of parts, as its type says"))?;
            let fields = parts.iter().filter(|part| !part.is_file);
            parameters.extend(
                fields.map(|part| (part.name.to_owned(), json!(String::from_utf8_lossy(part.bytes)))),
            );
        }
        other => {
            let message = format!("the sandbox reads forms and JSON, not a body of type `{other}`");
            return Err(Failure::parameter(message));
        }
    }
    Ok(parameters)
}

/// A text or a number, as forms and JSON both write them.
fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    match members.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn boolean(members: &Map<String, Value>, name: &str) -> Result<Option<bool>, Failure> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(Value::String(text)) if text == "true" || text == "1" => Ok(Some(true)),
        Some(Value::String(text)) if text == "false" || text == "0" => Ok(Some(false)),
        Some(_) => Err(Failure::parameter(format!("{name} must be true or false"))),
    }
}
