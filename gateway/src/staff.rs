//! The agents that may log in.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use strowger::{API_MULTIMEDIA, Agent, Engine};

use crate::auth::PasswordHash;

/// An agent who may log in.
pub(crate) struct Colleague {
    pub(crate) id: Arc<str>,
    pub(crate) features: Vec<String>,
    pub(crate) agent: Agent,
    pub(crate) password: PasswordHash,
}

impl Colleague {
    /// Makes the agent known to the engine.
    pub(crate) fn new(
        engine: &Engine,
        id: &str,
        features: &[&str],
        password: PasswordHash,
    ) -> Result<Self, strowger::Error> {
        Ok(Self {
            id: id.into(),
            features: features.iter().map(|&feature| feature.to_owned()).collect(),
            agent: engine.agent(id, features)?,
            password,
        })
    }

    /// Whether the agent has anything to do with interactions.
    pub(crate) fn has_multimedia(&self) -> bool {
        self.features.iter().any(|feature| feature == API_MULTIMEDIA)
    }
}

impl fmt::Debug for Colleague {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Colleague").field("id", &self.id).finish_non_exhaustive()
    }
}

/// All of them.
pub(crate) struct Staff {
    by_id: HashMap<Arc<str>, Arc<Colleague>>,
}

impl Staff {
    pub(crate) fn new(colleagues: impl IntoIterator<Item = Colleague>) -> Self {
        let named = colleagues.into_iter().map(|colleague| (colleague.id.clone(), Arc::new(colleague)));
        Self { by_id: named.collect() }
    }

    /// The agents that have to do with interactions, by name.
    pub(crate) fn directory(&self) -> Vec<&str> {
        let known = self.by_id.values().filter(|colleague| colleague.has_multimedia());
        let mut names: Vec<_> = known.map(|colleague| &*colleague.id).collect();
        names.sort_unstable();
        names
    }

    /// The hashes of all passwords, in no order.
    pub(crate) fn passwords(&self) -> impl Iterator<Item = &PasswordHash> {
        self.by_id.values().map(|colleague| &colleague.password)
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Arc<Colleague>> {
        self.by_id.get(id)
    }
}
