//! Many interactions beside few: room, time, and how long opening them takes.
//!
//! Each number is made in a process of its own. Fewer for a quick look: `STROWGER_BENCH_DRAFTS` (of five million)
//! and `STROWGER_BENCH_STORED` (of one million); the table says how many there were.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;
use std::{env, io};

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

use super::Rows;
use crate::beside::beside;
use crate::drafts::OWN_TEXT;
use crate::machine::cores;
use crate::row::{Bound, Row};

pub(super) const ABOUT: &str = "Drafts with the user data and the message of the reference's Save, a thousand an \
    agent. In memory: the peak resident of the whole process for each draft, beside what the client sent of it \
    (user data and message), and a Save on drafts drawn by chance. On disk: opening a store, and the peak resident \
    after that and a thousand Saves; of the ended ones each has a settled delivery and a note.";

/// Runs of each number.
const PAIRS: usize = 101;
const FEW: usize = 1_000;
const MIB: f64 = (1 << 20) as f64;

/// Makes the measure.
pub(super) fn run() -> Rows {
    let mut rows = in_memory(count("STROWGER_BENCH_DRAFTS", 5_000_000)?)?;
    rows.push(ended_in_memory(count("STROWGER_BENCH_STORED", 1_000_000)?)?);
    rows.extend(on_disk(count("STROWGER_BENCH_STORED", 1_000_000)?)?);
    Ok(rows)
}

#[allow(clippy::cast_precision_loss, reason = "bytes of this machine's memory are far below 2^52")]
fn in_memory(many: usize) -> Rows {
    let mut few = Crowd::start(&["drafts", &FEW.to_string()])?;
    few.report()?;
    let mut crowd = Crowd::start(&["drafts", &many.to_string()])?;
    let [peak] = crowd.report()?[..] else { return Err("the crowd reports its peak".into()) };
    let each = peak as f64 / many as f64 - OWN_TEXT as f64;
    // One core for both: two may differ in speed.
    let core = cores()?.next().ok_or("this process runs on a core")?;
    few.stay_on(&core)?;
    crowd.stay_on(&core)?;
    let times = beside(PAIRS, || crowd.timed(), || few.timed());
    let number = grouped(many);
    let time = |duration: Duration| format!("{:.2} µs", duration.as_secs_f64() * 1e6);
    Ok(vec![
        Row {
            what: format!("{number} live: peak resident of each, beyond its own text"),
            ours: format!("{:.0} MiB in all", peak as f64 / MIB),
            beside: format!("own text: {OWN_TEXT} bytes"),
            judged: each,
            bound: Bound::AtMost(700.0, "bytes"),
        },
        Row {
            what: format!("Save on one of {number}"),
            ours: time(times.ours),
            beside: format!("of {}: {}", grouped(FEW), time(times.other)),
            judged: times.ratio,
            bound: Bound::AtMost(1.5, ""),
        },
    ])
}

/// What ended leaves nothing behind.
#[allow(clippy::cast_precision_loss, reason = "bytes of this machine's memory are far below 2^52")]
fn ended_in_memory(ended: usize) -> Result<Row, Box<dyn Error>> {
    let [early, late] = Crowd::start(&["lives", &ended.to_string()])?.report()?[..] else {
        return Err("the crowd reports two peaks".into());
    };
    Ok(Row {
        what: format!("{} ended, 1,000 remembered: growth of the peak, in memory", grouped(ended)),
        ours: format!("{:.1} MiB", late as f64 / MIB),
        beside: format!("after a tenth: {:.1} MiB", early as f64 / MIB),
        judged: (late - early) as f64 / MIB,
        bound: Bound::AtMost(1.0, "MiB"),
    })
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds of minutes are far below 2^52")]
fn on_disk(many: usize) -> Rows {
    let folder = tempfile::tempdir()?;
    let mut rows = Vec::new();
    let mut resident = Vec::new();
    for (what, live, ended) in [("live", FEW, 0), ("live", many, 0), ("ended, 1,000 live", FEW, many)] {
        let file = folder.path().join("store.db");
        let path = file.to_str().ok_or("a temporary folder has a name")?;
        Crowd::start(&["fill", path, &live.to_string(), &ended.to_string()])?.end()?;
        let [took, peak] = Crowd::start(&["open", path])?.report()?[..] else {
            return Err("the crowd reports time and peak".into());
        };
        resident.push(peak as f64 / MIB);
        if live + ended > FEW {
            rows.push(Row {
                what: format!("opening a store with {} {what}", grouped(many)),
                ours: format!("{:.1} ms", took as f64 / 1e6),
                beside: format!("its file: {:.0} MiB", std::fs::metadata(&file)?.len() as f64 / MIB),
                judged: took as f64 / 1e9,
                bound: Bound::AtMost(10.0, "s"),
            });
            rows.push(Row {
                what: format!("peak resident, {} {what}", grouped(many)),
                ours: format!("{:.1} MiB", resident[resident.len() - 1]),
                beside: format!("1,000 live alone: {:.1} MiB", resident[0]),
                judged: resident[resident.len() - 1] - resident[0],
                bound: Bound::AtMost(16.0, "MiB"),
            });
        }
        for ending in ["", "-wal", "-shm", "-lock"] {
            let _ = std::fs::remove_file(format!("{path}{ending}"));
        }
    }
    Ok(rows)
}

/// A process with a number of interactions: `drivers/crowd.rs`. It ends with its input, at the latest when it is
/// dropped.
struct Crowd {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Crowd {
    fn start(arguments: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut child =
            Command::new(program()?).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().ok_or("it has an output")?);
        Ok(Self { child, input, output })
    }

    fn stay_on(&self, core: &CpuSet) -> io::Result<()> {
        Ok(sched_setaffinity(Some(Pid::from_child(&self.child)), core)?)
    }

    /// The figures of the next line.
    fn report(&mut self) -> Result<Vec<u64>, Box<dyn Error>> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
    }

    /// What a call takes in one more run.
    fn timed(&mut self) -> Duration {
        let input = self.input.as_mut().expect("its input is open");
        writeln!(input, "again").expect("it reads");
        let nanoseconds = self.report().expect("it reports");
        Duration::from_nanos(nanoseconds[0])
    }

    /// Waits for a success.
    fn end(mut self) -> Result<(), Box<dyn Error>> {
        self.input = None;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the crowd failed: {status}").into()) }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.input = None;
        // It says itself what was wrong.
        let _ = self.child.wait();
    }
}

/// Cargo builds it with the measures, one folder above them.
fn program() -> Result<PathBuf, Box<dyn Error>> {
    let own = env::current_exe()?;
    let folders = own.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join("strowger-bench-crowd")).find(|path| Path::is_file(path));
    found.ok_or_else(|| "strowger-bench-crowd is not beside this program".into())
}

fn count(variable: &str, default: usize) -> Result<usize, Box<dyn Error>> {
    env::var(variable).map_or(Ok(default), |text| Ok(text.parse()?))
}

/// With commas between thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([1, 999, 1_000, 5_000_000].map(grouped), ["1", "999", "1,000", "5,000,000"]);
    }
}
