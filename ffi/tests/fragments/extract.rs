//! Finds the fragments of code in a text: fences in Markdown, `@code` and fences in comments.

use std::path::Path;

/// A fragment as it stands in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// Where it begins, for messages: `file:line`.
    pub(crate) place: String,
    /// What the document calls it: `c`, `cpp`, `json`, `sh` …
    pub(crate) language: String,
    /// Which document of the surface it is, as `config_json`, if the line before says so.
    pub(crate) kind: Option<String>,
    pub(crate) text: String,
}

/// The fragments of a document, in their order. One without a language is an error, and so is one that does
/// not end.
pub(crate) fn fragments(path: &Path, text: &str) -> Result<Vec<Fragment>, String> {
    let name = path.display();
    let is_markdown = path.extension().is_some_and(|extension| extension == "md");
    let mut found = Vec::new();
    let mut open: Option<(Fragment, &str)> = None;
    let mut kind = None;
    for (at, line) in text.lines().enumerate() {
        let line = if is_markdown { line } else { uncomment(line) };
        let place = format!("{name}:{}", at + 1);
        if let Some((mut fragment, end)) = open.take() {
            if line.trim() == end {
                found.push(fragment);
            } else {
                fragment.text.push_str(line);
                fragment.text.push('\n');
                open = Some((fragment, end));
            }
            continue;
        }
        let Some((head, end)) = head(line) else {
            kind = line.trim().strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix("_json -->"));
            if !is_markdown && line.starts_with("    ") && looks_like_code(line) {
                return Err(format!("{place}: code without a language: put it into @code{{.c}}"));
            }
            continue;
        };
        let language = head.trim_matches(['{', '}', '.', ' ']).split([',', ' ']).next().unwrap_or_default();
        if language.is_empty() {
            return Err(format!("{place}: a fragment without a language"));
        }
        let kind = kind.take().map(|kind| format!("{kind}_json"));
        open = Some((Fragment { place, language: language.to_owned(), kind, text: String::new() }, end));
    }
    match open {
        Some((fragment, end)) => Err(format!("{}: nothing ends it: {end} is missing", fragment.place)),
        None => Ok(found),
    }
}

/// What follows the beginning of a fragment, and how that one will end.
fn head(line: &str) -> Option<(&str, &'static str)> {
    let line = line.trim();
    line.strip_prefix("```")
        .map(|rest| (rest, "```"))
        .or_else(|| Some((line.strip_prefix("@code")?, "@endcode")))
}

/// A line of a comment without what makes it one.
fn uncomment(line: &str) -> &str {
    let inner = line.trim_start();
    match inner.strip_prefix('*') {
        Some(inner) => inner.strip_prefix(' ').unwrap_or(inner),
        // Code, not a comment: its indentation says nothing.
        None => inner,
    }
}

/// Whether an indented line is a program's, not a sketch of a document.
fn looks_like_code(line: &str) -> bool {
    let line = line.trim();
    (line.ends_with(';') && !line.starts_with(['{', '"'])) || line.starts_with("cc ") || line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_and_comments_are_read() {
        let text = "<!-- agent_json -->\n```{.json}\n{}\n```\n\n```rust,no_run\nfn f() {}\n```\n";
        let found = fragments(Path::new("a.md"), text).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].kind.as_deref(), &*found[0].text), (Some("agent_json"), "{}\n"));
        assert_eq!((found[1].language.as_str(), &*found[1].place), ("rust", "a.md:6"));
        let found =
            fragments(Path::new("a.h"), "/**\n * @code{.c}\n * f();\n * @endcode\n */\nvoid f(void);\n");
        assert_eq!(found.unwrap()[0].text, "f();\n");
    }

    /// Planted faults: each would let a fragment slip through.
    #[test]
    fn what_could_slip_through_is_an_error() {
        for (name, text) in [
            ("a.md", "```\nf();\n```\n"),
            ("a.md", "```c\nf();\n"),
            ("a.h", "/**\n * @code\n * f();\n * @endcode\n */\n"),
            ("a.h", "/**\n *     f();\n */\n"),
        ] {
            assert!(fragments(Path::new(name), text).is_err(), "{text}");
        }
    }
}
