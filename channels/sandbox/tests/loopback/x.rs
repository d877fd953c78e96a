//! X API v2.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use strowger_sandbox::{Kind, OAuth1Secrets, Options, Platform, RateLimit};

use crate::client::{USER, ask, tweet, x};
use crate::start;

#[test]
fn a_post_is_published_under_a_19_digit_id_and_recorded_as_sent() {
    let sandbox = start(Options::default());
    let answer = tweet(sandbox.addr(), "Tea & cake: https://example.com/menu");
    assert_eq!(answer.status, 201);
    let data = &answer.json()["data"];
    let id = data["id"].as_str().unwrap();
    assert_eq!(id.len(), 19);
    assert!(data["text"].as_str().unwrap().starts_with("Tea &amp; cake: https://t.co/"), "{data}");

    let posts = sandbox.posts();
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].platform, Platform::Twitter);
    assert_eq!(posts[0].account, USER);
    assert_eq!(posts[0].id, id);
    assert_eq!(posts[0].text, "Tea & cake: https://example.com/menu");
    assert_eq!(posts[0].kind, Kind::Post);

    let second = tweet(sandbox.addr(), "Another").json();
    assert!(second["data"]["id"].as_str().unwrap() > id, "ids grow");
}

#[test]
fn replies_quotes_and_media_are_told_apart() {
    let sandbox = start(Options::default());
    let post = |body: Value| x(sandbox.addr(), "POST", "/2/tweets", &body.to_string()).status;
    assert_eq!(post(json!({"text": "r", "reply": {"in_reply_to_tweet_id": "42"}})), 201);
    assert_eq!(post(json!({"text": "q", "quote_tweet_id": "43"})), 201);
    assert_eq!(post(json!({"media": {"media_ids": ["44"]}})), 201);
    let posts = sandbox.posts();
    assert_eq!((posts[0].kind, posts[0].in_reply_to.as_deref()), (Kind::Reply, Some("42")));
    assert_eq!((posts[1].kind, posts[1].object.as_deref()), (Kind::Quote, Some("43")));
    assert_eq!(posts[2].details["media"], json!(["44"]));
}

#[test]
fn a_body_that_x_would_not_take_is_refused_and_nothing_is_published() {
    let sandbox = start(Options::default());
    for body in [
        r#"{"text":"t","colour":"red"}"#,
        r#"{"text":"t","reply":{"in_reply_to_tweet_id":"1","to":"2"}}"#,
        r#"{"text":"t","reply":{"in_reply_to_tweet_id":1}}"#,
        r#"{"text":"t","reply":{"in_reply_to_tweet_id":"12345678901234567890"}}"#,
        r#"{"text":"t","reply":{}}"#,
        r#"{"text":"t","media":{"media_ids":[]}}"#,
        r#"{"text":"t","media":{"media_ids":["1","2","3","4","5"]}}"#,
        r#"{"text":"t","reply_settings":"nobody"}"#,
        r#"{"text":7}"#,
        r#"{"text":"  "}"#,
        r"{}",
        r"[]",
        r#"{"text":"#,
    ] {
        let answer = x(sandbox.addr(), "POST", "/2/tweets", body);
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(answer.json()["type"].as_str().unwrap().ends_with("/invalid-request"));
        assert!(answer.json()["errors"][0]["message"].is_string());
    }
    let form = [("authorization", "Bearer t"), ("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(ask(sandbox.addr(), "POST", "/2/tweets", &form, "text=t").unwrap().status, 400);
    assert!(sandbox.posts().is_empty());
}

#[test]
fn the_same_text_of_one_account_is_a_duplicate_until_it_is_deleted() {
    let sandbox = start(Options::default());
    let first = tweet(sandbox.addr(), "Once").json();
    let again = tweet(sandbox.addr(), "Once ");
    assert_eq!(again.status, 403);
    assert_eq!(again.json()["type"], "about:blank");
    assert!(again.json()["detail"].as_str().unwrap().contains("duplicate content"));
    assert!(again.json().get("data").is_none(), "the first id is not told");
    let other = [("authorization", "Bearer other"), ("content-type", "application/json")];
    assert_eq!(ask(sandbox.addr(), "POST", "/2/tweets", &other, r#"{"text":"Once"}"#).unwrap().status, 201);

    let path = format!("/2/tweets/{}", first["data"]["id"].as_str().unwrap());
    assert_eq!(x(sandbox.addr(), "DELETE", &path, "").json(), json!({"data": {"deleted": true}}));
    assert_eq!(tweet(sandbox.addr(), "Once").status, 201);
    assert!(sandbox.posts()[0].deleted, "the record says that it was there and is gone");
    assert_eq!(x(sandbox.addr(), "DELETE", &path, "").status, 404);

    let never = start(Options { duplicate_window: Duration::ZERO, ..Options::default() });
    assert_eq!([tweet(never.addr(), "Once").status, tweet(never.addr(), "Once").status], [201, 201]);
}

#[test]
fn another_accounts_post_can_not_be_deleted() {
    let sandbox = start(Options::default());
    let headers = [("authorization", "Bearer other"), ("content-type", "application/json")];
    let other = ask(sandbox.addr(), "POST", "/2/tweets", &headers, r#"{"text":"Mine"}"#).unwrap().json();
    let path = format!("/2/tweets/{}", other["data"]["id"].as_str().unwrap());
    assert_eq!(x(sandbox.addr(), "DELETE", &path, "").status, 403);
    assert!(!sandbox.posts()[0].deleted);
}

#[test]
fn the_timeline_is_read_in_pages_newest_first() {
    let sandbox = start(Options::default());
    for number in 0..12 {
        assert_eq!(tweet(sandbox.addr(), &format!("Number {number}")).status, 201);
    }
    let body = r#"{"text":"r","reply":{"in_reply_to_tweet_id":"42"}}"#;
    x(sandbox.addr(), "POST", "/2/tweets", body);
    let base = format!("/2/users/{USER}/tweets");
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let answer = x(sandbox.addr(), "GET", &format!("{base}?max_results=5{token}"), "").json();
        let page = answer["data"].as_array().unwrap().clone();
        assert_eq!(answer["meta"]["result_count"], page.len());
        assert_eq!(answer["meta"]["newest_id"], page[0]["id"]);
        seen.extend(page.iter().map(|tweet| tweet["id"].as_str().unwrap().to_owned()));
        match answer["meta"]["next_token"].as_str() {
            Some(next) => token = format!("&pagination_token={next}"),
            None => break,
        }
    }
    let published: Vec<String> = sandbox.posts().into_iter().rev().map(|post| post.id).collect();
    assert_eq!(seen, published);

    let fields = "tweet.fields=created_at,text,entities,note_tweet,referenced_tweets,author_id";
    let newest = x(sandbox.addr(), "GET", &format!("{base}?{fields}"), "").json()["data"][0].clone();
    assert_eq!(newest["referenced_tweets"], json!([{"type": "replied_to", "id": "42"}]));
    assert_eq!(newest["author_id"], USER);
    let created = newest["created_at"].as_str().unwrap();
    assert_eq!(&created[19..], ".000Z", "whole seconds");

    // The second in which it was made is in the window that starts with that second.
    let window = format!("{base}?start_time={}&max_results=100", created.replace(':', "%3A"));
    assert!(x(sandbox.addr(), "GET", &window, "").json()["meta"]["result_count"].as_u64() >= Some(1));
    let later = x(sandbox.addr(), "GET", &format!("{base}?start_time=2100-01-01T00:00:00Z"), "").json();
    assert_eq!(later, json!({"meta": {"result_count": 0}}));
    let none = x(sandbox.addr(), "GET", &format!("{base}?end_time=2020-01-01T00:00:00Z"), "").json();
    assert_eq!(none["meta"]["result_count"], 0);
    let without = x(sandbox.addr(), "GET", &format!("{base}?exclude=replies&max_results=100"), "").json();
    assert_eq!(without["meta"]["result_count"], 12);
    let since = x(sandbox.addr(), "GET", &format!("{base}?since_id={}", published[1]), "").json();
    assert_eq!(since["meta"]["result_count"], 1);

    for bad in [
        "max_results=4",
        "max_results=101",
        "start_time=yesterday",
        "pagination_token=%25",
        "tweet.fields=colour",
        "colour=red",
        "exclude=all",
        "since_id=x",
    ] {
        assert_eq!(x(sandbox.addr(), "GET", &format!("{base}?{bad}"), "").status, 400, "{bad}");
    }
}

#[test]
fn a_long_text_is_cut_in_text_and_whole_in_the_note() {
    let sandbox = start(Options::default());
    let long = "word ".repeat(100);
    tweet(sandbox.addr(), &long);
    let path = format!("/2/users/{USER}/tweets?tweet.fields=note_tweet");
    let shown = x(sandbox.addr(), "GET", &path, "").json()["data"][0].clone();
    assert!(shown["text"].as_str().unwrap().chars().count() <= 280);
    assert_eq!(shown["note_tweet"]["text"], long.trim());
}

#[test]
fn likes_follows_and_retweets_stand_until_taken_back() {
    let sandbox = start(Options::default());
    let go = |method: &str, path: &str, body: &str| {
        let answer = x(sandbox.addr(), method, &format!("/2/users/{USER}/{path}"), body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()["data"].clone()
    };
    assert_eq!(go("POST", "likes", r#"{"tweet_id":"42"}"#), json!({"liked": true}));
    let follow = go("POST", "following", r#"{"target_user_id":"43"}"#);
    assert_eq!(follow, json!({"following": true, "pending_follow": false}));
    let standing: Vec<_> = sandbox.relations().into_iter().map(|r| (r.relation, r.object)).collect();
    assert_eq!(standing, [("follow", "43".to_owned()), ("like", "42".to_owned())]);
    assert_eq!(go("DELETE", "likes/42", ""), json!({"liked": false}));
    assert_eq!(go("DELETE", "following/43", ""), json!({"following": false}));
    assert!(sandbox.relations().is_empty());
    assert!(sandbox.posts().is_empty(), "a like is no post");

    assert_eq!(go("POST", "retweets", r#"{"tweet_id":"42"}"#), json!({"retweeted": true}));
    assert_eq!(go("POST", "retweets", r#"{"tweet_id":"42"}"#), json!({"retweeted": true}));
    assert_eq!(sandbox.posts().len(), 1, "twice is once");
    assert_eq!(sandbox.posts()[0].kind, Kind::Retweet);
    let path = format!("/2/users/{USER}/tweets?tweet.fields=referenced_tweets");
    let shown = x(sandbox.addr(), "GET", &path, "").json();
    assert_eq!(shown["data"][0]["referenced_tweets"][0]["type"], "retweeted");
    assert_eq!(go("DELETE", "retweets/42", ""), json!({"retweeted": false}));
    assert!(sandbox.posts()[0].deleted);
    for (path, body) in [("likes", "{}"), ("likes", r#"{"tweet_id":"x"}"#), ("following", r#"{"id":"1"}"#)] {
        let answer = x(sandbox.addr(), "POST", &format!("/2/users/{USER}/{path}"), body);
        assert_eq!(answer.status, 400, "{path} {body}");
    }
}

#[test]
fn a_direct_message_names_its_conversation() {
    let sandbox = start(Options::default());
    let path = "/2/dm_conversations/with/42/messages";
    let answer = x(sandbox.addr(), "POST", path, r#"{"text":"Hello"}"#);
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["data"]["dm_conversation_id"], format!("42-{USER}"));
    let post = &sandbox.posts()[0];
    assert_eq!((post.kind, post.object.as_deref()), (Kind::Message, Some("42")));
    assert_eq!(answer.json()["data"]["dm_event_id"], post.id);
    assert_eq!(tweet(sandbox.addr(), "Hello").status, 201, "no duplicate: the message is not a post");
    let timeline = x(sandbox.addr(), "GET", &format!("/2/users/{USER}/tweets"), "").json();
    assert_eq!(timeline["meta"]["result_count"], 1);
    let media = r#"{"attachments":[{"media_id":"1"}]}"#;
    assert_eq!(x(sandbox.addr(), "POST", path, media).status, 201);
    for bad in ["{}", r#"{"attachments":[]}"#, r#"{"attachments":[{}]}"#, r#"{"text":"t","to":"u"}"#] {
        assert_eq!(x(sandbox.addr(), "POST", path, bad).status, 400, "{bad}");
    }
}

#[test]
fn the_account_is_read_from_the_credentials() {
    let x_accounts = BTreeMap::from([("known".to_owned(), "77".to_owned())]);
    let sandbox = start(Options { x_accounts, ..Options::default() });
    let me = |authorization: &str| {
        let answer = ask(
            sandbox.addr(),
            "GET",
            "/2/users/me?user.fields=name",
            &[("authorization", authorization)],
            "",
        );
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200);
        answer.json()["data"]["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(me(crate::client::OAUTH), USER);
    assert_eq!(me("Bearer known"), "77");
    let unknown = me("Bearer unknown");
    assert_eq!(unknown, me("bearer unknown"), "stable");
    assert_ne!(unknown, me("Bearer other"));

    // Known credentials are held to the path; unknown ones follow it.
    let like = |authorization: &str, user: &str| {
        let headers = [("authorization", authorization), ("content-type", "application/json")];
        let path = format!("/2/users/{user}/likes");
        ask(sandbox.addr(), "POST", &path, &headers, r#"{"tweet_id":"1"}"#).unwrap().status
    };
    assert_eq!(like("Bearer known", "77"), 200);
    assert_eq!(like("Bearer known", "78"), 403);
    assert_eq!(like("Bearer unknown", "78"), 200);
    assert_eq!(sandbox.relations()[1].account, "78");

    // What a token of nobody posts is found under the user that its owner believes it to be.
    let headers = [("authorization", "Bearer unknown"), ("content-type", "application/json")];
    ask(sandbox.addr(), "POST", "/2/tweets", &headers, r#"{"text":"t"}"#).unwrap();
    let read = |authorization: &str| {
        let answer =
            ask(sandbox.addr(), "GET", "/2/users/78/tweets", &[("authorization", authorization)], "");
        answer.unwrap().json()["meta"]["result_count"].clone()
    };
    assert_eq!(
        (read("Bearer unknown"), read("Bearer known"), read("Bearer other")),
        (1.into(), 0.into(), 0.into())
    );
}

#[test]
fn requests_without_good_credentials_are_answered_401() {
    let sandbox = start(Options::default());
    let without_nonce = crate::client::OAUTH.replace("oauth_nonce=\"n\", ", "");
    for authorization in ["", "Bearer", "Bearer ", "Basic abc", "OAuth ", &without_nonce] {
        let headers = [("authorization", authorization), ("content-type", "application/json")];
        let answer = ask(sandbox.addr(), "POST", "/2/tweets", &headers, r#"{"text":"t"}"#).unwrap();
        assert_eq!(answer.status, 401, "{authorization}");
        assert_eq!(answer.json()["status"], 401);
        assert!(!answer.header("x-rate-limit-limit").is_empty());
    }
    assert_eq!(ask(sandbox.addr(), "GET", "/2/users/me", &[], "").unwrap().status, 401);
    assert!(sandbox.posts().is_empty());
}

/// The signatures were made with an independent implementation, over `http://sandbox.test` and the path.
#[test]
fn signatures_are_verified_once_a_secret_is_known() {
    let secrets = OAuth1Secrets {
        consumer_key: "key".into(),
        consumer_secret: "key secret".into(),
        token: "1258948171-secret".into(),
        token_secret: "token&secret".into(),
    };
    let sandbox = start(Options { oauth1_secrets: vec![secrets], ..Options::default() });
    assert_eq!(tweet(sandbox.addr(), "forged").status, 401);
    let signed =
        |signature: &str| crate::client::OAUTH.replace("Ls93hJiZbQ3akF3HF3x1Bz8%2FzU4%3D", signature);
    let post = signed("F%2FAkV3JYU2BBckPk4he246fYQsY%3D");
    let headers = [("authorization", post.as_str()), ("content-type", "application/json")];
    let answer = ask(sandbox.addr(), "POST", "/2/tweets", &headers, r#"{"text":"signed"}"#).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    let get = signed("GSyD1lq2UQaQtN%2BBlDk4acAI%2FL8%3D");
    let path = format!("/2/users/{USER}/tweets?max_results=5&tweet.fields=created_at%2Ctext");
    let answer = ask(sandbox.addr(), "GET", &path, &[("authorization", &get)], "").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    // The same signature over another query does not hold.
    let answer =
        ask(sandbox.addr(), "GET", &path.replace("results=5", "results=6"), &[("authorization", &get)], "")
            .unwrap();
    assert_eq!(answer.status, 401);
}

#[test]
fn the_limit_is_shown_on_each_answer_and_held() {
    let x_rate = RateLimit { requests: 2, window: Duration::from_secs(900) };
    let sandbox = start(Options { x_rate, ..Options::default() });
    let answers: Vec<_> = (0..3).map(|n| tweet(sandbox.addr(), &format!("{n}"))).collect();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [201, 201, 429]);
    let left: Vec<&str> = answers.iter().map(|answer| answer.header("x-rate-limit-remaining")).collect();
    assert_eq!(left, ["1", "0", "0"]);
    assert_eq!(answers[2].header("x-rate-limit-limit"), "2");
    assert!(answers[2].header("x-rate-limit-reset").parse::<u64>().unwrap() > 1_700_000_000);
    assert_eq!(answers[2].json()["title"], "Too Many Requests");
    assert_eq!(sandbox.posts().len(), 2);
    assert_eq!(x(sandbox.addr(), "GET", "/2/users/me", "").status, 200, "each endpoint has its own limit");
}

#[test]
fn unknown_paths_and_methods_are_told_apart() {
    let sandbox = start(Options::default());
    assert_eq!(x(sandbox.addr(), "GET", "/2/colours", "").status, 404);
    assert_eq!(x(sandbox.addr(), "PUT", "/2/tweets", "{}").status, 405);
    assert_eq!(x(sandbox.addr(), "GET", "/2/users/abc/tweets", "").status, 400);
    assert_eq!(x(sandbox.addr(), "GET", "/1.1/statuses", "").status, 404);
}
