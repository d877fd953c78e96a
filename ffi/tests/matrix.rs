//! Every promised language mode of every compiler: the headers alone, twice and together, the C++ layer, and
//! every C test and example are read without a warning; and what each compiler makes of them, in one of its
//! modes, is compiled without a warning and runs. Static linking is the same for all: programs.rs tries it.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{LINKINGS, Linking, Toolchain, c_test, has_tool, own, runs};

/// A C and a C++ compiler, the languages that C is compiled as, whose newest is spelt in two ways, and the
/// two in which their programs are run.
struct Compiler {
    c: &'static str,
    cpp: &'static str,
    c_modes: [&'static str; 4],
    run_as: (&'static str, &'static str),
}

const COMPILERS: [Compiler; 3] = [
    Compiler { c: "gcc", cpp: "g++", c_modes: ["c99", "c11", "c17", "c2x"], run_as: ("c2x", "c++20") },
    Compiler { c: "clang", cpp: "clang++", c_modes: ["c99", "c11", "c17", "c2x"], run_as: ("c11", "c++17") },
    Compiler {
        c: "clang-22",
        cpp: "clang++-22",
        c_modes: ["c99", "c11", "c17", "c23"],
        run_as: ("c23", "c++20"),
    },
];
const CPP_MODES: [&str; 4] = ["c++11", "c++14", "c++17", "c++20"];
/// The C++ layer is for these, and so is desk.cpp.
const LAYER_MODES: [&str; 2] = ["c++17", "c++20"];

impl Compiler {
    fn is_there(&self) -> bool {
        has_tool(self.c) && has_tool(self.cpp)
    }

    fn tools(&self, c_mode: &'static str, cpp_mode: &'static str) -> Toolchain {
        // What is built with -fPIC and what is not warn alike; a plugin needs it.
        Toolchain { c: self.c, cpp: self.cpp, c_mode, cpp_mode, flags: &["-fPIC"] }
    }

    fn in_every_c(&self, file: &Path) -> Result<(), String> {
        self.c_modes.into_iter().try_for_each(|mode| self.tools(mode, "c++17").check(file))
    }

    fn in_every_cpp(&self, file: &Path, modes: &[&'static str]) -> Result<(), String> {
        modes.iter().try_for_each(|mode| self.tools("c99", mode).check(file))
    }
}

/// What a program does with a header, in C and in C++.
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

fn written(directory: &Path, name: &str, text: &str) -> PathBuf {
    let file = directory.join(name);
    fs::write(&file, text).expect("a source");
    file
}

#[test]
fn headers_compile_in_every_promised_mode() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (engine, channel) = ("#include <strowger.h>\n", "#include <strowger_channel.h>\n");
    let texts = [
        ("alone", format!("{engine}{USE}")),
        ("twice", format!("{engine}{engine}{USE}")),
        ("before", format!("{engine}{channel}{USE}")),
        ("after", format!("{channel}{engine}{channel}{USE}")),
    ];
    let layer = "#include <strowger.hpp>\n#include <strowger.hpp>\n";
    for compiler in COMPILERS.iter().filter(|compiler| compiler.is_there()) {
        for (name, text) in &texts {
            let file = written(directory.path(), &format!("{name}.c"), text);
            compiler.in_every_c(&file).unwrap();
            let file = written(directory.path(), &format!("{name}.cpp"), text);
            compiler.in_every_cpp(&file, &CPP_MODES).unwrap();
        }
        let file = written(directory.path(), "layer.cpp", layer);
        compiler.in_every_cpp(&file, &LAYER_MODES).unwrap();
        // Planted faults: a warning in C, in C++, and the layer where it can't work.
        let warning = "/* /v2/me/* */\nextern int unit;\n";
        compiler.in_every_c(&written(directory.path(), "warning.c", warning)).unwrap_err();
        compiler.in_every_cpp(&written(directory.path(), "warning.cpp", warning), &CPP_MODES).unwrap_err();
        compiler.in_every_cpp(&file, &["c++14"]).unwrap_err();
    }
}

/// The sources in a folder of this package.
fn sources(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(own().join(folder)).expect("a folder");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "c" || extension == "cpp"));
    files.sort();
    assert!(!files.is_empty(), "{folder} has no sources");
    files
}

#[test]
fn programs_compile_in_every_promised_mode() {
    for compiler in COMPILERS.iter().filter(|compiler| compiler.is_there()) {
        for file in [sources("tests/c"), sources("tests/planted"), sources("examples")].concat() {
            if file.extension().is_some_and(|extension| extension == "cpp") {
                compiler.in_every_cpp(&file, &LAYER_MODES).unwrap();
            } else {
                compiler.in_every_c(&file).unwrap();
            }
        }
    }
}

#[test]
fn programs_run_whatever_has_compiled_them() {
    for compiler in COMPILERS.iter().filter(|compiler| compiler.is_there()) {
        let (c_mode, cpp_mode) = compiler.run_as;
        let tools = compiler.tools(c_mode, cpp_mode);
        runs::tests_alone(&tools, Linking::Dynamic);
        runs::tests_with_plugins(&tools, Linking::Dynamic);
        runs::planted_panics(&tools, Linking::Dynamic);
        runs::examples(&tools, Linking::Dynamic);
    }
}

/// A C test that is written and not run would be worth nothing.
#[test]
fn every_c_test_is_run() {
    let with_others = [runs::WITH_EXAMPLE, runs::WITH_PLANTED_PANICS];
    let run =
        [&runs::ALONE[..], &runs::WITH_TWITTER[..], &runs::WITH_PANICKING[..], &with_others[..]].concat();
    // Those that are no tests by themselves: what they do with what they are given is.
    let others =
        ["fragments/main.rs", "publish.rs"].map(|file| support::read(&own().join("tests").join(file)));
    let elsewhere = |name: &str| others.iter().any(|text| text.contains(&format!("c_test(\"{name}\")")));
    for file in sources("tests/c") {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(run.contains(&&*name) || elsewhere(&name), "{name} is run by nobody: see support/runs.rs");
    }
    assert!(run.iter().all(|name| c_test(name).is_file()), "{run:?}");
}

/// The two ways to link are two: one of the programs wants the library when it starts.
#[test]
fn linking_is_what_it_is_called() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for linking in LINKINGS {
        let program = support::compile(&c_test("nulls.c"), support::library(), linking, directory.path());
        let output =
            support::succeed(std::process::Command::new("readelf").arg("-d").arg(program), "readelf");
        let wants = String::from_utf8_lossy(&output.stdout).contains("[libstrowger.so.0]");
        assert_eq!(wants, linking == Linking::Dynamic, "{linking:?}");
    }
}
