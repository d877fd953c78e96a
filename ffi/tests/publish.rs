//! What a C program's plugins may use, as its configuration says: a file in which tokens are kept that platforms give
//! out anew, and a directory of files that messages name. The platform is the sandbox, which refuses a token that was
//! used.
//!
//! Planted faults that were seen to fail: a kept token that is not handed to the plugin when it is loaded again; a
//! default that looks for the file elsewhere than beside the store; an attachments directory that is not passed on.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use strowger_sandbox::Sandbox;
use support::instrument::Instrument;
use support::{Linking, c_test, compile, library, plugin, succeed};

const FIRST: &str = "s3cret-first-refresh-token";
const ANEW: &str = "s3cret-refresh-token-given-anew";

/// A PNG's first bytes are enough for the sandbox.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n0000";

struct Desk {
    sandbox: Sandbox,
    directory: tempfile::TempDir,
    program: PathBuf,
    plugin: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let options = strowger_sandbox::Options {
            duplicate_window: Duration::ZERO,
            x_accounts: [FIRST, ANEW].map(|token| (token.to_owned(), "1258948171".to_owned())).into(),
            ..Default::default()
        };
        let sandbox = Sandbox::start("127.0.0.1:0".parse().expect("an address"), options).expect("a sandbox");
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::write(directory.path().join("menu"), PICTURE).expect("a picture");
        let program = compile(&c_test("publish.c"), library(), Linking::Dynamic, directory.path());
        let plugin = plugin(directory.path());
        Self { sandbox, directory, program, plugin }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn stored(&self, plugins: &str) -> String {
        format!(
            r#"{{"store":{{"kind":"sqlite","path":"{}"}},"plugins":{{{plugins}}}}}"#,
            self.at("desk.db").display()
        )
    }

    fn attachments(&self) -> String {
        format!(r#""attachments_dir":"{}""#, self.directory.path().display())
    }

    /// What the program says, with an account that has this token.
    fn run(&self, engine: &str, token: &str, text: &str) -> String {
        let config = format!(
            r#"{{"name":"channel-twitter","base_url":"http://{}","accounts":[{{"name":"brand","user_id":"1258948171",
                "settle_ms":0,"auth":{{"kind":"oauth2","client_id":"app","client_secret":"s3cret-of-the-client",
                "refresh_token":"{token}"}}}}]}}"#,
            self.sandbox.addr()
        );
        let mut command = Instrument::chosen().command(&self.program);
        command.arg(engine).arg(&self.plugin).args([&config, text]);
        let output = succeed(&mut command, "publish");
        let said = String::from_utf8(output.stdout).expect("text");
        assert!(said.ends_with("ok\n"), "{said}");
        for stream in [said.as_bytes(), &output.stderr] {
            assert!(!String::from_utf8_lossy(stream).contains("s3cret"), "a secret is told: {said}");
        }
        said
    }

    fn refreshes(&self) -> usize {
        self.sandbox.requests().iter().filter(|request| request.path == "/2/oauth2/token").count()
    }

    fn has_published(&self, count: usize) {
        assert_eq!((self.sandbox.posts().len(), self.sandbox.media().len()), (count, count));
        assert_eq!(self.refreshes(), count, "each process begins with a token of its own");
    }
}

fn assert_is_private(file: &Path) {
    let mode = fs::metadata(file).expect("it was kept").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_c_program_publishes_pictures_with_tokens_that_outlast_it() {
    let desk = Desk::new();
    let engine = desk.stored(&desk.attachments());
    for round in 1..=3 {
        desk.run(&engine, FIRST, &format!("Round {round}"));
        desk.has_published(round);
    }
    assert_is_private(&desk.at("desk.db-secrets"));
    // Whoever lets the account in anew wants that used.
    for round in 4..=5 {
        desk.run(&engine, ANEW, &format!("Round {round}"));
        desk.has_published(round);
    }
}

#[test]
fn the_file_of_secrets_may_stand_elsewhere_and_belongs_to_one_engine() {
    let desk = Desk::new();
    let own = desk.at("own-secrets");
    let in_memory = format!(r#"{{"plugins":{{{},"secrets_file":"{}"}}}}"#, desk.attachments(), own.display());
    for round in 1..=2 {
        desk.run(&in_memory, FIRST, &format!("Round {round}"));
        desk.has_published(round);
    }
    assert_is_private(&own);

    fs::set_permissions(&own, fs::Permissions::from_mode(0o640)).expect("its own file");
    let said = desk.run(&in_memory, FIRST, "Refused");
    assert!(said.contains("`secrets_file`") && said.contains("mode 640"), "{said}");
    desk.has_published(2);
}

#[test]
fn what_a_plugin_lacks_is_said() {
    let desk = Desk::new();
    let said = desk.run("{}", FIRST, "Refused");
    assert!(said.contains("no store for secrets"), "{said}");
    let said = desk.run(r#"{"plugins":{"secrets_file":"/nowhere/secrets"}}"#, FIRST, "Refused");
    assert!(said.contains("`secrets_file`: `/nowhere/secrets` is in a folder that does not exist"), "{said}");
    let said = desk.run(&desk.stored(r#""fetch":{"own_servers":["/"]}"#), FIRST, "Refused");
    assert!(said.contains("`fetch`"), "{said}");
    let said = desk.run(&desk.stored(r#""attachments_dir":"files""#), FIRST, "Refused");
    assert!(said.contains("`attachments_dir`: `files` is not an absolute path"), "{said}");
    desk.has_published(0);
}

/// An engine that loads no plugin leaves the place of the file alone.
#[test]
fn without_a_plugin_there_is_no_file_of_secrets() {
    let desk = Desk::new();
    let mut command = Instrument::chosen().command(&desk.program);
    succeed(command.arg(desk.stored("")), "publish");
    let lock = desk.at("desk.db-secrets-lock");
    assert!(desk.at("desk.db").exists() && !lock.exists());
    desk.run(&desk.stored(&desk.attachments()), FIRST, "Hello");
    assert!(lock.exists());
}
