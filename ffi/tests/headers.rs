//! Each header compiles alone, twice and together with the others, in every promised mode.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{WARNINGS, include};

/// A C and a C++ compiler, and the spelling of the newest C, which differs between them.
const COMPILERS: [(&str, &str, &str); 3] =
    [("gcc", "g++", "c2x"), ("clang", "clang++", "c2x"), ("clang-22", "clang++-22", "c23")];

const USE: &str = "
int use(void);
int use(void) {
  strowger_host host;
  const strowger_str text = STROWGER_STR(\"text\");
  static const strowger_str initialised = STROWGER_STR_INIT(\"text\");
  host.struct_size = (uint32_t)sizeof host;
  return text.len == initialised.len ? STROWGER_OK : STROWGER_ERR_NULL - (int)host.struct_size;
}
";

fn compile(compiler: &str, mode: &str, file: &Path) -> Result<(), String> {
    let output = Command::new(compiler)
        .arg(format!("-std={mode}"))
        .args(WARNINGS)
        .args(["-fsyntax-only", "-I"])
        .arg(include())
        .arg(file)
        .output()
        .map_err(|error| format!("{compiler}: {error}"))?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{compiler} -std={mode}: {words}")) }
}

fn is_there(compiler: &str) -> bool {
    Command::new(compiler).arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn headers_compile_in_every_promised_mode() {
    assert!(support::has_tool("gcc") && support::has_tool("g++"), "gcc and g++ are needed");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (engine, channel) = ("#include <strowger.h>\n", "#include <strowger_channel.h>\n");
    let texts = [
        ("alone", format!("{engine}{USE}")),
        ("twice", format!("{engine}{engine}{USE}")),
        ("before", format!("{engine}{channel}{USE}")),
        ("after", format!("{channel}{engine}{channel}{USE}")),
    ];
    for (c, cpp, newest_c) in COMPILERS.into_iter().filter(|(c, cpp, _)| is_there(c) && is_there(cpp)) {
        for (name, text) in &texts {
            let (in_c, in_cpp) =
                (directory.path().join(format!("{name}.c")), directory.path().join(format!("{name}.cpp")));
            fs::write(&in_c, text).expect("the C file");
            fs::write(&in_cpp, text).expect("the C++ file");
            for mode in ["c99", "c11", "c17", newest_c] {
                compile(c, mode, &in_c).unwrap();
            }
            for mode in ["c++11", "c++14", "c++17", "c++20"] {
                compile(cpp, mode, &in_cpp).unwrap();
            }
        }
        let file = directory.path().join("layer.cpp");
        fs::write(&file, "#include <strowger.hpp>\n#include <strowger.hpp>\n").expect("the C++ file");
        for mode in ["c++17", "c++20"] {
            compile(cpp, mode, &file).unwrap();
        }
    }
}

/// Planted fault: a comment that opens another one is a warning, and so an error.
#[test]
fn a_warning_in_a_header_is_found() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("warning.c");
    fs::write(&file, "/* /v2/me/* */\nextern int unit;\n").expect("the C file");
    compile("gcc", "c99", &file).unwrap_err();
}
