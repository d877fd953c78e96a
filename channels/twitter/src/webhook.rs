//! X's calls: its challenge is answered, its signature is checked.
//!
//! A call belongs to an app, and every account that names the app's secret (and, if it names one, the path of
//! the call) can be what it reports on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use sha2::Sha256;
use strowger_channel::{Level, Secret, WebhookAnswer, WebhookReply, WebhookRequest};

use crate::Twitter;
use crate::config::{Account, Webhook};
use crate::inbound;

/// The header that holds the signature.
const SIGNATURE: &str = "x-twitter-webhooks-signature";

/// Answers a call.
pub(crate) fn answer(plugin: &Twitter, request: &WebhookRequest, body: &[u8]) -> WebhookAnswer {
    let addressed: Vec<(&Account, &Webhook)> = plugin
        .config
        .accounts
        .iter()
        .filter_map(|account| Some((account, account.webhook.as_ref()?)))
        .filter(|(_, webhook)| webhook.path.as_ref().is_none_or(|path| *path == request.path))
        .collect();
    if addressed.is_empty() {
        return plain(404, "no account has a webhook here");
    }
    match request.method.as_str() {
        "GET" => challenge(addressed[0].1, &request.query),
        "POST" => report(plugin, &addressed, request, body),
        _ => plain(405, "a webhook takes GET and POST"),
    }
}

/// The challenge-response check: proves that whoever answers knows the app's secret. The configuration sees to
/// it that all accounts of one path have the same.
fn challenge(webhook: &Webhook, query: &str) -> WebhookAnswer {
    let token = query.split('&').find_map(|pair| pair.strip_prefix("crc_token="));
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return plain(400, "the challenge has no `crc_token`");
    };
    let token = token.replace('+', " ");
    let token: Vec<u8> = percent_decode_str(&token).collect();
    let signature = STANDARD.encode(mac(&webhook.secret, &token).finalize().into_bytes());
    let document = json!({ "response_token": format!("sha256={signature}") });
    reply(200, "application/json", document.to_string())
}

fn report(
    plugin: &Twitter,
    addressed: &[(&Account, &Webhook)],
    request: &WebhookRequest,
    body: &[u8],
) -> WebhookAnswer {
    let header = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(SIGNATURE));
    let Some((_, header)) = header else { return plain(401, "the request is not signed") };
    let signature = header.trim().strip_prefix("sha256=").and_then(|text| STANDARD.decode(text).ok());
    let Some(signature) = signature else { return plain(401, "the signature is not of the form sha256=…") };
    // The comparison takes the same time wherever the first difference is.
    let signed: Vec<&Account> = addressed
        .iter()
        .filter(|(_, webhook)| mac(&webhook.secret, body).verify_slice(&signature).is_ok())
        .map(|(account, _)| *account)
        .collect();
    if signed.is_empty() {
        return plain(403, "the signature does not fit the request");
    }
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return plain(400, "the body is not JSON");
    };
    let subject = document["for_user_id"].as_str();
    let account = signed.into_iter().find(|account| subject == Some(account.user_id.as_str()));
    let inbound = account.map(|account| inbound::read(plugin, account, &document));
    if inbound.is_none() {
        plugin.host.log(Level::Info, "X reported on an account that has no webhook in the configuration");
    }
    // Whatever else was reported is taken as well: X would only say it again.
    WebhookAnswer { inbound: inbound.unwrap_or_default(), ..reply(200, "text/plain", String::new()) }
}

fn mac(secret: &Secret, bytes: &[u8]) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(bytes);
    mac
}

fn plain(status: u16, words: &str) -> WebhookAnswer {
    reply(status, "text/plain", words.to_owned())
}

fn reply(status: u16, content_type: &str, body: String) -> WebhookAnswer {
    let headers = vec![("content-type".to_owned(), content_type.to_owned())];
    WebhookAnswer { answer: WebhookReply { status, headers, body }, inbound: Vec::new() }
}
