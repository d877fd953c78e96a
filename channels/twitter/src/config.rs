//! What an operator sets: the configuration document, read into types that can't be wrong.

use serde::Deserialize;
use serde_json::Value;
use strowger_channel::config::{self, BaseUrl, ConfigError};
use strowger_channel::manifest::OnUnknown;
use strowger_channel::{Secret, readback};

use crate::token::{Tokens, is_token};
use crate::transport::Transport;

/// Where X's API lives.
const BASE_URL: &str = "https://api.x.com";
/// The limit of an account without long posts: twitter-text, configuration v3.
const MAX_WEIGHTED_LENGTH: usize = 280;

/// The plugin's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The channel's configured name, written to `_umsChannel`.
    pub name: String,
    /// The API's base address.
    pub base_url: BaseUrl,
    /// The accounts.
    pub accounts: Vec<Account>,
}

/// An account that can post.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name: the `from` of a request.
    pub name: String,
    /// X's id of it.
    pub user_id: String,
    /// Its handle, without the `@`.
    pub screen_name: Option<String>,
    /// Its name as people read it.
    pub display_name: Option<String>,
    /// The address of its picture.
    pub image_url: Option<String>,
    /// How long a post may be, in weighted characters.
    pub max_weighted_length: usize,
    /// How long an attempt is left to settle before it is looked for, in milliseconds.
    pub settle_ms: u64,
    /// What to do with a post of which nobody can tell whether it was published.
    pub on_unknown: OnUnknown,
    /// What the account's tier of X can do beyond posting.
    pub operations: Vec<Ability>,
    /// Its credentials.
    pub auth: Auth,
    /// How pieces of media are uploaded.
    pub media_encoding: MediaEncoding,
    /// What carries its posts instead of X's own API.
    pub transport: Option<Transport>,
    /// Where X reports what customers write to it, if it does.
    pub webhook: Option<Webhook>,
}

/// How pieces of media are uploaded: X has taken both, and each alone at one time or another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaEncoding {
    /// As parts of a form (`multipart/form-data`).
    #[default]
    Multipart,
    /// In base64, inside of JSON.
    Json,
}

/// What X's reports of an account's activity are read with.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The secret of the app that the webhook belongs to (its consumer secret): X signs with it.
    pub secret: Secret,
    /// The queue that inbound interactions are to wait in.
    pub queue: String,
    /// The path at which X calls. Needed where accounts belong to different apps.
    pub path: Option<String>,
}

/// Something beyond posting that X grants to some accounts and not to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Ability {
    /// Repeat a post to one's own followers.
    Retweet,
    /// Like a post.
    MarkFavorite,
    /// No longer like it.
    RemoveFavorite,
    /// Follow a user.
    Follow,
    /// No longer follow them.
    Unfollow,
}

impl Ability {
    /// All of them, in the order of the manifest.
    pub const ALL: [Self; 5] =
        [Self::Retweet, Self::MarkFavorite, Self::RemoveFavorite, Self::Follow, Self::Unfollow];

    /// The `operationName`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retweet => "Retweet",
            Self::MarkFavorite => "MarkFavorite",
            Self::RemoveFavorite => "RemoveFavorite",
            Self::Follow => "Follow",
            Self::Unfollow => "Unfollow",
        }
    }
}

/// An account's credentials.
#[derive(Clone, Debug)]
pub enum Auth {
    /// OAuth 1.0a, user context.
    OAuth1 {
        /// The app's key.
        consumer_key: String,
        /// The app's secret.
        consumer_secret: Secret,
        /// The user's token.
        token: String,
        /// The user's token secret.
        token_secret: Secret,
    },
    /// A user token that somebody else keeps fresh.
    Bearer {
        /// The token.
        token: Secret,
    },
    /// OAuth 2.0, user context: tokens that live for two hours and are refreshed here.
    OAuth2 {
        /// The app's id.
        client_id: String,
        /// The app's secret, if it is a confidential client.
        client_secret: Option<Secret>,
        /// The tokens that are held.
        tokens: Tokens,
    },
}

impl Auth {
    /// What must not be seen.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::OAuth1 { consumer_secret, token_secret, .. } => {
                vec![consumer_secret.clone(), token_secret.clone()]
            }
            Self::Bearer { token } => vec![token.clone()],
            Self::OAuth2 { client_secret, tokens, .. } => {
                client_secret.iter().cloned().chain(tokens.secrets()).collect()
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    #[serde(default = "base_url")]
    base_url: String,
    accounts: Vec<AccountDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountDocument {
    name: String,
    user_id: String,
    screen_name: Option<String>,
    display_name: Option<String>,
    image_url: Option<String>,
    max_weighted_length: Option<usize>,
    settle_ms: Option<u64>,
    #[serde(default)]
    on_unknown: OnUnknown,
    #[serde(default)]
    allow_plain_http: bool,
    #[serde(default)]
    operations: Vec<Ability>,
    #[serde(default)]
    media_encoding: MediaEncoding,
    auth: Option<Value>,
    transport: Option<Value>,
    webhook: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OAuth1Document {
    consumer_key: String,
    consumer_secret: Secret,
    token: String,
    token_secret: Secret,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OAuth2Document {
    client_id: String,
    client_secret: Option<Secret>,
    refresh_token: Secret,
    access_token: Option<Secret>,
    /// Unix time in seconds.
    expires_at: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookDocument {
    secret: Secret,
    queue: String,
    path: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BearerDocument {
    token: Secret,
}

fn base_url() -> String {
    BASE_URL.to_owned()
}

impl Config {
    /// Reads the configuration document. Unknown members are an error that names them.
    pub fn read(json: &str) -> Result<Self, ConfigError> {
        let document: Document = config::read(json)?;
        let base_url = BaseUrl::parse(&document.base_url, "base_url")?;
        let mut accounts: Vec<Account> = Vec::new();
        for (place, entry) in document.accounts.into_iter().enumerate() {
            let path = format!("accounts[{place}]");
            if !entry.allow_plain_http && !base_url.is_safe() {
                return Err(ConfigError::new(
                    "base_url",
                    format!("must be https, or a loopback address, unless `{path}.allow_plain_http` is true"),
                ));
            }
            let account = entry.read(&path)?;
            if accounts.iter().any(|other| other.name == account.name) {
                return Err(ConfigError::new(format!("{path}.name"), "is the name of an earlier account"));
            }
            accounts.push(account);
        }
        check_webhooks(&accounts)?;
        Ok(Self { name: document.name, base_url, accounts })
    }

    /// The account of that name.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }
}

impl AccountDocument {
    fn read(self, path: &str) -> Result<Account, ConfigError> {
        let member = |name: &str| format!("{path}.{name}");
        let transport = self
            .transport
            .map(|part| Transport::read(part, &member("transport"), self.allow_plain_http))
            .transpose()?;
        for (name, given) in [("auth", self.auth.is_some()), ("operations", !self.operations.is_empty())] {
            if given && transport.is_some() {
                return Err(ConfigError::new(
                    member(name),
                    "is of no use beside a `transport`: leave one of them out",
                ));
            }
        }
        if self.name.is_empty() {
            return Err(ConfigError::new(member("name"), "must not be empty"));
        }
        if !crate::publish::is_id(&self.user_id) {
            return Err(ConfigError::new(member("user_id"), "must be a string of 1 to 19 digits"));
        }
        if self.max_weighted_length == Some(0) {
            return Err(ConfigError::new(member("max_weighted_length"), "must be at least 1"));
        }
        let auth = match self.auth {
            // The transport has credentials of its own.
            None if transport.is_some() => Auth::Bearer { token: Secret::default() },
            auth => read_auth(auth, &member("auth"))?,
        };
        let webhook = self.webhook.map(|part| read_webhook(part, &member("webhook"))).transpose()?;
        Ok(Account {
            name: self.name,
            user_id: self.user_id,
            screen_name: self.screen_name,
            display_name: self.display_name,
            image_url: self.image_url,
            max_weighted_length: self.max_weighted_length.unwrap_or(MAX_WEIGHTED_LENGTH),
            settle_ms: self.settle_ms.unwrap_or(readback::SETTLE_MS),
            on_unknown: self.on_unknown,
            operations: self.operations,
            auth,
            media_encoding: self.media_encoding,
            webhook,
            transport,
        })
    }
}

fn read_webhook(part: Value, path: &str) -> Result<Webhook, ConfigError> {
    let WebhookDocument { secret, queue, path: call_path } = config::read_part(part, path)?;
    if secret.is_empty() {
        return Err(ConfigError::new(format!("{path}.secret"), "must not be empty"));
    }
    let names_queue = ["/queues/", "/contacts/"]
        .iter()
        .any(|kind| queue.strip_prefix(kind).is_some_and(|id| !id.is_empty() && !id.contains('/')));
    if !names_queue {
        return Err(ConfigError::new(
            format!("{path}.queue"),
            "must be a queue of the engine: `/queues/<id>` or `/contacts/<id>`",
        ));
    }
    if call_path.as_ref().is_some_and(|path| !path.starts_with('/')) {
        return Err(ConfigError::new(format!("{path}.path"), "must begin with a slash"));
    }
    Ok(Webhook { secret, queue, path: call_path })
}

/// X's challenge names no app, so the path must tell which secret answers it.
fn check_webhooks(accounts: &[Account]) -> Result<(), ConfigError> {
    for (place, account) in accounts.iter().enumerate() {
        let Some(webhook) = &account.webhook else { continue };
        let earlier = accounts[..place].iter().filter_map(|earlier| earlier.webhook.as_ref());
        for earlier in earlier {
            let apart = matches!((&earlier.path, &webhook.path), (Some(a), Some(b)) if a != b);
            if earlier.secret != webhook.secret && !apart {
                return Err(ConfigError::new(
                    format!("accounts[{place}].webhook.path"),
                    "must differ from that of an earlier account whose webhook has another secret",
                ));
            }
        }
    }
    Ok(())
}

fn read_auth(part: Option<Value>, path: &str) -> Result<Auth, ConfigError> {
    let mut part = part.ok_or_else(|| ConfigError::new(path, "is missing"))?;
    let kind_path = || format!("{path}.kind");
    match config::take_kind(&mut part, path)?.as_str() {
        "oauth1" => {
            let OAuth1Document { consumer_key, consumer_secret, token, token_secret } =
                config::read_part(part, path)?;
            Ok(Auth::OAuth1 { consumer_key, consumer_secret, token, token_secret })
        }
        "bearer" => {
            let BearerDocument { token } = config::read_part(part, path)?;
            check_token(&token, &format!("{path}.token"))?;
            Ok(Auth::Bearer { token })
        }
        "oauth2" => read_oauth2(config::read_part(part, path)?, path),
        _ => Err(ConfigError::new(kind_path(), "must be `oauth1`, `oauth2` or `bearer`")),
    }
}

fn read_oauth2(document: OAuth2Document, path: &str) -> Result<Auth, ConfigError> {
    let OAuth2Document { client_id, client_secret, refresh_token, access_token, expires_at } = document;
    check_token(&refresh_token, &format!("{path}.refresh_token"))?;
    let access = match (access_token, expires_at) {
        (Some(token), Some(seconds)) => {
            check_token(&token, &format!("{path}.access_token"))?;
            Some((token, seconds.saturating_mul(1000)))
        }
        (None, None) => None,
        // Of a token of unknown age only a refused post would tell that it is too old.
        (Some(_), None) => {
            let problem = "is missing: give it (Unix time in seconds) together with `access_token`";
            return Err(ConfigError::new(format!("{path}.expires_at"), problem));
        }
        (None, Some(_)) => {
            let problem = "is missing, though `expires_at` says when it expires";
            return Err(ConfigError::new(format!("{path}.access_token"), problem));
        }
    };
    Ok(Auth::OAuth2 { client_id, client_secret, tokens: Tokens::new(refresh_token, access) })
}

/// A token becomes a header: a line break would make two of it.
fn check_token(token: &Secret, path: &str) -> Result<(), ConfigError> {
    if is_token(token.expose()) {
        Ok(())
    } else {
        Err(ConfigError::new(path, "must be a token without white space"))
    }
}
