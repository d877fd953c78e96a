//! The example server, and desktops that talk to it over TCP.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::instrument::Instrument;
use super::{read, succeed};

const PATIENCE: Duration = Duration::from_secs(300);

pub struct Server {
    process: Child,
    address: String,
}

impl Server {
    pub fn start(program: &Path, plugin: &Path, platform: &str) -> Self {
        let mut process = Instrument::chosen()
            .command(program)
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

    pub fn login(&self, name: &str) -> Desktop {
        let stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut desktop =
            Desktop { lines: BufReader::new(stream.try_clone().expect("a second handle")), stream };
        desktop.send(&format!("LOGIN {name}"));
        assert_eq!(desktop.line().trim(), "OK");
        desktop
    }

    /// The memory that the process has in use, in KiB.
    pub fn resident(&self) -> u64 {
        let status = read(Path::new(&format!("/proc/{}/status", self.process.id())));
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Asks the server to end, and gives its exit code.
    pub fn terminate(mut self) -> Option<i32> {
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

pub struct Desktop {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Desktop {
    pub fn send(&mut self, line: &str) {
        self.stream.write_all(format!("{line}\n").as_bytes()).expect("the line is sent");
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line in time");
        assert!(line.ends_with('\n'), "the server hung up: {line:?}");
        line
    }

    /// Reads until the answer comes; notes may come before it.
    pub fn answer(&mut self) -> String {
        loop {
            let line = self.line();
            if !line.starts_with("NOTE ") {
                return line;
            }
        }
    }

    pub fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.answer()
    }

    pub fn perform(&mut self, id: &str, body: &str) {
        let answer = self.ask(&format!("PERFORM twitter {id} {body}"));
        assert!(answer.starts_with("REPLY {\"statusCode\":0,"), "{body}: {answer}");
    }

    /// Reads until a note says that an interaction has come to this state.
    pub fn sees(&mut self, state: &str) -> String {
        loop {
            let line = self.line();
            if line.starts_with("NOTE ") && line.contains(&format!("\"state\":\"{state}\"")) {
                return line;
            }
        }
    }

    /// Writes and sends a message, and waits until it is out.
    pub fn sends(&mut self, text: &str) {
        self.perform("-", r#"{"operationName":"Create"}"#);
        let id = self.only_id();
        self.perform(&id, &Self::sending(text));
        assert!(self.sees("Completed").contains(&id));
    }

    /// The request that sends this text.
    pub fn sending(text: &str) -> String {
        format!(
            r#"{{"operationName":"Send","queuePath":"/queues/out","twitter":{{"from":"vitaliy_onv","message":"{text}"}}}}"#
        )
    }

    /// Whether the server ends the connection, after whatever it still had to say.
    pub fn is_hung_up(&mut self) -> bool {
        let mut line = String::new();
        loop {
            line.clear();
            match self.lines.read_line(&mut line) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }

    /// The id of the agent's only interaction.
    pub fn only_id(&mut self) -> String {
        let list = self.ask("LIST twitter");
        let (_, rest) = list.split_once("\"id\":\"").unwrap_or_else(|| panic!("no interaction: {list}"));
        rest.split('"').next().expect("an id").to_owned()
    }
}
