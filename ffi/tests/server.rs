//! The example server, with desktops that talk to it over TCP and a stand-in for the platform.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use strowger_sandbox::{Options, Sandbox};
use support::{Linking, compile, library, own, plugin, read, succeed};

const PATIENCE: Duration = Duration::from_secs(60);

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(program: &Path, plugin: &Path, platform: &str) -> Self {
        let mut process = Command::new(program)
            .args(["--platform", platform, "--plugin"])
            .arg(plugin)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("its first line");
        let address = line.trim().strip_prefix("listening on ").expect("its address").to_owned();
        Self { process, address }
    }

    fn login(&self, name: &str) -> Desktop {
        let stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut desktop =
            Desktop { lines: BufReader::new(stream.try_clone().expect("a second handle")), stream };
        desktop.send(&format!("LOGIN {name}"));
        assert_eq!(desktop.line().trim(), "OK");
        desktop
    }

    /// The memory that the process has in use, in KiB.
    fn resident(&self) -> u64 {
        let status = read(Path::new(&format!("/proc/{}/status", self.process.id())));
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Asks the server to end, and gives its exit code.
    fn terminate(mut self) -> Option<i32> {
        succeed(Command::new("kill").args(["-TERM", &self.process.id().to_string()]), "kill");
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait().expect("a child") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server did not end");
    }
}

impl Drop for Server {
    /// After a failed test nothing stays behind. After a good one there is nothing left to kill.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Desktop {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Desktop {
    fn send(&mut self, line: &str) {
        self.stream.write_all(format!("{line}\n").as_bytes()).expect("the line is sent");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line in time");
        assert!(line.ends_with('\n'), "the server hung up: {line:?}");
        line
    }

    /// Reads until the answer comes; notes may come before it.
    fn answer(&mut self) -> String {
        loop {
            let line = self.line();
            if !line.starts_with("NOTE ") {
                return line;
            }
        }
    }

    fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.answer()
    }

    fn perform(&mut self, id: &str, body: &str) {
        let answer = self.ask(&format!("PERFORM twitter {id} {body}"));
        assert!(answer.starts_with("REPLY {\"statusCode\":0,"), "{body}: {answer}");
    }

    /// Reads until a note says that an interaction has come to this state.
    fn sees(&mut self, state: &str) -> String {
        loop {
            let line = self.line();
            if line.starts_with("NOTE ") && line.contains(&format!("\"state\":\"{state}\"")) {
                return line;
            }
        }
    }

    /// The id of the agent's only interaction.
    fn only_id(&mut self) -> String {
        let list = self.ask("LIST twitter");
        let (_, rest) = list.split_once("\"id\":\"").unwrap_or_else(|| panic!("no interaction: {list}"));
        rest.split('"').next().expect("an id").to_owned()
    }
}

#[test]
fn agents_work_together_over_tcp() {
    let sandbox =
        Sandbox::start("127.0.0.1:0".parse().expect("an address"), Options::default()).expect("a sandbox");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = own().join("examples/epoll_server.c");
    let program = compile(&source, library(), Linking::Dynamic, directory.path());
    let platform = format!("http://{}", sandbox.addr());
    let server = Server::start(&program, &plugin(directory.path()), &platform);

    // What is no request is said, and costs nobody the connection.
    let mut anna = server.login("anna");
    assert!(anna.ask("LIST letters").starts_with("ERROR "));
    assert!(anna.ask("DANCE twitter").starts_with("ERROR expected"));
    assert!(anna.ask("LOGIN somebody").starts_with("ERROR you are logged in already"));

    // One writes, and passes it on; the other one sends.
    let mut ben = server.login("ben");
    anna.perform("-", r#"{"operationName":"Create"}"#);
    let id = anna.only_id();
    anna.perform(
        &id,
        r#"{"operationName":"Save","twitter":{"from":"vitaliy_onv","message":"Good morning"}}"#,
    );
    anna.perform(&id, r#"{"operationName":"Transfer","targetPath":"/users/ben"}"#);
    ben.sees("Invited");
    assert_eq!(anna.ask("LIST twitter").trim(), "REPLY []");
    assert_eq!(ben.only_id(), id);
    ben.perform(&id, r#"{"operationName":"Accept"}"#);
    ben.perform(&id, r#"{"operationName":"Send","queuePath":"/queues/outbound"}"#);
    assert!(ben.sees("Completed").contains(&id));
    let texts: Vec<_> = sandbox.posts().into_iter().map(|post| post.text).collect();
    assert_eq!(texts, ["Good morning"]);

    slow_reader(&server, &mut anna);

    assert_eq!(ben.ask("QUIT").trim(), "OK");
    assert_eq!(server.terminate(), Some(0), "SIGTERM ends it cleanly");
}

/// A desktop that asks for much and reads nothing holds up nobody, costs a bounded amount of memory, and
/// gets everything once it reads.
fn slow_reader(server: &Server, other: &mut Desktop) {
    const ASKED: usize = 3_000;
    let mut slow = server.login("slow");
    for _ in 0..40 {
        slow.perform("-", r#"{"operationName":"Create"}"#);
    }
    let expected = slow.ask("LIST twitter");
    let unread = expected.len() * ASKED;
    assert!(unread > 24 << 20, "not enough to notice: {unread}");
    let before = server.resident();
    slow.send("LIST twitter\n".repeat(ASKED).trim_end());
    // Long enough for everything that the server would do; the other one is served all the while.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        assert_eq!(other.ask("LIST twitter").trim(), "REPLY []");
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB more for a desktop that does not read");
    for _ in 0..ASKED {
        assert!(slow.answer() == expected, "an answer is missing or broken");
    }
}
