//! Small formats at the edge: percent-encoding, forms, times.

use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

/// All but RFC 3986's unreserved characters: what OAuth 1.0a signs.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Unix time in milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Decodes `%XX`; bytes that are not UTF-8 become replacement characters.
pub(crate) fn decode_path(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The pairs of a query or of an `application/x-www-form-urlencoded` body.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| decode_path(&part.replace('+', " "));
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|n| char::from_digit(n.into(), 16))
        .collect()
}

/// RFC 3339 with milliseconds.
pub(crate) fn iso_ms(ms: i64) -> String {
    format(ms, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"))
}

/// As X writes times: whole seconds, in a form that shows milliseconds.
pub(crate) fn x_time(ms: i64) -> String {
    format(ms, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].000Z"))
}

/// As Graph writes times: whole seconds, the zone without a colon.
pub(crate) fn graph_time(ms: i64) -> String {
    format(ms, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+0000"))
}

pub(crate) fn http_date(ms: i64) -> String {
    format(
        ms,
        format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        ),
    )
}

fn format(ms: i64, description: &[BorrowedFormatItem<'_>]) -> String {
    let time = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::milliseconds(ms));
    // Only a component that the description can't print fails, and dates and times have all of these.
    time.format(description).unwrap_or_default()
}

/// An RFC 3339 time in milliseconds.
pub(crate) fn parse_iso_ms(text: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

/// A Graph time: Unix seconds, or a date with its zone.
pub(crate) fn parse_graph_ms(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1000);
    }
    parse_iso_ms(&text.strip_suffix("+0000").map_or_else(|| text.to_owned(), |head| format!("{head}Z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_and_read_as_the_platforms_do() {
        let ms = 1_321_038_671_987;
        assert_eq!(iso_ms(ms), "2011-11-11T19:11:11.987Z");
        assert_eq!(x_time(ms), "2011-11-11T19:11:11.000Z");
        assert_eq!(graph_time(ms), "2011-11-11T19:11:11+0000");
        assert_eq!(http_date(ms), "Fri, 11 Nov 2011 19:11:11 GMT");
        assert_eq!(parse_iso_ms(&iso_ms(ms)), Some(ms));
        assert_eq!(parse_graph_ms("1321038671"), Some(1_321_038_671_000));
        assert_eq!(parse_graph_ms(&graph_time(ms)), Some(1_321_038_671_000));
        assert_eq!(parse_graph_ms("yesterday"), None);
        assert_eq!(parse_graph_ms("9223372036854775807"), None);
    }

    #[test]
    fn forms_are_decoded() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            pairs("a=b+c&d=%26%3D&e&&f=g=h"),
            [pair("a", "b c"), pair("d", "&="), pair("e", ""), pair("f", "g=h")]
        );
        assert_eq!(encode("Ladies + Gentlemen, ~"), "Ladies%20%2B%20Gentlemen%2C%20~");
    }
}
