//! Measures, each beside its floor or its peer, in one run.
//!
//! `cargo run -p strowger-bench -- instructions` counts what a call costs from C and from Rust, and what contests
//! cost us and others, with callgrind: counts do not wobble on a busy machine.

mod drivers;
mod instructions;
mod measure;
mod record;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "strowger-bench", about = "Measures of the engine and the C library, each beside its peer")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Count the instructions of calls from C and from Rust, and of contests (needs valgrind and a C compiler)
    Instructions {
        /// Fail where a limit is exceeded, or a count has grown by more than 5 % over the record in the tree
        #[arg(long, conflicts_with = "record")]
        check: bool,
        /// Write the record in the tree anew
        #[arg(long)]
        record: bool,
    },
}

fn main() -> ExitCode {
    let Arguments { what: What::Instructions { check, record } } = Arguments::parse();
    let purpose = match (check, record) {
        (true, _) => instructions::Purpose::Check,
        (_, true) => instructions::Purpose::Record,
        _ => instructions::Purpose::Show,
    };
    match instructions::run(purpose) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("strowger-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
