//! Judges requests by X's `OpenAPI` document: known method and path, known query parameters, a body of the right type
//! without unknown members. What the judge knows is in `x-api.json`, taken from the document by `xtask facts x`.

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};
use strowger_channel::testing::{field, header};
use strowger_channel::{Body, Part, Request};

/// The document's version 2.167, of August 2026.
const CURRENT: &str = include_str!("x-api.json");
/// Its version 2.166, the last one with the former names of what is read.
const FORMER: &str = include_str!("x-api-former.json");

pub(crate) struct Judge {
    facts: Value,
}

impl Judge {
    pub(crate) fn of_today() -> Self {
        Self { facts: serde_json::from_str(CURRENT).expect("the facts are JSON") }
    }

    pub(crate) fn of_former_names() -> Self {
        Self { facts: serde_json::from_str(FORMER).expect("the facts are JSON") }
    }

    /// What is wrong with a request, if anything.
    pub(crate) fn verdict(&self, base: &str, request: &Request) -> Result<(), String> {
        let address = request.url.strip_prefix(base).ok_or(format!("not beneath {base}"))?;
        let (path, query) =
            address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query)));
        if path == "/2/oauth2/token" {
            return token(request, query);
        }
        if header(request, "authorization").is_none_or(str::is_empty) {
            return Err("without authorization".into());
        }
        let operations = self.facts["operations"].as_array().expect("a list");
        let operation = operations
            .iter()
            .filter(|operation| operation["method"] == request.method)
            .find(|operation| fits(&operation["path"], &operation["places"], path))
            .ok_or_else(|| format!("there is no {} {path}", request.method))?;
        conforms(&operation["query"], &parameters(query.unwrap_or_default(), &operation["query"]))?;
        let Some((content_type, body)) = body(&request.body) else {
            return match &operation["bodyRequired"] {
                Value::Bool(true) => Err("without a body".into()),
                _ => Ok(()),
            };
        };
        let schema = &operation["body"][content_type];
        if schema.is_null() {
            return Err(format!("takes no {content_type}"));
        }
        conforms(schema, &body)
    }
}

/// The token endpoint is not in the document; RFC 6749, sections 2.3.1 and 6, says what it takes.
fn token(request: &Request, query: Option<&str>) -> Result<(), String> {
    let Body::Form(fields) = &request.body else { return Err("the token endpoint takes a form".into()) };
    let named =
        fields.iter().all(|(name, _)| ["grant_type", "refresh_token", "client_id"].contains(&name.as_str()));
    let told = field(request, "client_id").is_some() != header(request, "authorization").is_some();
    let right = (request.method, query, field(request, "grant_type"))
        == ("POST", None, Some("refresh_token"))
        && field(request, "refresh_token").is_some_and(|token| !token.is_empty());
    (named && told && right).then_some(()).ok_or("no refresh of RFC 6749, section 6".into())
}

/// Whether a path is one of a template, its ids of the right form.
fn fits(template: &Value, places: &Value, path: &str) -> bool {
    let template: Vec<&str> = template.as_str().unwrap_or_default().split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    template.len() == path.len()
        && template.iter().zip(path).all(|(wanted, part)| {
            match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) => !places[name].is_null() && conforms(&places[name], &json!(part)).is_ok(),
                None => *wanted == part,
            }
        })
}

/// A query as the document's parameters have it: lists in one value, with commas between (`explode: false`).
fn parameters(query: &str, schema: &Value) -> Value {
    let mut parameters = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
        let value = match schema["properties"][name]["type"].as_str() {
            Some("array") => decoded.split(',').map(Value::from).collect(),
            Some("integer") => decoded.parse::<i64>().map_or(Value::Null, Value::from),
            _ => Value::from(decoded),
        };
        assert!(parameters.insert(name.to_owned(), value).is_none(), "{name} stands there twice");
    }
    Value::Object(parameters)
}

/// A body's media type, and what it says as JSON. Pieces of files are texts.
fn body(body: &Body) -> Option<(&'static str, Value)> {
    match body {
        Body::None => None,
        Body::Json(json) => Some(("application/json", json.clone())),
        Body::JsonWithFiles(json, files) => {
            let mut json = json.clone();
            for piece in files {
                json[&piece.member] = json!("");
            }
            Some(("application/json", json))
        }
        Body::Form(_) => Some(("application/x-www-form-urlencoded", Value::Null)),
        Body::Multipart(parts) => {
            let members = parts.iter().map(|part| match part {
                Part::Text { name, text } => {
                    (name.clone(), text.expose().parse::<i64>().map_or_else(|_| json!(text), Value::from))
                }
                Part::File { name, .. } => (name.clone(), json!("")),
            });
            Some(("multipart/form-data", members.collect::<Map<_, _>>().into()))
        }
    }
}

fn conforms(schema: &Value, value: &Value) -> Result<(), String> {
    validator(schema).validate(value).map_err(|error| format!("{}: {error}", error.instance_path()))
}

/// `OpenAPI` 3.0 has its own dialect; what these facts use of it means the same in draft 7.
fn validator(schema: &Value) -> Validator {
    let options = jsonschema::options().with_draft(Draft::Draft7).should_validate_formats(true);
    options.build(schema).expect("the facts are a schema")
}

/// The judge sees what is wrong. Planted faults, each in a request that is right without it.
#[test]
fn wrong_requests_are_refused() {
    let judge = Judge::of_today();
    let verdict = |request: Request| {
        judge.verdict("https://api.x.com", &request.header("authorization", "Bearer x")).err()
    };
    let post = |path: &str, body: Value| Request::post(format!("https://api.x.com{path}")).json(body);
    let get = |path: &str| Request::get(format!("https://api.x.com{path}"));
    assert_eq!(verdict(post("/2/tweets", json!({ "text": "a" }))), None);
    assert_eq!(verdict(get("/2/users/1/tweets?max_results=100&post.fields=text,created_at")), None);
    for wrong in [
        post("/2/tweets", json!({ "text": "a", "message": "a" })),
        post("/2/tweets", json!({ "text": 1 })),
        post("/2/tweets", json!({ "text": "a", "reply": { "in_reply_to_tweet_id": 1 } })),
        post("/2/tweets", json!({ "text": "a", "media": { "media_ids": [] } })),
        post("/2/tweets", json!({ "text": "a", "media": { "media_ids": ["1", "2", "3", "4", "5"] } })),
        post("/2/tweets?dry_run=true", json!({ "text": "a" })),
        Request::post("https://api.x.com/2/tweets"),
        post("/2/users/me/likes", json!({ "tweet_id": "1" })),
        post("/2/users/12345678901234567890/likes", json!({ "tweet_id": "1" })),
        post("/2/users/1/likes/2", json!({})),
        post("/1.1/statuses/update.json", json!({})),
        post("/2/dm_conversations/with/1/messages", json!({ "text": "" })),
        post(
            "/2/media/upload/initialize",
            json!({ "media_type": "image/png", "media_category": "TweetImage" }),
        ),
        get("/2/users/1/tweets?max_results=101"),
        get("/2/users/1/tweets?post.fields=referenced_tweets"),
        get("/2/users/1/tweets?tweet.fields=text"),
        get("/2/users/1/tweets?start_time=yesterday"),
        get("/2/media/upload?command=STATUS"),
    ] {
        assert!(verdict(wrong.clone()).is_some(), "{wrong:?}");
    }
    assert!(judge.verdict("https://api.x.com", &post("/2/tweets", json!({ "text": "a" }))).is_err());
}
