//! Starts the built program, and asks it as clients do.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_strowger-gateway");

/// Builds the plugins (a test of this package alone would not) and gives the folder they are in.
pub(crate) fn plugins() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(PROGRAM).parent().expect("a program is in a folder").to_path_buf();
        let mut build = Command::new(env!("CARGO"));
        build.args([
            "build",
            "--quiet",
            "-p",
            "strowger-twitter-plugin",
            "-p",
            "strowger-facebook-plugin",
            "-p",
            "strowger-oneall-plugin",
        ]);
        if folder.file_name().is_some_and(|name| name == "release") {
            build.arg("--release");
        }
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
        assert!(built.success(), "the plugins could not be built");
        folder
    })
}

/// The hash of a password, as the program makes it.
pub(crate) fn hash(password: &str) -> String {
    let mut child = Command::new(PROGRAM)
        .arg("hash-password")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    writeln!(child.stdin.take().expect("a pipe"), "{password}").expect("the password is read");
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// A configuration with agents a1, a2 and a3 (without features), passwords the same, in memory, with the
/// plugins of the demonstration. `more` comes first; it may hold whole tables.
pub(crate) fn configuration(listeners: &str, more: &str) -> TempDir {
    static HASHES: OnceLock<Vec<String>> = OnceLock::new();
    let hashes = HASHES.get_or_init(|| ["a1", "a2", "a3"].iter().map(|name| hash(name)).collect());
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = format!("{listeners}\n{more}\n[log]\nlevel = \"warn\"\n");
    for (number, hash) in hashes.iter().enumerate() {
        let features = if number == 2 { "features = []" } else { "" };
        let id = number + 1;
        writeln!(text, "[[agent]]\nid = \"a{id}\"\npassword_hash = \"{hash}\"\n{features}").expect("text");
    }
    for channel in ["twitter", "facebook"] {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo").join(format!("{channel}.json"));
        let config = std::fs::read_to_string(demo).expect("the demonstration's configuration");
        // Nobody listens there: what is sent stays under way.
        let config = config.replace("{sandbox}", "http://127.0.0.1:9");
        std::fs::write(folder.path().join(format!("{channel}.json")), config).expect("written");
        let plugin = plugins().join(format!("libstrowger_{channel}.so"));
        let plugin = plugin.display();
        writeln!(text, "[[channel]]\nplugin = \"{plugin}\"\nconfig_file = \"{channel}.json\"").expect("text");
    }
    std::fs::write(folder.path().join("gateway.toml"), text).expect("written");
    folder
}

pub(crate) const LISTENERS: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\n\n\
    [[listener]]\naddress = \"127.0.0.1:0\"\nserves = \"operator\"\n";

/// The program at work. Killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    /// Without the last slash.
    pub(crate) url: String,
    pub(crate) ready_line: String,
    _folder: Option<TempDir>,
}

impl Program {
    pub(crate) fn demo() -> Self {
        Self::demo_with(&[])
    }

    pub(crate) fn demo_with(arguments: &[&str]) -> Self {
        plugins();
        let mut command = Command::new(PROGRAM);
        command.args(["demo", "--sandbox", "127.0.0.1:0"]).args(arguments);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        Self::start(command, None)
    }

    /// Serves a configuration.
    pub(crate) fn serve(folder: TempDir) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--config"]).arg(folder.path().join("gateway.toml"));
        Self::start(command, Some(folder))
    }

    /// Serves a configuration that somebody else keeps.
    pub(crate) fn serve_in(folder: &Path) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--config"]).arg(folder.join("gateway.toml"));
        Self::start(command, None)
    }

    /// The same, with its log in a file.
    pub(crate) fn serve_logging(folder: &Path, log: std::fs::File) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--config"]).arg(folder.join("gateway.toml")).stderr(log);
        Self::start(command, None)
    }

    fn start(mut command: Command, folder: Option<TempDir>) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let url = line
            .split([' ', ',', ';', '\n'])
            .find(|word| word.starts_with("http"))
            .unwrap_or_else(|| panic!("the ready line names an address: {line:?}"));
        let url = url.trim_end_matches('/').to_owned();
        Self { child, url, ready_line: line, _folder: folder }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `127.0.0.1:port`.
    pub(crate) fn address(&self) -> &str {
        self.url.split_once("://").expect("an address").1
    }

    /// The operator's listener.
    pub(crate) fn operator_url(&self) -> String {
        let (_, rest) = self.ready_line.split_once("operator: ").expect("an operator's listener");
        rest.trim().trim_end_matches('/').to_owned()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid =
            i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    /// Waits for its end; the exit status, or nothing if it does not end in time.
    pub(crate) fn wait(&mut self, patience: Duration) -> Option<i32> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return Some(status.code().unwrap_or(-1));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// Bytes of memory that it has.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
    }

    pub(crate) fn get(&self, caller: &Caller, path: &str) -> Answer {
        self.ask(caller, "GET", path, None)
    }

    pub(crate) fn post(&self, caller: &Caller, path: &str, body: &Value) -> Answer {
        self.ask(caller, "POST", path, Some(&body.to_string()))
    }

    pub(crate) fn ask(&self, caller: &Caller, method: &str, path: &str, body: Option<&str>) -> Answer {
        ask(&format!("{}{path}", self.url), caller, method, body)
    }

    /// Logs in, and keeps the cookie and the token.
    pub(crate) fn log_in(&self, agent: &str) -> Caller {
        let answer = self.get(&Caller::basic(agent, agent), "/api/v2/me");
        assert_eq!(answer.status, 200, "{agent}: {}", answer.text);
        let cookie = answer.header("set-cookie").expect("a cookie");
        Caller {
            basic: None,
            cookie: Some(cookie.split(';').next().expect("a cookie").to_owned()),
            csrf: answer.header("x-csrf-token"),
            content_type: "application/json",
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Who asks, and how.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) basic: Option<(String, String)>,
    pub(crate) cookie: Option<String>,
    pub(crate) csrf: Option<String>,
    pub(crate) content_type: &'static str,
}

impl Caller {
    pub(crate) fn nobody() -> Self {
        Self { basic: None, cookie: None, csrf: None, content_type: "application/json" }
    }

    pub(crate) fn basic(name: &str, password: &str) -> Self {
        Self { basic: Some((name.into(), password.into())), ..Self::nobody() }
    }

    /// The value of `Authorization`.
    pub(crate) fn authorization(&self) -> Option<String> {
        self.basic
            .as_ref()
            .map(|(name, password)| format!("Basic {}", base64(format!("{name}:{password}").as_bytes())))
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            text.push(if place <= chunk.len() { char::from(DIGITS[digit as usize]) } else { '=' });
        }
    }
    text
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.clone())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The `statusCode`, -1 where there is none.
    pub(crate) fn code(&self) -> i64 {
        serde_json::from_str::<Value>(&self.text)
            .ok()
            .and_then(|json| json["statusCode"].as_i64())
            .unwrap_or(-1)
    }
}

/// Makes a request over a connection of its own.
pub(crate) fn ask(url: &str, caller: &Caller, method: &str, body: Option<&str>) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    if let Some(authorization) = caller.authorization() {
        request = request.header("authorization", authorization);
    }
    if let Some(cookie) = &caller.cookie {
        request = request.header("cookie", cookie);
    }
    if let Some(token) = &caller.csrf {
        request = request.header("x-csrf-token", token);
    }
    let mut response = match body {
        Some(body) => {
            let request = request.header("content-type", caller.content_type);
            agent.run(request.body(body.to_owned()).expect("a request")).expect("an answer")
        }
        None => agent.run(request.body(()).expect("a request")).expect("an answer"),
    };
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    let status = response.status().as_u16();
    let mut text = String::new();
    response.body_mut().as_reader().read_to_string(&mut text).expect("a body");
    Answer { status, headers, text }
}

pub(crate) fn create() -> Value {
    json!({ "operationName": "Create" })
}

/// A tool that a test needs: without it the test fails where tools are required, and says so elsewhere.
pub(crate) fn has_tool(name: &str, works: bool) -> bool {
    let is_required = std::env::var_os("STROWGER_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(works || !is_required, "{name} is required and not there");
    if !works {
        eprintln!("not tried: {name} is not there");
    }
    works
}
