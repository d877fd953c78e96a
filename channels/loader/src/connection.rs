//! The member `connection` of a plugin's configuration: limits, proxy and certificates as an operator sets them. It is
//! the loader's, taken out before the plugin sees the rest, so that hosts in every language have it.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::blot::Blotter;
use crate::http::ConnectionLimits;
use crate::options::{ConversationLimits, Options};

/// Its name.
pub(crate) const MEMBER: &str = "connection";
/// The longest that a limit may be: an hour, in milliseconds.
const MAX_MS: u64 = 3_600_000;
/// The largest file of certificates, in bytes: all public ones take a fifth of it.
const MAX_CERTIFICATES_BYTES: u64 = 1 << 20;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Document {
    resolve_ms: Option<u64>,
    connect_ms: Option<u64>,
    send_ms: Option<u64>,
    receive_ms: Option<u64>,
    request_ms: Option<u64>,
    conversation_ms: Option<u64>,
    proxy: Option<String>,
    ca_file: Option<String>,
}

/// Takes the member out of the configuration and puts what it says over the host's options. An error names the
/// member at fault, and holds no value.
pub(crate) fn take(
    config: &mut Map<String, Value>,
    options: &Options,
    blotter: &Blotter,
) -> Result<(ConnectionLimits, ConversationLimits), String> {
    let (mut connection, mut limits) = (options.connection.clone(), options.limits);
    let Some(part) = config.shift_remove(MEMBER) else { return Ok((connection, limits)) };
    if let Some(proxy) = part["proxy"].as_str() {
        learn_proxy(proxy, blotter);
    }
    // serde's words quote a value that is of the wrong kind; its name is said here instead.
    let wrong = || {
        "`connection`: members are `resolve_ms`, `connect_ms`, `send_ms`, `receive_ms`, `request_ms` and \
         `conversation_ms` (whole numbers), `proxy` and `ca_file` (strings)"
            .to_owned()
    };
    let document: Document = serde_json::from_value(part).map_err(|_| wrong())?;
    let own = [
        ("resolve_ms", document.resolve_ms, &mut connection.resolve),
        ("connect_ms", document.connect_ms, &mut connection.connect),
        ("send_ms", document.send_ms, &mut connection.send),
        ("receive_ms", document.receive_ms, &mut connection.receive),
    ];
    let built_in =
        own.iter().any(|(_, ms, _)| ms.is_some()) || document.proxy.is_some() || document.ca_file.is_some();
    if built_in && options.http.is_some() {
        return Err(
            "`connection`: this host makes the requests itself, so `request_ms` and `conversation_ms` \
                    alone can be set here"
                .to_owned(),
        );
    }
    let all = [
        ("request_ms", document.request_ms, &mut limits.request),
        ("conversation_ms", document.conversation_ms, &mut limits.duration),
    ];
    for (name, ms, limit) in own.into_iter().chain(all) {
        match ms {
            None => {}
            Some(ms @ 1..=MAX_MS) => *limit = Duration::from_millis(ms),
            Some(_) => return Err(format!("`connection.{name}` must be from 1 to {MAX_MS}")),
        }
    }
    if document.proxy.is_some() {
        connection.proxy = document.proxy;
    }
    if let Some(path) = document.ca_file {
        let problem = |problem: &str| format!("`connection.ca_file` {problem}");
        if !Path::new(&path).is_absolute() {
            return Err(problem("must be an absolute path"));
        }
        let mut pem = Vec::new();
        let file = std::fs::File::open(&path).map_err(|error| problem(&format!("can't be read: {error}")))?;
        file.take(MAX_CERTIFICATES_BYTES + 1)
            .read_to_end(&mut pem)
            .map_err(|error| problem(&format!("can't be read: {error}")))?;
        if pem.len() as u64 > MAX_CERTIFICATES_BYTES {
            return Err(problem("is longer than 1 MiB"));
        }
        connection.root_certificates_pem = Some(pem);
    }
    Ok((connection, limits))
}

/// Of a proxy's address, the name and the password are nobody's business.
fn learn_proxy(proxy: &str, blotter: &Blotter) {
    let authority = proxy.split_once("://").map_or(proxy, |(_, rest)| rest);
    if let Some((login, _)) = authority.rsplit_once('@') {
        blotter.learn_value(login);
        if let Some((_, password)) = login.split_once(':') {
            blotter.learn_value(password);
        }
    }
}
