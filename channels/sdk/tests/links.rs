//! Addresses are found as X's own library finds them: its conformance cases, every one of them.

#[path = "conformance/escape.rs"]
mod escape;

use escape::unescaped;
use strowger_channel::links;

const LINKS: &str = include_str!("conformance/links.txt");
const TOP_LEVELS: &str = include_str!("conformance/top_levels.txt");

fn found(text: &str) -> Vec<&str> {
    links::find(text).into_iter().map(|range| &text[range]).collect()
}

/// Planted fault: with the limit of a label counted in its own script instead of the encoded form, one case
/// fails; without top-level domains in other scripts, five do.
#[test]
fn every_case_of_the_library_agrees() {
    let mut cases: Vec<(String, Vec<String>)> = Vec::new();
    for line in LINKS.lines() {
        match line.split_once(' ') {
            Some(("text", text)) => cases.push((unescaped(text), Vec::new())),
            Some(("link", link)) => cases.last_mut().expect("a text comes first").1.push(unescaped(link)),
            _ => assert!(line.is_empty() || line.starts_with('#'), "{line}"),
        }
    }
    assert_eq!(cases.len(), 104);
    let wrong: Vec<_> = cases.iter().filter(|(text, expected)| found(text) != *expected).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), cases.len());
}

/// Planted fault: without the domains that the root zone no longer has, 147 fail.
#[test]
fn every_top_level_domain_of_the_library_is_known() {
    let names = TOP_LEVELS.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    let names: Vec<String> = names.map(unescaped).collect();
    assert_eq!(names.len(), 1574);
    let wrong: Vec<_> = names
        .iter()
        .filter(|name| {
            let address = format!("https://example.{name}");
            found(&address) != [address.as_str()]
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
