//! Webhook requests of pages: the handshake, the signature, and what becomes an inbound interaction.
//!
//! One address serves all accounts: a request is checked with the secret of every account that has a `webhook`,
//! and only the entries of pages whose secret signed it are believed. Comparisons take constant time.
//!
//! | event | becomes | `externalId` |
//! |---|---|---|
//! | `feed`, verb `add`, a post of a visitor | `_facebookItxType` `post` | the post's id |
//! | `feed`, verb `add`, a comment | `comment` | the comment's id |
//! | `messages` | `message` | the message's id |
//!
//! Edits, removals, reactions, and what the page itself wrote (echoes of our own posts, comments and messages)
//! make no interaction. A repeated request makes none either: the engine knows the `externalId`.
//!
//! Sources: Meta's "Webhooks: Getting Started", "Webhooks for Pages", "Webhooks Reference: Page" and Messenger
//! Platform's "messages" event.

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use sha2::Sha256;
use strowger_channel::{Secret, WebhookAnswer, WebhookReply, WebhookRequest, text_of};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::Facebook;
use crate::config::{Account, Webhook};

const SIGNATURE: &str = "x-hub-signature-256";
/// The platform's challenges are numbers; more than this is no challenge.
const MAX_CHALLENGE: usize = 256;

/// Answers a webhook request.
pub(crate) fn request(plugin: &Facebook, request: &WebhookRequest, body: &[u8]) -> WebhookAnswer {
    match request.method.as_str() {
        "GET" => handshake(plugin, &request.query),
        "POST" => events(plugin, request, body),
        _ => answer(405, "", Vec::new()),
    }
}

fn answer(status: u16, body: &str, inbound: Vec<Value>) -> WebhookAnswer {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![
        header("content-type", "text/plain; charset=utf-8"),
        // The challenge is repeated as it came: no browser may take it for a page.
        header("x-content-type-options", "nosniff"),
    ];
    WebhookAnswer { answer: WebhookReply { status, headers, body: body.to_owned() }, inbound }
}

fn webhooks(plugin: &Facebook) -> impl Iterator<Item = (&Account, &Webhook)> {
    plugin.config.accounts.iter().filter_map(|account| Some((account, account.webhook.as_ref()?)))
}

/// The platform asks whether the address is ours.
fn handshake(plugin: &Facebook, query: &str) -> WebhookAnswer {
    let parameter = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let decode =
            |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        pairs
            .map(|(name, value)| (decode(name), decode(value)))
            .find(|pair| pair.0 == name)
            .map(|pair| pair.1)
    };
    let token = Secret::new(parameter("hub.verify_token").unwrap_or_default());
    // All are compared, so that the time does not tell which one is near.
    let known = webhooks(plugin)
        .filter_map(|(_, webhook)| webhook.verify_token.as_ref())
        .fold(false, |known, expected| known | same(expected.expose().as_bytes(), token.expose().as_bytes()));
    let challenge = parameter("hub.challenge").filter(|challenge| {
        (1..=MAX_CHALLENGE).contains(&challenge.len())
            && challenge.bytes().all(|byte| byte.is_ascii_graphic())
    });
    match (parameter("hub.mode").as_deref(), challenge) {
        (Some("subscribe"), Some(challenge)) if known && !token.is_empty() => {
            answer(200, &challenge, Vec::new())
        }
        _ => answer(403, "", Vec::new()),
    }
}

/// Whether two texts are the same, in a time that depends on neither: their digests under one key are compared.
fn same(ours: &[u8], theirs: &[u8]) -> bool {
    let digest = |text: &[u8]| mac(b"strowger webhook comparison", text);
    digest(ours).verify_slice(&digest(theirs).finalize().into_bytes()).is_ok()
}

fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac
}

fn events(plugin: &Facebook, request: &WebhookRequest, body: &[u8]) -> WebhookAnswer {
    let signature = request
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(SIGNATURE))
        .and_then(|(_, value)| bytes_of_hex(value.trim().strip_prefix("sha256=")?));
    let Some(signature) = signature else { return answer(403, "", Vec::new()) };
    let signed: Vec<(&Account, &Webhook)> = webhooks(plugin)
        .filter(|(_, webhook)| mac(webhook.secret.expose().as_bytes(), body).verify_slice(&signature).is_ok())
        .collect();
    if signed.is_empty() {
        return answer(403, "", Vec::new());
    }
    let Ok(document) = serde_json::from_slice::<Value>(body) else { return answer(400, "", Vec::new()) };
    let mut inbound = Vec::new();
    // Other objects are other products' of the app; they are taken note of, or the platform would repeat them.
    if document["object"] == "page" {
        for entry in document["entry"].as_array().into_iter().flatten() {
            let page = entry["id"].as_str().unwrap_or_default();
            let Some((account, webhook)) = signed.iter().find(|(account, _)| account.page_id == page) else {
                continue;
            };
            let reader = Reader { name: &plugin.config.name, account, webhook };
            for change in entry["changes"].as_array().into_iter().flatten() {
                if change["field"] == "feed" {
                    inbound.extend(change["value"].as_object().and_then(|value| reader.feed(value)));
                }
            }
            for event in entry["messaging"].as_array().into_iter().flatten() {
                inbound.extend(reader.message(event));
            }
        }
    }
    answer(200, "EVENT_RECEIVED", inbound)
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

struct Reader<'a> {
    name: &'a str,
    account: &'a Account,
    webhook: &'a Webhook,
}

impl Reader<'_> {
    /// A post or comment that a visitor made.
    fn feed(&self, value: &Map<String, Value>) -> Option<Value> {
        let author = value.get("from").and_then(Value::as_object)?;
        let author_id = text_of(author, "id")?;
        // What the page wrote is ours: its echo.
        if text_of(value, "verb")? != "add" || author_id == self.account.page_id {
            return None;
        }
        let post_id = text_of(value, "post_id")?;
        let (kind, external_id) = match text_of(value, "item")?.as_str() {
            "comment" => ("comment", text_of(value, "comment_id")?),
            "post" | "status" | "photo" | "video" | "share" | "link" => ("post", post_id.clone()),
            _ => return None,
        };
        let text = ["message", "link", "photo", "video"].into_iter().find_map(|name| text_of(value, name))?;
        let nick_name = text_of(author, "name");
        let mut user_data = self.user_data(kind, &author_id, nick_name.as_deref(), &text);
        user_data.insert("_facebookPostId".to_owned(), json!(post_id));
        if kind == "comment" {
            user_data.insert("_facebookCommentId".to_owned(), json!(external_id));
            if let Some(parent) = text_of(value, "parent_id") {
                user_data.insert("_facebookParentId".to_owned(), json!(parent));
            }
        } else {
            // A new post has none; the events of its comments don't count them.
            user_data.insert("_facebookNComments".to_owned(), json!("0"));
        }
        let made_ms = value.get("created_time").and_then(Value::as_i64)?.checked_mul(1000)?;
        Some(self.inbound(&nick_name.unwrap_or(author_id), &text, made_ms, &external_id, &user_data))
    }

    /// A message that a person sent to the page.
    fn message(&self, event: &Value) -> Option<Value> {
        let message = event["message"].as_object()?;
        let sender = text_of(event["sender"].as_object()?, "id")?;
        if sender == self.account.page_id || message.get("is_echo") == Some(&Value::Bool(true)) {
            return None;
        }
        let id = text_of(message, "mid")?;
        let attachments = message.get("attachments").and_then(Value::as_array);
        let text = text_of(message, "text").or_else(|| {
            let attachment = attachments?.first()?;
            attachment["payload"]["url"].as_str().or_else(|| attachment["type"].as_str()).map(str::to_owned)
        })?;
        let mut user_data = self.user_data("message", &sender, None, &text);
        user_data.insert("_facebookMessageId".to_owned(), json!(id));
        Some(self.inbound(&sender, &text, event["timestamp"].as_i64()?, &id, &user_data))
    }

    fn user_data(&self, kind: &str, actor: &str, nick_name: Option<&str>, text: &str) -> Map<String, Value> {
        let mut members = Map::new();
        for (key, value) in [
            ("_facebookItxType", Some(kind)),
            ("_facebookMessageText", Some(text)),
            ("_facebookSourceId", Some(self.account.page_id.as_str())),
            ("_facebookSourceNickName", self.account.page_name.as_deref()),
            ("_facebookActorId", Some(actor)),
            ("_facebookActorNickName", nick_name),
            ("_umsChannel", Some(self.name)),
            ("_umsMediaType", Some("facebook")),
            ("_umsMediaAccount", Some(self.account.page_id.as_str())),
        ] {
            if let Some(value) = value {
                members.insert(key.to_owned(), json!(value));
            }
        }
        members
    }

    fn inbound(
        &self,
        from: &str,
        text: &str,
        made_ms: i64,
        external_id: &str,
        user_data: &Map<String, Value>,
    ) -> Value {
        let mut document = json!({
            "channel": "facebook", "from": from, "message": text, "queuePath": self.webhook.queue_path,
            "externalId": external_id, "account": self.account.name, "userData": user_data,
        });
        if let Some(date) = received_date(made_ms) {
            document["receivedDate"] = json!(date);
        }
        document
    }
}

/// A time as agents' clients read it: `2015-03-02 12:26:14.000+0000`.
fn received_date(unix_ms: i64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000).ok()?;
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3]+0000");
    time.format(form).ok()
}
