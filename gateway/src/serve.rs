//! `serve`: a gateway as its configuration file says.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use strowger::Engine;
use strowger_loader::Purpose;

use crate::config::Plan;
use crate::gateway::Gateway;
use crate::http::Door;
use crate::http::endpoints::Part;
use crate::log;
use crate::run;
use crate::staff::{Colleague, Staff};

/// Why nothing is served; nobody asks which it is.
type Failure = Box<dyn std::error::Error>;

/// Checks a configuration: everything that can be found out without listening and without the store.
pub(crate) fn check(file: &Path) -> Result<(), Failure> {
    Plan::read(file, Purpose::Check)?;
    println!("{}: no mistakes", file.display());
    Ok(())
}

/// Serves until SIGINT or SIGTERM.
pub(crate) fn run(file: &Path) -> Result<(), Failure> {
    let mut plan = Plan::read(file, Purpose::Serve)?;
    log::begin(plan.log_level, plan.log_format);
    run::block_on(async {
        let mut doors = Vec::new();
        for listener in plan.listeners {
            doors.push(Door::open(listener.address, listener.scheme, vec![listener.part]).await?);
        }
        let agents_door = doors.iter().find(|door| door.serves(Part::Public));
        if let Some(door) = agents_door.filter(|_| !plan.has_base_uri) {
            plan.engine.base_uri = door.url();
        }
        plan.settings.base_uri = plan.engine.base_uri.trim_end_matches('/').to_owned();
        let engine = Engine::open(&plan.engine)?;
        for channel in plan.channels {
            engine.add_channel(channel.loaded)?;
        }
        let colleagues = plan.agents.into_iter().map(|agent| {
            let features: Vec<_> = agent.features.iter().map(String::as_str).collect();
            Colleague::new(&engine, &agent.id, &features, agent.password)
        });
        let staff = Staff::new(colleagues.collect::<Result<Vec<_>, _>>()?);
        let gateway = Arc::new(Gateway::new(engine, staff, plan.settings));
        run::run(gateway, doors, announce).await?;
        Ok(())
    })
}

/// One line: programs wait for it.
fn announce(doors: &[Door]) -> io::Result<()> {
    let of = |part| doors.iter().filter(move |door| door.serves(part)).map(Door::url).collect::<Vec<_>>();
    let mut out = io::stdout().lock();
    write!(out, "strowger-gateway ready on {}", of(Part::Public).join(", "))?;
    let operator = of(Part::Operator);
    if !operator.is_empty() {
        write!(out, "; for the operator: {}", operator.join(", "))?;
    }
    writeln!(out)?;
    out.flush()
}
