//! `strowger-gateway`: a complete host of the Strowger engine.

mod api;
mod auth;
mod chance;
mod cometd;
mod config;
mod deliveries;
mod demo;
mod gateway;
mod hash_password;
mod house;
mod http;
mod log;
mod login;
mod metrics;
mod push;
mod ready;
mod replay;
mod routing;
mod run;
mod script;
mod serve;
mod settings;
mod staff;
mod store;

use std::net::SocketAddr;
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
    /// Serve a contact centre to look at: a sandbox of the platforms, both plugins, three agents.
    ///
    /// Agents `a1` and `a2` may do everything, `a3` lacks the feature `api-multimedia`; their passwords are
    /// the same as their names. Both channels have the account `vitaliy_onv`. The requests of the published
    /// API reference are played once, so that there is something to see. One line on standard output says
    /// when all is ready, and where to look. Requests need no CSRF token here.
    Demo {
        /// Where agents are served.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Where the sandbox listens.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
        sandbox: SocketAddr,
        /// Keep interactions in this file instead of in memory. The published requests are played only when
        /// the file is made.
        #[arg(long, value_name = "PATH")]
        store: Option<PathBuf>,
        /// The folder of the channel plugins (`libstrowger_twitter.so`, …); by default that of this program.
        #[arg(long, value_name = "DIR")]
        plugins: Option<PathBuf>,
    },
    /// Serve what a configuration file says, until SIGINT or SIGTERM.
    ///
    /// `gateway/gateway.example.toml` documents the file. One line on standard output says when all is ready.
    /// A stop finishes what is under way; a second signal ends the process at once.
    Serve {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Only name every mistake in it, with its place; plugins and certificates are loaded too. Exit
        /// status 1 if there is one.
        #[arg(long)]
        check: bool,
    },
    /// Print the argon2 hash of a password, for the configuration file. Reads the password from the
    /// terminal, or a line from standard input.
    HashPassword,
    /// Print what is served: method, path, who may, and on which listener, one endpoint a line.
    Endpoints,
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
    let outcome: Result<ExitCode, Box<dyn std::error::Error>> = match command {
        Command::Demo { listen, sandbox, store, plugins } => {
            done(demo::run(demo::Options { listen, sandbox, store, plugins }))
        }
        Command::Serve { config, check: true } => done(serve::check(&config)),
        Command::Serve { config, check: false } => done(serve::run(&config)),
        Command::HashPassword => done(hash_password::run()),
        Command::Endpoints => {
            http::endpoints::print();
            Ok(ExitCode::SUCCESS)
        }
        Command::Replay { file, plugins } => done(replay::run(&file, plugins)),
        Command::Store { command } => store::run(command).map_err(Into::into),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            // A configuration's mistakes begin with their places, as compilers print theirs.
            let name = if error.is::<config::PlanError>() { "" } else { "strowger-gateway: " };
            eprintln!("{name}{error}");
            ExitCode::FAILURE
        }
    }
}

/// What ends without a code of its own.
fn done<E>(outcome: Result<(), E>) -> Result<ExitCode, Box<dyn std::error::Error>>
where
    Box<dyn std::error::Error>: From<E>,
{
    outcome.map(|()| ExitCode::SUCCESS).map_err(Into::into)
}
