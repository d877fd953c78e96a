//! Text that must not be seen.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A credential: wiped from memory when dropped, never printed.
///
/// `Debug` prints `[secret]`; there is no `Display` and no `Serialize`. [`Secret::expose`] is the one way
/// to the text, easily searched for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes hold of a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself: for signatures and for the headers and fields of requests, nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `text` with every occurrence of this secret replaced by `[secret]`. Platforms repeat credentials
    /// in their error messages.
    pub fn blot(&self, text: &str) -> String {
        // A very short secret would tear holes into ordinary words, and protects nothing.
        if self.0.len() < 4 { text.to_owned() } else { text.replace(self.expose(), "[secret]") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed_and_is_blotted_out_of_texts() {
        let secret = Secret::new("hunter22");
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(secret.blot("token hunter22, again hunter22"), "token [secret], again [secret]");
        assert_eq!(Secret::default().blot("nothing to hide"), "nothing to hide");
    }
}
