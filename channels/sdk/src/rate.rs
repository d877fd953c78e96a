//! Rate limits as platforms announce them in headers: until when an account is to be left alone.

use serde_json::Value;

use crate::Response;

/// A limit is never taken to last longer than this: 25 hours, a day's window and some room.
const LONGEST_MS: i64 = 25 * 3_600_000;

/// Above this many per cent of an allowance an account is slowed down.
pub const SLOW_ABOVE_PERCENT: f64 = 90.0;
/// How long a slowed-down account rests between two requests, unless the platform says how long: 60 s.
pub const REST_MS: i64 = 60_000;

/// `until_ms` brought between the next second and 25 hours from now: platforms' clocks differ, and a
/// garbled header must not silence an account for ever.
pub fn sensible_until_ms(until_ms: i64, now_ms: i64) -> i64 {
    until_ms.clamp(now_ms.saturating_add(1_000), now_ms.saturating_add(LONGEST_MS))
}

/// A window announced as `<prefix>-remaining` and `<prefix>-reset` (Unix seconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many requests are left, if the platform said.
    pub remaining: Option<i64>,
    /// When the window ends, if the platform said: Unix time in milliseconds.
    pub reset_ms: Option<i64>,
}

impl Window {
    /// Reads the headers of that prefix, as `x-rate-limit`.
    pub fn read(response: &Response, prefix: &str) -> Self {
        let number = |name: &str| response.header(&format!("{prefix}-{name}"))?.parse::<i64>().ok();
        Self {
            remaining: number("remaining"),
            reset_ms: number("reset").map(|seconds| seconds.saturating_mul(1000)),
        }
    }

    /// When the window ends, if nothing is left of it.
    pub fn exhausted_until_ms(self) -> Option<i64> {
        self.reset_ms.filter(|_| self.remaining.is_some_and(|remaining| remaining <= 0))
    }
}

/// When `Retry-After` (in seconds) has passed: Unix time in milliseconds.
pub fn retry_after_ms(response: &Response, now_ms: i64) -> Option<i64> {
    let seconds = response.header("retry-after")?.parse::<i64>().ok()?;
    Some(now_ms.saturating_add(seconds.max(0).saturating_mul(1000)))
}

/// How much of an allowance is used up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// The highest of the shares that the platform counts, in per cent.
    pub percent: f64,
    /// In how many minutes the platform says that it grants access again; 0 if it does not.
    pub regain_minutes: i64,
}

impl Usage {
    /// Reads the usage headers of the Graph API: objects of shares in per cent (`X-App-Usage`,
    /// `X-Page-Usage`), and arrays of them by business object (`X-Business-Use-Case-Usage`). A header that
    /// can't be read counts as nothing used.
    pub fn read(response: &Response, headers: &[&str]) -> Self {
        let mut usage = Self::default();
        for header in headers {
            if let Some(value) = response.header(header).and_then(|text| serde_json::from_str(text).ok()) {
                usage.take_in(&value);
            }
        }
        usage
    }

    fn take_in(&mut self, value: &Value) {
        let Some(members) = value.as_object() else { return };
        for (name, value) in members {
            match (name.as_str(), value) {
                ("call_count" | "total_cputime" | "total_time", Value::Number(number)) => {
                    self.percent = self.percent.max(number.as_f64().unwrap_or_default());
                }
                ("estimated_time_to_regain_access", Value::Number(number)) => {
                    self.regain_minutes = self.regain_minutes.max(number.as_i64().unwrap_or_default());
                }
                (_, Value::Array(entries)) => entries.iter().for_each(|entry| self.take_in(entry)),
                _ => {}
            }
        }
    }

    /// Until when the account is to be left alone, if the allowance is nearly used up.
    pub fn slow_until_ms(self, now_ms: i64) -> Option<i64> {
        (self.percent > SLOW_ABOVE_PERCENT || self.regain_minutes > 0).then(|| {
            let rest = self.regain_minutes.saturating_mul(60_000).max(REST_MS);
            sensible_until_ms(now_ms.saturating_add(rest), now_ms)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(headers: &[(&str, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Response { status: 200, headers, body: Vec::new() }
    }

    #[test]
    fn windows_are_read() {
        let answer = response(&[("X-Rate-Limit-Remaining", "0"), ("x-rate-limit-reset", "100")]);
        let window = Window::read(&answer, "x-rate-limit");
        assert_eq!(window.exhausted_until_ms(), Some(100_000));
        let answer = response(&[("x-rate-limit-remaining", "3"), ("x-rate-limit-reset", "junk")]);
        assert_eq!(Window::read(&answer, "x-rate-limit").exhausted_until_ms(), None);
        assert_eq!(retry_after_ms(&response(&[("Retry-After", "7")]), 1), Some(7001));
        assert_eq!(sensible_until_ms(0, 10_000), 11_000);
        assert_eq!(sensible_until_ms(i64::MAX, 0), LONGEST_MS);
    }

    #[test]
    fn usage_above_ninety_per_cent_slows_down() {
        let headers = ["x-app-usage", "x-business-use-case-usage"];
        let usage = |headers_given: &[(&str, &str)]| Usage::read(&response(headers_given), &headers);
        assert_eq!(usage(&[("X-App-Usage", r#"{"call_count":90,"total_time":25}"#)]).slow_until_ms(0), None);
        assert_eq!(
            usage(&[("X-App-Usage", r#"{"call_count":28,"total_time":91}"#)]).slow_until_ms(0),
            Some(60_000)
        );
        let business = r#"{"12":[{"type":"pages","call_count":100,"estimated_time_to_regain_access":5}]}"#;
        assert_eq!(usage(&[("X-Business-Use-Case-Usage", business)]).slow_until_ms(0), Some(300_000));
        assert_eq!(usage(&[("X-App-Usage", "junk")]).slow_until_ms(0), None);
    }
}
