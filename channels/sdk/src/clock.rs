//! Times as platforms write them. The engine counts Unix milliseconds.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// `2026-11-21T01:29:49+0000`, the form of the Graph API.
const BASIC_OFFSET: &[BorrowedFormatItem<'_>] = format_description!(
    "[year]-[month]-[day]T[hour]:[minute]:[second][offset_hour sign:mandatory][offset_minute]"
);
/// Whole seconds in UTC.
const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// Reads an RFC 3339 time, or one whose offset has no colon. Unix time in milliseconds.
pub fn parse_ms(text: &str) -> Option<i64> {
    let time =
        OffsetDateTime::parse(text, &Rfc3339).or_else(|_| OffsetDateTime::parse(text, BASIC_OFFSET)).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

/// Writes a time as RFC 3339 in UTC, in whole seconds, rounded down. A time beyond the calendar is written
/// as 1970.
pub fn rfc3339(unix_ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp(unix_ms.div_euclid(1000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(SECONDS)
        .unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        assert_eq!(parse_ms("2026-11-21T01:29:49.250Z"), Some(1_795_224_589_250));
        assert_eq!(parse_ms("2026-11-21T01:29:49+0000"), Some(1_795_224_589_000));
        assert_eq!(parse_ms("2026-11-21T03:29:49+0200"), Some(1_795_224_589_000));
        assert_eq!(parse_ms("yesterday"), None);
        assert_eq!(rfc3339(1_795_224_589_999), "2026-11-21T01:29:49Z");
        assert_eq!(rfc3339(i64::MAX), "1970-01-01T00:00:00Z");
    }
}
