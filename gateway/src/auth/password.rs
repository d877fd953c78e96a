//! Passwords are kept as argon2 hashes.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The hash of a password, in PHC string format (`$argon2id$v=19$m=…,t=…,p=…$salt$hash`).
#[derive(Clone)]
pub(crate) struct PasswordHash(Arc<Hash>);

struct Hash {
    argon2: Argon2<'static>,
    salt: phc::Salt,
    output: phc::Output,
    text: String,
}

/// A text that is no such hash.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordHashError {
    #[error(
        "is not an argon2 hash in PHC format: expected what `strowger-gateway hash-password` prints ({0})"
    )]
    Form(phc::Error),
    #[error("is a hash of `{0}`: expected argon2id, as `strowger-gateway hash-password` prints it")]
    Algorithm(String),
    #[error("is a hash of which {0} is missing: expected what `strowger-gateway hash-password` prints")]
    Incomplete(&'static str),
    #[error("is a hash that argon2 can't verify: {0}")]
    Parameters(argon2::password_hash::Error),
    #[error(
        "asks for {kib} KiB of memory in {passes} passes: expected at most {MOST_KIB} KiB, and at most \
         {MOST_KIB_IN_ALL} KiB over all passes"
    )]
    Cost { kib: u32, passes: u32 },
    #[error("a hash could not be made: {0}")]
    Make(argon2::password_hash::Error),
}

/// A hash that takes more memory would let whoever writes a configuration's hashes take the gateway down.
const MOST_KIB: u32 = 256 << 10;
/// Nor may it take a core for more than a second or two.
const MOST_KIB_IN_ALL: u64 = 2 << 20;

impl PasswordHash {
    /// Hashes a password, with a salt by chance.
    pub(crate) fn of(password: &str) -> Result<Self, PasswordHashError> {
        let hash = Argon2::default().hash_password(password.as_bytes()).map_err(PasswordHashError::Make)?;
        Self::new(&hash)
    }

    /// Reads a hash.
    pub(crate) fn parse(text: &str) -> Result<Self, PasswordHashError> {
        Self::new(&phc::PasswordHash::new(text.trim()).map_err(PasswordHashError::Form)?)
    }

    fn new(hash: &phc::PasswordHash) -> Result<Self, PasswordHashError> {
        if hash.algorithm.as_str() != "argon2id" {
            return Err(PasswordHashError::Algorithm(hash.algorithm.to_string()));
        }
        let salt = hash.salt.ok_or(PasswordHashError::Incomplete("the salt"))?;
        let output = hash.hash.ok_or(PasswordHashError::Incomplete("the hash itself"))?;
        let params = Params::try_from(hash).map_err(PasswordHashError::Parameters)?;
        let (kib, passes) = (params.m_cost(), params.t_cost());
        if kib > MOST_KIB || u64::from(kib) * u64::from(passes) > MOST_KIB_IN_ALL {
            return Err(PasswordHashError::Cost { kib, passes });
        }
        let version = hash
            .version
            .map_or(Ok(Version::default()), Version::try_from)
            .map_err(|error| PasswordHashError::Parameters(error.into()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, version, params);
        Ok(Self(Arc::new(Hash { argon2, salt, output, text: hash.to_string() })))
    }

    /// How much memory a verification takes.
    pub(crate) fn blocks(&self) -> usize {
        self.0.argon2.params().block_count()
    }

    /// Whether it is this password's. Takes tens of milliseconds and at least [`blocks`](Self::blocks) of
    /// memory, which is wiped when it is done. The answer takes as long whatever it is.
    pub(crate) fn is_of(&self, password: &str, memory: &mut [Block]) -> Result<bool, argon2::Error> {
        let Hash { argon2, salt, output, .. } = &*self.0;
        let mut computed = Zeroizing::new([0; phc::Output::MAX_LENGTH]);
        let computed = computed.get_mut(..output.len()).ok_or(argon2::Error::OutputTooLong)?;
        let hashed = argon2.hash_password_into_with_memory(password.as_bytes(), salt, computed, &mut *memory);
        // What is left of a computation makes guessing cheaper than the hash does.
        let used = self.blocks().min(memory.len());
        memory[..used].fill(Block::new());
        hashed.map(|()| bool::from(computed.ct_eq(output.as_ref())))
    }

    /// The text to be written into a configuration.
    pub(crate) fn to_text(&self) -> &str {
        &self.0.text
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

    const REST: &str = "$CPwtmxxfCem0i9XHV8COrQ$+8Zu/DILlKLcEBZ5GF4r8NV9FIVTOMUCcgK5CuPsy90";

    fn is_of(hash: &PasswordHash, password: &str) -> bool {
        hash.is_of(password, &mut vec![Block::new(); hash.blocks()]).unwrap()
    }

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hash = PasswordHash::of("right").unwrap();
        let read = PasswordHash::parse(hash.to_text()).unwrap();
        assert!(is_of(&read, "right"));
        assert!(!is_of(&read, "wrong"));
        assert!(!format!("{hash:?}").contains("argon2id"));
        // A hash that another program made.
        let made = PasswordHash::parse(&format!("$argon2id$v=19$m=19456,t=2,p=1{REST}")).unwrap();
        assert!(is_of(&made, "change me"));
    }

    #[test]
    fn what_a_verification_leaves_in_memory_is_wiped() {
        let hash = PasswordHash::parse(&format!("$argon2id$v=19$m=64,t=1,p=1{REST}")).unwrap();
        let mut memory = vec![Block::new(); hash.blocks() + 1];
        memory[0].as_mut()[0] = 1;
        assert!(!hash.is_of("right", &mut memory).unwrap());
        assert!(memory.iter().all(|block| block.as_ref().iter().all(|&word| word == 0)));
        assert!(hash.is_of("right", &mut memory[..8]).is_err(), "too little memory is no wrong password");
    }

    #[test]
    fn other_texts_are_refused_with_what_is_expected() {
        for text in [
            "",
            "secret",
            "$1$abc$def",
            "$scrypt$ln=17,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$argon2id$v=19$m=19456,t=2,p=1$CPwtmxxfCem0i9XHV8COrQ",
        ] {
            let error = PasswordHash::parse(text).unwrap_err().to_string();
            assert!(error.contains("hash-password"), "{text}: {error}");
        }
        for cost in ["m=262145,t=1,p=1", "m=4294967295,t=4294967295,p=1", "m=19456,t=1000,p=1"] {
            let error = PasswordHash::parse(&format!("$argon2id$v=19${cost}{REST}")).unwrap_err().to_string();
            assert!(error.contains("at most 262144 KiB"), "{cost}: {error}");
        }
        assert!(PasswordHash::parse(&format!("$argon2id$v=19$m=4,t=1,p=1{REST}")).is_err());
        assert!(PasswordHash::parse(&format!("$argon2id$v=19$m=262144,t=4,p=4{REST}")).is_ok());
    }
}
