//! OAuth 1.0a (RFC 5849) as a server sees it: is the header complete, and does its signature hold?

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::http::Request;
use crate::options::OAuth1Secrets;
use crate::params;

/// A complete and well-formed header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) consumer_key: String,
    pub(crate) token: String,
    signature: Vec<u8>,
    /// All parameters but the signature, for the base string.
    signed: Vec<(String, String)>,
}

/// Reads what follows `OAuth ` in the authorization header; the error says what is wrong with it.
pub(crate) fn parse(value: &str) -> Result<Header, &'static str> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for part in value.split(',') {
        let (name, quoted) = part.trim().split_once('=').ok_or("a parameter has no value")?;
        let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let inner = inner.ok_or("a parameter's value is not quoted")?;
        let name = params::decode_path(name);
        if name == "realm" {
            continue;
        }
        if parameters.iter().any(|(known, _)| *known == name) {
            return Err("a parameter is given twice");
        }
        parameters.push((name, params::decode_path(inner)));
    }
    let find = |name: &str| {
        parameters.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value)
    };
    let consumer_key = find("oauth_consumer_key").ok_or("oauth_consumer_key is missing")?.clone();
    let token = find("oauth_token").ok_or("oauth_token is missing")?.clone();
    find("oauth_nonce").ok_or("oauth_nonce is missing")?;
    let timestamp = find("oauth_timestamp").ok_or("oauth_timestamp is missing")?;
    if !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("oauth_timestamp is not a number of seconds");
    }
    if find("oauth_signature_method").ok_or("oauth_signature_method is missing")? != "HMAC-SHA1" {
        return Err("oauth_signature_method is not HMAC-SHA1");
    }
    if parameters.iter().any(|(name, value)| name == "oauth_version" && value != "1.0") {
        return Err("oauth_version is not 1.0");
    }
    let signature = find("oauth_signature").ok_or("oauth_signature is missing")?;
    let signature = STANDARD.decode(signature).map_err(|_| "oauth_signature is not base64")?;
    if signature.len() != 20 {
        return Err("oauth_signature is not an HMAC-SHA1");
    }
    parameters.retain(|(name, _)| name != "oauth_signature");
    Ok(Header { consumer_key, token, signature, signed: parameters })
}

impl Header {
    /// Whether one of the known secrets made this signature for this request.
    pub(crate) fn is_signed_by(&self, known: &[OAuth1Secrets], request: &Request) -> bool {
        let host = request.header("host").unwrap_or_default().to_ascii_lowercase();
        let host = host.strip_suffix(":80").unwrap_or(&host);
        let url = format!("http://{host}{}", request.path);
        known
            .iter()
            .filter(|secrets| secrets.consumer_key == self.consumer_key && secrets.token == self.token)
            .any(|secrets| self.verify(secrets, request, &url))
    }

    fn verify(&self, secrets: &OAuth1Secrets, request: &Request, url: &str) -> bool {
        let mut parameters = self.signed.clone();
        parameters.extend(params::pairs(&request.query));
        // A form's fields are signed; JSON and multipart bodies are not.
        if request.media_type() == "application/x-www-form-urlencoded" {
            parameters.extend(params::pairs(&String::from_utf8_lossy(&request.body)));
        }
        let mut encoded: Vec<(String, String)> =
            parameters.iter().map(|(name, value)| (params::encode(name), params::encode(value))).collect();
        encoded.sort();
        let joined: Vec<String> = encoded.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let base = format!(
            "{}&{}&{}",
            request.method.to_ascii_uppercase(),
            params::encode(url),
            params::encode(&joined.join("&"))
        );
        let key =
            format!("{}&{}", params::encode(&secrets.consumer_secret), params::encode(&secrets.token_secret));
        // HMAC takes keys of any length; a failure would be no signature, not a crash.
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key.as_bytes()) else { return false };
        mac.update(base.as_bytes());
        mac.verify_slice(&self.signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "oauth_consumer_key=\"xvz1evFS4wEEPTGEFPHBog\", \
        oauth_nonce=\"kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg\", \
        oauth_signature=\"Ls93hJiZbQ3akF3HF3x1Bz8%2FzU4%3D\", oauth_signature_method=\"HMAC-SHA1\", \
        oauth_timestamp=\"1318622958\", \
        oauth_token=\"370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb\", oauth_version=\"1.0\"";

    fn secrets() -> OAuth1Secrets {
        OAuth1Secrets {
            consumer_key: "xvz1evFS4wEEPTGEFPHBog".into(),
            consumer_secret: "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw".into(),
            token: "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb".into(),
            token_secret: "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE".into(),
        }
    }

    fn request(body: &str) -> Request {
        Request {
            method: "POST".into(),
            path: "/1.1/statuses/update.json".into(),
            query: "include_entities=true".into(),
            headers: vec![("content-type".into(), "application/x-www-form-urlencoded".into())],
            body: body.into(),
            ..Request::default()
        }
    }

    /// The check vector of the platform's documentation.
    #[test]
    fn the_documented_signature_holds_and_a_changed_text_does_not() {
        let header = parse(SAMPLE).unwrap();
        let url = "https://api.x.com/1.1/statuses/update.json";
        let text = "status=Hello%20Ladies%20%2B%20Gentlemen%2C%20a%20signed%20OAuth%20request%21";
        assert!(header.verify(&secrets(), &request(text), url));
        assert!(!header.verify(&secrets(), &request("status=Hello"), url));
        let other = OAuth1Secrets { token_secret: "other".into(), ..secrets() };
        assert!(!header.verify(&other, &request(text), url));
    }

    #[test]
    fn each_parameter_is_asked_for() {
        for name in [
            "oauth_consumer_key",
            "oauth_nonce",
            "oauth_signature",
            "oauth_signature_method",
            "oauth_timestamp",
            "oauth_token",
        ] {
            let without: Vec<&str> =
                SAMPLE.split(", ").filter(|part| !part.trim().starts_with(&format!("{name}="))).collect();
            assert_eq!(parse(&without.join(", ")), Err(&*format!("{name} is missing")));
        }
        assert!(parse(&SAMPLE.replace("HMAC-SHA1", "PLAINTEXT")).is_err());
        assert!(parse(&SAMPLE.replace("1318622958", "soon")).is_err());
        assert!(parse(&SAMPLE.replace("Ls93", "")).is_err());
        assert!(parse(&SAMPLE.replace("\"1.0\"", "\"2.0\"")).is_err());
        assert!(parse(&format!("{SAMPLE}, oauth_nonce=\"again\"")).is_err());
        assert!(parse("").is_err());
    }
}
