//! A contact centre in one process: the sandbox, an engine with both plugins, and who its agents are.

use std::env;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use strowger::{API_MULTIMEDIA, Config, Engine, StoreConfig};
use strowger_loader::{LoadError, Plugin};
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
pub(crate) const AGENTS: [(&str, &[&str]); 3] =
    [("a1", &[API_MULTIMEDIA]), ("a2", &[API_MULTIMEDIA]), ("a3", &[])];

/// The sandbox, and the engine with its channels.
pub(crate) struct House {
    pub(crate) engine: Engine,
    /// Stops when it is dropped.
    pub(crate) sandbox: Sandbox,
    /// Nothing was kept from an earlier time.
    pub(crate) is_new: bool,
}

/// What a house is opened with.
pub(crate) struct Options {
    /// Where the sandbox listens.
    pub(crate) sandbox: SocketAddr,
    /// Where interactions are kept; else in memory.
    pub(crate) store: Option<PathBuf>,
    /// What stands before every `uri`; else the engine's default.
    pub(crate) base_uri: Option<String>,
    /// The folder of the plugins; else this program's own.
    pub(crate) plugins: Option<PathBuf>,
}

/// Why the house could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HouseError {
    #[error("the sandbox could not be started on {0}: {1}")]
    Sandbox(SocketAddr, #[source] io::Error),
    #[error("the folder of this program could not be found, give it with --plugins: {0}")]
    Folder(#[source] io::Error),
    #[error("the folder of the plugins, `{}`, can't be used: {error}", path.display())]
    Plugins { path: PathBuf, error: io::Error },
    #[error("the store's path `{}` is no text", .0.display())]
    StorePath(PathBuf),
    #[error("{0}")]
    Plugin(#[from] LoadError),
    #[error("{0}")]
    Engine(#[from] strowger::Error),
}

impl House {
    /// Opens it.
    pub(crate) fn open(options: &Options) -> Result<Self, HouseError> {
        let sandbox = Sandbox::start(options.sandbox, strowger_sandbox::Options::default())
            .map_err(|error| HouseError::Sandbox(options.sandbox, error))?;
        let base = format!("http://{}", sandbox.addr());

        let is_new = options.store.as_ref().is_none_or(|path| !path.exists());
        let engine = Engine::open(&config(options)?)?;
        let folder = match &options.plugins {
            Some(folder) => {
                folder.canonicalize().map_err(|error| HouseError::Plugins { path: folder.clone(), error })?
            }
            None => own_folder().map_err(HouseError::Folder)?,
        };
        let loading = strowger_loader::Options { directory: Some(folder), ..Default::default() };
        for (library, config) in CHANNELS {
            let channel = Plugin::load(library, &config.replace(SANDBOX, &base), &loading)?;
            engine.add_channel(Arc::new(channel))?;
        }
        Ok(Self { engine, sandbox, is_new })
    }
}

fn config(options: &Options) -> Result<Config, HouseError> {
    let mut config = Config { name: ENGINE_NAME.into(), ..Config::default() };
    if let Some(path) = &options.store {
        let path = path.to_str().ok_or_else(|| HouseError::StorePath(path.clone()))?;
        config.store = StoreConfig::Sqlite { path: path.to_owned(), check: false };
    }
    if let Some(base_uri) = &options.base_uri {
        config.base_uri.clone_from(base_uri);
    }
    Ok(config)
}

/// The folder of this program, where a build puts the plugins too.
pub(crate) fn own_folder() -> io::Result<PathBuf> {
    let program = env::current_exe()?.canonicalize()?;
    program.parent().map(PathBuf::from).ok_or_else(|| io::ErrorKind::NotFound.into())
}
