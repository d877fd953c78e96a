//! Bad input: each fault has its code, and a message that names what was wrong and what would be right.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use strowger::channel::{ChannelFault, CheckError};
use strowger::{Config, Error, Inbound, Limits, Reply, StatusCode};
use support::{ACCOUNT, Desk, QUEUE, START_MS, World, config, json, refusal, send, tweet};

/// The reply to a body that need not be JSON.
fn reply_to(desk: &Desk, id: Option<&str>, body: &[u8]) -> Reply {
    desk.agent.perform("twitter", id, body).expect("the channel exists")
}

fn refused_with(reply: Reply, code: u8, words: &[&str]) {
    let (found, message) = refusal(reply, "it");
    assert_eq!(found, code, "{message}");
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

/// A world, its agent, and a place for each operation to be asked for: draft, inbound, invitation.
struct Places {
    world: World,
    desk: Desk,
    draft: String,
    inbound: String,
    invited: String,
}

impl Places {
    fn new() -> Self {
        Self::with(&config())
    }

    fn with(config: &Config) -> Self {
        let world = World::with(config);
        let desk = world.desk("a1");
        let draft = desk.draft();
        let inbound = world.processing(&desk);
        let invited = world.tweet();
        world.engine.offer(&invited, "a1").unwrap();
        desk.forget();
        Self { world, desk, draft, inbound, invited }
    }

    fn place_of(&self, operation: &str) -> &str {
        match operation {
            "Create" | "Follow" | "Unfollow" => "",
            "Save" | "Send" | "Cancel" => &self.draft,
            "Accept" | "Reject" => &self.invited,
            _ => &self.inbound,
        }
    }

    /// Everything as it stands.
    fn standing(&self) -> String {
        let record = |id: &str| format!("{:?}", self.world.engine.interaction(id).unwrap());
        let undelivered = self.world.engine.undelivered();
        [record(&self.draft), record(&self.inbound), record(&self.invited), undelivered.to_string()]
            .join("\n")
    }

    /// The body is refused so, nothing changes, and nobody hears of it.
    fn refuses(&self, body: &Value, code: u8, words: &[&str]) {
        let before = self.standing();
        let place = self.place_of(body["operationName"].as_str().unwrap_or_default());
        refused_with(self.desk.asks(place, body), code, words);
        assert_eq!(self.standing(), before);
        self.desk.hears_nothing();
    }
}

/// A request with everything that its operation needs.
fn whole(operation: &str) -> Value {
    let mut body = json!({"operationName": operation});
    let more = match operation {
        "Send" => json!({"queuePath": QUEUE, "twitter": {"from": ACCOUNT, "message": "Hello"}}),
        "Reply" => json!({"queuePath": QUEUE}),
        "Transfer" => json!({"targetPath": "/queues/q1"}),
        "AttachUserData" | "UpdateUserData" => json!({"userData": {"k": "v"}}),
        "DeleteUserData" => json!({"keys": ["k"]}),
        "SetDisposition" => json!({"disposition": "resolved"}),
        "AddComment" => json!({"comment": "called back"}),
        "Follow" | "Unfollow" => json!({"twitterUserId": "9", "from": ACCOUNT}),
        _ => json!({}),
    };
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn without(mut body: Value, pointer: &str) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap().as_object_mut().unwrap().shift_remove(name).expect("it was there");
    body
}

fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

// --------------------------------------------------------------------------- the body as a whole

#[test]
fn a_body_that_is_no_json_object_is_code_2() {
    let places = Places::new();
    let bodies: [(&[u8], &str); 10] = [
        (b"", "JSON object"),
        (b"{", "JSON object"),
        (b"{\"operationName\":\"Create\"", "JSON object"),
        (b"{\"operationName\":\"Create\"} trailing", "JSON object"),
        (b"{'operationName':'Create'}", "JSON object"),
        (b"{\"operationName\":\"Create\",}", "JSON object"),
        (b"[]", "JSON object"),
        (b"\"Create\"", "JSON object"),
        (b"null", "JSON object"),
        (b"42", "JSON object"),
    ];
    for (body, word) in bodies {
        refused_with(reply_to(&places.desk, None, body), 2, &[word]);
    }
    places.desk.hears_nothing();
}

#[test]
fn a_body_that_is_not_utf_8_is_code_2() {
    let places = Places::new();
    let body = b"{\"operationName\":\"Create\",\"userData\":{\"k\":\"\xff\"}}";
    refused_with(reply_to(&places.desk, None, body), 2, &["UTF-8"]);
}

#[test]
fn deep_nesting_is_code_2() {
    let places = Places::new();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
        let body = format!("{{\"operationName\":\"Create\",\"userData\":{{\"k\":{deep}}}}}");
        refused_with(reply_to(&places.desk, None, body.as_bytes()), 2, &["nest", "64"]);
        // Also where nobody would look.
        let body = format!("{{\"operationName\":\"Create\",\"unknown\":{deep}}}");
        refused_with(reply_to(&places.desk, None, body.as_bytes()), 2, &["nest"]);
    }
}

#[test]
fn a_body_over_256_kib_is_code_10_and_http_413() {
    let places = Places::new();
    let body = |bytes: usize| {
        let empty = "{\"operationName\":\"Create\",\"padding\":\"\"}".len();
        format!("{{\"operationName\":\"Create\",\"padding\":\"{}\"}}", "x".repeat(bytes - empty))
    };
    let reply = reply_to(&places.desk, None, body(300 << 10).as_bytes());
    assert_eq!(reply.http_status(), 413);
    refused_with(reply, 10, &["307200", "262144"]);
    assert_eq!(reply_to(&places.desk, None, body((256 << 10) + 1).as_bytes()).http_status(), 413);
    assert_eq!(reply_to(&places.desk, None, body(256 << 10).as_bytes()).status_code(), StatusCode::Success);
}

#[test]
fn no_operation_name_is_code_1() {
    let places = Places::new();
    refused_with(reply_to(&places.desk, None, b"{}"), 1, &["operationName", "missing"]);
    refused_with(reply_to(&places.desk, Some(&places.draft), b"{}"), 1, &["operationName"]);
}

#[test]
fn an_unknown_operation_is_code_2_and_the_message_lists_the_known_ones() {
    let places = Places::new();
    for name in ["Dance", "create", "CREATE", " Create", ""] {
        let body = json!({"operationName": name});
        refused_with(
            places.desk.asks("", &body),
            2,
            &["operationName", name, "Create", "SetInFocus", "Retweet"],
        );
    }
    // Of a channel only its own.
    let (code, message) =
        refusal(places.desk.asks_on("facebook", "", &json!({"operationName": "Follow"})), "Follow");
    assert_eq!(code, 2);
    assert!(message.contains("Follow") && !message.contains("Retweet"), "{message}");
}

#[test]
fn an_operation_name_of_the_wrong_type_is_code_2() {
    let places = Places::new();
    for wrong in [json!(1), json!(null), json!(["Create"]), json!({}), json!(true)] {
        refused_with(places.desk.asks("", &json!({"operationName": wrong})), 2, &["operationName", "string"]);
    }
}

#[test]
fn unknown_members_are_ignored() {
    let places = Places::new();
    let body = json!({"operationName": "Create", "colour": 3, "facebook": 7, "message": {}});
    assert_eq!(places.desk.asks("", &body).status_code(), StatusCode::Success);
}

#[test]
fn every_refusal_has_the_http_status_of_its_code() {
    let places = Places::new();
    let desk = &places.desk;
    let barred = places.world.desk_without_feature("a7");
    let create = json!({"operationName": "Create"});
    for (reply, http) in [
        (desk.asks("", &json!({})), 400),
        (desk.asks("", &json!({"operationName": "Dance"})), 400),
        (desk.asks("", &json!({"operationName": "Save"})), 403),
        (barred.asks("", &create), 403),
        (desk.asks("NOBODYKNOWSTHIS1", &create), 404),
        (desk.asks("", &create), 200),
    ] {
        assert_eq!(reply.http_status(), http, "{reply:?}");
    }
}

// ------------------------------------------------------------------------------ parameters

#[test]
fn a_missing_required_parameter_is_code_1_and_named() {
    let places = Places::new();
    for (operation, pointer, word) in [
        ("Send", "/queuePath", "queuePath"),
        ("Send", "/twitter/message", "message"),
        ("Send", "/twitter/from", "from"),
        ("Send", "/twitter", "twitter"),
        ("Reply", "/queuePath", "queuePath"),
        ("Transfer", "/targetPath", "targetPath"),
        ("AttachUserData", "/userData", "userData"),
        ("UpdateUserData", "/userData", "userData"),
        ("DeleteUserData", "/keys", "keys"),
        ("SetDisposition", "/disposition", "disposition"),
        ("AddComment", "/comment", "comment"),
        ("Follow", "/twitterUserId", "twitterUserId"),
        ("Follow", "/from", "from"),
        ("Unfollow", "/twitterUserId", "twitterUserId"),
        ("Unfollow", "/from", "from"),
    ] {
        places.refuses(&without(whole(operation), pointer), 1, &[word, "missing"]);
    }
    places.refuses(&without(whole("Transfer"), "/targetPath"), 1, &["targetUri", "/users/", "/queues/"]);
    // Nothing to send is no message.
    places.refuses(&with(whole("Send"), "/twitter/message", json!("")), 1, &["message"]);
    places.refuses(&with(whole("Send"), "/twitter/from", json!("")), 1, &["from"]);
}

/// What every parameter must be, and all that it must not be.
/// Whether a value is of the right type.
type Right = fn(&Value) -> bool;

#[test]
fn a_parameter_of_the_wrong_type_is_code_2_and_named() {
    let places = Places::new();
    let values = [json!(7), json!(1.5), json!(true), json!(null), json!([]), json!({}), json!("text")];
    let string = |value: &Value| value.is_string();
    let flag = |value: &Value| value.is_boolean();
    let object = |value: &Value| value.is_object();
    let array = |value: &Value| value.is_array();
    let table: [(&str, &str, Right, &str); 29] = [
        ("Create", "/queuePath", string, "queuePath"),
        ("Create", "/userData", object, "userData"),
        ("Save", "/twitter", object, "twitter"),
        ("Save", "/twitter/from", string, "from"),
        ("Save", "/twitter/message", string, "message"),
        ("Send", "/queuePath", string, "queuePath"),
        ("Send", "/twitter", object, "twitter"),
        ("Send", "/twitter/from", string, "from"),
        ("Send", "/twitter/message", string, "message"),
        ("Send", "/twitter/attachments", array, "attachments"),
        ("Save", "/twitter/attachments", array, "attachments"),
        ("Send", "/saveLAR", flag, "saveLAR"),
        ("Accept", "/saveLAR", flag, "saveLAR"),
        ("Reply", "/queuePath", string, "queuePath"),
        ("Reply", "/isRetweet", flag, "isRetweet"),
        ("Reply", "/userData", object, "userData"),
        ("Complete", "/queuePath", string, "queuePath"),
        ("Complete", "/saveLAR", flag, "saveLAR"),
        ("Transfer", "/targetPath", string, "targetPath"),
        ("AttachUserData", "/userData", object, "userData"),
        ("UpdateUserData", "/userData", object, "userData"),
        ("DeleteUserData", "/keys", array, "keys"),
        ("SetDisposition", "/disposition", string, "disposition"),
        ("SetDisposition", "/dispositionKey", string, "dispositionKey"),
        ("AddComment", "/comment", string, "comment"),
        ("Retweet", "/from", string, "from"),
        ("MarkFavorite", "/from", string, "from"),
        ("RemoveFavorite", "/from", string, "from"),
        ("Follow", "/twitterUserId", string, "twitterUserId"),
    ];
    for (operation, pointer, is_right, name) in table {
        for wrong in values.iter().filter(|value| !is_right(value)) {
            let mut body = whole(operation);
            if pointer.starts_with("/twitter/") && body.get("twitter").is_none() {
                body["twitter"] = json!({});
            }
            places.refuses(&with(body, pointer, wrong.clone()), 2, &[name]);
        }
    }
    places.refuses(&with(whole("DeleteUserData"), "/keys", json!(["k", 7])), 2, &["keys", "strings"]);
    places.refuses(&with(whole("Follow"), "/from", json!(7)), 2, &["from", "string", "number"]);
    places.refuses(
        &with(without(whole("Transfer"), "/targetPath"), "/targetUri", json!(7)),
        2,
        &["targetUri"],
    );
    // A flag may be written as a string, but only so.
    places.refuses(&with(whole("Send"), "/saveLAR", json!("True")), 2, &["saveLAR", "true", "false"]);
    places.refuses(&with(whole("Send"), "/saveLAR", json!("yes")), 2, &["saveLAR"]);
}

#[test]
fn malformed_paths_are_code_2_and_the_right_form_is_shown() {
    let places = Places::new();
    let wrong = [
        "",
        "/",
        "queues/q1",
        "/queues",
        "/queues/",
        "/queues/a b",
        "/rooms/q1",
        "/a/queues/q1",
        "ftp://h/queues/q1",
        "http://queues",
        "/queues/q1?x",
        "/queues/q1/",
    ];
    for path in wrong {
        for operation in ["Create", "Send", "Reply", "Complete"] {
            let body = with(whole(operation), "/queuePath", json!(path));
            places.refuses(&body, 2, &["queuePath", "/queues/<id>", "/contacts/<id>"]);
        }
        let body = with(whole("Transfer"), "/targetPath", json!(path));
        places.refuses(&body, 2, &["targetPath", "/users/<id>", "/queues/<id>"]);
    }
    // An agent is no queue.
    places.refuses(&with(whole("Send"), "/queuePath", json!("/users/a1")), 2, &["queuePath"]);
}

#[test]
fn an_unknown_account_is_code_2_and_the_known_ones_are_named() {
    let places = Places::new();
    places.refuses(&with(whole("Send"), "/twitter/from", json!("nobody")), 2, &["from", "nobody", ACCOUNT]);
    places.refuses(&with(whole("Follow"), "/from", json!("nobody")), 2, &["from", "nobody", ACCOUNT]);
    places.refuses(&with(whole("Retweet"), "/from", json!("nobody")), 2, &["from", "nobody"]);
    // Known, but can't.
    places.refuses(&with(whole("Follow"), "/from", json!("support")), 2, &["from", "support", "Follow"]);
}

#[test]
fn an_undeclared_queue_is_code_6() {
    let declared = Config { queues: Some(vec![QUEUE.into(), "/queues/q1".into()]), ..config() };
    let places = Places::with(&declared);
    for operation in ["Create", "Send", "Reply", "Complete"] {
        let body = with(whole(operation), "/queuePath", json!("/queues/elsewhere"));
        places.refuses(&body, 6, &["/queues/elsewhere"]);
    }
    places.refuses(
        &with(whole("Transfer"), "/targetPath", json!("/queues/elsewhere")),
        6,
        &["/queues/elsewhere"],
    );
    let engine = &places.world.engine;
    let elsewhere =
        Inbound::parse(&with(tweet(), "/queuePath", json!("/queues/elsewhere")).to_string()).unwrap();
    for error in [
        engine.receive("twitter", &elsewhere).unwrap_err(),
        engine.queue_next("/queues/elsewhere").unwrap_err(),
        engine.queue("/queues/elsewhere").unwrap_err(),
        engine.waiting("/queues/elsewhere", 1).unwrap_err(),
    ] {
        let Error::Refused(refusal) = error else { panic!("{error:?}") };
        assert_eq!(refusal.code(), StatusCode::NotFound);
    }
    // A declared one by its address is the same queue.
    let uri = json!("http://192.168.83.25:8080/api/v2/queues/q1");
    places.desk.does(&places.inbound, &with(whole("Transfer"), "/targetPath", uri));
    assert!(engine.queue_next("/queues/q1").unwrap().is_some());
}

#[test]
fn an_agent_that_was_never_seen_is_code_6() {
    let places = Places::new();
    places.refuses(&with(whole("Transfer"), "/targetPath", json!("/users/ghost")), 6, &["ghost"]);
}

// ---------------------------------------------------------------------- whose, and which one

#[test]
fn an_unknown_id_and_someone_elses_interaction_are_code_6_and_look_the_same() {
    let places = Places::new();
    let stranger = places.world.desk("a9");
    let before = places.standing();
    let ids =
        [places.draft.as_str(), &places.inbound, &places.invited, "NOBODYKNOWSTHIS1", "no id at all!", "ä"];
    let messages: Vec<_> = ids
        .iter()
        .map(|id| {
            let (code, message) = stranger.refused(id, &json!({"operationName": "Cancel"}));
            assert_eq!(code, 6, "{id}");
            message.replace(id, "ID")
        })
        .collect();
    assert!(messages.windows(2).all(|pair| pair[0] == pair[1]), "{messages:?}");
    assert_eq!(places.standing(), before);
    // On another channel it does not exist either.
    let on_facebook = places.desk.asks_on("facebook", &places.draft, &json!({"operationName": "Cancel"}));
    refused_with(on_facebook, 6, &[]);
    assert_eq!(places.desk.reads_on("facebook", &places.draft), None);
}

#[test]
fn an_agent_without_the_feature_gets_code_5_and_its_name() {
    let world = World::new();
    let barred = world.desk_without_feature("a1");
    for id in ["", "NOBODYKNOWSTHIS1"] {
        let (code, message) = barred.refused(id, &json!({"operationName": "Create"}));
        assert_eq!(code, 5);
        assert!(message.contains("api-multimedia"), "{message}");
    }
}

#[test]
fn an_operation_that_the_state_forbids_is_code_3_and_says_what_is_allowed() {
    let places = Places::new();
    let body = json!({"operationName": "Complete"});
    refused_with(
        places.desk.asks(&places.draft, &body),
        3,
        &["Complete", "Composing", "Send", "Save", "Transfer"],
    );
    refused_with(places.desk.asks(&places.invited, &body), 3, &["Invited", "Accept", "Reject"]);
}

// ------------------------------------------------------------------------------- the channel

#[test]
fn what_the_channel_refuses_is_code_10_or_2_with_its_words() {
    let places = Places::new();
    places.world.channel.judges(|message| match message.text.chars().count() {
        0..=280 if message.text.contains("spam") => {
            Err(CheckError::Refused { code: 2, message: "no spam".into() })
        }
        0..=280 => Ok(()),
        count => Err(CheckError::Refused { code: 10, message: format!("{count} of 280 characters") }),
    });
    let long = "x".repeat(281);
    places.refuses(&with(whole("Send"), "/twitter/message", json!(long)), 10, &["281", "280"]);
    places.refuses(&with(whole("Send"), "/twitter/message", json!("spam")), 2, &["no spam"]);
    // Save judges neither.
    places.desk.does(&places.draft, &json!({"operationName": "Save", "twitter": {"message": long}}));
    places.desk.forget();
    places.desk.does(&places.draft, &whole("Send"));
}

#[test]
fn the_channel_is_shown_account_text_and_extras() {
    let places = Places::new();
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = seen.clone();
    places.world.channel.judges(move |message| {
        kept.lock().unwrap().push((
            [message.channel, message.account, message.text].map(str::to_owned),
            json(message.extras_json),
        ));
        Ok(())
    });
    let body = with(whole("Send"), "/twitter/location", json!("Paris FRANCE"));
    places.desk.does(&places.draft, &body);
    let seen = seen.lock().unwrap();
    let (texts, extras) = &seen[0];
    assert_eq!((seen.len(), texts.each_ref().map(String::as_str)), (1, ["twitter", ACCOUNT, "Hello"]));
    assert_eq!(extras["location"], "Paris FRANCE");
    // Of some messages only the user data tells what they are.
    let members: Vec<_> = extras.as_object().unwrap().keys().collect();
    assert_eq!(members, ["location", "userData"]);
    assert!(extras["userData"].is_object(), "{extras}");
}

#[test]
fn a_check_that_fails_is_code_4() {
    let places = Places::new();
    places.world.channel.judges(|_| Err(ChannelFault::new("the plugin is broken").into()));
    let reply = places.desk.asks(&places.draft, &whole("Send"));
    assert_eq!(reply.http_status(), 500);
    places.refuses(&whole("Send"), 4, &["the plugin is broken"]);
}

/// A planted panic in the plugin must stop at the line between engine and channel.
#[test]
fn a_check_that_panics_refuses_the_send_and_harms_nothing_else() {
    let places = Places::new();
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    places.world.channel.judges(move |_| {
        assert!(counted.fetch_add(1, Ordering::SeqCst) > 0, "planted");
        Ok(())
    });
    places.refuses(&whole("Send"), 4, &[]);
    places.desk.does(&places.draft, &whole("Send"));
}

// ------------------------------------------------------------------------------------ limits

#[test]
fn user_data_over_512_keys_is_code_10() {
    let places = Places::new();
    let keys = |count: usize| {
        let keys: serde_json::Map<_, _> = (0..count).map(|number| (format!("k{number}"), json!(1))).collect();
        Value::from(keys)
    };
    for operation in ["Create", "AttachUserData", "UpdateUserData", "Reply"] {
        places.refuses(&with(whole(operation), "/userData", keys(513)), 10, &["512", "keys"]);
    }
    // The limit is on what would be there, not on what is added.
    let draft = &places.draft;
    let attach = |data: Value| json!({"operationName": "AttachUserData", "userData": data});
    places.desk.does(draft, &attach(keys(512)));
    places.desk.forget();
    assert_eq!(places.desk.refused(draft, &attach(json!({"one": "more"}))).0, 10);
    assert_eq!(
        places.desk.refused(draft, &with(whole("SetDisposition"), "/dispositionKey", json!("d"))).0,
        10
    );
    places.desk.does(draft, &attach(json!({"k0": "another value"})));
}

#[test]
fn user_data_over_64_kib_is_code_10() {
    let places = Places::new();
    let large = json!({"k": "x".repeat(64 << 10)});
    for operation in ["Create", "AttachUserData", "UpdateUserData", "Reply"] {
        places.refuses(&with(whole(operation), "/userData", large.clone()), 10, &["65536", "bytes"]);
    }
    places.refuses(&with(whole("SetDisposition"), "/disposition", large["k"].clone()), 10, &["65536"]);
    let fits = json!({"k": "x".repeat((64 << 10) - "{\"k\":\"\"}".len())});
    let body = json!({"operationName": "AttachUserData", "userData": fits});
    places.desk.does(&places.draft, &body);
}

#[test]
fn values_that_json_readers_could_not_keep_are_code_2() {
    let places = Places::new();
    for wrong in ["1e999", "\"\\ud800\""] {
        let body = format!("{{\"operationName\":\"AttachUserData\",\"userData\":{{\"odd\":{wrong}}}}}");
        let reply = reply_to(&places.desk, Some(&places.draft), body.as_bytes());
        refused_with(reply, 2, &["userData"]);
    }
}

#[test]
fn a_message_over_64_kib_is_code_10() {
    let places = Places::new();
    let long = json!("x".repeat((64 << 10) + 1));
    places.refuses(
        &with(whole("Send"), "/twitter/message", long.clone()),
        10,
        &["message", "65537", "65536"],
    );
    places.refuses(&with(whole("AddComment"), "/comment", long), 10, &["comment", "65537"]);
    let fits = json!({"operationName": "Save", "twitter": {"message": "x".repeat(64 << 10)}});
    places.desk.does(&places.draft, &fits);
}

#[test]
fn too_many_attachments_are_code_10() {
    let places = Places::new();
    let five = json!(["1", "2", "3", "4", "5"]);
    places.refuses(&with(whole("Send"), "/twitter/attachments", five), 10, &["attachments", "5", "4"]);
    places
        .desk
        .does(&places.draft, &with(whole("Send"), "/twitter/attachments", json!(["1", "2", "3", "4"])));
}

#[test]
fn a_full_outbox_is_code_4_and_http_503_until_it_has_drained() {
    let limits = Limits { outbox: 1, ..Limits::default() };
    let places = Places::with(&Config { limits, ..config() });
    World::sent(&places.desk, ACCOUNT, "first");
    let reply = places.desk.asks(&places.draft, &whole("Send"));
    assert_eq!(reply.http_status(), 503);
    places.refuses(&whole("Send"), 4, &["outbox", "try again"]);
    places.refuses(&whole("Follow"), 4, &["outbox"]);
    places.refuses(&whole("Retweet"), 4, &["outbox"]);
    assert_eq!(places.world.deliver(), 1);
    places.desk.forget();
    places.desk.does(&places.draft, &whole("Send"));
}

#[test]
fn an_outbox_full_of_bytes_is_code_4_and_http_503() {
    let limits = Limits { outbox_bytes: 2_000, ..Limits::default() };
    let places = Places::with(&Config { limits, ..config() });
    let long = with(whole("Send"), "/twitter/message", json!("x".repeat(2_000)));
    assert_eq!(places.desk.asks(&places.draft, &long).http_status(), 503);
    places.desk.does(&places.draft, &whole("Send"));
    // What waits counts until it is out, and nothing of it is dropped to make room.
    let other = places.desk.draft();
    let half = with(whole("Send"), "/twitter/message", json!("y".repeat(1_500)));
    assert_eq!(places.desk.asks(&other, &half).http_status(), 503);
    assert_eq!(places.world.engine.undelivered(), 1);
    assert_eq!(places.world.deliver(), 1);
    places.desk.does(&other, &half);
}

#[test]
fn a_refused_request_takes_no_reference_id() {
    let places = Places::new();
    let first = places.desk.does("", &whole("Create"));
    places.desk.refused("", &json!({"operationName": "Dance"}));
    places.desk.refused(&places.draft, &without(whole("Send"), "/queuePath"));
    places.desk.refused(&places.draft, &with(whole("Send"), "/twitter/from", json!("nobody")));
    places.world.channel.judges(|_| Err(ChannelFault::new("broken").into()));
    places.desk.refused(&places.draft, &whole("Send"));
    assert_eq!(places.desk.does("", &whole("Create")), first + 1);
}

// ---------------------------------------------------------------------------- order of checks

/// Of two faults in one request, the one that section 7 of the reference names first is answered:
/// body 2 · operationName 1 or 2 · feature 5 · id 6 · state 3 · parameters 1, 2, 10 · channel 2 or 10.
#[test]
fn of_two_faults_the_earlier_check_wins() {
    let places = Places::new();
    places.world.channel.judges(|_| Err(CheckError::Refused { code: 10, message: "too long".into() }));
    let (draft, unknown) = (places.draft.as_str(), "NOBODYKNOWSTHIS1");
    let barred = places.world.desk_without_feature("a1");
    let me = &places.desk;
    let code = |desk: &Desk, id: &str, body: &[u8]| {
        refusal(reply_to(desk, (!id.is_empty()).then_some(id), body), "it").0
    };
    let of = |body: &Value| body.to_string().into_bytes();
    let dance = of(&json!({"operationName": "Dance"}));
    let forbidden = of(&json!({"operationName": "Complete", "queuePath": 7}));
    let parameterless = of(&json!({"operationName": "Send", "twitter": {"from": "nobody", "message": "x"}}));

    assert_eq!(code(&barred, unknown, b"{"), 2, "body before feature");
    assert_eq!(code(&barred, unknown, b"{}"), 1, "operationName before feature");
    assert_eq!(code(&barred, unknown, &dance), 2, "operationName before feature");
    assert_eq!(code(&barred, unknown, &forbidden), 5, "feature before id");
    assert_eq!(code(&barred, draft, &forbidden), 5, "feature before state");
    assert_eq!(code(&barred, draft, &parameterless), 5, "feature before parameters");
    assert_eq!(code(me, unknown, &dance), 2, "operationName before id");
    assert_eq!(code(me, unknown, &forbidden), 6, "id before state");
    assert_eq!(code(me, unknown, &parameterless), 6, "id before parameters");
    assert_eq!(code(me, draft, &forbidden), 3, "state before parameters");
    assert_eq!(code(me, draft, &parameterless), 1, "parameters before the channel");
    assert_eq!(
        code(me, draft, &of(&with(whole("Send"), "/twitter/from", json!("nobody")))),
        2,
        "account before channel"
    );
    assert_eq!(code(me, draft, &of(&whole("Send"))), 10, "at last the channel");
    let huge = format!("{{\"operationName\":\"Dance\",\"x\":\"{}\"}}", "x".repeat(300 << 10));
    assert_eq!(code(&barred, unknown, huge.as_bytes()), 10, "the size before all");
    // On the collection there is no id to be wrong.
    assert_eq!(
        code(&barred, "", &of(&json!({"operationName": "Save", "twitter": 7}))),
        5,
        "feature before state"
    );
    assert_eq!(
        code(me, "", &of(&json!({"operationName": "Save", "twitter": 7}))),
        3,
        "state before parameters"
    );
}

// ---------------------------------------------------------------------------------- the host

fn received(world: &World, inbound: &Value) -> Result<String, Error> {
    let inbound = Inbound::parse(&inbound.to_string()).map_err(Error::from)?;
    world.engine.receive("twitter", &inbound).map(|id| id.as_str().to_owned())
}

fn received_with_code(world: &World, inbound: &Value) -> (u8, String) {
    match received(world, inbound) {
        Err(Error::Refused(refusal)) => (refusal.code().number(), refusal.message().to_owned()),
        other => panic!("{inbound} gave {other:?}"),
    }
}

#[test]
fn an_id_of_the_host_that_is_taken_is_code_18() {
    let world = World::new();
    let named = with(tweet(), "/id", json!("01QQQG2MU214P05K"));
    assert_eq!(received(&world, &named).unwrap(), "01QQQG2MU214P05K");
    let (code, message) = received_with_code(&world, &named);
    assert_eq!(code, 18);
    assert!(message.contains("01QQQG2MU214P05K"), "{message}");
    assert_eq!(strowger::Refusal::new(StatusCode::AlreadyExists, "").http_status(), 409);
    // The first one stands as it stood, alone in its queue.
    assert_eq!(world.engine.queue(QUEUE).unwrap().len(), 1);
}

#[test]
fn an_engine_that_makes_a_taken_id_makes_another() {
    let world = World::new();
    received(&world, &with(tweet(), "/id", json!("01QQQG2MU214P05K"))).unwrap();
    world.ids.put("01QQQG2MU214P05K");
    assert_ne!(world.desk("a1").draft(), "01QQQG2MU214P05K");
}

#[test]
fn an_external_id_handed_in_again_gives_the_first_interaction() {
    let world = World::new();
    let first = with(tweet(), "/externalId", json!("63493545"));
    let id = received(&world, &first).unwrap();
    let again = with(with(first.clone(), "/message", json!("edited")), "/from", json!("somebody else"));
    assert_eq!(received(&world, &again).unwrap(), id);
    assert_eq!(world.engine.queue(QUEUE).unwrap().len(), 1);
    // Also when it is no longer in the queue, and also with an id of the host's own that is taken.
    let desk = world.desk("a1");
    world.engine.offer(&id, "a1").unwrap();
    assert_eq!(received(&world, &first).unwrap(), id);
    assert_eq!(received(&world, &with(first, "/id", json!(id))).unwrap(), id);
    assert_eq!(desk.sees(&id)["message"], "saying hello world!");
    // Another channel has ids of its own.
    let on_facebook = world.receive_on("facebook", &with(tweet(), "/externalId", json!("63493545")));
    assert_ne!(on_facebook, id);
}

#[test]
fn an_external_id_handed_in_by_many_threads_makes_one_interaction() {
    let world = World::new();
    let inbound = with(tweet(), "/externalId", json!("63493545"));
    let ids: std::collections::BTreeSet<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| received(&world, &inbound).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 1);
    assert_eq!(world.engine.queue(QUEUE).unwrap().len(), 1);
}

#[test]
fn bad_inbound_documents_are_refused_by_name() {
    let world = World::new();
    for name in ["from", "message", "queuePath"] {
        let (code, message) = received_with_code(&world, &without(tweet(), &format!("/{name}")));
        assert_eq!(code, 1);
        assert!(message.contains(name), "{message}");
    }
    for (name, wrong) in [
        ("id", json!("no id!")),
        ("id", json!(7)),
        ("from", json!(7)),
        ("message", json!(null)),
        ("receivedDate", json!(7)),
        ("queuePath", json!("/users/a1")),
        ("userData", json!([])),
        ("contactId", json!(7)),
        ("externalId", json!(7)),
    ] {
        let (code, message) = received_with_code(&world, &with(tweet(), &format!("/{name}"), wrong));
        assert_eq!(code, 2);
        assert!(message.contains(name), "{message}");
    }
    assert_eq!(received_with_code(&world, &with(tweet(), "/message", json!("x".repeat(65_537)))).0, 10);
    assert_eq!(received_with_code(&world, &with(tweet(), "/userData/k", json!("x".repeat(65_536)))).0, 10);
    assert!(matches!(Inbound::parse("{"), Err(refusal) if refusal.code() == StatusCode::Invalid));
    assert!(world.engine.queue(QUEUE).unwrap().is_empty());
}

#[test]
fn a_host_that_asks_for_nonsense_gets_typed_errors() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = world.tweet();
    let code = |result: Result<(), Error>| match result {
        Err(Error::Refused(refusal)) => refusal.code().number(),
        other => panic!("{other:?}"),
    };
    assert_eq!(code(world.engine.offer("NOBODYKNOWSTHIS1", "a1")), 6);
    assert_eq!(code(world.engine.offer(&id, "ghost")), 6);
    assert_eq!(code(world.engine.revoke("NOBODYKNOWSTHIS1")), 6);
    assert_eq!(code(world.engine.queue_next("/rooms/1").map(drop)), 2);
    assert!(matches!(world.engine.agent("", &[]), Err(Error::InvalidAgentId(_))));
    assert!(matches!(
        desk.agent.perform("telex", None, b"{}"),
        Err(Error::UnknownChannel { name, known }) if name == "telex" && known.contains("twitter")
    ));
    assert!(desk.agent.subscribe("/v2/me/telex").is_err());
}

#[test]
fn a_store_that_is_full_refuses_with_code_4() {
    let limits = Limits { interactions: 1, ..Limits::default() };
    let world = World::with(&Config { limits, ..config() });
    let desk = world.desk("a1");
    desk.draft();
    assert_eq!(desk.refused("", &json!({"operationName": "Create"})).0, 4);
    desk.hears_nothing();
}

#[test]
fn status_codes_keep_their_numbers() {
    let numbers = [
        (StatusCode::Success, 0, 200),
        (StatusCode::Missing, 1, 400),
        (StatusCode::Invalid, 2, 400),
        (StatusCode::Forbidden, 3, 403),
        (StatusCode::Internal, 4, 500),
        (StatusCode::NoPermission, 5, 403),
        (StatusCode::NotFound, 6, 404),
        (StatusCode::PartialSuccess, 7, 200),
        (StatusCode::OutOfRange, 10, 400),
        (StatusCode::ReadOnly, 11, 400),
        (StatusCode::AlreadyExists, 18, 409),
        (StatusCode::NotAuthenticated, 20, 401),
    ];
    for (code, number, http) in numbers {
        assert_eq!((code.number(), code.http_status()), (number, http));
    }
}

#[test]
fn limits_stand_at_the_documented_numbers() {
    let limits = Limits::default();
    assert_eq!((limits.body_bytes, limits.message_bytes), (256 << 10, 64 << 10));
    assert_eq!((limits.user_data_bytes, limits.user_data_keys), (64 << 10, 512));
    assert_eq!((limits.subscription_notes, limits.subscription_bytes), (10_000, 4 << 20));
    assert_eq!((limits.outbox, limits.outbox_bytes), (1_000_000, 2 << 30));
}

#[test]
fn a_refusal_reads_the_same_whenever_it_is_asked_for() {
    let places = Places::new();
    let body = send("nobody", "Hello");
    let first = places.desk.refused(&places.draft, &body);
    places.world.clock.set(START_MS + 86_400_000);
    assert_eq!(places.desk.refused(&places.draft, &body), first);
}
