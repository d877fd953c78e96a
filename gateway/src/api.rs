//! The Web Services surface: from a method, a path and a body to a status and a JSON reply.

use serde_json::{Value, json};
use strowger::{API_MULTIMEDIA, Agent, Engine, Refusal, StatusCode};

/// What a client gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) http_status: u16,
    pub(crate) body: String,
}

/// Where every path of an agent begins.
const ME: &str = "/api/v2/me/";

/// Answers a request of an agent.
pub(crate) fn answer(engine: &Engine, agent: &Agent, method: &str, target: &str, body: &[u8]) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Some((collection, id)) = place(path) else { return Answer::refused(&nothing_at(path)) };
    match method {
        "POST" => perform(engine, agent, collection, id, body),
        "GET" => read(engine, agent, collection, id, query),
        _ => Answer::refused(&Refusal::new(
            StatusCode::Invalid,
            format!("the method {method:.16} is not served here: expected GET or POST"),
        )),
    }
}

/// The collection and, on an item's path, the interaction's id.
fn place(path: &str) -> Option<(&str, Option<&str>)> {
    // Samples write the path without its first slash.
    let rest = path.trim_start_matches('/').strip_prefix(ME.trim_start_matches('/'))?;
    Some(match rest.split_once('/') {
        None | Some((_, "")) => (rest.trim_end_matches('/'), None),
        Some((collection, id)) => (collection, Some(id)),
    })
}

/// Performs an operation on a collection or, with an id, on an interaction.
pub(crate) fn perform(
    engine: &Engine,
    agent: &Agent,
    collection: &str,
    id: Option<&str>,
    body: &[u8],
) -> Answer {
    let performed = channel_of(engine, collection)
        .and_then(|channel| agent.perform(&channel, id, body).map_err(internal))
        .map(|reply| Answer { http_status: reply.http_status(), body: reply.to_json() });
    performed.unwrap_or_else(|refusal| Answer::refused(&refusal))
}

/// Lists a collection or, with an id, shows an interaction.
pub(crate) fn read(
    engine: &Engine,
    agent: &Agent,
    collection: &str,
    id: Option<&str>,
    query: &str,
) -> Answer {
    channel_of(engine, collection)
        .and_then(|channel| try_read(engine, agent, &channel, id, query))
        .unwrap_or_else(|refusal| Answer::refused(&refusal))
}

/// Shows the interaction that an address leads to: `tweet/0MWPRYBVQAUUEO5O`, which stands behind `/api/v2/` in
/// the `uri` of every resource.
pub(crate) fn read_address(engine: &Engine, agent: &Agent, address: &str) -> Answer {
    let nowhere = || Answer::refused(&nothing_at(&format!("/api/v2/{address}")));
    let Some((path, id)) = address.rsplit_once('/') else { return nowhere() };
    let channel = engine
        .channels()
        .into_iter()
        .find(|channel| engine.manifest(channel).is_ok_and(|manifest| manifest.uri_path == path));
    let Some(channel) = channel else { return nowhere() };
    try_read(engine, agent, &channel, Some(id), "").unwrap_or_else(|refusal| Answer::refused(&refusal))
}

fn channel_of(engine: &Engine, collection: &str) -> Result<String, Refusal> {
    engine.channel_of_collection(collection).ok_or_else(|| nothing_at(&format!("{ME}{collection}")))
}

fn try_read(
    engine: &Engine,
    agent: &Agent,
    channel: &str,
    id: Option<&str>,
    query: &str,
) -> Result<Answer, Refusal> {
    let manifest = engine.manifest(channel).map_err(internal)?;
    let (member, value) = match id {
        Some(id) => {
            let resource = agent.read(channel, id).map_err(internal)?.ok_or_else(|| {
                Refusal::new(StatusCode::NotFound, format!("there is no interaction `{id:.64}`"))
            })?;
            (manifest.resource, resource)
        }
        None if query.split('&').any(|part| part == "fields" || part.starts_with("fields=")) => {
            (manifest.list_member, format!("[{}]", agent.list(channel).map_err(internal)?.join(",")))
        }
        None => ("uris".to_owned(), json!(agent.uris(channel).map_err(internal)?).to_string()),
    };
    Ok(Answer {
        http_status: StatusCode::Success.http_status(),
        body: format!("{{\"statusCode\":0,{}:{value}}}", Value::from(member)),
    })
}

impl Answer {
    /// What a client gets for a refusal.
    pub(crate) fn refused(refusal: &Refusal) -> Self {
        Self {
            http_status: refusal.http_status(),
            body: json!({ "statusCode": refusal.code().number(), "statusMessage": refusal.message() })
                .to_string(),
        }
    }
}

/// Nothing is served at that path.
pub(crate) fn nothing_at(path: &str) -> Refusal {
    Refusal::new(StatusCode::NotFound, format!("nothing is served at `{path:.128}`"))
}

/// The agent lacks the feature without which there is nothing to do here.
pub(crate) fn no_multimedia(agent: &str) -> Refusal {
    Refusal::new(StatusCode::NoPermission, format!("agent `{agent}` lacks the feature `{API_MULTIMEDIA}`"))
}

fn internal(error: strowger::Error) -> Refusal {
    match error {
        strowger::Error::Refused(refusal) => refusal,
        other => Refusal::new(StatusCode::Internal, other.to_string()),
    }
}
