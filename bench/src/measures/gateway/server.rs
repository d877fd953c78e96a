//! The built gateway at work, and a session of an agent.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::load::Connection;
use crate::built;

const PROGRAM: &str = "strowger-gateway";
const COLLECTION: &str = "/api/v2/me/tweets";
const CREATE: &str = r#"{"operationName":"Create"}"#;
/// `a1:a1`.
const CREDENTIALS: &str = "YTE6YTE=";

/// The gateway as its users start it, with interactions in memory. Killed when it is dropped.
pub(super) struct Server {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Server {
    pub(super) fn start() -> Result<Self, Box<dyn Error>> {
        let built = built::packages(&[PROGRAM, "strowger-twitter-plugin"])?;
        let program = built.join(PROGRAM);
        let folder = tempfile::tempdir()?;
        let plugin = built::installed(&built.join("libstrowger_twitter.so"), folder.path())?;
        let file = folder.path().join("gateway.toml");
        std::fs::write(&file, configuration(&plugin, &hash(&program, "a1")?))?;
        let mut child =
            Command::new(&program).args(["serve", "--config"]).arg(&file).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("a pipe")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://")?.trim_end_matches([',', ';', '/']).parse().ok());
        let Some(address) = address else {
            child.kill()?;
            child.wait()?;
            return Err(format!("the gateway says no address: {line:?}").into());
        };
        Ok(Self { child, address, _folder: folder })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(plugin: &Path, hash: &str) -> String {
    // Nobody listens there: nothing is sent.
    let channel = r#"{ name = "channel-twitter", base_url = "http://127.0.0.1:9",
        accounts = [ { name = "vitaliy_onv", user_id = "1258948171", auth = { kind = "bearer", token = "t0ken-of-nobody" } } ] }"#;
    let channel = channel.lines().map(str::trim).collect::<String>();
    format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n\n[log]\nlevel = \"warn\"\n\n\
         [[agent]]\nid = \"a1\"\npassword_hash = \"{hash}\"\n\n\
         [[channel]]\nplugin = \"{}\"\nconfig = {channel}\n",
        plugin.display()
    )
}

/// The hash of a password, as the program makes it.
fn hash(program: &Path, password: &str) -> Result<String, Box<dyn Error>> {
    let mut child = Command::new(program)
        .arg("hash-password")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    writeln!(child.stdin.take().ok_or("a pipe")?, "{password}")?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err("the gateway makes no hash of a password".into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// An agent who is logged in.
pub(super) struct Session {
    address: SocketAddr,
    cookie: String,
    token: String,
}

impl Session {
    pub(super) fn open(address: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let mut connection = Connection::open(address)?;
        let answer = connection.ask(
            format!("GET /api/v2/me HTTP/1.1\r\nhost: bench\r\nauthorization: Basic {CREDENTIALS}\r\n\r\n")
                .as_bytes(),
        )?;
        let header =
            |name: &str| answer.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let cookie =
            header("set-cookie").and_then(|cookie| cookie.split(';').next()).ok_or("a cookie is due")?;
        let token = header("x-csrf-token").ok_or("a token is due")?;
        Ok(Self { address, cookie: cookie.into(), token: token.into() })
    }

    /// Makes so many drafts, and gives their paths.
    pub(super) fn drafts(&self, count: u32) -> Result<Vec<String>, Box<dyn Error>> {
        let mut connection = Connection::open(self.address)?;
        for _ in 0..count {
            connection.ask(&self.post(COLLECTION, CREATE))?;
        }
        let listed: Value = serde_json::from_str(connection.ask(&self.get(COLLECTION))?.body)?;
        let uris = listed["uris"].as_array().ok_or("a list is due")?;
        let ids = uris.iter().filter_map(|uri| uri.as_str()?.rsplit('/').next());
        let drafts: Vec<_> = ids.map(|id| format!("{COLLECTION}/{id}")).collect();
        if drafts.len() == count as usize { Ok(drafts) } else { Err("not every draft is listed".into()) }
    }

    /// A request to read.
    pub(super) fn get(&self, path: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\nhost: bench\r\ncookie: {}\r\n\r\n", self.cookie).into_bytes()
    }

    /// A request to do something.
    pub(super) fn post(&self, path: &str, body: &str) -> Vec<u8> {
        let mut request = format!("POST {path} HTTP/1.1\r\nhost: bench\r\ncookie: {}\r\n", self.cookie);
        // Writing to a string does not fail.
        let _ = write!(
            request,
            "x-csrf-token: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        request.into_bytes()
    }
}
