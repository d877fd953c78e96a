//! The Web Services surface: from a method, a path and a body to a status and a JSON reply.

use serde_json::{Value, json};
use strowger::{Agent, Engine, Refusal, StatusCode};

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
    let answered = route(engine, path).and_then(|(channel, id)| match method {
        "POST" => {
            let reply = agent.perform(&channel, id, body).map_err(internal)?;
            Ok(Answer { http_status: reply.http_status(), body: reply.to_json() })
        }
        "GET" => read(engine, agent, &channel, id, query),
        _ => Err(Refusal::new(
            StatusCode::Invalid,
            format!("the method {method:.16} is not served here: expected GET or POST"),
        )),
    });
    answered.unwrap_or_else(|refusal| Answer {
        http_status: refusal.http_status(),
        body: json!({ "statusCode": refusal.code().number(), "statusMessage": refusal.message() })
            .to_string(),
    })
}

/// The channel and, on an item's path, the interaction's id.
fn route<'a>(engine: &Engine, path: &'a str) -> Result<(String, Option<&'a str>), Refusal> {
    let unknown = || Refusal::new(StatusCode::NotFound, format!("nothing is served at `{path:.128}`"));
    // Samples write the path without its first slash.
    let me = ME.trim_start_matches('/');
    let rest = path.trim_start_matches('/').strip_prefix(me).ok_or_else(unknown)?;
    let (collection, id) = match rest.split_once('/') {
        None | Some((_, "")) => (rest.trim_end_matches('/'), None),
        Some((collection, id)) => (collection, Some(id)),
    };
    let channel = engine.channel_of_collection(collection).ok_or_else(unknown)?;
    Ok((channel, id))
}

fn read(
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

fn internal(error: strowger::Error) -> Refusal {
    match error {
        strowger::Error::Refused(refusal) => refusal,
        other => Refusal::new(StatusCode::Internal, other.to_string()),
    }
}
