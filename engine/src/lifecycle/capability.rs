//! Capabilities: which operations an interaction allows, the channel's own among them.

use std::sync::Arc;

use super::{Event, Source, TABLE};
use crate::channel::{ChannelOperation, Manifest, Place};

/// Which of a channel's own operations an account can do, as bits in the manifest's order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Abilities(u64);

impl Abilities {
    /// None of them.
    pub const NONE: Self = Self(0);

    const fn with(self, operation: usize) -> Self {
        Self(self.0 | 1 << operation)
    }

    const fn contain(self, operation: usize) -> bool {
        self.0 & (1 << operation) != 0
    }
}

/// The table as one channel sees it: its own operations added.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    operations: Arc<[ChannelOperation]>,
}

impl Lifecycle {
    /// The table with the operations of a manifest.
    pub fn new(manifest: &Manifest) -> Self {
        Self { operations: manifest.operations.clone().into() }
    }

    /// The channel's operations, in the manifest's order.
    pub fn channel_operations(&self) -> &[ChannelOperation] {
        &self.operations
    }

    /// The channel's operation of that name, and its number.
    pub fn channel_operation(&self, name: &str) -> Option<(usize, &ChannelOperation)> {
        self.operations.iter().enumerate().find(|(_, operation)| operation.name == name)
    }

    /// The channel's operations of these names, as a set.
    pub fn abilities<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Abilities {
        names
            .into_iter()
            .filter_map(|name| self.channel_operation(name))
            .fold(Abilities::NONE, |set, (index, _)| set.with(index))
    }

    /// Whether the channel's operation is allowed there, for an account that can do `able`.
    pub fn permits(&self, source: Source, operation: usize, able: Abilities) -> bool {
        able.contain(operation)
            && self.operations.get(operation).is_some_and(|operation| operation.allowed_at(source))
    }

    /// The names that a capability list shows there, in order: the engine's rows, then the channel's own
    /// as far as the account can do them. `Save` is allowed but not listed, by the published samples.
    pub fn capabilities(&self, source: Source, able: Abilities) -> impl Iterator<Item = &str> {
        let core = TABLE
            .iter()
            .filter(move |rule| rule.source == source && rule.listed)
            .map(|rule| rule.event.name());
        core.chain(self.own(source, able))
    }

    /// Every operation that is allowed there, listed as a capability or not.
    pub fn allowed(&self, source: Source, able: Abilities) -> impl Iterator<Item = &str> {
        let core = TABLE
            .iter()
            .filter(move |rule| rule.source == source && matches!(rule.event, Event::Agent(_)))
            .map(|rule| rule.event.name());
        core.chain(self.own(source, able))
    }

    /// The names of the channel's own that are allowed there.
    pub(crate) fn own(&self, source: Source, able: Abilities) -> impl Iterator<Item = &str> {
        self.operations
            .iter()
            .enumerate()
            .filter(move |(index, _)| self.permits(source, *index, able))
            .map(|(_, operation)| operation.name.as_str())
    }
}

impl ChannelOperation {
    /// Whether the operation is allowed there, as far as the manifest goes.
    pub fn allowed_at(&self, source: Source) -> bool {
        self.places.contains(&match source {
            Source::Collection => Place::Collection,
            Source::At(_, state) => Place::State(state),
        })
    }
}
