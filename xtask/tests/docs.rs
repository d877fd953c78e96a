//! The site of the C surface is complete, and the commands that the documentation shows exist.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::docs::{DocsError, build};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the workspace")
}

/// Whether a tool can be used here. With `STROWGER_REQUIRE_TOOLS=1` it must.
fn has_tool(name: &str) -> bool {
    let found = Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(
        found || env::var_os("STROWGER_REQUIRE_TOOLS").is_none_or(|value| value != "1"),
        "{name} is not installed, and STROWGER_REQUIRE_TOOLS=1 wants it"
    );
    found
}

/// A copy of what the site is made of, for faults to be planted in.
fn copy(to: &Path) {
    for folder in ["ffi/doc", "ffi/include", "ffi/examples"] {
        fs::create_dir_all(to.join(folder)).expect("a folder");
        for entry in fs::read_dir(root().join(folder)).expect("a folder") {
            let entry = entry.expect("an entry");
            if entry.path().is_file() {
                fs::copy(entry.path(), to.join(folder).join(entry.file_name())).expect("a copy");
            }
        }
    }
}

#[test]
fn the_site_is_complete() {
    if !has_tool("doxygen") {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let index = build(root(), directory.path()).unwrap_or_else(|error| panic!("{error}"));
    let html = index.parent().expect("a folder");
    assert!(fs::read_to_string(&index).expect("a page").contains("Strowger for C and C++"));
    let page =
        |name: &str| fs::read_to_string(html.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let header = page("strowger_8h.html");
    for symbol in fs::read_to_string(root().join("ffi/abi/symbols.txt")).expect("symbols").lines() {
        assert!(header.contains(&format!(">{symbol}")), "{symbol} has no entry");
    }
    assert!(header.contains(">Threads</dt>"), "how threads may call is a paragraph of its own");
    assert!(page("lifecycle.html").contains("outcome"));
    assert!(page("writing_a_plugin.html").contains("strowger_channel_entry_v1"));
    assert!(page("minimal_8c-example.html").contains("strowger_perform"));
}

/// Planted faults: what each function, parameter, result, constant and member must have, missing once.
#[test]
fn what_is_not_documented_is_found() {
    if !has_tool("doxygen") {
        return;
    }
    for (file, fault, instead, named) in [
        ("ffi/include/strowger.h", " * @param body_json ", " * ", "body_json"),
        ("ffi/include/strowger.h", " * @param body_json ", " * @param body ", "body"),
        ("ffi/include/strowger.h", "  /**\n   * Its name.\n   */\n", "", "name"),
        (
            "ffi/include/strowger.h",
            "#ifdef __cplusplus\n} /*",
            "int strowger_new(void);\n#ifdef __cplusplus\n} /*",
            "strowger_new",
        ),
        (
            "ffi/include/strowger_channel.h",
            "  /**\n   * Emits the manifest document. Mandatory.\n   */\n",
            "",
            "manifest",
        ),
        (
            "ffi/include/strowger.hpp",
            "   * @param timeout how long to wait for the first one.\n",
            "",
            "timeout",
        ),
        ("ffi/doc/mainpage.md", "@ref lifecycle", "@ref lifecycles", "lifecycles"),
    ] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        copy(directory.path());
        let path = directory.path().join(file);
        let text = fs::read_to_string(&path).expect("a file");
        assert!(text.contains(fault), "{file} has the place for the fault: {fault}");
        fs::write(&path, text.replacen(fault, instead, 1)).expect("the fault");
        match build(directory.path(), &directory.path().join("site")) {
            Err(DocsError::Incomplete(words)) => assert!(words.contains(named), "{named}: {words}"),
            other => panic!("{file} without {fault:?}: {other:?}"),
        }
    }
}

/// The commands of the shell that a document shows, each on a line; one that is open goes on in the next.
fn commands(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut inside = false;
    let mut found: Vec<String> = Vec::new();
    for line in text.lines() {
        match line.trim() {
            "```sh" | "```{.sh}" => inside = true,
            "```" => inside = false,
            line if inside => match found.last_mut() {
                Some(open) if is_open(open) => {
                    *open = format!("{} {line}", open.trim_end_matches('\\'));
                }
                _ => found.extend(line.split(" && ").map(str::to_owned)),
            },
            _ => {}
        }
    }
    found
}

/// Whether a quotation, a parenthesis or a backslash at the end leads into the next line.
fn is_open(command: &str) -> bool {
    let count = |mark| command.matches(mark).count();
    count('\'') % 2 == 1 || count('(') > count(')') || command.ends_with('\\')
}

/// What is wrong with a command; nothing if programs, packages, examples, files and options exist.
fn problem(command: &str) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let after = |flag: &str| words.iter().position(|word| *word == flag).map(|at| words[at + 1]);
    match words[0] {
        "cargo" => {
            let package = after("-p").or_else(|| words.contains(&"--workspace").then_some("xtask"));
            let Some(package) = package else { return Some("no package".into()) };
            let Some(manifest) = manifest_of(package) else { return Some(format!("no package {package}")) };
            if let Some(example) = after("--example")
                && !manifest.join("examples").join(example).with_extension("rs").is_file()
            {
                return Some(format!("no example {example}"));
            }
            let own = words.iter().position(|word| *word == "--").map_or(&[][..], |at| &words[at + 1..]);
            if package == "xtask" { options(own) } else { None }
        }
        "cc" => {
            let known = [
                "-std=c99",
                "-fPIC",
                "-shared",
                "-fvisibility=hidden",
                "-o",
                "-lstrowger",
                "--cflags",
                "--libs",
            ];
            words
                .iter()
                .find(|word| word.starts_with('-') && !known.contains(word))
                .map(|word| format!("option {word}"))
        }
        program if program.starts_with("target/debug/") => {
            // Built by the command before it; what it reads must be there.
            let files = words[1..].iter().filter(|word| word.contains('/'));
            files.into_iter().find(|file| !root().join(file).exists()).map(|file| format!("no file {file}"))
        }
        // What is asked of the programs that were started: the gateway, and the sandbox by its short name.
        "curl" => {
            let served = ["$S/", "http://127.0.0.1:8080/", "'http://127.0.0.1:8080/"];
            let asks = words.iter().any(|word| served.iter().any(|base| word.starts_with(base)));
            (!asks).then(|| format!("no address that is served: {command}"))
        }
        "S=http://127.0.0.1:8081" => None,
        assigned if assigned.starts_with("body=") => None,
        // The README's own program, which install.rs builds and starts to the letter.
        "./desk" => None,
        installed if installed.starts_with("strowger-") => {
            manifest_of(installed).is_none().then(|| format!("no program {installed}"))
        }
        program => (!root().join(program).is_file()).then(|| format!("no program {program}")),
    }
}

fn manifest_of(package: &str) -> Option<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let found = packages.iter().find(|found| found["name"] == package)?;
    Path::new(found["manifest_path"].as_str()?).parent().map(Path::to_path_buf)
}

/// Holds a chore's options against its help.
fn options(words: &[&str]) -> Option<String> {
    let chore = words.first()?;
    let help =
        Command::new(env!("CARGO_BIN_EXE_xtask")).args([chore, "--help"]).output().expect("xtask runs");
    if !help.status.success() {
        return Some(format!("no chore {chore}"));
    }
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    words
        .iter()
        .find(|word| word.starts_with("--") && !help.contains(*word))
        .map(|word| format!("no option {word}"))
}

#[test]
fn commands_that_are_shown_exist() {
    let mut count = 0;
    for file in ["README.md", "ffi/doc/mainpage.md", "ffi/doc/plugin.md"] {
        for command in commands(&root().join(file)) {
            assert_eq!(problem(&command), None, "{file}: {command}");
            count += 1;
        }
    }
    assert!(count >= 6, "only {count} commands were found");
}

/// Planted faults: a chore, an option, a package, an example, programs, an address and a file that are not there.
#[test]
fn commands_that_do_not_exist_are_found() {
    for broken in [
        "cargo run -p xtask -- instal --prefix /usr",
        "cargo run -p xtask -- install --into /usr",
        "cargo run -p strowger-motor",
        "cargo run -p strowger --example property_sweet",
        "scripts/tests",
        "strowger-motor --listen 127.0.0.1:8081 &",
        "curl $T/_sandbox/posts",
        "target/debug/strowger-gateway replay gateway/demo/seed.jsonl",
    ] {
        assert!(problem(broken).is_some(), "{broken}");
    }
}
