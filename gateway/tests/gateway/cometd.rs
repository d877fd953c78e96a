//! CometD by hand, over long-polling and over WebSocket.
//!
//! Planted faults that these tests were seen to catch: a held connect that is not woken by a note, the queue
//! left unbounded, the floor of a resumed subscription left at zero, acknowledged batches kept, the check of
//! `Origin` left out.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use crate::support::{Caller, LISTENERS, Program, configuration, create};

const NOTIFICATIONS: &str = "/api/v2/notifications";
const QUICK: &str = "[cometd]\ntimeout_ms = 1500\nmax_interval_ms = 3000\n";

/// A client that polls.
struct Poller<'a> {
    program: &'a Program,
    caller: Caller,
    id: String,
}

impl<'a> Poller<'a> {
    fn new(program: &'a Program, agent: &str) -> Self {
        Self::with(program, program.log_in(agent), &json!({}))
    }

    fn with(program: &'a Program, caller: Caller, ext: &Value) -> Self {
        let handshake = json!([{ "channel": "/meta/handshake", "version": "1.0", "id": "1", "ext": ext,
                                 "supportedConnectionTypes": ["long-polling", "callback-polling"] }]);
        let reply = program.post(&caller, NOTIFICATIONS, &handshake).json()[0].clone();
        assert_eq!((&reply["successful"], &reply["id"]), (&json!(true), &json!("1")), "{reply}");
        let id = reply["clientId"].as_str().expect("a client id").to_owned();
        let poller = Self { program, caller, id };
        assert_eq!(poller.connect().len(), 1, "the first connect is answered at once");
        poller
    }

    fn say(&self, message: &Value) -> Vec<Value> {
        let answer = self.program.post(&self.caller, NOTIFICATIONS, message);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json().as_array().cloned().expect("an array")
    }

    fn subscribe(&self, topic: &str) -> Value {
        self.subscribe_from(topic, &json!({}))
    }

    fn subscribe_from(&self, topic: &str, ext: &Value) -> Value {
        let message =
            json!({ "channel": "/meta/subscribe", "clientId": self.id, "subscription": topic, "ext": ext });
        self.say(&json!([message]))[0].clone()
    }

    fn connect(&self) -> Vec<Value> {
        self.connect_with(&json!({}))
    }

    fn connect_with(&self, ext: &Value) -> Vec<Value> {
        self.say(&json!([self.connect_message(ext, None)]))
    }

    /// What waits, without waiting.
    fn poll(&self) -> Vec<Value> {
        let mut messages = self.say(&json!([self.connect_message(&json!({}), Some(0))]));
        let reply = messages.pop().expect("a reply");
        assert_eq!(reply["successful"], true, "{reply}");
        messages
    }

    fn connect_message(&self, ext: &Value, timeout_ms: Option<u64>) -> Value {
        let mut message = json!({ "channel": "/meta/connect", "clientId": self.id,
                                  "connectionType": "long-polling", "ext": ext });
        if let Some(timeout_ms) = timeout_ms {
            message["advice"] = json!({ "timeout": timeout_ms });
        }
        message
    }

    fn create(&self) {
        let reply = self.program.post(&self.caller, "/api/v2/me/tweets", &create());
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
}

fn sequences(messages: &[Value]) -> Vec<u64> {
    messages.iter().filter_map(|message| message["ext"]["sequence"].as_u64()).collect()
}

#[test]
fn a_held_connect_ends_with_a_note_at_once_or_with_nothing_after_its_time() {
    let program = Program::serve(configuration(LISTENERS, QUICK));
    let poller = Poller::new(&program, "a1");
    let subscribed = poller.subscribe("/v2/me/twitter");
    assert_eq!(subscribed["subscription"], "/v2/me/twitter", "{subscribed}");

    let begun = Instant::now();
    let messages = poller.connect();
    assert!(
        (1400..10_000).contains(&begun.elapsed().as_millis()),
        "held for its time: {:?}",
        begun.elapsed()
    );
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["advice"]["reconnect"], "retry", "{messages:?}");

    // Without a note it would be held for half a minute.
    let program = Program::serve(configuration(LISTENERS, ""));
    let poller = Poller::new(&program, "a1");
    poller.subscribe("/v2/me/twitter");
    let begun = Instant::now();
    let messages = std::thread::scope(|scope| {
        let held = scope.spawn(|| poller.connect());
        std::thread::sleep(Duration::from_millis(300));
        poller.create();
        held.join().expect("a reply")
    });
    assert!(begun.elapsed() < Duration::from_secs(15), "not held any longer: {:?}", begun.elapsed());
    assert_eq!(messages.len(), 2, "{messages:?}");
    let note = &messages[0];
    assert_eq!(note["channel"], "/v2/me/twitter");
    assert_eq!(note["data"]["messageType"], "TwitterStateChangeMessage");
    assert_eq!(note["data"]["notificationType"], "StatusChange");
    assert_eq!(note["data"]["referenceId"], 1);
    assert_eq!(note["data"]["twitter"]["state"], "Composing");
    assert_eq!(note["ext"]["sequence"], 1);
    assert_eq!(
        (&messages[1]["channel"], &messages[1]["successful"]),
        (&json!("/meta/connect"), &json!(true))
    );
}

#[test]
fn topics_batches_unsubscribe_and_disconnect() {
    let program = Program::serve(configuration(LISTENERS, ""));
    let poller = Poller::new(&program, "a1");
    for (topic, refused) in [("/v2/me/letters", true), ("/**", true), ("/v2/me/*", false)] {
        let reply = poller.subscribe(topic);
        assert_eq!(reply["successful"], !refused, "{reply}");
        if refused {
            assert_eq!(reply["error"].as_str().map(|error| &error[..4]), Some("403:"), "{reply}");
        }
    }
    let featureless = Poller::new(&program, "a3").subscribe("/v2/me/twitter");
    assert!(
        featureless["error"].as_str().is_some_and(|error| error.contains("api-multimedia")),
        "{featureless}"
    );

    // The same note is told once, whatever the number of subscriptions that cover it.
    poller.subscribe("/v2/me/twitter");
    poller.create();
    assert_eq!(poller.poll().len(), 1);

    let batch = json!([
        { "channel": "/meta/unsubscribe", "clientId": poller.id, "subscription": ["/v2/me/*", "/v2/me/twitter"], "id": 7 },
        { "channel": "/v2/me/twitter", "clientId": poller.id, "data": {}, "id": 8 },
        { "channel": "/meta/connect", "clientId": poller.id, "connectionType": "long-polling", "advice": { "timeout": 0 }, "id": 9 },
    ]);
    let replies = poller.say(&batch);
    let summary: Vec<_> =
        replies.iter().map(|reply| (reply["id"].clone(), reply["successful"].clone())).collect();
    assert_eq!(summary, [(json!(7), json!(true)), (json!(8), json!(false)), (json!(9), json!(true))]);
    poller.create();
    assert_eq!(poller.poll(), Vec::<Value>::new(), "nothing is told any more");

    let gone = std::thread::scope(|scope| {
        let held = scope.spawn(|| poller.connect());
        std::thread::sleep(Duration::from_millis(200));
        let reply = poller.say(&json!({ "channel": "/meta/disconnect", "clientId": poller.id }));
        assert_eq!(reply[0]["successful"], true);
        held.join().expect("a reply")
    });
    assert_eq!(gone[0]["advice"]["reconnect"], "none", "the held connect ends: {gone:?}");
    let unknown = poller.connect();
    assert_eq!(unknown[0]["error"].as_str().map(|error| &error[..4]), Some("402:"));
    assert_eq!(unknown[0]["advice"]["reconnect"], "handshake");
}

#[test]
fn a_second_connect_ends_the_first_and_a_session_without_connects_expires() {
    let program = Program::serve(configuration(LISTENERS, QUICK));
    let poller = Poller::new(&program, "a1");
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| (poller.connect(), Instant::now()));
        std::thread::sleep(Duration::from_millis(300));
        let second = scope.spawn(|| (poller.connect(), Instant::now()));
        (first.join().expect("a reply"), second.join().expect("a reply"))
    });
    assert!(first.0[0]["error"].as_str().is_some_and(|error| error.starts_with("409:")), "{:?}", first.0);
    assert_eq!(second.0[0]["successful"], true);
    assert!(second.1 - first.1 > Duration::from_secs(1), "the first ended when the second came");

    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(poller.poll(), Vec::<Value>::new(), "a short pause is allowed");
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(poller.connect()[0]["advice"]["reconnect"], "handshake", "a long one is not");
}

#[test]
fn sessions_are_bounded_per_agent_and_in_all() {
    let limits = "[cometd]\nsessions = 3\nsessions_per_agent = 2\n";
    let program = Program::serve(configuration(LISTENERS, limits));
    let handshake = json!({ "channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"] });
    let shake =
        |agent: &str| program.post(&program.log_in(agent), NOTIFICATIONS, &handshake).json()[0].clone();
    let outcomes: Vec<_> = ["a1", "a1", "a1", "a2", "a2"].iter().map(|agent| shake(agent)).collect();
    let successes: Vec<_> = outcomes.iter().map(|reply| reply["successful"] == true).collect();
    assert_eq!(successes, [true, true, false, true, false]);
    for (refused, words) in [(2, "this agent has 2"), (4, "there are 3")] {
        let error = outcomes[refused]["error"].as_str().unwrap_or_default();
        assert!(error.starts_with("429:") && error.contains(words), "{error}");
    }
    let wrong = [
        json!({ "channel": "/meta/handshake", "version": "2.0", "supportedConnectionTypes": ["long-polling"] }),
        json!({ "channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["iframe"] }),
    ];
    for message in wrong {
        let reply = program.post(&program.log_in("a3"), NOTIFICATIONS, &message).json()[0].clone();
        assert_eq!(
            (&reply["successful"], &reply["advice"]["reconnect"]),
            (&json!(false), &json!("none")),
            "{reply}"
        );
    }
}

#[test]
fn a_slow_client_is_told_that_it_lagged_and_harms_nobody() {
    let program = Program::serve(configuration(LISTENERS, "[cometd]\nsession_messages = 5\n"));
    let slow = Poller::new(&program, "a1");
    slow.subscribe("/v2/me/twitter");
    let quick = Poller::new(&program, "a1");
    quick.subscribe("/v2/me/*");
    let mut heard = Vec::new();
    for _ in 0..7 {
        slow.create();
        heard.extend(sequences(&quick.poll()));
    }
    heard.extend(sequences(&quick.poll()));
    assert_eq!(heard, [1, 2, 3, 4, 5, 6, 7]);
    let messages = slow.poll();
    assert_eq!(messages.len(), 2, "a mark, and what came after it: {messages:?}");
    let mark = &messages[0];
    assert_eq!(mark["channel"], "/v2/me/twitter");
    assert_eq!((&mark["lagged"], &mark["data"]), (&json!(true), &json!({ "lagged": true, "sequence": 6 })));
    assert_eq!(sequences(&messages), [6, 7]);
}

#[test]
fn whoever_comes_back_gets_what_was_missed_each_once() {
    let program = Program::serve(configuration(LISTENERS, ""));
    let earlier = Poller::new(&program, "a1");
    earlier.subscribe("/v2/me/*");
    for _ in 0..3 {
        earlier.create();
    }
    assert_eq!(sequences(&earlier.poll()), [1, 2, 3]);
    for _ in 0..2 {
        earlier.create();
    }
    let later = Poller::new(&program, "a1");
    assert_eq!(later.subscribe_from("/v2/me/twitter", &json!({ "from": 3 }))["successful"], true);
    earlier.create();
    let mut heard = sequences(&later.poll());
    heard.extend(sequences(&later.poll()));
    assert_eq!(heard, [4, 5, 6]);
    // A number that was never given: everything may have been missed.
    let lost = Poller::new(&program, "a1");
    lost.subscribe_from("/v2/me/*", &json!({ "from": 1000 }));
    let marks: Vec<_> = lost.poll().iter().map(|mark| mark["lagged"].clone()).collect();
    assert_eq!(marks, [json!(true), json!(true)], "one for each topic");
}

/// Whoever comes back while others are told gets each note once as well.
#[test]
fn coming_back_while_notes_are_told_loses_and_doubles_none() {
    const DRAFTS: u64 = 300;
    let program = Program::serve(configuration(LISTENERS, ""));
    let maker = Poller::new(&program, "a1");
    maker.subscribe("/v2/me/*");
    std::thread::scope(|scope| {
        let making = scope.spawn(|| (0..DRAFTS).for_each(|_| maker.create()));
        let mut heard = 0;
        while heard < DRAFTS {
            let poller = Poller::with(&program, maker.caller.clone(), &json!({}));
            poller.subscribe_from("/v2/me/twitter", &json!({ "from": heard }));
            for _ in 0..2 {
                for sequence in sequences(&poller.poll()) {
                    assert_eq!(sequence, heard + 1, "none is missing, none comes twice");
                    heard = sequence;
                }
            }
            poller.say(&json!({ "channel": "/meta/disconnect", "clientId": poller.id }));
        }
        making.join().expect("made");
    });
}

/// Whoever has the reply to a request finds what it brought about with the next connect, without waiting.
#[test]
fn what_was_done_before_a_connect_is_told_with_it() {
    let program = Program::serve(configuration(LISTENERS, ""));
    let poller = Poller::new(&program, "a1");
    poller.subscribe("/v2/me/*");
    for sequence in 1..=300 {
        poller.create();
        assert_eq!(sequences(&poller.poll()), [sequence]);
    }
}

#[test]
fn what_was_not_acknowledged_comes_again() {
    let program = Program::serve(configuration(LISTENERS, ""));
    let poller = Poller::with(&program, program.log_in("a1"), &json!({ "ack": true }));
    poller.subscribe("/v2/me/*");
    poller.create();
    let first = poller.connect_with(&json!({ "ack": 0 }));
    assert_eq!((sequences(&first), first[1]["ext"]["ack"].clone()), (vec![1], json!(1)));
    poller.create();
    let again = poller.connect_with(&json!({ "ack": 0 }));
    assert_eq!((sequences(&again), again[2]["ext"]["ack"].clone()), (vec![1, 2], json!(2)));
    poller.create();
    let acknowledged = poller.connect_with(&json!({ "ack": 2 }));
    assert_eq!(sequences(&acknowledged), [3]);
}

#[test]
fn logging_out_ends_the_sessions_of_that_login_alone() {
    let program = Program::serve(configuration(LISTENERS, ""));
    let leaving = Poller::new(&program, "a1");
    let staying = Poller::new(&program, "a1");
    let held = std::thread::scope(|scope| {
        let held = scope.spawn(|| leaving.connect());
        std::thread::sleep(Duration::from_millis(200));
        program.post(&leaving.caller, "/api/v2/logout", &json!({}));
        held.join().expect("a reply")
    });
    assert_eq!(held[0]["advice"]["reconnect"], "none", "{held:?}");
    assert_eq!(staying.poll(), Vec::<Value>::new());
}

#[test]
fn a_stop_answers_what_is_held_and_ends() {
    let mut program = Program::serve(configuration(LISTENERS, ""));
    let caller = program.log_in("a1");
    let poller = Poller::with(&program, caller, &json!({}));
    let replies = std::thread::scope(|scope| {
        let held = scope.spawn(|| poller.connect());
        std::thread::sleep(Duration::from_millis(300));
        program.signal(rustix::process::Signal::TERM);
        held.join().expect("a reply")
    });
    assert_eq!(replies[0]["successful"], true, "{replies:?}");
    drop(poller);
    assert_eq!(program.wait(Duration::from_secs(10)), Some(0));
}

// ------------------------------------------------------------------------------------- WebSocket

struct Line {
    socket: WebSocket<TcpStream>,
    id: String,
}

pub(crate) fn open(
    program: &Program,
    caller: &Caller,
    origin: Option<&str>,
) -> Result<WebSocket<TcpStream>, u16> {
    let mut request =
        format!("ws://{}{NOTIFICATIONS}", program.address()).into_client_request().expect("a request");
    let headers = request.headers_mut();
    for (name, value) in [
        ("authorization", caller.authorization()),
        ("cookie", caller.cookie.clone()),
        ("origin", origin.map(str::to_owned)),
    ] {
        if let Some(value) = value {
            headers.insert(name, value.parse().expect("a header"));
        }
    }
    let stream = TcpStream::connect(program.address()).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    match tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
            Err(response.status().as_u16())
        }
        Err(error) => panic!("{error}"),
    }
}

impl Line {
    fn new(program: &Program, agent: &str) -> Self {
        let socket = open(program, &Caller::basic(agent, agent), None).expect("it is taken up");
        let mut line = Self { socket, id: String::new() };
        line.say(&json!([{ "channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["websocket"] }]));
        let reply = line.hear();
        reply[0]["clientId"].as_str().expect("a client id").clone_into(&mut line.id);
        line.connect();
        assert_eq!(line.hear()[0]["successful"], true, "the first connect is answered at once");
        line
    }

    fn say(&mut self, messages: &Value) {
        self.socket.send(Message::text(messages.to_string())).expect("sent");
    }

    fn hear(&mut self) -> Vec<Value> {
        loop {
            if let Message::Text(text) = self.socket.read().expect("a frame") {
                let frame: Value = serde_json::from_str(&text).expect("JSON");
                return frame.as_array().cloned().expect("an array");
            }
        }
    }

    fn connect(&mut self) {
        let message =
            json!([{ "channel": "/meta/connect", "clientId": self.id, "connectionType": "websocket" }]);
        self.say(&message);
    }
}

#[test]
fn notes_go_out_at_once_over_a_web_socket() {
    let program = Program::serve(configuration(LISTENERS, QUICK));
    let mut line = Line::new(&program, "a1");
    let subscribe =
        json!([{ "channel": "/meta/subscribe", "clientId": line.id, "subscription": "/v2/me/*", "id": "s" }]);
    line.say(&subscribe);
    assert_eq!(line.hear()[0]["successful"], true);
    line.connect();
    let a1 = program.log_in("a1");
    for sequence in 1..=3 {
        program.post(&a1, "/api/v2/me/tweets", &create());
        assert_eq!(sequences(&line.hear()), [sequence], "each as it comes");
    }
    let reply = line.hear();
    assert_eq!((&reply[0]["channel"], &reply[0]["successful"]), (&json!("/meta/connect"), &json!(true)));
    line.connect();
    line.say(&json!([{ "channel": "/meta/disconnect", "clientId": line.id }]));
    let replies: Vec<_> = [line.hear(), line.hear()].concat();
    assert!(
        replies.iter().any(|reply| reply["channel"] == "/meta/disconnect" && reply["successful"] == true)
    );
}

#[test]
fn a_web_socket_is_for_agents_and_for_pages_of_the_same_origin() {
    let program = Program::serve(configuration(LISTENERS, ""));
    let a1 = program.log_in("a1");
    let own = format!("http://{}", program.address());
    for (caller, origin, expected) in [
        (Caller::nobody(), None, Some(401)),
        (Caller::basic("a1", "wrong"), None, Some(401)),
        (a1.clone(), Some("http://elsewhere.example"), Some(403)),
        (a1.clone(), Some("null"), Some(403)),
        (a1.clone(), Some(own.as_str()), None),
        (a1.clone(), None, None),
        (Caller::basic("a1", "a1"), None, None),
    ] {
        let found = open(&program, &caller, origin).err();
        assert_eq!(found, expected, "{caller:?} {origin:?}");
    }
}

#[test]
fn a_web_socket_ends_with_its_login_and_with_the_gateway() {
    let mut program = Program::serve(configuration(LISTENERS, ""));
    let a1 = program.log_in("a1");
    let mut socket = open(&program, &a1, None).expect("it is taken up");
    program.post(&a1, "/api/v2/logout", &json!({}));
    assert!(matches!(socket.read(), Ok(Message::Close(Some(_)))), "closed with a reason");
    let mut line = Line::new(&program, "a2");
    line.connect();
    std::thread::sleep(Duration::from_millis(200));
    program.signal(rustix::process::Signal::TERM);
    assert_eq!(line.hear()[0]["successful"], true, "the held connect is answered");
    assert!(matches!(line.socket.read(), Ok(Message::Close(Some(_)))), "closed with a reason");
    assert_eq!(program.wait(Duration::from_secs(10)), Some(0));
}
