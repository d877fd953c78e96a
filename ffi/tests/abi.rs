//! What programs were built against: numbers, symbols, the library's name. And what the crate promises
//! about itself: where it is unsafe, and that panics unwind.

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{committed_symbols, include, library, own, read, succeed};

/// Numbers are for ever: a line here is never changed, only added.
const STATUSES: [(&str, i32); 28] = [
    ("STROWGER_OK", 0),
    ("STROWGER_DONE", 1),
    ("STROWGER_ERR_NULL", -1),
    ("STROWGER_ERR_UTF8", -2),
    ("STROWGER_ERR_TOO_LONG", -3),
    ("STROWGER_ERR_DOCUMENT", -4),
    ("STROWGER_ERR_CONFIG", -5),
    ("STROWGER_ERR_UNKNOWN_CHANNEL", -6),
    ("STROWGER_ERR_CONFLICT", -7),
    ("STROWGER_ERR_STORE", -8),
    ("STROWGER_ERR_CHANNEL", -9),
    ("STROWGER_ERR_LOAD", -10),
    ("STROWGER_ERR_MANIFEST", -11),
    ("STROWGER_ERR_CHANNEL_TAKEN", -12),
    ("STROWGER_ERR_HOST", -13),
    ("STROWGER_ERR_REENTRANT", -14),
    ("STROWGER_ERR_PANIC", -15),
    ("STROWGER_ERR_POISONED", -16),
    ("STROWGER_ERR_MISSING", -101),
    ("STROWGER_ERR_INVALID", -102),
    ("STROWGER_ERR_FORBIDDEN", -103),
    ("STROWGER_ERR_INTERNAL", -104),
    ("STROWGER_ERR_NO_PERMISSION", -105),
    ("STROWGER_ERR_NOT_FOUND", -106),
    ("STROWGER_ERR_OUT_OF_RANGE", -110),
    ("STROWGER_ERR_READ_ONLY", -111),
    ("STROWGER_ERR_ALREADY_EXISTS", -118),
    ("STROWGER_ERR_NOT_AUTHENTICATED", -120),
];

const OTHERS: [(&str, i32); 7] = [
    ("STROWGER_ABI_VERSION", 1),
    ("STROWGER_HTTP_NOT_SENT", -1),
    ("STROWGER_HTTP_BROKEN", -2),
    ("STROWGER_LOG_ERROR", 1),
    ("STROWGER_LOG_WARN", 2),
    ("STROWGER_LOG_INFO", 3),
    ("STROWGER_LOG_DEBUG", 4),
];

#[test]
fn the_headers_numbers_are_frozen() {
    let header = read(&include().join("strowger.h"));
    let found: BTreeMap<_, _> = header
        .lines()
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(" = "))
        .filter(|(name, _)| name.starts_with("STROWGER_"))
        .map(|(name, value)| (name, value.parse::<i32>().expect("a number")))
        .collect();
    let frozen: BTreeMap<_, _> = STATUSES.into_iter().chain(OTHERS).collect();
    assert_eq!(found, frozen, "a number was changed, or a new one is not in this table");
}

/// The library knows every status by its name, and says that it doesn't know any other.
#[test]
fn statuses_have_their_names() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut program = "#include \"check.h\"\nint main(void) {\n".to_owned();
    let rows = STATUSES.iter().map(|&(name, number)| (name, number, name));
    for (value, number, name) in rows.chain([("2", 2, "STROWGER_ERR_?"), ("-999", -999, "STROWGER_ERR_?")]) {
        let length = name.len();
        // Writing to a string can't fail.
        let _ = writeln!(
            program,
            "  CHECK({value} == ({number}) && strowger_status_name({value}).len == {length} &&\n        \
             memcmp(strowger_status_name({value}).ptr, \"{name}\", {length}) == 0);"
        );
    }
    program += "  return 0;\n}\n";
    let source = directory.path().join("names.c");
    fs::write(&source, program.replace("\"STROWGER_ERR_?\"", "\"STROWGER_ERR_\" \"?\""))
        .expect("the program");
    fs::copy(support::c_test("check.h"), directory.path().join("check.h")).expect("check.h");
    let program = support::compile(&source, library(), support::Linking::Dynamic, directory.path());
    succeed(&mut Command::new(program), "names");
}

/// What a shared library exports, sorted.
fn exported(library: &Path) -> Vec<String> {
    let output = succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(library), "nm");
    let mut symbols: Vec<_> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .map(str::to_owned)
        .collect();
    symbols.sort();
    symbols
}

/// A library of functions that do nothing.
fn library_with(symbols: &[&str], directory: &Path) -> PathBuf {
    let source = directory.join("planted.c");
    let bodies = symbols.iter().map(|symbol| format!("void {symbol}(void);\nvoid {symbol}(void) {{}}\n"));
    fs::write(&source, bodies.collect::<String>()).expect("a source");
    let library = directory.join("planted.so");
    succeed(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source), "cc");
    library
}

/// Planted faults: a function more, one of another name, and one that is missing.
#[test]
fn only_the_committed_symbols_are_exported() {
    let committed = committed_symbols();
    assert!(committed.iter().all(|symbol| symbol.starts_with("strowger_")), "{committed:?}");
    let found = exported(&library().join("libstrowger.so"));
    assert_eq!(found, committed, "correct ffi/abi/symbols.txt if this is what you want");

    let directory = tempfile::tempdir().expect("a temporary directory");
    let symbols: Vec<_> = committed.iter().map(String::as_str).collect();
    assert_eq!(exported(&library_with(&symbols, directory.path())), committed);
    for changed in [[&symbols[..], &["strowger_more"]].concat(), [&symbols[..], &["helper"]].concat()] {
        assert_ne!(exported(&library_with(&changed, directory.path())), committed);
    }
    assert_ne!(exported(&library_with(&symbols[1..], directory.path())), committed);
}

/// A plugin that exported more would clash with another one, or with the program.
#[test]
fn plugins_export_one_function() {
    const ENTRY: [&str; 1] = ["strowger_channel_entry_v1"];
    for name in ["twitter", "facebook", "oneall"] {
        let built = support::build(&["-p", &format!("strowger-{name}-plugin")]);
        assert_eq!(exported(&built.join(format!("libstrowger_{name}.so"))), ENTRY, "{name}");
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    assert_eq!(exported(&support::Toolchain::ours().compile_plugin(directory.path())), ENTRY);
    assert_ne!(exported(&library_with(&[ENTRY[0], "helper"], directory.path())), ENTRY, "a planted fault");
}

#[test]
fn the_soname_is_the_abis_major() {
    let so = library().join("libstrowger.so");
    let output = succeed(Command::new("readelf").arg("-d").arg(so), "readelf");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("Library soname: [libstrowger.so.0]"), "{text}");
}

/// The functions that the table of NULLs and bad strings has no row for.
fn without_row(table: &str) -> Vec<String> {
    let is_missing =
        |symbol: &String| !table.contains(&format!(" {symbol}(")) && !table.contains(&format!("({symbol}("));
    committed_symbols().into_iter().filter(is_missing).collect()
}

/// Every function that is exported stands in the table of NULLs and bad strings. That each of its parameters
/// is tried is held by `bad_arguments.rs`.
#[test]
fn the_table_of_bad_arguments_is_complete() {
    let table = read(&support::c_test("nulls.c"));
    assert_eq!(without_row(&table), [""; 0], "missing in tests/c/nulls.c");
    // Planted fault: rows that are gone.
    for symbol in committed_symbols() {
        let rows = table.lines().filter(|line| !line.contains(&format!("{symbol}(")));
        let rows = rows.collect::<Vec<_>>().join("\n");
        assert!(without_row(&rows).contains(&symbol), "{symbol} is not missed");
    }
}

/// Lines of a source that are unsafe for what they do.
fn unsafe_lines(source: &str) -> Vec<String> {
    source
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
        .filter(|line| {
            let does =
                ["unsafe {", "unsafe{", "unsafe impl", "unsafe trait", ".as_ref_unchecked", "transmute"];
            does.iter().any(|part| line.contains(part))
                || (line.contains("unsafe fn") && !line.contains("extern \"C\""))
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn only_one_file_is_unsafe() {
    let mut files = 0;
    for entry in fs::read_dir(own().join("src")).expect("src") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(path.is_file(), "{name}: this test looks at files only");
        files += 1;
        if name != "raw.rs" {
            let found = unsafe_lines(&read(&path));
            assert!(found.is_empty(), "{name}: belongs in raw.rs: {found:?}");
        }
    }
    assert!(files > 10, "the sources were not found");
    // Planted faults, and what is allowed.
    assert_eq!(unsafe_lines("let x = unsafe { *pointer };\n// unsafe {\n").len(), 1);
    assert_eq!(unsafe_lines("unsafe fn f() {}\npub unsafe extern \"C\" fn g() {}\n").len(), 1);
    assert!(!unsafe_lines(&read(&own().join("src/raw.rs"))).is_empty());
}

/// In raw.rs each unsafe block says who guarantees what. The lint wants a comment; this wants its content.
#[test]
fn every_unsafe_block_says_who_guarantees() {
    let source = read(&own().join("src/raw.rs"));
    let lines: Vec<_> = source.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        if line.trim_start().starts_with("// SAFETY:") {
            let comment: Vec<_> =
                lines[at..].iter().take_while(|line| line.trim_start().starts_with("//")).copied().collect();
            let comment = comment.join(" ");
            assert!(
                comment.contains("guarantee") || comment.contains("as above") || comment.contains("as for"),
                "line {}: {comment}",
                at + 1
            );
        }
    }
}

#[test]
fn aborting_panics_don_t_compile() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = Command::new("rustc")
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "-C", "panic=abort"])
        .arg("--out-dir")
        .arg(directory.path())
        .arg(own().join("src/lib.rs"))
        .output()
        .expect("rustc runs");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && words.contains("build it with panic = \"unwind\""), "{words}");
}
