//! The gateway that is put under load.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::Failure;

pub(crate) const PASSWORD: &str = "load";

/// A gateway in a process of its own, ended when it is dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl Program {
    pub(crate) fn start(given: Option<&Path>, agents: usize) -> Result<Self, Failure> {
        let program = match given {
            Some(path) => path.to_path_buf(),
            None => built()?,
        };
        let folder = tempfile::tempdir()?;
        let configuration = folder.path().join("gateway.toml");
        fs::write(&configuration, describe(&program, agents)?)?;
        let mut child = Command::new(&program)
            .args(["serve", "--config"])
            .arg(&configuration)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let address = line
            .split([' ', ',', ';', '\n'])
            .find_map(|word| word.strip_prefix("http://")?.trim_end_matches('/').parse().ok())
            .ok_or_else(|| format!("the gateway did not say where it listens: {line:?}"))?;
        Ok(Self { child, address, _folder: folder })
    }

    /// Resident memory now.
    pub(crate) fn resident_kib(&self) -> Result<u64, Failure> {
        self.status("VmRSS:")
    }

    /// The most that it ever was.
    pub(crate) fn peak_resident_kib(&self) -> Result<u64, Failure> {
        self.status("VmHWM:")
    }

    /// The processor time that it took.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<u64>().ok());
        let (user, system) = ticks(11).zip(ticks(12)).ok_or("the process's times can't be read")?;
        // Linux tells them in hundredths of a second.
        Ok(Duration::from_millis((user + system) * 10))
    }

    fn status(&self, name: &str) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such figure")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The gateway beside this program's folder.
fn built() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(Path::parent).ok_or("this program is in no folder")?;
    let program = folder.join("strowger-gateway");
    if program.exists() { Ok(program) } else { Err(format!("{} is not built", program.display()).into()) }
}

fn describe(program: &Path, agents: usize) -> Result<String, Failure> {
    let plugin = program.with_file_name("libstrowger_twitter.so");
    let hash = hash(program)?;
    let mut text = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\nserves = \"agents\"\n\
         [security]\ncsrf = false\n[log]\nlevel = \"warn\"\n\
         [limits]\nfailures_per_address = 1000\npasswords_at_once = 2\n\
         [[channel]]\nplugin = \"{}\"\n[channel.config]\nname = \"channel-twitter\"\n\
         base_url = \"http://127.0.0.1:9\"\n[[channel.config.accounts]]\nname = \"desk\"\nuser_id = \"1\"\n\
         screen_name = \"desk\"\nauth = {{ kind = \"bearer\", token = \"none\" }}\n",
        plugin.display()
    );
    for number in 0..agents {
        write!(text, "[[agent]]\nid = \"{}\"\npassword_hash = \"{hash}\"\n", name(number))?;
    }
    Ok(text)
}

/// An agent's name.
pub(crate) fn name(number: usize) -> String {
    format!("agent-{number}")
}

fn hash(program: &Path) -> Result<String, Failure> {
    let mut child =
        Command::new(program).arg("hash-password").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    writeln!(child.stdin.take().ok_or("no input")?, "{PASSWORD}")?;
    Ok(String::from_utf8(child.wait_with_output()?.stdout)?.trim().to_owned())
}
