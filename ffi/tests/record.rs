//! The binary interface against its committed record, ffi/abi/strowger.abi: the functions, and every type
//! that they reach, as the headers declare them.
//!
//! The record is taken from a library that is made of the headers alone, each function with an empty body,
//! and not from libstrowger.so: what that says of its types is Rust's, changes with the compiler and is a
//! thousand times as much. The two can't drift apart: the headers are generated from the Rust sources (a
//! test holds it), and abi.rs holds that libstrowger.so exports these functions and no others.
//!
//! `STROWGER_WRITE_ABI=1 cargo test -p strowger-ffi --test record` writes the record anew.

mod support;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{committed_symbols, has_tool, include, own, read, succeed};

/// The header with a body for every function that it declares.
fn with_bodies(header: &str) -> String {
    let mut text = String::new();
    let mut is_declaration = false;
    for line in header.lines() {
        let first = line.split('(').next().unwrap_or_default();
        let name = first.rsplit([' ', '*']).next().unwrap_or_default();
        let starts = line.starts_with(|first: char| first.is_ascii_alphabetic())
            && !line.starts_with("typedef")
            && first.len() < line.len()
            && name.starts_with("strowger_");
        is_declaration |= starts;
        match line.strip_suffix(");") {
            Some(line) if is_declaration => {
                text += line;
                text += ") { __builtin_trap(); }\n";
                is_declaration = false;
            }
            _ => {
                text += line;
                text += "\n";
            }
        }
    }
    text
}

/// Makes a library of the two headers, after `edit` has been at them.
fn library_of_headers(directory: &Path, edit: impl Fn(&str) -> String) -> PathBuf {
    for header in ["strowger.h", "strowger_channel.h"] {
        let text = with_bodies(&edit(&read(&include().join(header))));
        fs::write(directory.join(header), text).expect("a header");
    }
    fs::write(
        directory.join("headers.c"),
        "#include \"strowger.h\"\n#include \"strowger_channel.h\"\n\
         /* Reached by no function: a plugin's tables are static. */\n\
         const strowger_channel_plugin strowger_channel_record;\n",
    )
    .expect("a source");
    let mut cc = Command::new("cc");
    // From within, so that no path of this machine gets into the record.
    cc.current_dir(directory).args([
        "-std=c99",
        "-g",
        "-O0",
        "-fPIC",
        "-shared",
        "-Wl,-soname,libstrowger.so.0",
    ]);
    succeed(cc.args(["-o", "headers.so", "headers.c"]), "cc");
    directory.join("headers.so")
}

/// What abidiff says about the library against the committed record: nothing if they agree.
fn differences(library: &Path) -> Result<(), String> {
    let output = Command::new("abidiff")
        .arg(own().join("abi/strowger.abi"))
        .arg(library)
        .output()
        .expect("abidiff runs");
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    // Bits: 1 an error, 2 a usage error, 4 a change, 8 an incompatible one. None is wanted, additions
    // included: they are recorded.
    if output.status.code() == Some(0) { Ok(()) } else { Err(format!("{}\n{words}", output.status)) }
}

fn has_tools() -> bool {
    has_tool("abidw") && has_tool("abidiff")
}

#[test]
fn the_interface_is_as_recorded() {
    if !has_tools() {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let library = library_of_headers(directory.path(), str::to_owned);
    let record = own().join("abi/strowger.abi");
    if env::var_os("STROWGER_WRITE_ABI").is_some_and(|value| value == "1") {
        let mut abidw = Command::new("abidw");
        abidw.args(["--no-show-locs", "--no-corpus-path", "--no-comp-dir-path", "--type-id-style", "hash"]);
        succeed(abidw.arg("--out-file").arg(&record).arg(&library), "abidw");
    }
    differences(&library).unwrap();

    let text = read(&record);
    for symbol in committed_symbols() {
        assert!(text.contains(&format!("<elf-symbol name='{symbol}' ")), "{symbol} is not in the record");
    }
    assert!(!text.contains("/tmp") && !text.contains("/home"), "the record has paths of a machine");
}

/// What is done to the headers: each text is replaced, one after the other.
type Change = (&'static str, &'static [(&'static str, &'static str)]);

/// Planted changes, each of which breaks programs or plugins that were built before. Numbers are abi.rs's business: no
/// function reaches their enumeration.
const CHANGES: [Change; 13] = [
    ("a removed function", &[("void strowger_buf_free(strowger_buf *buf);", "")]),
    ("an added function", &[("void strowger_buf_free(strowger_buf *buf);", ADDED)]),
    ("a parameter's type", &[("uint32_t max,", "uint64_t max,")]),
    ("a parameter more", &[("uint32_t max,", "uint32_t max, uint32_t more,")]),
    ("a parameter less", &[("uint32_t max,", "")]),
    ("what is returned", &[("uint32_t strowger_abi_version(", "int64_t strowger_abi_version(")]),
    ("a field that is wider", &[("  uint32_t timeout_ms;\n", "  uint64_t timeout_ms;\n")]),
    ("a field that is gone", &[("  uint32_t reserved;\n", "")]),
    ("a field that is new", &[("  uint32_t reserved;\n", "  uint32_t reserved, more;\n")]),
    (
        "fields of one type that changed places",
        &[
            ("bool has_body;", "bool other;"),
            ("bool marked;", "bool has_body;"),
            ("bool other;", "bool marked;"),
        ],
    ),
    ("a plugin's field that is wider", &[("  uint16_t abi_major;\n", "  uint64_t abi_major;\n")]),
    ("a plugin's field that is new", &[("  uint16_t abi_major;\n", "  uint16_t abi_major, more;\n")]),
    (
        "a plugin's fields that changed places",
        &[
            ("uint16_t abi_major;", "uint16_t other;"),
            ("uint16_t abi_minor;", "uint16_t abi_major;"),
            ("uint16_t other;", "uint16_t abi_minor;"),
        ],
    ),
];

const ADDED: &str = "void strowger_buf_free(strowger_buf *buf);\nvoid strowger_buf_more(strowger_buf *buf);";

#[test]
fn a_change_is_found() {
    if !has_tools() {
        return;
    }
    for (what, replacements) in CHANGES {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let edit = |text: &str| {
            replacements.iter().fold(text.to_owned(), |text, (before, after)| text.replace(before, after))
        };
        let is_changed = |header: &&str| {
            let text = read(&include().join(header));
            edit(&text) != text
        };
        assert!(
            ["strowger.h", "strowger_channel.h"].iter().any(is_changed),
            "{what}: the headers no longer have `{}`",
            replacements[0].0
        );
        assert!(differences(&library_of_headers(directory.path(), edit)).is_err(), "{what} was not found");
    }
}
