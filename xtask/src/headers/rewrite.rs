//! What cbindgen can't be told: small rewritings of its text, each of which fails if it finds nothing to
//! rewrite.

use std::fmt::Write as _;

use super::HeaderError;

/// Takes rustdoc's links out of comments: `` [`name`] `` becomes `` `name` ``.
pub(super) fn unlink(text: &str) -> String {
    text.replace("[`", "`").replace("`]", "`")
}

/// Takes the word `struct` off types that have a typedef: `struct strowger_str text` becomes
/// `strowger_str text`.
pub(super) fn untag(text: &str) -> String {
    text.replace("struct strowger_", "strowger_").replace("typedef strowger_", "typedef struct strowger_")
}

/// Takes the definition that ends in `} NAME;`, with its comment, out of `text`.
pub(super) fn remove_struct(text: &str, name: &str) -> Result<String, HeaderError> {
    let missing = |expected: String| HeaderError::Form { expected };
    let head = format!("typedef struct {name} {{");
    let start = text.find(&head).ok_or_else(|| missing(head))?;
    let tail = format!("}} {name};\n");
    let end = text[start..].find(&tail).ok_or_else(|| missing(tail.clone()))? + start + tail.len();
    let start = text[..start].rfind("/**").unwrap_or(start);
    Ok(format!("{}{}", &text[..start], text[end..].trim_start_matches('\n')))
}

/// A constant of the header: its comment, its name and its value as cbindgen wrote them.
struct Constant<'a> {
    comment: &'a str,
    name: &'a str,
    value: &'a str,
}

/// Turns the `#define`s of whole numbers at the top of `text` into enum constants: those have a type, obey
/// scope in C++, and a debugger knows them. Constants of one group, by the beginning of their names,
/// share one enum; in C++20 operators on constants of two enums are deprecated.
///
/// A value that is no `int` can't be an enum constant in C: it stays a macro, written so that it is of
/// its type (`UINT64_C`).
pub(super) fn constants(text: &str, groups: &[&str]) -> Result<String, HeaderError> {
    let mut rest = text;
    let mut found: Vec<Constant<'_>> = Vec::new();
    let mut before = String::new();
    while let Some(at) = rest.find("#define STROWGER_") {
        let comment_at = rest[..at].rfind("/**").unwrap_or(at);
        before.push_str(rest[..comment_at].trim());
        let line_end = rest[at..].find('\n').map_or(rest.len(), |length| at + length);
        let (name, value) = rest[at + "#define ".len()..line_end]
            .split_once(' ')
            .ok_or_else(|| HeaderError::Form { expected: "#define NAME VALUE".into() })?;
        found.push(Constant { comment: rest[comment_at..at].trim(), name, value });
        rest = &rest[line_end..];
    }
    if found.is_empty() {
        return Err(HeaderError::Form { expected: "#define STROWGER_".into() });
    }
    let mut out = before;
    if !out.is_empty() {
        out.push_str("\n\n");
    }
    for constant in found.iter().filter(|constant| !is_int(constant.value)) {
        let _ =
            write!(out, "{}\n#define {} UINT64_C({})\n\n", constant.comment, constant.name, constant.value);
    }
    for (index, group) in groups.iter().enumerate() {
        // A constant belongs to the first group whose beginning it has; the last one is the general one.
        let members: Vec<_> = found
            .iter()
            .filter(|constant| is_int(constant.value))
            .filter(|constant| {
                groups.iter().position(|begin| constant.name.starts_with(begin)) == Some(index)
            })
            .collect();
        if members.is_empty() {
            return Err(HeaderError::Form { expected: format!("#define {group}") });
        }
        out.push_str("enum {\n");
        for (at, constant) in members.iter().enumerate() {
            for line in constant.comment.lines() {
                let _ = writeln!(out, "  {line}");
            }
            let comma = if at + 1 < members.len() { "," } else { "" };
            let _ = writeln!(out, "  {} = {}{comma}", constant.name, constant.value);
        }
        out.push_str("};\n\n");
    }
    Ok(out + rest.trim_start())
}

/// Whether a value as cbindgen writes it is surely an `int`: a small number, or a shifted one.
fn is_int(value: &str) -> bool {
    value.parse::<i32>().is_ok() || value.contains("<<")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_enum_constants_by_group() {
        let text = "/**\n * A.\n */\n#define STROWGER_X_A 1\n\n/**\n * F.\n */\n#define STROWGER_F_B (1 << 0)\n\
                    /**\n * M.\n */\n#define STROWGER_M 12345678901\n\ntypedef int t;\n";
        let out = constants(text, &["STROWGER_F_", "STROWGER_"]).unwrap();
        assert_eq!(
            out,
            "/**\n * M.\n */\n#define STROWGER_M UINT64_C(12345678901)\n\nenum {\n  /**\n   * F.\n   */\n  \
             STROWGER_F_B = (1 << 0)\n};\n\nenum {\n  /**\n   * A.\n   */\n  STROWGER_X_A = 1\n};\n\ntypedef int t;\n"
        );
    }

    #[test]
    fn typedefs_keep_their_tags_and_uses_lose_them() {
        assert_eq!(
            untag("typedef struct strowger_a strowger_a;\nvoid f(const struct strowger_a *a);"),
            "typedef struct strowger_a strowger_a;\nvoid f(const strowger_a *a);"
        );
    }

    #[test]
    fn what_is_not_there_is_said() {
        assert!(constants("int x;", &["STROWGER_"]).is_err());
        assert!(remove_struct("int x;", "strowger_str").is_err());
    }
}
