//! Judges requests by the Graph specification: known method and edge, known parameters of the right type, fields that
//! there are. What the judge knows is in `graph-api.json`, taken from the specification by `xtask facts graph`.

use serde_json::{Map, Value};
use strowger_channel::testing::header;
use strowger_channel::{Body, Request};

/// What every edge takes beside its own parameters. Sources: Meta's documentation of the Graph API, "Read", "Paginated
/// results", "Secure Graph API calls".
const GENERAL: [(&str, &str); 6] = [
    ("fields", "string"),
    ("limit", "unsigned int"),
    ("after", "string"),
    ("since", "unsigned int"),
    ("until", "unsigned int"),
    ("appsecret_proof", "proof"),
];
/// The page of the tests; the ids of other nodes tell their kind by their number of parts.
const PAGE: &str = "449156051903439";

/// What is wrong with a request, if anything.
pub(crate) fn verdict(request: &Request) -> Result<(), String> {
    if !header(request, "authorization").is_some_and(|value| value.starts_with("Bearer ")) {
        return Err("without a token".into());
    }
    let address =
        request.url.strip_prefix("https://graph.facebook.com/v26.0/").ok_or("another base or version")?;
    let (path, query) = address.split_once('?').map_or((address, ""), |(path, query)| (path, query));
    let (node, edge) = path.split_once('/').map_or((path, None), |(node, edge)| (node, Some(edge)));
    let facts: Value = serde_json::from_str(include_str!("graph-api.json")).expect("the facts are JSON");
    let edges = facts["edges"].as_array().expect("a list");
    let edge = edges
        .iter()
        .filter(|fact| kinds(node).contains(&fact["node"].as_str().unwrap_or_default()))
        .find(|fact| fact["method"] == request.method && fact["edge"].as_str() == edge)
        .ok_or_else(|| format!("there is no {} {path}", request.method))?;
    let parameters = match (&request.body, request.method) {
        (Body::Form(fields), "POST") if query.is_empty() => {
            fields.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect()
        }
        (Body::None, "GET") => pairs(query),
        (body, method) => return Err(format!("{method} with {body:?} and the query `{query}`")),
    };
    let known = edge["parameters"].as_object().expect("an object");
    let mut seen = Vec::new();
    for (name, value) in &parameters {
        if seen.contains(name) {
            return Err(format!("`{name}` stands there twice"));
        }
        seen.push(name.clone());
        parameter(known, name, value)?;
        if name == "fields" {
            let shown =
                facts["fields"][edge["shows"].as_str().unwrap_or_default()].as_array().expect("a list");
            if let Some(unknown) = value.split(',').find(|field| !shown.iter().any(|shown| shown == field)) {
                return Err(format!("{} has no field `{unknown}`", edge["shows"]));
            }
        }
    }
    Ok(())
}

/// What an id can be of: the page; a post, of page and post; a comment, of post and comment; a video.
fn kinds(id: &str) -> &'static [&'static str] {
    match id.split('_').collect::<Vec<_>>()[..] {
        [PAGE] => &["Page"],
        [PAGE, post] if is_number(post) => &["PagePost"],
        [post, comment] if is_number(post) && is_number(comment) => &["Comment", "PagePost"],
        [number] if is_number(number) => &["AdVideo", "PagePost"],
        [page, post, comment] if [page, post, comment].into_iter().all(is_number) => &["Comment"],
        _ => &[],
    }
}

fn parameter(known: &Map<String, Value>, name: &str, value: &str) -> Result<(), String> {
    // A list's entries are named one by one: `attached_media[0]`.
    let (plain, place) =
        name.split_once('[').map_or((name, None), |(plain, rest)| (plain, rest.strip_suffix(']')));
    let general = GENERAL.iter().find(|(general, _)| *general == name).map(|(_, kind)| Value::from(*kind));
    let kind = known.get(plain).or(general.as_ref()).ok_or_else(|| format!("unknown parameter `{name}`"))?;
    let right = match (kind, place) {
        (Value::Array(values), None) => values.iter().any(|allowed| allowed == value),
        (Value::String(kind), Some(place)) => {
            is_number(place)
                && kind
                    .strip_prefix("list<")
                    .and_then(|kind| kind.strip_suffix('>'))
                    .is_some_and(|kind| is(kind, value))
        }
        (Value::String(kind), None) => is(kind, value),
        _ => false,
    };
    if right { Ok(()) } else { Err(format!("`{name}` is no {kind}: {value}")) }
}

fn is(kind: &str, value: &str) -> bool {
    match kind {
        "string" => true,
        "bool" => ["true", "false"].contains(&value),
        "unsigned int" | "int" => is_number(value),
        "Object" => matches!(serde_json::from_str(value), Ok(Value::Object(members)) if !members.is_empty()),
        "proof" => value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()),
        _ => false,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// The judge sees what is wrong. Planted faults, each in a request that is right without it.
#[test]
fn wrong_requests_are_refused() {
    let base = "https://graph.facebook.com/v26.0";
    let post = |path: &str, fields: &[(&str, &str)]| {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        Request::post(format!("{base}/{path}")).header("authorization", "Bearer x").form(fields)
    };
    let get = |path: &str| Request::get(format!("{base}/{path}")).header("authorization", "Bearer x");
    let feed = format!("{PAGE}/feed");
    assert_eq!(
        verdict(&post(&feed, &[("message", "a"), ("attached_media[0]", r#"{"media_fbid":"1"}"#)])),
        Ok(())
    );
    assert_eq!(verdict(&get(&format!("{feed}?fields=id%2Cmessage&limit=100"))), Ok(()));
    let messages = format!("{PAGE}/messages");
    for wrong in [
        post(&feed, &[("text", "a")]),
        post(&feed, &[("message", "a"), ("message", "b")]),
        post(&feed, &[("published", "no")]),
        post(&feed, &[("attached_media[x]", "{}")]),
        post(&feed, &[("attached_media[0]", "1")]),
        post(&feed, &[("message[0]", "a")]),
        post(&format!("{feed}?message=a"), &[]),
        post(&format!("{PAGE}/statuses"), &[("message", "a")]),
        post("v25.0/1/feed", &[]),
        post("../1/feed", &[]),
        post(&messages, &[("recipient", "7")]),
        post(&messages, &[("messaging_type", "REPLY")]),
        post(&feed, &[("appsecret_proof", "x")]),
        get(&format!("{feed}?fields=id%2Ctext")),
        get(&format!("{feed}?limit=many")),
        Request::get(format!("{base}/{feed}")),
    ] {
        assert!(verdict(&wrong).is_err(), "{wrong:?}");
    }
}
