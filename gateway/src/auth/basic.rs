//! HTTP Basic credentials (RFC 7617).

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

/// A name and a password, as they came in.
pub(super) struct Basic {
    pub(super) name: String,
    pub(super) password: Zeroizing<String>,
}

/// An `Authorization` that is no Basic credentials.
#[derive(Debug)]
pub(super) struct Malformed;

/// More is no name and password of anybody.
const LONGEST: usize = 1024;

impl Basic {
    /// The credentials of a request, if it has any.
    pub(super) fn of_request(headers: &HeaderMap) -> Option<Result<Self, Malformed>> {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let value = all.next()?;
        if all.next().is_some() {
            return Some(Err(Malformed));
        }
        Some(value.to_str().ok().and_then(Self::parse).ok_or(Malformed))
    }

    fn parse(value: &str) -> Option<Self> {
        let (scheme, encoded) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > LONGEST {
            return None;
        }
        let decoded = Zeroizing::new(BASE64_STANDARD.decode(encoded.trim()).ok()?);
        let (name, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        Some(Self { name: name.to_owned(), password: Zeroizing::new(password.to_owned()) })
    }
}
