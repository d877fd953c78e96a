//! Values of a manifest that name facts of the moment: `{agent.id}`, `{engine.name}`, `{parent.KEY}`.

use std::borrow::Cow;

use serde_json::Value;

use crate::json::{Written, write_string};

/// Replaces every `{name}` in the strings of `value` that `fact` knows. Braces around anything else stay
/// as they are, and so do values that aren't strings.
pub(crate) fn fill<'a>(value: &Value, fact: impl Fn(&str) -> Option<Cow<'a, str>>) -> Value {
    match value {
        Value::String(template) => Value::String(filled(template, fact)),
        other => other.clone(),
    }
}

/// A value that is filled when it is written.
pub(crate) struct Filled<'v, F> {
    pub(crate) template: &'v Value,
    pub(crate) fact: F,
}

impl<'a, F: Fn(&str) -> Option<Cow<'a, str>>> Written for Filled<'_, F> {
    fn write(&self, out: &mut String) {
        match self.template {
            Value::String(template) if template.contains('{') => {
                write_string(out, &filled(template, &self.fact));
            }
            Value::String(text) => write_string(out, text),
            other => other.write(out),
        }
    }
}

fn filled<'a>(template: &str, fact: impl Fn(&str) -> Option<Cow<'a, str>>) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, braced) = rest.split_at(open);
        text.push_str(before);
        let known = braced.find('}').and_then(|close| Some((close, fact(&braced[1..close])?)));
        if let Some((close, fact)) = known {
            text.push_str(&fact);
            rest = &braced[close + 1..];
        } else {
            text.push('{');
            rest = &braced[1..];
        }
    }
    text.push_str(rest);
    text
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
