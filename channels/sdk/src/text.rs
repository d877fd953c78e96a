//! Comparing a message with what a platform shows of it.
//!
//! A platform gives a text back changed: composed, with `&amp;` for `&`, with every address shortened. Two
//! texts are the same message if nothing else differs.

use unicode_normalization::UnicodeNormalization;

use crate::links;

/// Stands for an address; its own character, which nobody types.
const LINK: char = '\u{FFFC}';

/// How alike two texts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Different messages.
    Different,
    /// Almost the same: only what may or may not be an address differs. Nobody can tell from that.
    Near,
    /// The same message.
    Same,
}

/// How alike a message and a text of the platform are.
pub fn compare(ours: &str, theirs: &str) -> Likeness {
    let (ours, theirs) = (normalise(ours), normalise(theirs));
    if ours == theirs {
        Likeness::Same
    } else if loosened(&ours) == loosened(&theirs) {
        Likeness::Near
    } else {
        Likeness::Different
    }
}

/// A text in the form in which messages are compared: `&amp;`, `&lt;` and `&gt;` resolved, in NFC, every
/// address replaced by one placeholder, white space folded and trimmed.
pub fn normalise(text: &str) -> String {
    let composed: String = unescape(text).nfc().collect();
    let mut folded = String::with_capacity(composed.len());
    let mut at = 0;
    for link in links::find(&composed) {
        folded.push_str(&composed[at..link.start]);
        folded.push(LINK);
        at = link.end;
    }
    folded.push_str(&composed[at..]);
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` without the addresses at its end: platforms append one for each attachment.
pub fn without_trailing_links(text: &str) -> &str {
    let mut rest = text.trim_end();
    while let Some(last) = links::find(rest).pop().filter(|link| link.end == rest.len()) {
        rest = rest[..last.start].trim_end();
    }
    rest
}

/// `text` without the mentions at its beginning: a reply is shown with those whom it answers.
pub fn without_leading_mentions(text: &str) -> &str {
    let mut rest = text.trim_start();
    while let Some(mention) = rest.strip_prefix('@') {
        let length =
            mention.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(mention.len());
        let after = &mention[length..];
        if length == 0 || !(after.is_empty() || after.starts_with(char::is_whitespace)) {
            break;
        }
        rest = after.trim_start();
    }
    rest
}

/// Resolves `&amp;`, `&lt;` and `&gt;` until none is left, on both sides: a message that speaks of `&lt;` itself
/// comes back as `&amp;lt;`.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = rest[at + 1..].trim_start_matches("amp;");
        let (letter, after) = match (rest.strip_prefix("lt;"), rest.strip_prefix("gt;")) {
            (Some(after), _) => ('<', after),
            (_, Some(after)) => ('>', after),
            _ => ('&', rest),
        };
        plain.push(letter);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

/// Every word that holds an address, or a dot between two characters as an address would, made one
/// placeholder.
fn loosened(normalised: &str) -> String {
    let may_hold_link =
        |word: &str| word.contains(LINK) || word.trim_matches(|c: char| !c.is_alphanumeric()).contains('.');
    let words: Vec<&str> =
        normalised.split(' ').map(|word| if may_hold_link(word) { "\u{FFFC}" } else { word }).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_platform_changes_makes_no_difference() {
        for (ours, theirs, likeness) in [
            ("Tom & Jerry <3", "Tom &amp; Jerry &lt;3", Likeness::Same),
            ("write &lt; for <", "write &amp;lt; for &lt;", Likeness::Same),
            ("&amp;&lt;&", "&amp;amp;&amp;lt;&amp;", Likeness::Same),
            ("amp; & lt;", "amp; &amp; lt;", Likeness::Same),
            ("cafe\u{301}", "caf\u{e9}", Likeness::Same),
            ("see example.com/a now", "see https://t.co/Abc now", Likeness::Same),
            ("  a\n\n b ", "a b", Likeness::Same),
            ("see foo.nosuchtld now", "see https://t.co/Abc now", Likeness::Near),
            ("see it now", "see https://t.co/Abc now", Likeness::Different),
            ("hello", "hello!", Likeness::Different),
        ] {
            assert_eq!(compare(ours, theirs), likeness, "{ours} / {theirs}");
        }
    }

    #[test]
    fn what_a_platform_adds_can_be_taken_away() {
        assert_eq!(without_leading_mentions("@a @b_1 hello @c"), "hello @c");
        assert_eq!(without_leading_mentions("@a"), "");
        assert_eq!(without_leading_mentions("@a-b hello"), "@a-b hello");
        assert_eq!(without_trailing_links("look https://t.co/a https://t.co/b"), "look");
        assert_eq!(without_trailing_links("https://t.co/a look"), "https://t.co/a look");
    }
}
