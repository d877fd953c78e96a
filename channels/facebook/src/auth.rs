//! How a request is signed: the page's token in a header, and the proof that the app's secret is known.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use strowger_channel::{Request, Secret};

use crate::config::Auth;

/// The name of the proof among the fields of a request.
pub(crate) const PROOF: &str = "appsecret_proof";

/// Adds the `authorization` header. A token never goes into an address.
pub(crate) fn authorized(request: Request, auth: &Auth) -> Request {
    request.header("authorization", Secret::new(format!("Bearer {}", auth.access_token.expose())))
}

/// The proof: HMAC-SHA256 of the token under the app's secret, in hexadecimal.
///
/// Source: Meta's documentation "Secure Graph API calls".
pub(crate) fn proof(app_secret: &Secret, access_token: &Secret) -> Secret {
    let mut mac = Hmac::<Sha256>::new_from_slice(app_secret.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(access_token.expose().as_bytes());
    let mut proof = String::with_capacity(64);
    for byte in mac.finalize().into_bytes() {
        // Writing to a string does not fail.
        let _ = write!(proof, "{byte:02x}");
    }
    Secret::new(proof)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn the_proof_is_an_hmac_in_hexadecimal() {
        let proof = proof(&Secret::new("Jefe"), &Secret::new("what do ya want for nothing?"));
        assert_eq!(proof.expose(), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
