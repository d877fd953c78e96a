//! How X counts, held against the conformance cases of its own library.

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
