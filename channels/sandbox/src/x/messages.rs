//! Direct messages: sent, and shown again.

use serde_json::{Map, Value, json};

use super::{Call, Problem, id_in_path, id_member, members, page_token, text_member};
use crate::http::Response;
use crate::params;
use crate::state::{Kind, Platform, Post};

impl Call<'_> {
    pub(super) fn message(&mut self, participant: &str) -> Result<Response, Problem> {
        let participant = id_in_path(participant)?;
        let body = self.body(&["text", "attachments"])?;
        let text = text_member(&body, "text")?.unwrap_or_default();
        let mut media = Vec::new();
        if let Some(attachments) = body.get("attachments") {
            let attachments = attachments.as_array().filter(|items| items.len() == 1);
            let attachments = attachments.ok_or_else(|| Problem::invalid("`attachments` takes one item"))?;
            for item in attachments {
                let item = members(item, "an attachment", &["media_id"])?;
                let id = id_member(&item, "media_id")?;
                media.push(id.ok_or_else(|| Problem::invalid("`media_id` is required"))?);
            }
        }
        self.check_media(&media)?;
        if text.is_empty() && media.is_empty() {
            return Err(Problem::invalid("`text` or `attachments` is required"));
        }
        let mut details = Map::new();
        if !media.is_empty() {
            details.insert("media".to_owned(), json!(media));
        }
        let event = self.publish(Kind::Message, text, None, Some(participant.clone()), details)?;
        let data = json!({ "dm_conversation_id": self.conversation(&participant), "dm_event_id": event });
        Ok(Response::json(201, &json!({ "data": data })))
    }

    /// What the caller wrote to that person, newest first; nobody answers here.
    pub(super) fn messages(&self, participant: &str) -> Result<Response, Problem> {
        let participant = id_in_path(participant)?;
        let query = Query::parse(&self.request.query)?;
        let is_shown = |post: &&Post| {
            post.platform == Platform::Twitter
                && post.kind == Kind::Message
                && !post.deleted
                && post.account == self.caller.id
                && post.object.as_deref() == Some(participant.as_str())
                && query.before_id.is_none_or(|before| post.id.parse::<u64>().unwrap_or_default() < before)
        };
        let mut page: Vec<&Post> =
            self.state.posts().iter().rev().filter(is_shown).take(query.max_results + 1).collect();
        let more = page.len() > query.max_results;
        page.truncate(query.max_results);
        let mut answer = json!({ "meta": { "result_count": page.len() } });
        if let Some(oldest) = page.last().filter(|_| more) {
            answer["meta"]["next_token"] = json!(page_token(&oldest.id));
        }
        if !page.is_empty() {
            answer["data"] =
                page.into_iter().map(|post| self.event(post, &participant, &query.fields)).collect();
        }
        Ok(Response::json(200, &answer))
    }

    fn event(&self, post: &Post, participant: &str, fields: &[String]) -> Value {
        let mut event = json!({ "id": post.id, "event_type": "MessageCreate", "text": post.text });
        for field in fields {
            match field.as_str() {
                "created_at" => event[field] = json!(params::x_time(post.time_ms)),
                "sender_id" => event[field] = json!(post.account),
                "dm_conversation_id" => event[field] = json!(self.conversation(participant)),
                "attachments" => {
                    if let Some(media) = post.details.get("media") {
                        event[field] = json!({ "media_keys": media });
                    }
                }
                _ => {}
            }
        }
        event
    }

    /// Both ends name the conversation, the smaller id first; ids compare as numbers.
    fn conversation(&self, participant: &str) -> String {
        let mut ends = [self.caller.id.as_str(), participant];
        ends.sort_by_key(|id| (id.len(), *id));
        ends.join("-")
    }
}

struct Query {
    max_results: usize,
    before_id: Option<u64>,
    fields: Vec<String>,
}

impl Query {
    fn parse(query: &str) -> Result<Self, Problem> {
        let mut parsed = Self { max_results: 100, before_id: None, fields: Vec::new() };
        let bad = |name: &str, expected: &str| Problem::invalid(format!("`{name}`: expected {expected}"));
        for (name, value) in params::pairs(query) {
            match name.as_str() {
                "max_results" => {
                    let number = value.parse().ok().filter(|number| (1..=100).contains(number));
                    parsed.max_results = number.ok_or_else(|| bad(&name, "a number from 1 to 100"))?;
                }
                "pagination_token" => {
                    let token = value.strip_prefix('p').and_then(|hex| u64::from_str_radix(hex, 16).ok());
                    parsed.before_id = Some(token.ok_or_else(|| bad(&name, "a token of an earlier page"))?);
                }
                "event_types" => {
                    let known = ["MessageCreate", "ParticipantsJoin", "ParticipantsLeave"];
                    if value.split(',').any(|kind| !known.contains(&kind)) {
                        return Err(bad(&name, &known.join(", ")));
                    }
                }
                "dm_event.fields" => {
                    parsed.fields.extend(value.split(',').map(str::to_owned));
                    if let Some(unknown) = value.split(',').find(|field| !FIELDS.contains(field)) {
                        return Err(bad(&name, &format!("fields of an event, not `{unknown}`")));
                    }
                }
                // Since August 2026 who sent a message is shown by expanding it.
                "expansions" => {
                    let shown =
                        value.split(',').filter(|name| ["sender_id", "participant_ids"].contains(name));
                    parsed.fields.extend(shown.map(str::to_owned));
                }
                "media.fields" | "post.fields" | "tweet.fields" | "user.fields" => {}
                _ => return Err(Problem::invalid(format!("there is no parameter `{name}`"))),
            }
        }
        Ok(parsed)
    }
}

const FIELDS: &[&str] = &[
    "attachments",
    "created_at",
    "dm_conversation_id",
    "entities",
    "event_type",
    "id",
    "participant_ids",
    "referenced_tweets",
    "sender_id",
    "text",
];
