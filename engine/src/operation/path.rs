//! Paths that name queues and agents: `/queues/<id>`, `/contacts/<id>`, `/users/<id>`, or an absolute URI
//! that ends in one of them.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::interaction::AgentId;

/// Names a queue: `/queues/<id>` or `/contacts/<id>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueuePath(Arc<str>);

/// Where a Transfer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferTarget {
    /// To an agent.
    Agent(AgentId),
    /// To a queue.
    Queue(QueuePath),
}

/// A text that names neither a queue nor, where one may stand, an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{expected}")]
pub struct InvalidPath {
    expected: &'static str,
}

const LONGEST: usize = 512;
const QUEUE_EXPECTED: &str = "is not a queue's path: expected `/queues/<id>` or `/contacts/<id>`";
const TARGET_EXPECTED: &str =
    "is not a target: expected `/users/<id>` for an agent, `/queues/<id>` or `/contacts/<id>` for a queue";

impl QueuePath {
    /// Takes a path, or an absolute URI with such a path.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        match target(text) {
            Some(TransferTarget::Queue(path)) => Ok(path),
            _ => Err(InvalidPath { expected: QUEUE_EXPECTED }),
        }
    }

    /// The path's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TransferTarget {
    /// Takes a path, or an absolute URI with such a path.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        target(text).ok_or(InvalidPath { expected: TARGET_EXPECTED })
    }
}

impl fmt::Display for QueuePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for QueuePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

fn target(text: &str) -> Option<TransferTarget> {
    let (path, before_kind) = if text.starts_with('/') {
        (text, 0)
    } else {
        let (scheme, rest) = text.split_once("://")?;
        if !matches!(scheme, "http" | "https") {
            return None;
        }
        // The interface's own prefix, or a proxy's, may stand before the last two parts.
        let path = &rest[rest.find('/')?..];
        (path, path[..path.rfind('/')?].rfind('/')?)
    };
    let name = &path[before_kind + 1..];
    let agent = name.strip_prefix("users/");
    let id = agent.or_else(|| name.strip_prefix("queues/")).or_else(|| name.strip_prefix("contacts/"))?;
    if path.len() > LONGEST || !is_name(id) {
        return None;
    }
    match agent {
        Some(agent) => AgentId::parse(agent).ok().map(TransferTarget::Agent),
        None => Some(TransferTarget::Queue(QueuePath(path[before_kind..].into()))),
    }
}

/// Whether a path may end in this text.
fn is_name(id: &str) -> bool {
    // Almost always plain: then all bytes are looked at without a branch for each.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'/');
    let is_unfit = |character: char| {
        matches!(character, '?' | '#' | '/') || character.is_whitespace() || character.is_control()
    };
    !id.is_empty() && (id.bytes().fold(true, |plain, byte| plain & is_plain(byte)) || !id.contains(is_unfit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_uris_name_queues_and_agents() {
        let queue = |text: &str| QueuePath::parse(text).map(|path| path.to_string()).ok();
        assert_eq!(queue("/queues/q1").as_deref(), Some("/queues/q1"));
        assert_eq!(queue("http://h:8080/api/v2/contacts/60eb-94").as_deref(), Some("/contacts/60eb-94"));
        for wrong in [
            "",
            "/",
            "queues/q1",
            "/queues/",
            "/queues",
            "/queues/a b",
            "/x/q1",
            "/a/queues/q1",
            "ftp://h/queues/q1",
            "http://queues",
            "/users/a1",
            "/queues/q?x",
        ] {
            assert_eq!(queue(wrong), None, "{wrong}");
        }
        assert_eq!(
            TransferTarget::parse("https://h/api/v2/users/a1"),
            Ok(TransferTarget::Agent(AgentId::parse("a1").unwrap()))
        );
    }
}
