//! A crate outside the workspace, as somebody else would write it: it depends on the published crates by
//! path, runs the host example, and runs the public property suite on its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use strowger_sandbox::{Options, Sandbox};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the workspace")
}

fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(folder);
    // The workspace's own settings must not leak into a stranger's build.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            command.env_remove(&name);
        }
    }
    command
}

/// Writes the crate; its two programs are the examples, to the letter.
fn consumer(folder: &Path) {
    let root = root().display();
    let manifest = format!(
        r#"[package]
name = "consumer"
version = "0.0.0"
edition = "2024"

[dependencies]
strowger = {{ path = "{root}/engine", features = ["proptest"] }}
strowger-loader = {{ path = "{root}/channels/loader" }}
serde_json = "1"
proptest = "1"
proptest-state-machine = "0.9"

[workspace]
"#
    );
    fs::create_dir_all(folder.join("src/bin")).expect("a folder");
    fs::write(folder.join("Cargo.toml"), manifest).expect("a manifest");
    for (example, program) in
        [("channels/loader/examples/host.rs", "host.rs"), ("engine/examples/property_suite.rs", "suite.rs")]
    {
        let text = fs::read_to_string(self::root().join(example)).expect("the example is there");
        fs::write(folder.join("src/bin").join(program), text).expect("a program");
    }
    // The same versions as here: the test is about the interfaces, not about today's registry.
    fs::copy(self::root().join("Cargo.lock"), folder.join("Cargo.lock")).expect("a lock file");
}

fn succeeded(output: &Output, what: &str) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}\n{out}\n{err}");
    out.into_owned()
}

#[test]
fn a_strangers_crate_hosts_the_engine_and_runs_the_property_suite() {
    let built = cargo(root()).args(["build", "--quiet", "-p", "strowger-twitter-plugin"]).output();
    succeeded(&built.expect("cargo runs"), "the plugin is built");
    let plugin = root().join("target/debug/libstrowger_twitter.so");
    let plugin = std::env::var_os("CARGO_TARGET_DIR")
        .map_or(plugin, |target| PathBuf::from(target).join("debug/libstrowger_twitter.so"));

    let folder = tempfile::tempdir().expect("a folder");
    consumer(folder.path());
    // Kept between runs, so that only the first one builds everything.
    let target = root().join("target/consumer");
    let built = cargo(folder.path()).args(["build", "--quiet"]).env("CARGO_TARGET_DIR", &target).output();
    succeeded(&built.expect("cargo runs"), "the consumer is built");

    let sandbox = Sandbox::start("127.0.0.1:0".parse().expect("an address"), Options::default());
    let sandbox = sandbox.expect("the sandbox starts");
    let host = Command::new(target.join("debug/host"))
        .arg(&plugin)
        .arg(format!("http://{}", sandbox.addr()))
        .output()
        .expect("the host starts");
    let printed = succeeded(&host, "the host");
    assert!(printed.contains("\"state\":\"Completed\""), "{printed}");
    let texts: Vec<_> = sandbox.posts().into_iter().map(|post| post.text).collect();
    assert_eq!(texts, ["Hello from Rust!"]);

    let suite = Command::new(target.join("debug/suite")).args(["--cases", "32"]).output();
    let printed = succeeded(&suite.expect("the suite starts"), "the suite");
    assert!(printed.contains("32"), "it says how many cases it ran: {printed}");
}
