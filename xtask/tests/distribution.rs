//! What distributors get from `cargo cinstall` has the names that `xtask install` gives: the metadata in
//! ffi/Cargo.toml, read by the rules of cargo-c 0.10, against a real installation.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the workspace")
}

/// The package, as cargo describes it.
fn package() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages").clone();
    packages.into_iter().find(|package| package["name"] == "strowger-ffi").expect("the C library")
}

/// What an installation consists of, as far as both ways make it.
#[derive(Debug, PartialEq, Eq)]
struct Names {
    headers: BTreeSet<String>,
    /// The library's file and its links, each with what it ends up at.
    libraries: BTreeSet<(String, String)>,
    soname: String,
    /// The file for pkg-config with its name, description and version.
    pkg_config: [String; 4],
}

/// What cargo-c makes of a package: its documentation's defaults and rules, as of 0.10.24.
fn by_cargo_c(package: &Value) -> Names {
    let capi = &package["metadata"]["capi"];
    let text = |value: &Value, otherwise: &str| value.as_str().unwrap_or(otherwise).to_owned();
    assert!(package["features"].get("capi").is_some(), "cargo-c takes packages with a feature `capi` alone");
    let targets = package["targets"].as_array().expect("targets");
    let library = targets
        .iter()
        .find(|target| target["crate_types"].as_array().is_some_and(|types| types.contains(&json!("cdylib"))))
        .expect("a library");
    let own_name = text(&library["name"], "");
    let version = text(&package["version"], "");
    let numbers: Vec<&str> = version.split('.').collect();

    let name = text(&capi["library"]["name"], &own_name);
    let suffix = match capi["library"]["version_suffix_components"].as_u64() {
        Some(1) => numbers[0].to_owned(),
        Some(2) => numbers[..2].join("."),
        Some(3) => version.clone(),
        Some(other) => panic!("version_suffix_components is 1, 2 or 3, not {other}"),
        // By semantic versioning: up to the first number that is not zero.
        None => numbers[..=numbers.iter().position(|number| *number != "0").unwrap_or(2)].join("."),
    };
    let (plain, soname) = (format!("lib{name}.so"), format!("lib{name}.so.{suffix}"));
    let full = format!("{plain}.{version}");
    let libraries = [&plain, &soname, &full].map(|link| (link.clone(), full.clone())).into();

    let subdirectory = match &capi["header"]["subdirectory"] {
        Value::Bool(false) => String::new(),
        Value::String(name) => format!("{name}/"),
        _ => format!("{own_name}/"),
    };
    let mut headers = BTreeSet::new();
    if capi["header"]["generation"].as_bool().unwrap_or(true) {
        headers.insert(format!("{subdirectory}{}.h", text(&capi["header"]["name"], &own_name)));
    }
    for asset in capi["install"]["include"]["asset"].as_array().into_iter().flatten() {
        let from = root().join("ffi").join(text(&asset["from"], ""));
        // What is not there is left out without a word.
        assert!(from.is_file(), "{}", from.display());
        let file = from.file_name().expect("a name").to_string_lossy().into_owned();
        headers.insert(format!("{subdirectory}{}{file}", text(&asset["to"], "")));
    }
    let pc = &capi["pkg_config"];
    let pkg_config = [
        format!("{}.pc", text(&pc["filename"], &own_name)),
        text(&pc["name"], &own_name),
        text(&pc["description"], package["description"].as_str().unwrap_or_default()),
        text(&pc["version"], &version),
    ];
    Names { headers, libraries, soname, pkg_config }
}

/// What is installed below a prefix.
fn installed(prefix: &Path) -> Names {
    let names = |folder: &str, wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
        let entries = fs::read_dir(prefix.join(folder)).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        names.filter(|name| wanted(name)).collect()
    };
    let lib = prefix.join("lib");
    let end = |name: &str| fs::canonicalize(lib.join(name)).expect("a file at the link's end");
    let libraries: BTreeSet<_> = names("lib", &|name| name.contains(".so"))
        .into_iter()
        .map(|name| {
            let end = end(&name).file_name().expect("a name").to_string_lossy().into_owned();
            (name, end)
        })
        .collect();
    let file = names("lib/pkgconfig", &|_| true).pop().expect("a file for pkg-config");
    let text = fs::read_to_string(lib.join("pkgconfig").join(&file)).expect("a text");
    let says = |field: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
        line.trim_start_matches(':').trim().to_owned()
    };
    Names {
        headers: names("include", &|_| true).into_iter().collect(),
        libraries,
        soname: soname(&end("libstrowger.so")),
        pkg_config: [file.clone(), says("Name"), says("Description"), says("Version")],
    }
}

fn soname(library: &Path) -> String {
    let output = Command::new("readelf").arg("-d").arg(library).output().expect("readelf runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.contains("(SONAME)")).expect("a SONAME").to_owned();
    line.split(['[', ']']).nth(1).expect("a name in brackets").to_owned()
}

fn install(directory: &Path) -> PathBuf {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["install", "--debug", "--prefix"])
        .arg(directory)
        .output()
        .expect("xtask runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    directory.to_path_buf()
}

#[test]
fn cargo_c_installs_what_xtask_installs() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    assert_eq!(by_cargo_c(&package()), installed(&install(directory.path())));
}

/// Planted faults: without each of these settings cargo-c would install something else.
#[test]
fn every_setting_is_needed() {
    let package = package();
    let right = by_cargo_c(&package);
    for (table, setting) in [
        ("library", "version_suffix_components"),
        ("header", "subdirectory"),
        ("pkg_config", "name"),
        ("install", "include"),
    ] {
        let mut package = package.clone();
        let removed = package["metadata"]["capi"][table].as_object_mut().expect("a table").remove(setting);
        assert!(removed.is_some(), "{table}.{setting} is set");
        assert_ne!(by_cargo_c(&package), right, "{table}.{setting}");
    }
}
