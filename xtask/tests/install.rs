//! What is installed suffices: projects outside the workspace, made from nothing but the installed files,
//! are built with pkg-config and with `CMake`, linked both ways, and publish a message.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use strowger_sandbox::{Options, Sandbox};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the workspace")
}

fn succeed(command: &mut Command, what: &str) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{what}: {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{what}: {command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
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

/// Runs the chore as packagers do: into a folder of their own, which then goes elsewhere.
fn install(directory: &Path) -> PathBuf {
    let destdir = directory.join("destdir");
    let output = succeed(
        Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["install", "--debug", "--prefix", "/opt/strowger", "--destdir"])
            .arg(&destdir),
        "install",
    );
    let prefix = directory.join("moved");
    fs::rename(destdir.join("opt/strowger"), &prefix).expect("the installation is moved");
    let written = String::from_utf8_lossy(&output.stdout).lines().count();
    assert_eq!(written, files(&prefix), "it tells of every file that it writes");
    prefix
}

/// Files and links below a folder, in number.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| if entry.file_type().expect("a type").is_dir() { files(&entry.path()) } else { 1 })
        .sum()
}

fn everything_is_where_it_belongs(prefix: &Path) {
    for file in [
        "include/strowger.h",
        "include/strowger_channel.h",
        "include/strowger.hpp",
        "lib/libstrowger.a",
        "lib/pkgconfig/strowger.pc",
        "lib/cmake/Strowger/StrowgerConfig.cmake",
        "lib/cmake/Strowger/StrowgerConfigVersion.cmake",
        "lib/strowger/libstrowger_twitter.so",
        "lib/strowger/libstrowger_facebook.so",
        "lib/strowger/libstrowger_oneall.so",
        "bin/strowger-gateway",
        "bin/strowger-sandbox",
    ] {
        assert!(prefix.join(file).is_file(), "{file} is not installed");
    }
    let link = |name: &str| fs::read_link(prefix.join("lib").join(name)).expect("a link");
    assert_eq!(link("libstrowger.so"), Path::new("libstrowger.so.0"));
    let version = concat!("libstrowger.so.", env!("CARGO_PKG_VERSION"));
    assert_eq!(link("libstrowger.so.0"), Path::new(version));
    assert!(prefix.join("lib").join(version).is_file());
    // What was filled in has no path of this machine, and no place that was forgotten.
    for file in ["lib/pkgconfig/strowger.pc", "lib/cmake/Strowger/StrowgerConfig.cmake"] {
        let text = fs::read_to_string(prefix.join(file)).expect("a text");
        assert!(!text.contains('@') && !text.contains("/opt/"), "{file}: {text}");
    }
}

/// Runs minimal.c's program against a stand-in for the platform.
fn publishes(program: &Path, prefix: &Path, needs_path: bool) {
    let sandbox =
        Sandbox::start("127.0.0.1:0".parse().expect("an address"), Options::default()).expect("a sandbox");
    let mut command = Command::new(program);
    command.arg(prefix.join("lib/strowger/libstrowger_twitter.so")).arg(format!("http://{}", sandbox.addr()));
    command.env_remove("LD_LIBRARY_PATH");
    if needs_path {
        command.env("LD_LIBRARY_PATH", prefix.join("lib"));
    }
    let output = succeed(&mut command, "minimal");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("\"state\":\"Completed\""), "{text}");
    assert_eq!(sandbox.posts().len(), 1, "{text}");
}

/// Whether the program wants libstrowger.so when it starts.
fn needs_the_library(program: &Path) -> bool {
    let output = succeed(Command::new("readelf").arg("-d").arg(program), "readelf");
    String::from_utf8_lossy(&output.stdout).contains("[libstrowger.so.0]")
}

fn with_pkg_config(prefix: &Path, project: &Path) {
    let pkg_config = |arguments: &[&str]| -> Vec<String> {
        let output = succeed(
            Command::new("pkg-config")
                .args(arguments)
                .arg("strowger")
                .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")),
            "pkg-config",
        );
        String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(pkg_config(&["--modversion"]), [env!("CARGO_PKG_VERSION")]);
    let dynamic = pkg_config(&["--cflags", "--libs"]);
    // pkg-config names libraries; that it is the static one of the two is for the linker to be told.
    let mut fixed = pkg_config(&["--cflags", "--libs", "--static"]);
    let at = fixed.iter().position(|flag| flag == "-lstrowger").expect("-lstrowger");
    fixed.splice(at..=at, ["-Wl,-Bstatic", "-lstrowger", "-Wl,-Bdynamic"].map(str::to_owned));
    for (name, flags, is_dynamic) in [("dynamic", dynamic, true), ("static", fixed, false)] {
        let program = project.join(format!("minimal-{name}"));
        let mut cc = Command::new("cc");
        cc.current_dir(project).args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "minimal.c"]);
        succeed(cc.args(flags).arg("-o").arg(&program), "cc");
        assert_eq!(needs_the_library(&program), is_dynamic);
        publishes(&program, prefix, is_dynamic);
    }
}

/// `CMake`, with a project file, as the README has it: a program and the package.
fn with_cmake(prefix: &Path, project: &Path) {
    fs::write(
        project.join("CMakeLists.txt"),
        "cmake_minimum_required(VERSION 3.16)\nproject(desk LANGUAGES C)\nfind_package(Strowger 0.1 REQUIRED)\n\
         add_executable(minimal minimal.c)\ntarget_link_libraries(minimal PRIVATE Strowger::strowger)\n\
         add_executable(minimal_static minimal.c)\n\
         target_link_libraries(minimal_static PRIVATE Strowger::strowger_static)\n\
         if(NOT EXISTS \"${Strowger_PLUGIN_DIR}/libstrowger_twitter.so\")\n\
         message(FATAL_ERROR \"no plugins in ${Strowger_PLUGIN_DIR}\")\nendif()\n",
    )
    .expect("CMakeLists.txt");
    let build = cmake(prefix, project, "build", &[]);
    for (program, is_dynamic) in [("minimal", true), ("minimal_static", false)] {
        let program = build.join(program);
        assert_eq!(needs_the_library(&program), is_dynamic);
        // CMake writes the library's folder into the program.
        publishes(&program, prefix, false);
    }
}

/// The examples' own project, both ways.
fn examples_with_cmake(prefix: &Path, directory: &Path) {
    let examples = root().join("ffi/examples");
    let copy = directory.join("examples");
    fs::create_dir(&copy).expect("a folder");
    let names = ["CMakeLists.txt", "minimal.c", "epoll_server.c", "desk.cpp"];
    for name in names {
        fs::copy(examples.join(name), copy.join(name)).expect("an example");
    }
    for (name, option) in
        [("dynamic", "-DSTROWGER_EXAMPLES_STATIC=OFF"), ("static", "-DSTROWGER_EXAMPLES_STATIC=ON")]
    {
        let build = cmake(prefix, &copy, name, &[option, "-DCMAKE_COMPILE_WARNING_AS_ERROR=ON"]);
        publishes(&build.join("minimal"), prefix, false);
        succeed(&mut Command::new(build.join("desk")), "desk");
        succeed(Command::new(build.join("epoll_server")).arg("--help"), "epoll_server");
    }
}

fn cmake(prefix: &Path, source: &Path, build: &str, options: &[&str]) -> PathBuf {
    let build = source.join(build);
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(source).arg("-B").arg(&build).args(options);
    succeed(configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())), "cmake");
    succeed(Command::new("cmake").arg("--build").arg(&build), "cmake --build");
    build
}

/// Before 1.0 another minor version is another interface.
fn another_version_is_refused(prefix: &Path, directory: &Path) {
    let project = directory.join("future");
    fs::create_dir(&project).expect("a folder");
    for (wanted, is_found) in [("0.1", true), ("0.2", false), ("0.0.1", false), ("1.0", false)] {
        fs::write(
            project.join("CMakeLists.txt"),
            format!(
                "cmake_minimum_required(VERSION 3.16)\nproject(future LANGUAGES NONE)\n\
                 find_package(Strowger {wanted} REQUIRED)\n"
            ),
        )
        .expect("CMakeLists.txt");
        let output = Command::new("cmake")
            .current_dir(&project)
            .args(["-S", ".", "-B", wanted])
            .arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()))
            .output()
            .expect("cmake runs");
        assert_eq!(
            output.status.success(),
            is_found,
            "{wanted}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn the_installed_files_suffice() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let prefix = install(directory.path());
    everything_is_where_it_belongs(&prefix);
    let project = directory.path().join("project");
    fs::create_dir(&project).expect("a folder");
    fs::copy(root().join("ffi/examples/minimal.c"), project.join("minimal.c")).expect("the program");
    if has_tool("pkg-config") {
        with_pkg_config(&prefix, &project);
    }
    if has_tool("cmake") {
        with_cmake(&prefix, &project);
        examples_with_cmake(&prefix, directory.path());
        another_version_is_refused(&prefix, directory.path());
    }
}

#[test]
fn a_relative_prefix_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["install", "--debug", "--prefix", "somewhere"])
        .output()
        .expect("xtask runs");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && words.contains("must be an absolute path"), "{words}");
}
