//! How a request is signed: OAuth 1.0a with HMAC-SHA1 (RFC 5849), or a bearer token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use strowger_channel::{Host, Request, Secret};

use crate::config::Auth;

/// Everything but the unreserved characters of RFC 3986 (RFC 5849, section 3.6).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The value of the `authorization` header. `query` are the decoded parameters of the request's address; JSON
/// and multipart bodies are not part of a signature.
pub(crate) fn authorization(auth: &Auth, request: &Request, query: &[(&str, &str)], host: &Host) -> Secret {
    match auth {
        Auth::Bearer { token } => Secret::new(format!("Bearer {}", token.expose())),
        Auth::OAuth1 { consumer_key, consumer_secret, token, token_secret } => {
            let mut nonce = [0_u8; 16];
            host.random(&mut nonce);
            let nonce = format!("{:032x}", u128::from_be_bytes(nonce));
            let timestamp = host.now_ms().div_euclid(1000).to_string();
            let own = [
                ("oauth_consumer_key", consumer_key.as_str()),
                ("oauth_nonce", &nonce),
                ("oauth_signature_method", "HMAC-SHA1"),
                ("oauth_timestamp", &timestamp),
                ("oauth_token", token),
                ("oauth_version", "1.0"),
            ];
            let address = request.url.split('?').next().unwrap_or_default();
            let all: Vec<(&str, &str)> = own.iter().chain(query).copied().collect();
            let signature = signature(request.method, address, &all, consumer_secret, token_secret);
            let signed = own.iter().copied().chain([("oauth_signature", signature.as_str())]);
            let fields: Vec<String> =
                signed.map(|(name, value)| format!("{name}=\"{}\"", encode(value))).collect();
            Secret::new(format!("OAuth {}", fields.join(", ")))
        }
    }
}

/// Percent-encodes as signatures and queries need it.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The signature of RFC 5849, section 3.4.2, over all parameters, decoded. `address` has no query.
fn signature(
    method: &str,
    address: &str,
    parameters: &[(&str, &str)],
    consumer_secret: &Secret,
    token_secret: &Secret,
) -> String {
    let mut encoded: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (encode(name), encode(value))).collect();
    encoded.sort();
    let joined: Vec<String> = encoded.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let base = format!("{method}&{}&{}", encode(address), encode(&joined.join("&")));
    let key = Secret::new(format!("{}&{}", encode(consumer_secret.expose()), encode(token_secret.expose())));
    let mut mac =
        Hmac::<Sha1>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(base.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of X's documentation, "Creating a signature".
    #[test]
    fn the_documented_request_has_the_documented_signature() {
        let parameters = [
            ("include_entities", "true"),
            ("status", "Hello Ladies + Gentlemen, a signed OAuth request!"),
            ("oauth_consumer_key", "xvz1evFS4wEEPTGEFPHBog"),
            ("oauth_nonce", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "1318622958"),
            ("oauth_token", "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
            ("oauth_version", "1.0"),
        ];
        let signature = signature(
            "POST",
            "https://api.x.com/1.1/statuses/update.json",
            &parameters,
            &Secret::new("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw"),
            &Secret::new("LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"),
        );
        assert_eq!(signature, "Ls93hJiZbQ3akF3HF3x1Bz8/zU4=");
    }
}
