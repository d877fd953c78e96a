//! `[[channel]]`: the plugins, and what each is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use strowger::{Config, Engine};
use strowger_loader::{FetchLimits, LoadError, LoadedChannel, Options, Plugin, SecretFile, SecretStore};

use super::engine::member_json;
use super::section::Section;

/// A channel of the file, loaded.
pub(crate) struct ChannelEntry {
    pub(crate) loaded: Arc<LoadedChannel>,
    /// Which table of the file it is.
    number: usize,
}

pub(super) fn read(
    root: &Section<'_>,
    folder: &Path,
    secrets: Option<&Arc<SecretFile>>,
) -> Vec<ChannelEntry> {
    let sections = root.sections("channel");
    if sections.is_empty() && !root.has("channel") {
        root.wrong("channel", "is missing: expected a table [[channel]] for each plugin");
    }
    let channels = sections.iter().enumerate().filter_map(|(number, section)| {
        let loaded = load(section, folder, secrets);
        section.refuse_unknown();
        Some(ChannelEntry { loaded: Arc::new(loaded?), number })
    });
    channels.collect()
}

fn load(section: &Section<'_>, folder: &Path, secrets: Option<&Arc<SecretFile>>) -> Option<LoadedChannel> {
    let plugin =
        section.required_text("plugin", "the path of the plugin's library").map(|path| folder.join(path));
    let config = read_config(section, folder);
    let attachments_dir = section.file("attachments_directory", folder);
    let fetch = read_fetch(section);
    let store = secrets.map(|file| Arc::clone(file) as Arc<dyn SecretStore>);
    let plugin = Plugin::open(plugin?, None)
        .map_err(|error| section.wrong("plugin", format!("can't be loaded: {error}")))
        .ok();
    let (plugin, (config, config_dir)) = plugin.zip(config)?;
    let options = Options {
        config_dir: Some(config_dir),
        attachments_dir,
        fetch,
        secrets: store,
        ..Options::default()
    };
    let told = if section.has("config_file") { "config_file" } else { "config" };
    plugin
        .instance(&config, &options)
        .map_err(|error| match error {
            LoadError::Option { option: "fetch", problem } => {
                let named = section.has("fetch_from_own_servers");
                section.wrong(if named { "fetch_from_own_servers" } else { "fetch_attachments" }, problem);
            }
            error => section.wrong(told, format!("is refused: {error}")),
        })
        .ok()
}

/// Whether what messages name is fetched, and from which servers of the own network.
fn read_fetch(section: &Section<'_>) -> Option<FetchLimits> {
    let is_allowed = section.flag("fetch_attachments").unwrap_or(false);
    let own_servers = section.texts("fetch_from_own_servers");
    if own_servers.is_some() && !is_allowed {
        section.wrong("fetch_from_own_servers", "needs `fetch_attachments = true`");
    }
    let own_servers = own_servers.unwrap_or_default().into_iter().map(str::to_owned).collect();
    is_allowed.then(|| FetchLimits { own_servers, ..FetchLimits::default() })
}

/// The plugin's configuration document, in the file or in one of its own, and the folder of the one that has it: what
/// it says of paths begins there.
fn read_config(section: &Section<'_>, folder: &Path) -> Option<(String, PathBuf)> {
    match (section.has("config"), section.file("config_file", folder)) {
        (true, Some(_)) => {
            section.wrong("config_file", "stands beside `config`: expected one of them");
            None
        }
        (true, None) => member_json(section, "config").map(|json| (json.to_string(), folder.to_owned())),
        (false, Some(file)) => std::fs::read_to_string(&file)
            .map_err(|error| section.wrong("config_file", format!("can't be read: {error}")))
            .ok()
            .map(|config| (config, file.parent().unwrap_or(folder).to_owned())),
        (false, None) => {
            if !section.has("config_file") {
                section
                    .wrong("config", "is missing: expected what the plugin is to be told, or `config_file`");
            }
            None
        }
    }
}

/// Two plugins can't serve the same channel.
pub(super) fn check_together(root: &Section<'_>, channels: &[ChannelEntry]) {
    // In memory, and gone at the end of this function.
    let Ok(engine) = Engine::open(&Config::default()) else { return };
    for entry in channels {
        if let Err(error) = engine.add_channel(entry.loaded.clone()) {
            let path = format!("channel[{}]", entry.number);
            root.wrong_at(root.place_of(&path), path, format!("can't be served: {error}"));
        }
    }
}
