//! Development chores: `cargo run -p xtask -- headers`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", about = "Development chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Write the C headers in ffi/include from the Rust sources
    Headers {
        /// Write nothing; fail if a header differs from what would be written
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let Arguments { chore } = Arguments::parse();
    let done = match chore {
        Chore::Headers { check: false } => xtask::headers::write_all(),
        Chore::Headers { check: true } => xtask::headers::check_all(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
