//! OAuth 2.0 user tokens: held, and refreshed before they expire.
//!
//! A refresh token is good for one use. So one conversation at a time refreshes, the others wait for it; and the
//! new refresh token is handed to the host to keep before anything is done with what came beside it. If it can't
//! be kept, it stays here, and the next conversation tries that first: asking X again would only burn it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strowger_channel::answer::{self, Answer};
use strowger_channel::{Exchange, Outcome, Request, Secret, Step, StepResult};

use crate::config::{Account, Auth};
use crate::{Twitter, auth, classify};

/// The name under which the host keeps the refresh token.
const KEPT_AS: &str = "refresh_token";
/// How long a token must still live to be used: longer than a conversation lasts.
const MARGIN_MS: i64 = 10 * 60_000;
/// How long a token lives if X does not say.
const LIFE_S: i64 = 7_200;
/// How long to wait for another conversation's refresh before looking again.
const LOOK_AGAIN_MS: u64 = 250;

/// An account's tokens, shared by its conversations.
#[derive(Clone)]
pub struct Tokens(Arc<Mutex<Held>>);

struct Held {
    refresh: Secret,
    /// The refresh token came from X and is not kept yet.
    unkept: bool,
    access: Secret,
    /// The access token is used until then: Unix time in milliseconds.
    fresh_until_ms: i64,
    /// A conversation is at it.
    leased: bool,
}

/// Whether a text can be a token: it becomes a header.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

impl Tokens {
    /// Holds a refresh token, and perhaps an access token with the time when it expires.
    pub(crate) fn new(refresh: Secret, access: Option<(Secret, i64)>) -> Self {
        let (access, expires_ms) = access.unwrap_or_default();
        let fresh_until_ms = expires_ms.saturating_sub(MARGIN_MS);
        Self(Arc::new(Mutex::new(Held { refresh, unkept: false, access, fresh_until_ms, leased: false })))
    }

    /// The access token; empty before the first refresh.
    pub(crate) fn access(&self) -> Secret {
        self.held().access.clone()
    }

    /// X did not accept the access token: it is not used again.
    pub(crate) fn discard_access(&self) {
        self.held().fresh_until_ms = 0;
    }

    /// What must not be seen.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let held = self.held();
        [&held.refresh, &held.access].into_iter().filter(|secret| !secret.is_empty()).cloned().collect()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn need(&self, now_ms: i64) -> Need {
        let mut held = self.held();
        if !held.unkept && now_ms < held.fresh_until_ms {
            return Need::Nothing;
        }
        if held.leased {
            return Need::Patience;
        }
        held.leased = true;
        Need::Work { lease: Lease(self.clone()), unkept: held.unkept }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

enum Need {
    Nothing,
    /// Another conversation refreshes.
    Patience,
    /// This one does.
    Work {
        lease: Lease,
        unkept: bool,
    },
}

/// The right to refresh. A conversation can be cut short at any step, and gives it back then as well.
#[derive(Debug)]
struct Lease(Tokens);

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.held().leased = false;
    }
}

/// A conversation on its way to a token.
#[derive(Debug)]
pub(crate) struct Acquiring {
    tokens: Tokens,
    lease: Option<Lease>,
}

/// Where that stands.
pub(crate) enum Progress {
    /// There is something to do.
    Step(Step),
    /// A token is held.
    Ready,
    /// There is none to be had: how the conversation ends.
    Failed(Outcome),
}

impl Acquiring {
    /// Begins, if the account has tokens to be refreshed.
    pub(crate) fn new(account: &Account) -> Option<Self> {
        match &account.auth {
            Auth::OAuth2 { tokens, .. } => Some(Self { tokens: tokens.clone(), lease: None }),
            Auth::OAuth1 { .. } | Auth::Bearer { .. } => None,
        }
    }

    pub(crate) fn begin(&mut self, plugin: &Twitter, account: &Account) -> Progress {
        match self.tokens.need(plugin.host.now_ms()) {
            Need::Nothing => Progress::Ready,
            Need::Patience => Progress::Step(Step::Wait { ms: LOOK_AGAIN_MS }),
            Need::Work { lease, unkept } => {
                self.lease = Some(lease);
                Progress::Step(if unkept { self.keep() } else { self.ask(plugin, account) })
            }
        }
    }

    pub(crate) fn resume(&mut self, plugin: &Twitter, account: &Account, result: StepResult) -> Progress {
        match result {
            StepResult::Exchange(exchange) => self.take_in(plugin, account, &exchange),
            StepResult::Kept => {
                self.tokens.held().unkept = false;
                self.lease = None;
                Progress::Ready
            }
            StepResult::Waited | StepResult::File(_) => self.begin(plugin, account),
        }
    }

    fn keep(&self) -> Step {
        Step::KeepSecret { name: KEPT_AS.to_owned(), value: self.tokens.held().refresh.clone() }
    }

    fn ask(&self, plugin: &Twitter, account: &Account) -> Step {
        let mut fields = vec![
            ("grant_type".to_owned(), "refresh_token".into()),
            ("refresh_token".to_owned(), self.tokens.held().refresh.clone().into()),
        ];
        let mut request = Request::post(plugin.config.base_url.join("/2/oauth2/token"));
        if let Auth::OAuth2 { client_id, client_secret, .. } = &account.auth {
            match client_secret {
                Some(secret) => request = request.header("authorization", auth::basic(client_id, secret)),
                None => fields.push(("client_id".to_owned(), client_id.as_str().into())),
            }
        }
        Step::read(request.form(fields))
    }

    fn take_in(&mut self, plugin: &Twitter, account: &Account, exchange: &Exchange) -> Progress {
        let body = match answer::read(exchange) {
            Answer::Success(body) => body,
            // Refused for good, for X repeats its answer to a token that was used or taken back.
            Answer::NeedsLogin(body) | Answer::Refused { status: 400 | 403, body } => {
                let words = body.as_ref().and_then(|body| body["error_description"].as_str());
                let words = words.map_or_else(
                    || classify::words(body.as_ref(), account),
                    |words| classify::blotted(words, account),
                );
                return Progress::Failed(Outcome::NeedsLogin {
                    message: format!("the refresh token was refused: {words}"),
                });
            }
            // Any other status says nothing about the token.
            Answer::Refused { status, .. } => {
                let message = format!("the token could not be refreshed: HTTP {status}");
                return Progress::Failed(Outcome::not_sent(message));
            }
            other => return Progress::Failed(classify::unpublished(other, account, &plugin.host)),
        };
        let token = |name: &str| body[name].as_str().filter(|text| is_token(text)).map(Secret::new);
        let Some(access) = token("access_token") else {
            let message = "the token could not be refreshed: X answered with success, but without one";
            return Progress::Failed(Outcome::not_sent(message));
        };
        let life_ms = body["expires_in"].as_i64().unwrap_or(LIFE_S).clamp(0, 365 * 86_400) * 1000;
        // Half of a life that is shorter than the margin: refreshing every time would be no use.
        let use_ms = (life_ms - MARGIN_MS).max(life_ms / 2);
        let step = {
            let mut held = self.tokens.held();
            held.access = access;
            held.fresh_until_ms = plugin.host.now_ms().saturating_add(use_ms);
            match token("refresh_token") {
                Some(refresh) if refresh != held.refresh => {
                    held.refresh = refresh;
                    held.unkept = true;
                    true
                }
                _ => false,
            }
        };
        if step {
            return Progress::Step(self.keep());
        }
        self.lease = None;
        Progress::Ready
    }
}
