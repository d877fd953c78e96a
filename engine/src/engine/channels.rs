//! The channels of an engine, by name.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use foldhash::HashMap;
use parking_lot::{Mutex, MutexGuard};
use smol_str::SmolStr;

use crate::channel::{Account, Channel, Manifest, OnUnknown, Stamps};
use crate::delivery::Pool;
use crate::interaction::{Interaction, Resource, Seen, Wording};
use crate::lifecycle::{Abilities, Direction, Lifecycle};

/// A channel as the engine uses it.
pub(super) struct Entry {
    pub(super) name: SmolStr,
    pub(super) topic: SmolStr,
    pub(super) manifest: Manifest,
    pub(super) lifecycle: Lifecycle,
    pub(super) stamps: Stamps,
    pub(super) wording: Wording,
    pub(super) runner: Runner,
    pub(super) pool: Pool,
    /// Of the accounts that can't do all that any account can: mostly there is none.
    abilities: HashMap<String, Abilities>,
    any_ability: Abilities,
}

/// Who makes a channel's deliveries.
pub(super) enum Runner {
    Plugin(Arc<dyn Channel>),
    Host,
}

impl Entry {
    fn new(manifest: Manifest, engine_name: &str, base_uri: &str, runner: Runner) -> Self {
        let lifecycle = Lifecycle::new(&manifest);
        let of = |account: &Account| lifecycle.abilities(account.operations.iter().map(String::as_str));
        let any_ability = lifecycle
            .abilities(manifest.accounts.iter().flat_map(|account| &account.operations).map(String::as_str));
        let abilities = manifest.accounts.iter().map(|account| (account.name.clone(), of(account)));
        let abilities = abilities.filter(|(_, abilities)| *abilities != any_ability).collect();
        let name = SmolStr::from(manifest.channel.as_str());
        let pool = match runner {
            Runner::Plugin(_) => Pool::Plugins,
            Runner::Host => Pool::Host(name.clone()),
        };
        Self {
            name,
            pool,
            topic: manifest.topic.as_str().into(),
            stamps: Stamps::new(&manifest, engine_name),
            wording: Wording::new(&manifest, &lifecycle, base_uri),
            lifecycle,
            runner,
            abilities,
            any_ability,
            manifest,
        }
    }

    /// What can be done with the channel's own operations: by the account that the interaction belongs
    /// to, or, where that is not known, by any account.
    pub(super) fn abilities(&self, interaction: Option<&Interaction>) -> Abilities {
        let account = interaction.and_then(|interaction| match interaction.direction {
            Direction::Inbound => interaction.account.as_deref(),
            Direction::Outbound => interaction.from.as_deref(),
        });
        account.and_then(|account| self.abilities.get(account)).copied().unwrap_or(self.any_ability)
    }

    /// An interaction as a client sees it.
    pub(super) fn resource<'a>(
        &'a self,
        interaction: &'a Interaction,
        seen: Seen,
        permitted: bool,
        in_focus: bool,
    ) -> Resource<'a> {
        Resource {
            interaction,
            wording: &self.wording,
            lifecycle: &self.lifecycle,
            abilities: self.abilities(Some(interaction)),
            seen,
            permitted,
            in_focus,
        }
    }

    pub(super) fn is_run_by_plugin(&self) -> bool {
        matches!(self.runner, Runner::Plugin(_))
    }

    pub(super) fn on_unknown(&self, account: &str) -> OnUnknown {
        self.manifest.account(account).map_or(OnUnknown::Ask, |account| account.on_unknown)
    }
}

/// Finds channels by name and by path.
#[derive(Default)]
pub(super) struct Channels {
    /// A chain that only grows. Every call looks its channel up: a lock, or a count of those who look, would be
    /// written by all of them, and the cores would wait for each other's writing.
    first: Link,
    /// Held while channels are added.
    adding: Mutex<()>,
}

type Link = OnceLock<Box<Node>>;

struct Node {
    entry: Arc<Entry>,
    next: Link,
}

/// Channels that are being added; dropped, they are not.
pub(super) struct Adding<'a> {
    channels: &'a Channels,
    added: Vec<Arc<Entry>>,
    _only: MutexGuard<'a, ()>,
}

impl Adding<'_> {
    pub(super) fn entries(&self) -> &[Arc<Entry>] {
        &self.added
    }

    /// From now on they are found.
    pub(super) fn finish(self) -> Vec<Arc<Entry>> {
        let links = self
            .added
            .iter()
            .rev()
            .fold(Link::new(), |next, entry| Link::from(Box::new(Node { entry: entry.clone(), next })));
        // All at once, at the chain's end, which nobody else moves.
        let mut end = &self.channels.first;
        while let Some(node) = end.get() {
            end = &node.next;
        }
        if let Some(added) = links.into_inner() {
            assert!(end.set(added).is_ok(), "one at a time adds channels");
        }
        self.added
    }
}

/// Two channels that want the same name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {what} `{name}` is served already: a channel is run by one plugin or by the host")]
pub struct ChannelTaken {
    what: &'static str,
    name: String,
}

impl Channels {
    /// Begins to add channels, all or none: nobody finds them before the end of that, and nobody else adds
    /// any.
    pub(super) fn begin(
        &self,
        manifests: Vec<Manifest>,
        engine_name: &str,
        base_uri: &str,
        runner: impl Fn() -> Runner,
    ) -> Result<Adding<'_>, ChannelTaken> {
        let only = self.adding.lock();
        let mut added: Vec<Arc<Entry>> = Vec::new();
        for manifest in manifests {
            for other in self.all().chain(&added) {
                clash(&manifest, &other.manifest)?;
            }
            added.push(Arc::new(Entry::new(manifest, engine_name, base_uri, runner())));
        }
        Ok(Adding { channels: self, added, _only: only })
    }

    pub(super) fn find(&self, name: &str) -> Option<&Arc<Entry>> {
        self.all().find(|entry| *entry.name == *name)
    }

    /// The channel that a path segment under `/api/v2/me` stands for.
    pub(super) fn of_collection(&self, segment: &str) -> Option<&Arc<Entry>> {
        self.all().find(|entry| entry.manifest.collections.iter().any(|path| path == segment))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Entry>> {
        std::iter::successors(self.first.get(), |node| node.next.get()).map(|node| &node.entry)
    }

    /// The names, for messages.
    pub(super) fn names(&self) -> String {
        let mut names = String::new();
        for entry in self.all() {
            let _ = write!(names, "{}`{}`", if names.is_empty() { "" } else { ", " }, entry.name);
        }
        if names.is_empty() { "none".into() } else { names }
    }
}

fn clash(new: &Manifest, old: &Manifest) -> Result<(), ChannelTaken> {
    let taken = |what, name: &str| Err(ChannelTaken { what, name: name.to_owned() });
    if new.channel == old.channel {
        return taken("channel", &new.channel);
    }
    if new.topic == old.topic {
        return taken("topic", &new.topic);
    }
    match new.collections.iter().find(|path| old.collections.contains(path)) {
        Some(path) => taken("collection", path),
        None => Ok(()),
    }
}
