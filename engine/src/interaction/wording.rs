//! What the resources and notifications of a channel have in common: written once.

use crate::channel::Manifest;
use crate::json::{write_content, write_string};
use crate::lifecycle::{Abilities, Lifecycle, Source};

/// Pieces of JSON with all that is always the same in them.
pub(crate) struct Wording {
    /// From `messageType` to before the value of `notificationType`.
    pub(crate) message_type: String,
    /// The value of `notificationType` that answers Save.
    pub(crate) saved_type: String,
    /// The member of a notification that shows the resource, up to its value.
    pub(crate) resource: String,
    /// From the member that tells the direction to before its name.
    pub(crate) direction: String,
    /// From the end of the direction's name to before the id in `uri`.
    pub(crate) uri: String,
    /// What the engine's own rows list, by where an interaction stands.
    listed: Vec<(Source, String)>,
}

impl Wording {
    pub(crate) fn new(manifest: &Manifest, lifecycle: &Lifecycle, base_uri: &str) -> Self {
        let string = |text: &str| {
            let mut json = String::new();
            write_string(&mut json, text);
            json
        };
        let content = |text: &str| {
            let mut json = String::new();
            write_content(&mut json, text);
            json
        };
        let listed = |source| {
            let names = lifecycle.capabilities(source, Abilities::NONE).map(string);
            (source, names.collect::<Vec<_>>().join(","))
        };
        Self {
            message_type: format!("\"messageType\":{},\"notificationType\":", string(&manifest.message_type)),
            saved_type: string(&manifest.saved_type),
            resource: format!(",{}:", string(&manifest.resource)),
            direction: format!(",{}:\"", string(&manifest.direction_member)),
            uri: format!("\",\"uri\":\"{}/api/v2/{}/", content(base_uri), content(&manifest.uri_path)),
            listed: Source::of_interactions().map(listed).collect(),
        }
    }

    /// What the engine's own rows list there, with commas between.
    pub(crate) fn listed(&self, source: Source) -> &str {
        self.listed.iter().find(|(listed, _)| *listed == source).map_or("", |(_, names)| names)
    }
}
