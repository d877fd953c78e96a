//! What an operator sets: the configuration document, read into types that can't be wrong.

use serde::Deserialize;
use serde_json::Value;
use strowger_channel::config::{self, BaseUrl, ConfigError};
use strowger_channel::manifest::OnUnknown;
use strowger_channel::{Secret, clock, readback};

use crate::auth::proof;
use crate::publish::is_id;
use crate::transport::Transport;

/// Where the Graph API lives.
const BASE_URL: &str = "https://graph.facebook.com";
/// The version of the Graph API, unless the operator says otherwise.
const VERSION: &str = "v26.0";
/// How long a post may be, in characters.
const MAX_TEXT: usize = 63_206;
/// How long a comment may be, in characters.
const MAX_COMMENT: usize = 8_000;
/// How long a message may be, in characters.
const MAX_MESSAGE: usize = 2_000;

/// The plugin's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The channel's configured name, written to `_umsChannel` of replies.
    pub name: String,
    /// The API's base address.
    pub base_url: BaseUrl,
    /// The API's version, as `v26.0`.
    pub version: String,
    /// When Meta ends that version, where that is known or the operator says: Unix time in milliseconds.
    pub version_ends_ms: Option<i64>,
    /// The accounts.
    pub accounts: Vec<Account>,
}

/// A page that can post.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name: the `from` of a request.
    pub name: String,
    /// The page's id.
    pub page_id: String,
    /// The page's name as people read it.
    pub page_name: Option<String>,
    /// The id of the user in whose name the page is run.
    pub actor_id: Option<String>,
    /// That user's name.
    pub actor_name: Option<String>,
    /// How long a post may be, in characters.
    pub max_text: usize,
    /// How long a comment may be, in characters.
    pub max_comment: usize,
    /// How long a message to a person may be, in characters.
    pub max_message: usize,
    /// How long an attempt is left to settle before it is looked for, in milliseconds.
    pub settle_ms: u64,
    /// What to do with a message of which nobody can tell whether it was published.
    pub on_unknown: OnUnknown,
    /// Its credentials for the Graph API; empty if a transport carries its posts and nothing else is asked.
    pub auth: Auth,
    /// What carries its posts instead of the Graph API.
    pub transport: Option<Transport>,
    /// How the platform's webhook requests for it are taken in.
    pub webhook: Option<Webhook>,
}

/// How webhook requests of a page are taken in.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The secret of the app that sends them: they are signed with it.
    pub secret: Secret,
    /// What the platform repeats when the webhook is set up.
    pub verify_token: Option<Secret>,
    /// The queue that posts, comments and messages wait in.
    pub queue_path: String,
}

/// A page's credentials.
#[derive(Clone, Debug, Default)]
pub struct Auth {
    /// The page's access token.
    pub access_token: Secret,
    /// The proof that the app's secret is known, where that is configured. The app's secret itself is not
    /// kept: nothing else is made of it.
    pub proof: Option<Secret>,
}

impl Auth {
    /// What must not be seen.
    pub(crate) fn secrets(&self) -> Vec<&Secret> {
        std::iter::once(&self.access_token).chain(&self.proof).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    #[serde(default = "base_url")]
    base_url: String,
    #[serde(default = "version")]
    version: String,
    version_ends: Option<String>,
    accounts: Vec<AccountDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountDocument {
    name: String,
    page_id: String,
    page_name: Option<String>,
    actor_id: Option<String>,
    actor_name: Option<String>,
    max_text: Option<usize>,
    max_comment: Option<usize>,
    max_message: Option<usize>,
    settle_ms: Option<u64>,
    #[serde(default)]
    on_unknown: OnUnknown,
    #[serde(default)]
    allow_plain_http: bool,
    auth: Option<AuthDocument>,
    transport: Option<Value>,
    webhook: Option<WebhookDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookDocument {
    secret: Option<Secret>,
    verify_token: Option<Secret>,
    queue_path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthDocument {
    access_token: Secret,
    app_secret: Option<Secret>,
}

fn base_url() -> String {
    BASE_URL.to_owned()
}

fn version() -> String {
    VERSION.to_owned()
}

impl Config {
    /// Reads the configuration document. Unknown members are an error that names them.
    pub fn read(json: &str) -> Result<Self, ConfigError> {
        let document: Document = config::read(json)?;
        let base_url = BaseUrl::parse(&document.base_url, "base_url")?;
        if !is_version(&document.version) {
            return Err(ConfigError::new("version", "must be a version of the Graph API, as v26.0"));
        }
        let version_ends_ms = match &document.version_ends {
            Some(date) => Some(
                clock::parse_ms(&format!("{date}T00:00:00Z"))
                    .ok_or_else(|| ConfigError::new("version_ends", "must be a date, as 2028-05-01"))?,
            ),
            None => known_end_ms(&document.version),
        };
        let mut accounts: Vec<Account> = Vec::new();
        for (place, entry) in document.accounts.into_iter().enumerate() {
            let path = format!("accounts[{place}]");
            if entry.transport.is_none() && !entry.allow_plain_http && !base_url.is_safe() {
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
        Ok(Self { name: document.name, base_url, version: document.version, version_ends_ms, accounts })
    }

    /// The account of that name.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    /// The address of a path beneath the version, without a slash at its beginning.
    pub(crate) fn address(&self, path: &str) -> String {
        self.base_url.join(&format!("/{}/{path}", self.version))
    }
}

impl AccountDocument {
    fn read(self, path: &str) -> Result<Account, ConfigError> {
        let member = |name: &str| format!("{path}.{name}");
        if self.name.is_empty() {
            return Err(ConfigError::new(member("name"), "must not be empty"));
        }
        if !is_id(&self.page_id) {
            return Err(ConfigError::new(member("page_id"), "must be a string of digits"));
        }
        let max_text = self.max_text.unwrap_or(MAX_TEXT);
        let max_comment = self.max_comment.unwrap_or(MAX_COMMENT);
        let max_message = self.max_message.unwrap_or(MAX_MESSAGE);
        for (name, limit) in
            [("max_text", max_text), ("max_comment", max_comment), ("max_message", max_message)]
        {
            if limit == 0 {
                return Err(ConfigError::new(member(name), "must be at least 1"));
            }
        }
        let transport = self
            .transport
            .map(|part| Transport::read(part, &member("transport"), self.allow_plain_http))
            .transpose()?;
        if transport.is_some() && self.auth.is_some() {
            return Err(ConfigError::new(
                member("auth"),
                "is of no use beside a `transport`: leave one of them out",
            ));
        }
        let webhook = self
            .webhook
            .map(|webhook| {
                let app_secret = self.auth.as_ref().and_then(|auth| auth.app_secret.clone());
                let secret = webhook.secret.or(app_secret).filter(|secret| !secret.is_empty());
                if !["/queues/", "/contacts/"].iter().any(|lead| webhook.queue_path.contains(lead)) {
                    return Err(ConfigError::new(
                        member("webhook.queue_path"),
                        "must be the path of a queue, as /queues/social",
                    ));
                }
                Ok(Webhook {
                    secret: secret.ok_or_else(|| {
                        ConfigError::new(member("webhook.secret"), "is missing, and there is no `app_secret`")
                    })?,
                    verify_token: webhook.verify_token.filter(|token| !token.is_empty()),
                    queue_path: webhook.queue_path,
                })
            })
            .transpose()?;
        let auth = match self.auth {
            Some(auth) => auth.read(&member("auth"))?,
            None if transport.is_some() => Auth::default(),
            None => return Err(ConfigError::new(member("auth"), "is missing")),
        };
        Ok(Account {
            name: self.name,
            page_id: self.page_id,
            page_name: self.page_name,
            actor_id: self.actor_id,
            actor_name: self.actor_name,
            max_text,
            max_comment,
            settle_ms: self.settle_ms.unwrap_or(readback::SETTLE_MS),
            on_unknown: self.on_unknown,
            max_message,
            auth,
            transport,
            webhook,
        })
    }
}

impl AuthDocument {
    fn read(self, path: &str) -> Result<Auth, ConfigError> {
        let token = self.access_token.expose();
        // It becomes a header: a line break would make two of it.
        if token.is_empty() || token.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(ConfigError::new(
                format!("{path}.access_token"),
                "must be a token without white space",
            ));
        }
        Ok(Auth {
            proof: self.app_secret.map(|app_secret| proof(&app_secret, &self.access_token)),
            access_token: self.access_token,
        })
    }
}

/// When Meta ends a version: two years after the next one came out. Later versions' ends are not known yet.
///
/// Source: Meta's documentation "Platform Versioning" and the changelog's dates.
fn known_end_ms(version: &str) -> Option<i64> {
    let date = match version {
        "v19.0" => "2026-05-21",
        "v20.0" => "2026-09-24",
        "v21.0" => "2027-01-21",
        "v22.0" => "2027-05-29",
        "v23.0" => "2027-10-08",
        "v24.0" => "2028-02-18",
        _ => return None,
    };
    clock::parse_ms(&format!("{date}T00:00:00Z"))
}

/// `v`, a number, a dot, a number: it becomes part of every address.
fn is_version(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix('v')
        .and_then(|rest| rest.split_once('.'))
        .is_some_and(|(major, minor)| number(major) && number(minor))
}
