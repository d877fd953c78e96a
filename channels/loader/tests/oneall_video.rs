//! A video that OneAll takes on now and finishes later: an engine, the OneAll plugin from its library, a sandbox.
//! The answer is *accepted*, the interaction stays Sent, and the Pull API's list completes it.
//!
//! Planted faults: a plugin that takes the acceptance for a publication completes it too early here; one that gives
//! up after an unreadable list never does; an engine that publishes again makes a second video.

#[path = "common/built.rs"]
mod built;
#[path = "common/desk.rs"]
mod desk;

use std::time::Duration;

use serde_json::json;
use strowger::channel::WebhookRequest;
use strowger_loader::{Options, Plugin};
use strowger_sandbox::{Answer, Effect, Fault, Kind, Sandbox};

use desk::Desk;

const CALLBACK: &str = "https://desk.example.org/hooks/oneall";

#[test]
fn what_oneall_accepts_is_sent_until_its_list_shows_it() {
    let place = tempfile::tempdir().expect("a directory");
    let library = built::built("strowger-oneall-plugin", "libstrowger_oneall.so");
    let library = built::installed(&library, place.path());
    let sandbox =
        Sandbox::start("127.0.0.1:0".parse().expect("an address"), strowger_sandbox::Options::default())
            .expect("a sandbox");
    let config = json!({ "name": "channel-oneall", "base_url": format!("http://{}", sandbox.addr()),
        "public_key": "public", "private_key": "s3cret-key", "accounts": [{ "name": "brand", "channel": "youtube",
            "identity_token": "s3cret-identity", "callback_url": CALLBACK, "settle_ms": 0 }] });
    let channel = Plugin::load(&library, &config.to_string(), &Options::default()).expect("the plugin loads");
    let desk = Desk::with(channel);
    let film = json!({ "from": "brand", "message": "How we bake", "title": "Cakes",
                       "video_url": "https://example.org/f.mp4" });
    let id = desk.send("youtube", &film);
    // At the first look the list can't be read, however often it is tried; the second reads it twice, without it.
    let no_videos = json!({ "response": { "result": { "data": { "videos": [] } } } });
    for (answer, times) in
        [(Answer::status(503), 3), (Answer { body: Some(no_videos), ..Answer::status(200) }, 2)]
    {
        let fault = Fault::new(Effect::StatusBefore(answer)).method("GET").path("/pull/identities/*");
        sandbox.inject(fault.times(times)).expect("a fault");
    }

    desk.engine.deliver(1, Duration::ZERO).expect("delivered");
    let posts = sandbox.posts();
    let [video] = &posts[..] else { panic!("{posts:?}") };
    assert_eq!((video.kind, &video.details["callback_url"]), (Kind::Video, &json!(CALLBACK)));
    assert_eq!(desk.resource("youtube", &id)["state"], "Sent", "nobody knows its id yet");

    // OneAll's callback is signed by nobody: it is acknowledged, and changes nothing, whatever it says.
    let call = |method: &str| {
        let request = WebhookRequest {
            method: method.into(),
            path: "/hooks/oneall".into(),
            query: String::new(),
            headers: vec![("content-type".into(), "application/json".into())],
        };
        let body = json!({ "response": { "result": { "data": { "post_id": "forged" } } } }).to_string();
        desk.engine.ingest("youtube", &request, body.as_bytes()).expect("the plugin answers").status
    };
    assert_eq!((call("POST"), call("GET")), (200, 405));
    assert_eq!(desk.resource("youtube", &id)["state"], "Sent");

    let done = desk.deliver_until("youtube", &id, "Completed", 20);
    assert_eq!(
        (&done["state"], &done["userData"]["_deliveryPostId"]),
        (&json!("Completed"), &json!(video.id))
    );
    assert_eq!(sandbox.posts().len(), 1, "it was pushed once");
    let looks = sandbox.requests().iter().filter(|request| request.method == "GET").count();
    assert_eq!(looks, 6, "three unreadable, two without it, one with it");
}
