//! How X counts: twitter-text, configuration v3.
//!
//! A module of our own: the crate `twitter-text` builds and links C++ (`cxx`), a forked parser generator and
//! the ICU data for a plugin that needs one number. Its rules are few, and are tested below.

use strowger_channel::links;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::UnicodeEmoji;
use unicode_properties::emoji::{is_regional_indicator, is_tag_character};
use unicode_segmentation::UnicodeSegmentation;

/// The weight of an address, whatever its length.
const LINK: usize = 23 * SCALE;
/// Weights are counted in hundredths.
const SCALE: usize = 100;
const LIGHT: usize = 100;
const HEAVY: usize = 200;

/// The length of a post in X's characters: NFC first; an address counts 23, an emoji sequence 2, a code point
/// of 0–4351, 8192–8205, 8208–8223 or 8242–8247 counts 1, any other 2.
///
/// Source: X's documentation "Counting characters".
pub fn weighted_length(text: &str) -> usize {
    let composed: String = text.nfc().collect();
    let mut weight = 0;
    let mut at = 0;
    for link in links::find(&composed) {
        weight += plain_weight(&composed[at..link.start]) + LINK;
        at = link.end;
    }
    (weight + plain_weight(&composed[at..])) / SCALE
}

fn plain_weight(text: &str) -> usize {
    text.graphemes(true)
        .map(|cluster| if is_emoji_sequence(cluster) { HEAVY } else { cluster.chars().map(weight).sum() })
        .sum()
}

fn weight(c: char) -> usize {
    match u32::from(c) {
        0..=4351 | 8192..=8205 | 8208..=8223 | 8242..=8247 => LIGHT,
        _ => HEAVY,
    }
}

/// Whether a cluster of several code points is one emoji: a flag, a keycap, or emoji with presentation
/// selectors, skin tones and tags, joined by zero-width joiners. A single code point needs no such rule: its
/// weight is already the one of an emoji. A well-formed sequence that no font draws as one counts 2 as well;
/// X may count its parts and then refuses the post itself.
fn is_emoji_sequence(cluster: &str) -> bool {
    const JOINER: char = '\u{200D}';
    let mut chars = cluster.chars();
    let (Some(first), Some(second)) = (chars.next(), chars.next()) else { return false };
    if is_regional_indicator(first) {
        return is_regional_indicator(second) && chars.next().is_none();
    }
    if matches!(first, '0'..='9' | '#' | '*') {
        return cluster.ends_with('\u{20E3}') && matches!(cluster.chars().count(), 2 | 3);
    }
    cluster.split(JOINER).all(|part| {
        let mut part = part.chars();
        part.next().is_some_and(|base| !base.is_ascii() && base.is_emoji_char())
            && part
                .all(|c| c == '\u{FE0F}' || ('\u{1F3FB}'..='\u{1F3FF}').contains(&c) || is_tag_character(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_x() {
        for (text, expected) in [
            ("", 0),
            ("Hello Twitter!", 14),
            // Addresses, with and without a scheme, long and short.
            ("Look: http://t.example.org", 6 + 23),
            ("https://www.example.com/a/very/long/path/that/goes/on?and=on", 23),
            ("example.com", 23),
            ("see example.com/a and b.co.uk.", 4 + 23 + 5 + 23 + 1),
            ("http://localhost/x", 18),
            ("not.atld", 8),
            // Composed and decomposed letters are the same.
            ("caf\u{e9}", 4),
            ("cafe\u{301}", 4),
            // A presentation form that NFC takes apart: three code points.
            ("\u{FB2C}", 3),
            // East Asia.
            ("日本語", 6),
            ("한국어", 6),
            ("日本語example.com", 6 + 23),
            // The edges of the light ranges.
            ("\u{10FF}", 1),
            ("\u{1100}", 2),
            ("\u{2000}\u{200C}", 2),
            ("\u{2010}\u{201F}", 2),
            ("\u{2020}", 2),
            ("\u{2032}\u{2037}", 2),
            ("\u{2038}", 2),
            // Emoji: one, with a skin tone, a family, flags, keycaps, presentation selectors, tags.
            ("😷", 2),
            ("🙋🏽", 2),
            ("👨‍👩‍👧‍👦", 2),
            ("👨🏽‍🎤", 2),
            ("🇩🇪🇫🇷", 4),
            ("1️⃣#️⃣", 4),
            ("❤️", 2),
            ("©", 1),
            ("©️", 2),
            ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
            ("🏳️‍🌈", 2),
            ("H🐱☺", 5),
            // What only looks like one: a stray joiner, text presentation, a lone regional indicator.
            ("👨\u{200D}", 3),
            ("☺\u{FE0E}", 4),
            ("🇩", 2),
            ("a\u{FE0F}", 3),
        ] {
            assert_eq!(weighted_length(text), expected, "{text}");
        }
        assert_eq!(weighted_length(&"x".repeat(280)), 280);
        assert_eq!(weighted_length(&"語".repeat(141)), 282);
    }
}
