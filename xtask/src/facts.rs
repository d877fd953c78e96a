//! What tests hold the plugins' requests to, taken from the platforms' own machine-readable documents: names, types,
//! limits and the values that are allowed. Their words (titles, descriptions, examples) are left out.
//!
//! * X: the `OpenAPI` document that `GET https://api.x.com/2/openapi.json` answers.
//! * Facebook: the folder `api_specs/specs` of the repository `facebook/facebook-business-sdk-codegen`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::{Map, Value, json};

/// The operations of X that the plugin uses.
const X_OPERATIONS: &[(&str, &str)] = &[
    ("POST", "/2/tweets"),
    ("GET", "/2/users/{id}/tweets"),
    ("POST", "/2/users/{id}/retweets"),
    ("POST", "/2/users/{id}/likes"),
    ("DELETE", "/2/users/{id}/likes/{tweet_id}"),
    ("POST", "/2/users/{id}/following"),
    ("DELETE", "/2/users/{source_user_id}/following/{target_user_id}"),
    ("POST", "/2/dm_conversations/with/{participant_id}/messages"),
    ("GET", "/2/dm_conversations/with/{participant_id}/dm_events"),
    ("POST", "/2/media/upload/initialize"),
    ("POST", "/2/media/upload/{id}/append"),
    ("POST", "/2/media/upload/{id}/finalize"),
    ("GET", "/2/media/upload"),
    ("POST", "/2/media/metadata"),
];

/// The edges of the Graph that the plugin uses: the node's kind, the method, the edge (none for the node itself),
/// and the kind of what it shows.
const GRAPH_EDGES: &[(&str, &str, Option<&str>, &str)] = &[
    ("Page", "POST", Some("feed"), "PagePost"),
    ("Page", "GET", Some("feed"), "PagePost"),
    ("Page", "POST", Some("photos"), "Photo"),
    ("Page", "POST", Some("videos"), "AdVideo"),
    ("Page", "GET", Some("videos"), "AdVideo"),
    ("Page", "POST", Some("messages"), "Page"),
    ("AdVideo", "GET", None, "AdVideo"),
    ("PagePost", "POST", Some("comments"), "Comment"),
    ("PagePost", "GET", Some("comments"), "Comment"),
    ("Comment", "POST", Some("comments"), "Comment"),
    ("Comment", "GET", Some("comments"), "Comment"),
];

/// A member of a schema that says something about values.
const TELLING: &[&str] = &[
    "type",
    "enum",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "required",
    "additionalProperties",
];

/// Why facts could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// A document can't be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The document.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// A document does not have what is looked for.
    #[error("{path} has no {what}: is it the document that `xtask facts --help` names?")]
    Missing {
        /// The document.
        path: PathBuf,
        /// What is missing.
        what: String,
    },
}

/// The facts of X's `OpenAPI` document.
pub fn x(path: &Path) -> Result<Value, FactsError> {
    let document = read(path)?;
    let missing = |what: String| FactsError::Missing { path: path.to_owned(), what };
    let version = document["info"]["version"].as_str().ok_or_else(|| missing("version".to_owned()))?;
    let mut operations = Vec::new();
    for (method, template) in X_OPERATIONS {
        let operation = &document["paths"][*template][method.to_lowercase()];
        if operation.is_null() {
            return Err(missing(format!("{method} {template}")));
        }
        let (mut places, mut query, mut required) = (Map::new(), Map::new(), Vec::new());
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = resolved(&document, parameter);
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            let schema = reduced(&document, &parameter["schema"]);
            match parameter["in"].as_str() {
                Some("path") => drop(places.insert(name, schema)),
                Some("query") => {
                    if parameter["required"] == true {
                        required.push(name.clone());
                    }
                    query.insert(name, schema);
                }
                _ => {}
            }
        }
        let bodies = operation["requestBody"]["content"].as_object().into_iter().flatten();
        let bodies: Map<String, Value> =
            bodies.map(|(kind, body)| (kind.clone(), reduced(&document, &body["schema"]))).collect();
        operations.push(json!({
            "method": method, "path": template, "places": places,
            "query": { "type": "object", "properties": query, "required": required, "additionalProperties": false },
            "body": bodies, "bodyRequired": operation["requestBody"]["required"] == true,
        }));
    }
    Ok(json!({ "document": "X's OpenAPI document (GET /2/openapi.json)", "version": version,
               "takenBy": "cargo run -p xtask -- facts x", "operations": operations }))
}

/// A schema without its words, references followed.
fn reduced(document: &Value, schema: &Value) -> Value {
    let schema = resolved(document, schema);
    let mut facts = Map::new();
    for (name, value) in schema.as_object().into_iter().flatten() {
        match name.as_str() {
            "properties" => {
                let members = value.as_object().into_iter().flatten();
                let members: Map<String, Value> =
                    members.map(|(name, member)| (name.clone(), reduced(document, member))).collect();
                facts.insert(name.clone(), Value::Object(members));
            }
            "items" => drop(facts.insert(name.clone(), reduced(document, value))),
            "anyOf" | "oneOf" | "allOf" => {
                let parts = value.as_array().into_iter().flatten();
                facts.insert(name.clone(), parts.map(|part| reduced(document, part)).collect());
            }
            name if TELLING.contains(&name) => drop(facts.insert(name.to_owned(), value.clone())),
            _ => {}
        }
    }
    Value::Object(facts)
}

fn resolved<'a>(document: &'a Value, mut part: &'a Value) -> &'a Value {
    while let Some(place) = part["$ref"].as_str().and_then(|place| place.strip_prefix('#')) {
        part = document.pointer(place).unwrap_or(&Value::Null);
    }
    part
}

/// The facts of the Graph's specification.
pub fn graph(folder: &Path) -> Result<Value, FactsError> {
    let mut edges = Vec::new();
    let mut fields = BTreeMap::new();
    let enums = read(&folder.join("enum_types.json"))?;
    for (node, method, edge, shown) in GRAPH_EDGES {
        let path = folder.join(format!("{node}.json"));
        let document = read(&path)?;
        let api = document["apis"].as_array().into_iter().flatten().find(|api| {
            let name = api["endpoint"]
                .as_str()
                .map(|name| name.trim_start_matches('/'))
                .filter(|name| !name.is_empty());
            api["method"] == *method && name == *edge
        });
        let api = api.ok_or_else(|| FactsError::Missing {
            path: path.clone(),
            what: format!("{method} {}", edge.unwrap_or("of the node")),
        })?;
        let mut parameters = Map::new();
        for parameter in api["params"].as_array().into_iter().flatten() {
            let kind = parameter["type"].as_str().unwrap_or_default();
            let values = enums.as_array().into_iter().flatten().find(|entry| entry["name"] == kind);
            let kind = values.map_or_else(|| json!(kind), |entry| entry["values"].clone());
            parameters.insert(parameter["name"].as_str().unwrap_or_default().to_owned(), kind);
        }
        edges.push(
            json!({ "node": node, "method": method, "edge": edge, "shows": shown, "parameters": parameters }),
        );
        let document = read(&folder.join(format!("{shown}.json")))?;
        let names = document["fields"].as_array().into_iter().flatten().map(|field| field["name"].clone());
        fields.insert(*shown, names.collect::<Vec<_>>());
    }
    Ok(
        json!({ "document": "the Graph specification (facebook/facebook-business-sdk-codegen, api_specs/specs)",
               "takenBy": "cargo run -p xtask -- facts graph", "edges": edges, "fields": fields }),
    )
}

fn read(path: &Path) -> Result<Value, FactsError> {
    let unreadable = |source| FactsError::Unreadable { path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    serde_json::from_str(&text).map_err(|error| unreadable(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if words are kept, a reference is not followed, or a member called like a schema's own is dropped.
    #[test]
    fn a_schema_keeps_its_figures_and_loses_its_words() {
        let document = json!({ "components": { "schemas": {
            "Id": { "type": "string", "pattern": "^[0-9]+$", "description": "An id.", "example": "1" } } } });
        let schema = json!({ "description": "A post.", "type": "object", "required": ["title"], "properties": {
            "title": { "$ref": "#/components/schemas/Id" },
            "description": { "type": "array", "maxItems": 4, "items": { "$ref": "#/components/schemas/Id" } } } });
        let id = json!({ "type": "string", "pattern": "^[0-9]+$" });
        assert_eq!(
            reduced(&document, &schema),
            json!({ "type": "object", "required": ["title"], "properties": {
                "title": id, "description": { "type": "array", "maxItems": 4, "items": id } } })
        );
    }

    #[test]
    fn another_document_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("openapi.json");
        fs::write(&path, r#"{"info":{"version":"1"},"paths":{}}"#).unwrap();
        assert!(matches!(x(&path), Err(FactsError::Missing { what, .. }) if what == "POST /2/tweets"));
        assert!(matches!(graph(folder.path()), Err(FactsError::Unreadable { .. })));
    }
}
