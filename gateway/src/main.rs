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
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let outcome: Result<(), Box<dyn std::error::Error>> = match command {
        Command::Demo { listen, sandbox, store, plugins } => {
            demo::run(demo::Options { listen, sandbox, store, plugins }).map_err(Into::into)
        }
        Command::Serve { config, check: true } => serve::check(&config),
        Command::Serve { config, check: false } => serve::run(&config),
        Command::HashPassword => hash_password::run().map_err(Into::into),
        Command::Endpoints => {
            http::endpoints::print();
            Ok(())
        }
        Command::Replay { file, plugins } => replay::run(&file, plugins).map_err(Into::into),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A configuration's mistakes begin with their places, as compilers print theirs.
            let name = if error.is::<config::PlanError>() { "" } else { "strowger-gateway: " };
            eprintln!("{name}{error}");
            ExitCode::FAILURE
        }
    }
}
