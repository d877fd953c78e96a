//! How X counts, held against the conformance cases of its own library.

use proptest::prelude::*;
use serde_json::Map;
use strowger_channel::{Outgoing, Plugin};
use strowger_twitter::weighted_length;

use crate::escape::unescaped;
use crate::twitter;

const LENGTHS: &str = include_str!("../conformance/lengths.txt");

/// Whether X takes a text, as an account without long posts.
fn is_valid(text: &str) -> bool {
    let (plugin, _) = twitter();
    let message = Outgoing { channel: "twitter", account: "vitaliy_onv", text, extras: &Map::new() };
    plugin.check(&message).is_ok()
}

/// Planted faults: with emoji counted by their code points five cases fail, without NFC three, with the limit of
/// a domain's label counted in its own script one.
#[test]
fn every_case_of_the_library_agrees() {
    let cases: Vec<_> = LENGTHS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (length, rest) = line.split_once(' ').expect("a length comes first");
            let (valid, text) = rest.split_once(' ').expect("then whether it is valid");
            (length.parse::<usize>().expect("a figure"), valid == "valid", unescaped(text))
        })
        .collect();
    assert_eq!(cases.len(), 27);
    let judged = |text: &str| (weighted_length(text), is_valid(text));
    let wrong: Vec<_> = cases
        .iter()
        .filter(|(length, valid, text)| judged(text) != (*length, *valid))
        .map(|(length, valid, text)| ((length, valid), judged(text), text))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Unicode's own list, skin tones included: X counts each as two. One of a single light code point needs its
/// presentation selector for that.
#[test]
fn every_emoji_counts_two() {
    let all =
        emojis::iter().flat_map(|emoji| emoji.skin_tones().map_or_else(|| vec![emoji], Iterator::collect));
    let all: Vec<&str> = all.map(emojis::Emoji::as_str).collect();
    assert!(all.len() > 3_500, "{} are known", all.len());
    let wrong: Vec<_> = all.iter().filter(|emoji| weighted_length(emoji) != 2).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// A part of a text and what it counts, by the published figures.
fn part() -> impl Strategy<Value = (String, usize)> {
    let light = prop_oneof![
        prop::char::range('\u{21}', '\u{7E}'),
        prop::char::range('\u{400}', '\u{481}'),
        prop::char::range('\u{5D0}', '\u{5EA}'),
        prop::char::range('\u{2018}', '\u{201F}'),
        prop::char::range('\u{2032}', '\u{2037}')
    ];
    // Punctuation and digits could make an address, a mention or a keycap of what stands beside them.
    let light = light.prop_filter("letters and quotes", |c| c.is_alphabetic() || *c > '\u{2000}');
    let heavy = prop_oneof![
        prop::char::range('\u{4E00}', '\u{9FA5}'),
        prop::char::range('\u{AC00}', '\u{D7A3}'),
        prop::char::range('\u{3041}', '\u{3096}'),
        Just('\u{2020}')
    ];
    let emoji = proptest::sample::select(emojis::iter().map(emojis::Emoji::as_str).collect::<Vec<_>>());
    let address = "(https?://)?[a-z]{1,9}\\.(com|co\\.uk|org|みんな)(/[a-z0-9]{0,40})?";
    prop_oneof![
        4 => light.prop_map(|c| (c.to_string(), 1)),
        3 => heavy.prop_map(|c| (c.to_string(), 2)),
        2 => emoji.prop_map(|emoji| (emoji.to_owned(), 2)),
        1 => address.prop_map(|address| (address, 23)),
        1 => Just(("e\u{301}".to_owned(), 1)),
    ]
}

proptest! {
    /// Planted fault: an address counted by its letters, or a weight of 1 from U+1100 on.
    #[test]
    fn a_text_counts_what_its_parts_count(parts in proptest::collection::vec(part(), 0..40)) {
        let text: Vec<&str> = parts.iter().map(|(text, _)| text.as_str()).collect();
        let spaces = text.len().saturating_sub(1);
        let expected: usize = parts.iter().map(|(_, count)| count).sum();
        prop_assert_eq!(weighted_length(&text.join(" ")), expected + spaces);
    }
}
