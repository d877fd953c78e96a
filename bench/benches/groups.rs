//! Times every contest with criterion: ours and its peers in one group. `cargo bench -p strowger-bench` makes the
//! table after it; `--bench groups` makes it alone.

use std::env;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use strowger_bench::contest::{CONTESTS, Contest, Contestant};

fn main() {
    // The option of the table, which gets the same command line when no target is named.
    if env::args().any(|argument| argument == "--write") {
        println!("--write makes the table alone: criterion's groups are passed over");
        return;
    }
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
        .configure_from_args();
    for contest in CONTESTS.iter().copied().flatten() {
        group(&mut criterion, contest);
    }
    criterion.final_summary();
}

fn group(criterion: &mut Criterion, contest: &Contest) {
    let mut group = criterion.benchmark_group(contest.name);
    group.throughput(Throughput::Elements(contest.units.into()));
    for contestant in contest.contestants() {
        group.bench_function(contestant.name, |bencher| {
            bencher.iter_custom(|rounds| timed(contestant, rounds, contest.rounds));
        });
    }
    group.finish();
}

/// So many rounds, prepared in lots that leave the memory to others.
fn timed(contestant: &Contestant, rounds: u64, lot: usize) -> Duration {
    let mut left = usize::try_from(rounds).unwrap_or(usize::MAX);
    let mut took = Duration::ZERO;
    while left > 0 {
        let now = left.min(lot);
        took += contestant.time(now);
        left -= now;
    }
    took
}
