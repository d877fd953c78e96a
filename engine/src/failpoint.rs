//! Named places at which a test can stop the process, or panic. In a build without the feature `failpoints` they
//! are nothing.
//!
//! | name | where |
//! |---|---|
//! | `before-intent`, `after-intent` | around the commit that allows the publishing request |
//! | `before-outcome`, `after-outcome` | around the commit of what came of it |
//! | `before-flush`, `after-flush` | around the flush of a group of commits |
//! | `before-commit`, `after-commit` | around every commit, where a panic poisons the engine |
//! | `telling` | before an agent is told of a change that is made |
//! | `reading`, `listing`, `drawing`, `polling`, `closing` | in what changes nothing |
//! | `in-migration` | in a migration of a store, before its end is committed |
//! | `in-compaction` | in a compaction of a store, again and again, and before and after its log is taken in |
//! | `in-import` | when an import is written, and before it becomes the store |

#[cfg(feature = "failpoints")]
mod hook {
    use std::sync::OnceLock;

    static HOOK: OnceLock<fn(&'static str)> = OnceLock::new();

    /// Calls `hook` with the name of every place that is reached from now on. The first hook stays.
    pub fn install(hook: fn(&'static str)) {
        let _ = HOOK.set(hook);
    }

    pub(crate) fn reach(name: &'static str) {
        if let Some(hook) = HOOK.get() {
            hook(name);
        }
    }
}

#[cfg(feature = "failpoints")]
pub use hook::install;
#[cfg(feature = "failpoints")]
pub(crate) use hook::reach;

#[cfg(not(feature = "failpoints"))]
pub(crate) const fn reach(_name: &'static str) {}
