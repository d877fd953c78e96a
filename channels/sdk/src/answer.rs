//! What an HTTP exchange means before the platform's own words are read: the part of the outcome table that
//! all platforms share.
//!
//! | exchange | class |
//! |---|---|
//! | 2xx with a JSON body | [`Answer::Success`] |
//! | 401 | [`Answer::NeedsLogin`] |
//! | 429 | [`Answer::RateLimited`] |
//! | 3xx, 404, 405, 413 | [`Answer::Refused`], whatever the body |
//! | any other 4xx | [`Answer::Refused`], unless its body is neither empty nor JSON |
//! | 407; no byte was written | [`Answer::NotSent`] |
//! | 1xx, 408, 5xx; a body that is HTML or cut off; a broken connection | [`Answer::Unknown`] |
//!
//! A success still has to hold what was asked for: 2xx without an id is unknown, not published.

use serde_json::Value;

use crate::{Exchange, Response, Secret};

/// The class of an exchange.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<'a> {
    /// The platform did it, or says so: its JSON.
    Success(Value),
    /// The credentials were not accepted. The body, if it is JSON.
    NeedsLogin(Option<Value>),
    /// Too many requests. The answer, for its headers.
    RateLimited(&'a Response),
    /// Refused, unless the platform's own code says otherwise.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The body, if it is JSON.
        body: Option<Value>,
    },
    /// Nothing was sent: why.
    NotSent(String),
    /// It may or may not have been done: why nobody can tell.
    Unknown(String),
}

/// Reads the class of an exchange.
pub fn read(exchange: &Exchange) -> Answer<'_> {
    let response = match exchange {
        Exchange::Response(response) => response,
        Exchange::NotSent { message } => return Answer::NotSent(message.clone()),
        Exchange::Broken { message } => {
            return Answer::Unknown(format!("the answer was lost: {message}"));
        }
    };
    let status = response.status;
    let body = || serde_json::from_slice::<Value>(&response.body).ok();
    match status {
        200..=299 => match body() {
            Some(body) => Answer::Success(body),
            None => Answer::Unknown(format!("HTTP {status} with a body that is not JSON")),
        },
        401 => Answer::NeedsLogin(body()),
        // Only a proxy says so, and it passes nothing on.
        407 => Answer::NotSent("the proxy wants a login".to_owned()),
        408 => Answer::Unknown("HTTP 408: the platform gave up waiting".to_owned()),
        429 => Answer::RateLimited(response),
        300..=399 | 404 | 405 | 413 => Answer::Refused { status, body: body() },
        400..=499 => match body() {
            None if !response.body.iter().all(u8::is_ascii_whitespace) => {
                Answer::Unknown(format!("HTTP {status} with a body that is not the platform's"))
            }
            body => Answer::Refused { status, body },
        },
        _ => Answer::Unknown(format!("HTTP {status}")),
    }
}

/// A platform's words, fit for an outcome: one line, at most 500 characters, and without the account's
/// secrets, which platforms do repeat.
pub fn words(text: &str, secrets: &[&Secret]) -> String {
    let mut words = secrets.iter().fold(text.to_owned(), |text, secret| secret.blot(&text));
    words = words.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).fold(
        String::new(),
        |mut line, word| {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            line
        },
    );
    if let Some((end, _)) = words.char_indices().nth(500) {
        words.truncate(end);
        words.push('…');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(status: u16, body: &str) -> Exchange {
        Exchange::Response(Response { status, headers: Vec::new(), body: body.into() })
    }

    #[test]
    fn every_row_of_the_table() {
        let class = |status, body| match read(&exchange(status, body)) {
            Answer::Success(_) => "success",
            Answer::NeedsLogin(_) => "login",
            Answer::RateLimited(_) => "limited",
            Answer::Refused { .. } => "refused",
            Answer::NotSent(_) => "not-sent",
            Answer::Unknown(_) => "unknown",
        };
        for (status, body, expected) in [
            (200, "{}", "success"),
            (201, "{\"data\":", "unknown"),
            (200, "<html>", "unknown"),
            (204, "", "unknown"),
            (301, "<html>", "refused"),
            (304, "", "refused"),
            (400, "{}", "refused"),
            (400, "", "refused"),
            (400, "<html>", "unknown"),
            (401, "<html>", "login"),
            (403, "{}", "refused"),
            (403, "{\"cut", "unknown"),
            (404, "<html>", "refused"),
            (405, "", "refused"),
            (407, "<html>", "not-sent"),
            (408, "{}", "unknown"),
            (413, "<html>", "refused"),
            (422, "{}", "refused"),
            (429, "<html>", "limited"),
            (500, "{}", "unknown"),
            (502, "<html>", "unknown"),
            (503, "", "unknown"),
            (504, "", "unknown"),
            (101, "", "unknown"),
            (999, "", "unknown"),
        ] {
            assert_eq!(class(status, body), expected, "{status} {body}");
        }
        assert!(matches!(read(&Exchange::NotSent { message: "no route".into() }), Answer::NotSent(_)));
        assert!(matches!(read(&Exchange::Broken { message: "timeout".into() }), Answer::Unknown(_)));
    }

    #[test]
    fn a_platforms_words_are_one_short_line_without_secrets() {
        let secret = Secret::new("EAAB1234");
        assert_eq!(
            words("Malformed\n access\ttoken EAAB1234", &[&secret]),
            "Malformed access token [secret]"
        );
        assert_eq!(words(&"ü".repeat(600), &[]).chars().count(), 501);
    }
}
