//! The endpoints of the platforms, as data: what is routed, what help shows, and what a test that wants to leave
//! none out goes through.

use std::fmt::Write as _;

use crate::oneall;

/// An endpoint of a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// Whose it is, as help calls it.
    pub platform: &'static str,
    /// The method.
    pub method: &'static str,
    /// The path; what stands in braces is one segment of the caller's. Graph's stand without their version.
    pub path: String,
    /// What it does here.
    pub what: &'static str,
}

impl Endpoint {
    /// Whether it changes something.
    pub fn writes(&self) -> bool {
        self.method != "GET"
    }

    /// Whether a request of that method to that path, without its query, is one to this endpoint.
    pub fn covers(&self, method: &str, path: &str) -> bool {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let segments = match segments.as_slice() {
            [version, rest @ ..] if self.platform == GRAPH_NAME && version.starts_with('v') => rest,
            segments => segments,
        };
        self.method == method && fits(&self.path, segments)
    }
}

/// An endpoint whose path is known when the program is built.
pub(crate) struct Row {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) what: &'static str,
}

const fn row(method: &'static str, path: &'static str, what: &'static str) -> Row {
    Row { method, path, what }
}

const GRAPH_NAME: &str = "Facebook Graph";

/// X API v2. What is not here is answered 404, whatever the code behind could do.
pub(crate) const X: &[Row] = &[
    row("POST", "/2/tweets", "publish"),
    row("DELETE", "/2/tweets/{id}", "delete"),
    row("GET", "/2/users/me", "who is calling"),
    row("GET", "/2/users/{id}/tweets", "read back, newest first"),
    row("POST", "/2/users/{id}/retweets", "retweet"),
    row("DELETE", "/2/users/{id}/retweets/{tweet}", "take it back"),
    row("POST", "/2/users/{id}/likes", "like"),
    row("DELETE", "/2/users/{id}/likes/{tweet}", "take it back"),
    row("POST", "/2/users/{id}/following", "follow"),
    row("DELETE", "/2/users/{id}/following/{user}", "no longer follow"),
    row("POST", "/2/dm_conversations/with/{id}/messages", "direct message"),
    row("GET", "/2/dm_conversations/with/{id}/dm_events", "what was written to that person"),
    row("POST", "/2/media/upload/initialize", "begin an upload"),
    row("POST", "/2/media/upload/{id}/append", "a piece of it, as a form or as JSON"),
    row("POST", "/2/media/upload/{id}/finalize", "end it"),
    row("GET", "/2/media/upload", "?command=STATUS&media_id=: whether it is done"),
    row("POST", "/2/media/metadata", "describe a picture"),
    row("POST", "/2/oauth2/token", "refresh tokens"),
];

/// The Facebook Graph API. What is not here is answered with error 2500.
pub(crate) const GRAPH: &[Row] = &[
    row("POST", "/{page}/feed", "publish"),
    row("GET", "/{page}/feed", "read back, newest first"),
    row("POST", "/{page}/photos", "upload a picture; published=false keeps it back"),
    row("POST", "/{page}/videos", "publish a video"),
    row("GET", "/{page}/videos", "read back, newest first"),
    row("POST", "/{object}/comments", "comment"),
    row("GET", "/{object}/comments", "list comments, oldest first"),
    row("POST", "/{object}/likes", "like"),
    row("DELETE", "/{object}/likes", "take it back"),
    row("POST", "/{page}/messages", "Messenger"),
    row("POST", "/{object}", "is_hidden, message"),
    row("GET", "/{object}", "read something made here"),
    row("DELETE", "/{object}", "delete it"),
];

/// Every endpoint of every platform, in the order of help.
pub fn endpoints() -> Vec<Endpoint> {
    let of = |platform, rows: &'static [Row]| {
        rows.iter().map(move |row| Endpoint {
            platform,
            method: row.method,
            path: row.path.to_owned(),
            what: row.what,
        })
    };
    let oneall =
        oneall::endpoints().map(|(method, path, what)| Endpoint { platform: "OneAll", method, path, what });
    of("X API v2", X).chain(of(GRAPH_NAME, GRAPH)).chain(oneall).collect()
}

/// The methods that `rows` have for a path, and the path as the table writes it; none for an unknown path.
pub(crate) fn methods(rows: &'static [Row], segments: &[&str]) -> (&'static str, Vec<&'static str>) {
    let matching = || rows.iter().filter(|row| fits(row.path, segments));
    // A path that is spelt out goes before one in which an id could stand there.
    let path = matching().map(|row| row.path).min_by_key(|path| path.matches('{').count());
    let methods = rows.iter().filter(|row| Some(row.path) == path).map(|row| row.method).collect();
    (path.unwrap_or("unknown"), methods)
}

fn fits(pattern: &str, segments: &[&str]) -> bool {
    let parts: Vec<&str> = pattern.trim_start_matches('/').split('/').collect();
    parts.len() == segments.len()
        && parts
            .iter()
            .zip(segments)
            .all(|(part, segment)| (part.starts_with('{') && !segment.is_empty()) || part == segment)
}

/// The endpoints in plain text, as `--help` and `GET /_sandbox` show them.
pub(crate) fn endpoints_help() -> String {
    let mut out = String::new();
    let mut platform = "";
    // Writing to a String does not fail.
    for endpoint in endpoints() {
        if endpoint.platform != platform {
            let note = if endpoint.platform == GRAPH_NAME { " (with or without /v<version>)" } else { "" };
            let gap = if platform.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{gap}{}{note}:", endpoint.platform);
            platform = endpoint.platform;
        }
        let _ = writeln!(out, "  {:<6} {:<52} {}", endpoint.method, endpoint.path, endpoint.what);
    }
    out.push_str(CONTROL);
    out
}

const CONTROL: &str = "
Control (never harmed by faults but refuse):
  GET    /_sandbox             help               DELETE: forget everything
  GET    /_sandbox/posts       what was published, oldest first; DELETE: forget
  GET    /_sandbox/media       what was uploaded
  GET    /_sandbox/relations   likes, follows, hidden comments
  GET    /_sandbox/requests    what arrived, credentials blotted out; DELETE: forget
  GET    /_sandbox/faults      armed faults       DELETE: disarm
  POST   /_sandbox/faults      arm one: {\"path\": prefix or pattern with *, \"method\"?, \"fault\": name,
                               \"times\": 1, \"skip\": 0, ...members of the fault}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_belongs_to_one_endpoint() {
        let of = |method: &str, path: &str| {
            let all = endpoints();
            let found: Vec<_> = all.iter().filter(|endpoint| endpoint.covers(method, path)).collect();
            assert!(found.len() <= 1, "{method} {path}: {found:?}");
            found.first().map(|endpoint| endpoint.path.clone())
        };
        assert_eq!(of("POST", "/2/tweets").as_deref(), Some("/2/tweets"));
        assert_eq!(of("POST", "/v26.0/1/feed").as_deref(), Some("/{page}/feed"));
        assert_eq!(of("POST", "/1_2/comments").as_deref(), Some("/{object}/comments"));
        let pin = "/push/identities/t/pinterest/board/7/pin.json";
        assert_eq!(
            of("POST", pin).as_deref(),
            Some("/push/identities/{token}/pinterest/board/{id}/pin.json")
        );
        assert_eq!(of("PUT", "/2/tweets"), None);
        assert_eq!(methods(X, &["2", "users", "me"]), ("/2/users/me", vec!["GET"]));
        assert_eq!(methods(X, &["2", "nothing"]), ("unknown", vec![]));
    }
}
