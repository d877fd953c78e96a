//! What X reports of an account, made into inbound interactions: posts that mention it, answers to its posts,
//! quotes of them, and direct messages to it. The form is that of the Account Activity API, version 1.1 objects.
//!
//! The user data has the keys of the Web Services API Reference's Twitter interactions; flags and numbers are
//! strings there.

use serde_json::{Map, Value, json};
use strowger_channel::clock;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::Twitter;
use crate::config::{Account, Config};
use crate::publish::is_id;

/// `Wed Oct 10 20:19:24 +0000 2018`, the form of version 1.1.
const CREATED_AT: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short] [month repr:short] [day] [hour]:[minute]:[second] [offset_hour sign:mandatory][offset_minute] [year]"
);

/// The inbound interactions of a report on `account`.
pub(crate) fn read(plugin: &Twitter, account: &Account, report: &Value) -> Vec<Value> {
    let config = &plugin.config;
    let list = |name: &str| report[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let posts = list("tweet_create_events").iter().filter_map(|post| of_post(config, account, post));
    let messages = list("direct_message_events")
        .iter()
        .filter_map(|event| of_message(config, account, event, &report["users"]));
    posts.chain(messages).collect()
}

/// A post of somebody else. One of our own accounts' is an echo of what was published; another's post shown
/// again by somebody is no message of theirs.
fn of_post(config: &Config, account: &Account, post: &Value) -> Option<Value> {
    if post["retweeted_status"].is_object() {
        return None;
    }
    let id = id_of(post, "id")?;
    let author = Author::read(&post["user"])?;
    if author.is_ours(config) {
        return None;
    }
    let text = post["extended_tweet"]["full_text"]
        .as_str()
        .or_else(|| post["full_text"].as_str())
        .or_else(|| post["text"].as_str())?;
    let mut data = Map::new();
    put(&mut data, "_twitterCreatedAt", post["created_at"].as_str().and_then(written));
    put(&mut data, "_twitterInReplyToStatusId", id_of(post, "in_reply_to_status_id"));
    put(&mut data, "_twitterIsFavorited", flag(&post["favorited"]));
    put(&mut data, "_twitterIsRetweet", Some("false"));
    put(&mut data, "_twitterMsgType", Some("Status"));
    put(&mut data, "_twitterRetweetCount", Some(number(&post["retweet_count"]).unwrap_or("0".into())));
    put(&mut data, "_twitterSource", post["source"].as_str());
    Some(document(config, account, &author, Written { id, text, data }))
}

/// A direct message to the account. Those that it wrote itself are echoes.
fn of_message(config: &Config, account: &Account, event: &Value, users: &Value) -> Option<Value> {
    if event["type"] != "message_create" {
        return None;
    }
    let message = &event["message_create"];
    let sender = message["sender_id"].as_str().filter(|id| is_id(id))?;
    let author = Author::read(&users[sender]).unwrap_or_else(|| Author::unknown(sender));
    if author.is_ours(config) {
        return None;
    }
    let id = event["id"].as_str().filter(|id| is_id(id))?.to_owned();
    let text = message["message_data"]["text"].as_str()?;
    let created = event["created_timestamp"].as_str().and_then(|ms| ms.parse().ok()).map(clock::rfc3339);
    let mut data = Map::new();
    put(&mut data, "_twitterCreatedAt", created);
    put(&mut data, "_twitterMsgType", Some("DirectMessage"));
    Some(document(config, account, &author, Written { id, text, data }))
}

/// What was written, and what is known of that kind alone.
struct Written<'a> {
    id: String,
    text: &'a str,
    data: Map<String, Value>,
}

fn document(config: &Config, account: &Account, author: &Author<'_>, written: Written<'_>) -> Value {
    let Written { id, text, mut data } = written;
    let text = unescaped(text);
    let from = author.shown();
    let handle = author.screen_name.unwrap_or(&author.id);
    let account_handle = account.screen_name.as_deref().unwrap_or(&account.name);
    for (key, value) in [
        ("FromAddress", from.as_str()),
        ("_twitterFromAddr", handle),
        ("_twitterFromUserId", &author.id),
        ("_twitterMsgId", &id),
        ("_twitterMsgPlainText", &text),
        ("_twitterToAddr", account_handle),
        ("_umsChannel", &config.name),
        ("_umsChatPossible", "false"),
        ("_umsFromAddr", handle),
        ("_umsMediaAccount", &account.user_id),
        ("_umsMediaType", "twitter"),
        ("_umsMsgPlainText", &text),
    ] {
        put(&mut data, key, Some(value));
    }
    author.describe(&mut data);
    let mut own = Map::new();
    put(&mut own, "_twitterUserId", Some(account.user_id.as_str()));
    put(&mut own, "_twitterUserImageURL", account.image_url.as_deref());
    put(&mut own, "_twitterUserName", account.display_name.as_deref());
    put(&mut own, "_twitterUserScreenName", account.screen_name.as_deref());
    data.insert("_umsChannelInfo".to_owned(), Value::Object(own));
    let queue = account.webhook.as_ref().map_or("", |webhook| webhook.queue.as_str());
    json!({
        "channel": "twitter", "account": account.name, "externalId": id, "from": from, "message": text,
        "queuePath": queue, "userData": data,
    })
}

/// Who wrote it: a user object of version 1.1.
struct Author<'a> {
    id: String,
    screen_name: Option<&'a str>,
    facts: &'a Value,
}

impl<'a> Author<'a> {
    fn read(user: &'a Value) -> Option<Self> {
        Some(Self { id: id_of(user, "id")?, screen_name: user["screen_name"].as_str(), facts: user })
    }

    /// Someone of whom the report tells nothing but the id.
    fn unknown(id: &str) -> Self {
        Self { id: id.to_owned(), screen_name: None, facts: &Value::Null }
    }

    fn is_ours(&self, config: &Config) -> bool {
        config.accounts.iter().any(|account| account.user_id == self.id)
    }

    /// `handle(Name)`, as the reference's samples show who wrote.
    fn shown(&self) -> String {
        match (self.screen_name, self.facts["name"].as_str()) {
            (Some(handle), Some(name)) => format!("{handle}({name})"),
            (Some(handle), None) => handle.to_owned(),
            (None, _) => self.id.clone(),
        }
    }

    fn describe(&self, data: &mut Map<String, Value>) {
        let Self { facts, .. } = self;
        let image = facts["profile_image_url_https"].as_str().or_else(|| facts["profile_image_url"].as_str());
        // Posts say when a user joined in words, direct messages in milliseconds.
        let joined = facts["created_at"].as_str().and_then(written).or_else(|| {
            facts["created_timestamp"].as_str().and_then(|ms| ms.parse().ok()).map(clock::rfc3339)
        });
        put(data, "_twitterUserCreatedAt", joined);
        put(data, "_twitterUserFollowersCount", number(&facts["followers_count"]));
        put(data, "_twitterUserFriendsCount", number(&facts["friends_count"]));
        put(data, "_twitterUserId", Some(self.id.as_str()));
        put(data, "_twitterUserImageURL", image);
        put(data, "_twitterUserIsFriend", flag(&facts["following"]));
        put(data, "_twitterUserLanguage", facts["lang"].as_str());
        put(data, "_twitterUserName", facts["name"].as_str());
        put(data, "_twitterUserScreenName", self.screen_name);
        put(data, "_twitterUserStatusesCount", number(&facts["statuses_count"]));
    }
}

fn put(data: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        data.insert(key.to_owned(), value.into());
    }
}

/// An id: `<name>_str`, for the bare number does not survive every reader; else the number.
fn id_of(object: &Value, name: &str) -> Option<String> {
    let text = match &object[format!("{name}_str").as_str()] {
        Value::String(text) => text.clone(),
        _ => match &object[name] {
            Value::Number(number) => number.as_u64()?.to_string(),
            Value::String(text) => text.clone(),
            _ => return None,
        },
    };
    is_id(&text).then_some(text)
}

fn flag(value: &Value) -> Option<&'static str> {
    value.as_bool().map(|flag| if flag { "true" } else { "false" })
}

fn number(value: &Value) -> Option<String> {
    value.as_i64().map(|number| number.to_string())
}

/// A time in version 1.1's words as RFC 3339.
fn written(text: &str) -> Option<String> {
    let time = OffsetDateTime::parse(text, CREATED_AT).ok()?;
    Some(clock::rfc3339(time.unix_timestamp().saturating_mul(1000)))
}

/// X escapes three characters in texts. The ampersand comes last, or `&amp;lt;` would lose a layer too many.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
