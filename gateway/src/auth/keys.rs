//! A public and a private key, for callers that are no agents.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::basic::Basic;

/// The pair. The private key itself is not kept.
#[derive(Clone)]
pub(crate) struct Keys {
    digest: [u8; 32],
}

impl Keys {
    /// A private key has at least so many bytes, so that nobody guesses it.
    pub(crate) const SHORTEST: usize = 16;

    pub(crate) fn new(public: &str, private: &str) -> Self {
        Self { digest: digest(public, private) }
    }

    pub(super) fn are(&self, basic: &Basic) -> bool {
        bool::from(self.digest.ct_eq(&digest(&basic.name, &basic.password)))
    }
}

fn digest(public: &str, private: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update((public.len() as u64).to_le_bytes());
    hasher.update(public);
    hasher.update(private);
    hasher.finalize().into()
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keys(…)")
    }
}
