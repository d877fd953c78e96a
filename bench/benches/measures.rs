//! Makes every measure, or those that are named, and prints the table: `cargo bench -p strowger-bench
//! --bench measures -- [--write] [NAME ...]`. With `--write` the table goes to `BENCHMARKS.md` as well.

use std::path::Path;
use std::process::ExitCode;
use std::{env, io};

use strowger_bench::measures::MEASURES;
use strowger_bench::report;

fn main() -> io::Result<ExitCode> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("BENCHMARKS.md");
    report::run(env::args().skip(1), MEASURES, &mut io::stdout(), &path).map(ExitCode::from)
}
