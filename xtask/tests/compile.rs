//! The committed header compiles alone, twice and beside another header that defines `strowger_str`, in
//! every language mode that is promised, without a warning.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"];

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask has a parent").join("ffi/include")
}

/// The compiler's words if it did not like the file.
fn compile(compiler: &str, mode: &str, file: &Path) -> Result<(), String> {
    let output = Command::new(compiler)
        .arg(format!("-std={mode}"))
        .args(WARNINGS)
        .args(["-fsyntax-only", "-I"])
        .arg(include())
        .arg(file)
        .output()
        .map_err(|error| format!("{compiler}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{compiler} -std={mode}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Whether a compiler can be used here. With `STROWGER_REQUIRE_TOOLS=1` it must.
fn is_there(compiler: &str) -> bool {
    let found = Command::new(compiler).arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(
        found || std::env::var_os("STROWGER_REQUIRE_TOOLS").is_none_or(|value| value != "1"),
        "{compiler} is not installed, and STROWGER_REQUIRE_TOOLS=1 wants it"
    );
    found
}

/// Compilers and the spelling of the newest C, which differs between them.
fn compilers() -> Vec<(&'static str, &'static str, [&'static str; 4])> {
    [
        ("gcc", "g++", ["c99", "c11", "c17", "c2x"]),
        ("clang", "clang++", ["c99", "c11", "c17", "c2x"]),
        ("clang-22", "clang++-22", ["c99", "c11", "c17", "c23"]),
    ]
    .into_iter()
    .filter(|(c, cpp, _)| is_there(c) && is_there(cpp))
    .collect()
}

const USE: &str = r#"
#include <strowger_channel.h>
#include <strowger_channel.h>
static int32_t check(strowger_channel *channel, strowger_str name, strowger_str account, strowger_str text,
                     strowger_str extras, strowger_sink *refusal) {
  (void)channel; (void)name; (void)account; (void)extras; (void)refusal;
  return text.len > STROWGER_STR("limit").len ? STROWGER_CHANNEL_REFUSED : STROWGER_CHANNEL_DONE;
}
static const strowger_channel_plugin plugin = {
  STROWGER_CHANNEL_MAGIC, sizeof(strowger_channel_plugin), STROWGER_CHANNEL_ABI_MAJOR,
  STROWGER_CHANNEL_ABI_MINOR, STROWGER_CHANNEL_FEATURE_HTTP | STROWGER_CHANNEL_FEATURE_FILES,
  STROWGER_STR_INIT("a"), STROWGER_STR_INIT("1"), STROWGER_STR_INIT("here"),
  NULL, NULL, NULL, check, NULL, NULL, NULL, NULL
};
const strowger_channel_plugin *strowger_channel_entry_v1(void) { return &plugin; }
"#;

#[test]
fn the_header_compiles_in_every_promised_mode() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let found = compilers();
    assert!(!found.is_empty(), "no C and C++ compiler found: install gcc and g++");
    // Stands for the engine's header: defines the shared type by the same text.
    fs::write(
        directory.path().join("other.h"),
        format!("#include <stddef.h>\n{}", xtask::headers::SHARED_STR),
    )
    .expect("other.h");
    let texts = [
        ("alone", "#include <strowger_channel.h>\nextern int unit;\n".to_owned()),
        ("used", USE.to_owned()),
        ("before", format!("#include \"other.h\"\n{USE}")),
        ("after", format!("{USE}\n#include \"other.h\"\n")),
    ];
    for (c, cpp, c_modes) in found {
        for (name, text) in &texts {
            let file = directory.path().join(format!("{name}.c"));
            fs::write(&file, text).expect("the C file");
            for mode in c_modes {
                compile(c, mode, &file).unwrap();
            }
            let file = directory.path().join(format!("{name}.cpp"));
            fs::write(&file, text).expect("the C++ file");
            for mode in ["c++11", "c++14", "c++17", "c++20"] {
                compile(cpp, mode, &file).unwrap();
            }
        }
    }
}

/// Planted fault: without the shared guard the two definitions clash, and the test above would say so.
#[test]
fn a_second_definition_without_the_guard_is_an_error() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("clash.c");
    fs::write(
        &file,
        "#include <stddef.h>\ntypedef struct strowger_str { const char *ptr; size_t len; } strowger_str;\n\
         #include <strowger_channel.h>\n",
    )
    .expect("the C file");
    compile("gcc", "c99", &file).unwrap_err();
}
