//! Does one contestant's work, so that its instructions can be counted: `strowger-bench-contest CONTEST CONTESTANT
//! ROUNDS`.

use std::env;
use std::error::Error;
use std::hint::black_box;

use strowger_bench::contest::{CONTESTS, Prepared};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [contest, contestant, rounds] = &arguments[..] else {
        return Err("usage: strowger-bench-contest CONTEST CONTESTANT ROUNDS".into());
    };
    let named = CONTESTS.iter().copied().flatten().find(|known| known.name == contest);
    let known = named.ok_or_else(|| format!("no such contest: {contest}"))?;
    let contestant = known
        .contestants()
        .find(|known| known.name == contestant)
        .ok_or_else(|| format!("no such contestant: {contestant}"))?;
    // What is done once in a process is no part of a round.
    let mut warm = (contestant.prepare)(8);
    warm.play();
    warm.check();
    let mut prepared = (contestant.prepare)(rounds.parse()?);
    strowger_bench_measured(&mut *prepared);
    prepared.check();
    Ok(())
}

/// What is counted: callgrind switches its counters on where this function begins, and off where it ends. It
/// finds it by its name, which must therefore stay as it is written.
#[unsafe(no_mangle)]
#[inline(never)]
extern "Rust" fn strowger_bench_measured(prepared: &mut dyn Prepared) {
    prepared.play();
    // The call above is not to become a jump: then the function would end before it.
    black_box(());
}
