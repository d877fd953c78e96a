//! `strowger-gateway`: a complete host of the Strowger engine.

mod api;
mod house;
mod replay;
#[cfg(test)]
mod router;
mod script;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A complete host of the Strowger interaction engine.
#[derive(Parser)]
#[command(version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play requests from a file against a sandbox of the platforms, and print what clients would get.
    ///
    /// Starts the sandbox inside, loads the Twitter and Facebook plugins, plays the file line by line, lets
    /// deliveries run after each line, and prints every reply and every notification as one line of JSON.
    /// What is played goes to standard error.
    ///
    /// Agents `a1` and `a2` may do everything, `a3` lacks the feature `api-multimedia`. Both channels have
    /// the account `vitaliy_onv`.
    ///
    /// Each line of FILE is one of:
    ///
    ///   {"agent":"a1","method":"POST","path":"/api/v2/me/tweets","body":{…},"as":"draft"}
    ///   {"receive":"twitter","inbound":{"from":…,"message":…,"queuePath":…},"as":"tweet"}
    ///   {"offer":"{tweet}","agent":"a1"}
    ///
    /// `as` names the interaction that the line makes (a request's: the one in the notification that answers
    /// it). `{name}` in a later path, body or offer stands for its id; `{last}` for the one that was last
    /// told of. Empty lines, and lines that begin with `#`, are skipped.
    #[command(verbatim_doc_comment)]
    Replay {
        /// The file to play; `-` for standard input.
        file: PathBuf,
        /// The folder of the channel plugins (`libstrowger_twitter.so`, …); by default that of this program.
        #[arg(long, value_name = "DIR")]
        plugins: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let outcome = match command {
        Command::Replay { file, plugins } => replay::run(&file, plugins),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("strowger-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}
