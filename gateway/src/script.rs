//! The lines of a replay file.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// One line.
#[derive(Debug)]
pub(crate) struct Line {
    /// Counts from 1.
    pub(crate) number: usize,
    pub(crate) step: Step,
    /// The name of the interaction that it makes.
    pub(crate) name: Option<String>,
}

/// What a line asks for.
#[derive(Debug)]
pub(crate) enum Step {
    Request { agent: String, method: String, path: String, body: Option<Value> },
    Receive { channel: String, inbound: Value },
    Offer { id: String, agent: String },
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
#[error("line {number}: {problem}")]
pub(crate) struct ScriptError {
    pub(crate) number: usize,
    pub(crate) problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    agent: Option<String>,
    method: Option<String>,
    path: Option<String>,
    body: Option<Value>,
    receive: Option<String>,
    inbound: Option<Map<String, Value>>,
    offer: Option<String>,
    #[serde(rename = "as")]
    name: Option<String>,
}

/// Reads a whole file.
pub(crate) fn parse(text: &str) -> Result<Vec<Line>, ScriptError> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            parse_line(line)
                .map(|(step, name)| Line { number, step, name })
                .map_err(|problem| ScriptError { number, problem })
        })
        .collect()
}

fn parse_line(line: &str) -> Result<(Step, Option<String>), String> {
    let written: Written = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let step = match written {
        Written { receive: Some(channel), inbound: Some(inbound), path: None, offer: None, .. } => {
            Step::Receive { channel, inbound: inbound.into() }
        }
        Written { offer: Some(id), agent: Some(agent), path: None, receive: None, .. } => {
            Step::Offer { id, agent }
        }
        Written {
            path: Some(path), agent: Some(agent), method, body, offer: None, receive: None, ..
        } => Step::Request { agent, method: method.unwrap_or_else(|| "POST".into()), path, body },
        _ => {
            return Err("expected a request with `agent` and `path`, a `receive` with `inbound`, \
                        or an `offer` with `agent`"
                .into());
        }
    };
    Ok((step, written.name))
}

/// The ids that names stand for.
#[derive(Default)]
pub(crate) struct Names {
    ids: HashMap<String, String>,
}

impl Names {
    pub(crate) fn set(&mut self, name: &str, id: &str) {
        self.ids.insert(name.to_owned(), id.to_owned());
    }

    /// The text with the id for every `{name}` that is known.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
    }

    /// Fills the strings of a document.
    pub(crate) fn fill_all(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.fill(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill_all(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.fill_all(member)),
            _ => {}
        }
    }
}
