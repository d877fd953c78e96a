//! Pictures and a video from the host's own directory onto a page: an engine, the Facebook plugin from its library,
//! a sandbox that keeps the SHA-256 of what arrives.
//!
//! Planted faults: a body that is cut off, or that holds the wrong file, changes a SHA-256 here; a directory that can
//! be left publishes the outsider.

#[path = "common/built.rs"]
mod built;
#[path = "common/desk.rs"]
mod desk;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use strowger_loader::{LoadedChannel, Options, Plugin};
use strowger_sandbox::{Kind, Sandbox};

use desk::Desk;

const PAGE: &str = "449156051903439";
const PICTURES: [(&str, &str, &[u8]); 2] = [
    ("cat.png", "image/png", b"\x89PNG\r\n\x1a\na cat\r\n--"),
    ("dog", "image/jpeg", b"\xff\xd8\xff\xe0a dog\0"),
];

fn load(sandbox: &Sandbox, library: &Path, attachments_dir: Option<&Path>) -> LoadedChannel {
    let config = json!({ "name": "channel-facebook", "base_url": format!("http://{}", sandbox.addr()),
        "accounts": [{ "name": "cloud", "page_id": PAGE, "settle_ms": 0,
            "auth": { "access_token": "s3cret-page", "app_secret": "s3cret-app" } }] });
    let options = Options { attachments_dir: attachments_dir.map(Path::to_path_buf), ..Options::default() };
    Plugin::load(library, &config.to_string(), &options).expect("the plugin loads")
}

fn sandbox() -> Sandbox {
    Sandbox::start("127.0.0.1:0".parse().expect("an address"), strowger_sandbox::Options::default())
        .expect("a sandbox")
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn assert_source(details: &serde_json::Map<String, Value>, content_type: &str, bytes: &[u8]) {
    let expected = json!({ "bytes": bytes.len(), "contentType": content_type, "sha256": sha256(bytes) });
    assert_eq!(details["source"], expected);
}

#[test]
fn files_arrive_whole_and_are_shown_with_their_post() {
    let place = tempfile::tempdir().expect("a directory");
    let files = place.path().join("files");
    std::fs::create_dir(&files).expect("a directory");
    for (name, _, bytes) in PICTURES {
        std::fs::write(files.join(name), bytes).expect("a file");
    }
    // More than one buffer of anybody's.
    let film: Vec<u8> =
        b"\0\0\0\x18ftypmp42".iter().copied().chain((0..3_000_000_u32).map(|n| n.to_le_bytes()[1])).collect();
    std::fs::write(files.join("film.mp4"), &film).expect("a file");
    std::fs::write(place.path().join("outsider.png"), PICTURES[0].2).expect("a file");

    let library = built::built("strowger-facebook-plugin", "libstrowger_facebook.so");
    let library = built::installed(&library, place.path());
    let sandbox = sandbox();
    let desk = Desk::with(load(&sandbox, &library, Some(&files)));

    let attachments = json!([{ "file": "cat.png", "alt_text": "a cat" }, { "file": "dog" }]);
    let both = json!({ "from": "cloud", "message": "Both", "attachments": attachments });
    let id = desk.send("facebook", &both);
    assert_eq!(desk.deliver_until("facebook", &id, "Completed", 1)["state"], "Completed");
    let posts = sandbox.posts();
    let [cat, dog, post] = &posts[..] else { panic!("{posts:?}") };
    for (picture, (_, content_type, bytes)) in [cat, dog].into_iter().zip(PICTURES) {
        assert_eq!((picture.kind, &picture.details["published"]), (Kind::Picture, &json!(false)));
        assert_source(&picture.details, content_type, bytes);
    }
    assert_eq!(cat.details["altText"], "a cat");
    assert_eq!((post.kind, &post.details["attachedMedia"]), (Kind::Post, &json!([cat.id, dog.id])));

    let film_of_ours =
        json!({ "from": "cloud", "message": "A film", "video_file": "film.mp4", "title": "F" });
    let id = desk.send("facebook", &film_of_ours);
    let done = desk.deliver_until("facebook", &id, "Completed", 5);
    let posts = sandbox.posts();
    let video = &posts[3];
    assert_eq!(
        (video.kind, video.text.as_str(), &video.details["title"]),
        (Kind::Video, "A film", &json!("F"))
    );
    assert_source(&video.details, "video/mp4", &film);
    assert_eq!(
        (&done["state"], &done["userData"]["_deliveryPostId"]),
        (&json!("Completed"), &json!(video.id))
    );

    for outside in ["../outsider.png", "/etc/hostname", "nowhere.png"] {
        let stray = json!({ "from": "cloud", "message": "Stray", "attachments": [{ "file": outside }] });
        let id = desk.send("facebook", &stray);
        desk.engine.deliver(1, Duration::from_secs(2)).expect("delivered");
        assert_eq!(desk.resource("facebook", &id)["state"], "Composing", "{outside}: back with its agent");
    }
    assert_eq!(sandbox.posts().len(), 4, "nothing from outside went up, and nothing without it");
    assert!(!format!("{:?}{:?}", sandbox.requests(), sandbox.posts()).contains("s3cret"));

    // A host that has no directory for them says so before it accepts anything.
    let desk = Desk::with(load(&sandbox, &library, None));
    let id = desk.draft("facebook");
    let send = json!({ "operationName": "Send", "queuePath": "/queues/out", "facebook": both });
    let (status, reply) = desk.ask("facebook", Some(&id), &send);
    assert!(status != 200 && reply.contains("no directory"), "{status} {reply}");
}
