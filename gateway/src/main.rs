//! `strowger-gateway`: a complete host of the Strowger engine.

mod api;
mod house;
mod replay;
mod script;
mod store;

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
    /// Look after the file of a store while nobody uses it: check, export, import, compact.
    ///
    /// The file must not be in use: one process owns a store. What is found and what is lost goes to
    /// standard error, and so does progress.
    ///
    /// Exit status: 0 if all is well, 1 if the store is damaged or the command failed, 2 for a wrong command
    /// line.
    #[command(verbatim_doc_comment)]
    Store {
        #[command(subcommand)]
        command: store::Command,
    },
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let outcome = match command {
        Command::Replay { file, plugins } => {
            replay::run(&file, plugins).map(|()| ExitCode::SUCCESS).map_err(|error| error.to_string())
        }
        Command::Store { command } => store::run(command).map_err(|error| error.to_string()),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("strowger-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}
