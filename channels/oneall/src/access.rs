//! How OneAll's API is reached: a site's address and keys, and the identity that is pushed to.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::Value;
use strowger_channel::config::{self, BaseUrl, ConfigError};
use strowger_channel::{Request, Secret};

use crate::push::Push;

/// A site of OneAll and one identity on it: everything that a request needs.
///
/// The identity token stands in every address, as OneAll wants it. It is no credential without the keys, but
/// it is kept out of logs all the same: channels name `identity_token` among their manifest's secrets.
#[derive(Clone, Debug)]
pub struct Access {
    base_url: BaseUrl,
    authorization: Secret,
    private_key: Secret,
    identity_token: Secret,
}

/// The member of the configuration that holds [`Access::identity_token`](Access): to be named among a
/// manifest's secrets, so that it is blotted out of traces.
pub const SECRETS: [&str; 2] = ["identity_token", "private_key"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    base_url: String,
    public_key: String,
    private_key: Secret,
    identity_token: Secret,
}

impl Access {
    /// Reads the members of a `"transport": {"kind": "oneall", …}`: `base_url`, `public_key`, `private_key` and
    /// `identity_token`. `path` is where it stands; `kind` has been taken out of it.
    pub fn read(part: Value, path: &str, allow_plain_http: bool) -> Result<Self, ConfigError> {
        let Document { base_url, public_key, private_key, identity_token } = config::read_part(part, path)?;
        Self::new(&base_url, &public_key, private_key, identity_token, path, path, allow_plain_http)
    }

    /// Puts an access together. `site` and `path` are where the site's members and the identity's stand, for
    /// errors; empty for the document itself.
    pub(crate) fn new(
        base_url: &str,
        public_key: &str,
        private_key: Secret,
        identity_token: Secret,
        site: &str,
        path: &str,
        allow_plain_http: bool,
    ) -> Result<Self, ConfigError> {
        let member = |place: &str, name: &str| {
            if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
        };
        let base_url = BaseUrl::parse(base_url, &member(site, "base_url"))?;
        if !allow_plain_http && !base_url.is_safe() {
            return Err(ConfigError::new(
                member(site, "base_url"),
                "must be https, or a loopback address, unless `allow_plain_http` is true",
            ));
        }
        let is_key = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b':');
        for (name, key) in [("public_key", public_key), ("private_key", private_key.expose())] {
            if !is_key(key) {
                return Err(ConfigError::new(
                    member(site, name),
                    "must be a key without white space and `:`",
                ));
            }
        }
        if !crate::push::is_id(identity_token.expose()) {
            return Err(ConfigError::new(
                member(path, "identity_token"),
                "must be a token of letters, digits, `-` and `_`",
            ));
        }
        let pair = Secret::new(format!("{public_key}:{}", private_key.expose()));
        let authorization = Secret::new(format!("Basic {}", BASE64_STANDARD.encode(pair.expose())));
        Ok(Self { base_url, authorization, private_key, identity_token })
    }

    /// What must not be seen.
    pub fn secrets(&self) -> [&Secret; 3] {
        [&self.private_key, &self.authorization, &self.identity_token]
    }

    /// The request that pushes.
    pub(crate) fn push(&self, push: &Push) -> Request {
        let address = self.address("push", &push.path(), "");
        Request::post(address).header("authorization", self.authorization.clone()).json(push.body())
    }

    /// A request for a list of the Pull API.
    pub(crate) fn pull(&self, path: &str, query: &str) -> Request {
        let address = self.address("pull", path, query);
        Request::get(address).header("authorization", self.authorization.clone())
    }

    fn address(&self, api: &str, path: &str, query: &str) -> String {
        let token = self.identity_token.expose();
        let mark = if query.is_empty() { "" } else { "?" };
        self.base_url.join(&format!("/{api}/identities/{token}/{path}.json{mark}{query}"))
    }
}
