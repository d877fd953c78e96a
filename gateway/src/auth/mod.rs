//! Who is asking: HTTP Basic, and the login session that a password opens.
//!
//! A password is verified once: afterwards the session's cookie stands for it, or, for clients that keep no
//! cookies, a bounded memory of keyed digests. Neither is slowed down when somebody else guesses passwords.

mod basic;
mod failures;
mod keys;
mod password;
mod throttle;
mod turns;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use self::basic::Basic;
use self::failures::Failures;
pub(crate) use self::keys::Keys;
pub(crate) use self::password::{PasswordHash, PasswordHashError};
use self::turns::{TooMany, Turns};
use crate::login::{Login, Logins};
use crate::settings::Limits;
use crate::staff::{Colleague, Staff};

/// Decides who gets in.
pub(crate) struct Doorkeeper {
    staff: Staff,
    /// One of them stands in for the hash of an agent who doesn't exist, so that the answer takes as long.
    stand_ins: Vec<PasswordHash>,
    names: RandomState,
    key: [u8; 32],
    verified: Mutex<HashMap<Digest, Verified>>,
    failures: Arc<Failures>,
    /// A verification takes much memory and a core: few at a time.
    turns: Turns,
    password_wait: Duration,
}

/// Stands for a name and a password; worthless without the process's key.
pub(crate) type Digest = [u8; 32];

struct Verified {
    colleague: Arc<Colleague>,
    at: Instant,
}

/// Who got in, and whether the session is a new one.
pub(crate) struct Admission {
    pub(crate) login: Arc<Login>,
    pub(crate) is_new: bool,
}

/// Why somebody did not get in. Nothing tells whether the agent exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    #[error("nobody is logged in: expected HTTP Basic credentials or the cookie of a session")]
    NobodyAsked,
    #[error("the name or the password is wrong")]
    Wrong,
    #[error("too many wrong passwords: try again in {} s", retry_after.as_secs())]
    TooOften { retry_after: Duration },
    #[error("too many log in at once: try again in {} s", retry_after.as_secs())]
    TooMany { retry_after: Duration },
}

/// How long a verified password is remembered for clients without cookies.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);
/// How many are.
const MOST_REMEMBERED: usize = 20_000;

impl Doorkeeper {
    pub(crate) fn new(staff: Staff, limits: &Limits) -> Self {
        let mut key = [0; 32];
        crate::chance::fill(&mut key);
        let stand_ins: Vec<_> = staff.passwords().cloned().collect();
        Self {
            staff,
            key,
            verified: Mutex::default(),
            failures: Arc::new(Failures::new(limits)),
            turns: Turns::new(limits.passwords_at_once, limits.password_wait, &stand_ins),
            password_wait: limits.password_wait,
            stand_ins,
            names: RandomState::new(),
        }
    }

    /// Who may get in.
    pub(crate) fn staff(&self) -> &Staff {
        &self.staff
    }

    /// Lets a request in. Credentials count even where there is a cookie: wrong ones never get in.
    pub(crate) async fn admit(
        &self,
        logins: &Logins,
        headers: &HeaderMap,
        from: IpAddr,
    ) -> Result<Admission, Denied> {
        let by_cookie = logins.of_request(headers);
        let Some(basic) = Basic::of_request(headers) else {
            let login = by_cookie.ok_or(Denied::NobodyAsked)?;
            return Ok(Admission { login, is_new: false });
        };
        let basic = basic.map_err(|_| Denied::Wrong)?;
        let digest = self.digest(&basic);
        if let Some(login) = &by_cookie
            && bool::from(login.credentials().ct_eq(&digest))
        {
            return Ok(Admission { login: login.clone(), is_new: false });
        }
        let colleague = match self.remembered(&digest) {
            Some(colleague) => colleague,
            None => self.verify(basic, digest, from).await?,
        };
        Ok(Admission { login: logins.open(&colleague, digest), is_new: true })
    }

    /// Lets in who shows these keys. Keys can't be guessed, so whoever has them is not slowed down when
    /// somebody else shows wrong ones.
    pub(crate) fn admit_keys(&self, keys: &Keys, headers: &HeaderMap, from: IpAddr) -> Result<(), Denied> {
        let basic = Basic::of_request(headers).ok_or(Denied::NobodyAsked)?;
        if basic.is_ok_and(|basic| keys.are(&basic)) {
            return Ok(());
        }
        self.failures.check_address(from).map_err(too_often)?;
        self.failures.count_address(from);
        Err(Denied::Wrong)
    }

    fn digest(&self, basic: &Basic) -> Digest {
        // A key of 32 bytes is always taken.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(&(basic.name.len() as u64).to_le_bytes());
        mac.update(basic.name.as_bytes());
        mac.update(basic.password.as_bytes());
        mac.finalize().into_bytes().into()
    }

    fn remembered(&self, digest: &Digest) -> Option<Arc<Colleague>> {
        let verified = self.verified.lock();
        verified
            .get(digest)
            .filter(|verified| verified.at.elapsed() < REMEMBERED)
            .map(|verified| verified.colleague.clone())
    }

    async fn verify(&self, basic: Basic, digest: Digest, from: IpAddr) -> Result<Arc<Colleague>, Denied> {
        self.failures.check(&basic.name, from).map_err(too_often)?;
        let colleague = self.staff.find(&basic.name).cloned();
        let known = colleague.as_ref().map(|colleague| &colleague.password);
        let hash = known.or_else(|| self.stand_in(&basic.name)).ok_or(Denied::Wrong)?.clone();
        let too_many = Denied::TooMany { retry_after: self.password_wait.max(Duration::from_secs(1)) };
        let mut turn = self.turns.take().await.map_err(|TooMany| too_many)?;
        // Those who waited for their turn while others succeeded or failed are counted with them.
        if let Some(colleague) = self.remembered(&digest) {
            return Ok(colleague);
        }
        self.failures.check(&basic.name, from).map_err(too_often)?;
        let failures = self.failures.clone();
        let verifying = tokio::task::spawn_blocking(move || {
            let is_right = turn.verify(&hash, &basic.password)?;
            let colleague = colleague.filter(|_| is_right);
            if colleague.is_none() {
                // Here, so that whoever goes away without waiting for the answer is counted as well.
                failures.count(&basic.name, from);
            }
            Ok::<_, argon2::Error>(colleague)
        });
        let verified = match verifying.await {
            Ok(Ok(verified)) => verified,
            Ok(Err(error)) => {
                tracing::error!(%error, "a password could not be verified");
                return Err(too_many);
            }
            Err(error) => {
                tracing::error!(%error, "the verification of a password broke off");
                return Err(too_many);
            }
        };
        let colleague = verified.ok_or(Denied::Wrong)?;
        self.remember(digest, &colleague);
        Ok(colleague)
    }

    /// What an unknown name's password is compared with, always the same for the same name: nobody learns
    /// who exists from how long it takes, whatever the agents' hashes cost.
    fn stand_in(&self, name: &str) -> Option<&PasswordHash> {
        let place = self.names.hash_one(name) % (self.stand_ins.len() as u64).max(1);
        self.stand_ins.get(usize::try_from(place).unwrap_or(0))
    }

    fn remember(&self, digest: Digest, colleague: &Arc<Colleague>) {
        let mut verified = self.verified.lock();
        if verified.len() >= MOST_REMEMBERED {
            verified.retain(|_, verified| verified.at.elapsed() < REMEMBERED);
        }
        if verified.len() >= MOST_REMEMBERED {
            verified.clear();
        }
        verified.insert(digest, Verified { colleague: colleague.clone(), at: Instant::now() });
    }
}

fn too_often(retry_after: Duration) -> Denied {
    Denied::TooOften { retry_after }
}

#[cfg(test)]
mod tests {
    //! Planted fault that this test was seen to catch: an unknown name that is refused without a verification.

    use axum::http::HeaderValue;
    use axum::http::header::AUTHORIZATION;
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use strowger::{Config, Engine};

    use super::*;

    #[tokio::test]
    async fn an_unknown_name_costs_what_a_known_one_does() {
        let engine = Engine::open(&Config::default()).unwrap();
        let hash =
            "$argon2id$v=19$m=64,t=1,p=1$CPwtmxxfCem0i9XHV8COrQ$+8Zu/DILlKLcEBZ5GF4r8NV9FIVTOMUCcgK5CuPsy90";
        let colleague = Colleague::new(&engine, "a1", &[], PasswordHash::parse(hash).unwrap()).unwrap();
        let limits = Limits::default();
        let doorkeeper = Doorkeeper::new(Staff::new([colleague]), &limits);
        assert_eq!(doorkeeper.turns.kept_blocks(), 0);
        let mut headers = HeaderMap::new();
        let basic = format!("Basic {}", BASE64_STANDARD.encode("nobody:guess"));
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&basic).unwrap());
        let denied = doorkeeper.admit(&Logins::new(&limits), &headers, IpAddr::from([127, 0, 0, 1])).await;
        assert_eq!(denied.err(), Some(Denied::Wrong));
        assert_eq!(doorkeeper.turns.kept_blocks(), 64, "it was verified");
        assert!(std::ptr::eq(doorkeeper.stand_in("nobody").unwrap(), doorkeeper.stand_in("nobody").unwrap()));
    }
}
