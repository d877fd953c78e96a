//! Panics stop at the boundary. The library is built once more, with an entry that plants panics; it must
//! not be found in the library that users get.

mod support;

use std::path::Path;
use std::process::Command;

use support::instrument::Instrument;
use support::{Toolchain, library, linkings, planted_library, runs, succeed};

#[test]
fn a_panic_is_a_status_and_poisons_what_it_left_behind() {
    for &linking in linkings() {
        runs::planted_panics(&Toolchain::ours(), linking);
    }
}

/// What gives a library away in which panics can be planted.
fn traces(library: &Path) -> Vec<String> {
    let output = succeed(Command::new("nm").arg(library), "nm");
    let symbols = String::from_utf8_lossy(&output.stdout).into_owned();
    let bytes = std::fs::read(library).expect("the library");
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let symbols =
        ["strowger_test_panic_at", "9failpoint4hook"].into_iter().filter(|name| symbols.contains(name));
    symbols.chain(["planted "].into_iter().filter(|text| holds(text))).map(str::to_owned).collect()
}

#[test]
fn nothing_of_it_is_in_what_users_get() {
    if Instrument::chosen() != Instrument::Plain {
        return;
    }
    assert_eq!(traces(&library().join("libstrowger.so")), [""; 0]);
    // Planted fault: the library with that entry has all the traces.
    assert_eq!(traces(&planted_library().join("libstrowger.so")).len(), 3);
}
