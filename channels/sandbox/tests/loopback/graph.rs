//! The Facebook Graph API.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use strowger_sandbox::{Kind, Options, Platform, RateLimit};

use crate::client::{PAGE, ask, graph};
use crate::start;

/// Hex HMAC-SHA256 of `page-token` under `app secret`, made with an independent implementation.
const PROOF: &str = "4c4d8499cf1bc645a67b15411256c6d3501815c3e98718f4db1824545e9927e0";

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[test]
fn a_post_is_published_from_json_and_from_a_form() {
    let sandbox = start(Options::default());
    let path = format!("/v26.0/{PAGE}/feed");
    let answer = graph(sandbox.addr(), "POST", &path, r#"{"message":"Hello","link":"https://example.com"}"#);
    assert_eq!(answer.status, 200);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with(&format!("{PAGE}_")));
    assert!(answer.json().get("permalink_url").is_none(), "only when it is asked for");

    let body = "message=Hello+again&fields=id,permalink_url&access_token=page-token";
    let answer = ask(sandbox.addr(), "POST", &path, &[FORM], body).unwrap().json();
    assert!(answer["permalink_url"].as_str().unwrap().starts_with("https://www.facebook.com/"));

    let media = "attached_media%5B0%5D=%7B%22media_fbid%22%3A%227%22%7D";
    let unversioned = format!("/{PAGE}/feed?access_token=page-token");
    assert_eq!(ask(sandbox.addr(), "POST", &unversioned, &[FORM], media).unwrap().status, 200);
    let media = json!({"attached_media": [{"media_fbid": "8"}], "published": "false"}).to_string();
    assert_eq!(graph(sandbox.addr(), "POST", &path, &media).status, 200);

    let posts = sandbox.posts();
    assert_eq!(posts.len(), 4);
    assert_eq!((posts[0].platform, posts[0].kind), (Platform::Facebook, Kind::Post));
    assert_eq!((posts[0].account.as_str(), posts[0].text.as_str(), &posts[0].id), (PAGE, "Hello", &id));
    assert_eq!(posts[0].details["link"], "https://example.com");
    assert_eq!(posts[1].text, "Hello again");
    assert_eq!(posts[2].details["attachedMedia"], json!(["7"]));
    assert_eq!(posts[3].details["attachedMedia"], json!(["8"]));

    let feed = graph(sandbox.addr(), "GET", &path, "").json();
    assert_eq!(feed["data"].as_array().unwrap().len(), 3, "the unpublished one is not in the feed");
}

#[test]
fn a_post_that_graph_would_not_take_is_error_100() {
    let sandbox = start(Options::default());
    let path = format!("/v26.0/{PAGE}/feed");
    for body in [
        "{}",
        "[]",
        r#"{"message":"m","published":"perhaps"}"#,
        r#"{"message":"m","scheduled_publish_time":1}"#,
        r#"{"attached_media":"no"}"#,
        r#"{"attached_media":[{}]}"#,
        r#"{"message":"m","fields":"colour"}"#,
    ] {
        let answer = graph(sandbox.addr(), "POST", &path, body);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(100)), "{body}");
    }
    let multipart = [("authorization", "Bearer t"), ("content-type", "multipart/form-data; boundary=b")];
    let answer = ask(sandbox.addr(), "POST", &path, &multipart, "--b--").unwrap();
    assert_eq!(answer.json()["error"]["code"], 100);
    assert!(sandbox.posts().is_empty());
}

#[test]
fn the_feed_is_read_in_pages_and_windows() {
    let sandbox = start(Options::default());
    let path = format!("/v26.0/{PAGE}/feed");
    for number in 0..7 {
        graph(sandbox.addr(), "POST", &path, &json!({"message": format!("{number}")}).to_string());
    }
    let mut seen = Vec::new();
    let mut next =
        format!("{path}?fields=id,message,created_time,permalink_url&limit=3&access_token=page-token");
    let (mut pages, mut second_page) = (0, json!(null));
    loop {
        let page = ask(sandbox.addr(), "GET", &next, &[], "").unwrap().json();
        // The token does not travel in the next address, so it is added here.
        seen.extend(page["data"].as_array().unwrap().iter().map(|post| post["message"].clone()));
        pages += 1;
        if pages == 2 {
            second_page = page.clone();
        }
        match page["paging"]["next"].as_str() {
            Some(address) => {
                assert!(!address.contains("token"), "{address}");
                let target = address.strip_prefix("http://sandbox.test").unwrap();
                next = format!("{target}&access_token=page-token");
            }
            None => break,
        }
    }
    assert_eq!(seen, ["6", "5", "4", "3", "2", "1", "0"]);
    assert_eq!(pages, 3);
    let before = second_page["paging"]["cursors"]["before"].as_str().unwrap();
    let back = graph(sandbox.addr(), "GET", &format!("{path}?limit=2&before={before}"), "").json();
    assert_eq!(back["data"][0]["message"], "5");
    assert_eq!(back["data"].as_array().unwrap().len(), 2);

    let count = |query: &str| {
        let answer = graph(sandbox.addr(), "GET", &format!("{path}?{query}"), "").json();
        answer["data"].as_array().unwrap().len()
    };
    let created = seen_time(&sandbox, &path);
    assert!(count(&format!("since={}", created.replace('+', "%2B"))) >= 1);
    assert_eq!(count("since=4102444800"), 0);
    assert_eq!(count("until=1000000000"), 0);
    for bad in ["limit=0", "limit=x", "since=yesterday", "after=%25", "fields=colour"] {
        assert_eq!(graph(sandbox.addr(), "GET", &format!("{path}?{bad}"), "").status, 400, "{bad}");
    }
}

fn seen_time(sandbox: &strowger_sandbox::Sandbox, path: &str) -> String {
    let feed = graph(sandbox.addr(), "GET", path, "").json();
    let created = feed["data"][0]["created_time"].as_str().unwrap().to_owned();
    assert!(created.ends_with("+0000"), "{created}");
    created
}

#[test]
fn comments_hang_under_posts_and_comments() {
    let sandbox = start(Options::default());
    let post = format!("{PAGE}_555");
    let path = format!("/v26.0/{post}/comments");
    let first = graph(sandbox.addr(), "POST", &path, r#"{"message":"First"}"#).json();
    let first = first["id"].as_str().unwrap().to_owned();
    assert!(first.starts_with("555_"), "{first}");
    let nested =
        graph(sandbox.addr(), "POST", &format!("/v26.0/{first}/comments"), r#"{"message":"Nested"}"#).json();
    assert!(nested["id"].as_str().unwrap().starts_with("555_"));
    graph(sandbox.addr(), "POST", &path, r#"{"attachment_url":"https://example.com/p.png"}"#);

    let posts = sandbox.posts();
    assert!(posts.iter().all(|comment| comment.kind == Kind::Comment && comment.account == PAGE));
    assert_eq!(posts[0].object.as_deref(), Some(post.as_str()));
    assert_eq!(posts[1].object.as_deref(), Some(first.as_str()));

    let listed = graph(sandbox.addr(), "GET", &format!("{path}?fields=id,message,from,parent"), "").json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    assert_eq!(listed["data"][0]["message"], "First");
    assert_eq!(listed["data"][0]["from"]["id"], PAGE);
    assert_eq!(listed["data"][0]["parent"]["id"], post);
    let newest =
        graph(sandbox.addr(), "GET", &format!("{path}?order=reverse_chronological&limit=1"), "").json();
    assert_eq!(newest["data"][0]["id"], posts[2].id);
    let after = newest["paging"]["cursors"]["after"].as_str().unwrap();
    let older =
        graph(sandbox.addr(), "GET", &format!("{path}?order=reverse_chronological&after={after}"), "").json();
    assert_eq!(older["data"][0]["message"], "First");
    let first_page = graph(sandbox.addr(), "GET", &format!("{path}?limit=1"), "").json();
    let after = first_page["paging"]["cursors"]["after"].as_str().unwrap();
    let newer = graph(sandbox.addr(), "GET", &format!("{path}?after={after}"), "").json();
    assert_eq!(newer["data"][0]["id"], posts[2].id);
    assert_eq!(graph(sandbox.addr(), "POST", &path, "{}").json()["error"]["code"], 100);
}

#[test]
fn likes_hiding_reading_and_deleting() {
    let sandbox = start(Options::default());
    let addr = sandbox.addr();
    let id =
        graph(addr, "POST", &format!("/v26.0/{PAGE}/feed"), r#"{"message":"Hello"}"#).json()["id"].clone();
    let id = id.as_str().unwrap();
    let object = format!("/v26.0/{id}");
    let success = json!({"success": true});
    assert_eq!(graph(addr, "POST", &format!("{object}/likes"), "").json(), success);
    assert_eq!(sandbox.relations()[0].object, id);
    assert_eq!(graph(addr, "DELETE", &format!("{object}/likes"), "").json(), success);
    assert!(sandbox.relations().is_empty());
    assert_eq!(graph(addr, "POST", "/v26.0/1_2", r#"{"is_hidden":true}"#).json(), success);
    assert_eq!(sandbox.relations()[0].relation, "hide");
    assert_eq!(graph(addr, "POST", &object, r#"{"message":"Edited"}"#).json(), success);
    let read =
        graph(addr, "GET", &format!("{object}?fields=message,comments.limit(1){{id,from}}"), "").json();
    assert_eq!(read, json!({"message": "Edited", "id": id}));
    assert_eq!(sandbox.posts()[0].text, "Hello", "the record keeps what was published");

    assert_eq!(graph(addr, "DELETE", &object, "").json(), success);
    assert!(sandbox.posts()[0].deleted);
    for (method, path) in [("DELETE", object.as_str()), ("GET", object.as_str()), ("GET", "/v26.0/1_2")] {
        let error = graph(addr, method, path, "").json()["error"].clone();
        assert_eq!((&error["code"], &error["error_subcode"]), (&json!(100), &json!(33)), "{method} {path}");
    }
    assert_eq!(graph(addr, "PUT", &object, "").json()["error"]["code"], 2500);
    assert_eq!(graph(addr, "GET", "/v26.0/me", "").status, 200);
}

#[test]
fn messages_and_one_private_reply_per_comment() {
    let sandbox = start(Options::default());
    let path = format!("/v26.0/{PAGE}/messages");
    let body = r#"{"recipient":{"id":"99"},"messaging_type":"RESPONSE","message":{"text":"Hi"}}"#;
    let answer = graph(sandbox.addr(), "POST", &path, body).json();
    assert_eq!(answer["recipient_id"], "99");
    assert_eq!(answer["message_id"], sandbox.posts()[0].id);
    assert_eq!(sandbox.posts()[0].kind, Kind::Message);
    let body = r#"{"recipient":{"comment_id":"5_6"},"message":{"text":"Privately"}}"#;
    assert_eq!(graph(sandbox.addr(), "POST", &path, body).status, 200);
    assert_eq!(graph(sandbox.addr(), "POST", &path, body).json()["error"]["code"], 10900);
    for bad in
        ["{}", r#"{"recipient":{"id":"1"},"message":{}}"#, r#"{"recipient":{},"message":{"text":"t"}}"#]
    {
        assert_eq!(graph(sandbox.addr(), "POST", &path, bad).json()["error"]["code"], 100, "{bad}");
    }
    assert_eq!(sandbox.posts().len(), 2);
}

#[test]
fn a_missing_token_is_error_190_in_the_envelope() {
    let sandbox = start(Options::default());
    let headers = [("content-type", "application/json")];
    let path = format!("/v26.0/{PAGE}/feed");
    let answer = ask(sandbox.addr(), "POST", &path, &headers, r#"{"message":"m"}"#).unwrap();
    assert_eq!(answer.status, 400);
    let error = &answer.json()["error"];
    assert_eq!((&error["code"], &error["type"]), (&json!(190), &json!("OAuthException")));
    assert!(error["message"].is_string() && error["fbtrace_id"].is_string());
    assert!(sandbox.posts().is_empty());
}

#[test]
fn the_proof_is_checked_once_the_secret_is_known() {
    let sandbox = start(Options { facebook_app_secret: Some("app secret".into()), ..Options::default() });
    let path = format!("/v26.0/{PAGE}/feed");
    let post = |proof: &str| {
        let body = format!("message=m{proof}");
        let headers = [("authorization", "Bearer page-token"), FORM];
        ask(sandbox.addr(), "POST", &path, &headers, &body).unwrap().json()
    };
    assert_eq!(post("")["error"]["code"], 100);
    assert_eq!(post("&appsecret_proof=00")["error"]["code"], 100);
    assert!(sandbox.posts().is_empty());
    assert!(post(&format!("&appsecret_proof={PROOF}"))["id"].is_string());
}

#[test]
fn a_known_token_acts_for_its_page_alone() {
    let facebook_accounts = BTreeMap::from([("page-token".to_owned(), PAGE.to_owned())]);
    let sandbox = start(Options { facebook_accounts, ..Options::default() });
    let post =
        |page: &str| graph(sandbox.addr(), "POST", &format!("/v26.0/{page}/feed"), r#"{"message":"m"}"#);
    assert_eq!(post(PAGE).status, 200);
    assert_eq!(post("me").status, 200);
    assert_eq!(post("1").json()["error"]["code"], 200);
    graph(sandbox.addr(), "POST", "/v26.0/7_8/comments", r#"{"message":"c"}"#);
    assert!(sandbox.posts().iter().all(|post| post.account == PAGE));
    let other = [("authorization", "Bearer other"), ("content-type", "application/json")];
    let id =
        ask(sandbox.addr(), "POST", "/9/feed", &other, r#"{"message":"m"}"#).unwrap().json()["id"].clone();
    let path = format!("/v26.0/{}", id.as_str().unwrap());
    assert_eq!(graph(sandbox.addr(), "DELETE", &path, "").json()["error"]["code"], 200);
}

#[test]
fn usage_is_shown_in_per_cent_and_ends_in_error_4() {
    let facebook_rate = RateLimit { requests: 4, window: Duration::from_secs(3600) };
    let sandbox = start(Options { facebook_rate, ..Options::default() });
    let answers: Vec<_> =
        (0..5).map(|_| graph(sandbox.addr(), "GET", &format!("/v26.0/{PAGE}/feed"), "")).collect();
    let usage: serde_json::Value = serde_json::from_str(answers[2].header("x-app-usage")).unwrap();
    assert_eq!(usage["call_count"], 75);
    let usage: serde_json::Value =
        serde_json::from_str(answers[4].header("x-business-use-case-usage")).unwrap();
    assert!(usage[PAGE][0]["estimated_time_to_regain_access"].as_u64().unwrap() > 1, "{usage}");
    assert_eq!((answers[4].status, &answers[4].json()["error"]["code"]), (403, &json!(4)));
}

#[test]
fn pictures_are_kept_back_and_videos_are_listed() {
    let sandbox = start(Options::default());
    let at = |path: &str| format!("/v26.0/{PAGE}/{path}");
    let photo = r#"{"url":"https://example.org/p.png","published":"false"}"#;
    let id = graph(sandbox.addr(), "POST", &at("photos"), photo).json()["id"].as_str().unwrap().to_owned();
    let post = json!({ "message": "m", "attached_media": [{ "media_fbid": id }] }).to_string();
    assert_eq!(graph(sandbox.addr(), "POST", &at("feed"), &post).status, 200);
    let video = r#"{"file_url":"https://example.org/v.mp4","description":"d"}"#;
    let id = graph(sandbox.addr(), "POST", &at("videos"), video).json()["id"].as_str().unwrap().to_owned();
    let status = graph(sandbox.addr(), "GET", &format!("/v26.0/{id}?fields=status,permalink_url"), "").json();
    assert_eq!(status["status"]["video_status"], "ready");
    let videos = graph(sandbox.addr(), "GET", &at("videos?fields=id,description"), "").json();
    assert_eq!(videos["data"], json!([{ "id": id, "description": "d" }]));
    let kinds: Vec<Kind> = sandbox.posts().iter().map(|post| post.kind).collect();
    assert_eq!(kinds, [Kind::Picture, Kind::Post, Kind::Video]);
    assert_eq!(sandbox.posts()[0].details["published"], false);
    for (path, body) in [("photos", "{}"), ("videos", "{}"), ("photos", r#"{"url":"p"}"#)] {
        assert_eq!(graph(sandbox.addr(), "POST", &at(path), body).status, 400);
    }
}

/// A form of parts with a file.
fn form(name: &str, content_type: &str, bytes: &str) -> String {
    format!(
        "--b\r\ncontent-disposition: form-data; name=\"published\"\r\n\r\nfalse\r\n--b\r\n\
         content-disposition: form-data; name=\"{name}\"; filename=\"f\"\r\ncontent-type: {content_type}\r\n\r\n\
         {bytes}\r\n--b--\r\n"
    )
}

#[test]
fn pictures_and_videos_come_as_files_too() {
    let sandbox = start(Options::default());
    let send = |path: &str, body: &str| {
        let headers =
            [("authorization", "Bearer page-token"), ("content-type", "multipart/form-data; boundary=b")];
        ask(sandbox.addr(), "POST", &format!("/v26.0/{PAGE}/{path}"), &headers, body).unwrap()
    };
    let first = send("photos", &form("source", "image/png", "a picture")).json();
    let second = send("photos", &form("source", "image/jpeg", "another")).json();
    assert_eq!(send("videos", &form("source", "video/mp4", "a film")).status, 200);
    let picture = &sandbox.posts()[0];
    assert_eq!((picture.kind, &picture.details["published"]), (Kind::Picture, &json!(false)));
    // The SHA-256 of `a picture`, made with an independent implementation.
    let sha256 = "92b2fa58028958317e408bd84ecfa70f5ee35b121991dbc232c49d166353708b";
    assert_eq!(picture.details["source"]["bytes"], 9);
    assert_eq!(picture.details["source"]["contentType"], "image/png");
    assert_eq!(picture.details["source"]["sha256"].as_str().unwrap(), sha256);

    for (path, body) in [
        ("photos", form("source", "video/mp4", "a film")),
        ("photos", form("file", "image/png", "a picture")),
        ("photos", form("source", "image/png", "")),
        ("videos", form("source", "image/png", "a picture")),
        ("photos", "--b\r\n".to_owned()),
    ] {
        assert_eq!(send(path, &body).status, 400, "{path} {body}");
    }

    let feed = format!("/v26.0/{PAGE}/feed");
    let media = json!([{ "media_fbid": first["id"] }, { "media_fbid": second["id"] }]);
    graph(
        sandbox.addr(),
        "POST",
        &feed,
        &json!({ "message": "one", "attached_media": [media[0]] }).to_string(),
    );
    graph(sandbox.addr(), "POST", &feed, &json!({ "message": "two", "attached_media": media }).to_string());
    let shown = graph(sandbox.addr(), "GET", &format!("{feed}?fields=message,attachments"), "").json();
    let photo = |id: &serde_json::Value| json!({ "media_type": "photo", "target": { "id": id } });
    let album = json!({ "data": [{ "media_type": "album",
        "subattachments": { "data": [photo(&first["id"]), photo(&second["id"])] } }] });
    assert_eq!(shown["data"][0]["attachments"], album);
    assert_eq!(shown["data"][1]["attachments"], json!({ "data": [photo(&first["id"])] }));
}
