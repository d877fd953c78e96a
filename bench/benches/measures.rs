//! Makes every measure, or those that are named, and prints the table: `cargo bench -p strowger-bench
//! --bench measures -- [--write] [NAME ...]`. With `--write` the table goes to `BENCHMARKS.md` as well.

use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;

use strowger_bench::measures::{MEASURES, Measure};
use strowger_bench::row::HEAD;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    // Cargo adds `--bench`.
    let (flags, names): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .partition(|argument| argument.starts_with('-'));
    let writes = flags.iter().any(|flag| flag == "--write");
    if let Some(flag) = flags.iter().find(|flag| *flag != "--write") {
        return Err(format!("no such option: {flag}; there is --write").into());
    }
    let known = |name: &String| MEASURES.iter().any(|measure| measure.name == name);
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let all: Vec<_> = MEASURES.iter().map(|measure| measure.name).collect();
        return Err(format!("no such measure: {name}; there are: {}", all.join(", ")).into());
    }
    let mut text = String::new();
    let mut falls_short = false;
    for Measure { name, about, run } in MEASURES {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        eprintln!("{name} ...");
        let rows = run()?;
        falls_short |= rows.iter().any(|row| !row.holds());
        let mut section = format!("## {name}\n\n{about}\n\n{HEAD}");
        for row in &rows {
            writeln!(section, "{row}")?;
        }
        println!("{section}");
        text.push_str(&section);
        text.push('\n');
    }
    if writes {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/../BENCHMARKS.md"), text)?;
    }
    Ok(if falls_short { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
