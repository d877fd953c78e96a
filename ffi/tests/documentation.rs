//! Every function's comment says everything: what it does, its parameters, its result, whose the results
//! are, which threads may call it, and since when.

mod support;

use support::{committed_symbols, include, read};

/// A function's declaration and the comment above it.
struct Function {
    name: String,
    comment: String,
    returns: String,
    parameters: Vec<Parameter>,
}

struct Parameter {
    name: String,
    /// Its type, as it is written.
    kind: String,
}

/// The functions that a header declares.
fn functions(header: &str) -> Vec<Function> {
    let lines: Vec<_> = header.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let begins = line.starts_with(|first: char| first.is_ascii_alphabetic());
        let Some((head, _)) = line.split_once('(').filter(|(head, _)| begins && !head.starts_with("typedef"))
        else {
            continue;
        };
        let Some(name_at) = head.rfind("strowger_") else { continue };
        let end = (at..lines.len()).find(|&end| lines[end].ends_with(");")).expect("a declaration ends");
        let signature = lines[at..=end].join(" ");
        let inside = &signature[signature.find('(').expect("(") + 1..signature.rfind(')').expect(")")];
        let start = lines[..at].iter().rposition(|line| line.starts_with("/**")).unwrap_or(at);
        let is_above = lines[..at].last().is_some_and(|line| line.trim_end().ends_with("*/"));
        found.push(Function {
            name: head[name_at..].to_owned(),
            comment: if is_above { lines[start..at].join("\n") } else { String::new() },
            returns: head[..name_at].trim().to_owned(),
            parameters: inside.split(',').filter(|it| it.trim() != "void").map(parameter).collect(),
        });
    }
    found
}

fn parameter(text: &str) -> Parameter {
    let text = text.trim();
    // A pointer to a function has its name inside: the log's `drop`.
    let name = match text.split_once("(*") {
        Some((_, rest)) => rest.split(')').next().unwrap_or_default(),
        None => text.rsplit([' ', '*']).next().unwrap_or_default(),
    };
    Parameter { name: name.to_owned(), kind: text.trim_end_matches(name).trim().to_owned() }
}

/// What a function's comment lacks.
fn omissions(function: &Function) -> Vec<String> {
    let mut lacks = Vec::new();
    let text = function.comment.replace("\n *", "\n");
    let (brief, tags) = text
        .split_once("\n @")
        .map_or((text.as_str(), String::new()), |(brief, rest)| (brief, format!("\n @{rest}")));
    if brief.trim_start_matches("/**").trim().len() < 10 {
        lacks.push("what it does".to_owned());
    }
    let said = |tag: &str| -> Option<String> {
        let from = tags.find(&format!("\n @{tag} "))? + tag.len() + 3;
        Some(tags[from..].split("\n @").next().unwrap_or_default().replace('\n', " "))
    };
    for Parameter { name, kind } in &function.parameters {
        let Some(words) = said(&format!("param {name}")) else {
            lacks.push(format!("@param {name}"));
            continue;
        };
        let is_handed_out = kind.ends_with("**") && !kind.starts_with("strowger_error");
        if is_handed_out && !words.contains("_free()") && !words.contains("_close()") {
            lacks.push(format!("by what {name} is released"));
        }
    }
    let documented = tags.split("\n @param ").skip(1).filter_map(|rest| rest.split(' ').next());
    for name in documented.filter(|name| function.parameters.iter().all(|known| known.name != *name)) {
        lacks.push(format!("a parameter {name}, which is documented"));
    }
    let result = said("return");
    if result.is_some() == (function.returns == "void") {
        lacks.push("@return, or has one too many".to_owned());
    }
    if let Some(words) = result
        && function.returns == "strowger_str"
        && !["borrowed", "Static"].iter().any(|word| words.contains(word))
    {
        lacks.push("whose the returned text is".to_owned());
    }
    if said("par Threads:").is_none_or(|words| words.trim().is_empty()) {
        lacks.push("@par Threads:".to_owned());
    }
    if said("since").is_none_or(|words| !words.contains(|digit: char| digit.is_ascii_digit())) {
        lacks.push("@since".to_owned());
    }
    lacks
}

#[test]
fn every_function_is_documented_in_full() {
    let found = functions(&read(&include().join("strowger.h")));
    let names: Vec<_> = found.iter().map(|function| function.name.clone()).collect();
    for symbol in committed_symbols() {
        assert!(names.contains(&symbol), "{symbol} is not declared");
    }
    assert_eq!(names.len(), committed_symbols().len(), "what is declared is exported: {names:?}");
    let plugin = functions(&read(&include().join("strowger_channel.h")));
    assert_eq!(plugin.len(), 1, "a plugin has one function");
    for function in found.iter().chain(&plugin) {
        assert_eq!(omissions(function), Vec::<String>::new(), "{}", function.name);
    }
}

/// The constants, members and types of a header that have no comment above them. (Doxygen does not miss a
/// constant's.)
fn bare(header: &str) -> Vec<&str> {
    let lines: Vec<_> = header.lines().collect();
    let mut is_inside = false;
    let mut goes_on = false;
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let begins = line.starts_with("typedef struct") || *line == "enum {";
        if begins && line.ends_with('{') {
            is_inside = true;
        } else if line.starts_with('}') {
            is_inside = false;
        }
        let is_member =
            is_inside && line.starts_with("  ") && !line.trim_start().starts_with(['/', '*']) && !goes_on;
        // A member that is a function takes several lines.
        goes_on = (is_member || goes_on) && !line.ends_with([';', ',']) && !line.contains(" = ")
            || (is_member || goes_on) && line.ends_with(',') && !line.contains(" = ");
        let is_type = line.starts_with("typedef ");
        if (is_member || is_type) && !lines[at - 1].trim_end().ends_with("*/") {
            found.push(*line);
        }
    }
    found
}

#[test]
fn every_constant_member_and_type_is_documented() {
    for name in ["strowger.h", "strowger_channel.h"] {
        assert_eq!(bare(&read(&include().join(name))), Vec::<&str>::new(), "{name}");
    }
}

/// Planted faults: each comment of a constant, a member and a type is missed once.
#[test]
fn every_bare_constant_member_and_type_is_found() {
    let header = read(&include().join("strowger.h"));
    for comment in ["A string is not UTF-8.", "An engine. Any thread may call", "The body's bytes."] {
        let at = header.find(comment).expect("the comment");
        let start = header[..at].rfind("/**").expect("its beginning");
        let end = at + header[at..].find("*/\n").expect("its end") + 3;
        let without = format!("{}{}", header[..start].trim_end_matches(' '), &header[end..]);
        assert_eq!(bare(&without).len(), 1, "{comment}: {:?}", bare(&without));
    }
}

/// Planted faults: each part of a comment, missing once.
#[test]
fn every_omission_is_found() {
    let whole = "/**\n * Opens a thing, as the name says.\n *\n * @param json what it is.\n * @param out where it \
                 is put; close it with strowger_thing_close().\n * @param error where an error is put.\n * @return \
                 STROWGER_OK.\n * @par Threads: any.\n * @since 0.1\n */\nstrowger_status strowger_thing_open(strowger_str \
                 json,\n    strowger_thing **out,\n    strowger_error **error);\n";
    let lacks = |text: &str| omissions(&functions(text)[0]);
    assert_eq!(lacks(whole), Vec::<String>::new());
    for (part, instead, named) in [
        (" * Opens a thing, as the name says.\n", "", "what it does"),
        (" * @param json what it is.\n", "", "@param json"),
        ("@param error ", "@param fault ", "@param error"),
        ("; close it with strowger_thing_close()", "", "by what out is released"),
        (" * @return STROWGER_OK.\n", "", "@return"),
        (" * @par Threads: any.\n", "", "@par Threads:"),
        (" * @since 0.1\n", "", "@since"),
    ] {
        assert!(whole.contains(part), "{part}");
        let found = lacks(&whole.replacen(part, instead, 1));
        assert!(found.iter().any(|it| it.contains(named)), "{named}: {found:?}");
    }
    let text = "/**\n * The name of a thing.\n *\n * @return its name.\n * @par Threads: any.\n * @since 0.1\n \
                */\nstrowger_str strowger_thing_name(void);\n";
    assert_eq!(lacks(text), ["whose the returned text is"]);
    assert!(!lacks("int strowger_bare(void);\n").is_empty());
}
