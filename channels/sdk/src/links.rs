//! Addresses in running text, found as X finds them: with `http(s)://`, or bare where a domain ends in a
//! top-level domain that exists.
//!
//! X counts each address as 23 characters and shortens it, so both the length of a message and the
//! comparison with what was published rest on finding the same ones. The rules are those that X documents
//! for its counting library (twitter-text); an address that only one of the two finds is caught by
//! [`text::compare`](crate::text::compare), which then answers `Near`.

use std::ops::Range;

/// Top-level domains that X's library counts with, and that the root zone of the Internet no longer has or never
/// had.
///
/// Source: twitter-text 3.1.0 against IANA's list of 2026.
const FORMER_TOP_LEVELS: &[&str] = &[
    "abarth",
    "active",
    "adac",
    "afamilycompany",
    "aigo",
    "alfaromeo",
    "an",
    "avianca",
    "bananarepublic",
    "bentley",
    "bl",
    "blanco",
    "bnl",
    "boots",
    "bq",
    "budapest",
    "bugatti",
    "cancerresearch",
    "cartier",
    "caseih",
    "cbs",
    "ceb",
    "chloe",
    "chrysler",
    "cityeats",
    "comcast",
    "cookingchannel",
    "csc",
    "dabur",
    "dodge",
    "doha",
    "doosan",
    "duck",
    "dunlop",
    "duns",
    "eh",
    "epost",
    "esurance",
    "etisalat",
    "everbank",
    "fiat",
    "flsmidth",
    "foodnetwork",
    "frontdoor",
    "fujixerox",
    "glade",
    "goo",
    "goodhands",
    "guardian",
    "helsinki",
    "hgtv",
    "honeywell",
    "hoteles",
    "htc",
    "iinet",
    "intel",
    "iselect",
    "iveco",
    "iwc",
    "jcp",
    "jlc",
    "juniper",
    "kerrylogistics",
    "kinder",
    "ladbrokes",
    "lancaster",
    "lancia",
    "lancome",
    "liaison",
    "linde",
    "lipsy",
    "lixil",
    "loft",
    "lupin",
    "macys",
    "maserati",
    "mcd",
    "mcdonalds",
    "meo",
    "metlife",
    "mf",
    "mobily",
    "montblanc",
    "mopar",
    "movistar",
    "mtpc",
    "mutual",
    "mutuelle",
    "nadex",
    "nationwide",
    "natura",
    "newholland",
    "northwesternmutual",
    "off",
    "oldnavy",
    "onion",
    "onyourside",
    "orientexpress",
    "pamperedchef",
    "panerai",
    "passagens",
    "piaget",
    "pramerica",
    "qvc",
    "raid",
    "redstone",
    "rightathome",
    "rmit",
    "rocher",
    "sapo",
    "sca",
    "scjohnson",
    "scor",
    "ses",
    "shaw",
    "showtime",
    "shriram",
    "spiegel",
    "spreadbetting",
    "srt",
    "starhub",
    "statoil",
    "swiftcover",
    "symantec",
    "telecity",
    "telefonica",
    "tiffany",
    "tp",
    "travelchannel",
    "uconnect",
    "um",
    "vista",
    "vistaprint",
    "volkswagen",
    "vuelos",
    "warman",
    "wolterskluwer",
    "xfinity",
    "xn--3oq18vl8pn36a",
    "xn--estv75g",
    "xn--jlq61u9w7b",
    "xn--kpu716f",
    "xn--mgbaakc7dvf",
    "xn--mgbb9fbpob",
    "xn--pbt977c",
    "xperia",
    "zippo",
];

/// How long an address can be: X shortens no longer one.
const MAX_ADDRESS: usize = 4096;
/// How long a top-level domain in another script is at most, in characters.
const MAX_TOP_LEVEL: usize = 24;

/// The byte ranges of the addresses in `text`, in order, none overlapping.
pub fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match link_at(text, at) {
            Some(end) => {
                found.push(at..end);
                at = end;
            }
            None => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    found
}

/// The end of the address that begins at `start`, if one does.
fn link_at(text: &str, start: usize) -> Option<usize> {
    let before = text[..start].chars().next_back();
    let rest = &text[start..];
    // Not inside a word, a mention, a hash tag or a cash tag.
    if before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '@' | '＠' | '$' | '#' | '＃')) {
        return None;
    }
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| rest.get(..scheme.len()).is_some_and(|lead| lead.eq_ignore_ascii_case(scheme)));
    let host_start = start + scheme.map_or(0, str::len);
    let bare = scheme.is_none();
    // Nor inside a word with accents: it was looked at from its beginning.
    if bare && before.is_some_and(|c| matches!(c, '-' | '_' | '.' | '/') || is_latin_letter(c)) {
        return None;
    }
    let host_end = domain_end(text, host_start, bare)?;
    let host = &text[host_start..host_end];
    let after_port = port_end(text, host_end);
    // The platform's own shortener has no longer paths: what follows is a query or text again.
    if !bare && host.eq_ignore_ascii_case("t.co") {
        let slug_end = short_slug_end(text, after_port)?;
        return Some(if slug_end > after_port + 1 { query_end(text, slug_end) } else { slug_end });
    }
    let end = query_end(text, path_end(text, after_port));
    (end - start <= MAX_ADDRESS).then_some(end)
}

/// The end of a domain that ends in a top-level domain. A bare one is Latin before that.
fn domain_end(text: &str, start: usize, bare: bool) -> Option<usize> {
    let in_label = |c: char| is_label_char(c) && (!bare || c.is_ascii() || is_latin_letter(c));
    let mut best = None;
    let mut label_start = start;
    let mut labels = 0;
    // The label before must be fit to stand before a top-level domain: no underscore, no hyphen at its ends.
    let mut previous_is_name = false;
    loop {
        let length = text[label_start..].find(|c| !in_label(c)).unwrap_or(text.len() - label_start);
        let label = &text[label_start..label_start + length];
        if labels > 0
            && previous_is_name
            && let Some(length) = top_level_length(&text[label_start..])
        {
            best = Some(label_start + length);
        }
        if label.is_empty() || !is_well_formed(label) {
            break;
        }
        previous_is_name = !label.contains('_');
        labels += 1;
        let end = label_start + length;
        if !text[end..].starts_with('.') {
            break;
        }
        label_start = end + 1;
    }
    best
}

/// A label has no hyphen or underscore at its ends, at most 63 characters, and is plain if it says that it is
/// encoded. In other scripts the limit is one of the encoded form.
fn is_well_formed(label: &str) -> bool {
    const MAX_LABEL: usize = 63;
    let says_encoded = label.get(..4).is_some_and(|lead| lead.eq_ignore_ascii_case("xn--"));
    if label.starts_with(['-', '_']) || label.ends_with(['-', '_']) || label.chars().nth(MAX_LABEL).is_some()
    {
        return false;
    }
    label.is_ascii() || (!says_encoded && encoded(label).is_some_and(|label| label.len() <= MAX_LABEL))
}

/// A label in another script as the name system knows it (RFC 3492).
fn encoded(label: &str) -> Option<String> {
    punycode::encode(label).ok().map(|label| format!("xn--{label}"))
}

/// What may stand in a label: no punctuation and no space, but symbols.
fn is_label_char(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    }
    !(c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{A1}'..='\u{BF}' | '\u{2000}'..='\u{206F}' | '\u{3000}'..='\u{3020}' | '\u{FE00}'..='\u{FE0F}')
        || matches!(c, '\u{FF00}'..='\u{FF0F}' | '\u{FF1A}'..='\u{FF20}' | '\u{FF3B}'..='\u{FF40}' | '\u{FF5B}'..='\u{FF65}' | '\u{FEFF}' | '\u{FFF0}'..='\u{FFFF}'))
}

/// A Latin letter with an accent.
fn is_latin_letter(c: char) -> bool {
    matches!(c, '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}') && c.is_alphabetic()
}

/// The length of the top-level domain that `text` begins with, in bytes. What stands right after one in another
/// script may be a letter of that script: scripts without spaces go on at once.
fn top_level_length(text: &str) -> Option<usize> {
    let is_end = |end: usize| {
        let next = text[end..].chars().next();
        next.is_none_or(|next| !(next.is_ascii_alphanumeric() || matches!(next, '@' | '+' | '-')))
    };
    let is_letter = |c: char| c != '_' && is_label_char(c);
    let letters = text.char_indices().take_while(|(_, c)| is_letter(*c)).take(MAX_TOP_LEVEL);
    let ends: Vec<usize> = letters.map(|(at, c)| at + c.len_utf8()).collect();
    // Of two that both are one, the longer.
    ends.into_iter().rev().filter(|end| is_end(*end)).find(|end| {
        let name = text[..*end].to_lowercase();
        if name.is_ascii() {
            is_top_level(&name)
        } else {
            encoded(&name).is_some_and(|name| is_top_level(&name))
        }
    })
}

/// Whether a name, in lower case and in other scripts encoded (RFC 3492), is a top-level domain.
fn is_top_level(name: &str) -> bool {
    tld::exist(name) || FORMER_TOP_LEVELS.binary_search(&name).is_ok()
}

fn port_end(text: &str, at: usize) -> usize {
    let Some(digits) = text[at..].strip_prefix(':') else { return at };
    let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if length == 0 { at } else { at + 1 + length }
}

/// The end of a short address; `None` if it is too long to be one.
fn short_slug_end(text: &str, at: usize) -> Option<usize> {
    let Some(slug) = text[at..].strip_prefix('/') else { return Some(at) };
    let length = slug.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(slug.len());
    (length <= 40).then_some(at + 1 + length)
}

fn is_path_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || is_latin_letter(c) || matches!(c, '\u{400}'..='\u{4FF}')
}

fn is_path_char(c: char) -> bool {
    is_path_letter(c) || "!*';:=+,.$/%#[]-–_~@|&".contains(c)
}

/// The end of a path: its last character that may end one. Brackets count only in pairs.
fn path_end(text: &str, at: usize) -> usize {
    if !text[at..].starts_with('/') {
        return at;
    }
    let mut end = at + 1;
    let mut position = end;
    while let Some(c) = text[position..].chars().next() {
        if c == '(' {
            let Some(closed) = brackets_end(text, position, 2) else { break };
            position = closed;
            end = closed;
        } else if is_path_char(c) {
            position += c.len_utf8();
            if is_path_letter(c) || "+-=_#/".contains(c) {
                end = position;
            }
        } else {
            break;
        }
    }
    end
}

/// The end of a pair of brackets with path characters between them, nested at most `depth` deep.
fn brackets_end(text: &str, open: usize, depth: usize) -> Option<usize> {
    let mut position = open + 1;
    loop {
        let c = text[position..].chars().next()?;
        match c {
            ')' => return (position > open + 1).then_some(position + 1),
            '(' if depth > 1 => position = brackets_end(text, position, depth - 1)?,
            c if is_path_char(c) => position += c.len_utf8(),
            _ => return None,
        }
    }
}

fn query_end(text: &str, at: usize) -> usize {
    let Some(query) = text[at..].strip_prefix('?') else { return at };
    let mut end = at;
    for (offset, c) in query.char_indices() {
        if !(c.is_ascii_alphanumeric() || "!?*'@();:&=+$/%#[]-_.,~|".contains(c)) {
            break;
        }
        if c.is_ascii_alphanumeric() || "-_&=#/".contains(c) {
            end = at + 1 + offset + 1;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_as_x_finds_them() {
        for (text, expected) in [
            ("see http://shop.example.org now", &["http://shop.example.org"][..]),
            ("HTTPS://Example.COM/A?b=c.", &["HTTPS://Example.COM/A?b=c"]),
            ("see example.com, or b.co.uk/path!", &["example.com", "b.co.uk/path"]),
            ("no top-level domain: http://localhost a.b.c.nosuchtld", &[]),
            ("end of sentence.Then one", &[]),
            ("mail me@example.com or foo.com@bar", &[]),
            ("#example.com $example.com -example.com a/example.com", &[]),
            ("日本語example.comテスト", &["example.com"]),
            ("http://例え.com/テスト", &["http://例え.com/"]),
            ("http://example.comテスト", &["http://example.com"]),
            (
                "http://en.example.org/wiki/A_(b)_(c) (http://example.org/x)",
                &["http://en.example.org/wiki/A_(b)_(c)", "http://example.org/x"],
            ),
            ("https://t.co/AbC123xyz.more", &["https://t.co/AbC123xyz"]),
            ("http://example.com:8080/a/?q=(x)&r=1)", &["http://example.com:8080/a/?q=(x)&r=1"]),
            ("http://a_b.example.com http://a_b.com", &["http://a_b.example.com"]),
            ("example.com_x", &["example.com"]),
            ("http://☃.net/a http://xn--例.com", &["http://☃.net/a"]),
            ("voilà CAFÉS.com", &["CAFÉS.com"]),
            ("http://t.co/abcdefghijklmnopqrstuvwxyzabcdefghijklmno", &[]),
            ("bbc.みんなです http://a.みんな/b a.nosuchみんな", &["bbc.みんな", "http://a.みんな/b"]),
            ("left.an wrong.ab", &["left.an"]),
            ("version 1.2.3 costs 3.50", &[]),
            ("", &[]),
        ] {
            let found: Vec<&str> = find(text).into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    /// Planted fault: without the look at the character before, each of these letters begins a scan to the end.
    #[test]
    fn a_long_text_takes_no_longer_than_its_length() {
        let began = std::time::Instant::now();
        for hostile in ["é", "a.", "http://", "/(", "例", "a-", "t.co/"] {
            find(&hostile.repeat(100_000));
        }
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    }
}
