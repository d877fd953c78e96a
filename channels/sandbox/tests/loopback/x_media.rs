//! X API v2: media, tokens, and direct messages that are shown again.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};
use strowger_sandbox::Options;

use crate::client::{Answer, OAUTH, USER, ask, x};
use crate::start;

fn begin(addr: SocketAddr, media_type: &str, category: &str, total: u64) -> Answer {
    let body = json!({ "media_type": media_type, "media_category": category, "total_bytes": total });
    x(addr, "POST", "/2/media/upload/initialize", &body.to_string())
}

fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["data"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_picture_comes_in_pieces_and_its_bytes_are_told() {
    let sandbox = start(Options::default());
    let addr = sandbox.addr();
    let id = id(&begin(addr, "image/png", "tweet_image", 6));
    let finalize = format!("/2/media/upload/{id}/finalize");
    let append = format!("/2/media/upload/{id}/append");
    let form = "--b\r\ncontent-disposition: form-data; name=\"segment_index\"\r\n\r\n1\r\n--b\r\n\
        content-disposition: form-data; name=\"media\"; filename=\"m\"\r\n\r\nabc\r\n--b--\r\n";
    let headers = [("authorization", OAUTH), ("content-type", "multipart/form-data; boundary=b")];
    assert_eq!(ask(addr, "POST", &append, &headers, form).unwrap().status, 200);
    assert_eq!(x(addr, "POST", &finalize, "").status, 400, "the first piece is missing");
    let post = json!({ "text": "t", "media": { "media_ids": [id] } }).to_string();
    assert_eq!(x(addr, "POST", "/2/tweets", &post).status, 400, "it is not there yet");
    assert_eq!(x(addr, "POST", &append, r#"{"segment_index":0,"media":"MDEy"}"#).status, 200);
    let ended = x(addr, "POST", &finalize, "");
    assert_eq!(ended.status, 200);
    assert!(ended.json()["data"]["processing_info"].is_null());
    let described = json!({ "id": id, "metadata": { "alt_text": { "text": "A cat" } } }).to_string();
    assert_eq!(x(addr, "POST", "/2/media/metadata", &described).status, 200);
    assert_eq!(x(addr, "POST", "/2/tweets", &post).status, 201);
    let media = sandbox.media();
    assert_eq!((media.len(), media[0].account.as_str()), (1, USER));
    // The SHA-256 of "012abc".
    assert_eq!(
        media[0].sha256.as_deref(),
        Some("55ec53ca56bbdff2d51f1c2b594e952f8b5b1f4915f6bcdfc84855e1c365bae0")
    );
    assert_eq!(media[0].alt_text.as_deref(), Some("A cat"));
}

#[test]
fn a_video_takes_two_looks() {
    let sandbox = start(Options::default());
    let addr = sandbox.addr();
    let id = id(&begin(addr, "video/mp4", "dm_video", 3));
    let path = |what: &str| format!("/2/media/upload/{id}/{what}");
    assert_eq!(x(addr, "POST", &path("append"), r#"{"segment_index":"0","media":"MDEy"}"#).status, 200);
    let state = |answer: &Answer| answer.json()["data"]["processing_info"]["state"].clone();
    assert_eq!(state(&x(addr, "POST", &path("finalize"), "")), "pending");
    let status = format!("/2/media/upload?command=STATUS&media_id={id}");
    assert_eq!(state(&x(addr, "GET", &status, "")), "in_progress");
    assert!(!sandbox.media()[0].ready);
    assert_eq!(state(&x(addr, "GET", &status, "")), "succeeded");
    assert!(sandbox.media()[0].ready);
}

#[test]
fn what_is_no_upload_is_refused() {
    let sandbox = start(Options::default());
    let addr = sandbox.addr();
    for (media_type, category, total) in [
        ("image/png", "tweet_video", 3),
        ("text/html", "tweet_image", 3),
        ("image/png", "tweet_image", 0),
        ("image/png", "tweet_image", (5 << 20) + 1),
    ] {
        assert_eq!(begin(addr, media_type, category, total).status, 400);
    }
    assert_eq!(x(addr, "POST", "/2/media/upload/7/finalize", "").status, 404);
    let id = id(&begin(addr, "image/png", "tweet_image", 3));
    let append = format!("/2/media/upload/{id}/append");
    for body in
        [r#"{"segment_index":0,"media":"?"}"#, r#"{"media":"MDEy"}"#, r#"{"segment_index":0,"media":""}"#]
    {
        assert_eq!(x(addr, "POST", &append, body).status, 400, "{body}");
    }
    assert_eq!(x(addr, "GET", &format!("/2/media/upload?command=STATUS&media_id={id}"), "").status, 400);
}

fn refresh(addr: SocketAddr, token: &str) -> Answer {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("grant_type=refresh_token&client_id=app&refresh_token={token}");
    ask(addr, "POST", "/2/oauth2/token", &headers, &body).unwrap()
}

#[test]
fn a_refresh_token_is_good_for_one_use() {
    let x_accounts = BTreeMap::from([("first".to_owned(), USER.to_owned())]);
    let sandbox = start(Options { x_accounts, ..Options::default() });
    let addr = sandbox.addr();
    let given = refresh(addr, "first").json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let bearer = format!("Bearer {}", text(&given["access_token"]));
    let me = ask(addr, "GET", "/2/users/me", &[("authorization", &bearer)], "").unwrap();
    assert_eq!(me.json()["data"]["id"], USER);
    assert_eq!(refresh(addr, "first").status, 400);
    let next = text(&given["refresh_token"]);
    assert_eq!(refresh(addr, &next).status, 200);
    assert_eq!(refresh(addr, &next).status, 400);
    assert!(sandbox.requests().iter().all(|request| !request.body.contains(&next)));
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let nameless = ask(addr, "POST", "/2/oauth2/token", &headers, "grant_type=refresh_token&refresh_token=a");
    assert_eq!(nameless.unwrap().status, 400);
}

#[test]
fn messages_are_shown_to_their_sender() {
    let sandbox = start(Options::default());
    let addr = sandbox.addr();
    for text in ["one", "two", "three"] {
        let body = json!({ "text": text }).to_string();
        assert_eq!(x(addr, "POST", "/2/dm_conversations/with/77/messages", &body).status, 201);
    }
    let path = "/2/dm_conversations/with/77/dm_events?max_results=2&dm_event.fields=created_at,sender_id";
    let page = x(addr, "GET", path, "").json();
    assert_eq!(page["meta"]["result_count"], 2);
    assert_eq!((&page["data"][0]["text"], &page["data"][0]["sender_id"]), (&json!("three"), &json!(USER)));
    let next = format!("{path}&pagination_token={}", page["meta"]["next_token"].as_str().unwrap());
    let page = x(addr, "GET", &next, "").json();
    assert_eq!((&page["data"][0]["text"], &page["meta"]), (&json!("one"), &json!({ "result_count": 1 })));
    let other = x(addr, "GET", "/2/dm_conversations/with/78/dm_events", "").json();
    assert_eq!(other, json!({ "meta": { "result_count": 0 } }));
    assert_eq!(
        x(addr, "GET", "/2/dm_conversations/with/77/dm_events?dm_event.fields=colour", "").status,
        400
    );
}
