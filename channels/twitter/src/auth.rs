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
        Auth::Bearer { token } => bearer(token),
        Auth::OAuth2 { tokens, .. } => bearer(&tokens.access()),
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

fn bearer(token: &Secret) -> Secret {
    Secret::new(format!("Bearer {}", token.expose()))
}

/// The `authorization` of an app that has a secret (RFC 6749, section 2.3.1).
pub(crate) fn basic(id: &str, secret: &Secret) -> Secret {
    let pair = Secret::new(format!("{}:{}", encode(id), encode(secret.expose())));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())))
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
    let base = format!("{method}&{}&{}", encode(address), encode(&normalised(parameters)));
    let key = Secret::new(format!("{}&{}", encode(consumer_secret.expose()), encode(token_secret.expose())));
    let mut mac =
        Hmac::<Sha1>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(base.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The parameters in the one form in which both sides sign them (RFC 5849, section 3.4.1.3.2).
fn normalised(parameters: &[(&str, &str)]) -> String {
    let mut encoded: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (encode(name), encode(value))).collect();
    encoded.sort();
    let joined: Vec<String> = encoded.iter().map(|(name, value)| format!("{name}={value}")).collect();
    joined.join("&")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;
    use serde_json::json;
    use strowger_channel::testing::{TestHost, header};
    use strowger_channel::{Body, Part};

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

    /// The example of RFC 5849, section 1.2: a `GET` whose query is signed, without `oauth_version`.
    #[test]
    fn the_request_of_the_rfc_has_its_signature() {
        let parameters = [
            ("file", "vacation.jpg"),
            ("size", "original"),
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ];
        let signature = signature(
            "GET",
            "http://photos.example.net/photos",
            &parameters,
            &Secret::new("kd94hf93k423kf44"),
            &Secret::new("pfkkdhi9sl3r4s00"),
        );
        assert_eq!(signature, "MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D".replace("%2F", "/").replace("%3D", "="));
    }

    /// RFC 5849, section 3.4.1.1: what is signed of parameters that stand twice, are empty, or hold what must be
    /// encoded. The expected order and encoding are those of section 3.4.1.3.2.
    #[test]
    fn parameters_are_sorted_by_their_encoded_form() {
        let parameters = [
            ("b5", "=%3D"),
            ("a3", "a"),
            ("c@", ""),
            ("a2", "r b"),
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
            ("c2", ""),
            ("a3", "2 q"),
        ];
        assert_eq!(
            normalised(&parameters),
            "a2=r%20b&a3=2%20q&a3=a&b5=%3D%253D&c%40=&c2=&oauth_consumer_key=9djdj82h48djs9d2\
             &oauth_nonce=7d8f3e4a&oauth_signature_method=HMAC-SHA1&oauth_timestamp=137131201\
             &oauth_token=kkk9d7dh3k39sjv7"
        );
    }

    fn authorized(request: &Request, query: &[(&str, &str)]) -> String {
        let auth = Auth::OAuth1 {
            consumer_key: "ck".to_owned(),
            consumer_secret: Secret::new("cs"),
            token: "tk".to_owned(),
            token_secret: Secret::new("ts"),
        };
        let host = TestHost::at(1_318_622_958_000).host();
        let signed = request.clone().header("authorization", authorization(&auth, request, query, &host));
        header(&signed, "authorization").expect("it was added").to_owned()
    }

    /// Planted faults: were a body signed, or the query not, X would refuse every request that has one.
    #[test]
    fn the_query_is_signed_and_bodies_are_not() {
        let address = "https://api.x.com/2/media/upload";
        let bare = authorized(&Request::post(address), &[]);
        assert_eq!(authorized(&Request::post(address).json(json!({ "a": 1 })), &[]), bare);
        let mut multipart = Request::post(address);
        multipart.body = Body::Multipart(vec![Part::Text { name: "a".into(), text: "1".into() }]);
        assert_eq!(authorized(&multipart, &[]), bare);

        let status = Request::get(format!("{address}?command=STATUS&media_id=7"));
        let query = [("command", "STATUS"), ("media_id", "7")];
        let signed = authorized(&status, &query);
        assert_ne!(signed, authorized(&status, &[]));
        // Signed as the address without its query, and the query's parameters in whatever order.
        assert_eq!(signed, authorized(&Request::get(address), &[query[1], query[0]]));
        assert_ne!(signed, authorized(&Request::post(address), &query));
    }

    proptest! {
        /// RFC 5849, section 3.6: letters, digits and `-._~` stand for themselves, every other byte of UTF-8 is
        /// `%` and two digits in upper case. Planted fault: a space as a plus, a tilde encoded.
        #[test]
        fn every_byte_is_encoded_as_the_rfc_says(text in any::<String>()) {
            let mut expected = String::new();
            for byte in text.bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => expected.push(char::from(byte)),
                    _ => write!(expected, "%{byte:02X}").expect("a string takes it"),
                }
            }
            prop_assert_eq!(encode(&text), expected);
        }
    }

    /// Every byte of ASCII, so that none is left to chance.
    #[test]
    fn ascii_is_encoded_as_the_rfc_says() {
        let plain: String =
            (0..=127_u8).map(char::from).filter(|c| encode(&c.to_string()).len() == 1).collect();
        assert_eq!(plain, "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~");
        assert_eq!(encode(" +%é☃"), "%20%2B%25%C3%A9%E2%98%83");
    }
}
