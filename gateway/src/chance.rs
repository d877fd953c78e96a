//! Names that can't be guessed.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// Fills with the operating system's chance.
pub(crate) fn fill(bytes: &mut [u8]) {
    // Fails only where the system has no source at all; nothing sensible can be done there.
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

/// A name of 192 bits, in characters that stand in a header, an address or JSON as they are.
pub(crate) fn token() -> String {
    let mut bytes = [0; 24];
    fill(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
