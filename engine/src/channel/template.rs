//! Values of a manifest that name facts of the moment: `{agent.id}`, `{engine.name}`, `{parent.KEY}`.

use std::borrow::Cow;

use serde_json::Value;

/// Replaces every `{name}` in the strings of `value` that `fact` knows. Braces around anything else stay
/// as they are, and so do values that aren't strings.
pub(crate) fn fill<'a>(value: &Value, fact: impl Fn(&str) -> Option<Cow<'a, str>>) -> Value {
    match value {
        Value::String(template) => Value::String(filled(template, fact)),
        other => other.clone(),
    }
}

fn filled<'a>(template: &str, fact: impl Fn(&str) -> Option<Cow<'a, str>>) -> String {
    let mut text = String::with_capacity(template.len());
    for part in parts(template, |name| fact(name).is_some()) {
        match part {
            Part::Text(part) => text.push_str(part),
            Part::Fact(name) => text.push_str(&fact(name).unwrap_or_default()),
        }
    }
    text
}

/// What a template is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    /// This text.
    Text(&'t str),
    /// The fact of this name.
    Fact(&'t str),
}

/// The parts of a template, of which those in braces are facts that are known.
pub(super) fn parts(template: &str, is_known: impl Fn(&str) -> bool) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut rest, mut from) = (template, 0);
    while let Some(open) = rest[from..].find('{').map(|open| from + open) {
        let close = rest[open..].find('}').map(|close| open + close);
        match close.map(|close| (close, &rest[open + 1..close])).filter(|(_, name)| is_known(name)) {
            Some((close, name)) => {
                parts.extend([Part::Text(&rest[..open]), Part::Fact(name)]);
                (rest, from) = (&rest[close + 1..], 0);
            }
            None => from = open + 1,
        }
    }
    parts.push(Part::Text(rest));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_filled_and_the_rest_is_kept() {
        let fact = |name: &str| (name == "agent.id").then(|| "a1".into());
        let filled = |text: &str| fill(&Value::from(text), fact);
        assert_eq!(filled("{agent.id}"), "a1");
        assert_eq!(filled("by {agent.id}, {other} {"), "by a1, {other} {");
        assert_eq!(filled("{{agent.id}}"), "{a1}");
        assert_eq!(fill(&Value::from(7), fact), 7);
    }
}
