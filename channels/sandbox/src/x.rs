//! X API v2.

mod media;
mod messages;
mod token;

pub use media::Media;
pub(crate) use media::Uploads;
pub(crate) use token::Tokens;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::endpoints;
use crate::http::{Request, Response};
use crate::oauth1;
use crate::options::Options;
use crate::params;
use crate::state::{Kind, Platform, Post, Relation, State, Used};

/// Texts above this many code points are cut in `text` and whole in `note_tweet`.
const SHORT_TEXT: usize = 280;

pub(crate) fn answer(request: &Request, state: &mut State, options: &Options, now_ms: i64) -> Response {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    // The name of the limit that the path counts against, and the path's methods; none for an unknown path.
    let (endpoint, methods) = endpoints::methods(endpoints::X, &segments);
    let segments = segments.get(1..).unwrap_or_default();
    if *segments == ["oauth2", "token"] {
        return token::answer(request, state, options, now_ms);
    }
    let caller = identify(request, state, options, now_ms);
    let account = caller.as_ref().map_or("nobody", |caller| caller.id.as_str());
    let key = format!("x {account} {} {endpoint}", request.method);
    let used = state.count(key, options.x_rate, now_ms);
    let result = match caller {
        Err(problem) => Err(problem),
        Ok(_) if methods.is_empty() => Err(Problem::new(404, "there is no such path on X API v2")),
        Ok(_) if !methods.contains(&request.method.as_str()) => {
            Err(Problem::new(405, format!("this path takes {}", methods.join(" and "))))
        }
        Ok(_) if used.exceeded() => Err(Problem::new(429, "this account has used up its requests")),
        Ok(caller) => Call { request, state, options, now_ms, caller }.perform(segments),
    };
    let mut response = result.unwrap_or_else(Problem::response);
    set_rate(&mut response, used);
    response
}

/// The usual error of that status.
pub(crate) fn error(status: u16, now_ms: i64) -> Response {
    let mut response = Problem::new(status, "an armed fault").response();
    let requests = u32::from(status == 429);
    // Soon, so that a client that waits as it is told does so within a test's patience.
    set_rate(&mut response, Used { limit: 1, requests, reset_ms: now_ms + 2000 });
    response
}

fn set_rate(response: &mut Response, used: Used) {
    response.set("x-rate-limit-limit", used.limit.to_string());
    response.set("x-rate-limit-remaining", used.limit.saturating_sub(used.requests).to_string());
    // Rounded up: at the second that is named the window must really be over.
    response.set("x-rate-limit-reset", (used.reset_ms.saturating_add(999) / 1000).to_string());
}

/// An error in the form of RFC 9457, as X writes it.
#[derive(Debug)]
struct Problem {
    status: u16,
    kind: Option<&'static str>,
    detail: String,
    errors: Vec<String>,
}

impl Problem {
    fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, kind: None, detail: detail.into(), errors: Vec::new() }
    }

    fn invalid(error: impl Into<String>) -> Self {
        Self {
            status: 400,
            kind: Some("invalid-request"),
            detail: "The request has invalid parameters.".to_owned(),
            errors: vec![error.into()],
        }
    }

    fn not_found(what: &str, id: &str) -> Self {
        let detail = format!("There is no {what} {id}.");
        Self { status: 404, kind: Some("resource-not-found"), detail, errors: Vec::new() }
    }

    fn response(self) -> Response {
        let kind = self.kind.map_or_else(
            || "about:blank".to_owned(),
            |kind| format!("https://api.twitter.com/2/problems/{kind}"),
        );
        let title = match self.status {
            400 => "Invalid Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found Error",
            405 => "Method Not Allowed",
            429 => "Too Many Requests",
            503 => "Service Unavailable",
            _ => "Error",
        };
        let mut body = json!({ "title": title, "detail": self.detail, "type": kind, "status": self.status });
        if !self.errors.is_empty() {
            body["errors"] = self.errors.iter().map(|message| json!({ "message": message })).collect();
        }
        Response::new(self.status, "application/problem+json", body.to_string())
    }
}

/// Who is calling.
#[derive(Debug)]
struct Caller {
    id: String,
    /// Whether the credentials name the account, so that a path that names another one is wrong.
    certain: bool,
}

fn identify(request: &Request, state: &State, options: &Options, now_ms: i64) -> Result<Caller, Problem> {
    let unauthorized = |detail: &str| Problem::new(401, detail);
    let value = request.header("authorization").ok_or_else(|| unauthorized("no Authorization header"))?;
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    let token = match scheme.to_ascii_lowercase().as_str() {
        "bearer" if !rest.trim().is_empty() => match state.tokens.bearer(rest.trim(), now_ms) {
            Some(Ok(id)) => return Ok(Caller { id, certain: true }),
            Some(Err(expired)) => return Err(unauthorized(expired)),
            None => rest.trim().to_owned(),
        },
        "oauth" => {
            let header = oauth1::parse(rest).map_err(unauthorized)?;
            let secrets = &options.oauth1_secrets;
            if !secrets.is_empty() && !header.is_signed_by(secrets, request) {
                return Err(unauthorized("the OAuth 1.0a keys are unknown or the signature does not fit"));
            }
            if let Some((digits, _)) = header.token.split_once('-')
                && !options.x_accounts.contains_key(&header.token)
                && is_id(digits)
            {
                return Ok(Caller { id: digits.to_owned(), certain: true });
            }
            header.token
        }
        _ => return Err(unauthorized("the Authorization header is neither OAuth nor Bearer with a token")),
    };
    Ok(match options.x_accounts.get(&token) {
        Some(id) => Caller { id: id.clone(), certain: true },
        None => Caller { id: anonymous_id(&token), certain: false },
    })
}

/// A stable number for a token that nobody named: 12 digits, the first a 9.
pub(crate) fn anonymous_id(token: &str) -> String {
    let digest = Sha256::digest(token.as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    format!("9{:011}", number % 100_000_000_000)
}

fn is_id(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

struct Call<'a> {
    request: &'a Request,
    state: &'a mut State,
    options: &'a Options,
    now_ms: i64,
    caller: Caller,
}

impl Call<'_> {
    fn perform(&mut self, segments: &[&str]) -> Result<Response, Problem> {
        let is_post = self.request.method == "POST";
        match *segments {
            ["tweets"] => self.tweet(),
            ["tweets", id] => self.delete_tweet(id),
            ["users", "me"] => Ok(Response::json(200, &json!({ "data": self.user() }))),
            ["users", user, "tweets"] => self.timeline(user),
            ["users", user, "retweets"] => self.retweet(user),
            ["users", user, "retweets", tweet] => self.take_back_retweet(user, tweet),
            ["users", user, "likes"] => {
                let tweet = self.target(user, "tweet_id")?;
                self.relate("like", tweet, is_post)?;
                Ok(Response::json(200, &json!({ "data": { "liked": true } })))
            }
            ["users", user, "likes", tweet] => {
                self.own(user)?;
                self.relate("like", id_in_path(tweet)?, is_post)?;
                Ok(Response::json(200, &json!({ "data": { "liked": false } })))
            }
            ["users", user, "following"] => {
                let target = self.target(user, "target_user_id")?;
                self.relate("follow", target, is_post)?;
                let data = json!({ "following": true, "pending_follow": false });
                Ok(Response::json(200, &json!({ "data": data })))
            }
            ["users", user, "following", target] => {
                self.own(user)?;
                self.relate("follow", id_in_path(target)?, is_post)?;
                Ok(Response::json(200, &json!({ "data": { "following": false } })))
            }
            ["dm_conversations", "with", participant, "messages"] => self.message(participant),
            ["dm_conversations", "with", participant, "dm_events"] => self.messages(participant),
            ["media", "upload"] => self.upload_status(),
            ["media", "upload", "initialize"] => self.begin_upload(),
            ["media", "upload", id, "append"] => self.append_upload(id),
            ["media", "upload", id, "finalize"] => self.finish_upload(id),
            ["media", "metadata"] => self.describe_media(),
            _ => Err(Problem::new(404, "there is no such path on X API v2")),
        }
    }

    /// The account in a path must be the caller's; when the credentials do not say, the path does.
    fn own(&mut self, user: &str) -> Result<(), Problem> {
        let user = id_in_path(user)?;
        if !self.caller.certain {
            self.caller.id = user;
        } else if self.caller.id != user {
            return Err(Problem::new(403, "the user in the path is not the authenticated one"));
        }
        Ok(())
    }

    /// Checks the path's account and takes the one id out of the body.
    fn target(&mut self, user: &str, member: &str) -> Result<String, Problem> {
        self.own(user)?;
        let body = self.body(&[member])?;
        id_member(&body, member)?.ok_or_else(|| Problem::invalid(format!("`{member}` is required")))
    }

    fn relate(&mut self, relation: &'static str, object: String, stands: bool) -> Result<(), Problem> {
        let account = self.caller.id.clone();
        let relation = Relation { platform: Platform::Twitter, account, relation, object };
        if !stands {
            self.state.unrelate(&relation);
            return Ok(());
        }
        let limit = self.options.limits.posts;
        self.state.relate(relation, limit).map_err(|full| Problem::new(507, full.to_string()))
    }

    fn user(&self) -> Value {
        let id = &self.caller.id;
        json!({ "id": id, "name": format!("Account {id}"), "username": format!("account_{id}") })
    }

    fn body(&self, allowed: &[&str]) -> Result<Map<String, Value>, Problem> {
        if self.request.media_type() != "application/json" {
            return Err(Problem::invalid("the body's Content-Type must be application/json"));
        }
        let body: Value = serde_json::from_slice(&self.request.body)
            .map_err(|error| Problem::invalid(format!("the body is no JSON: {error}")))?;
        members(&body, "the body", allowed)
    }

    fn tweet(&mut self) -> Result<Response, Problem> {
        let body = self.body(&[
            "text",
            "reply",
            "quote_tweet_id",
            "media",
            "geo",
            "reply_settings",
            "poll",
            "card_uri",
            "community_id",
            "direct_message_deep_link",
            "for_super_followers_only",
            "nullcast",
            "share_with_followers",
            "made_with_ai",
            "paid_partnership",
        ])?;
        let text = text_member(&body, "text")?.unwrap_or_default();
        let in_reply_to = match body.get("reply") {
            None => None,
            Some(reply) => {
                let allowed =
                    ["in_reply_to_tweet_id", "exclude_reply_user_ids", "auto_populate_reply_metadata"];
                let reply = members(reply, "`reply`", &allowed)?;
                ids_member(&reply, "exclude_reply_user_ids", usize::MAX)?;
                let id = id_member(&reply, "in_reply_to_tweet_id")?;
                Some(id.ok_or_else(|| Problem::invalid("`in_reply_to_tweet_id` is required"))?)
            }
        };
        let media = match body.get("media") {
            None => Vec::new(),
            Some(media) => {
                let media = members(media, "`media`", &["media_ids", "tagged_user_ids"])?;
                ids_member(&media, "tagged_user_ids", 10)?;
                let ids = ids_member(&media, "media_ids", 4)?;
                ids.ok_or_else(|| Problem::invalid("`media_ids` is required"))?
            }
        };
        self.check_media(&media)?;
        if let Some(geo) = body.get("geo") {
            text_member(&members(geo, "`geo`", &["place_id"])?, "place_id")?;
        }
        if let Some(settings) = text_member(&body, "reply_settings")?
            && !["everyone", "mentionedUsers", "following", "subscribers", "verified"]
                .contains(&settings.as_str())
        {
            return Err(Problem::invalid("`reply_settings` is none of the known ones"));
        }
        let quoted = id_member(&body, "quote_tweet_id")?;
        if text.trim().is_empty() && media.is_empty() {
            return Err(Problem::invalid("`text` is required unless there is media"));
        }
        self.refuse_duplicate(&text)?;

        let kind = match (&in_reply_to, &quoted) {
            (Some(_), _) => Kind::Reply,
            (None, Some(_)) => Kind::Quote,
            (None, None) => Kind::Post,
        };
        let mut details = Map::new();
        if !media.is_empty() {
            details.insert("media".to_owned(), json!(media));
        }
        let id = self.publish(kind, text, in_reply_to, quoted, details)?;
        let data = self.state.find(Platform::Twitter, &id).map(|post| tweet_json(post, &[]));
        Ok(Response::json(201, &json!({ "data": data })))
    }

    fn refuse_duplicate(&self, text: &str) -> Result<(), Problem> {
        let window_ms = i64::try_from(self.options.duplicate_window.as_millis()).unwrap_or(i64::MAX);
        let last = self.state.last_with_text(Platform::Twitter, &self.caller.id, text);
        match last {
            Some(last) if self.now_ms - last.time_ms < window_ms => {
                Err(Problem::new(403, "This post is refused: duplicate content of an earlier one."))
            }
            _ => Ok(()),
        }
    }

    fn publish(
        &mut self,
        kind: Kind,
        text: String,
        in_reply_to: Option<String>,
        object: Option<String>,
        details: Map<String, Value>,
    ) -> Result<String, Problem> {
        let id = self.state.next_id(self.now_ms).to_string();
        let post = Post {
            platform: Platform::Twitter,
            account: self.caller.id.clone(),
            text,
            id: id.clone(),
            time_ms: self.now_ms,
            kind,
            in_reply_to,
            object,
            deleted: false,
            details,
        };
        let published = self.state.publish(post, &self.options.limits);
        published.map_err(|full| Problem::new(507, full.to_string()))?;
        Ok(id)
    }

    fn delete_tweet(&mut self, id: &str) -> Result<Response, Problem> {
        let id = id_in_path(id)?;
        let caller = &self.caller;
        let found = self.state.find_mut(Platform::Twitter, &id).filter(|post| post.kind != Kind::Message);
        let post = found.ok_or_else(|| Problem::not_found("post", &id))?;
        if caller.certain && post.account != caller.id {
            return Err(Problem::new(403, "this post is another account's"));
        }
        post.deleted = true;
        Ok(Response::json(200, &json!({ "data": { "deleted": true } })))
    }

    fn retweet(&mut self, user: &str) -> Result<Response, Problem> {
        let tweet = self.target(user, "tweet_id")?;
        // Retweeting twice is one retweet.
        if self.standing_retweet(&tweet).is_none() {
            self.publish(Kind::Retweet, String::new(), None, Some(tweet), Map::new())?;
        }
        Ok(Response::json(200, &json!({ "data": { "retweeted": true } })))
    }

    fn take_back_retweet(&mut self, user: &str, tweet: &str) -> Result<Response, Problem> {
        self.own(user)?;
        let tweet = id_in_path(tweet)?;
        if let Some(id) = self.standing_retweet(&tweet)
            && let Some(post) = self.state.find_mut(Platform::Twitter, &id)
        {
            post.deleted = true;
        }
        Ok(Response::json(200, &json!({ "data": { "retweeted": false } })))
    }

    fn standing_retweet(&self, tweet: &str) -> Option<String> {
        let stands = |post: &&Post| {
            post.kind == Kind::Retweet
                && !post.deleted
                && post.account == self.caller.id
                && post.object.as_deref() == Some(tweet)
        };
        self.state.posts().iter().rev().find(stands).map(|post| post.id.clone())
    }

    fn timeline(&self, user: &str) -> Result<Response, Problem> {
        let user = id_in_path(user)?;
        let query = TimelineQuery::parse(&self.request.query)?;
        // A token that names nobody has posted under its hash; reading back under the path's user must find
        // these posts, or a client would take them for lost.
        let is_users =
            |post: &Post| post.account == user || (!self.caller.certain && post.account == self.caller.id);
        let posts = self.state.posts().iter().rev();
        let matching = posts.filter(|post| is_users(post) && query.wants(post));
        let mut page: Vec<&Post> = matching.take(query.max_results + 1).collect();
        let more = page.len() > query.max_results;
        page.truncate(query.max_results);

        let mut meta = json!({ "result_count": page.len() });
        if let (Some(newest), Some(oldest)) = (page.first(), page.last()) {
            meta["newest_id"] = json!(newest.id);
            meta["oldest_id"] = json!(oldest.id);
            if more {
                meta["next_token"] = json!(page_token(&oldest.id));
            }
        }
        let mut answer = Map::new();
        // An empty page has no `data` at all.
        if !page.is_empty() {
            let tweets = page.iter().map(|post| tweet_json(post, &query.fields));
            answer.insert("data".to_owned(), tweets.collect());
        }
        answer.insert("meta".to_owned(), meta);
        Ok(Response::json(200, &Value::Object(answer)))
    }
}

/// Opaque to clients: the id after which the next page starts.
fn page_token(id: &str) -> String {
    format!("p{:x}", id.parse::<u64>().unwrap_or_default())
}

struct TimelineQuery {
    max_results: usize,
    start_ms: Option<i64>,
    end_ms: Option<i64>,
    since_id: Option<u64>,
    /// Posts with this id and newer ones are left out.
    before_id: Option<u64>,
    no_replies: bool,
    no_retweets: bool,
    fields: Vec<String>,
}

impl TimelineQuery {
    fn parse(query: &str) -> Result<Self, Problem> {
        let mut parsed = Self {
            max_results: 10,
            start_ms: None,
            end_ms: None,
            since_id: None,
            before_id: None,
            no_replies: false,
            no_retweets: false,
            fields: Vec::new(),
        };
        let bad = |name: &str, expected: &str| Problem::invalid(format!("`{name}`: expected {expected}"));
        for (name, value) in params::pairs(query) {
            let time = || {
                params::parse_iso_ms(&value)
                    .map(Some)
                    .ok_or_else(|| bad(&name, "a time such as 2026-01-31T00:00:00Z"))
            };
            let id = || value.parse().ok().filter(|_| is_id(&value)).ok_or_else(|| bad(&name, "an id"));
            match name.as_str() {
                "max_results" => {
                    let number = value.parse().ok().filter(|number| (5..=100).contains(number));
                    parsed.max_results = number.ok_or_else(|| bad(&name, "a number from 5 to 100"))?;
                }
                "start_time" => parsed.start_ms = time()?,
                "end_time" => parsed.end_ms = time()?,
                "since_id" => parsed.since_id = Some(id()?),
                "until_id" => parsed.before_id = Some(parsed.before_id.unwrap_or(u64::MAX).min(id()?)),
                "pagination_token" => {
                    let token = value.strip_prefix('p').and_then(|hex| u64::from_str_radix(hex, 16).ok());
                    let token = token.ok_or_else(|| bad(&name, "a token of an earlier page"))?;
                    parsed.before_id = Some(parsed.before_id.unwrap_or(u64::MAX).min(token));
                }
                "exclude" => {
                    for part in value.split(',') {
                        match part {
                            "replies" => parsed.no_replies = true,
                            "retweets" => parsed.no_retweets = true,
                            _ => return Err(bad(&name, "replies, retweets")),
                        }
                    }
                }
                "tweet.fields" => {
                    parsed.fields.extend(value.split(',').map(str::to_owned));
                    if let Some(unknown) = value.split(',').find(|field| !TWEET_FIELDS.contains(field)) {
                        return Err(bad(&name, &format!("fields of a post, not `{unknown}`")));
                    }
                }
                // The names since August 2026. X answers to those before as well, as its guides still show them.
                "post.fields" => {
                    let renamed = |field: &str| match field {
                        "referenced_tweets" | "note_tweet" => None,
                        "note_post" => Some("note_post".to_owned()),
                        field => TWEET_FIELDS.contains(&field).then(|| field.to_owned()),
                    };
                    for field in value.split(',') {
                        let known = renamed(field)
                            .ok_or_else(|| bad(&name, &format!("fields of a post, not `{field}`")))?;
                        parsed.fields.push(known);
                    }
                }
                "expansions" => {
                    let referenced = value.split(',').find(|part| *part == "referenced_posts");
                    parsed.fields.extend(referenced.map(str::to_owned));
                }
                // They would bring in users and media, of which there are none here.
                "media.fields" | "place.fields" | "poll.fields" | "user.fields" => {}
                _ => return Err(Problem::invalid(format!("there is no parameter `{name}`"))),
            }
        }
        Ok(parsed)
    }

    fn wants(&self, post: &Post) -> bool {
        // The platform knows whole seconds, so a window is compared with what it would show.
        let second_ms = post.time_ms.div_euclid(1000) * 1000;
        let id = post.id.parse::<u64>().unwrap_or_default();
        post.platform == Platform::Twitter
            && !post.deleted
            && post.kind != Kind::Message
            && !(self.no_replies && post.kind == Kind::Reply)
            && !(self.no_retweets && post.kind == Kind::Retweet)
            && self.start_ms.is_none_or(|start| second_ms >= start)
            && self.end_ms.is_none_or(|end| second_ms < end)
            && self.since_id.is_none_or(|since| id > since)
            && self.before_id.is_none_or(|before| id < before)
    }
}

const TWEET_FIELDS: &[&str] = &[
    "attachments",
    "author_id",
    "context_annotations",
    "conversation_id",
    "created_at",
    "edit_controls",
    "edit_history_tweet_ids",
    "entities",
    "geo",
    "id",
    "in_reply_to_user_id",
    "lang",
    "non_public_metrics",
    "note_tweet",
    "organic_metrics",
    "possibly_sensitive",
    "promoted_metrics",
    "public_metrics",
    "referenced_tweets",
    "reply_settings",
    "source",
    "text",
    "withheld",
];

/// A post as X shows it, with the fields that were asked for and that the sandbox knows.
fn tweet_json(post: &Post, fields: &[String]) -> Value {
    let shown = Shown::of(post.text.trim(), &post.id);
    let count = shown.text.chars().count();
    let mut tweet = json!({ "id": post.id, "edit_history_tweet_ids": [post.id] });
    tweet["text"] = match (post.kind, count > SHORT_TEXT) {
        (Kind::Retweet, _) => json!("RT"),
        (_, false) => json!(shown.text),
        (_, true) => json!(shown.text.chars().take(SHORT_TEXT - 4).chain(['…']).collect::<String>()),
    };
    let wants = |name: &str| fields.iter().any(|field| field == name);
    if wants("author_id") {
        tweet["author_id"] = json!(post.account);
    }
    if wants("created_at") {
        tweet["created_at"] = json!(params::x_time(post.time_ms));
    }
    if wants("conversation_id") {
        tweet["conversation_id"] = json!(post.in_reply_to.as_ref().unwrap_or(&post.id));
    }
    if wants("entities") && !shown.urls.is_empty() {
        tweet["entities"] = json!({ "urls": shown.urls });
    }
    for name in ["note_tweet", "note_post"] {
        if wants(name) && count > SHORT_TEXT {
            tweet[name] = json!({ "text": shown.text, "entities": { "urls": shown.urls } });
        }
    }
    if wants("attachments")
        && let Some(media) = post.details.get("media")
    {
        tweet["attachments"] = json!({ "media_keys": media });
    }
    if let Some(name) = ["referenced_posts", "referenced_tweets"].into_iter().find(|name| wants(name)) {
        let mut referenced = Vec::new();
        if let Some(id) = &post.in_reply_to {
            referenced.push(json!({ "type": "replied_to", "id": id }));
        }
        if let Some(id) = &post.object {
            let kind = if post.kind == Kind::Retweet { "retweeted" } else { "quoted" };
            referenced.push(json!({ "type": kind, "id": id }));
        }
        if !referenced.is_empty() {
            tweet[name] = Value::Array(referenced);
        }
    }
    tweet
}

/// A text after the platform has had it: escaped, addresses shortened.
struct Shown {
    text: String,
    urls: Vec<Value>,
}

impl Shown {
    fn of(text: &str, id: &str) -> Self {
        let mut shown = Self { text: String::new(), urls: Vec::new() };
        let mut rest = text;
        while let Some(start) = ["http://", "https://"].iter().filter_map(|scheme| rest.find(scheme)).min() {
            shown.push_escaped(&rest[..start]);
            let word = rest[start..].split(char::is_whitespace).next().unwrap_or_default();
            let url = word.trim_end_matches(['.', ',', '!', '?', ';', ':', ')', '"', '\'']);
            let number = id.parse::<u64>().unwrap_or_default().rotate_left(42);
            let short = format!("https://t.co/{:010x}", (number ^ shown.urls.len() as u64) & 0xff_ffff_ffff);
            let at = shown.text.chars().count();
            shown.urls.push(json!({
                "start": at, "end": at + short.chars().count(), "url": short, "expanded_url": url,
            }));
            shown.text.push_str(&short);
            rest = &rest[start + url.len()..];
        }
        shown.push_escaped(rest);
        shown
    }

    fn push_escaped(&mut self, text: &str) {
        self.text.push_str(&text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
    }
}

fn id_in_path(text: &str) -> Result<String, Problem> {
    if is_id(text) {
        Ok(text.to_owned())
    } else {
        Err(Problem::invalid(format!("`{text}` in the path is no id of 1 to 19 digits")))
    }
}

/// An object that has none but the allowed members.
fn members(value: &Value, what: &str, allowed: &[&str]) -> Result<Map<String, Value>, Problem> {
    let object = value.as_object().ok_or_else(|| Problem::invalid(format!("{what} must be an object")))?;
    match object.keys().find(|name| !allowed.contains(&name.as_str())) {
        Some(unknown) => Err(Problem::invalid(format!("{what} has the unknown member `{unknown}`"))),
        None => Ok(object.clone()),
    }
}

fn text_member(object: &Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Problem::invalid(format!("`{name}` must be text"))),
    }
}

fn id_member(object: &Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(id)) if is_id(id) => Ok(Some(id.clone())),
        Some(_) => Err(Problem::invalid(format!("`{name}` must be a text of 1 to 19 digits"))),
    }
}

fn ids_member(object: &Map<String, Value>, name: &str, most: usize) -> Result<Option<Vec<String>>, Problem> {
    let Some(value) = object.get(name) else { return Ok(None) };
    let wrong =
        || Problem::invalid(format!("`{name}` must be an array of ids, at least one and not too many"));
    let items = value.as_array().filter(|items| (1..=most).contains(&items.len())).ok_or_else(wrong)?;
    let ids = items.iter().map(|item| item.as_str().filter(|id| is_id(id)).map(str::to_owned));
    ids.collect::<Option<Vec<_>>>().map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_as_the_platform_shows_it() {
        let shown = Shown::of("a & b <https://example.com/x?y=1&z=2>, http://b.example. End", "7");
        assert_eq!(shown.urls.len(), 2);
        assert_eq!(shown.urls[1]["expanded_url"], "http://b.example");
        assert!(shown.text.starts_with("a &amp; b &lt;https://t.co/"), "{}", shown.text);
        assert!(shown.text.ends_with(". End"), "{}", shown.text);
        assert!(!shown.text.contains("example"), "{}", shown.text);
        for url in &shown.urls {
            let part: String = shown
                .text
                .chars()
                .skip(usize::try_from(url["start"].as_u64().unwrap()).unwrap())
                .take(23)
                .collect();
            assert_eq!(url["url"], part);
        }
        assert_eq!(
            Shown::of("https://", "7").urls.len(),
            1,
            "an address of nothing ends the scan all the same"
        );
    }

    #[test]
    fn an_unknown_token_is_a_stable_number() {
        assert_eq!(anonymous_id("secret"), anonymous_id("secret"));
        assert_ne!(anonymous_id("secret"), anonymous_id("other"));
        assert_eq!(anonymous_id("secret").len(), 12);
        assert!(is_id(&anonymous_id("secret")));
    }
}
