//! Steps that look as the SDK writes them, read without `serde_json`: the request that most conversations make, and
//! the outcome that most of them have.

use strowger::channel::Outcome;
use strowger_channel_line::Reader;

use super::{Body, OutcomeStep, RequestStep, Step, ThrottleDocument};

/// The step; `None` if it looks otherwise, which says nothing of whether it is a good one.
pub(super) fn step(json: &str) -> Option<Step> {
    let mut json = Reader::new(json);
    json.literal("{\"step\":\"")?;
    let step = if json.takes("request\"") {
        Step::Request(request(&mut json)?)
    } else {
        json.literal("outcome\"")?;
        Step::Outcome(outcome(&mut json)?)
    };
    json.literal("}")?;
    json.end()?;
    Some(step)
}

fn request(json: &mut Reader<'_>) -> Option<RequestStep> {
    let marked = json.takes(",\"marked\":true");
    if !marked {
        json.literal(",\"marked\":false")?;
    }
    json.literal(",\"request\":{\"method\":")?;
    let method = json.text()?.into_owned();
    json.literal(",\"url\":")?;
    let url = json.text()?.into_owned();
    json.literal(",\"headers\":")?;
    // Room for what most requests need: one says who asks, another one what it sends.
    let headers = json.pairs(4)?;
    json.literal(",\"timeoutMs\":")?;
    let timeout_ms = Some(json.number()?);
    json.literal(",\"body\":{\"kind\":\"")?;
    let body = if json.takes("json\",\"json\":") {
        Body::Json(json.raw()?.to_owned())
    } else if json.takes("form\",\"fields\":") {
        Body::Form(json.pairs(8)?)
    } else {
        json.literal("none\"")?;
        Body::None
    };
    json.literal("}}")?;
    Some(RequestStep { marked, method, url, headers, timeout_ms, body })
}

fn outcome(json: &mut Reader<'_>) -> Option<OutcomeStep> {
    json.literal(",\"outcome\":{\"outcome\":\"published\"")?;
    let id = json.optional_text(",\"id\":")?;
    let location = json.optional_text(",\"location\":")?;
    json.literal("}")?;
    let user_data = json.optional(",\"userData\":")?.unwrap_or_default();
    let throttle: Option<ThrottleDocument> = json.optional(",\"throttle\":")?;
    Some(OutcomeStep {
        outcome: Outcome::Published { id, location },
        user_data,
        throttle_until_ms: throttle.map(|throttle| throttle.until_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the SDK writes them.
    const USUAL: &[&str] = &[
        r#"{"step":"request","marked":true,"request":{"method":"POST","url":"https://example.org/\"2","headers":[["authorization","Bearer x"],["a","b\n"]],"timeoutMs":30000,"body":{"kind":"json","json":{"a": 12345678901234567890123, "b":1.0e5}}}}"#,
        r#"{"step":"request","marked":false,"request":{"method":"POST","url":"u","headers":[],"timeoutMs":0,"body":{"kind":"form","fields":[["k","v"],["","\\"]]}}}"#,
        r#"{"step":"request","marked":false,"request":{"method":"GET","url":"ü","headers":[["a","b"]],"timeoutMs":999999999999999999,"body":{"kind":"none"}}}"#,
        r#"{"step":"outcome","outcome":{"outcome":"published","id":"1","location":"https://example.org/1"}}"#,
        r#"{"step":"outcome","outcome":{"outcome":"published"},"userData":{"k":"v","n":[1,{}]},"throttle":{"untilMs":-7}}"#,
        r#"{"step":"outcome","outcome":{"outcome":"published","location":"\u00fc"},"throttle":{"untilMs":9223372036854775807}}"#,
    ];

    /// What `serde_json` makes of it: a space behind the first brace is enough that it looks otherwise.
    fn otherwise(json: &str) -> Option<Step> {
        let spaced = json.replacen('{', "{ ", 1);
        assert!(step(&spaced).is_none());
        Step::parse(&spaced).ok()
    }

    /// Planted faults: `marked` that is taken for granted, two members of one type taken for each other, text
    /// behind the end.
    #[test]
    fn a_step_is_read_the_same_whether_it_looks_as_usual_or_not() {
        for json in USUAL {
            let usual = step(json);
            assert!(usual.is_some(), "{json}");
            assert_eq!(format!("{usual:?}"), format!("{:?}", otherwise(json)), "{json}");
            // Cut off, changed or doubled anywhere, it is either not read here or read the same.
            for (at, letter) in json.char_indices().skip(1) {
                let (before, after) = json.split_at(at);
                let behind = &after[letter.len_utf8()..];
                for json in [
                    before.to_owned(),
                    format!("{before}{behind}"),
                    format!("{before} {after}"),
                    format!("{before}0{after}"),
                    format!("{before}\"{after}"),
                    format!("{before},{after}"),
                    format!("{before}}}{after}"),
                ] {
                    if let Some(usual) = step(&json) {
                        assert_eq!(format!("{:?}", Some(usual)), format!("{:?}", otherwise(&json)), "{json}");
                    }
                }
            }
        }
    }
}
