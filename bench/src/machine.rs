//! What the figures were made with, and on.

use std::process::Command;
use std::{fs, io, thread};

use rustix::thread::{CpuSet, sched_getaffinity};

/// What a tool says in its first line.
pub fn said(tool: &str, argument: &str) -> Result<String, String> {
    let output =
        Command::new(tool).arg(argument).output().map_err(|error| format!("{tool} {argument}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().filter(|_| output.status.success());
    Ok(line.ok_or_else(|| format!("{tool} {argument} says nothing"))?.to_owned())
}

/// The compiler, as `rustc --version` says.
pub fn rustc() -> Result<String, String> {
    said(&std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into()), "--version")
}

/// The processor, how many of them a process gets, and the kernel.
pub fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let (plural, kernel) = (if cores == 1 { "" } else { "s" }, kernel.trim());
    format!("{}, {cores} core{plural}, {} {kernel}", model(&cpus), std::env::consts::OS)
}

/// The cores that this process may run on, each as a set of its own.
pub fn cores() -> io::Result<impl Iterator<Item = CpuSet>> {
    let allowed = sched_getaffinity(None)?;
    let one = |core| {
        let mut set = CpuSet::new();
        set.set(core);
        set
    };
    Ok((0..CpuSet::MAX_CPU).filter(move |core| allowed.is_set(*core)).map(one))
}

/// The processor's model, as Linux tells it; else the architecture.
fn model(cpus: &str) -> &str {
    let named = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    named.map_or(std::env::consts::ARCH, |(_, model)| model.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named() {
        let cpus = "processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC\nstepping\t: 1\n";
        assert_eq!(model(cpus), "AMD EPYC");
        assert_eq!(model("processor\t: 0\n"), std::env::consts::ARCH);
    }

    #[test]
    fn each_core_is_a_set_of_its_own() {
        let cores: Vec<_> = cores().expect("they are told").collect();
        // A group's share of them may be smaller still.
        assert!(cores.len() >= thread::available_parallelism().map_or(1, usize::from));
        assert!(cores.iter().all(|core| core.count() == 1));
    }

    /// Planted fault: a tool that fails is taken at its word.
    #[test]
    fn a_tool_that_fails_says_nothing() {
        assert!(rustc().expect("there is a compiler").starts_with("rustc "));
        assert!(said("rustc", "--no-such-option").is_err());
        assert!(said("no-such-tool", "--version").unwrap_err().contains("no-such-tool"));
    }
}
