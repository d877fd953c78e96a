//! What a panic in the middle of a change leaves behind: an engine that nobody knows the state of, and that
//! nobody uses any more.
//!
//! From the moment when a change may be in the store until everybody was told of it, a call holds a
//! [`Critical`]. If a panic passes it, memory and store may disagree, or somebody was not told: the engine
//! is poisoned. A panic anywhere else has changed nothing.

use std::sync::atomic::Ordering;

use super::apply::{Unapplied, error_of};
use super::{Error, Inner};
use crate::store::{Commit, CommitError, Prune, Pruned};

/// Refused, because the engine is poisoned.
pub(super) struct Poisoned;

impl From<Poisoned> for Error {
    fn from(_: Poisoned) -> Self {
        Self::Poisoned
    }
}

impl From<Poisoned> for Unapplied {
    fn from(_: Poisoned) -> Self {
        Self::Poisoned
    }
}

/// Held while a change may be in the store that not everybody knows of.
pub(super) struct Critical<'a> {
    inner: &'a Inner,
    /// The call is made by a destructor that runs because of another panic, which is not ours.
    was_panicking: bool,
}

impl Inner {
    /// Every call asks this first. Calls that wait ask again.
    pub(super) fn sound(&self) -> Result<(), Poisoned> {
        if self.poisoned.load(Ordering::Acquire) { Err(Poisoned) } else { Ok(()) }
    }

    /// Begins a change. Hold what is returned until everybody was told.
    pub(super) fn critical(&self) -> Result<Critical<'_>, Poisoned> {
        // Whoever waited for a lock that the panic let go of is stopped here.
        self.sound()?;
        Ok(Critical { inner: self, was_panicking: std::thread::panicking() })
    }

    /// Commits; `critical` shows that a panic would be noticed.
    pub(super) fn write(&self, commit: Commit, critical: &Critical<'_>) -> Result<(), CommitError> {
        self.change(critical, || self.store.commit(commit))
    }

    /// Forgets what has ended. Nobody is told of it.
    pub(super) fn forget(&self, prune: &Prune) -> Result<Pruned, Error> {
        let critical = self.critical()?;
        self.change(&critical, || self.store.prune(prune)).map_err(error_of)
    }

    /// The one way to the store's writing.
    fn change<T>(
        &self,
        _critical: &Critical<'_>,
        write: impl FnOnce() -> Result<T, CommitError>,
    ) -> Result<T, CommitError> {
        crate::failpoint::reach("before-commit");
        let written = write();
        if matches!(written, Err(CommitError::Unknown)) {
            self.poison();
        }
        crate::failpoint::reach("after-commit");
        written
    }

    /// Takes the engine out of use, and wakes whoever waits in it.
    fn poison(&self) {
        if !self.poisoned.swap(true, Ordering::AcqRel) {
            tracing::error!("a change broke off: the engine is taken out of use, open it again");
        }
        self.wake();
    }
}

impl Drop for Critical<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.was_panicking {
            self.inner.poison();
        }
    }
}
