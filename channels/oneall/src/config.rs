//! What an operator sets: the configuration document, read into types that can't be wrong.

use serde::Deserialize;
use strowger_channel::config::{self, ConfigError};
use strowger_channel::manifest::OnUnknown;
use strowger_channel::{Secret, readback};

use crate::access::Access;
use crate::push::{is_id, is_web_address};

/// The plugin's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The channels' configured name, written to `_umsChannel`.
    pub name: String,
    /// The accounts.
    pub accounts: Vec<Account>,
}

/// A channel that this plugin serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// LinkedIn.
    LinkedIn,
    /// Pinterest.
    Pinterest,
    /// YouTube.
    YouTube,
}

impl Service {
    /// All of them, in the order of the manifest.
    pub const ALL: [Self; 3] = [Self::LinkedIn, Self::Pinterest, Self::YouTube];

    /// The channel's name.
    pub fn channel(self) -> &'static str {
        match self {
            Self::LinkedIn => "linkedin",
            Self::Pinterest => "pinterest",
            Self::YouTube => "youtube",
        }
    }

    /// The service's name as people write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::LinkedIn => "LinkedIn",
            Self::Pinterest => "Pinterest",
            Self::YouTube => "YouTube",
        }
    }

    /// How long a text may be unless the account says otherwise, in characters: the services' own limits of a
    /// post, of a pin's and of a video's description.
    fn max_text(self) -> usize {
        match self {
            Self::LinkedIn => 3_000,
            Self::Pinterest => 800,
            Self::YouTube => 5_000,
        }
    }
}

/// An account that can publish.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name: the `from` of a request.
    pub name: String,
    /// What it is an account of.
    pub service: Service,
    /// Its name as people read it.
    pub display_name: Option<String>,
    /// LinkedIn: the company that it posts for; else it posts on the user's own profile.
    pub company: Option<String>,
    /// Pinterest: the board for pins that name none.
    pub board: Option<String>,
    /// YouTube: the playlist for videos that are to be added to one and name none.
    pub playlist: Option<String>,
    /// YouTube: where OneAll reports that a video was processed.
    pub callback_url: Option<String>,
    /// How long a text may be, in characters.
    pub max_text: usize,
    /// How long an attempt is left to settle before it is looked for, in milliseconds.
    pub settle_ms: u64,
    /// What to do with a message of which nobody can tell whether it was published.
    pub on_unknown: OnUnknown,
    /// How OneAll is reached for it.
    pub access: Access,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    base_url: String,
    public_key: String,
    private_key: Secret,
    #[serde(default)]
    allow_plain_http: bool,
    accounts: Vec<AccountDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountDocument {
    name: String,
    channel: Service,
    identity_token: Secret,
    display_name: Option<String>,
    company: Option<String>,
    board: Option<String>,
    playlist: Option<String>,
    callback_url: Option<String>,
    max_text: Option<usize>,
    settle_ms: Option<u64>,
    #[serde(default)]
    on_unknown: OnUnknown,
}

impl Config {
    /// Reads the configuration document. Unknown members are an error that names them.
    pub fn read(json: &str) -> Result<Self, ConfigError> {
        let document: Document = config::read(json)?;
        let site = Site {
            base_url: document.base_url,
            public_key: document.public_key,
            private_key: document.private_key,
            allow_plain_http: document.allow_plain_http,
        };
        let mut accounts: Vec<Account> = Vec::new();
        for (place, entry) in document.accounts.into_iter().enumerate() {
            let path = format!("accounts[{place}]");
            let account = entry.read(&site, &path)?;
            if accounts.iter().any(|other| (other.service, &other.name) == (account.service, &account.name)) {
                return Err(ConfigError::new(
                    format!("{path}.name"),
                    "is the name of an earlier account of that channel",
                ));
            }
            accounts.push(account);
        }
        Ok(Self { name: document.name, accounts })
    }

    /// The account of that name on that channel, and its place.
    pub fn account(&self, channel: &str, name: &str) -> Option<(usize, &Account)> {
        let mut accounts = self.accounts.iter().enumerate();
        accounts.find(|(_, account)| account.service.channel() == channel && account.name == name)
    }
}

struct Site {
    base_url: String,
    public_key: String,
    private_key: Secret,
    allow_plain_http: bool,
}

impl AccountDocument {
    fn read(self, site: &Site, path: &str) -> Result<Account, ConfigError> {
        let member = |name: &str| format!("{path}.{name}");
        if self.name.is_empty() {
            return Err(ConfigError::new(member("name"), "must not be empty"));
        }
        let service = self.channel;
        for (name, id, owner) in [
            ("company", &self.company, Service::LinkedIn),
            ("board", &self.board, Service::Pinterest),
            ("playlist", &self.playlist, Service::YouTube),
        ] {
            let Some(id) = id else { continue };
            if service != owner {
                let problem = format!("belongs to accounts of `{}` only", owner.channel());
                return Err(ConfigError::new(member(name), problem));
            }
            if !is_id(id) {
                return Err(ConfigError::new(member(name), "must be an id of letters, digits, `-` and `_`"));
            }
        }
        if let Some(address) = &self.callback_url {
            if service != Service::YouTube {
                return Err(ConfigError::new(
                    member("callback_url"),
                    "belongs to accounts of `youtube` only",
                ));
            }
            if !is_web_address(address) || !address.to_ascii_lowercase().starts_with("https://") {
                return Err(ConfigError::new(member("callback_url"), "must be an https address"));
            }
        }
        if self.max_text == Some(0) {
            return Err(ConfigError::new(member("max_text"), "must be at least 1"));
        }
        let access = Access::new(
            &site.base_url,
            &site.public_key,
            site.private_key.clone(),
            self.identity_token,
            "",
            path,
            site.allow_plain_http,
        )?;
        Ok(Account {
            name: self.name,
            service,
            display_name: self.display_name,
            company: self.company,
            board: self.board,
            playlist: self.playlist,
            callback_url: self.callback_url,
            max_text: self.max_text.unwrap_or_else(|| service.max_text()),
            settle_ms: self.settle_ms.unwrap_or(readback::SETTLE_MS),
            on_unknown: self.on_unknown,
            access,
        })
    }
}
