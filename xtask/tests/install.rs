//! What is installed suffices: projects outside the workspace, made from nothing but the installed files,
//! are built with pkg-config and with `CMake`, linked both ways, and publish a message.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use strowger_sandbox::{Options, Sandbox};

/// The warnings that examples must compile without.
const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"];

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

/// Runs the chore, for this prefix and with more arguments; it tells of every file that it writes.
fn install(prefix: &Path, arguments: &[&str], written_to: &Path) {
    let output = succeed(
        Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["install", "--debug", "--prefix"])
            .arg(prefix)
            .args(arguments),
        "install",
    );
    let written = String::from_utf8_lossy(&output.stdout).lines().count();
    assert_eq!(written, files(written_to), "it tells of every file that it writes");
    everything_is_where_it_belongs(written_to);
}

/// As packagers do: into a folder of their own, which then goes elsewhere.
fn install_and_move(directory: &Path) -> PathBuf {
    let destdir = directory.join("destdir");
    let written_to = destdir.join("opt/strowger");
    install(Path::new("/opt/strowger"), &["--destdir", &destdir.display().to_string()], &written_to);
    let prefix = directory.join("moved");
    fs::rename(written_to, &prefix).expect("the installation is moved");
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

/// A stand-in for the platform.
fn sandbox() -> Sandbox {
    Sandbox::start("127.0.0.1:0".parse().expect("an address"), Options::default()).expect("a sandbox")
}

/// A program, which finds the library by the loader's own path if it was linked without one.
fn installed_program(program: &Path, prefix: &Path, needs_path: bool) -> Command {
    let mut command = Command::new(program);
    command.env_remove("LD_LIBRARY_PATH");
    if needs_path {
        command.env("LD_LIBRARY_PATH", prefix.join("lib"));
    }
    command
}

/// Runs the smallest example's program against a stand-in for the platform.
fn publishes(program: &Path, prefix: &Path, needs_path: bool) {
    let sandbox = sandbox();
    let mut command = installed_program(program, prefix, needs_path);
    command.arg(prefix.join("lib/strowger/libstrowger_twitter.so")).arg(format!("http://{}", sandbox.addr()));
    let output = succeed(&mut command, "minimal");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("\"state\":\"Completed\""), "{text}");
    assert_eq!(sandbox.posts().len(), 1, "{text}");
}

/// Runs the example server's program: an agent logs in and out, and the server is asked to end.
fn serves(program: &Path, prefix: &Path, needs_path: bool) {
    let sandbox = sandbox();
    let mut server = installed_program(program, prefix, needs_path)
        .args(["--platform", &format!("http://{}", sandbox.addr()), "--plugin"])
        .arg(prefix.join("lib/strowger/libstrowger_twitter.so"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut lines = BufReader::new(server.stdout.take().expect("its output")).lines();
    let line = lines.next().expect("its first line").expect("a line");
    let address = line.strip_prefix("listening on ").expect("its address");
    let mut desktop = TcpStream::connect(address).expect("a connection");
    desktop.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    desktop.write_all(b"LOGIN anna\nLIST twitter\nQUIT\n").expect("the lines are sent");
    let mut said = String::new();
    desktop.read_to_string(&mut said).expect("answers, and the end");
    let ended = Command::new("kill").args(["-TERM", &server.id().to_string()]).status();
    let status = server.wait().expect("the server ends");
    assert!(ended.is_ok_and(|kill| kill.success()) && status.success(), "{status}");
    let lines: Vec<_> = said.lines().map(str::trim).collect();
    assert_eq!(lines, ["OK", "REPLY []", "OK"]);
}

/// Loads plugin.c's library from one of the C tests, which was compiled against the installed files.
fn plugs_in(plugin: &Path, host: &Path, prefix: &Path) {
    let output = succeed(installed_program(host, prefix, true).arg(plugin), "hook");
    assert!(output.stdout.ends_with(b"ok\n"), "{output:?}");
    let output = succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(plugin), "nm");
    let symbols = String::from_utf8_lossy(&output.stdout).into_owned();
    let names: Vec<_> = symbols.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(names, ["strowger_channel_entry_v1"]);
}

/// Whether the program wants libstrowger.so when it starts.
fn needs_the_library(program: &Path) -> bool {
    let output = succeed(Command::new("readelf").arg("-d").arg(program), "readelf");
    String::from_utf8_lossy(&output.stdout).contains("[libstrowger.so.0]")
}

/// How a prefix is found by pkg-config: what it says, with its own idea of the prefix or with the file's.
fn pkg_config(prefix: &Path, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.args(arguments).arg("strowger").env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    let output = succeed(&mut command, "pkg-config");
    String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect()
}

/// Every example by pkg-config's words, linked both ways.
fn examples_with_pkg_config(prefix: &Path, directory: &Path) {
    let folder = directory.join("pkg-config");
    copy_examples(&folder);
    assert_eq!(pkg_config(prefix, &["--modversion"]), [env!("CARGO_PKG_VERSION")]);
    let dynamic = pkg_config(prefix, &["--cflags", "--libs"]);
    // pkg-config names libraries; that it is the static one of the two is for the linker to be told.
    let mut fixed = pkg_config(prefix, &["--cflags", "--libs", "--static"]);
    let at = fixed.iter().position(|flag| flag == "-lstrowger").expect("-lstrowger");
    fixed.splice(at..=at, ["-Wl,-Bstatic", "-lstrowger", "-Wl,-Bdynamic"].map(str::to_owned));

    let compile = |compiler: &[&str], source: &str, flags: &[String]| -> PathBuf {
        let program = folder.join(source.replace('.', "_"));
        let mut command = Command::new(compiler[0]);
        command.current_dir(&folder).args(&compiler[1..]).args(WARNINGS).arg(source).args(flags);
        succeed(command.arg("-o").arg(&program), source);
        program
    };
    for (flags, is_dynamic) in [(&dynamic, true), (&fixed, false)] {
        let minimal = compile(&["cc", "-std=c99"], "minimal.c", flags);
        let server = compile(&["cc", "-std=c99", "-pthread"], "epoll_server.c", flags);
        let desk = compile(&["c++", "-std=c++17"], "desk.cpp", flags);
        for program in [&minimal, &server, &desk] {
            assert_eq!(needs_the_library(program), is_dynamic, "{}", program.display());
        }
        publishes(&minimal, prefix, is_dynamic);
        serves(&server, prefix, is_dynamic);
        succeed(&mut installed_program(&desk, prefix, is_dynamic), "desk");
    }
    // plugin.c says how; it needs headers and nothing to link.
    let plugin = compile(
        &["cc", "-std=c99", "-fPIC", "-shared", "-fvisibility=hidden"],
        "plugin.c",
        &pkg_config(prefix, &["--cflags"]),
    );
    plugs_in(&plugin, &compile(&["cc", "-std=c99"], "hook.c", &dynamic), prefix);
}

/// The examples' own project, both ways, and each of its targets alone.
fn examples_with_cmake(prefix: &Path, directory: &Path) {
    let folder = directory.join("cmake");
    copy_examples(&folder);
    let mut cc = Command::new("cc");
    cc.current_dir(&folder).args(["hook.c", "-o", "hook"]).args(pkg_config(prefix, &["--cflags", "--libs"]));
    succeed(&mut cc, "hook");
    for (name, option) in
        [("dynamic", "-DSTROWGER_EXAMPLES_STATIC=OFF"), ("static", "-DSTROWGER_EXAMPLES_STATIC=ON")]
    {
        let options = [option, "-DCMAKE_COMPILE_WARNING_AS_ERROR=ON"];
        let build = cmake(prefix, &folder, name, &options, &["minimal", "epoll_server", "desk", "webhook"]);
        for program in ["minimal", "epoll_server", "desk"] {
            assert_eq!(needs_the_library(&build.join(program)), name == "dynamic", "{program}");
        }
        // CMake writes the library's folder into the programs.
        publishes(&build.join("minimal"), prefix, false);
        serves(&build.join("epoll_server"), prefix, false);
        succeed(&mut Command::new(build.join("desk")), "desk");
        plugs_in(&build.join("libwebhook.so"), &folder.join("hook"), prefix);
    }
}

fn copy_examples(folder: &Path) {
    fs::create_dir(folder).expect("a folder");
    for entry in fs::read_dir(root().join("ffi/examples")).expect("the examples") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), folder.join(entry.file_name())).expect("an example");
    }
    // What loads the example plugin is one of the C tests.
    for name in ["hook.c", "check.h"] {
        fs::copy(root().join("ffi/tests/c").join(name), folder.join(name)).expect("a test");
    }
}

/// Configures, and builds these targets one by one. Gives the folder that they are in.
fn cmake(prefix: &Path, source: &Path, build: &str, options: &[&str], targets: &[&str]) -> PathBuf {
    let build = source.join(build);
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(source).arg("-B").arg(&build).args(options);
    succeed(configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())), "cmake");
    for target in targets {
        succeed(Command::new("cmake").arg("--build").arg(&build).args(["--target", target]), "cmake --build");
    }
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
    let prefix = install_and_move(directory.path());
    if has_tool("pkg-config") {
        examples_with_pkg_config(&prefix, directory.path());
        if has_tool("cmake") {
            examples_with_cmake(&prefix, directory.path());
            another_version_is_refused(&prefix, directory.path());
        }
    }
}

/// The README's section on C, to the letter: installed where it says or moved, its program and its project
/// files make a desk, which completes an interaction when it is started as the README starts it.
#[test]
fn the_readme_leads_to_a_program_that_publishes() {
    if !has_tool("pkg-config") || !has_tool("cmake") {
        return;
    }
    let readme = fs::read_to_string(root().join("README.md")).expect("the README");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let plain = directory.path().join("plain");
    install(&plain, &[], &plain);
    let moved = install_and_move(directory.path());
    let section = Section::of(&readme, "## In C\n");
    for (name, prefix, pkg_config) in [
        ("at-plain", &plain, "pkg-config"),
        ("at-moved", &moved, "pkg-config"),
        ("defined", &moved, "pkg-config --define-prefix"),
    ] {
        let project = directory.path().join(name);
        fs::create_dir(&project).expect("a folder");
        fs::write(project.join("desk.c"), section.block("c", "")).expect("the program");
        fs::write(project.join("CMakeLists.txt"), section.block("cmake", "")).expect("the project");
        let shell = |commands: &str, folder: &Path, sandbox: Option<&Sandbox>| {
            let mut commands = commands.replace("pkg-config", pkg_config);
            if let Some(sandbox) = sandbox {
                // The test has a stand-in for the platform of its own, on a free port.
                let started = commands.find("strowger-sandbox").expect("the sandbox is started");
                let end = started + commands[started..].find('\n').expect("a line");
                commands.replace_range(started..=end, "");
                commands = commands.replace("127.0.0.1:8081", &sandbox.addr().to_string());
            }
            let mut bash = Command::new("bash");
            bash.args(["-euo", "pipefail", "-c", &commands]).current_dir(folder);
            bash.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"))
                .env("LD_LIBRARY_PATH", prefix.join("lib"));
            String::from_utf8_lossy(&succeed(&mut bash, name).stdout).into_owned()
        };
        let completes = |folder: &Path| {
            let sandbox = sandbox();
            let printed = shell(&section.block("sh", "./desk"), folder, Some(&sandbox));
            let texts: Vec<_> = sandbox.posts().into_iter().map(|post| post.text).collect();
            assert_eq!(texts, ["Hello from C!"], "{printed}");
            let last = printed.lines().last().unwrap_or_default();
            assert!(last.contains("\"state\":\"Completed\""), "{printed}");
        };
        shell(&section.block("sh", "cc desk.c"), &project, None);
        completes(&project);
        completes(&cmake(prefix, &project, "build", &[], &["desk"]));
    }
}

/// A section of a document, with its blocks of code.
struct Section<'a>(&'a str);

impl<'a> Section<'a> {
    fn of(document: &'a str, heading: &str) -> Self {
        let start = document.find(heading).unwrap_or_else(|| panic!("there is no {heading}"));
        let rest = &document[start + heading.len()..];
        Self(rest.find("\n## ").map_or(rest, |end| &rest[..end]))
    }

    /// The only block in this language that has these words.
    fn block(&self, language: &str, words: &str) -> String {
        let opening = format!("```{language}\n");
        let blocks = self.0.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
        let found: Vec<_> = blocks.filter(|block| block.contains(words)).collect();
        assert_eq!(found.len(), 1, "one block of {language} with `{words}` is expected");
        found[0].to_owned()
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
