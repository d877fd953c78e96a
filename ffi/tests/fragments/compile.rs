//! Compiles fragments: whole programs as they stand, others with what stands around them in a program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::extract::Fragment;
use crate::support::{include, own};

/// Warnings that every fragment must compile without. That a fragment does not use what it shows is none.
const OPTIONS: [&str; 7] = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Werror",
    "-Wno-unused-parameter",
    "-Wno-unused-variable",
    "-Wno-unused-but-set-variable",
];

/// Whether it is a program of its own.
pub(crate) fn is_program(fragment: &Fragment) -> bool {
    fragment.text.contains("int main(")
}

/// Compiles a fragment of C or C++ by that compiler; gives its words if it did not like it.
pub(crate) fn compile(fragment: &Fragment, compiler: &str, directory: &Path) -> Result<(), String> {
    let is_cpp = fragment.language == "cpp";
    let source = write(fragment, directory);
    let output = Command::new(compiler)
        .args([
            if is_cpp { "-std=c++17" } else { "-std=c99" },
            "-D_POSIX_C_SOURCE=200809L",
            "-O1",
            "-c",
            "-o",
            "/dev/null",
            "-I",
        ])
        .arg(include())
        .args(OPTIONS)
        .arg(&source)
        .output()
        .map_err(|error| format!("{compiler}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{} by {compiler}:\n{}\n{words}", fragment.place, fragment.text))
}

/// The fragment as a source file.
pub(crate) fn write(fragment: &Fragment, directory: &Path) -> PathBuf {
    let extension = if fragment.language == "cpp" { "cpp" } else { "c" };
    let path = directory.join("fragment").with_extension(extension);
    fs::write(&path, around(fragment)).expect("the source file");
    path
}

fn around(fragment: &Fragment) -> String {
    if is_program(fragment) {
        return fragment.text.clone();
    }
    if fragment.language == "cpp" {
        let prelude = "#include <iostream>\n#include <string>\n#include <strowger.hpp>\nvoid fragment();\n";
        return format!("{prelude}void fragment() {{\n{}}}\n", fragment.text);
    }
    let prelude = fs::read_to_string(own().join("tests/c/fragment.h")).expect("fragment.h");
    if defines(&fragment.text) {
        return format!("{prelude}\n{}", fragment.text);
    }
    let (includes, statements): (Vec<_>, Vec<_>) =
        fragment.text.lines().partition(|line| line.starts_with("#include"));
    format!(
        "{}\n{prelude}\nint fragment(FRAGMENT_PARAMETERS) {{\n{{\n{}\n}}\nreturn 0;\n}}\n",
        includes.join("\n"),
        statements.join("\n")
    )
}

/// Whether it defines something, as a file does, and is not made of statements.
fn defines(text: &str) -> bool {
    let begins = ["static ", "struct strowger_", "int32_t ", "void "];
    text.lines().any(|line| begins.iter().any(|begin| line.starts_with(begin)))
}
