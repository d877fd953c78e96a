//! What platforms report, from a signed request to an answered interaction; and who is offered what waits.
//!
//! Planted faults that these tests were seen to catch: the headers or the query not passed on, a rejection that
//! is forgotten at once, only the first of a queue looked at, offers that stand for ever, the table `[router]`
//! left unread.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Caller, LISTENERS, Program, configuration, has_tool};

const NOTIFICATIONS: &str = "/api/v2/notifications";
const X_SECRET: &[u8] = b"demo-consumer-secret";
const FACEBOOK_SECRET: &[u8] = b"demo-app-secret";

fn mac(secret: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any key is taken");
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}

/// A report of X of a post that mentions the account.
fn mention(id: &str, text: &str) -> String {
    json!({ "for_user_id": "1258948171", "tweet_create_events": [{
        "id_str": id, "text": text, "created_at": "Wed Oct 10 20:19:24 +0000 2018",
        "user": { "id_str": "77", "screen_name": "customer", "name": "A Customer" } }] })
    .to_string()
}

fn report(program: &Program, path: &str, header: Option<(&str, &str)>, body: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent.post(format!("{}{path}", program.url));
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let mut response = request.send(body).expect("an answer");
    (response.status().as_u16(), response.body_mut().read_to_string().expect("a body"))
}

/// X reports; its signature is right.
fn x_reports(program: &Program, body: &str) {
    let signature = format!("sha256={}", BASE64_STANDARD.encode(mac(X_SECRET, body.as_bytes())));
    let answer =
        report(program, "/webhooks/twitter", Some(("x-twitter-webhooks-signature", &signature)), body);
    assert_eq!(answer.0, 200, "{}", answer.1);
}

/// An agent at a desk: logged in, and listening.
struct Desk<'a> {
    program: &'a Program,
    caller: Caller,
    client: String,
    heard: std::cell::RefCell<Vec<Value>>,
}

impl<'a> Desk<'a> {
    fn of(program: &'a Program, agent: &str) -> Self {
        let caller = program.log_in(agent);
        let handshake = json!([{ "channel": "/meta/handshake", "version": "1.0",
                                 "supportedConnectionTypes": ["long-polling"] }]);
        let shaken = program.post(&caller, NOTIFICATIONS, &handshake).json();
        let client = shaken[0]["clientId"].as_str().expect("a client id").to_owned();
        let subscribe =
            json!([{ "channel": "/meta/subscribe", "clientId": client, "subscription": "/v2/me/*" }]);
        assert_eq!(program.post(&caller, NOTIFICATIONS, &subscribe).json()[0]["successful"], true);
        Self { program, caller, client, heard: Vec::new().into() }
    }

    fn state(&self, operation: &str) {
        let answer = self.program.post(&self.caller, "/api/v2/me", &json!({ "operationName": operation }));
        assert_eq!(answer.code(), 0, "{operation}: {}", answer.text);
    }

    fn made_ready(self) -> Self {
        self.state("StartContactCenterSession");
        self.state("Ready");
        self
    }

    fn does(&self, id: &str, body: &Value) {
        let answer = self.program.post(&self.caller, &format!("/api/v2/me/tweets/{id}"), body);
        assert_eq!(answer.code(), 0, "{body}: {}", answer.text);
    }

    /// Listens for so long.
    fn listen(&self, timeout_ms: u64) {
        let connect = json!([{ "channel": "/meta/connect", "clientId": self.client,
                               "connectionType": "long-polling", "advice": { "timeout": timeout_ms } }]);
        let answer = self.program.post(&self.caller, NOTIFICATIONS, &connect).json();
        let messages = answer.as_array().cloned().expect("messages");
        self.heard.borrow_mut().extend(messages.into_iter().map(|message| message["data"].clone()));
    }

    /// Waits until it was told of an interaction with such a text in that state: its resource.
    fn told(&self, state: &str, text: &str) -> Value {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let found = self.heard.borrow().iter().rev().find_map(|note| {
                let resource = &note["twitter"];
                (resource["state"] == state
                    && resource["message"].as_str().is_some_and(|own| own.contains(text)))
                .then(|| resource.clone())
            });
            if let Some(found) = found {
                return found;
            }
            assert!(Instant::now() < deadline, "{state} of `{text}` in {:?}", self.heard.borrow());
            self.listen(1_000);
        }
    }

    fn invitations(&self, text: &str) -> usize {
        let heard = self.heard.borrow();
        let invited = heard.iter().filter(|note| note["twitter"]["state"] == "Invited");
        invited.filter(|note| note["twitter"]["message"] == text).count()
    }
}

fn id_of(resource: &Value) -> String {
    resource["id"].as_str().expect("an id").to_owned()
}

/// The agent on a table of `[router]`.
fn routed(rules: &str) -> Program {
    Program::serve(configuration(LISTENERS, &format!("{rules}\n[security]\ncsrf = true\n")))
}

#[test]
fn what_x_reports_is_answered_from_end_to_end() {
    let program = Program::demo();
    let desk = Desk::of(&program, "a1").made_ready();
    let body = mention("1050118621198921728", "Is anybody there?");
    x_reports(&program, &body);
    // X says it again when it is not sure: that makes no second interaction.
    x_reports(&program, &body);
    let invited = desk.told("Invited", "Is anybody there?");
    assert_eq!(invited["from"], "customer(A Customer)", "{invited}");
    let id = id_of(&invited);
    desk.does(&id, &json!({ "operationName": "Accept" }));
    desk.told("Processing", "Is anybody there?");
    desk.does(&id, &json!({ "operationName": "Reply", "queuePath": "/queues/social" }));
    let draft = id_of(&desk.told("Composing", "Is anybody there?"));
    assert_ne!(draft, id);
    desk.does(
        &draft,
        &json!({ "operationName": "Send", "queuePath": "/queues/social",
                               "twitter": { "from": "vitaliy_onv", "message": "@customer Yes, we are." } }),
    );
    let sent = desk.told("Completed", "Yes, we are.");
    assert!(sent["userData"]["_deliveryPostId"].is_string(), "{sent}");
    assert_eq!(sent["userData"]["_twitterInReplyToStatusId"], "1050118621198921728");
    desk.does(&id, &json!({ "operationName": "Complete" }));
    desk.listen(0);
    assert_eq!(desk.invitations("Is anybody there?"), 1);
}

#[test]
fn a_report_that_is_not_signed_is_refused_and_nothing_is_kept() {
    let program = Program::demo();
    let desk = Desk::of(&program, "a1").made_ready();
    let body = mention("1", "A forgery");
    let right = format!("sha256={}", BASE64_STANDARD.encode(mac(X_SECRET, body.as_bytes())));
    let wrong = format!("sha256={}", BASE64_STANDARD.encode(mac(b"another", body.as_bytes())));
    let x = |header: Option<&str>, body: &str| {
        report(
            &program,
            "/webhooks/twitter",
            header.map(|value| ("x-twitter-webhooks-signature", value)),
            body,
        )
        .0
    };
    assert_eq!(x(None, &body), 401);
    assert_eq!(x(Some("sha256=nonsense!"), &body), 401);
    assert_eq!(x(Some(&wrong), &body), 403);
    assert_eq!(x(Some(&right), &mention("1", "A forgery.")), 403, "another body than was signed");
    let facebook = json!({ "object": "page", "entry": [] }).to_string();
    assert_eq!(report(&program, "/webhooks/facebook", None, &facebook).0, 403);
    assert_eq!(report(&program, "/webhooks/mastodon", None, "{}").0, 404);
    assert_eq!(x(Some(&right), &"x".repeat(300 << 10)), 413);
    desk.listen(700);
    assert_eq!(desk.invitations("A forgery"), 0);
    x_reports(&program, &body);
    desk.told("Invited", "A forgery");
}

#[test]
fn platforms_find_out_whose_address_it_is() {
    let program = Program::demo();
    let nobody = Caller::nobody();
    let challenge = program.get(&nobody, "/webhooks/twitter?crc_token=a%20token&nonce=n");
    let expected = format!("sha256={}", BASE64_STANDARD.encode(mac(X_SECRET, b"a token")));
    assert_eq!((challenge.status, challenge.json()), (200, json!({ "response_token": expected })));
    assert_eq!(challenge.header("content-type").as_deref(), Some("application/json"));
    let ask = |token: &str| {
        let path = format!(
            "/webhooks/facebook?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1158201444"
        );
        let answer = program.get(&nobody, &path);
        (answer.status, answer.text)
    };
    assert_eq!(ask("demo-verify-token"), (200, "1158201444".to_owned()));
    assert_eq!(ask("another").0, 403);
    let body = json!({ "object": "page", "entry": [{ "id": "449156051903439", "changes": [{ "field": "feed",
        "value": { "item": "comment", "verb": "add", "comment_id": "1_2", "post_id": "449156051903439_1",
                   "message": "Opening hours?", "from": { "id": "88", "name": "A Visitor" },
                   "created_time": 1_539_202_764 } }] }] })
    .to_string();
    let hex = mac(FACEBOOK_SECRET, body.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("text");
        hex
    });
    let signature = format!("sha256={hex}");
    let answer = report(&program, "/webhooks/facebook", Some(("x-hub-signature-256", &signature)), &body);
    assert_eq!(answer.0, 200, "{}", answer.1);
    let desk = Desk::of(&program, "a1").made_ready();
    let deadline = Instant::now() + Duration::from_secs(15);
    while !desk.heard.borrow().iter().any(|note| note["facebook"]["message"] == "Opening hours?") {
        assert!(Instant::now() < deadline, "{:?}", desk.heard.borrow());
        desk.listen(1_000);
    }
}

#[test]
fn without_a_router_what_waits_stays_where_it_is() {
    let program = routed("");
    let desk = Desk::of(&program, "a1").made_ready();
    x_reports(&program, &mention("1", "Unrouted"));
    desk.listen(1_000);
    assert_eq!(desk.invitations("Unrouted"), 0);
}

#[test]
fn who_rejects_is_not_asked_again_at_once_and_gets_what_waits_behind_it() {
    let program =
        routed("[router]\nqueues = [\"/queues/social\"]\nopen_per_agent = 1\nrejection_stands_s = 3\n");
    let desk = Desk::of(&program, "a1").made_ready();
    x_reports(&program, &mention("1", "Unloved"));
    x_reports(&program, &mention("2", "Behind it"));
    let unloved = id_of(&desk.told("Invited", "Unloved"));
    desk.listen(600);
    assert_eq!(desk.invitations("Behind it"), 0, "one at a time is open");
    desk.does(&unloved, &json!({ "operationName": "Reject" }));
    let behind = id_of(&desk.told("Invited", "Behind it"));
    assert_eq!(desk.invitations("Unloved"), 1);
    desk.does(&behind, &json!({ "operationName": "Reject" }));
    // Both rejections are forgotten in the end, the older one first.
    let begun = Instant::now();
    while desk.invitations("Unloved") < 2 {
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", desk.heard.borrow());
        desk.listen(500);
    }
    assert!(begun.elapsed() > Duration::from_millis(1_500), "{:?}", begun.elapsed());
}

#[test]
fn an_offer_that_nobody_answers_goes_to_the_next_agent() {
    let program = routed("[router]\nqueues = [\"/queues/social\"]\noffer_stands_s = 1\n");
    let first = Desk::of(&program, "a1").made_ready();
    x_reports(&program, &mention("1", "Ringing"));
    let id = id_of(&first.told("Invited", "Ringing"));
    let second = Desk::of(&program, "a2").made_ready();
    assert_eq!(id_of(&second.told("Invited", "Ringing")), id);
    first.told("Completed", "Ringing");
    let state = program.get(&first.caller, "/api/v2/me").json()["user"]["state"].clone();
    assert_eq!(state, "NotReady", "who does not answer is not asked for more");
    second.does(&id, &json!({ "operationName": "Accept" }));
}

/// Fails if the words of the README are no longer what a shell can run.
#[test]
fn the_lines_of_the_readme_work_as_they_stand() {
    let runs = |tool: &str, with: &str| Command::new(tool).arg(with).output().is_ok();
    if !has_tool("curl", runs("curl", "--version")) || !has_tool("openssl", runs("openssl", "version")) {
        return;
    }
    let readme = include_str!("../../../README.md");
    let program = Program::demo();
    let run = |place: &str| {
        let mut blocks = readme.split("```sh\n").filter_map(|rest| rest.split("```").next());
        let block = blocks.find(|block| block.contains(place)).expect("the README has such lines");
        let script = block.replace("http://127.0.0.1:8080", &program.url);
        let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let pushed: Value = serde_json::from_str(&run("/push/identities/")).expect("JSON");
    assert!(pushed["response"]["result"]["data"]["post_id"].is_string(), "{pushed}");
    // A list, and the reply to a Create.
    let said = run("/api/v2/me/tweets");
    assert!(said.contains("\"tweets\":[{") && said.contains("\"referenceId\":"), "{said}");
    let desk = Desk::of(&program, "a1").made_ready();
    assert_eq!(run("/webhooks/twitter"), "");
    desk.told("Invited", "Is anybody there?");
}
