//! What OneAll takes on and finishes later.

use serde_json::{Value, json};
use strowger_channel::testing::{TestHost, json as json_answer, play};
use strowger_channel::{Exchange, Outcome, Plugin, Report, Step, StepResult, WebhookRequest};
use strowger_oneall::endpoints::Resource;
use strowger_oneall::{Access, OneAll, Push};

use crate::{IDENTITY, NOW_MS, SECRETS, assert_discreet, envelope, job, oneall};

const ADDRESS: &str = "https://example.org/f.mp4";

fn film() -> Value {
    json!({ "extras": { "video_url": ADDRESS, "title": "Cakes" } })
}

fn list(videos: &Value) -> Exchange {
    json_answer(200, &envelope(&json!({ "videos": videos })))
}

#[test]
fn a_video_is_accepted_and_asked_for_until_the_list_shows_it() {
    let (plugin, host) = oneall();
    let taken = json_answer(200, &envelope(&json!({ "provider": "youtube", "object": "video" })));
    let played = play(&plugin, &host, job("publish", "youtube", film()), [taken]);
    let Outcome::Accepted { handle } = played.report.outcome.clone() else { panic!("{played:?}") };
    assert!(played.requests[0].marked);
    assert_discreet(&played, &host);

    let poll = |exchanges: Vec<Exchange>| {
        let mut more = film();
        more["handle"] = handle.clone();
        let played = play(&plugin, &host, job("poll", "youtube", more), exchanges);
        assert!(
            played.requests.iter().all(|made| !made.marked && made.request.method == "GET"),
            "{played:?}"
        );
        played.report.outcome
    };
    let again = Outcome::Accepted { handle: handle.clone() };
    let shown =
        |title: &str, time: &str| list(&json!([{ "video_id": "v7", "title": title, "date_creation": time }]));
    assert_eq!(poll(vec![list(&json!([])), list(&json!([]))]), again);
    assert_eq!(poll(vec![json_answer(403, "{}")]), again, "an unreadable list says nothing");
    let other = || shown("Pies", "2026-11-21T01:29:40Z");
    assert_eq!(poll(vec![other(), other()]), again);
    let old = || shown("Cakes", "2026-11-20T01:29:40Z");
    assert_eq!(poll(vec![old(), old()]), again, "an earlier one of that title is another");
    assert_eq!(poll(vec![shown("Cakes", "2026-11-21T01:29:40Z")]), Outcome::published("v7"));
}

/// No channel here uploads to X over OneAll, but a transport may: nobody can be asked, so the engine gives it up
/// in the end, and it is never pushed again.
#[test]
fn a_video_for_x_has_no_list_and_stays_accepted() {
    let part = json!({ "base_url": "https://example.api.oneall.com", "public_key": "publ123",
                       "private_key": SECRETS[0], "identity_token": IDENTITY });
    let access = Access::read(part, "transport", false).expect("the keys are right");
    let push = || {
        let push = Push::new(Resource::TwitterVideo, None, [("video_url", json!(ADDRESS))]);
        push.map_err(|refusal| Outcome::rejected("extras", refusal.message))
    };
    let host = TestHost::at(NOW_MS).host();
    let (mut conversation, step) = access.begin(&job("publish", "twitter", json!({})), push(), 0, &host);
    assert!(matches!(step, Step::Request { marked: true, .. }), "{step:?}");
    let taken = StepResult::Exchange(json_answer(202, &envelope(&json!({ "provider": "twitter" }))));
    let ended = access.resume(&mut conversation, taken, &host);
    let Step::Outcome(Report { outcome: Outcome::Accepted { handle }, .. }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(handle["endpoint"], "twitter/video");
    let poll = job("poll", "twitter", json!({ "handle": handle }));
    let (_, step) = access.begin(&poll, push(), 0, &host);
    assert_eq!(step, Step::from(Outcome::Accepted { handle }));
}

#[test]
fn a_callback_is_acknowledged_and_believed_in_nothing() {
    let (plugin, _) = oneall();
    let ingest = OneAll::INGEST.expect("callbacks are taken");
    for (method, status) in [("POST", 200), ("GET", 405)] {
        let request = WebhookRequest {
            method: method.into(),
            path: "/cb".into(),
            query: String::new(),
            headers: vec![],
        };
        let answer = ingest(&plugin, &request, br#"{"response":{"result":{"data":{"post_id":"forged"}}}}"#);
        assert_eq!((answer.answer.status, answer.inbound.len()), (status, 0), "{method}");
    }
}
