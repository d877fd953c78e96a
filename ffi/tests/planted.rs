//! Planted faults, one program for each, which the instrument must find: so it is linked, it looks into the
//! library as well, and what it says of the other programs can be believed. Without an instrument none of
//! them is noticed.

mod support;

use support::instrument::Instrument;
use support::{Toolchain, library, linkings, own};

/// The program, what the instrument says of it, and whether it must say that of Rust code.
const PLAIN: [(&str, &str, bool); 0] = [];
const ADDRESS: [(&str, &str, bool); 3] = [
    ("overflow.c", "heap-buffer-overflow", true),
    ("leak.c", "LeakSanitizer: detected memory leaks", false),
    ("shift.c", "runtime error: shift exponent", false),
];
const THREAD: [(&str, &str, bool); 2] =
    [("race.c", "ThreadSanitizer: data race", false), ("borrowed.c", "ThreadSanitizer: data race", true)];
const VALGRIND: [(&str, &str, bool); 3] = [
    ("overflow.c", "Invalid read of size 1", true),
    ("leak.c", "are definitely lost", false),
    ("inside.c", "are possibly lost", false),
];

#[test]
fn planted_faults_are_found() {
    let instrument = Instrument::chosen();
    let faults: &[(&str, &str, bool)] = match instrument {
        Instrument::Plain => &PLAIN,
        Instrument::Address => &ADDRESS,
        Instrument::Thread => &THREAD,
        Instrument::Valgrind => &VALGRIND,
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, words, is_in_rust) in faults {
        for &linking in linkings() {
            let source = own().join("tests/planted").join(name);
            let program = Toolchain::ours().compile(&source, library(), linking, directory.path());
            let output = instrument.command(&program).output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success(), "{instrument:?} does not find {name}, {linking:?}: {said}");
            assert!(
                said.contains(words),
                "{instrument:?} takes {name}, {linking:?}, for something else: {said}"
            );
            let reader = accesses(&said).any(is_reader);
            assert!(!is_in_rust || reader, "{name}, {linking:?}: not seen in Rust code: {said}");
        }
    }
}

/// The lines of a report that say where an access is: the first of each stack, or the one behind
/// `ThreadSanitizer`'s own copying, which stands first when instrumented code copies.
fn accesses(report: &str) -> impl Iterator<Item = &str> {
    let mut lines = report.lines();
    std::iter::from_fn(move || {
        let line = lines.find(|line| line.contains("#0 ") || line.contains("   at 0x"))?;
        if line.contains(" __tsan_mem") { lines.next() } else { Some(line) }
    })
}

/// Whether this is Rust code that reads what was planted: the checks for ASCII and for UTF-8, or `serde_json`. They
/// are seen by a sanitizer only where they were instrumented, as generic or inlined code is with the library.
fn is_reader(line: &str) -> bool {
    ["is_ascii", "run_utf8_validation", "serde_json", "/library/core/src/"]
        .iter()
        .any(|reader| line.contains(reader))
}

/// The leak, that nobody sees: what finds it above is the instrument.
#[test]
fn without_an_instrument_nothing_is_found() {
    if Instrument::chosen() != Instrument::Plain {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    for name in ["leak.c", "inside.c", "race.c"] {
        let source = own().join("tests/planted").join(name);
        let program =
            Toolchain::ours().compile(&source, library(), support::Linking::Dynamic, directory.path());
        support::succeed(&mut Instrument::Plain.command(&program), name);
    }
}
