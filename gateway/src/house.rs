//! A contact centre in one process: the sandbox, an engine with both plugins, and three agents.

use std::collections::BTreeMap;
use std::env;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use strowger::{API_MULTIMEDIA, Agent, Config, Engine, Subscription};
use strowger_loader::{LoadError, Options, Plugin};
use strowger_sandbox::Sandbox;

/// The channels of the demonstration: the library's file, and the plugin's configuration with a place for
/// the sandbox's address.
const CHANNELS: [(&str, &str); 2] = [
    ("libstrowger_twitter.so", include_str!("../demo/twitter.json")),
    ("libstrowger_facebook.so", include_str!("../demo/facebook.json")),
];
const SANDBOX: &str = "{sandbox}";

/// The engine's name, as the published samples have it in `_umsInboundIxnSubmittedBy`.
const ENGINE_NAME: &str = "esv_smsrv_vit";

/// The agents and their features.
const AGENTS: [(&str, &[&str]); 3] = [("a1", &[API_MULTIMEDIA]), ("a2", &[API_MULTIMEDIA]), ("a3", &[])];

/// The sandbox, the engine, and the agents with their notifications.
pub(crate) struct House {
    pub(crate) engine: Engine,
    pub(crate) agents: BTreeMap<String, Desk>,
    /// Stops when it is dropped.
    _sandbox: Sandbox,
}

/// An agent at work.
pub(crate) struct Desk {
    pub(crate) agent: Agent,
    pub(crate) notes: Subscription,
}

/// Why the house could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HouseError {
    #[error("the sandbox could not be started: {0}")]
    Sandbox(#[source] io::Error),
    #[error("the folder of this program could not be found, give it with --plugins: {0}")]
    Folder(#[source] io::Error),
    #[error("{0}")]
    Plugin(#[from] LoadError),
    #[error("{0}")]
    Engine(#[from] strowger::Error),
}

impl House {
    /// Opens it with the plugins of that folder, by default this program's own.
    pub(crate) fn open(plugins: Option<PathBuf>) -> Result<Self, HouseError> {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let sandbox =
            Sandbox::start(anywhere, strowger_sandbox::Options::default()).map_err(HouseError::Sandbox)?;
        let base = format!("http://{}", sandbox.addr());

        let config = Config { name: ENGINE_NAME.into(), ..Config::default() };
        let engine = Engine::open(&config)?;
        let folder =
            plugins.map_or_else(own_folder, |folder| folder.canonicalize()).map_err(HouseError::Folder)?;
        let options = Options { directory: Some(folder), ..Options::default() };
        for (library, config) in CHANNELS {
            let channel = Plugin::load(library, &config.replace(SANDBOX, &base), &options)?;
            engine.add_channel(Arc::new(channel))?;
        }

        let mut agents = BTreeMap::new();
        for (id, features) in AGENTS {
            let agent = engine.agent(id, features)?;
            let notes = agent.subscribe("/v2/me/*")?;
            agents.insert(id.to_owned(), Desk { agent, notes });
        }
        Ok(Self { engine, agents, _sandbox: sandbox })
    }
}

fn own_folder() -> io::Result<PathBuf> {
    let program = env::current_exe()?.canonicalize()?;
    program.parent().map(PathBuf::from).ok_or_else(|| io::ErrorKind::NotFound.into())
}
