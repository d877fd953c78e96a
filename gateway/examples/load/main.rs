//! Load: many CometD sessions, a steady stream of operations, and a check that no notification is lost,
//! doubled, or out of order.
//!
//! ```sh
//! cargo build --release -p strowger-gateway -p strowger-twitter-plugin
//! cargo run --release -p strowger-gateway --example load -- --sessions 2000 --rate 500 --seconds 60
//! ```
//!
//! It starts a gateway of its own with as many agents as it needs, keeps interactions in memory, and ends
//! with a table. The exit code is 1 if a session missed a note, got one twice or in the wrong order, if an
//! operation was refused, if the rate could not be held, or if the gateway outgrew `--most-mib`.

mod agent;
mod client;
mod program;
mod report;
mod session;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::task::JoinSet;

use agent::Agent;
use program::Program;
use report::{Figures, Report};
use session::Session;

#[derive(Parser)]
#[command(about = "Puts a gateway under load, and counts every notification")]
struct Arguments {
    /// CometD sessions that poll all the time.
    #[arg(long, default_value_t = 2_000)]
    sessions: usize,
    /// Sessions that share an agent, and so hear the same.
    #[arg(long, default_value_t = 10)]
    sessions_per_agent: usize,
    /// Operations a second, over all agents.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// How long.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// The gateway may have so much resident memory, in MiB.
    #[arg(long, default_value_t = 256)]
    most_mib: u64,
    /// The program; by default the one that was built with this.
    #[arg(long)]
    gateway: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(&arguments)));
    match outcome {
        Ok(report) => {
            print!("{report}");
            if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn run(arguments: &Arguments) -> Result<Report, Failure> {
    let count = arguments.sessions.div_ceil(arguments.sessions_per_agent);
    let program = Program::start(arguments.gateway.as_deref(), count)?;
    let figures = Arc::new(Figures::default());

    eprintln!("load: {count} agents log in, and {} sessions begin", arguments.sessions);
    let begun = Instant::now();
    let mut agents = Vec::new();
    let mut polling = JoinSet::new();
    for number in 0..count {
        let agent = Arc::new(Agent::log_in(program.address, number, figures.clone()).await?);
        let places =
            arguments.sessions_per_agent.min(arguments.sessions - number * arguments.sessions_per_agent);
        for _ in 0..places {
            let session = Session::open(agent.clone()).await?;
            polling.spawn(session.poll());
        }
        agents.push(agent);
    }
    let opening = begun.elapsed();
    let resident_idle_kib = program.resident_kib()?;
    eprintln!(
        "load: all poll after {:.1} s; {} operations a second begin",
        opening.as_secs_f32(),
        arguments.rate
    );

    let span = Duration::from_secs(arguments.seconds.into());
    let operations = u64::from(arguments.rate) * u64::from(arguments.seconds);
    let begun = Instant::now();
    let mut working = JoinSet::new();
    for (number, agent) in agents.iter().enumerate() {
        // Each agent takes its share of the stream, in turn with the others.
        let due: Vec<_> = (number as u64..operations)
            .step_by(count)
            .map(|place| begun + Duration::from_nanos(place * 1_000_000_000 / u64::from(arguments.rate)))
            .collect();
        working.spawn(agent.clone().work(due));
    }
    while let Some(worked) = working.join_next().await {
        worked??;
    }
    let took = begun.elapsed();
    // What is under way arrives; whoever still waits after that has lost something.
    let patience = Instant::now() + Duration::from_secs(10);
    while agents.iter().any(|agent| !agent.is_heard_by_all()) && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    polling.abort_all();
    Ok(Report {
        sessions: arguments.sessions,
        agents: agents.iter().map(|agent| agent.account()).collect(),
        opening,
        resident_idle_kib,
        resident_peak_kib: program.peak_resident_kib()?,
        most_kib: arguments.most_mib << 10,
        cpu: program.cpu()?,
        span,
        took,
        figures,
    })
}
