//! Which platform a path belongs to.
//!
//! The platforms' paths do not meet, so one address serves them all: X lives under `/2/`, control under
//! `/_sandbox`, OneAll under `/push/` and `/pull/`, Graph under a version or an object id. A further platform is a
//! module with `answer` and `error`, a variant of [`Place`], its line in [`place`], and its table in `endpoints`.

use serde_json::json;

use crate::faults::Armed;
use crate::http::{Request, Response};
use crate::options::Options;
use crate::requests::Log;
use crate::state::State;
use crate::{control, graph, oneall, x};

/// Everything that changes, behind the sandbox's one lock.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) faults: Armed,
    pub(crate) log: Log,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    X,
    Graph,
    OneAll,
    Control,
    Nowhere,
}

pub(crate) fn place(path: &str) -> Place {
    let first = path.split('/').find(|part| !part.is_empty()).unwrap_or_default();
    let is_version = first
        .strip_prefix('v')
        .and_then(|rest| rest.split_once('.'))
        .is_some_and(|(major, minor)| is_number(major) && is_number(minor));
    let is_object = first.split('_').all(is_number);
    match first {
        "_sandbox" => Place::Control,
        "2" => Place::X,
        "me" => Place::Graph,
        "push" | "pull" => Place::OneAll,
        _ if is_version || is_object => Place::Graph,
        _ => Place::Nowhere,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Performs a request.
pub(crate) fn answer(request: &Request, world: &mut World, options: &Options, now_ms: i64) -> Response {
    match place(&request.path) {
        Place::X => x::answer(request, &mut world.state, options, now_ms),
        Place::Graph => graph::answer(request, &mut world.state, options, now_ms),
        Place::OneAll => oneall::answer(request, &mut world.state, options, now_ms),
        Place::Control => control::answer(request, world, options),
        Place::Nowhere => nowhere(404),
    }
}

/// An error of that status as the path's platform words it, for faults.
pub(crate) fn error(path: &str, status: u16, now_ms: i64) -> Response {
    match place(path) {
        Place::X => x::error(status, now_ms),
        Place::Graph => graph::error(status),
        Place::OneAll => oneall::error(status, now_ms),
        Place::Control | Place::Nowhere => nowhere(status),
    }
}

fn nowhere(status: u16) -> Response {
    let text = "no platform has this path here: X is under /2/, Graph under /v<version>/, \
                OneAll under /push/ and /pull/, help at /_sandbox";
    Response::json(status, &json!({ "error": text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_belong_to_one_platform() {
        for (path, expected) in [
            ("/2/tweets", Place::X),
            ("/v26.0/1/feed", Place::Graph),
            ("/449156051903439/feed", Place::Graph),
            ("/1_2", Place::Graph),
            ("/me/feed", Place::Graph),
            ("/_sandbox/posts", Place::Control),
            ("/v26/1/feed", Place::Nowhere),
            ("/2_/x", Place::Nowhere),
            ("/push/identities/t/twitter/post.json", Place::OneAll),
            ("/", Place::Nowhere),
        ] {
            assert_eq!(place(path), expected, "{path}");
        }
    }
}
