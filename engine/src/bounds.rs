//! What is refused for its size, or for a queue that nobody declared: the same for agents and hosts.

use std::fmt;

use crate::config::Limits;
use crate::interaction::UserData;
use crate::operation::{QueuePath, Refusal};

impl Limits {
    /// Refuses a text over the limit.
    pub(crate) fn check_text(&self, name: impl fmt::Display, text: &str) -> Result<(), Refusal> {
        check(format_args!("`{name}` has"), text.len(), "bytes", self.message_bytes)
    }

    /// Refuses user data over the limits. `what_has` begins the refusal's text.
    pub(crate) fn check_user_data(&self, what_has: &str, user_data: &UserData) -> Result<(), Refusal> {
        check(what_has, user_data.len(), "keys", self.user_data_keys)?;
        check(what_has, user_data.as_str().len(), "bytes", self.user_data_bytes)
    }
}

fn check(what_has: impl fmt::Display, found: usize, unit: &str, limit: usize) -> Result<(), Refusal> {
    if found > limit {
        return Err(Refusal::out_of_range(format!("{what_has} {found} {unit}: at most {limit} are allowed")));
    }
    Ok(())
}

/// Refuses a queue that was not declared, where queues are.
pub(crate) fn check_declared(declared: Option<&[QueuePath]>, queue: &QueuePath) -> Result<(), Refusal> {
    match declared {
        Some(declared) if !declared.contains(queue) => {
            Err(Refusal::not_found(format!("there is no queue `{queue}`")))
        }
        _ => Ok(()),
    }
}
