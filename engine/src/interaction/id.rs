//! Names of things: interactions, deliveries and agents.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};
use smol_str::SmolStr;

/// The name of an interaction or a delivery: up to [`Id::MAX_LEN`] letters, digits, `-` and `_`.
///
/// Ids that the engine makes have 16 characters, digits and upper-case letters, as `01QQQG2MU214P06D`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

/// The id of an interaction.
pub type InteractionId = Id;
/// The id of a delivery.
pub type DeliveryId = Id;

impl Id {
    /// The longest id: room for a UUID with its hyphens.
    pub const MAX_LEN: usize = 39;

    /// Stands in a record until the shell has named it.
    pub(crate) const UNNAMED: Self = Self { bytes: [0; Self::MAX_LEN], len: 0 };

    /// Takes `text` as an id.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        // Almost always it is one: all bytes are looked at without a branch for each.
        let are_fit =
            |fit: bool, byte: u8| fit & (byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'_'));
        let fits = (1..=Self::MAX_LEN).contains(&text.len()) && text.bytes().fold(true, are_fit);
        if !fits {
            return Err(InvalidId);
        }
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        #[allow(clippy::cast_possible_truncation, reason = "at most MAX_LEN, checked above")]
        Ok(Self { bytes, len: text.len() as u8 })
    }

    /// Takes digits and upper-case letters as an id.
    pub(crate) fn of_digits<const N: usize>(digits: [u8; N]) -> Self {
        const { assert!(N > 0 && N <= Self::MAX_LEN) };
        debug_assert!(digits.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()));
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..N].copy_from_slice(&digits);
        #[allow(clippy::cast_possible_truncation, reason = "at most MAX_LEN, checked above")]
        Self { bytes, len: N as u8 }
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        // The bytes were text when they came in, so this never falls back.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // By words, and only as many as there are: most ids have two.
        let (words, rest) = self.bytes.as_chunks::<8>();
        for word in words.iter().take(usize::from(self.len).div_ceil(8)) {
            state.write_u64(u64::from_le_bytes(*word));
        }
        if usize::from(self.len) > 8 * words.len() {
            state.write(rest);
        }
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Id({})", self.as_str())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to {max} letters, digits, `-` or `_`", max = Id::MAX_LEN)]
pub struct InvalidId;

/// The name of an agent: 1 to [`AgentId::MAX_LEN`] bytes without slashes, white space or control characters.
// Not shared, where it is as short as most are: among millions of interactions its text would be one more place to
// read, and the cores would count those who share it, and wait for each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId(SmolStr);

impl AgentId {
    /// The longest agent id, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Takes `text` as an agent's id.
    pub fn parse(text: &str) -> Result<Self, InvalidAgentId> {
        let fits = !text.is_empty()
            && text.len() <= Self::MAX_LEN
            && !text
                .chars()
                .any(|character| character == '/' || character.is_whitespace() || character.is_control());
        if fits { Ok(Self(text.into())) } else { Err(InvalidAgentId) }
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for AgentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A text that is no agent's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an agent id has 1 to {max} bytes without slashes, white space or control characters",
    max = AgentId::MAX_LEN
)]
pub struct InvalidAgentId;
