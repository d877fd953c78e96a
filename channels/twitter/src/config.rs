//! What an operator sets: the configuration document, read into types that can't be wrong.

use serde::Deserialize;
use serde_json::Value;
use strowger_channel::config::{self, BaseUrl, ConfigError};
use strowger_channel::manifest::OnUnknown;
use strowger_channel::{Secret, readback};

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
}

impl Auth {
    /// What must not be seen.
    pub(crate) fn secrets(&self) -> Vec<&Secret> {
        match self {
            Self::OAuth1 { consumer_secret, token_secret, .. } => vec![consumer_secret, token_secret],
            Self::Bearer { token } => vec![token],
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
        if self.transport.is_some() {
            return Err(ConfigError::new(
                member("transport"),
                "is not available in this version: leave it out, the account posts to X itself",
            ));
        }
        if self.webhook.is_some() {
            return Err(ConfigError::new(
                member("webhook"),
                "is not available in this version: leave it out",
            ));
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
        let auth = read_auth(self.auth, &member("auth"))?;
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
        })
    }
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
            // It becomes a header: a line break would make two of it.
            if token.is_empty() || token.expose().contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Err(ConfigError::new(format!("{path}.token"), "must be a token without white space"));
            }
            Ok(Auth::Bearer { token })
        }
        "oauth2" => Err(ConfigError::new(
            kind_path(),
            "`oauth2` is not available in this version: use `oauth1`, or `bearer` with a token that is kept fresh",
        )),
        _ => Err(ConfigError::new(kind_path(), "must be `oauth1` or `bearer`")),
    }
}
