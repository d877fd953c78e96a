//! What every function's comment in the header must say.

mod support;

use support::{committed_symbols, include, read};

#[test]
fn every_function_is_documented_in_full() {
    let header = read(&include().join("strowger.h"));
    let lines: Vec<_> = header.lines().collect();
    for symbol in committed_symbols() {
        let is_declaration =
            |line: &&str| !line.trim_start().starts_with('*') && line.contains(&format!(" {symbol}("));
        let line =
            lines.iter().position(is_declaration).unwrap_or_else(|| panic!("{symbol} is not declared"));
        let start = lines[..line].iter().rposition(|line| *line == "/**").expect("a comment");
        let comment = lines[start..line].join("\n");
        let end = (line..lines.len()).find(|&at| lines[at].ends_with(");")).expect("an end");
        let signature = lines[line..=end].join(" ");
        for needed in ["@par Threads:", "@since"] {
            assert!(comment.contains(needed), "{symbol} lacks {needed}");
        }
        assert_eq!(comment.contains("@return"), !signature.starts_with("void "), "{symbol}: @return");
        let inside = &signature[signature.find('(').expect("(") + 1..signature.rfind(')').expect(")")];
        // A function pointer among the parameters brings parentheses of its own: the log's `drop`.
        for parameter in inside.split(',').filter(|parameter| parameter.trim() != "void") {
            let name = match parameter.split_once("(*") {
                Some((_, rest)) => rest.split(')').next().unwrap_or_default(),
                None => parameter.rsplit([' ', '*']).next().unwrap_or_default(),
            };
            assert!(comment.contains(&format!("@param {name} ")), "{symbol} lacks @param {name}");
        }
    }
}
