//! Judges requests by the forms of OneAll's published SDK and documents: `oneall-api.json` says which path takes
//! which members, and where that is known from.

use serde_json::{Map, Value};
use strowger_channel::testing::header;
use strowger_channel::{Body, Request};

/// The site of the tests.
pub(crate) const BASE: &str = "https://example.api.oneall.com";

/// What is wrong with a request, if anything.
pub(crate) fn verdict(request: &Request) -> Result<(), String> {
    let facts = facts();
    if !header(request, "authorization").is_some_and(|value| value.starts_with("Basic ")) {
        return Err("without HTTP Basic".into());
    }
    let address = request.url.strip_prefix(BASE).ok_or("another site")?;
    let (path, query) = address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query)));
    let path = path.strip_suffix(".json").ok_or("no .json")?;
    let parts: Vec<&str> = path.split('/').collect();
    let ["", api @ ("push" | "pull"), "identities", token, rest @ ..] = &parts[..] else {
        return Err(format!("no resource: {path}"));
    };
    if token.is_empty() {
        return Err("without an identity".into());
    }
    let resources = facts[*api].as_array().expect("a list");
    let resource = resources.iter().find(|resource| fits(&resource["path"], rest));
    let resource = resource.ok_or_else(|| format!("there is no {api} of {}", rest.join("/")))?;
    match (*api, request.method, &request.body) {
        ("push", "POST", Body::Json(body)) if query.is_none() => push(resource, body),
        ("pull", "GET", Body::None) => pull(resource, query.unwrap_or_default()),
        _ => Err(format!("{} with {:?}", request.method, request.body)),
    }
}

pub(crate) fn facts() -> Value {
    serde_json::from_str(include_str!("oneall-api.json")).expect("the facts are JSON")
}

fn fits(template: &Value, path: &[&str]) -> bool {
    let template: Vec<&str> = template.as_str().unwrap_or_default().split('/').collect();
    template.len() == path.len()
        && template
            .iter()
            .zip(path)
            .all(|(wanted, part)| if wanted.starts_with('{') { is_id(part) } else { wanted == part })
}

fn push(resource: &Value, body: &Value) -> Result<(), String> {
    let alone = |value: &Value, name: &str| -> Result<Value, String> {
        match value.as_object() {
            Some(members) if members.len() == 1 && members.contains_key(name) => Ok(value[name].clone()),
            _ => Err(format!("`{name}` must stand alone in {value}")),
        }
    };
    let root = resource["root"].as_str().expect("a name");
    let fields = alone(&alone(&alone(body, "request")?, "push")?, root)?;
    let fields = fields.as_object().ok_or(format!("`{root}` is no object"))?;
    match resource["members"].as_object() {
        Some(members) => check(fields, members, resource["required"].as_array().expect("a list")),
        None if fields.is_empty() => Err(format!("`{root}` is empty")),
        None => Ok(()),
    }
}

fn check(
    fields: &Map<String, Value>,
    members: &Map<String, Value>,
    required: &[Value],
) -> Result<(), String> {
    if let Some(missing) =
        required.iter().find(|name| !fields.contains_key(name.as_str().unwrap_or_default()))
    {
        return Err(format!("{missing} is missing"));
    }
    for (name, value) in fields {
        let kind = members.get(name).and_then(Value::as_str).ok_or(format!("unknown member `{name}`"))?;
        let right = match (kind, value) {
            ("text", Value::String(text)) => !text.is_empty(),
            ("id", Value::String(id)) => is_id(id),
            ("address", Value::String(text)) => text.starts_with("http://") || text.starts_with("https://"),
            ("flag", value) => value.is_boolean(),
            ("ids", Value::Array(ids)) => ids.iter().all(|id| id.as_str().is_some_and(is_id)),
            _ => false,
        };
        if !right {
            return Err(format!("`{name}` is no {kind}: {value}"));
        }
    }
    Ok(())
}

fn pull(resource: &Value, query: &str) -> Result<(), String> {
    let known = resource["query"].as_array().expect("a list");
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !known.iter().any(|known| known == name) || value.parse::<u64>().is_err() {
            return Err(format!("the query parameter `{pair}`"));
        }
    }
    Ok(())
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte))
}

/// The judge sees what is wrong. Planted faults, each in a request that is right without it.
#[test]
fn wrong_requests_are_refused() {
    use serde_json::json;
    let post = |path: &str, push: Value| {
        let body = json!({ "request": { "push": push } });
        Request::post(format!("{BASE}/push/identities/t/{path}"))
            .header("authorization", "Basic x")
            .json(body)
    };
    let get = |path: &str| {
        Request::get(format!("{BASE}/pull/identities/t/{path}")).header("authorization", "Basic x")
    };
    assert_eq!(verdict(&post("twitter/post.json", json!({ "post": { "message": "a" } }))), Ok(()));
    assert_eq!(verdict(&get("twitter/tweets.json?num_tweets=50")), Ok(()));
    for wrong in [
        post("twitter/post", json!({ "post": { "message": "a" } })),
        post("twitter/status.json", json!({ "post": { "message": "a" } })),
        post("twitter/post.json?x=1", json!({ "post": { "message": "a" } })),
        post("twitter/post.json", json!({ "status": { "message": "a" } })),
        post("twitter/post.json", json!({ "post": { "message": "a" }, "page": {} })),
        post("twitter/post.json", json!({ "post": { "text": "a" } })),
        post("twitter/post.json", json!({ "post": { "message": 1 } })),
        post("twitter/post.json", json!({ "post": { "location": "a" } })),
        post(
            "pinterest/board/../pin.json",
            json!({ "pin": { "board": "1", "description": "d", "picture": "https://a" } }),
        ),
        post("youtube/channel/section.json", json!({ "section": {} })),
        get("twitter/tweets.json?count=50"),
        Request::get(format!("{BASE}/pull/identities/t/twitter/tweets.json")),
    ] {
        assert!(verdict(&wrong).is_err(), "{wrong:?}");
    }
}
