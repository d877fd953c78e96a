//! Passwords are kept as argon2 hashes.

use std::fmt;
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// The hash of a password, in PHC string format (`$argon2id$v=19$m=…,t=…,p=…$salt$hash`).
#[derive(Clone)]
pub(crate) struct PasswordHash(Arc<phc::PasswordHash>);

/// A text that is no such hash.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordHashError {
    #[error(
        "is not an argon2 hash in PHC format: expected what `strowger-gateway hash-password` prints ({0})"
    )]
    Form(phc::Error),
    #[error("is a hash of `{0}`: expected argon2id, as `strowger-gateway hash-password` prints it")]
    Algorithm(String),
    #[error("a hash could not be made: {0}")]
    Make(argon2::password_hash::Error),
}

impl PasswordHash {
    /// Hashes a password, with a salt by chance.
    pub(crate) fn of(password: &str) -> Result<Self, PasswordHashError> {
        let hash = Argon2::default().hash_password(password.as_bytes());
        Ok(Self(Arc::new(hash.map_err(PasswordHashError::Make)?)))
    }

    /// Reads a hash.
    pub(crate) fn parse(text: &str) -> Result<Self, PasswordHashError> {
        let hash = phc::PasswordHash::new(text.trim()).map_err(PasswordHashError::Form)?;
        if hash.algorithm.as_str() != "argon2id" {
            return Err(PasswordHashError::Algorithm(hash.algorithm.to_string()));
        }
        Ok(Self(Arc::new(hash)))
    }

    /// Whether it is this password's. Takes tens of milliseconds and megabytes, as it should.
    pub(crate) fn is_of(&self, password: &str) -> bool {
        Argon2::default().verify_password(password.as_bytes(), &*self.0).is_ok()
    }

    /// The text to be written into a configuration.
    pub(crate) fn to_text(&self) -> String {
        self.0.to_string()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hash = PasswordHash::of("right").unwrap();
        let read = PasswordHash::parse(&hash.to_text()).unwrap();
        assert!(read.is_of("right"));
        assert!(!read.is_of("wrong"));
        assert!(!format!("{hash:?}").contains("argon2id"));
    }

    #[test]
    fn other_texts_are_refused_with_what_is_expected() {
        for text in ["", "secret", "$1$abc$def", "$scrypt$ln=17,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"] {
            let error = PasswordHash::parse(text).unwrap_err().to_string();
            assert!(error.contains("hash-password"), "{text}: {error}");
        }
    }
}
